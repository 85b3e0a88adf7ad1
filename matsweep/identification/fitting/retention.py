"""Drift exponents and thermally activated retention, fitted to states against time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.relaxation import BOLTZMANN_EV
from matsweep.identification.fitting.least_squares import Estimate, estimated, exponential
from matsweep.identification.fitting.population import find_population
from matsweep.identification.measurements import RetentionData, Trace

_LEAST = 4  # points of a trace


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
    """

    nu: FloatArray
    nu_error: FloatArray
    mean: float
    mean_error: float
    spread: float
    spread_error: float
    time_zero: float


def fit_drift(data: RetentionData) -> DriftFit:
    """Fit the drift of each trace: a straight line of log G against log t.

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

    References
    ----------
    Boybat et al., NVMTS 2018, doi:10.1109/NVMTS.2018.8603100.
    """
    lines = [_line(data.name, trace) for trace in data.traces]
    nu = np.array([line[0] for line in lines])
    error = np.array([line[1] for line in lines])
    together = find_population(nu[:, None], error[:, None, None] ** 2)
    return DriftFit(
        nu=nu,
        nu_error=error,
        mean=float(together.mean[0]),
        mean_error=float(together.mean_error[0]),
        spread=float(together.spread[0]),
        spread_error=float(together.spread_error[0]),
        time_zero=min(float(trace.time[trace.time > 0][0]) for trace in data.traces),
    )


def _line(name: str, trace: Trace) -> tuple[float, float]:
    """Return the drift exponent of a trace, and its standard error."""
    known = trace.time > 0
    x, y = np.log(trace.time[known]), np.log(trace.conductance[known])
    if x.size < _LEAST or np.ptp(x) == 0:
        raise UserError(
            f"{name}, line {trace.line}: the trace of {trace.device} has {x.size} points after "
            f"time 0, at least {_LEAST} at different times are needed"
        )
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    return -slope, float(np.sqrt(rest @ rest / (x.size - 2) / (x @ x)))


def fit_retention(data: RetentionData, *, stable: float = 0.0) -> Estimate:
    """Fit thermally activated decay to all traces together.

    G(t) = G_s + (G_0 - G_s) exp(-(t / tau)^stretch), tau(T) = time exp(Ea / k (1 / T - 1 / T_r)),
    with a start G_0 for each trace; least squares of G / G_0, for noise in proportion to G. T_r is
    the lowest temperature measured.

    Parameters
    ----------
    data : RetentionData
        With temperatures.
    stable : float, S
        G_s, the conductance that is approached.

    Returns
    -------
    Estimate
        Of `time` [s], `activation_ev` [eV] and `stretch`; `temperature` [K] is T_r. Not determined
        is the activation energy of a single temperature, and all of a decay that is not seen.

    Raises
    ------
    UserError
        If a trace states no temperature, has too few points, or begins at the stable state.

    References
    ----------
    The form is that of `devices.Retention`, of which these are the parameters.
    """
    traces = data.traces
    for trace in traces:
        where = f"{data.name}, line {trace.line}"
        if trace.temperature is None:
            raise UserError(f"{where}: no temperature is stated; add a column, or temperature=300")
        if trace.time.size < _LEAST:
            raise UserError(
                f"{where}: the trace of {trace.device} has {trace.time.size} points, at least "
                f"{_LEAST} are needed"
            )
        if trace.conductance[0] <= stable:
            raise UserError(
                f"{where}: the trace must begin above the stable state (g_min, {stable:g} S), "
                f"got {trace.conductance[0]:g} S"
            )
    kelvin = np.array([trace.temperature for trace in traces], float)
    reference = float(kelvin.min())
    warmer = (1 / reference - 1 / kelvin) / BOLTZMANN_EV  # 1 / eV
    single = bool(np.ptp(kelvin) == 0)
    last = max(float(trace.time[-1]) for trace in traces)
    starts = np.array([np.log(trace.conductance[0]) for trace in traces])

    def residuals(theta: FloatArray) -> FloatArray:
        log_tau, activation, log_stretch = theta[:3]
        parts = []
        for trace, up, log_start in zip(traces, warmer, theta[3:], strict=True):
            # Above a limit nothing changes any more; the search may go far.
            aged = np.log(np.maximum(trace.time, 1e-300)) - log_tau + activation * up
            left = np.exp(-np.exp(np.clip(np.exp(log_stretch) * aged, -700, 20)))
            start = np.exp(log_start)
            parts.append((stable + (start - stable) * left) / trace.conductance - 1)
        return np.concatenate(parts)

    first = [
        np.array([np.log(last * factor), energy, np.log(0.8), *starts])
        for factor in (0.3, 3.0, 30.0)
        for energy in ((0.0,) if single else (0.3, 1.0))
    ]
    names = ("time", "activation_ev", "stretch")
    return estimated(
        residuals, first, names, scales={"time": exponential, "stretch": exponential},
        held=("activation_ev",) if single else (), constants={"temperature": reference},
    )  # fmt: skip
