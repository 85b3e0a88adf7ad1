"""Stochastic devices whose state jumps by quanta, event by event; compiled by numba on first use.

D. T. Gillespie, J. Phys. Chem. 81:2340, 1977, doi:10.1021/j100540a008.
"""

from __future__ import annotations

import numpy as np
from numba import types, uint32, uint64

from matsweep.core.compiled import compiled, compiled_as
from matsweep.core.philox import philox
from matsweep.devices.dynamics.equations import FUNCTION, GRID, VECTOR
from matsweep.solving.solver import BLOCK, COUNTS, DONE, NOT_FINITE, TOO_MANY_STEPS, inside

_MOST_EVENTS = 10_000_000


_KEYS = types.Array(types.uint64, 1, "C")
_JUMP = types.void(FUNCTION, VECTOR, *(GRID,) * 6, _KEYS, BLOCK, GRID, GRID, COUNTS, COUNTS)


@compiled
def _uniform(count, key):
    """Draw two numbers in (0, 1) that belong to a count and a key."""
    a, b, c, d = philox(uint64(count), uint64(0), uint64(key))
    first = (np.float64(a >> uint32(5)) * 67108864.0 + np.float64(b >> uint32(6)) + 0.5) / 2.0**53
    second = (np.float64(c >> uint32(5)) * 67108864.0 + np.float64(d >> uint32(6)) + 0.5) / 2.0**53
    return first, second


@compiled
def _jump(kernel, times, drive, start, p, low, high, quantum, key, states, answers, energy):
    """Let one device's state jump by its quanta, event by event; return (events, how it ended).

    Gillespie's direct method: the wait until the next event is exponential with the sum of all
    rates
    over their quanta, and the event is drawn by its share of that sum. Arguments as of `jump`, of
    one
    device.
    """
    n = start.size
    x, up, down = start.copy(), np.empty(n), np.empty(n)
    inside(x, low, high)
    states[0] = x
    answers[0] = kernel(x, drive[0], p, up, down)
    energy[0] = 0.0
    count, total = 0, 0.0
    for index in range(1, times.size):
        t, end = times[index - 1], times[index]
        u = 0.5 * (drive[index - 1] + drive[index])
        while t < end:
            answer = kernel(x, u, p, up, down)
            hazard = 0.0
            for k in range(n):
                if quantum[k] > 0:
                    if x[k] + 0.5 * quantum[k] > high[k]:
                        up[k] = 0.0
                    if x[k] - 0.5 * quantum[k] < low[k]:
                        down[k] = 0.0
                    hazard += (up[k] + down[k]) / quantum[k]
            if not np.isfinite(hazard) or not np.isfinite(answer):
                return count, NOT_FINITE
            if count > _MOST_EVENTS:
                return count, TOO_MANY_STEPS
            first, second = _uniform(count, key)
            wait = -np.log(first) / hazard if hazard > 0 else np.inf
            stay = min(wait, end - t)
            total += answer * u * stay
            if t + wait >= end:
                # The wait has no memory: the rest of it is drawn again in the next span.
                count += 1
                break
            t += wait
            count += 1
            pick = second * hazard
            for k in range(n):
                if quantum[k] <= 0:
                    continue
                pick -= up[k] / quantum[k]
                if pick < 0:
                    x[k] = min(x[k] + quantum[k], high[k])
                    break
                pick -= down[k] / quantum[k]
                if pick < 0:
                    x[k] = max(x[k] - quantum[k], low[k])
                    break
        states[index] = x
        answers[index] = kernel(x, drive[index], p, up, down)
        energy[index] = total
    return count, DONE


@compiled_as(_JUMP)
def jump(
    kernel, times, drive, start, parameters, low, high, quantum, keys, states, answers, energy,
    steps, ended,
):  # fmt: skip
    """Let devices jump one by one.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    times : (time,) array, s
    drive : (device or 1, time) array, V
    start : (device, component) array
    parameters : (device, p) array
    low : (device, component) array
    high : (device, component) array
    quantum : (device, component) array
        Change of the state by one event.
    keys : (device,) array of uint64
        Of each device's random numbers.
    states : (device, time, component) array
        Written.
    answers : (device, time) array, A
        Written.
    energy : (device, time) array, J
        Written.
    steps : (device,) array of int
        Written: number of events.
    ended : (device,) array of int
        Written: `DONE`, `TOO_MANY_STEPS` or `NOT_FINITE`.
    """
    for d in range(start.shape[0]):
        steps[d], ended[d] = _jump(
            kernel, times, drive[d if drive.shape[0] > 1 else 0], start[d], parameters[d], low[d],
            high[d], quantum[d], keys[d], states[d], answers[d], energy[d],
        )  # fmt: skip
