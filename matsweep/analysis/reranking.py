"""Ranking of families under a condition against that under the baseline, with its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.conditions import (
    LEAST,
    Condition,
    Conditions,
    conditions_of,
    paired_difference,
)
from matsweep.analysis.objectives import levelled
from matsweep.analysis.pairs import Values, finest_step
from matsweep.analysis.view import Index, View
from matsweep.core.checks import in_range, whole

type Ranks = NDArray[np.int64]


class Gain(NamedTuple):
    """Gains of families by a condition at one time.

    Parameters
    ----------
    time : float [s] or None
        Since programming; None where the results hold no times.
    before, after : (family,) array of int
        Positions of the best candidate under the baseline and under the condition.
    mean : (family,) array
        Of the merit; positive is better.
    error : (family,) array
        Its standard error; NaN: unknown.
    sure : (family,) array of bool
        Whether it differs from 0 at the stated confidence, all families at once.
    """

    time: float | None
    before: Index
    after: Index
    mean: Values
    error: Values
    sure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reranking:
    """One condition against the baseline.

    Parameters
    ----------
    condition, baseline : Condition
    families : tuple of str
        Those with candidates under both that are equal in all else; best first by the baseline.
    settings : int
        Pairs of such candidates.
    better, worse : int
        Settings that gain and lose beyond the error, each by itself.
    confidence : float
    gains : tuple of Gain
        At each time; the last stands for the time at which candidates are compared.
    ranks_before, ranks_after : (family,) array of int
        From 1; equal ones have the better rank.
    moved : (family,) array of bool
        Whether the rank changes beyond the error, all families at once.
    tau : float
        Kendall's rank correlation (tau-b) of both rankings; NaN for a single family, and where all
        are equal.
    tau_error : float
        Its standard error; NaN: unknown, as with fewer than 3 families or realisations.
    tau_low, tau_high : float
        Its interval.
    tau_by_chance : float
        Mean tau that errors of the differences alone would leave if the condition changed nothing.
    realisations : int
        Least number that two compared candidates have; 1 for a merit that does not depend on it.
    """

    condition: Condition
    baseline: Condition
    families: tuple[str, ...]
    settings: int
    better: int
    worse: int
    confidence: float
    gains: tuple[Gain, ...]
    ranks_before: Ranks
    ranks_after: Ranks
    moved: NDArray[np.bool_]
    tau: float
    tau_error: float
    tau_low: float
    tau_high: float
    tau_by_chance: float
    realisations: int

    @property
    def gain(self) -> Gain:
        """Gains at the time at which candidates are compared."""
        return self.gains[-1]


def rerankings(
    view: View, *, confidence: float = 0.95, samples: int = 4000, seed: int = 0
) -> tuple[Reranking, ...]:
    """Compare the families' best candidates under each condition with those under the baseline.

    Only settings that are done under both conditions take part. The best of each family is chosen
    under each condition at each time by its mean. Differences are taken realisation by realisation.

    Errors of ranks and of tau are by a multiplier bootstrap over the realisations: each sample
    weighs the deviations of the realisations by normal numbers, the same for all candidates, and
    divides by a chi-square of as many degrees, so that few realisations give Student's tails.
    `tau_by_chance` moves the families from the ranking of the baseline by errors of the differences
    alone.

    Parameters
    ----------
    view : View
        At the time at which candidates are compared.
    confidence : float, in [0.5, 0.9999]
        Of intervals. Gains hold for all families at once (`holm`), and so do changes of rank
        (Bonferroni).
    samples : int, >= 100
    seed : int

    Returns
    -------
    tuple of Reranking
        One for each condition but the baseline that shares settings with it.

    References
    ----------
    M. G. Kendall, Biometrika 30:81, 1938, doi:10.1093/biomet/30.1-2.81; C. F. J. Wu, Ann. Statist.
    14:1261, 1986, doi:10.1214/aos/1176350142 (bootstrap by multipliers).
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    whole("samples", samples, low=100)
    found = conditions_of(view)
    if found is None:
        return ()
    at_each = [View(view.ds, time, view.mixed) for time in _times(view)] or [view]
    numbers = [place for place in range(1, len(found.all)) if len(found.pairs(place))]
    return tuple(_reranking(found, at_each, place, confidence, samples, seed) for place in numbers)


