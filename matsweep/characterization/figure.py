"""The picture of a test bench."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from matsweep.analysis.style import BASELINE, FONT, WIDTH, quantity_axis, tidy, time_axis
from matsweep.analysis.units import engineering
from matsweep.streams import FloatArray

_MILLIMETRE = 1 / 25.4
_BLUE, _RED, _GREEN, _PINK, _ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
_CYCLE = (_BLUE, _RED, _GREEN, _PINK, _ORANGE)
_MONTH = 2_592_000.0  # s; its tick has no room beside the year's
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k"}
_TRACES = 5  # single devices drawn beside the mean


def bench_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw what a test bench measured.

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
    with rc_context({"font.size": FONT, "axes.linewidth": 0.6}):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.set_size_inches(WIDTH * _MILLIMETRE, 0.62 * WIDTH * _MILLIMETRE)
        panels = figure.subplots(2, 3).ravel()
        draw: tuple[tuple[str, Callable[[Axes, xr.Dataset], None]], ...] = (
            ("LTP, then LTD", _pulsed),
            ("Programming", _programmed),
            ("Drift and retention", _aged),
            ("The same when hot", _baked),
            ("Read noise", _read),
            ("Current", _current),
        )
        for letter, axes, (heading, function) in zip("abcdef", panels, draw, strict=True):
            function(axes, found)
            axes.set_title(f"({letter}) {heading}", fontsize=FONT, loc="left")
        if title:
            figure.suptitle(title, fontsize=FONT + 1)
    return figure


def physics_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw what a material's physics does.

    Parameters
    ----------
    found : Dataset
        From `characterize_physics`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    with rc_context({"font.size": FONT, "axes.linewidth": 0.6}):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.set_size_inches(WIDTH * _MILLIMETRE, 0.62 * WIDTH * _MILLIMETRE)
        panels = figure.subplots(2, 3).ravel()
        draw: tuple[tuple[str, Callable[[Axes, xr.Dataset], None]], ...] = (
            ("Loops under a sine", _hysteresis),
            ("The same, over I max", _scaled_hysteresis),
            ("Area of a lobe", _lobes),
            ("Time to switch", _switching),
            ("Set and reset in sweeps", _thresholds),
            ("Retention", _retention),
        )
        for letter, axes, (heading, function) in zip("abcdef", panels, draw, strict=True):
            function(axes, found)
            axes.set_title(f"({letter}) {heading}", fontsize=FONT, loc="left")
        if title:
            figure.suptitle(title, fontsize=FONT + 1)
    return figure


def _hysteresis(axes: Axes, found: xr.Dataset, scaled: bool = False) -> None:
    for index, colour in zip(range(found.sizes["frequency"]), _CYCLE, strict=False):
        v, i = (found[name].isel(frequency=index) for name in ("loop_voltage", "loop_current"))
        largest = float(np.abs(i).max()) if scaled else 1.0
        label = engineering(float(found["frequency"][index]), "Hz")
        axes.plot(v, i / largest, color=colour, linewidth=0.8, label=label)
    tidy(axes, "voltage", "current over its largest" if scaled else "current")
    quantity_axis(axes.xaxis, "V", 0.0, 1.0)
    if not scaled:
        quantity_axis(axes.yaxis, "A", 0.0, float(np.nanmax(np.abs(found["loop_current"]))))
        axes.legend(fontsize=FONT - 1.5, frameon=False, handlelength=1)


def _scaled_hysteresis(axes: Axes, found: xr.Dataset) -> None:
    _hysteresis(axes, found, scaled=True)


def _lobes(axes: Axes, found: xr.Dataset) -> None:
    axes.loglog(found["frequency"], np.maximum(found["lobe_area"], 1e-12), "o-", color=_BLUE,
                markersize=3, linewidth=0.8)  # fmt: skip
    tidy(axes, "frequency [Hz]", "area / (V max I max)")


def _switching(axes: Axes, found: xr.Dataset) -> None:
    for way, colour in (("up", _BLUE), ("down", _RED)):
        chosen = found.sel(polarity=way)
        axes.semilogy(np.abs(chosen["switching_voltage"]), chosen["switching_time"], "o-",
                      color=colour, markersize=2.5, linewidth=0.8,
                      label={"up": "potentiation", "down": "depression"}[way])  # fmt: skip
    tidy(axes, "held voltage [V]", "time to half of the window [s]")
    if np.isnan(found["switching_time"]).all():
        _absent(axes, "no switching that stays")
    else:
        axes.legend(fontsize=FONT - 1.5, frameon=False)


def _thresholds(axes: Axes, found: xr.Dataset) -> None:
    tidy(axes, "voltage [V]", "share of sweeps")
    if "set_voltage" not in found:
        _absent(axes, "set and reset have one polarity")
        return
    drawn = False
    for name, colour, label in (("set_voltage", _BLUE, "set"), ("reset_voltage", _RED, "reset")):
        values = np.sort(found[name].values.ravel())
        values = values[np.isfinite(values)]
        if values.size:
            share = (np.arange(values.size) + 0.5) / values.size
            axes.plot(values, share, ".", color=colour, markersize=3, label=label)
            drawn = True
    if drawn:
        axes.set_ylim(0, 1)
        axes.legend(fontsize=FONT - 1.5, frameon=False)
    else:
        _absent(axes, "no sweep switches")


def _retention(axes: Axes, found: xr.Dataset) -> None:
    tidy(axes, "1 / kT [1/eV]", "time [s]")
    if "retention_time" not in found:
        _absent(axes, "not known from the physics")
        return
    axes.semilogy(1 / (8.617333262e-5 * found["bake"]), found["retention_time"], color=_BLUE)
    for years, text in ((3.15576e8, "10 years"), (86_400.0, "1 day")):
        axes.axhline(years, **BASELINE)
        axes.annotate(text, (0.02, years), xycoords=("axes fraction", "data"), fontsize=FONT - 2,
                      va="bottom", color="0.4")  # fmt: skip
    axes.axvline(1 / (8.617333262e-5 * 358.15), **BASELINE)
    axes.annotate("85 °C", (1 / (8.617333262e-5 * 358.15), 0.03),
                  xycoords=("data", "axes fraction"), fontsize=FONT - 2, color="0.4")  # fmt: skip


def _absent(axes: Axes, text: str) -> None:
    """Say why a panel is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="0.4",
              fontsize=FONT - 1)  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])


