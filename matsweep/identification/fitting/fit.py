"""Maximum-likelihood fits of pulse models, with devices and cycles apart.

A change of state by one pulse is dx = f(x, theta_d) (1 + of_step xi) + of_range xi', where the
parameters theta_d belong to the device: theta_d ~ Normal(theta, spread²). States are taken as
read exactly, so read noise counts as noise of the pulse. Pulses that could have been cut at an end
of the range (that start within four standard deviations of it) are left out, the same ones for
every model: a rule on the state before, which does not select on the outcome.

Mean, spread and noise are estimated in turns, as in M. Lindstrom, D. Bates, Biometrics 46:673,
1990, doi:10.2307/2532087: each device's parameters by least squares, weighted by the noise and
drawn to the mean by the spread; the model linear about them; then mean and spread by restricted
maximum likelihood of that linear mixed model, and the noise of all devices pooled. The marginal
likelihood, for AIC and BIC, is Laplace's approximation at each device's parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, one_of, positive
from matsweep.core.streams import FloatArray
from matsweep.devices import CycleNoise, PulseModel
from matsweep.identification.fitting.population import (
    Array,
    Population,
    find_population,
    root_error,
)
from matsweep.identification.measurements import Changes, PulseData

_CLEAR = 4.0  # standard deviations from an end of the range, for a pulse to count
_BINS = 25  # of the state, for the standard deviation of its changes
_ROUNDS = 6  # of parameters, then noise
_STEPS = 40  # of Levenberg and Marquardt's method in a round
_LOUD = 0.05  # distance from the normal distribution beyond which no formula is recommended


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Settings of a model's fit.

    Parameters
    ----------
    start : dict of str to float or callable
        Starting values; a callable takes the mean size of the first steps of a polarity.
    low, high : dict of str to float
        Bounds of each device's value.
    fixed : dict of str to float
        Parameters that the others make redundant.
    """

    start: Mapping[str, Any]
    low: Mapping[str, float]
    high: Mapping[str, float]
    fixed: Mapping[str, float] = dataclasses.field(default_factory=dict)


def _inverse(step: float) -> float:
    return 1 / step


def _same(step: float) -> float:
    return step


_STEPS_START: dict[str, Any] = {"step_up": _same, "step_down": _same}
_STEPS_LOW = {"step_up": 1e-7, "step_down": 1e-7}
_STEPS_HIGH = {"step_up": 1.0, "step_down": 1.0}


def _stepped(start: dict[str, Any], low: float, high: float) -> Spec:
    return Spec(
        start={**_STEPS_START, **start},
        low={**_STEPS_LOW, **dict.fromkeys(start, low)},
        high={**_STEPS_HIGH, **dict.fromkeys(start, high)},
    )


SPECS: dict[str, Spec] = {
    "soft_bounds": _stepped({}, 0, 1),
    "linear_step": _stepped({"slope_up": 0.3, "slope_down": 0.3}, -1.0, 1.0),
    "power_step": _stepped({"exponent_up": 0.5, "exponent_down": 0.5}, 0.0, 10.0),
    "exponential_step": Spec(
        start={**_STEPS_START, "amplitude_up": 0.2, "amplitude_down": 0.2, "rate_up": 1.0,
               "rate_down": 1.0},
        low={**_STEPS_LOW, "amplitude_up": -20.0, "amplitude_down": -20.0, "rate_up": 0.2,
             "rate_down": 0.2},
        high={**_STEPS_HIGH, "amplitude_up": 1.0, "amplitude_down": 1.0, "rate_up": 10.0,
              "rate_down": 10.0},
        fixed={"scale": 1.0, "offset": 0.0},
    ),
    "neurosim": Spec(
        start={"nonlinearity_up": 1.0, "nonlinearity_down": -1.0, "pulses_up": _inverse,
               "pulses_down": _inverse},
        low={"nonlinearity_up": -9.0, "nonlinearity_down": -9.0, "pulses_up": 1.0,
             "pulses_down": 1.0},
        high={"nonlinearity_up": 9.0, "nonlinearity_down": 9.0, "pulses_up": 1e6,
              "pulses_down": 1e6},
    ),
}  # fmt: skip
"""Every fitted model, by its kind: here and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted pulse model.

    Parameters
    ----------
    kind : str
    model : PulseModel
    values, errors : dict of str to float
        Every parameter by its path in the model (`step_up`, `device_to_device.step_up`,
        `cycle_to_cycle.of_step`) and its standard error.
    log_likelihood, aic, bic : float
        Marginal, of the used changes, in units of the state.
    distance : float
        Largest distance of the residuals' distribution from the normal one (Kolmogorov and
        Smirnov's statistic).
    used : (change,) array of bool
        Whether a change took part.
    residuals : (change,) array
        In standard deviations; NaN where not used.
    g_min, g_max : float, S
        The range that states are fractions of.
    """

    kind: str
    model: PulseModel
    values: dict[str, float]
    errors: dict[str, float]
    log_likelihood: float
    aic: float
    bic: float
    distance: float
    used: npt.NDArray[np.bool_]
    residuals: FloatArray
    g_min: float
    g_max: float


