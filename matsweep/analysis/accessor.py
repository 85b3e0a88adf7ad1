"""``ds.matsweep``: analysis of the results of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.best_set import best_set, ranked_in_words
from matsweep.analysis.conditions import effects
from matsweep.analysis.dominance import Sense
from matsweep.analysis.doubt import doubt
from matsweep.analysis.explain import Explanation, why_not
from matsweep.analysis.grid import grid
from matsweep.analysis.information import information
from matsweep.analysis.objectives import Objectives, apart, directions, judged, order
from matsweep.analysis.pairs import difference
from matsweep.analysis.robust import robust, robust_of
from matsweep.analysis.score import score, score_of
from matsweep.analysis.selection import Constraint, parse, selected
from matsweep.analysis.stability import stability
from matsweep.analysis.summary import summarise
from matsweep.analysis.view import View
from matsweep.analysis.yields import enough, parse_chance, yields
from matsweep.core.checks import UserError

if TYPE_CHECKING:
    from matsweep.analysis.conditional import Conditional
    from matsweep.analysis.requirements import Requirements


@xr.register_dataset_accessor("matsweep")
class Results:
    """Analysis of a results Dataset (dims candidate[, realisation][, time]).

    `pareto`, `select` and `rank` judge the done candidates by their means over the
    realisations at one stored time (default: the last) and return the rows of the Dataset as
    they are, with all realisations and times and unread data still unread, so that calls can
    be chained. `summary` gives the means themselves.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    def summary(self, time: float | str | None = None) -> xr.Dataset:
        """Scalars per candidate; see `matsweep.analysis.summarise`.

        Parameters
        ----------
        time : float [s] or str, optional

        Returns
        -------
        Dataset
        """
        return summarise(self._ds, time)

    def pareto(
        self,
        objectives: Objectives | None = None,
        time: float | str | None = None,
        *,
        tolerance: float | Mapping[str, float] | None = None,
        confidence: float | None = 0.95,
        useful: float | None = 0.9,
        mixed: bool = False,
    ) -> xr.Dataset:
        """Pareto-optimal ones among the done candidates, by differences that matter.

        A candidate is dominated if another is as good within a tolerance and the error of their
        paired difference, and clearly better in one objective; `matsweep.analysis.Sense` has the
        definition. ``tolerance=0, confidence=None, useful=None`` is dominance of the means.

        Parameters
        ----------
        objectives : names, or mapping of names to "higher" or "lower", optional
            Default: the merit of the study, energy, latency and area, those that are known.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
        tolerance : float or mapping of str to float, optional
            Relative to the value; absolute for a share of successes such as the accuracy. Default:
            2 %, and 0.5 percentage points.
        confidence : float, optional
            Of the paired intervals; None: errors do not count.
        useful : float, optional
            Where the merit is an objective: share of the way from guessing to the ideal machine
            below which a candidate does not count; None: all count.
        mixed : bool
            Whether candidates that assume different sources of costs are compared. Default: only
            those with the first one of the axis `periphery.*_source`.

        Returns
        -------
        Dataset
            In the order of the candidates; the attribute `selection` states what was left off.

        Raises
        ------
        UserError
            If an objective or the time is unknown.
        """
        view = View(self._ds, time, mixed)
        chosen = directions(view, objectives)
        sense = Sense(tolerance=tolerance, confidence=confidence, useful=useful)
        result = judged(view, chosen or None, sense)
        text = ", ".join(f"{name} {better}" for name, better in chosen.items())
        why = "".join(f" ({line})" for line in result.lines)
        return self._rows(np.flatnonzero(result.mask), f"Pareto set of {text}{why}")

    def difference(
        self,
        candidate: int | Sequence[int],
        reference: int,
        metric: str | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Difference of candidates from one, in pairs; see `matsweep.analysis.difference`.

        Parameters
        ----------
        candidate : int or sequence of int
        reference : int
        metric : str, optional
        **options : Any
            Keywords of `difference`.

        Returns
        -------
        Dataset
        """
        return difference(self._ds, candidate, reference, metric, **options)

    def effects(self, metric: str | None = None, **options: Any) -> xr.Dataset:
        """Differences that conditions make; see `matsweep.analysis.effects`.

        Parameters
        ----------
        metric : str, optional
        **options : Any
            Keywords of `effects`.

        Returns
        -------
        Dataset
        """
        return effects(self._ds, metric, **options)

    def select(
        self,
        *constraints: str,
        time: float | str | None = None,
        confidence: float | None = None,
        **equal: Any,
    ) -> xr.Dataset:
        """Select the done candidates that meet all constraints.

        Parameters
        ----------
        *constraints : str
            ``NAME OPERATOR VALUE [UNIT]``: a metric or a swept parameter (or the end of its
            dotted name, where that is unambiguous), one of ``== != < <= > >=``, and a number
            with an SI prefix and unit or %, or a text. A number without a unit is SI. Means over
            the realisations are compared; ``P(accuracy >= 95 % and energy <= 1 nJ) >= 90 %``
            asks instead that this share of the realisations meets all constraints in brackets.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
        confidence : float, optional
            Compare the lower end of the interval of the share of realisations (see `yields`)
            instead of the share: few realisations cannot prove a high yield.
        **equal : number, str, or a list of them
            Parameters or metrics that must equal the value, or one of the values.

        Returns
        -------
        Dataset
            In the order of the candidates; empty if none meets all.

        Raises
        ------
        UserError
            If a constraint cannot be read, or its metric, unit or text is unknown.

        Examples
        --------
        >>> ds.matsweep.select("accuracy >= 95 %", "energy <= 10 nJ", material="pcm_gst")
        ... # doctest: +SKIP
        """
        chances = [chance for text in constraints if (chance := parse_chance(text)) is not None]
        parsed = [parse(text) for text in constraints if parse_chance(text) is None]
        parsed += [Constraint(name=k, operator="==", value=v) for k, v in equal.items()]
        view = View(self._ds, time)
        mask = selected(view.summary, parsed) & enough(view, chances, confidence)
        text = " and ".join(map(str, [*parsed, *chances])) or "all done"
        return self._rows(np.flatnonzero(mask), text)

    def yields(
        self, *constraints: str, time: float | str | None = None, confidence: float = 0.95
    ) -> xr.Dataset:
        """Share of realisations that meet a specification; see `matsweep.analysis.yields`.

        Parameters
        ----------
        *constraints : str
        time : float [s] or str, optional
        confidence : float

        Returns
        -------
        Dataset
        """
        return yields(self._ds, *constraints, time=time, confidence=confidence)

    def robust(
        self, metric: str, how: str = "mean - 2 std", time: float | str | None = None
    ) -> xr.DataArray:
        """One cautious number per candidate; see `matsweep.analysis.robust`.

        Parameters
        ----------
        metric : str
        how : str
        time : float [s] or str, optional

        Returns
        -------
        (candidate,) DataArray
        """
        return robust(self._ds, metric, how, time)

    def score(self, weights: Mapping[str, float], time: float | str | None = None) -> xr.DataArray:
        """Weighted mean of objectives; see `matsweep.analysis.score`.

        Parameters
        ----------
        weights : mapping of str to float
        time : float [s] or str, optional

        Returns
        -------
        (candidate,) DataArray, dimensionless
        """
        return score(self._ds, weights, time)

    def sensitivity(self, metric: str | None = None, **options: Any) -> xr.Dataset:
        """Sensitivity indices of each parameter; see `matsweep.analysis.sensitivity`.

        Parameters
        ----------
        metric : str, optional
        **options : Any
            Keywords of `sensitivity`.

        Returns
        -------
        Dataset
        """
        from matsweep.analysis.sensitivity import sensitivity

        return sensitivity(self._ds, metric, **options)

    def requirements(self, target: str, **options: Any) -> Requirements:
        """Derive what devices need for a target; see `matsweep.analysis.requirements`.

        Parameters
        ----------
        target : str
        **options : Any
            Keywords of `requirements`.

        Returns
        -------
        Requirements
        """
        from matsweep.analysis.requirements import requirements

        return requirements(self._ds, target, **options)

    def requirements_by_condition(self, target: str, **options: Any) -> Conditional:
        """Derive the requirements under each condition; see `matsweep.analysis.conditional`.

        Parameters
        ----------
        target : str
        **options : Any
            Keywords of `requirements_by_condition`.

        Returns
        -------
        Conditional
        """
        from matsweep.analysis.conditional import requirements_by_condition

        return requirements_by_condition(self._ds, target, **options)

    def stability(self, by: str | None = None, **options: Any) -> xr.Dataset:
        """Probability of each option to be the best; see `matsweep.analysis.stability`.

        Parameters
        ----------
        by : str, optional
        **options : Any
            Keywords of `stability`.

        Returns
        -------
        Dataset
        """
        return stability(self._ds, by, **options)

    def doubt(self, what: str | Sequence[str] | None = None, **options: Any) -> xr.Dataset:
        """Share of the spread that is from unknown parameters; see `matsweep.analysis.doubt`.

        Parameters
        ----------
        what : str or sequence of str, optional
            A metric, or constraints: of the yield.
        **options : Any
            Keywords of `doubt`.

        Returns
        -------
        Dataset
        """
        return doubt(self._ds, what, **options)

    def information(self, by: str | None = None, **options: Any) -> xr.Dataset:
        """Worth of knowing each unknown parameter; see `matsweep.analysis.information`.

        Parameters
        ----------
        by : str, optional
        **options : Any
            Keywords of `information`.

        Returns
        -------
        Dataset
        """
        return information(self._ds, by, **options)

    def why_not(
        self,
        candidate: int,
        *constraints: str,
        objectives: Objectives | None = None,
        time: float | str | None = None,
        confidence: float | None = None,
    ) -> Explanation:
        """Explain why a candidate is not among the best; see `matsweep.analysis.why_not`.

        Parameters
        ----------
        candidate : int
        *constraints : str
        objectives : names or mapping, optional
        time : float [s] or str, optional
        confidence : float, optional

        Returns
        -------
        Explanation
        """
        return why_not(self._ds, candidate, *constraints, objectives=objectives, time=time,
                       confidence=confidence)  # fmt: skip

    def rank(
        self,
        by: Objectives | None = None,
        time: float | str | None = None,
        *,
        how: str = "mean",
        weights: Mapping[str, float] | None = None,
        mixed: bool = False,
    ) -> xr.Dataset:
        """Sort the done candidates, best first, with the coordinate `rank` (1, 2, …).

        For means, the coordinate `in_best_set` marks the candidates that cannot be told apart from
        the best by the first of `by` (95 %): their order is not known. See `may_be_best` in
        `matsweep.analysis.best_set`.

        Parameters
        ----------
        by : name, names, or mapping of names to "higher" or "lower", optional
            Default: the merit, then the other default objectives of `pareto`. Later names break
            the ties of earlier ones; candidates that are equal in all keep their order, and a NaN
            comes last.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
        how : str
            Criterion for the first of `by`: ``mean``, ``mean - 2 std``, ``p05``, ``worst`` or
            ``regret``; see `robust`.
        weights : mapping of str to float, optional
            In the place of `by`: rank by a weighted mean of these; see `score`.
        mixed : bool
            Whether candidates that assume different sources of costs are ranked together; see
            `pareto`.

        Returns
        -------
        Dataset

        Raises
        ------
        UserError
            If a metric or the time is unknown, or both `by` and `weights` are given.
        """
        if by is not None and weights is not None:
            raise UserError("rank takes by or weights, not both")
        if weights is not None and how != "mean":
            raise UserError(f"weights apply to means only: leave out weights or how={how!r}")
        view = View(self._ds, time, mixed)
        if weights is not None:
            view, by = view.assign(score=score_of(view, weights)), "score"
        chosen = directions(view, view.merit if by is None else by)
        if by is None:
            chosen |= {name: b for name, b in directions(view).items() if name not in chosen}
        if how != "mean":
            first = next(iter(chosen))
            cautious = robust_of(view, first, how)
            view, chosen[first] = view.assign(**{first: cautious}), str(cautious.attrs["better"])
        best = order(view, chosen)
        judged = "" if how == "mean" else f" ({how})"
        text = ", ".join(f"{name} {better}" for name, better in chosen.items()) + judged
        coordinates: dict[str, tuple[str, NDArray[Any]]] = {}
        coordinates["rank"] = ("candidate", np.arange(1, len(best) + 1))
        lines = apart(view)
        if how == "mean" and weights is None:
            first = next(iter(chosen))
            tied = best_set(view, chosen)
            coordinates["in_best_set"] = ("candidate", tied[best])
            lines += [f"{text}." for text in [ranked_in_words(int(tied.sum()), first)] if text]
        why = "".join(f" ({line})" for line in lines)
        return self._rows(best, f"ranked by {text}{why}").assign_coords(coordinates)

    def grid(self) -> xr.Dataset:
        """Unfold a full factorial to one dimension per swept parameter.

        See `matsweep.analysis.grid`; it raises a `UserError` for any other design.

        Returns
        -------
        Dataset
        """
        return grid(self._ds)

    def _rows(self, index: NDArray[np.intp], text: str) -> xr.Dataset:
        """Take rows; the attribute `selection` records how they were selected."""
        rows = View(self._ds).rows(index).ds
        before = self._ds.attrs.get("selection")
        return rows.assign_attrs(selection=f"{before}; {text}" if before else text)
