"""Electrochemical metallisation: a metal filament that grows by electron transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.constants import electron_mass, elementary_charge, h, k
from matsweep.core.quantities import (
    Dimensionless,
    ElectronVolts,
    Length,
    Resistance,
    Resistivity,
    Surroundings,
)
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel

K_EV = k / elementary_charge  # eV/K


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the gap [m/s]; return the current [A]."""
    j0, transfer, z, temperature, per_charge, tunnel, decay, area, r_series, rho, length = p
    gap = state[0]
    thermal = K_EV * temperature
    g_tunnel = area * tunnel / gap * np.exp(-decay * gap)
    resistance = r_series + rho * (length - gap) / area
    inner = voltage / (1 + resistance * g_tunnel)
    ahead = j0 * np.exp(min(transfer * z * inner / thermal, 600.0))
    back = j0 * np.exp(min(-(1 - transfer) * z * inner / thermal, 600.0))
    down[0], up[0] = per_charge * ahead, per_charge * back
    return float(inner * g_tunnel + area * (ahead - back))


@dataclass(frozen=True, kw_only=True)
class ElectrochemicalMetallization(CompiledModel, kind="ecm"):
    """Electrochemical metallization cell: Butler-Volmer growth of a metal filament.

    dx/dt = -(M / (z e ρ_m)) J,  J = j0 (exp(α z e η / kT) - exp(-(1 - α) z e η / kT)).

    Metal ions of the active electrode are reduced at the filament's tip (Butler-Volmer); the gap x
    closes under a positive voltage. η is the whole voltage over the gap: the overpotentials of
    nucleation and of hopping through the electrolyte are left out, which holds at intermediate
    voltages, where electron transfer is slowest (Menzel's regime II). Electrons tunnel,
    I = A C (3 √(2 m ΔW) / 2x) (e/h)² exp(-4π x √(2 m ΔW) / h) V with C = 2.7, in series with the
    filament and the electrodes; the ions' current flows in parallel.

    Parameters
    ----------
    j0 : float or (…) array, A/m²
        Exchange current density.
    transfer : float or (…) array
        α, 0 to 1.
    temperature : float or (…) array, K
    molar_mass : float or (…) array, kg/mol
    density : float or (…) array, kg/m³
    barrier_ev : float or (…) array, eV
        ΔW, for tunnelling.
    mass : float or (…) array
        Tunnelling mass over the electron's.
    radius : float or (…) array, m
        Of the filament.
    r_series : float or (…) array, Ω
    resistivity : float or (…) array, Ω m
        Of the filament.
    length : float or (…) array, m
        Between the electrodes.
    gap_min : float or (…) array, m
    charge : float or (…) array
        z, of an ion.

    References
    ----------
    S. Menzel, U. Böttger, R. Waser, J. Appl. Phys. 111:014501, 2012, doi:10.1063/1.3673239;
    S. Menzel et al., Phys. Chem. Chem. Phys. 15:6945, 2013, doi:10.1039/c3cp50738f.
    """

    j0: FloatArray | Annotated[float, Unit("A/m2")]
    transfer: FloatArray | Dimensionless
    molar_mass: FloatArray | Annotated[float, Unit("kg/mol")]
    density: FloatArray | Annotated[float, Unit("kg/m3")]
    barrier_ev: FloatArray | ElectronVolts
    mass: FloatArray | Dimensionless
    radius: FloatArray | Length
    r_series: FloatArray | Resistance
    resistivity: FloatArray | Resistivity
    length: FloatArray | Length
    gap_min: FloatArray | Length
    charge: FloatArray | Dimensionless = 1.0
    temperature: FloatArray | Surroundings = 298.0

    insulator: ClassVar[str | None] = "length"
    components: ClassVar[tuple[str, ...]] = ("gap",)
    unit: ClassVar[str] = "m"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", j0="A/m^2", molar_mass="kg/mol", density="kg/m^3", barrier_ev="eV",
                    mass="", radius="m", length="m", gap_min="m", charge="",
                    temperature="K")  # fmt: skip
        self._check(">= 0", r_series="Ω", resistivity="Ω m")
        self._check("in [0, 1]", transfer="")
        self._check_order("gap_min", "length", "m")

    def _atom(self) -> FloatArray:
        """Volume of an atom, m³."""
        return np.asarray(self.molar_mass / (6.02214076e23 * np.asarray(self.density)))

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        momentum = np.sqrt(
            2 * np.asarray(self.mass) * electron_mass * self.barrier_ev * elementary_charge
        )
        tunnel = 2.7 * 1.5 * momentum * (elementary_charge / h) ** 2
        per_charge = self._atom() / (np.asarray(self.charge) * elementary_charge)
        return (self.j0, self.transfer, self.charge, self.temperature, per_charge, tunnel,
                4 * np.pi / h * momentum, np.pi * np.square(self.radius), self.r_series,
                self.resistivity, self.length)  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State without a filament."""
        return np.broadcast_to(np.asarray(self.length, np.float64), shape).copy()

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the narrowest gap, and the gap without a filament."""
        return self.gap_min, self.length

    def quantum(self) -> FloatArray | float:
        """Return the tip's advance by one atom, m."""
        return self._atom() / (np.pi * np.square(self.radius))
