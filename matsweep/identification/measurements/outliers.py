"""Isolated readings off the course of a device: faults of a contact or of the writing of a file.

A device stays where a pulse has left it. A reading far from the one before and from the one after,
which agree with each other, so shows no state of the device, if one of both changes goes against
its pulse.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import BoolArray, Sequence

_FAR = 10.0  # robust standard deviations of readings about the mean of their neighbours
_ROBUST = 0.6745  # median of |z| of a normal distribution
_SHARE = 0.1  # of the device's range without them, at least
_BACK = 0.25  # of the distance, within which both neighbours agree
_APART = 2.0  # times the largest distance of all other readings: no tail of a noise
_MOST = 0.01  # of a device's readings: more of them are a property of the device
_FEW = 20  # readings, below which none is judged
_NAMED = 5  # lines in a message


def refuse_outliers(path: str, sequences: Ordered[Sequence]) -> None:
    """Refuse a file with isolated readings off the course of their device.

    Parameters
    ----------
    path : str
        For messages.
    sequences : sequence of Sequence

    Raises
    ------
    UserError
        Names their lines.
    """
    named = list[str]()
    for each in sequences:
        for at in np.flatnonzero(isolated(each)):
            before, read, after = (1e6 * each.reads[k] for k in (at - 1, at, at + 1))
            named.append(
                f"line {each.line[at]} (device {each.device}) reads {read:.3g} µS between "
                f"{before:.3g} and {after:.3g} µS"
            )
    if not named:
        return
    listed = "; ".join(named[:_NAMED])
    if len(named) > _NAMED:
        listed += f"; and {len(named) - _NAMED} more"
    it = "it" if len(named) == 1 else "them"
    raise UserError(
        f"{path}: {listed}: no pulse moves a device there and back; leave {it} out (the pulses "
        f"keep their numbers), or give plausible=false to keep {it} as data"
    )


def isolated(own: Sequence) -> BoolArray:
    """Mark isolated readings off the course of a device.

    Parameters
    ----------
    own : Sequence

    Returns
    -------
    (n,) array of bool
        Nowhere true if they are frequent, as in telegraph noise.
    """
    reads, none = own.reads, np.zeros(own.reads.size, bool)
    off, judged = _distances(own)
    if judged.sum() < _FEW:
        return none
    size = np.where(judged, np.abs(off), 0.0)
    far = size > _FAR * float(np.median(size[judged])) / _ROBUST
    far &= np.abs(np.roll(reads, -1) - np.roll(reads, 1)) < _BACK * size
    near = far | np.roll(far, 1) | np.roll(far, -1)
    if not far.any() or near.all():
        return none
    far &= size > _SHARE * float(np.ptp(reads[~far]))
    far &= size > _APART * float(size[~near].max(initial=0.0))
    return none if far.sum() > max(1, _MOST * reads.size) else far


def _distances(own: Sequence) -> tuple[FloatArray, BoolArray]:
    """Distances (n,) of reads from the mean of both neighbours, and which of them are judged.

    Judged are reads within a record, one of whose changes goes against its pulse, or has none.
    """
    size = own.reads.size
    off, judged = np.zeros(size), np.zeros(size, bool)
    if size < 3:
        return off, judged
    change = np.diff(own.reads)
    off[1:-1] = (change[:-1] - change[1:]) / 2
    against = change * own.pulses[1:] <= 0
    known = own.linked[1:-1] & own.linked[2:]
    alike = own.pulses[1:-1] == own.pulses[2:]
    judged[1:-1] = known & (alike | (against[:-1] & against[1:]))
    return off, judged
