"""Parallel coordinates: every parameter and objective of many candidates at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from matsweep.analysis.attributes import material_label, parameters, short_names, states
from matsweep.analysis.attributes import sources as stored_sources
from matsweep.analysis.objectives import Objectives, directions, front
from matsweep.analysis.summary import summarise
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, whole
from matsweep.core.units import engineering
from matsweep.reporting.figures.style import FONT, Style, drawing, material_styles

_TICKS = 5
_BEHIND = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One vertical axis: where each value stands on it, from 0 to 1, and its ticks."""

    name: str
    places: NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]


def parallel_figure(
    ds: xr.Dataset,
    *,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    most: int = 300,
) -> Figure:
    """Draw each candidate as a line through its parameters and objectives.

    The Pareto set is drawn strongly, others faintly: of more than `most`, an even sample. Every
    objective stands with its good end up. Positive values over more than a factor of 30 are on a
    logarithmic axis.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    objectives : names, or mapping of names to "higher" or "lower", optional
        As of ``ds.matsweep.pareto``.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    most : int
        Candidates drawn beside the Pareto set.

    Raises
    ------
    UserError
        If no candidate is done, or there are fewer than two axes.

    References
    ----------
    A. Inselberg, The Visual Computer 1:69, 1985, doi:10.1007/BF01898350.
    """
    whole("most", most, low=0)
    summary = summarise(ds, time)
    names = sorted(set(map(str, summary["material"].values))) if "material" in summary else []
    styles = material_styles({*names, *stored_sources(ds)["materials"]})
    summary = summary.isel(candidate=np.flatnonzero(states(summary) == "done"))
    if not summary.sizes["candidate"]:
        raise UserError("no candidate is done, so there is nothing to draw")
    chosen = directions(View(summary), objectives)
    varied = [n for n in parameters(summary) if len(set(summary[n].values.tolist())) > 1]
    scales = [parameter_scale(summary, name) for name in varied]
    scales += [
        objective_scale(summary, name, better)
        for name, better in chosen.items()
        if np.unique(summary[name].values).size > 1
    ]
    if len(scales) < 2:
        raise UserError("parallel coordinates want two axes: sweep a parameter, or name objectives")
    best = front(View(summary), objectives)
    with drawing(0.42) as figure:
        axes = figure.subplots()
        _lines(axes, summary, scales, best, styles, most)
        _verticals(axes, scales, short_names(varied, taken=map(str, summary.data_vars)))
        handles = [
            Line2D([], [], color=styles[name].colour, label=material_label(ds, name), linewidth=1.5)
            for name in _on_front(summary, best)
        ]
        handles.append(Line2D([], [], color="0.6", linewidth=0.5, label="not on the Pareto front"))
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=FONT,
                      frameon=False)  # fmt: skip
    return figure


def _on_front(summary: xr.Dataset, best: NDArray[np.bool_]) -> list[str]:
    if "material" not in summary:
        return []
    return sorted(set(summary["material"].values[best].astype(str).tolist()))


def parameter_scale(summary: xr.Dataset, name: str) -> Scale:
    """Return the axis of a parameter: its values evenly spaced where they are few, or texts."""
    values = summary[name].values
    known = np.unique(values.astype(str) if values.dtype.kind not in "fiu" else values)
    if values.dtype.kind in "fiu" and len(known) > 8:
        return _numeric(summary, name, values.astype(np.float64), up=True)
    where = np.searchsorted(known, values.astype(known.dtype)) / (len(known) - 1)
    unit = str(summary[name].attrs.get("units", "1"))
    told = [engineering(float(v), unit) if known.dtype.kind in "fiu" else str(v) for v in known]
    ticks = tuple((i / (len(known) - 1), text) for i, text in enumerate(told))
    return Scale(name=name, places=np.asarray(where, dtype=np.float64), ticks=ticks)


def objective_scale(summary: xr.Dataset, name: str, better: str) -> Scale:
    """Return the axis of an objective, with its good end up."""
    values = np.asarray(summary[name].values, dtype=np.float64)
    return _numeric(summary, name, values, up=better == "higher")


def _numeric(summary: xr.Dataset, name: str, values: NDArray[np.float64], *, up: bool) -> Scale:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    logarithmic = low > 0 and high > 30 * low
    if high == low:
        places, marks = np.full(len(values), 0.5), [(0.5, low)]
    else:
        ends = np.log([low, high]) if logarithmic else np.array([low, high])
        at = np.linspace(0, 1, _TICKS)
        levels = ends[0] + at * (ends[1] - ends[0])
        marks = list(zip(at, np.exp(levels) if logarithmic else levels, strict=True))
        taken = np.log(values) if logarithmic else values
        places = (taken - ends[0]) / (ends[1] - ends[0])
    unit = str(summary[name].attrs.get("units", "1"))
    ticks = [(p if up else 1 - p, _told(name, float(v), unit)) for p, v in marks]
    return Scale(name=name, places=places if up else 1 - places, ticks=tuple(ticks))


def _told(name: str, value: float, unit: str) -> str:
    return f"{100 * value:.3g} %" if name == "accuracy" else engineering(value, unit)


def _lines(
    axes: Axes,
    summary: xr.Dataset,
    scales: Sequence[Scale],
    best: NDArray[np.bool_],
    styles: dict[str, Style],
    most: int,
) -> None:
    """Draw the candidates, those of the front last."""
    heights = np.stack([scale.places for scale in scales], axis=1)
    across = np.arange(len(scales))
    rest = np.flatnonzero(~best)
    if len(rest) > most:
        rest = rest[np.linspace(0, len(rest) - 1, most).astype(np.intp)] if most else rest[:0]
    axes.plot(across, heights[rest].T, color="0.6", linewidth=0.4, alpha=0.5, zorder=1)
    materials = summary["material"].values.astype(str) if "material" in summary else None
    for row in np.flatnonzero(best).tolist():
        colour = "black" if materials is None else styles[str(materials[row])].colour
        axes.plot(across, heights[row], color=colour, linewidth=1.2, zorder=2)


def _verticals(axes: Axes, scales: Sequence[Scale], short: dict[str, str]) -> None:
    """Draw the axes with their ticks, and nothing else of the frame."""
    for at, scale in enumerate(scales):
        axes.axvline(at, color="0.2", linewidth=0.6, zorder=3)
        for height, text in scale.ticks:
            axes.annotate(text, (at, height), xytext=(3, 0), textcoords="offset points",
                          fontsize=FONT - 2, va="center", zorder=4, bbox=_BEHIND)  # fmt: skip
    axes.set_xticks(range(len(scales)), [short.get(s.name, s.name).replace("_", " ").replace(
        ".", ".\n") for s in scales], fontsize=FONT)  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlim(-0.1, len(scales) - 0.55)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
