"""A filament that grows into a gap by thermally activated hopping: the Stanford-PKU form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.codec import later
from matsweep.core.constants import elementary_charge, k
from matsweep.core.quantities import (
    Current,
    Dimensionless,
    ElectronVolts,
    Length,
    Resistance,
    Surroundings,
    ThermalResistance,
    Velocity,
    Voltage,
)
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel, Forgetting

K_EV = k / elementary_charge  # eV/K


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the gap [m/s]; return the current [A]."""
    i0, g0, v0, velocity, activation, hop, thickness, gamma0, beta, r_th, ambient, ohms, sign = p
    gap = state[0]
    voltage = sign * voltage
    front = i0 * np.exp(-gap / g0)
    inner = voltage
    if ohms > 0 and voltage != 0:
        # y v0 + R I0 e^(-g/g0) sinh y = |V|, convex: Newton's steps fall from either bound.
        a, drop = abs(voltage), ohms * front
        y = min(a / v0, np.arcsinh(a / drop))
        for _ in range(30):
            e = np.exp(y)
            step = (y * v0 + 0.5 * drop * (e - 1 / e) - a) / (v0 + 0.5 * drop * (e + 1 / e))
            y -= step
            if abs(step) <= 1e-14 * y:
                break
        inner = y * v0 if voltage > 0 else -y * v0
    current = front * np.sinh(inner / v0)
    thermal = K_EV * (ambient + r_th * inner * current)
    nm = gap * 1e9
    gamma = max(gamma0 - beta * nm * nm * nm, 0.0)
    lowered = gamma * hop / thickness * inner / thermal
    tries = 0.5 * velocity * np.exp(-activation / thermal)
    favoured = np.exp(lowered)
    down[0], up[0] = tries * favoured, tries / favoured
    return float(sign * current)


