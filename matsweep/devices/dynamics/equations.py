"""Equations of dynamical models, compiled by numba and evaluated for batches of devices.

A model's equations come in as a function pointer, so that one compiled loop serves all of them.
Import this module where it is called: numba takes half a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

VECTOR = types.Array(types.float64, 1, "C")
KERNEL = types.float64(VECTOR, types.float64, VECTOR, VECTOR, VECTOR)

# With its type stated, one compiled loop takes every model's equations by their address.
FUNCTION = types.FunctionType(KERNEL)
GRID = types.Array(types.float64, 2, "C")
_EVALUATE = types.void(FUNCTION, GRID, VECTOR, GRID, GRID, GRID, VECTOR, GRID)

strict = njit(cache=True, error_model="numpy")


@functools.cache
def compiled(kernel: Callable[..., float]) -> Any:
    """Return a model's equations, compiled."""
    return njit(KERNEL, cache=True, error_model="numpy")(kernel)


@strict
def slope(kernel, x, v, p, low, high, up, down, rate):
    """Write dx/dt, zero where a state would leave its bounds, and return the current."""
    current = kernel(x, v, p, up, down)
    for k in range(x.size):
        net = up[k] - down[k]
        if (x[k] <= low[k] and net < 0) or (x[k] >= high[k] and net > 0):
            net = 0.0
        rate[k] = net
    return current


@njit(_EVALUATE, cache=True, error_model="numpy")
def evaluate(kernel, states, voltages, parameters, low, high, currents, rates):
    """Fill currents (point,) and rates (point, component); the devices' own arrays repeat."""
    up, down = np.empty(states.shape[1]), np.empty(states.shape[1])
    for i in range(states.shape[0]):
        d = i % parameters.shape[0]
        currents[i] = slope(
            kernel, states[i], voltages[i], parameters[d], low[d], high[d], up, down, rates[i]
        )
