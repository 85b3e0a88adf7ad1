"""How many candidates make a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from matsweep.planning.plan import Candidate

_RATE = 16.0  # tasks a second that the driver is given: it needs 1 ms for each to dispatch it, and
# a few for its write
_SHORT, _LONG = 1.0, 60.0  # s a task: long beside Ray's millisecond, short beside one's patience
_LEAST = 0.05  # s a task, at the end: dispatch stays at 2 % of it
_FIRST = 4  # candidates of a task while nothing is known of their cost
_KEEP = 16  # tasks, beside two a slot, over which cost is averaged


@dataclass(slots=True, kw_only=True)
class Pace:
    """The measured cost of a candidate, and the chunk that follows from it.

    Parameters
    ----------
    fixed : int or None
        The user's chunk size, if given.
    slots : function () -> int
        Tasks that run at once; it may change.
    """

    fixed: int | None
    slots: Callable[[], int]
    seconds: float = 0.0
    count: float = 0.0

    def observe(self, seconds: float, count: int) -> None:
        """Take in what a chunk cost; what is long past counts less.

        The first candidate of a process loads libraries and compiled code, and costs should not
        be judged by it for long.
        """
        keep = 1.0 - 1.0 / (_KEEP + 2 * self.slots())
        self.seconds = keep * self.seconds + seconds
        self.count = keep * self.count + count

    def size(self, remaining: int) -> int:
        """Return how many of the remaining candidates the next task takes.

        As many as take a second on up to 16 slots; more on more slots, up to a minute, so that
        the driver is never asked for more than 16 tasks a second. No more than leaves two tasks
        for each slot, so that none is idle at the end; but what makes 50 ms.
        """
        if self.fixed is not None:
            return self.fixed
        slots = self.slots()
        fair = max(1, math.ceil(remaining / (2 * slots)))
        if self.count == 0:
            return min(_FIRST, fair)
        each = max(self.seconds / self.count, 1e-6)
        target = min(max(_SHORT, slots / _RATE), _LONG)
        return min(max(1, int(target / each)), max(fair, round(_LEAST / each)))


class Source(Protocol):
    """Where candidates come from."""

    def candidate(self, index: int, /) -> Candidate:
        """Return one."""


def chunks(
    source: Source, positions: npt.NDArray[np.int64], pace: Pace
) -> Iterator[tuple[Candidate, ...]]:
    """Yield the candidates at some positions, in tasks of a size that fits their cost."""
    start = 0
    while start < len(positions):
        end = start + pace.size(len(positions) - start)
        yield tuple(source.candidate(int(position)) for position in positions[start:end])
        start = end
