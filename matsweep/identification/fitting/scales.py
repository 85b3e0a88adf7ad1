"""Factors of devices on a common curve of steps, counted in pulses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.curve import Curve, find_curve

_LEAST, _MOST = 0.02, 50.0
_ROUNDS = 8
_SETTLED = 1e-3
_SURE = 2.0  # standard errors of the variance between devices
_FULL = 1 - 1e-6  # of the room: a step of this size ends at the bound, whatever its factor

IntArray = npt.NDArray[np.integer]


class Scaled(NamedTuple):
    """Curve of the median device, and the devices' factors on it.

    Parameters
    ----------
    curve : Curve
    change : (change,) array, fractions of the range
        Of the median device in the same place.
    scales : (device,) array
        Pulses of the median device that one of each device is worth; NaN where it has no changes.
    variance : float
        Of the logarithms of the scales, less the part of the noise of pulses.
    """

    curve: Curve
    change: FloatArray
    scales: FloatArray
    variance: float


def find_scales(state: FloatArray, change: FloatArray, device: IntArray, *, up: bool) -> Scaled:
    """Find curve and factors of changes of one polarity, in turns.

    A step that goes the share φ of the way to the bound has the dose -ln(1 - φ); a factor
    multiplies doses, so that devices with large steps do not overshoot.

    Parameters
    ----------
    state : (change,) array, fractions of the range
    change : (change,) array, fractions of the range
    device : (change,) array of int
    up : bool

    Returns
    -------
    Scaled
    """
    known, index = np.unique(device, return_inverse=True)
    scales = np.ones(known.size)
    if known.size == 1:
        return Scaled(find_curve(state, change), change, np.ones(int(known[0]) + 1), 0.0)
    sign, room = (1, 1 - state) if up else (-1, state)
    measured = _dose(sign * change, room)
    for _ in range(_ROUNDS):
        bare = sign * _undone(sign * change, room, measured, scales[index])
        curve = find_curve(state, bare)
        dose = _dose(sign * curve.at(state), room)
        # Weighted by the room: doses next to the bound are noise over nothing.
        whole = np.bincount(index, room * dose)
        moves = whole > 1e-9
        fresh = np.bincount(index, room * measured) / np.where(moves, whole, 1.0)
        fresh = np.clip(np.where(moves, fresh, 1.0), _LEAST, _MOST)
        fresh /= np.exp(np.log(fresh).mean())
        settled = np.abs(np.log(fresh / scales)).max() < _SETTLED
        scales = fresh
        if settled:
            break
    rest = room * (measured - scales[index] * dose)
    error = np.bincount(index, rest**2) / np.where(moves, whole * scales, 1.0) ** 2
    variance = float(np.log(scales).var(ddof=1) - error.mean())
    if variance <= _SURE * float(error.mean()) * (2 / (known.size - 1)) ** 0.5:
        # Devices do not differ by more than noise.
        return Scaled(find_curve(state, change), change, np.ones(int(known.max()) + 1), 0.0)
    out = np.full(int(known.max()) + 1, np.nan)
    out[known] = scales
    bare = sign * _undone(sign * change, room, measured, scales[index])
    return Scaled(find_curve(state, bare), bare, out, variance)


def spreads(up: Scaled, down: Scaled) -> FloatArray:
    """Covariance (2, 2) between devices of the logarithms of both factors.

    Parameters
    ----------
    up : Scaled
    down : Scaled

    Returns
    -------
    (2, 2) array
    """
    size = min(up.scales.size, down.scales.size)
    both = np.log(np.stack([up.scales[:size], down.scales[:size]]))
    both = both[:, np.isfinite(both).all(axis=0)]
    shared = float(np.cov(both)[0, 1]) if both.shape[1] > 1 else 0.0
    return np.array([[up.variance, shared], [shared, down.variance]])


def _dose(step: FloatArray, room: FloatArray) -> FloatArray:
    """Return doses of steps, positive in the direction of the pulse."""
    share = np.where(room > 0, step / np.where(room > 0, room, 1), 0)
    return -np.log1p(-np.clip(share, -_FULL, _FULL))


def _undone(step: FloatArray, room: FloatArray, dose: FloatArray, scale: FloatArray) -> FloatArray:
    """Return steps (change,) without the factor of their device."""
    inside = (step > 0) & (step < _FULL * room)
    moved = -room * np.expm1(-dose / scale)
    return np.where(inside, moved, np.where(step > 0, step, step / scale))
