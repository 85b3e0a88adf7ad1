"""Device programmings, pulses and reads per second on one core.

    make bench PYTEST_ARGS="-k devices"

`extra_info.per_second` has the rates; the target is 1e7 for the simple models.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import matsweep
from matsweep.core.streams import realisation_streams
from matsweep.devices import (
    AnalogDevice,
    CycleNoise,
    ExponentialStep,
    LinearStep,
    NeuroSim,
    PowerStep,
    SoftBounds,
)

SHAPE = (1, 1000, 1000)
NOISE = {"cycle_to_cycle": CycleNoise(of_step=0.3)}
MODELS = {
    "soft_bounds": SoftBounds(step_up=0.01, step_down=0.01, **NOISE),
    "linear_step": LinearStep(step_up=0.01, step_down=0.01, slope_up=0.3, **NOISE),
    "power_step": PowerStep(
        step_up=0.01, step_down=0.01, exponent_up=1.5, exponent_down=1.5, **NOISE
    ),
    "exponential_step": ExponentialStep(
        step_up=0.01, step_down=0.01, amplitude_up=-1, amplitude_down=-1, rate_up=3, rate_down=3,
        **NOISE,
    ),
    "neurosim": NeuroSim(
        nonlinearity_up=2.4, nonlinearity_down=-4.88, pulses_up=97, pulses_down=100,
        cycle_to_cycle=CycleNoise(of_range=0.035),
    ),
}  # fmt: skip


def streams():
    return realisation_streams(0, [0])


def rate(benchmark, function):
    benchmark(function)
    if benchmark.stats is not None:
        benchmark.extra_info["per_second"] = np.prod(SHAPE) / benchmark.stats.stats.min


def test_devices_programmed(benchmark):
    device = matsweep.load_material("pcm_gst").device
    target = np.linspace(device.g_min, device.g_max, 1_000_000, dtype=np.float32).reshape(SHAPE)
    rng = streams()
    rate(benchmark, lambda: device.program(target, rng=rng))


@pytest.mark.parametrize("name", MODELS)
def test_devices_pulsed(benchmark, name):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16, pulse_model=MODELS[name]
    )
    start, rng = np.full(SHAPE, 5e-6, np.float32), streams()
    rate(benchmark, lambda: device.pulse(start, 1, rng=rng))


def test_devices_aged_and_read(benchmark):
    device, rng = matsweep.load_material("pcm_gst").device, streams()
    start = np.full(SHAPE, 5e-6, np.float32)
    rate(benchmark, lambda: device.read(device.relax(start, 3600.0, rng=rng), rng=rng, time=3600.0))


def test_devices_need_memory_proportional_to_the_array(benchmark):
    """Peak of 100 pulses over the bytes of the array, in `extra_info`; no history is kept."""
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16, pulse_model=MODELS["neurosim"]
    )
    start, rng = np.full(SHAPE, 5e-6, np.float32), streams()
    device.pulse(start, 1, rng=rng)
    tracemalloc.start()
    benchmark.pedantic(lambda: device.pulse(start, 100, rng=rng), rounds=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    benchmark.extra_info["arrays"] = peak / start.nbytes
    assert peak < 20 * start.nbytes
