"""Pareto sets with sense: differences that are within errors or tolerances decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.pairs import Counts, Values, finest_step, paired, student
from matsweep.analysis.pareto import Index, Mask, covered, pareto_mask
from matsweep.core.checks import UserError, in_range, non_negative

SHARE_TOLERANCE = 0.005
"""Tolerance of a share of successes: half a percentage point."""
RELATIVE_TOLERANCE = 0.02
"""Tolerance of other metrics, relative to the larger of two values."""
_MOST = 3.0
"""Tolerances that an error counts up to: an unknown difference is not a small one."""
_SAMPLE = 2000  # candidates that the finest step of a metric is read from
_FAR = 1e12  # tolerances, in the place of infinity
_SCALE = 1e-3  # of a metric whose tolerance is 0, in the order in which candidates are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """Differences that decide whether a candidate is dominated.

    a dominates b in one of two ways. Either no objective of a is worse, and one is better beyond
    the paired error e. Or no objective of a is worse by more than max(t, min(e, 3 t)), t being the
    tolerance, and one is better by more than max(t, e). The paired error e is half of Student's
    interval of the mean difference over the realisations that both have; it is 0 where a metric
    does not depend on the realisation.

    Parameters
    ----------
    tolerance : float, mapping of str to float, or None
        Of all objectives, or by name: relative to the larger of two values, absolute for a share of
        successes. None, and for names that a mapping leaves out: 2 % of the value, 0.5 percentage
        points of a share.
    confidence : float or None
        Of the interval; None: errors do not count.
    useful : float or None
        Share of the way from guessing to the ideal machine that the merit must reach for a
        candidate to count; None: all count.
    """

    tolerance: float | Mapping[str, float] | None = None
    confidence: float | None = 0.95
    useful: float | None = 0.9

    def __post_init__(self) -> None:
        given = self.tolerance
        for value in given.values() if isinstance(given, Mapping) else (given,):
            if value is not None:
                non_negative("tolerance", value)
        if self.confidence is not None:
            in_range("confidence", self.confidence, 0.5, 0.9999)
        if self.useful is not None:
            in_range("useful", self.useful, 0.0, 1.0)

    @property
    def exact(self) -> bool:
        """Whether the smallest difference of means decides."""
        return self.tolerance == 0 and self.confidence is None

    def margin(self, name: str, share: bool) -> float:
        """Tolerance of one objective.

        Parameters
        ----------
        name : str
        share : bool
            Whether it is a share of successes.

        Returns
        -------
        float
        """
        given = self.tolerance.get(name) if isinstance(self.tolerance, Mapping) else self.tolerance
        if given is not None:
            return float(given)
        return SHARE_TOLERANCE if share else RELATIVE_TOLERANCE


SENSE = Sense()
"""Differences that count by default."""
EXACT = Sense(tolerance=0.0, confidence=None, useful=None)
"""Pareto dominance of the means as they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """One objective of some candidates, as a cost.

    Parameters
    ----------
    cost : (candidate,) array
        Mean, the lower the better.
    realised : (candidate, realisation) array or None
        Each realisation, the lower the better; None: the metric does not depend on it.
    tolerance : float
    relative : bool
        Whether the tolerance is relative to the larger of two values.
    """

    cost: Values
    realised: Values | None
    tolerance: float
    relative: bool

    def tolerances(self, first: Values | float, second: Values | float) -> Values:
        """Tolerance between values; none between infinite ones.

        Parameters
        ----------
        first : (...) array or float
        second : (...) array or float

        Returns
        -------
        (...) array
            In the unit of the values.
        """
        if not self.relative:
            return np.asarray(self.tolerance)
        size = np.maximum(np.abs(first), np.abs(second))
        return np.asarray(self.tolerance * np.where(np.isfinite(size), size, 0.0))

    @property
    def order(self) -> Values:
        """Cost in tolerances, growing with it; by its logarithm where that is relative."""
        cost, one = self.cost, max(self.tolerance, _SCALE)
        if self.relative:
            sizes = np.abs(cost[np.isfinite(cost) & (cost != 0)])
            least = float(sizes.min()) if sizes.size else 1.0
            cost = np.sign(cost) * np.log1p(np.abs(cost) / least)
        return np.asarray(np.clip(cost / one, -_FAR, _FAR))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Front:
    """Pareto set of candidates.

    Parameters
    ----------
    mask : (candidate,) array of bool
    by : (candidate,) array of int
        Position of the candidate of the set that dominates each one that is off it by tolerance or
        error; -1 for all others.
    """

    mask: Mask
    by: Index


def sensible_front(objectives: list[Objective], count: Counts, confidence: float | None) -> Front:
    """Pareto set in which differences within errors and tolerances do not decide; see `Sense`.

    First all candidates go that an exact front dominates beyond the largest error that a pair can
    have: O(n log^(m-2) n). The others are taken from the lowest sum of costs on, and one is left
    off if one already taken dominates it. So each of these that is left off has one in the set that
    is as good, and no chain of small steps leads away from the set; one that went first may have
    gone by a candidate that is itself left off. A candidate may stay that one taken later
    dominates.

    Parameters
    ----------
    objectives : list of Objective
        At least one.
    count : (candidate,) array of int
        Realisations of each candidate.
    confidence : float or None
        Of the paired intervals; None: errors do not count.

    Returns
    -------
    Front

    Raises
    ------
    UserError
        If there is no objective.
    """
    if not objectives:
        raise UserError("objectives must name at least one metric")
    costs = np.stack([each.cost for each in objectives], axis=1)
    known = ~np.isnan(costs).any(axis=1)
    mask, by = np.zeros(len(costs), dtype=bool), np.full(len(costs), -1, dtype=np.intp)
    pairs = _Pairs(objectives, count, confidence)
    left = np.flatnonzero(known)
    left = left[~_surely_beaten(pairs, costs, left)]
    sums = np.sum([each.order[left] for each in objectives], axis=0)
    taken = np.empty(left.size, dtype=np.intp)
    size = 0
    for row in left[np.lexsort((*costs[left].T[::-1], sums))].tolist():
        beaters = pairs.dominating(taken[:size], row)
        if beaters.size:
            by[row] = beaters[0]
        else:
            taken[size] = row
            size += 1
            mask[row] = True
    return Front(mask=mask, by=by)


