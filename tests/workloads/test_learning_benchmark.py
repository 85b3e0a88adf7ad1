"""The benchmark of MLP+NeuroSim V3.0: its shipped settings against a loop over its own rules."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.workloads import InSitu
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

SMALL = (
    "experiment=neurosim_online", "workload.data.kind=digits", "workload.data.black_white=0.5",
    "workload.data.test_samples=20", "workload.hidden=[20]",
    "workload.epochs=1", "device.pulse_model.cycle_to_cycle.of_range=0",
)  # fmt: skip
"""Digits stand in for MNIST: 64 inputs of one bit. Pulses have no noise."""


def shipped(material, *overrides):
    """Return a learner of the shipped experiment that has not learned yet."""
    with composer():
        study = plan([*SMALL, f"material={material}", *overrides])
        scenario = study.scenario(study.points[0])
    prepared = scenario.workload.prepare()
    rng = realisation_streams(0, [0])
    return Learner.of(Course.of(prepared.lesson, prepared.settings, scenario.hardware, rng), 0)


def curve(label):
    """A of G(P) = B (1 - exp(-P / A)) over the number of pulses, for a label of the simulator."""

    def distance(a):
        k = -np.expm1(-1 / a)
        x = -a * np.log(a * k)
        return 10.1015 * abs(-np.expm1(-x / a) / k - x) - abs(label)

    return np.copysign(brentq(distance, 0.02, 100), label)


def published(arrays, device, images, labels, access=0.0, rates=(0.4, 0.2)):
    """Train by the rules of the release, in amperes, siemens and digits of a converter.

    Weights are in [-1, 1]; the difference of a column and its reference counts twice. Converters
    round, as here, and errors see weights as read, without a limit, where the release truncates
    and cuts: neither is what this compares. (row, column) arrays, S.
    """
    model, voltage = device.pulse_model, device.read_voltage
    low, high = device.g_min, device.g_max
    arrays = [array.copy() for array in arrays]

    def read(array):
        return voltage / (1 / array + access)

    def digits(current, rows):
        return np.rint(current / (voltage * (high - low) * rows / 255))

    def forward(array, bits):
        rows = len(array)
        column = digits(bits @ read(array), rows)
        reference = digits(bits.sum() * voltage * (high + low) / 2, rows)
        return 1 / (1 + np.exp(-2 * (column - reference) / 255 * rows))

    def written(array, change):
        result = array.copy()
        for way, label, number in (
            (1, model.nonlinearity_up, model.pulses_up),
            (-1, model.nonlinearity_down, model.pulses_down),
        ):
            a = curve(label) * number
            b = (high - low) / -np.expm1(-number / a)
            pulses = way * np.floor(np.minimum(way * change / 2, 1) * number + 0.5)
            chosen = way * pulses > 0
            position = -a * np.log(1 - (array[chosen] - low) / b)
            after = b * -np.expm1(-(position + pulses[chosen]) / a) + low
            result[chosen] = np.clip(after, low, high)
        return result

    for image, label in zip(images, labels, strict=True):
        hidden = forward(arrays[0], image)
        output = forward(arrays[1], (hidden >= 0.5).astype(float))
        last = -2 * output * (1 - output) * ((np.arange(10) == label) - output)
        weight = 2 * (read(arrays[1]) / voltage - low) / (high - low) - 1
        first = hidden * (1 - hidden) * (weight @ last)
        arrays = [
            written(arrays[0], -rates[0] * np.outer(image, first)),
            written(arrays[1], -rates[1] * np.outer(hidden, last)),
        ]
    return arrays


def conductances(learner):
    """Conductances of both layers, (row, column) arrays, S."""
    course, device = learner.course, learner.course.hardware.device
    values = device.g_min + learner.state.x.astype(float) * device.g_range
    return [
        values[a:b].reshape(shape)
        for a, b, shape in zip(
            course.first[:-1], course.first[1:], course.lesson.shapes, strict=True
        )
    ]


@pytest.mark.parametrize(
    ("material", "overrides", "access"),
    [
        ("ag_a_si", (), 0.0),
        ("fefet_hzo", (), 0.0),
        ("taox_hfox", ("workload.start=from_zero",), 0.0),
        ("alox_hfo2", ("tile.access_resistance=2kOhm",), 2e3),
    ],
)
def test_the_shipped_benchmark_follows_the_rules_of_the_published_release(
    material, overrides, access
):
    learner = shipped(material, *overrides)
    samples, before = learner.course.lesson.samples, conductances(learner)
    order = np.arange(120)
    settings = learner.course.workload
    rates = np.array(settings.per_layer(settings.learning_rate), np.float32)
    learner.learn(order, rates, np.ones(2, np.int64))
    images, labels = samples.train_inputs[order].astype(float), samples.train_labels[order]
    device = learner.course.hardware.device
    wanted = published(before, device, images, labels, access)
    for number, (old, found, expected) in enumerate(
        zip(before, conductances(learner), wanted, strict=True)
    ):
        moved = np.abs(expected - old) > 1e-3 * device.g_range
        # single precision: a change that is worth half a pulse may be rounded either way
        off = np.abs(found - expected) > 1e-3 * device.g_range
        assert moved.sum() > 60, number
        assert off.sum() <= 0.01 * moved.sum(), number


def test_first_weights_from_zero_lack_g_min_and_have_no_error():
    learner = shipped("alox_hfo2", "workload.start=from_zero")
    device = learner.course.hardware.device
    meant = np.arange(7) / 6 * device.g_range
    states = np.concatenate([each.ravel() for each in conductances(learner)])
    levels = np.clip(meant, device.g_min, device.g_max)
    nearest = np.abs(states[:, None] - levels).argmin(axis=1)
    np.testing.assert_allclose(states, levels[nearest], rtol=1e-6)
    assert set(nearest) == {0, 2, 3, 4, 5, 6}  # the two lowest levels are at g_min
    share = np.bincount(nearest, minlength=7) / states.size  # of 1,480 draws: 0.01 each
    np.testing.assert_allclose(share, [2 / 7, 0, *[1 / 7] * 5], atol=0.06)


def test_first_weights_are_by_default_those_meant_with_errors_of_programming():
    learner = shipped("alox_hfo2", "device.cycle_to_cycle=0.001")
    device = learner.course.hardware.device
    states = np.concatenate([each.ravel() for each in conductances(learner)])
    steps = (states - device.g_min) / device.g_range * 6
    assert 0 < np.abs(steps - np.rint(steps)).max() < 0.05  # eight standard deviations
    assert set(np.rint(steps)) == set(range(7))


def test_pulses_do_not_write_weights_from_zero():
    with pytest.raises(UserError, match="pulsed_start must be false with start=from_zero"):
        InSitu(start="from_zero", pulsed_start=True)
