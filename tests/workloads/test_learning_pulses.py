"""Pulse models in situ: one that another package brings, with a kernel of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice
from matsweep.devices.pulses import (
    CycleNoise,
    LinearStep,
    PowerStep,
    PulseModel,
    SoftBounds,
    limits,
)
from matsweep.machine import Hardware
from matsweep.workloads import InSitu
from matsweep.workloads.learning import core
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.rules import MixedPrecision, PulseCount, TikiTaka

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels


@kernel
def parabolic(x, up, p, table, chance):
    """In double precision, as Python's numbers are unless told otherwise."""
    return p[0] * (1 - x * x) if up else -p[1] * x * (2 - x)


@kernel
def line(x, up, p, table, chance):
    return p[0] + p[1] * x if up else p[2] + p[3] * x


@pytest.fixture
def outside():
    """A model as an installed package would register it, for the time of a test."""

    @dataclass(frozen=True, kw_only=True)
    class Parabolic(PulseModel, kind="parabolic"):
        """dx = step_up (1 - x²) and dx = -step_down x (2 - x)."""

        kernel: ClassVar[Kernel | None] = parabolic
        step_up: float
        step_down: float

        def check(self):
            pass

        def step(self, state, up, parameters):
            if up:
                return parameters["step_up"] * (1 - state * state)
            return -parameters["step_down"] * state * (2 - state)

    yield Parabolic
    del PulseModel.registry["parabolic"]


def platform(model):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16.0, pulse_model=model
    )
    tile = Tile(rows=512, columns=512, mapping="reference")
    return Hardware(device=device, tile=tile, dac=DAC(bits=16), adc=ADC(bits=16))


def streams(realisations=1):
    return realisation_streams(0, range(realisations))


def test_a_model_of_another_package_learns_as_its_equation_in_numpy_does(outside):
    """Forward, backward, pulses to count, and each device's own steps, written out in NumPy."""
    model = outside(step_up=0.004, step_down=0.006, device_to_device={"step_up": 0.2})
    samples, rate = 40, 0.4
    workload = InSitu(
        hidden=(5,), bias=False, epochs=1, samples=samples, rule=PulseCount(threshold=0.5),
        learning_rate=(rate,), backward="digital",
    )  # fmt: skip
    hardware = platform(model)
    lesson, rng = workload.prepare().lesson, streams()
    course = Course.of(lesson, workload, hardware, rng)
    learner = Learner.of(course, 0)
    shapes, ends = lesson.shapes, np.cumsum([rows * columns for rows, columns in lesson.shapes])
    x, gain = learner.state.x.astype(float), course.gain.astype(float)
    own = {"step_up": course.parameters[0, 0, :, 0].astype(float), "step_down": 0.006}
    across_up, across_down = model.pulses_across
    order, counted = learner._order(0), 0
    learner.train()

    for number in order:
        weights = [part - 0.5 for part in np.split(x, ends[:-1])]
        weights = [part.reshape(shape) for part, shape in zip(weights, shapes, strict=True)]
        inputs = lesson.samples.train_inputs[number].astype(float)
        hidden = 1 / (1 + np.exp(-gain[0] * (np.rint(inputs * 65535) / 65535) @ weights[0]))
        output = 1 / (1 + np.exp(-gain[1] * (np.rint(hidden * 65535) / 65535) @ weights[1]))
        wanted = np.eye(10)[lesson.samples.train_labels[number]]
        last = 2 * (output - wanted) * output * (1 - output)
        first = gain[1] * (weights[1] @ last) * hidden * (1 - hidden)
        change = np.concatenate([
            np.outer(inputs, first).ravel() / gain[0], np.outer(hidden, last).ravel() / gain[1]
        ]) * -rate  # fmt: skip
        counts = np.floor(np.abs(change) * np.where(change > 0, across_up, across_down) + 0.5)
        counts *= np.sign(change)
        counted += np.abs(counts).sum()
        x = model.apply(x, counts.astype(int), rng=np.random.default_rng(0), parameters=own)

    assert learner.state.pulses.sum() == counted > 500
    # Sums in float32 err by 1e-6: less than a count is off by once in all these roundings.
    np.testing.assert_allclose(learner.state.x, x, atol=1e-5)


POPULATION = {"gain": 0.3, "asymmetry": 0.1, "lower": 0.2, "upper": 0.3}
MODELS = {
    "affine": SoftBounds(step_up=0.05, step_down=0.04, zero=0.4, device_to_device=POPULATION),
    "linear": LinearStep(
        step_up=0.02, step_down=0.03, slope_up=0.5, zero=0.45, device_to_device=POPULATION
    ),
    "by address": PowerStep(
        step_up=0.03, step_down=0.02, exponent_up=1.5, exponent_down=0.5,
        device_to_device=POPULATION,
    ),
}  # fmt: skip


def pulsed(model, counts, start, rule=None):
    """Return a learner, its devices' parameters, and it after pulses to its devices."""
    workload = InSitu(hidden=(4,), epochs=1, rule=rule or PulseCount())
    lesson = workload.prepare().lesson
    learner = Learner.of(Course.of(lesson, workload, platform(model), streams()), 0)
    state = learner.state
    state.x[:] = state.settled[:] = np.clip(start, learner.devices.low, learner.devices.high)
    for count in counts:
        each = np.full(state.x.size, count, np.int32)
        core.give(learner.circuit(exact=True), learner.devices, state, learner.work, each)
    shape = (1, learner.course.states.shape[1], int(learner.course.first[-1]))
    own = model.draw(shape, rng=streams().at("devices"))
    return learner, {name: np.ravel(value) if np.ndim(value) else value
                     for name, value in own.items() if name != "scales"}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [1, -1, 12, -12, 200])
