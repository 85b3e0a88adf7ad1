"""Shared parts of the figures: panels with letters, empty ones, legends and axes with prefixes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from matsweep.core.printing import printable
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering, prefix_of
from matsweep.reporting.figures.style import BLUE, FONT, PALETTE, RED, SMALL, drawing

__all__ = ["BLUE", "CYCLE", "LINES", "RED", "absent", "legend", "panels", "prefixed", "tick_labels"]

CYCLE = PALETTE[:5]
LINES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)))
"""Styles of lines that may lie on each other, and differ in grey."""


def panels(
    found: xr.Dataset, title: str, *draw: tuple[str, Callable[[Axes, xr.Dataset], None]]
) -> Figure:
    """Draw six panels of a Dataset, each with its heading.

    Parameters
    ----------
    found : Dataset
    title : str
    *draw : (str, function (Axes, Dataset) -> None)
        Heading and drawing function of each panel; six of them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with drawing(0.62) as figure:
        places = figure.subplots(2, 3).ravel()
        for letter, axes, (heading, function) in zip("abcdef", places, draw, strict=True):
            function(axes, found)
            axes.set_title(f"({letter}) {heading}", fontsize=FONT, loc="left")
        if title:
            figure.suptitle(printable(title), fontsize=FONT + 1)
    return figure


def absent(axes: Axes, text: str) -> None:
    """Write the reason into an empty panel.

    Parameters
    ----------
    axes : Axes
    text : str
    """
    axes.grid(visible=False)
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="0.4",
              fontsize=SMALL)  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])


def legend(axes: Axes, entries: int = 2) -> None:
    """Set a legend above the data, and raise the upper limit to make room for it.

    Parameters
    ----------
    axes : Axes
    entries : int
        Number of entries; two of them stand in each row.
    """
    share = 0.04 + 0.085 * -(-entries // 2)
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        axes.set_ylim(low, low + (high - low) / (1 - share))
    axes.legend(fontsize=SMALL, frameon=False, loc="upper center", ncols=2,
                handlelength=1.0, columnspacing=0.9, labelspacing=0.2,
                borderaxespad=0.1)  # fmt: skip


def prefixed(axis: Axis, unit: str, largest: float) -> None:
    """Scale an axis by a suitable SI prefix, which its label names.

    Parameters
    ----------
    axis : Axis
    unit : str
    largest : float
        Largest value on the axis, in that unit.
    """
    power, prefix = prefix_of(largest)
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10.0**power:.5g}"))
    axis.set_label_text(f"{axis.get_label_text()} [{prefix}{unit}]")


def tick_labels(ticks: FloatArray, unit: str) -> list[str]:
    """Return labels with one SI prefix, and enough digits to distinguish the ticks.

    Parameters
    ----------
    ticks : (tick,) array
        Evenly spaced, ascending.
    unit : str

    Returns
    -------
    list of str
    """
    largest = float(np.abs(ticks).max(initial=0.0))
    if ticks.size < 2 or not 1e-15 <= largest < 1e6:
        return [f"{tick:.3g} {unit}" if 0 < tick < 1e-15 else engineering(tick, unit)
                for tick in ticks]  # fmt: skip
    power, prefix = prefix_of(largest)
    scaled, step = ticks / 10.0**power, float(np.diff(ticks).min()) / 10.0**power
    digits = next(
        (d for d in range(7) if np.abs(np.round(scaled, d) - scaled).max() < 1e-3 * step), 7
    )
    return [f"{value + 0.0:.{digits}f} {prefix}{unit}" for value in scaled]
