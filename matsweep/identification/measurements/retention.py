"""Measured retention: states of devices against the time since they were programmed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.layout import read_tables
from matsweep.identification.measurements.numbers import factor, kelvin
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.records import Conductances


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Conductance of one state of a device at one temperature.

    Parameters
    ----------
    device, state : str
        `state` is empty where the file names none.
    temperature : float or None, K
    time : (n,) array, s
        Since programming, rising.
    conductance : (n,) array, S
    line : int
        Of its first point in the file.
    """

    device: str
    state: str
    temperature: float | None
    time: FloatArray
    conductance: FloatArray
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionData:
    """States against time.

    Parameters
    ----------
    name : str
        Of the file.
    traces : tuple of Trace
    notes : tuple of str
    unused : tuple of str
        Headings of the columns that are not used.
    """

    name: str
    traces: tuple[Trace, ...]
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def read_retention(path: str | Path, reading: Reading | None = None) -> RetentionData:
    """Read states against time: the conductance, resistance or current of one or more devices.

    Columns may name the device, the state and the temperature; a time that falls back begins the
    trace of another device.

    Parameters
    ----------
    path : str or Path
    reading : Reading or None
        What the file does not say.

    Returns
    -------
    RetentionData

    Raises
    ------
    UserError
        For a file of another form; the message names the line and the way out.
    """
    reading = reading or Reading()
    points: dict[tuple[str, str, float | None, int], list[tuple[float, float, int]]] = {}
    last: dict[tuple[str, str, float | None], tuple[int, float]] = {}
    notes, left = list[str](), list[str]()
    for table in read_tables(path, reading):
        columns = table.columns(reading)
        for name in ("time", "conductance"):
            known = {name, "resistance", "current"} if name == "conductance" else {name}
            if not known & set(columns):
                raise table.lacks(name)
        value = Conductances(table, columns, reading)
        if reading.temperature is not None and "temperature" in columns:
            heading = columns["temperature"].heading.text
            raise UserError(
                f"temperature must be left out, got {reading.temperature:g} K: column {heading} of "
                f"{path} has it ({typed('columns', {'temperature': None})} leaves the column out)"
            )
        if reading.temperature is None and "temperature" not in reading.columns:
            notes += table.by_unit(columns)
        used = {"device", "state", "time", "temperature", *value.used}
        notes += table.unused(columns, used)
        left += table.left(columns, used)
        seconds, note = factor(table, "time", columns["time"], reading)
        notes += [*value.notes, *value.idle, *filter(None, [note])]
        for row in table.rows:
            at = seconds * value.numbers.value(row, "time", columns["time"])
            if at < 0:
                raise UserError(f"{path}, line {row.line}: time [s] must be >= 0, got {at:g}")
            temperature = reading.temperature
            if "temperature" in columns:
                column = columns["temperature"]
                warm = value.numbers.value(row, "temperature", column)
                temperature = kelvin(table, column, warm)
                if temperature <= 0:
                    raise UserError(
                        f"{path}, line {row.line}: temperature [K] must be > 0, got {temperature:g}"
                    )
            device, state = (
                value.numbers.text(row, name, columns[name]) if name in columns else other
                for name, other in (("device", Path(path).stem), ("state", ""))
            )
            key = (device, state, temperature)
            repeat, before = last.get(key, (0, 0.0))
            repeat += int(at < before)
            last[key] = (repeat, at)
            points.setdefault((*key, repeat), []).append((at, value(row), row.line))
    if not points:
        raise UserError(f"{path} has no lines of numbers below its heading")
    traces = tuple(
        Trace(
            device=f"{device} ({repeat + 1})" if repeat else device,
            state=state,
            temperature=temperature,
            time=np.array([point[0] for point in own]),
            conductance=np.array([point[1] for point in own]),
            line=own[0][2],
        )
        for (device, state, temperature, repeat), own in points.items()
    )
    return RetentionData(
        name=Path(path).name,
        traces=traces,
        notes=tuple(dict.fromkeys(notes)),
        unused=tuple(dict.fromkeys(left)),
    )
