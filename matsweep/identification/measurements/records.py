"""Lines of files of pulses as records: device, number, polarity or voltage, conductance."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, shown
from matsweep.core.tables import Row, finite_number
from matsweep.identification.measurements.columns import Column
from matsweep.identification.measurements.layout import read_tables
from matsweep.identification.measurements.numbers import Numbers, factor, numbers
from matsweep.identification.measurements.quantities import read_heading
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table

_UP = {"1", "+1", "up", "ltp", "set", "potentiation", "potentiate", "pot", "pot.", "p", "+",
       "positive", "pos", "increase", "inc", "positiv", "auf", "hoch", "setzen"}  # fmt: skip
_DOWN = {"-1", "−1", "–1", "down", "ltd", "reset", "depression", "depress", "dep", "dep.", "d", "-",
         "−", "negative", "neg", "decrease", "dec", "negativ", "ab", "runter",
         "zurücksetzen", "rücksetzen"}  # fmt: skip
_READ = {"0", "read", "none", "initial", "init", "start"}
_HIGHEST = 0.02  # S; 50 ohm, far above a filament of 100 quanta of conductance (7.7 mS)
_LOWEST = 1e-15  # S; 0.1 fA, the floor of source-measure units, at 0.1 V
_MOST_COUNTED = 1e15  # pulses or cycles: every whole number up to it is one of float64
_VALUES = ("conductance", "resistance", "current")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of a file of pulses.

    Parameters
    ----------
    line : int
    device : str
    cycle : int or None
    number : int or None
        Of the pulse in its run; 0: the state before it.
    pulse : float
        +1, -1 or 0 (a read without a pulse), or the pulse's voltage, V; NaN if neither is stated.
    conductance : float, S
        After the pulse.
    """

    line: int
    device: str
    cycle: int | None
    number: int | None
    pulse: float
    conductance: float


class Records(NamedTuple):
    """Records in the order of the file, notes on them, and whether pulses are voltages."""

    records: list[Record]
    notes: list[str]
    voltages: bool


def read_records(path: str | Path, reading: Reading) -> Records:
    """Read the lines of a file of pulses.

    Parameters
    ----------
    path : str or Path
    reading : Reading

    Returns
    -------
    Records
        At least one.

    Raises
    ------
    UserError
        For a column that is missing, or a value that cannot be.
    """
    records, notes, voltages = list[Record](), list[str](), False
    device = Path(path).stem
    tables = read_tables(path, reading)
    for table in tables:
        columns, told = pulse_columns(table, reading)
        conductance = Conductances(table, columns, reading)
        volts, note = 1.0, ""
        if "pulse_voltage" in columns:
            volts, note = factor(table, "pulse_voltage", columns["pulse_voltage"], reading)
            voltages = "polarity" not in columns
        way = {"polarity"} if "polarity" in columns else {"pulse_voltage"}
        used = {"device", "cycle", "pulse", *way, *conductance.used}
        notes += [
            *table.notes,
            *told,
            *conductance.notes,
            *filter(None, [note]),
            *table.unused(columns, used),
        ]
        cycle = table.record if len(tables) > 1 else None
        records += [_record(row, columns, conductance, volts, cycle, device) for row in table.rows]
    if not records:
        raise UserError(f"{path} has no lines of numbers below its heading")
    return Records(records, list(dict.fromkeys(notes)), voltages)


def pulse_columns(table: Table, reading: Reading) -> tuple[dict[str, Column], list[str]]:
    """Columns of a table of pulses.

    Parameters
    ----------
    table : Table
    reading : Reading

    Returns
    -------
    columns : dict of str to Column
    notes : list of str

    Raises
    ------
    UserError
        If nothing states the polarity, or the conductance.
    """
    columns, notes = table.columns(reading), list[str]()
    if not reading.header and not columns:
        columns = _headless(table)
        notes.append(f"columns are taken as {' and '.join(columns)}".replace("_", " "))
    if "voltage" in columns and "polarity" not in columns and "pulse_voltage" not in columns:
        columns["pulse_voltage"] = columns.pop("voltage")
    valued = any(name in columns for name in _VALUES)
    stated = "polarity" in columns or "pulse_voltage" in columns
    if not valued:
        way = ", or the resistance, or the current and the read voltage"
        raise table.lacks("conductance", way)
    if not stated and reading.polarity != "by_change" and reading.header:
        way = ", or give polarity=by_change to take it from the conductance"
        raise table.lacks("polarity", way)
    return columns, notes


def _headless(table: Table) -> dict[str, Column]:
    """Return the meaning of two columns without headings."""
    if len(table.heading.cells) != 2:
        raise UserError(
            f"{table.path} has {len(table.heading.cells)} columns without headings: say which is "
            f"which, as in {typed('columns', {'pulse': 1, 'polarity': 2, 'conductance': 3})}"
        )
    first, second = (Column(k, read_heading(cell)) for k, cell in enumerate(table.heading.cells))
    values = {finite_number(row.cells[0].replace(",", ".")) or 0.0 for row in table.rows}
    if min(values, default=0.0) >= 0:
        return {"pulse": first, "conductance": second}
    name = "polarity" if values <= {-1.0, 0.0, 1.0} else "pulse_voltage"
    return {name: first, "conductance": second}


