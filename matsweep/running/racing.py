"""Racing: all candidates get a few realisations, and only undecided ones get more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.analysis.pairs import finest_step
from matsweep.analysis.pareto import covered
from matsweep.core.checks import UserError, finite, whole
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry

type Mask = npt.NDArray[np.bool_]
type Labels = npt.NDArray[np.str_]
type Rows = npt.NDArray[np.intp]
type Values = npt.NDArray[np.float64]

_MOST_ROUNDS = 1000  # of a race: each ends with a comparison of all candidates


class Racing(ABC):
    """A schedule of realisations per candidate."""

    __slots__ = ()
    registry: ClassVar[Registry[type[Racing]]] = Registry("race")

    @abstractmethod
    def rounds(self, realisations: int) -> list[int]:
        """Return the realisations of a surviving candidate after each round.

        Parameters
        ----------
        realisations : int
            Of the study.

        Returns
        -------
        list of int

        Raises
        ------
        UserError
            If the rounds do not fit the study's realisations.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRacing(Racing):
    """No race: all candidates get all realisations."""

    def rounds(self, realisations: int) -> list[int]:
        """Return one round of all realisations."""
        return [realisations]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination(Racing):
    """A race that leaves out, after each round, the candidates beaten beyond doubt.

    A candidate is left out when another is at least as good in every objective, and better in one,
    for all values inside the confidence intervals of the means of both. Intervals are Student's, at
    a level divided (Bonferroni) by the number of candidates, objectives and rounds. So all of them
    hold at once with at least the probability `confidence`, and then no Pareto-optimal candidate is
    ever left out, whatever their number, dependence or order. Candidates that assume other sources
    of costs do not beat each other (`View.assumptions`).

    That holds for means of normal numbers; accuracies near their bounds are skewed, which matters
    least where a round has many realisations. A spread below half of the finest step in a metric's
    values (one sample more or less classified correctly) counts as half a step, so that a chance
    agreement of few realisations is not taken for certainty.

    Parameters
    ----------
    first : int
        Realisations of all candidates; below about 8 the intervals are too wide to leave any out.
    factor : float
        Growth of the realisations from round to round, > 1.
    confidence : float, in (0, 1)
    objectives : tuple of str
        Metrics, each with its own good direction; means over realisations, or exact. A statistic
        such as `accuracy_std` is neither, and refused (`judgement.directions`).
    time : float [s], str or None
        The stored time at which candidates are judged; None: the last.

    References
    ----------
    O. Maron, A. W. Moore, NIPS 6:59, 1994 (Hoeffding races), with Student's intervals in place of
    Hoeffding's; O. J. Dunn, J. Am. Stat. Assoc. 56:52, 1961, doi:10.1080/01621459.1961.10482090
    (simultaneous intervals).
    """

    first: int = 8
    factor: Dimensionless = 2.0
    confidence: Dimensionless = 0.95
    objectives: tuple[str, ...] = ("accuracy", "energy")
    time: float | str | None = None

    def __post_init__(self) -> None:
        whole("first", self.first, low=2)
        if not 0 < finite("confidence", self.confidence) < 1:
            raise UserError(f"confidence must be between 0 and 1, got {self.confidence}")
        if finite("factor", self.factor) <= 1:
            raise UserError(f"factor must be > 1, got {self.factor}")
        if not self.objectives:
            raise UserError("objectives must name at least one metric")

    def rounds(self, realisations: int) -> list[int]:
        """Return geometrically growing rounds; refuse a first that is the last."""
        if self.first >= realisations:
            raise UserError(
                f"racing.first must be < realisations, got {self.first} of {realisations}: give "
                "more realisations, or racing=none"
            )
        totals = [self.first]
        while totals[-1] < realisations:
            if len(totals) == _MOST_ROUNDS:
                raise UserError(
                    f"racing.factor must give at most {_MOST_ROUNDS} rounds, got {self.factor:g} "
                    f"from {self.first} to {realisations} realisations: give a larger one"
                )
            totals.append(min(int(np.ceil(totals[-1] * self.factor)), realisations))
        return totals

    def survivors(
        self,
        samples: Sequence[Values],
        better: Sequence[str],
        candidates: int,
        rounds: int,
        alike: Labels | None = None,
    ) -> Mask:
        """Mark the candidates that may be Pareto-optimal.

        Parameters
        ----------
        samples : sequence of (candidate, realisation) or (candidate,) arrays
            Of each objective; one without realisations is exact, so it must not be a statistic over
            them. A candidate with a NaN is kept.
        better : sequence of "higher" or "lower"
            Good direction of each objective.
        candidates : int
            At the start of the race.
        rounds : int
            Of the whole race.
        alike : (candidate,) array of str, or None
            Candidates with the same text beat each other, others do not; None: all are alike.

        Returns
        -------
        (candidate,) bool array
        """
        level = (1 - self.confidence) / (candidates * len(samples) * rounds)
        bounds = [interval(values, level) for values in samples]
        signs = [-1.0 if each == "higher" else 1.0 for each in better]
        costs = [
            (low, high) if sign > 0 else (-high, -low)
            for (low, high), sign in zip(bounds, signs, strict=True)
        ]
        best = np.stack([low for low, _ in costs], axis=1)
        worst = np.stack([high for _, high in costs], axis=1)
        known = ~(np.isnan(best) | np.isnan(worst)).any(axis=1)
        beaten = np.zeros(len(best), dtype=bool)
        for rows in _groups(known, alike):
            for column in range(best.shape[1]):  # better in this objective, no worse in any
                strictly = best[rows]
                strictly[:, column] = np.nextafter(strictly[:, column], -np.inf)
                beaten[rows] |= covered(strictly, worst[rows])
        return ~beaten


def _groups(known: Mask, alike: Labels | None) -> list[Rows]:
    """Positions of the known candidates, by what makes them alike."""
    if alike is None:
        return [np.flatnonzero(known)]
    return [np.flatnonzero(known & (alike == each)) for each in np.unique(alike)]


def interval(values: Values, level: float) -> tuple[Values, Values]:
    """Return a two-sided confidence interval of each candidate's mean.

    Parameters
    ----------
    values : (candidate, realisation) or (candidate,) array
        Without realisations they are exact.
    level : float
        Probability that the mean of normal numbers is outside.

    Returns
    -------
    low, high : (candidate,) array
    """
    from scipy.special import stdtrit  # slow to import, and only a race needs it

    if values.ndim == 1:
        return values, values
    number = values.shape[1]
    mean = values.mean(axis=1)
    spread = np.maximum(values.std(axis=1, ddof=1), finest_step(values) / 2)
    half = -stdtrit(number - 1, level / 2) * spread / np.sqrt(number)
    return mean - half, mean + half


Racing.registry.update(none=NoRacing, elimination=Elimination)
