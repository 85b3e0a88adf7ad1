"""A report on a terminal, or in a log: the sections that fit there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from matsweep.core.printing import on_terminal
from matsweep.reporting.report.document import (
    Block,
    Candidates,
    Code,
    Document,
    Items,
    Paragraph,
    Table,
)


def tell(document: Document, console: Console) -> None:
    """Print the sections of a report that are meant for a terminal.

    Parameters
    ----------
    document : Document
    console : rich.console.Console
    """
    if document.study:
        _line(console, document.title, style="bold")
    for section in document.sections:
        if section.terminal:
            if section.headed:
                _head(console, section.title)
            for block in section.brief or section.blocks:
                _block(console, block)


def tell_files(
    console: Console, written: Iterable[Path], problems: Iterable[str], refused: Iterable[str]
) -> None:
    """Print the files written, the pictures not drawn, and the files not written.

    Parameters
    ----------
    console : rich.console.Console
    written : iterable of Path
    problems : iterable of str
        Pictures that were not drawn, and why.
    refused : iterable of str
        Files that were not written, and why.
    """
    for problem in problems:
        _line(console, f"\nNot drawn: {problem}.")
    for problem in refused:
        _line(console, f"\nNot written: {problem}.")
    paths = list(written)
    if paths:
        _head(console, "Written")
    for path in paths:
        console.print(Text(f"  {path}", overflow="fold"), soft_wrap=True)


def _block(console: Console, block: Block) -> None:
    if isinstance(block, Candidates):
        console.print(block.ranking)
    elif isinstance(block, Items):
        for item in block.items:
            _item(console, item.whole)
    elif isinstance(block, Table):
        console.print(_table(block))
    elif isinstance(block, Code):
        console.print(Text(f"  {on_terminal(block.text)}"), soft_wrap=True)
    elif isinstance(block, Paragraph):
        _line(console, f"\n{block.text}" if block.notice else f"  {block.text}")


def _table(block: Table) -> RichTable:
    table = RichTable(box=None, header_style="", padding=(0, 2), pad_edge=True)
    for heading in block.headings:
        table.add_column(Text(on_terminal(heading)))
    for row in block.rows:
        table.add_row(*(Text(on_terminal(cell)) for cell in row))
    return table


def _head(console: Console, text: str) -> None:
    _line(console, f"\n{text}", style="bold")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(on_terminal(text), style=style))


def _item(console: Console, text: str) -> None:
    console.print(Padding(Text(f"• {on_terminal(text)}"), (0, 0, 0, 2), expand=False))
