"""Figure of one wired array."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from matsweep.characterization.figure.panels import BLUE, tick_labels
from matsweep.core.printing import printable
from matsweep.core.units import engineering
from matsweep.reporting.figures.style import FONT, SMALL, drawing, quantity_axis, tidy


def array_figure(found: xr.Dataset, title: str = "") -> Figure:
    """Draw the voltages and currents inside one wired array.

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
    with drawing(0.75) as figure:
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
        figure.suptitle(f"{printable(title)}\n{_array_terms(found)}".strip(), fontsize=FONT)
    return figure


def _array_terms(data: xr.Dataset) -> str:
    """Describe wires, access devices and inputs of an array in one line."""
    terms, known = [], data.attrs
    if known.get("node") is not None:
        terms.append(f"node {engineering(float(known['node']), 'm')}")
    word, bit = (engineering(known[f"{line}_resistance"], "Ω") for line in ("word", "bit"))
    terms.append(f"{word} a segment" if word == bit else f"{word}, {bit} a segment")
    for name in ("driver", "sense", "access"):
        terms.append(f"{name} {engineering(known[f'{name}_resistance'], 'Ω')}")
    terms.append(f"inputs {engineering(known['inputs'] * known['read_voltage'], 'V')}")
    return ", ".join(terms)


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
    bar.set_label(str(values.attrs["long_name"]), fontsize=SMALL)  # the unit is at the ticks
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def _column_currents(axes: Axes, data: xr.Dataset) -> None:
    """Draw the columns' currents with and without wires; a single column as a point."""
    marker = "o" if data.sizes["column"] == 1 else None
    for name, colour, width, style, label in (
        ("column_current_ideal", "0.4", 0.8, "--", "without wires"),
        ("column_current", BLUE, 1.0, "-", "with wires"),
    ):
        axes.plot(data["column"], data[name], color=colour, linewidth=width, marker=marker,
                  linestyle=style, label=label)  # fmt: skip
    ideal, left = (float(data[name].sum()) for name in ("column_current_ideal", "column_current"))
    top = 1.05 * float(data["column_current_ideal"].max())
    axes.set_ylim(0, top if top > 0 else 1e-12)
    tidy(axes, "column", "column current")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    quantity_axis(axes.yaxis, "A", 0.0, 1.0)
    share = round(100 * (1 - left / ideal), 6) + 0.0 if ideal > 0 else 0.0  # rounded: no -0
    lost = f"{share:.3g} % lost" if ideal > 0 else "none"
    axes.set_title(f"(d) Column currents: {lost}", fontsize=FONT, loc="left")
    axes.legend(fontsize=SMALL, frameon=False, loc="best")
