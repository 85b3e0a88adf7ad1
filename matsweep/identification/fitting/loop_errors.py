"""Standard errors of parameters fitted to sweeps, for residuals whose neighbours are correlated."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.loop_problem import SEARCHED, Problem
from matsweep.identification.fitting.search import BRIEF, Fitted

_TRACED = 8  # evaluations at a place along a valley
_TRUSTED = 0.08  # misfit above which a model is not quite right, and its errors mean little
_UNKNOWN = 1e-9  # of the largest information: directions with less are not determined
_DETERMINED = 0.5  # of a parameter: a larger error does not separate it from 0 at 95 %
_PROFILE, _MOST_STEP = (3.0, 9.0, 27.0), 0.2  # steps of a profile in standard errors; at most
_CLEARLY = 1.3  # times the linear error: a larger one shows that the model is not linear
_WITHIN = 9.0  # chi-squared of three standard errors


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
    least, best, _ = fit.rivals[0]
    for cost, theta, _ in fit.rivals[1:]:
        worse = max(cost - least, 0.0) / variance
        if worse <= _WITHIN:
            relative = _widened(relative, _shift(theta, best, worse))
    if fit.misfit < _TRUSTED:
        least, best, _ = coarse.minimised(best, SEARCHED, BRIEF)
        steps = np.minimum(relative, _MOST_STEP)
        for k, step in enumerate(steps):
            for way in (step, -step):
                shifts = _profiled(coarse, least, best, k, float(way), variance)
                relative = _widened(relative, shifts)
    error = fit.slopes * relative
    sizes = np.abs(problem.values(fit.theta))
    return dict(zip(problem.names, np.where(error > _DETERMINED * sizes, np.inf, error).tolist(),
                    strict=True))  # fmt: skip


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
        jacobian = problem.jacobian(moved, *SEARCHED)
        others = np.delete(jacobian, k, axis=1)
        away = aim - moved[k]
        follow = np.linalg.lstsq(others, -away * jacobian[:, k], rcond=1e-6)[0]
        begin = moved + np.insert(follow, k, away)
        cost, moved, _ = problem.minimised(begin, SEARCHED, _TRACED, held=k)
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
