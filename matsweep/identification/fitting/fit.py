"""Fits of pulse models to measured reads: which formula, its parameters and errors.

See `matsweep.identification.fitting.statespace` for the model of pulses and reads, and for the
method. Bounds of the range that are not given are estimated where the data determine them: steps
that vanish towards a bound (soft bounds, powers), or devices that rest at one. Steps that are
straight in the state and never reach a bound are the same in every range: then it is that of the
filtered states, and parameters are shares of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError, one_of, positive
from matsweep.devices import PulseModel
from matsweep.identification.fitting.ranges import free_range
from matsweep.identification.fitting.result import OF_PULSES, RANGE, Fit, named, sure
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.statespace import NOISES, Estimate, Reads, Scale
from matsweep.identification.measurements import PulseData

_LOUD = 0.05  # distance from the normal distribution beyond which no formula is recommended
_LUCK = 1.95  # over the root of the residuals' number: distance of normal ones in 1 of 1000 cases
_ALIKE = 2.0  # difference of BIC within which models describe the data alike
_OUTSIDE = 0.2  # share of reads beyond a given range
_LEAST = 5  # reads of a device for each parameter

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


type Solution = tuple[Problem, Estimate]

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
        curved=True,
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
        Lower end of the device's range. Noisy reads may lie beyond. By default it is estimated, or
        the lowest filtered state where the data do not determine it.
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
    while unsure := [name for name in OF_PULSES if name in fit.limits and name not in left_out]:
        least = min(unsure, key=lambda name: fit.values[name] / fit.limits[name])
        fewer = task.fitted(kind, left_out | {least})
        if fewer.bic > fit.bic:
            break
        fit, left_out = fewer, left_out | {least}
    return task.sure(kind, left_out)


class _Task:
    """Fits of several models to the same reads, in the unit of the range measured."""

    def __init__(self, data: PulseData, g_min: float | None, g_max: float | None) -> None:
        self.low, self.width = data.lowest, data.highest - data.lowest
        self.reads = reads_of(data, self.low, self.width)
        self.given = [
            None if value is None else (positive(name, value, "S") - self.low) / self.width
            for name, value in (("g_min", g_min), ("g_max", g_max))
        ]
        self._solved = dict[tuple[str, frozenset[str]], Solution]()
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

    def fitted(self, kind: str, left_out: frozenset[str] = frozenset()) -> Fit:
        """Fit a model, without some of the noises."""
        least = int(np.bincount(self.reads.device, self.reads.linked).min())
        if least < _LEAST * len(SPECS[kind].start):
            raise UserError(
                f"model {kind} needs {_LEAST * len(SPECS[kind].start)} pulses of each device, got "
                f"{least} of one: measure more, or leave the device out"
            )
        return self._named(kind, self._solution(kind, left_out)[1])

    def sure(self, kind: str, left_out: frozenset[str]) -> Fit:
        """Fit a model by restricted likelihood, with intervals from profiles."""
        problem = self._solution(kind, left_out)[0]
        return sure(self._named(kind, problem.solve(restricted=True)), problem, left_out)

    def _named(self, kind: str, estimate: Estimate) -> Fit:
        return named(kind, SPECS[kind], self.reads, estimate, low=self.low, width=self.width)

    def _solution(self, kind: str, left_out: frozenset[str]) -> Solution:
        if (kind, left_out) not in self._solved:
            problem = self._begun(kind, left_out)
            self._solved[kind, left_out] = problem, problem.solve(restricted=False)
        return self._solved[kind, left_out]

    def _problem(self, kind: str, left_out: frozenset[str]) -> Problem:
        """Return a problem without some of the noises, its range as the reads show it."""
        problem = Problem(self.reads, PulseModel.registry[kind], SPECS[kind], self._range(kind))
        problem.open[:3] &= [name not in left_out for name in NOISES]
        if not problem.open[3]:
            missing = [name for name, value in zip(RANGE, self.given, strict=True) if value is None]
            problem.unknown = frozenset(missing)
        return problem

    def _begun(self, kind: str, left_out: frozenset[str]) -> Problem:
        """Return a problem near its solution, with a free range where that is determined."""
        spec = SPECS[kind]
        if left_out:
            before = self._solution(kind, frozenset())[0]
            problem = self._problem(kind, left_out)
            problem.open[3:] = before.open[3:]
            problem.unknown, problem.bound_errors = before.unknown, before.bound_errors
            problem.begin_as(before)
            return problem
        begun = []
        if spec.after is None or spec.curved:
            problem = self._problem(kind, left_out)
            problem.begin()
            begun.append(problem)
        if spec.after is not None:
            problem = self._problem(kind, left_out)
            problem.begin_as(self._solution(spec.after, left_out)[0])
            begun.append(problem)
        best = begun[0] if len(begun) == 1 else max(begun, key=Problem.described)
        if self.given == [None, None] and not spec.bounded:
            best = free_range(best)
        return best


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
