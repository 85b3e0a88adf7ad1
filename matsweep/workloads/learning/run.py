"""Training in the crossbar: devices, tiles and a rule put together and run."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matsweep.checks import UserError
from matsweep.crossbar import Layout, layout
from matsweep.crossbar.layer import wired
from matsweep.devices import AnalogDevice
from matsweep.devices.faults import StuckAt
from matsweep.devices.pulses import NeuroSim
from matsweep.streams import FloatArray, Streams
from matsweep.workloads.inference import Hardware, Inference
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.dynamics import (
    pulses_across,
    quiet,
    read_variance,
    stepping,
)
from matsweep.workloads.learning.lesson import Lesson, initial_weights
from matsweep.workloads.learning.rules import TikiTaka

if TYPE_CHECKING:
    from matsweep.workloads.learning.workload import InSitu

_JUDGED = 100  # samples on which the error of a product is measured
_CALIBRATION = 64  # training samples that converters are calibrated on
_KEY = np.uint64(0x9E3779B97F4A7C15)  # tells the numbers of training from those of devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What training on devices took and gave.

    Parameters
    ----------
    correct : (realisation, epoch) array
        Share of the held-out samples classified correctly after each epoch.
    pulses_mean, pulses_high : (realisation,) arrays
        Pulses that a device got in all of the training: mean, and 99.9th percentile over devices.
    write_energy, write_time : (realisation,) arrays, J and s
        Of all pulses; not a number where the pulse is not known.
    updates : float
        Samples learned from, over all epochs.
    """

    correct: FloatArray
    pulses_mean: FloatArray
    pulses_high: FloatArray
    write_energy: FloatArray
    write_time: FloatArray
    updates: float

    @classmethod
    def joined(cls, parts: list[Learning]) -> Learning:
        """Put realisations together."""
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)
            if field.name != "updates"
        }
        return cls(updates=parts[0].updates, **arrays)


