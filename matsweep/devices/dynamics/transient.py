"""Integrate devices in time, each with steps of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from matsweep.checks import UserError, positive
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel, per_device
from matsweep.devices.dynamics.tableau import BETWEEN, ERROR, NODES, STAGES
from matsweep.streams import FloatArray, Rng

_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0
_MOST_STEPS = 200_000  # between two times
_ENERGY_ERROR = 1e-7  # of a step, over what was put in so far; 10 tolerances where that is more
_FINEST = 1024  # parts of a step, two to a panel of Simpson's rule
_OUTSIDE = 1e-9  # of the state's range: how far beyond a bound rounding may have brought it


def transient(
    model: DynamicalModel,
    time: FloatArray,
    voltage: FloatArray | None = None,
    *,
    current: FloatArray | None = None,
    state: FloatArray | float | None = None,
    tolerance: float = 1e-8,
    rng: Rng | None = None,
    on_failure: str = "raise",
) -> xr.Dataset:
    """Drive a device, or a batch of devices, with a voltage or a current.

    Every device has steps of its own, their error held below `tolerance` of the state's range:
    Dormand and Prince's method of order 5, and Rodas4 where a device turns out to be stiff (see
    `matsweep.devices.dynamics.solver`). The energy is integrated within each step to 1e-7 of what
    was put in so far, or 10 tolerances where that is more. Between the times given the drive is a
    straight line; a jump is two times that are equal. At its bounds a state stops.

    With `rng` the state jumps by the model's quanta at random times (Gillespie's algorithm), the
    drive held at its mean between two times: give times close together where it ramps.

    Parameters
    ----------
    model : DynamicalModel
    time : (time,) array, s
        Not falling.
    voltage, current : (time,) or (time, …) array, V or A
        One of them; the same for all devices, or one of its own for each.
    state : (…) or (component, …) array or None
        At the first time, within the model's bounds; None: `model.initial_state`.
    tolerance : float
    rng : Rng or None
        None: the deterministic equations. Random numbers are each device's own: a batch draws
        what `rng` alone says, whatever the threads.
    on_failure : {"raise", "flag"}
        What happens if a device cannot be solved: an error, or `solved` is False for it and its
        values are not numbers.

    Returns
    -------
    Dataset
        `voltage` [V], `current` [A], `conductance` [S] (not a number at 0 V), `energy` [J] put in
        since the first time, and `state`, over `time`, then over `component` if there are
        several, then over `device` if it is a batch (`device_0`, … if it has several axes), and
        `solved` (device). Attribute `steps`: how many were taken, or events.

    Raises
    ------
    UserError
        If shapes do not fit, a state is beyond its bounds, times fall, both or no drives are
        given, the model has no stochastic version, or a device needs more than 200,000 steps
        between two times or leaves what can be computed.

    References
    ----------
    J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6:19, 1980,
    doi:10.1016/0771-050X(80)90013-3; E. Hairer, G. Wanner, Solving Ordinary Differential
    Equations II, Springer 1996, section IV.7; D. T. Gillespie, J. Phys. Chem. 81:2340, 1977,
    doi:10.1021/j100540a008.
    """
    found = integrated(model, time, voltage, current=current, state=state, tolerance=tolerance,
                       rng=rng, on_failure=on_failure)  # fmt: skip
    return _dataset(model, np.asarray(time, np.float64), found, current is not None)


def integrated(
    model: DynamicalModel,
    time: FloatArray,
    voltage: FloatArray | None = None,
    *,
    current: FloatArray | None = None,
    state: FloatArray | float | None = None,
    tolerance: float,
    rng: Rng | None,
    on_failure: str,
    answers: bool = True,
) -> Solution:
    """Return what `transient` puts into a Dataset; without `answers` what answers the drive is NaN.

    Who wants states and energies only is spared a look at every device at every time.
    """
    time = np.require(time, np.float64, ("C", "W"))
    positive("tolerance", tolerance)
    if time.ndim != 1 or not (np.diff(time) >= 0).all() or not np.isfinite(time).all():
        raise UserError("time [s] must be a (time,) array that does not fall")
    if (voltage is None) == (current is None):
        raise UserError("give either a voltage [V] or a current [A] over time")
    label = "voltage [V]" if current is None else "current [A]"
    drive = np.asarray(voltage if current is None else current, np.float64)
    if model.drive == "current" and current is None:
        raise UserError(f"{type(model).__name__} is driven by a current [A]: give current=")
    if drive.shape[:1] != time.shape or not np.isfinite(drive).all():
        raise UserError(
            f"{label} must be a finite (time, …) array of {time.size} times, "
            f"got shape {drive.shape}"
        )
    start, batch = starting(model, state, drive.shape[1:])
    drive = drive.reshape(time.size, *(1,) * (len(batch) - drive.ndim + 1), *drive.shape[1:])
    inverse = current is not None and model.drive == "voltage"
    if isinstance(model, CompiledModel):
        found = _solve(model, time, drive, start, batch, tolerance, inverse, rng, answers)
    else:
        if rng is not None:
            raise UserError(f"{type(model).__name__} has no stochastic version: leave rng out")
        found = _step(model, time, drive, start, batch, tolerance, inverse)
    if on_failure != "flag":
        _refuse(model, found)
    return found


def starting(
    model: DynamicalModel, state: FloatArray | float | None, shape: tuple[int, ...] = ()
) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the state where a transient begins, checked, and the batch it is of.

    Parameters
    ----------
    model : DynamicalModel
    state : (…) or (component, …) array or None
        None: `model.initial_state`.
    shape : tuple of int
        Of the devices that the drive has one of its own for.

    Raises
    ------
    UserError
        If it is not finite, does not fit the model and the drive, or is beyond its bounds.
    """
    given = np.zeros(()) if state is None else np.asarray(state, np.float64)
    count = len(model.components)
    if state is not None and count > 1 and given.shape[:1] != (count,):
        raise UserError(
            f"state of {type(model).__name__} must be a (component, …) array of {count} components "
            f"({', '.join(model.components)}), got shape {given.shape}"
        )
    own = given.shape[1:] if count > 1 and state is not None else given.shape
    try:
        batch = np.broadcast_shapes(model.shape(), shape, own)
    except ValueError:
        raise UserError(
            f"state of shape {given.shape}, a drive of {shape} devices and parameters of shape "
            f"{model.shape()} do not broadcast to one batch"
        ) from None
    start = model.initial_state(batch) if state is None else given
    if not np.isfinite(start).all():
        raise UserError(f"state must be finite, got {state!r}")
    if state is not None:
        _refuse_outside(model, start, batch)
    return start, batch