def fit_model(
    data: Changes | PulseData, kind: str, *, g_min: float | None = None, g_max: float | None = None
) -> Fit:
    """Fit one pulse model.

    Parameters
    ----------
    data : Changes or PulseData
    kind : str
        One of `SPECS`.
    g_min : float, S, optional
        Lower end of the device's range; by default the lowest conductance measured.
    g_max : float, S, optional
        Upper end; by default the highest conductance measured.

    Returns
    -------
    Fit

    Raises
    ------
    UserError
        If the range does not hold the data, or too few changes lie clear of its ends.
    """
    one_of("model", kind, SPECS)
    low, high = _range(data, g_min, g_max)
    problem = _Problem(data, kind, low, high)
    return problem.solve()


def compare(
    data: Changes | PulseData, *, g_min: float | None = None, g_max: float | None = None
) -> list[Fit]:
    """Fit every pulse model; the one with the least BIC first.

    Parameters
    ----------
    data : Changes or PulseData
    g_min : float, S, optional
        Lower end of the device's range; by default the lowest conductance measured.
    g_max : float, S, optional
        Upper end; by default the highest conductance measured.

    Returns
    -------
    list of Fit

    Raises
    ------
    UserError
        As `fit_model` does.
    """
    fits = [fit_model(data, kind, g_min=g_min, g_max=g_max) for kind in SPECS]
    return sorted(fits, key=lambda fit: fit.bic)


def recommend(fits: list[Fit]) -> Fit | None:
    """Select the fit with the least BIC, unless its residuals are far from normal.

    Far is a distance of more than 0.05 between the distribution functions: then the tabulated model
    is better than any formula.

    Parameters
    ----------
    fits : list of Fit

    Returns
    -------
    Fit or None
        None where no formula fits.
    """
    best = min(fits, key=lambda fit: fit.bic)
    return best if best.distance <= _LOUD else None


def _range(
    data: Changes | PulseData, g_min: float | None, g_max: float | None
) -> tuple[float, float]:
    low = data.lowest if g_min is None else positive("g_min", g_min, "S")
    high = data.highest if g_max is None else positive("g_max", g_max, "S")
    slack = 1e-6 * (high - low)
    if not low < high or data.lowest < low - slack or data.highest > high + slack:
        raise UserError(
            f"g_min and g_max must hold all measured conductances ({data.lowest:g} to "
            f"{data.highest:g} S), got {low:g} and {high:g}"
        )
    return low, high


