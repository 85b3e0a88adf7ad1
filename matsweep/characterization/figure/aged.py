"""Figures of measured retention and endurance, with the fitted laws."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsweep.characterization.figure.panels import BLUE, CYCLE, LINES, RED, legend
from matsweep.core.printing import printable
from matsweep.core.streams import FloatArray
from matsweep.devices import Retention
from matsweep.identification.calibration import Ageing, EnduranceFit, RetentionFit
from matsweep.identification.measurements import Trace
from matsweep.reporting.figures.style import FONT, MARKERS, drawing, quantity_axis, tidy, time_axis

_MOST = 60  # traces drawn
_FINE = 60  # points of a fitted curve


def retention_figure(found: RetentionFit) -> Figure:
    """Draw measured traces with the fitted law, and their ratio.

    Parameters
    ----------
    found : RetentionFit

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    traces, starts, decay = found.data.traces, found.starts, found.law
    shown = range(0, len(traces), -(-len(traces) // _MOST))
    kelvin = sorted({trace.temperature or 0.0 for trace in traces})
    looks = {value: (CYCLE[k % len(CYCLE)], MARKERS[k % len(MARKERS)], LINES[k % len(LINES)])
             for k, value in enumerate(kelvin)}  # fmt: skip
    with drawing(0.42) as figure:
        states, ratios = figure.subplots(1, 2)
        for number in shown:
            trace = traces[number]
            colour, marker, style = looks[trace.temperature or 0.0]
            known = trace.time > 0
            time = trace.time[known]
            law = _law(found, decay, number, float(starts[number]), time)
            states.plot(time, trace.conductance[known], marker, color=colour, markersize=1.8,
                        rasterized=True)  # fmt: skip
            fine = np.geomspace(time.min(), time.max(), _FINE)
            states.plot(fine, _law(found, decay, number, float(starts[number]), fine),
                        color=colour, linewidth=0.8, linestyle=style)  # fmt: skip
            ratios.plot(time, trace.conductance[known] / law, marker, color=colour, markersize=1.8,
                        rasterized=True)  # fmt: skip
        for value, (colour, marker, style) in looks.items():
            label = f"{value:.4g} K" if value else f"{found.data.name}"
            states.plot([], [], marker, color=colour, markersize=2.5, linewidth=0.8, label=label,
                        linestyle=style)  # fmt: skip
        states.set_yscale("log")
        ratios.axhline(1, color="0.35", linewidth=0.8)
        every = np.concatenate([trace.time for trace in traces])
        both = np.concatenate([trace.conductance for trace in traces])
        tidy(states, "time since programming", "conductance")
        tidy(ratios, "time since programming", "measured over fitted")
        quantity_axis(states.yaxis, "S", float(both[both > 0].min()), float(both.max()))
        for axes in (states, ratios):
            time_axis(axes, float(every[every > 0].min()), float(every.max()))
        legend(states, len(looks))
        states.set_title(f"(a) states and {found.parameter}", fontsize=FONT, loc="left")
        ratios.set_title("(b) their ratio", fontsize=FONT, loc="left")
        _mark(figure, found)
    return figure


def _law(
    found: RetentionFit, decay: Retention, number: int, start: float, time: FloatArray
) -> FloatArray:
    """Return the fitted conductance of a trace at times > 0, from its fitted start, S.

    The start is nan for a trace without a decay.
    """
    trace = found.data.traces[number]
    if np.isnan(start):
        return _drifted(trace, float(found.drift.nu[number]), time)
    assert trace.temperature is not None
    left = np.array([decay.kept(float(t), trace.temperature) for t in time])
    return np.asarray(found.stable + (start - found.stable) * left)


def _drifted(trace: Trace, nu: float, time: FloatArray) -> FloatArray:
    """Return the power law of a trace through the middle of its points."""
    known = trace.time > 0
    middle = np.mean(np.log(trace.conductance[known]) + nu * np.log(trace.time[known]))
    return np.asarray(np.exp(middle) * time**-nu)


def endurance_figure(found: EnduranceFit) -> Figure:
    """Draw both states against cycles with the fitted law, and the window that is left.

    Parameters
    ----------
    found : EnduranceFit

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    data = found.data
    fit = found.fit
    device = np.searchsorted(fit.devices, data.device)
    cycles = np.geomspace(max(float(data.cycle.min()), 0.5), float(data.cycle.max()), 200)
    law = found.law
    ends = np.array([law.window(float(cycle)) for cycle in cycles])
    low, high = _first_windows(found)
    with drawing(0.42) as figure:
        states, window = figure.subplots(1, 2)
        span = float(np.median(high) - np.median(low))
        for measured, end, colour, marker, style, label in (
            (data.on, ends[:, 1], BLUE, "o", "-", "ON"),
            (data.off, ends[:, 0], RED, "s", "--", "OFF"),
        ):
            _points(states, data.cycle, measured, colour, marker)
            states.plot(
                cycles, np.median(low) + span * end, style, color=colour, linewidth=1.0, label=label
            )
        _points(window, data.cycle, (data.on - data.off) / (high - low)[device], BLUE, "o")
        if fit.own:
            for k in range(0, len(fit.devices), -(-len(fit.devices) // _MOST)):
                off, on = fit.law(k, cycles)
                window.plot(cycles, (on - off) / (high - low)[k], color=RED, linewidth=0.5,
                            alpha=0.6)  # fmt: skip
        label = "fitted, median device" if fit.own else "fitted"
        window.plot(cycles, ends[:, 1] - ends[:, 0], color=RED, label=label)
        states.set_yscale("log")
        tidy(states, "cycles", "conductance")
        tidy(window, "cycles", "window over the fitted first one")
        both = np.concatenate([data.on, data.off])
        quantity_axis(states.yaxis, "S", float(both[both > 0].min()), float(both.max()))
        for axes in (states, window):
            axes.set_xscale("log")
            legend(axes)
        states.set_title("(a) states, and the median device's law", fontsize=FONT, loc="left")
        window.set_title("(b) window", fontsize=FONT, loc="left")
        _mark(figure, found)
    return figure


def _first_windows(found: EnduranceFit) -> tuple[FloatArray, FloatArray]:
    """Return the fitted first windows, S; the mean states of windows that stay open."""
    fit, data = found.fit, found.data
    if fit.closes:
        return fit.low, fit.high
    own = [data.device == name for name in fit.devices]
    low, high = (
        np.array([np.exp(np.mean(np.log(states[each]))) for each in own])
        for states in (data.off, data.on)
    )
    return low, high


def _mark(figure: Figure, found: Ageing) -> None:
    """Say above the panels that a law does not describe its data."""
    if found.misfit is not None:
        figure.suptitle(
            f"NOT FITTED: {found.parameter} does not describe {printable(found.name)}",
            fontsize=FONT,
        )


def _points(axes: Axes, cycle: FloatArray, values: FloatArray, colour: str, marker: str) -> None:
    axes.plot(np.maximum(cycle, 0.5), values, marker, color=colour, markersize=2.6, alpha=0.6,
              zorder=3, rasterized=True, markeredgewidth=0)  # fmt: skip
