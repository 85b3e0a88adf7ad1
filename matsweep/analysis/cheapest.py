"""The candidate of least energy that keeps the accuracy, for each material."""

from __future__ import annotations

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import float_accuracy, states
from matsweep.analysis.summary import summarise
from matsweep.core.checks import UserError, in_range


def cheapest(ds: xr.Dataset, *, loss: float = 0.01, time: float | str | None = None) -> xr.Dataset:
    """Return each material's candidate of least energy that keeps the accuracy.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    loss : float
        How much of the accuracy in floating point (of the best candidate, where that is not
        stored) the mean over realisations may lack.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.

    Returns
    -------
    Dataset
        The scalars of `ds.matsweep.summary()` of one candidate a material, by energy; materials
        of which none keeps the accuracy are not in it.

    Raises
    ------
    UserError
        If accuracy or energy are not in the results.
    """
    summary = summarise(ds, time)
    good = keeps(summary, in_range("loss", loss, 0.0, 1.0))
    energy = np.where(good, np.asarray(summary["energy"].values, np.float64), np.inf)
    names = materials(summary)
    chosen = [
        min(np.flatnonzero(names == name), key=lambda row: energy[row])
        for name in sorted(set(names))
    ]
    kept = sorted((row for row in chosen if np.isfinite(energy[row])), key=lambda row: energy[row])
    return summary.isel(candidate=kept)


def keeps(summary: xr.Dataset, loss: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which candidates lack no more than `loss` of the accuracy, (candidate,) array."""
    for name in ("accuracy", "energy"):
        if name not in summary:
            raise UserError(f"the results hold no {name}")
    accuracy = np.asarray(summary["accuracy"].values, np.float64)
    done = states(summary) == "done"
    if not done.any():
        raise UserError("no candidate is done, so there is nothing to draw")
    best = float_accuracy(summary)
    reference = float(np.nanmax(accuracy[done])) if best is None else best
    return np.asarray(done & (accuracy >= reference - loss))


def materials(summary: xr.Dataset) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Return each candidate's material, (candidate,) array; one name where none is stored."""
    if "material" not in summary.coords:
        return np.full(summary.sizes["candidate"], "candidates")
    return np.asarray(summary["material"].values).astype(str)
