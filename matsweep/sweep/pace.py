"""How many candidates make a task."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.sweep.plan import Candidate, Plan

_TARGET = 1.0  # s a task: long beside Ray's millisecond, short beside a person's patience
_FIRST = 4  # candidates of a task while nothing is known of their cost


@dataclass(slots=True, kw_only=True)
class Pace:
    """The measured cost of a candidate, and the chunk that follows from it.

    Parameters
    ----------
    fixed : int or None
        The user's chunk size, if given.
    slots : int
        Tasks that run at once.
    """

    fixed: int | None
    slots: int
    seconds: float = 0.0
    count: int = 0

    def observe(self, seconds: float, count: int) -> None:
        """Take in what a chunk cost; what is long past counts less."""
        if self.count > 1000:
            self.seconds, self.count = self.seconds / 2, self.count // 2
        self.seconds += seconds
        self.count += count

    def size(self, remaining: int) -> int:
        """Return how many of the remaining candidates the next task takes.

        No more than leaves two tasks for each slot, so that none is idle at the end.
        """
        if self.fixed is not None:
            return self.fixed
        fair = max(1, math.ceil(remaining / (2 * self.slots)))
        if self.count == 0:
            return min(_FIRST, fair)
        each = max(self.seconds / self.count, 1e-6)
        return min(max(1, int(_TARGET / each)), fair)


def chunks(
    plan: Plan, positions: npt.NDArray[np.int64], pace: Pace
) -> Iterator[tuple[Candidate, ...]]:
    """Yield the candidates at some positions, in tasks of a size that fits their cost."""
    start = 0
    while start < len(positions):
        end = start + pace.size(len(positions) - start)
        yield tuple(plan.candidate(int(position)) for position in positions[start:end])
        start = end
