"""One number per candidate and metric: the mean over the realisations at one time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import numbered
from matsweep.core.checks import UserError
from matsweep.core.units import duration, read_quantity

_SHARED = {"candidate", "realisation", "time"}
STATISTICS = ("_std", "_p05")
"""Endings of the names of statistics over the realisations."""


def summarise(ds: xr.Dataset, time: float | str | None = None) -> xr.Dataset:
    """Reduce results to scalars per candidate.

    Every number is averaged over `realisation` at one time; along a metric's own numeric
    coordinate, such as an epoch, the last value that a candidate has counts. Realisations that
    a candidate was not given (`realisations` has their number) do not count; a candidate with a NaN
    among its realisations is NaN. Next to each metric stands its standard deviation over the
    realisations, ``<metric>_std`` (n - 1; as stored, where the results hold it). Pending and
    failed candidates stay, as NaN. A summary of a summary is itself.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    time : float [s] or str, optional
        One of the stored times since programming, or as text ("1 day"). Default: the last.

    Returns
    -------
    Dataset
        Along `candidate`; the time used is the scalar coordinate `time` and is named in the
        attribute `summary`.

    Raises
    ------
    UserError
        If the time is not among the stored ones.
    """
    ds, used = at_time(numbered(ds), time)
    stored = "realisations" in ds and "realisation" in ds.dims
    counts = given(ds) if stored else None
    result = {}
    for name, variable in ds.data_vars.items():
        own = course(ds, variable)
        if "candidate" not in variable.dims or set(variable.dims) - _SHARED - {own}:
            continue
        if own is not None:
            variable = _last(variable, own)
        if "realisation" not in variable.dims:
            result[name] = variable
        elif variable.dtype.kind in "fiub":
            values = np.asarray(variable.transpose("candidate", "realisation").values)
            result[name] = _like(variable, _by_number(_mean, values, counts))
            if f"{name}_std" not in ds and not str(name).endswith(STATISTICS):
                spread = _like(variable, _by_number(_deviation, values, counts))
                long_name = f"standard deviation of {name} over the realisations"
                spread.attrs = {"units": variable.attrs.get("units", "1"), "long_name": long_name}
                result[f"{name}_std"] = spread
    fewer = counts is not None and bool(np.any((counts > 0) & (counts < ds.sizes["realisation"])))
    text = (
        f"mean over {'up to ' if fewer else ''}{ds.sizes.get('realisation', 1)} realisations{used}"
    )
    attrs = ds.attrs if "realisation" not in ds.dims and not used else ds.attrs | {"summary": text}
    coords = {k: v for k, v in ds.coords.items() if v.dims in (("candidate",), ())}
    return xr.Dataset(result, coords, attrs)


def course(ds: xr.Dataset, variable: xr.DataArray) -> str | None:
    """Dimension that a metric runs along: its only own one, with numbers.

    Dimensions that all share (candidate, realisation, time) are not its own; one whose coordinate
    is text, such as `component`, lists parts.

    Parameters
    ----------
    ds : Dataset
    variable : DataArray

    Returns
    -------
    str or None
        None: there is no such dimension.
    """
    own = [str(dim) for dim in variable.dims if dim not in _SHARED]
    if len(own) != 1 or own[0] not in ds.coords or ds[own[0]].dtype.kind not in "fiu":
        return None
    return own[0]


def given(ds: xr.Dataset) -> NDArray[np.int64]:
    """Count the realisations that each candidate was given.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    (candidate,) array of int
    """
    room = ds.sizes.get("realisation", 1)
    if "realisations" in ds and "realisation" in ds.dims:
        return np.abs(np.asarray(ds["realisations"].values)).astype(np.int64)
    return np.full(ds.sizes["candidate"], room, dtype=np.int64)


def realised(ds: xr.Dataset, name: str, time: float | str | None = None) -> NDArray[np.float64]:
    """Extract one number for each realisation of each candidate.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    name : str
        A metric, or a numeric coordinate.
    time : float [s] or str, optional
        One of the stored times. Default: the last. For a course, the last value counts.

    Returns
    -------
    (candidate, realisation) array
        In the metric's units; values that do not differ between realisations are repeated, and
        realisations that a candidate was not given are NaN.
    """
    variable = at_time(numbered(ds), time)[0][name]
    if (own := course(ds, variable)) is not None:
        variable = _last(variable, own)
    count = ds.sizes.get("realisation", 1)
    if "realisation" not in variable.dims:
        variable = variable.expand_dims(realisation=count)
    values = np.array(variable.transpose("candidate", "realisation").values, dtype=np.float64)
    values[np.arange(count) >= given(ds)[:, None]] = np.nan
    return values


def at_time(ds: xr.Dataset, time: float | str | None = None) -> tuple[xr.Dataset, str]:
    """Select one stored time, and describe it in words.

    Parameters
    ----------
    ds : Dataset
    time : float [s] or str, optional
        Default: the last.

    Returns
    -------
    ds : Dataset
    text : str
        Such as " at 1 day after programming"; "" without times.

    Raises
    ------
    UserError
        If the time is not among the stored ones.
    """
    if "time" not in ds.coords:
        if "time" in ds.dims:
            raise UserError("the dimension 'time' has no coordinate with its times [s]")
        if time is not None:
            raise UserError(f"time: these results hold no times, got {time!r}")
        return ds, ""
    stored = np.atleast_1d(np.asarray(ds["time"].values, dtype=np.float64))
    index = _time_index(stored, time)
    text = f" at {duration(float(stored[index]))} after programming"
    if "time" not in ds.dims:
        return ds, ""
    return ds.isel(time=index), text + (" (the last stored)" if time is None else "")


def _time_index(stored: NDArray[np.float64], time: float | str | None) -> int:
    """Position of `time` [s] among the stored times."""
    if stored.size == 0:
        raise UserError("the results hold no time")
    if time is None:
        return int(np.argmax(stored))
    wanted = read_quantity(time, "s", "time") if isinstance(time, str) else float(time)
    matches = np.flatnonzero(np.isclose(stored, wanted, rtol=1e-9, atol=0.0))
    if matches.size == 0:
        known = ", ".join(f"{value:g}" for value in stored)
        raise UserError(f"time [s] must be one of the stored times {known}; got {time!r}")
    return int(matches[0])


def _last(variable: xr.DataArray, own: str) -> xr.DataArray:
    """Select the last place along a dimension that each candidate reached."""
    others = [dim for dim in variable.dims if dim not in ("candidate", own)]
    number = variable.notnull().any(others).sum(own)
    return variable.isel({own: np.maximum(number - 1, 0)}).drop_vars(own, errors="ignore")


def _like(variable: xr.DataArray, values: NDArray[np.float64]) -> xr.DataArray:
    """Give values along `candidate` the attributes and precision of `variable`."""
    kept = values.astype(variable.dtype) if variable.dtype.kind == "f" else values
    return xr.DataArray(kept, dims="candidate", attrs=dict(variable.attrs))


def _by_number(
    statistic: Callable[[NDArray[Any]], NDArray[np.float64]],
    values: NDArray[Any],
    given: NDArray[Any] | None,
) -> NDArray[np.float64]:
    """Apply a statistic over each candidate's own number of realisations."""
    if given is None:
        return statistic(values)
    result = np.full(len(values), np.nan)
    for number in np.unique(given[given > 0]):
        chosen = given == number
        result[chosen] = statistic(values[chosen, :number])
    return result


def _mean(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    return np.asarray(values.mean(axis=1, dtype=np.float64))


def _deviation(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sample standard deviation over the last axis; NaN for fewer than two realisations."""
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    with np.errstate(invalid="ignore"):  # of infinities
        return np.asarray(values.std(axis=1, ddof=1, dtype=np.float64))
