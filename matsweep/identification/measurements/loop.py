"""I-V sweeps of one device, with the points at which the instrument limited the current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import BoolArray, IntArray

_LEAST = 20  # points of a device
_ZERO = 1e-3  # of the largest voltage


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One device's sweeps, one after the other.

    Parameters
    ----------
    device : str
    time : (n,) array, s
    voltage : (n,) array, V
        As programmed.
    current : (n,) array, A
    limited : (n,) array of bool
        Whether the instrument limits the current (compliance), so that the device has less than the
        programmed voltage. By default nowhere.
    cycle : (n,) array of int
        By default 0.
    notes : tuple of str
        Statements on what the file did not say, or on how it was understood.
    file : str
        Name of the file, for messages; of several, joined by "and".
    """

    device: str
    time: FloatArray
    voltage: FloatArray
    current: FloatArray
    limited: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    cycle: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    notes: tuple[str, ...] = ()
    file: str = ""

    def __post_init__(self) -> None:
        for name in ("limited", "cycle"):
            if getattr(self, name).size == 0:
                empty = np.zeros(self.voltage.shape, getattr(self, name).dtype)
                object.__setattr__(self, name, empty)


def where(loop: Loop) -> str:
    """Name the sweeps of a device, with their file.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    str
    """
    return f"{loop.file}: sweeps of {loop.device}" if loop.file else f"sweeps of {loop.device}"


def offset(loop: Loop) -> float:
    """Find the largest voltage of a loop that is an offset of the instrument, without polarity.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    float, V
        0.1 % of the largest voltage.
    """
    return _ZERO * float(np.abs(loop.voltage).max())


def runs_of(mask: BoolArray) -> list[IntArray]:
    """Find the indices of each run of true values.

    Parameters
    ----------
    mask : (n,) array of bool

    Returns
    -------
    list of (m,) array of int
    """
    at = np.flatnonzero(mask)
    return np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if at.size else []


def halves(loop: Loop) -> list[IntArray]:
    """Find the points of each excursion of the voltage from zero and back.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    list of (m,) array of int
        Indices, in the order of the sweep; voltages up to 0.1 % of the largest belong to none.
    """
    small = offset(loop)
    runs = []
    for cycle in np.unique(loop.cycle):
        for sign in (1, -1):
            runs += runs_of((loop.cycle == cycle) & (sign * loop.voltage > small))
    return sorted(runs, key=lambda run: int(run[0]))


def enough_points(loops: Sequence[Loop]) -> Sequence[Loop]:
    """Check that sweeps suffice for a fit.

    Parameters
    ----------
    loops : sequence of Loop

    Returns
    -------
    sequence of Loop
        The same.

    Raises
    ------
    UserError
        If a device has fewer than 20 points, or one polarity only, or nothing changes.
    """
    for loop in loops:
        if loop.time.size < _LEAST:
            raise UserError(
                f"{where(loop)} have {loop.time.size} points, at least {_LEAST} are needed"
            )
        if np.ptp(loop.voltage) == 0 or np.ptp(loop.current) == 0:
            raise UserError(f"{where(loop)}: voltage and current must change")
        if loop.voltage.max() <= 0 or loop.voltage.min() >= 0:
            raise UserError(
                f"{where(loop)} must have both polarities: one sets, the other resets; "
                "name the files of one device alike, as in a_set.csv a_reset.csv"
            )
    return loops
