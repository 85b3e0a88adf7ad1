"""Valence change by ion hopping with Joule heating, after the JART VCM v1b model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.constants import electron_mass, elementary_charge, epsilon_0, hbar, k
from matsweep.core.quantities import (
    Dimensionless,
    ElectronVolts,
    Frequency,
    Length,
    Mobility,
    Resistance,
    Surroundings,
    ThermalResistance,
)
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel, Forgetting

K_EV = k / elementary_charge  # eV/K
UNIT = 1e26  # 1/m³, of the concentrations


def _barrier_current(u: float, thermal: float, setting: bool, n: float, p: FloatArray) -> float:
    """Return the current [A] through the Schottky barrier at u >= 0 [V], in a SET or a RESET."""
    area, barrier, fermi, richardson, eps, eps_image, mass, z = p[:8]
    temperature = thermal / K_EV
    # A SET biases the barrier in reverse, and the image force lowers it in a larger field.
    depth = barrier - fermi + (u if setting else -u)
    height = barrier
    if depth > 0:
        field = elementary_charge * z * n * UNIT * depth / (8 * np.pi**2)
        height -= np.sqrt(np.sqrt(field * elementary_charge**2 / (eps_image * epsilon_0) ** 3))
    height = max(height, 0.0)
    if not setting:
        emitted = area * richardson * temperature**2 * np.exp(-height / thermal)
        return float(emitted * np.expm1(min(u / thermal, 700.0)))
    e00 = 0.5 * hbar * np.sqrt(z * n * UNIT / (mass * electron_mass * eps * epsilon_0))  # eV
    ratio = e00 / thermal
    e0 = e00 / np.tanh(ratio)
    slope = e00 / (ratio - np.tanh(ratio))
    inner = np.pi * e00 * (u + height / np.cosh(ratio) ** 2)
    front = area * richardson * temperature / K_EV * np.sqrt(inner)
    return float(front * np.exp(-height / e0) * np.expm1(min(u / slope, 700.0)))


type _Balance = tuple[float, float, float, float]


def _balance(u: float, a: float, setting: bool, n: float, p: FloatArray) -> _Balance:
    """Balance of the currents through the barrier and through the rest, at u [V] of a [V].

    Returns ln(barrier's current / the rest's), both currents [A], and kT [eV].
    """
    inner = p[8] / n + p[9]
    constant, cubic = inner + p[10] + p[11], p[11] * p[12]
    current = (a - u) / constant
    for _ in range(4):  # I (R + c I²) = a - u
        square = cubic * current * current
        current -= (current * (constant + square) - (a - u)) / (constant + 3 * square)
    drop = u + current * inner
    thermal = K_EV * (p[14] + p[13] * (1.0 if setting else p[15]) * current * drop)
    through = _barrier_current(u, thermal, setting, n, p)
    if through > 0 and current > 0:
        return float(np.log(through / current)), through, current, thermal
    return (np.inf if through > 0 else -np.inf), through, current, thermal


def _solve_current(n: float, v: float, p: FloatArray) -> tuple[float, float]:
    """Return the current [A] at |v|, and kT [eV], where barrier, resistances and heat agree.

    The unknown is the barrier's voltage u: an interval is doubled until it holds a root, then
    narrowed by regula falsi (Illinois). Under the image force a RESET may have several solutions:
    that of the smallest u, of the largest current, is taken.
    """
    setting = v < 0
    a = abs(v)
    if a < 1e-100:  # no current, to any precision
        return 0.0, K_EV * p[14]
    low, f_low = 0.0, -np.inf
    high = 1e-7 * a
    f_high, through, current, thermal = _balance(high, a, setting, n, p)
    while f_high < 0 and high < a:
        low, f_low = high, f_high
        high = min(2 * high, a)
        f_high, through, current, thermal = _balance(high, a, setting, n, p)
    side = 0
    u = high
    for _ in range(100):
        if f_high <= 0 or high - low <= 4e-16 * high:
            break
        if np.isfinite(f_low) and np.isfinite(f_high):
            u = low + (high - low) * f_low / (f_low - f_high)
        else:
            u = 0.5 * (low + high)
        if not (low < u < high):
            break
        f, through, current, thermal = _balance(u, a, setting, n, p)
        if abs(f) < 1e-13:
            break
        if f > 0:
            high, f_high = u, f
            if side == 1:
                f_low *= 0.5
            side = 1
        else:
            low, f_low = u, f
            if side == -1:
                f_high *= 0.5
            side = -1
    return (through if u > 0.5 * a else current), thermal


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the concentration [1e26/m³/s]; return the current [A]."""
    n = state[0]
    current, thermal = _solve_current(n, voltage, p)
    z = p[7]
    r_disc, r_oxide, r_line, line_heat = p[8], p[10], p[11], p[12]
    hop, attempt, activation, l_cell, l_disc, n_plug, n_min, n_max = p[16:24]
    disc = current * r_disc / n
    if voltage < 0:
        field = disc / l_disc
        limit = 1 - (n / n_max) ** 10
    else:
        series = r_oxide + r_line * (1 + line_heat * current * current)
        field = max(voltage - current * series, 0.0) / l_cell
        limit = 1 - (n_min / n) ** 10
    gamma = min(z * hop * field / (np.pi * activation), 1.0)
    even = np.sqrt(1 - gamma * gamma) + gamma * np.arcsin(gamma)
    odd = gamma * np.pi / 2
    tries = 0.5 * (n_plug + n) * hop * attempt / l_disc * max(limit, 0.0)
    ahead = tries * np.exp(-activation * (even - odd) / thermal)
    back = tries * np.exp(-activation * (even + odd) / thermal)
    if voltage < 0:
        up[0], down[0] = ahead, back
        return float(-current)
    up[0], down[0] = back, ahead
    return float(current)


