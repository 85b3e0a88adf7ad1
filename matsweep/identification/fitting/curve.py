"""The mean step against the state without a formula: a curve of straight pieces.

Knots lie where the response bends, by the step's own size: a step that spans decades is resolved at
all of them. The outermost states measured are knots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray

_EXACT = 0.03  # of a step: error of the mean of a group, where there are changes enough
_WIDE = 0.04  # of the range: widest group of states
_RATIO = 1.5  # of the distances to a bound within a group
_NEAR = 2e-3  # of the range: distances to a bound up to here are alike
_STILL = 1e-5  # of the range: steps up to here are alike
_PARTS = 12  # least number of groups, if none is narrow
_KNOTS = 20
_OFF = 0.01  # of a step: error of a straight piece
_DOUBT = 2.0  # standard errors of a mean, that a straight piece may be off
_MEDIAN = 0.6745
_ROUGH = 21  # changes that noise is taken from


class Curve(NamedTuple):
    """Mean step: knots (knot,), increasing states, and the steps there."""

    knots: FloatArray
    steps: FloatArray

    def at(self, state: FloatArray) -> FloatArray:
        """Interpolate, constant beyond the outermost knots.

        Parameters
        ----------
        state : (…) array, fractions of the range

        Returns
        -------
        (…) array, fractions of the range
        """
        return np.interp(state, self.knots, self.steps)


def find_curve(state: FloatArray, change: FloatArray) -> Curve:
    """Find the mean step of changes.

    Changes at neighbouring states are averaged, as many as their noise asks for and the density of
    states allows. Of these means, the ones that straight pieces do not reproduce become knots.

    Parameters
    ----------
    state : (change,) array, fractions of the range
    change : (change,) array, fractions of the range

    Returns
    -------
    Curve
    """
    order = np.argsort(state, kind="stable")
    x, d = state[order], change[order]
    noise, size = _noise(x, d), _smooth(np.abs(d))
    wanted = (noise / (_EXACT * size + _STILL)) ** 2
    most = max(1, x.size // _PARTS)
    total = np.concatenate([[0.0], np.cumsum(np.minimum(wanted, most))])
    starts, begin = [0], 0
    for i in range(1, x.size):
        if (i - begin) ** 2 >= total[i] - total[begin] or _apart(x[begin], x[i]):
            starts.append(i)
            begin = i
    at = np.array(starts)
    count = np.diff(np.append(at, x.size))
    mean_x, mean_d = np.add.reduceat(x, at) / count, np.add.reduceat(d, at) / count
    error = np.add.reduceat(noise, at) / count / np.sqrt(count)
    # Groups at one state are one.
    held, place = np.unique(mean_x, return_inverse=True)
    number = np.bincount(place, count)
    mean_d, error = (np.bincount(place, count * each) / number for each in (mean_d, error))
    return _simplified(held, mean_d, error)


def _apart(low: float, high: float) -> bool:
    """Whether states are too far from each other for one group."""
    above, below = (high + _NEAR) / (low + _NEAR), (1 - low + _NEAR) / (1 - high + _NEAR)
    return high - low > _WIDE or above > _RATIO or below > _RATIO


def _smooth(values: FloatArray) -> FloatArray:
    """Return the median of neighbours (n,): a single bend is no noise."""
    size = min(_ROUGH, values.size)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(values, size), axis=1)
    at = np.clip(np.arange(values.size) - size // 2, 0, values.size - size)
    return np.asarray(medians[at])


def _noise(x: FloatArray, d: FloatArray) -> FloatArray:
    """Return the deviation (n,) of changes about the straight line between their neighbours.

    By medians: that of a normal distribution is 0.6745 of its deviation.
    """
    if x.size < 3:
        return np.zeros(x.size)
    gap = x[2:] - x[:-2]
    share = np.where(gap > 0, (x[1:-1] - x[:-2]) / np.where(gap > 0, gap, 1), 0.5)
    rest = d[1:-1] - (1 - share) * d[:-2] - share * d[2:]
    size = np.abs(rest) / np.sqrt(1 + share**2 + (1 - share) ** 2)
    return _smooth(np.pad(size, 1, mode="edge")) / _MEDIAN


def thinned(
    x: FloatArray, values: FloatArray, allowed: FloatArray, most: int | None = None
) -> list[int]:
    """Find the points between which straight lines reproduce all others.

    Parameters
    ----------
    x : (n,) array, increasing
    values : (n, column) array
    allowed : (n, column) array
        Errors that are no errors, > 0.
    most : int or None
        Number of points; the worst errors go first.

    Returns
    -------
    list of int
        Indices, increasing, with the first and the last point.

    References
    ----------
    D. Douglas, T. Peucker, Cartographica 10:112, 1973, doi:10.3138/FM57-6770-U75U-7727.
    """
    kept = [0, x.size - 1] if x.size > 1 else [0]
    while len(kept) < min(most or x.size, x.size):
        lines = [np.interp(x, x[kept], column[kept]) for column in values.T]
        off = (np.abs(values - np.stack(lines, axis=1)) / allowed).max(axis=1)
        worst = int(off.argmax())
        if off[worst] <= 1:
            break
        kept = sorted({*kept, worst})
    return kept


def _simplified(x: FloatArray, d: FloatArray, error: FloatArray) -> Curve:
    """Return the curve of fewest knots within the tolerance."""
    off_by = _OFF * (np.abs(d) + _STILL)
    allowed = np.maximum(off_by, _DOUBT * error)
    kept = thinned(x, d[:, None], allowed[:, None], _KNOTS)
    # Least squares of all means, each by its error: fewer knots than means average noise.
    weight = 1 / np.hypot(off_by, error)
    hats = np.stack([np.interp(x, x[kept], unit) for unit in np.eye(len(kept))], axis=1)
    steps = np.linalg.lstsq(hats * weight[:, None], d * weight, rcond=None)[0]
    return Curve(x[kept], steps)
