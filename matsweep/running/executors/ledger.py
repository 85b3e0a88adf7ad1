"""What waits, what flies, and what becomes of a chunk whose flight ends badly.

No executor's own: it knows chunks, tickets and a clock, so that every order of events can be
tried without a cluster.
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

_DEATHS = 2  # of a chunk of one, before it is given up
_LOSSES = 5  # of a chunk with the node it was on, before it is suspected itself
_PARTS = 32  # that a chunk is split into when its process died
_LATE = 3.0  # times what is expected, from when on a second copy is started
_SHORT = 1.0  # s, below which nothing is late

Chunk = tuple[Any, ...]


class Cause(Enum):
    """Why a flight gave no result."""

    RAISED = auto()  # the task itself, where it must not: it would again
    DIED = auto()  # its process
    STARVED = auto()  # its process was ended because its node ran out of memory
    LOST = auto()  # its node, which is not the chunk's fault


@dataclass(slots=True, kw_only=True, eq=False)
class Assignment:
    """A chunk and its history.

    Parameters
    ----------
    chunk : tuple
    suspect : bool
        A process died of it or of a chunk that it was part of.
    alone : bool
        It is to have a node for itself, as there was too little memory beside others.
    deaths, losses : int
        How often its process, and its node, died.
    copies : int
        Flights that are under way.
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
    """Give every item of every chunk exactly one result, whatever happens to the flights.

    - At most two chunks a slot fly, so that none is idle and little is taken ahead.
    - A chunk whose process died is split in 32; a chunk of one is tried again and then becomes a
      `Fault`. So a candidate that never comes back costs two or three times the limit of time,
      and its neighbours are computed once more. What is suspect flies only when a slot is free:
      then the clock tells whether it took too long.
    - A chunk lost with its node flies again.
    - At the end, when slots are idle, a chunk that takes three times longer than expected is
      started a second time; the first result counts.

    Parameters
    ----------
    chunks : iterable of tuples
        Taken only when there is room.
    time_limit : float or None, s
        After which a worker ends its own process.
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
        self._each: float | None = None  # s an item, of late

    @property
    def flying(self) -> list[Ticket]:
        """Tickets of what is under way, oldest first; none if all have their results."""
        if all(flight.job.settled for flight in self._flights.values()):
            return []
        return list(self._flights)

    def next(self, slots: int) -> Assignment | None:
        """Return what to start now, if there is anything and room for it."""
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
        """Note that a job was started."""
        job.copies += 1
        self._flights[ticket] = _Flight(job=job)

    def landed(self, ticket: Ticket) -> Chunk | None:
        """Return the chunk of a flight that gave a result; None if it has one already."""
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
        """Return a chunk of one that has to be given up, and why; None if all go on."""
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
        """Note when the oldest flights, for which there are slots, began to run."""
        now = self._clock()
        for flight in islice(self._flights.values(), slots):
            if flight.started is None:
                flight.started = now

    def _late(self, slots: int) -> Assignment | None:
        """Return what takes far longer than expected, once there is a slot for a second copy."""
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
