"""Fits of pulse models to measured reads: which formula, its parameters and errors.

See `matsweep.identification.fitting.statespace` for the model of pulses and reads, and for the
method. Bounds of the range that are not given are estimated where the steps determine them (soft
bounds); the other formulas take the range of the filtered states.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError, one_of, positive
from matsweep.core.streams import FloatArray
from matsweep.devices import CycleNoise, PulseModel, ReadNoise
from matsweep.identification.fitting.population import root_error
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.statespace import NOISES, Estimate, Reads, Scale
from matsweep.identification.measurements import PulseData

_LOUD = 0.05  # distance from the normal distribution beyond which no formula is recommended
_LUCK = 1.95  # over the root of the residuals' number: distance of normal ones in 1 of 1000 cases
_SURE = 2.0  # standard errors of a variance, below which a noise is given an upper limit
_LIMIT = 1.645  # standard errors to the upper limit, 95 % one-sided
_ALIKE = 2.0  # difference of BIC within which models describe the data alike
_OUTSIDE = 0.2  # share of reads beyond a given range
_OF_PULSES = NOISES[1:]
_LEAST = 5  # reads of a device for each parameter
_LEAST_G = 1e-3  # of g_max, down to which the noise of a read is the same
_WIDE = 0.3  # spread of steps, from which on a Gaussian has devices that go the wrong way

_STEPS = {"step_up": 0.02, "step_down": 0.02}
_LOW = {"step_up": 1e-7, "step_down": 1e-7}
_HIGH = {"step_up": 1.0, "step_down": 1.0}


def _stepped(start: Mapping[str, float], low: float, high: float) -> Scale:
    return Scale(
        start={**_STEPS, **start},
        low={**_LOW, **dict.fromkeys(start, low)},
        high={**_HIGH, **dict.fromkeys(start, high)},
        positive=frozenset(_STEPS),
        bounded=not start,
        after="soft_bounds" if start else None,
    )


SPECS: dict[str, Scale] = {
    "soft_bounds": _stepped({}, 0, 1),
    "linear_step": _stepped({"slope_up": 0.3, "slope_down": 0.3}, 0.0, 1.0),
    "power_step": _stepped({"exponent_up": 0.5, "exponent_down": 0.5}, 0.0, 10.0),
    "exponential_step": Scale(
        start={**_STEPS, "amplitude_up": 0.2, "amplitude_down": 0.2, "rate_up": 1.0,
               "rate_down": 1.0},
        low={**_LOW, "amplitude_up": -20.0, "amplitude_down": -20.0, "rate_up": 0.2,
             "rate_down": 0.2},
        high={**_HIGH, "amplitude_up": 1.0, "amplitude_down": 1.0, "rate_up": 10.0,
              "rate_down": 10.0},
        positive=frozenset(_STEPS),
        fixed={"scale": 1.0, "offset": 0.0},
        after="linear_step",
    ),
    "neurosim": Scale(
        start={"nonlinearity_up": 1.0, "nonlinearity_down": -1.0, "pulses_up": 50.0,
               "pulses_down": 50.0},
        low={"nonlinearity_up": -9.0, "nonlinearity_down": -9.0, "pulses_up": 1.0,
             "pulses_down": 1.0},
        high={"nonlinearity_up": 9.0, "nonlinearity_down": 9.0, "pulses_up": 1e6,
              "pulses_down": 1e6},
        positive=frozenset({"pulses_up", "pulses_down"}),
        after="linear_step",
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
        `cycle_to_cycle.of_step`) and its standard error; `read_noise` as a fraction of the range.
        Steps and counts of pulses are medians, and their spreads those of the logarithm.
    limits : dict of str to float
        Upper limits, 95 % one-sided, of noises that the data do not distinguish from zero.
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
    """

    kind: str
    model: PulseModel
    values: dict[str, float]
    errors: dict[str, float]
    limits: dict[str, float]
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

    @property
    def read_noise(self) -> ReadNoise:
        """Noise of a read, the same at all conductances; absent where data do not show it."""
        sigma = 0.0 if "read_noise" in self.limits else self.values["read_noise"]
        return uniform_noise(sigma, self.g_min, self.g_max)


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


def fit_model(
    data: PulseData, kind: str, *, g_min: float | None = None, g_max: float | None = None
) -> Fit:
    """Fit one pulse model.

    Parameters
    ----------
    data : PulseData
    kind : str
        One of `SPECS`.
    g_min : float, S, optional
        Lower end of the device's range. Noisy reads may lie beyond. By default the one that the
        steps point to (soft bounds), or the lowest filtered state.
    g_max : float, S, optional
        Upper end, likewise.

    Returns
    -------
    Fit

    Raises
    ------
    UserError
        If the range does not hold the data, or a device was read too seldom.
    """
    one_of("model", kind, SPECS)
    with threadpool_limits(1):
        return _simplest(_Task(data, g_min, g_max), kind)