def array_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw what happens inside one wired array.

    Parameters
    ----------
    found : Dataset
        From `characterize_array`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    with rc_context({"font.size": FONT, "axes.linewidth": 0.6}):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.set_size_inches(WIDTH * _MILLIMETRE, 0.75 * WIDTH * _MILLIMETRE)
        panels = figure.subplots(2, 2).ravel()
        ends = "at both ends" if found.attrs.get("driven") == "both" else "at the left"
        for letter, axes, (name, heading, unit) in zip(
            "abc",
            panels,
            (
                ("word_voltage", f"Word lines, driven {ends}", "V"),
                ("bit_voltage", "Bit lines, sensed below", "V"),
                ("device_current", "Devices", "A"),
            ),
            strict=False,
        ):
            _map(figure, axes, found[name], unit)
            axes.set_title(f"({letter}) {heading}", fontsize=FONT, loc="left")
        _column_currents(panels[3], found)
        if title:
            figure.suptitle(title, fontsize=FONT + 1)
    return figure


def _map(figure: Figure, axes: Axes, values: xr.DataArray, unit: str) -> None:
    """Draw a quantity of every cell, the array stretched to the panel."""
    image = axes.imshow(values, cmap="viridis", interpolation="nearest", aspect="auto")
    low, high = float(values.min()), float(values.max())
    alike = high - low <= 1e-9 * abs(high)
    if alike:  # one colour, and one tick for it
        image.set_clim(low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0))
    bar = figure.colorbar(image, ax=axes)
    ticks = np.asarray([low] if alike else MaxNLocator(5).tick_values(low, high), float)
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    bar.set_ticks(list(ticks), labels=tick_labels(ticks, unit))
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def tick_labels(ticks: FloatArray, unit: str) -> list[str]:
    """Return labels with one SI prefix, and as many digits as tell the ticks apart.

    Parameters
    ----------
    ticks : (tick,) array
        Evenly spaced, ascending.
    unit : str
    """
    largest = float(np.abs(ticks).max(initial=0.0))
    if ticks.size < 2 or not 1e-15 <= largest < 1e6:
        return [f"{tick:.3g} {unit}" if 0 < tick < 1e-15 else engineering(tick, unit)
                for tick in ticks]  # fmt: skip
    power = max(p for p in _PREFIXES if largest >= 10.0**p * (1 - 1e-9))
    scaled, step = ticks / 10.0**power, float(np.diff(ticks).min()) / 10.0**power
    digits = next(
        (d for d in range(7) if np.abs(np.round(scaled, d) - scaled).max() < 1e-3 * step), 7
    )
    return [f"{value + 0.0:.{digits}f} {_PREFIXES[power]}{unit}" for value in scaled]


