"""Ferroelectric switching, limited by nucleation, read by tunnelling or by a transistor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.constants import electron_mass, elementary_charge, hbar
from matsweep.core.quantities import (
    Area,
    Conductance,
    Dimensionless,
    ElectronVolts,
    Field,
    Length,
    Time,
)
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel

GROUPS = 16  # of domains, by their activation field


def _nucleate(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> tuple[float, float]:
    """Write the rates at which each group's domains flip up and down [1/s].

    Returns the mean share of domains up, and its rate of change [1/s].
    """
    tau0, exponent, thickness = p[0], p[1], p[2]
    field = abs(voltage) / thickness
    mean, turning = 0.0, 0.0
    for k in range(GROUPS):
        x = state[k]
        rate = np.exp(-((p[3 + k] / field) ** exponent)) / tau0 if field > 0 else 0.0
        up[k] = rate * (1 - x) if voltage > 0 else 0.0
        down[k] = rate * x if voltage < 0 else 0.0
        mean += x / GROUPS
        turning += (up[k] - down[k]) / GROUPS
    return mean, turning


def _tunnel(voltage: float, first: float, second: float, k_d: float, front: float) -> float:
    """Return the current density [A/m²] of direct tunnelling through a trapezoid [eV]."""
    a, b = max(first + voltage / 2, 1e-3), max(second - voltage / 2, 1e-3)
    roots = np.sqrt(a) + np.sqrt(b)
    through = np.exp(-k_d * (a + np.sqrt(a * b) + b) / roots)
    return float(front * (roots / k_d) ** 2 * through * np.sinh(0.75 * voltage * k_d / roots))


def _junction_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the groups [1/s]; return the tunnelling current [A]."""
    mean, _ = _nucleate(state, voltage, p, up, down)
    area, first, second, shift, k_d, front = p[3 + GROUPS :]
    on = _tunnel(voltage, first - shift, second - shift, k_d, front)
    off = _tunnel(voltage, first + shift, second + shift, k_d, front)
    return float(area * (mean * on + (1 - mean) * off))


def _transistor_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the groups [1/s]; return the gate's switching current [A]."""
    _, turning = _nucleate(state, voltage, p, up, down)
    return float(p[3 + GROUPS] * turning)


class _NucleationLimited(CompiledModel):
    """Nucleation-limited switching of groups of domains, each with its own activation field.

    dx/dt = (1 - x) / τ at V > 0, -x / τ at V < 0, with τ = τ0 exp((E_a / E)^n). The fields E_a of
    the groups are the quantiles of a lognormal distribution. A domain never flips back at 0 V:
    retention needs its own law.
    """

    tau0: FloatArray | float
    exponent: FloatArray | float
    thickness: FloatArray | float
    activation_field: FloatArray | float
    sigma: FloatArray | float
    domains: FloatArray | float

    insulator: ClassVar[str | None] = "thickness"
    components: ClassVar[tuple[str, ...]] = tuple(f"group {k}" for k in range(GROUPS))

    def _switching(self) -> tuple[FloatArray | float, ...]:
        from scipy.special import ndtri

        quantiles = ndtri((np.arange(GROUPS) + 0.5) / GROUPS)
        fields = [np.asarray(self.activation_field) * np.exp(self.sigma * q) for q in quantiles]
        return (self.tau0, self.exponent, self.thickness, *fields)

    def _check_switching(self) -> None:
        self._check("> 0", tau0="s", exponent="", thickness="m", activation_field="V/m", domains="")
        self._check(">= 0", sigma="")

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State with all domains down."""
        return np.zeros((GROUPS, *shape))

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return all down, and all up."""
        return 0.0, 1.0

    def quantum(self) -> FloatArray | float:
        """Return one domain of a group: `domains` are spread over all groups."""
        return np.minimum(GROUPS / np.asarray(self.domains, np.float64), 1.0)

    def polarization(self, state: FloatArray) -> FloatArray:
        """Share of domains that point up.

        Parameters
        ----------
        state : (group, …) array

        Returns
        -------
        (…) array, in [0, 1]
        """
        return np.asarray(state).mean(axis=0)


