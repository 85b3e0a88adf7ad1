"""Candidates that may be the best: those that a study cannot tell apart from it."""

from __future__ import annotations

import numpy as np

from matsweep.analysis.objectives import Objectives, directions
from matsweep.analysis.pairs import Counts, Values, finest_step, paired, student
from matsweep.analysis.pareto import Index, Mask
from matsweep.analysis.view import View
from matsweep.core.checks import in_range

_RIVALS, _FIRST = 64, 4
_PAIRS = 1_000_000  # realisations of pairs that are compared at a time


def best_set(view: View, by: Objectives | None = None, confidence: float = 0.95) -> Mask:
    """Mark the candidates that cannot be told apart from the best; see `may_be_best`.

    Parameters
    ----------
    view : View
    by : name, names or mapping, optional
        The first one counts. Default: the merit of the study.
    confidence : float, in [0.5, 0.9999]

    Returns
    -------
    (candidate,) array of bool
        Of the candidates that are compared, those with a number; see `View.compared`.

    Raises
    ------
    UserError
        If the metric is unknown, or has no good direction.
    """
    name, better = next(iter(directions(view, by or view.merit).items()))
    mask = np.zeros(len(view.done), dtype=bool)
    known = np.flatnonzero(view.compared & np.isfinite(view.column(name)))
    values = view.rows(known).realised(name)
    exact = "realisation" not in view.ds[name].dims
    mask[known] = may_be_best(
        values[:, :1] if exact else values, np.ones(known.size, np.int64) if exact
        else view.given[known], better, confidence=confidence, exact=exact,
    )  # fmt: skip
    return mask


def may_be_best(
    values: Values, count: Counts, better: str, *, confidence: float = 0.95, exact: bool = False
) -> Mask:
    """Mark the rows that may have the best mean: multiple comparisons with the best.

    A row is out if another is better beyond the paired error: if the mean of their differences
    over the realisations that both have exceeds its standard error by Student's quantile at the
    level (1 - confidence) / (rows - 1), one-sided. The best one is then in the set with at least
    the probability `confidence`, whatever the correlation between rows (Bonferroni), for
    differences that are normal. Only the 64 rows of the best means are rivals: fewer rivals leave
    the set larger, never smaller. A row that differs from all better ones by a single realisation
    stays in.

    Parameters
    ----------
    values : (row, realisation) array
    count : (row,) array of int
        Realisations of each row, the first ones.
    better : {"higher", "lower"}
    confidence : float, in [0.5, 0.9999]
    exact : bool
        Whether values do not depend on the realisation: then the set is those of the best value.

    Returns
    -------
    (row,) array of bool

    Raises
    ------
    UserError
        If the confidence is out of its range.

    References
    ----------
    J. C. Hsu, Ann. Statist. 12:1136, 1984, doi:10.1214/aos/1176346732 (comparisons with the best);
    W.-N. Yang, B. L. Nelson, Oper. Res. 39:583, 1991, doi:10.1287/opre.39.4.583 (with common random
    numbers, by Bonferroni's inequality).
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    if not len(values):
        return np.zeros(0, dtype=bool)
    good = values if better == "higher" else -values
    there = np.arange(good.shape[1]) < count[:, None]
    means = np.sum(good, axis=1, where=there) / np.maximum(count, 1)
    rivals = np.argsort(-means, kind="stable")[:_RIVALS]
    if exact:
        return np.asarray(means == means[rivals[0]])
    level = (1 - confidence) / max(len(good) - 1, 1)
    step = finest_step(values)
    left = np.arange(len(good))
    for some in (rivals[:_FIRST], rivals):  # a few rivals leave most out
        blocks = np.array_split(left, 1 + left.size * some.size * good.shape[1] // _PAIRS)
        beaten = [_beaten(good, count, rows, some, level, step) for rows in blocks]
        left = left[~np.concatenate(beaten)]
    return np.isin(np.arange(len(good)), left)


def _beaten(
    good: Values, count: Counts, rows: Index, rivals: Index, level: float, step: float
) -> Mask:
    """Mark the rows that a rival is better than, beyond the paired error."""
    shared = np.minimum(count[rows, None], count[rivals])
    lead, error = paired(good[None, rivals], good[rows, None], shared, step)
    bound = np.where(shared > 1, student(level, np.maximum(shared, 2), sides=1) * error, np.inf)
    return np.asarray((lead > bound).any(axis=1))


def ranked_in_words(count: int, metric: str, confidence: float = 0.95) -> str:
    """Write how many candidates cannot be told apart from the best; empty for one.

    Parameters
    ----------
    count : int
        Of the set, the best one included.
    metric : str
    confidence : float

    Returns
    -------
    str
    """
    if count < 2:
        return ""
    return (f"{count} candidates cannot be told apart from the best by {metric} "
            f"({100 * confidence:.4g} %, all compared at once)")  # fmt: skip