def run_learning(
    lesson: Lesson,
    workload: InSitu,
    hardware: Hardware,
    *,
    times: tuple[float, ...],
    rng: Streams,
) -> tuple[Inference, Learning]:
    """Train a network on devices, then let them age and read it at given times.

    Parameters
    ----------
    lesson : Lesson
        Of the workload.
    workload : InSitu
    hardware : Hardware
    times : tuple of float, s
        Since the end of training.
    rng : Streams
        One stream a realisation.

    Returns
    -------
    inference : Inference
        Of the trained network, at each time. The error of its products is of what the devices
        hold at the end of training, read exactly.
    learning : Learning
    """
    course = Course.of(lesson, workload, hardware, rng)
    learners = [Learner.of(course, number) for number in range(len(rng))]
    correct = np.array([learner.train() for learner in learners]).reshape(len(rng), -1)
    pulses = np.array([learner.state.pulses for learner in learners])
    energy, time = zip(*(learner.written() for learner in learners), strict=True)
    per_epoch = workload.samples or len(lesson.samples.train_labels)
    learning = Learning(
        correct=correct,
        pulses_mean=pulses.mean(axis=1),
        pulses_high=np.percentile(pulses, 99.9, axis=1),
        write_energy=np.array(energy),
        write_time=np.array(time),
        updates=float(per_epoch * workload.epochs),
    )
    return _aged(course, learners, times, rng), learning


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What the realisations of a candidate share, and each one's draws.

    Parameters
    ----------
    layouts : tuple of Layout
    first, first_row, first_column : (layer + 1,) arrays
        Where each layer begins among all synapses, rows and columns.
    arms : int
        Devices of a synapse.
    fast : bool
        Whether the rule has a second array.
    states : (realisation, arm, synapse) array
        The devices' first ones; of the fast array behind the others.
    low, high : arrays alike
        Bounds of the states: what is left of the range, or where a device is stuck.
    parameters : (realisation, arm, synapse, k) or (arm, k) array
        Of the pulse model.
    column_gain, column_offset : (realisation, column of all row tiles) arrays
    keys : (realisation, 2) array
        Of the random numbers of training.
    """

    lesson: Lesson
    workload: InSitu
    hardware: Hardware
    layouts: tuple[Layout, ...]
    first: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    first_column: npt.NDArray[np.int64]
    arms: int
    fast: bool
    states: FloatArray
    low: FloatArray
    high: FloatArray
    parameters: FloatArray
    stepping: Any
    column_gain: FloatArray
    column_offset: FloatArray
    keys: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, lesson: Lesson, workload: InSitu, hardware: Hardware, rng: Streams) -> Course:
        """Draw the devices of some realisations.

        Raises
        ------
        UserError
            If no pulse response of the material is known.
        """
        device, tile = hardware.device, workload.tiled(hardware.tile)
        if device.pulse_model is None:
            raise UserError(
                "pulse_model must be given: no response of this material to pulses is known, so "
                "that it cannot learn (set device.pulse_model, or calibrate one)"
            )
        if hardware.adc.per_column:
            raise UserError("adc.per_column must be false for a network that learns, got true")
        plans = tuple(layout(rows, columns, tile, device.levels) for rows, columns in lesson.shapes)
        arms = plans[0].mapping.arms
        total = arms + int(workload.rule.fast)
        sizes = [rows * columns for rows, columns in lesson.shapes]
        first = _starts(sizes)
        shape = (len(rng), total, int(first[-1]))
        model = device.pulse_model
        spread = any(model.device_to_device.values())
        drawn = model.draw(shape, rng=rng) if spread else model.nominal
        steps = stepping(model, drawn)
        parameters = steps.parameters
        if spread:
            parameters = np.broadcast_to(parameters, (*shape, parameters.shape[-1]))
        else:
            parameters = np.broadcast_to(parameters, (total, parameters.shape[-1]))
        low, high = _bounds(device, lesson, shape, first, rng)
        states = _start(workload, lesson, device, arms, shape, first, rng)
        pairs = [
            hardware.adc.errors((len(rng), plan.row_tiles, plan.outputs), rng=rng) for plan in plans
        ]
        ends = [plan.row_tiles * plan.outputs for plan in plans]
        gain = np.ones((len(rng), sum(ends)), np.float32)
        offset = np.zeros_like(gain)
        for pair, end, size in zip(pairs, np.cumsum(ends), ends, strict=True):
            if pair.gain is not None:
                gain[:, end - size : end] = pair.gain.reshape(len(rng), -1)
            if pair.offset is not None:
                offset[:, end - size : end] = pair.offset.reshape(len(rng), -1)
        return cls(
            lesson=lesson, workload=workload, hardware=hardware, layouts=plans, first=first,
            first_row=_starts([rows for rows, _ in lesson.shapes]),
            first_column=_starts([columns for _, columns in lesson.shapes]),
            arms=arms, fast=workload.rule.fast, states=np.clip(states, low, high), low=low,
            high=high, parameters=parameters, stepping=steps, column_gain=gain,
            column_offset=offset, keys=rng.keys ^ _KEY,
        )  # fmt: skip

    @property
    def gain(self) -> FloatArray:
        """Weight that a whole range stands for, (layer,)."""
        ranges = np.array(self.workload.per_layer(self.workload.weight_range), np.float32)
        two_sided = self.arms == 1 and not self.workload.positive
        return np.asarray(ranges * np.float32(2 if two_sided else 1))

    @property
    def zero(self) -> float:
        """State that stands for weight zero, of one device; 0 where a pair's partner does."""
        return 0.0 if self.arms == 2 or self.workload.positive else 0.5

    @property
    def common(self) -> float:
        """What weight zero adds to an unsigned current, in ranges; -1: currents are signed."""
        if self.layouts[0].mapping.signed:
            return -1.0
        device = self.hardware.device
        return self.zero + device.g_min / device.g_range


