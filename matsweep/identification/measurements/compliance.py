"""Compliance: points of a sweep at which the instrument limits the current."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.measurements.loop import Loop, halves, runs_of
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
        for half in halves(loop):
            mask[half] = _flat_top(np.abs(loop.voltage[half]), np.abs(loop.current[half]))
    else:
        mask = np.abs(loop.current) >= _FLAT * compliance
    if not mask.any():
        return loop
    marked = dataclasses.replace(loop, limited=mask)
    how = "recognised" if compliance is None else "stated"
    note = (
        f"device {loop.device}: compliance current {limits_in_words([marked])} ({how}); the fit "
        f"leaves {int(mask.sum())} of {mask.size} points out, and drives models with this limit"
    )
    return dataclasses.replace(marked, notes=(*loop.notes, note))


def limits(loop: Loop) -> FloatArray:
    """Limit of the current at each point of a loop.

    An instrument that limits the current in a part of a half is set to this limit for all of it.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    (n,) array, A
        Median current of the limited points of the same half; infinite where there are none.
    """
    limit = np.full(loop.voltage.shape, np.inf)
    if not loop.limited.any():
        return limit
    for half in halves(loop):
        own = half[loop.limited[half]]
        if own.size:
            limit[half] = float(np.median(np.abs(loop.current[own])))
    return limit


def limits_in_words(loops: Sequence[Loop]) -> str:
    """Compliance currents of sweeps, by polarity where they differ.

    Parameters
    ----------
    loops : sequence of Loop

    Returns
    -------
    str
        Empty where there is none.
    """
    values: dict[int, list[float]] = {1: [], -1: []}
    for loop in loops:
        limit = limits(loop)
        for sign, own in values.items():
            own += np.unique(limit[np.isfinite(limit) & (loop.voltage * sign > 0)]).tolist()
    parts = []
    for sign, own in values.items():
        if own:
            ends = dict.fromkeys(engineering(end, "A") for end in (min(own), max(own)))
            side = "positive" if sign > 0 else "negative"
            parts.append(f"{' to '.join(ends)} at {side} voltages")
    return " and ".join(parts)


def _flat_top(voltage: FloatArray, current: FloatArray) -> BoolArray:
    """Select the points (n,) of one half on which the current stays while the voltage moves."""
    mask = np.zeros(current.shape, bool)
    if current.size < _LEAST or not current.any():
        return mask
    for run in runs_of(current >= _FLAT * current.max()):
        if run.size >= _LEAST and np.ptp(voltage[run]) >= _SPAN * voltage.max():
            mask[run] = True
    return mask
