"""Search for the parameters of one device's sweeps: starting points, then a polish."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.fitting.loop_problem import (
    HOPELESS,
    POLISHED,
    SEARCHED,
    Minimum,
    Problem,
)
from matsweep.identification.measurements.sequence import BoolArray

BRIEF = 30
"""Evaluations by which a starting point is improved."""

_DRAWN, _IMPROVED = 300, 8  # starting points; those that are improved
_LONG = 100  # evaluations of the best
_HOPEFUL = 0.15  # misfit above which no long search follows: another kind is wanted
_AGREED = 1.01  # of the least sum of squares: two starting points this near end the search
_AS_GOOD = 2.0  # times another device's misfit at most, to begin from its parameters


class Fitted(NamedTuple):
    """Model, state at the beginning and residuals of one device's fit.

    Parameters
    ----------
    model : CompiledModel
    state : float
    theta : (p + 1,) array
        Searched values: logarithms (logits of shares), and the logit of the state.
    slopes : (p + 1,) array
        Of the parameters with respect to theta.
    at_limit : (p + 1,) array of bool
        Whether a searched value ended at a limit of the search.
    residuals : (n,) array
        In the order of the sweep.
    jacobian : (n, p + 1) array
    rivals : tuple of Minimum
        Those that other starting points led to, the best first.
    reached : bool
        Whether the last search ended at a minimum, or within a standard error of one.
    """

    model: CompiledModel
    state: float
    theta: FloatArray
    slopes: FloatArray
    at_limit: BoolArray
    residuals: FloatArray
    jacobian: FloatArray
    rivals: tuple[Minimum, ...]
    reached: bool = True

    @property
    def misfit(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))


def fitted(problem: Problem, seed: int, other: Fitted | None) -> Fitted:
    """Fit one device; another device's parameters, if any, are tried first.

    Parameters
    ----------
    problem : Problem
    seed : int
        Of the starting points.
    other : Fitted or None

    Returns
    -------
    Fitted

    Raises
    ------
    UserError
        If no starting point can be simulated.
    """
    coarse = problem.coarse()
    rivals = _searched(coarse, seed, other)
    cost, best, _ = rivals[0]
    misfit = np.sqrt(cost / coarse.wanted.size)
    _, theta, ended = problem.minimised(best, POLISHED, _LONG if misfit < _HOPEFUL else BRIEF)
    residuals = problem.residuals(theta[None], POLISHED[0])[0]
    if np.abs(residuals).min() >= HOPELESS:
        raise UserError(
            f"{problem.loop.device}: no starting point can be simulated; give start, a material "
            "near it"
        )
    margin = 1e-3 * (problem.high - problem.low)
    at_limit = (theta < problem.low + margin) | (theta > problem.high - margin)
    jacobian = problem.jacobian(theta, *POLISHED)
    model, state = problem.modelled(theta)
    return Fitted(
        model=model,
        state=float(state),
        theta=theta,
        slopes=problem.slopes(theta),
        at_limit=at_limit,
        residuals=residuals,
        jacobian=jacobian,
        rivals=tuple(rivals),
        reached=ended or _gain(residuals, jacobian[:, ~at_limit]) < 1.0,
    )


def _gain(residuals: FloatArray, jacobian: FloatArray) -> float:
    """Return by how much one more step lowers chi-squared, if the model is linear within it."""
    step = np.linalg.lstsq(jacobian, -residuals, rcond=1e-6)[0]
    lowered = residuals @ residuals - np.sum((residuals + jacobian @ step) ** 2)
    return float(lowered) / max(float(np.mean(residuals**2)), 1e-300)


def _searched(problem: Problem, seed: int, other: Fitted | None) -> list[Minimum]:
    """Return the minima of several starting points, improved, the best improved most."""
    if other is not None:
        near = problem.minimised(other.theta, SEARCHED, _LONG)
        if np.sqrt(near.cost / problem.wanted.size) <= _AS_GOOD * other.misfit:
            return [near]
    brief = list[Minimum]()
    for point in _points(problem, seed):
        brief.append(problem.minimised(point, SEARCHED, BRIEF))
        brief.sort(key=lambda one: one.cost)
        if len(brief) >= 4 and brief[1].cost <= _AGREED * brief[0].cost:
            break
    return [problem.minimised(brief[0].theta, SEARCHED, _LONG), *brief[1:]]


def _points(problem: Problem, seed: int) -> FloatArray:
    """Draw starting points (m, p + 1), and keep those that describe the loop best, best first."""
    rng = np.random.default_rng(seed)
    drawn = problem.first + problem.spread * rng.standard_normal((_DRAWN, problem.first.size))
    for k, state in enumerate((-3.0, 3.0, 0.0)):
        drawn[k] = np.append(problem.first[:-1], state)
    drawn = np.clip(drawn, problem.low, problem.high)
    costs = (problem.residuals(drawn, SEARCHED[0]) ** 2).sum(axis=1)
    return drawn[np.argsort(costs, kind="stable")[:_IMPROVED]]
