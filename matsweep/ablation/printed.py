"""A diagnosis for a terminal: sentence, table of repeats, chain, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from matsweep.ablation.diagnosis import Change, Diagnosis, described
from matsweep.core.printing import one_line


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Print a diagnosis.

    Parameters
    ----------
    diagnosis : Diagnosis
    console : rich.console.Console
    """
    _line(console, diagnosis.sentence)
    if diagnosis.singles:
        console.print(_singles(diagnosis))
        for text in _numbers(diagnosis):
            _line(console, text)
        _line(console, "")
        _line(console, described(diagnosis))
    if len(diagnosis.chain) > 1:
        console.print(_chain(diagnosis))
    if diagnosis.without_effect:
        _line(console, f"Not one bit changes without: {', '.join(diagnosis.without_effect)}.")
    for note in diagnosis.notes:
        _line(console, note)


def _line(console: Console, text: str) -> None:
    console.print(Text(one_line(text)))


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _singles(diagnosis: Diagnosis) -> Table:
    """Table of the single repeats, and of the two largest together."""
    table = _table("repeat", diagnosis.merit, "difference", "95 %", "of the loss")
    plain = diagnosis.amount(diagnosis.value)
    table.add_row("as it is", plain, "", "", "")
    for change in (
        *diagnosis.singles, *filter(None, [diagnosis.pair, diagnosis.unknowns]),
    ):  # fmt: skip
        part = diagnosis.part(change)
        known = math.isfinite(change.low)
        table.add_row(
            one_line(change.title),
            diagnosis.amount(change.merit),
            diagnosis.step(change.difference),
            f"{diagnosis.step(change.low)} to {diagnosis.step(change.high)}" if known else "",
            f"{round(100 * part)} %" if math.isfinite(part) else "",
        )
    table.add_row("floating point", diagnosis.amount(diagnosis.reference), "", "", "")
    return table


def _numbers(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield what is wrong with each nuisance, with its number."""
    for change in diagnosis.singles:
        if change.number:
            drawn = f" (drawn: {', '.join(change.drawn)})" if change.drawn else ""
            yield f"  {change.names[0]}: {change.number}{drawn}"
    if diagnosis.unknowns is not None:
        yield f"  unknowns: {diagnosis.unknowns.number}"


def _chain(diagnosis: Diagnosis) -> Table:
    """Table of the chain from all ideal to the candidate."""
    table = _table("from all ideal to the candidate", diagnosis.merit, "change")
    before: Change | None = None
    for change in diagnosis.chain:
        step = "" if before is None else diagnosis.step(change.merit - before.merit)
        table.add_row(one_line(change.title), diagnosis.amount(change.merit), step)
        before = change
    return table
