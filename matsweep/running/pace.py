"""Pace: the number of candidates per task, from their measured cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from matsweep.planning.plan import Candidate

_RATE = 16.0  # tasks a second for the driver at most: it needs 1 ms to dispatch each, and a few ms
# to write its results
_SHORT, _LONG = 1.0, 60.0  # s per task: long next to Ray's millisecond, short for a user who waits
_LEAST = 0.05  # s per task, at the end: dispatch stays at 2 % of it
_FIRST = 4  # candidates per task while their cost is unknown
_KEEP = 16  # tasks, on top of two per slot, over which cost is averaged


@dataclass(slots=True, kw_only=True)
class Pace:
    """The measured cost of a candidate, and the chunk size that follows from it.

    Parameters
    ----------
    fixed : int or None
        The user's chunk size, if given.
    slots : function () -> int
        Tasks that run at once; it may change.
    seconds : float, s
        Decaying sum of the chunks' computing times.
    count : float
        Decaying sum of their candidates.
    """

    fixed: int | None
    slots: Callable[[], int]
    seconds: float = 0.0
    count: float = 0.0

    def observe(self, seconds: float, count: int) -> None:
        """Add a chunk's cost to the decaying average.

        The first candidate of a process loads libraries and compiled code, so its cost must fade.

        Parameters
        ----------
        seconds : float, s
        count : int
            Candidates of the chunk.
        """
        keep = 1.0 - 1.0 / (_KEEP + 2 * self.slots())
        self.seconds = keep * self.seconds + seconds
        self.count = keep * self.count + count

    def size(self, remaining: int) -> int:
        """Return the number of candidates of the next task.

        As many as take a second on up to 16 slots; more on more slots, up to a minute, so that the
        driver dispatches at most 16 tasks a second. At most a half of each slot's share of the
        remaining ones, so that none is idle at the end; but enough for 50 ms.

        Parameters
        ----------
        remaining : int

        Returns
        -------
        int
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
    """A source of candidates."""

    def candidate(self, index: int, /) -> Candidate:
        """Return one candidate.

        Parameters
        ----------
        index : int

        Returns
        -------
        Candidate
        """


def chunks(
    source: Source, positions: npt.NDArray[np.int64], pace: Pace
) -> Iterator[tuple[Candidate, ...]]:
    """Yield candidates in tasks whose size fits their cost.

    Parameters
    ----------
    source : Source
    positions : (n,) array of int
        Indices in the source.
    pace : Pace

    Yields
    ------
    tuple of Candidate
    """
    start = 0
    while start < len(positions):
        end = start + pace.size(len(positions) - start)
        yield tuple(source.candidate(int(position)) for position in positions[start:end])
        start = end