def compare(
    data: PulseData, *, g_min: float | None = None, g_max: float | None = None
) -> list[Fit]:
    """Fit every pulse model; the one with the least BIC first.

    Models whose BIC is within 2 of the least describe the data alike: the one with the fewest
    parameters comes first, then the one that stands first in `SPECS`.

    Parameters
    ----------
    data : PulseData
    g_min : float, S, optional
        As of `fit_model`.
    g_max : float, S, optional
        As of `fit_model`.

    Returns
    -------
    list of Fit

    Raises
    ------
    UserError
        As `fit_model` does.
    """
    with threadpool_limits(1):
        task = _Task(data, g_min, g_max)
        fits = sorted((task.fitted(kind) for kind in SPECS), key=lambda fit: fit.bic)
        order = list(SPECS)
        alike = [fit for fit in fits if fit.bic < fits[0].bic + _ALIKE]
        first = min(alike, key=lambda fit: (len(SPECS[fit.kind].start), order.index(fit.kind)))
        return [_simplest(task, first.kind), *(fit for fit in fits if fit is not first)]


def recommend(fits: list[Fit], *, table_bic: float = np.inf) -> Fit | None:
    """Select the first fit, unless its residuals are far from normal or a table predicts better.

    Far is a distance of more than 0.05 between the distribution functions, and more than normal
    residuals of that number have by luck. A formula with steps of another shape may have normal
    residuals, as the noise of pulses makes up for the shape.

    Parameters
    ----------
    fits : list of Fit
        As `compare` returns them.
    table_bic : float
        BIC of the table fitted to the same reads.

    Returns
    -------
    Fit or None
        None where no formula fits.
    """
    best = fits[0]
    loud = max(_LOUD, _LUCK / float(best.used.sum()) ** 0.5)
    return best if best.distance <= loud and best.bic <= table_bic + _ALIKE else None


def _simplest(task: _Task, kind: str) -> Fit:
    """Fit a model, without the noises of pulses that the data do not ask for."""
    left_out: frozenset[str] = frozenset()
    fit = task.fitted(kind, left_out)
    while unsure := [name for name in _OF_PULSES if name in fit.limits and name not in left_out]:
        least = min(unsure, key=lambda name: fit.values[name] / fit.limits[name])
        fewer = task.fitted(kind, left_out | {least})
        if fewer.bic > fit.bic:
            break
        limits = {**fewer.limits, **{n: fit.limits[n] for n in (*left_out, least)}}
        fit, left_out = dataclasses.replace(fewer, limits=limits), left_out | {least}
    restricted = task.fitted(kind, left_out, restricted=True)
    limits = {**restricted.limits, **{name: fit.limits[name] for name in left_out}}
    return dataclasses.replace(restricted, limits=limits)