def _column_currents(axes: Axes, found: xr.Dataset) -> None:
    """Draw the columns' currents with and without wires; a single column as a point."""
    marker = "o" if found.sizes["column"] == 1 else None
    for name, colour, width, label in (
        ("column_current_ideal", "0.5", 0.8, "without wires"),
        ("column_current", _BLUE, 1.0, "with wires"),
    ):
        axes.plot(found["column"], found[name], color=colour, linewidth=width, marker=marker,
                  label=label)  # fmt: skip
    ideal, left = (float(found[name].sum()) for name in ("column_current_ideal", "column_current"))
    top = 1.05 * float(found["column_current_ideal"].max())
    axes.set_ylim(0, top if top > 0 else 1e-12)
    tidy(axes, "column", "column current")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)
    lost = f"{100 * (1 - left / ideal):.3g} % lost" if ideal > 0 else "none"
    axes.set_title(f"(d) Column currents: {lost}", fontsize=FONT, loc="left")
    axes.legend(fontsize=FONT - 1.5, frameon=False, loc="best")


def _band(axes: Axes, x: xr.DataArray, y: xr.DataArray, over: str, colour: str, label: str) -> None:
    mean, spread = y.mean(over), y.std(over)
    axes.plot(x, mean, color=colour, linewidth=1.2, label=label)
    axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)


def _conductance_axis(axes: Axes, found: xr.Dataset, horizontal: str) -> None:
    tidy(axes, horizontal, "conductance")
    quantity_axis(axes.yaxis, "S", 0.0, found.attrs["g_max"])


def _pulsed(axes: Axes, found: xr.Dataset) -> None:
    if "conductance_pulsed" not in found:
        tidy(axes, "pulse", "conductance")
        axes.text(0.5, 0.5, "response to identical pulses\nnot known", ha="center", va="center",
                  transform=axes.transAxes, color="0.4")  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        return
    trace = found["conductance_pulsed"]
    axes.plot(trace["pulse"], trace.isel(device=slice(_TRACES)), color="0.6", linewidth=0.4)
    _band(axes, trace["pulse"], trace, "device", _BLUE, "mean")
    axes.axvline(found.attrs["pulses"], **BASELINE)
    _conductance_axis(axes, found, "pulse")


def _programmed(axes: Axes, found: xr.Dataset) -> None:
    made, target = found["conductance_programmed"], found["target"]
    axes.plot(target, (made - target).std("device"), "o", color=_BLUE, markersize=3,
              label="measured")  # fmt: skip
    if "programming_sigma" in found:
        axes.plot(target, found["programming_sigma"], color=_RED, linewidth=1, label="stated law")
    axes.plot(target, (made - target).mean("device"), "s", color="0.5", markersize=2.5,
              label="mean error")  # fmt: skip
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    tidy(axes, "target conductance", "error: standard deviation")
    for axis in (axes.xaxis, axes.yaxis):
        quantity_axis(axis, "S", 0.0, found.attrs["g_max"])


def _aged(axes: Axes, found: xr.Dataset) -> None:
    aged = found["conductance_aged"].isel(temperature=0)
    for index, colour in zip(range(aged.sizes["level"]), _CYCLE, strict=False):
        _band(axes, aged["time"], aged.isel(level=index), "device", colour, "")
    _conductance_axis(axes, found, f"time at {float(aged['temperature']):.0f} K")
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _slant(axes)


def _baked(axes: Axes, found: xr.Dataset) -> None:
    aged = found["conductance_aged"].isel(level=-2)
    for index, colour in zip(range(aged.sizes["temperature"]), _CYCLE, strict=False):
        one = aged.isel(temperature=index)
        _band(axes, one["time"], one, "device", colour, f"{float(one['temperature']):.0f} K")
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    _conductance_axis(axes, found, "time")
    axes.set_ylim(bottom=0)
    time_axis(axes, float(aged["time"].min()), float(aged["time"].max()))
    _slant(axes)


def _slant(axes: Axes) -> None:
    axes.set_xticks([time for time in axes.get_xticks() if time != _MONTH])
    axes.tick_params(axis="x", rotation=40)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")


def _read(axes: Axes, found: xr.Dataset) -> None:
    read = found["conductance_read"]
    mean = np.abs(read.mean("read"))
    axes.plot(found["level"], 100 * read.std("read") / mean, "o", color=_BLUE, markersize=3,
              label="measured")  # fmt: skip
    axes.plot(found["level"], 100 * found["read_sigma"] / found["level"], color=_RED, linewidth=1,
              label="stated law")  # fmt: skip
    axes.legend(fontsize=FONT - 1.5, frameon=False)
    axes.set_ylim(bottom=0)
    tidy(axes, "conductance", "relative noise of a read (%)")
    quantity_axis(axes.xaxis, "S", 0.0, found.attrs["g_max"])


def _current(axes: Axes, found: xr.Dataset) -> None:
    current = found["current"]
    for index, colour in zip(range(current.sizes["level"]), _CYCLE, strict=False):
        axes.plot(current["voltage"], current.isel(level=index), color=colour, linewidth=1)
    tidy(axes, "voltage (V)", "current")
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)
