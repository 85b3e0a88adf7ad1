"""Numbers in the cells of a table, with decimal points or commas."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, printable, shown
from matsweep.core.tables import Row, finite_number
from matsweep.core.units import factor_of, kind_of, spellings
from matsweep.identification.measurements.columns import Column
from matsweep.identification.measurements.quantities import QUANTITIES, celsius, fahrenheit
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table

_GROUP = r"(?:,|\.|'|’|\s)"
_THOUSANDS = re.compile(
    rf"[-+]?\d{{1,3}}(?:{_GROUP}\d{{3}}){{2,}}(?:[.,]\d*)?|[-+]?\d{{1,3}}['’\s]\d{{3}}(?:[.,]\d*)?"
    r"|[-+]?\d{1,3},\d{3}\.\d*|[-+]?\d{1,3}\.\d{3},\d*"
)
_COMMA = re.compile(r"[-+]?\d*,\d*(?:[eE][-+]?\d+)?")
_UNCLEAR = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # 1,234: a thousand, or one and a bit
_POINT = re.compile(r"[-+]?\d*\.\d*(?:[eE][-+]?\d+)?")
_ICE_POINT = 273.15
_LEAST = 1e-100  # magnitude of a measured number, so that its reciprocals and squares are finite
_LONGEST = 500  # characters of a number or a name


@dataclass(frozen=True, slots=True)
class Numbers:
    """Reader of the numbers of one table; decimals are written with a comma if `comma`."""

    path: str
    comma: bool

    def value(self, row: Row, name: str, column: Column) -> float:
        """Read a cell as a finite number, without its unit.

        Parameters
        ----------
        row : Row
        name : str
            The quantity, for messages.
        column : Column

        Returns
        -------
        float

        Raises
        ------
        UserError
            If the cell is empty, no number, or none of a measurement.
        """
        text = self.text(row, name, column)
        number = finite_number(text.replace(",", ".") if self.comma else text)
        if number is None:
            clock = f"{typed('columns', {name: None})} leaves the column out"
            way = clock if ":" in text else "correct it, or leave the line out"
            raise UserError(
                f"{self.path}, line {row.line}: column {_plain(name)} must be a number, got "
                f"{shown(text)}; {way}"
            )
        if number and not _LEAST <= abs(number) <= 1 / _LEAST:
            raise UserError(
                f"{self.path}, line {row.line}: column {_plain(name)} must be 0 or of a magnitude "
                f"in [{_LEAST:g}, {1 / _LEAST:g}], got {shown(text)}; correct it, or leave the "
                "line out"
            )
        return number

    def text(self, row: Row, name: str, column: Column) -> str:
        """Read a cell as text.

        Parameters
        ----------
        row : Row
        name : str
        column : Column

        Returns
        -------
        str
            Not empty; hidden characters are escaped.

        Raises
        ------
        UserError
            If it is empty.
        """
        text = printable(row.cells[column.place] if column.place < len(row.cells) else "")
        if not text:
            raise UserError(f"{self.path}, line {row.line}: column {_plain(name)} is empty")
        if len(text) > _LONGEST:
            raise UserError(
                f"{self.path}, line {row.line}: column {_plain(name)} has {len(text)} characters, "
                f"the most are {_LONGEST}, got {shown(text)}; shorten it"
            )
        return text


def _plain(name: str) -> str:
    return name.replace("_", " ")


def numbers(table: Table, columns: Iterable[Column], reading: Reading) -> Numbers:
    """Find out how a table writes its numbers.

    Parameters
    ----------
    table : Table
    columns : iterable of Column
        Those that hold numbers.
    reading : Reading

    Returns
    -------
    Numbers

    Raises
    ------
    UserError
        If numbers have separators of thousands, are written in two ways, or can be read in two.
    """
    places = [column.place for column in columns]
    comma: tuple[int, str] | None = None
    point: tuple[int, str] | None = None
    unclear: tuple[int, str] | None = None
    for row in table.rows:
        for text in (row.cells[k] for k in places if k < len(row.cells)):
            if _THOUSANDS.fullmatch(text):
                raise UserError(
                    f"{table.path}, line {row.line}: {shown(text)} has separators of thousands; "
                    "write "
                    "numbers without them"
                )
            if _UNCLEAR.fullmatch(text):
                unclear = unclear or (row.line, text)
            elif _COMMA.fullmatch(text):
                comma = comma or (row.line, text)
            elif _POINT.fullmatch(text):
                point = point or (row.line, text)
    stated = reading.decimal or table.decimal
    by_comma, by_point = comma or unclear, point
    if stated == "point" and by_comma:
        raise _mixed(table.path, by_comma, "decimals have points")
    if stated == "comma" and by_point:
        raise _mixed(table.path, by_point, "decimals have commas")
    if by_comma and by_point:
        raise _mixed(table.path, by_comma, f"line {by_point[0]} has {shown(by_point[1])}")
    if unclear and not comma and stated is None:
        raise UserError(
            f"{table.path}, line {unclear[0]}: {shown(unclear[1])} may be a thousand or a "
            "decimal; give "
            "decimal=comma, or write numbers without separators of thousands"
        )
    return Numbers(table.path, comma=bool(by_comma))


def _mixed(path: str, cell: tuple[int, str], other: str) -> UserError:
    return UserError(
        f"{path}, line {cell[0]}: {shown(cell[1])} does not fit, as {other}; write all decimals "
        "with a "
        "point, or all with a comma, and no separators of thousands"
    )


def factor(table: Table, name: str, column: Column, reading: Reading) -> tuple[float, str]:
    """Factor from a column's unit to that of the data.

    Parameters
    ----------
    table : Table
    name : str
        The quantity.
    column : Column
    reading : Reading
        Its `unit` is that of a conductance, resistance or current whose heading states none.

    Returns
    -------
    factor : float
    note : str
        Of a unit that is assumed, else empty.

    Raises
    ------
    UserError
        If the unit is missing, unknown, of another kind, or stated twice.
    """
    quantity, where = QUANTITIES[name], f"{table.path}, line {table.heading.line}"
    wanted, stated, given = quantity.unit or "1", column.heading.unit, None
    if name in ("conductance", "resistance", "current"):
        given = reading.unit
    if stated and given is not None and factor_of(given, wanted) != factor_of(stated, wanted):
        raise UserError(
            f"{where}: column {_plain(name)} is in {brief(stated)}, but unit={brief(given)} was "
            "given"
        )
    written = stated or given
    if written is None:
        if quantity.assumed:
            return 1.0, f"column {brief(column.heading.text)} has no unit: taken as {wanted}"
        way = f", or give unit=u{wanted}" if name == "conductance" else ""
        raise UserError(
            f"{where}: column {_plain(name)} has no unit; write it in the heading, as in "
            f"{_plain(name)} [{'u' if name == 'conductance' else ''}{wanted}]{way}"
        )
    value = factor_of(written, wanted)
    if value is None:
        raise UserError(
            f"{where}: {shown(written)} is no unit of {kind_of(wanted).partition(' ')[2]}; there "
            "are "
            f"{', '.join([*(['°C', '°F'] if wanted == 'K' else []), *spellings(wanted)][:8])}"
        )
    return value, ""


def kelvin(table: Table, column: Column, value: float) -> float:
    """Convert a temperature to K.

    Parameters
    ----------
    table : Table
    column : Column
    value : float
        In the column's unit.

    Returns
    -------
    float, K

    Raises
    ------
    UserError
        If the unit is missing or unknown.
    """
    if celsius(column.heading.unit):
        return value + _ICE_POINT
    if fahrenheit(column.heading.unit):
        return (value - 32) / 1.8 + _ICE_POINT
    return value * factor(table, "temperature", column, Reading())[0]
