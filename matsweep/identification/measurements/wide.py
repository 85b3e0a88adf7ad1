"""Tables with one column per polarity, such as LTP and LTD, as runs one after the other."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, listed
from matsweep.core.tables import Row
from matsweep.core.units import factor_of
from matsweep.identification.measurements.columns import Column, named
from matsweep.identification.measurements.numbers import numbers
from matsweep.identification.measurements.quantities import Heading, read_heading
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table

_VALUE = r"(?:conductances?|g|cond|resistances?|r|res|currents?|i|leitwert|widerstand|strom)"
_WORDS = {
    "up": "ltp|pot|potentiation|potenzierung|up|set",
    "down": "ltd|dep|depression|down|reset",
}
_DIGITS = 16  # of the number of a pulse, at most
_UNITS = {"conductance": "S", "resistance": "ohm", "current": "A"}
_INITIALS = {"r": "resistance", "w": "resistance", "i": "current", "s": "current"}


def polarity_columns(headings: Sequence[Heading]) -> dict[str, list[int]] | None:
    """Columns that a polarity heads.

    Parameters
    ----------
    headings : sequence of Heading

    Returns
    -------
    dict of str to list of int, or None
        Places of "up" and of "down"; None where either has no column.
    """
    places = {
        way: [
            k
            for k, heading in enumerate(headings)
            if re.fullmatch(rf"(?:{_VALUE} )?(?:{words})(?: {_VALUE})?(?: ?\d+)?", heading.name)
        ]
        for way, words in _WORDS.items()
    }
    return places if all(places.values()) else None


def lengthened(table: Table, reading: Reading) -> Table:
    """Put two columns headed by polarity one after the other.

    Parameters
    ----------
    table : Table
    reading : Reading

    Returns
    -------
    Table
        With a polarity and a value in place of the two columns, and a note; any other table as it
        is. The run of the left column comes first, for each device and cycle.

    Raises
    ------
    UserError
        If a polarity has several columns, the two have different units, or a cycle is stated and
        no number of the pulse.
    """
    cells = table.heading.cells
    headings = [
        read_heading(cell, table.units[k] if k < len(table.units) else "")
        for k, cell in enumerate(cells)
    ]
    places = polarity_columns(headings) if reading.header else None
    if places is None:
        return table
    columns = table.columns(reading)
    if {"polarity", "pulse_voltage", "voltage", *_UNITS, "on", "off"} & set(columns):
        return table
    where = f"{table.path}, line {table.heading.line}"
    both = sorted(place for each in places.values() for place in each)
    texts = [brief(cells[place].strip()) for place in both]
    if len(both) > 2:
        raise UserError(
            f"{where}: {listed(texts)} are several runs of one polarity; give each device its "
            "own file, or write columns device, pulse, polarity and conductance"
        )
    if "cycle" in columns and "pulse" not in columns:
        option = typed("columns", {"pulse": named(columns["cycle"].place, cells)})
        raise UserError(
            f"{where}: {' and '.join(texts)} need the number of the pulse; if "
            f"{brief(columns['cycle'].heading.text)} is it, give {option}"
        )
    if headings[both[0]].unit != headings[both[1]].unit:
        raise UserError(f"{where}: {' and '.join(texts)} must have one unit")
    ways = [next(way for way, own in places.items() if place in own) for place in both]
    heading = list(cells)
    heading[both[0]], heading[both[1]] = "polarity", _value(headings[both[0]], reading)
    values = numbers(table, [Column(place, headings[place]) for place in both], reading)
    inverse = heading[both[1]].startswith("resistance")
    rows, begun = list[Row](), False
    for group in _groups(table.rows, [columns.get("device"), columns.get("cycle")]):
        last: float | None = None
        for place, way in zip(both, ways, strict=True):
            own = [row for row in group if place < len(row.cells) and row.cells[place]]
            column = Column(place, headings[place])
            states = [values.value(row, heading[both[1]].split()[0], column) for row in own]
            if last is not None and "pulse" in columns and _begins(last, states, way, inverse):
                own, begun = _from_zero(own, columns["pulse"].place), True
            rows += [_row(row, both, place, way) for row in own]
            last = states[-1] if states else last
    names = " and ".join(texts)
    notes = [f"columns {names} are taken as runs {' and '.join(ways)}, one after the other"]
    if begun:
        notes.append(
            f"{texts[1]} begins at another conductance than {texts[0]} ends at: its first value is "
            "taken as the state before its first pulse"
        )
    return dataclasses.replace(
        table,
        heading=Row(table.heading.line, heading),
        units=(),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _begins(last: float, states: Sequence[float], way: str, inverse: bool) -> bool:
    """Whether a run begins beyond the end of the last one, by more than its largest step."""
    if len(states) < 2:
        return False
    sign = (1 if way == "up" else -1) * (-1 if inverse else 1)
    steps = [abs(after - before) for before, after in itertools.pairwise(states)]
    return sign * (last - states[0]) > max(steps)


def _from_zero(rows: Sequence[Row], place: int) -> list[Row]:
    """Return a run numbered from 0, the state before it; other numbers than whole ones stay."""
    cells = [row.cells[place] for row in rows]
    if not all(cell.isdecimal() and len(cell) < _DIGITS for cell in cells):
        return list(rows)
    first = int(cells[0])
    return [
        Row(row.line, [*row.cells[:place], str(int(cell) - first), *row.cells[place + 1 :]])
        for row, cell in zip(rows, cells, strict=True)
    ]


def _value(heading: Heading, reading: Reading) -> str:
    """Return the heading of the values: their quantity by the unit, or else by the name."""
    unit = heading.unit or reading.unit
    name = _INITIALS.get(heading.name[:1], "conductance")
    if unit is not None:
        name = next((each for each, si in _UNITS.items() if factor_of(unit, si) is not None), name)
    return name if heading.unit is None else f"{name} [{heading.unit}]"


def _groups(rows: Sequence[Row], columns: Sequence[Column | None]) -> list[list[Row]]:
    """Return rows of each device and cycle, in the order of the file."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        places = [column.place for column in columns if column is not None]
        key = tuple(row.cells[k] if k < len(row.cells) else "" for k in places)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _row(row: Row, both: Sequence[int], place: int, way: str) -> Row:
    cells = [*row.cells, *[""] * (both[1] + 1 - len(row.cells))]
    value = cells[place]
    cells[both[0]], cells[both[1]] = way, value
    return Row(row.line, cells)
