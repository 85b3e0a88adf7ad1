"""Description of a figure: its marks and axes, in SI units, before a library draws it.

`matsweep.reporting.figures.printed` draws a `Picture` with matplotlib and
`matsweep.reporting.figures.interactive` with plotly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.core.printing import printable

type Numbers = NDArray[np.float64]
type Rows = NDArray[np.intp]
type Anchor = Literal["left", "middle", "right"]
type Line = Literal["", "solid", "dash", "dot", "dashdot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis of a panel.

    Parameters
    ----------
    title : str
        The quantity in words, without its unit.
    unit : str
        SI unit of the values; "1" without one.
    percent : bool
        Whether the values are fractions that are read in percent.
    time : bool
        Whether the values are times, read in minutes, days and years.
    logarithmic, whole : bool
        `whole`: ticks stand at whole numbers only.
    limits : tuple of two floats, optional
    ticks : tuple of (float, str)
        Labelled places; empty: the library chooses.
    downward : bool
        Whether the first place of the vertical axis is on top.
    bare : bool
        Whether the axis has neither line nor grid.
    cut : {"", "low", "high"}
        End of the axis that carries the mark of a cut: marks lie beyond it, and are not drawn.
    note : str
        A sentence below the title of the axis, such as what a cut leaves out.
    """

    title: str = ""
    unit: str = "1"
    percent: bool = False
    time: bool = False
    logarithmic: bool = False
    whole: bool = False
    limits: tuple[float, float] | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    downward: bool = False
    bare: bool = False
    cut: Literal["", "low", "high"] = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colour, marker and line of a mark.

    Parameters
    ----------
    colour : str
        ``#rrggbb``.
    marker : str
        Of matplotlib; "" for none.
    size, width : float, pt
        Diameter of the marker, and width of the line.
    line : {"", "solid", "dash", "dot", "dashdot"}
    opacity : float
    hollow : bool
        Whether the marker is white with a coloured edge.
    pattern : str
        Hatching of bars, for components whose colours repeat.
    """

    colour: str
    marker: str = ""
    size: float = 4.5
    line: Line = ""
    width: float = 1.0
    opacity: float = 1.0
    hollow: bool = False
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Points, a line through points, or both.

    Parameters
    ----------
    x, y : (point,) array
    look : Look
    name : str
        Entry of the legend that it belongs to; "" for none.
    x_bars, y_bars : (point,) or (2, point) array, optional
        Half-lengths of the bars of error; two rows: below and above.
    steps : bool
        Whether the line keeps its height up to the next point.
    text : tuple of str
        Text of each point, shown when it is pointed at.
    rows : (point,) array of int, optional
        Candidate of each point; `Picture.about` describes them.
    """

    x: Numbers
    y: Numbers
    look: Look
    name: str = ""
    x_bars: Numbers | None = None
    y_bars: Numbers | None = None
    steps: bool = False
    text: tuple[str, ...] = ()
    rows: Rows | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Many lines of one look.

    Parameters
    ----------
    x, y : (line, vertex) array
    look : Look
        With a marker at each vertex, if it has one.
    name : str
        Entry of the legend; "" for none.
    text : tuple of tuple of str
        A text for each vertex.
    """

    x: Numbers
    y: Numbers
    look: Look
    name: str = ""
    text: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Area:
    """A filled polygon: a band around a line, or a box."""

    x: Numbers
    y: Numbers
    look: Look
    name: str = ""

    @classmethod
    def band(cls, x: Numbers, low: Numbers, high: Numbers, look: Look, name: str = "") -> Area:
        """Area between two curves over x, where both are known.

        Parameters
        ----------
        x : (point,) array
        low : (point,) array
        high : (point,) array
        look : Look
        name : str

        Returns
        -------
        Area
        """
        known = np.isfinite(low) & np.isfinite(high)
        across = np.concatenate([x[known], x[known][::-1]])
        return cls(x=across, y=np.concatenate([low[known], high[known][::-1]]), look=look,
                   name=name)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Horizontal bars.

    Parameters
    ----------
    places : (bar,) array
        Heights of their middles.
    starts, lengths : (bar,) array
    thickness : float
    look : Look
    name : str
    bars : (bar,) array, optional
        Half-lengths of the bars of error at their ends.
    text : tuple of str
        Label of each bar.
    """

    places: Numbers
    starts: Numbers
    lengths: Numbers
    thickness: float
    look: Look
    name: str = ""
    bars: Numbers | None = None
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guide:
    """A line across the whole panel at a value of x or y.

    Parameters
    ----------
    at : float
    across : {"x", "y"}
        Axis that it stands on.
    look : Look
    name : str
        Entry of the legend; "" for none.
    text : str
        Of a line at a value of y along it, else above the panel.
    below, start : bool
        Whether a text along it stands below the line, and at its left end; of a text above the
        panel `start` is whether it ends at the line.
    front : bool
        Whether it lies over the marks, such as bars that would hide it.
    """

    at: float
    across: Literal["x", "y"]
    look: Look
    name: str = ""
    text: str = ""
    below: bool = False
    start: bool = False
    front: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A map of colours.

    Parameters
    ----------
    x, y : (column,), (row,) array
        Middles of the cells.
    values : (row, column) array
        NaN: an empty cell.
    colours : str
        A map of colours of matplotlib.
    low, high : float
        Ends of the scale of colours.
    scale : Axis
        Of the scale of colours.
    smooth : bool
        Whether colours change between the cells; `levels` then are the borders of colours.
    text : tuple of tuple of str
        Texts in the cells.
    levels : tuple of float
    """

    x: Numbers
    y: Numbers
    values: Numbers
    colours: str
    low: float
    high: float
    scale: Axis
    smooth: bool = False
    text: tuple[tuple[str, ...], ...] = ()
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """Lines of equal value of a map, at some levels."""

    x: Numbers
    y: Numbers
    values: Numbers
    levels: tuple[float, ...]
    look: Look
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A small text at a point, on a bright ground.

    Parameters
    ----------
    x, y : float
    text : str
    anchor : {"left", "middle", "right"}
        End of the text that stands at the point.
    colour : str
        ``#rrggbb``; "": that of all texts.
    """

    x: float
    y: float
    text: str
    anchor: Anchor = "left"
    colour: str = ""


