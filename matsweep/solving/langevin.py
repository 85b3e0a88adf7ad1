"""Devices whose state has white noise, step by step; compiled by numba on first use.

dx = f dt + spread dW is integrated by the classical method of Runge and Kutta, the noise of each
step held constant: exact to order 4 in the drift, and in the mean to order 2 in the noise
(variances are too small by (h / τ)² / 12 of a relaxation time τ, 0.08 % here). The length of a step
is a function of the state at its beginning alone, so that noise and steps are independent.

E. Wong, M. Zakai, Ann. Math. Statist. 36:1560, 1965, doi:10.1214/aoms/1177699916.
"""

from __future__ import annotations

import numpy as np
from numba import types, uint64

from matsweep.core.compiled import compiled, compiled_as
from matsweep.core.philox import cosine_sine, gaussian_radius, philox
from matsweep.devices.dynamics.equations import FUNCTION, GRID, VECTOR, slope
from matsweep.solving.solver import BLOCK, COUNTS, DONE, NOT_FINITE, TOO_MANY_STEPS, inside

_MOST_STEPS = 200_000  # between two times
_SHARE = 0.1  # of the fastest time constant, and of the state's scale: length of a step

_KEYS = types.Array(types.uint64, 1, "C")
_WANDER = types.void(
    FUNCTION, FUNCTION, VECTOR, *(GRID,) * 6, VECTOR, _KEYS, BLOCK, GRID, GRID, COUNTS, COUNTS
)


@compiled
def _draw(count, key, out):
    """Fill (component,) with standard normal numbers of a count and a key."""
    for first in range(0, out.size, 4):
        a, b, c, d = philox(uint64(count), uint64(first), uint64(key))
        for half in range(2):
            radius = gaussian_radius(a if half == 0 else c)
            cosine, sine = cosine_sine(b if half == 0 else d)
            at = first + 2 * half
            if at < out.size:
                out[at] = radius * cosine
            if at + 1 < out.size:
                out[at + 1] = radius * sine


@compiled
def _drift(kernel, noise, x, u, p, low, high, kick, work, rate):
    """Write f + spread · kick, (component,); return the response to the drive."""
    up, down = work[0], work[1]
    noise(x, u, p, up, down)
    for k in range(x.size):
        work[2, k] = up[k] * kick[k]
    answer = slope(kernel, x, u, p, low, high, up, down, rate)
    for k in range(x.size):
        rate[k] += work[2, k]
    return answer


@compiled
def _longest(kernel, x, u, p, low, high, scale, pace, work, rate):
    """Longest step [s] at a state: a share of the fastest time, and of the scale over the drift."""
    slope(kernel, x, u, p, low, high, work[0], work[1], rate)
    fastest = 1 / pace
    for k in range(x.size):
        fastest = max(fastest, abs(rate[k]) / scale[k])
    return _SHARE / fastest if fastest > 0 else np.inf


@compiled
def _wander(
    kernel, noise, times, drive, start, p, low, high, scale, pace, key, states, answers, energy
):  # fmt: skip
    """Integrate one device with its noise; return (steps, how it ended).

    Arguments as of `wander`, of one device.
    """
    n = start.size
    x, inner, work = start.copy(), np.empty(n), np.empty((3, n))
    rates, kick = np.empty((4, n)), np.zeros(n)
    inside(x, low, high)
    states[0] = x
    answers[0] = kernel(x, drive[0], p, work[0], work[1])
    energy[0] = 0.0
    count, total = 0, 0.0
    for index in range(1, times.size):
        t, end = times[index - 1], times[index]
        first, rise = drive[index - 1], 0.0
        if end > t:
            rise = (drive[index] - first) / (end - t)
        begin, taken = t, 0
        while t < end:
            u = first + rise * (t - begin)
            h = _longest(kernel, x, u, p, low, high, scale, pace, work, rates[0])
            if taken >= _MOST_STEPS:
                return count, TOO_MANY_STEPS
            whole = h >= end - t
            h = end - t if whole else h
            _draw(count, key, kick)
            for k in range(n):
                kick[k] /= np.sqrt(h)
            power = 0.0
            for stage in range(4):
                ahead = 0.0 if stage == 0 else (h if stage == 3 else 0.5 * h)
                for k in range(n):
                    inner[k] = x[k] + (ahead * rates[stage - 1, k] if stage > 0 else 0.0)
                inside(inner, low, high)
                now = u + rise * ahead
                answer = _drift(kernel, noise, inner, now, p, low, high, kick, work, rates[stage])
                power += (1 if stage in (0, 3) else 2) * answer * now
            for k in range(n):
                x[k] += h / 6 * (rates[0, k] + 2 * rates[1, k] + 2 * rates[2, k] + rates[3, k])
                if not np.isfinite(x[k]):
                    return count, NOT_FINITE
            inside(x, low, high)
            total += h / 6 * power
            t = end if whole else t + h
            count += 1
            taken += 1
        states[index] = x
        answers[index] = kernel(x, drive[index], p, work[0], work[1])
        energy[index] = total
    return count, DONE


@compiled_as(_WANDER)
def wander(
    kernel, noise, times, drive, start, parameters, low, high, scale, pace, keys, states, answers,
    energy, steps, ended,
):  # fmt: skip
    """Integrate devices with white noise one by one.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    noise : function pointer of type `KERNEL`
        Writes the spread of each component, its unit/√s.
    times : (time,) array, s
    drive : (device or 1, time) array, V or A
    start : (device, component) array
    parameters : (device, p) array
    low : (device, component) array
    high : (device, component) array
    scale : (device, component) array
        Width of the state's range.
    pace : (device,) array, s
        Fastest time constant.
    keys : (device,) array of uint64
        Of each device's random numbers.
    states : (device, time, component) array
        Written.
    answers : (device, time) array, A or V
        Written.
    energy : (device, time) array, J
        Written.
    steps : (device,) array of int
        Written.
    ended : (device,) array of int
        Written: `DONE`, `TOO_MANY_STEPS` or `NOT_FINITE`.
    """
    for d in range(start.shape[0]):
        steps[d], ended[d] = _wander(
            kernel, noise, times, drive[d if drive.shape[0] > 1 else 0], start[d], parameters[d],
            low[d], high[d], scale[d], pace[d], keys[d], states[d], answers[d], energy[d],
        )  # fmt: skip
