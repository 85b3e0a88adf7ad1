"""Measured I-V sweeps, and how they are read from files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.data import heading_of, numeric, rows_of

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12}
_QUANTITIES = {"time": "s", "voltage": "V", "current": "A"}
_UNIT = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]\s*$|_([munpµμ]?[sVA])$")
_LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One device's sweep: time (n,) s, voltage (n,) V, current (n,) A."""

    device: str
    time: FloatArray
    voltage: FloatArray
    current: FloatArray


def turned(loop: Loop) -> Loop:
    """Return a sweep with voltage and current turned round."""
    return Loop(device=loop.device, time=loop.time, voltage=-loop.voltage, current=-loop.current)


def sets(loop: Loop) -> int:
    """Return the sign of the voltage under which the conductance rises.

    Between reversals through zero a voltage rises and falls again; what conducts better on its
    way back was set by it.
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
    """Whether a file's heading names a current and no polarity: then it holds I-V sweeps."""
    try:
        _, heading = heading_of(Path(path))
    except UserError:
        return False
    names = {_UNIT.sub("", cell).strip().lower() for cell in heading}
    return "current" in names and "polarity" not in names


def read_loops(paths: Sequence[str | Path]) -> list[Loop]:
    """Read measured sweeps: columns time, voltage and current with their units in the heading.

    A file is a device, unless it has a column `device`. Commas, semicolons or tabs separate;
    lines that begin with # are comments.

    Raises
    ------
    UserError
        For a file that cannot be read so; the message names the line and the column.
    """
    loops: list[Loop] = []
    for path in map(Path, paths):
        line, heading = heading_of(path)
        plain = [_UNIT.sub("", cell).strip().lower() for cell in heading]
        places, factors = {}, {}
        for name, unit in _QUANTITIES.items():
            if name not in plain:
                raise UserError(
                    f"{path}, line {line}: no column {name} (there are {', '.join(heading)}); "
                    "sweeps have time, voltage and current"
                )
            places[name] = plain.index(name)
            factors[name] = _factor(path, line, heading[places[name]], name, unit)
        of = plain.index("device") if "device" in plain else None
        found: dict[str, list[tuple[float, ...]]] = {}
        for row, cells in rows_of(path)[1:]:
            label = path.stem if of is None else cells[of] if of < len(cells) else ""
            texts = {n: cells[k] if k < len(cells) else "" for n, k in places.items()}
            values = (factors[n] * numeric(path, row, n, text) for n, text in texts.items())
            found.setdefault(label, []).append(tuple(values))
        for label, points in found.items():
            if label in {loop.device for loop in loops}:
                raise UserError(
                    f"{path}: there are sweeps of device {label} already; give each device one "
                    "file, or a name of its own in a column device"
                )
            loops.append(_checked(path, label, np.array(points)))
    if not loops:
        raise UserError("data has no sweeps: give it lines below the heading")
    return loops


def _factor(path: Path, line: int, heading: str, name: str, unit: str) -> float:
    stated = _UNIT.search(heading)
    written = next((group for group in stated.groups() if group), "") if stated else ""
    if not written.endswith(unit) or written[: -len(unit)] not in _PREFIXES:
        raise UserError(
            f"{path}, line {line}: column {name} needs its unit in the heading, as in "
            f"{name} [{unit}] or {name} [u{unit}], got {heading!r}"
        )
    return _PREFIXES[written[: -len(unit)]]


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
