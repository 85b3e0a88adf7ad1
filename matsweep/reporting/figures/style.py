"""Colours and markers of materials and components, sizes, and axes with SI prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, LogLocator, NullLocator

from matsweep.core.units import duration, engineering
from matsweep.reporting.figures.marks import Look

MILLIMETRE = 1 / 25.4  # inches, in which matplotlib measures
WIDTH = 180.0  # mm, both columns of a paper
FONT = 8.0  # pt
BASELINE: dict[str, Any] = {"color": "0.35", "linestyle": (0, (4, 2)), "linewidth": 0.9}
IDEAL = Look(colour="#595959", line="dash", width=0.9)
"""A line where an ideal machine, or a target, is."""
FRONT = Look(colour="#595959", line="solid", width=0.9)
"""The line of a Pareto front."""
# Okabe and Ito's colour-blind-safe palette without its yellow (too faint on white),
# jfly.uni-koeln.de/color. 7 colours and 9 markers have no common divisor: 63 pairs.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
# Hatching separates components that have the same colour.
_PATTERNS = ("", "/", ".", "x", "-", "|")
_YEAR = 31_536_000.0
_TIMES = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 2_592_000.0,
          *(_YEAR * 10.0**power for power in range(7)))  # fmt: skip
_MOST_TIMES = 6
_DIGITS = 3, 9  # of a tick, at least and at most


@contextmanager
def drawing(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """Open a figure that is independent of pyplot, and set the style to draw in.

    Parameters
    ----------
    height : float
        Relative to the width of a page, > 0.
    width : float, mm

    Yields
    ------
    matplotlib.figure.Figure
    """
    with rc_context({"font.size": FONT, "axes.linewidth": 0.6}):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.set_size_inches(width * MILLIMETRE, height * WIDTH * MILLIMETRE)
        yield figure


def material_styles(names: Iterable[str]) -> dict[str, Look]:
    """Look of each material: its colour and marker.

    They depend on the set of names only, not on its order: with the names of the whole study
    every picture of it uses the same ones. All colours differ up to 7 names, all pairs up to 63.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to Look
    """
    return {
        name: Look(colour=_COLOURS[i % len(_COLOURS)], marker=_MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(sorted(set(names)))
    }


def component_looks(count: int) -> list[Look]:
    """Colour of each component, and hatching where colours repeat.

    Parameters
    ----------
    count : int

    Returns
    -------
    list of Look
    """
    several = len(_COLOURS)
    return [
        Look(colour=_COLOURS[i % several], pattern=_PATTERNS[i // several % len(_PATTERNS)])
        for i in range(count)
    ]


def shades(count: int) -> list[str]:
    """Colours from dark to bright, which differ in brightness too.

    Parameters
    ----------
    count : int

    Returns
    -------
    list of str
        ``#rrggbb``.
    """
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 0.87, count))]


def time_ticks(low: float, high: float) -> list[float]:
    """Round times between two positive ones: at most six, else their ends.

    Parameters
    ----------
    low : float, s, > 0
    high : float, s, >= low

    Returns
    -------
    list of float, s
    """
    ticks = [time for time in _TIMES if low <= time <= high]
    if len(ticks) < 2:
        return sorted({low, high})
    return ticks[:: -(-len(ticks) // _MOST_TIMES)]


def tidy(axes: Axes, horizontal: str, vertical: str) -> None:
    """Set labels, fonts, frame and grid of one panel.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    horizontal : str
        Label of the axis.
    vertical : str
        Label of the axis.
    """
    axes.set_xlabel(horizontal, fontsize=FONT)
    axes.set_ylabel(vertical, fontsize=FONT)
    axes.tick_params(which="both", labelsize=FONT, width=0.6, length=3)
    axes.tick_params(which="minor", length=1.5)
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)


def quantity_axis(axis: Axis, unit: str, low: float, high: float) -> None:
    """Label an axis with SI prefixes; set logarithmic ticks if everything on it is positive.

    Labels have as many digits as distinguish the ticks (`QuantityFormatter`).
    Ticks stand at 1, 2, 3, 5 times the powers of ten where the range is short, else at powers.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    unit : str
    low : float
        In `unit`; the axis is linear where it is not positive.
    high : float
        In `unit`.
    """
    axis.set_major_formatter(QuantityFormatter(unit))
    if low <= 0:
        return
    decades = np.log10(high / low)
    subs = (1.0,) if decades > 2.0 else (1.0, 3.0) if decades > 0.8 else (1.0, 2.0, 3.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_minor_locator(LogLocator(subs=[float(digit) for digit in range(1, 10)], numticks=12))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def time_axis(axes: Axes, low: float, high: float) -> None:
    """Make the horizontal axis a logarithmic time with the units people use.

    With a time of 0 the axis is linear up to the first positive time.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    low : float, s
        Shortest time drawn.
    high : float, s
        Longest time drawn.
    """
    if low > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=max(high * 1e-6, 1.0))
    left, right = axes.get_xlim()
    left = left if low > 0 else max(high * 1e-6, 1.0)
    ticks = [time for time in _TIMES if left <= time <= right]
    if len(ticks) < 2:
        ticks = sorted({low, high})
    ticks = ticks[:: -(-len(ticks) // _MOST_TIMES)]
    axes.xaxis.set_major_locator(FixedLocator([0.0, *ticks] if low <= 0 else ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.xaxis.set_minor_locator(NullLocator())


class QuantityFormatter(Formatter):
    """Labels of ticks with SI prefixes, with as many digits as distinguish them.

    Parameters
    ----------
    unit : str
    """

    def __init__(self, unit: str) -> None:
        self._unit, self._digits = unit, _DIGITS[0]

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Label one value.

        Parameters
        ----------
        x : float
        pos : int or None
            Of the tick; not used.

        Returns
        -------
        str
        """
        return _short(x, self._unit, self._digits)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Label all ticks of an axis.

        Parameters
        ----------
        values : sequence of float

        Returns
        -------
        list of str
        """
        labels = list[str]()
        for self._digits in range(_DIGITS[0], _DIGITS[1] + 1):
            labels = [self(value) for value in values]
            if len(set(labels)) == len(set(values)):
                break
        return labels


def _short(value: float, unit: str, digits: int) -> str:
    """Format a tick: "5 nJ" rather than "5.00 nJ"."""
    text = engineering(value, unit, digits)
    number, _, rest = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {rest}".strip()
