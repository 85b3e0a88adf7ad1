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


def scatter(traces: Sequence[Trace]) -> float:
    """Noise of reads, from the distance of each one to the line through its neighbours.

    Lines are those of ln G against ln t, between neighbours at any distance; points at time 0 are
    left out. The median of the distances counts, which a short steep part of a curve does not
    move.

    Parameters
    ----------
    traces : sequence of Trace
        Those with fewer than three points after time 0 say nothing.

    Returns
    -------
    float
        Standard deviation of ln G; nan where no trace has three points.
    """
    rest = [np.empty(0)]
    for trace in traces:
        known = trace.time > 0
        x, y = np.log(trace.time[known]), np.log(trace.conductance[known])
        if x.size < 3:
            continue
        wide = x[2:] - x[:-2]
        before = np.where(wide > 0, (x[2:] - x[1:-1]) / np.where(wide > 0, wide, 1.0), 0.5)
        off = y[1:-1] - before * y[:-2] - (1 - before) * y[2:]
        rest.append(off / np.sqrt(1 + before**2 + (1 - before) ** 2))
    every = np.concatenate(rest)
    return _NORMAL * float(np.median(np.abs(every))) if every.size else float("nan")


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
