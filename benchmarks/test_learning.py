"""How fast networks learn on devices, beside plain NumPy in the same run.

`PYTHONPATH=. OMP_NUM_THREADS=1 python -m pytest benchmarks/test_learning.py -s`
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.datasets import Samples
from matsweep.devices import AnalogDevice
from matsweep.devices.pulses import CycleNoise, NeuroSim, SoftBounds
from matsweep.machine import Hardware
from matsweep.workloads import InSitu
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.lesson import Lesson, layers_of
from matsweep.workloads.learning.rules import Coincidence, MixedPrecision, PulseCount, TikiTaka

SOFT = SoftBounds(step_up=1 / 600, step_down=1 / 600, cycle_to_cycle=CycleNoise(of_step=0.3))
NEUROSIM = NeuroSim(
    nonlinearity_up=1.0, nonlinearity_down=-1.0, pulses_up=100, pulses_down=100,
    cycle_to_cycle=CycleNoise(of_range=0.01),
)  # fmt: skip


def platform(model):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16.0, pulse_model=model
    )
    tile = Tile(rows=512, columns=512, mapping="reference")
    return Hardware(device=device, tile=tile, dac=DAC(bits=8), adc=ADC(bits=8))


def untrained(workload, samples):
    """Return a lesson without its training in floating point, which is timed on its own."""
    layers = layers_of(workload, samples)
    weights = tuple(np.zeros(layer.shape, np.float32) for layer in layers)
    return Lesson(
        samples=samples, layers=layers, signed=(False,) * len(layers), weights=weights,
        float_accuracy=0.0, digest="",
    )  # fmt: skip


def report(name, workload, samples, model, epochs=3):
    """Time epochs of the core and of NumPy; print both, and device-updates per second."""
    course = Course.of(
        untrained(workload, samples), workload, platform(model),
        realisation_streams(0, range(1)),
    )  # fmt: skip
    learner = Learner.of(course, 0)
    rates = np.array(workload.per_layer(workload.learning_rate), np.float32)
    learns = np.ones(len(rates), np.int64)
    seconds, pulses = [], []
    for epoch in range(epochs + 1):  # the first compiles
        order, before = learner._order(epoch), learner.state.pulses.sum()
        start = time.process_time()
        learner.learn(order, rates, learns)
        seconds.append(time.process_time() - start)
        pulses.append(learner.state.pulses.sum() - before)
    weights = [0.1 * np.random.default_rng(0).random(s, np.float32) for s in course.lesson.shapes]
    start = time.process_time()
    floating.descend(
        workload, course.lesson.layers, weights, samples,
        workload.per_layer(workload.learning_rate), 1.0, np.random.default_rng(0),
    )  # fmt: skip
    plain = time.process_time() - start
    best = 1 + int(np.argmin(seconds[1:]))
    devices = sum(rows * columns for rows, columns in course.lesson.shapes)
    print(
        f"{name:38s} {seconds[best]:6.3f} s an epoch; NumPy {plain:6.3f} s, ratio "
        f"{seconds[best] / plain:5.2f}; {pulses[best] / seconds[best] / 1e6:6.1f} M pulses/s; "
        f"{devices * len(order) / seconds[best] / 1e6:7.0f} M devices · samples/s"
    )


@pytest.mark.parametrize("batch", [1, 32])
def test_digits(batch):
    samples = InSitu().data.load()
    rate = 0.1 * batch**0.5
    for name, model, rule in (
        ("soft bounds, coincidence", SOFT, Coincidence()),
        ("soft bounds, pulse count", SOFT, PulseCount()),
        ("soft bounds, mixed precision", SOFT, MixedPrecision()),
        ("soft bounds, Tiki-Taka v2", SOFT, TikiTaka()),
        ("NeuroSim, pulse count", NEUROSIM, PulseCount()),
        ("NeuroSim, mixed precision", NEUROSIM, MixedPrecision()),
    ):
        speed = 4 * rate if name == "NeuroSim, pulse count" else rate
        workload = InSitu(rule=rule, epochs=1, batch=batch, learning_rate=(speed,))
        report(f"batch {batch}: {name}", workload, samples, model)


def test_benchmark_network():
    """400-100-10, 8,000 images of one bit, a quarter of their pixels set as in MNIST."""
    rng = np.random.default_rng(0)
    inputs = (rng.random((8000, 400)) < 0.25).astype(np.float32)
    labels = rng.integers(10, size=8000)
    samples = Samples(inputs, labels, inputs[:10], labels[:10])
    for name, model in (("NeuroSim", NEUROSIM), ("soft bounds", SOFT)):
        workload = InSitu(
            hidden=(100,), bias=False, epochs=1, rule=PulseCount(), learning_rate=(0.4, 0.2),
            backward="digital",
        )  # fmt: skip
        report(f"400-100-10, {name}, pulse count", workload, samples, model)
