"""Power-law drift of states against time, and whether it is one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.core.units import duration, engineering
from matsweep.identification.fitting.departure import departs, resolved, scatter
from matsweep.identification.fitting.population import find_population
from matsweep.identification.measurements import RetentionData, Trace

_LEAST = 4  # points of a trace
_SURE = 4.0  # standard errors of a curvature that is seen
_SEEN = 0.02  # of the conductance: a bend below it is of no use to anyone
_SEVERAL = 4  # traces, from which their scatter gives the error of their mean
_CHANCE = 1e-4  # by which exponents at several temperatures may differ by luck


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFit:
    """Exponents of power-law drift, G(t) = G(t0) (t / t0)^-nu.

    Parameters
    ----------
    nu, nu_error : (trace,) array, dimensionless
        Of each trace, with its standard error.
    mean, mean_error : float
        Over the traces.
    spread, spread_error : float
        Standard deviation between traces, less the errors of their fits; 0 for a single trace.
    time_zero : float, s
        The first time measured.
    misfit : float
        Root mean square departure of ln G from the straight lines.
    bend : tuple of (float, float, float) or None
        Where ln G against ln t bends: of the trace that bends most, the middle of its times (of
        their logarithms), s, and the exponents of the earlier and of the later half.
    temperatures : dict of float to (float, float)
        Mean exponent and its standard error by temperature, K; empty where the exponents do not
        differ between temperatures, or these are not stated.
    apart : dict of float to (float, float)
        Likewise for one trace at each temperature, where exponents differ by more than the errors
        of their fits: devices may differ as much.
    unchecked : bool
        Whether the traces have too few reads to separate the departure from noise.
    """

    nu: FloatArray
    nu_error: FloatArray
    mean: float
    mean_error: float
    spread: float
    spread_error: float
    time_zero: float
    misfit: float
    bend: tuple[float, float, float] | None = None
    temperatures: dict[float, tuple[float, float]]
    apart: dict[float, tuple[float, float]] = field(default_factory=dict)
    unchecked: bool = False

    def failings(self) -> list[str]:
        """Reasons why one power law does not describe the traces.

        Returns
        -------
        list of str
            Empty where it does.
        """
        texts = []
        if self.bend is not None:
            middle, early, late = self.bend
            texts.append(
                f"log G against log t bends: the exponent of a trace is {early:.2g} before "
                f"{duration(middle)} and {late:.2g} after"
            )
        if self.temperatures:
            texts.append(
                f"the drift exponent differs between temperatures: {_listed(self.temperatures)}"
            )
        return texts

    def cautions(self) -> list[str]:
        """Reservations: tests that the traces do not permit.

        Returns
        -------
        list of str
            Sentences, each to follow a colon.
        """
        texts = []
        if self.unchecked and self.bend is None:
            texts.append(
                "too few reads to check the power law: its departure of "
                f"{self.misfit:.2g} of the conductance may be noise or a bend."
            )
        if self.apart:
            texts.append(
                "one device at each temperature: whether the drift exponent differs between "
                f"temperatures or between devices is not known ({_listed(self.apart)})."
            )
        return texts


def _listed(exponents: dict[float, tuple[float, float]]) -> str:
    return ", ".join(
        f"{mean:.3g} ± {error:.1g} at {engineering(kelvin, 'K')}"
        for kelvin, (mean, error) in exponents.items()
    )


def fit_drift(data: RetentionData) -> DriftFit:
    """Fit the drift of each trace: a straight line of ln G against ln t.

    Parameters
    ----------
    data : RetentionData
        Points at time 0 are left out.

    Returns
    -------
    DriftFit

    Raises
    ------
    UserError
        If a trace has too few points.

    Notes
    -----
    Standard errors are those of independent noise of reading. Slow noise of a device is not, and
    makes the exponents of single traces less certain; the spread between traces has it.

    A curve bends if its departure from the lines exceeds the scatter of reads by far, or if the
    mean curvature of at least four traces exceeds four of its standard errors, and 2 % of the
    conductance at the ends. Exponents differ between temperatures by an analysis of variance, with
    a chance of 1e-4 to differ by luck. One trace at each temperature permits no such test.

    References
    ----------
    Boybat et al., NVMTS 2018, doi:10.1109/NVMTS.2018.8603100.
    """
    lines = [_line(data.name, trace) for trace in data.traces]
    nu = np.array([line.nu for line in lines])
    error = np.array([line.nu_error for line in lines])
    together = find_population(nu[:, None], error[:, None, None] ** 2)
    rests = [line.rest for line in lines]
    exponents = _differing(data.traces, nu, error)
    single = len(exponents) == len(lines)
    return DriftFit(
        nu=nu,
        nu_error=error,
        mean=float(together.mean[0]),
        mean_error=float(together.mean_error[0]),
        spread=float(together.spread[0]),
        spread_error=float(together.spread_error[0]),
        time_zero=min(float(trace.time[trace.time > 0][0]) for trace in data.traces),
        misfit=float(np.sqrt(np.mean(np.square(np.concatenate(rests))))),
        bend=_bend(lines, departs(rests, scatter(data.traces))),
        temperatures={} if single else exponents,
        apart=exponents if single else {},
        unchecked=not resolved(data.traces) and departs(rests, 0.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Straight line and parabola of ln G against x = ln t, of one trace.

    y = a - nu x, and y = a - nu x - curvature x²; x reaches from `first` to `last`. `early` and
    `late` are exponents before and after `middle`: of this range or, where a half of it has too few
    points, of these.
    """

    nu: float
    nu_error: float
    rest: FloatArray
    curvature: float
    curvature_error: float
    first: float
    last: float
    middle: float
    early: float
    late: float


