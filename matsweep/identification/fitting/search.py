"""Least squares of a dynamical model on one device's sweeps: starting points, then a polish."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.sequence import BoolArray, IntArray

_FLOOR = 0.01  # of the largest current: below it residuals are linear in the current
_DRAWN, _IMPROVED = 300, 8  # starting points; those that are improved
_BRIEF, _LONG, _TRACED = 30, 100, 8  # evaluations of each; of the best; along a valley
_TRUSTED = 0.08  # misfit above which a model is not quite right, and its errors mean little
_HOPEFUL = 0.15  # misfit above which no long search follows: another kind is wanted
_AGREED = 1.01  # of the least sum of squares: two starting points this near end the search
_AS_GOOD = 2.0  # times another device's misfit at most, to begin from its parameters
_HOPELESS = 20.0  # residual of parameters that cannot be simulated
_COARSE = 150  # points of the sweep that the search uses
_SEARCHED, _POLISHED = (1e-5, 1e-3), (1e-8, 1e-4)  # tolerance of the solver; step of slopes
_NARROW, _WIDE = np.log(1e3), 60.0  # half ranges of logarithms about the starting point
_STATE = 15.0  # half range of the logit of the state at the beginning
_SPREAD, _SPREAD_WIDE = 0.7, 1.5  # of the logarithms of starting points
_UNKNOWN = 1e-9  # of the largest information: directions with less are not determined
_DETERMINED = 0.5  # of a parameter: a larger error does not separate it from 0 at 95 %
_PROFILE, _MOST_STEP = (3.0, 9.0, 27.0), 0.2  # steps of a profile in standard errors; at most
_CLEARLY = 1.3  # times the linear error: a larger one shows that the model is not linear
_WITHIN = 9.0  # chi-squared of three standard errors


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
    rivals : tuple of (float, (p + 1,) array)
        Sums of squares and searched values that other starting points led to, the best first.
    """

    model: CompiledModel
    state: float
    theta: FloatArray
    slopes: FloatArray
    at_limit: BoolArray
    residuals: FloatArray
    jacobian: FloatArray
    rivals: tuple[tuple[float, FloatArray], ...]

    @property
    def misfit(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))


