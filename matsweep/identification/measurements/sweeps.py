"""Measured I-V sweeps, read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import listed
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.columns import Column
from matsweep.identification.measurements.compliance import limited
from matsweep.identification.measurements.halves import whole_loops
from matsweep.identification.measurements.layout import read_tables
from matsweep.identification.measurements.loop import Loop
from matsweep.identification.measurements.numbers import factor, numbers
from matsweep.identification.measurements.quantities import QUANTITIES, read_heading
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table
from matsweep.identification.measurements.timing import measured_time, time_of_rate

_HIGHEST = {"voltage": 200.0, "current": 1.0}  # V, A: thin films break down before
_NAMES = ("time", "voltage", "current")
_AGAINST = 0.9  # of the sizes of the currents of a polarity: sum that flows against the voltage


def read_loops(paths: Sequence[str | Path], reading: Reading | None = None) -> list[Loop]:
    """Read measured sweeps: voltage and current, with the time where the file has it.

    A file is a device, unless it has a column of devices. Files with one polarity each are the SET
    and the RESET of one device, if their names differ in such words only, or if there are two.
    Cycles and records of a file follow on each other.

    Parameters
    ----------
    paths : sequence of str or Path
    reading : Reading or None
        What the files do not say.

    Returns
    -------
    list of Loop
        One per device.

    Raises
    ------
    UserError
        For a file of another form; the message names the line and the way out.
    """
    reading = reading or Reading()
    loops: dict[str, Loop] = {}
    for path in map(Path, paths):
        for loop in _file(path, reading):
            if loop.device in loops:
                raise UserError(
                    f"{path}: there are sweeps of device {loop.device} already; give each device "
                    "one file, or its own name in a column device"
                )
            loops[loop.device] = loop
    if not loops:
        raise UserError(f"{listed(paths, 3)} has no sweeps: give it lines below the heading")
    return [limited(loop, reading.compliance) for loop in whole_loops(list(loops.values()))]


def _file(path: Path, reading: Reading) -> list[Loop]:
    """Return the sweeps of one file, a device each."""
    points: dict[str, list[tuple[float, ...]]] = {}
    notes, timed = list[str](), True
    for table in read_tables(path, reading):
        columns, told = sweep_columns(table, reading)
        values = {name: column for name, column in columns.items() if name in (*_NAMES, "cycle")}
        reader = numbers(table, values.values(), reading)
        factors = {"cycle": 1.0}
        for name in _NAMES:
            if name in columns:
                factors[name], note = factor(table, name, columns[name], reading)
                told += [note] if note else []
        timed = timed and "time" in columns
        notes += [*told, *table.unused(columns, {*values, "device"})]
        for row in table.rows:
            point = {n: factors[n] * reader.value(row, n, column) for n, column in values.items()}
            for name, highest in _HIGHEST.items():
                if reading.plausible and abs(point[name]) > highest:
                    unit = QUANTITIES[name].unit
                    raise UserError(
                        f"{path}, line {row.line}: {name} [{unit}] must be within {highest:g}, got "
                        f"{point[name]:g}; correct the unit in the heading, leave the line out, or "
                        "give plausible=false if it is right"
                    )
            label = path.stem
            if "device" in columns:
                label = reader.text(row, "device", columns["device"])
            points.setdefault(label, []).append(
                (point.get("time", 0.0), point["voltage"], point["current"],
                 point.get("cycle", table.record))
            )  # fmt: skip
    if timed and reading.rate is not None:
        notes.append("rate is not used: the file has a column of times")
    return [
        _loop(path, label, np.array(own), timed, tuple(dict.fromkeys(notes)), reading)
        for label, own in points.items()
    ]


def _loop(
    path: Path,
    label: str,
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    timed: bool,
    notes: tuple[str, ...],
    reading: Reading,
) -> Loop:
    time, voltage, current, cycle = points.T.copy()
    counted = cycle.astype(np.int64)
    signed, sign_note = _signed(voltage, current)
    if timed:
        times = measured_time(f"{path}, device {label}", time, counted)
    else:
        times = time_of_rate(voltage, counted, reading.rate)
    return Loop(
        device=label,
        time=times.time,
        voltage=voltage,
        current=signed,
        cycle=times.cycle,
        notes=(*notes, *filter(None, (times.note, sign_note))),
        file=path.name,
    )


def _signed(voltage: FloatArray, current: FloatArray) -> tuple[FloatArray, str | None]:
    """Return the current (n,) with the sign of the voltage, and a note where it had another one.

    Files have sizes of currents, or those into the other electrode. A memristor is passive: more
    than noise and offsets flows along the voltage only.
    """
    along = [float((current * sign)[voltage * sign > 0].sum()) for sign in (1, -1)]
    size = [float(np.abs(current[voltage * sign > 0]).sum()) for sign in (1, -1)]
    against = [flow < -_AGAINST * total for flow, total in zip(along, size, strict=True)]
    if not any(against):
        return current, None
    if all(against):
        return -current, "currents flow against the voltages: their sign is taken as inverted"
    if (np.sign(current[current != 0]) == np.sign(current[current != 0][0])).all():
        note = "all currents have one sign: they are taken as sizes, with the sign of the voltage"
        return np.abs(current) * np.where(voltage < 0, -1.0, 1.0), note
    return current, None


def sweep_columns(table: Table, reading: Reading) -> tuple[Mapping[str, Column], list[str]]:
    """Columns of a table of sweeps.

    Parameters
    ----------
    table : Table
    reading : Reading

    Returns
    -------
    columns : mapping of str to Column
    notes : list of str

    Raises
    ------
    UserError
        If there is no voltage or no current.
    """
    columns = table.columns(reading)
    if not reading.header and not columns:
        cells = table.heading.cells
        if len(cells) not in (2, 3):
            raise UserError(
                f"{table.path} has {len(cells)} columns without headings: say which is which, as "
                f"in {typed('columns', {'voltage': 1, 'current': 2})}"
            )
        names = _NAMES[-len(cells) :]
        columns = {name: Column(k, read_heading(cells[k])) for k, name in enumerate(names)}
        return columns, [f"columns are taken as {', '.join(names)}"]
    for name in ("voltage", "current"):
        if name not in columns:
            hint = "; sweeps have voltage, current and, if measured, the time"
            raise table.lacks(name, hint)
    return columns, []
