"""What a store says of its study: how far it is, what was slow, and why candidates failed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from matsweep.core.causes import Failure
from matsweep.core.printing import one_line
from matsweep.store import Place, Summary, attributes, parameters, place_of, summary

_MOST_CAUSES = 10


def show(path: Place, console: Console, *, slowest: int = 5) -> None:
    """Print what is done, failed and pending, what was slow, and why candidates failed.

    Parameters
    ----------
    path : Place
        Of the store.
    console : rich.console.Console
    slowest : int
        How many of the slowest candidates to list.

    Raises
    ------
    StoreError
        If there is no store.
    """
    facts, found = attributes(path), summary(path, slowest=slowest)
    _tell(console, f"{facts.get('study', '')}  {path}")
    _tell(console, counts(found))
    if found.damaged:
        files = ", ".join(found.damaged[:_MOST_CAUSES])
        _tell(console, f"damaged, and computed anew when the study is run again: {files}")
    if found.slowest:
        _slowest(path, console, found.slowest)
    if found.failures:
        _failures(path, console, found.failures)
        _tell(console, f"compute again those that failed: {rerun(facts, path)}")


def counts(found: Summary) -> str:
    """Return how many are done, failed and pending, and who is at work."""
    at_work = (
        f"; a run on {found.holder.host} (process {found.holder.pid}) is at work"
        if found.holder
        else ""
    )
    return (
        f"{found.done} done, {found.failed} failed, {found.pending} pending of {found.total}"
        f"{at_work}"
    )


def rerun(facts: Mapping[str, Any], path: Place) -> str:
    """Return the command that computes again what failed in a store.

    A store may come from elsewhere, and what is shown as a command will be typed: only one of
    `matsweep explore` is shown, every word of it quoted.

    Parameters
    ----------
    facts : mapping
        The store's attributes: ``command`` as it was typed, and ``config``.
    path : Place
        Where the store is now.
    """
    command = _explore(str(facts.get("command", "")))
    if command is None:
        return "the study's own command with retry_failed=true"
    was = setting(facts, "store")
    moved = was is None or place_of(was).resolve() != path.resolve()
    place = f" {shlex.quote(f'store={path}')}" if moved else ""
    return f"{command}{place} retry_failed=true"


def _explore(command: str) -> str | None:
    """Return a command line of `matsweep explore`, its words quoted; None for any other."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    ours = words[:2] == ["matsweep", "explore"] and command.isprintable()
    return shlex.join(words) if ours else None


def setting(facts: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """Return a setting of a stored study that is no part of a group, as it is written."""
    found = re.search(rf"^{name}: *(.+)$", str(facts.get("config", "")), re.MULTILINE)
    text = found.group(1).strip("'\"") if found else default
    return None if text == "null" else text


def _failures(path: Place, console: Console, failures: Sequence[Failure]) -> None:
    shown = failures[:_MOST_CAUSES]
    examples = parameters(path, [failure.first for failure in shown])
    _tell(console, "failed, by cause")
    for failure, example in zip(shown, examples, strict=True):
        _tell(console, f"  {failure.count} × {failure.message}")
        values = ", ".join(f"{name}={_text(value)}" for name, value in example.items())
        which = "candidate" if failure.count == 1 else "first candidate"
        _tell(console, f"      {which} {failure.first}: {values}")
    if rest := failures[_MOST_CAUSES:]:
        number = sum(failure.count for failure in rest)
        _tell(console, f"  {number} × {len(rest)} other causes")


def _slowest(path: Place, console: Console, slowest: Sequence[tuple[int, float]]) -> None:
    rows = parameters(path, [position for position, _ in slowest])
    table = Table(title="slowest", title_justify="left", box=None)
    for heading in ("candidate", "seconds", *rows[0]):
        table.add_column(Text(one_line(heading)), justify="right")
    for (position, seconds), row in zip(slowest, rows, strict=True):
        cells = (Text(one_line(_text(value))) for value in row.values())
        table.add_row(str(position), f"{seconds:.3g}", *cells)
    console.print(table)


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _tell(console: Console, text: str) -> None:
    console.print(one_line(text), soft_wrap=True, markup=False, highlight=False)
