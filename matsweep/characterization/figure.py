"""The picture of a test bench."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from matsweep.analysis.style import BASELINE, FONT, WIDTH, quantity_axis, tidy, time_axis
from matsweep.analysis.units import duration, engineering
from matsweep.streams import FloatArray

_MILLIMETRE = 1 / 25.4
_BLUE, _RED, _GREEN, _PINK, _ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
_CYCLE = (_BLUE, _RED, _GREEN, _PINK, _ORANGE)
_MONTH = 2_592_000.0  # s; its tick has no room beside the year's
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k"}
_TEN_YEARS = 315_360_000.0  # s
_SPANS = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, _TEN_YEARS)  # s
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
    """Draw the loops, the slower ones thicker: where they coincide all are seen."""
    current, count = found["loop_current"], found.sizes["frequency"]
    colours = colormaps["viridis"](np.linspace(0, 0.9, count))
    for index in range(count):
        i = current.isel(frequency=index)
        if np.isnan(i).all():
            continue
        largest = float(np.abs(i).max()) or 1.0
        axes.plot(found["loop_voltage"].isel(frequency=index), i / largest if scaled else i,
                  color=colours[index], linewidth=0.6 + 2.2 * (1 - index / (count - 1)) ** 2,
                  label=engineering(float(found["frequency"][index]), "Hz"))  # fmt: skip
    seen = "channel current" if "channel" in current.attrs["long_name"] else "current"
    tidy(axes, "voltage", f"{seen} over its largest" if scaled else seen)
    _prefixed(axes.xaxis, "V", float(np.abs(found["loop_voltage"]).max()))
    if np.isnan(current).all():
        _absent(axes, _too_hot(found))
    elif scaled:
        axes.yaxis.set_major_locator(FixedLocator([t for t in axes.get_yticks() if t <= 1.0]))
        _legend(axes, count)
    else:
        _prefixed(axes.yaxis, "A", float(np.nanmax(np.abs(current))))
    destroyed = int(current.isnull().all("phase").sum())
    if 0 < destroyed < count and not scaled:
        axes.annotate(f"{destroyed} left out: {_too_hot(found)}", (0.02, 0.98), va="top",
                      xycoords="axes fraction", fontsize=FONT - 2, color="0.4")  # fmt: skip


def _legend(axes: Axes, entries: int = 2) -> None:
    """Set a legend above the data, in a frame made higher for it."""
    share = 0.03 + 0.075 * -(-entries // 2)
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        axes.set_ylim(low, low + (high - low) / (1 - share))
    axes.legend(fontsize=FONT - 2, frameon=False, loc="upper center", ncols=2,
                handlelength=1.0, columnspacing=0.9, labelspacing=0.2,
                borderaxespad=0.1)  # fmt: skip


def _prefixed(axis: Axis, unit: str, largest: float) -> None:
    """Count an axis in a unit with the prefix that suits, told in its label."""
    power = max((p for p in _PREFIXES if largest >= 10.0**p * (1 - 1e-9)), default=-15)
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10.0**power:.5g}"))
    axis.set_label_text(f"{axis.get_label_text()} [{_PREFIXES[power]}{unit}]")


def _too_hot(found: xr.Dataset) -> str:
    return f"hotter than {found.attrs['hottest']:.0f} K"


def _scaled_hysteresis(axes: Axes, found: xr.Dataset) -> None:
    _hysteresis(axes, found, scaled=True)


def _lobes(axes: Axes, found: xr.Dataset) -> None:
    area = found["lobe_area"].where(found["lobe_area"] > 1e-12)
    tidy(axes, "frequency [Hz]", "area / (V max I max)")
    if np.isnan(area).all():
        _absent(axes, "no loop opens")
        return
    axes.loglog(found["frequency"], area, "o-", color=_BLUE, markersize=3, linewidth=0.8)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))


def _switching(axes: Axes, found: xr.Dataset) -> None:
    time, voltage = found["switching_time"], abs(found["switching_voltage"])
    tidy(axes, "held voltage", "time to half of the window [s]")
    if np.isnan(time).all():
        hot = "switching_hottest" in found and bool(
            (found["switching_hottest"] > found.attrs["hottest"]).any()
        )
        _absent(axes, _too_hot(found) if hot else "no switching that stays")
        return
    for way, colour, marker, size in (("up", _BLUE, "o", 4.0), ("down", _RED, "s", 2.0)):
        axes.semilogy(voltage.sel(polarity=way), time.sel(polarity=way), marker=marker,
                      color=colour, markersize=size, linewidth=0.8,
                      label={"up": "potentiation", "down": "depression"}[way])  # fmt: skip
    _prefixed(axes.xaxis, "V", float(voltage.max()))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    _legend(axes)


def _thresholds(axes: Axes, found: xr.Dataset) -> None:
    tidy(axes, "voltage", "share of sweeps")
    if "set_voltage" not in found:
        _absent(axes, "set and reset\nhave one polarity")
        return
    told, drawn = [], False
    for name, colour, label in (("set_voltage", _BLUE, "set"), ("reset_voltage", _RED, "reset")):
        values = np.sort(found[name].values.ravel())
        values = values[np.isfinite(values)]
        if values.size and np.ptp(values) <= 1e-6 * np.abs(values).max():
            told.append(f"every {label} at {values[0]:.3g} V")
        elif values.size:
            share = (np.arange(values.size) + 0.5) / values.size
            axes.plot(values, share, ".", color=colour, markersize=3, label=label)
            drawn = True
        else:
            told.append(f"no {label} in a sweep")
    if "sweep_hottest" in found and bool((found["sweep_hottest"] > found.attrs["hottest"]).any()):
        told.append(_too_hot(found))
    if not drawn:
        _absent(axes, "\n".join(told))
        return
    _prefixed(axes.xaxis, "V", max(map(abs, axes.get_xlim())))
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    for index, text in enumerate(told):
        axes.annotate(text, (0.5, 0.1 + 0.1 * index), xycoords="axes fraction", ha="center",
                      fontsize=FONT - 2, color="0.4")  # fmt: skip
    _legend(axes)


def _retention(axes: Axes, found: xr.Dataset) -> None:
    tidy(axes, "temperature, even in 1/T [K]", "retention")
    if "retention_time" not in found:
        _absent(axes, "not known from the physics")
        return
    time = found["retention_time"]
    axes.semilogy(-1 / found["bake"], time, color=_BLUE)
    shown = [300.0, 350.0, 400.0, 450.0, 500.0]
    axes.set_xticks([-1 / kelvin for kelvin in shown], [f"{kelvin:.0f}" for kelvin in shown])
    low, high = (float(np.clip(end, 1e-12, 1e12)) for end in (time.min(), time.max()))
    axes.set_ylim(low / 3, max(3 * high, 30 * low))
    low, high = axes.get_ylim()
    ticks = [t for t in _SPANS if low <= t <= high]
    axes.set_yticks(ticks, [duration(t) for t in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    if low < _TEN_YEARS < high:
        axes.axhline(_TEN_YEARS, **BASELINE)


def _absent(axes: Axes, text: str) -> None:
    """Say why a panel is empty."""
    axes.grid(visible=False)
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
                ("device_current_share", "Devices", ""),
            ),
            strict=False,
        ):
            _map(figure, axes, found[name], unit)
            axes.set_title(f"({letter}) {heading}", fontsize=FONT, loc="left")
        _column_currents(panels[3], found)
        figure.suptitle(f"{title}\n{_array_terms(found)}".strip(), fontsize=FONT)
    return figure


def _array_terms(found: xr.Dataset) -> str:
    """Say what wires, access devices and inputs an array has."""
    told, known = [], found.attrs
    if known.get("node") is not None:
        told.append(f"node {engineering(float(known['node']), 'm')}")
    word, bit = (engineering(known[f"{line}_resistance"], "Ω") for line in ("word", "bit"))
    told.append(f"{word} a segment" if word == bit else f"{word}, {bit} a segment")
    for name in ("driver", "sense", "access"):
        told.append(f"{name} {engineering(known[f'{name}_resistance'], 'Ω')}")
    told.append(f"inputs {engineering(known['inputs'] * known['read_voltage'], 'V')}")
    return ", ".join(told)


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
    bar.set_ticks(list(ticks), labels=tick_labels(ticks, unit) if unit else None)
    bar.set_label(str(values.attrs["long_name"]), fontsize=FONT - 1)  # the unit is at the ticks
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


def _band(axes: Axes, x: xr.DataArray, y: xr.DataArray, over: str, colour: str, label: str,
          width: float = 1.2) -> None:  # fmt: skip
    mean, spread = y.mean(over), y.std(over)
    axes.plot(x, mean, color=colour, linewidth=width, label=label)
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
        # Thinner and thinner: equal curves are all seen.
        _band(axes, one["time"], one, "device", colour, f"{float(one['temperature']):.0f} K",
              width=0.8 + 2.4 / (1 + index) ** 1.5)  # fmt: skip
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
    tidy(axes, "conductance", "relative noise of a read")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    quantity_axis(axes.xaxis, "S", 0.0, found.attrs["g_max"])


def _current(axes: Axes, found: xr.Dataset) -> None:
    current = found["current"]
    for index, colour in zip(range(current.sizes["level"]), _CYCLE, strict=False):
        axes.plot(current["voltage"], current.isel(level=index), color=colour, linewidth=1)
    tidy(axes, "voltage", "current")
    quantity_axis(axes.xaxis, "V", 0.0, 1.0)
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)
