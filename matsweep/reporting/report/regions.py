"""Interactive figures of what is required of devices, and of what decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import short_names
from matsweep.analysis.families import Family
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.studytable import Scale
from matsweep.analysis.wording import is_fraction, quantity
from matsweep.reporting.figures.requirement_map import percent, place
from matsweep.reporting.figures.style import material_styles
from matsweep.reporting.report.document import Figure
from matsweep.reporting.report.look import GREY, LEGEND, LOOK, marker, rounded, safe
from matsweep.reporting.report.values import scaled

_POINTS = 41  # along each parameter of a map
_HEIGHT = 460  # pixels
_BLUE, _ORANGE = "#0072B2", "#E69F00"
_SHADES = [[0.0, "#f7fbff"], [0.5, "#6baed6"], [1.0, "#08519c"]]
_KINDS = {
    "ST": (("S1", "alone (S1)", _BLUE), ("ST", "with interactions (ST)", _ORANGE)),
    "median": (("median", "PAWN, median over slices", _BLUE),),
    "delta": (("delta", "Borgonovo's delta", _BLUE),),
}


def requirement_map(found: Requirements, name: str, picture: Path | None) -> Figure:
    """Draw where a target is met: over two parameters its probability, over one the metric."""
    drawn = found.shown()
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    data = _map(found, *drawn, scales) if len(drawn) == 2 else _line(found, scales[drawn[0]])
    across, up = scales[drawn[0]], scales[drawn[1]] if len(drawn) == 2 else None
    data += _candidates(found, across, up) + _families(found, across, up)
    short = short_names(scales)
    layout = {
        **LOOK, "height": _HEIGHT + 20 * (len(found.families) // 3), "legend": LEGEND,
        "margin": {"l": 64, "r": 16, "t": 12, "b": 64}, "xaxis": _axis(across, short),
    }  # fmt: skip
    if up is not None:
        layout["yaxis"] = _axis(up, short)
    else:
        _, unit = _metric(found)
        title = found.metric + (f" ({unit})" if unit else "")
        layout["yaxis"] = _plain(title, log=found.surrogate.logarithmic)
    others = [f"{short[n]} {quantity(scales[n], v)}" for n, v in found.best.items()
              if n not in drawn]  # fmt: skip
    told = "The fitted mean with two deviations; dashed: the target."
    if up is not None:
        c = 100 * found.confidence
        told = "Probability that the fitted mean meets the target; solid: 50 %, dashed: "
        told += f"{100 - c:.3g} and {c:.3g} %."
    if others:
        told += f" All else at its best: {', '.join(others)}."
    title = f"Where {found.target} is met"
    title += f" by {found.material}" if found.material else ""
    return Figure(name=name, title=title, caption=told, picture=picture,
                  plot={"data": data, "layout": layout})  # fmt: skip


def sensitivity_bars(found: xr.Dataset, picture: Path | None) -> Figure:
    """Draw indices of sensitivity as bars with their intervals, the largest first."""
    main = next(name for name in _KINDS if name in found)
    found = found.isel(parameter=np.argsort(-np.nan_to_num(found[main].values), kind="stable"))
    names = [str(name) for name in found["parameter"].values]
    short = short_names(names)
    labels = [safe(short[name]) for name in names]
    data: list[dict[str, Any]] = [
        {
            "type": "bar", "orientation": "h", "name": told, "y": labels,
            "x": rounded(found[index].values), "marker": {"color": colour},
            "error_x": {"type": "data", "array": rounded(found[f"{index}_conf"].values),
                        "color": GREY, "thickness": 1, "width": 3},
            "hovertemplate": "%{y}<br>%{fullData.name}: %{x:.3f}<extra></extra>",
        }
        for index, told, colour in _KINDS[main]
    ]  # fmt: skip
    if "threshold" in found:
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": "without influence", "y": labels,
                "x": rounded(found["threshold"].values),
                "marker": {"symbol": "line-ns-open", "size": 22, "color": GREY,
                           "line": {"width": 2, "color": GREY}},
                "hovertemplate": "%{y}<br>stays below %{x:.3f} without influence<extra></extra>",
            }
        )  # fmt: skip
    label = "Share of the variance" if main == "ST" else "Index"
    categories = {"autorange": "reversed", "type": "category", "ticklabelposition": "outside"}
    layout = {
        **LOOK, "height": 150 + 46 * len(names), "barmode": "group", "legend": LEGEND,
        "margin": {"l": 64, "r": 16, "t": 12, "b": 64},
        "xaxis": _plain(label), "yaxis": _plain("") | categories,
    }  # fmt: skip
    confidence = 100 * float(found.attrs["confidence"])
    return Figure(
        name="sensitivity", title=f"What moves {found.attrs['metric']}", picture=picture,
        caption=f"Bars of error: {confidence:.3g} % intervals.", wide=False,
        plot={"data": data, "layout": layout},
    )  # fmt: skip


def _map(
    found: Requirements, across: str, up: str, scales: dict[str, Scale]
) -> list[dict[str, Any]]:
    grid = found.map(across, up, _POINTS)
    where = {
        "x": rounded(_factor(scales[across]) * grid[across].values),
        "y": rounded(_factor(scales[up]) * grid[up].values),
        "z": [rounded(100 * row) for row in grid.values],
    }
    c = 100 * found.confidence
    levels = (((50.0, 50.0), "solid", "limit (50 %)"), ((100 - c, c), "dash", f"{c:.3g} %"))
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap", **where, "zmin": 0, "zmax": 100, "zsmooth": "best",
            "colorscale": _SHADES, "opacity": 0.8,
            "colorbar": {"title": {"text": "met (%)"}, "thickness": 12, "outlinewidth": 0},
            "hovertemplate": "%{x:.4g}, %{y:.4g}: %{z:.3g} %<extra></extra>",
        }
    ]  # fmt: skip
    for (low, high), dash, told in levels:
        data.append(
            {
                "type": "contour", **where, "name": told, "showscale": False, "hoverinfo": "skip",
                "contours": {"coloring": "none", "start": low, "end": high,
                             "size": max(high - low, 1.0)},
                "line": {"color": "#262626", "width": 2 if dash == "solid" else 1, "dash": dash},
                "showlegend": False,
            }
        )  # fmt: skip
    return data


def _line(found: Requirements, scale: Scale) -> list[dict[str, Any]]:
    factor, unit = _metric(found)
    points = scale.from_unit(np.linspace(0, 1, 121))
    mean, deviation = found.surrogate.predict(points[:, None])
    x = rounded(_factor(scale) * points)
    ends = [factor * (mean - 2 * deviation), factor * (mean + 2 * deviation)]
    band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip",
            "showlegend": False, "x": x}  # fmt: skip
    return [
        band | {"y": rounded(ends[0])},
        band | {"y": rounded(ends[1]), "fill": "tonexty", "fillcolor": "rgba(0,114,178,0.2)"},
        {
            "type": "scatter", "mode": "lines", "name": "fit", "x": x, "y": rounded(factor * mean),
            "line": {"color": _BLUE, "width": 2},
            "hovertemplate": f"%{{x:.4g}}: %{{y:.4g}} {unit}<extra></extra>",
        },
        {
            "type": "scatter", "mode": "lines", "name": "target", "hoverinfo": "skip",
            "x": [x[0], x[-1]], "y": [factor * found.bound] * 2,
            "line": {"color": GREY, "width": 1.2, "dash": "dash"},
        },
    ]  # fmt: skip


def _candidates(found: Requirements, across: Scale, up: Scale | None) -> list[dict[str, Any]]:
    table, names = found.surrogate.table, list(found.surrogate.names)
    x = _factor(across) * table.points[:, names.index(across.name)]
    y: NDArray[np.float64] = _metric(found)[0] * table.values
    if up is not None:
        y = _factor(up) * table.points[:, names.index(up.name)]
    factor, unit = _metric(found)
    data = []
    for which, label, fill in ((~found.met, "not met", "white"), (found.met, "met", "#262626")):
        if which.any():
            data.append(
                {
                    "type": "scatter", "mode": "markers", "name": f"candidate, {label}",
                    "x": rounded(x[which]), "y": rounded(y[which]),
                    "marker": {"size": 6, "color": fill, "line": {"color": "#262626", "width": 1}},
                    "text": [f"{value:.4g} {unit}" for value in factor * table.values[which]],
                    "hovertemplate": f"{safe(found.metric)} %{{text}}<extra></extra>",
                }
            )  # fmt: skip
    return data


def _families(found: Requirements, across: Scale, up: Scale | None) -> list[dict[str, Any]]:
    styles = material_styles(family.material for family in found.families)
    drawn = [across.name] if up is None else [across.name, up.name]
    data = []
    for family in found.families:
        exact = all(family.position[n] is not None and n not in family.beyond for n in drawn)
        look = marker(styles[family.material], strong=True) | {"size": 13}
        if not exact:
            look |= {"color": "white", "line": {"color": look["color"], "width": 2}}
        y = _metric(found)[0] * family.metric if up is None else _factor(up) * place(
            family, up, found
        )  # fmt: skip
        told = safe(f"{family.label}: met with {percent(family)}")
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": told, "marker": look,
                "x": [_factor(across) * place(family, across, found)], "y": [y],
                "hovertemplate": f"{told}{_note(family, drawn)}<extra></extra>",
            }
        )  # fmt: skip
    return data


def _note(family: Family, drawn: list[str]) -> str:
    if set(family.beyond) & set(drawn):
        return "<br>beyond the sweep: drawn at its end"
    unknown = any(family.position[name] is None for name in drawn)
    return "<br>not all known: drawn at the best value" if unknown else ""


def _metric(found: Requirements) -> tuple[float, str]:
    factor, unit = scaled(found.surrogate.table.values, found.metric, found.unit)
    return factor, safe(unit).replace("%{", "% {")


def _factor(scale: Scale) -> float:
    return 100.0 if is_fraction(scale) else 1.0


def _axis(scale: Scale, short: dict[str, str]) -> dict[str, Any]:
    unit = "%" if is_fraction(scale) else "" if scale.unit == "1" else scale.unit
    title = short[scale.name] + (f" ({unit})" if unit else "")
    return _plain(title, log=scale.logarithmic)


def _plain(title: str, *, log: bool = False) -> dict[str, Any]:
    return {
        "title": {"text": safe(title)}, "type": "log" if log else "linear", "linecolor": GREY,
        "gridcolor": "#e3e3e3", "ticks": "outside", "zeroline": False, "automargin": True,
    }  # fmt: skip
