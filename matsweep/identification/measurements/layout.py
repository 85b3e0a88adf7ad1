"""Layouts of laboratories' files: heading, units, rows and records of each program's format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.printing import listed
from matsweep.core.tables import Row, bounded, read_text, refuse_lines, split_rows
from matsweep.identification.measurements.columns import TEXTS, find_columns, kind_of, numeric
from matsweep.identification.measurements.instruments import of_instrument
from matsweep.identification.measurements.quantities import is_unit, read_heading
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table
from matsweep.identification.measurements.wide import lengthened, polarity_columns
from matsweep.identification.measurements.workbook import SUFFIXES, sheets

_SEPARATORS = "\t;,"
_LOOKED_AT = 400  # rows in which a heading is looked for
_MOST_NAMES = 100_000  # cells in which a heading is looked for
_EXCEL_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*[#%].*|\s#(?= ).*")


def read_tables(path: str | Path, reading: Reading) -> list[Table]:
    """Read the records of a file.

    Parameters
    ----------
    path : str or Path
    reading : Reading

    Returns
    -------
    list of Table
        At least one.

    Raises
    ------
    UserError
        If the file cannot be read, is empty, or a row has more cells than its heading.
    """
    if Path(path).suffix.lower() in SUFFIXES:
        named = sheets(Path(path), reading.sheet)
        blocks = [_plain(where, rows, [], reading) for where, rows in named if rows]
        tables = next((b for b in blocks if _kind(b[0], reading)), blocks[0] if blocks else [])
    else:
        if reading.sheet is not None:
            raise UserError(f"sheet must be left out, got {reading.sheet}: {path} is no workbook")
        tables = _text(Path(path), reading)
    if not tables:
        raise UserError(f"{path} has no lines: give it a heading and lines of numbers")
    return [lengthened(_trimmed(each), reading) for each in tables]


def _kind(table: Table, reading: Reading) -> str | None:
    try:
        return kind_of(table.columns(reading))
    except UserError:
        return None


def _text(path: Path, reading: Reading) -> list[Table]:
    """Return the records of a text file."""
    lines = read_text(path).split("\n")
    refuse_lines(len(lines), str(path))
    separator, first = None, next((k for k, line in enumerate(lines) if line.strip()), 0)
    if match := _EXCEL_SEPARATOR.fullmatch(lines[first]):
        separator, lines[first] = match[1], ""
    comments = [Row(k, [line.strip(" \t#%")]) for k, line in enumerate(lines, 1)
                if re.match(r"\s*[#%]", line)]  # fmt: skip
    plain = [_COMMENT.sub("", line) for line in lines]
    separator = separator or _separator(plain)
    rows = _rows(plain, separator, str(path))
    if not rows:
        return []
    tables = of_instrument(str(path), rows)
    if tables is not None:
        return tables
    headed = [_rows([""] * (c.line - 1) + c.cells, separator, str(path)) for c in comments]
    return _plain(str(path), rows, [row for each in headed for row in each], reading)


def _separator(lines: Sequence[str]) -> str:
    """Return the separator whose number is the same in most lines; a space if there is none."""

    def agreed(separator: str) -> int:
        counts = Counter(line.count(separator) for line in lines if separator in line)
        return max(counts.values(), default=0)

    best = max(_SEPARATORS, key=agreed)
    return best if agreed(best) else " "


def _rows(lines: Sequence[str], separator: str, path: str) -> list[Row]:
    if separator != " ":
        rows = split_rows(lines, separator, named=path)
        # A cell in quotes may hold the ends of lines, which messages must not.
        return [Row(row.line, [" ".join(cell.split()) for cell in row.cells]) for row in rows]
    parts = ((k, line.strip()) for k, line in enumerate(lines, 1) if line.strip())
    wide = r"\s{2,}"
    split = (
        Row(k, re.split(wide if re.search(rf"\S{wide}\S", line) else r"\s+(?![\[(])", line))
        for k, line in parts
    )
    return list(bounded(split, path))


# ------------------------------------------------------------------------------- plain tables


def _plain(path: str, rows: list[Row], comments: list[Row], reading: Reading) -> list[Table]:
    """Return the records of a table whose heading may stand below other lines."""
    if not reading.header:
        width = max(len(row.cells) for row in rows)
        heading = Row(0, [str(k + 1) for k in range(width)])
        return [Table(path=path, heading=heading, rows=tuple(rows))]
    at = _heading(rows, reading)
    above = [] if at is not None else _commented(comments, rows[0], reading)
    heading, body = (above[-1], rows) if above else (rows[at or 0], rows[(at or 0) + 1 :])
    if all(map(numeric, filter(None, heading.cells))):
        raise UserError(
            f"{path}, line {heading.line}: no heading names the columns, got "
            f"{listed(heading.cells)}; add one, or give header=none"
        )
    units: tuple[str, ...] = ()
    if body and _is_units(body[0]):
        units, body = tuple(body[0].cells), body[1:]
    return _records(path, heading, units, body)


def _heading(rows: Sequence[Row], reading: Reading) -> int | None:
    """Return the number of the row that names columns, with numbers below it if there is one."""
    first, cells = None, 0
    for at, row in enumerate(rows[:_LOOKED_AT]):
        cells += len(row.cells)
        if at > 0 and cells > _MOST_NAMES:
            break
        if _names(row, reading):
            if _numbers_below(rows, at, reading):
                return at
            first = at if first is None else first
    return first


def _names(row: Row, reading: Reading) -> bool:
    """Whether a row names the columns of a measurement."""
    try:
        columns = find_columns(row.cells, (), reading.columns)
    except UserError:
        return False
    if kind_of(columns) is not None or bool(reading.columns and columns):
        return True
    return "pulse" in columns and polarity_columns(list(map(read_heading, row.cells))) is not None


def _numbers_below(rows: Sequence[Row], at: int, reading: Reading) -> bool:
    columns = find_columns(rows[at].cells, (), reading.columns)
    places = [column.place for name, column in columns.items() if name not in TEXTS]
    below = rows[at + 1 : at + 3]
    if below and _is_units(below[0]):
        below = below[1:]
    return bool(below) and any(
        place < len(below[0].cells) and numeric(below[0].cells[place]) for place in places
    )


def _commented(comments: Sequence[Row], first: Row, reading: Reading) -> list[Row]:
    """Return headings in comments above the numbers, where numpy.savetxt writes them."""
    return [
        comment
        for comment in comments
        if comment.line < first.line
        and len(comment.cells) == len(first.cells)
        and _names(comment, reading)
    ]


def _is_units(row: Row) -> bool:
    """Whether a row holds nothing but units."""
    cells = [cell.strip(" []()") for cell in row.cells]
    return any(map(is_unit, cells)) and all(
        not cell or is_unit(cell) or cell in ("-", "1", "#") for cell in cells
    )


def _records(path: str, heading: Row, units: tuple[str, ...], body: Sequence[Row]) -> list[Table]:
    """Split rows where the heading is repeated, and columns where it counts records."""
    parts: list[list[Row]] = [[]]
    for row in body:
        if row.cells == heading.cells:
            parts.append([])
        else:
            parts[-1].append(row)
    tables = [
        Table(path=path, heading=heading, units=units, rows=tuple(rows), record=k)
        for k, rows in enumerate(part for part in parts if part or len(parts) == 1)
    ]
    counted = Counter(read_heading(cell).index for cell in heading.cells)
    if len([index for index in counted if index]) < 2:
        return tables
    return [part for table in tables for part in _counted(table)]


def _counted(table: Table) -> Iterator[Table]:
    """Split a table with columns such as V(1), I(1), V(2), I(2) into its records."""
    indices = [read_heading(cell).index for cell in table.heading.cells]
    for record, index in enumerate(sorted(set(filter(None, indices)))):
        places = [k for k, each in enumerate(indices) if each in (0, index)]
        rows = [Row(r.line, [r.cells[k] if k < len(r.cells) else "" for k in places])
                for r in table.rows]  # fmt: skip
        own = [k for k, place in enumerate(places) if indices[place]]
        yield Table(
            path=table.path,
            heading=Row(table.heading.line, [table.heading.cells[k] for k in places]),
            units=tuple(table.units[k] for k in places if k < len(table.units)),
            rows=tuple(row for row in rows if any(row.cells[k] for k in own)),
            record=record,
        )


def _trimmed(table: Table) -> Table:
    """Leave out empty cells at the ends of rows; refuse rows that are longer than the heading."""
    width = len(_stripped(table.heading.cells)) if table.heading.line else len(table.heading.cells)
    for row in table.rows:
        cells = _stripped(row.cells)
        if len(cells) > width:
            if not any(numeric(cell) for each in table.rows for cell in each.cells):
                raise UserError(
                    f"{table.path} has no numbers: data are a table, with a heading and lines of "
                    "numbers"
                )
            way = "give each column a heading, and put cells that hold the separator in quotes"
            if all(numeric(cell) for cell in cells[width:]):
                way = (
                    "if these are decimal commas, write points, or separate the cells by semicolons"
                )
            raise UserError(
                f"{table.path}, line {row.line}: {len(cells)} cells, but the heading has {width} "
                f"(got {listed(cells)}); {way}"
            )
    return table


def _stripped(cells: Sequence[str]) -> list[str]:
    kept = list(cells)
    while kept and not kept[-1]:
        kept.pop()
    return kept
