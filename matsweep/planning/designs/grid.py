"""Full factorial design."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matsweep.core.checks import whole
from matsweep.planning.axes import Axis
from matsweep.planning.designs.contract import Design, Drawn, Feasible
from matsweep.planning.designs.points import GridPoints, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(Design):
    """Every combination of the axes' values, the last axis changing fastest.

    Combinations that violate a constraint are left out; the rest is no full factorial.

    Parameters
    ----------
    intervals : int
        Points per interval.
    """

    intervals: int = 5

    def __post_init__(self) -> None:
        whole("intervals", self.intervals, low=1)

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the product of the axes' lengths; fewer rows where whole numbers coincide."""
        return math.prod(self.lengths(axes).values())

    def lengths(self, axes: Sequence[Axis]) -> dict[str, int]:
        """Return each axis's length."""
        return {axis.name: axis.count(self.intervals) for axis in axes}

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the combinations."""
        return iter(GridPoints(self.factorial(axes)))

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]]:
        """Return each axis's values."""
        return [axis.listed(self.intervals) for axis in axes]

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the feasible combinations; they are distinct, as each axis's values are."""
        all_of_them = GridPoints(self.factorial(axes))
        points = all_of_them if feasible is None else all_of_them.kept(feasible)
        return Drawn(
            points=points,
            first=points.rows,
            rows=len(points),
            dropped=len(all_of_them) - len(points),
        )
