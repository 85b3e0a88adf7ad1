"""Figure of a material's physics."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from matsweep.characterization.figure.panels import BLUE, RED, absent, legend, panels, prefixed
from matsweep.core.units import duration, engineering
from matsweep.reporting.figures.style import BASELINE, SMALL, tidy

_TEN_YEARS = 315_360_000.0  # s
_SPANS = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, _TEN_YEARS)  # s


def physics_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw loops, switching times, set and reset voltages, and retention of a material's physics.

    Physics with a loop under a current, and without retention, has that loop in the last panel.

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
    loop = "stair_voltage" in found and "retention_time" not in found
    return panels(
        found,
        title,
        ("Loops under a sine", _hysteresis),
        ("The same, over I max", _scaled_hysteresis),
        ("Area of a lobe", _lobes),
        ("Time to switch", _switching),
        ("Set and reset in sweeps", _thresholds),
        ("Loop under a current", _stairs) if loop else ("Retention", _retention),
    )


def _hysteresis(axes: Axes, data: xr.Dataset, scaled: bool = False) -> None:
    """Draw the loops, slower ones thicker, so that all remain visible where they coincide."""
    current, count = data["loop_current"], data.sizes["frequency"]
    colours = colormaps["viridis"](np.linspace(0, 0.9, count))
    for index in range(count):
        i = current.isel(frequency=index)
        if np.isnan(i).all():
            continue
        largest = float(np.abs(i).max()) or 1.0
        axes.plot(data["loop_voltage"].isel(frequency=index), i / largest if scaled else i,
                  color=colours[index], linewidth=0.6 + 2.2 * (1 - index / (count - 1)) ** 2,
                  label=engineering(float(data["frequency"][index]), "Hz"))  # fmt: skip
    quantity = "channel current" if "channel" in current.attrs["long_name"] else "current"
    tidy(axes, "voltage", f"{quantity} over its largest" if scaled else quantity)
    prefixed(axes.xaxis, "V", float(np.abs(data["loop_voltage"]).max()))
    if np.isnan(current).all():
        absent(axes, _too_hot(data))
    elif scaled:
        axes.yaxis.set_major_locator(FixedLocator([t for t in axes.get_yticks() if t <= 1.0]))
        legend(axes, count)
    else:
        prefixed(axes.yaxis, "A", float(np.nanmax(np.abs(current))))
    destroyed = int(current.isnull().all("phase").sum())
    if 0 < destroyed < count and not scaled:
        axes.annotate(f"{destroyed} left out: {_too_hot(data)}", (0.02, 0.98), va="top",
                      xycoords="axes fraction", fontsize=SMALL, color="0.4")  # fmt: skip


def _scaled_hysteresis(axes: Axes, data: xr.Dataset) -> None:
    _hysteresis(axes, data, scaled=True)


def _lobes(axes: Axes, data: xr.Dataset) -> None:
    area = data["lobe_area"].where(data["lobe_area"] > 1e-12)
    tidy(axes, "frequency [Hz]", "area / (V max I max)")
    if np.isnan(area).all():
        absent(axes, "no loop opens")
        return
    axes.loglog(data["frequency"], area, "o-", color=BLUE, markersize=3, linewidth=0.8)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))


def _switching(axes: Axes, data: xr.Dataset) -> None:
    time, voltage = data["switching_time"], abs(data["switching_voltage"])
    tidy(axes, "held voltage", "time to half of the window [s]")
    if np.isnan(time).all():
        hot = "switching_hottest" in data and bool(
            (data["switching_hottest"] > data.attrs["hottest"]).any()
        )
        absent(axes, _too_hot(data) if hot else "no switching that stays")
        return
    for way, colour, marker, size in (("up", BLUE, "o", 4.0), ("down", RED, "s", 2.0)):
        axes.semilogy(voltage.sel(polarity=way), time.sel(polarity=way), marker=marker,
                      color=colour, markersize=size, linewidth=0.8,
                      label={"up": "potentiation", "down": "depression"}[way])  # fmt: skip
    prefixed(axes.xaxis, "V", float(voltage.max()))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    legend(axes)


def _thresholds(axes: Axes, data: xr.Dataset) -> None:
    tidy(axes, "voltage", "share of sweeps")
    if "set_voltage" not in data:
        absent(axes, "set and reset\nhave one polarity")
        return
    notes, drawn = [], False
    for name, colour, label in (
        ("set_voltage", BLUE, "set"), ("reset_voltage", RED, "reset"),
    ):  # fmt: skip
        values = np.sort(data[name].values.ravel())
        values = values[np.isfinite(values)]
        if values.size and np.ptp(values) <= 1e-6 * np.abs(values).max():
            notes.append(f"every {label} at {values[0]:.3g} V")
        elif values.size:
            share = (np.arange(values.size) + 0.5) / values.size
            axes.plot(values, share, "o" if label == "set" else "s", color=colour, markersize=2,
                      label=label)  # fmt: skip
            drawn = True
        else:
            notes.append(f"no {label} in a sweep")
    if "sweep_hottest" in data and bool((data["sweep_hottest"] > data.attrs["hottest"]).any()):
        notes.append(_too_hot(data))
    if not drawn:
        absent(axes, "\n".join(notes))
        return
    prefixed(axes.xaxis, "V", max(map(abs, axes.get_xlim())))
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    for index, text in enumerate(notes):
        axes.annotate(text, (0.5, 0.1 + 0.1 * index), xycoords="axes fraction", ha="center",
                      fontsize=SMALL, color="0.4")  # fmt: skip
    legend(axes)


def _stairs(axes: Axes, data: xr.Dataset) -> None:
    tidy(axes, "current", "mean voltage")
    for way, colour in (("rising", BLUE), ("falling", RED)):
        axes.plot(data["stair_current"], data["stair_voltage"].sel(way=way), ".-", color=colour,
                  markersize=3, linewidth=0.8, label=way)  # fmt: skip
    prefixed(axes.xaxis, "A", float(data["stair_current"].max()))
    prefixed(axes.yaxis, "V", float(np.nanmax(np.abs(data["stair_voltage"]))))
    legend(axes)


def _retention(axes: Axes, data: xr.Dataset) -> None:
    tidy(axes, "temperature, even in 1/T [K]", "retention")
    if "retention_time" not in data:
        absent(axes, "not known from the physics")
        return
    time = data["retention_time"]
    axes.semilogy(-1 / data["bake"], time, color=BLUE)
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


def _too_hot(data: xr.Dataset) -> str:
    return f"hotter than {data.attrs['hottest']:.0f} K"