def _refuse_outside(model: DynamicalModel, start: FloatArray, batch: tuple[int, ...]) -> None:
    """Refuse a state beyond the model's bounds by more than a rounding."""
    count = len(model.components)
    low, high = (per_device(bound, batch, count) for bound in model.bounds())
    first, scale = per_device(start, batch, count), per_device(model.scale(), batch, count)
    slack = _OUTSIDE * scale
    outside = np.argwhere((first < low - slack) | (first > high + slack))
    if outside.size:
        device, component = (int(i) for i in outside[0])
        raise UserError(
            f"state {model.components[component]} [{model.unit}] of {type(model).__name__} must be "
            f"in [{low[device, component]:g}, {high[device, component]:g}], got "
            f"{first[device, component]:g}"
        )


class Solution(NamedTuple):
    """What integration gives of a batch.

    Parameters
    ----------
    drive, answers : (time, …) array
        Voltage and current, V and A; or current and voltage.
    states : (time[, component], …) array
    energy : (time, …) array, J
    steps : int
    ended : (…) array of int
        0 where the solver reached the end.
    """

    drive: FloatArray
    answers: FloatArray
    states: FloatArray
    energy: FloatArray
    steps: int
    ended: npt.NDArray[np.int64]

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the batch's axes."""
        axes = self.ended.ndim
        return ("device",) if axes == 1 else tuple(f"device_{axis}" for axis in range(axes))


def _solve(
    model: CompiledModel,
    time: FloatArray,
    drive: FloatArray,
    start: FloatArray,
    batch: tuple[int, ...],
    tolerance: float,
    inverse: bool,
    rng: Rng | None,
    wanted: bool,
) -> Solution:
    """Integrate with compiled equations."""
    from matsweep.devices.dynamics import solver

    components = len(model.components)
    low, high = (per_device(bound, batch, components) for bound in model.bounds())
    first = per_device(start, batch, components)
    devices = len(first)
    shared = drive.size == time.size
    drives = drive.reshape(time.size, 1) if shared else np.broadcast_to(drive, (time.size, *batch))
    states = np.full((devices, time.size, components), np.nan)
    energy = np.full((devices, time.size), np.nan)
    answers = np.full((devices, time.size if wanted or rng is not None else 0), np.nan)
    steps, ended = np.zeros((2, devices), np.int64)
    kernel = solver.compiled(type(model).kernel)
    ordered = np.require(drives.reshape(time.size, -1).T, np.float64, ("C", "W"))
    parameters = model._flat(batch)
    if rng is None:
        scale = per_device(model.scale(), batch, components)
        solver.integrate(kernel, inverse, time, ordered, first, parameters, low, high, scale,
                         tolerance, states, answers, energy, steps, ended)  # fmt: skip
    else:
        quantum = model.quantum()
        if quantum is None or inverse or model.drive == "current":
            raise UserError(
                f"{type(model).__name__} has no stochastic version under this drive: leave rng out"
            )
        quanta = per_device(quantum, batch, components)
        solver.jump(kernel, time, ordered, first, parameters, low, high, quanta,
                    _keys(rng, devices), states, answers, energy, steps, ended)  # fmt: skip
    for values in (states, answers, energy):
        values[ended != solver.DONE] = np.nan
    moved = np.moveaxis(states, 0, -1).reshape(time.size, components, *batch)
    seen = answers.T if answers.size else np.broadcast_to(np.nan, energy.T.shape)
    return Solution(
        np.broadcast_to(drive, (time.size, *batch)),
        seen.reshape(time.size, *batch),
        moved if components > 1 else moved[:, 0],
        energy.T.reshape(time.size, *batch),
        int(steps.sum()),
        ended.reshape(batch),
    )


