"""Figure of a calibration: prediction against measurement, steps, and residuals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from matsweep.core.printing import printable
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.fitting import Agreement, PulseCalibration, Spread
from matsweep.reporting.figures.style import BLUE, FONT, RED, SMALL, drawing, quantity_axis, tidy

_UP, _DOWN, _MODEL = BLUE, RED, "0.2"
_MOST = 4000  # points drawn
_DECADES = 20.0  # ratio of conductances from which on they are drawn by decades


def fit_figure(calibration: PulseCalibration) -> Figure:
    """Draw the check of a calibration, its steps, and the residuals of the best formula.

    The upper row compares the measurement with simulated repetitions of it: bands hold 68 % of the
    reads of all devices and cycles after each pulse of a run, lines are medians, and bars 95 % of
    the repetitions. The lower row shows single changes with the mean step, residuals with their
    means, and quantiles of the residuals: innovations of a formula; of a table, distances of single
    changes from their mean in the repetitions.

    Parameters
    ----------
    calibration : PulseCalibration

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    agreement = calibration.agreement
    rest = _residuals_of(calibration)
    kind = calibration.kind.replace("_", " ")
    with drawing(0.68) as figure:
        (up, down, spreads), (steps, residuals, quantiles) = figure.subplots(2, 3)
        for axes, way in ((up, True), (down, False)):
            _bands(axes, agreement, up=way)
        _spreads(spreads, agreement)
        _steps(steps, calibration)
        _residuals(residuals, rest)
        _quantiles(quantiles, rest)
        titles = {
            up: "up: measured, simulated",
            down: "down",
            spreads: "standard deviations",
            steps: f"mean step of {kind}",
            residuals: f"residuals of {kind}",
            quantiles: f"distance from normal {rest.distance:.2g}",
        }
        for letter, (axes, title) in zip("abcdef", titles.items(), strict=True):
            axes.set_title(f"({letter}) {title}", fontsize=FONT, loc="left")
        if not calibration.describes:
            figure.suptitle(
                f"{kind} does not describe {printable(calibration.data.name)}", fontsize=FONT,
                color=_DOWN,
            )  # fmt: skip
    return figure


def _bands(axes: Axes, agreement: Agreement, *, up: bool) -> None:
    """Draw conductance after each pulse of the runs of one polarity."""
    kept = agreement.up == up
    number = agreement.number[kept]
    marker = "." if number.size < 2 else ""
    handles = dict[str, tuple[Artist, Artist]]()
    for bands, colour, style, label in (
        (agreement.measured, _UP if up else _DOWN, "-", "measured"),
        (agreement.simulated, _MODEL, "--", "simulated"),
    ):
        low, middle, high = bands[:, kept]
        band = axes.fill_between(number, low, high, color=colour, alpha=0.2, linewidth=0)
        (line,) = axes.plot(number, middle, style, color=colour, linewidth=1.0, marker=marker)
        handles[f"{label}, 68 %"] = band, line
    axes.legend(list(handles.values()), list(handles), fontsize=SMALL, frameon=False)
    tidy(axes, "pulse of the run", "conductance")
    shown = np.concatenate([agreement.measured.ravel(), agreement.simulated[1]])
    _conductance(axes, shown)


def _conductance(axes: Axes, shown: FloatArray) -> None:
    """Scale the vertical axis to conductances, by decades where they span several."""
    top = float(shown.max())
    if shown.min() > 0 and top > _DECADES * shown.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, "S", 2)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        return
    quantity_axis(axes.yaxis, "S", 0.0, top)


def _spreads(axes: Axes, agreement: Agreement) -> None:
    rows: list[tuple[str, Spread]] = [
        (name, each)
        for name, each in (("between\ndevices", agreement.between),
                           ("cycle to\ncycle", agreement.within))
        if each is not None
    ]  # fmt: skip
    tidy(axes, "", "standard deviation")
    if not rows:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "one device, one run:\nno spread was measured", ha="center",
                  va="center", transform=axes.transAxes, fontsize=SMALL)  # fmt: skip
        return
    for place, (_, each) in enumerate(rows):
        low, middle, high = each.simulated
        axes.errorbar(place, middle, [[middle - low], [high - middle]], fmt="_", color=_MODEL,
                      capsize=4, linewidth=1, label="simulated" if not place else None)  # fmt: skip
        axes.plot(place - 0.15, each.measured, "o", color=_UP, markersize=4,
                  label="measured" if not place else None)  # fmt: skip
    axes.set_xticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=SMALL, frameon=False)
    quantity_axis(axes.yaxis, "S", 0.0, max(max(e.measured, e.simulated[2]) for _, e in rows))


