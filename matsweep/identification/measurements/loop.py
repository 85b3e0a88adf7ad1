"""I-V sweeps of one device, with the points at which the instrument limited the current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import BoolArray, IntArray

_LEAST = 20  # points of a device


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


def _where(loop: Loop) -> str:
    """Sweeps of a device in words, with their file."""
    return f"{loop.file}: sweeps of {loop.device}" if loop.file else f"sweeps of {loop.device}"


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
    clear = (np.abs(v) > 0.2 * np.abs(v).max()) & ~loop.limited
    g = np.abs(loop.current / np.where(clear, v, 1.0))
    g = np.log(np.maximum(g, 1e-6 * g[clear].max()))
    outward = np.gradient(np.abs(v)) > 0
    rises = 0.0
    for sign in (1, -1):
        half = clear & (v * sign > 0)
        if (half & outward).any() and (half & ~outward).any():
            rises += sign * float(g[half & ~outward].mean() - g[half & outward].mean())
    return 1 if rises >= 0 else -1


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
                f"{_where(loop)} have {loop.time.size} points, at least {_LEAST} are needed"
            )
        if np.ptp(loop.voltage) == 0 or np.ptp(loop.current) == 0:
            raise UserError(f"{_where(loop)}: voltage and current must change")
        if loop.voltage.max() <= 0 or loop.voltage.min() >= 0:
            raise UserError(
                f"{_where(loop)} must have both polarities: one sets, the other resets; "
                "name the files of one device alike, as in a_set.csv a_reset.csv"
            )
    return loops