def _starts(sizes: list[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _bounds(
    device: AnalogDevice,
    lesson: Lesson,
    shape: tuple[int, ...],
    first: npt.NDArray[np.int64],
    rng: Streams,
) -> tuple[FloatArray, FloatArray]:
    """Return the least and largest state of each device, (realisation, arm, synapse)."""
    least, most = device.endurance.window(device.cycles)
    low = np.full(shape, least, np.float32)
    high = np.full(shape, most, np.float32)
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
    workload: InSitu,
    lesson: Lesson,
    device: AnalogDevice,
    arms: int,
    shape: tuple[int, ...],
    first: npt.NDArray[np.int64],
    rng: Streams,
) -> FloatArray:
    """Return the states that the devices are programmed to, (realisation, arm, synapse)."""
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
    states = np.clip(states, 0, 1)
    if workload.pulsed_start:
        return states
    sound = dataclasses.replace(device, stuck_at=StuckAt(), levels=None)
    target = np.asarray(device.g_min + states[:, :arms] * device.g_range, np.float32)
    made = sound.program(target, rng=rng).conductance
    states[:, :arms] = (made - device.g_min) / device.g_range
    return states


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """One realisation that learns.

    Parameters
    ----------
    course : Course
    number : int
        Which realisation.
    devices, rule, state, work : tuples of `core`
    fast_reference : (synapse,) array
        Zero of the fast array.
    """

    course: Course
    number: int
    devices: Any
    rule: Any
    state: Any
    work: Any
    fast_reference: FloatArray

    @classmethod
    def of(cls, course: Course, number: int) -> Learner:
        """Set a realisation up: write its first weights, and find the fast array's zeros."""
        from matsweep.workloads.learning import core

        workload, device = course.workload, course.hardware.device
        assert device.pulse_model is not None
        synapses, total = int(course.first[-1]), course.states.shape[1]
        up, down = pulses_across(device.pulse_model)
        shared = course.parameters.ndim == 2
        parameters = course.parameters if shared else course.parameters[number]
        seen = np.ones(course.arms * synapses, np.float32)
        devices = core.Devices(
            kind=course.stepping.kind, arms=course.arms, synapses=synapses, shared=int(shared),
            late=int(isinstance(device.pulse_model, NeuroSim)),
            parameters=np.ascontiguousarray(parameters.reshape(-1, parameters.shape[-1])),
            of_step=float(device.pulse_model.cycle_to_cycle.of_step),
            of_range=float(device.pulse_model.cycle_to_cycle.of_range),
            pulses_up=up, pulses_down=down, states=course.stepping.states,
            probabilities=course.stepping.probabilities, table=course.stepping.table,
            variance=read_variance(device), low=course.low[number].ravel(),
            high=course.high[number].ravel(), seen=seen,
            reference=np.full(synapses, course.zero, np.float32),
        )  # fmt: skip
        rule = core.Rule(**_rule(workload))
        state = core.State(
            x=course.states[number].ravel().copy(),
            signal=np.zeros(synapses, np.float32),
            variance=np.zeros(synapses, np.float32),
            digital=np.zeros(synapses, np.float32),
            pulses=np.zeros(total * synapses, np.int64),
            sums=np.zeros(4),
            slots=np.zeros(2),
            counter=np.array([0, course.keys[number, 1], course.keys[number, 0]], np.uint64),
            clock=np.zeros(1 + len(course.layouts), np.int64),
        )
        made = cls(
            course=course, number=number, devices=devices, rule=rule, state=state,
            work=_work(course, core), fast_reference=np.zeros(synapses, np.float32),
        )  # fmt: skip
        made._begin(core)
        return made

    def _begin(self, core: Any) -> None:
        course, state, devices = self.course, self.state, self.devices
        net = self.net(exact=True)
        size = course.arms * devices.synapses
        if course.workload.pulsed_start:
            counts = np.zeros(len(state.x), np.int32)
            counts[:size] = np.rint(state.x[:size] * devices.pulses_up)
            state.x[:size] = devices.low[:size]
            core.give(net, devices, state, self.work, counts)
        core.see_all(net, devices, state)
        if isinstance(course.workload.rule, TikiTaka):
            state.x[size:] = np.clip(0.5, devices.low[size:], devices.high[size:])
            pairs = course.workload.rule.calibration
            core.symmetry_points(net, devices, state, self.work, pairs, self.fast_reference)
            state.x[size:] = np.clip(self.fast_reference, devices.low[size:], devices.high[size:])
        if self.rule.kind == core.VERIFY:
            state.digital[:] = state.signal
            if course.workload.start == "trained":
                state.digital[:] = self._wanted()

    def _wanted(self) -> FloatArray:
        """Return the signals of the weights trained in floating point, (synapse,)."""
        flat = [
            np.clip(weight / gain, -1, 1).ravel()
            for weight, gain in zip(self.course.lesson.weights, self.course.gain, strict=True)
        ]
        return np.concatenate(flat)

    def train(self) -> list[float]:
        """Learn, and return the accuracy after each epoch."""
        from matsweep.workloads.learning import core

        workload, samples = self.course.workload, self.course.lesson.samples
        rates = np.array(workload.per_layer(workload.learning_rate), np.float32)
        learns = np.ones(len(rates), np.int64)
        if workload.learns == "last":
            learns[:-1] = 0
        found = []
        nothing = np.zeros((0, 0), np.float32)
        for epoch in range(workload.epochs):
            self.calibrate_wires()
            order, now = self._order(epoch), rates * np.float32(workload.schedule.at(epoch))
            core.learn(
                self.net(), self.devices, self.rule, self.state, self.work, samples.train_inputs,
                samples.train_labels, order, now, learns, self.fast_reference,
            )  # fmt: skip
            right, _ = core.judge(
                self.net(), self.state, self.work, samples.test_inputs, samples.test_labels,
                np.zeros(0, np.float32), nothing, nothing,
            )  # fmt: skip
            found.append(right / len(samples.test_labels))
        return found

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the samples of an epoch, by the realisation's own random numbers."""
        number = len(self.course.lesson.samples.train_labels)
        drawn = self.course.workload.samples
        keys = self.course.keys[self.number : self.number + 1] + np.uint64(epoch + 1)
        uniform = Streams(keys).random((1, drawn or number), np.float64)[0]
        if drawn is None:
            return np.argsort(uniform, kind="stable")
        return np.asarray(uniform * number, np.int64)

    def written(self) -> tuple[float, float]:
        """Return the energy [J] and the time [s] of all pulses."""
        device, sums, slots = self.course.hardware.device, self.state.sums, self.state.slots
        pulse, energy, time = device.write_pulse, 0.0, 0.0
        for way, up, duration in ((0, True, pulse.time_up), (1, False, pulse.time_down)):
            number, weighted = sums[2 * way], sums[2 * way + 1]
            mean = device.g_min + device.g_range * (weighted / number if number else 0.0)
            if number:
                energy += number * float(pulse.dissipated(np.array(mean), up))
            if slots[way]:
                time += slots[way] * (np.nan if duration is None else duration)
        return energy, time

    def calibrate_wires(self, zeros: FloatArray | None = None) -> None:
        """Find anew what part of each device's conductance its column sees.

        Parameters
        ----------
        zeros : (row of any layer,) array or None
            States of the references; None: as they were set.
        """
        hardware, course = self.course.hardware, self.course
        if hardware.wires is None and not hardware.tile.access_resistance:
            return
        from matsweep.workloads.learning import core

        devices, device = self.devices, hardware.device
        seen = devices.seen.reshape(course.arms, -1)
        x = self.state.x[: seen.size].reshape(seen.shape)
        if zeros is None:
            zeros = np.full(int(course.first_row[-1]), course.zero, np.float32)
        for layer, plan in enumerate(course.layouts):
            start, end = course.first[layer], course.first[layer + 1]
            zero = zeros[course.first_row[layer] : course.first_row[layer + 1], None]
            share, left = attenuation(
                x[:, start:end].reshape(course.arms, plan.inputs, plan.outputs), plan, hardware,
                device, zero,
            )  # fmt: skip
            seen[:, start:end] = share.reshape(course.arms, -1)
            devices.reference[start:end] = (zero * left).ravel()
        core.see_all(self.net(exact=True), devices, self.state)

    def net(self, *, exact: bool = False) -> Any:
        """Return the network and its tiles as the compiled core takes them.

        Parameters
        ----------
        exact : bool
            Without converters' errors.
        """
        from matsweep.workloads.learning import core

        course, workload, hardware = self.course, self.course.workload, self.course.hardware
        layers = len(course.layouts)
        step, back = np.zeros(layers, np.float32), np.zeros(layers, np.float32)
        if not exact:
            step, back = self._steps()
        signs = course.common < 0
        row_edges, row_at = _edges([_row_edges(plan) for plan in course.layouts])
        column_edges, column_at = _edges([_column_edges(plan) for plan in course.layouts])
        dac = hardware.dac
        variance = self.devices.variance
        zero_variance = 0.0
        if course.arms == 1 and signs and course.zero:
            zero_variance = float(
                np.interp(course.zero, np.linspace(0, 1, len(variance)), variance)
            )
        return core.Net(
            rows=np.diff(course.first_row), columns=np.diff(course.first_column),
            first=course.first, first_row=course.first_row, first_column=course.first_column,
            row_edges=row_edges, row_edge_at=row_at, column_edges=column_edges,
            column_edge_at=column_at, gain=course.gain, step=step, step_back=back,
            column_gain=course.column_gain[self.number],
            column_offset=course.column_offset[self.number], bias=int(workload.bias),
            hidden=("sigmoid", "tanh", "relu").index(workload.activation),
            output=("squared", "cross_entropy").index(workload.loss),
            dac_steps=float(2**dac.bits - 1),
            dac_steps_signed=float(max(2 ** (dac.bits - 1) - 1, 1)),
            top=float(hardware.adc.codes(signed=False)[1]),
            top_signed=float(hardware.adc.codes(signed=True)[1]), common=course.common,
            adc_noise=float(hardware.adc.noise), reference_variance=zero_variance,
            analog_backward=int(workload.backward == "analog"),
            noisy=int(not quiet(hardware.device)), managed=int(workload.bound_management),
        )  # fmt: skip

    def _steps(self) -> tuple[FloatArray, FloatArray]:
        """Return the least currents of each layer's converters, forward and back, in ranges."""
        course, adc = self.course, self.course.hardware.adc
        device, workload = course.hardware.device, course.workload
        signs = course.common < 0
        tops = adc.codes(signed=signs)[1], adc.codes(signed=True)[1]
        forward, back = self._currents()
        unit = device.read_voltage * device.g_range
        found = np.zeros((2, len(course.layouts)), np.float32)
        for layer, plan in enumerate(course.layouts):
            for way, currents in enumerate((forward[layer], back[layer])):
                if adc.full_scale is not None:
                    scale = adc.full_scale / unit
                elif workload.adc_range == "full":
                    scale = float(plan.tile_inputs if way == 0 else plan.tile_outputs)
                else:
                    scale = _percentile(currents, adc.percentile)
                if adc.least_full_scale is not None:
                    scale = max(scale, adc.least_full_scale / unit)
                found[way, layer] = scale / tops[way]
        if workload.backward == "digital":
            found[1] = 0
        return found[0], found[1]

    def _currents(self) -> tuple[list[FloatArray], list[FloatArray]]:
        """Return each layer's currents, in ranges, of some training samples: forward and back."""
        course, workload = self.course, self.course.workload
        samples = course.lesson.samples
        images = samples.train_inputs[:_CALIBRATION]
        weights = self.weights()
        inputs, sums = floating.activations(workload, weights, images)
        last = floating.output_error(workload, sums, samples.train_labels[:_CALIBRATION])
        errors = floating.errors(workload, weights, inputs, last)
        forward, back = [], []
        common = max(course.common, 0.0)
        for layer, plan in enumerate(course.layouts):
            signal = weights[layer] / course.gain[layer]
            largest = np.abs(inputs[layer]).max(axis=1, keepdims=True)
            relu = workload.activation == "relu" and layer > 0
            volts = inputs[layer] / np.maximum(largest, 1e-30) if relu else inputs[layer]
            edges = _row_edges(plan)
            forward.append(
                np.concatenate(
                    [volts[:, a:b] @ (signal[a:b] + common) for a, b in itertools.pairwise(edges)]
                )
            )
            size = np.abs(errors[layer]).max(axis=1, keepdims=True)
            volts = errors[layer] / np.maximum(size, 1e-30)
            edges = _column_edges(plan)
            back.append(
                np.concatenate(
                    [volts[:, a:b] @ signal[:, a:b].T for a, b in itertools.pairwise(edges)]
                )
            )
        return forward, back

    def weights(self) -> tuple[FloatArray, ...]:
        """Return the weights that the devices hold, (row, column) of each layer."""
        course = self.course
        return tuple(
            self.state.signal[a:b].reshape(shape) * gain
            for a, b, shape, gain in zip(
                course.first[:-1], course.first[1:], course.lesson.shapes, course.gain, strict=True
            )
        )


def attenuation(
    states: FloatArray, plan: Layout, hardware: Hardware, device: AnalogDevice, zero: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what part of devices' conductances wires and access devices leave.

    The array is solved with the devices as they are; while they learn, the shares are held. A
    transposed read sees the same: the lines' ends are the same, and a network of resistances is
    reciprocal.

    Parameters
    ----------
    states : (arm, row, column) array
    plan : Layout
    hardware : Hardware
    device : AnalogDevice
    zero : (row, 1) array
        States of the references.

    Returns
    -------
    (arm, row, column) array, (row, column) array
        Of the devices, and of the references that belong to them.
    """
    arms = len(states)
    values = states
    if plan.references:
        extra = np.broadcast_to(zero, (arms, plan.inputs, plan.references))
        values = np.concatenate([states, extra], axis=-1)
    conductance = np.float32(device.g_min) + values * np.float32(device.g_range)
    edges = _row_edges(plan)
    tiles = np.full(
        (plan.row_tiles, arms, plan.tile_inputs, conductance.shape[-1]),
        device.g_min + device.g_range / 2, np.float32,
    )  # fmt: skip
    for tile, (a, b) in enumerate(itertools.pairwise(edges)):
        tiles[tile, :, plan.tile_inputs - (b - a) :] = conductance[:, a:b]
    seen = wired(
        tiles[None], plan, hardware.wires, hardware.tile.access_resistance, power=False
    ).conductance[0]
    share = np.empty_like(conductance)
    for tile, (a, b) in enumerate(itertools.pairwise(edges)):
        rows = slice(plan.tile_inputs - (b - a), None)
        share[:, a:b] = seen[tile, :, rows] / tiles[tile, :, rows]
    columns = share[..., : plan.outputs]
    if plan.references:
        return columns, share[0][:, plan.outputs :][:, plan.owner]
    return columns, np.ones((plan.inputs, plan.outputs), np.float32)


def _row_edges(plan: Layout) -> list[int]:
    """Return where tiles of rows begin, and the end; the last tiles have a row less."""
    sizes = [
        plan.tile_inputs - int(tile >= plan.row_tiles - plan.short_tiles)
        for tile in range(plan.row_tiles)
    ]
    return [0, *(int(end) for end in np.cumsum(sizes))]


def _column_edges(plan: Layout) -> list[int]:
    starts = range(0, plan.outputs, plan.tile_outputs)
    return [*starts, plan.outputs]


def _edges(each: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.concatenate(each).astype(np.int64), _starts([len(edges) for edges in each])


def _percentile(values: FloatArray, percent: float) -> float:
    found = float(np.percentile(np.abs(values), percent))
    return found if found > 0 else 1.0


def _rule(workload: InSitu) -> dict[str, Any]:
    reset = workload.reset
    return {
        "kind": workload.rule.code,
        "batch": workload.batch,
        "both": int(workload.pair == "both"),
        "threshold": 1.0,
        "bits": 1,
        "every": 1,
        "transfer": 1.0,
        "fast_rate": 1.0,
        "tolerance": 1.0,
        "most": 1,
        "reset_every": 0 if reset is None else reset.every,
        "reset_above": 1.0 if reset is None else reset.above,
        **workload.rule.settings,
    }


def _work(course: Course, core: Any) -> Any:
    rows, columns = int(course.first_row[-1]), int(course.first_column[-1])
    widest = int(max(np.diff(course.first_row).max(), np.diff(course.first_column).max()))
    batch = min(
        course.workload.batch, course.workload.samples or len(course.lesson.samples.train_labels)
    )
    events = 2 * int(course.first[-1])
    return core.Work(
        active=np.zeros((batch, rows), np.float32),
        error=np.zeros((batch, columns), np.float32),
        volts=np.zeros(max(rows, widest), np.float32),
        current=np.zeros(widest, np.float32),
        noise=np.zeros(widest, np.float32),
        output=np.zeros(widest, np.float32),
        sums=np.zeros(columns, np.float32),
        place=np.zeros(events, np.int64),
        number=np.zeros(events, np.int32),
        normal=np.zeros(2 * events + 2 * widest + 8, np.float32),
        row_bits=np.zeros(widest, np.uint32),
        column_bits=np.zeros(widest, np.uint32),
    )


def _aged(
    course: Course, learners: list[Learner], times: tuple[float, ...], rng: Streams
) -> Inference:
    """Let trained devices age, and run the network at each time."""
    from matsweep.workloads.learning import core

    device, samples = course.hardware.device, course.lesson.samples
    synapses = int(course.first[-1])
    size = course.arms * synapses
    shape = len(learners), len(times)
    found = Inference(**{f.name: np.zeros(shape) for f in dataclasses.fields(Inference)})
    trained = np.array([learner.state.x[:size] for learner in learners])
    conductance = np.asarray(device.g_min + trained * device.g_range, np.float32)
    aging = device.aging(conductance, rng=rng)
    rows = int(course.first_row[-1])
    middle = np.full((len(rng), rows), device.g_min + course.zero * device.g_range, np.float32)
    reference_aging = device.aging(middle, rng=rng)
    ages = course.arms == 1 and course.common < 0 and not course.workload.positive
    exact = [learner.weights() for learner in learners]
    nets = [learner.net() for learner in learners]
    row_of = np.repeat(np.arange(rows), [
        columns for count, columns in course.lesson.shapes for _ in range(count)
    ])  # fmt: skip
    for index, time in enumerate(times):
        now = (device.aged(conductance, time, aging) - device.g_min) / device.g_range
        zero = (device.aged(middle, time, reference_aging) - device.g_min) / device.g_range
        for number, learner in enumerate(learners):
            state, devices = learner.state, learner.devices
            state.x[:size] = now[number]
            if ages:
                devices.reference[:] = zero[number][row_of]
            learner.calibrate_wires(zero[number] if ages else None)
            core.see_all(nets[number], devices, state)
            squares = np.zeros(rows, np.float32)
            inputs = np.zeros((min(_JUDGED, len(samples.test_labels)), rows), np.float32)
            products = np.zeros((len(inputs), int(course.first_column[-1])), np.float32)
            right, saturated = core.judge(
                nets[number], state, learner.work, samples.test_inputs, samples.test_labels,
                squares, inputs, products,
            )  # fmt: skip
            held_out = len(samples.test_labels)
            found.correct[number, index] = right / held_out
            found.saturated[number, index] = saturated / (held_out * _conversions(course))
            found.vmm_error[number, index] = _error(course, exact[number], inputs, products)
            found.array_power[number, index] = _power(course, learner, squares / held_out)
    return found


def _conversions(course: Course) -> int:
    return sum(plan.row_tiles * plan.outputs for plan in course.layouts)


def _error(
    course: Course, weights: tuple[FloatArray, ...], inputs: FloatArray, products: FloatArray
) -> float:
    """Return the root mean square, over layers, of the products' relative error."""
    total = 0.0
    for layer, weight in enumerate(weights):
        rows = slice(course.first_row[layer], course.first_row[layer + 1])
        columns = slice(course.first_column[layer], course.first_column[layer + 1])
        ideal = inputs[:, rows] @ weight
        size = np.maximum(np.mean(np.square(ideal)), np.finfo(np.float32).tiny)
        total += float(np.mean(np.square(products[:, columns] - ideal)) / size)
    return float(np.sqrt(total / len(weights)))


def _power(course: Course, learner: Learner, squares: FloatArray) -> float:
    """Return the mean power that the word lines' drivers give in one inference, W."""
    device, devices = course.hardware.device, learner.devices
    size = course.arms * devices.synapses
    conductance = device.g_min + learner.state.x[:size].astype(float) * device.g_range
    seen = (conductance * devices.seen).reshape(course.arms, -1).sum(axis=0)
    total = 0.0
    for layer, plan in enumerate(course.layouts):
        part = slice(course.first[layer], course.first[layer + 1])
        rows = seen[part].reshape(plan.inputs, plan.outputs).sum(axis=1)
        if plan.references:
            middle = device.g_min + course.zero * device.g_range
            rows = rows + plan.references * middle
        line = slice(course.first_row[layer], course.first_row[layer + 1])
        total += float((squares[line] * rows).sum())
    return float(device.read_voltage**2 * total)
