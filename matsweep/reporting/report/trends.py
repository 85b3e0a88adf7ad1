"""Interactive figures of studies of physics and of learning: what decides, against what varies."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from matsweep.analysis.attributes import material_label, short_names
from matsweep.analysis.objectives import MAIN, order, weighed
from matsweep.analysis.view import Index
from matsweep.reporting.report.axis import Axis
from matsweep.reporting.report.document import Figure
from matsweep.reporting.report.look import GREY, LEGEND, LOOK, rounded, safe
from matsweep.reporting.report.study import Study
from matsweep.reporting.report.values import metrics, texts

_MOST_LINES = 8
_HEIGHT = 460  # pixels
_WIDE = 30.0  # a ratio of values beyond which an axis is logarithmic


def learning(study: Study) -> Figure | None:
    """Draw accuracy against epoch of up to eight candidates, evenly spaced in rank."""
    if "learning_accuracy" not in study.view.ds:
        return None
    ranked = order(study.view, "learning_accuracy")
    places = np.linspace(0, ranked.size - 1, min(_MOST_LINES, ranked.size)).astype(np.intp)
    shown = ranked[np.unique(places)]
    rows = study.view.ds["learning_accuracy"].isel(candidate=shown)
    if "realisation" in rows.dims:
        spread = rows.std("realisation", ddof=1 if rows.sizes["realisation"] > 1 else 0)
        rows = rows.mean("realisation")
        bars = 100 * spread.transpose("candidate", "epoch").values
    else:
        bars = np.zeros((shown.size, rows.sizes["epoch"]))
    values = 100 * rows.transpose("candidate", "epoch").values
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "name": safe(_told(study, int(at))),
            "x": np.asarray(study.view.ds["epoch"].values).tolist(), "y": rounded(mean),
            "error_y": {"type": "data", "array": rounded(np.nan_to_num(bar)), "color": colour,
                        "thickness": 1, "width": 2},
            "line": {"color": colour, "width": 1.5}, "marker": {"color": colour, "size": 5},
            "hovertemplate": "<b>%{fullData.name}</b><br>epoch %{x}: %{y:.4g} %<extra></extra>",
        }
        for at, mean, bar, colour in zip(shown, values, bars, _shades(shown.size), strict=True)
    ]  # fmt: skip
    layout = _layout(22 * shown.size) | {
        "xaxis": _axis("Epoch"),
        "yaxis": _axis("Accuracy on held-out samples (%)"),
    }
    return Figure(
        name="learning", title="How they learn", plot={"data": data, "layout": layout},
        caption="From the best to the worst, evenly spaced in rank; bars are one standard "
        "deviation.", picture=study.pictures.get("learning"),
    )  # fmt: skip


def tradeoff(study: Study) -> Figure | None:
    """Draw what a study of physics or of learning is judged by against the swept numbers.

    None of other studies, and where not one or two numbers, and nothing else, were swept.
    """
    names = study.view.varied
    numbers = all(study.view.summary[name].dtype.kind in "fiu" for name in names)
    if weighed(study.view) == MAIN or not 1 <= len(names) <= 2 or not numbers:
        return None
    shown = [name for name in study.objectives if name in metrics(study.view.summary)]
    across = study.view.column(names[-1])
    hue = study.view.column(names[0]) if len(names) == 2 else np.zeros(across.size)
    data: list[dict[str, Any]] = []
    layout = _layout(0) | {"grid": {"rows": 1, "columns": len(shown), "pattern": "independent"}}
    short = short_names(names)
    levels = np.unique(hue[study.ranked])
    for panel, name in enumerate(shown):
        number = "" if panel == 0 else str(panel + 1)
        y = Axis(study, name)
        for level, colour in zip(levels.tolist(), _shades(levels.size), strict=True):
            rows = study.ranked[hue[study.ranked] == level]
            rows = rows[np.argsort(across[rows], kind="stable")]
            label = f"{short[names[0]]} {level:g}" if len(names) == 2 else "all"
            data.append(
                _line(study, rows, across, y, colour)
                | {"name": safe(label), "legendgroup": f"{level:g}", "xaxis": f"x{number}",
                   "yaxis": f"y{number}", "showlegend": panel == 0 and len(names) == 2}
            )  # fmt: skip
        layout[f"xaxis{number}"] = _axis(short[names[-1]], across[study.ranked])
        layout[f"yaxis{number}"] = _axis("", y.of(study.ranked)) | {"title": {"text": y.title}}
    return Figure(
        name="tradeoff", title="What decides, against what was swept",
        caption="Bars are one standard deviation over the realisations.",
        plot={"data": data, "layout": layout}, picture=study.pictures.get("tradeoff"),
    )  # fmt: skip


def _line(
    study: Study, rows: Index, across: NDArray[np.float64], y: Axis, colour: str
) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines+markers", "x": rounded(across[rows]),
        "y": rounded(y.of(rows)), "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": 6},
        "error_y": {"type": "data", "array": rounded(y.bars(rows)), "color": colour,
                    "thickness": 1, "width": 2},
        "text": [safe(_told(study, int(at))) for at in rows],
        "hovertemplate": f"%{{text}}<br>%{{y:.4g}} {y.unit}<extra></extra>",
    }  # fmt: skip


def _told(study: Study, at: int) -> str:
    """Return what a candidate is, in a line."""
    row = study.view.summary.isel(candidate=[at])
    names = study.view.varied
    short = short_names(names)
    told = [f"{short[name]} {texts(study.view, row[name])[0]}" for name in names]
    if len(set(study.view.materials.tolist())) > 1:
        told.insert(0, material_label(study.view.ds, str(study.view.materials[at])))
    return ", ".join(told) or f"no. {int(row['candidate'].values[0])}"


def _shades(count: int) -> list[str]:
    """Return colours from dark to light, for people who see no colours too."""
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 0.85, count))]


def _layout(more: int) -> dict[str, Any]:
    margin = {"l": 64, "r": 16, "t": 12, "b": 64}
    return {**LOOK, "height": _HEIGHT + more, "margin": margin, "legend": LEGEND}


def _axis(title: str, values: NDArray[np.float64] | None = None) -> dict[str, Any]:
    known = np.empty(0) if values is None else values[np.isfinite(values)]
    log = bool(known.size and known.min() > 0 and known.max() / known.min() > _WIDE)
    return {
        "title": {"text": safe(title)}, "type": "log" if log else "linear", "linecolor": GREY,
        "gridcolor": "#e3e3e3", "ticks": "outside", "zeroline": False, "automargin": True,
    }  # fmt: skip