class _Problem:
    """One fit under way: (device, parameter) estimates and the noise they share."""

    def __init__(self, data: Changes | PulseData, kind: str, low: float, high: float) -> None:
        self.kind, self.spec, self.cls = kind, SPECS[kind], PulseModel.registry[kind]
        self.names = list(self.spec.start)
        self.device, self.up, self.range = data.device, data.up, (low, high)
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
        values: list[float] = []
        for name, value in self.spec.start.items():
            guess = value(size[name.rsplit("_", 1)[1]]) if callable(value) else value
            values.append(float(np.clip(guess, self.low[len(values)], self.high[len(values)])))
        return np.array(values, dtype=float)

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

    def solve(self) -> Fit:
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
            population = find_population(*self._linear(at)[:2])
            if self.count > 1:
                self.prior = _prior(population)
        at = self._settle()
        return self._finish(at, population, self._linear(at)[2])

    def _settle(self) -> Array:
        """Fit each device's parameters at the common noise and mean; return f (change,)."""
        self._improve(1 / self.variance(self.mean(self.theta)))
        return self.mean(self.theta)

    def _linear(self, at: Array) -> tuple[Array, Array, Array]:
        """Return each device's estimate in the model linear about its parameters.

        With its covariance, and the information of its changes. A parameter held by a bound stays
        there, as good as known.
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
        return self.theta + step, covariance, normal

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

    def _finish(self, at: Array, population: Population, normal: Array) -> Fit:
        from scipy import stats

        residual, model_mean = self._residuals(at)
        variance = self.variance(at)[self.used]
        conditional = -0.5 * np.sum(np.log(2 * np.pi * variance) + residual**2 / variance)
        likelihood = float(conditional) + self._evidence(population, normal)
        free = (2 if self.count > 1 else 1) * len(self.names) + 2
        values, errors = self._named(population)
        for name, (value, error) in self._noises(residual, model_mean).items():
            values[name], errors[name] = value, error
        scaled = residual / np.sqrt(variance)
        residuals = np.full(self.x.shape, np.nan)
        residuals[self.used] = scaled
        return Fit(
            kind=self.kind,
            model=self._model(values),
            values=values,
            errors=errors,
            log_likelihood=likelihood,
            aic=2 * free - 2 * likelihood,
            bic=free * float(np.log(len(residual))) - 2 * likelihood,
            distance=float(stats.kstest(scaled, "norm").statistic),
            used=self.used,
            residuals=residuals,
            g_min=self.range[0],
            g_max=self.range[1],
        )

    def _evidence(self, population: Population, normal: Array) -> float:
        """Return the term of the log-likelihood from the spread between devices.

        Laplace's approximation at each device's parameters, without extrapolation.
        """
        if self.count == 1:
            return 0.0
        mean, variance = _prior(population)
        away = float((((self.theta - mean) ** 2) / variance).sum())
        width = float(np.log(variance).sum()) * self.count
        joint = np.linalg.slogdet(normal + np.diag(1 / variance))[1].sum()
        return -0.5 * (away + width + float(joint))

    def _named(self, result: Population) -> tuple[dict[str, float], dict[str, float]]:
        values = dict(zip(self.names, map(float, result.mean), strict=True))
        errors = dict(zip(self.names, map(float, result.mean_error), strict=True))
        if self.count > 1:
            for i, name in enumerate(self.names):
                unit = 1.0 if name in self.cls.absolute else max(abs(float(result.mean[i])), 1e-12)
                values[f"device_to_device.{name}"] = float(result.spread[i]) / unit
                errors[f"device_to_device.{name}"] = float(result.spread_error[i]) / unit
        return values, errors

    def _noises(self, residual: Array, mean: Array) -> dict[str, tuple[float, float]]:
        """Return both noises with their errors, from Fisher's information of the variances."""
        total = self.noise[0] ** 2 * mean**2 + self.noise[1] ** 2 + 1e-14
        parts = np.stack([mean**2 / total, 1 / total])
        information = 0.5 * parts @ parts.T
        errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0))
        names = ("cycle_to_cycle.of_step", "cycle_to_cycle.of_range")
        return {
            name: (float(root), float(root_error(root, error)))
            for name, root, error in zip(names, self.noise, errors, strict=True)
        }

    def _model(self, values: Mapping[str, float]) -> PulseModel:
        """Return the model with the fitted values, clipped to its domain."""
        plain: dict[str, Any] = {}
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            least = max(low, 0.0) if name.startswith(("slope", "exponent")) else low
            plain[name] = float(np.clip(values[name], least, high))
        spreads = {
            name: values[f"device_to_device.{name}"]
            for name in self.names
            if values.get(f"device_to_device.{name}", 0.0) > 1e-6
        }
        noise = CycleNoise(
            of_step=values["cycle_to_cycle.of_step"], of_range=values["cycle_to_cycle.of_range"]
        )
        return self.cls(**plain, **self.spec.fixed, cycle_to_cycle=noise, device_to_device=spreads)


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
