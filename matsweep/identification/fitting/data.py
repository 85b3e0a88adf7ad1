"""Measured pulse responses, read from CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.core.tables import Row, find_columns, number, read_rows
from matsweep.core.units import factor_of, split_heading

_COLUMNS = {
    "device": ("device", "dev", "cell"),
    "pulse": ("pulse", "pulse_number", "pulse number", "number", "n"),
    "polarity": ("polarity", "direction", "sign"),
    "conductance": ("conductance", "g"),
}
_UP = {"1", "+1", "up", "ltp", "set", "potentiation", "+", "p"}
_DOWN = {"-1", "down", "ltd", "reset", "depression", "-", "d"}
_LEAST = 20  # changes of either polarity


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseData:
    """Changes of conductance by single pulses.

    Parameters
    ----------
    name : str
        Of the file, for messages and notes.
    devices : tuple of str
        Names of the devices.
    device : (change,) array of int
        Position in `devices` of each change's device.
    before, after : (change,) array, S
    up : (change,) array of bool
        Whether the pulse potentiates.
    """

    name: str
    devices: tuple[str, ...]
    device: npt.NDArray[np.int64]
    before: FloatArray
    after: FloatArray
    up: npt.NDArray[np.bool_]

    @property
    def lowest(self) -> float:
        """The lowest conductance measured, S."""
        return float(min(self.before.min(), self.after.min()))

    @property
    def highest(self) -> float:
        """The highest conductance measured, S."""
        return float(max(self.before.max(), self.after.max()))


def read_pulses(path: str | Path, *, unit: str | None = None) -> PulseData:
    """Read measured pulse responses.

    One line per pulse, in the order of the measurement: `device`, `pulse` (its number, from 1 in
    each run of one polarity; 0: the state before it), `polarity` (+1 or -1, up or down, ltp or ltd,
    set or reset) and `conductance` after the pulse, with its unit in the heading (`conductance
    [uS]`, `conductance_uS`). Other columns are ignored. Commas, semicolons or tabs separate; lines
    that begin with # are comments. A pulse's change is that from the line before it of the same
    device, if its number follows on.

    Parameters
    ----------
    path : path
    unit : str, optional
        Of the conductance, where the heading states none: S, mS, uS, nS or pS.

    Returns
    -------
    PulseData

    Raises
    ------
    UserError
        For a file of another form; the message names the line and the column.
    """
    path = Path(path)
    heading, *rows = measured_rows(path)
    columns = find_columns(path, heading, _COLUMNS)
    factor = _factor(path, heading.line, heading.cells[columns["conductance"]], unit)
    changes: list[tuple[str, float, float, bool]] = []
    last: dict[str, tuple[int, float, bool]] = {}
    lines = 0
    for line, cells in rows:
        values = _cells(path, line, cells, columns)
        device = values["device"]
        pulse = _whole(path, line, values["pulse"])
        up = _polarity(path, line, values["polarity"])
        conductance = factor * number(path, line, "conductance", values["conductance"])
        if conductance <= 0:
            raise UserError(
                f"{path}, line {line}: conductance must be > 0, got {values['conductance']}"
            )
        lines += 1
        if device in last and pulse > 0:
            earlier, before, same = last[device]
            if pulse == 1 or (pulse == earlier + 1 and same == up):
                changes.append((device, before, conductance, up))
            elif pulse == earlier and same == up:
                raise UserError(
                    f"{path}, line {line}: pulse {pulse} of device {device} stands twice; leave "
                    "one out"
                )
        last[device] = (pulse, conductance, up)
    return _checked(path, changes, lines)


def _checked(path: Path, changes: list[tuple[str, float, float, bool]], lines: int) -> PulseData:
    ups = np.array([item[3] for item in changes], dtype=bool)
    for way, count in (("up", int(ups.sum())), ("down", int((~ups).sum()))):
        if count < _LEAST:
            raise UserError(
                f"{path} has {count} pulses {way} that follow on another (of {lines} lines): at "
                f"least {_LEAST} of either polarity are needed"
            )
    names = tuple(dict.fromkeys(item[0] for item in changes))
    index = {name: number for number, name in enumerate(names)}
    data = PulseData(
        name=path.name,
        devices=names,
        device=np.array([index[item[0]] for item in changes]),
        before=np.array([item[1] for item in changes]),
        after=np.array([item[2] for item in changes]),
        up=ups,
    )
    if data.highest <= data.lowest * (1 + 1e-9):
        raise UserError(
            f"{path}: conductance is constant ({data.lowest:g} S); there is no response to fit"
        )
    return data


def measured_rows(path: Path) -> list[Row]:
    """Read the rows of measurements, heading first, without comments (#).

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Row

    Raises
    ------
    UserError
        If the file cannot be read, or is empty.
    """
    rows = read_rows(path, separators=",;\t", comment="#")
    if not rows:
        raise UserError(f"{path} has no lines: give it a heading and lines of numbers")
    return rows


def _factor(path: Path, line: int, heading: str, unit: str | None) -> float:
    stated = split_heading(heading)[1]
    written = stated or unit
    if written is None:
        raise UserError(
            f"{path}, line {line}: column conductance has no unit; write it in the heading, as in "
            "conductance [uS], or give unit=uS"
        )
    if stated and unit is not None and factor_of(unit, "S") != factor_of(written, "S"):
        raise UserError(
            f"{path}, line {line}: column conductance is in {written}, but unit={unit} was given"
        )
    factor = factor_of(written, "S")
    if factor is None:
        raise UserError(
            f"{path}, line {line}: {written!r} is no unit of conductance; there are S, mS, uS, "
            "nS, pS"
        )
    return factor


def _cells(path: Path, line: int, cells: list[str], columns: Mapping[str, int]) -> dict[str, str]:
    values = {}
    for name, index in columns.items():
        if index >= len(cells) or not cells[index]:
            raise UserError(f"{path}, line {line}: column {name} is empty")
        values[name] = cells[index]
    return values


def _whole(path: Path, line: int, text: str) -> int:
    value = number(path, line, "pulse", text)
    if value < 0 or value != int(value):
        raise UserError(
            f"{path}, line {line}: column pulse must be a whole number from 0 on, got {text!r}"
        )
    return int(value)


def _polarity(path: Path, line: int, text: str) -> bool:
    word = text.lower()
    if word in _UP or word in _DOWN:
        return word in _UP
    raise UserError(
        f"{path}, line {line}: column polarity must be +1 or -1 (or up and down, ltp and ltd, "
        f"set and reset), got {text!r}"
    )
