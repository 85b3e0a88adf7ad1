"""Unknown parameters that candidates drew, and a metric's regression on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.response import SCREEN, Response, fitted
from matsweep.analysis.view import Index, View

type Values = NDArray[np.float64]

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Draws of a candidate's unknown parameters.

    Parameters
    ----------
    parameters : tuple of int
        Positions along `parameter` of those that differ between draws.
    values : (draw, parameter) array
        In SI units.
    """

    parameters: tuple[int, ...]
    values: Values

    @property
    def enough(self) -> bool:
        """Whether the draws are enough to tell the parameters from chance."""
        return len(self.values) >= SCREEN


def names_of(view: View) -> list[str]:
    """Names of the parameters that the study may draw.

    Parameters
    ----------
    view : View

    Returns
    -------
    list of str
        Dotted; empty for a study that draws none.
    """
    if _UNKNOWN not in view.ds or "parameter" not in view.ds.coords:
        return []
    return [str(name) for name in view.ds["parameter"].values]


def drawn_by(view: View, row: int) -> Drawn:
    """Draws of a candidate's unknown parameters.

    Parameters
    ----------
    view : View
    row : int
        Position of the candidate.

    Returns
    -------
    Drawn
        Without parameters, where nothing is drawn, or all draws are the same.
    """
    count = int(view.given[row])
    if not names_of(view) or not count:
        return Drawn((), np.empty((count, 0)))
    stored = view.ds[_UNKNOWN].isel(candidate=row).transpose("realisation", "parameter")
    draws = np.asarray(stored.values[:count], dtype=np.float64)
    varies = np.isfinite(draws).all(axis=0) & (draws != draws[:1]).any(axis=0)
    places = np.flatnonzero(varies)
    return Drawn(tuple(places.tolist()), draws[:, places])


def anything_unknown(view: View, rows: Index) -> bool:
    """Whether any of some candidates drew unknown parameters.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
        Positions.

    Returns
    -------
    bool
    """
    return any(drawn_by(view, int(row)).parameters for row in rows)


def response_of(view: View, name: str, row: int) -> Response | None:
    """Regression of a metric of a candidate on its draws; computed once for a view.

    Parameters
    ----------
    view : View
    name : str
        A metric along `realisation`.
    row : int

    Returns
    -------
    Response or None
        The mean, where nothing is unknown; None: too few draws to tell parameters from chance.
    """
    drawn = drawn_by(view, row)
    if drawn.parameters and not drawn.enough:
        return None
    key = name, int(row)
    if key not in view.responses:
        values = view.rows([row]).realised(name)[0, : len(drawn.values)]
        view.responses[key] = fitted(drawn.parameters, drawn.values, values)
    return view.responses[key]