class Problem:
    """Residuals asinh(I / s) of a loop, s being 1 % of the largest current, for batches of models.

    Parameters
    ----------
    loop : Loop
    start : CompiledModel
    names : sequence of str
        Free parameters. They are searched as logarithms, so that their signs stay; those between 0
        and 1 that stand in `shares` as logits.
    shares : sequence of str
    wide : sequence of str
        Parameters that are searched over a wide range.

    Raises
    ------
    UserError
        If a free parameter is 0 at the start.
    """

    def __init__(
        self,
        loop: Loop,
        start: CompiledModel,
        names: tuple[str, ...],
        shares: tuple[str, ...] = (),
        wide: tuple[str, ...] = (),
    ) -> None:
        values = np.array([float(getattr(start, name)) for name in names])
        if not values.all():
            raise UserError(f"free must name parameters that are not 0 at the start, got {names}")
        self.loop, self.model, self.names = loop, start, names
        self.signs = np.sign(values)
        self.shared = np.array([name in shares for name in names])
        sizes = np.abs(values)
        inner = np.where(self.shared, sizes, 0.5)
        first = np.where(self.shared, np.log(inner / (1 - inner)), np.log(sizes))
        half = np.where([name in wide for name in names], _WIDE, _NARROW)
        self.first = np.append(first, 0.0)
        self.spread = np.append(
            np.where([name in wide for name in names], _SPREAD_WIDE, _SPREAD), 2.0
        )
        self.low = self.first - np.append(half, _STATE)
        self.high = self.first + np.append(half, _STATE)
        self.scale = _FLOOR * np.abs(loop.current).max()
        self.own = ~loop.limited  # under compliance the current is the instrument's
        self.wanted = np.arcsinh(loop.current[self.own] / self.scale)

    def coarse(self) -> Problem:
        """Return the problem on a part of the points: turning points, and some of the others."""
        problem = Problem.__new__(Problem)
        problem.__dict__.update(self.__dict__)
        kept = _thinned(self.loop)
        problem.loop = dataclasses.replace(
            self.loop,
            **{n: getattr(self.loop, n)[kept]
               for n in ("time", "voltage", "current", "limited", "cycle")},
        )  # fmt: skip
        problem.own = ~problem.loop.limited
        problem.wanted = np.arcsinh(problem.loop.current[problem.own] / self.scale)
        return problem

    def values(self, theta: FloatArray) -> FloatArray:
        """Return the parameters of searched values.

        Parameters
        ----------
        theta : (…, p + 1) array

        Returns
        -------
        (…, p) array
            In their units, with their signs.
        """
        logs = theta[..., :-1]
        shares = 1 / (1 + np.exp(-np.where(self.shared, logs, 0.0)))
        return self.signs * np.where(self.shared, shares, np.exp(np.where(self.shared, 0.0, logs)))

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of the sizes of the parameters with respect to searched values.

        Parameters
        ----------
        theta : (p + 1,) array

        Returns
        -------
        (p,) array
        """
        sizes = np.abs(self.values(theta))
        return np.where(self.shared, sizes * (1 - sizes), sizes)

    def modelled(self, theta: FloatArray) -> tuple[CompiledModel, FloatArray]:
        """Return the model of searched values, or a batch of models.

        Parameters
        ----------
        theta : (p + 1,) or (m, p + 1) array

        Returns
        -------
        model : CompiledModel
            With parameters (m,) if there are several.
        state : () or (m,) array
            At the beginning, in the model's unit.
        """
        values = self.values(theta)
        single = theta.ndim == 1
        model = self.model.replace(
            **{n: float(values[k]) if single else values[:, k] for k, n in enumerate(self.names)}
        )
        low, high = (np.asarray(bound) for bound in model.bounds())
        return model, np.asarray(low + (high - low) / (1 + np.exp(-theta[..., -1])))

    def residuals(self, thetas: FloatArray, tolerance: float) -> FloatArray:
        """Return the residuals of a batch; large ones where a model cannot be solved.

        Parameters
        ----------
        thetas : (m, p + 1) array
        tolerance : float
            Of the solver, relative to the state's range.

        Returns
        -------
        (m, n) array
        """
        try:
            current = response(*self.modelled(thetas), self.loop, tolerance).current
        except UserError:  # one of them is out of its range
            if len(thetas) == 1:
                return np.full((1, self.wanted.size), _HOPELESS)
            return np.concatenate([self.residuals(one[None], tolerance) for one in thetas])
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.arcsinh(current[self.own].T / self.scale) - self.wanted
        return np.where(np.isfinite(off).all(axis=1, keepdims=True), off, _HOPELESS)

    def jacobian(self, theta: FloatArray, tolerance: float, step: float) -> FloatArray:
        """Return the derivatives of the residuals by central differences.

        Parameters
        ----------
        theta : (p + 1,) array
        tolerance : float
            Of the solver.
        step : float
            Of the searched values.

        Returns
        -------
        (n, p + 1) array
        """
        moves = step * np.eye(theta.size)
        both = np.clip(np.concatenate([theta + moves, theta - moves]), self.low, self.high)
        ahead, back = np.split(self.residuals(both, tolerance), 2)
        width = np.diagonal(both[: theta.size] - both[theta.size :])
        return np.asarray(((ahead - back) / width[:, None]).T)

    def minimised(
        self,
        theta: FloatArray,
        accuracy: tuple[float, float],
        evaluations: int,
        held: int | None = None,
    ) -> tuple[float, FloatArray]:
        """Minimise the sum of squares from one starting point.

        Parameters
        ----------
        theta : (p + 1,) array
        accuracy : (float, float)
            Tolerance of the solver, and step of the derivatives.
        evaluations : int
            At most.
        held : int or None
            Number of a searched value that stays where it is.

        Returns
        -------
        cost : float
            The sum of squares.
        theta : (p + 1,) array
        """
        from scipy.optimize import least_squares

        tolerance, step = accuracy
        inner = 1e-9 * (self.high - self.low)
        begin = np.clip(theta, self.low + inner, self.high - inner)
        free = np.flatnonzero(np.arange(theta.size) != held)

        def whole(values: FloatArray) -> FloatArray:
            full = begin.copy()
            full[free] = values
            return full

        minimum = least_squares(
            lambda values: self.residuals(whole(values)[None], tolerance)[0],
            begin[free],
            jac=lambda values: self.jacobian(whole(values), tolerance, step)[:, free],
            bounds=(self.low[free], self.high[free]), max_nfev=evaluations, x_scale="jac",
            xtol=1e-9, ftol=1e-9,
        )  # fmt: skip
        return 2 * float(minimum.cost), whole(np.asarray(minimum.x))

    def points(self, seed: int) -> FloatArray:
        """Draw starting points, and keep those that describe the loop best.

        Parameters
        ----------
        seed : int

        Returns
        -------
        (m, p + 1) array
            The best first.
        """
        rng = np.random.default_rng(seed)
        drawn = self.first + self.spread * rng.standard_normal((_DRAWN, self.first.size))
        for k, state in enumerate((-3.0, 3.0, 0.0)):
            drawn[k] = np.append(self.first[:-1], state)
        drawn = np.clip(drawn, self.low, self.high)
        costs = (self.residuals(drawn, _SEARCHED[0]) ** 2).sum(axis=1)
        return drawn[np.argsort(costs, kind="stable")[:_IMPROVED]]


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
    cost, best = rivals[0]
    misfit = np.sqrt(cost / coarse.wanted.size)
    _, theta = problem.minimised(best, _POLISHED, _LONG if misfit < _HOPEFUL else _BRIEF)
    residuals = problem.residuals(theta[None], _POLISHED[0])[0]
    if np.abs(residuals).min() >= _HOPELESS:
        raise UserError(
            f"{problem.loop.device}: no starting point can be simulated; give start, a material "
            "near it"
        )
    margin = 1e-3 * (problem.high - problem.low)
    model, state = problem.modelled(theta)
    return Fitted(
        model=model,
        state=float(state),
        theta=theta,
        slopes=problem.slopes(theta),
        at_limit=(theta < problem.low + margin) | (theta > problem.high - margin),
        residuals=residuals,
        jacobian=problem.jacobian(theta, *_POLISHED),
        rivals=tuple(rivals),
    )


def _searched(problem: Problem, seed: int, other: Fitted | None) -> list[tuple[float, FloatArray]]:
    """Return costs and places of several starting points, improved, the best improved most."""
    if other is not None:
        cost, theta = problem.minimised(other.theta, _SEARCHED, _LONG)
        if np.sqrt(cost / problem.wanted.size) <= _AS_GOOD * other.misfit:
            return [(cost, theta)]
    brief: list[tuple[float, FloatArray]] = []
    for point in problem.points(seed):
        brief.append(problem.minimised(point, _SEARCHED, _BRIEF))
        brief.sort(key=lambda pair: pair[0])
        if len(brief) >= 4 and brief[1][0] <= _AGREED * brief[0][0]:
            break
    return [problem.minimised(brief[0][1], _SEARCHED, _LONG), *brief[1:]]


def _thinned(loop: Loop) -> IntArray:
    """Select points (m,) of a loop: evenly spaced ones, and those where voltage or limit turns."""
    count = loop.time.size
    kept = np.zeros(count, bool)
    kept[:: max(1, count // _COARSE)] = True
    kept[[0, -1]] = True
    slope = np.sign(np.diff(loop.voltage))
    kept[1:-1] |= slope[1:] * slope[:-1] < 0
    step = np.abs(np.diff(loop.voltage))
    jump = step > 5 * np.median(step)
    edge = jump | np.diff(loop.limited.astype(int)).astype(bool)
    edge |= np.diff(loop.cycle).astype(bool)
    kept[:-1] |= edge
    kept[1:] |= edge
    return np.flatnonzero(kept)


def likelihood(residuals: FloatArray) -> tuple[float, float]:
    """Return the log-likelihood of residuals as an autoregressive process of order 1.

    Points of one sweep share their error (a drift of the device, a law that is not quite right):
    counted as independent they would be certain of the wrong model.

    Parameters
    ----------
    residuals : (n,) array
        In the order of the sweep.

    Returns
    -------
    log_likelihood : float
        At its maximum over the variance.
    correlation : float
        ρ of neighbours, from 0 to 0.999.
    """
    ahead = float(residuals[1:] @ residuals[:-1])
    correlation = float(np.clip(ahead / max(float(residuals @ residuals), 1e-300), 0.0, 0.999))
    innovations = residuals[1:] - correlation * residuals[:-1]
    kept = 1 - correlation**2
    square = kept * residuals[0] ** 2 + innovations @ innovations
    mean = max(square / residuals.size, 1e-30)
    return float(-0.5 * residuals.size * (np.log(2 * np.pi * mean) + 1) + 0.5 * np.log(kept)), (
        correlation
    )


def errors(problem: Problem, fit: Fitted) -> dict[str, float]:
    """Return standard errors of the parameters.

    Residuals are an autoregressive process of order 1, so that the covariance is A J' R J A s² with
    J the Jacobian, A = (J' J)^-1, R_ij = d_i ρ^|i - j| d_j (d: size of the noise, the same and
    relative to the current in parts) and s² = r'r / tr((1 - J A J') R). A smooth model of p
    parameters takes about p / n of the correlation of n residuals away. An error is infinite along
    directions without information, at a limit of the search, and where it exceeds half of the
    parameter: the sweeps do not determine it then.

    Where other starting points led to other values that describe the sweeps as well, the error is
    their distance. Each parameter is moved away in both directions while the others follow: near a
    bound of the state, or along a valley, a model is not linear, and errors become larger.

    Parameters
    ----------
    problem : Problem
    fit : Fitted

    Returns
    -------
    dict of str to float
        In the unit of the parameter.
    """
    relative, variance = _linear(fit, _sizes(problem, fit.residuals))
    coarse = problem.coarse()
    variance *= coarse.wanted.size / problem.wanted.size  # its points stand for all of them
    least, best = fit.rivals[0]
    for cost, theta in fit.rivals[1:]:
        worse = max(cost - least, 0.0) / variance
        if worse <= _WITHIN:
            relative = _widened(relative, _shift(theta, best, worse))
    if fit.misfit < _TRUSTED:
        least, best = coarse.minimised(best, _SEARCHED, _BRIEF)
        steps = np.minimum(relative, _MOST_STEP)
        for k, step in enumerate(steps):
            for way in (step, -step):
                shifts = _profiled(coarse, least, best, k, float(way), variance)
                relative = _widened(relative, shifts)
    return {
        name: float("inf") if relative[k] > _DETERMINED else float(fit.slopes[k] * relative[k])
        for k, name in enumerate(problem.names)
    }


def _linear(fit: Fitted, sizes: FloatArray) -> tuple[FloatArray, float]:
    """Return the errors (p,) of searched values, and the variance of a point that counts in full.

    sizes: the standard deviation (n,) of each residual, up to a factor. Errors are infinite where
    there is no information. n points of correlation ρ count as n (1 - ρ) / (1 + ρ).
    """
    from scipy.signal import lfilter

    count, parameters = fit.jacobian.shape
    _, correlation = likelihood(fit.residuals / sizes)
    correlation = min(correlation + (parameters + 1 + 3 * correlation) / count, 0.999)
    norms = np.linalg.norm(fit.jacobian, axis=0)
    safe = np.where(norms > 0, norms, 1.0)
    scaled = fit.jacobian / safe
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    dark = values <= _UNKNOWN * values.max()
    inverse = (vectors[:, ~dark] / values[~dark]) @ vectors[:, ~dark].T
    weighted = sizes[:, None] * scaled
    carried = lfilter([1.0], [1.0, -correlation], weighted, axis=0)  # of ρ^(i - j) over j <= i
    carried += lfilter([1.0], [1.0, -correlation], weighted[::-1], axis=0)[::-1] - weighted
    meat = weighted.T @ carried
    freedom = max(float(sizes @ sizes) - float(np.trace(inverse @ meat)), 1e-3)
    variance = float(fit.residuals @ fit.residuals) / freedom
    covariance = inverse @ meat @ inverse * variance
    error = np.sqrt(np.maximum(np.diagonal(covariance), 0)) / safe
    hidden = (np.abs(vectors[:, dark]) > 0.1).any(axis=1) | (norms == 0) | fit.at_limit
    counted = variance * float(np.mean(sizes**2)) * (1 + correlation) / (1 - correlation)
    return np.where(hidden, np.inf, error)[:-1], counted


def _sizes(problem: Problem, residuals: FloatArray) -> FloatArray:
    """Return the standard deviation (n,) of each residual, over their root mean square.

    Noise has a part that is the same for all residuals, and one that is relative to the current:
    of asinh u that is u / √(1 + u²).
    """
    from scipy.optimize import nnls

    relative = np.tanh(problem.wanted) ** 2
    parts, _ = nnls(np.stack([np.ones(relative.size), relative], axis=1), residuals**2)
    variance = parts[0] + parts[1] * relative
    return np.asarray(np.sqrt(np.maximum(variance / np.maximum(variance.mean(), 1e-300), 1e-4)))


def _profiled(
    problem: Problem, least: float, best: FloatArray, k: int, step: float, variance: float
) -> FloatArray:
    """Return the errors (p,) that searched values show where number k is held elsewhere.

    It is held at multiples of a step from the best values, and the others follow; as long as the
    sweeps are described within three standard errors, distances over the root of chi-squared are
    standard errors: of a model that is linear in the parameters, the linear ones.
    """
    moved, shifts = best, np.zeros(best.size - 1)
    for multiple in _PROFILE:
        aim = np.clip(best[k] + multiple * step, problem.low[k], problem.high[k])
        # The others follow as in the linear model: a valley is long, and narrow.
        jacobian = problem.jacobian(moved, *_SEARCHED)
        others = np.delete(jacobian, k, axis=1)
        away = aim - moved[k]
        follow = np.linalg.lstsq(others, -away * jacobian[:, k], rcond=1e-6)[0]
        begin = moved + np.insert(follow, k, away)
        cost, moved = problem.minimised(begin, _SEARCHED, _TRACED, held=k)
        worse = max(cost - least, 0.0) / variance
        if worse > _WITHIN:
            break
        shifts = np.maximum(shifts, _shift(moved, best, worse))
    return shifts


def _widened(relative: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the errors, or those of a profile where they are clearly larger."""
    return np.where(shifts > _CLEARLY * relative, shifts, relative)


def _shift(theta: FloatArray, best: FloatArray, worse: float) -> FloatArray:
    """Return the distances (p,) of searched values in standard errors, worse being chi-squared."""
    return np.asarray(np.abs(theta - best)[:-1] / np.sqrt(max(worse, 1.0)))