class Conductances:
    """Reader of conductances from the rows of a table, whatever quantity they state.

    Parameters
    ----------
    table : Table
    columns : mapping of str to Column
        With a conductance, a resistance or a current; of several the first.
    reading : Reading

    Raises
    ------
    UserError
        If a unit is missing, or the voltage at which a current was read.
    """

    def __init__(self, table: Table, columns: Mapping[str, Column], reading: Reading) -> None:
        self.name = next(name for name in _VALUES if name in columns)
        self.path, self.strict, self.given = table.path, reading.plausible, reading.read_voltage
        self.column, self.voltage = columns[self.name], columns.get("read_voltage")
        self.notes = list[str]()
        used = [c for name, c in columns.items() if name not in ("device", "polarity", "state")]
        self.numbers = numbers(table, used, reading)
        self.factor = self._factor(table, self.name, self.column, reading)
        self.used = {self.name, *(["read_voltage"] if self.name == "current" else [])}
        if self.name != "current":
            self.voltage = None
        elif self.voltage is not None:
            self.volts = self._factor(table, "read_voltage", self.voltage, reading)
        elif self.given is None:
            way = ", or give read_voltage=0.2"
            raise table.lacks("read_voltage", way)

    @property
    def idle(self) -> list[str]:
        """Note on a stated read voltage that nothing uses."""
        if self.given is None or (self.name == "current" and self.voltage is None):
            return []
        column = self.column if self.voltage is None else self.voltage
        has = "read voltage" if self.voltage is not None else self.name
        return [f"read_voltage is not used: column {brief(column.heading.text)} has the {has}"]

    def _factor(self, table: Table, name: str, column: Column, reading: Reading) -> float:
        value, note = factor(table, name, column, reading)
        self.notes += [note] if note else []
        return value

    def __call__(self, row: Row) -> float:
        """Read one row.

        Parameters
        ----------
        row : Row

        Returns
        -------
        float, S

        Raises
        ------
        UserError
            For a value that is no number, not positive, or such as no memristor has.
        """
        value = self.factor * self.numbers.value(row, self.name, self.column)
        where = f"{self.path}, line {row.line}"
        if self.name == "current":
            voltage = self.given or 0.0
            if self.voltage is not None:
                voltage = self.volts * self.numbers.value(row, "read_voltage", self.voltage)
            if voltage == 0:
                raise UserError(f"{where}: read voltage [V] must not be 0: no current flows at it")
            value /= voltage
        text = row.cells[self.column.place]
        if value <= 0:
            raise UserError(
                f"{where}: {self.name} must be > 0, got {brief(text)}; correct it, or leave the "
                "line out"
            )
        if self.name == "resistance":
            value = 1 / value
        if self.strict and not _LOWEST <= value <= _HIGHEST:
            raise UserError(
                f"{where}: {self.name} {brief(text)} is a conductance of {value:.3g} S, and "
                "those of "
                f"memristors lie in [{_LOWEST:g}, {_HIGHEST:g}] S; correct the unit "
                "in the heading, or give plausible=false if it is right"
            )
        return value


def _record(
    row: Row,
    columns: Mapping[str, Column],
    conductance: Conductances,
    volts: float,
    cycle: int | None,
    device: str,
) -> Record:
    """Return a row as a record; `cycle` and `device` where no column has them."""
    numbers = conductance.numbers
    if "device" in columns:
        device = numbers.text(row, "device", columns["device"])
    if "cycle" in columns:
        cycle = _whole(row, "cycle", columns["cycle"], numbers)
    number = _whole(row, "pulse", columns["pulse"], numbers) if "pulse" in columns else None
    pulse = math.nan
    if "polarity" in columns:
        pulse = _polarity(row, columns["polarity"], numbers)
    elif "pulse_voltage" in columns:
        pulse = volts * numbers.value(row, "pulse_voltage", columns["pulse_voltage"])
    return Record(
        line=row.line, device=device, cycle=cycle, number=number, pulse=pulse,
        conductance=conductance(row),
    )  # fmt: skip


def _whole(row: Row, name: str, column: Column, numbers: Numbers) -> int:
    value = numbers.value(row, name, column)
    if not 0 <= value <= _MOST_COUNTED or value != int(value):
        raise UserError(
            f"{numbers.path}, line {row.line}: column {name} must be a whole number from 0 on, got "
            f"{shown(row.cells[column.place])}"
        )
    return int(value)


def _polarity(row: Row, column: Column, numbers: Numbers) -> float:
    """Return +1, -1, or 0 for a read, from a word or a sign."""
    text = numbers.text(row, "polarity", column)
    word = re.sub(r"[.,]0+$", "", text.lower())
    for words, pulse in ((_UP, 1.0), (_DOWN, -1.0), (_READ, 0.0)):
        if word in words:
            return pulse
    hint = ""
    if finite_number(text.replace(",", ".")) is not None:
        option = {"pulse_voltage": brief(column.heading.text), "polarity": None}
        hint = f"; if it is the voltage of the pulse, give {typed('columns', option)}"
    raise UserError(
        f"{numbers.path}, line {row.line}: column polarity must be +1 or -1 (or up and down, ltp "
        f"and ltd, set and reset), got {shown(text)}{hint}"
    )
