"""The contract of learning rules: one class with its kernel, in a file that others do not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from numpy import float32

from matsweep.core.codec import build, plain
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice
from matsweep.devices.pulses import LinearStep, PowerStep
from matsweep.machine import Hardware
from matsweep.workloads import InSitu
from matsweep.workloads.learning import core
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.rules import Coincidence, Rule, Start

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

STEPS = LinearStep(step_up=1 / 50, step_down=1 / 50)


def spread(size):
    """Return states between 0.2 and 0.8, so that gradients have both signs."""
    return 0.5 + 0.3 * np.sin(np.arange(size))


@kernel
def _doubled(change, pulses_up, pulses_down, least):
    """Return two pulses for a change that is worth `least`, and no rest."""
    return 2 if change > 0 else -2, float32(0)


@kernel
def _twice(circuit, devices, settings, state, work, layer, samples, rate):
    least = float32(settings.parameters[1])
    core.by_count(
        _doubled, least, False, circuit, devices, settings, state, work, layer, samples, rate
    )


@pytest.fixture
def outside():
    """A rule as another package would state it, for the time of a test."""

    @dataclass(frozen=True, kw_only=True)
    class Twice(Rule, kind="twice"):
        kernel: ClassVar[Kernel] = _twice
        unused: int = 7
        least: float = 0.3

        def begin(self, start: Start) -> None:
            start.state.x[:] = spread(start.state.x.size)
            core.see_all(start.circuit, start.devices, start.state)

    yield Twice
    del Rule.registry["twice"]


def learner(rule, model=STEPS, **parameters):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16.0, pulse_model=model
    )
    tile = Tile(rows=512, columns=512, mapping="reference")
    hardware = Hardware(device=device, tile=tile, dac=DAC(bits=16), adc=ADC(bits=16))
    workload = InSitu(hidden=(6,), bias=False, epochs=1, samples=3, rule=rule, **parameters)
    rng = realisation_streams(0, range(1))
    return Learner.of(Course.of(workload.prepare().lesson, workload, hardware, rng), 0)


def learn(made, rate, samples=1):
    order = np.arange(samples)
    made.learn(order, np.full(2, rate, np.float32), np.ones(2, np.int64))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_rule_of_another_package_begins_and_pulses_as_it_says(outside, batch):
    made = learner(outside(), batch=batch)
    before = made.state.x.copy()
    np.testing.assert_allclose(before, spread(before.size), atol=1e-7)
    lesson = made.course.lesson
    taken = lesson.samples.train_inputs[:batch], lesson.samples.train_labels[:batch]
    gradients = floating.gradients(made.course.workload, lesson.layers, made.weights(), *taken)
    rate = 1.0
    learn(made, rate, batch)
    # The range is worth 50 pulses and a weight of 2.
    worth = np.concatenate([-rate / batch / 2 * g.ravel() * 50 for g in gradients])
    wanted = np.where(np.abs(worth) >= 0.3, 2 * np.sign(worth), 0)
    clear = np.abs(np.abs(worth) - 0.3) > 0.01  # not where converters decide
    given = np.rint((made.state.x - before) * 50)
    np.testing.assert_array_equal(given[clear], wanted[clear])
    small, large = (np.abs(worth) > 0.15) & (np.abs(worth) < 0.3), np.abs(worth) > 0.3
    assert min(small.sum(), large.sum(), (wanted > 0).sum(), (wanted < 0).sum()) >= 10


def test_a_rule_is_named_in_configurations_by_its_kind_alone(outside):
    workload = build(InSitu, {"kind": "in_situ", "rule": {"kind": "twice", "least": 0.5}})
    assert workload.rule == outside(least=0.5)
    assert plain(workload)["rule"] == {"kind": "twice", "unused": 7, "least": 0.5}


def test_every_rule_has_a_kernel_and_numbers_for_it():
    for kind in Rule.registry.values():
        assert isinstance(kind.kernel, Kernel)
        assert all(isinstance(number, float) for number in kind().parameters)


def test_loops_are_compiled_once_for_all_rules_and_pulse_models(outside):
    """Each compilation of the training loop takes many seconds."""
    learn(learner(outside()), 1.0)
    before = len(core.learn.signatures)
    for rule in (outside(), Coincidence()):
        for model in (STEPS, PowerStep(step_up=0.1, step_down=0.1, exponent_up=1, exponent_down=1)):
            learn(learner(rule, model), 1.0)
    assert len(core.learn.signatures) == before == 1
