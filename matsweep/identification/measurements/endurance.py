"""Measured endurance: the conductances of the ON and the OFF state against cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, shown
from matsweep.core.streams import FloatArray
from matsweep.core.tables import Row
from matsweep.core.units import factor_of
from matsweep.identification.measurements.columns import Column, named
from matsweep.identification.measurements.layout import read_tables
from matsweep.identification.measurements.numbers import Numbers
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.records import Conductances
from matsweep.identification.measurements.table import Table

_ON = {"lrs", "on", "set", "ltp", "1", "low", "p"}
_OFF = {"hrs", "off", "reset", "ltd", "0", "high", "d"}
_QUANTITIES = {"conductance": "S", "resistance": "ohm", "current": "A"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnduranceData:
    """Windows of devices against cycles.

    Parameters
    ----------
    name : str
        Of the file.
    device : (n,) array of str
    cycle : (n,) array
        Cycles that the device has behind it.
    on, off : (n,) array, S
        Conductances of the two states in this cycle.
    notes : tuple of str
    """

    name: str
    device: np.ndarray[tuple[int], np.dtype[np.str_]]
    cycle: FloatArray
    on: FloatArray
    off: FloatArray
    notes: tuple[str, ...] = ()


def read_endurance(path: str | Path, reading: Reading | None = None) -> EnduranceData:
    """Read windows against cycles: two columns for the states, or a column that names the state.

    Parameters
    ----------
    path : str or Path
    reading : Reading or None
        What the file does not say.

    Returns
    -------
    EnduranceData

    Raises
    ------
    UserError
        For a file of another form; the message names the line and the way out.
    """
    reading = reading or Reading()
    rows: list[tuple[str, float, float, float]] = []
    notes, exchanged = list[str](), ""
    for table in read_tables(path, reading):
        columns = table.columns(reading)
        if "cycle" not in columns:
            raise table.lacks("cycle")
        own = _pairs if "on" in columns and "off" in columns else _alternating
        if own is _pairs:
            cells = table.heading.cells
            names = {"on": columns["off"], "off": columns["on"]}
            option = {name: named(column.place, cells) for name, column in names.items()}
            exchanged = f", as in {typed('columns', option)}"
        found, told = own(table, columns, reading)
        rows += found
        notes += told
    if not rows:
        raise UserError(f"{path} has no cycle with both states")
    device, cycle, on, off = zip(*rows, strict=True)
    swapped = np.array(on) < np.array(off)
    if swapped.mean() > 0.5:
        raise UserError(
            f"{path}: the ON state conducts less than the OFF state in {int(swapped.sum())} of "
            f"{swapped.size} cycles; exchange them{exchanged}"
        )
    return EnduranceData(
        name=Path(path).name,
        device=np.array(device),
        cycle=np.array(cycle, float),
        on=np.array(on),
        off=np.array(off),
        notes=tuple(dict.fromkeys(notes)),
    )


type _Rows = tuple[list[tuple[str, float, float, float]], list[str]]


def _pairs(table: Table, columns: Mapping[str, Column], reading: Reading) -> _Rows:
    """Return device, cycle, on and off of rows that hold both states."""
    readers = {}
    for name in ("on", "off"):
        quantity = _quantity(table, columns[name], reading)
        own = {k: v for k, v in columns.items() if k not in (*_QUANTITIES, "on", "off")}
        readers[name] = Conductances(table, {**own, quantity: columns[name]}, reading)
    number = readers["on"].numbers
    rows = [
        (_device(table, row, columns, number), _cycle(row, columns, number),
         readers["on"](row), readers["off"](row))
        for row in table.rows
    ]  # fmt: skip
    used = {"device", "cycle", "on", "off"}
    if any("read_voltage" in reader.used for reader in readers.values()):
        used.add("read_voltage")
    notes = [note for reader in readers.values() for note in (*reader.notes, *reader.idle)]
    return rows, [*notes, *table.unused(columns, used)]


def _quantity(table: Table, column: Column, reading: Reading) -> str:
    """Return the quantity of a column of a state, by its unit or its name."""
    unit = column.heading.unit or reading.unit
    if unit is not None:
        for name, wanted in _QUANTITIES.items():
            if factor_of(unit, wanted) is not None:
                return name
        raise UserError(
            f"{table.path}, line {table.heading.line}: {brief(column.heading.text)} needs a unit "
            "of "
            f"conductance, resistance or current, got {brief(unit)}"
        )
    first = column.heading.name[:1]
    return {"g": "conductance", "i": "current"}.get(first, "resistance")


def _alternating(table: Table, columns: Mapping[str, Column], reading: Reading) -> _Rows:
    """Return device, cycle, on and off of rows that hold one state each."""
    name = next((each for each in ("state", "polarity") if each in columns), None)
    if name is None or not set(_QUANTITIES) & set(columns):
        wanted = "on" if name is None else "conductance"
        hint = "; endurance has two columns, on and off, or one that names the state"
        raise table.lacks(wanted, hint)
    value = Conductances(table, columns, reading)
    pairs: dict[tuple[str, float], dict[str, float]] = {}
    for row in table.rows:
        text = value.numbers.text(row, name, columns[name])
        state = "on" if text.lower() in _ON else "off" if text.lower() in _OFF else None
        if state is None:
            raise UserError(
                f"{table.path}, line {row.line}: column {name} must be LRS or HRS (or on and off, "
                f"set and reset), got {shown(text)}"
            )
        cycle = _cycle(row, columns, value.numbers)
        pairs.setdefault((_device(table, row, columns, value.numbers), cycle), {})[state] = value(
            row
        )
    whole = {key: pair for key, pair in pairs.items() if len(pair) == 2}
    left = len(pairs) - len(whole)
    unused = table.unused(columns, {"device", "cycle", name, *value.used})
    notes = [*value.notes, *value.idle, *unused]
    if left:
        notes.append(f"{left} cycles with one state only are left out")
    return [(*key, pair["on"], pair["off"]) for key, pair in whole.items()], notes


def _device(table: Table, row: Row, columns: Mapping[str, Column], reader: Numbers) -> str:
    if "device" not in columns:
        return Path(table.path).stem
    return reader.text(row, "device", columns["device"])


def _cycle(row: Row, columns: Mapping[str, Column], reader: Numbers) -> float:
    value = reader.value(row, "cycle", columns["cycle"])
    if value < 0:
        raise UserError(f"{reader.path}, line {row.line}: cycle must be >= 0, got {value:g}")
    return value
