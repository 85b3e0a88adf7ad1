"""Transients: integration of devices in time, each with its own steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, positive
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel, per_device
from matsweep.solving.solution import Solution, dataset
from matsweep.solving.stepping import step

if TYPE_CHECKING:
    import xarray as xr

_OUTSIDE = 1e-9  # of the state's range: distance beyond a bound that is put down to rounding


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

    Every device has its own steps, with an error below `tolerance` of the state's range: Dormand
    and Prince's method of order 5, and Rodas4 for stiff devices (see `matsweep.solving.solver`).
    The energy is integrated within each step to 1e-7 of the energy so far, or 10 tolerances where
    that is more. Between the times given the drive is a straight line; a jump is two equal times.
    At its bounds a state stops.

    With `rng` the state jumps by the model's quanta at random times (Gillespie's algorithm), the
    drive held at its mean between two times: give times close together where it ramps. Where the
    model has white noise instead (Johnson noise of a junction), its steps are a tenth of the
    fastest time constant (`matsweep.solving.langevin`).

    Under a current a model with a capacitance in parallel has its voltage as a state
    (`DynamicalModel.under_current`).

    Parameters
    ----------
    model : DynamicalModel
    time : (time,) array, s
        Not falling.
    voltage : (time,) or (time, …) array, V
        The same for all devices, or a separate one for each.
    current : (time,) or (time, …) array, A
        Instead of the voltage.
    state : (…) or (component, …) array or None
        At the first time, within the model's bounds; None: `model.initial_state`.
    tolerance : float
        Of a step, over the state's range.
    rng : Rng or None
        None: the deterministic equations. Each device has its own random numbers: a batch depends
        on `rng` alone, whatever the threads.
    on_failure : {"raise", "flag"}
        Behaviour if a device cannot be solved: an error, or `solved` is False for it and its values
        are not numbers.

    Returns
    -------
    Dataset
        `voltage` [V], `current` [A], `conductance` [S] (not a number at 0 V), `energy` [J] put in
        since the first time, and `state`, over `time`, then over `component` if there are
        several, then over `device` if it is a batch (`device_0`, … if it has several axes), and
        `solved` (device). Attribute `steps`: the number of steps, or of events.

    Raises
    ------
    UserError
        If shapes do not fit, a state is beyond its bounds, times fall, both or no drives are
        given, the model has no stochastic version, or a device needs more than 200,000 steps
        between two times or its state stops being finite.

    References
    ----------
    J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6:19, 1980,
    doi:10.1016/0771-050X(80)90013-3; E. Hairer, G. Wanner, Solving Ordinary Differential
    Equations II, Springer 1996, section IV.7; D. T. Gillespie, J. Phys. Chem. 81:2340, 1977,
    doi:10.1021/j100540a008.
    """
    if current is not None:
        model = model.under_current()
    solution = integrated(model, time, voltage, current=current, state=state, tolerance=tolerance,
                          rng=rng, on_failure=on_failure)  # fmt: skip
    return dataset(model, np.asarray(time, np.float64), solution, current is not None)


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
    energy: bool = True,
    limit: float = np.inf,
) -> Solution:
    """Solution that `transient` converts to a Dataset.

    Without `answers` the response to the drive is NaN, and is not computed at every time; so is the
    energy without `energy`, or under a limit of the current.

    Parameters
    ----------
    model : DynamicalModel
    time : (time,) array, s
    voltage : (time,) or (time, …) array, V
    current : (time,) or (time, …) array, A
        Instead of the voltage.
    state : (…) or (component, …) array or None
    tolerance : float
        Of a step, over the state's range.
    rng : Rng or None
    on_failure : {"raise", "flag"}
    answers : bool
        Compute the current (or voltage) at every time.
    energy : bool
        Integrate the energy of compiled models.
    limit : float, A
        Of the current (compliance), > 0: a source at its limit lowers its voltage until the current
        is the limit. For the deterministic equations of compiled models under a voltage.

    Returns
    -------
    Solution

    Raises
    ------
    UserError
        See `transient`; for a limit that is not positive, or of a drive or a model that has none.
    """
    time = np.require(time, np.float64, ("C", "W"))
    positive("tolerance", tolerance)
    if time.ndim != 1 or not (np.diff(time) >= 0).all() or not np.isfinite(time).all():
        raise UserError(
            "time [s] must be a finite (time,) array that does not fall, got "
            f"{np.array2string(time, threshold=6)}"
        )
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
    if limit != np.inf:
        _refuse_limit(model, limit, rng is not None, current is not None)
    if isinstance(model, CompiledModel):
        solution = _solve(model, time, drive, start, batch, tolerance, inverse, rng, answers,
                          energy and not np.isfinite(limit), limit)  # fmt: skip
    else:
        if rng is not None:
            raise UserError(f"{type(model).__name__} has no stochastic version: leave rng out")
        solution = step(model, time, drive, start, batch, tolerance, inverse)
    if on_failure != "flag":
        _refuse(model, solution)
    return solution


