"""How the realisations of the best candidates are distributed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from matsweep.analysis.attributes import float_accuracy, material_label, numbered, sources
from matsweep.analysis.objectives import directions, order
from matsweep.analysis.summary import realised, summarise
from matsweep.core.checks import UserError, whole
from matsweep.reporting.figures.style import (
    BASELINE,
    FONT,
    drawing,
    material_styles,
    quantity_axis,
    tidy,
)


def distribution_figure(
    ds: xr.Dataset,
    metric: str = "accuracy",
    *,
    time: float | str | None = None,
    top: int = 10,
) -> Figure:
    """Draw a metric of each realisation of the best candidate of each material.

    A point is one set of devices; points of equal height are moved apart. The bar is the median,
    the box the middle half.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`.
    metric : str
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    top : int
        Materials shown, the best ones; without materials, candidates.

    Raises
    ------
    UserError
        If the metric is unknown or the same for all realisations, or no candidate is done.
    """
    whole("top", top, low=1)
    ds = numbered(ds)
    summary = summarise(ds, time)
    ((name, _),) = directions(summary, [metric]).items()
    if "realisation" not in ds[name].dims:
        raise UserError(f"{name} does not differ between realisations")
    best = order(summary, name)
    best = best[np.isfinite(np.asarray(summary[name].values, dtype=np.float64)[best])]
    if not best.size:
        raise UserError(f"no done candidate has a number for {name}, so there is nothing to draw")
    labels = [f"no. {number}" for number in summary["candidate"].values[best]]
    groups = labels
    if "material" in summary.coords:
        groups = [str(each) for each in summary["material"].values[best]]
        _, first = np.unique(groups, return_index=True)
        best, groups = best[np.sort(first)], [groups[i] for i in np.sort(first)]
        labels = [material_label(ds, group) for group in groups]
    best, groups, labels = best[:top], groups[:top], labels[:top]
    styles = material_styles({*groups, *sources(ds)["materials"]})
    values = realised(ds.isel(candidate=best), name, time)
    with drawing(0.12 + 0.055 * len(best)) as figure:
        axes = figure.subplots()
        for row, (group, own) in enumerate(zip(groups, values, strict=True)):
            own = own[np.isfinite(own)]
            low, middle, high = np.percentile(own, [25, 50, 75])
            axes.fill_between([low, high], row - 0.3, row + 0.3, color="0.9", linewidth=0)
            axes.plot([middle, middle], [row - 0.3, row + 0.3], color="0.3", linewidth=1.2)
            axes.scatter(own, row + _apart(own), s=9, color=styles[group].colour, linewidths=0.3,
                         edgecolors="white", marker=styles[group].marker, zorder=3)  # fmt: skip
        tidy(axes, str(ds[name].attrs.get("long_name", name)), "")
        axes.set_yticks(range(len(labels)), labels, fontsize=FONT)
        axes.invert_yaxis()
        if name == "accuracy":
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
            if (baseline := float_accuracy(ds)) is not None:
                axes.axvline(float(baseline), label="floating point", **BASELINE)
                axes.legend(loc="lower left", fontsize=FONT, frameon=False)
        else:
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            quantity_axis(axes.xaxis, str(ds[name].attrs.get("units", "1")), low * 0, high)
    return figure


def _apart(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return heights, within a quarter of the middle, at which close values do not overlap."""
    span = np.ptp(values) or 1.0
    bins = np.floor(40 * (values - values.min()) / span).astype(int)
    heights = np.zeros(len(values))
    for each in np.unique(bins):
        own = np.flatnonzero(bins == each)
        steps = (np.arange(len(own)) + 1) // 2 * np.where(np.arange(len(own)) % 2, 1, -1)
        heights[own] = 0.25 * steps / max(4, np.abs(steps).max())
    return heights
