"""Drive protocols: sines, triangles, pulses with reads between them, and rest at a temperature."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.solving.transient import integrated, starting, transient

if TYPE_CHECKING:
    import xarray as xr


class Drive(NamedTuple):
    """Voltage over time.

    Parameters
    ----------
    time : (time,) array, s
    voltage : (time,) array, V
    """

    time: FloatArray
    voltage: FloatArray


class Pulses(NamedTuple):
    """Train of pulses.

    Parameters
    ----------
    time, voltage : (time,) array, s and V
    after : (pulse,) array of int
        Indices of the times at which each pulse's read, or its rest, ends.
    """

    time: FloatArray
    voltage: FloatArray
    after: npt.NDArray[np.int64]


def sine(amplitude: float, frequency: float, *, periods: float = 1.0, points: int = 400) -> Drive:
    """Sine of an amplitude and a frequency.

    Parameters
    ----------
    amplitude : float, V
    frequency : float, Hz, > 0
    periods : float, > 0
    points : int, >= 4
        In each period.

    Returns
    -------
    Drive

    Raises
    ------
    UserError
        If a number is out of its range.
    """
    positive("frequency", frequency, "Hz")
    positive("periods", periods)
    whole("points", points, low=4)
    time = np.linspace(0, periods / frequency, round(points * periods) + 1)
    return Drive(time, amplitude * np.sin(2 * np.pi * frequency * time))


def triangle(
    high: float, low: float, period: float, *, periods: int = 1, points: int = 400
) -> Drive:
    """Quasi-static sweep 0 → high → low → 0, with ramps of one slope.

    Parameters
    ----------
    high : float, V, >= 0
    low : float, V, <= 0
    period : float, s, > 0
    periods : int
    points : int, >= 4
        In each period.

    Returns
    -------
    Drive

    Raises
    ------
    UserError
        If a number is out of its range, or high and low are both 0.
    """
    positive("period", period, "s")
    whole("periods", periods, low=1)
    whole("points", points, low=4)
    if not low <= 0 <= high or low == high:
        raise UserError(f"low and high [V] must hold 0 between them, got {low!r} and {high!r}")
    corner = np.cumsum([0, high, high - low, -low]) / (2 * (high - low)) * period
    one = np.unique(np.concatenate([np.linspace(0, period, points + 1), corner]))
    time = np.concatenate([one + n * period for n in range(periods)])
    voltage = np.tile(np.interp(one, corner, [0, high, low, 0]), periods)
    return Drive(time, voltage)


def pulse_train(
    voltages: FloatArray,
    width: float,
    *,
    rest: float | None = None,
    read_voltage: float = 0.0,
    read_width: float | None = None,
) -> Pulses:
    """Rectangular pulses, each followed by a rest at 0 V and, optionally, a read.

    Parameters
    ----------
    voltages : (pulse,) array, V
    width : float, s
    rest : float or None, s
        After each pulse, before its read; None: as long as a pulse.
    read_voltage : float, V
        0: no read.
    read_width : float or None, s
        None: as long as a pulse.

    Returns
    -------
    Pulses

    Raises
    ------
    UserError
        If a width or the rest is not positive.
    """
    voltages = np.asarray(voltages, np.float64)
    width = positive("width", width, "s")
    rest = width if rest is None else positive("rest", rest, "s")
    read = width if read_width is None else positive("read_width", read_width, "s")
    spans = [0.0, width, 0.0, rest]
    shape = [[1.0, 1.0, 0.0, 0.0]]
    reading = [[0.0, 0.0, 0.0, 0.0]]
    if read_voltage:
        spans += [0.0, read]
        shape = [[*shape[0], 0.0, 0.0]]
        reading = [[*reading[0], 1.0, 1.0]]
    time = np.cumsum(np.tile(spans, voltages.size))
    voltage = (voltages[:, None] * shape + read_voltage * np.array(reading)).ravel()
    after = np.arange(1, voltages.size + 1) * len(spans) - 1
    return Pulses(np.concatenate([[0.0], time]), np.concatenate([[0.0], voltage]), after + 1)


def respond(
    model: DynamicalModel,
    voltage: FloatArray | float,
    width: float,
    pulses: int,
    *,
    read_voltage: float,
    rest: float | None = None,
    state: FloatArray | None = None,
    tolerance: float = 1e-7,
    rng: Rng | None = None,
    on_failure: str = "raise",
) -> xr.Dataset:
    """Give devices identical pulses and read them after each.

    A device that keeps still at rest is integrated through all pulses in one go, their states
    interpolated: a train then costs as little as one long pulse. The read is an instant at
    `read_voltage` and disturbs nothing.

    Parameters
    ----------
    model : DynamicalModel
        One device or a batch.
    voltage : float or (…) array, V
        The same for all devices, or a separate one for each.
    width : float, s
        Of a pulse.
    pulses : int
    read_voltage : float, V
    rest : float or None, s
        Time at 0 V after a pulse; None: as long as a pulse.
    state : (…) or (component, …) array or None
        Before the first pulse.
    tolerance : float
        See `transient`, like the next two.
    rng : Rng or None
    on_failure : {"raise", "flag"}

    Returns
    -------
    Dataset
        `conductance` [S], `energy` [J] of each pulse (NaN before the first) and `state` over
        `pulse` (0: before the first) and `device`; `solved` (device).
    """
    import xarray as xr

    whole("pulses", pulses, low=1)
    first, _ = starting(model, state)
    still = rng is None and not np.any(model.rate(first, 0.0))
    if still:
        time = positive("width", width, "s") * np.arange(pulses + 1)
        drive = np.multiply.outer(np.ones(pulses + 1), voltage)
        solution = integrated(model, time, drive, state=first, tolerance=tolerance, rng=None,
                              on_failure=on_failure, answers=False)  # fmt: skip
        # A device that keeps still before the train might not after it.
        still = not np.any(np.nan_to_num(model.rate(solution.states[-1], 0.0)))
    at: Any = slice(None)
    if not still:
        train = pulse_train(np.ones(pulses), width, rest=rest)
        drive = np.multiply.outer(train.voltage, voltage)
        solution = integrated(model, train.time, drive, state=first, tolerance=tolerance, rng=rng,
                              on_failure=on_failure, answers=False)  # fmt: skip
        at = np.concatenate([[0], train.after])
    states = solution.states[at]
    conductance = _read(model, states, read_voltage)
    energy = np.full(conductance.shape, np.nan)
    energy[1:] = np.diff(solution.energy[at], axis=0)
    over = ("pulse", *solution.devices)
    several = len(model.components) > 1
    along = ("pulse", "component", *solution.devices) if several else over
    labels = {"units": model.unit, "long_name": ", ".join(model.components)}
    solved = solution.ended == 0
    return xr.Dataset(
        {
            "conductance": (over, conductance, {"units": "S", "long_name": "conductance"}),
            "energy": (over, energy, {"units": "J", "long_name": "energy of the pulse"}),
            "state": (along, states, labels),
            "solved": (solution.devices, solved, {"long_name": "the solver got to the end"}),
        },
        coords={
            "pulse": np.arange(pulses + 1),
            **({"component": list(model.components)} if several else {}),
        },
        attrs={"model": type(model).__name__, "steps": solution.steps},
    )  # fmt: skip


def staircase(
    model: DynamicalModel,
    currents: FloatArray,
    dwell: float,
    *,
    points: int = 1000,
    state: FloatArray | None = None,
    tolerance: float = 1e-7,
    rng: Rng | None = None,
    on_failure: str = "raise",
) -> xr.Dataset:
    """Hold devices at one current after another, and average the voltage of each step.

    The voltage is averaged over the second half of a step by a Hann window, so that whole and
    broken periods of an oscillation count alike: its error falls as the cube of their number.

    Parameters
    ----------
    model : DynamicalModel
        One device or a batch.
    currents : (level,) array, A
        Not 0.
    dwell : float, s
        Time at each current.
    points : int, >= 8
        Times of a step.
    state : (…) or (component, …) array or None
        Before the first step; None: `model.initial_state`.
    tolerance : float
        See `transient`, like the next two.
    rng : Rng or None
    on_failure : {"raise", "flag"}

    Returns
    -------
    Dataset
        `voltage` [V], the mean, over `level` and `device`; `solved` (device). Coordinate `current`
        [A].

    Raises
    ------
    UserError
        If there is no current, one is 0 or not finite, or a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from matsweep.devices import JosephsonJunction, staircase
    >>> junction = JosephsonJunction(conductance=0.1, critical_current=1e-4, capacitance=3e-14)
    >>> curve = staircase(junction, np.array([0.5e-4, 1.5e-4]), 1e-10)
    >>> (1e3 * curve.voltage.values).round(2)
    array([0.  , 1.14])
    """
    import xarray as xr

    levels = np.asarray(currents, np.float64)
    if levels.ndim != 1 or not (levels.size and (np.isfinite(levels) & (levels != 0)).all()):
        raise UserError(
            "currents [A] must be a finite (level,) array without 0, and not empty, got "
            f"{np.array2string(levels, threshold=6)}"
        )
    whole("points", points, low=8)
    share = np.linspace(0, 1, points + 1)
    time = positive("dwell", dwell, "s") * (np.arange(levels.size)[:, None] + share).ravel()
    drive = np.repeat(levels, points + 1)
    found = transient(model, time, current=drive, state=state, tolerance=tolerance, rng=rng,
                      on_failure=on_failure)  # fmt: skip
    # ∫ v dt between two times is the energy over the current: no peak of the voltage is missed.
    energy = found.energy.values.reshape(levels.size, points + 1, *found.energy.shape[1:])
    flux = np.moveaxis(np.diff(energy, axis=1), 1, -1)
    middle = 0.5 * (share[1:] + share[:-1])
    window = np.where(middle > 0.5, np.sin(2 * np.pi * middle) ** 2, 0.0)
    spread = levels.reshape(-1, *(1,) * (flux.ndim - 2))
    voltage = flux @ window / (window.sum() * dwell / points) / spread
    over = ("level", *found.energy.dims[1:])
    return xr.Dataset(
        {
            "voltage": (over, voltage, {"units": "V", "long_name": "mean voltage"}),
            "solved": found.solved,
        },
        coords={"current": ("level", levels, {"units": "A", "long_name": "current"})},
        attrs={"model": found.attrs["model"], "steps": found.attrs["steps"]},
    )


def retain(
    model: DynamicalModel,
    time: FloatArray,
    temperature: FloatArray | float,
    *,
    read_voltage: float,
    state: FloatArray | float | None = None,
    tolerance: float = 1e-7,
    rng: Rng | None = None,
    on_failure: str = "raise",
) -> xr.Dataset:
    """Let devices rest at 0 V at a temperature, and read them there.

    Each read is an instant at `read_voltage` and disturbs nothing. A state that keeps still on
    average may still be lost by its fluctuations: give `rng` then (filaments diffuse hop by hop).

    Parameters
    ----------
    model : DynamicalModel
        One device or a batch, with a parameter `temperature`.
    time : (time,) array, s
        Since the rest began: 0 first, then rising, over decades.
    temperature : float or (…) array, K
        Of the surroundings.
    read_voltage : float, V
    state : (…) or (component, …) array or None
        When the rest begins; None: `model.initial_state`.
    tolerance : float
        See `transient`, like the next two.
    rng : Rng or None
    on_failure : {"raise", "flag"}

    Returns
    -------
    Dataset
        `conductance` [S] and `state` over `time` [s] and `device`; `solved` (device). Attribute
        `read_voltage` [V].

    Raises
    ------
    UserError
        If the model has no temperature or takes a current, or times do not begin with 0 and rise.

    Examples
    --------
    >>> import numpy as np
    >>> from matsweep.devices import MagneticTunnelJunction, retain
    >>> cell = MagneticTunnelJunction(tau0=1e-9, delta=40.0, v_c=0.5, g_p=3e-4, tmr=1.0, v_half=0.4)
    >>> decay = retain(cell, np.array([0.0, 1e9]), 300.0, read_voltage=0.1, state=1.0)
    >>> round(float(decay.state[-1]), 2)
    0.5
    """
    name = type(model).__name__
    if "temperature" not in [field.name for field in dataclasses.fields(model)]:
        raise UserError(f"{name} has no temperature [K], which retention needs: use another model")
    if model.drive != "voltage":
        raise UserError(
            f"{name} is driven by a current [A], but retention holds devices at 0 V: use transient"
        )
    times = np.asarray(time, np.float64)
    if times.ndim != 1 or times.size < 2 or times[0] != 0 or not (np.diff(times) > 0).all():
        raise UserError(
            "time [s] must be a (time,) array that begins with 0 and rises, got "
            f"{np.array2string(times, threshold=6)}"
        )
    rested = model.replace(temperature=temperature)
    rest = transient(rested, times, np.zeros(times.size), state=state, tolerance=tolerance,
                     rng=rng, on_failure=on_failure)  # fmt: skip
    read = _read(rested, rest.state.values, read_voltage)
    over = ("time", *rest.energy.dims[1:])
    kept = rest[["state", "solved"]]
    kept["conductance"] = (over, read, {"units": "S", "long_name": "conductance"})
    return kept.assign_attrs(model=name, steps=rest.attrs["steps"], read_voltage=read_voltage)


def _read(model: DynamicalModel, states: FloatArray, voltage: float) -> FloatArray:
    """Conductance of a read, (time, …) array [S], at states (time[, component], …)."""
    ordered = np.moveaxis(states, 1, 0) if len(model.components) > 1 else states
    return model.read_conductance(ordered, voltage)
