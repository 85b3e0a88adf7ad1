"""A pulse model: steps that shrink with the square of the distance from the bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy import float32

from matsweep.core.checks import in_range
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.streams import FloatArray
from matsweep.devices.pulses import Parameters, PulseModel


@kernel
def _step(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return the step of `QuadraticBounds`; p (2,): step_up, step_down."""
    if up:
        return p[0] * (float32(1) - x) * (float32(1) - x)
    return -p[1] * x * x


@dataclass(frozen=True, kw_only=True)
class QuadraticBounds(PulseModel, kind="quadratic_bounds"):
    """dx = step_up (1 - x)² and dx = -step_down x².

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        Of the first pulse from the other end.
    """

    kernel: ClassVar[Kernel | None] = _step

    step_up: float
    step_down: float

    def check(self) -> None:
        """Refuse steps beyond (0, 1]."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        if up:
            return np.asarray(parameters["step_up"] * np.square(1 - state)).astype(state.dtype)
        return np.asarray(-parameters["step_down"] * np.square(state)).astype(state.dtype)
