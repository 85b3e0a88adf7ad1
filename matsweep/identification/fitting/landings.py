"""Jumps as a model: their chance against the state, and where they end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.rows import PROBABILITIES, Jumps

_NEAREST = 100  # jumps that a row is taken from
_LEAST = 20  # jumps, from which on their ends may depend on the state before
_PLACES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
_NEAR = 1e-3  # of the range: chances are not resolved within
_DIFFER = 3.0  # standard errors between chances

BoolArray = npt.NDArray[np.bool_]


def find_landings(
    before: FloatArray, after: FloatArray, rare: BoolArray, *, noise: float = 0.0
) -> Jumps | None:
    """Find chances and changes of the jumps of one polarity.

    The chance is the share of jumps among the changes near a state; neighbouring states have one
    chance unless theirs differ by three standard errors. The state after a jump depends on the one
    before by a straight line at most.

    Parameters
    ----------
    before : (change,) array, fractions of the range
        States before all changes of the polarity.
    after : (change,) array, fractions of the range
    rare : (change,) array of bool
        Whether a change is a jump.
    noise : float, fraction of the range
        Of a read, which is part of the state after.

    Returns
    -------
    Jumps or None
        None where there are no jumps.
    """
    if not rare.any():
        return None
    x, z = before[rare], after[rare]
    knots = np.sort(np.concatenate([np.quantile(before, _PLACES), np.quantile(x, _PLACES)]))
    knots = knots[np.concatenate([[True], np.diff(knots) > _NEAR])]
    rows = [np.quantile(_landed(x, z, knot, noise), PROBABILITIES) - knot for knot in knots]
    return Jumps(knots, _chances(before, rare, knots), np.array(rows))


def _landed(x: FloatArray, z: FloatArray, knot: float, noise: float) -> FloatArray:
    """Return the states after jumps from a knot: those after the nearest jumps, without noise."""
    near = np.argsort(np.abs(x - knot), kind="stable")[:_NEAREST]
    place, landing = x[near], z[near]
    spread = float(np.square(place - place.mean()).sum())
    slope = 0.0
    if near.size >= _LEAST and spread > 0:
        slope = float(np.clip(((place - place.mean()) * landing).sum() / spread, 0, 1))
    moved = landing + slope * (knot - place)
    square = float(moved.var())
    left = max(1 - noise**2 / square, 0.0) ** 0.5 if square > 0 else 0.0
    return np.clip(moved.mean() + left * (moved - moved.mean()), 0, 1)


def _chances(before: FloatArray, rare: BoolArray, knots: FloatArray) -> FloatArray:
    """Return the share (knot,) of jumps among the changes nearest to each knot, alike if unsure."""
    place = np.searchsorted((knots[1:] + knots[:-1]) / 2, before)
    number = np.bincount(place, minlength=knots.size).astype(float)
    count = np.bincount(place, rare, knots.size)
    members = np.ones(knots.size, int)
    while members.size > 1:
        distance = _distances(number, count)
        first = int(distance.argmin())
        if distance[first] >= _DIFFER:
            break
        for each in (number, count, members):
            each[first] += each[first + 1]
        number, count = np.delete(number, first + 1), np.delete(count, first + 1)
        members = np.delete(members, first + 1)
    return np.repeat(count / np.maximum(number, 1), members)


def _distances(number: FloatArray, count: FloatArray) -> FloatArray:
    """Differences between the shares of neighbours (n - 1,), in standard errors."""
    some = np.maximum(number, 1e-9)
    share = count / some
    pooled = (count[1:] + count[:-1]) / (some[1:] + some[:-1])
    error = np.sqrt(pooled * (1 - pooled) * (1 / some[1:] + 1 / some[:-1]))
    return np.where(error > 0, np.abs(np.diff(share)) / np.where(error > 0, error, 1), 0)
