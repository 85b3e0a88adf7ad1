"""Compliance: points of a sweep at which the instrument limits the current."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.measurements.loop import Loop, halves, runs_of
from matsweep.identification.measurements.noise import point_noise
from matsweep.identification.measurements.sequence import BoolArray

_FLAT = 0.99  # of the largest current: instruments regulate better than 1 %
_LEAST = 3  # points of a flat top
_SPAN = 0.1  # of the largest voltage, over which the current stays: no conductor does that
_ABOVE, _NOISES, _NOISY = 0.02, 3.0, 0.5  # margin of a limit: least, in deviations, largest
_OVERSHOOT = 0.2  # of the points at a limit: so many at a SET may pass it before it is regulated


def limited(loop: Loop, compliance: float | None = None) -> Loop:
    """Mark the points of a sweep at which the current is limited.

    Parameters
    ----------
    loop : Loop
    compliance : float or None, A
        The limit; 0: there is none; None: it is where the current is within 1 % of its largest
        value over three points and a tenth of the largest voltage or more. A stated limit is that
        of the halves that it holds in: instruments often limit one polarity only.

    Returns
    -------
    Loop
        With `limited`, and a note where it marks any, or a limit is stated.
    """
    if compliance == 0:
        return loop
    mask = np.zeros(loop.voltage.shape, bool)
    parts = halves(loop)
    held, passed = 0, list[float]()
    for half in parts:
        current = np.abs(loop.current[half])
        if compliance is None:
            mask[half] = _flat_top(np.abs(loop.voltage[half]), current)
        elif _exceeds(current, compliance):
            passed.append(float(current.max()))
        else:
            mask[half] = current >= _FLAT * compliance
        held += bool(mask[half].any())
    if not mask.any() and compliance is None:
        return loop
    marked = dataclasses.replace(loop, limited=mask)
    if compliance is None:
        what = f"{limits_in_words([marked])} (recognised)"
    else:
        what = f"{limits_in_words([marked]) or engineering(compliance, 'A')} (stated)"
        what += f" holds in {held} of {len(parts)} halves"
        if passed:
            what += (
                f", and {len(passed)} exceed it, with up to {engineering(max(passed), 'A')}: they "
                "count as not limited"
            )
    note = f"device {loop.device}: compliance current {what}"
    if mask.any():
        note += (
            f"; the fit leaves {int(mask.sum())} of {mask.size} points out, and drives models with "
            "this limit"
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


def _exceeds(current: FloatArray, limit: float) -> bool:
    """Whether the currents (n,) of one half pass a limit clearly: it does not hold there.

    Clearly is by 2 %, and by three times the noise of the points. A few points may do so where a
    device sets before the instrument regulates.
    """
    noise = point_noise(np.log(current[current >= 0.5 * limit]))
    margin = min(max(_ABOVE, _NOISES * noise), _NOISY)
    reached = int((current >= (1 - margin) * limit).sum())
    above = int((current > (1 + margin) * limit).sum())
    return 2 * above > reached or (above >= _LEAST and above > _OVERSHOOT * reached)
