"""Compiled equations of dynamical models, evaluated for batches of devices.

A model's equations are passed as a function pointer, so that one compiled loop serves all of
them. Import this module inside the functions that need it: numba takes half a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import types

from matsweep.core.compiled import compiled, compiled_as, inlined

VECTOR = types.Array(types.float64, 1, "C")
KERNEL = types.float64(VECTOR, types.float64, VECTOR, VECTOR, VECTOR)

# With its type stated, one compiled loop takes every model's equations by their address.
FUNCTION = types.FunctionType(KERNEL)
GRID = types.Array(types.float64, 2, "C")
_EVALUATE = types.void(FUNCTION, GRID, VECTOR, GRID, GRID, GRID, VECTOR, GRID)


@functools.cache
def compiled_kernel(kernel: Callable[..., float]) -> Any:
    """Compile a model's equations together with the functions that they call.

    Parameters
    ----------
    kernel : callable
        Python function of the signature in `CompiledModel`.

    Returns
    -------
    first-class function of numba, of type `KERNEL`
    """
    return compiled_as(KERNEL)(with_compiled_helpers(kernel))


@functools.cache
def with_compiled_helpers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Copy of a function whose helpers are compiled, so that models import without numba.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
    """
    known: dict[str, Any] = function.__globals__
    helpers = {
        name: inlined(with_compiled_helpers(known[name]))
        for name in function.__code__.co_names
        if isinstance(known.get(name), FunctionType)
    }
    copy = FunctionType(function.__code__, {**known, **helpers}, function.__name__)
    return functools.update_wrapper(copy, function)


@compiled
def slope(kernel, x, v, p, low, high, up, down, rate):
    """Write dx/dt (component,), zero where a state would leave its bounds; return the current [A].

    One device: kernel is its equations, x (component,) its state, v its voltage [V], p (p,) its
    parameters, low and high (component,) its bounds; up and down (component,) are work space.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    x : (component,) array
    v : float, V
    p : (p,) array
    low : (component,) array
    high : (component,) array
    up : (component,) array
    down : (component,) array
        Work space: rates of rise and fall.
    rate : (component,) array
        Written.

    Returns
    -------
    float, A
    """
    current = kernel(x, v, p, up, down)
    for k in range(x.size):
        net = up[k] - down[k]
        if (x[k] <= low[k] and net < 0) or (x[k] >= high[k] and net > 0):
            net = 0.0
        rate[k] = net
    return current


@compiled_as(_EVALUATE)
def evaluate(kernel, states, voltages, parameters, low, high, currents, rates):
    """Fill currents [A] and rates at states and voltages; the devices' own arrays repeat.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    states : (point, component) array
    voltages : (point,) array, V
    parameters : (device, p) array
        Point i belongs to device i modulo their number.
    low : (device, component) array
    high : (device, component) array
    currents : (point,) array, A
        Written.
    rates : (point, component) array
        Written.
    """
    up, down = np.empty(states.shape[1]), np.empty(states.shape[1])
    for i in range(states.shape[0]):
        d = i % parameters.shape[0]
        currents[i] = slope(
            kernel, states[i], voltages[i], parameters[d], low[d], high[d], up, down, rates[i]
        )
