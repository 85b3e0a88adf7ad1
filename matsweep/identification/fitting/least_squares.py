"""Nonlinear least squares with standard errors, from several starting points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.streams import FloatArray

type Scale = Callable[[float], tuple[float, float]]

_DARK = 1e-10  # of the largest information: directions with less are not determined


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Fitted parameters with their standard errors.

    Parameters
    ----------
    values : dict of str to float
        By name, with constants.
    errors : dict of str to float
        Infinite where the data do not determine the parameter; constants have none.
    misfit : float
        Root mean square of the residuals.
    """

    values: dict[str, float]
    errors: dict[str, float]
    misfit: float


def estimated(
    residuals: Callable[[FloatArray], FloatArray],
    starts: Sequence[FloatArray],
    names: Sequence[str],
    *,
    scales: Mapping[str, Scale] | None = None,
    held: Sequence[str] = (),
    constants: Mapping[str, float] | None = None,
    others: int = 0,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    sure: Mapping[str, float] | None = None,
) -> Estimate:
    """Minimise a sum of squares from several starting points.

    Parameters
    ----------
    residuals : callable
        From parameters (m,) to residuals (n,).
    starts : sequence of (m,) array
    names : sequence of str
        Of the first parameters; the others are by-products.
    scales : mapping of str to callable or None
        From a searched parameter to the reported one and its derivative (`exponential`); by
        default they are the same.
    held : sequence of str
        Parameters that keep their starting values.
    constants : mapping of str to float or None
        Further values of the result.
    others : int
        Number of linear parameters that `residuals` fits by itself: they cost degrees of freedom.
    bounds : mapping of str to (float, float) or None
        Limits of searched parameters; by default they have none.
    sure : mapping of str to float or None
        Largest standard error of a parameter that counts as determined; by default its value.

    Returns
    -------
    Estimate
        A parameter is not determined if its error is larger than that, or if the data have no
        information on it.
    """
    from scipy.optimize import least_squares

    kept = np.array([k for k in range(starts[0].size) if k >= len(names) or names[k] not in held])

    def whole(free: FloatArray, start: FloatArray) -> FloatArray:
        theta = start.copy()
        theta[kept] = free
        return theta

    limits = np.tile([[-np.inf], [np.inf]], starts[0].size)
    for name, pair in (bounds or {}).items():
        limits[:, list(names).index(name)] = pair

    def search(start: FloatArray) -> Any:
        return least_squares(
            lambda free: residuals(whole(free, start)), start[kept], bounds=limits[:, kept]
        )

    fits = [(search(start), start) for start in starts]
    best, start = min(fits, key=lambda fit: float(fit[0].cost))
    theta = whole(best.x, start)
    freedom = max(best.fun.size - kept.size - others, 1)
    variance = np.full(starts[0].size, np.inf)
    variance[kept] = _variances(best.jac) * 2 * best.cost / freedom
    values, errors = dict(constants or {}), dict[str, float]()
    for k, name in enumerate(names):
        value, slope = (scales or {}).get(name, _same)(float(theta[k]))
        values[name], error = value, slope * float(np.sqrt(variance[k]))
        most = (sure or {}).get(name, abs(values[name]))
        errors[name] = error if error < most else float("inf")
    return Estimate(
        values=values, errors=errors, misfit=float(np.sqrt(2 * best.cost / best.fun.size))
    )


def exponential(logarithm: float) -> tuple[float, float]:
    """Return a positive parameter of its logarithm, and the derivative.

    Parameters
    ----------
    logarithm : float

    Returns
    -------
    tuple of (float, float)
    """
    return float(np.exp(logarithm)), float(np.exp(logarithm))


def _same(value: float) -> tuple[float, float]:
    return value, 1.0


def _variances(jacobian: FloatArray) -> FloatArray:
    """Return the diagonal of the inverse information; infinite where there is none."""
    norms = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    lit = values > _DARK * values.max()
    variance = np.sum(vectors[:, lit] ** 2 / values[lit], axis=1)
    hidden = (np.abs(vectors[:, ~lit]) > 0.1).any(axis=1) | (norms == 0)
    return np.where(hidden, np.inf, variance / np.where(norms > 0, norms, 1.0) ** 2)
