"""Parallel coordinates: each candidate a line across what was swept and what came out.

Lines are ordinary ones of plotly, not its own type, so that they print, need no graphics processor
and can be pointed at; of many candidates some are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import material_label, short_names
from matsweep.analysis.view import Index, View
from matsweep.reporting.figures.style import Style
from matsweep.reporting.report.document import Figure
from matsweep.reporting.report.look import INK, LEGEND, LOOK, legend_entry, safe
from matsweep.reporting.report.study import Study
from matsweep.reporting.report.values import metrics, texts

_MOST_LINES = 300
_MOST_TICKS = 7
_LEAST_AXES = 3
_WIDE = 30.0  # a ratio of values beyond which an axis is logarithmic


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """One vertical axis: where candidates cross it, from 0 to 1, and what stands beside it."""

    label: str
    heights: NDArray[np.float64]
    told: list[str]
    ticks: list[tuple[float, str]]


def parallel(study: Study, styles: Mapping[str, Style]) -> Figure | None:
    """Draw what was swept and what the study is judged by; None where that says nothing."""
    rows = _chosen(study)
    scales = _scales(study, rows)
    if rows.size < 2 or len(scales) < _LEAST_AXES:
        return None
    data: list[dict[str, Any]] = []
    for name, style in styles.items():
        mine = study.view.materials[rows] == name
        group = {"name": safe(material_label(study.view.ds, name)), "legendgroup": safe(name)}
        data.append(group | legend_entry(style, "lines"))
        for front in (False, True):
            which = np.flatnonzero(mine & (study.front[rows] == front))
            if which.size:
                trace = _lines(study, rows, which, scales, style, strong=front)
                data.append(trace | group | {"showlegend": False})
    told = "Strong lines are the Pareto set"
    if study.ranked.size > rows.size:
        told += f"; of the other candidates {rows.size - int(study.front[rows].sum()):,} are drawn"
    caption = f"{told}. A click on a material hides it."
    layout = _layout(scales, len(styles))
    return Figure(
        name="parallel", title="Parameters and what comes of them", caption=caption,
        plot={"data": data, "layout": layout}, picture=study.pictures.get("parallel"),
    )  # fmt: skip


def _chosen(study: Study) -> Index:
    """Return the Pareto set and some others evenly along the rank."""
    front = study.ranked[study.front[study.ranked]]
    front = front[np.linspace(0, front.size - 1, min(front.size, _MOST_LINES)).astype(np.intp)]
    others = study.ranked[~study.front[study.ranked]]
    room = min(_MOST_LINES - front.size, others.size)
    spaced = others[np.linspace(0, others.size - 1, room).astype(np.intp)] if room else others[:0]
    return np.concatenate([spaced, front])


def _scales(study: Study, rows: Index) -> list[_Scale]:
    summary = study.view.summary.isel(candidate=rows)
    varied = study.view.varied
    short = short_names(varied, taken=map(str, summary.data_vars))
    judged = [name for name in study.objectives if name in metrics(summary)]
    material = ["material"] if len(set(study.view.materials.tolist())) > 1 else []
    named = [*((n, n) for n in material), *((n, short[n]) for n in varied)]
    named += [(n, n) for n in judged]
    found = (_scale(study.view, summary[name], label) for name, label in named)
    return [scale for scale in found if scale is not None]


def _scale(view: View, variable: xr.DataArray, label: str) -> _Scale | None:
    """Return the axis of a parameter or metric; None if all are equal, or none is known."""
    values, told = np.asarray(variable.values), texts(view, variable)
    if values.dtype.kind not in "fiu":
        known = sorted(set(told))
        place = {text: at / max(len(known) - 1, 1) for at, text in enumerate(known)}
        return _Scale(
            label=label, heights=np.array([place[text] for text in told]), told=told,
            ticks=_few([(place[text], text) for text in known]),
        )  # fmt: skip
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.any() or np.ptp(numbers[finite]) == 0:
        return None
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    if low > 0 and high / low > _WIDE:
        numbers, low, high = np.log(np.where(finite, numbers, low)), np.log(low), np.log(high)
    heights = np.where(finite, (numbers - low) / (high - low), np.nan)
    distinct = np.unique(heights[finite], return_index=True)
    at = np.flatnonzero(finite)[distinct[1]]
    ticks = [(float(heights[i]), told[i]) for i in at]
    few = ticks if len(ticks) <= _MOST_TICKS else [ticks[0], ticks[-1]]
    return _Scale(label=label, heights=heights, told=told, ticks=few)


def _few(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return ticks if len(ticks) <= 4 * _MOST_TICKS else [ticks[0], ticks[-1]]


def _lines(
    study: Study, rows: Index, which: Index, scales: list[_Scale], style: Style, *, strong: bool
) -> dict[str, Any]:
    """Return some candidates' lines as one trace, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    numbers = study.view.summary["candidate"].values[rows]
    for at in which.tolist():
        for place, scale in enumerate(scales):
            height = float(scale.heights[at])
            x.append(place)
            y.append(round(height, 4) if np.isfinite(height) else None)
            text.append(safe(f"no. {numbers[at]}, {scale.label}: {scale.told[at]}"))
        x.append(None)
        y.append(None)
        text.append("")
    return {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "text": text,
        "hovertemplate": "<b>%{fullData.name}</b><br>%{text}<extra></extra>",
        "line": {"color": style.colour, "width": 2.5 if strong else 1.0},
        "marker": {"size": 6 if strong else 3, "color": style.colour},
        "opacity": 0.95 if strong else 0.3,
    }  # fmt: skip


def _layout(scales: list[_Scale], entries: int) -> dict[str, Any]:
    notes = [
        {
            "x": place, "y": height, "text": safe(told), "showarrow": False, "xanchor": "left",
            "xshift": 6, "font": {"size": 11, "color": INK},
            "bgcolor": "rgba(255,255,255,0.8)",
        }
        for place, scale in enumerate(scales)
        for height, told in scale.ticks
    ]  # fmt: skip
    bars = [
        {
            "type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "layer": "below",
            "line": {"color": "#808080", "width": 1},
        }
        for place in range(len(scales))
    ]  # fmt: skip
    return {
        "height": 480 + 22 * (entries // 5),
        "margin": {"l": 24, "r": 24, "t": 70, "b": 24},
        **LOOK,
        "legend": LEGEND | {"y": 1.1},
        "annotations": notes,
        "shapes": bars,
        "xaxis": {
            "side": "top", "tickvals": list(range(len(scales))), "showgrid": False,
            "ticktext": [safe(scale.label) for scale in scales], "zeroline": False,
            "range": [-0.15, len(scales) - 0.35],
        },
        "yaxis": {"visible": False, "range": [-0.04, 1.04]},
    }  # fmt: skip
