"""State of a stored study: progress, slow candidates, and causes of failures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from matsweep.core.causes import Failure
from matsweep.core.command_line import typed
from matsweep.core.journal import last_event, place
from matsweep.core.printing import one_line
from matsweep.store import Place, Summary, attributes, parameters, place_of, summary

_MOST_CAUSES = 10


def show(path: Place, console: Console, *, slowest: int = 5) -> None:
    """Print the numbers of done, failed and pending candidates, the slowest ones, and the failures.

    Parameters
    ----------
    path : Place
        Of the store.
    console : rich.console.Console
    slowest : int
        Number of slowest candidates to list.

    Raises
    ------
    StoreError
        If there is no store.
    """
    facts, state = attributes(path), summary(path, slowest=slowest)
    _print(console, f"{facts.get('study', '')}  {path}")
    phase = phase_of(place(setting(facts, "log", "auto"), str(path))) if state.holder else ""
    _print(console, f"{counts(state)}: {phase}" if phase else counts(state))
    lost = state.beyond_repair
    if repaired := [file for file in state.damaged if file not in lost]:
        files = ", ".join(repaired[:_MOST_CAUSES])
        _print(console, f"damaged, and computed again when the study is run again: {files}")
    if lost:
        _print(
            console,
            f"damaged, and no run computes it again: {', '.join(lost[:_MOST_CAUSES])}; restore the "
            "store from a copy, or move it away and run the study again",
        )
        return  # the parameters of candidates may be among them
    if state.slowest:
        _slowest(path, console, state.slowest)
    if state.failures:
        _failures(path, console, state.failures)
        _print(console, f"compute failed candidates again: {rerun(facts, path)}")


def counts(found: Summary) -> str:
    """Numbers of done, failed and pending candidates, and the process at work, in a line.

    Parameters
    ----------
    found : Summary

    Returns
    -------
    str
    """
    at_work = (
        f"; a run on {found.holder.host} (process {found.holder.pid}) is at work"
        if found.holder
        else ""
    )
    return (
        f"{found.done} done, {found.failed} failed, {found.pending} pending of {found.total}"
        f"{at_work}"
    )


def phase_of(log: Path | None) -> str:
    """Present phase of a run that has no outcome yet, such as "starting Ray".

    Parameters
    ----------
    log : Path or None
        Of the study.

    Returns
    -------
    str
        Empty once there are outcomes, or where nothing is known.
    """
    if log is None or last_event(log, "chunk"):
        return ""
    return one_line(str((last_event(log, "phase") or {}).get("name", "")))


def rerun(facts: Mapping[str, Any], path: Place) -> str:
    """Command that computes failed candidates of a store again.

    A store may come from elsewhere, and a command that is shown will be typed: only a
    `matsweep explore` is shown, every word of it quoted.

    Parameters
    ----------
    facts : mapping
        The store's attributes: ``command`` as it was typed, and ``config``.
    path : Place
        Present place of the store.

    Returns
    -------
    str
    """
    command = _explore(str(facts.get("command", "")))
    if command is None:
        return "the study's own command with retry_failed=true"
    was = setting(facts, "store")
    moved = was is None or place_of(was).resolve() != path.resolve()
    place = f" {typed('store', str(path))}" if moved else ""
    return f"{command}{place} retry_failed=true"


def _explore(command: str) -> str | None:
    """Command line of `matsweep explore` with quoted words; None for any other."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    ours = words[:2] == ["matsweep", "explore"] and command.isprintable()
    return shlex.join(words) if ours else None


def setting(facts: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """Read a setting of a stored study that is no part of a group, as it is written.

    Parameters
    ----------
    facts : mapping
        The store's attributes, with the ``config`` as YAML.
    name : str
    default : str, optional

    Returns
    -------
    str or None
    """
    match = re.search(rf"^{name}: *(.+)$", str(facts.get("config", "")), re.MULTILINE)
    text = match.group(1).strip("'\"") if match else default
    return None if text == "null" else text


def _failures(path: Place, console: Console, failures: Sequence[Failure]) -> None:
    shown = failures[:_MOST_CAUSES]
    examples = parameters(path, [failure.first for failure in shown])
    _print(console, "failed, by cause")
    for failure, example in zip(shown, examples, strict=True):
        _print(console, f"  {failure.count} × {failure.message}")
        values = ", ".join(f"{name}={_text(value)}" for name, value in example.items())
        which = "candidate" if failure.count == 1 else "first candidate"
        _print(console, f"      {which} {failure.first}: {values}")
    if rest := failures[_MOST_CAUSES:]:
        number = sum(failure.count for failure in rest)
        _print(console, f"  {number} × {len(rest)} other causes")


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


def _print(console: Console, text: str) -> None:
    console.print(one_line(text), soft_wrap=True, markup=False, highlight=False)
