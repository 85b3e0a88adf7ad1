"""A fitted pulse model: values, errors, limits and intervals by the names of the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import in_range, one_of
from matsweep.core.streams import FloatArray
from matsweep.devices import CycleNoise, PulseModel, ReadNoise
from matsweep.identification.fitting.population import root_error
from matsweep.identification.fitting.profiles import LIMIT, SURE, Curve, noise_curves
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.spreads import spread_curves
from matsweep.identification.fitting.statespace import NOISES, Estimate, Reads, Scale

OF_PULSES = NOISES[1:]
RANGE = ("g_min", "g_max")
_LEAST_G = 1e-3  # of g_max, down to which the noise of a read is the same
_WIDE = 0.3  # spread of steps, from which on a Gaussian has devices that go the wrong way
_AT_BOUND = 1e-3  # of a parameter's searched range
_LEAST_LEVEL = 1e-6  # of an interval
_MOST_LOG = 700.0  # of a number that is finite
_INTERVAL = 3.92  # width of 95 %, standard errors
_VAGUE = 0.3  # standard error of a bound, share of the range, that says nothing
_SETTLED = 0.25  # gain in log-likelihood ahead, below which errors are those of the maximum


def uniform_noise(sigma: float, g_min: float, g_max: float) -> ReadNoise:
    """Noise of a read that is the same at all conductances.

    Parameters
    ----------
    sigma : float, fraction of the range
        Standard deviation.
    g_min : float, S
    g_max : float, S

    Returns
    -------
    ReadNoise
        Absent for 0.
    """
    sigma *= g_max - g_min
    if sigma == 0:
        return ReadNoise()
    cap = max(1.0, sigma / max(g_min, _LEAST_G * g_max))
    return ReadNoise(relative=sigma / g_max, exponent=1.0, cap=cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted pulse model.

    Parameters
    ----------
    kind : str
    model : PulseModel
    values, errors : dict of str to float
        Every parameter by its path in the model (`step_up`, `device_to_device.step_up`,
        `cycle_to_cycle.of_step`) and its standard error; `read_noise` as a fraction of the range.
        Steps and counts of pulses are medians, and their spreads those of the logarithm. `g_min`
        and `g_max` in siemens, where they are estimated.
    limits : dict of str to float
        Upper limits, 95 % one-sided, of noises and spreads that the data do not distinguish from
        zero.
    undetermined : frozenset of str
        Paths that the data do not determine: parameters at a bound of their search, or whose
        interval is wider than it; spreads between devices if there is one only, and bounds of the
        range that are neither given nor estimated (`values` and `errors` then refer to the range of
        the states); noises and spreads whose profile does not reach its limits.
    log_likelihood, aic, bic : float
        Marginal, of the reads in siemens over the range measured.
    distance : float
        Largest distance of the residuals' distribution from the normal one (Kolmogorov and
        Smirnov's statistic).
    used : (read,) array of bool
        Whether a read was predicted: all but the first of each record.
    residuals : (read,) array
        Innovations in standard deviations; NaN where not used.
    states : (read,) array, S
        Filtered conductance.
    pulses : (read,) array of int
        Pulse before each read: +1, -1, or 0 for none.
    g_min, g_max : float, S
        The range that states are fractions of.
    converged : bool
        Whether the search ended at a maximum; else errors and limits are not to be believed.
    freedom : int
        Degrees of freedom of the mean over devices; 0 for one device.
    logarithmic : frozenset of str
        Parameters of devices that are positive: the error of the logarithm is normal.
    curves : dict of str to Curve
        Likelihoods of noises and spreads, where their errors are not normal.
    """

    kind: str
    model: PulseModel
    values: dict[str, float]
    errors: dict[str, float]
    limits: dict[str, float]
    undetermined: frozenset[str]
    log_likelihood: float
    aic: float
    bic: float
    distance: float
    used: npt.NDArray[np.bool_]
    residuals: FloatArray
    states: FloatArray
    pulses: npt.NDArray[np.int64]
    g_min: float
    g_max: float
    converged: bool
    freedom: int
    logarithmic: frozenset[str]
    curves: dict[str, Curve]

    @property
    def read_noise(self) -> ReadNoise:
        """Noise of a read, the same at all conductances; absent where data do not show it."""
        sigma = 0.0 if "read_noise" in self.limits else self.values["read_noise"]
        return uniform_noise(sigma, self.g_min, self.g_max)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Return a confidence interval of a parameter.

        Of noises and spreads by their likelihood (or their logarithm, where they are far from
        zero), of positive parameters by their logarithm; of means over few devices by Student's
        distribution. It has the same chance to lie above the true value as below.

        Parameters
        ----------
        name : str
            A path of `values`, or of `undetermined`.
        level : float
            In (0, 1).

        Returns
        -------
        low, high : float
            Infinite for what is not determined.

        Raises
        ------
        UserError
            For an unknown path, or a level outside (0, 1).
        """
        from scipy import stats

        one_of("parameter", name, sorted({*self.values, *self.undetermined}))
        tail = 0.5 * (1 + in_range("level", level, _LEAST_LEVEL, 1 - _LEAST_LEVEL))
        if name in self.undetermined:
            return -math.inf, math.inf
        deviate = float(stats.norm.ppf(tail))
        if name in self.curves:
            return self.curves[name].at(-deviate), self.curves[name].at(deviate)
        value, error = self.values[name], self.errors[name]
        of_devices = name in self.model.names()
        if of_devices and self.freedom:
            deviate = float(stats.t.ppf(tail, self.freedom))
        if (of_devices and name not in self.logarithmic) or name in RANGE or value == 0:
            return value - deviate * error, value + deviate * error
        factor = float(np.exp(min(deviate * error / value, _MOST_LOG)))
        return value / factor, value * factor


def named(
    kind: str,
    scale: Scale,
    reads: Reads,
    estimate: Estimate,
    *,
    low: float,
    width: float,
) -> Fit:
    """Name every estimate by its path in the model.

    Limits are those of a normal variance; `sure` puts better ones in their place.

    Parameters
    ----------
    kind : str
    scale : Scale
        Of this kind.
    reads : Reads
    estimate : Estimate
    low : float, S
        Conductance that is 0 in `reads`.
    width : float, S
        One unit of `reads`.

    Returns
    -------
    Fit
    """
    from scipy import stats

    cls, count = PulseModel.registry[kind], len(reads.devices)
    values, errors = _of_devices(cls, scale, estimate, count)
    limits: dict[str, float] = {}
    span = float(estimate.shared[4])
    for k, name in enumerate(NOISES):
        variance = float(estimate.shared[k])
        error = float(np.sqrt(max(estimate.covariance[k, k], 0.0)))
        unit = span if name == "read_noise" else 1.0
        values[name] = variance**0.5 / unit
        errors[name] = root_error(variance**0.5, error) / unit
        if name == "read_noise":
            errors[name] = _of_width(values[name], errors[name], estimate)
        if variance < SURE * error:
            limits[name] = (variance + LIMIT * error) ** 0.5 / unit
    used = reads.linked
    residuals = np.where(used, estimate.innovation / np.sqrt(estimate.spread), np.nan)
    likelihood, free = estimate.log_likelihood, estimate.free
    g_min = low + width * float(estimate.shared[3])
    g_max = g_min + width * span
    undetermined = _at_bounds(scale, estimate) | _everywhere(scale, estimate)
    if count == 1:
        undetermined |= {f"device_to_device.{name}" for name in scale.start}
    undetermined |= estimate.unknown
    for name, bound, error in zip(RANGE, (g_min, g_max), estimate.range_errors, strict=True):
        if error > 0:
            values[name], errors[name] = bound, width * float(error)
        if error > _VAGUE * span:
            undetermined.add(name)
    return Fit(
        kind=kind,
        model=_model(cls, scale, values, estimate),
        values=values,
        errors=errors,
        limits=limits,
        undetermined=frozenset(undetermined),
        log_likelihood=likelihood,
        aic=2 * free - 2 * likelihood,
        bic=free * float(np.log(used.sum())) - 2 * likelihood,
        distance=float(stats.kstest(residuals[used], "norm").statistic),
        used=used,
        residuals=residuals,
        states=g_min + width * span * estimate.mean,
        pulses=reads.pulses,
        g_min=g_min,
        g_max=g_max,
        converged=estimate.ahead < _SETTLED,
        freedom=count - 1,
        logarithmic=scale.positive,
        curves={},
    )


def sure(fit: Fit, problem: Problem, left_out: frozenset[str]) -> Fit:
    """Add limits and intervals from profiles of the restricted likelihood.

    Those of a noise let the other noises be as they may, also the ones that the fit leaves out.

    Parameters
    ----------
    fit : Fit
    problem : Problem
        Solved for it, by restricted likelihood.
    left_out : frozenset of str
        Noises that the fit leaves out.

    Returns
    -------
    Fit
    """
    whole, estimate = problem.with_noises()
    width = float(estimate.shared[4])
    curves, limits, errors = dict[str, Curve](), dict[str, float](), dict(fit.errors)
    for k, curve in noise_curves(whole, estimate, left_out).items():
        name = NOISES[k]
        curves[name] = curve.scaled(width if name == "read_noise" else 1.0)
        if name in left_out or (name in fit.limits and curve.unclear):
            limits[name] = curves[name].at(LIMIT)
    for name, curve in zip(problem.names, _spreads(problem), strict=False):
        path, value = f"device_to_device.{name}", fit.values[name]
        own = curves[path] = curve.scaled(_unit(type(fit.model), fit.logarithmic, name, value))
        if not curve.unclear:
            continue
        limits[path] = own.at(LIMIT)
        # The mean is as uncertain as a spread one deviation wider makes it.
        wider = (curve.at(1.0) ** 2 - curve.at(0.0) ** 2) / problem.count
        unit = value if name in fit.logarithmic else 1.0
        errors[name] = float(np.hypot(errors[name], unit * max(wider, 0.0) ** 0.5))
    unknown = {name for name, curve in curves.items() if not curve.determined}
    return dataclasses.replace(
        fit, curves=curves, limits=limits, errors=errors, undetermined=fit.undetermined | unknown
    )


def _of_width(value: float, error: float, estimate: Estimate) -> float:
    """Return the error of a share of the range whose width is estimated as well."""
    covariance, width = estimate.covariance, float(estimate.shared[4])
    shared = -covariance[0, 4] / max(float(estimate.shared[0]), 1e-300) / width
    relative = covariance[4, 4] / width**2 + shared
    return float(np.sqrt(max(error**2 + value**2 * float(relative), error**2 / 4)))


def _at_bounds(scale: Scale, estimate: Estimate) -> set[str]:
    """Return the parameters that rest at a bound of their search in most of the devices."""
    resting = set()
    for i, name in enumerate(scale.start):
        ends = [scale.low[name], scale.high[name]]
        low, high = np.log(ends) if name in scale.positive else ends
        margin = _AT_BOUND * (high - low)
        values = estimate.theta[:, i]
        if np.mean((values < low + margin) | (values > high - margin)) >= 0.5:
            resting.add(name)
    return resting


def _everywhere(scale: Scale, estimate: Estimate) -> set[str]:
    """Return the parameters whose interval of 95 % is wider than the range of their search."""
    wide = set()
    for i, name in enumerate(scale.start):
        ends = [scale.low[name], scale.high[name]]
        low, high = np.log(ends) if name in scale.positive else ends
        if _INTERVAL * float(estimate.population.mean_error[i]) > high - low:
            wide |= {name, f"device_to_device.{name}"}
    return wide


def _of_devices(
    cls: type[PulseModel], scale: Scale, estimate: Estimate, count: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the parameters of the median device, and their spreads, with errors."""
    values, errors = dict[str, float](), dict[str, float]()
    population = estimate.population
    for i, name in enumerate(scale.start):
        log = name in scale.positive
        value = float(np.exp(population.mean[i]) if log else population.mean[i])
        values[name] = value
        errors[name] = float(population.mean_error[i]) * (value if log else 1.0)
        if count > 1:
            unit = _unit(cls, scale.positive, name, value)
            values[f"device_to_device.{name}"] = float(population.spread[i]) / unit
            errors[f"device_to_device.{name}"] = float(population.spread_error[i]) / unit
    return values, errors