def starting(
    model: DynamicalModel, state: FloatArray | float | None, shape: tuple[int, ...] = ()
) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the initial state of a transient, checked, and its batch shape.

    Parameters
    ----------
    model : DynamicalModel
    state : (…) or (component, …) array or None
        None: `model.initial_state`.
    shape : tuple of int
        Of the devices for which the drive has separate values.

    Returns
    -------
    (…) or (component, …) array
        The state.
    tuple of int
        The batch.

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


def _refuse_limit(model: DynamicalModel, limit: float, random: bool, by_current: bool) -> None:
    """Refuse a limit of the current where the solvers do not regard it."""
    positive("limit", limit, "A")
    reasons = {
        "under a current: drive it with a voltage": by_current,
        "with random events: leave rng out": random,
        "as its equations are not compiled": not isinstance(model, CompiledModel),
    }
    for reason, holds in reasons.items():
        if holds:
            raise UserError(f"limit [A] of {type(model).__name__} is not possible {reason}")


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
    spends: bool,
    limit: float,
) -> Solution:
    """Integrate with compiled equations."""
    from matsweep.devices.dynamics.equations import compiled_kernel
    from matsweep.solving import solver

    components = len(model.components)
    low, high = (per_device(bound, batch, components) for bound in model.bounds())
    first = per_device(start, batch, components)
    devices = len(first)
    shared = drive.size == time.size
    drives = drive.reshape(time.size, 1) if shared else np.broadcast_to(drive, (time.size, *batch))
    states = np.full((devices, time.size, components), np.nan)
    energy = np.full((devices, time.size if spends or rng is not None else 0), np.nan)
    answers = np.full((devices, time.size if wanted or rng is not None else 0), np.nan)
    steps, ended = np.zeros((2, devices), np.int64)
    kernel = compiled_kernel(type(model).kernel)
    ordered = np.require(drives.reshape(time.size, -1).T, np.float64, ("C", "W"))
    parameters = model._flat(batch)
    given = time, ordered, first, parameters, low, high
    scale = per_device(model.scale(), batch, components)
    if rng is None:
        solver.integrate(kernel, inverse, limit, *given, scale, tolerance, states, answers, energy,
                         steps, ended)  # fmt: skip
    else:
        quantum, noise = model.quantum(), type(model).noise
        keys = _keys(rng, devices)
        if noise is not None and not inverse:
            from matsweep.solving.langevin import wander

            pace = np.require(np.broadcast_to(model.pace(), batch).ravel(), np.float64, ("C", "W"))
            wander(kernel, compiled_kernel(noise), *given, scale, pace, keys, states, answers,
                   energy, steps, ended)  # fmt: skip
        elif quantum is not None and not inverse and model.drive == "voltage":
            from matsweep.solving.jumps import jump

            quanta = per_device(quantum, batch, components)
            jump(kernel, *given, quanta, keys, states, answers, energy, steps, ended)
        else:
            raise UserError(
                f"{type(model).__name__} has no stochastic version under this drive: leave rng out"
            )
    for values in (states, answers, energy):
        values[ended != solver.DONE] = np.nan
    moved = np.moveaxis(states, 0, -1).reshape(time.size, components, *batch)
    responses, energies = (
        each.T if each.size else np.broadcast_to(np.nan, (time.size, devices))
        for each in (answers, energy)
    )
    return Solution(
        np.broadcast_to(drive, (time.size, *batch)),
        responses.reshape(time.size, *batch),
        moved if components > 1 else moved[:, 0],
        energies.reshape(time.size, *batch),
        int(steps.sum()),
        ended.reshape(batch),
    )


def _keys(rng: Rng, devices: int) -> npt.NDArray[np.uint64]:
    """Draw a key for each device's own random numbers."""
    words = (rng.random((devices, 3), np.float64) * 2**24).astype(np.uint64)
    keys: npt.NDArray[np.uint64] = words[:, 0] | words[:, 1] << np.uint64(24)
    return keys | words[:, 2] << np.uint64(48)


def _refuse(model: DynamicalModel, solution: Solution) -> None:
    """Refuse a solution in which a device could not be solved, naming the device."""
    if not solution.ended.any():
        return
    where = tuple(int(i) for i in np.argwhere(np.atleast_1d(solution.ended))[0])
    device = f"device {where if len(where) > 1 else where[0]} of " if solution.ended.ndim else ""
    code = int(np.atleast_1d(solution.ended)[where])
    reasons = {
        1: "needs more than 200,000 steps between two times: its rate is too fast for times so "
        "far apart, or the drive is out of the model's range; give times closer together",
        2: "has a state that is no longer finite: the drive or a parameter is out of the model's "
        "range",
    }
    raise UserError(f"{device}{type(model).__name__} {reasons[code]}")
