"""``ds.matsweep``: the questions one asks of the results of a study."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import numbered
from matsweep.analysis.grid import grid
from matsweep.analysis.objectives import Objectives, directions, front, order
from matsweep.analysis.selection import Constraint, parse, selected
from matsweep.analysis.summary import summarise


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
            Default: accuracy, energy, latency and area, those that are known.
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
        summary = summarise(self._ds, time)
        chosen = directions(summary, objectives)
        told = ", ".join(f"{name} {better}" for name, better in chosen.items())
        return self._rows(np.flatnonzero(front(summary, chosen or None)), f"Pareto set of {told}")

    def select(
        self, *constraints: str, time: float | str | None = None, **equal: Any
    ) -> xr.Dataset:
        """Return the done candidates that meet all constraints.

        Parameters
        ----------
        *constraints : str
            ``NAME OPERATOR VALUE [UNIT]``: a metric or a swept parameter (or the end of its
            dotted name, where that is unambiguous), one of ``== != < <= > >=``, and a number
            with an SI prefix and unit or %, or a text. A number without a unit is SI.
        time : float [s] or str, optional
            One of the stored times. Default: the last.
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
        parsed = [parse(text) for text in constraints]
        parsed += [Constraint(name=k, operator="==", value=v) for k, v in equal.items()]
        mask = selected(summarise(self._ds, time), parsed)
        return self._rows(np.flatnonzero(mask), " and ".join(map(str, parsed)) or "all done")

    def rank(self, by: Objectives = "accuracy", time: float | str | None = None) -> xr.Dataset:
        """Return the done candidates, best first, with the coordinate `rank` (1, 2, …).

        Parameters
        ----------
        by : name, names, or mapping of names to "higher" or "lower"
            Later names break the ties of earlier ones; what then is equal keeps its order,
            and a NaN comes last.
        time : float [s] or str, optional
            One of the stored times. Default: the last.

        Raises
        ------
        UserError
            If a metric or the time is unknown.
        """
        summary = summarise(self._ds, time)
        best = order(summary, by)
        told = ", ".join(f"{name} {better}" for name, better in directions(summary, by).items())
        result = self._rows(best, f"ranked by {told}")
        return result.assign_coords(rank=("candidate", np.arange(1, len(best) + 1)))

    def grid(self) -> xr.Dataset:
        """Return a full factorial with one dimension per swept parameter.

        See `matsweep.analysis.grid`; a design that is none raises a `UserError`.
        """
        return grid(self._ds)

    def _rows(self, index: NDArray[np.intp], told: str) -> xr.Dataset:
        """Return some candidates; the attribute `selection` tells how they were found."""
        rows = numbered(self._ds).isel(candidate=index)
        before = self._ds.attrs.get("selection")
        return rows.assign_attrs(selection=f"{before}; {told}" if before else told)
