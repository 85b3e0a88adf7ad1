"""Devices, tiles and converters of a candidate's realisations, drawn before they learn."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import Layout, layout
from matsweep.devices import AnalogDevice
from matsweep.devices.faults import StuckAt
from matsweep.devices.pulses import Parameters, PulseModel, limits
from matsweep.machine import Hardware
from matsweep.workloads.learning.lesson import Lesson, initial_weights
from matsweep.workloads.learning.settings import Training
from matsweep.workloads.learning.tiles import starts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """Tiles that the realisations of a candidate share, and each realisation's devices.

    Parameters
    ----------
    lesson : Lesson
    workload : Training
    hardware : Hardware
    layouts : tuple of Layout
        Of each layer.
    first, first_row, first_column : (layer + 1,) arrays
        Each layer's first synapse, row and column among those of all layers, then their number.
    first_input, first_output : (layer + 1,) arrays
        Each layer's first input and output among those of all positions of all layers, then their
        number.
    arms : int
        Devices of a synapse: 1 or 2.
    fast : bool
        Whether the rule has a second array.
    states : (realisation, arm, synapse) array
        The devices' first states, in [0, 1]; the fast array is one more arm, the last.
    low, high : (realisation, arm, synapse) arrays
        Bounds of the states: the part of the device's range that endurance leaves, or the state
        where a device is stuck.
    parameters : (realisation, arm, synapse, k) or (arm, k) array
        Of the pulse model.
    added : (realisation, arm, synapse, 2) or (arm, 2) array, ranges
        Noise of a potentiating and of a depressing pulse, whatever the state.
    own_range : bool
        Whether devices have their own bounds.
    column_gain, column_offset : (realisation, column of all row tiles) arrays
        Errors of the converters: factor, and ADC steps.
    keys : (realisation, 2) array
        Of the random numbers of training.
    """

    lesson: Lesson
    workload: Training
    hardware: Hardware
    layouts: tuple[Layout, ...]
    first: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    first_column: npt.NDArray[np.int64]
    first_input: npt.NDArray[np.int64]
    first_output: npt.NDArray[np.int64]
    arms: int
    fast: bool
    states: FloatArray
    low: FloatArray
    high: FloatArray
    parameters: FloatArray
    added: FloatArray
    own_range: bool
    column_gain: FloatArray
    column_offset: FloatArray
    keys: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, lesson: Lesson, workload: Training, hardware: Hardware, rng: Streams) -> Course:
        """Draw the devices and converters of all realisations.

        Parameters
        ----------
        lesson : Lesson
        workload : Training
        hardware : Hardware
        rng : Streams
            One stream per realisation.

        Returns
        -------
        Course

        Raises
        ------
        UserError
            If no pulse response of the material is known, its pulse model has no compiled kernel,
            the ADC has a range per column or senses voltages, or the tile does not suit the
            workload.
        """
        device, tile = hardware.device, workload.tiled(hardware.tile)
        if device.pulse_model is None:
            raise UserError(
                "pulse_model must be given for a network that learns, got null: no response of "
                "this material to pulses is known (set device.pulse_model, or calibrate one)"
            )
        if hardware.adc.per_column:
            raise UserError("adc.per_column must be false for a network that learns, got true")
        if hardware.adc.sensing != "current":
            raise UserError(
                f"adc.sensing must be current for a network that learns, got {hardware.adc.sensing}"
            )
        plans = tuple(layout(rows, columns, tile, device.levels) for rows, columns in lesson.shapes)
        arms = plans[0].mapping.arms
        total = arms + int(workload.rule.fast)
        sizes = [rows * columns for rows, columns in lesson.shapes]
        first = starts(sizes)
        shape = (len(rng), total, int(first[-1]))
        drawn, alike = _responses(device.pulse_model, shape, rng.at("devices"))
        parameters = device.pulse_model.compiled(drawn)
        added = np.stack(np.broadcast_arrays(*device.pulse_model.added_noise(drawn)), axis=-1)
        low, high = _bounds(device, lesson, shape, first, drawn, rng.at("stuck"))
        states = _start(workload, lesson, device, arms, shape, first, rng.at("start"))
        gain, offset = _column_errors(hardware, plans, rng.at("converters"))
        return cls(
            lesson=lesson, workload=workload, hardware=hardware, layouts=plans, first=first,
            first_row=starts([rows for rows, _ in lesson.shapes]),
            first_column=starts([columns for _, columns in lesson.shapes]),
            first_input=starts([each.positions * each.shape[0] for each in lesson.layers]),
            first_output=starts([each.positions * each.shape[1] for each in lesson.layers]),
            arms=arms, fast=workload.rule.fast, states=np.clip(states, low, high), low=low,
            high=high, parameters=np.broadcast_to(parameters, (*alike, parameters.shape[-1])),
            added=np.broadcast_to(added.astype(np.float32), (*alike, 2)),
            own_range="lower" in drawn, column_gain=gain, column_offset=offset,
            keys=rng.at("learning").keys,
        )  # fmt: skip

    @property
    def gain(self) -> FloatArray:
        """Weight that a whole range stands for, (layer,)."""
        ranges = np.array(self.workload.per_layer(self.workload.weight_range), np.float32)
        two_sided = self.arms == 1 and not self.workload.positive
        return np.asarray(ranges * np.float32(2 if two_sided else 1))

    @property
    def zero(self) -> float:
        """State of one device at weight zero; 0 for pairs and for weights without a reference."""
        return 0.0 if self.arms == 2 or self.workload.positive else 0.5

    @property
    def common(self) -> float:
        """Unsigned current of a device at weight zero, in ranges; -1: currents are signed."""
        if self.layouts[0].mapping.signed:
            return -1.0
        device = self.hardware.device
        return self.zero + device.g_min / device.g_range


def _responses(
    model: PulseModel, shape: tuple[int, ...], rng: Streams
) -> tuple[Parameters, tuple[int, ...]]:
    """Draw the devices' parameters of the pulse model, and the shape of arrays of them.

    (realisation, arm, synapse), or (arm,) if all devices are alike.

    Raises
    ------
    UserError
        If the model has no kernel.
    """
    if model.kernel is None:
        raise UserError(
            f"pulse_model must have a compiled kernel to learn, got {type(model).__name__}"
        )
    spread = any(model.device_to_device.values())
    return (model.draw(shape, rng=rng), shape) if spread else (model.nominal, shape[1:2])


def _column_errors(
    hardware: Hardware, plans: tuple[Layout, ...], rng: Streams
) -> tuple[FloatArray, FloatArray]:
    """Draw gains and offsets of the converters, (realisation, column of all row tiles)."""
    ends = [plan.row_tiles * plan.outputs for plan in plans]
    gain = np.ones((len(rng), sum(ends)), np.float32)
    offset = np.zeros_like(gain)
    for plan, end, size in zip(plans, np.cumsum(ends), ends, strict=True):
        pair = hardware.adc.errors((len(rng), plan.row_tiles, plan.outputs), rng=rng)
        if pair.gain is not None:
            gain[:, end - size : end] = pair.gain.reshape(len(rng), -1)
        if pair.offset is not None:
            offset[:, end - size : end] = pair.offset.reshape(len(rng), -1)
    return gain, offset


def _bounds(
    device: AnalogDevice,
    lesson: Lesson,
    shape: tuple[int, ...],
    first: npt.NDArray[np.int64],
    drawn: Parameters,
    rng: Streams,
) -> tuple[FloatArray, FloatArray]:
    """Least and largest state of each device, (realisation, arm, synapse)."""
    least, most = device.narrowed(*limits(drawn, device.least_state))
    low = np.array(np.broadcast_to(least, shape), np.float32)
    high = np.array(np.broadcast_to(most, shape), np.float32)
    if device.stuck_at.total == 0:
        return low, high
    for (rows, columns), start in zip(lesson.shapes, first[:-1], strict=True):
        part = slice(start, start + rows * columns)
        free = np.full((*shape[:2], rows, columns), -1, np.float32)
        stuck = device.stuck_at.apply(free, 0.0, 1.0, rng=rng).reshape(*shape[:2], -1)
        low[..., part] = np.where(stuck >= 0, stuck, low[..., part])
        high[..., part] = np.where(stuck >= 0, stuck, high[..., part])
    return low, high


def _start(
    workload: Training,
    lesson: Lesson,
    device: AnalogDevice,
    arms: int,
    shape: tuple[int, ...],
    first: npt.NDArray[np.int64],
    rng: Streams,
) -> FloatArray:
    """Draw the states that the devices have before they learn, (realisation, arm, synapse)."""
    states = _meant(workload, lesson, arms, shape, first, rng)
    if workload.pulsed_start:
        return states
    if workload.start == "from_zero":
        lacking = np.float32(device.g_min / device.g_range)
        states[:, :arms] = np.maximum(states[:, :arms] - lacking, 0)
        return states
    sound = dataclasses.replace(device, stuck_at=StuckAt(), levels=None)
    target = np.asarray(device.g_min + states[:, :arms] * device.g_range, np.float32)
    programmed = sound.program(target, rng=rng.at("programming")).conductance
    states[:, :arms] = (programmed - device.g_min) / device.g_range
    return states


def _meant(
    workload: Training,
    lesson: Lesson,
    arms: int,
    shape: tuple[int, ...],
    first: npt.NDArray[np.int64],
    rng: Streams,
) -> FloatArray:
    """Draw the states that stand for the first weights, (realisation, arm, synapse)."""
    states = np.zeros(shape, np.float32)
    ranges = workload.per_layer(workload.weight_range)
    for layer, ((rows, columns), start) in enumerate(zip(lesson.shapes, first[:-1], strict=True)):
        if workload.start == "trained":
            weight = np.broadcast_to(lesson.weights[layer], (shape[0], rows, columns))
        else:
            uniform = rng.random((shape[0], rows, columns), np.float32)
            weight = initial_weights(workload, layer, uniform, ranges[layer])
        part = np.asarray(weight / np.float32(ranges[layer])).reshape(shape[0], -1)
        place = slice(start, start + rows * columns)
        if arms == 2:
            states[:, 0, place], states[:, 1, place] = np.maximum(part, 0), np.maximum(-part, 0)
        else:
            states[:, 0, place] = part if workload.positive else (part + 1) / 2
    return np.clip(states, 0, 1)
