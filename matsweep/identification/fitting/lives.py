"""Median life of devices and its spread, where some of them outlive the measurement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.population import find_population

_NARROW, _WIDE = -7.0, 4.0  # of the logarithm of the spread that is searched


class Lives(NamedTuple):
    """Mean and standard deviation of ln(life) between devices, with their standard errors."""

    mean: float
    mean_error: float
    spread: float
    spread_error: float


def find_lives(life: FloatArray, error: FloatArray, beyond: FloatArray) -> Lives:
    """Estimate mean and spread of the logarithms of lives.

    life_d ~ Normal(mean, spread² + error_d²) by restricted maximum likelihood; a device that
    outlives the measurement counts with the probability of a life longer than that, and all by
    maximum likelihood then.

    Parameters
    ----------
    life : (device,) array
        Logarithm of each life; at least one finite one.
    error : (device,) array
        Its standard error.
    beyond : (device,) array
        Logarithm of the time up to which a device was seen to live; nan where its life is known.

    Returns
    -------
    Lives

    References
    ----------
    J. Tobin, Econometrica 26:24, 1958, doi:10.2307/1907382.
    """
    from scipy import optimize, stats

    known = np.isnan(beyond) & np.isfinite(error)
    life, error = life[known], np.maximum(error[known], 1e-6)
    beyond = beyond[np.isfinite(beyond)]
    if not beyond.size:
        variance = np.asarray(error[:, None, None] ** 2, np.float64)
        found = find_population(np.asarray(life[:, None], np.float64), variance)
        return Lives(*(float(each[0]) for each in found))

    def cost(theta: FloatArray) -> float:
        mean, spread = float(theta[0]), float(np.exp(theta[1]))
        wide = np.hypot(spread, error)
        dead = stats.norm.logpdf(life, mean, wide).sum()
        return -float(dead + stats.norm.logsf(beyond, mean, spread).sum())

    every = np.concatenate([life, beyond])
    start = np.array([every.mean(), np.log(max(float(every.std()), 0.1))])
    limits = [(None, None), (_NARROW, _WIDE)]
    theta = optimize.minimize(cost, start, method="L-BFGS-B", bounds=limits).x
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(_hessian(cost, theta))), 0))
    spread = float(np.exp(theta[1]))
    return Lives(float(theta[0]), float(errors[0]), spread, float(errors[1]) * spread)


def _hessian(cost: object, point: FloatArray, step: float = 1e-3) -> FloatArray:
    """Return second derivatives by central differences."""
    assert callable(cost)
    shifts = step * np.eye(point.size)
    return np.array([
        [
            sum(s * t * cost(point + s * a + t * b) for s in (1, -1) for t in (1, -1))
            / (4 * step**2)
            for b in shifts
        ]
        for a in shifts
    ])  # fmt: skip