def _times(view: View) -> list[float]:
    """List the stored times, that of the comparison last."""
    if view.chosen_time is None or "time" not in view.ds[view.merit].dims:
        return []
    others = sorted(set(np.asarray(view.ds["time"].values, dtype=np.float64).tolist()))
    return [*(time for time in others if time != view.chosen_time), view.chosen_time]


def _reranking(
    found: Conditions,
    at_each: list[View],
    place: int,
    confidence: float,
    samples: int,
    seed: int,
) -> Reranking:
    pairs, view = found.pairs(place), at_each[-1]
    names = view.materials[pairs[:, 0]].astype(str)
    families = np.unique(names)
    level = (1 - confidence) / max(len(families), 1)
    before, after = _best(view, pairs, names, families)
    order = np.argsort(-_good(view, before), kind="stable")
    families = families[order]
    before, after = before[order], after[order]
    gains = tuple(_gain(each, pairs, names, families, 1 - confidence) for each in at_each)
    own, other = _good(view, before), _good(view, after)
    ranks_before, ranks_after = ranks(own), ranks(other)
    alone = _chances(view, pairs[:, 0], pairs[:, 1]) <= 1 - confidence
    gained = _good(view, pairs[:, 1]) > _good(view, pairs[:, 0])
    drawn = _drawn(view, np.concatenate([before, after]), samples, seed)
    tau, moved = kendall(own, other), np.zeros(len(families), dtype=bool)
    error, low, high, chance = np.nan, np.nan, np.nan, np.nan
    if drawn is not None and len(families) > 1:
        first, second = np.split(levelled(np.concatenate([own, other]) + drawn), 2, axis=1)
        change = ranks(second) - ranks(first)
        ends = np.quantile(change, [level / 2, 1 - level / 2], axis=0)
        moved = (ranks_before != ranks_after) & ((ends[0] > 0) | (ends[1] < 0))
    least = int(paired_difference(view, view.merit, after, before)[2].min())
    varies = "realisation" in view.ds[view.merit].dims
    if drawn is not None and len(families) >= LEAST and (least >= LEAST or not varies):
        taus = kendall(first, second)
        error, tail = float(np.std(taus)), (1 - confidence) / 2
        low, high = np.quantile(taus, [tail, 1 - tail])
        shift, still = np.split(drawn, 2, axis=1)
        chance = float(np.mean(kendall(own, levelled(own + still - shift))))
    return Reranking(
        condition=found.all[place], baseline=found.all[0], families=tuple(families.tolist()),
        settings=len(pairs), better=int((alone & gained).sum()),
        worse=int((alone & ~gained).sum()),
        confidence=confidence, gains=gains, ranks_before=ranks_before,
        ranks_after=ranks_after, moved=moved, tau=float(tau), tau_error=error, tau_low=float(low),
        tau_high=float(high), tau_by_chance=chance,
        realisations=least,
    )  # fmt: skip


def _good(view: View, rows: Index) -> Values:
    """Merit of candidates, the higher the better."""
    values = view.summary[view.merit].values[rows]
    precision = values.dtype.itemsize if values.dtype.kind == "f" else 8
    return _sign(view) * levelled(values, precision)


def _best(
    view: View, pairs: Index, names: NDArray[np.str_], families: NDArray[np.str_]
) -> tuple[Index, Index]:
    """Best candidate of each family under the baseline and under the condition, (family,)."""
    values = np.stack([_good(view, pairs[:, side]) for side in (0, 1)], axis=1)
    chosen = []
    for family in families:
        mine = np.flatnonzero(names == family)
        known = np.where(np.isnan(values[mine]), -np.inf, values[mine])
        chosen.append([pairs[mine[np.argmax(known[:, side])], side] for side in (0, 1)])
    table = np.array(chosen, dtype=np.intp).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _gain(
    view: View, pairs: Index, names: NDArray[np.str_], families: NDArray[np.str_], outside: float
) -> Gain:
    before, after = _best(view, pairs, names, families)
    mean, error, _ = paired_difference(view, view.merit, after, before)
    return Gain(time=view.chosen_time, before=before, after=after, mean=_sign(view) * mean,
                error=error, sure=holm(_chances(view, before, after), outside))  # fmt: skip


