"""Confidence intervals from profiles of the restricted likelihood.

A parameter is held at a value, all others are estimated again, and the log-likelihood drops by d.
The signed root r = ±√(2 d) is standard normal at the true value, also where the estimate is far
from normal or lies at its bound 0: there it is one half of the time 0 (chi-bar-square), and r =
1.645 is the upper limit of 95 %.

References
----------
S. Self, K.-Y. Liang, J. Am. Stat. Assoc. 82:605, 1987, doi:10.1080/01621459.1987.10478472 (bounds);
D. Cox, N. Reid, J. R. Stat. Soc. B 49:1, 1987, doi:10.1111/j.2517-6161.1987.tb01422.x (adjusted
profiles).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matsweep.identification.fitting.population import Array
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.statespace import NOISES, Estimate

LIMIT = 1.645  # signed root at the upper limit, 95 % one-sided
SURE = 2.0  # signed root at zero, from which on a value is distinguished from zero
_TWO_SIDED = 1.96
_CLEAR = 8.0  # standard errors of a variance from zero, beyond which its logarithm is normal
_CLOSE = 0.05  # of a signed root, to which its target is found
_TRIES = 7
_STEEPEST = 4.0  # power of a root between two points
_NEAR = 0.25  # of a signed root: a target that is missed by more is not determined
_ENOUGH = 5e-3  # gain in log-likelihood, below which a search for a profile ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A parameter >= 0 against the signed root of its likelihood.

    Parameters
    ----------
    values : (point,) array
        Ascending; the first is 0 where the likelihood at zero is known.
    roots : (point,) array
        Ascending; negative below the estimate.
    determined : bool
        Whether the search came to all roots that it looked for; else limits are extrapolated.
    """

    values: Array
    roots: Array
    determined: bool = True

    def at(self, root: float) -> float:
        """Interpolate the value at a signed root; beyond the points, by the nearest two.

        Parameters
        ----------
        root : float

        Returns
        -------
        float
            At least 0.
        """
        r, v = self.roots, self.values
        if root < r[0] and v[0] <= 0:
            return 0.0
        if len(r) > 1 and not r[0] <= root <= r[-1]:
            a, b = (0, 1) if root < r[0] else (-2, -1)
            slope = (v[b] - v[a]) / max(r[b] - r[a], 1e-12)
            return max(float(v[a] + slope * (root - r[a])), 0.0)
        return float(np.interp(root, r, v))

    @property
    def unclear(self) -> bool:
        """Whether zero is not ruled out by two standard deviations."""
        return bool(self.values[0] <= 0 and self.roots[0] > -SURE)

    def scaled(self, unit: float) -> Curve:
        """Return the curve of the parameter in another unit.

        Parameters
        ----------
        unit : float

        Returns
        -------
        Curve
        """
        return dataclasses.replace(self, values=self.values / unit)


def explore(
    drop: Callable[[float], float],
    best: float,
    error: float,
    *,
    above: tuple[float, ...] = (LIMIT, _TWO_SIDED),
    below: tuple[float, ...] = (LIMIT, _TWO_SIDED),
) -> Curve:
    """Find a parameter's values where its log-likelihood has dropped by what limits need.

    Between points the root is taken as a power of the distance from the estimate: 1 inside, 1/2
    where the estimate is at a bound.

    Parameters
    ----------
    drop : callable
        Of the log-likelihood, at a value >= 0.
    best : float
        The estimate, where it is 0.
    error : float
        Standard error, of any accuracy.
    above : tuple of float
        Signed roots that are looked for above the estimate.
    below : tuple of float
        Those below, without sign.

    Returns
    -------
    Curve
    """
    upper = _side(drop, best, error, 1.0, above)
    points = [(best, 0.0), *upper]
    missed = _missed(upper, above)
    if best > 0:
        at_zero = _root(drop(0.0))
        points.append((0.0, -at_zero))
        reached = tuple(root for root in below if root < at_zero)
        lower = _side(drop, best, min(error, 0.4 * best), -1.0, reached)
        points += [(value, -root) for value, root in lower]
        missed |= _missed(lower, reached)
    points.sort()
    values, roots = np.array(points).T
    return Curve(values=values, roots=np.maximum.accumulate(roots), determined=not missed)


def _missed(points: list[tuple[float, float]], targets: tuple[float, ...]) -> bool:
    """Whether no point of a side is near one of the roots looked for."""
    return any(min(abs(root - target) for _, root in points) > _NEAR for target in targets)


def _root(drop: float) -> float:
    return float(np.sqrt(max(2 * drop, 0.0)))


def _side(
    drop: Callable[[float], float],
    best: float,
    error: float,
    sign: float,
    targets: tuple[float, ...],
) -> list[tuple[float, float]]:
    """Return values on one side, and their roots without sign."""
    points = list[tuple[float, float]]()
    for target in targets:
        away = _guess(points, target, error)
        for _ in range(_TRIES):
            away = away if sign > 0 else min(away, best)
            root = _root(drop(best + sign * away))
            points.append((away, root))
            away = _guess(points, target, error)
            if abs(root - target) < _CLOSE:
                break
    return [(best + sign * away, root) for away, root in points]


def _guess(points: list[tuple[float, float]], target: float, error: float) -> float:
    """Return the distance at which a root is expected, from the two points nearest to it."""
    if not points:
        return target * error
    near = sorted(points, key=lambda point: abs(point[1] - target))[:2]
    far, root = near[0]
    if root <= 0:
        return 4 * far
    power = 1.0
    if len(near) > 1 and near[1][1] > 0 and near[1][0] != far:
        ratio = np.log(near[1][1] / root) / np.log(near[1][0] / far)
        # Between both the curve itself is followed; beyond, with care.
        steepest = _STEEPEST if (root - target) * (near[1][1] - target) < 0 else 1.2
        power = float(np.clip(ratio, 0.4, steepest)) if np.isfinite(ratio) else 1.0
    return far * float(np.clip((target / root) ** (1 / power), 0.1, 8.0))


def noise_curves(
    problem: Problem, estimate: Estimate, always: frozenset[str] = frozenset()
) -> dict[int, Curve]:
    """Profile the noises that a normal distribution does not describe.

    Parameters
    ----------
    problem : Problem
        Solved, by restricted likelihood.
    estimate : Estimate
        Its estimate.
    always : frozenset of str
        Noises to be profiled whatever they are.

    Returns
    -------
    dict of int to Curve
        Standard deviations, by their place in `Estimate.shared`.
    """
    base = problem.restricted_cost()
    curves = dict[int, Curve]()
    for k in np.flatnonzero(problem.open[:3]):
        variance = float(estimate.shared[k])
        error = float(np.sqrt(max(estimate.covariance[k, k], 0.0)))
        if variance > _CLEAR * error > 0 and NOISES[k] not in always:
            continue
        curve = explore(_drop(problem, int(k), base), variance, max(error, problem.turns()[k]))
        curves[int(k)] = dataclasses.replace(curve, values=np.sqrt(curve.values))
    return curves


def _drop(problem: Problem, k: int, base: float) -> Callable[[float], float]:
    """Return the drop of the log-likelihood with a noise's variance held."""
    held = copy.copy(problem)
    held.open = problem.open & (np.arange(5) != k)

    def drop(variance: float) -> float:
        held.shared = np.where(np.arange(5) == k, variance, held.shared)
        held.search(enough=_ENOUGH, restricted=True)
        return held.restricted_cost() - base

    return drop
