"""Phase change memory: melting, crystal growth, threshold switching and structural relaxation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.constants import elementary_charge, k
from matsweep.core.quantities import (
    Conductivity,
    ElectronVolts,
    Field,
    Length,
    Rate,
    Resistance,
    Surroundings,
    Temperature,
    ThermalResistance,
    Time,
    Velocity,
    Voltage,
)
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel, Forgetting

K_EV = k / elementary_charge  # eV/K


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the thickness [m/s] and of the glass [1/s]; return the current [A]."""
    (size, area, r_series, sigma0, e_star, alpha, sigma_on, field, width, r_th, ambient, melting,
     growth, e_growth, heat, quench, nu, e_glass) = p  # fmt: skip
    u, glass = state[0], state[1]
    a = abs(voltage)
    share = 1 / (1 + np.exp(-min(max((a - field * u) / width, -700.0), 700.0)))
    cold = sigma0 * np.exp(-(e_star - alpha * glass) / (K_EV * ambient))
    sigma = cold * (sigma_on / cold) ** share
    current = voltage / (r_series + u / (area * sigma))
    hot = ambient + r_th * voltage * current
    front = ambient + (hot - ambient) * (1 - u / size)  # at the amorphous region's edge
    molten = size * (1 - (melting - ambient) / (hot - ambient)) if hot > melting else 0.0
    up[0] = down[0] = up[1] = down[1] = 0.0
    if molten > 0:
        up[1] = (1 - glass) / quench * min(molten / max(u, 1e-12), 1.0)
    if molten > u:
        up[0] = (molten - u) / quench
    elif front < melting and u > 0:
        driving = -np.expm1(-heat * (melting - front) / (melting * K_EV * front))
        down[0] = growth * np.exp(-e_growth / (K_EV * front)) * driving
    if hot < melting:
        down[1] = nu * np.exp(-e_glass * (1 - glass) / (K_EV * hot)) if glass > 0 else 0.0
    return float(current)


