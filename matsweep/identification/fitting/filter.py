"""Extended Kalman filter of a device's state under pulses, seen by noisy reads.

State of a device, as a fraction x of its range, and its reads y in any unit:

    x' = cut(x + f(x) (1 + of_step xi) + of_range xi'),   y = low + width x + e

with f the mean step of a pulse model, xi and xi' standard normal for each pulse, e the noise of a
read, and cut to [0, 1]. The filter carries mean m and variance P of x. By a pulse

    m' = m + f(m),   P' = (1 + f'(m))² P + of_step² (f(m)² + f'(m)² P) + of_range²

exact where f is affine and the noise small; near a bound both become those of the normal
distribution cut to [0, 1]. A read corrects them by Kalman's gain. The first read of a record has no
prediction: it sets the state.

References
----------
A. H. Jazwinski, Stochastic Processes and Filtering Theory, 1970, sec. 8.3 (the extended filter);
A. C. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989,
doi:10.1017/CBO9781107049994, sec. 3.4 (the likelihood from innovations).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numba import types

from matsweep.core.compiled import compiled
from matsweep.core.kernel import Kernel
from matsweep.core.pointer import Pointer

_NUMBERS = types.Array(types.float64, 1, "C", readonly=True)
_STEP = types.float64(types.float64, types.boolean, _NUMBERS, _NUMBERS, types.float64)
_NARROW = 4.0  # standard deviations from a bound, beyond which the cut changes nothing
_DIFFERENCE = 1e-4  # of the state, for the slope of the step
_LEAST = 1e-14  # variance of an innovation


@functools.cache
def step_of(kernel: Kernel) -> Pointer:
    """Compile a pulse model's kernel in double precision.

    Parameters
    ----------
    kernel : Kernel

    Returns
    -------
    Pointer
        Address of the compiled kernel.
    """
    return Pointer(kernel, _STEP)


@compiled
def _cut(mean: Any, variance: Any) -> Any:
    """Mean and variance of a normal distribution after the cut to [0, 1].

    What lies beyond a bound comes to lie on it.
    """
    deviation = math.sqrt(variance)
    if deviation < 1e-9:
        return min(max(mean, 0.0), 1.0), variance
    a, b = -mean / deviation, (1.0 - mean) / deviation
    below = 0.5 * math.erfc(-a / math.sqrt(2.0))
    above = 0.5 * math.erfc(b / math.sqrt(2.0))
    inside = max(1.0 - below - above, 0.0)
    at_a = math.exp(-0.5 * a * a) / math.sqrt(2.0 * math.pi)
    at_b = math.exp(-0.5 * b * b) / math.sqrt(2.0 * math.pi)
    first = mean * inside + deviation * (at_a - at_b) + above
    second = (
        (mean * mean + variance) * inside
        + 2.0 * mean * deviation * (at_a - at_b)
        + variance * (a * at_a - b * at_b)
        + above
    )
    return first, max(second - first * first, 0.0)


@compiled
def _pulsed(
    step: Any, up: Any, own: Any, table: Any, of_step: Any, of_range: Any, mean: Any, variance: Any
) -> Any:
    """Mean and variance of the state after a pulse; of_step and of_range are variances."""
    x = min(max(mean, 0.0), 1.0)
    near = x + _DIFFERENCE if x < 0.5 else x - _DIFFERENCE
    change = step(x, up, own, table, 0.0)
    slope = (step(near, up, own, table, 0.0) - change) / (near - x)
    slope = min(max(slope, -2.0), 1.0)
    variance = (
        (1.0 + slope) ** 2 * variance
        + of_step * (change * change + slope * slope * variance)
        + of_range
    )
    mean = x + change
    reach = _NARROW * math.sqrt(variance)
    if mean - reach < 0.0 or mean + reach > 1.0:
        mean, variance = _cut(mean, variance)
    return mean, variance


@compiled
def run_filter(
    step: Any,
    own: Any,
    table: Any,
    reads: Any,
    pulses: Any,
    linked: Any,
    device: Any,
    noise: Any,
    low: Any,
    width: Any,
    innovation: Any,
    spread: Any,
    mean: Any,
) -> None:
    """Filter the records of all devices.

    Parameters
    ----------
    step : Pointer
        From `step_of`.
    own : (device, k) float64 array
        Parameters of each device, as the pulse model's `flat` returns them.
    table : (m,) float64 array
        Numbers that all devices share.
    reads : (n,) float64 array
        In the order of the measurement, device by device.
    pulses : (n,) int64 array
        Pulses between the read before and this one: > 0 potentiating, < 0 depressing.
    linked : (n,) bool array
        Whether the state carries over from the read before; else a record begins.
    device : (n,) int64 array
    noise : (3,) float64 array
        Variances: of a read (unit of `reads`, squared), of_step² and of_range².
    low : float64
        Lower bound of the range, in the unit of `reads`.
    width : float64
        Of the range, likewise.
    innovation : (n,) float64 array
        Written: read less prediction; 0 where a record begins.
    spread : (n,) float64 array
        Written: variance of the innovation; 1 where a record begins.
    mean : (n,) float64 array
        Written: filtered state, as a fraction of the range.
    """
    m, p = 0.5, 1.0
    read_noise = noise[0] / (width * width)
    for n in range(reads.shape[0]):
        y = (reads[n] - low) / width
        if not linked[n]:
            m, p = y, read_noise
            innovation[n], spread[n], mean[n] = 0.0, 1.0, m
            continue
        up = pulses[n] > 0
        for _ in range(abs(pulses[n])):
            m, p = _pulsed(step, up, own[device[n]], table, noise[1], noise[2], m, p)
        total = max(p + read_noise, _LEAST)
        gain = p / total
        innovation[n] = (y - m) * width
        spread[n] = total * width * width
        m += gain * (y - m)
        p *= 1.0 - gain
        mean[n] = m


@compiled
def run_scoring(
    step: Any,
    own: Any,
    table: Any,
    reads: Any,
    pulses: Any,
    linked: Any,
    device: Any,
    shared: Any,
    size: Any,
    information: Any,
    score: Any,
) -> None:
    """Fisher's information and score of every device, by differences of filters side by side.

    The innovations v of variance s give the information of parameters a and b as the sum over reads
    of v_a v_b / s + s_a s_b / (2 s²), with v_a and s_a their derivatives.

    Parameters
    ----------
    step : Pointer
    own : (1 + q, device, k) float64 array
        Parameters of each device: as they are, then with each of q parameters changed.
    table : (m,) float64 array
    reads : (n,) float64 array
    pulses : (n,) int64 array
    linked : (n,) bool array
    device : (n,) int64 array
        As of `run_filter`, like those before.
    shared : (1 + q, 5) float64 array
        Variances of a read, of_step² and of_range², lower bound and width.
    size : (q, device) float64 array
        The changes; 0: the parameter is known, and its row and column stay 0.
    information : (device, q, q) float64 array
        Written.
    score : (device, q) float64 array
        Written: derivatives of the log-likelihood.
    """
    sets, q = own.shape[0], own.shape[0] - 1
    m, p = np.empty(sets), np.empty(sets)
    v, s = np.empty(sets), np.empty(sets)
    dv, ds = np.empty(q), np.empty(q)
    information[:], score[:] = 0.0, 0.0
    for n in range(reads.shape[0]):
        d = device[n]
        up = pulses[n] > 0
        for k in range(sets):
            if k and size[k - 1, d] == 0.0:
                continue
            width = shared[k, 4]
            y = (reads[n] - shared[k, 3]) / width
            noise = shared[k, 0] / (width * width)
            if not linked[n]:
                m[k], p[k] = y, noise
                continue
            mean, variance = m[k], p[k]
            for _ in range(abs(pulses[n])):
                mean, variance = _pulsed(
                    step, up, own[k, d], table, shared[k, 1], shared[k, 2], mean, variance
                )
            total = max(variance + noise, _LEAST)
            gain = variance / total
            v[k] = (y - mean) * width
            s[k] = total * width * width
            m[k] = mean + gain * (y - mean)
            p[k] = variance * (1.0 - gain)
        if not linked[n]:
            continue
        root, half = 1.0 / math.sqrt(s[0]), 1.0 / (math.sqrt(2.0) * s[0])
        pull, push = v[0] / s[0], 0.5 * (v[0] * v[0] / s[0] - 1.0) / s[0]
        for a in range(q):
            if size[a, d] == 0.0:
                dv[a], ds[a] = 0.0, 0.0
                continue
            slope, wide = (v[a + 1] - v[0]) / size[a, d], (s[a + 1] - s[0]) / size[a, d]
            score[d, a] += wide * push - slope * pull
            dv[a], ds[a] = slope * root, wide * half
            for b in range(a + 1):
                information[d, a, b] += dv[a] * dv[b] + ds[a] * ds[b]
    for d in range(information.shape[0]):
        for a in range(q):
            for b in range(a):
                information[d, b, a] = information[d, a, b]