def _keys(rng: Rng, devices: int) -> npt.NDArray[np.uint64]:
    """Draw a key for each device's own random numbers."""
    words = (rng.random((devices, 3), np.float64) * 2**24).astype(np.uint64)
    keys: npt.NDArray[np.uint64] = words[:, 0] | words[:, 1] << np.uint64(24)
    return keys | words[:, 2] << np.uint64(48)


def _refuse(model: DynamicalModel, found: Solution) -> None:
    """Say which device could not be solved."""
    if not found.ended.any():
        return
    where = tuple(int(i) for i in np.argwhere(np.atleast_1d(found.ended))[0])
    device = f"device {where if len(where) > 1 else where[0]} of " if found.ended.ndim else ""
    code = int(np.atleast_1d(found.ended)[where])
    reasons = {
        1: "needs more than 200,000 steps between two times: its rate is too fast for times so "
        "far apart, or the drive is out of the model's reach",
        2: "left what can be computed: the drive or a parameter is out of the model's reach",
    }
    raise UserError(f"{device}{type(model).__name__} {reasons[code]}")


def _step(
    model: DynamicalModel,
    time: FloatArray,
    drive: FloatArray,
    start: FloatArray,
    batch: tuple[int, ...],
    tolerance: float,
    inverse: bool,
) -> Solution:
    """Integrate with equations in plain Python, all devices side by side."""
    plant = _Plant(model, inverse)
    several = len(model.components) > 1
    whole = (len(model.components), *batch) if several else batch
    applied = np.broadcast_to(drive, (time.size, *batch))
    low, high = model.bounds()
    states = np.empty((time.size, *whole))
    answers, energy = np.empty((2, time.size, *batch))
    states[0] = now = np.clip(np.broadcast_to(start, whole), low, high)
    answers[0], energy[0] = plant.answer(now, applied[0]), 0.0
    step = np.full(batch, np.inf)
    steps = 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for index in range(1, time.size):
            span = time[index] - time[index - 1]
            total = energy[index - 1]
            if span > 0:
                ends = applied[index - 1], applied[index]
                now, step, taken, total = _advance(plant, now, step, span, ends, tolerance, total)
                steps += taken
            if not np.isfinite(now).all():
                raise UserError(
                    f"the state left what can be computed after {time[index - 1]:g} s: the "
                    "voltage or a parameter is out of the model's reach"
                )
            states[index] = now
            answers[index] = plant.answer(now, applied[index])
            energy[index] = total
    return Solution(applied, answers, states, energy, steps, np.zeros(batch, np.int64))


class _Plant:
    """A model under its drive, a voltage or (`inverse`) a current."""

    def __init__(self, model: DynamicalModel, inverse: bool) -> None:
        self.inverse, self.model = inverse, model
        self.bounds, self.scale = model.bounds(), model.scale()
        self.several = len(model.components) > 1

    def answer(self, state: FloatArray, drive: FloatArray) -> FloatArray:
        """Return the current [A] to a voltage, or the voltage [V] to a current."""
        if self.inverse:
            return self.model.voltage(state, drive)
        return self.model.current(state, drive)

    def rate(self, state: FloatArray, drive: FloatArray) -> FloatArray:
        """Return dx/dt."""
        return self.model.rate(state, self.answer(state, drive) if self.inverse else drive)


