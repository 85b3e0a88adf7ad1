"""Reader of tables of delimited text (CSV), with the line and the column in every message.

All tables that a user gives as text are read here: measurements, points of a design, labelled
samples. The meaning of their columns is up to the caller.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matsweep.core.checks import UserError, near
from matsweep.core.files import check_plain

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # in no text
_OF_DATA = (".csv", ".tsv", ".txt", ".dat", ".asc", ".xlsx", ".xlsm")
_SLIP = 0.75  # likeness of names: two letters exchanged among four
_QUOTED = "put a cell that holds a separator in double quotes, and close them"


class Row(NamedTuple):
    """Row of a table: the number of the line it begins in, from 1, and its cells as text."""

    line: int
    cells: list[str]


def read_text(path: str | Path, *, owner: str = "") -> str:
    """Read a text file, whatever program wrote it.

    UTF-8 or UTF-16, with or without a byte order mark; what is neither is taken as Windows-1252, in
    which Western Windows programs write µ and °.

    Parameters
    ----------
    path : str or path
    owner : str
        The parameter that names the file, which messages then begin with.

    Returns
    -------
    str
        With lines that end in one newline character.

    Raises
    ------
    UserError
        If the file cannot be read, or is no text.
    """
    named = f"{owner}: {path}" if owner else str(path)
    try:
        check_plain(path)
        content = Path(path).read_bytes()
    except OSError as problem:
        meant = _meant(Path(path)) if isinstance(problem, FileNotFoundError) else ""
        raise UserError(f"{named} cannot be read: {problem.strerror}{meant}") from None
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise UserError(f"{named} cannot be read: it is no text (UTF-8, UTF-16 or Windows-1252)")


def _meant(path: Path) -> str:
    """Suggest files of data whose names differ from that of an absent one by a slip."""
    folder = path.parent
    there = folder.iterdir() if folder.is_dir() else ()
    names = [
        each.name
        for each in there
        if each.suffix.lower() in _OF_DATA
        and each.is_file()
        and near(path.stem.lower(), [each.stem.lower()], likeness=_SLIP)
    ]
    return near(path.name, names)


def _encodings(content: bytes) -> tuple[str, ...]:
    """Return the encodings to try, the surest first."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if b"\0" in content:  # in UTF-16 every other byte of plain text is zero
        odd = content[1::2].count(0) >= content[::2].count(0)
        return ("utf-16-le",) if odd else ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def read_rows(
    path: str | Path, *, separators: str = ",", comment: str = "", owner: str = ""
) -> list[Row]:
    """Read the rows of a table, its heading among them; empty lines are left out.

    Parameters
    ----------
    path : str or path
        Text in any encoding that `read_text` knows.
    separators : str
        Of cells; of several the one that is most frequent in the first row.
    comment : str
        Begins a comment: at the start of a line, or between spaces. Empty: there are none.
    owner : str
        The parameter that names the file, which messages then begin with.

    Returns
    -------
    list of Row
        Cells without the spaces around them; rows may be of different lengths.

    Raises
    ------
    UserError
        If the file cannot be read, is no text, or has a cell that does not end.
    """
    lines = read_text(path, owner=owner).split("\n")
    if comment:
        mark = re.escape(comment)
        lines = [re.sub(rf"(?:^\s*{mark}|\s{mark}(?= )).*", "", line) for line in lines]
    first = next((line for line in lines if line.strip()), "")
    return split_rows(
        lines, max(separators, key=first.count), named=f"{owner}: {path}" if owner else str(path)
    )


def split_rows(lines: Sequence[str], separator: str, *, named: str, first: int = 1) -> list[Row]:
    """Split lines of delimited text into rows; empty lines are left out.

    Parameters
    ----------
    lines : sequence of str
        Without their ends.
    separator : str
        Of cells.
    named : str
        The file, for messages.
    first : int
        Number of the first line.

    Returns
    -------
    list of Row
        Cells without the spaces around them; rows may be of different lengths.

    Raises
    ------
    UserError
        If a cell does not end, or is too long.
    """
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, strict=True)
    rows, line = list[Row](), first
    try:
        for texts in reader:
            cells = [cell.strip() for cell in texts]
            if any(cells) or len(cells) > 1:
                rows.append(Row(line, cells))
            line = reader.line_num + first
    except csv.Error as problem:
        raise UserError(f"{named}, line {line} cannot be read: {problem}; {_QUOTED}") from None
    return rows


def finite_number(text: str) -> float | None:
    """Read a text as a finite number.

    Parameters
    ----------
    text : str

    Returns
    -------
    float or None
        None if it is none.
    """
    try:
        value = float(text)
    except ValueError:
        return None
    if "_" in text:  # 1_000 is a number in Python only
        return None
    return value if math.isfinite(value) else None
