"""Thermally activated retention, fitted to states against time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.relaxation import BOLTZMANN_EV
from matsweep.identification.fitting.least_squares import Estimate, estimated, exponential
from matsweep.identification.measurements import RetentionData, Trace

_LEAST = 4  # points of a trace


def fit_retention(
    data: RetentionData, *, stable: float | None = None, stretch: float | None = None
) -> Estimate:
    """Fit thermally activated decay to all traces together.

    G(t) = G_s + (G_0 - G_s) exp(-(t / tau)^stretch), tau(T) = time exp(Ea / k (1 / T - 1 / T_r)),
    with a start G_0 for each trace; least squares of G / G_0, for noise in proportion to G. T_r is
    the lowest temperature measured.

    Parameters
    ----------
    data : RetentionData
        With temperatures.
    stable : float or None, S
        G_s, the conductance that is approached; None: fitted, one for all traces.
    stretch : float or None
        None: fitted.

    Returns
    -------
    Estimate
        Of `time` [s], `activation_ev` [eV], and of `stretch` and `stable` [S] unless they are
        given, which are constants then; `temperature` [K] is T_r. Not determined is the activation
        energy of a single temperature, the stable state that no trace approaches, and all of a
        decay that is not seen.

    Raises
    ------
    UserError
        If a trace states no temperature, has too few points, or begins at the stable state.

    References
    ----------
    The form is that of `devices.Retention`, of which these are the parameters.
    """
    for trace in data.traces:
        _check(data.name, trace, stable)
    points = _Points.of(data.traces)
    kelvin = np.array([trace.temperature for trace in data.traces], float)
    single = bool(np.ptp(kelvin) == 0)
    least, last = float(points.conductance.min()), float(points.time.max())
    given = {"stretch": stretch, "stable": stable}
    # Starts of the search: below the lowest read, since a decay ends there.
    floors = (0.9 * least, 0.1 * least) if stable is None else (max(stable, 1e-300),)
    first = [
        np.log([last * factor, 1.0, 0.8 if stretch is None else stretch, floor])
        + np.array([0.0, energy, 0.0, 0.0])
        for factor in (0.3, 3.0, 30.0)
        for energy in ((0.0,) if single else (0.3, 1.0))
        for floor in floors
    ]

    def residuals(theta: FloatArray) -> FloatArray:
        log_tau, activation, log_stretch, log_stable = theta
        left = points.left(log_tau, activation, float(np.exp(log_stretch)))
        floor = float(np.exp(log_stable)) if stable is None else stable
        starts = points.starts(left, floor)[points.trace]
        return (floor + (starts - floor) * left) / points.conductance - 1

    names = ("time", "activation_ev", "stretch", "stable")
    held = {name for name, value in given.items() if value is not None}
    constants = {name: value for name, value in given.items() if value is not None}
    found = estimated(
        residuals, first, names,
        scales={"time": exponential, "stretch": exponential, "stable": exponential},
        held=tuple(held | ({"activation_ev"} if single else set())),
        others=len(data.traces),
    )  # fmt: skip
    return Estimate(
        values={**found.values, **constants, "temperature": float(kelvin.min())},
        errors={name: error for name, error in found.errors.items() if name not in held},
        misfit=found.misfit,
    )


def decayed(data: RetentionData, fit: Estimate) -> tuple[FloatArray, list[FloatArray]]:
    """Fitted starts of the traces, and their residuals.

    Parameters
    ----------
    data : RetentionData
        With temperatures.
    fit : Estimate
        Of `fit_retention`.

    Returns
    -------
    starts : (trace,) array, S
        G_0, by least squares of all reads of a trace.
    residuals : list of (n,) array
        Law over measurement, less 1, of each trace.
    """
    points = _Points.of(data.traces, fit.values["temperature"])
    value = fit.values
    left = points.left(np.log(value["time"]), value["activation_ev"], value["stretch"])
    starts = points.starts(left, value["stable"])
    law = value["stable"] + (starts - value["stable"])[points.trace] * left
    rest = law / points.conductance - 1
    return starts, [rest[points.trace == k] for k in range(len(data.traces))]


def _check(name: str, trace: Trace, stable: float | None) -> None:
    where = f"{name}, line {trace.line}"
    if trace.temperature is None:
        raise UserError(f"{where}: no temperature is stated; add a column, or temperature=300")
    if trace.time.size < _LEAST:
        raise UserError(
            f"{where}: the trace of {trace.device} has {trace.time.size} points, at least "
            f"{_LEAST} are needed"
        )
    if stable is not None and trace.conductance[0] <= stable:
        raise UserError(
            f"{where}: the trace must begin above the stable state (g_min, {stable:g} S), "
            f"got {trace.conductance[0]:g} S"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Points:
    """Reads of all traces: (point,) arrays, and the (trace,) number of them.

    `warmer` is 1 / k T_r - 1 / k T, 1/eV; `trace` is the index of a read's trace.
    """

    time: FloatArray
    conductance: FloatArray
    warmer: FloatArray
    trace: np.ndarray[tuple[int], np.dtype[np.intp]]
    traces: int

    @classmethod
    def of(cls, traces: tuple[Trace, ...], reference: float | None = None) -> _Points:
        kelvin = np.array([trace.temperature for trace in traces], float)
        reference = float(kelvin.min()) if reference is None else reference
        index = np.repeat(np.arange(len(traces)), [trace.time.size for trace in traces])
        return cls(
            time=np.concatenate([trace.time for trace in traces]),
            conductance=np.concatenate([trace.conductance for trace in traces]),
            warmer=((1 / reference - 1 / kelvin) / BOLTZMANN_EV)[index],
            trace=index,
            traces=len(traces),
        )

    def left(self, log_tau: float, activation: float, stretch: float) -> FloatArray:
        """Share of the distance from the stable state that is left at each read."""
        aged = np.log(np.maximum(self.time, 1e-300)) - log_tau + activation * self.warmer
        # Above a limit nothing changes any more; the search may go far.
        return np.asarray(np.exp(-np.exp(np.clip(stretch * aged, -700, 20))))

    def starts(self, left: FloatArray, floor: float) -> FloatArray:
        """Start of each trace, S, that makes the sum of squares least: the law is linear in it."""
        share = left / self.conductance
        rest = share * (1 - floor / self.conductance)
        over = np.bincount(self.trace, rest, self.traces)
        return np.asarray(
            floor + over / np.maximum(np.bincount(self.trace, share**2, self.traces), 1e-300)
        )