def _advance(
    plant: _Plant,
    state: FloatArray,
    step: FloatArray,
    span: float,
    ends: tuple[FloatArray, FloatArray],
    tolerance: float,
    total: FloatArray,
) -> tuple[FloatArray, FloatArray, int, FloatArray]:
    """Integrate every device over one span, on which its drive is a straight line.

    Return the state, the next step, the count of steps, and the energy with what came to `total`.
    """
    low, high = plant.bounds
    slope = (ends[1] - ends[0]) / span
    at = np.zeros(step.shape)
    step = np.minimum(step, span)
    for count in range(_MOST_STEPS):
        left = span - at
        active = left > 1e-12 * span
        if not active.any():
            return state, step, count, total
        h = np.where(active, np.minimum(step, left), 0.0)
        stages: list[FloatArray] = []
        for stage, node in enumerate(NODES):
            moved = sum(w * k for w, k in zip(STAGES[stage], stages, strict=False) if w)
            inner = np.clip(state + h * moved, low, high)
            stages.append(plant.rate(inner, ends[0] + slope * (at + node * h)))
        wrong = np.abs(h * sum(w * k for w, k in zip(ERROR, stages, strict=True) if w))
        wrong = wrong / plant.scale
        error = np.max(wrong, axis=0) if plant.several else wrong
        error = np.where(np.isfinite(error), error, np.inf)
        accepted = error <= tolerance
        if accepted.any():
            spent = _spend(plant, state, inner, stages, h, ends[0] + slope * at, slope * h, total,
                           max(_ENERGY_ERROR, 10 * tolerance), accepted & active)  # fmt: skip
            total = np.where(accepted, total + spent, total)
        state = np.where(accepted, inner, state)
        at = np.where(accepted, at + h, at)
        factor = _SAFETY * (tolerance / np.maximum(error, 1e-30)) ** 0.2
        wished = h * np.clip(factor, _SHRINK, _GROW)
        # A last step that was cut short says little about the next.
        step = np.where(
            active, np.where(accepted & (h < step), np.maximum(step, wished), wished), step
        )
        if (active & (step < 1e-14 * span)).any():
            break
    raise UserError(
        f"a device needs more than {_MOST_STEPS} steps within {span:g} s: its rate is too fast for "
        "times so far apart, or the drive is out of the model's reach"
    )


def _spend(
    plant: _Plant,
    state: FloatArray,
    after: FloatArray,
    stages: list[FloatArray],
    h: FloatArray,
    drive: FloatArray,
    rise: FloatArray,
    total: FloatArray,
    accuracy: float,
    chosen: npt.NDArray[np.bool_],
) -> FloatArray:
    """Return the energy of a step, by Simpson's rule on panels halved until that changes little.

    The drive rises from `drive` by `rise`. Only the `chosen` devices decide when to stop.
    """
    low, high = plant.bounds
    moved = after - state
    bend = h * stages[0] - moved
    twist = moved - h * stages[6] - bend
    between = h * sum(w * k for w, k in zip(BETWEEN, stages, strict=True) if w)

    def power(share: float) -> FloatArray:
        rest = 1 - share
        inside = state + share * (moved + rest * (bend + share * (twist + rest * between)))
        u = drive + rise * share
        return plant.answer(np.clip(inside, low, high), u) * u

    ends = power(0.0) + power(1.0)
    parts, even, odd, energy = 2, np.zeros(h.shape), power(0.5), np.zeros(h.shape)
    while True:
        before, energy = energy, h / parts / 3 * (ends + 4 * odd + 2 * even)
        off = np.abs(energy - before) > accuracy * (np.abs(total) + np.abs(energy))
        if parts >= _FINEST or (parts > 2 and not (off & chosen).any()):
            return energy
        parts *= 2
        even = even + odd
        odd = np.sum([power(j / parts) for j in range(1, parts, 2)], axis=0)


def _dataset(
    model: DynamicalModel, time: FloatArray, found: Solution, by_current: bool
) -> xr.Dataset:
    several = len(model.components) > 1
    devices = found.devices
    along = ("time", "component", *devices) if several else ("time", *devices)
    pair = found.drive, found.answers
    voltage, current = pair[::-1] if by_current else pair
    if type(model).read_conductance is DynamicalModel.read_conductance:
        with np.errstate(divide="ignore", invalid="ignore"):
            conductance = np.where(voltage == 0, np.nan, current / voltage)
    else:
        ordered = np.moveaxis(found.states, 1, 0) if several else found.states
        conductance = model.read_conductance(ordered, voltage)
    over = ("time", *devices)
    result = xr.Dataset(
        {
            "voltage": (over, voltage, {"units": "V", "long_name": "voltage"}),
            "current": (over, current, {"units": "A", "long_name": "current"}),
            "conductance": (over, conductance, {"units": "S", "long_name": "conductance"}),
            "energy": (over, found.energy, {"units": "J", "long_name": "energy put in"}),
            "state": (
                along,
                found.states,
                {"units": model.unit, "long_name": ", ".join(model.components)},
            ),
            "solved": (devices, found.ended == 0, {"long_name": "the solver reached the end"}),
        },
        coords={"time": ("time", time, {"units": "s", "long_name": "time"})},
        attrs={"model": type(model).__name__, "steps": found.steps},
    )
    return result.assign_coords(component=list(model.components)) if several else result
