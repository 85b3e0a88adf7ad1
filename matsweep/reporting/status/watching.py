"""Watching a study that another process runs."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from rich.console import Console
from rich.live import Live

from matsweep.core.journal import last_event, place
from matsweep.reporting.status.lines import Progress, line, view
from matsweep.reporting.status.memory import own_memory
from matsweep.reporting.status.once import phase_of, setting, show
from matsweep.reporting.status.rate import Rate
from matsweep.store import Holder, Place, attributes, summary

_QUIET = 60.0  # s between lines in a log where nothing changes
_GRACE = 6.0  # s, for which a run may leave its store, as an adaptive design does between batches


def watch(path: Place, console: Console, *, every: float = 2.0, slowest: int = 5) -> None:
    """Show the progress of a study while a run is at work on it; then print its state as `show`.

    On a terminal two lines are refreshed in place; elsewhere a line is printed when something
    changed, or a minute has passed. Ctrl-C stops watching, and the run goes on.

    Parameters
    ----------
    path : Place
        Of the store.
    console : rich.console.Console
    every : float, s
        Between two looks.
    slowest : int
        Number of slowest candidates to list at the end.

    Raises
    ------
    StoreError
        If there is no store.
    """
    eye = Eye(path)
    with contextlib.suppress(KeyboardInterrupt):
        state = eye.look()
        with _Screen(console) if console.is_terminal else _Lines(console) as out:
            while not eye.gone:
                out.show(state)
                sleep(every)
                state = eye.look()
        show(path, console, slowest=slowest)


class Eye:
    """Observer of a run from outside: of its store, the end of its log, its process.

    Parameters
    ----------
    path : Place
        Of the store.
    clock : function () -> float, s

    Attributes
    ----------
    gone : bool
        Whether no run is at work, at the last look.
    """

    def __init__(self, path: Place, *, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._clock = clock
        self._log = place(setting(attributes(path), "log", "auto"), str(path))
        self._rate: Rate | None = None
        self._seen: tuple[float, Holder] | None = None
        self.gone = False

    def look(self) -> Progress:
        """Look at the progress of the study.

        Returns
        -------
        Progress
        """
        counts = summary(self._path, slowest=0)
        over = counts.done + counts.failed
        self._rate = self._rate or Rate(over, clock=self._clock)
        self._rate.note(over)
        self.gone = self._is_gone(counts.holder)
        event = (last_event(self._log, "chunk") if self._log else None) or {}
        at_work = str(counts.holder or "between batches")
        phase = phase_of(self._log)
        here = counts.holder is not None and counts.holder.host == socket.gethostname()
        memory = _count(event, "memory")
        if counts.holder and here:
            memory = own_memory(counts.holder.pid)
        return Progress(
            total=counts.total,
            done=counts.done,
            failed=counts.failed,
            rate=self._rate.value,
            left=self._rate.left(counts.total),
            workers=_count(event, "workers"),
            nodes=_count(event, "nodes"),
            memory=memory,
            workers_memory=_count(event, "workers_memory"),
            note=f"{phase}, {at_work}" if phase else at_work,
        )

    def _is_gone(self, holder: Holder | None) -> bool:
        if holder is not None:
            self._seen = self._clock(), holder
            return False
        if self._seen is None or self._clock() - self._seen[0] >= _GRACE:
            return True
        last = self._seen[1]
        return last.host == socket.gethostname() and not os.path.exists(f"/proc/{last.pid}")


def _count(event: Mapping[str, Any], name: str) -> int | None:
    """Return a number in a line of the log, which may come from elsewhere."""
    value = event.get(name)
    return value if type(value) is int and 0 <= value < 2**60 else None


class _Screen:
    """Two lines of a terminal, refreshed in place and gone at the end."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> _Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, state: Progress) -> None:
        self._live.update(view(state), refresh=True)


class _Lines:
    """A line of a log, whenever something changed or a minute has passed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spoken, self._last = -_QUIET, (-1, -1)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, state: Progress) -> None:
        now, counts = monotonic(), (state.over, state.total)
        if counts != self._last or now - self._spoken >= _QUIET:
            self._spoken, self._last = now, counts
            text = f"{datetime.now():%H:%M:%S} {line(state)}"
            self._console.print(text, soft_wrap=True, markup=False, highlight=False)
