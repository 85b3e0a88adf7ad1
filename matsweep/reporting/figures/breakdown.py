"""Figure of the least energy that keeps the accuracy, component by component."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from matsweep.analysis.attributes import numbered, parameters, short_names
from matsweep.analysis.cheapest import cheapest, keeps
from matsweep.analysis.summary import at_time
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.core.units import engineering
from matsweep.reporting.figures.style import FONT, drawing, quantity_axis, tidy

_LEAST_SHARE = 0.02  # of the largest bar: components below it everywhere are drawn as one


def cheapest_figure(
    ds: xr.Dataset, *, loss: float = 0.01, time: float | str | None = None
) -> Figure:
    """Draw where the energy of each material's cheapest candidate goes, component by component.

    Where two numbers were swept, such as the size of the array and the bits of the ADC, beside it
    for each material (four at most) a map of the least energy over them: crossed where the
    accuracy is not kept, framed where it costs least.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, with `energy_breakdown`.
    loss, time
        As in `cheapest`.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If no candidate keeps the accuracy, or the results hold no breakdown.
    """
    if "energy_breakdown" not in ds:
        raise UserError("the results hold no energy_breakdown")
    ds = numbered(ds)
    view = View(ds, time)
    best, summary = cheapest(ds, loss=loss, time=time), view.summary
    if not best.sizes["candidate"]:
        raise UserError(f"no candidate is within {loss:.3g} of the accuracy of floating point")
    axes = [name for name in parameters(summary) if summary[name].dtype.kind in "fiu"]
    axes = [name for name in axes if len(set(summary[name].values.tolist())) > 1]
    maps = list(dict.fromkeys(View(best).materials.tolist()))[:4] if len(axes) == 2 else []
    with drawing(0.655 if maps else 0.345) as figure:
        rows = figure.subfigures(2 if maps else 1, 1, squeeze=False)[:, 0]
        if maps:
            _maps(rows[0], view, maps, axes, loss)
        _bars(rows[-1].subplots(), ds, best, time)
    return figure


def _maps(figure: SubFigure, view: View, names: list[str], axes: list[str], loss: float) -> None:
    """Draw a map of the energy for each material, on one scale."""
    summary = view.summary
    energy = view.column("energy")
    good, across, up = keeps(view, loss), *(summary[name].values for name in reversed(axes))
    here = np.isin(view.materials, names) & np.isfinite(energy)
    norm = LogNorm(float(energy[here].min()), float(energy[here].max()))
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    columns, lines = np.unique(across[here]), np.unique(up[here])
    for letter, name, panel in zip("abcd", names, panels, strict=False):
        mine = here & (view.materials == name)
        table = np.full((lines.size, columns.size), np.nan)
        table[np.searchsorted(lines, up[mine]), np.searchsorted(columns, across[mine])] = energy[
            mine
        ]
        image = panel.pcolormesh(table, cmap="viridis_r", norm=norm, edgecolors="white")
        for row in np.flatnonzero(mine):
            spot = (
                np.searchsorted(columns, across[row]) + 0.5,
                np.searchsorted(lines, up[row]) + 0.5,
            )
            if not good[row]:
                panel.plot(*spot, marker="x", color="white", markersize=5, markeredgewidth=1.0)
        winner = min(np.flatnonzero(mine & good), key=lambda row: energy[row])
        corner = np.searchsorted(columns, across[winner]), np.searchsorted(lines, up[winner])
        panel.add_patch(
            Rectangle(corner, 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.8, zorder=4)
        )
        panel.set_xticks(np.arange(columns.size) + 0.5, [f"{value:g}" for value in columns])
        panel.set_yticks(np.arange(lines.size) + 0.5, [f"{value:g}" for value in lines])
        panel.set_xlabel(axes[1], fontsize=FONT)
        panel.set_title(f"({letter}) {name}: {engineering(energy[winner], 'J')}", loc="left",
                        fontsize=FONT)  # fmt: skip
    panels[0].set_ylabel(axes[0], fontsize=FONT)
    figure.suptitle(f"crossed: more than {100 * loss:g} % of accuracy lost", fontsize=FONT)
    bar = figure.colorbar(image, ax=list(panels), label="energy of an inference", pad=0.01)
    quantity_axis(bar.ax.yaxis, "J", norm.vmin or 1.0, norm.vmax or 1.0)


def _bars(panel: Axes, ds: xr.Dataset, best: xr.Dataset, time: float | str | None) -> None:
    """Draw a bar for each of the best candidates, and lines where other machines are."""
    terms = at_time(ds[["energy_breakdown"]], time)[0]["energy_breakdown"]
    terms = terms.sel(candidate=best["candidate"].values).mean("realisation")
    terms = terms.transpose("candidate", "component")
    values, names = terms.values, [str(name) for name in terms["component"].values]
    large = (values > _LEAST_SHARE * values.sum(axis=1).max()).any(axis=0)
    shown = [
        (name, column) for name, column, keep in zip(names, values.T, large, strict=True) if keep
    ]
    rest = values[:, ~large].sum(axis=1)
    if rest.any():
        shown.append(("others", rest))
    labels, left = _told(best), np.zeros(len(values))
    colours = colormaps["tab20"](np.arange(len(shown)))
    for (name, column), colour in zip(shown, colours, strict=True):
        panel.barh(labels, column, left=left, height=0.6, color=colour, label=name)
        left += column
    panel.invert_yaxis()
    tidy(panel, "energy of an inference, least that keeps the accuracy", "")
    _others(panel, ds, best)
    quantity_axis(panel.xaxis, "J", 0.0, 1.0)
    panel.legend(fontsize=FONT, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _told(best: xr.Dataset) -> list[str]:
    """Return what each of the best candidates is, for the axis."""
    axes = [name for name in parameters(best) if best[name].dtype.kind in "fiu"]
    short = short_names(axes)
    return [
        "\n".join([str(name), ", ".join(f"{short[a]} {best[a].values[row]:g}" for a in axes)])
        for row, name in enumerate(View(best).materials)
    ]


def _others(panel: Axes, ds: xr.Dataset, best: xr.Dataset) -> None:
    """Draw what other machines take, where it is near the bars."""
    if "baseline_energy" not in ds:
        return
    first = ds["baseline_energy"].sel(candidate=best["candidate"].values[0])
    limit = 1.5 * float(best["energy"].max())
    for name in ("int8_sram", "brain"):
        value = float(first.sel(baseline=name))
        if 0.02 * limit < value < limit:
            panel.axvline(value, color="0.3", linestyle=(0, (4, 2)), linewidth=0.9)
            panel.annotate(name, (value, 0.99), xycoords=("data", "axes fraction"), rotation=90,
                           ha="right", va="top", fontsize=FONT - 1, color="0.3")  # fmt: skip
