"""The interactive figures of a report, as plotly's `data` and `layout`: plain data, no plotly.

Texts from a store are escaped here, as plotly reads a kind of HTML. Axes are in one unit with its
SI prefix, so that they stay right when one zooms.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.attributes import material_label, short_names
from matsweep.analysis.objectives import MAIN, weighed
from matsweep.analysis.pareto import pareto_mask
from matsweep.analysis.summary import at_time
from matsweep.analysis.view import NO_MATERIAL, Index
from matsweep.core.units import duration
from matsweep.reporting.figures.style import Style, material_styles
from matsweep.reporting.report.axis import Axis
from matsweep.reporting.report.document import Figure
from matsweep.reporting.report.look import GREY, LEGEND, LOOK, legend_entry, marker, rounded, safe
from matsweep.reporting.report.parallel import parallel
from matsweep.reporting.report.study import Study
from matsweep.reporting.report.trends import learning, tradeoff
from matsweep.reporting.report.values import metrics, scaled, texts

MOST_POINTS = 20_000
"""Candidates in a scatter; of more the front is kept, and of the others evenly spaced ones."""

_COSTS = ("training_energy", "energy", "latency", "area")
_BARS = 60  # more points than this would drown in their bars: then only the front carries them
_LEAST_SHARE = 0.02  # of the largest bar: components below it everywhere are drawn as one
_HEIGHT = 460  # pixels
_APART = 1.06  # factor of times between materials
_GRID = "#e3e3e3"
# Hatching tells components apart that have the same colour, or look so.
_PATTERNS = ("", "/", ".", "x", "-", "|")
_TICKS = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 2_592_000.0, 31_536_000.0, 315_360_000.0)


def figures(study: Study) -> Iterator[Figure]:
    """Yield the figures that the results hold the data of."""
    shown = _drawable(study)
    if shown.size:
        if cost := _cost(study, shown):
            yield pareto(study, shown, cost)
        if "time" in study.view.ds["accuracy"].dims and study.view.ds.sizes["time"] > 1:
            yield over_time(study)
        if study.view.ds["accuracy"].sizes.get("realisation", 1) > 1:
            yield distribution(study)
    if study.ranked.size:
        if weighed(study.view) == MAIN and "energy_breakdown" in study.view.ds:
            yield breakdown(study)
        others = (learning(study), tradeoff(study), parallel(study, _styles(study)))
        yield from (figure for figure in others if figure is not None)


def pareto(study: Study, shown: Index, cost: str) -> Figure:
    """Draw accuracy against a cost, with the front of the two."""
    accuracy, across = study.view.column("accuracy")[shown], study.view.column(cost)[shown]
    best = pareto_mask(np.stack([accuracy, across], axis=1), ["higher", "lower"])
    thin = _thinned(study, shown, best)
    left_out = shown.size - thin.size
    on_front = np.isin(thin, shown[best])
    y, x = Axis(study, "accuracy"), Axis(study, cost)
    data: list[dict[str, Any]] = []
    styles = _styles(study)
    groups = {name: {"name": _label(study, name), "legendgroup": safe(name)} for name in styles}
    data += [groups[name] | legend_entry(style, "markers") for name, style in styles.items()]
    for front in (False, True):  # the front lies over all others
        for name, style in styles.items():
            rows = thin[(study.view.materials[thin] == name) & (on_front == front)]
            if rows.size:
                bars = front or thin.size <= _BARS
                trace = _points(study, rows, x, y, style, strong=front, bars=bars)
                data.append(trace | groups[name] | {"showlegend": False})
    order = shown[best][np.argsort(across[best])]
    data.append(
        {
            "type": "scatter", "mode": "lines", "name": "Pareto front", "hoverinfo": "skip",
            "x": rounded(x.of(order)), "y": rounded(y.of(order)),
            "line": {"shape": "hv", "color": GREY, "width": 1.5},
        }
    )  # fmt: skip
    log = not bool((across <= 0).any())
    layout = _layout(x.title, y.title, len(styles) + 2, log_x=log)
    _baseline(study, data, y, x.of(shown))
    told = "Bars" if thin.size <= _BARS else "Bars, of the front only,"
    told += " are one standard deviation over the realisations; the line is the front of these "
    told += "two metrics, large points lie on it. Point at one for all that is known of it."
    if left_out:
        told += f" {left_out:,} other points are left out to keep the page quick."
    return Figure(
        name="pareto", title=f"Accuracy against {x.about}", caption=told,
        plot={"data": data, "layout": layout}, picture=study.pictures.get("pareto"),
    )  # fmt: skip


def over_time(study: Study) -> Figure:
    """Draw the accuracy of the best candidate of each material over the time since programming."""
    ds = study.view.ds.isel(candidate=study.best_of_each()).sortby("time")
    times = np.asarray(ds["time"].values, dtype=np.float64)
    rows, y = ds["accuracy"], Axis(study, "accuracy")
    several = "realisation" in rows.dims
    mean = rows.mean("realisation") if several else rows
    bars = rows.std("realisation", ddof=1) if rows.sizes.get("realisation", 1) > 1 else None
    log = bool(times.size and times.min() > 0)
    x: list[Any] = times.tolist() if log else [duration(time) for time in times]
    data: list[dict[str, Any]] = []
    styles = _styles(study)
    values = y.factor * mean.transpose("candidate", "time").values
    for at, name in enumerate(study.view.materials[study.best_of_each()].tolist()):
        told = [f"{_label(study, name)}<br>{duration(time)}: " for time in times]
        if log:  # moved apart, so that equal ones do not hide each other
            x = rounded(times * _APART ** (at - (len(values) - 1) / 2))
        trace = {
            "type": "scatter", "mode": "lines+markers", "name": _label(study, name),
            "x": x, "y": rounded(values[at]), "text": told, "line": {"width": 1.5},
            "marker": marker(styles[name], strong=True),
            "hovertemplate": f"%{{text}}%{{y:.4g}} {y.unit}<extra></extra>",
        }  # fmt: skip
        if bars is not None:
            deviations = y.factor * bars.transpose("candidate", "time").values[at]
            trace["error_y"] = _bars(deviations, styles[name])
        data.append(trace)
    layout = _layout("Time since programming", y.title, len(data), log_x=log)
    if log:
        ticks = [tick for tick in _TICKS if times.min() / 2 <= tick <= times.max() * 2]
        ticks = ticks if len(ticks) > 1 else times.tolist()
        layout["xaxis"] |= {"tickvals": ticks, "ticktext": [duration(tick) for tick in ticks]}
    else:
        layout["xaxis"]["type"] = "category"
    caption = "The best candidate of each material; bars are one standard deviation."
    if log:
        caption += " Points of the same time are moved apart."
    return Figure(
        name="time", title="How accuracy lasts", caption=caption, wide=False,
        plot={"data": data, "layout": layout},
    )  # fmt: skip


def breakdown(study: Study) -> Figure:
    """Draw where the energy of the best candidate of each material goes."""
    best = study.best_of_each()
    terms = at_time(study.view.ds[["energy_breakdown"]], study.view.time)[0]["energy_breakdown"]
    terms = terms.isel(candidate=best)
    terms = terms.mean([dim for dim in terms.dims if dim not in ("candidate", "component")])
    values = np.nan_to_num(terms.transpose("candidate", "component").values)
    factor, unit = scaled(values.sum(axis=1), "energy", str(terms.attrs.get("units") or "J"))
    unit = safe(unit).replace("%{", "% {")
    large = (values > _LEAST_SHARE * values.sum(axis=1).max(initial=0.0)).any(axis=0)
    names = [str(name) for name in terms["component"].values]
    shown = [(n, c) for n, c, keep in zip(names, values.T, large, strict=True) if keep]
    if values[:, ~large].any():
        shown.append(("others", values[:, ~large].sum(axis=1)))
    labels = [_label(study, name) for name in study.view.materials[best].tolist()]
    colours = [style.colour for style in material_styles("abcdefg").values()]
    data = [
        {
            "type": "bar", "orientation": "h", "name": safe(name), "y": labels,
            "x": rounded(factor * column),
            "hovertemplate": f"%{{y}}<br>%{{fullData.name}}: %{{x:.3g}} {unit}<extra></extra>",
            "marker": {
                "color": colours[at % len(colours)],
                "line": {"color": "white", "width": 0.5},
                "pattern": {"shape": _PATTERNS[at // len(colours) % len(_PATTERNS)],
                            "fgcolor": "white", "size": 6},
            },
        }
        for at, (name, column) in enumerate(shown)
    ]  # fmt: skip
    layout = _layout(f"Energy of an inference ({unit})", "", len(shown))
    layout |= {"barmode": "stack", "height": 200 + 34 * len(labels) + 26 * (len(shown) // 5 + 1)}
    layout["yaxis"] |= {"autorange": "reversed", "automargin": True}
    return Figure(
        name="energy", title="Where the energy goes",
        caption="The best candidate of each material.",
        plot={"data": data, "layout": layout}, picture=study.pictures.get("energy"),
    )  # fmt: skip


def distribution(study: Study) -> Figure:
    """Draw the accuracies of the realisations of the best candidate of each material."""
    best, y = study.best_of_each(), Axis(study, "accuracy")
    rows = at_time(study.view.ds[["accuracy"]], study.view.time)[0]["accuracy"].isel(candidate=best)
    values = y.factor * rows.transpose("candidate", "realisation").values
    styles, data = _styles(study), []
    for name, column in zip(study.view.materials[best].tolist(), values, strict=True):
        style = styles[name]
        data.append(
            {
                "type": "box", "orientation": "h", "name": _label(study, name),
                "x": rounded(column[~np.isnan(column)]), "boxpoints": "all",
                "jitter": 0.5, "pointpos": 0, "fillcolor": "rgba(0,0,0,0.04)",
                "line": {"color": style.colour, "width": 1.2}, "showlegend": False,
                "marker": marker(style, strong=False) | {"opacity": 0.8},
                "hovertemplate": f"%{{y}}: %{{x:.4g}} {y.unit}<extra></extra>",
            }
        )  # fmt: skip
    layout = _layout(y.title, "", 0) | {"height": 150 + 48 * len(data)}
    layout["yaxis"] |= {"autorange": "reversed", "automargin": True, "type": "category"}
    caption = "Every realisation of the best candidate of each material, with quartiles and median."
    return Figure(
        name="distribution", title="How realisations differ", caption=caption, wide=False,
        plot={"data": data, "layout": layout}, picture=study.pictures.get("distribution"),
    )  # fmt: skip


def _points(
    study: Study, rows: Index, x: Axis, y: Axis, style: Style, *, strong: bool, bars: bool
) -> dict[str, Any]:
    """Return the points of a material, with all that is known of each for who points at one."""
    names, cells = described(study, rows)
    lines = [f"{name}: %{{customdata[{at}]}}" for at, name in enumerate(names)]
    trace: dict[str, Any] = {
        "type": "scatter", "mode": "markers", "x": rounded(x.of(rows)), "y": rounded(y.of(rows)),
        "marker": marker(style, strong=strong), "customdata": cells,
        "hovertemplate": "<b>%{fullData.name}</b><br>" + "<br>".join(lines) + "<extra></extra>",
    }  # fmt: skip
    if bars:
        drawn = {"error_x": x.bars(rows), "error_y": y.bars(rows)}
        trace |= {name: _bars(length, style) for name, length in drawn.items() if length.any()}
    return trace


def described(study: Study, rows: Index) -> tuple[list[str], list[list[str]]]:
    """Return what is known of some candidates: names, and their values for each as texts.

    The names are escaped, and safe inside plotly's templates.
    """
    summary = study.view.summary.isel(candidate=rows)
    varied, measured = study.view.varied, metrics(summary)
    short = short_names(varied, taken=map(str, summary.data_vars))
    hidden = {name for name in measured if name.removesuffix("_std") in measured}
    hidden = {name for name in hidden if name.endswith("_std")}
    kept = [name for name in measured if name not in hidden]
    columns = [[str(number) for number in summary["candidate"].values]]
    columns += [texts(study.view, summary[name]) for name in varied]
    for name in kept:
        told = texts(study.view, summary[name])
        if f"{name}_std" in hidden:
            more, known = (
                texts(study.view, summary[f"{name}_std"]),
                study.view.column(f"{name}_std")[rows] > 0,
            )
            told = [f"{t} ± {m}" if k else t for t, m, k in zip(told, more, known, strict=True)]
        columns.append(told)
    names = ["no.", *(short[name] for name in varied), *kept]
    cells = [[safe(cell) for cell in row] for row in zip(*columns, strict=True)]
    return [safe(name).replace("%{", "% {") for name in names], cells


def _drawable(study: Study) -> Index:
    """Return the done candidates with an accuracy, best first."""
    if "accuracy" not in study.view.summary:
        return np.empty(0, dtype=np.intp)
    return np.asarray(study.ranked[np.isfinite(study.view.column("accuracy")[study.ranked])])


def _cost(study: Study, shown: Index) -> str | None:
    known = [n for n in _COSTS if bool(np.isfinite(study.view.column(n)[shown]).any())]
    return known[0] if known else None


def _thinned(study: Study, shown: Index, best: NDArray[np.bool_]) -> Index:
    """Return the candidates that are drawn: all, or the front and others evenly along the rank."""
    if shown.size <= MOST_POINTS:
        return shown
    front = shown[best][:MOST_POINTS]
    others = shown[~best & ~study.front[shown]]
    kept = shown[study.front[shown] & ~best][: MOST_POINTS - front.size]
    room = min(MOST_POINTS - front.size - kept.size, others.size)
    spaced = others[np.linspace(0, others.size - 1, room).astype(np.intp)]
    return np.concatenate([front, kept, spaced])


def _styles(study: Study) -> dict[str, Style]:
    """Return the styles of the materials there are, the same as in the pictures."""
    styles = material_styles(study.view.all_materials)
    here = set(study.view.materials.tolist())
    return {name: style for name, style in styles.items() if name in here}


def _bars(values: NDArray[np.float64], style: Style) -> dict[str, Any]:
    return {
        "type": "data", "array": rounded(np.nan_to_num(values)), "color": style.colour,
        "thickness": 1, "width": 2,
    }  # fmt: skip


def _baseline(
    study: Study, data: list[dict[str, Any]], y: Axis, across: NDArray[np.float64]
) -> None:
    """Add the line that floating point reaches."""
    best = study.view.reference("accuracy")
    finite = across[np.isfinite(across)]
    if best is not None and finite.size:
        data.append(
            {
                "type": "scatter", "mode": "lines", "hoverinfo": "skip",
                "name": f"floating point, {100 * best:.1f} %",
                "x": rounded(np.array([finite.min(), finite.max()])),
                "y": rounded(np.full(2, y.factor * best)),
                "line": {"color": GREY, "width": 1.2, "dash": "dash"},
            }
        )  # fmt: skip


def _layout(horizontal: str, vertical: str, entries: int, *, log_x: bool = False) -> dict[str, Any]:
    """Return a layout: dark on white, of a fixed height that has room for the legend."""
    plain = {"gridcolor": _GRID, "linecolor": GREY, "ticks": "outside", "zeroline": False}
    return {
        "height": _HEIGHT + 20 * (entries // 4),  # room for the legend
        "margin": {"l": 64, "r": 16, "t": 12, "b": 64},
        **LOOK,
        "legend": LEGEND,
        "xaxis": plain | {"title": {"text": horizontal}, "type": "log" if log_x else "linear"},
        "yaxis": plain | {"title": {"text": vertical}, "automargin": True},
    }


def _label(study: Study, material: str) -> str:
    if material == NO_MATERIAL and not study.view.has_materials:
        return material
    return safe(material_label(study.view.ds, material))
