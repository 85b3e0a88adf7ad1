"""Compliance: points of a sweep at which the instrument limits the current."""

from __future__ import annotations

import dataclasses

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.measurements.loop import Loop, runs_of
from matsweep.identification.measurements.sequence import BoolArray

_FLAT = 0.99  # of the largest current: instruments regulate better than 1 %
_LEAST = 3  # points of a flat top
_SPAN = 0.1  # of the largest voltage, over which the current stays: no conductor does that


def limited(loop: Loop, compliance: float | None = None) -> Loop:
    """Mark the points of a sweep at which the current is limited.

    Parameters
    ----------
    loop : Loop
    compliance : float or None, A
        The limit; 0: there is none; None: it is where the current is within 1 % of its largest
        value over three points and a tenth of the largest voltage or more.

    Returns
    -------
    Loop
        With `limited`, and a note where it marks any.
    """
    if compliance == 0:
        return loop
    if compliance is None:
        mask = np.zeros(loop.voltage.shape, bool)
        for cycle in np.unique(loop.cycle):
            for sign in (1, -1):
                half = (loop.cycle == cycle) & (loop.voltage * sign > 0)
                mask |= _flat_top(np.abs(loop.voltage), np.abs(loop.current), half)
    else:
        mask = np.abs(loop.current) >= _FLAT * compliance
    if not mask.any():
        return loop
    top = engineering(float(np.abs(loop.current[mask]).max()), "A")
    note = (
        f"{int(mask.sum())} of {mask.size} points of device {loop.device} are under compliance "
        f"({top}): the fit leaves them out"
    )
    return dataclasses.replace(loop, limited=mask, notes=(*loop.notes, note))


def _flat_top(voltage: FloatArray, current: FloatArray, half: BoolArray) -> BoolArray:
    """Select the points (n,) of one half on which the current stays while the voltage moves."""
    mask = np.zeros(half.shape, bool)
    if half.sum() < _LEAST or not current[half].any():
        return mask
    for run in runs_of(half & (current >= _FLAT * current[half].max())):
        if run.size >= _LEAST and np.ptp(voltage[run]) >= _SPAN * voltage[half].max():
            mask[run] = True
    return mask
