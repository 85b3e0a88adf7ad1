"""A pulse model: steps that shrink with the square of the distance from the bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import in_range
from matsweep.core.streams import FloatArray
from matsweep.devices.pulses import Parameters, PulseModel


@dataclass(frozen=True, kw_only=True)
class QuadraticBounds(PulseModel, kind="quadratic_bounds"):
    """dx = step_up (1 - x)² and dx = -step_down x².

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        Of the first pulse from the other end.
    """

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
