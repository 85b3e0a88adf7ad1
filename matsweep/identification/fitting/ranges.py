"""Bounds of the range, for formulas whose steps do not need to vanish there.

A bound is determined if the log-likelihood drops when it is moved outward, all else estimated
again: because steps vanish towards it (powers), or devices come to rest at it (straight steps).
Else every range that holds the states describes the data alike, and the one visited is taken.
"""

from __future__ import annotations

import copy

import numpy as np

from matsweep.identification.fitting.population import Array
from matsweep.identification.fitting.scoring import COARSE, Problem

_INSIDE = 2.5  # standard deviations of a read within the outermost states
_FAR = 4.0  # standard errors that a bound is moved outward
_LEAST_FAR = 0.05  # of the range
_TRIES = 20
_DROP = 4.0  # of the log-likelihood: 2.8 standard deviations, for bounds are looked for
_OUTWARD = {"g_min": np.array([-1.0, 1.0]), "g_max": np.array([0.0, 1.0])}  # of (low, width)


def free_range(problem: Problem) -> Problem:
    """Free the bounds that the data determine, in a begun problem whose range is that visited.

    Devices that rest at a bound are found from within only: there the search begins. If one bound
    is determined, it is held at its estimate, and the other where it is.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Problem
        With `unknown` and `bound_errors`.
    """
    margin = _INSIDE * float(problem.shared[0]) ** 0.5
    free = _moved(problem, problem.shared[3:] + margin * np.array([1.0, -2.0]), free=True)
    free.search(enough=COARSE)
    problem.unknown = frozenset(_OUTWARD)
    if _cost(free) > _cost(problem) - _DROP:
        return problem
    errors = free.solution().range_errors
    known = {
        name
        for (name, way), error in zip(_OUTWARD.items(), errors, strict=True)
        if _drops(free, way, float(error))
    }
    if len(known) == 2:
        return free
    if not known:
        return problem
    low, width = problem.shared[3:]
    ends = {"g_min": low, "g_max": low + width}
    bounds = {"g_min": free.shared[3], "g_max": free.shared[3] + free.shared[4]}
    low, high = ({**ends, **{name: bounds[name] for name in known}}[name] for name in ends)
    half = _moved(problem, np.array([low, high - low]), free=False)
    half.search(enough=COARSE)
    half.unknown = frozenset(_OUTWARD) - known
    half.bound_errors = np.where([name in known for name in _OUTWARD], errors, 0.0)
    return half


def _drops(free: Problem, way: Array, error: float) -> bool:
    """Return whether the log-likelihood drops if a bound is moved outward.

    The search ends as soon as the answer is plain.
    """
    far = max(_FAR * error, _LEAST_FAR * float(free.shared[4]))
    moved = _moved(free, free.shared[3:] + far * way, free=False)
    base = _cost(free)
    for _ in range(_TRIES):
        ahead = moved.ahead()
        drop = _cost(moved) - base
        if drop < _DROP or drop - 2 * ahead > _DROP or ahead < COARSE:
            break
        moved.search(steps=2, enough=COARSE)
    return _cost(moved) - base > _DROP


def _moved(problem: Problem, bounds: Array, *, free: bool) -> Problem:
    """Return a copy with other bounds (low, width)."""
    moved = copy.copy(problem)
    moved.open = np.concatenate([problem.open[:3], [free, free]])
    moved.shared = np.concatenate([problem.shared[:3], bounds])
    moved.unknown = frozenset()
    return moved


def _cost(problem: Problem) -> float:
    return problem.cost(problem.theta, problem.shared)
