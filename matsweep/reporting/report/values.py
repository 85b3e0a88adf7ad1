"""Values of results for people: the columns of tables, and one unit for an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from matsweep.analysis.view import Index, View
from matsweep.core.units import normal_unit
from matsweep.reporting.report.document import Column
from matsweep.reporting.report.study import Study
from matsweep.reporting.texts import metrics, texts


def columns(study: Study, rows: Index) -> tuple[Column, ...]:
    """Columns of the table of candidates, with all known values.

    The material, the swept parameters and the objectives of the study are shown at first.

    Parameters
    ----------
    study : Study
    rows : (row,) array of int
        Positions of the candidates.

    Returns
    -------
    tuple of Column
    """
    view = study.view
    summary = view.summary.isel(candidate=rows)
    place = {int(row): rank + 1 for rank, row in enumerate(study.ranked)}
    listed = [_counted("rank", "#", "rank", [place[int(row)] for row in rows])]
    if view.has_materials:
        listed.append(_column(view, summary["material"], "material", main=True))
    listed += [_column(view, summary[n], label, main=True) for n, label in view.short.items()]
    judged = {*study.objectives, *study.by}
    shown = judged | {f"{name}_std" for name in judged if view.is_share(name)}
    for name in sorted(metrics(summary), key=lambda n: (n.removesuffix("_std") not in judged,)):
        listed.append(_column(view, summary[name], name, main=name in shown))
    front = [bool(on) for on in study.front[rows]]
    pareto = Column(
        name="pareto", label="Pareto", about="whether it is in the Pareto set", unit="1",
        better="higher", main=True, values=tuple(map(float, front)),
        texts=tuple("●" if on else "" for on in front),
    )  # fmt: skip
    number = _counted("candidate", "no.", "number in the store", summary["candidate"].values)
    return (listed[0], pareto, *listed[1:], number)


def span(study: Study, name: str, rows: Index) -> str:
    """Smallest and largest value of some candidates: "124 pJ to 138 pJ".

    Parameters
    ----------
    study : Study
    name : str
    rows : (row,) array of int
        Positions of the candidates.

    Returns
    -------
    str
    """
    values = study.view.summary[name][rows]
    order = np.argsort(values.values)[[0, -1]]
    low, high = texts(study.view, values[order])
    return low if low == high else f"{low} to {high}"


def _column(view: View, variable: xr.DataArray, label: str, *, main: bool) -> Column:
    values = np.asarray(variable.values)
    number = values.dtype.kind in "fiu"
    shown = texts(view, variable)
    raw = values.tolist() if number else shown
    unit = str(variable.attrs.get("units", "1"))
    return Column(
        name=str(variable.name),
        label=label,
        about=str(variable.attrs.get("long_name", variable.name)),
        unit=normal_unit(unit) if number else "",
        better=str(variable.attrs.get("better", "")),
        main=main,
        values=tuple(None if isinstance(v, float) and not np.isfinite(v) else v for v in raw),
        texts=tuple(shown),
    )


def _counted(name: str, label: str, about: str, numbers: Any) -> Column:
    whole = [int(number) for number in numbers]
    return Column(
        name=name, label=label, about=about, unit="1", better="lower", main=True,
        values=tuple(whole), texts=tuple(map(str, whole)),
    )  # fmt: skip