@dataclass(frozen=True, kw_only=True)
class FerroelectricTunnelJunction(_NucleationLimited, kind="ftj"):
    """Ferroelectric tunnel junction: domains up conduct through a lower barrier than domains down.

    Switching is nucleation-limited with Merz's law for each group of domains; the two tunnelling
    currents (direct tunnelling through a trapezoid, in WKB) flow in parallel. Left out:
    thermionic and Fowler-Nordheim currents, so that it holds below about twice the barriers, and
    the electrons' screening that changes with the voltage.

    Parameters
    ----------
    tau0 : float or (…) array, s
    exponent : float or (…) array
        n; 1 is Merz's law.
    thickness : float or (…) array, m
    activation_field : float or (…) array, V/m
        Median of E_a.
    sigma : float or (…) array
        Deviation of ln E_a.
    area : float or (…) array, m²
    barrier_1_ev, barrier_2_ev : float or (…) array, eV
        At the two electrodes, mean of both polarizations.
    shift_ev : float or (…) array, eV
        Half the change of the barriers between the polarizations.
    mass : float or (…) array
        Tunnelling mass over the electron's.
    domains : float or (…) array

    References
    ----------
    C. Alessandri et al., IEEE Electron Device Lett. 39:1780, 2018, doi:10.1109/LED.2018.2872124;
    A. Gruverman et al., Nano Lett. 9:3539, 2009, doi:10.1021/nl901754t, eq. 1; parallel domains:
    A. Chanthbouala et al., Nat. Mater. 11:860, 2012, doi:10.1038/nmat3415.
    """

    tau0: FloatArray | Time
    exponent: FloatArray | Dimensionless
    thickness: FloatArray | Length
    activation_field: FloatArray | Field
    sigma: FloatArray | Dimensionless
    area: FloatArray | Area
    barrier_1_ev: FloatArray | ElectronVolts
    barrier_2_ev: FloatArray | ElectronVolts
    shift_ev: FloatArray | ElectronVolts
    mass: FloatArray | Dimensionless = 1.0
    domains: FloatArray | Dimensionless = 100.0

    kernel: ClassVar[Any] = staticmethod(_junction_kernel)

    def __post_init__(self) -> None:
        self._check_switching()
        self._check("> 0", area="m^2", barrier_1_ev="eV", barrier_2_ev="eV", mass="")
        self._check(">= 0", shift_ev="eV")
        for name in ("barrier_1_ev", "barrier_2_ev"):
            self._check_order("shift_ev", name, "eV")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        m = np.asarray(self.mass) * electron_mass
        decay = 4 * np.asarray(self.thickness) / 3 * np.sqrt(2 * m * elementary_charge) / hbar
        front = 4 * elementary_charge * m * elementary_charge**2 / (9 * np.pi**2 * hbar**3)
        return (*self._switching(), self.area, self.barrier_1_ev, self.barrier_2_ev, self.shift_ev,
                decay, front)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FeFET(_NucleationLimited, kind="fefet"):
    """Ferroelectric transistor, whose channel follows the polarization of its gate.

    The voltage is the gate's, the current that of the switching domains, A 2 P_r d⟨x⟩/dt; the
    channel's conductance, g_min + (g_max - g_min) ⟨x⟩, is `read_conductance`. Left out: the
    channel's own I-V curve, depolarization, charge trapping and the stack's other capacitances, so
    that `thickness` and `activation_field` are effective ones.

    Parameters
    ----------
    tau0, exponent, thickness, activation_field, sigma, domains
        See `FerroelectricTunnelJunction`.
    area : float or (…) array, m²
    remanent : float or (…) array, C/m²
        P_r.
    g_min, g_max : float or (…) array, S

    References
    ----------
    C. Alessandri et al., IEEE Electron Device Lett. 39:1780, 2018, doi:10.1109/LED.2018.2872124;
    M. Jerry et al., IEDM 2017, doi:10.1109/IEDM.2017.8268338.
    """

    tau0: FloatArray | Time
    exponent: FloatArray | Dimensionless
    thickness: FloatArray | Length
    activation_field: FloatArray | Field
    sigma: FloatArray | Dimensionless
    area: FloatArray | Area
    remanent: FloatArray | Annotated[float, Unit("C/m2")]
    g_min: FloatArray | Conductance
    g_max: FloatArray | Conductance
    domains: FloatArray | Dimensionless = 100.0

    kernel: ClassVar[Any] = staticmethod(_transistor_kernel)

    def __post_init__(self) -> None:
        self._check_switching()
        self._check("> 0", area="m^2", remanent="C/m^2", g_min="S", g_max="S")
        self._check_order("g_min", "g_max", "S")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (*self._switching(), 2 * np.asarray(self.area) * self.remanent)

    def read_conductance(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Conductance of the channel, (…) array [S]."""
        return np.asarray(
            self.g_min
            + (np.asarray(self.g_max) - self.g_min) * self.polarization(state)
            + 0 * np.asarray(voltage)
        )