def _chances(view: View, before: Index, after: Index) -> Values:
    """Probability of differences as large by chance, two-sided by Student's t, (pair,)."""
    from scipy.special import stdtr  # slow to import

    mean, error, count = paired_difference(view, view.merit, after, before)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.where(mean == 0, 0.0, np.abs(mean) / error)
    chances = 2 * stdtr(np.maximum(count - 1, 1), -scores)
    return np.where(np.isnan(chances), 1.0, chances)


def holm(chances: ArrayLike, outside: float) -> NDArray[np.bool_]:
    """Mark the differences that are none by chance, all at once.

    From the least probability on, the k-th of n is compared with a level of outside / (n - k + 1);
    the first that exceeds its level ends it. Some mark is wrong with a probability of at most
    `outside`, whatever the correlation between them.

    Parameters
    ----------
    chances : (difference,) array
        Probability of each by chance.
    outside : float

    Returns
    -------
    (difference,) array of bool

    References
    ----------
    S. Holm, Scand. J. Statist. 6:65, 1979.

    Examples
    --------
    >>> holm([0.02, 0.001, 0.3], 0.05).tolist()  # 0.001 < 0.05 / 3, 0.02 < 0.05 / 2
    [True, True, False]
    """
    values = np.asarray(chances, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    beyond = values[order] > outside / np.arange(len(values), 0, -1)
    marks = np.zeros(len(values), dtype=bool)
    marks[order] = ~np.logical_or.accumulate(beyond)
    return marks


def _sign(view: View) -> float:
    return -1.0 if view.summary[view.merit].attrs.get("better") == "lower" else 1.0


def _drawn(view: View, rows: Index, samples: int, seed: int) -> Values | None:
    """Errors of the means of candidates, (sample, candidate); None where they are unknown."""
    if "realisation" not in view.ds[view.merit].dims:
        return np.zeros((samples, len(rows)))
    values, count = view.realised(view.merit)[rows], view.given[rows]
    least = int(count.min())
    if least < 2:
        return None
    there = np.arange(values.shape[1]) < count[:, None]
    known = np.where(there, values, 0.0)
    mean = known.sum(axis=1, keepdims=True) / count[:, None]
    deviations = np.where(there, known - mean, 0.0) / np.sqrt(count * (count - 1.0))[:, None]
    flat = np.isclose(deviations, 0.0, atol=1e-3 * finest_step(values))
    deviations = np.where(flat.all(axis=1, keepdims=True), 0.0, deviations)
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((samples, values.shape[1]))
    wider = np.sqrt((least - 1) / rng.chisquare(least - 1, samples))
    return np.asarray((weights @ deviations.T) * wider[:, None])


def ranks(values: ArrayLike) -> Ranks:
    """Rank of each option, from 1; equal ones have the better rank.

    Parameters
    ----------
    values : (..., option) array
        The higher the better.

    Returns
    -------
    (..., option) array of int

    Examples
    --------
    >>> ranks([0.9, 0.7, 0.9]).tolist()
    [1, 3, 1]
    """
    x = np.asarray(values, dtype=np.float64)
    return np.asarray((x[..., None, :] > x[..., :, None]).sum(axis=-1) + 1, dtype=np.int64)


def kendall(first: ArrayLike, second: ArrayLike) -> Values:
    """Kendall's rank correlation of values, tau-b, which counts ties.

    Parameters
    ----------
    first : (..., option) array
    second : (..., option) array

    Returns
    -------
    (...) array
        NaN where all options of one are equal.

    References
    ----------
    M. G. Kendall, Biometrika 33:239, 1945, doi:10.1093/biomet/33.3.239.

    Examples
    --------
    >>> float(kendall([1, 2, 3, 4], [1, 2, 4, 3]))  # 5 pairs agree, 1 does not
    0.6666666666666666
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    low, high = np.triu_indices(x.shape[-1], 1)
    a, b = (np.sign(values[..., low] - values[..., high]) for values in (x, y))
    ties = np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sum(a * b, axis=-1) / ties)