def test_devices_with_bounds_of_their_own_are_pulsed_as_the_model_says(name, count):
    """The compiled loops against `PulseModel.apply`, with 0 S as the least conductance."""
    model, least = MODELS[name], -1 / 9
    start = np.linspace(-0.1, 1.1, 310).astype(np.float32)
    learner, own = pulsed(model, [count], start)
    begin = np.clip(start, *limits(own, least)).astype(float)
    wanted = model.apply(begin, count, rng=np.random.default_rng(0), parameters=own, least=least)
    np.testing.assert_allclose(learner.state.x, wanted, atol=3e-6 * abs(count))
    assert learner.state.x.max() > 1.05 or count < 12
    assert learner.state.x.min() >= np.float32(least)


def test_noise_of_pulses_and_of_writing_in_the_compiled_loops():
    """As stated in `CycleNoise`: 4,810 devices give a deviation to 1 %, 6 % is 6 times that."""
    noise = CycleNoise(of_step=0.5, of_scale=2.0, constant=0.003, of_state=0.02, of_writing=0.05)
    for cls, spread in ((LinearStep, {}), (PowerStep, {"exponent_up": 0, "exponent_down": 0})):
        model = cls(step_up=0.01, step_down=0.02, zero=0.4, cycle_to_cycle=noise, **spread)
        for count, sigma in ((1, 0.005 + 0.02 + 0.003), (-1, 0.01 + 0.04 + 0.003)):
            workload = InSitu(hidden=(64,), epochs=1)
            course = Course.of(workload.prepare().lesson, workload, platform(model), streams())
            learner = Learner.of(course, 0)
            state, each = learner.state, np.full(learner.state.x.size, count, np.int32)
            state.x[:] = state.settled[:] = 0.7
            core.give(learner.circuit(exact=True), learner.devices, state, learner.work, each)
            sigma += 0.02 * 0.3
            assert state.settled.std() == pytest.approx(sigma, rel=0.06)
            assert (state.x - state.settled).std() == pytest.approx(0.05, rel=0.06)
            signal = state.x - 0.5
            np.testing.assert_allclose(state.signal, signal, atol=1e-6)  # what reads see


def test_the_fast_array_finds_the_symmetry_points_of_drawn_devices():
    """step+ = step- at zero + (up - down) / (up / (upper - zero) + down / (zero - lower))."""
    model = SoftBounds(
        step_up=0.01, step_down=0.01,
        device_to_device={"gain": 0.2, "asymmetry": 0.05, "lower": 0.1, "upper": 0.1},
    )  # fmt: skip
    learner, own = pulsed(model, [], 0.5, TikiTaka(calibration=2000))
    up = own["step_up"] * (own["upper"] - 0.5)
    down = own["step_down"] * (0.5 - own["lower"])
    wanted = 0.5 + (up - down) / (up / (own["upper"] - 0.5) + down / (0.5 - own["lower"]))
    size = learner.devices.synapses
    found = learner.devices.fast_reference
    # The mean of both half-steps is within a step (half a hundredth) of it.
    np.testing.assert_allclose(found, wanted[-size:], atol=0.006)
    assert found.std() > 0.02


def test_the_fast_array_begins_at_its_zeros_without_noise_of_writing():
    model = LinearStep(step_up=0.01, step_down=0.01, cycle_to_cycle=CycleNoise(of_writing=0.05))
    workload = InSitu(hidden=(4,), epochs=1, rule=TikiTaka(calibration=20))
    course = Course.of(workload.prepare().lesson, workload, platform(model), streams())
    learner = Learner.of(course, 0)
    fast, devices = slice(learner.devices.arms * learner.devices.synapses, None), learner.devices
    zeros = np.clip(devices.fast_reference, devices.low[fast], devices.high[fast])
    np.testing.assert_array_equal(learner.state.settled[fast], zeros)


def test_a_kernel_taken_by_its_address_gives_the_bits_of_the_form_that_is_built_in():
    @dataclass(frozen=True, kw_only=True)
    class Own(SoftBounds, kind="own"):
        kernel: ClassVar[Kernel | None] = line

    noisy = {
        "step_up": 0.01, "step_down": 0.02, "device_to_device": {"step_up": 0.1},
        "cycle_to_cycle": CycleNoise(of_step=0.2, of_range=0.001),
    }  # fmt: skip
    workload = InSitu(hidden=(6,), epochs=1, samples=100, rule=MixedPrecision())
    try:
        built_in, by_address = (
            workload.prepare().run(platform(kind(**noisy)), times=(1.0,), rng=streams(2))
            for kind in (SoftBounds, Own)
        )
    finally:
        del PulseModel.registry["own"]
    assert by_address.keys() == built_in.keys()
    for name, values in built_in.items():
        np.testing.assert_array_equal(by_address[name], values)
    assert built_in["pulses_mean"].min() > 0


def test_a_model_without_a_kernel_cannot_learn(outside):
    outside.kernel = None
    workload = InSitu(hidden=(6,), epochs=1)
    with pytest.raises(UserError, match="must have a compiled kernel to learn, got Parabolic"):
        Course.of(
            workload.prepare().lesson,
            workload,
            platform(outside(step_up=0.1, step_down=0.1)),
            streams(),
        )