type Named = Series | Paths | Area | Bars | Guide | Contour
type Mark = Named | Cells | Text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Marks on two axes, the first behind the others."""

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A figure.

    Parameters
    ----------
    name : str
        Unique in a report: letters, digits and "_".
    title, caption : str
        The caption describes the figure in a sentence or two.
    alt : str
        The result that the figure shows, in words, for readers who do not see it.
    rows : tuple of tuple of Panel
    heading : str
        In print, above the panels.
    legend_title : str
    beside : bool
        Whether the legend stands to the right of the panels, not below them.
    width, height : float, mm
        In print, the height without the legend.
    pixels : int
        Height on a screen, without the legend.
    wide : bool
        Whether it takes the whole width of a page.
    about : callable, optional
        Candidates -> names of their known facts, and the values for each as texts.
    """

    name: str
    title: str = ""
    caption: str = ""
    alt: str = ""
    rows: tuple[tuple[Panel, ...], ...]
    heading: str = ""
    legend_title: str = ""
    beside: bool = False
    width: float = 180.0
    height: float = 68.0
    pixels: int = 460
    wide: bool = True
    about: Callable[[Rows], tuple[list[str], list[list[str]]]] | None = None

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, row by row."""
        return (panel for row in self.rows for panel in row)

    @property
    def legend(self) -> dict[str, Look]:
        """Entries of the legend: the names of marks, each with the look of its first mark.

        A faint or small look is made visible; it and a hollow one stand for a name that has no
        other.
        """
        marks = sorted(self.named, key=lambda mark: (mark.look.hollow, mark.look.opacity < 1))
        looks = {mark.name: mark.look for mark in reversed(marks)}
        return {
            name: replace(
                looks[name],
                opacity=1.0,
                size=max(looks[name].size, 4.5),
                width=max(looks[name].width, 0.9),
            )
            for name in dict.fromkeys(mark.name for mark in self.named)
        }

    @property
    def named(self) -> list[Named]:
        """All marks that belong to an entry of the legend."""
        marks = (mark for panel in self.panels for mark in panel.marks)
        return [mark for mark in marks if not isinstance(mark, Cells | Text) and mark.name]


def escaped[Part](part: Part) -> Part:
    """Escape hidden characters and direction marks in all texts of a picture, or of a part of it.

    Parameters
    ----------
    part : Picture, Panel, Axis, a mark, str or tuple of these

    Returns
    -------
    of the same type
    """
    changed: Any = part
    if isinstance(part, str):
        changed = printable(part)
    elif isinstance(part, tuple):
        changed = tuple(map(escaped, part))
    elif is_dataclass(part):
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        changed = replace(changed, **{name: escaped(value) for name, value in values.items()})
    kept: Part = changed
    return kept


def numbers(values: ArrayLike) -> Numbers:
    """Convert values to an array of floats.

    Parameters
    ----------
    values : array-like

    Returns
    -------
    array of float
    """
    return np.asarray(values, dtype=np.float64)
