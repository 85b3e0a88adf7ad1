"""Full factorial design."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matsweep.core.checks import whole
from matsweep.planning.axes import Axis
from matsweep.planning.designs.contract import Design, Drawn, Feasible, Point


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
        """Return the product of the axes' lengths."""
        return math.prod(len(values) for values in self.factorial(axes))

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the combinations."""
        return itertools.product(*self.factorial(axes))

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]]:
        """Return each axis's values."""
        return [axis.listed(self.intervals) for axis in axes]

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the feasible combinations; they are distinct, as each axis's values are."""
        total = self.size(axes)
        if feasible is None:
            return Drawn(points=list(self.points(axes)), first=range(total), rows=total)
        rows = [(row, point) for row, point in enumerate(self.points(axes)) if feasible(point)]
        return Drawn(
            points=[point for _, point in rows],
            first=[row for row, _ in rows],
            rows=len(rows),
            dropped=total - len(rows),
        )
