"""Figure of a calibration: steps, residuals and their distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy import stats

from matsweep.identification.fitting.result import Fit
from matsweep.identification.measurements import PulseData
from matsweep.reporting.figures.style import FONT, drawing, quantity_axis, tidy

_UP, _DOWN = "#0072B2", "#D55E00"
_MOST = 4000  # points drawn


def fit_figure(data: PulseData, fit: Fit) -> Figure:
    """Draw a fit: changes with the mean step, residuals against the state, and their quantiles.

    Parameters
    ----------
    data : PulseData
    fit : Fit

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    with drawing(0.36) as figure:
        steps, residuals, quantiles = figure.subplots(1, 3)
        _steps(steps, data, fit)
        _residuals(residuals, fit)
        _quantiles(quantiles, fit)
        titles = (
            f"{fit.kind}: the median device",
            "residuals, and their means",
            f"distance from normal {fit.distance:.3f}",
        )
        for letter, axes, title in zip("abc", (steps, residuals, quantiles), titles, strict=True):
            axes.set_title(f"({letter}) {title}", fontsize=FONT, loc="left")
    return figure


def _some(count: int) -> slice:
    return slice(None, None, max(1, count // _MOST))


def _steps(axes: Axes, data: PulseData, fit: Fit) -> None:
    span = fit.g_max - fit.g_min
    state = np.linspace(0, 1, 201)
    for up, colour, label in ((True, _UP, "up"), (False, _DOWN, "down")):
        mask = np.flatnonzero(data.up == up)
        mask = mask[_some(mask.size)]
        change = data.after[mask] - data.before[mask]
        axes.plot(data.before[mask], change, ".", color=colour, alpha=0.25, markersize=1.5,
                  rasterized=True)  # fmt: skip
        mean = fit.model.step(state, up, fit.model.nominal) * span
        line: dict[str, Any] = {
            "linewidth": 1.4,
            "path_effects": [withStroke(linewidth=3, foreground="white")],
        }
        axes.plot(fit.g_min + span * state, mean, color=colour, label=label, **line)
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    tidy(axes, "read before the pulse", "change of the read")
    for axis in (axes.xaxis, axes.yaxis):
        quantity_axis(axis, "S", 0.0, fit.g_max)


def _residuals(axes: Axes, fit: Fit) -> None:
    used = np.flatnonzero(fit.used & (fit.pulses != 0))
    some = used[_some(used.size)]
    colours = np.where(fit.pulses[some] > 0, _UP, _DOWN)
    axes.scatter(fit.states[some], fit.residuals[some], s=1.5, c=colours, alpha=0.3, linewidths=0,
                 rasterized=True)  # fmt: skip
    edges = np.quantile(fit.states[used], np.linspace(0, 1, 13))
    for way, colour in ((1, _UP), (-1, _DOWN)):
        mask = used[np.sign(fit.pulses[used]) == way]
        place = np.clip(np.searchsorted(edges, fit.states[mask]) - 1, 0, 11)
        held = np.unique(place)
        middle = [fit.states[mask][place == k].mean() for k in held]
        mean = [fit.residuals[mask][place == k].mean() for k in held]
        axes.plot(middle, mean, "o-", color=colour, markersize=3, linewidth=0.8)
    axes.axhline(0, color="0.35", linewidth=0.8)
    tidy(axes, "filtered conductance", "residual (standard deviations)")
    quantity_axis(axes.xaxis, "S", 0.0, fit.g_max)


def _quantiles(axes: Axes, fit: Fit) -> None:
    sorted_ = np.sort(fit.residuals[fit.used])
    some = _some(sorted_.size)
    expected = stats.norm.ppf((np.arange(sorted_.size) + 0.5) / sorted_.size)
    axes.plot(expected[some], sorted_[some], ".", color=_UP, markersize=2, rasterized=True)
    ends = [expected[0], expected[-1]]
    axes.plot(ends, ends, color="0.35", linewidth=0.8)
    tidy(axes, "normal quantile", "residual (standard deviations)")
