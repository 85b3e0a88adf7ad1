"""Ledger of chunks: waiting, in flight, and recovered after a crash.

It belongs to no executor: it knows chunks, tickets and a clock, so that every order of events can
be tested without a cluster.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Any

from matsweep.running.executors.contract import Fault

_DEATHS = 2  # deaths of a chunk of one before it becomes a fault
_LOSSES = 5  # losses of a chunk with its node before the chunk itself is suspect
_PARTS = 32  # parts of a chunk whose process died
_LATE = 3.0  # times the expected time, after which a second copy starts
_SHORT = 1.0  # s below which no chunk is late

Chunk = tuple[Any, ...]


class Cause(Enum):
    """Reason why a flight gave no result."""

    RAISED = auto()  # the task itself raised, where it must not: it would again
    DIED = auto()  # its process died
    STARVED = auto()  # its process was ended because its node ran out of memory
    LOST = auto()  # its node died, which is not the chunk's fault


@dataclass(slots=True, kw_only=True, eq=False)
class Assignment:
    """A chunk and its history.

    Parameters
    ----------
    chunk : tuple
    suspect : bool
        A process died of it or of a chunk that it was part of.
    alone : bool
        It needs a whole node, as memory was too scarce next to others.
    deaths, losses : int
        Times that its process, and its node, died.
    copies : int
        Flights under way.
    doubled : bool
        A second copy was started because it was late.
    settled : bool
        It has its result.
    """

    chunk: Chunk
    suspect: bool = False
    alone: bool = False
    deaths: int = 0
    losses: int = 0
    copies: int = 0
    doubled: bool = False
    settled: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Flight:
    job: Assignment
    started: float | None = None  # s, estimated: when there was a slot for it


class Ledger[Ticket: Hashable]:
    """Gives every item of every chunk exactly one result, whatever happens to the flights.

    - At most two chunks per slot fly, so that none is idle and little is taken ahead.
    - A chunk whose process died is split in 32; a chunk of one is tried again and then becomes a
      `Fault`. So a candidate that never returns costs two or three times the time limit, and its
      neighbours are computed once more. A suspect flies only when a slot is free: then the clock
      shows whether it took too long.
    - A chunk lost with its node flies again. - At the end, when slots are idle, a chunk that takes
    three times longer than expected is started a
      second time; the first result counts.

    Parameters
    ----------
    chunks : iterable of tuples
        Taken only when there is room.
    time_limit : float or None, s
        Time after which a worker ends its own process.
    clock : function () -> float, s
    """

    def __init__(
        self,
        chunks: Iterable[Chunk],
        *,
        time_limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = iter(chunks)
        self._time_limit = time_limit
        self._clock = clock
        self._suspects: deque[Assignment] = deque()
        self._again: deque[Assignment] = deque()
        self._flights: dict[Ticket, _Flight] = {}
        self._each: float | None = None  # s per item, moving average

    @property
    def flying(self) -> list[Ticket]:
        """Tickets under way, oldest first; none if all have their results."""
        if all(flight.job.settled for flight in self._flights.values()):
            return []
        return list(self._flights)

    def next(self, slots: int) -> Assignment | None:
        """Return the next chunk to start, if there is one and room for it.

        Parameters
        ----------
        slots : int
            Tasks that run at once.

        Returns
        -------
        Assignment or None
        """
        self._mark(slots)
        if self._suspects:
            return self._suspects.popleft() if len(self._flights) < slots else None
        if len(self._flights) >= 2 * slots:
            return None
        if self._again:
            return self._again.popleft()
        chunk = next(self._source, None)
        return self._late(slots) if chunk is None else Assignment(chunk=chunk)

    def started(self, ticket: Ticket, job: Assignment) -> None:
        """Record that a job was started.

        Parameters
        ----------
        ticket : hashable
        job : Assignment
        """
        job.copies += 1
        self._flights[ticket] = _Flight(job=job)

    def landed(self, ticket: Ticket) -> Chunk | None:
        """Settle a flight that gave a result.

        Parameters
        ----------
        ticket : hashable

        Returns
        -------
        tuple or None
            Its chunk; None if that has a result already.
        """
        flight = self._flights.pop(ticket)
        job = flight.job
        job.copies -= 1
        if job.settled:
            return None
        job.settled = True
        if flight.started is not None and job.chunk:
            each = (self._clock() - flight.started) / len(job.chunk)
            self._each = each if self._each is None else 0.9 * self._each + 0.1 * each
        return job.chunk

    def crashed(self, ticket: Ticket, cause: Cause, reason: str) -> tuple[Chunk, Fault] | None:
        """Queue the chunk of a failed flight again, in parts, or give it up.

        Parameters
        ----------
        ticket : hashable
        cause : Cause
        reason : str
            For the fault.

        Returns
        -------
        (tuple, Fault) or None
            A chunk of one that is given up; None otherwise.
        """
        flight = self._flights.pop(ticket)
        job = flight.job
        job.copies -= 1
        if job.settled or job.copies:
            return None
        if cause is Cause.LOST and job.losses < _LOSSES:
            job.losses += 1
            self._again.append(job)
            return None
        if len(job.chunk) > 1:
            self._split(job, cause)
            return None
        job.deaths += 1
        if cause is Cause.DIED and job.suspect and self._took_too_long(flight):
            reason = f"took longer than time_limit = {self._time_limit:g} s: its process was ended"
        elif cause is not Cause.RAISED and job.deaths < _DEATHS:
            job.suspect, job.alone = True, cause is Cause.STARVED
            self._suspects.append(job)
            return None
        return job.chunk, Fault(reason)

    def _split(self, job: Assignment, cause: Cause) -> None:
        suspect = cause is not Cause.RAISED
        size = math.ceil(len(job.chunk) / _PARTS)
        parts = [job.chunk[at : at + size] for at in range(0, len(job.chunk), size)]
        queue = self._suspects if suspect else self._again
        queue.extend(Assignment(chunk=part, suspect=suspect) for part in parts)

    def _took_too_long(self, flight: _Flight) -> bool:
        if self._time_limit is None or flight.started is None:
            return False
        return self._clock() - flight.started >= self._time_limit

    def _mark(self, slots: int) -> None:
        """Record when the oldest flights, one per slot, began to run."""
        now = self._clock()
        for flight in islice(self._flights.values(), slots):
            if flight.started is None:
                flight.started = now

    def _late(self, slots: int) -> Assignment | None:
        """Return a chunk far later than expected, if a slot is free for a second copy."""
        if len(self._flights) >= slots or self._each is None:
            return None
        now = self._clock()
        for flight in self._flights.values():
            job = flight.job
            bound = max(_SHORT, _LATE * self._each * len(job.chunk))
            if job.doubled or job.suspect or job.settled or flight.started is None:
                continue
            if now - flight.started > bound:
                job.doubled = True
                return job
        return None
