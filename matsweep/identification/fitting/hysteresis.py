"""Features of I-V sweeps: switching voltages, both resistances, and the direction of switching."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.measurements import Loop, runs_of
from matsweep.identification.measurements.sequence import BoolArray, IntArray

_LEAST = 3  # points of a branch
_DARK = 1e-7  # of the largest current: less counts as this
_START = 0.1  # of the peak, from which branches are compared
_CLEAR, _NOISES = 0.1, 4.0  # least hysteresis, as a logarithm, and in standard deviations


class Excursion(NamedTuple):
    """One half of a loop: the voltage leaves zero and comes back.

    Parameters
    ----------
    cycle : int
    peak : float, V
        With its sign.
    change : float
        Of ln G by the excursion: of the state it ends in from the state it began in, both read
        below half of the peak.
    switching : float, V
        With its sign, at which half of the hysteresis is passed; NaN where there is none.
    before, after : float, Ω
        At the read voltage; NaN where no points are near it.
    """

    cycle: int
    peak: float
    change: float
    switching: float
    before: float
    after: float


def excursions(loop: Loop, current: FloatArray, read_voltage: float) -> list[Excursion]:
    """Find the features of each half of a loop.

    Way out and way back are compared at the same voltages, so that a nonlinear but unchanging
    conductor has no hysteresis. The switching voltage is the largest at which the logarithm of
    the ratio of the currents still has half of its full size.

    Parameters
    ----------
    loop : Loop
    current : (n,) array, A
        Measured or modelled, at the loop's voltages.
    read_voltage : float, V

    Returns
    -------
    list of Excursion
        Without halves of which a way has fewer than three points.
    """
    floor = _DARK * np.abs(loop.current).max()
    size, voltage = np.maximum(np.abs(current), floor), np.abs(loop.voltage)
    found = []
    for part in _halves(loop):
        peak = int(np.argmax(voltage[part]))
        out, back = part[: peak + 1], part[peak:]
        if min(out.size, back.size) < _LEAST:
            continue
        sign = float(np.sign(loop.voltage[part[peak]]))
        top = float(voltage[part[peak]])
        change, switching = _compared(
            (voltage[out], size[out]), (voltage[back][::-1], size[back][::-1]), top
        )
        near = min(read_voltage, 0.9 * top)
        found.append(
            Excursion(
                cycle=int(loop.cycle[part[0]]),
                peak=sign * top,
                change=change,
                switching=sign * switching,
                before=_resistance(voltage[out], size[out], ~loop.limited[out], near),
                after=_resistance(voltage[back], size[back], ~loop.limited[back], near),
            )
        )
    return found


def _halves(loop: Loop) -> Iterator[IntArray]:
    """Yield the indices of each excursion to one polarity, in the order of the sweep."""
    small = 1e-3 * np.abs(loop.voltage).max()
    runs = []
    for cycle in np.unique(loop.cycle):
        for sign in (1, -1):
            runs += runs_of((loop.cycle == cycle) & (sign * loop.voltage > small))
    yield from sorted(runs, key=lambda run: int(run[0]))


def _compared(
    out: tuple[FloatArray, FloatArray], back: tuple[FloatArray, FloatArray], top: float
) -> tuple[float, float]:
    """Return the change of ln G by an excursion, and the size of its switching voltage."""
    ways = []
    for voltage, size in (out, back):
        order = np.argsort(voltage, kind="stable")
        ways.append((voltage[order], np.log(size[order])))
    low = max(_START * top, ways[0][0][0], ways[1][0][0])
    grid = np.linspace(low, top, max(out[0].size, back[0].size))
    ratio = np.interp(grid, *ways[1]) - np.interp(grid, *ways[0])
    lower = ratio[grid <= 0.5 * top]
    change = float(np.median(lower if lower.size else ratio))
    smooth = _medians(ratio) if grid.size >= 4 * _LEAST else ratio
    sign = np.sign(change)
    full = float(np.quantile(np.maximum(sign * smooth, 0), 0.9))
    noise = float(np.median(np.abs(np.diff(ratio)))) / 0.954  # of one: of the difference of two
    if full < max(_CLEAR, _NOISES * noise):
        return change, float("nan")
    above = np.flatnonzero(sign * smooth >= 0.5 * full)
    last = int(above[-1])
    if last == grid.size - 1:
        return change, float(grid[-1])
    a, b = (float(sign * smooth[k]) for k in (last, last + 1))
    share = (a - 0.5 * full) / (a - b)
    return change, float(grid[last] + share * (grid[last + 1] - grid[last]))


def _medians(values: FloatArray) -> FloatArray:
    """Return the running medians of three."""
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], inner, values[-1:]])


def _resistance(
    voltage: FloatArray, size: FloatArray, free: BoolArray, read_voltage: float
) -> float:
    """Return the median resistance [Ω] at voltages within a half of the read voltage."""
    near = free & (np.abs(voltage - read_voltage) <= 0.5 * read_voltage)
    return float(np.median(voltage[near] / size[near])) if near.any() else float("nan")
