"""Integration of models with plain Python equations, all devices together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.solving.solution import Solution
from matsweep.solving.tableau import BETWEEN, ERROR, NODES, STAGES

_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0
_MOST_STEPS = 200_000  # between two times
_ENERGY_ERROR = 1e-7  # of a step, over the energy so far; 10 tolerances where that is more
_FINEST = 1024  # parts of a step, two to a panel of Simpson's rule


def step(
    model: DynamicalModel,
    time: FloatArray,
    drive: FloatArray,
    start: FloatArray,
    batch: tuple[int, ...],
    tolerance: float,
    inverse: bool,
) -> Solution:
    """Integrate a model with plain Python equations, all devices together.

    Parameters
    ----------
    model : DynamicalModel
    time : (time,) array, s
    drive : (time, …) array, V or A
    start : (…) or (component, …) array
    batch : tuple of int
    tolerance : float
        Of a step, over the state's range.
    inverse : bool
        Whether the drive is a current that a voltage must be solved for.

    Returns
    -------
    Solution

    Raises
    ------
    UserError
        If a device needs too many steps or its state stops being finite.
    """
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
                    f"the state is no longer finite after {time[index - 1]:g} s: the "
                    "voltage or a parameter is out of the model's range"
                )
            states[index] = now
            answers[index] = plant.answer(now, applied[index])
            energy[index] = total
    return Solution(applied, answers, states, energy, steps, np.zeros(batch, np.int64))


class _Plant:
    """Model under its drive, a voltage or (`inverse`) a current."""

    def __init__(self, model: DynamicalModel, inverse: bool) -> None:
        self.inverse, self.model = inverse, model
        self.bounds, self.scale = model.bounds(), model.scale()
        self.several = len(model.components) > 1

    def answer(self, state: FloatArray, drive: FloatArray) -> FloatArray:
        """Return the current [A] at a voltage, or the voltage [V] at a current."""
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

    Returns the state, the next step, the count of steps, and the energy added to `total`.
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
        # A last step that was cut short is no measure for the next.
        step = np.where(
            active, np.where(accepted & (h < step), np.maximum(step, wished), wished), step
        )
        if (active & (step < 1e-14 * span)).any():
            break
    raise UserError(
        f"a device needs more than {_MOST_STEPS} steps within {span:g} s: its rate is too fast for "
        "times so far apart, or the drive is out of the model's range; give times closer together"
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
    """Energy of a step, by Simpson's rule on panels halved until it changes little, (…) J.

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