def _unit(cls: type[PulseModel], log: frozenset[str], name: str, value: float) -> float:
    """Return the unit of a spread between devices: the parameter's value where it is relative."""
    return 1.0 if name in log or name in cls.absolute else max(abs(value), 1e-12)


def _spreads(problem: Problem) -> list[Curve]:
    return spread_curves(*problem.each()) if problem.count > 1 else []


def _model(
    cls: type[PulseModel], scale: Scale, values: Mapping[str, float], estimate: Estimate
) -> PulseModel:
    """Return the model with the fitted values."""
    plain: dict[str, Any] = {
        name: min(max(values[name], scale.low[name]), scale.high[name]) for name in scale.start
    }
    spreads = {
        name: values[f"device_to_device.{name}"]
        for name in scale.start
        if f"device_to_device.{name}" in values
    }
    if any(spreads.get(name, 0.0) > _WIDE for name in scale.positive):
        spreads |= _lognormal(scale, spreads, estimate)
    noise = CycleNoise(**{name.rpartition(".")[2]: values[name] for name in OF_PULSES})
    return cls(
        **plain,
        **scale.fixed,
        cycle_to_cycle=noise,
        device_to_device={name: spread for name, spread in spreads.items() if spread > 1e-6},
    )


def _lognormal(scale: Scale, spreads: Mapping[str, float], estimate: Estimate) -> dict[str, float]:
    """Return the spread of a lognormal factor that both steps share, and what is left of theirs.

    The steps' ratio has the variance of the devices' estimates, less that of their errors. The rest
    is Gaussian, which holds up to 0.3 (`rows._device_to_device`).
    """
    up, down = (i for i, name in enumerate(scale.start) if name in scale.positive)
    names = [name for name in scale.start if name in scale.positive]
    ratio = estimate.theta[:, up] - estimate.theta[:, down]
    errors = estimate.errors
    doubt = errors[:, up, up] + errors[:, down, down] - 2 * errors[:, up, down]
    apart = max(float(ratio.var(ddof=1) - doubt.mean()), 0.0)
    variances = [spreads[name] ** 2 for name in names]
    shared = max((sum(variances) - apart) / 2, 0.0)
    if shared > min(variances):  # by their errors: both are the same
        variances = [shared + apart / 2] * 2
    left = [(variance - shared) ** 0.5 for variance in variances]
    return {"log_scale": shared**0.5, **dict(zip(names, left, strict=True))}
