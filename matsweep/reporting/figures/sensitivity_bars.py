"""A picture of sensitivities: bars, and pairs."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsweep.analysis.attributes import short_names
from matsweep.core.checks import UserError
from matsweep.reporting.figures.style import FONT, drawing, tidy

_ALONE, _ALL = "#0072B2", "#E69F00"  # of the palette of `style`
_MOST_PAIRS = 12  # parameters up to which a table of pairs can be read


def sensitivity_figure(found: xr.Dataset) -> Figure:
    """Draw indices of sensitivity as bars, with their intervals.

    Sobol' indices are drawn alone (`S1`) and with all interactions (`ST`), the strongest parameter
    first, and those of pairs as a table beside; PAWN and delta with what a parameter without
    influence stays below.

    Parameters
    ----------
    found : Dataset
        As returned by `sensitivity`.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If it holds no indices.
    """
    if "parameter" not in found.dims or not {"ST", "median", "delta"} & set(found.data_vars):
        raise UserError("found must be what sensitivity() returns: it holds no indices")
    main = next(name for name in ("ST", "median", "delta") if name in found)
    strongest = np.argsort(-np.nan_to_num(found[main].values), kind="stable")
    found = found.isel(parameter=strongest)
    names = [str(name) for name in found["parameter"].values]
    short = short_names(names)
    pairs = "S2" in found and 2 <= len(names) <= _MOST_PAIRS
    with drawing(min(0.16 + 0.055 * len(names), 0.9), 180.0 if pairs else 120.0) as figure:
        panels = figure.subplots(1, 2 if pairs else 1, squeeze=False)[0]
        _bars(panels[0], found, [short[name] for name in names], main)
        if pairs:
            _interactions(figure, panels[1], found.sel(other=names), [short[n] for n in names])
            panels[0].set_title("(a)", fontsize=FONT, loc="left")
            panels[1].set_title(
                "(b) pairs, beyond both alone (bold: surely)", fontsize=FONT, loc="left"
            )
        figure.suptitle(_told(found), fontsize=FONT)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, fontsize=FONT,
                      frameon=False)  # fmt: skip
    return figure


def _bars(panel: Axes, found: xr.Dataset, names: list[str], main: str) -> None:
    places = np.arange(len(names), dtype=np.float64)
    if main == "ST":
        kinds = [("S1", "alone (S1)", _ALONE, -0.19), ("ST", "with interactions (ST)", _ALL, 0.19)]
    else:
        told = "PAWN, median over slices" if main == "median" else "Borgonovo's delta"
        kinds = [(main, told, _ALONE, 0.0)]
    for name, label, colour, shift in kinds:
        panel.barh(places + shift, found[name].values, height=0.36 if shift else 0.6, color=colour,
                   label=label, xerr=found[f"{name}_conf"].values,
                   error_kw={"elinewidth": 0.7, "capsize": 1.5, "ecolor": "0.2"})  # fmt: skip
    if "threshold" in found:
        height = 0.42
        panel.vlines(found["threshold"].values, places - height, places + height, color="0.2",
                     linestyle=(0, (2, 1)), linewidth=0.9, label="without influence")  # fmt: skip
    panel.set_yticks(places, names)
    panel.invert_yaxis()
    tidy(panel, "share of the variance" if main == "ST" else "index", "")
    panel.axvline(0.0, color="0.35", linewidth=0.6)
    panel.grid(visible=False, axis="y")


def _interactions(figure: Figure, panel: Axes, found: xr.Dataset, names: list[str]) -> None:
    values, half = found["S2"].values, found["S2_conf"].values
    shown = np.where(np.tri(len(names), k=-1, dtype=bool), values, np.nan)[1:, :-1]
    high = max(0.05, float(np.nanmax(np.nan_to_num(values))))
    image = panel.imshow(np.clip(shown, 0, None), cmap="Blues", vmin=0, vmax=high, aspect="auto")
    for row, column in np.argwhere(np.isfinite(shown)).tolist():
        sure = abs(shown[row, column]) > half[row + 1, column]
        told = f"{shown[row, column]:.2f}".replace("-0.00", "0.00")
        panel.text(column, row, told, ha="center", va="center",
                   fontsize=FONT - 1, fontweight="bold" if sure else "normal",
                   color="white" if shown[row, column] > 0.6 * high else "0.2")  # fmt: skip
    tidy(panel, "", "")
    panel.grid(visible=False)
    panel.set_xticks(range(len(names) - 1), names[:-1], rotation=30, ha="right",
                     rotation_mode="anchor")  # fmt: skip
    panel.set_yticks(range(len(names) - 1), names[1:])
    bar = figure.colorbar(image, ax=panel, shrink=0.9)
    bar.ax.tick_params(labelsize=FONT, width=0.6, length=3)
    bar.set_label("S2", fontsize=FONT)
    bar.outline.set_linewidth(0.6)


def _told(found: xr.Dataset) -> str:
    method = {"sobol": "Sobol' indices", "pawn": "PAWN indices", "delta": "Borgonovo's delta"}
    name = str(found.attrs.get("method", ""))
    told = method.get(name, "Sobol' indices of a fit")
    if name == "surrogate":
        told += f" (cross-validated r2 {found.attrs['r2']:.3f})"
    confidence = 100 * float(found.attrs.get("confidence", 0.95))
    return f"{found.attrs.get('metric', '')}: {told}; bars: {confidence:.3g} % intervals"
