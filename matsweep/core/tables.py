"""Reader of tables of delimited text (CSV), with the line and the column in every message.

All tables that a user gives as text are read here: measurements, points of a design, labelled
samples. The meaning of their columns is up to the caller.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matsweep.core.checks import UserError, near
from matsweep.core.units import split_heading

_QUOTED = "put a cell that holds a separator in double quotes, and close them"


class Row(NamedTuple):
    """Row of a table: the number of the line it begins in, from 1, and its cells as text."""

    line: int
    cells: list[str]


def read_rows(
    path: str | Path, *, separators: str = ",", comment: str = "", owner: str = ""
) -> list[Row]:
    """Read the rows of a table, its heading among them; empty lines are left out.

    Parameters
    ----------
    path : str or path
        Text in UTF-8, with or without a byte order mark.
    separators : str
        Of cells; of several the one that is most frequent in the first row.
    comment : str
        The rest of a line from this character on is left out; empty: there are no comments.
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
    named = f"{owner}: {path}" if owner else str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"{named} cannot be read: {reason}") from None
    lines = [f"{line}\n" for line in text.split("\n")]
    if comment:
        lines = [line.partition(comment)[0].rstrip("\n") + "\n" for line in lines]
    first = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(separators, key=first.count), strict=True)
    rows, line = list[Row](), 1
    try:
        for texts in reader:
            cells = [cell.strip() for cell in texts]
            if any(cells) or len(cells) > 1:
                rows.append(Row(line, cells))
            line = reader.line_num + 1
    except csv.Error as problem:
        raise UserError(f"{named}, line {line} cannot be read: {problem}; {_QUOTED}") from None
    return rows


def find_columns(
    path: str | Path, heading: Row, spellings: Mapping[str, Sequence[str]], hint: str = ""
) -> dict[str, int]:
    """Positions of the required columns, by name.

    Parameters
    ----------
    path : str or path
        For messages.
    heading : Row
        Names of the columns; their units are ignored.
    spellings : mapping of str to sequence of str
        Possible names of each column, in small letters.
    hint : str
        End of the message of a missing column.

    Returns
    -------
    dict of str to int

    Raises
    ------
    UserError
        If one is missing.
    """
    names = [split_heading(cell)[0].lower() for cell in heading.cells]
    columns = {}
    for name, known in spellings.items():
        places = [place for place, each in enumerate(names) if each in known]
        if not places:
            raise UserError(
                f"{path}, line {heading.line}: no column {name}{near(name, names)} (there are "
                f"{', '.join(heading.cells)}){hint}"
            )
        columns[name] = places[0]
    return columns


def number(path: str | Path, line: int, column: str, text: str) -> float:
    """Read a cell as a finite number.

    Parameters
    ----------
    path : str or path
        For messages, like the next two.
    line : int
    column : str
    text : str

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is none; decimals are written with a point.
    """
    value = finite_number(text)
    if value is None:
        comma = "; write decimals with a point" if re.fullmatch(r"[-+]?\d*,\d+", text) else ""
        raise UserError(
            f"{path}, line {line}: column {column} must be a number, got {text!r}{comma}"
        )
    return value


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
    return value if math.isfinite(value) else None
