"""Values of results as people read them: the columns of tables, and one unit for an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import short_names
from matsweep.core.units import duration, engineering, factor_of, normal_unit
from matsweep.reporting.report.document import Column
from matsweep.reporting.report.study import Index, Study

_NO_METRIC = ("status", "error", "realisations")
_SHARES = ("accuracy", "learning_accuracy")


def columns(study: Study, rows: Index) -> tuple[Column, ...]:
    """Return the columns of the table of some candidates, all that is known of them.

    What is shown at first are the material, what was swept, and what the study is judged by.
    """
    summary = study.summary.isel(candidate=rows)
    names = study.varied()
    labels = short_names(names, taken=map(str, summary.data_vars))
    place = {int(row): rank + 1 for rank, row in enumerate(study.ranked)}
    found = [_counted("rank", "#", "rank", [place[int(row)] for row in rows])]
    if "material" in summary.coords:
        found.append(_column(summary["material"], "material", main=True))
    found += [_column(summary[name], labels[name], main=True) for name in names]
    judged = {*study.objectives, *study.by}
    shown = judged | {f"{name}_std" for name in judged & {*_SHARES}}
    for name in sorted(metrics(summary), key=lambda n: (n.removesuffix("_std") not in judged,)):
        found.append(_column(summary[name], name, main=name in shown))
    front = [bool(on) for on in study.front[rows]]
    pareto = Column(
        name="pareto", label="Pareto", about="whether it is in the Pareto set", unit="1",
        better="higher", main=True, values=tuple(map(float, front)),
        texts=tuple("●" if on else "" for on in front),
    )  # fmt: skip
    number = _counted("candidate", "no.", "number in the store", summary["candidate"].values)
    return (found[0], pareto, *found[1:], number)


def metrics(summary: xr.Dataset) -> list[str]:
    """Return the numbers along `candidate` that are no bookkeeping."""
    return [
        str(name)
        for name, values in summary.data_vars.items()
        if name not in _NO_METRIC and values.dims == ("candidate",) and values.dtype.kind in "fiub"
    ]


def texts(variable: xr.DataArray) -> list[str]:
    """Return values as people read them: SI prefixes, percent for accuracies, years."""
    values = np.asarray(variable.values)
    if values.dtype.kind not in "fiu":
        return [str(value) for value in values]
    unit = str(variable.attrs.get("units", "1"))
    # Many candidates share a latency or an area, and printing is what takes time.
    known, place = np.unique(values, return_inverse=True)
    long = unit == "s" and bool((known >= 60).any())
    told = [_told(value, str(variable.name), unit, long=long) for value in known.tolist()]
    return [told[at] for at in place]


def spread(study: Study, name: str, at: int) -> str:
    """Return a metric of a candidate with its standard deviation, if that is known."""
    text = texts(study.summary[name][[at]])[0]
    deviation = study.column(f"{name}_std")[at]
    if not deviation > 0:  # a single realisation is stored with 0, which says nothing
        return text
    number, _, unit = text.partition(" ")
    one = factor_of(unit, str(study.summary[name].attrs.get("units", "1"))) if unit else None
    if one is None:
        return f"{text} ± {texts(study.summary[f'{name}_std'][[at]])[0]}"
    return f"{number} ± {deviation / one:.2g} {unit}"


def span(study: Study, name: str, rows: Index) -> str:
    """Return the least and the largest value of some candidates: "124 pJ to 138 pJ"."""
    values = study.summary[name][rows]
    order = np.argsort(values.values)[[0, -1]]
    low, high = texts(values[order])
    return low if low == high else f"{low} to {high}"


def scaled(values: NDArray[np.float64], name: str, unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which the values of an axis have few digits.

    Examples
    --------
    >>> scaled(np.array([1.2e-10, 3e-10]), "energy", "J")
    (1000000000000.0, 'pJ')
    """
    if _share(name, unit):
        return 100.0, "%"
    positive = values[np.isfinite(values) & (values > 0)]
    if normal_unit(unit) == "1" or not positive.size:
        return 1.0, "" if normal_unit(unit) == "1" else unit
    middle = float(np.exp(np.log(positive).mean()))
    _, _, written = engineering(middle, unit).partition(" ")
    one = factor_of(written, unit)
    return (1.0, unit) if one is None else (1.0 / one, written)  # none has TOPS/W


def _column(variable: xr.DataArray, label: str, *, main: bool) -> Column:
    values = np.asarray(variable.values)
    number = values.dtype.kind in "fiu"
    raw = values.tolist() if number else [str(value) for value in values]
    unit = str(variable.attrs.get("units", "1"))
    return Column(
        name=str(variable.name),
        label=label,
        about=str(variable.attrs.get("long_name", variable.name)),
        unit=normal_unit(unit) if number else "",
        better=str(variable.attrs.get("better", "")),
        main=main,
        values=tuple(None if isinstance(v, float) and not np.isfinite(v) else v for v in raw),
        texts=tuple(texts(variable)),
    )


def _counted(name: str, label: str, about: str, numbers: Any) -> Column:
    whole = [int(number) for number in numbers]
    return Column(
        name=name, label=label, about=about, unit="1", better="lower", main=True,
        values=tuple(whole), texts=tuple(map(str, whole)),
    )  # fmt: skip


def _told(value: float, name: str, unit: str, *, long: bool) -> str:
    if isinstance(value, int) and normal_unit(unit) == "1":
        return str(value)
    if _share(name, unit):
        return "–" if np.isnan(value) else f"{100 * value:.2f} %"
    if long and np.isfinite(value):
        return duration(float(value))
    return engineering(float(value), unit)


def _share(name: str, unit: str) -> bool:
    """Return whether a metric is an accuracy, which people read in percent."""
    base = name.removesuffix("_std").removesuffix("_p05")
    return base in _SHARES and normal_unit(unit) == "1"
