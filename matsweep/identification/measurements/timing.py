"""Times of the points of sweeps: as measured, by a rate, or evenly spaced."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import IntArray

_RATE = 1.0  # V/s, where the file states nothing; common in quasi-static sweeps
_BEGINNING = 0.01  # of a cycle's duration: a time that falls back to it begins a new cycle


class Timed(NamedTuple):
    """Time (n,) s from 0 on, cycle (n,), and a note, empty where the time was measured."""

    time: FloatArray
    cycle: IntArray
    note: str


def measured_time(where: str, time: FloatArray, cycle: IntArray) -> Timed:
    """Join the times of cycles, each of which may begin at 0 again.

    Parameters
    ----------
    where : str
        For messages.
    time : (n,) array, s
    cycle : (n,) array of int
        As stated.

    Returns
    -------
    Timed

    Raises
    ------
    UserError
        If the time falls, but not to the beginning.
    """
    parts, begin = list[FloatArray](), 0
    for k in range(1, time.size + 1):
        if k < time.size and cycle[k] == cycle[k - 1] and time[k] >= time[k - 1]:
            continue
        parts.append(time[begin:k])
        if k < time.size and time[k] < time[k - 1]:
            span = time[k - 1] - time[begin]
            if cycle[k] == cycle[k - 1] and time[k] > time[begin] + _BEGINNING * span:
                raise UserError(
                    f"{where}: time falls from {time[k - 1]:g} to {time[k]:g} s; give points in "
                    "their order, and cycles in a column cycle"
                )
        begin = k
    joined, end = list[FloatArray](), 0.0
    for k, part in enumerate(parts):
        step = float(np.median(np.diff(part))) if part.size > 1 else 0.0
        joined.append(part if k and part[0] > end else part - part[0] + end + (step if k else 0.0))
        end = float(joined[-1][-1])
    counted = np.repeat(np.arange(len(parts)), [part.size for part in parts])
    whole = np.concatenate(joined)
    return Timed(whole - whole[0], counted if np.ptp(cycle) == 0 else cycle, "")


def time_of_rate(voltage: FloatArray, cycle: IntArray, rate: float | None) -> Timed:
    """Compute the times of points from the rate of the sweep.

    Parameters
    ----------
    voltage : (n,) array, V
    cycle : (n,) array of int
    rate : float or None
        V/s; None: points are evenly spaced, with a mean rate of 1 V/s.

    Returns
    -------
    Timed
    """
    steps = np.abs(np.diff(voltage))
    if rate is None:
        step = float(steps.mean()) / _RATE if steps.any() else 1.0
        note = (
            f"no column has the time: points are taken as evenly spaced, at {_RATE:g} V/s on "
            "average; velocities scale with it, so give theirs in V/s, as in rate=0.1"
        )
        return Timed(step * np.arange(voltage.size), cycle, note)
    # Points of one voltage, such as two at a peak, are as far apart as others.
    held = float(np.median(steps[steps > 0])) if steps.any() else 1.0
    time = np.cumsum(np.where(steps > 0, steps, held)) / rate
    return Timed(np.concatenate([[0.0], time]), cycle, f"times are those of {rate:g} V/s")
