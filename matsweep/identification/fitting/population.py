"""Mean and spread of parameters that were each estimated with its own error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Population(NamedTuple):
    """Mean and spread (parameter,) of devices' parameters, and their standard errors."""

    mean: Array
    mean_error: Array
    spread: Array
    spread_error: Array


def find_population(theta: Array, covariance: Array) -> Population:
    """Estimate mean and spread of devices' parameters.

    theta_d ~ Normal(mean, diag(spread²) + covariance_d), by restricted maximum likelihood.

    Parameters
    ----------
    theta : (device, parameter) array
    covariance : (device, parameter, parameter) array
        Of each device's estimate.

    Returns
    -------
    Population
    """
    from scipy import optimize

    count, size = theta.shape
    if count == 1:
        error = np.sqrt(np.maximum(np.diag(covariance[0]), 0))
        none = np.zeros(size)
        return Population(theta[0], error, none, none)
    # In units of each parameter's scatter, so that all logarithms are of order one.
    unit = theta.std(axis=0) + np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).mean(axis=0))
    scaled, noise = theta / unit, covariance / (unit[:, None] * unit[None, :])

    def parts(variances: Array) -> tuple[Array, Array, float, float]:
        total = noise + np.diag(variances)
        inverse = np.linalg.inv(total)
        information = inverse.sum(axis=0)
        mean = np.linalg.solve(information, np.einsum("dij,dj->i", inverse, scaled))
        rest = scaled - mean
        quadratic = float(np.einsum("di,dij,dj->", rest, inverse, rest))
        logs = float(np.linalg.slogdet(total)[1].sum())
        return mean, information, quadratic, logs

    def cost(variances: Array) -> float:
        _, information, quadratic, logs = parts(variances)
        return 0.5 * (quadratic + logs + float(np.linalg.slogdet(information)[1]))

    start = np.log(np.full(size, 0.5))
    minimum = optimize.minimize(
        lambda logs: cost(np.exp(logs)), start, method="L-BFGS-B", bounds=[(-16, 6)] * size
    )
    variances = np.exp(minimum.x)
    mean, information, _, _ = parts(variances)
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    curvature = _hessian(cost, variances, np.maximum(1e-3 * variances, 1e-6))
    variance_error = np.sqrt(np.maximum(np.diag(np.linalg.pinv(curvature)), 0))
    spread = np.sqrt(variances)
    spread_error = np.array(
        [root_error(root, wide) for root, wide in zip(spread, variance_error, strict=True)]
    )
    return Population(mean * unit, error * unit, spread * unit, spread_error * unit)


def root_error(root: float, variance_error: float) -> float:
    """Convert the error of a variance to that of its root.

    Parameters
    ----------
    root : float
        Standard deviation.
    variance_error : float
        Standard error of its square.

    Returns
    -------
    float
    """
    return (
        float(np.sqrt(root**2 + variance_error) - root)
        if root**2 <= variance_error
        else (variance_error / (2 * root))
    )


def _hessian(cost: Callable[[Array], float], point: Array, step: Array) -> Array:
    """Return second derivatives by central differences."""
    size = len(point)
    hessian = np.empty((size, size))
    shifts = np.diag(step)
    for i in range(size):
        for j in range(i, size):
            corners = [
                sign * cost(np.maximum(point + a * shifts[i] + b * shifts[j], 1e-300))
                for sign, a, b in ((1, 1, 1), (-1, 1, -1), (-1, -1, 1), (1, -1, -1))
            ]
            hessian[i, j] = hessian[j, i] = sum(corners) / (4 * step[i] * step[j])
    return hessian