def _some(count: int) -> slice:
    return slice(None, None, max(1, count // _MOST))


def _steps(axes: Axes, calibration: PulseCalibration) -> None:
    data, chosen = calibration.data, calibration.chosen
    model, span = chosen.model, chosen.g_max - chosen.g_min
    state = np.linspace(0, 1, 201)
    for up, colour, label in ((True, _UP, "up"), (False, _DOWN, "down")):
        mask = np.flatnonzero(data.up == up)
        mask = mask[_some(mask.size)]
        change = data.after[mask] - data.before[mask]
        axes.plot(data.before[mask], change, ".", color=colour, alpha=0.25, markersize=1.5,
                  rasterized=True)  # fmt: skip
        mean = model.step(state, up, model.nominal) * span
        line: dict[str, Any] = {
            "linewidth": 1.4,
            "linestyle": "-" if up else (0, (4, 1.5)),
            "path_effects": [withStroke(linewidth=3, foreground="white")],
        }
        axes.plot(chosen.g_min + span * state, mean, color=colour, label=label, **line)
    axes.legend(fontsize=SMALL, frameon=False)
    tidy(axes, "read before the pulse", "change of the read")
    for axis in (axes.xaxis, axes.yaxis):
        quantity_axis(axis, "S", 0.0, chosen.g_max)


class _Residuals(NamedTuple):
    """Residuals (n,) in standard deviations, against a conductance [S], with their polarity."""

    conductance: FloatArray
    up: npt.NDArray[np.bool_]
    value: FloatArray
    all: FloatArray  # with those after reads without a pulse
    label: str
    g_max: float
    distance: float


def _residuals_of(calibration: PulseCalibration) -> _Residuals:
    """Residuals of the chosen model."""
    if calibration.tabulated:
        from scipy.stats import kstest  # slow to import

        change = calibration.agreement.change
        distance = float(kstest(change.off, "norm").statistic)
        return _Residuals(
            change.before, change.up, change.off, change.off, "simulated conductance before",
            calibration.chosen.g_max, distance,
        )  # fmt: skip
    fit = calibration.fit
    used = fit.used & (fit.pulses != 0)
    return _Residuals(
        fit.states[used], fit.pulses[used] > 0, fit.residuals[used], fit.residuals[fit.used],
        "filtered conductance", fit.g_max, fit.distance,
    )  # fmt: skip


def _residuals(axes: Axes, rest: _Residuals) -> None:
    some = _some(rest.value.size)
    colours = np.where(rest.up[some], _UP, _DOWN)
    axes.scatter(rest.conductance[some], rest.value[some], s=1.5, c=colours, alpha=0.3,
                 linewidths=0, rasterized=True)  # fmt: skip
    edges = np.quantile(rest.conductance, np.linspace(0, 1, 13))
    for way, colour, marker in ((True, _UP, "o-"), (False, _DOWN, "s--")):
        own = rest.up == way
        at, value = rest.conductance[own], rest.value[own]
        place = np.clip(np.searchsorted(edges, at) - 1, 0, 11)
        held = np.unique(place)
        middle = [at[place == k].mean() for k in held]
        mean = [value[place == k].mean() for k in held]
        axes.plot(middle, mean, marker, color=colour, markersize=3, linewidth=0.8)
    axes.axhline(0, color="0.35", linewidth=0.8)
    tidy(axes, rest.label, "residual (standard deviations)")
    quantity_axis(axes.xaxis, "S", 0.0, rest.g_max)


def _quantiles(axes: Axes, rest: _Residuals) -> None:
    from scipy.stats import norm  # slow to import

    sorted_ = np.sort(rest.all)
    some = _some(sorted_.size)
    expected = norm.ppf((np.arange(sorted_.size) + 0.5) / sorted_.size)
    axes.plot(expected[some], sorted_[some], ".", color=_UP, markersize=2, rasterized=True)
    ends = [expected[0], expected[-1]]
    axes.plot(ends, ends, color="0.35", linewidth=0.8)
    tidy(axes, "normal quantile", "residual (standard deviations)")
