"""What every design can do, and what it makes of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from matsweep.core.checks import UserError
from matsweep.core.codec import plain
from matsweep.core.registry import Registry
from matsweep.planning.axes import Axis

type Point = tuple[object, ...]
"""One value for each axis."""

type Feasible = Callable[[Point], bool]
"""Whether a point meets the study's constraints."""

_TRIED = 10_000  # rows, before a design may be given up …
_LEAST_SHARE = 1e-3  # … because fewer of them than this are feasible


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The points that become candidates, and the rows of the design that they come from.

    Parameters
    ----------
    points : list of tuple
        Distinct: rows that are the same point are one candidate.
    first : list of int
        Of each point, the row that it first stands in, from 0.
    rows : int
        Of the design, with those that repeat others and without those that were dropped.
    dropped : int
        Rows that violate a constraint.
    repeated : list of (int, int)
        Rows that repeat an earlier one, with the position of their candidate. Every other row
        is, in order, the next candidate.
    """

    points: list[Point]
    first: Sequence[int]
    rows: int
    dropped: int = 0
    repeated: list[tuple[int, int]] = field(default_factory=list)


class Design(ABC):
    """What every design can do: say how many rows it has, list them, and draw candidates."""

    __slots__ = ()
    registry: ClassVar[Registry[type[Design]]] = Registry("design")

    @abstractmethod
    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of rows."""

    @abstractmethod
    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the rows, whatever the constraints: one value for each axis."""

    def axes(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        """Return the axes of the study; a design that has its own takes them in here."""
        return axes

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]] | None:
        """Return each axis's values if the design is all their combinations, else None."""
        return None

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the candidates; by default the distinct rows that are feasible.

        Parameters
        ----------
        axes : sequence of Axis
        feasible : callable or None
            None: every point is.

        Raises
        ------
        UserError
            If the design cannot leave rows out, or too few are feasible.
        """
        return collect(self.points(axes), feasible)

    def facts(self, axes: Sequence[Axis], drawn: Drawn) -> dict[str, Any]:
        """Return what a store says of the design, as JSON can write it."""
        return {
            **plain(self),
            "rows": drawn.rows,
            "candidates": len(drawn.points),
            "dropped": drawn.dropped,
        }

    def advice(self) -> str:
        """Return what its user should know of the numbers given, empty if nothing."""
        return ""

    @property
    def source(self) -> str:
        """The file that axes come from, empty if they come from the command line or a config."""
        return ""

    def where(self, row: int) -> str:
        """Return where a row was written by the user, for messages; empty if nowhere."""
        return ""


def collect(rows: Iterable[Point], feasible: Feasible | None, wanted: int | None = None) -> Drawn:
    """Return the distinct points among rows, without those that are not feasible.

    Parameters
    ----------
    rows : iterable of tuple
    feasible : callable or None
    wanted : int or None
        Stop at so many feasible rows (repeated ones count), however many it takes; None: take
        all rows.

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
