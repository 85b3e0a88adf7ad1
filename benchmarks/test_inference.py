"""One analog inference beside the plain float32 forward of the same network, on one core.

    make bench PYTEST_ARGS="-k inference"

The ratio of the two, measured in turns in the same run, is in each result's `extra_info`: the
machine may be shared, ratios carry over. Targets: 3 × without read noise, 5 × with noise that is
independent at every read.
"""

from __future__ import annotations

import dataclasses
import itertools
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import matsweep
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import ReadNoise
from matsweep.machine import Hardware
from matsweep.workloads.inference.perceptron import activations, perceptron

SHAPE = (784, 256, 128, 10)
SAMPLES = 1000


@pytest.fixture(scope="module")
def trained():
    """Return a 784-256-128-10 network with random weights: its cost is that of any."""
    rng = np.random.default_rng(0)
    pairs = list(itertools.pairwise(SHAPE))
    return perceptron(
        [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs],
        [rng.normal(size=outputs) * 0.1 for _, outputs in pairs],
        rng.random((512, SHAPE[0])),
        rng.random((SAMPLES, SHAPE[0])),
        np.zeros(SAMPLES, int),
    )


def fastest(function, repeats=15):
    """Return the shortest of some times of a call, s."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("rows", [1024, 256, 128])
@pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "read_noise"])
def test_inference_beside_float(benchmark, trained, noisy, rows):
    """Reprogram, drift, 8-bit converters, 1,000 samples, one realisation."""
    device = matsweep.load_material("pcm_gst").device
    if not noisy:
        device = dataclasses.replace(device, read_noise=ReadNoise())

    def infer():
        streams = realisation_streams(0, [0])
        tile = Tile(rows=rows, columns=rows)
        hardware = Hardware(device=device, tile=tile, dac=DAC(), adc=ADC())
        trained.run(hardware, times=(3600.0,), rng=streams)

    with threadpool_limits(1):
        infer()
        plain = fastest(lambda: activations(trained.weights, trained.biases, trained.images))
        benchmark(infer)
        again = fastest(lambda: activations(trained.weights, trained.biases, trained.images))
    # Disabled benchmarks (a plain test run) measure nothing.
    if benchmark.stats is not None:
        benchmark.extra_info["float_forward_s"] = min(plain, again)
        benchmark.extra_info["times_float"] = benchmark.stats.stats.min / min(plain, again)
