"""Fit of a pulse model to states that are known exactly: those of simulated devices.

A change of state by one pulse is dx = f(x, theta_d) (1 + of_step xi) + of_range xi', where the
parameters theta_d belong to the device: theta_d ~ Normal(theta, spread²). A simulation knows the
state before and after each pulse: there is no noise of reading, and changes are independent, unlike
reads of an instrument, which `matsweep.identification.fitting` filters. Pulses that could have been
cut at an end of the range (that start within four standard deviations of it) are left out: a rule
on the state before, which does not select on the outcome.

Mean, spread and noise are estimated in turns, as in M. Lindstrom, D. Bates, Biometrics 46:673,
1990, doi:10.2307/2532087: each device's parameters by least squares, weighted by the noise and
drawn to the mean by the spread; the model linear about them; then mean and spread by restricted
maximum likelihood of that linear mixed model, and the noise of all devices pooled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError
from matsweep.devices import PulseModel
from matsweep.identification.fitting.fit import SPECS
from matsweep.identification.fitting.population import Array, Population, find_population
from matsweep.identification.measurements import Changes

_CLEAR = 4.0  # standard deviations from an end of the range, for a pulse to count
_BINS = 25  # of the state, for the standard deviation of its changes
_ROUNDS = 6  # of parameters, then noise
_STEPS = 40  # of Levenberg and Marquardt's method in a round


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactFit:
    """Parameters of a pulse model, fitted to exact states.

    Parameters
    ----------
    values, errors : dict of str to float
        Of the mean device, by name, and their standard errors.
    """

    values: dict[str, float]
    errors: dict[str, float]


def fit_exact(data: Changes, kind: str, *, g_min: float, g_max: float) -> ExactFit:
    """Fit a pulse model.

    Parameters
    ----------
    data : Changes
        Inside the range.
    kind : str
        One of `matsweep.identification.fitting.fit.SPECS`.
    g_min : float, S
    g_max : float, S

    Returns
    -------
    ExactFit

    Raises
    ------
    UserError
        If too few changes lie clear of the ends of the range.
    """
    with threadpool_limits(1):  # sums of BLAS depend on the number of its threads
        return _Problem(data, kind, g_min, g_max).solve()


class _Problem:
    """One fit under way: (device, parameter) estimates and the noise they share."""

    def __init__(self, data: Changes, kind: str, low: float, high: float) -> None:
        self.kind, self.spec, self.cls = kind, SPECS[kind], PulseModel.registry[kind]
        self.names = list(self.spec.start)
        self.device, self.up = data.device, data.up
        self.count = len(data.devices)
        self.x = np.clip((data.before - low) / (high - low), 0, 1)
        self.dx = np.clip((data.after - low) / (high - low), 0, 1) - self.x
        self.low = np.array([self.spec.low[name] for name in self.names])
        self.high = np.array([self.spec.high[name] for name in self.names])
        self.shell = self._shell()
        self.theta = np.tile(self._start(), (self.count, 1))
        self.noise = (0.3, float(np.median(np.abs(self.dx))) + 1e-6)  # of step, of range
        self.used = _clear_of_ends(self.x, self.dx, self.up)

    def _shell(self) -> PulseModel:
        """Return a model of the kind, for its `step`."""
        start: dict[str, Any] = dict(zip(self.names, self._start(), strict=True))
        return self.cls(**{**start, **self.spec.fixed})

    def _start(self) -> Array:
        size = {}
        for way, mask in (("up", self.up), ("down", ~self.up)):
            sign = 1 if way == "up" else -1
            size[way] = float(np.clip(sign * self.dx[mask].mean(), 1e-5, 0.5))
        values = dict(self.spec.start)
        for name in values:
            of, _, way = name.rpartition("_")
            if of in ("step", "pulses"):
                values[name] = size[way] if of == "step" else 1 / size[way]
        return np.asarray(np.clip(list(values.values()), self.low, self.high))

    # ------------------------------------------------------------------ the mean and its slope

    def mean(self, theta: Array) -> Array:
        """Return f (change,) for parameters (device, parameter)."""
        return self._changes(self._prepared(theta))

    def slopes(self, theta: Array, at: Array) -> Array:
        """Return df/dtheta (change, parameter), each device by its own."""
        size = 1e-6 * np.maximum(np.abs(theta), 1e-2)
        step = np.where(theta + size > self.high, -size, size)
        # Device's parameters with each of them moved in turn, prepared all at once.
        moved = theta + step.T[:, :, None] * np.eye(len(self.names))[:, None, :]
        parameters = self._prepared(moved)
        slopes = np.empty((self.x.size, len(self.names)))
        for i in range(len(self.names)):
            own = {k: value[i] if np.ndim(value) else value for k, value in parameters.items()}
            slopes[:, i] = (self._changes(own) - at) / (moved[i] - theta)[self.device, i]
        return slopes

    def _prepared(self, theta: Array) -> Mapping[str, Any]:
        """Return the model's parameters (…, device) of theta (…, device, parameter)."""
        return self.shell.prepared(
            {**self.spec.fixed, **{name: theta[..., i] for i, name in enumerate(self.names)}}
        )

    def _changes(self, parameters: Mapping[str, Any]) -> Array:
        """Return f (change,) for prepared parameters (device,)."""
        out = np.empty(self.x.shape)
        for way in (True, False):
            mask = self.up == way
            own = {
                name: np.asarray(value)[self.device[mask]] if np.ndim(value) else value
                for name, value in parameters.items()
            }
            out[mask] = self.shell.step(self.x[mask], way, own)
        return out

    def per_device(self, values: Array) -> Array:
        """Sum (change, …) over each device's used changes: (device, …)."""
        flat = values.reshape(len(values), -1)
        kept = self.device[self.used]
        sums = [np.bincount(kept, column[self.used], self.count) for column in flat.T]
        return np.array(sums).T.reshape(self.count, *values.shape[1:])

    # -------------------------------------------------------------------------- the solution

    def variance(self, at: Array) -> Array:
        """Return the variance of each change about its mean."""
        return self.noise[0] ** 2 * at**2 + self.noise[1] ** 2 + 1e-14

    def solve(self) -> ExactFit:
        """Return the fit."""
        self.prior: tuple[Array, Array] | None = None
        counts = np.bincount(self.device[self.used], minlength=self.count)
        if counts.min() < 5 * len(self.names):
            raise UserError(
                f"model {self.kind}: {int(counts.min())} changes of one device lie clear of the "
                f"ends of the range, at least {5 * len(self.names)} are needed; measure more "
                "pulses, or give a wider g_min and g_max"
            )
        for _ in range(_ROUNDS):
            at = self._settle()
            self._update_noise(at)
            population = find_population(*self._linear(at))
            if self.count > 1:
                self.prior = _prior(population)
        return ExactFit(
            values=dict(zip(self.names, map(float, population.mean), strict=True)),
            errors=dict(zip(self.names, map(float, population.mean_error), strict=True)),
        )

    def _settle(self) -> Array:
        """Fit each device's parameters at the common noise and mean; return f (change,)."""
        self._improve(1 / self.variance(self.mean(self.theta)))
        return self.mean(self.theta)

    def _linear(self, at: Array) -> tuple[Array, Array]:
        """Return each device's estimate in the model linear about its parameters.

        With its covariance. A parameter held by a bound stays there, as good as known.
        """
        weight = 1 / self.variance(at)
        slope = self.slopes(self.theta, at)
        gradient = self.per_device(slope * (weight * (self.dx - at))[:, None])
        normal = self.per_device(slope[:, :, None] * slope[:, None, :] * weight[:, None, None])
        scale = np.diagonal(normal, axis1=1, axis2=2).copy()
        margin = 1e-6 * (self.high - self.low)
        held = (self.theta <= self.low + margin) & (gradient < 0)
        held |= (self.theta >= self.high - margin) & (gradient > 0)
        gradient = np.where(held, 0, gradient)
        free = np.where(held[:, :, None] | held[:, None, :], 0, normal)
        free += (held * (1e8 * scale + 1 / margin**2))[:, None, :] * np.eye(len(self.names))
        ridge = (1e-9 * scale + 1e-12)[:, None, :] * np.eye(len(self.names))
        covariance = np.linalg.inv(free + ridge)
        step = np.einsum("dij,dj->di", covariance, gradient)
        return self.theta + step, covariance

    def _drawn(self, theta: Array) -> Array:
        """Return the penalty (device,) in the sum of squares that draws to the mean."""
        if self.prior is None:
            return np.zeros(self.count)
        mean, variance = self.prior
        return np.asarray(((theta - mean) ** 2 / variance).sum(axis=1))

    def _improve(self, weight: Array) -> None:
        """Levenberg and Marquardt's method, all devices side by side."""
        damping = np.full(self.count, 1e-3)
        at = self.mean(self.theta)
        cost = self.per_device((weight * (self.dx - at) ** 2)[:, None])[:, 0]
        cost += self._drawn(self.theta)
        for _ in range(_STEPS):
            slope = self.slopes(self.theta, at)
            gradient = self.per_device(slope * (weight * (self.dx - at))[:, None])
            normal = self.per_device(slope[:, :, None] * slope[:, None, :] * weight[:, None, None])
            if self.prior is not None:
                mean, variance = self.prior
                gradient += (mean - self.theta) / variance
                normal += np.diag(1 / variance)
            scale = np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-12)
            damped = normal + damping[:, None, None] * np.eye(len(self.names)) * scale[:, None, :]
            step = np.linalg.solve(damped, gradient[..., None])[..., 0]
            trial = np.clip(self.theta + step, self.low, self.high)
            moved = self.mean(trial)
            fresh = self.per_device((weight * (self.dx - moved) ** 2)[:, None])[:, 0]
            fresh += self._drawn(trial)
            better = fresh < cost
            self.theta[better] = trial[better]
            damping = np.where(better, damping / 5, damping * 4)
            small = cost - fresh < 1e-8 * cost
            cost = np.where(better, fresh, cost)
            at = np.where(better[self.device], moved, at)
            if np.all((better & small) | (damping > 1e8)):
                break

    def _residuals(self, at: Array) -> tuple[Array, Array]:
        return (self.dx - at)[self.used], at[self.used]

    def _noise_cost(self, logs: Array, residual: Array, at: Array) -> float:
        variance = np.exp(2 * logs[0]) * at**2 + np.exp(2 * logs[1]) + 1e-14
        return float(0.5 * np.sum(np.log(variance) + residual**2 / variance))

    def _update_noise(self, at: Array) -> None:
        from scipy import optimize

        residual, mean = self._residuals(at)
        spread = float(residual.std()) + 1e-9
        size = float(np.sqrt(np.mean(mean**2))) + 1e-12
        best: Any = None
        for share in (0.02, 0.5, 0.98):  # of the variance that is of the step
            start = np.log([spread * share**0.5 / size, spread * (1 - share) ** 0.5])
            minimum = optimize.minimize(
                self._noise_cost, start, args=(residual, mean), method="L-BFGS-B",
                bounds=[(-12, 4), (-16, 1)],
            )  # fmt: skip
            if best is None or minimum.fun < best.fun:
                best = minimum
        freedom = len(residual) / (len(residual) - self.theta.size)
        self.noise = tuple(np.exp(best.x) * freedom**0.5)


def _clear_of_ends(x: Array, dx: Array, up: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Select the changes (change,) that start too far from the ends to be cut there."""
    used = np.zeros(x.shape, bool)
    for way in (True, False):
        mask = np.flatnonzero(up == way)
        place = np.minimum((x[mask] * _BINS).astype(int), _BINS - 1)
        count = np.maximum(np.bincount(place, minlength=_BINS), 1)
        mean = np.bincount(place, dx[mask], _BINS) / count
        square = np.bincount(place, dx[mask] ** 2, _BINS) / count
        reach = _CLEAR * np.sqrt(np.maximum(square - mean**2, 0))
        reached = x[mask] + mean[place]
        used[mask] = (reached - reach[place] > 0) & (reached + reach[place] < 1)
    return used


def _prior(population: Population) -> tuple[Array, Array]:
    """Return mean and variance (parameter,) of devices' parameters, no variance zero."""
    least = 1e-3 * np.abs(population.mean) + 1e-9
    return population.mean, np.maximum(population.spread, least) ** 2
