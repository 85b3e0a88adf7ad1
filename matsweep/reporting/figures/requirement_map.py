"""A picture of the region that meets a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from matsweep.analysis.attributes import short_names
from matsweep.analysis.families import Family
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.studytable import Scale
from matsweep.analysis.wording import quantity
from matsweep.reporting.figures.style import BASELINE, FONT, drawing, material_styles, tidy

_MAPPED = 81  # points along each parameter of a map
_LINE = "#0072B2"  # of the palette of `style`


def requirement_figure(found: Requirements, x: str | None = None, y: str | None = None) -> Figure:
    """Draw with which probability a target is met, over two parameters.

    All others are at their best values. The solid line is the limit (50 %), dashed ones are where
    the target is met with the probability of the requirements' confidence, and the rest of it;
    candidates are drawn wherever they lie in the other parameters. With one parameter the metric
    is drawn over it.

    Parameters
    ----------
    found : Requirements
        As returned by `requirements`.
    x, y : str, optional
        Parameters, or the ends of their names. Default: the first two with a limit.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If they are no swept parameters, or the same.
    """
    names = list(found.surrogate.names)
    with drawing(0.42, 165.0) as figure:
        if len(names) == 1:
            panel = figure.add_subplot()
            shown, drawn = _line(panel, found), names
        else:
            across, up = found.shown(x, y)
            grid = found.map(across, up, _MAPPED)
            panel, key = figure.subplots(2, 1, height_ratios=(22, 1))
            shown, drawn = _map(figure, panel, key, found, grid), [str(dim) for dim in grid.dims]
        panel.set_title(_heading(found, *drawn), fontsize=FONT, loc="left")
        figure.legend(handles=shown, loc="outside right upper", fontsize=FONT, frameon=False)
    return figure


def _heading(found: Requirements, *drawn: str) -> str:
    """Tell the target, whose it is, and where the parameters stand that are not drawn."""
    target = found.target.replace(">=", "≥").replace("<=", "≤")
    told = [target] if found.material is None else [target, found.material]
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    short = short_names(scales)
    told += [
        f"{short[n]} {quantity(scales[n], v)}" for n, v in found.best.items() if n not in drawn
    ]
    lines = [", ".join(told[start : start + 2]) for start in range(0, len(told), 2)]
    return ",\n".join(lines)


def _map(
    figure: Figure, panel: Axes, key: Axes, found: Requirements, grid: xr.DataArray
) -> list[Line2D]:
    """Draw the map; return what its legend shows."""
    vertical, horizontal = (str(dim) for dim in grid.dims)
    names = found.surrogate.names
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    across, up = grid[horizontal].values, grid[vertical].values
    c = found.confidence
    levels = sorted({0.0, 1 - c, 0.25, 0.5, 0.75, c, 1.0})
    image = panel.contourf(across, up, grid.values, levels=levels, cmap="Blues", alpha=0.8)
    lines: dict[tuple[float, ...], dict[str, Any]] = {
        (0.5,): {"linewidth": 1.2, "linestyle": "solid", "label": "limit (50 %)"},
        (1 - c, c): {"linewidth": 0.8, "linestyle": "dashed",
                     "label": f"{100 * (1 - c):.3g} and {100 * c:.3g} %"},
    }  # fmt: skip
    shown = []
    for asked, look in lines.items():
        there = [level for level in asked if grid.values.min() < level < grid.values.max()]
        if there:
            panel.contour(across, up, grid.values, levels=there, colors="0.15",
                          linewidths=look["linewidth"], linestyles=look["linestyle"])  # fmt: skip
            shown.append(Line2D([], [], color="0.15", **look))
    points = found.surrogate.table.points
    places = points[:, names.index(horizontal)], points[:, names.index(vertical)]
    _candidates(panel, *places, found.met)
    short = short_names(names)
    tidy(panel, short[horizontal], short[vertical])
    panel.grid(visible=False)
    if scales[horizontal].logarithmic:
        panel.set_xscale("log")
    if scales[vertical].logarithmic:
        panel.set_yscale("log")
    _ticks(panel.xaxis, scales[horizontal])
    _ticks(panel.yaxis, scales[vertical])
    bar = figure.colorbar(image, cax=key, orientation="horizontal")
    bar.set_ticks(levels, labels=[f"{100 * level:.3g}" for level in levels])
    key.tick_params(labelsize=FONT - 1, width=0.6, length=2)
    bar.set_label("probability of meeting the target (%)", fontsize=FONT)
    bar.outline.set_linewidth(0.6)
    shown += _candidate_keys(found)
    return shown + _family_marks(panel, found, scales[horizontal], scales[vertical])


def _line(panel: Axes, found: Requirements) -> list[Line2D]:
    """Draw the metric over the only parameter; return what its legend shows."""
    (scale,) = found.surrogate.table.scales
    points = scale.from_unit(np.linspace(0, 1, 201))
    mean, deviation = found.surrogate.predict(points[:, None])
    (line,) = panel.plot(points, mean, color=_LINE, linewidth=1.2, label="fit, ± 2 deviations")
    panel.fill_between(points, mean - 2 * deviation, mean + 2 * deviation, color=_LINE, alpha=0.2,
                       linewidth=0)  # fmt: skip
    panel.axhline(found.bound, **BASELINE)
    table = found.surrogate.table
    _candidates(panel, table.points[:, 0], table.values, found.met)
    tidy(panel, short_names([scale.name])[scale.name], found.metric)
    if found.surrogate.logarithmic:
        panel.set_yscale("log")
    if scale.logarithmic:
        panel.set_xscale("log")
    _ticks(panel.xaxis, scale)
    bound = Line2D([], [], label="target", **BASELINE)
    return [line, bound, *_candidate_keys(found), *_family_marks(panel, found, scale, None)]


def _candidates(panel: Axes, across: Any, up: Any, met: Any) -> None:
    for chosen, face in ((~met, "white"), (met, "0.15")):
        if not chosen.any():  # a line without points would count as one at the figure's corner
            continue
        panel.plot(across[chosen], up[chosen], linestyle="none", marker="o", markersize=2.8,
                   markerfacecolor=face, markeredgecolor="0.15", markeredgewidth=0.5,
                   clip_on=False, zorder=3)  # fmt: skip


def _candidate_keys(found: Requirements) -> list[Line2D]:
    kinds = ((found.met.any(), "0.15", "candidate, met"), (~found.met.all(), "white", "not met"))
    return [
        Line2D([], [], linestyle="none", marker="o", markersize=2.8, markerfacecolor=face,
               markeredgecolor="0.15", markeredgewidth=0.5, label=label)
        for there, face, label in kinds if there
    ]  # fmt: skip


def _family_marks(
    panel: Axes, found: Requirements, across: Scale, up: Scale | None
) -> list[Line2D]:
    """Mark the materials: hollow where a value is not known (there at its best) or beyond."""
    styles = material_styles(family.material for family in found.families)
    shown = []
    for family in found.families:
        style = styles[family.material]
        here = place(family, across, found)
        there = family.metric if up is None else place(family, up, found)
        drawn = [across.name] if up is None else [across.name, up.name]
        exact = all(family.position[n] is not None and n not in family.beyond for n in drawn)
        look: dict[str, Any] = {
            "linestyle": "none", "marker": style.marker, "markersize": 7,
            "markerfacecolor": style.colour if exact else "white",
            "markeredgecolor": "white" if exact else style.colour,
            "markeredgewidth": 0.8 if exact else 1.4,
        }  # fmt: skip
        panel.plot([here], [there], clip_on=False, zorder=5, **look)
        note = ", beyond the sweep" if set(family.beyond) & set(drawn) else ""
        note = note or ("" if exact else ", not all known")
        shown.append(
            Line2D([], [], label=f"{family.label}:\nmet with {percent(family)}{note}", **look)
        )
    return shown


def percent(family: Family) -> str:
    """Return with which probability a material meets the target, in percent."""
    if 0.001 <= family.probability <= 0.999:
        return f"{100 * family.probability:.3g} %"
    return "> 99.9 %" if family.inside else "< 0.1 %"


def place(family: Family, scale: Scale, found: Requirements) -> float:
    """Return where a material is drawn: at its own value, the end of the sweep, or the best."""
    value = family.position[scale.name]
    value = found.best[scale.name] if value is None else value
    return min(max(value, scale.low), scale.high)


def _ticks(axis: Axis, scale: Scale) -> None:
    if scale.logarithmic:
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(nbins=6, integer=scale.whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: quantity(scale, value)))
