"""``ds.matsweep``: the questions one asks of the results of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.explain import Explanation, why_not
from matsweep.analysis.grid import grid
from matsweep.analysis.objectives import Objectives, directions, front, order
from matsweep.analysis.robust import robust, robust_of
from matsweep.analysis.score import score, score_of
from matsweep.analysis.selection import Constraint, parse, selected
from matsweep.analysis.stability import stability
from matsweep.analysis.summary import summarise
from matsweep.analysis.view import View
from matsweep.analysis.yields import enough, parse_chance, yields
from matsweep.core.checks import UserError

if TYPE_CHECKING:
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
        """Return scalars per candidate; see `matsweep.analysis.summarise`."""
        return summarise(self._ds, time)

    def pareto(
        self, objectives: Objectives | None = None, time: float | str | None = None
    ) -> xr.Dataset:
        """Return the done candidates that no other done candidate beats.

        Parameters
        ----------
        objectives : names, or mapping of names to "higher" or "lower", optional
            Default: the merit of the study, energy, latency and area, those that are known.
        time : float [s] or str, optional
            One of the stored times. Default: the last.

        Returns
        -------
        Dataset
            In the order of the candidates.

        Raises
        ------
        UserError
            If an objective or the time is unknown.
        """
        view = View(self._ds, time)
        chosen = directions(view, objectives)
        told = ", ".join(f"{name} {better}" for name, better in chosen.items())
        return self._rows(np.flatnonzero(front(view, chosen or None)), f"Pareto set of {told}")

    def select(
        self,
        *constraints: str,
        time: float | str | None = None,
        confidence: float | None = None,
        **equal: Any,
    ) -> xr.Dataset:
        """Return the done candidates that meet all constraints.

        Parameters
        ----------
        *constraints : str
            ``NAME OPERATOR VALUE [UNIT]``: a metric or a swept parameter (or the end of its
            dotted name, where that is unambiguous), one of ``== != < <= > >=``, and a number
            with an SI prefix and unit or %, or a text. A number without a unit is SI. Means over
            the realisations are compared; ``P(accuracy >= 95 % and energy <= 1 nJ) >= 90 %``
            asks instead that so many of the realisations meet all that is in the brackets.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
        confidence : float, optional
            With it the share of the realisations is not taken as it is, but by the lower end of
            its interval (see `yields`): a yield that few realisations cannot show is not met.
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
        chances = [found for text in constraints if (found := parse_chance(text)) is not None]
        parsed = [parse(text) for text in constraints if parse_chance(text) is None]
        parsed += [Constraint(name=k, operator="==", value=v) for k, v in equal.items()]
        view = View(self._ds, time)
        mask = selected(view.summary, parsed) & enough(view, chances, confidence)
        told = " and ".join(map(str, [*parsed, *chances])) or "all done"
        return self._rows(np.flatnonzero(mask), told)

    def yields(
        self, *constraints: str, time: float | str | None = None, confidence: float = 0.95
    ) -> xr.Dataset:
        """Return what share of realisations meets a specification; see `analysis.yields`."""
        return yields(self._ds, *constraints, time=time, confidence=confidence)

    def robust(
        self, metric: str, how: str = "mean - 2 std", time: float | str | None = None
    ) -> xr.DataArray:
        """Return one cautious number per candidate; see `matsweep.analysis.robust`."""
        return robust(self._ds, metric, how, time)

    def score(self, weights: Mapping[str, float], time: float | str | None = None) -> xr.DataArray:
        """Return a weighted mean of objectives; see `matsweep.analysis.score`."""
        return score(self._ds, weights, time)

    def sensitivity(self, metric: str | None = None, **options: Any) -> xr.Dataset:
        """Return how much each parameter matters; see `matsweep.analysis.sensitivity`."""
        from matsweep.analysis.sensitivity import sensitivity

        return sensitivity(self._ds, metric, **options)

    def requirements(self, target: str, **options: Any) -> Requirements:
        """Return what devices must be like; see `matsweep.analysis.requirements`."""
        from matsweep.analysis.requirements import requirements

        return requirements(self._ds, target, **options)

    def stability(self, by: str | None = None, **options: Any) -> xr.Dataset:
        """Return how probably each option is the best; see `matsweep.analysis.stability`."""
        return stability(self._ds, by, **options)

    def why_not(
        self,
        candidate: int,
        *constraints: str,
        objectives: Objectives | None = None,
        time: float | str | None = None,
        confidence: float | None = None,
    ) -> Explanation:
        """Explain why a candidate is not among the best; see `matsweep.analysis.why_not`."""
        return why_not(self._ds, candidate, *constraints, objectives=objectives, time=time,
                       confidence=confidence)  # fmt: skip

    def rank(
        self,
        by: Objectives | None = None,
        time: float | str | None = None,
        *,
        how: str = "mean",
        weights: Mapping[str, float] | None = None,
    ) -> xr.Dataset:
        """Return the done candidates, best first, with the coordinate `rank` (1, 2, …).

        Parameters
        ----------
        by : name, names, or mapping of names to "higher" or "lower", optional
            Default: the merit, and then what else the study is judged by, as of `pareto`. Later
            names break the ties of earlier ones; what then is equal keeps its order, and a NaN
            comes last.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
        how : str
            What the first of `by` is judged by: ``mean``, ``mean - 2 std``, ``p05``, ``worst`` or
            ``regret``; see `robust`.
        weights : mapping of str to float, optional
            In the place of `by`: rank by a weighted mean of these; see `score`.

        Raises
        ------
        UserError
            If a metric or the time is unknown, or both `by` and `weights` are given.
        """
        if by is not None and weights is not None:
            raise UserError("rank takes by or weights, not both")
        if weights is not None and how != "mean":
            raise UserError(f"weights apply to means only: leave out weights or how={how!r}")
        view = View(self._ds, time)
        if weights is not None:
            view, by = view.assign(score=score_of(view, weights)), "score"
        chosen = directions(view, view.merit if by is None else by)
        if by is None:
            chosen |= {name: b for name, b in directions(view).items() if name not in chosen}
        if how != "mean":
            first = next(iter(chosen))
            found = robust_of(view, first, how)
            view, chosen[first] = view.assign(**{first: found}), str(found.attrs["better"])
        best = order(view, chosen)
        judged = "" if how == "mean" else f" ({how})"
        told = ", ".join(f"{name} {better}" for name, better in chosen.items()) + judged
        result = self._rows(best, f"ranked by {told}")
        return result.assign_coords(rank=("candidate", np.arange(1, len(best) + 1)))

    def grid(self) -> xr.Dataset:
        """Return a full factorial with one dimension per swept parameter.

        See `matsweep.analysis.grid`; a design that is none raises a `UserError`.
        """
        return grid(self._ds)

    def _rows(self, index: NDArray[np.intp], told: str) -> xr.Dataset:
        """Return some candidates; the attribute `selection` tells how they were found."""
        rows = View(self._ds).rows(index).ds
        before = self._ds.attrs.get("selection")
        return rows.assign_attrs(selection=f"{before}; {told}" if before else told)
