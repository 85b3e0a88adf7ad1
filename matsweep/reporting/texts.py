"""Values of results as texts for people: SI prefixes, percent, days and years."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.labels import choice
from matsweep.analysis.view import Index, View
from matsweep.core.units import duration, engineering, factor_of, normal_unit, with_error

_NO_METRIC = ("status", "error", "realisations")


def metrics(summary: xr.Dataset) -> list[str]:
    """Names of the numeric metrics along `candidate`, bookkeeping excluded.

    Parameters
    ----------
    summary : Dataset
        Scalars along `candidate`.

    Returns
    -------
    list of str
    """
    return [
        str(name)
        for name, values in summary.data_vars.items()
        if name not in _NO_METRIC and values.dims == ("candidate",) and values.dtype.kind in "fiub"
    ]


def texts(view: View, variable: xr.DataArray) -> list[str]:
    """Format values of a view: SI prefixes, percent for shares, years.

    Parameters
    ----------
    view : View
    variable : (value,) DataArray
        With its unit in ``attrs["units"]``.

    Returns
    -------
    list of str
    """
    values = np.asarray(variable.values)
    if str(variable.name) in view.conditions:
        return [choice(value) for value in values.tolist()]
    if values.dtype.kind not in "fiu":
        return [str(value) for value in values]
    unit = str(variable.attrs.get("units", "1"))
    # Formatting is slow, and many candidates share a latency or an area.
    known, place = np.unique(values, return_inverse=True)
    long = unit == "s" and bool((known >= 60).any())
    share = view.is_share(str(variable.name))
    formatted = [_text(value, unit, share=share, long=long) for value in known.tolist()]
    return [formatted[at] for at in place]


def described(view: View, rows: Index) -> tuple[list[str], list[list[str]]]:
    """All known facts of some candidates as texts.

    Parameters
    ----------
    view : View
    rows : (row,) array of int
        Positions of the candidates.

    Returns
    -------
    names : list of str
    values : list of list of str
        One text for each candidate and name.
    """
    summary = view.summary.isel(candidate=rows)
    measured = metrics(summary)
    hidden = {f"{name}_std" for name in measured} & {*measured}
    kept = [name for name in measured if name not in hidden]
    columns = [[str(number) for number in view.numbers[rows]]]
    columns += [texts(view, summary[name]) for name in view.varied]
    for name in kept:
        column = texts(view, summary[name])
        if f"{name}_std" in hidden:
            column = [spread(view, name, int(at)) for at in rows]
        columns.append(column)
    names = ["no.", *view.short.values(), *kept]
    return names, [list(row) for row in zip(*columns, strict=True)]


def spread(view: View, name: str, at: int) -> str:
    """Metric of a candidate with its standard deviation over the realisations, where it has one.

    Parameters
    ----------
    view : View
    name : str
    at : int
        Position of the candidate.

    Returns
    -------
    str
    """
    variable = view.summary[name]
    # A single realisation has a stored spread of 0, which is no estimate.
    value, deviation = float(variable.values[at]), float(view.column(f"{name}_std")[at])
    if not deviation > 0 or (view.unit(name) == "s" and value >= 60):
        return texts(view, variable[[at]])[0]
    return with_error(value, deviation, view.unit(name), share=view.is_share(name))


def named(view: View, at: int) -> str:
    """Short description of a candidate: its material and parameters, as far as they differ.

    Parameters
    ----------
    view : View
    at : int
        Position of the candidate.

    Returns
    -------
    str
    """
    row = view.summary.isel(candidate=[at])
    parts = [f"{called} {texts(view, row[name])[0]}" for name, called in view.spoken.items()]
    if len(set(view.materials.tolist())) > 1:
        parts.insert(0, view.label(str(view.materials[at])))
    return ", ".join(parts) or f"no. {int(view.numbers[at])}"


def scaled(
    values: NDArray[np.float64], name: str, unit: str, *, share: bool = False
) -> tuple[float, str]:
    """Factor and unit in which the values of an axis have few digits; percent for shares.

    Parameters
    ----------
    values : array
        In `unit`.
    name : str
        Title of the axis.
    unit : str
    share : bool
        Whether the values are fractions that are read in percent.

    Returns
    -------
    factor : float
    unit : str

    Examples
    --------
    >>> scaled(np.array([1.2e-10, 3e-10]), "energy", "J")
    (1000000000000.0, 'pJ')
    """
    if share:
        return 100.0, "%"
    positive = values[np.isfinite(values) & (values > 0)]
    if normal_unit(unit) == "1" or not positive.size:
        return 1.0, "" if normal_unit(unit) == "1" else unit
    middle = float(np.exp(np.log(positive).mean()))
    _, _, written = engineering(middle, unit).partition(" ")
    one = factor_of(written, unit)
    return (1.0, unit) if one is None else (1.0 / one, written)  # TOPS/W has no prefixes


def _text(value: float, unit: str, *, share: bool, long: bool) -> str:
    if isinstance(value, int) and normal_unit(unit) == "1":
        return str(value)
    if share:
        return "–" if np.isnan(value) else f"{100 * value:.2f} %"
    if long and np.isfinite(value):
        return duration(float(value))
    return engineering(float(value), unit)
