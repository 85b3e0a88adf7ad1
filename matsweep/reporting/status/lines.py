"""Progress of a study, as two lines of a terminal or one of a log."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a study.

    Parameters
    ----------
    total, done, failed : int
        Candidates; failed ones are not counted as done.
    rate : float or None, 1/s
        Candidates that get an outcome.
    left : float or None, s
        Time until all have an outcome.
    workers, nodes : int or None
        Tasks that run at once, and machines.
    memory : int or None, bytes
        Of the process that writes.
    workers_memory : int or None, bytes
        Of the others, on its machine.
    note : str
        Any other remark.
    elapsed : float or None, s
        Duration of the run, once it is over.
    """

    total: int
    done: int
    failed: int = 0
    rate: float | None = None
    left: float | None = None
    workers: int | None = None
    nodes: int | None = None
    memory: int | None = None
    workers_memory: int | None = None
    note: str = ""
    elapsed: float | None = None

    @property
    def over(self) -> int:
        """Candidates that have an outcome."""
        return self.done + self.failed


def view(progress: Progress) -> Group:
    """Two lines of which narrow terminals cut the least important part.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    rich.console.Group
    """
    count = f"{progress.over:,} of {progress.total:,}"
    share = f"{int(1000 * progress.over / max(progress.total, 1)) / 10:.1f} %"  # never early 100
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right", no_wrap=True)
    head.add_column(justify="right", no_wrap=True)
    bar = ProgressBar(
        total=max(progress.total, 1),
        completed=progress.over,
        style="bright_black",
        complete_style="cyan",
        finished_style="green",
    )
    head.add_row(bar, count, share)
    below = Text(no_wrap=True, overflow="ellipsis")
    for number, (text, style) in enumerate(_facts(progress)):
        below.append(" · " if number else "", style="dim")
        below.append(text, style=style)
    return Group(head, below)


def line(progress: Progress) -> str:
    """One line for a log.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    str
    """
    facts = ", ".join(text for text, _ in _facts(progress, always_failed=True))
    return f"{progress.over:,} of {progress.total:,} candidates, {facts}"


def _facts(progress: Progress, *, always_failed: bool = False) -> list[tuple[str, str]]:
    """Remarks with their styles, the most important first."""
    facts = []
    if progress.failed or always_failed:
        facts.append((f"{progress.failed:,} failed", "red" if progress.failed else ""))
    if progress.rate is not None:
        facts.append((rate_text(progress.rate), ""))
    if progress.elapsed is not None:
        facts.append((f"took {duration(progress.elapsed)}", ""))
    elif progress.left is not None:
        facts.append((f"{duration(progress.left)} left", ""))
    if progress.note:
        facts.append((progress.note, ""))
    if progress.workers is not None:
        nodes = f" on {progress.nodes} nodes" if (progress.nodes or 1) > 1 else ""
        plural = "" if progress.workers == 1 else "s"
        facts.append((f"{progress.workers:,} worker{plural}{nodes}", "dim"))
    if progress.memory is not None:
        more = progress.workers_memory
        added = "" if more is None else f" + {size(more)} of workers"
        facts.append((f"memory {size(progress.memory)}{added}", "dim"))
    return facts


def duration(seconds: float) -> str:
    """Format a time: 12 s, 4:05 min, 3:20 h, 2 d 05 h.

    Parameters
    ----------
    seconds : float, s

    Returns
    -------
    str
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}:{minutes % 60:02d} h"
    hours = minutes // 60
    return f"{hours // 24} d {hours % 24:02d} h"


def rate_text(rate: float) -> str:
    """Format a rate in the unit in which it is about 1 or more.

    Parameters
    ----------
    rate : float, 1/s

    Returns
    -------
    str

    Raises
    ------
    AssertionError
        Never: the last unit takes every rate.
    """
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * seconds >= 1 or unit == "h":
            value = rate * seconds
            return f"{value:,.0f}/{unit}" if value >= 100 else f"{value:.3g}/{unit}"
    raise AssertionError


def size(count: float) -> str:
    """Format a number of bytes.

    Parameters
    ----------
    count : float, bytes

    Returns
    -------
    str
    """
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} GB"
