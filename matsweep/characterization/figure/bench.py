"""Figure of the test bench."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from matsweep.characterization.figure.panels import (
    BLUE,
    CYCLE,
    LINES,
    RED,
    absent,
    legend,
    panels,
)
from matsweep.core.units import engineering
from matsweep.reporting.figures.style import (
    BASELINE,
    SMALL,
    quantity_axis,
    shades,
    tidy,
    time_axis,
)

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
    for number in range(min(_TRACES, trace.sizes["device"])):
        axes.plot(trace["pulse"], trace.isel(device=number), color="0.6", linewidth=0.4,
                  label="" if number else "devices")  # fmt: skip
    _band(axes, trace["pulse"], trace, "device", BLUE, "mean ± σ")
    axes.axvline(data.attrs["pulses"], **BASELINE)
    _conductance_axis(axes, data, "pulse")
    legend(axes)


def _programmed(axes: Axes, data: xr.Dataset) -> None:
    programmed, target = data["conductance_programmed"], data["target"]
    axes.plot(target, (programmed - target).std("device"), "o", color=BLUE, markersize=3,
              label="σ")  # fmt: skip
    if "programming_sigma" in data:
        axes.plot(target, data["programming_sigma"], color=RED, linewidth=1, label="σ, stated")
    axes.plot(target, (programmed - target).mean("device"), "s", color="0.5", markersize=2.5,
              label="mean")  # fmt: skip
    tidy(axes, "target conductance", "error")
    for axis in (axes.xaxis, axes.yaxis):
        quantity_axis(axis, "S", 0.0, data.attrs["g_max"])
    legend(axes, 3)


def _aged(axes: Axes, data: xr.Dataset) -> None:
    aged = data["conductance_aged"].isel(temperature=0)
    for index, colour in enumerate(shades(aged.sizes["level"])):
        _band(axes, aged["time"], aged.isel(level=index), "device", colour, "")
    _conductance_axis(axes, data, f"time at {float(aged['temperature']):.0f} K")
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _fewer(axes)


def _baked(axes: Axes, data: xr.Dataset) -> None:
    aged = data["conductance_aged"].isel(level=-2)
    for index, colour in zip(range(aged.sizes["temperature"]), CYCLE, strict=False):
        one = aged.isel(temperature=index)
        # Thinner and broken, so that all of several equal curves remain visible.
        _band(axes, one["time"], one, "device", colour, f"{float(one['temperature']):.0f} K",
              width=0.8 + 2.4 / (1 + index) ** 1.5, style=LINES[index % len(LINES)])  # fmt: skip
    _conductance_axis(axes, data, "time")
    axes.set_ylim(bottom=0)
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _fewer(axes)
    legend(axes, aged.sizes["temperature"])


def _read(axes: Axes, data: xr.Dataset) -> None:
    read = data["conductance_read"]
    mean = np.abs(read.mean("read"))
    axes.plot(data["level"], 100 * read.std("read") / mean, "o", color=BLUE, markersize=3,
              label="measured")  # fmt: skip
    axes.plot(data["level"], 100 * data["read_sigma"] / data["level"], color=RED, linewidth=1,
              label="stated law")  # fmt: skip
    axes.set_ylim(bottom=0)
    legend(axes)
    tidy(axes, "conductance", "relative noise of a read")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    quantity_axis(axes.xaxis, "S", 0.0, data.attrs["g_max"])


def _current(axes: Axes, data: xr.Dataset) -> None:
    current = data["current"]
    for index, colour in enumerate(shades(current.sizes["level"])):
        axes.plot(current["voltage"], current.isel(level=index), color=colour, linewidth=1)
        end = float(current["voltage"][-1]), float(current.isel(level=index)[-1])
        axes.annotate(engineering(float(current["level"][index]), "S", 2), end, xytext=(2, 0),
                      textcoords="offset points", va="center", fontsize=SMALL,
                      annotation_clip=False)  # fmt: skip
    tidy(axes, "voltage", "current")
    quantity_axis(axes.xaxis, "V", 0.0, 1.0)
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)


def _band(axes: Axes, x: xr.DataArray, y: xr.DataArray, over: str, colour: str, label: str,
          width: float = 1.2, style: Any = "-") -> None:  # fmt: skip
    mean, spread = y.mean(over), y.std(over)
    axes.plot(x, mean, color=colour, linewidth=width, label=label, linestyle=style)
    axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)


def _conductance_axis(axes: Axes, data: xr.Dataset, horizontal: str) -> None:
    tidy(axes, horizontal, "conductance")
    quantity_axis(axes.yaxis, "S", 0.0, data.attrs["g_max"])


def _fewer(axes: Axes) -> None:
    """Drop the tick that has no room."""
    axes.set_xticks([time for time in axes.get_xticks() if time != _MONTH])
