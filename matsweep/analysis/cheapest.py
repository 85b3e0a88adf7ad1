"""Candidate of the lowest energy that keeps the merit, for each material."""

from __future__ import annotations

import numpy as np
import xarray as xr

from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, in_range


def cheapest(ds: xr.Dataset, *, loss: float = 0.01, time: float | str | None = None) -> xr.Dataset:
    """Candidate of each material with the lowest energy that keeps the merit, such as the accuracy.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    loss : float, in [0, 1]
        Largest loss of the mean over realisations against floating point (against the best
        candidate, where that is not stored), in the unit of the merit.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.

    Returns
    -------
    Dataset
        Scalars of `ds.matsweep.summary()` of one candidate a material, by energy; materials of
        which none keeps the merit are missing.

    Raises
    ------
    UserError
        If merit or energy are not in the results.
    """
    view = View(ds, time)
    return view.summary.isel(candidate=cheapest_of(view, loss))


def cheapest_of(view: View, loss: float) -> Index:
    """Positions of the candidates that `cheapest` selects.

    Parameters
    ----------
    view : View
    loss : float, in [0, 1]

    Returns
    -------
    (material,) array of int
    """
    good = keeps(view, in_range("loss", loss, 0.0, 1.0))
    energy = np.where(good, view.column("energy"), np.inf)
    names = view.materials
    chosen = [
        min(np.flatnonzero(names == name), key=lambda row: energy[row])
        for name in sorted(set(names))
    ]
    kept = sorted((row for row in chosen if np.isfinite(energy[row])), key=lambda row: energy[row])
    return np.array(kept, dtype=np.intp)


def keeps(view: View, loss: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark the candidates that lose no more than `loss` of the merit, among those compared.

    Parameters
    ----------
    view : View
    loss : float
        In the unit of the merit.

    Returns
    -------
    (candidate,) array of bool

    Raises
    ------
    UserError
        If merit or energy are not in the results, or no candidate is done.
    """
    for name in (view.merit, "energy"):
        if name not in view.summary:
            raise UserError(f"the results hold no {name}")
    if not view.done.any():
        raise UserError("no candidate is done, so there is nothing to draw")
    sign = -1.0 if view.summary[view.merit].attrs.get("better") == "lower" else 1.0
    reached = sign * view.column(view.merit)
    ideal = view.reference(view.merit)
    best = float(np.nanmax(reached[view.compared])) if ideal is None else sign * ideal
    return np.asarray(view.compared & (reached >= best - loss))
