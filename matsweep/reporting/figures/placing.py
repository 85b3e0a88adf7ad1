"""Places of names next to points, so that they cover neither points nor each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.style import ink

_CHARACTER, _LINE = 1.4, 3.2  # mm, width of a character and height of a line at 7 pt
_GAP = 0.9  # mm, between a point and its name
_RADII = (1.6, 4.5, 8.0, 12.0, 17.0, 23.0)  # mm, from a point to the middle of its name's end
_TURNS = 12
_LEAST = 3.0  # mm, from which a line leads from the name to its point
_MOST_COVERED = 6.0  # points
_LINE_POINT = 0.3  # of a point, cost of a millimetre of a line
LEADER = m.Look(colour="#8c8c8c", line="solid", width=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A point with the name that shall stand next to it.

    Parameters
    ----------
    x, y : float
    text : str
    colour : str
    """

    x: float
    y: float
    text: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The panel that names are placed on.

    Parameters
    ----------
    x, y : Axis
        With limits.
    width, height : float, mm
        Of the panel, about.
    """

    x: m.Axis
    y: m.Axis
    width: float
    height: float

    def places(self, x: m.Numbers, y: m.Numbers) -> m.Numbers:
        """Places of points in mm from the lower left corner.

        Parameters
        ----------
        x : (n,) array
        y : (n,) array

        Returns
        -------
        (n, 2) array
        """
        return np.stack([self.width * _share(self.x, x), self.height * _share(self.y, y)], axis=-1)

    def values(self, place: m.Numbers) -> tuple[float, float]:
        """Values on both axes at a place; the inverse of `places`.

        Parameters
        ----------
        place : (2,) array, mm

        Returns
        -------
        x, y : float
        """
        return (_value(self.x, place[0] / self.width), _value(self.y, place[1] / self.height))


def names(
    points: Sequence[Named],
    ground: Ground,
    others: m.Numbers,
    *,
    lines: Sequence[m.Numbers] = (),
    texts: Sequence[m.Numbers] = (),
) -> list[m.Mark]:
    """Names next to their points, and lines to those that stand further away.

    Names are placed one after the other, each where it covers the fewest points, near its own; one
    that finds no room is left out: the legend has it.

    Parameters
    ----------
    points : sequence of Named
        The most important first.
    ground : Ground
    others : (n, 2) array, mm
        Points that shall not be covered.
    lines : sequence of (vertex, 2) array, mm
        Lines that shall not be covered either.
    texts : sequence of (4,) array, mm
        Boxes that are taken: left, lower, right and upper end.

    Returns
    -------
    list of mark
    """
    taken = list(texts)
    marks: list[m.Mark] = []
    here = ground.places(m.numbers([p.x for p in points]), m.numbers([p.y for p in points]))
    obstacles = np.concatenate([np.reshape(others, (-1, 2)), np.repeat(here, 3, axis=0)])
    along = np.concatenate([np.empty((0, 2)), *map(_steps, lines)])
    for point, at in zip(points, here, strict=True):
        size = m.numbers([_CHARACTER * len(point.text), _LINE])
        best, least = None, _MOST_COVERED
        for anchor, end, far in _tries(at):
            left = end[0] - size[0] * {"left": 0.0, "middle": 0.5, "right": 1.0}[anchor]
            box = m.numbers([left, end[1] - size[1] / 2, left + size[0], end[1] + size[1] / 2])
            if not _inside(box, ground) or any(_overlap(box, other) for other in taken):
                continue
            cost = covered_by(box, obstacles) + _LINE_POINT * covered_by(box, along) + far
            if cost < least:
                best, least = (anchor, end, box), cost
        if best is None:
            continue
        anchor, end, box = best
        taken.append(box)
        x, y = ground.values(end)
        if np.hypot(*(end - at)) > _LEAST:
            marks.append(m.Series(x=m.numbers([point.x, x]), y=m.numbers([point.y, y]),
                                  look=LEADER))  # fmt: skip
        marks.append(m.Text(x=x, y=y, text=point.text, colour=ink(point.colour), anchor=anchor))
    return marks


def written(text: str, at: m.Numbers, *, start: bool, below: bool) -> m.Numbers:
    """Box of a text along a line from one of its ends.

    Parameters
    ----------
    text : str
    at : (2,) array, mm
        End of the line.
    start : bool
    below : bool
        As of a `Guide`.

    Returns
    -------
    (4,) array, mm
    """
    length = _CHARACTER * len(text)
    left, low = at[0] - (0 if start else length), at[1] - (_LINE if below else 0)
    return m.numbers([left, low, left + length, low + _LINE])


def _steps(line: m.Numbers) -> m.Numbers:
    """Points along a line, a millimetre apart."""
    parts = [np.empty((0, 2))]
    for start, end in itertools.pairwise(line):
        count = max(2, int(np.hypot(*(end - start))))
        parts.append(start + np.linspace(0, 1, count)[:, None] * (end - start))
    return np.concatenate(parts)


def _tries(at: m.Numbers) -> Iterator[tuple[m.Anchor, m.Numbers, float]]:
    """Yield anchors, ends of names in mm, and what their distance costs."""
    for ring, radius in enumerate(_RADII):
        for turn in range(_TURNS):
            angle = 2 * np.pi * turn / _TURNS
            x, y = radius * np.cos(angle), radius * np.sin(angle)
            anchor: m.Anchor = "middle" if abs(x) < 0.3 * radius else "left" if x > 0 else "right"
            if ring == 0 and anchor == "middle":
                y *= 2.0  # above or below the marker
            yield anchor, at + m.numbers([x, y]), 0.25 * ring


def _inside(box: m.Numbers, ground: Ground) -> bool:
    return bool(
        box[0] >= _GAP
        and box[1] >= _GAP
        and box[2] <= ground.width - _GAP
        and box[3] <= ground.height
    )


def _overlap(box: m.Numbers, other: m.Numbers) -> bool:
    return bool(
        box[0] < other[2] + _GAP
        and other[0] < box[2] + _GAP
        and box[1] < other[3]
        and other[1] < box[3]
    )


def covered_by(box: m.Numbers, points: m.Numbers) -> float:
    """Count the points within a box and a gap around it.

    Parameters
    ----------
    box : (4,) array, mm
    points : (n, 2) array, mm

    Returns
    -------
    float
    """
    within = (
        (points[:, 0] > box[0] - _GAP)
        & (points[:, 0] < box[2] + _GAP)
        & (points[:, 1] > box[1] - _GAP / 2)
        & (points[:, 1] < box[3] + _GAP / 2)
    )
    return float(within.sum())


def _share(axis: m.Axis, values: m.Numbers) -> m.Numbers:
    """Places of values on an axis, 0 to 1."""
    low, high = axis.limits or (0.0, 1.0)
    if axis.logarithmic:
        return np.asarray(np.log(values / low) / np.log(high / low))
    return np.asarray((values - low) / (high - low))


def _value(axis: m.Axis, share: float) -> float:
    low, high = axis.limits or (0.0, 1.0)
    if axis.logarithmic:
        return float(low * (high / low) ** share)
    return float(low + share * (high - low))
