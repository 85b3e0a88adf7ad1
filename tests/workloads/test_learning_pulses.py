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
from matsweep.devices.pulses import CycleNoise, PulseModel, SoftBounds
from matsweep.machine import Hardware
from matsweep.workloads import InSitu
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.rules import MixedPrecision, PulseCount

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
    return realisation_streams("ab" * 16, 0, range(realisations))


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
