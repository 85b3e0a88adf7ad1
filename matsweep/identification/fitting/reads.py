"""Variance of a read, told from that of a pulse by changes that undo each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

_TREND = 5  # pulses of a run over which a step is taken as the same
_LEAST = 30  # pairs of changes
_FAR = 6.0  # deviations from the trend, beyond which a change is left out
_MEDIAN = 0.6745  # of a standard deviation


def read_variance(
    value: FloatArray, pulses: npt.NDArray[np.integer], linked: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Estimate the variance of a read.

    A read y_n = x_n + e_n has its noise in the change before it and, inverted, in the one after it;
    the noise eta of a pulse is in one change only. A change less the mean of five, r, so has

        <r_n²> = a_0 var(eta) + b_0 var(e),   <r_n r_n+1> = a_1 var(eta) + b_1 var(e)

    with the autocorrelations a and b of the filters that lead from eta and e to r. No response to
    pulses is assumed but that it is the same for some pulses of a run.

    Parameters
    ----------
    value : (read,) array
    pulses : (read,) array of int
        Pulse before each read.
    linked : (read,) array of bool
        Whether the state carries over from the read before, without a jump.

    Returns
    -------
    tuple of (float, float), units of `value` squared
        Estimate, which may be negative, and its standard error; infinite where runs are short.
    """
    half = _TREND // 2
    change = np.diff(value, prepend=value[:1])
    same = linked & (np.abs(pulses) <= 1)
    runs = np.ones(value.size, bool)
    for back in range(_TREND):
        runs[back:] &= same[: value.size - back] & (pulses[: value.size - back] == pulses[back:])
        runs[:back] = False
    sums = np.concatenate([[0.0], np.cumsum(change)])
    ends = np.flatnonzero(runs)
    rest = np.full(value.size, np.nan)
    rest[ends - half] = change[ends - half] - (sums[ends + 1] - sums[ends + 1 - _TREND]) / _TREND
    size = np.abs(rest[np.isfinite(rest)])
    if size.size:
        rest[~(np.abs(rest) <= _FAR * np.median(size) / _MEDIAN)] = np.nan
    first, second = rest[:-1], rest[1:]
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < _LEAST:
        return 0.0, np.inf
    first, second = first[known], second[known]
    of_pulse = -np.ones(_TREND) / _TREND
    of_pulse[half] += 1
    of_read = np.diff(of_pulse, prepend=0, append=0)
    a, b = ([float(c @ c), float(c[1:] @ c[:-1])] for c in (of_pulse, of_read))
    square = (first**2 + second**2) / 2
    each = (a[0] * first * second - a[1] * square) / (a[0] * b[1] - a[1] * b[0])
    return float(each.mean()), float(each.std(ddof=1) / each.size**0.5)