@dataclass(frozen=True, kw_only=True)
class PhaseChange(CompiledModel, kind="phase_change"):
    """Phase change memory cell with melting, crystal growth, threshold switching and drift.

    du/dt: melting where T > T_m, else growth of the crystal; dΣ/dt = -ν e^(-E_s (1 - Σ) / kT).
    u is the thickness of the amorphous region over the heater, Σ the distance of its glass from
    equilibrium (1 after a melt-quench). The temperature falls linearly from
    T_hot = T0 + R_th V I at the heater to T0 at the far end. Where it exceeds T_m the material
    melts, within a quench time, and becomes glass when the pulse ends, as fresh as its molten
    share; elsewhere the amorphous region shrinks by the growth velocity at its edge,
    v exp(-E_g / kT) (1 - exp(-ΔH (T_m - T) / (T_m kT))). The glass conducts with activation
    E* - α Σ at T0, so that at rest its resistance grows as t^ν with ν = α / E_s (drift); above a
    threshold field it switches on: ln σ goes from the glass to `sigma_on` as a logistic of the
    voltage, of width `threshold_width`. (A mean of σ itself would let the logistic's tail carry
    the current of a read, for the two differ by five decades.)

    Left out: nucleation inside the glass (as in growth-dominated materials and small volumes),
    the fragility of the growth's activation, and the heating's time constant (ns).

    Parameters
    ----------
    size : float or (…) array, m
        Largest amorphous thickness.
    radius : float or (…) array, m
    r_series : float or (…) array, Ω
        Of electrodes and crystal.
    sigma0 : float or (…) array, S/m
        Of the glass, before its activation.
    e_star_ev, alpha_ev : float or (…) array, eV
        E* and α.
    sigma_on : float or (…) array, S/m
        After threshold switching, and molten.
    threshold_field : float or (…) array, V/m
    threshold_width : float or (…) array, V
    r_th : float or (…) array, K/W
    melting : float or (…) array, K
    growth_velocity : float or (…) array, m/s
        v, before its activation.
    e_growth_ev : float or (…) array, eV
    heat_of_fusion_ev : float or (…) array, eV
        ΔH, per atom.
    quench_time : float or (…) array, s
    nu : float or (…) array, 1/s
        Attempt rate of the glass's relaxation, times its step of Σ.
    e_glass_ev : float or (…) array, eV
        E_s.
    temperature : float or (…) array, K
        T0.

    References
    ----------
    A. Sebastian, M. Le Gallo, D. Krebs, Nat. Commun. 5:4314, 2014, doi:10.1038/ncomms5314;
    M. Le Gallo et al., Adv. Electron. Mater. 4:1700627, 2018, doi:10.1002/aelm.201700627.
    """

    size: FloatArray | Length
    radius: FloatArray | Length
    r_series: FloatArray | Resistance
    sigma0: FloatArray | Conductivity
    e_star_ev: FloatArray | ElectronVolts
    alpha_ev: FloatArray | ElectronVolts
    sigma_on: FloatArray | Conductivity
    threshold_field: FloatArray | Field
    threshold_width: FloatArray | Voltage
    r_th: FloatArray | ThermalResistance
    melting: FloatArray | Temperature
    growth_velocity: FloatArray | Velocity
    e_growth_ev: FloatArray | ElectronVolts
    heat_of_fusion_ev: FloatArray | ElectronVolts
    quench_time: FloatArray | Time
    nu: FloatArray | Rate
    e_glass_ev: FloatArray | ElectronVolts
    temperature: FloatArray | Surroundings = 300.0

    components: ClassVar[tuple[str, ...]] = ("u", "glass")
    unit: ClassVar[str] = "m, 1"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", size="m", radius="m", r_series="Ω", sigma0="S/m", e_star_ev="eV",
                    sigma_on="S/m", threshold_field="V/m", threshold_width="V", r_th="K/W",
                    melting="K", growth_velocity="m/s", e_growth_ev="eV", heat_of_fusion_ev="eV",
                    quench_time="s", e_glass_ev="eV", temperature="K")  # fmt: skip
        self._check(">= 0", alpha_ev="eV", nu="1/s")
        self._check_order("temperature", "melting", "K")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (
            self.size, np.pi * np.square(self.radius), self.r_series, self.sigma0, self.e_star_ev,
            self.alpha_ev, self.sigma_on, self.threshold_field, self.threshold_width, self.r_th,
            self.temperature, self.melting, self.growth_velocity, self.e_growth_ev,
            self.heat_of_fusion_ev, self.quench_time, self.nu, self.e_glass_ev,
        )  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of a crystalline cell."""
        return np.stack([np.zeros(shape), np.ones(shape)])

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return crystal and relaxed glass (0, 0), and all amorphous and fresh glass (size, 1)."""
        size = np.asarray(self.size, np.float64)
        return np.zeros((2, *size.shape)), np.stack([size, np.ones(size.shape)])

    def device_temperature(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Temperature T at the heater.

        Parameters
        ----------
        state : (2, …) array
            u [m] and Σ.
        voltage : float or (…) array, V

        Returns
        -------
        (…) array, K
        """
        return np.asarray(self.temperature + self.r_th * voltage * self.current(state, voltage))

    def retention(self, temperature: float, state: FloatArray | None = None) -> Forgetting | None:
        """Time in which crystal growth consumes the amorphous region, which raises the conductance.

        The whole region of `state`, or half of the largest, at the speed of growth at T.
        """
        barrier = float(self.e_growth_ev)
        melting, thermal = float(self.melting), K_EV * temperature
        driving = -np.expm1(-float(self.heat_of_fusion_ev) * (1 - temperature / melting) / thermal)
        speed = float(self.growth_velocity) * np.exp(-barrier / thermal) * driving
        thickness = 0.5 * float(self.size) if state is None else float(np.asarray(state)[0])
        return Forgetting(float(thickness / speed), barrier, np.array([[0.0], [0.0]]))
