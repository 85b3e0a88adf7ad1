"""The panels of the picture: accuracy against a cost, accuracy against time."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from matsweep.analysis.attributes import numbered
from matsweep.analysis.pareto import Mask, pareto_mask
from matsweep.analysis.view import View
from matsweep.reporting.figures.style import (
    BASELINE,
    FRONT_LINE,
    Style,
    quantity_axis,
    tidy,
    time_axis,
)

# More points than this would drown in their bars: then only the front carries them.
_BARS = 60
# More points of one material than this are drawn small, and as pixels also in a PDF.
_CROWD = 2000
_APART = 2.0  # factor of times between the first and the last material

type Numbers = NDArray[np.float64]
type Names = NDArray[np.str_]


def draw_cost(
    panel: Axes, summary: xr.Dataset, cost: str, names: Names, styles: dict[str, Style]
) -> None:
    """Draw accuracy against a cost, and the front of the two.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
    summary : Dataset
        Scalars of done candidates.
    cost : str
        Metric of the horizontal axis, the lower the better.
    names : (candidate,) array
        Materials.
    styles : mapping of material to Style
    """
    drawn = np.isfinite(_column(summary, cost))
    summary, names = summary.isel(candidate=np.flatnonzero(drawn)), names[drawn]
    accuracy, across = _column(summary, "accuracy"), _column(summary, cost)
    best = pareto_mask(np.stack([accuracy, across], axis=1), ["higher", "lower"])
    if bool((across > 0).all()):
        panel.set_xscale("log")
        _widen(panel, across)
    _draw_materials(panel, summary, across, _column(summary, f"{cost}_std"), best, names, styles)
    _front_line(panel, across[best], accuracy[best])
    tidy(panel, _cost_label(summary, cost), "Accuracy [%]")
    low, high = panel.get_xlim()
    quantity_axis(panel.xaxis, str(summary[cost].attrs.get("units", "1")), low, high)
    _accuracy_axis(panel, summary)


def draw_materials(
    panel: Axes, summary: xr.Dataset, names: Names, styles: dict[str, Style]
) -> None:
    """Draw the accuracies of each material beside each other: for results without a cost."""
    order = sorted(set(names.tolist()))
    across = np.array([float(order.index(name)) for name in names])
    best, none = _best(_column(summary, "accuracy"), names), np.full(len(names), np.nan)
    _draw_materials(panel, summary, across, none, best, names, styles)
    tidy(panel, "Material", "Accuracy [%]")
    panel.set_xticks([])
    panel.set_xlim(-0.7, len(order) - 0.3)
    _accuracy_axis(panel, summary)


def draw_time(
    panel: Axes, ds: xr.Dataset, summary: xr.Dataset, names: Names, styles: dict[str, Style]
) -> None:
    """Draw the accuracy of each material's best candidate over the time since programming.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
    ds : Dataset
        Results with all times.
    summary : Dataset
        Scalars of done candidates at the time that decides which is best.
    names : (candidate,) array
        Materials of the candidates of `summary`.
    styles : mapping of material to Style
    """
    best = _best(_column(summary, "accuracy"), names)
    ds = numbered(ds).sortby("time")
    times = np.asarray(ds["time"].values, dtype=np.float64)
    shown = list(zip(names[best], summary["candidate"].values[best], strict=True))
    for at, (name, number) in enumerate(shown):
        rows = ds["accuracy"].sel(candidate=number)
        spread: xr.DataArray | None = None
        if "realisation" in rows.dims:
            spread = rows.std("realisation", ddof=1) if rows.sizes["realisation"] > 1 else None
            rows = rows.mean("realisation", skipna=False)
        # Equal ones would hide each other.
        apart = times * _APART ** (at / max(len(shown) - 1, 1) - 0.5)
        _time_line(panel, apart, rows, spread, styles[str(name)])
    tidy(panel, "Time since programming", "Accuracy [%]")
    time_axis(panel, float(times.min()), float(times.max()))
    _accuracy_axis(panel, ds)


def _time_line(
    panel: Axes, times: Numbers, mean: xr.DataArray, spread: xr.DataArray | None, style: Style
) -> None:
    panel.errorbar(
        times,
        mean.values,
        yerr=None if spread is None else spread.values,
        color=style.colour,
        marker=style.marker,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linewidth=1.0,
        elinewidth=0.7,
        capsize=1.5,
    )


def _draw_materials(
    panel: Axes,
    summary: xr.Dataset,
    across: Numbers,
    across_spread: Numbers,
    best: Mask,
    names: Names,
    styles: dict[str, Style],
) -> None:
    """Draw the points of every material, the best ones in front and with their bars."""
    accuracy, spread = _column(summary, "accuracy"), _column(summary, "accuracy_std")
    barred = best if len(names) > _BARS else np.ones(len(names), dtype=bool)
    for name in sorted(set(names.tolist())):
        mine, style = names == name, styles[name]
        _points(panel, across[mine & ~best], accuracy[mine & ~best], style, faint=True)
        if (which := mine & barred).any():
            panel.errorbar(
                across[which],
                accuracy[which],
                xerr=np.nan_to_num(across_spread[which]),
                yerr=np.nan_to_num(spread[which]),
                fmt="none",
                ecolor=style.colour,
                elinewidth=0.7,
                capsize=1.5,
                zorder=3,
            )
        _points(panel, across[mine & best], accuracy[mine & best], style, faint=False)


def _points(panel: Axes, across: Numbers, accuracy: Numbers, style: Style, *, faint: bool) -> None:
    crowded = len(across) > _CROWD
    panel.scatter(
        across,
        accuracy,
        s=(2 if crowded else 9) if faint else 22,
        marker=style.marker,
        color=style.colour,
        alpha=(0.15 if crowded else 0.4) if faint else 1.0,
        linewidths=0 if faint else 0.5,
        edgecolors="none" if faint else "white",
        zorder=2 if faint else 4,
        rasterized=crowded,
    )


def _widen(panel: Axes, across: Numbers) -> None:
    """Show at least a factor of 1.5, so that one point or equal ones have an axis."""
    low, high = float(across.min()), float(across.max())
    if high < 1.5 * low:
        middle = (low * high) ** 0.5
        panel.set_xlim(middle / 1.5, middle * 1.5)


def _front_line(panel: Axes, across: Numbers, accuracy: Numbers) -> None:
    """Draw the best accuracy that is attained at or below each cost."""
    order = np.argsort(across)
    panel.step(across[order], accuracy[order], where="post", zorder=2.5, **FRONT_LINE)


def _best(accuracy: Numbers, names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Mark the most accurate candidate of each material (the first of equal ones)."""
    mask = np.zeros(len(names), dtype=bool)
    order = np.argsort(-accuracy, kind="stable")
    _, first = np.unique(names[order], return_index=True)
    mask[order[first]] = True
    return mask


def _accuracy_axis(panel: Axes, ds: xr.Dataset) -> None:
    """Print percent, and draw the floating-point baseline."""
    baseline = View(ds).reference("accuracy")
    if baseline is not None:
        panel.axhline(baseline, zorder=1, **BASELINE)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    low, high = panel.get_ylim()
    panel.set_ylim(low, min(high, 1.02))


def _cost_label(summary: xr.Dataset, cost: str) -> str:
    label = "Energy per inference" if cost == "energy" else cost.capitalize()
    return str(summary[cost].attrs.get("long_name", label)).strip().capitalize()


def _column(summary: xr.Dataset, name: str) -> Numbers:
    """Return one metric as floats; NaN if the results do not hold it."""
    if name not in summary:
        return np.full(summary.sizes["candidate"], np.nan)
    return np.asarray(summary[name].values, dtype=np.float64)
