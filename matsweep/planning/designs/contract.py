"""Contract of designs, and selection of their distinct feasible rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from matsweep.core.checks import UserError
from matsweep.core.codec import plain
from matsweep.core.registry import Registry
from matsweep.planning.axes import Axis
from matsweep.planning.designs.points import Point, Rows

type Feasible = Callable[[Point], bool]
"""Whether a point meets the study's constraints."""

_TRIED = 10_000  # rows tried before a design may be given up …
_LEAST_SHARE = 1e-3  # … because fewer of them than this are feasible


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The points that become candidates, and the design's rows that they come from.

    Parameters
    ----------
    points : sequence of tuple
        Distinct: rows that are the same point are one candidate.
    first : sequence of int
        For each point, the row where it first stands, from 0.
    rows : int
        Rows of the design, including repeated ones, without dropped ones.
    dropped : int
        Rows that violate a constraint.
    repeated : list of (int, int)
        Rows that repeat an earlier one, with the position of their candidate. Every other row is,
        in order, the next candidate.
    """

    points: Sequence[Point]
    first: Sequence[int] | Rows
    rows: int
    dropped: int = 0
    repeated: list[tuple[int, int]] = field(default_factory=list)


class Design(ABC):
    """A design: counts its rows, lists them, and draws candidates from them."""

    __slots__ = ()
    registry: ClassVar[Registry[type[Design]]] = Registry("design")

    @abstractmethod
    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of rows, at most: counted, without making them.

        Parameters
        ----------
        axes : sequence of Axis

        Returns
        -------
        int
        """

    @abstractmethod
    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the rows, whatever the constraints.

        Parameters
        ----------
        axes : sequence of Axis

        Returns
        -------
        iterator of tuple
            One value per axis.
        """

    def axes(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        """Return the axes of the study; a design may bring its own.

        Parameters
        ----------
        axes : tuple of Axis
            Those of the configuration and the command line.

        Returns
        -------
        tuple of Axis
        """
        return axes

    def lengths(self, axes: Sequence[Axis]) -> dict[str, int]:
        """Return the factors of the number of rows by name, if it is a product over axes.

        Parameters
        ----------
        axes : sequence of Axis

        Returns
        -------
        dict of str to int
        """
        return {}

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]] | None:
        """Return each axis's values if the design is all their combinations, else None.

        Parameters
        ----------
        axes : sequence of Axis

        Returns
        -------
        list of tuple, or None
        """
        return None

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Draw the candidates; by default the distinct rows that are feasible.

        Parameters
        ----------
        axes : sequence of Axis
        feasible : callable or None
            Whether a point meets the constraints; None: every point does.

        Returns
        -------
        Drawn

        Raises
        ------
        UserError
            If the design cannot leave rows out, or too few are feasible.
        """
        return collect(self.points(axes), feasible)

    def facts(self, axes: Sequence[Axis], drawn: Drawn) -> dict[str, Any]:
        """Return the store's record of the design.

        Parameters
        ----------
        axes : sequence of Axis
        drawn : Drawn

        Returns
        -------
        dict
            JSON.
        """
        return {
            **plain(self),
            "rows": drawn.rows,
            "candidates": len(drawn.points),
            "dropped": drawn.dropped,
        }

    def advice(self) -> str:
        """Return a remark for the user on the design's settings.

        Returns
        -------
        str
            Empty where there is none.
        """
        return ""

    @property
    def source(self) -> str:
        """The file that axes come from; empty for the command line or a configuration."""
        return ""

    def where(self, row: int) -> str:
        """Return the place in the user's file of a row, for messages.

        Parameters
        ----------
        row : int
            From 0.

        Returns
        -------
        str
            Empty where the design has no file.
        """
        return ""


def collect(rows: Iterable[Point], feasible: Feasible | None, wanted: int | None = None) -> Drawn:
    """Collect the distinct feasible points among rows.

    Parameters
    ----------
    rows : iterable of tuple
    feasible : callable or None
        Whether a point meets the constraints; None: every point does.
    wanted : int or None
        Stop at N feasible rows, repeated ones included; None: take all rows.

    Returns
    -------
    Drawn

    Raises
    ------
    UserError
        If, with `wanted`, fewer than one in a thousand rows is feasible.
    """
    points: list[Point] = []
    first: list[int] = []
    repeated: list[tuple[int, int]] = []
    known: dict[Hashable, int] = {}
    kept = dropped = 0
    for point in rows:
        if feasible is not None and not feasible(point):
            dropped += 1
            if wanted is not None:
                _check_share(kept, dropped)
            continue
        key = _key(point)
        position = known.setdefault(key, len(points))
        if position < len(points):
            repeated.append((kept, position))
        else:
            points.append(point)
            first.append(kept + dropped)
        kept += 1
        if kept == wanted:
            break
    return Drawn(points=points, first=first, rows=kept, dropped=dropped, repeated=repeated)


def _key(point: Point) -> Hashable:
    try:
        hash(point)
    except TypeError:
        return repr(point)
    return point


def _check_share(kept: int, dropped: int) -> None:
    if kept + dropped >= _TRIED and kept < _LEAST_SHARE * (kept + dropped):
        raise UserError(
            f"constraints: only {kept} of {kept + dropped:,} points meet them, too few to draw "
            "on; narrow the axes to where they hold, or sweep ratios instead of both numbers"
        )
