"""Monotone fits: a fitted surface on a grid, projected on surfaces with known directions.

Along each parameter with a direction, in turn, the values of all lines of the grid become the
monotone ones of the least weighted squares. The weight of a node is the mean precision of the fit
there: between swept values, where a fit overshoots, it yields to its neighbours. A projection is
never farther from a monotone truth than the fit itself, and it keeps the order of surfaces, so that
projected ends of intervals stay in order. Where the fit is monotone already nothing changes.

References
----------
R. E. Barlow, H. D. Brunk, J. Am. Stat. Assoc. 67:140, 1972, doi:10.1080/01621459.1972.10481216;
V. Chernozhukov, I. Fernández-Val, A. Galichon, Biometrika 96:559, 2009, doi:10.1093/biomet/asp030;
of Gaussian processes: L. Lin, D. B. Dunson, Biometrika 101:303, 2014, doi:10.1093/biomet/ast063.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from matsweep.analysis.studytable import Numbers, Scale, columns_of

_NODES = 24_000  # of a grid, about
_MOST = 131_072
_FINEST, _COARSEST = 81, 5  # nodes along a number, next to its swept values
_LISTED = 12  # swept values that are nodes
_FLOOR = 1e-3  # of the surface's spread: the least deviation that counts for weights
_LADDER = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0])

type Fit = Callable[[Numbers, bool], tuple[Numbers, Numbers]]
"""Columns and whether a deviation is wanted -> mean and deviation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A fit on a grid over all parameters, interpolated linearly along each.

    A surface that rises or falls along a parameter from node to node does so everywhere.

    Parameters
    ----------
    scales : tuple of Scale
    rises : tuple of int
        -1: the metric never rises with the parameter, 1: it never falls, 0: unknown.
    nodes : tuple of (node,) array
        Of each parameter, in its own unit.
    mean, deviation : array with an axis for each parameter
        Of the fit, in the fitted scale.
    inflation : float
        Factor on its deviation.
    shared : float
        Deviation that all points share, in addition.
    """

    scales: tuple[Scale, ...]
    rises: tuple[int, ...]
    nodes: tuple[Numbers, ...]
    mean: Numbers
    deviation: Numbers
    inflation: float = 1.0
    shared: float = 0.0
    _projected: dict[tuple[float, bool], Numbers] = field(default_factory=dict, init=False)

    def end(self, points: Numbers, deviations: float = 0.0, paired: bool = False) -> Numbers:
        """Projected mean, or the projected end of an interval.

        Parameters
        ----------
        points : (n, parameter) array
        deviations : float
            Above the mean; negative: below it.
        paired : bool
            Whether the shared deviation is left out.

        Returns
        -------
        (n,) array
        """
        return np.asarray(self._at(points, [deviations], paired)[0])

    def scores(self, points: Numbers, bound: float, paired: bool = False) -> Numbers:
        """Count the deviations by which projected intervals lie above a bound, within ± 8.

        Their projected ends are taken at 27 numbers of deviations, and interpolated between.

        Parameters
        ----------
        points : (n, parameter) array
        bound : float
        paired : bool

        Returns
        -------
        (n,) array
            Where it is z, the interval's end z deviations below the mean is the bound.
        """
        ladder = np.concatenate([-_LADDER[:0:-1], _LADDER])
        above = self._at(points, (-ladder).tolist(), paired) - bound  # falls with the ladder
        first = np.sum(above >= 0, axis=0) - 1
        last = len(ladder) - 1
        low = np.clip(first, 0, last - 1)
        here, there = (np.take_along_axis(above, at[None], axis=0)[0] for at in (low, low + 1))
        gap = np.maximum(here - there, np.finfo(float).tiny)
        between = ladder[low] + (ladder[low + 1] - ladder[low]) * np.clip(here / gap, 0, 1)
        scores = np.where(first < 0, ladder[0], np.where(first >= last, ladder[-1], between))
        return np.asarray(scores, dtype=np.float64)

    def _on_nodes(self, deviations: float, paired: bool) -> Numbers:
        """Projected end of an interval on the nodes, kept."""
        key = deviations, paired or deviations == 0
        if key not in self._projected:
            shared = 0.0 if paired else self.shared
            out = self.mean + deviations * np.hypot(self.inflation * self.deviation, shared)
            least = _FLOOR * float(np.ptp(self.mean))
            variance = self.deviation**2 + max(least, np.finfo(float).tiny) ** 2
            for axis, rise in enumerate(self.rises):
                if rise:
                    others = tuple(each for each in range(out.ndim) if each != axis)
                    out = _isotonic(out, axis, rise, 1 / np.mean(variance, axis=others))
            self._projected[key] = out
        return self._projected[key]

    def _at(self, points: Numbers, deviations: Sequence[float], paired: bool) -> Numbers:
        """Interpolate projected ends linearly along each parameter, (end, n); held beyond nodes."""
        values = [self._on_nodes(each, paired) for each in deviations]
        below, share = [], []
        for index, scale in enumerate(self.scales):
            ends, x = (_place(scale, each) for each in (self.nodes[index], points[:, index]))
            x = np.clip(x, ends[0], ends[-1])
            place = np.clip(np.searchsorted(ends, x, side="right") - 1, 0, len(ends) - 2)
            below.append(place)
            share.append((x - ends[place]) / (ends[place + 1] - ends[place]))
        total = np.zeros((len(values), len(points)))
        for corner in itertools.product((0, 1), repeat=len(self.nodes)):
            weight = np.ones(len(points))
            for up, part in zip(corner, share, strict=True):
                weight *= part if up else 1 - part
            at = tuple(place + up for place, up in zip(below, corner, strict=True))
            for row, each in zip(total, values, strict=True):
                row += weight * each[at]
        return total


def _isotonic(values: Numbers, axis: int, rise: int, weights: Numbers) -> Numbers:
    """Weighted isotonic regression of all lines along an axis.

    The least of the largest: y_i = max over a <= i of min over b >= i of the weighted mean of
    x_a … x_b. With the same weights for all lines it keeps the order between them.
    """
    x = np.moveaxis(values, axis, 0)[::rise]
    if np.all(np.diff(x, axis=0) >= 0):
        return values
    w = weights[::rise].reshape(-1, *[1] * (x.ndim - 1))
    total = np.concatenate([np.zeros_like(x[:1]), np.cumsum(w * x, axis=0)])
    weight = np.concatenate([np.zeros_like(w[:1]), np.cumsum(w, axis=0)])
    out = np.full_like(x, -np.inf)
    for start in range(len(x)):
        means = (total[start + 1 :] - total[start]) / (weight[start + 1 :] - weight[start])
        least = np.minimum.accumulate(means[::-1], axis=0)[::-1]
        np.maximum(out[start:], least, out=out[start:])
    out = np.maximum.accumulate(out, axis=0)  # against rounding
    return np.moveaxis(out[::rise], 0, axis)


def _place(scale: Scale, values: Numbers) -> Numbers:
    """Coordinate in which a fit is straight between nodes; the number of a level as it is."""
    return values if scale.levels else scale.to_unit(values)


def grid_of(scales: Sequence[Scale], points: Numbers) -> tuple[Numbers, ...] | None:
    """Nodes along each parameter, in its unit; None where a grid over all would be too coarse.

    Values of a parameter that takes a few are nodes, so that the fit keeps its value there.

    Parameters
    ----------
    scales : sequence of Scale
    points : (row, parameter) array
        Swept values.

    Returns
    -------
    tuple of (node,) array, or None
    """
    levels = int(np.prod([len(scale.levels) or 1 for scale in scales]))
    numbers = sum(not scale.levels for scale in scales)
    count = int((_NODES / levels) ** (1 / numbers))
    count = min(max(count, _COARSEST), _FINEST)
    nodes = [
        np.arange(len(scale.levels), dtype=np.float64)
        if scale.levels
        else _along(scale, points[:, index], count)
        for index, scale in enumerate(scales)
    ]
    return tuple(nodes) if np.prod([float(len(each)) for each in nodes]) <= _MOST else None


def _along(scale: Scale, values: Numbers, count: int) -> Numbers:
    """Evenly spaced nodes along a number, the nearest of which are moved to a few swept values."""
    nodes = np.linspace(0, 1, count)
    swept = np.unique(scale.to_unit(values))
    if len(swept) <= _LISTED:
        if len(swept) >= count:
            nodes = swept
        else:
            nearest = np.abs(nodes[:, None] - swept).argmin(axis=0)
            nodes = np.unique(np.concatenate([np.delete(nodes, nearest), swept]))
    return scale.from_unit(nodes)


def surface(
    fit: Fit, scales: tuple[Scale, ...], rises: tuple[int, ...], nodes: tuple[Numbers, ...]
) -> Surface:
    """Evaluate a fit on a grid.

    Parameters
    ----------
    fit : callable
    scales : tuple of Scale
    rises : tuple of int
    nodes : tuple of (node,) array

    Returns
    -------
    Surface
    """
    shape = tuple(len(each) for each in nodes)
    points = np.stack([each.ravel() for each in np.meshgrid(*nodes, indexing="ij")], axis=1)
    mean, spread = fit(columns_of(scales, points), True)
    return Surface(
        scales=scales,
        rises=rises,
        nodes=nodes,
        mean=mean.reshape(shape),
        deviation=spread.reshape(shape),
    )


def contradicts(free: Numbers, bound: Numbers) -> bool:
    """Whether residuals of unseen candidates show that a direction does not hold.

    Squared residuals of the fit with the direction exceed those without it by more than three
    standard errors of their paired difference, and by a tenth on average.

    Parameters
    ----------
    free : (row,) array
        Residuals of the fit without the direction.
    bound : (row,) array
        Of the fit with it.

    Returns
    -------
    bool
    """
    worse = bound**2 - free**2
    error = float(np.std(worse, ddof=1)) / np.sqrt(len(worse))
    mean = float(np.mean(worse))
    return mean > 3 * error and mean > 0.1 * float(np.mean(free**2))