class _Task:
    """Fits of several models to the same reads, in the unit of the range measured."""

    def __init__(self, data: PulseData, g_min: float | None, g_max: float | None) -> None:
        self.low, self.width = data.lowest, data.highest - data.lowest
        self.reads = reads_of(data, self.low, self.width)
        self.given = [
            None if value is None else (positive(name, value, "S") - self.low) / self.width
            for name, value in (("g_min", g_min), ("g_max", g_max))
        ]
        self._solved = dict[tuple[str, frozenset[str]], tuple[Problem, Estimate]]()
        self._check(data)

    def _check(self, data: PulseData) -> None:
        low, high = self.bounds((0.0, 1.0))
        outside = (self.reads.value < low) | (self.reads.value > high)
        if not low < high or outside.mean() > _OUTSIDE:
            raise UserError(
                f"g_min and g_max must hold the measured conductances ({data.lowest:g} to "
                f"{data.highest:g} S), got {self.low + self.width * low:g} and "
                f"{self.low + self.width * high:g}: {100 * outside.mean():.0f} % of the reads lie "
                "beyond, more than noise explains"
            )

    def bounds(self, else_: tuple[float, float]) -> tuple[float, float]:
        """Return the range, ends that are not given from `else_`."""
        low, high = (
            value if given is None else given
            for given, value in zip(self.given, else_, strict=True)
        )
        return low, high

    def _range(self, kind: str) -> tuple[float, float] | None:
        """Return the range of a model; None where its steps determine it."""
        if None not in self.given:
            return self.bounds((0.0, 1.0))
        if SPECS[kind].bounded:
            return None if self.given == [None, None] else self.bounds((0.0, 1.0))
        problem, estimate = self._solution("soft_bounds", frozenset())
        states = problem.shared[3] + problem.shared[4] * estimate.mean
        return self.bounds((float(states.min()), float(states.max())))

    def fitted(
        self, kind: str, left_out: frozenset[str] = frozenset(), *, restricted: bool = False
    ) -> Fit:
        """Fit a model, without some of the noises."""
        least = int(np.bincount(self.reads.device, self.reads.linked).min())
        if least < _LEAST * len(SPECS[kind].start):
            raise UserError(
                f"model {kind} needs {_LEAST * len(SPECS[kind].start)} pulses of each device, got "
                f"{least} of one: measure more, or leave the device out"
            )
        problem, estimate = self._solution(kind, left_out)
        if restricted:
            estimate = problem.solve(restricted=True)
        return self._named(kind, estimate)

    def _solution(self, kind: str, left_out: frozenset[str]) -> tuple[Problem, Estimate]:
        if (kind, left_out) not in self._solved:
            problem = Problem(self.reads, PulseModel.registry[kind], SPECS[kind], self._range(kind))
            problem.open[:3] &= [name not in left_out for name in NOISES]
            after = kind if left_out else SPECS[kind].after
            if after is None:
                problem.begin()
            else:
                problem.begin_as(self._solution(after, frozenset())[0])
            self._solved[kind, left_out] = problem, problem.solve(restricted=False)
        return self._solved[kind, left_out]

    def _named(self, kind: str, estimate: Estimate) -> Fit:
        """Name every estimate by its path in the model."""
        from scipy import stats

        scale, cls = SPECS[kind], PulseModel.registry[kind]
        values, errors = _of_devices(cls, scale, estimate, len(self.reads.devices))
        limits: dict[str, float] = {}
        width = float(estimate.shared[4])
        for k, name in enumerate(NOISES):
            variance = float(estimate.shared[k])
            error = float(np.sqrt(max(estimate.covariance[k, k], 0.0)))
            unit = width if name == "read_noise" else 1.0
            values[name] = variance**0.5 / unit
            errors[name] = root_error(variance**0.5, error) / unit
            if variance < _SURE * error:
                limits[name] = (variance + _LIMIT * error) ** 0.5 / unit
        used = self.reads.linked
        residuals = np.where(used, estimate.innovation / np.sqrt(estimate.spread), np.nan)
        likelihood, free = estimate.log_likelihood, estimate.free
        low = self.low + self.width * float(estimate.shared[3])
        return Fit(
            kind=kind,
            model=_model(cls, scale, values, estimate),
            values=values,
            errors=errors,
            limits=limits,
            log_likelihood=likelihood,
            aic=2 * free - 2 * likelihood,
            bic=free * float(np.log(used.sum())) - 2 * likelihood,
            distance=float(stats.kstest(residuals[used], "norm").statistic),
            used=used,
            residuals=residuals,
            states=low + self.width * width * estimate.mean,
            pulses=self.reads.pulses,
            g_min=low,
            g_max=low + self.width * width,
        )


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
            relative = not log and name not in cls.absolute
            unit = max(abs(value), 1e-12) if relative else 1.0
            values[f"device_to_device.{name}"] = float(population.spread[i]) / unit
            errors[f"device_to_device.{name}"] = float(population.spread_error[i]) / unit
    return values, errors


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
    noise = CycleNoise(**{name.rpartition(".")[2]: values[name] for name in _OF_PULSES})
    return cls(
        **plain,
        **scale.fixed,
        cycle_to_cycle=noise,
        device_to_device={name: spread for name, spread in spreads.items() if spread > 1e-6},
    )


def _lognormal(scale: Scale, spreads: Mapping[str, float], estimate: Estimate) -> dict[str, float]:
    """Return the spread of a lognormal factor that both steps share, and what is left of theirs.

    The steps' ratio has the variance of the devices' estimates, less that of their errors.
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


def reads_of(data: PulseData, low: float, width: float) -> Reads:
    """Collect the reads of a measurement, device by device, as fractions of a range.

    Parameters
    ----------
    data : PulseData
    low : float, S
        Lower end of the range.
    width : float, S
        Of the range.

    Returns
    -------
    Reads
    """
    sequences = data.sequences
    return Reads(
        devices=data.devices,
        device=np.repeat(np.arange(len(sequences)), [each.reads.size for each in sequences]),
        value=(np.concatenate([each.reads for each in sequences]) - low) / width,
        pulses=np.concatenate([each.pulses for each in sequences]).astype(np.int64),
        linked=np.concatenate([each.linked for each in sequences]),
        zero=-low / width,
    )