@dataclass(frozen=True, kw_only=True)
class FilamentGap(CompiledModel, kind="filament_gap"):
    """Filament that grows into a gap by thermally activated hops (Stanford-PKU).

    I = I0 exp(-g / g0) sinh(V / V0),  dg/dt = -v0 exp(-Ea / kT) sinh(γ a0 e V / (L kT)).

    V is the voltage left by a series resistance; T = T0 + R_th V I and γ = γ0 - β (g / nm)³, not
    below 0. The gap g between the filament's tip and the electrode shrinks under a positive
    voltage, ion by ion: the sinh is the difference of hops ahead and back, which a stochastic
    transient draws one by one. At V = 0 both are equal: the mean gap keeps still, but it diffuses,
    so that a device loses its state at a temperature.

    Left out: the least field that the paper requires for the start of a RESET, and its noise term,
    which the hops replace. The thermal time constant (ns or less) is taken as zero. The rate is odd
    in the voltage but for T, so that SET and RESET differ only through the gap and the heat.

    Parameters
    ----------
    i0 : float or (…) array, A
    g0 : float or (…) array, m
    v0 : float or (…) array, V
    velocity : float or (…) array, m/s
        v0 of the paper's growth law: hop times attempt frequency.
    activation_ev : float or (…) array, eV
        Ea, of an oxygen vacancy's hop.
    hop : float or (…) array, m
        a0.
    thickness : float or (…) array, m
        L, of the oxide.
    gamma0, beta : float or (…) array
        Local enhancement of the field.
    r_th : float or (…) array, K/W
    temperature : float or (…) array, K
        T0, around the device.
    r_series : float or (…) array, Ω
        Of an access transistor and the electrodes: without any, nothing limits the current.
    gap_min, gap_max : float or (…) array, m
    hops_per_gap : float or (…) array
        How many hops move the tip by one hop's length: ions across the filament's section.
    polarity : float
        1, or -1 for a device whose electrodes are the other way round: its voltage and current have
        the opposite sign of those in the equations and of the parameters.

    References
    ----------
    X. Guan, S. Yu, H.-S. P. Wong, IEEE Electron Device Lett. 33:1405, 2012,
    doi:10.1109/LED.2012.2210856; Z. Jiang et al., SISPAD 2014, doi:10.1109/SISPAD.2014.6931558.
    """

    i0: FloatArray | Current
    g0: FloatArray | Length
    v0: FloatArray | Voltage
    velocity: FloatArray | Velocity
    activation_ev: FloatArray | ElectronVolts
    hop: FloatArray | Length
    thickness: FloatArray | Length
    gamma0: FloatArray | Dimensionless
    beta: FloatArray | Dimensionless
    r_th: FloatArray | ThermalResistance
    temperature: FloatArray | Surroundings = 300.0
    r_series: FloatArray | Resistance = 0.0
    gap_min: FloatArray | Length = 0.2e-9
    gap_max: FloatArray | Length = 1.7e-9
    hops_per_gap: FloatArray | Dimensionless = 1.0
    polarity: Dimensionless = later(1.0)

    insulator: ClassVar[str | None] = "thickness"
    components: ClassVar[tuple[str, ...]] = ("gap",)
    unit: ClassVar[str] = "m"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", i0="A", g0="m", v0="V", velocity="m/s", activation_ev="eV", hop="m",
                    thickness="m", temperature="K", hops_per_gap="")  # fmt: skip
        self._check(">= 0", gamma0="", beta="", r_th="K/W", r_series="Ω", gap_min="m")
        self._check("finite", gap_max="m")
        self._check("1 or -1", polarity="")
        self._check_order("gap_min", "gap_max", "m")
        if np.any(np.asarray(self.gap_max) > np.asarray(self.thickness)):
            raise UserError(
                f"gap_max [m] must be <= thickness, got {self.gap_max!r} and {self.thickness!r}"
            )

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (self.i0, self.g0, self.v0, self.velocity, self.activation_ev, self.hop,
                self.thickness, self.gamma0, self.beta, self.r_th, self.temperature,
                self.r_series, self.polarity)  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the widest gap."""
        return np.broadcast_to(np.asarray(self.gap_max, np.float64), shape).copy()

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the narrowest and the widest gap."""
        return self.gap_min, self.gap_max

    def quantum(self) -> FloatArray | float:
        """Return the tip's advance by one hop, m."""
        return np.asarray(self.hop / np.asarray(self.hops_per_gap))

    def retention(self, temperature: float, state: FloatArray | None = None) -> Forgetting | None:
        """Loss of the current of a gap that diffuses between its bounds.

        Hops ahead and back balance on the mean gap, but spread it: ∂p/∂t = D ∂²p/∂g² with
        2D = v0 a0 exp(-Ea / kT) / hops_per_gap, reflected at both bounds, so that in the end all
        gaps are equally likely. The mean of exp(-g / g0) has a series in cosines; the result is the
        stretched exponential through 0.8 and 0.3 of it. The Ea of a fit to switching is an
        effective
        one, often too low for retention.
        """
        from scipy.optimize import brentq

        barrier, g0 = float(self.activation_ev), float(self.g0)
        low, span = float(self.gap_min), float(np.subtract(self.gap_max, self.gap_min))
        start = 0.0 if state is None else float(state) - low
        thermal = K_EV * temperature
        walk = float(self.velocity) * float(self.hop) / float(self.hops_per_gap)
        orders = np.pi * np.arange(1, 400) / span
        sign = np.where(np.arange(1, 400) % 2, 1.0, -1.0)
        terms = (1 + sign * np.exp(-span / g0)) / (1 / g0**2 + orders**2)
        own = terms * np.cos(orders * start)
        # A gap that conducts like the average of all gaps has nothing to lose: take the closed one.
        terms = own if abs(own.sum()) > 0.05 * terms.sum() else terms
        speed = 0.5 * walk * np.exp(-barrier / thermal)

        def left(logarithm: float) -> float:
            faded = terms @ np.exp(-(orders**2) * speed * np.exp(logarithm))
            return float(faded / terms.sum())

        ends = np.log(span**2 / speed) + np.array([-30.0, 3.0])
        early, late = (brentq(lambda x, y=y: left(x) - y, *ends) for y in (0.8, 0.3))
        stretch = np.log(np.log(0.3) / np.log(0.8)) / (late - early)
        time = np.exp(early) / (-np.log(0.8)) ** (1 / stretch)
        states = low + span * (np.arange(100) + 0.5) / 100
        return Forgetting(float(time), barrier, states, float(stretch))

    def device_temperature(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Temperature T of the filament.

        Parameters
        ----------
        state : (…) array, m
        voltage : float or (…) array, V

        Returns
        -------
        (…) array, K
        """
        current = self.current(state, voltage)
        inner = voltage - current * self.r_series
        return np.asarray(self.temperature + self.r_th * inner * current)
