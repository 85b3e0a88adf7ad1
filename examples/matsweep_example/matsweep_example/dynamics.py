"""A dynamical model: a boundary that drifts exponentially faster with the voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics import CompiledModel


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    g_on, g_off, speed, v0 = p[0], p[1], p[2], p[3]
    x = state[0]
    drift = speed * math.sinh(voltage / v0)
    up[0], down[0] = max(drift, 0.0) * (1 - x), max(-drift, 0.0) * x
    return float((g_off + (g_on - g_off) * x) * voltage)


@dataclass(frozen=True, kw_only=True)
class SinhDrift(CompiledModel, kind="sinh_drift"):
    """i = (g_off + (g_on - g_off) x) v,  dx/dt = s sinh(v / v0) (1 - x or x), x in [0, 1].

    Parameters
    ----------
    g_on, g_off : float or (…) array, S
        Of the whole film, switched and not.
    speed : float or (…) array, 1/s
        s.
    activation_voltage : float or (…) array, V
        v0.
    """

    g_on: FloatArray | float
    g_off: FloatArray | float
    speed: FloatArray | float
    activation_voltage: FloatArray | float

    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", g_on="S", g_off="S", speed="1/s", activation_voltage="V")
        self._check_order("g_off", "g_on", "S")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return g_on, g_off, s and v0."""
        return self.g_on, self.g_off, self.speed, self.activation_voltage

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """Return a boundary at a tenth of the film."""
        return np.full(shape, 0.1)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the ends of the film."""
        return 0.0, 1.0
