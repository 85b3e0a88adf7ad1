"""A network on devices: its limits, its reproducibility, its power."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, Drift, Law, ProgrammingError, ReadNoise
from matsweep.streams import realisation_streams
from matsweep.workloads import MLP, run_inference
from matsweep.workloads.inference import mapped, program

FINE = (DAC(bits=16), ADC(bits=16, percentile=100.0))


@pytest.fixture(scope="module")
def network():
    return MLP().prepare()


def device(**parameters):
    return AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **parameters)


def infer(network, target, tile=None, converters=FINE, times=(1.0,), realisations=2):
    rng = realisation_streams("cd" * 16, 0, range(realisations))
    return run_inference(network, target, tile or Tile(), *converters, times=times, rng=rng)


@pytest.mark.parametrize("mapping", ["differential", "reference"])
@pytest.mark.parametrize("rows", [17, 128])
def test_ideal_devices_and_fine_converters_classify_as_floating_point(network, mapping, rows):
    found = infer(network, device(), Tile(rows=rows, columns=64, mapping=mapping))
    np.testing.assert_allclose(found.correct, network.float_accuracy, atol=1.01 / 360)


@pytest.mark.parametrize("mapping", ["differential", "reference"])
def test_binary_cells_carry_the_network_by_bit_slicing(network, mapping):
    tile = Tile(rows=128, columns=128, mapping=mapping, weight_bits=6)
    sliced = infer(network, device(levels=2), tile)
    assert sliced.correct.min() > network.float_accuracy - 0.015
    raw = infer(network, device(levels=2), Tile(mapping=mapping))
    assert raw.correct.max() < sliced.correct.min()


def test_eight_bit_converters_cost_little_and_two_bits_much(network):
    eight = infer(network, device(), converters=(DAC(bits=8), ADC(bits=8)))
    two = infer(network, device(), converters=(DAC(bits=8), ADC(bits=2)))
    assert eight.correct.min() > network.float_accuracy - 0.015
    assert two.correct.max() < 0.8


def test_a_fixed_full_scale_that_is_far_too_large_loses_the_signal(network):
    range_amperes = 0.2 * 24e-6 * 64
    coarse = infer(network, device(), converters=(DAC(), ADC(full_scale=50 * range_amperes)))
    assert coarse.correct.max() < 0.5


def test_errors_cost_accuracy_monotonically(network):
    means = [
        infer(
            network, device(device_to_device=d, cycle_to_cycle=d / 2), realisations=16
        ).correct.mean()
        for d in (0.0, 0.3, 0.8, 2.0)
    ]
    assert means[0] > means[1] > means[2] > means[3]
    assert means[3] < 0.7


@pytest.mark.parametrize("noise", [ReadNoise(), ReadNoise.from_number(0.1)])
def test_a_realisation_does_not_depend_on_the_others(network, noise):
    target = device(
        programming_error=ProgrammingError(coefficients=(5e-7, 2e-6), g_reference=25e-6),
        drift=Drift(nu=Law.from_number(0.05), spread=Law.from_number(0.02)),
        read_noise=noise,
    )
    tile = Tile(rows=20, columns=40)
    many = infer(network, target, tile, times=(1.0, 1e5), realisations=5)
    few = infer(network, target, tile, times=(1.0, 1e5), realisations=1)
    np.testing.assert_array_equal(many.correct[:1], few.correct)
    np.testing.assert_array_equal(many.array_power[:1], few.array_power)
    assert len(np.unique(many.correct[:, 0])) > 1


def test_array_power_is_the_sum_of_v_squared_g(network):
    """Compared with an explicit double sum over samples and devices of the first layer."""
    target, tile = device(device_to_device=0.1), Tile()
    dac, adc = FINE
    (layer, hidden), _ = mapped(network, tile, dac, adc, target)
    conductance = program(layer, target, realisation_streams("cd" * 16, 0, [0]))[0, 0]
    volts = 0.2 * network.images / layer.scale.input
    first = sum(
        float((volts[sample] ** 2) @ conductance.astype(float).sum(axis=(0, 2)))
        for sample in range(len(volts))
    ) / len(volts)
    everything = infer(network, target, realisations=1).array_power[0, 0]
    upper = 0.2**2 * (target.g_max * 1.5) * hidden.fractions.size
    assert first < everything < first + upper
    dark = infer(network, device(), realisations=1).array_power[0, 0]
    double = AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.4, cell_size=16.0)
    np.testing.assert_allclose(infer(network, double, realisations=1).array_power, 4 * dark)


def test_drift_lowers_power_and_time_order_is_kept(network):
    target = device(drift=Drift(nu=Law.from_number(0.1), time_zero=1.0))
    found = infer(network, target, times=(1.0, 1e3, 1e6), realisations=1)
    factor = found.array_power[0] / found.array_power[0, 0]
    # Later layers see activations that shrank too, so power falls at least as t^-0.1.
    assert factor[0] == 1
    assert factor[1] <= 1e3**-0.1 * 1.001
    assert factor[2] < factor[1]
