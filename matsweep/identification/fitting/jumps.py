"""Jumps among the changes by pulses: rare events that the states nearby do not explain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

_WINDOW = 41  # changes at neighbouring states
_LEAST = 12  # changes, below which nothing is called rare
_ALONE = 40  # changes of a device, from which on it is looked at by itself
_CLIP, _CLIPS = 4.0, 6  # standard deviations of the regular changes of a window, and rounds
_QUARTER = 0.6373  # width of the middle quarter of a normal distribution, standard deviations
_FAR = 6.0  # standard deviations from the regular changes, from which on a change is a jump
_STEEP = 1.5  # slope of a response that does not jump; states that do not overtake have 1 at most
_NEAREST = 5  # regular changes that a change is compared with
_STILL = 1e-7  # of the range: changes up to here are no events

BoolArray = npt.NDArray[np.bool_]


def find_jumps(
    state: FloatArray, change: FloatArray, up: BoolArray, device: npt.NDArray[np.integer]
) -> BoolArray:
    """Find jumps among changes.

    The regular changes at a state are those around the densest quarter of the changes at the
    nearest states. A jump is farther from the regular changes next to it than noise (6 standard
    deviations) and the difference of their states explain: a response that falls steeply from one
    state to the next is none. Devices with 40 changes of a polarity are looked at one by one, so
    that a fast device does not jump among slow ones.

    Parameters
    ----------
    state : (change,) array, fractions of the range
        Before the pulse.
    change : (change,) array, fractions of the range
    up : (change,) array of bool
    device : (change,) array of int

    Returns
    -------
    (change,) array of bool
    """
    jumps = np.zeros(state.size, bool)
    for way in (up, ~up):
        rest = way.copy()
        for own in np.unique(device[way]):
            mask = way & (device == own)
            if mask.sum() >= _ALONE:
                jumps[mask] = _far(state[mask], change[mask])
                rest &= ~mask
        if rest.sum() >= _LEAST:
            jumps[rest] = _far(state[rest], change[rest])
    return jumps


def _far(state: FloatArray, change: FloatArray) -> BoolArray:
    """Mark changes (n,) that neither noise nor the response at other states explains."""
    order = np.argsort(state, kind="stable")
    x, d = state[order], change[order]
    centre, sigma = _regular(d)
    regular = np.abs(d - centre) <= _CLIP * sigma
    far = np.zeros(d.size, bool)
    if regular.sum() < _NEAREST:
        return far
    x_regular, d_regular, count = x[regular], d[regular], int(regular.sum())
    for i in np.flatnonzero(~regular):
        place = int(np.searchsorted(x_regular, x[i]))
        near = np.arange(max(place - _NEAREST, 0), min(place + _NEAREST, count))
        near = near[np.argsort(np.abs(x_regular[near] - x[i]), kind="stable")[:_NEAREST]]
        off = np.abs(d[i] - d_regular[near]) - _STEEP * np.abs(x[i] - x_regular[near])
        far[i] = np.median(off) > _FAR * sigma[i]
    out = np.zeros(d.size, bool)
    out[order] = far
    return out


def _regular(d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre and deviation (n,) of the regular changes around each, in order of states."""
    n = d.size
    size = min(_WINDOW, n)
    start = np.clip(np.arange(n) - size // 2, 0, n - size)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(d, size), axis=1)
    quarter = max(3, -(-size // 4))
    width = windows[:, quarter - 1 :] - windows[:, : size - quarter + 1]
    first = width.argmin(axis=1)
    rows = np.arange(len(windows))
    low, high = windows[rows, first], windows[rows, first + quarter - 1]
    centre, sigma = (low + high) / 2, np.maximum((high - low) / _QUARTER, _STILL)
    for _ in range(_CLIPS):
        inside = np.abs(windows - centre[:, None]) <= _CLIP * sigma[:, None]
        count = np.maximum(inside.sum(axis=1), 1)
        centre = (windows * inside).sum(axis=1) / count
        square = (np.square(windows - centre[:, None]) * inside).sum(axis=1) / count
        sigma = np.maximum(np.sqrt(square), _STILL)
    return centre[start], sigma[start]
