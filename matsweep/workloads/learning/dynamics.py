"""Pulse models and reading laws as numbers for the compiled core."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices import AnalogDevice
from matsweep.devices.pulses import (
    ExponentialStep,
    LinearStep,
    NeuroSim,
    Parameters,
    PowerStep,
    PulseModel,
    SoftBounds,
    Tabulated,
)

AFFINE, EXPONENTIAL, POWER, TABULATED = 0, 1, 2, 3
_GRID = 257  # states at which the noise of a read is tabulated


class Stepping(NamedTuple):
    """A pulse model in the compiled core's form.

    `parameters` (…, k): of AFFINE a, b of dx = a + b x, up then down; of EXPONENTIAL step,
    amplitude, rate up, then down, scale, offset; of POWER step, exponent up, then down; of
    TABULATED the factors up, down.
    """

    kind: int
    parameters: FloatArray
    states: FloatArray
    probabilities: FloatArray
    table: FloatArray


def stepping(model: PulseModel, parameters: Parameters) -> Stepping:
    """Return what the pulses of devices do.

    NeuroSim's curves are exponentials in the number of pulses, so that one pulse takes
    x = (1 - e^{-c p}) / W, W = 1 - e^{-c}, to x + (1 - q)(1 / W - x) with q = e^{-c / pulses}
    when potentiating, and to x + (1 - 1 / q)(1 / W - x) when depressing: affine in x, like soft
    bounds and linear steps.

    Parameters
    ----------
    model : PulseModel
    parameters : mapping
        Of the devices, from `PulseModel.draw`, or of the mean one.

    Raises
    ------
    UserError
        For a pulse model that the learning core does not know.
    """
    p = {name: np.asarray(value, float) for name, value in parameters.items()}
    empty = np.zeros(1), np.zeros(1), np.zeros((2, 1, 1))
    if isinstance(model, NeuroSim):
        columns = []
        for way, sign in (("up", -1.0), ("down", 1.0)):
            curve = p[f"curve_{way}"]
            whole = -np.expm1(-curve)
            share = -np.expm1(sign * curve / p[f"pulses_{way}"])
            columns += [share / whole, -share]
        return _of(AFFINE, columns, *empty)
    if isinstance(model, SoftBounds):
        up, down = p["step_up"], p["step_down"]
        return _of(AFFINE, [up, -up, 0.0, -down], *empty)
    if isinstance(model, LinearStep):
        up, down = p["step_up"], p["step_down"]
        rise, fall = np.minimum(p["slope_up"], 1), np.minimum(p["slope_down"], 1)
        columns = [up * (1 + rise), -2 * rise * up, -down * (1 - fall), -2 * fall * down]
        return _of(AFFINE, columns, *empty)
    if isinstance(model, PowerStep):
        powers = ("step_up", "exponent_up", "step_down", "exponent_down")
        return _of(POWER, [p[name] for name in powers], *empty)
    if isinstance(model, ExponentialStep):
        names = (
            "step_up", "amplitude_up", "rate_up", "step_down", "amplitude_down", "rate_down",
            "scale", "offset",
        )  # fmt: skip
        return _of(EXPONENTIAL, [p[name] for name in names], *empty)
    if isinstance(model, Tabulated):
        grids = np.array(model.states), np.array(model.probabilities)
        table = np.array([model.up, model.down])
        return _of(TABULATED, [p["scale_up"], p["scale_down"]], *grids, table)
    raise UserError(f"pulse_model {type(model).__name__} cannot learn: the compiled core lacks it")


def _of(
    kind: int, columns: list[Any], states: FloatArray, probabilities: FloatArray, table: FloatArray
) -> Stepping:
    stacked = np.stack(np.broadcast_arrays(*columns), axis=-1)
    single = [np.ascontiguousarray(a, np.float32) for a in (states, probabilities, table)]
    return Stepping(kind, np.ascontiguousarray(stacked, np.float32), *single)


def pulses_across(model: PulseModel) -> tuple[float, float]:
    """Return how many potentiating and depressing pulses the whole range is worth.

    NeuroSim's number of levels; of other models one over the step in the middle of the range.
    """
    if isinstance(model, NeuroSim):
        return float(model.pulses_up), float(model.pulses_down)
    middle = np.array([0.5])
    up, down = (abs(float(model.step(middle, way, model.nominal)[0])) for way in (True, False))
    if not (up and down):
        raise UserError(
            "pulse_model must move a device in the middle of its range in both directions to "
            f"learn, got steps of {up:g} and -{down:g}"
        )
    return 1 / up, 1 / down


def read_variance(device: AnalogDevice) -> npt.NDArray[np.float32]:
    """Return the variance of one read over (g_max - g_min)², at evenly spaced states, (state,).

    At the time that the device's programming is stated for.
    """
    conductance = device.g_min + np.linspace(0, 1, _GRID) * device.g_range
    sigma = device.read_sigma(conductance, device.drift.time_zero) / device.g_range
    return np.asarray(np.square(sigma), np.float32)


def quiet(device: AnalogDevice) -> bool:
    """Whether reads of a device have no noise."""
    return device.read_noise.absent and device.telegraph_noise.absent
