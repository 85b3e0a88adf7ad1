"""Measured I-V sweeps, read from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.core.tables import find_columns, number
from matsweep.core.units import factor_of, split_heading
from matsweep.identification.fitting.data import measured_rows

_QUANTITIES = {"time": "s", "voltage": "V", "current": "A"}
_LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One device's sweep: time (n,) s, voltage (n,) V, current (n,) A."""

    device: str
    time: FloatArray
    voltage: FloatArray
    current: FloatArray


def turned(loop: Loop) -> Loop:
    """Invert voltage and current of a sweep.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    Loop
    """
    return Loop(device=loop.device, time=loop.time, voltage=-loop.voltage, current=-loop.current)


def sets(loop: Loop) -> int:
    """Return the sign of the voltage under which the conductance rises.

    Between zero crossings a voltage rises and falls again; a device that conducts better on the way
    back was set by it.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    int
        1 or -1.
    """
    v = loop.voltage
    clear = np.abs(v) > 0.2 * np.abs(v).max()
    g = np.abs(loop.current / np.where(clear, v, 1.0))
    g = np.log(np.maximum(g, 1e-6 * g[clear].max()))
    outward = np.gradient(np.abs(v)) > 0
    rises = 0.0
    for sign in (1, -1):
        half = clear & (v * sign > 0)
        if (half & outward).any() and (half & ~outward).any():
            rises += sign * float(g[half & ~outward].mean() - g[half & outward].mean())
    return 1 if rises >= 0 else -1


def is_sweep(path: str | Path) -> bool:
    """Whether a file's heading names a current and no polarity: then it holds I-V sweeps.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    bool
        False for a file that cannot be read.
    """
    try:
        heading = measured_rows(Path(path))[0]
    except UserError:
        return False
    names = {split_heading(cell)[0].lower() for cell in heading.cells}
    return "current" in names and "polarity" not in names


def read_loops(paths: Sequence[str | Path]) -> list[Loop]:
    """Read measured sweeps: columns time, voltage and current with their units in the heading.

    A file is a device, unless it has a column `device`. Commas, semicolons or tabs separate; lines
    that begin with # are comments.

    Parameters
    ----------
    paths : sequence of str or Path

    Returns
    -------
    list of Loop
        One per device.

    Raises
    ------
    UserError
        For a file of another form; the message names the line and the column.
    """
    loops: list[Loop] = []
    for path in map(Path, paths):
        heading, *rows = measured_rows(path)
        names = {name: (name,) for name in _QUANTITIES}
        places = find_columns(path, heading, names, "; sweeps have time, voltage and current")
        factors = {
            name: _factor(path, heading.line, heading.cells[place], name, _QUANTITIES[name])
            for name, place in places.items()
        }
        plain = [split_heading(cell)[0].lower() for cell in heading.cells]
        of = plain.index("device") if "device" in plain else None
        sweeps: dict[str, list[tuple[float, ...]]] = {}
        for row, cells in rows:
            label = path.stem if of is None else cells[of] if of < len(cells) else ""
            texts = {n: cells[k] if k < len(cells) else "" for n, k in places.items()}
            values = (factors[n] * number(path, row, n, text) for n, text in texts.items())
            sweeps.setdefault(label, []).append(tuple(values))
        for label, points in sweeps.items():
            if label in {loop.device for loop in loops}:
                raise UserError(
                    f"{path}: there are sweeps of device {label} already; give each device one "
                    "file, or its own name in a column device"
                )
            loops.append(_checked(path, label, np.array(points)))
    if not loops:
        raise UserError("data has no sweeps: give it lines below the heading")
    return loops


def _factor(path: Path, line: int, heading: str, name: str, unit: str) -> float:
    written = split_heading(heading)[1]
    factor = factor_of(written, unit) if written else None
    if factor is None:
        raise UserError(
            f"{path}, line {line}: column {name} needs its unit in the heading, as in "
            f"{name} [{unit}] or {name} [u{unit}], got {heading!r}"
        )
    return factor


def _checked(path: Path, label: str, points: FloatArray) -> Loop:
    time, voltage, current = points.T
    if time.size < _LEAST:
        raise UserError(f"{path}: {label} has {time.size} points, at least {_LEAST} are needed")
    if (np.diff(time) < 0).any():
        raise UserError(f"{path}: time of {label} falls; give the points in their order")
    if np.ptp(voltage) == 0 or np.ptp(current) == 0:
        raise UserError(f"{path}: voltage and current of {label} must change")
    if voltage.max() <= 0 or voltage.min() >= 0:
        raise UserError(
            f"{path}: voltage of {label} must have both polarities: one sets, the other resets"
        )
    return Loop(device=label, time=time - time[0], voltage=voltage, current=current)
