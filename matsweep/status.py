"""How far a study is, for people."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from matsweep.store import attributes, open_results, summary


def show(path: Path, console: Console, *, slowest: int = 5) -> None:
    """Print what is done, failed and pending, what was slow, and why candidates failed.

    Parameters
    ----------
    path : Path
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
    console.print(f"[bold]{facts.get('study', '')}[/bold]  {path}")
    console.print(
        f"{found.done} done, {found.failed} failed, {found.pending} pending of {found.total}"
        + (
            f"; a run on {found.holder.host} (process {found.holder.pid}) is at work"
            if found.holder
            else ""
        )
    )
    if found.slowest:
        _slowest(path, console, found.slowest)
    for error, count in found.failures:
        console.print(f"{count} failed: {error}", markup=False)


def _slowest(path: Path, console: Console, slowest: tuple[tuple[int, float], ...]) -> None:
    ds = open_results(path)
    swept = [
        str(name)
        for name, values in ds.coords.items()
        if values.dims == ("candidate",) and name not in ("candidate", "candidate_id")
    ]
    table = Table(title="slowest", title_justify="left", box=None)
    for heading in ("candidate", "seconds", *swept):
        table.add_column(heading, justify="right")
    for position, seconds in slowest:
        row = ds.isel(candidate=position)
        table.add_row(str(position), f"{seconds:.3g}", *(str(row[name].item()) for name in swept))
    console.print(table)