def _line(name: str, trace: Trace) -> _Line:
    """Fit the drift exponent of a trace and its curvature, with their standard errors."""
    known = trace.time > 0
    x, y = np.log(trace.time[known]), np.log(trace.conductance[known])
    if x.size < _LEAST or np.ptp(x) == 0:
        raise UserError(
            f"{name}, line {trace.line}: the trace of {trace.device} has {x.size} points after "
            f"time 0, at least {_LEAST} at different times are needed"
        )
    first, last = float(x.min()), float(x.max())
    for middle in ((first + last) / 2, float(np.median(x))):
        halves = [_slope(x[own], y[own]) for own in (x <= middle, x >= middle)]
        if np.isfinite(halves).all():
            break
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    # The part of x² that a straight line does not have.
    square = x**2 - np.mean(x**2) - x * (x @ x**2) / (x @ x)
    weight = float(square @ square)
    curvature, curvature_error = 0.0, np.inf
    if weight > 1e-9 * float(x @ x) ** 2 and x.size > _LEAST:
        curvature = -float(square @ rest) / weight
        left = rest + curvature * square
        curvature_error = float(np.sqrt(left @ left / (x.size - 3) / weight))
    return _Line(
        nu=-slope, nu_error=float(np.sqrt(rest @ rest / (x.size - 2) / (x @ x))), rest=rest,
        curvature=curvature, curvature_error=curvature_error, first=first, last=last, middle=middle,
        early=-halves[0], late=-halves[1],
    )  # fmt: skip


def _slope(x: FloatArray, y: FloatArray) -> float:
    """Return the slope of a straight line; nan where x has a single value."""
    x = x - x.mean()
    return float(x @ y / (x @ x)) if np.ptp(x) > 0 else float("nan")


def _bend(lines: list[_Line], plain: bool) -> tuple[float, float, float] | None:
    """Return the middle time and the exponents on both sides, where curves bend; else None."""
    halved = [line for line in lines if np.isfinite([line.early, line.late]).all()]
    curved = [line for line in halved if np.isfinite(line.curvature_error)]
    seen = False
    if len(curved) >= _SEVERAL:
        span = float(np.median([line.last - line.first for line in curved]))
        curvature = np.array([[line.curvature] for line in curved])
        errors = np.array([max(line.curvature_error, 1e-12) for line in curved])
        together = find_population(curvature, errors[:, None, None] ** 2)
        mean = abs(float(together.mean[0]))
        # A parabola and its straight line are span² / 6 apart at the ends.
        seen = mean > _SURE * together.mean_error[0] and mean * span**2 / 6 > _SEEN
    if not halved or not (plain or seen):
        return None
    most = max(halved, key=lambda line: abs(line.late - line.early))
    return float(np.exp(most.middle)), most.early, most.late


def _differing(
    traces: tuple[Trace, ...], nu: FloatArray, error: FloatArray
) -> dict[float, tuple[float, float]]:
    """Return the mean exponent at each temperature, where they differ; else nothing."""
    from scipy import stats

    if any(trace.temperature is None for trace in traces):
        return {}
    kelvin = np.array([trace.temperature for trace in traces], float)
    groups = {value: kelvin == value for value in np.unique(kelvin)}
    within = nu.size - len(groups)
    if len(groups) < 2:
        return {}
    rest = sum(float(np.sum((nu[own] - nu[own].mean()) ** 2)) for own in groups.values())
    if within > 0:
        scale = max(rest / within, float(np.mean(error**2)) * 1e-6)
        means = {value: (float(nu[own].mean()), float(np.sqrt(scale / own.sum())))
                 for value, own in groups.items()}  # fmt: skip
    else:
        means = {value: (float(nu[own][0]), float(error[own][0])) for value, own in groups.items()}
    centre = np.array([mean for mean, _ in means.values()])
    weight = np.array([1 / max(wide, 1e-12) ** 2 for _, wide in means.values()])
    off = float(weight @ (centre - weight @ centre / weight.sum()) ** 2)
    free = len(groups) - 1
    chance = stats.f.sf(off / free, free, within) if within > 0 else stats.chi2.sf(off, free)
    return means if chance < _CHANCE else {}
