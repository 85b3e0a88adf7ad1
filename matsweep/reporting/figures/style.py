"""Colours and markers of materials and components, sizes, and axes with SI prefixes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any
from zlib import crc32

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from matsweep.core.units import duration, engineering
from matsweep.reporting.figures.marks import Look

MILLIMETRE = 1 / 25.4  # inches, in which matplotlib measures
WIDTH = 180.0  # mm, both columns of a paper
COLUMN = 85.0  # mm, one column of a paper
FONT = 8.0  # pt
SMALL = 7.0  # pt, of notes and legends within a panel: 5.6 pt where a figure is shrunk to 80 %
BASELINE: dict[str, Any] = {"color": "0.35", "linestyle": (0, (4, 2)), "linewidth": 0.9}
IDEAL = Look(colour="#595959", line="dash", width=0.9)
"""A line where an ideal machine, or a target, is."""
FRONT = Look(colour="#595959", line="solid", width=0.9)
"""The line of a Pareto front."""
# Okabe and Ito's colour-blind-safe palette without its yellow (too faint on white),
# jfly.uni-koeln.de/color. Some are alike in grey, so each also has a marker; 7 colours and 9
# markers have no common divisor: 63 pairs.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, RED = PALETTE[:2]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
OTHERS = "#8c8c8c"
"""Colour of what is summed up or stands back."""
# Pair of colour and marker of a family by the first word of its name, so that pictures of several
# studies agree; any other name has one by its checksum.
_HOMES = {"ecram": 0, "fefet": 1, "hfox": 2, "pcm": 3, "stt": 4, "taox": 5, "sonos": 6}
# Hatching separates neighbours, in grey too.
_PATTERNS = ("", "/", "\\", ".")
# Of components: P. Tol's muted scheme, colour-blind safe too (SRON/EPS/TN/09-002, issue 3.2,
# figure 3), as the colours of families name families.
COMPONENTS = ("#332288", "#88CCEE", "#44AA99", "#DDCC77", "#117733", "#CC6677", "#999933",
              "#882255", "#AA4499")  # fmt: skip
_LEGIBLE = 49.5  # L* of a relative luminance of 0.183, whose contrast with white is 4.5
_YEAR = 31_536_000.0
_TIMES = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 2_592_000.0,
          *(_YEAR * 10.0**power for power in range(7)))  # fmt: skip
LEAST_RATIO = 1.5
"""Of the ends of an axis of a cost, or of its scale of colours."""
_LINEAR = 0.4  # decades, below which ticks of a logarithmic axis are evenly spaced
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
    # A "$" in a user's text starts no formula, which might not even parse.
    with rc_context({"font.size": FONT, "axes.linewidth": 0.6, "hatch.linewidth": 0.6,
                     "text.parse_math": False}):  # fmt: skip
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.set_size_inches(width * MILLIMETRE, height * WIDTH * MILLIMETRE)
        yield figure


def material_styles(names: Iterable[str]) -> dict[str, Look]:
    """Look of each material: its colour and marker.

    They follow from its name: all pictures of PCM have one colour, whatever else is drawn. Where
    several names want the same one, the first of the alphabet has it, the others the next free one;
    with the names of the whole study every picture of it then uses the same ones. All colours
    differ up to 7 names, all pairs up to 63.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to Look
    """
    places = _places(sorted(set(names)))
    return {name: _pair(places[name]) for name in sorted(places)}


def component_looks(names: Sequence[str]) -> dict[str, Look]:
    """Colour and hatching of each component, by its place among all of them.

    Neighbours differ in hatching too.

    Parameters
    ----------
    names : sequence of str
        All components, drawn or not, in their order.

    Returns
    -------
    dict of str to Look
    """
    return {
        name: Look(colour=COMPONENTS[i % len(COMPONENTS)], pattern=_PATTERNS[i % len(_PATTERNS)])
        for i, name in enumerate(dict.fromkeys(names))
    }


def grey(colour: str) -> float:
    """Lightness of a colour in black and white, CIE L*, from 0 to 100.

    Parameters
    ----------
    colour : str
        ``#rrggbb``.

    Returns
    -------
    float

    References
    ----------
    IEC 61966-2-1 (sRGB) and CIE 15:2004, 8.2.1.
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in to_rgb(colour)]  # fmt: skip
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * light ** (1 / 3) - 16 if light > 0.008856 else 903.3 * light


def ink(colour: str) -> str:
    """Darken a colour until text of it can be read on white: a contrast of 4.5 (WCAG 2.2, 1.4.3).

    Parameters
    ----------
    colour : str
        ``#rrggbb``.

    Returns
    -------
    str
    """
    part, (red, green, blue) = 1.0, to_rgb(colour)
    dark = to_hex((red, green, blue))
    while grey(dark) > _LEGIBLE:
        part -= 0.02
        dark = to_hex((part * red, part * green, part * blue))
    return dark


def _places(names: Sequence[str]) -> dict[str, int]:
    """Find the number of the pair of each name: its own, or the first free one."""
    places = dict[str, int]()
    for name in names:
        word = name.partition("_")[0]
        home = _HOMES.get(word, crc32(word.encode()) % len(PALETTE))
        if home not in places.values():
            places[name] = home
    free = (at for at in count() if at not in places.values())
    return places | {name: next(free) for name in names if name not in places}


def _pair(at: int) -> Look:
    return Look(colour=PALETTE[at % len(PALETTE)], marker=MARKERS[at % len(MARKERS)])


def shades(number: int) -> list[str]:
    """Colours from dark to bright, which differ in brightness too.

    Parameters
    ----------
    number : int

    Returns
    -------
    list of str
        ``#rrggbb``.
    """
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 0.87, number))]


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
    if decades < _LINEAR:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_minor_locator(NullLocator())
        return
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
        return short_quantity(x, self._unit, self._digits)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Label all ticks of an axis.

        Parameters
        ----------
        values : sequence of float

        Returns
        -------
        list of str
        """

        def write(value: float, digits: int) -> str:
            self._digits = digits
            return self(value)

        return distinct(values, write)


def distinct(values: Sequence[float], write: Callable[[float, int], str]) -> list[str]:
    """Write values with as many digits as distinguish them.

    Parameters
    ----------
    values : sequence of float
    write : callable
        Value, significant digits -> text.

    Returns
    -------
    list of str
    """
    labels = list[str]()
    for digits in range(_DIGITS[0], _DIGITS[1] + 1):
        labels = [write(value, digits) for value in values]
        if len(set(labels)) == len(set(values)):
            break
    return labels


def widened(low: float, high: float, ratio: float) -> tuple[float, float]:
    """Move the ends of a scale of positive values apart to a least ratio, about the same middle.

    Without it, differences that do not matter would fill a whole axis or scale of colours.

    Parameters
    ----------
    low : float
        > 0.
    high : float
        > 0.
    ratio : float
        >= 1.

    Returns
    -------
    tuple of two floats
    """
    beyond = float(np.sqrt(max(ratio * low / high, 1.0)))
    return low / beyond, high * beyond


def short_quantity(value: float, unit: str, digits: int = 3) -> str:
    """Format a quantity without closing zeros: "5 nJ" rather than "5.00 nJ".

    Parameters
    ----------
    value : float
    unit : str
    digits : int
        Significant ones.

    Returns
    -------
    str
    """
    text = engineering(value, unit, digits)
    number, _, rest = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {rest}".strip()
