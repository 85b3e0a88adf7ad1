"""Progress of long work: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_QUIET = 60.0  # s between lines in a log


class SweepProgress:
    """Show how many candidates are done, how fast, and how long it will take.

    Parameters
    ----------
    console : rich.console.Console
    total : int
        Candidates of the study.
    done : int
        Of them, before this run.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console = console
        self._total = total
        self._before = done
        self._done = done
        self._failed = 0
        self._start = self._spoken = time.monotonic()
        self._bar = Progress(
            TextColumn("simulating"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[failed]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=done, rate="", failed="")

    def __enter__(self) -> Self:
        """Start showing."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop showing."""
        self._bar.stop()

    def advance(self, done: int, failed: int) -> None:
        """Tell that so many more candidates have an outcome, and how many of them failed."""
        self._done += done
        self._failed += failed
        now = time.monotonic()
        rate = (self._done - self._before) / max(now - self._start, 1e-9)
        self._bar.update(
            self._task,
            completed=self._done,
            rate=f"{rate:.3g}/s",
            failed=f"[red]{self._failed} failed" if self._failed else "",
        )
        if not self._console.is_terminal and now - self._spoken > _QUIET:
            self._spoken = now
            left = (self._total - self._done) / rate
            self._console.print(
                f"{self._done} of {self._total} done, {self._failed} failed, {rate:.3g}/s, "
                f"about {left:.0f} s left"
            )
