"""Differences between candidates, realisation by realisation.

Realisation r of all candidates draws the same random numbers, as far as they draw for the same
purpose. What is lucky for one is then lucky for the others, and most of it cancels in a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import resolve
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, in_range

type Values = NDArray[np.float64]
type Counts = NDArray[np.int64]


def difference(
    ds: xr.Dataset,
    candidate: int | Sequence[int],
    reference: int,
    metric: str | None = None,
    *,
    time: float | str | None = None,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Difference of candidates from one of them, from the realisations that both have.

    Realisation r of both draws the same random numbers. With d_r the difference in it and n
    realisations, the mean difference has the variance var(d) / n; of candidates that draw
    independently it would be (var(a) + var(b)) / n. Candidates that agree bit for bit differ by
    exactly 0, with no error.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`.
    candidate : int or sequence of int
        Numbers as in the coordinate `candidate`.
    reference : int
        Number of the candidate that is subtracted.
    metric : str, optional
        Default: the merit of the study.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float, in [0.5, 0.9999]
        Of the two-sided interval, Student's.

    Returns
    -------
    Dataset
        Along `candidate`, scalars for one number: `difference`, its `standard_error`, `low` and
        `high` in the metric's unit; `correlation` of the two over the realisations (NaN where one
        does not vary); `realisations` that both have; `variance` of the mean difference, and
        `variance_unpaired`, which it would have without common random numbers. Errors are NaN
        for a single realisation of a metric that depends on it.

    Raises
    ------
    UserError
        If a candidate or the metric is unknown, or a candidate is not done.
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    view = View(ds, time)
    name = resolve(view.summary, metric or view.merit)
    if view.summary[name].dtype.kind not in "fiub":
        raise UserError(f"{name} holds text: only numbers have differences")
    several = np.ndim(candidate) > 0
    numbers = np.atleast_1d(candidate).astype(int).tolist()
    rows = _places(view, [*numbers, reference])
    part = view.rows(rows)
    values, given = part.realised(name), part.given
    varies = "realisation" in view.ds[name].dims
    first, count = values[:-1], np.minimum(given[:-1], given[-1])
    mean, error = paired(first, values[-1], count, finest_step(values) if varies else 0.0)
    error = np.where(count > 1, error, np.nan if varies else 0.0)
    half = student(1 - confidence, count) * error if varies else np.zeros_like(error)
    own, other = _moments(first, values[-1], count)
    unit = {"units": part.unit(name)}
    square = {"units": f"({unit['units']})2" if unit["units"] != "1" else "1"}

    def along(values: NDArray[np.generic], long_name: str, **attrs: str) -> xr.DataArray:
        return xr.DataArray(values, dims="candidate", attrs={"long_name": long_name, **attrs})

    apart = (own + other) / np.maximum(count, 1)
    result = xr.Dataset(
        {
            "difference": along(mean, f"difference of {name}", **unit),
            "standard_error": along(error, "standard error of the difference", **unit),
            "low": along(mean - half, f"lower end of its {confidence:.4g} interval", **unit),
            "high": along(mean + half, f"upper end of its {confidence:.4g} interval", **unit),
            "correlation": along(_correlation(first, values[-1], count), "correlation", units="1"),
            "realisations": along(count, "realisations of both", units="1"),
            "variance": along(error**2, "variance of the mean difference", **square),
            "variance_unpaired": along(
                np.where(count > 1, apart, np.nan if varies else 0.0),
                "variance of the difference of independent candidates", **square,
            ),
        },
        {"candidate": numbers},
        {"metric": name, "reference": int(reference), "confidence": confidence},
    )  # fmt: skip
    return result if several else result.isel(candidate=0)


def paired(first: Values, second: Values, count: Counts, step: float) -> tuple[Values, Values]:
    """Mean difference of values realised together, and its standard error.

    Where a difference is the same in all realisations while the values themselves vary, it agrees
    by chance to within a step of the metric: half a step then counts as its spread. Values that
    are equal, or vary in no realisation, differ without error.

    Parameters
    ----------
    first : (..., realisation) array
    second : (..., realisation) array
    count : (...) array of int
        Realisations that both have, the first ones.
    step : float
        Finest step of the metric's values.

    Returns
    -------
    mean, error : (...) array
        The error of a single realisation is 0.
    """
    delta = np.asarray(first - second)
    whole = bool(np.all(np.asarray(count) == delta.shape[-1]))
    there: Any = True if whole else np.arange(delta.shape[-1]) < np.asarray(count)[..., None]
    number = np.maximum(count, 1)
    with np.errstate(invalid="ignore"):  # of infinities
        mean = np.sum(delta, axis=-1, where=there) / number
        square = np.sum((delta - mean[..., None]) ** 2, axis=-1, where=there)
    low = np.min(delta, axis=-1, where=there, initial=np.inf)
    high = np.max(delta, axis=-1, where=there, initial=-np.inf)
    same = low == high
    mean = np.where(same, low, mean)
    spread = np.sqrt(np.where(same, 0.0, square) / np.maximum(number - 1, 1))
    if step:
        bases = np.broadcast_to(second, delta.shape)
        least = np.min(bases, axis=-1, where=there, initial=np.inf)
        varies = least != np.max(bases, axis=-1, where=there, initial=-np.inf)
        spread = np.where(same & (mean != 0) & varies & (number > 1), step / 2, spread)
    return mean, spread / np.sqrt(number)


def student(outside: float, count: Counts, *, sides: int = 2) -> Values:
    """Student's quantile for means of numbers of realisations.

    Parameters
    ----------
    outside : float
        Probability outside of the interval.
    count : (...) array of int
        Realisations.
    sides : {1, 2}
        Of the interval.

    Returns
    -------
    (...) array
        In standard errors; infinite for a single realisation.
    """
    from scipy.special import stdtrit  # slow to import

    degrees = np.maximum(np.asarray(count) - 1, 1)
    return np.where(np.asarray(count) > 1, -stdtrit(degrees, outside / sides), np.inf)


def finest_step(values: Values) -> float:
    """Least difference between distinct values.

    Parameters
    ----------
    values : array
        NaN and infinities are ignored.

    Returns
    -------
    float
        0 if all are the same.
    """
    known = np.asarray(values).ravel()
    steps = np.diff(np.unique(known[np.isfinite(known)]))
    return float(steps.min()) if steps.size else 0.0


def _places(view: View, numbers: Sequence[int]) -> NDArray[np.intp]:
    """Positions of candidates by their numbers."""
    places = []
    for number in numbers:
        here = np.flatnonzero(view.numbers == number)
        if not here.size:
            raise UserError(f"there is no candidate {number!r} here: the coordinate candidate "
                            "has the numbers")  # fmt: skip
        if not view.done[here[0]]:
            raise UserError(f"candidate {number} is {view.states[here[0]]}: only done ones differ")
        places.append(int(here[0]))
    return np.array(places, dtype=np.intp)


def _moments(first: Values, second: Values, count: Counts) -> tuple[Values, Values]:
    """Variance of each of two over the realisations that both have."""
    there = np.arange(first.shape[-1]) < count[:, None]
    variances = []
    for values in (first, np.broadcast_to(second, first.shape)):
        mean = np.sum(values, axis=-1, where=there) / np.maximum(count, 1)
        square = np.sum((values - mean[:, None]) ** 2, axis=-1, where=there)
        variances.append(square / np.maximum(count - 1, 1))
    return variances[0], variances[1]


def _correlation(first: Values, second: Values, count: Counts) -> Values:
    """Correlation over the realisations that both have; NaN where one does not vary."""
    result = np.full(len(first), np.nan)
    for row, number in enumerate(count.tolist()):
        a, b = first[row, :number], second[:number]
        if number > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            result[row] = np.corrcoef(a, b)[0, 1]
    return result
