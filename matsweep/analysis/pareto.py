"""Pareto-optimal candidates: N-dimensional, exact and fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.core.checks import UserError, one_of

type Better = Literal["higher", "lower"]
type Costs = NDArray[np.float64]
type Mask = NDArray[np.bool_]
type Index = NDArray[np.intp]

# Below these sizes a plain comparison of all pairs is faster than dividing further.
_SMALL_SET = 64
_FEW_PAIRS = 1 << 14


def pareto_mask(values: ArrayLike, better: Sequence[str]) -> Mask:
    """Mark the non-dominated rows of a table of objectives.

    Row a dominates row b if a is at least as good as b in every objective and better in at
    least one. A row is on the front if no row dominates it. It follows that equal rows are on
    the front together or not at all. A row holding a NaN is never on the front and dominates
    nothing; infinities are compared as numbers.

    Divide and conquer over the sorted rows: O(n log^(m-2) n) for m >= 2 objectives, also when
    every row is on the front; no n x n matrix is built.

    Parameters
    ----------
    values : (row, objective) array, any units
        One column per objective.
    better : sequence of "higher" or "lower"
        The good direction of each column.

    Returns
    -------
    (row,) bool array

    Raises
    ------
    UserError
        If `values` is no table, or the directions do not fit its columns.

    Examples
    --------
    >>> pareto_mask([[0.9, 2.0], [0.8, 3.0], [0.7, 1.0]], ["higher", "lower"]).tolist()
    [True, False, True]

    References
    ----------
    H. T. Kung, F. Luccio, F. P. Preparata, J. ACM 22, 469 (1975), 10.1145/321906.321910.
    """
    costs = _costs(values, better)
    mask = np.zeros(len(costs), dtype=bool)
    valid = np.flatnonzero(~np.isnan(costs).any(axis=1))
    rows = costs[valid]
    hopeful = _not_beaten_by_sample(rows)
    valid, rows = valid[hopeful], rows[hopeful]
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    distinct = rows[first]
    kept = np.zeros(len(distinct), dtype=bool)
    kept[_front(distinct, np.arange(len(distinct)))] = True
    mask[valid[order]] = kept[np.cumsum(first) - 1]
    return mask


def _costs(values: ArrayLike, better: Sequence[str]) -> Costs:
    """Objectives as costs: the lower the better, (row, objective)."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise UserError(f"values must have the shape (row, objective), got {table.shape}")
    if isinstance(better, str) or len(better) != table.shape[1]:
        raise UserError(f"better must name {table.shape[1]} directions, got {better!r}")
    for direction in better:
        one_of("better", direction, ("higher", "lower"))
    signs = [-1.0 if direction == "higher" else 1.0 for direction in better]
    return np.asarray(table * np.array(signs))


def _not_beaten_by_sample(rows: Costs) -> Mask:
    """Mark the rows that the front of a small sample does not dominate.

    A cheap first sieve: of a typical large sweep it leaves a few per cent to be sorted.
    """
    alive = np.arange(len(rows))
    if len(rows) > 16 * _SMALL_SET:
        sample = rows[:: len(rows) // (4 * _SMALL_SET)]
        # The lowest sums of ranks first: these dominate most, and shrink the rest early.
        ranks = sample.argsort(axis=0).argsort(axis=0).sum(axis=1)
        best = sample[np.argsort(ranks, kind="stable")[:_SMALL_SET]]
        for pivot in best:
            here = rows[alive]
            beaten = (here >= pivot).all(axis=1) & (here > pivot).any(axis=1)
            alive = alive[~beaten]
    mask = np.zeros(len(rows), dtype=bool)
    mask[alive] = True
    return mask


def _front(rows: Costs, index: Index) -> Index:
    """Those of `index` that are on the front of the rows at `index`.

    `rows` are distinct and in lexicographic order, so that no row dominates an earlier one.
    """
    if len(index) <= _SMALL_SET:
        here = rows[index]
        by = _pairs(here, here)
        return np.asarray(index[by.sum(axis=1) == 1])  # covered by itself alone
    middle = len(index) // 2
    early, late = _front(rows, index[:middle]), _front(rows, index[middle:])
    # No early row costs more than a late one in the first column: compare the others only.
    return np.concatenate([early, late[~covered(rows[late, 1:], rows[early, 1:])]])


def covered(points: Costs, by: Costs) -> Mask:
    """Mark the points that some row of `by` equals or undercuts in every column.

    Parameters
    ----------
    points : (point, column) array
    by : (row, column) array

    Returns
    -------
    (point,) array of bool
    """
    if len(points) == 0 or len(by) == 0:
        return np.zeros(len(points), dtype=bool)
    columns = points.shape[1]
    if columns == 0:
        return np.ones(len(points), dtype=bool)
    if columns == 1:
        return np.asarray(points[:, 0] >= by[:, 0].min())
    if columns == 2:
        return _covered_in_plane(points, by)
    if len(points) * len(by) <= _FEW_PAIRS:
        return np.asarray(_pairs(points, by).any(axis=1))
    return _covered_by_halves(points, by)


def _pairs(points: Costs, by: Costs) -> Mask:
    """Compare all pairs: (point, by) array, True where `by` covers the point."""
    result = np.ones((len(points), len(by)), dtype=bool)
    for column in range(points.shape[1]):
        result &= points[:, None, column] >= by[None, :, column]
    return result


def _covered_in_plane(points: Costs, by: Costs) -> Mask:
    """`covered` for two columns: the lowest second cost at or below each first cost."""
    order = np.argsort(by[:, 0], kind="stable")
    lowest = np.minimum.accumulate(by[order, 1])
    below = np.searchsorted(by[order, 0], points[:, 0], side="right")
    return np.asarray((below > 0) & (lowest[below - 1] <= points[:, 1]))


def _covered_by_halves(points: Costs, by: Costs) -> Mask:
    """`covered` by splitting both sets at the median of their first column."""
    both = np.concatenate([points[:, 0], by[:, 0]])
    pivot = np.partition(both, len(both) // 2)[len(both) // 2]
    low, high = points[:, 0] < pivot, points[:, 0] > pivot
    result = np.zeros(len(points), dtype=bool)
    # Here the first column is decided (by <= pivot <= point): one column less.
    result[~low] = covered(points[~low, 1:], by[by[:, 0] <= pivot, 1:])
    result[low] = covered(points[low], by[by[:, 0] < pivot])
    high &= ~result
    result[high] = covered(points[high], by[by[:, 0] > pivot])
    return result
