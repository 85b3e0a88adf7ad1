"""Limits of time and memory of one candidate, held by the worker that computes it."""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matsweep.core.checks import UserError, positive, whole

_STATM = Path("/proc/self/statm")


class MemoryLimitError(MemoryError):
    """A candidate asked for more memory than its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one candidate.

    Parameters
    ----------
    time : float or None, s
        Wall-clock time. A candidate that takes longer ends its process: the kernel does so, which
        also stops compiled code that never returns. The worker's log then holds the traceback.
    memory : int or None, bytes
        On top of the process's memory before. An allocation beyond fails as a `MemoryLimitError`.
        Counted as Linux counts private writable memory (RLIMIT_DATA), whether it is touched or not;
        so are the stacks of new threads.
    """

    time: float | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.time is not None:
            positive("time_limit", self.time, "s")
        if self.memory is not None:
            whole("memory_limit", self.memory, low=1)
            if sys.platform != "linux":
                raise UserError(f"memory_limit needs Linux, got {self.memory}; leave it null here")

    def hold[T](self, call: Callable[[], T]) -> T:
        """Call a function within the limits.

        Parameters
        ----------
        call : callable
            Without arguments.

        Returns
        -------
        object
            Of the call.

        Raises
        ------
        MemoryLimitError
            If an allocation of the call would pass the memory limit.
        """
        with _timed(self.time), _sized(self.memory):
            return call()


@contextmanager
def _timed(limit: float | None) -> Iterator[None]:
    """End this process if the body takes longer [s], with a traceback on its standard error."""
    if limit is None:
        yield
        return
    # The handler is C, runs on whatever thread the kernel picks and needs no lock of Python's; it
    # then calls the signal's default action, which ends the process.
    faulthandler.register(signal.SIGALRM, all_threads=False, chain=True)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _sized(limit: int | None) -> Iterator[None]:
    """Fail allocations of the body beyond a total of `limit` bytes."""
    if limit is None:
        yield
        return
    soft, hard = before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data() + limit
    ceilings = [bound for bound in before if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *ceilings]), hard))
    try:
        yield
    except MemoryError as error:
        why = f" ({error})" if str(error) else ""
        raise MemoryLimitError(f"needed more than memory_limit = {limit} bytes{why}") from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int:
    """Return the private writable memory of this process, bytes."""
    return int(_STATM.read_bytes().split()[5]) * resource.getpagesize()
