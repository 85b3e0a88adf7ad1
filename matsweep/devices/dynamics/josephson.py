"""Superconducting memristor: the phase-dependent conductance of a Josephson junction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.checks import in_range
from matsweep.core.constants import flux_quantum
from matsweep.core.quantities import Conductance, Current, Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel

FLUX_QUANTUM = flux_quantum  # Wb


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the phase [rad/s]; return the current [A]."""
    conductance, epsilon, critical = p
    speed = 2 * np.pi / FLUX_QUANTUM * voltage
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    dissipative = conductance * (1 + epsilon * np.cos(state[0])) * voltage
    return float(critical * np.sin(state[0]) + dissipative)


@dataclass(frozen=True, kw_only=True)
class SuperconductingMemristor(CompiledModel, kind="superconducting"):
    """Superconducting memristor: a Josephson junction with its phase-dependent conductance.

    I = I_c sin γ + G_L (1 + ε cos γ) V, dγ/dt = 2π V / Φ0. The second term alone (I_c = 0) is a
    flux-controlled memristor, γ being 2π φ / Φ0; with the supercurrent the junction is a memristor
    and an inductor in parallel, which may give energy back.

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

    References
    ----------
    S. Peotta, M. Di Ventra, Phys. Rev. Applied 2:034011, 2014,
    doi:10.1103/PhysRevApplied.2.034011.
    """

    conductance: FloatArray | Conductance
    epsilon: FloatArray | Dimensionless
    critical_current: FloatArray | Current = 0.0
    phase: FloatArray | Annotated[float, Unit("rad")] = 0.0

    components: ClassVar[tuple[str, ...]] = ("phase",)
    unit: ClassVar[str] = "rad"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", conductance="S")
        self._check(">= 0", critical_current="A")
        self._check("finite", epsilon="", phase="rad")
        for value in np.ravel(self.epsilon):
            in_range("epsilon", float(value), -1.0, 1.0)

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return self.conductance, self.epsilon, self.critical_current

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the phase at rest, rad."""
        return np.broadcast_to(np.asarray(self.phase, np.float64), shape).copy()
