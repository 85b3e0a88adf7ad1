"""One number for several weighted objectives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.objectives import directions
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, positive

_LOGARITHMIC = 10.0  # largest over smallest, from which ratios count and not differences


def score(
    ds: xr.Dataset, weights: Mapping[str, float], time: float | str | None = None
) -> xr.DataArray:
    """Weighted mean of the objectives, each from 0 (the worst) to 1 (the best).

    The worst and the best are those of the done candidates of `ds`, so scores of different
    selections do not compare. An objective that is positive everywhere and spans more than a
    factor of ten is taken by its logarithm, so that half the energy counts the same at 1 nJ and at
    1 pJ. A sum never chooses a candidate off the convex part of a front: look at the front too.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    weights : mapping of str to float
        Of metrics; positive. Only their ratios matter.
    time : float [s] or str, optional
        One of the stored times. Default: the last.

    Returns
    -------
    (candidate,) DataArray, dimensionless
        NaN where a candidate is not done.

    Raises
    ------
    UserError
        If a metric is unknown or a weight is not positive.
    """
    return score_of(View(ds, time), weights)


def score_of(view: View, weights: Mapping[str, float]) -> xr.DataArray:
    """Score of each candidate of a view; see `score`.

    Parameters
    ----------
    view : View
    weights : mapping of str to float, > 0

    Returns
    -------
    (candidate,) DataArray, dimensionless

    Raises
    ------
    UserError
        If `weights` is empty, or a metric or weight is invalid.
    """
    if not weights:
        raise UserError("weights must name at least one metric, as in {accuracy: 2, energy: 1}")
    given = {name: positive(f"the weight of {name}", weight) for name, weight in weights.items()}
    chosen = directions(view, list(given))
    total = np.zeros(len(view.done))
    for (name, better), weight in zip(chosen.items(), given.values(), strict=True):
        share = _like_with_like(view, np.where(view.done, view.column(name), np.nan))
        total += weight * (share if better == "higher" else 1 - share)
    text = ", ".join(f"{name} {weight:g}" for name, weight in given.items())
    attrs = {"units": "1", "better": "higher", "long_name": f"score of {text}"}
    return xr.DataArray(total / sum(given.values()), dims="candidate", attrs=attrs, name="score")


def _like_with_like(view: View, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place between the ends of the candidates that assume the same sources of costs."""
    share = np.full(values.shape, np.nan)
    for each in np.unique(view.assumptions):
        mine = view.assumptions == each
        share[mine] = _share(values[mine])
    return share


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place between the smallest, 0, and the largest, 1; a half where all are equal."""
    known = values[np.isfinite(values)]
    if not known.size or known.max() == known.min():
        return np.where(np.isfinite(values), 0.5, np.nan)
    if known.min() > 0 and known.max() > _LOGARITHMIC * known.min():
        values, known = np.log(values), np.log(known)
    return np.asarray((values - known.min()) / (known.max() - known.min()))
