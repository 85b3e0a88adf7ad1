"""A report as Markdown (GitHub's), with the PNG pictures next to it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from matsweep.core.printing import printable
from matsweep.reporting.report.document import (
    Block,
    Candidates,
    Code,
    Document,
    Facts,
    Figure,
    Items,
    Paragraph,
    Table,
)
from matsweep.reporting.table import RankingTable

NAME = "report.md"
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$])")


def write(document: Document, folder: Path) -> Path:
    """Write ``report.md``.

    Parameters
    ----------
    document : Document
    folder : Path

    Returns
    -------
    Path
        Of the file.
    """
    path = folder / NAME
    path.write_text(render(document, folder), encoding="utf-8")
    return path


def render(document: Document, folder: Path) -> str:
    """Render a report as Markdown; pictures are named relative to the folder.

    Parameters
    ----------
    document : Document
    folder : Path

    Returns
    -------
    str
    """
    parts = [f"# {escaped(document.title)}", f"{escaped(document.state)}"]
    for section in document.sections:
        parts.append(f"## {escaped(section.title)}")
        parts += [_block(block, folder) for block in section.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: object) -> str:
    """Escape a text for Markdown, in one line.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    line = " ".join(printable(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line)


def _block(block: Block, folder: Path) -> str:
    match block:
        case Paragraph():
            return f"> {escaped(block.text)}" if block.notice else escaped(block.text)
        case Facts():
            return "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in block.items)
        case Items():
            return "\n".join(
                f"- {escaped(item.text)}"
                + (f". [{escaped(item.link.text)}]({item.link.address})" if item.link else "")
                + (f" {_inline(item.code)}" if item.code else "")
                for item in block.items
            )
        case Table():
            return _table(block.headings, block.rows)
        case Code():
            return _code(block)
        case Figure():
            return _figure(block, folder)
        case Candidates():
            return _ranking(block.ranking)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(map(escaped, headings)), " | ".join(["---"] * len(headings))]
    lines += [" | ".join(map(escaped, row)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _inline(code: str) -> str:
    """Put code into a line, between ticks that are more than any within."""
    text = " ".join(printable(code).split())
    fence = "`" * max([1, *(len(run) + 1 for run in re.findall(r"`+", text))])
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _code(block: Code) -> str:
    """Put code between fences that are longer than any within."""
    text = printable(block.text)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    body = f"{fence}\n{text}\n{fence}"
    if not block.summary:
        return body
    return f"<details><summary>{escaped(block.summary)}</summary>\n\n{body}\n\n</details>"


def _figure(block: Figure, folder: Path) -> str:
    if block.picture is None:
        return ""
    place = Path(os.path.relpath(block.picture, folder)).as_posix()
    return f"![{escaped(block.said)}]({quote(place)})"


def _ranking(ranking: RankingTable) -> str:
    parts = []
    if ranking.rows:
        headings = [name or "rank" for name in ranking.rows[0]]
        parts.append(_table(headings, [list(row.values()) for row in ranking.rows]))
    parts += [escaped(line) for line in ranking.footer]
    return "\n\n".join(parts)