class _Pairs:
    """Comparison of pairs of candidates."""

    def __init__(
        self, objectives: list[Objective], count: Counts, confidence: float | None
    ) -> None:
        self.objectives, self.count = objectives, count
        self.level = None if confidence is None else 1 - confidence
        self.steps = [
            0.0 if each.realised is None else finest_step(each.realised[:_SAMPLE])
            for each in objectives
        ]

    def dominating(self, rows: Index, one: int) -> Index:
        """Those of some rows that dominate one."""
        if not rows.size:
            return rows
        worse, tolerances = [], []
        hopeful = np.ones(rows.size, dtype=bool)
        for each in self.objectives:
            mine, theirs = each.cost[one], each.cost[rows]
            tolerance = each.tolerances(theirs, mine)
            with np.errstate(invalid="ignore"):  # of infinities
                deficit = np.where(theirs == mine, 0.0, theirs - mine)
            hopeful &= deficit <= _MOST * tolerance
            worse.append(deficit)
            tolerances.append(np.broadcast_to(tolerance, deficit.shape))
        near = np.flatnonzero(hopeful)
        if not near.size:
            return rows[near]
        plain, tolerant = (np.ones(near.size, dtype=bool) for _ in range(2))
        beyond, clearly = (np.zeros(near.size, dtype=bool) for _ in range(2))
        for number, (deficit, tolerance) in enumerate(zip(worse, tolerances, strict=True)):
            error = self.errors(number, rows[near], one)
            lack, within = deficit[near], tolerance[near]
            plain &= lack <= 0
            beyond |= -lack > error
            tolerant &= lack <= np.maximum(within, error)  # all lack no more than _MOST * within
            clearly |= -lack > np.maximum(within, error)
        return rows[near[(plain & beyond) | (tolerant & clearly)]]

    def errors(self, number: int, rows: Index, one: int) -> Values:
        """Half the interval of the difference of an objective between some rows and one."""
        realised = self.objectives[number].realised
        shared = np.minimum(self.count[rows], self.count[one])
        if self.level is None or realised is None:
            return np.zeros(rows.size)
        _, error = paired(realised[rows], realised[one], shared, self.steps[number])
        return np.where(shared > 1, student(self.level, np.maximum(shared, 2)) * error, 0.0)

    def bounds(self, number: int, rows: Index) -> Values:
        """Part of each row in the largest half interval that any pair can have."""
        realised = self.objectives[number].realised
        if self.level is None or realised is None:
            return np.zeros(rows.size)
        several = self.count[rows][self.count[rows] > 1]
        if not several.size:
            return np.zeros(rows.size)
        least = several.min(keepdims=True)
        there = np.arange(realised.shape[1]) < self.count[rows, None]
        own, total = realised[rows], np.maximum(self.count[rows], 1)
        mean = np.sum(own, axis=1, where=there) / total
        square = np.sum((own - mean[:, None]) ** 2, axis=1, where=there)
        # Over the realisations of a pair, at least `least`, squares sum to no more than over all.
        spread = np.sqrt(square / (least - 1)) + self.steps[number] / 4
        return np.asarray(student(self.level, least) * spread / np.sqrt(least))


def _surely_beaten(pairs: _Pairs, costs: Values, rows: Index) -> Mask:
    """Mark the rows that a candidate equals or beats in all means, in one beyond any error."""
    table = costs[rows]
    best = pareto_mask(table, ["lower"] * table.shape[1]) if rows.size else np.zeros(0, bool)
    beaten = np.zeros(rows.size, dtype=bool)
    for column in range(table.shape[1]):
        bounds = pairs.bounds(column, rows)
        points, by = table[~best], table[best]
        points[:, column] = np.nextafter(points[:, column] - bounds[~best], -np.inf)
        by[:, column] += bounds[best]
        beaten[~best] |= covered(points, by)
    return beaten


def in_words(value: float, share: bool) -> str:
    """Write a tolerance: "0.5 percentage points", "2 %".

    Parameters
    ----------
    value : float
    share : bool
        Whether it is absolute, of a share.

    Returns
    -------
    str
    """
    return f"{100 * value:.3g} {'percentage points' if share else '%'}"


def exactly(objectives: list[Objective]) -> Front:
    """Pareto set of the means as they are.

    Parameters
    ----------
    objectives : list of Objective

    Returns
    -------
    Front
    """
    table: NDArray[np.float64] = np.stack([each.cost for each in objectives], axis=1)
    mask = pareto_mask(table, ["lower"] * len(objectives))
    return Front(mask=mask, by=np.full(len(mask), -1, dtype=np.intp))
