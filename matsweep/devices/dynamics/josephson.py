"""Josephson junctions: the superconducting memristor, and the junction with its capacitance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.checks import in_range
from matsweep.core.constants import flux_quantum, k
from matsweep.core.quantities import (
    Capacitance,
    Conductance,
    Current,
    Dimensionless,
    Temperature,
)
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel

FLUX_QUANTUM = flux_quantum  # Wb
_PER_VOLT = 2 * np.pi / FLUX_QUANTUM  # rad/(V s)


def _dissipative(phase: float, voltage: float, conductance: float, epsilon: float) -> float:
    """Return the current of the quasiparticles, G (1 + ε cos γ) V, A."""
    return float(conductance * (1 + epsilon * np.cos(phase)) * voltage)


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the phase [rad/s]; return the current [A]."""
    conductance, epsilon, critical = p
    speed = _PER_VOLT * voltage
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    return float(
        critical * np.sin(state[0]) + _dissipative(state[0], voltage, conductance, epsilon)
    )


def _junction_kernel(
    state: FloatArray, current: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of phase [rad/s] and voltage [V/s] under a current [A]; return it [V]."""
    conductance, epsilon, critical, capacitance, _ = p
    phase, voltage = state[0], state[1]
    speed = _PER_VOLT * voltage
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    through = critical * np.sin(phase) + _dissipative(phase, voltage, conductance, epsilon)
    rise = (current - through) / capacitance
    up[1], down[1] = max(rise, 0.0), max(-rise, 0.0)
    return float(voltage)


def _johnson_kernel(
    state: FloatArray, current: float, p: FloatArray, spread: FloatArray, unused: FloatArray
) -> float:
    """Write the spread of the voltage by Johnson noise, sqrt(2 kT G(γ)) / C [V/√s]; return it."""
    conductance, epsilon, _, capacitance, temperature = p
    through = conductance * (1 + epsilon * np.cos(state[0]))
    spread[0] = 0.0
    spread[1] = np.sqrt(2 * k * temperature * through) / capacitance
    return float(spread[1])


class _Junction(CompiledModel):
    """Josephson junction of a critical current, a phase-dependent conductance and a capacitance."""

    conductance: FloatArray | Conductance
    epsilon: FloatArray | Dimensionless
    critical_current: FloatArray | Current
    phase: FloatArray | Annotated[float, Unit("rad")]
    capacitance: FloatArray | Capacitance
    temperature: FloatArray | Temperature

    def __post_init__(self) -> None:
        self._check(">= 0", conductance="S", critical_current="A", capacitance="F", temperature="K")
        self._check("finite", epsilon="", phase="rad")
        for value in np.ravel(self.epsilon):
            in_range("epsilon", float(value), -1.0, 1.0)

    def plasma_frequency(self) -> FloatArray:
        """Frequency of small oscillations of the phase about 0, without damping or bias.

        f_p = sqrt(2π I_c / (Φ0 C)) / 2π.

        Returns
        -------
        (…) array, Hz
            Infinite without a capacitance.
        """
        with np.errstate(divide="ignore"):
            square = _PER_VOLT * np.asarray(self.critical_current) / np.asarray(self.capacitance)
        return np.asarray(np.sqrt(square) / (2 * np.pi))

    def stewart_mccumber(self) -> FloatArray:
        """Stewart-McCumber parameter β_c = 2π I_c C / (Φ0 G_L²), the square of the quality factor.

        Above about 1 the loop under a current is hysteretic. Small oscillations about γ = 0, which
        G_L (1 + ε) damps, are critically damped at β_c = (1 + ε)² / 4.

        Returns
        -------
        (…) array, dimensionless

        References
        ----------
        W. C. Stewart, Appl. Phys. Lett. 12:277, 1968, doi:10.1063/1.1651991; D. E. McCumber,
        J. Appl. Phys. 39:3113, 1968, doi:10.1063/1.1656743.
        """
        stored = _PER_VOLT * np.asarray(self.critical_current) * self.capacitance
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(stored / np.square(self.conductance))


@dataclass(frozen=True, kw_only=True)
class SuperconductingMemristor(_Junction, kind="superconducting"):
    """Superconducting memristor: a Josephson junction with its phase-dependent conductance.

    I = I_c sin γ + G_L (1 + ε cos γ) V, dγ/dt = 2π V / Φ0. The second term alone (I_c = 0) is a
    flux-controlled memristor, γ being 2π φ / Φ0; with the supercurrent the junction is a memristor
    and an inductor in parallel, which may give energy back.

    Under a voltage the capacitance changes neither the phase nor, over a whole pulse, the energy:
    the source supplies C dV/dt in addition, which is left out of the current. Under a current it
    makes the voltage a state (`JosephsonJunction`); without it the voltage is the one at which the
    sum of both terms is the current.

    Parameters
    ----------
    conductance : float or (…) array, S
        G_L.
    epsilon : float or (…) array
        ε, -1 to 1: passive in that range.
    critical_current : float or (…) array, A
        I_c.
    phase : float or (…) array, rad
        At rest.
    capacitance : float or (…) array, F
        C; acts under a current.
    temperature : float or (…) array, K
        Of the Johnson noise; acts under a current, with a capacitance and `rng`.

    References
    ----------
    S. Peotta, M. Di Ventra, Phys. Rev. Applied 2:034011, 2014,
    doi:10.1103/PhysRevApplied.2.034011.
    """

    conductance: FloatArray | Conductance
    epsilon: FloatArray | Dimensionless
    critical_current: FloatArray | Current = 0.0
    phase: FloatArray | Annotated[float, Unit("rad")] = 0.0
    capacitance: FloatArray | Capacitance = 0.0
    temperature: FloatArray | Temperature = 4.2

    components: ClassVar[tuple[str, ...]] = ("phase",)
    unit: ClassVar[str] = "rad"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("> 0", conductance="S")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return self.conductance, self.epsilon, self.critical_current

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the phase at rest, rad."""
        return np.broadcast_to(np.asarray(self.phase, np.float64), shape).copy()

    def under_current(self) -> DynamicalModel:
        """Return the junction with its voltage as a state, if it has a capacitance."""
        if not np.any(self.capacitance):
            return self
        return JosephsonJunction(
            conductance=self.conductance,
            epsilon=self.epsilon,
            critical_current=self.critical_current,
            phase=self.phase,
            capacitance=self.capacitance,
            temperature=self.temperature,
        )


@dataclass(frozen=True, kw_only=True)
class JosephsonJunction(_Junction, kind="josephson"):
    """Resistively and capacitively shunted junction (RCSJ), driven by a current.

    C dV/dt = I - I_c sin γ - G_L (1 + ε cos γ) V + I_n, dγ/dt = 2π V / Φ0. In a transient with
    `rng`, I_n is the Johnson noise of the conductance: white, of two-sided spectral density
    2 kT G_L (1 + ε cos γ), so that the junction without a bias comes to thermal equilibrium at any
    ε. As C vanishes, it becomes the `SuperconductingMemristor` under a current.

    Left out: quantum tunnelling of the phase and the zero-point part of the noise (below
    ħ ω_p / 2πk, 0.8 K at 100 GHz), the gap in the quasiparticles' current, which makes G depend on
    V beyond it, harmonics of the current-phase relation, shot noise, and heating.

    Parameters
    ----------
    conductance : float or (…) array, S
        G_L; 0: no damping.
    epsilon : float or (…) array
        ε, -1 to 1: passive in that range.
    critical_current : float or (…) array, A
        I_c.
    phase : float or (…) array, rad
        At rest.
    capacitance : float or (…) array, F
        C, > 0.
    temperature : float or (…) array, K
        Of the Johnson noise.

    References
    ----------
    W. C. Stewart, Appl. Phys. Lett. 12:277, 1968, doi:10.1063/1.1651991; D. E. McCumber, J. Appl.
    Phys. 39:3113, 1968, doi:10.1063/1.1656743; with noise: V. Ambegaokar, B. I. Halperin, Phys.
    Rev. Lett. 22:1364, 1969, doi:10.1103/PhysRevLett.22.1364.
    """

    conductance: FloatArray | Conductance
    capacitance: FloatArray | Capacitance
    epsilon: FloatArray | Dimensionless = 0.0
    critical_current: FloatArray | Current = 0.0
    phase: FloatArray | Annotated[float, Unit("rad")] = 0.0
    temperature: FloatArray | Temperature = 4.2

    components: ClassVar[tuple[str, ...]] = ("phase", "voltage")
    unit: ClassVar[str] = "rad, V"
    drive: ClassVar[str] = "current"
    kernel: ClassVar[Any] = staticmethod(_junction_kernel)
    noise: ClassVar[Any] = staticmethod(_johnson_kernel)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("> 0", capacitance="F")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernels."""
        return (self.conductance, self.epsilon, self.critical_current, self.capacitance,
                self.temperature)  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the phase at rest, without a voltage."""
        phase = np.broadcast_to(np.asarray(self.phase, np.float64), shape)
        return np.stack([phase, np.zeros(shape)])

    def scale(self) -> FloatArray | float:
        """Return 1 rad, and the smaller of I_c / G_L and the voltage that turns it in 1 / ω_p."""
        shape = self.shape()
        with np.errstate(divide="ignore", invalid="ignore"):
            steady = np.divide(self.critical_current, self.conductance)
        plasma = 2 * np.pi * self.plasma_frequency() / _PER_VOLT
        relaxing = np.asarray(self.conductance) / self.capacitance / _PER_VOLT
        voltage = np.where(plasma > 0, np.minimum(steady, plasma), relaxing)
        # Without damping and supercurrent the voltage is the charge over C: of no scale.
        voltage = np.where(voltage > 0, voltage, 1e-6)
        return np.stack([np.ones(shape), np.broadcast_to(voltage, shape)])

    def pace(self) -> FloatArray | float:
        """Return the shorter of 1 / ω_p and C / G_L (1 + |ε|), s."""
        slowest = np.asarray(self.conductance) * (1 + np.abs(self.epsilon)) / self.capacitance
        fastest = np.maximum(2 * np.pi * self.plasma_frequency(), slowest)
        with np.errstate(divide="ignore"):
            return np.asarray(1 / fastest)

    def current_loop(self) -> tuple[float, float] | None:
        """Return 1.5 I_c, and a time in which the junction settles at each current, s."""
        largest = float(np.max(self.critical_current))
        if largest == 0:
            return None
        plasma = float(np.max(1 / self.plasma_frequency()))
        with np.errstate(divide="ignore"):
            relaxing = float(np.max(np.divide(self.capacitance, self.conductance)))
            turning = float(np.max(np.asarray(self.conductance) / (_PER_VOLT * largest)))
        if not np.isfinite(relaxing):
            return None  # without damping no current settles
        return 1.5 * largest, 10 * (plasma + relaxing + 2 * np.pi * turning)
