"""Reader of tables of delimited text (CSV), with the line and the column in every message.

All tables that a user gives as text are read here: measurements, points of a design, labelled
samples. The meaning of their columns is up to the caller.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from matsweep.core.checks import UserError, near
from matsweep.core.files import read_content
from matsweep.core.printing import printable, shown

MOST_LINES = 2_000_000
MOST_COLUMNS = 100_000
"""Of a row; an image of 300 × 300 pixels has 90,000."""
MOST_CELLS = 20_000_000
MOST_CHARACTERS = 100_000
"""Of a cell; the module csv refuses 131,073."""

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
        Of a plain file of at most `matsweep.core.files.MOST_BYTES`.
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
    named = _named(path, owner)
    try:
        content = read_content(path)
    except OSError as problem:
        meant = _meant(Path(path)) if isinstance(problem, FileNotFoundError) else ""
        raise UserError(f"{named} cannot be read: {problem.strerror or problem}{meant}") from None
    where = ""
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not (control := _CONTROL.search(text)):
            return text.replace("\r\n", "\n").replace("\r", "\n")
        line = len(text[: control.start()].splitlines()) or 1
        where = where or f"; line {line} holds {printable(control[0])}"
    raise UserError(f"{named} cannot be read: it is no text (UTF-8, UTF-16 or Windows-1252){where}")


def _named(path: str | Path, owner: str) -> str:
    return f"{owner}: {path}" if owner else str(path)


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
        If the file cannot be read, is no text, has a cell that does not end, or is too large.
    """
    named = _named(path, owner)
    lines = read_text(path, owner=owner).split("\n")
    refuse_lines(len(lines), named)
    if comment:
        mark = re.escape(comment)
        lines = [re.sub(rf"(?:^\s*{mark}|\s{mark}(?= )).*", "", line) for line in lines]
    first = next((line for line in lines if line.strip()), "")
    return split_rows(lines, max(separators, key=first.count), named=named)


def split_rows(lines: Iterable[str], separator: str, *, named: str, first: int = 1) -> list[Row]:
    """Split lines of delimited text into rows; empty lines are left out.

    Parameters
    ----------
    lines : iterable of str
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
        If a cell does not end or is too long, or there are too many.
    """
    return list(bounded(iterate_rows(lines, separator, named=named, first=first), named))


def iterate_rows(
    lines: Iterable[str], separator: str, *, named: str, first: int = 1
) -> Iterator[Row]:
    """Split lines of delimited text into rows one by one, for a table too large to hold.

    Parameters
    ----------
    lines : iterable of str
        Without their ends.
    separator : str
    named : str
        The file, for messages.
    first : int
        Number of the first line.

    Yields
    ------
    Row
        As those of `split_rows`.

    Raises
    ------
    UserError
        If a cell does not end or is too long, or a row has too many.
    """
    begun: list[str] = []  # first lines of the row at hand
    reader = csv.reader(_noted(lines, begun), delimiter=separator, strict=True)
    line = first
    try:
        for texts in reader:
            cells = [cell.strip() for cell in texts]
            if any(cells) or len(cells) > 1:
                row = Row(line, cells)
                _refuse_row(row, named)
                yield row
            line = reader.line_num + first
            begun.clear()
    except csv.Error as problem:
        at = f"{named}, line {line}"
        if "field limit" not in str(problem):
            raise UserError(f"{at} cannot be read: {problem}; {_QUOTED}") from None
        pieces = begun[0].split(separator) if begun else []
        column = next((k for k, each in enumerate(pieces, 1) if len(each) > MOST_CHARACTERS), None)
        raise _long(at, column, pieces[column - 1] if column else "") from None


def _noted(lines: Iterable[str], begun: list[str]) -> Iterator[str]:
    """Yield lines with their ends, and append the first two since a list was cleared to it."""
    for line in lines:
        if len(begun) < 2:
            begun.append(line)
        yield f"{line}\n"


def _refuse_row(row: Row, named: str) -> None:
    if len(row.cells) > MOST_COLUMNS:
        raise UserError(
            f"{named}, line {row.line} has {len(row.cells)} cells, the most are {MOST_COLUMNS}: "
            "turn rows and columns round, or leave columns out"
        )
    for column, cell in enumerate(row.cells, 1):
        if len(cell) > MOST_CHARACTERS:
            raise _long(f"{named}, line {row.line}", column, cell)


def _long(at: str, column: int | None, cell: str) -> UserError:
    place = f", column {column}" if column else ""
    got = f", got {shown(cell)}" if cell else ""
    return UserError(
        f"{at}{place}: a cell has more than {MOST_CHARACTERS} characters{got}; close its quotes, "
        "or shorten it"
    )


def refuse_lines(count: int, named: str) -> None:
    """Refuse a table with more lines than memory and patience hold.

    Parameters
    ----------
    count : int
    named : str
        The file, for the message.

    Raises
    ------
    UserError
        If there are more than `MOST_LINES`.
    """
    if count > MOST_LINES:
        raise UserError(
            f"{named} has {count} lines, the most are {MOST_LINES}: leave lines out, or split it"
        )


def bounded(rows: Iterable[Row], named: str) -> Iterator[Row]:
    """Rows of a table, refused where there are more than memory holds.

    Parameters
    ----------
    rows : iterable of Row
    named : str
        The file, for messages.

    Yields
    ------
    Row

    Raises
    ------
    UserError
        If a row stands below line `MOST_LINES`, or there are more than `MOST_CELLS` cells.
    """
    cells = 0
    for row in rows:
        refuse_lines(row.line, named)
        cells += len(row.cells)
        if cells > MOST_CELLS:
            raise UserError(
                f"{named}, line {row.line}: more than {MOST_CELLS} cells; leave lines or columns "
                "out, or split the table"
            )
        yield row


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
