"""Confidence of spreads between devices, from few of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matsweep.identification.fitting.population import Array
from matsweep.identification.fitting.profiles import LIMIT, Curve, explore

_LOG_RATIO = np.linspace(-12, 6, 1801)  # ln(s² / σ²), where distributions are tabulated
_LEAST = 1e-9  # variance, in units of the scatter
_MOST = 1e4
_NEEDED = (-2.4, -LIMIT, LIMIT, 2.0)  # standard normal deviates of limits


def spread_curves(theta: Array, covariance: Array) -> list[Curve]:
    """Profile the restricted likelihood of the spread of each parameter.

    Signed roots are those of a normal distribution: where devices' own errors are small, the scaled
    variance of n devices has the chi-square distribution of n - 1 degrees of freedom, and intervals
    are exact; else nearly.

    Parameters
    ----------
    theta : (device, parameter) array
        Of at least two devices.
    covariance : (device, parameter, parameter) array
        Of each device's estimate.

    Returns
    -------
    list of Curve
        Standard deviations between devices.
    """
    own = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).mean(axis=0))
    unit = theta.std(axis=0) + own
    mixed = _Mixed(theta / unit, covariance / (unit[:, None] * unit[None, :]))
    start = mixed.best(np.full(theta.shape[1], 0.5))
    roots, normal = _distribution(len(theta) - 1)
    needed = np.interp(_NEEDED, normal, roots)
    above = tuple(map(float, needed[needed > 0]))
    below = tuple(map(float, -needed[needed < 0]))
    curves = []
    for i, scale in enumerate(unit):
        raw = explore(
            mixed.drop(i, start), float(start[i]), float(start[i]) + 0.1, above=above, below=below
        )
        curves.append(
            Curve(
                values=np.sqrt(raw.values) * scale,
                roots=np.interp(raw.roots, roots, normal),
                determined=raw.determined,
            )
        )
    return curves


def _distribution(freedom: int) -> tuple[Array, Array]:
    """Return signed roots of a variance's likelihood, and the normal deviates they stand for.

    With ρ = s² / σ², r² = n (ρ - 1 - ln ρ), and n ρ has the chi-square distribution.
    """
    from scipy import stats

    ratio = np.exp(_LOG_RATIO)
    roots = -np.sign(_LOG_RATIO) * np.sqrt(np.maximum(freedom * (ratio - 1 - _LOG_RATIO), 0))
    low = stats.chi2.logcdf(freedom * ratio, freedom)
    high = stats.chi2.logsf(freedom * ratio, freedom)
    normal = np.where(low < high, -_quantile(low), _quantile(high))
    return roots[::-1], normal[::-1]


def _quantile(log: Array) -> Array:
    from scipy import special

    return np.asarray(special.ndtri_exp(log))


class _Mixed:
    """Restricted likelihood of variances between devices: theta_d ~ Normal(mean, V + C_d)."""

    def __init__(self, theta: Array, noise: Array) -> None:
        self.theta, self.noise = theta, noise

    def cost(self, variances: Array) -> tuple[float, Array]:
        """Return minus the log-likelihood, and its slopes (parameter,) by the variances."""
        weight = np.linalg.inv(self.noise + np.diag(variances))
        information = weight.sum(axis=0)
        mean = np.linalg.solve(information, np.einsum("dij,dj->i", weight, self.theta))
        pull = np.einsum("dij,dj->di", weight, self.theta - mean)
        quadratic = float((pull * (self.theta - mean)).sum())
        logs = np.linalg.slogdet(information)[1] - np.linalg.slogdet(weight)[1].sum()
        lost = np.einsum("dij,jk,dki->i", weight, np.linalg.inv(information), weight)
        slopes = np.einsum("dii->i", weight) - lost - (pull**2).sum(axis=0)
        return 0.5 * (quadratic + float(logs)), 0.5 * slopes

    def best(self, start: Array, held: int | None = None) -> Array:
        """Return the variances (parameter,) of the largest likelihood, one held."""
        from scipy import optimize

        bounds = [(_LEAST, _MOST)] * len(start)
        if held is not None:
            bounds[held] = (start[held], start[held])
        minimum = optimize.minimize(
            self.cost, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"ftol": 1e-10, "gtol": 1e-6},
        )  # fmt: skip
        return np.asarray(minimum.x)

    def drop(self, i: int, best: Array) -> Callable[[float], float]:
        """Return the drop of the log-likelihood with a parameter's variance held."""
        base, last = self.cost(best)[0], best

        def dropped(variance: float) -> float:
            nonlocal last
            at = np.where(np.arange(len(best)) == i, max(variance, _LEAST), last)
            last = self.best(at, i)
            return self.cost(last)[0] - base

        return dropped
