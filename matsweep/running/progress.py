"""Progress of a run: two lines on a terminal, a line a minute in a log, and the study's journal."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.live import Live

from matsweep.core.journal import Journal
from matsweep.core.printing import one_line
from matsweep.core.version import version
from matsweep.reporting.status import (
    Progress,
    Rate,
    duration,
    line,
    own_memory,
    view,
    workers_memory,
)
from matsweep.running.executors import Executor
from matsweep.running.work import Outcome

_QUIET = 60.0  # s between lines in a log
_LOOK = 5.0  # s between readings of memory


class SweepProgress:
    """Progress of a run: finished candidates, rate, and time left.

    Parameters
    ----------
    console : rich.console.Console
    journal : Journal
        Receives the events.
    total : int
        Candidates of the run.
    done : int
        Of them, those with an outcome before this run.
    runner : Executor
    facts : mapping
        Further facts of the run for the journal.
    """

    def __init__(
        self,
        console: Console,
        journal: Journal,
        total: int,
        done: int,
        runner: Executor,
        **facts: Any,
    ) -> None:
        self._console = console
        self._journal = journal
        self._runner = runner
        self._facts = facts
        self._rate = Rate(done)
        self._before = done
        self._state = Progress(total=total, done=done)
        self._start = time.monotonic()
        self._looked = -_LOOK
        self._over = threading.Event()
        self._live = Live(
            get_renderable=lambda: view(self._now()),
            console=console,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Start the display."""
        state = self._state
        self._journal.write(
            "resumed" if state.done else "started",
            total=state.total,
            done=state.done,
            host=socket.gethostname(),
            pid=os.getpid(),
            matsweep=version(),
            **self._facts,
        )
        if self._console.is_terminal:
            self._live.start()
        elif not self._console.quiet:
            threading.Thread(target=self._speak, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the display."""
        self._over.set()
        elapsed = time.monotonic() - self._start
        self._state = dataclasses.replace(
            self._state,
            elapsed=elapsed,
            rate=(self._state.over - self._before) / elapsed,
            note="" if kind is None else "stopped",
        )
        state = self._state
        ended: dict[str, Any] = {"total": state.total, "done": state.done, "failed": state.failed}
        ended["elapsed"] = round(elapsed, 3)
        if value is None:
            self._journal.write("finished", **ended)
        else:
            self._journal.stopped(value, **ended)
        if self._console.is_terminal:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._live.stop()

    def begin(self, phase: str) -> None:
        """Show and record what is done before the first outcome.

        Parameters
        ----------
        phase : str
            "starting Ray"; empty: nothing that takes time.
        """
        if phase:
            self._state = dataclasses.replace(self._state, note=phase)
            self._journal.write("phase", name=phase)

    def laid(self, words: str, number: int, total: int, seconds: float, error: str) -> None:
        """Show and record that a groundwork is computed.

        Parameters
        ----------
        words : str
        number, total : int
            Of those computed by now, and of all to compute.
        seconds : float, s
        error : str
            Empty if there is a result.
        """
        ending = f"failed: {one_line(error)}" if error else f"took {duration(seconds)}"
        self._console.print(
            f"{words} {ending} ({number} of {total})", soft_wrap=True, markup=False, highlight=False
        )
        facts = {"error": error} if error else {}
        self._journal.write(
            "groundwork", words=words, number=number, total=total, seconds=round(seconds, 3),
            **facts,
        )  # fmt: skip

    def advance(self, outcomes: Sequence[Outcome]) -> None:
        """Count further candidates, whose outcomes are safe in the store.

        Parameters
        ----------
        outcomes : sequence of Outcome
        """
        slots, old = self._runner.slots, self._state
        failed = [outcome for outcome in outcomes if outcome.values is None]
        over = old.over + len(outcomes)
        self._rate.note(over, slots)
        self._state = dataclasses.replace(
            old,
            done=old.done + len(outcomes) - len(failed),
            failed=old.failed + len(failed),
            workers=slots,
            nodes=self._runner.hosts,
            note="" if over < old.total else "finishing",
        )
        self._remember(outcomes, failed)

    def folded(self, parts: int, seconds: float) -> None:
        """Record that staged parts went into the arrays of the store.

        Parameters
        ----------
        parts : int
            Number of parts.
        seconds : float, s
        """
        self._journal.write("fold", parts=parts, seconds=round(seconds, 3))

    def _remember(self, outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> None:
        state = self._look()
        self._journal.write(
            "chunk",
            candidates=_runs([outcome.position for outcome in outcomes]),
            count=len(outcomes),
            failed=len(failed),
            seconds=round(sum(outcome.seconds for outcome in outcomes), 6),
            workers=state.workers,
            nodes=state.nodes,
            memory=state.memory,
            workers_memory=state.workers_memory,
        )
        for outcome in failed:
            self._journal.write("failed", candidate=outcome.position, error=outcome.error)

    def _look(self) -> Progress:
        """State with the current memory."""
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._state = dataclasses.replace(
                self._state, memory=own_memory(), workers_memory=workers_memory()
            )
        return self._state

    def _now(self) -> Progress:
        """State with the current rate, as long as candidates are left."""
        state = self._state
        if state.elapsed is not None or state.over >= state.total:
            return state
        return dataclasses.replace(state, rate=self._rate.value, left=self._rate.left(state.total))

    def _speak(self) -> None:
        """Print a line a minute until the end."""
        while not self._over.wait(_QUIET):
            self._console.print(
                f"{datetime.now():%H:%M:%S} {line(self._now())}",
                soft_wrap=True,
                markup=False,
                highlight=False,
            )


def first_candidates() -> str:
    """Name the phase until the first outcome: whether its kernels are compiled in it.

    Returns
    -------
    str
    """
    from matsweep.core.kept_kernels import kernels_kept  # loads numba

    return "first candidates" if kernels_kept() else "compiling kernels (once for this version)"


def _runs(positions: Sequence[int]) -> list[list[int]]:
    """Write whole numbers as runs [first, last], in order."""
    numbers = np.unique(np.asarray(positions, dtype=np.int64))
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])] if numbers.size else numbers
    lasts = numbers[np.concatenate([breaks, [numbers.size - 1]])] if numbers.size else numbers
    return [[int(a), int(b)] for a, b in zip(firsts, lasts, strict=True)]
