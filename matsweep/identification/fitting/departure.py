"""Departure of a fitted law from its data, against the scatter of reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.measurements import Trace

_TIMES, _LEAST = 1.0, 0.02  # allowed excess: times the scatter of reads; of the conductance
_CORRELATED = 3.0  # standard errors of the correlation of neighbouring residuals
_FAR = 3.0  # times the scatter of reads: too much for any order of residuals
_NORMAL = 1.4826  # standard deviation over median of the distance, of a normal distribution
_ORDERS = (2, 3, 4)  # of differences: free of slopes, of curvature, and of its change
_ENOUGH = 10  # differences of the orders above 2, fewer of which may be small by luck
_FREEDOM = 6  # degrees of freedom of the differences between devices, likewise
_ALIKE = 0.01  # relative difference of times that count as the same
_RESOLVED = 12  # reads of a trace that show its curvature, a decay within five decades of time


def scatter(traces: Sequence[Trace]) -> float:
    """Noise of reads: the least of several estimates, each of which the law can only increase.

    - Distance of each read to the line through its neighbours, and higher differences, of ln G
      against ln t; points at time 0 are left out. The median of the distances counts, which a
      short steep part of a curve does not move.
    - Differences between devices of the same temperature and state at the same times, after a
      straight line of each device's ln G against their mean, in which devices may differ
      regularly. A curve that all share, however steep, does not contribute.

    Parameters
    ----------
    traces : sequence of Trace
        Those with fewer than three points after time 0 say nothing.

    Returns
    -------
    float
        Standard deviation of ln G; nan where no trace has three points.
    """
    estimates = [_replicated(traces)]
    for order in _ORDERS:
        off = np.concatenate([np.empty(0), *(_differences(trace, order) for trace in traces)])
        if off.size >= (1 if order == _ORDERS[0] else _ENOUGH):
            estimates.append(_NORMAL * float(np.median(np.abs(off))))
    known = [each for each in estimates if np.isfinite(each)]
    return min(known) if known else float("nan")


def resolved(traces: Sequence[Trace]) -> bool:
    """Whether reads suffice to separate their noise from the curvature of the traces.

    Parameters
    ----------
    traces : sequence of Trace

    Returns
    -------
    bool
        False where most traces have few reads, and too few devices were read at the same times:
        `scatter` is an upper limit then, which may exceed the noise by far.
    """
    reads = float(np.median([np.count_nonzero(trace.time > 0) for trace in traces]))
    return reads >= _RESOLVED or bool(np.isfinite(_replicated(traces)))


def _differences(trace: Trace, order: int) -> FloatArray:
    """Differences of ln G, of unit weight, that polynomials of ln t below an order do not have."""
    known = trace.time > 0
    x, y = np.log(trace.time[known]), np.log(trace.conductance[known])
    if x.size <= order:
        return np.empty(0)
    near = np.lib.stride_tricks.sliding_window_view(x, order + 1)
    near = near - near.mean(axis=1, keepdims=True)
    reach = np.abs(near).max(axis=1, keepdims=True)
    powers = (near / np.where(reach > 0, reach, 1.0))[:, :, None] ** np.arange(order)
    # The last column of a complete Q is orthogonal to all powers.
    weights = np.linalg.qr(powers, mode="complete")[0][:, :, -1]
    values = np.lib.stride_tricks.sliding_window_view(y - y.mean(), order + 1)
    return np.asarray(np.sum(weights * values, axis=1))


def _replicated(traces: Sequence[Trace]) -> float:
    """Noise of reads from devices read at the same times; nan where these are too few."""
    square, freedom = 0.0, 0
    for group in _alike(traces):
        y = np.log([trace.conductance for trace in group])
        y = y - y.mean(axis=1, keepdims=True)
        mean = y.mean(axis=0)
        if y.shape[0] > 1 and y.shape[1] > 2:
            rest = y - np.outer(y @ mean, mean) / max(float(mean @ mean), 1e-300)
            square += float(np.sum(rest**2))
            freedom += (y.shape[0] - 1) * (y.shape[1] - 2)
    return float(np.sqrt(square / freedom)) if freedom >= _FREEDOM else float("nan")


def _alike(traces: Sequence[Trace]) -> list[list[Trace]]:
    """Group traces of one temperature and state, read at the same times."""
    groups = list[list[Trace]]()
    for trace in traces:
        for group in groups:
            one = group[0]
            if (
                (one.temperature, one.state) == (trace.temperature, trace.state)
                and one.time.size == trace.time.size
                and np.allclose(one.time, trace.time, rtol=_ALIKE, atol=0)
            ):
                group.append(trace)
                break
        else:
            groups.append([trace])
    return groups


def departs(residuals: Sequence[FloatArray], noise: float) -> bool:
    """Whether residuals are far larger than the noise of reads, and not only by luck.

    The part of them that noise does not explain exceeds the noise, and 2 % of the conductance; and
    neighbours are correlated, or the median residual exceeds three times that of the noise.

    Parameters
    ----------
    residuals : sequence of (n,) array
        Of each trace in the order of time, relative to the conductance.
    noise : float
        Of one read, as `scatter` returns it; nan: not known, and taken as 0.

    Returns
    -------
    bool
    """
    noise = 0.0 if np.isnan(noise) else noise
    every = np.concatenate(list(residuals))
    square = float(np.mean(every**2))
    excess = np.sqrt(max(square - noise**2, 0.0))
    if excess <= max(_TIMES * noise, _LEAST):
        return False
    products = np.concatenate([each[1:] * each[:-1] for each in residuals])
    correlation = float(np.sum(products)) / float(np.sum(every**2))
    wide = _NORMAL * float(np.median(np.abs(every)))
    return correlation * np.sqrt(every.size) > _CORRELATED or wide > _FAR * noise
