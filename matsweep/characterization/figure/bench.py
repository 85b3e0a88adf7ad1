"""Figure of the test bench."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from matsweep.characterization.figure.panels import BLUE, CYCLE, RED, absent, panels
from matsweep.reporting.figures.style import BASELINE, FONT, quantity_axis, tidy, time_axis

_MONTH = 2_592_000.0  # s; its tick has no room next to the year's
_TRACES = 5  # single devices drawn next to the mean


def bench_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw the measurements of the test bench.

    Bands are one standard deviation about the mean over devices.

    Parameters
    ----------
    found : Dataset
        From `characterize`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    return panels(
        found,
        title,
        ("LTP, then LTD", _pulsed),
        ("Programming", _programmed),
        ("Drift and retention", _aged),
        ("The same when hot", _baked),
        ("Read noise", _read),
        ("Current", _current),
    )


def _pulsed(axes: Axes, data: xr.Dataset) -> None:
    if "conductance_pulsed" not in data:
        tidy(axes, "pulse", "conductance")
        absent(axes, "response to identical pulses\nnot known")
        return
    trace = data["conductance_pulsed"]
    axes.plot(trace["pulse"], trace.isel(device=slice(_TRACES)), color="0.6", linewidth=0.4)
    _band(axes, trace["pulse"], trace, "device", BLUE, "mean")
    axes.axvline(data.attrs["pulses"], **BASELINE)
    _conductance_axis(axes, data, "pulse")


def _programmed(axes: Axes, data: xr.Dataset) -> None:
    programmed, target = data["conductance_programmed"], data["target"]
    axes.plot(target, (programmed - target).std("device"), "o", color=BLUE, markersize=3,
              label="measured")  # fmt: skip
    if "programming_sigma" in data:
        axes.plot(target, data["programming_sigma"], color=RED, linewidth=1, label="stated law")
    axes.plot(target, (programmed - target).mean("device"), "s", color="0.5", markersize=2.5,
              label="mean error")  # fmt: skip
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    tidy(axes, "target conductance", "error: standard deviation")
    for axis in (axes.xaxis, axes.yaxis):
        quantity_axis(axis, "S", 0.0, data.attrs["g_max"])


def _aged(axes: Axes, data: xr.Dataset) -> None:
    aged = data["conductance_aged"].isel(temperature=0)
    for index, colour in zip(range(aged.sizes["level"]), CYCLE, strict=False):
        _band(axes, aged["time"], aged.isel(level=index), "device", colour, "")
    _conductance_axis(axes, data, f"time at {float(aged['temperature']):.0f} K")
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _slant(axes)


def _baked(axes: Axes, data: xr.Dataset) -> None:
    aged = data["conductance_aged"].isel(level=-2)
    for index, colour in zip(range(aged.sizes["temperature"]), CYCLE, strict=False):
        one = aged.isel(temperature=index)
        # Thinner and thinner, so that all of several equal curves remain visible.
        _band(axes, one["time"], one, "device", colour, f"{float(one['temperature']):.0f} K",
              width=0.8 + 2.4 / (1 + index) ** 1.5)  # fmt: skip
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    _conductance_axis(axes, data, "time")
    axes.set_ylim(bottom=0)
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _slant(axes)


def _read(axes: Axes, data: xr.Dataset) -> None:
    read = data["conductance_read"]
    mean = np.abs(read.mean("read"))
    axes.plot(data["level"], 100 * read.std("read") / mean, "o", color=BLUE, markersize=3,
              label="measured")  # fmt: skip
    axes.plot(data["level"], 100 * data["read_sigma"] / data["level"], color=RED, linewidth=1,
              label="stated law")  # fmt: skip
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    axes.set_ylim(bottom=0)
    tidy(axes, "conductance", "relative noise of a read")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    quantity_axis(axes.xaxis, "S", 0.0, data.attrs["g_max"])


def _current(axes: Axes, data: xr.Dataset) -> None:
    current = data["current"]
    for index, colour in zip(range(current.sizes["level"]), CYCLE, strict=False):
        axes.plot(current["voltage"], current.isel(level=index), color=colour, linewidth=1)
    tidy(axes, "voltage", "current")
    quantity_axis(axes.xaxis, "V", 0.0, 1.0)
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)


def _band(axes: Axes, x: xr.DataArray, y: xr.DataArray, over: str, colour: str, label: str,
          width: float = 1.2) -> None:  # fmt: skip
    mean, spread = y.mean(over), y.std(over)
    axes.plot(x, mean, color=colour, linewidth=width, label=label)
    axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)


def _conductance_axis(axes: Axes, data: xr.Dataset, horizontal: str) -> None:
    tidy(axes, horizontal, "conductance")
    quantity_axis(axes.yaxis, "S", 0.0, data.attrs["g_max"])


def _slant(axes: Axes) -> None:
    axes.set_xticks([time for time in axes.get_xticks() if time != _MONTH])
    axes.tick_params(axis="x", rotation=40)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