@dataclass(frozen=True, kw_only=True)
class JART(CompiledModel, kind="jart"):
    """Valence change memory: oxygen vacancies hop between a plug and a disc of oxide.

    dN/dt = -I_ion / (z e A l_disc),
    I_ion = z e c a ν0 A (exp(-ΔW_f / kT) - exp(-ΔW_r / kT)) F, c = (N_plug + N) / 2,
    ΔW_f,r = ΔW_A (√(1 - γ²) ∓ γ π/2 + γ asin γ), γ = z e a E / (π ΔW_A) (Genreith-Schriever, De
    Souza); F = 1 - (N / N_max)^10 in a SET, 1 - (N_min / N)^10 in a RESET; E = V_disc / l_disc in a
    SET, (V - V_series) / l_cell in a RESET; T = T0 + R_th I (V - V_series), R_th smaller by a
    factor in a RESET. The current passes a Schottky barrier lowered by the image force
    (thermionic field emission in a SET, thermionic emission in a RESET), disc, plug, the
    electrode's oxide and a line that heats. A SET is NEGATIVE here, as in the paper.

    The paper fits the barrier's current by polynomials; here the barrier's equations themselves
    are solved with the heat, to 1e-13. Left out: the thermal time constant (taken as zero) and,
    unless a transient is stochastic, all variability; in a stochastic one vacancies hop one at a
    time, and the spread of the filament's radius and length is left to the parameters.

    Parameters
    ----------
    l_cell, l_disc : float or (…) array, m
    radius : float or (…) array, m
        Of the filament.
    n_min, n_max, n_plug : float or (…) array, 1e26/m³
    hop : float or (…) array, m
        a.
    attempt_frequency : float or (…) array, Hz
        ν0.
    activation_ev : float or (…) array, eV
        ΔW_A, of an ion's hop.
    charge : float or (…) array
        z, of a vacancy.
    mobility : float or (…) array, m² / (V s)
        Of electrons.
    barrier_ev, fermi_ev : float or (…) array, eV
        Schottky barrier; conduction band over the Fermi level.
    richardson : float or (…) array, A / (m² K²)
    eps_r, eps_image : float or (…) array
        Relative permittivity, static and for the image force.
    mass : float or (…) array
        Tunnelling mass over the electron's.
    r_oxide, r_line : float or (…) array, Ω
        In series; the line's at room temperature.
    line_heating : float or (…) array, 1/A²
        The line's resistance grows by this times I².
    r_th : float or (…) array, K/W
    reset_cooling : float or (…) array
        Factor of r_th in a RESET.
    temperature : float or (…) array, K

    References
    ----------
    C. Bengel et al., IEEE Trans. Circuits Syst. I 67:4618, 2020, doi:10.1109/TCSI.2020.3018502;
    A. R. Genreith-Schriever, R. A. De Souza, Phys. Rev. B 94:224304, 2016,
    doi:10.1103/PhysRevB.94.224304; emission: F. A. Padovani, R. Stratton, Solid-State Electron.
    9:695, 1966, doi:10.1016/0038-1101(66)90097-9.
    """

    l_cell: FloatArray | Length
    l_disc: FloatArray | Length
    radius: FloatArray | Length
    n_min: FloatArray | Annotated[float, Unit("1e26/m3")]
    n_max: FloatArray | Annotated[float, Unit("1e26/m3")]
    n_plug: FloatArray | Annotated[float, Unit("1e26/m3")]
    hop: FloatArray | Length
    attempt_frequency: FloatArray | Frequency
    activation_ev: FloatArray | ElectronVolts
    mobility: FloatArray | Mobility
    barrier_ev: FloatArray | ElectronVolts
    fermi_ev: FloatArray | ElectronVolts
    richardson: FloatArray | Annotated[float, Unit("A/(m2 K2)")]
    eps_r: FloatArray | Dimensionless
    eps_image: FloatArray | Dimensionless
    mass: FloatArray | Dimensionless
    r_oxide: FloatArray | Resistance
    r_line: FloatArray | Resistance
    line_heating: FloatArray | Annotated[float, Unit("1/A2")]
    r_th: FloatArray | ThermalResistance
    reset_cooling: FloatArray | Dimensionless
    charge: FloatArray | Dimensionless = 2.0
    temperature: FloatArray | Surroundings = 293.0

    insulator: ClassVar[str | None] = "l_cell"
    components: ClassVar[tuple[str, ...]] = ("N_disc",)
    unit: ClassVar[str] = "1e26/m^3"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", l_cell="m", l_disc="m", radius="m", n_min="1e26/m^3", n_plug="1e26/m^3",
                    hop="m", attempt_frequency="Hz", activation_ev="eV", mobility="m^2/(V s)",
                    barrier_ev="eV", richardson="A/(m^2 K^2)", eps_r="", eps_image="", mass="",
                    charge="", temperature="K", reset_cooling="")  # fmt: skip
        self._check(">= 0", fermi_ev="eV", r_oxide="Ω", r_line="Ω", line_heating="1/A^2",
                    r_th="K/W")  # fmt: skip
        self._check("finite", n_max="1e26/m^3")
        self._check_order("n_min", "n_max", "1e26/m^3")
        self._check_order("l_disc", "l_cell", "m")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel, in its units."""
        area = np.pi * np.square(self.radius)
        ohm = 1 / (np.asarray(self.charge) * elementary_charge * self.mobility * area * UNIT)
        return (
            area, self.barrier_ev, self.fermi_ev, self.richardson, self.eps_r, self.eps_image,
            self.mass, self.charge, ohm * self.l_disc,
            ohm * (np.asarray(self.l_cell) - self.l_disc) / self.n_plug, self.r_oxide, self.r_line,
            self.line_heating, self.r_th, self.temperature, self.reset_cooling, self.hop,
            self.attempt_frequency, self.activation_ev, self.l_cell, self.l_disc, self.n_plug,
            self.n_min, self.n_max,
        )  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the fewest vacancies: high resistance."""
        return np.broadcast_to(np.asarray(self.n_min, np.float64), shape).copy()

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the smallest and the largest concentration."""
        return self.n_min, self.n_max

    def quantum(self) -> FloatArray | float:
        """Return the concentration of one vacancy in the disc."""
        return 1 / (np.pi * np.square(self.radius) * self.l_disc * UNIT)

    def retention(self, temperature: float, state: FloatArray | None = None) -> Forgetting | None:
        """Dwell time of vacancies in the disc.

        l_disc² / 2D with D = a² ν0 exp(-ΔW_A / kT): at rest the state equations balance, and
        only the vacancies' random walk, which they leave out, empties the disc.
        """
        walk = float(self.hop) ** 2 * float(self.attempt_frequency)
        barrier = float(self.activation_ev)
        time = float(self.l_disc) ** 2 / (2 * walk) * np.exp(barrier / (K_EV * temperature))
        return Forgetting(float(time), barrier, np.array([float(self.n_min)]))

    def device_temperature(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Temperature T of the filament.

        Parameters
        ----------
        state : (…) array, 1e26/m³
        voltage : float or (…) array, V

        Returns
        -------
        (…) array, K
        """
        current = np.abs(self.current(state, voltage))
        series = self.r_oxide + self.r_line * (1 + self.line_heating * current**2)
        heat = np.where(
            np.asarray(voltage) < 0, self.r_th, self.r_th * np.asarray(self.reset_cooling)
        )
        return np.asarray(self.temperature + heat * current * (np.abs(voltage) - current * series))
