"""A network on devices: its limits, its reproducibility, its power."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, Drift, Law, ProgrammingError, ReadNoise
from matsweep.machine import Hardware, ProgrammedMatrix, map_matrices
from matsweep.machine.programmed import centred, fitted_gain
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.running.work import Shared, evaluate
from matsweep.workloads import MLP
from matsweep.workloads.inference import perceptron as assemble

FINE = (DAC(bits=16), ADC(bits=16, percentile=100.0))


@pytest.fixture(scope="module")
def network():
    return MLP().prepare()


def device(**parameters):
    return AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **parameters)


def infer(network, target, tile=None, converters=FINE, times=(1.0,), realisations=2, wires=None):
    rng = realisation_streams(0, range(realisations))
    hardware = Hardware(
        device=target, tile=tile or Tile(), dac=converters[0], adc=converters[1], wires=wires
    )
    return network.run(hardware, times=times, rng=rng)


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
@pytest.mark.parametrize("rows", [17, 128])
def test_ideal_devices_and_fine_converters_classify_as_floating_point(network, mapping, rows):
    found = infer(network, device(), Tile(rows=rows, columns=64, mapping=mapping))
    np.testing.assert_allclose(found["correct"], network.float_accuracy, atol=1.01 / 360)


@pytest.mark.parametrize("mapping", ["differential", "reference"])
def test_binary_cells_carry_the_network_by_bit_slicing(network, mapping):
    tile = Tile(rows=128, columns=128, mapping=mapping, weight_bits=6)
    sliced = infer(network, device(levels=2), tile)
    assert sliced["correct"].min() > network.float_accuracy - 0.015
    raw = infer(network, device(levels=2), Tile(mapping="differential"))
    assert raw["correct"].max() < sliced["correct"].min()


def test_eight_bit_converters_cost_little_and_two_bits_much(network):
    eight = infer(network, device(), converters=(DAC(bits=8), ADC(bits=8)))
    two = infer(network, device(), converters=(DAC(bits=8), ADC(bits=2)))
    assert eight["correct"].min() > network.float_accuracy - 0.015
    assert two["correct"].max() < 0.8


def test_a_fixed_full_scale_that_is_far_too_large_loses_the_signal(network):
    range_amperes = 0.2 * 24e-6 * 64
    coarse = infer(network, device(), converters=(DAC(), ADC(full_scale=50 * range_amperes)))
    assert coarse["correct"].max() < 0.5


def test_errors_cost_accuracy_monotonically(network):
    means = [
        infer(network, device(device_to_device=d, cycle_to_cycle=d / 2), realisations=16)[
            "correct"
        ].mean()
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
    np.testing.assert_array_equal(many["correct"][:1], few["correct"])
    np.testing.assert_array_equal(many["array_power"][:1], few["array_power"])
    assert len(np.unique(many["correct"][:, 0])) > 1


def test_array_power_is_the_sum_of_v_squared_g(network):
    """Compared with an explicit double sum over samples and devices of the first layer."""
    target, tile = device(device_to_device=0.1), Tile()
    dac, adc = FINE
    hardware = Hardware(device=target, tile=tile, dac=dac, adc=adc)
    layer, hidden = map_matrices(network.matrices, hardware)
    rng = realisation_streams(0, [0])
    conductance = ProgrammedMatrix.program(layer, hardware, rng=rng).conductance[0, 0]
    volts = 0.2 * network.images / layer.scale.input
    first = sum(
        float((volts[sample] ** 2) @ conductance.astype(float).sum(axis=(0, 2)))
        for sample in range(len(volts))
    ) / len(volts)
    everything = infer(network, target, realisations=1)["array_power"][0, 0]
    upper = 0.2**2 * (target.g_max * 1.5) * hidden.fractions.size
    assert first < everything < first + upper
    dark = infer(network, device(), realisations=1)["array_power"][0, 0]
    double = AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.4, cell_size=16.0)
    np.testing.assert_allclose(infer(network, double, realisations=1)["array_power"], 4 * dark)


def test_drift_lowers_power_and_time_order_is_kept(network):
    target = device(drift=Drift(nu=Law.from_number(0.1), time_zero=1.0))
    found = infer(network, target, times=(1.0, 1e3, 1e6), realisations=1)
    factor = found["array_power"][0] / found["array_power"][0, 0]
    # Later layers see activations that shrank too, so power falls at least as t^-0.1.
    assert factor[0] == 1
    assert factor[1] <= 1e3**-0.1 * 1.001
    assert factor[2] < factor[1]


def test_the_error_of_programming_is_that_of_the_devices(network):
    """8,000 devices: the standard error of a standard deviation is below 1 %, six of them 6 %."""
    noisy = device(programming_error=ProgrammingError(coefficients=(1.2e-7,)))
    found = infer(network, noisy)
    np.testing.assert_allclose(found["programming_error"], 1.2e-7 / 24e-6, rtol=0.06)
    assert np.isnan(found["missed"]).all()
    assert infer(network, device())["programming_error"].max() < 1e-6


def test_the_error_of_a_product_is_that_of_its_converters(network):
    """A step of the ADC over root twelve, in products; more bits halve it, wires raise it."""
    errors = [
        infer(network, device(), converters=(DAC(bits=16), ADC(bits=bits, percentile=100.0)))
        for bits in (6, 7, 8)
    ]
    found = [float(each["vmm_error"][0, 0]) for each in errors]
    assert found[0] / found[1] == pytest.approx(2, rel=0.25)
    assert found[1] / found[2] == pytest.approx(2, rel=0.25)
    assert infer(network, device())["vmm_error"].max() < 3e-3
    assert infer(network, device(), wires=Wires(5.0, 5.0))["vmm_error"].min() > 0.01


def test_saturation_is_the_share_beyond_the_percentile(network):
    """Full scale at the 90th percentile of training currents: about a tenth saturates."""
    found = infer(network, device(), converters=(DAC(), ADC(percentile=90.0)))
    assert 0.05 < found["saturated"].mean() < 0.15
    assert infer(network, device())["saturated"].max() < 0.02


@pytest.mark.parametrize("saturating", [0, 1])
@pytest.mark.parametrize(
    ("mapping", "levels", "serial"),
    [("differential", None, False), ("differential", 2, True), ("reference", None, False)],
)
def test_a_layer_counts_by_its_conversions_in_the_share_that_saturates(
    saturating, mapping, levels, serial
):
    """One layer saturates in every conversion and the other, without a current, in none.

    Of 30 inputs and 7 hidden units on tiles of 8 rows the first layer has four rows of tiles, the
    second one; conversions are columns (of all slices) times rows of tiles times cycles, of which
    a signed input of four bits takes three.
    """
    ones = np.ones((4, 30), np.float32)
    # What the held-out samples give: all in the first layer and nothing behind it, or reversed.
    shift, images = ((-40.0, ones), (1.0, 0 * ones))[saturating]
    made = assemble(
        [np.ones((30, 7)), np.ones((7, 3))], [np.full(7, shift), np.zeros(3)],
        ones, images, np.zeros(4),
    )  # fmt: skip
    trained = np.concatenate([ones, -ones]), np.ones((4, 7), np.float32)
    matrices = [
        dataclasses.replace(matrix, calibration=inputs)
        for matrix, inputs in zip(made.matrices, trained, strict=True)
    ]
    made = dataclasses.replace(made, matrices=tuple(matrices))
    tile = Tile(rows=8, columns=12, mapping=mapping, weight_bits=3)
    converters = DAC(bits=4, serial=serial), ADC(full_scale=1e-9)
    found = infer(made, device(levels=levels), tile, converters, realisations=1)
    cycles, slices = (3, 4) if serial else (1, 1), 1 if levels is None else 2
    conversions = np.array([4 * 7 * cycles[0], 1 * 3 * cycles[1]]) * slices
    share = conversions[saturating] / conversions.sum()
    assert found["saturated"] == pytest.approx(np.full((1, 1), share), rel=1e-6)


@pytest.mark.parametrize("columns", [8, 16, 64])
@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("wires", [None, Wires(1e-4, 1e-4)])
def test_every_reference_column_of_every_tile_draws_power(columns, levels, wires):
    """Power is V² Σ x² G over all devices: one reference a slice in each tile of columns."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (11, 9)) / 3
    weight[0, 0] = 1.0
    images = rng.uniform(0, 1, (20, 11))
    images[0, 0] = 1.0
    made = assemble([weight], [np.zeros(9)], images, images, np.zeros(20))
    tile = Tile(rows=4, columns=columns, mapping="reference", weight_bits=3)
    found = infer(made, device(levels=levels), tile, realisations=1, wires=wires)
    numbers = 3 + np.rint(3 * weight)
    if levels is None:  # weight 0 is halfway, weights -1 and 1 at the ends
        slices, on, reference = 1, (numbers / 6).sum(axis=1), 0.5
    else:  # 0 … 6 in three bits, and zero is 011
        slices, reference = 3, 2.0
        on = sum((numbers.astype(int) >> bit) & 1 for bit in range(3)).sum(axis=1)
    tiles = -(-9 // (columns // slices - 1))
    range_ = 24e-6
    rows = 1e-6 * slices * (9 + tiles) + range_ * (on + reference * tiles)
    expected = 0.2**2 * (np.square(images) @ rows).mean()
    assert found["array_power"][0, 0] == pytest.approx(expected, rel=2e-4)
    assert (
        tiles
        == {(8, 1): 2, (16, 1): 1, (64, 1): 1, (8, 3): 9, (16, 3): 3, (64, 3): 1}[columns, slices]
    )


def test_full_scales_of_their_own_serve_columns_better(network):
    coarse = [
        infer(network, device(), converters=(DAC(), ADC(bits=4, percentile=100.0, per_column=each)))
        for each in (False, True)
    ]
    assert coarse[1]["vmm_error"].mean() < 0.9 * coarse[0]["vmm_error"].mean()


def test_wires_cost_accuracy_and_a_global_scale_wins_error_back(network):
    """Through 10 Ω a segment; the same draws in both."""
    wires = Wires(10.0, 10.0)
    plain = infer(network, device(), wires=wires)
    scaled = infer(network, device(), Tile(compensate_wires=True), wires=wires)
    ideal = infer(network, device())
    assert plain["vmm_error"].mean() > 5 * ideal["vmm_error"].mean()
    assert scaled["vmm_error"].mean() < 0.7 * plain["vmm_error"].mean()
    assert plain["array_power"].mean() < ideal["array_power"].mean()
    few = infer(network, device(), wires=wires, realisations=1)
    np.testing.assert_array_equal(few["correct"], plain["correct"][:1])


def test_what_is_added_to_outputs_is_no_attenuation():
    rng = np.random.default_rng(0)
    wanted = rng.normal(0.3, 1.0, (2, 50, 4))
    lost = np.array([0.8, 0.5])[:, None, None]
    values = lost * wanted - 5 * rng.random(4) + 9 * rng.random((50, 1))
    np.testing.assert_allclose(fitted_gain(centred(values), centred(wanted)), 1 / lost, rtol=1e-9)
    np.testing.assert_array_equal(fitted_gain(centred(0 * values), wanted), np.ones((2, 1, 1)))
    alone = centred(values[..., :1]), centred(wanted[..., :1])
    assert all(np.ptp(each) > 1 for each in alone)


def test_wires_before_a_reference_column_are_compensated_upwards(network):
    """The reference's smaller losses shift outputs; they do not enlarge them."""
    hardware = Hardware(
        device=AnalogDevice(g_min=10e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0),
        tile=Tile(mapping="reference", compensate_wires=True),
        dac=FINE[0], adc=FINE[1], wires=Wires(10.0, 10.0),
    )  # fmt: skip
    layers = map_matrices(network.matrices, hardware)
    rng = realisation_streams(0, range(2))
    gains = [ProgrammedMatrix.program(layer, hardware, rng=rng).gain for layer in layers]
    assert 1.1 < np.min(gains) < np.max(gains) < 1.4


@pytest.mark.parametrize("mapping", ["reference", "offset"])
@pytest.mark.parametrize("levels", [15, 31])
def test_one_level_more_does_no_harm(network, mapping, levels):
    """Weight zero is a level of an odd number of levels, and so it is of an even one."""
    errors = [
        infer(network, device(levels=count), Tile(mapping=mapping), realisations=1)["vmm_error"]
        for count in (levels, levels + 1)
    ]
    np.testing.assert_allclose(errors[1], errors[0], rtol=0.02)
    assert errors[1].max() < 0.13


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
def test_a_layer_that_gives_nothing_is_left_so(network, mapping):
    """Currents below half a step of a fixed full scale: no output, whatever is compensated."""
    tile = Tile(mapping=mapping, compensate_wires=True, compensate_drift=True)
    wires = Wires(1.0, 1.0, driver_resistance=1e6)
    found = infer(
        network, device(), tile, (DAC(), ADC(full_scale=1e-2)), wires=wires, realisations=1
    )
    for name in ("correct", "array_power", "vmm_error", "saturated"):
        assert np.isfinite(found[name]).all(), name
    assert found["vmm_error"].min() > 0.99


def test_a_metric_that_is_not_finite_is_an_error_and_no_result(network, monkeypatch):
    from matsweep import simulate as module

    broken = dataclasses.replace(
        module.METRICS["vmm_error"],
        compute=lambda evaluation: np.nan * evaluation.measures["correct"],
    )
    monkeypatch.setitem(module.METRICS, "vmm_error", broken)
    with composer():
        study = plan(["material=hfox_milo"])
    candidate = study.candidate(0)
    shared = Shared(
        prepared={candidate.scenario.workload.key: network},
        seed=0,
        realisations=1,
        metrics=("vmm_error",),
    )
    (outcome,) = evaluate(shared, (candidate,))
    assert outcome.values is None
    assert "vmm_error is not a finite number" in outcome.error


def test_both_compensations_act_together(network):
    """Wires and drift each halve the currents, about; either factor alone is not enough."""
    target = device(drift=Drift(nu=Law.from_number(0.06)))
    kwargs = {
        "times": (1e6,), "wires": Wires(0.0, 0.0, driver_resistance=300.0),
        "converters": (DAC(bits=12), ADC(bits=14)),
    }  # fmt: skip
    errors = {
        fixes: infer(network, target, Tile(**dict.fromkeys(fixes, True)), **kwargs)[
            "vmm_error"
        ].max()
        for fixes in [("compensate_wires",), ("compensate_drift",),
                      ("compensate_wires", "compensate_drift")]
    }  # fmt: skip
    both = errors.pop(("compensate_wires", "compensate_drift"))
    assert both < 0.5 * min(errors.values())


def test_compensation_reads_are_noisy(network):
    """1/f noise has grown when they are made, at the time that programming is stated for."""
    target = device(
        read_noise=ReadNoise(relative=0.3, flicker_read_time=1e-6),
        drift=Drift(nu=Law.from_number(0.0), time_zero=20.0),
    )
    tile = Tile(compensate_wires=True)
    hardware = Hardware(device=target, tile=tile, dac=FINE[0], adc=FINE[1])
    layers = map_matrices(network.matrices, hardware)
    rng = realisation_streams(0, range(20))
    gains = ProgrammedMatrix.program(layers[0], hardware, rng=rng).gain
    assert gains.std() > 1e-4


def test_read_noise_behind_access_devices_falls_with_the_square(network):
    """Behind 1 MΩ its part of the error is 0.20; falling as the power of 3/2 it would be 0.32."""
    noisy = device(read_noise=ReadNoise(relative=0.3))
    tile = Tile(access_resistance=1e6, compensate_wires=True)
    errors = [infer(network, target, tile)["vmm_error"].mean() for target in (device(), noisy)]
    assert np.sqrt(errors[1] ** 2 - errors[0] ** 2) == pytest.approx(0.2, abs=0.04)


def test_converters_errors_are_drawn_for_each_layer(network):
    for adc in (ADC(bits=12, gain_error=0.3), ADC(bits=12, offset=100.0)):
        rough = infer(network, device(), converters=(DAC(bits=12), adc))
        assert rough["vmm_error"].min() > 0.05
        assert rough["vmm_error"][0, 0] != rough["vmm_error"][1, 0]


def test_the_percentile_of_a_column_is_its_own(network):
    """At the 90th percentile of each column's currents a tenth of each saturates."""
    found = [
        infer(network, device(), converters=(DAC(), ADC(percentile=p, per_column=True)))
        for p in (90.0, 100.0)
    ]
    assert 0.05 < found[0]["saturated"].mean() < 0.15
    assert found[1]["saturated"].max() < 0.02


@pytest.mark.parametrize("per_column", [False, True])
def test_a_least_full_scale_makes_attenuation_cost(network, per_column):
    """Behind drivers of 1 MΩ nothing is left of a signal whose converter has a least step."""
    wires, tile = Wires(1.0, 1.0, driver_resistance=1e6), Tile(compensate_wires=True)
    free, floored = (
        infer(network, device(), tile, (DAC(), ADC(least_full_scale=least, per_column=per_column)),
              wires=wires, realisations=1)["correct"].max()
        for least in (None, 1e-5)
    )  # fmt: skip
    assert free > 0.9
    assert floored < 0.5
    near = infer(
        network, device(), converters=(DAC(), ADC(least_full_scale=1e-9, per_column=per_column))
    )
    without = infer(network, device(), converters=(DAC(), ADC(per_column=per_column)))
    np.testing.assert_array_equal(near["vmm_error"], without["vmm_error"])


def test_a_global_scale_undoes_common_drift(network):
    """With one exponent for all devices only the converters' range is lost."""
    target = device(drift=Drift(nu=Law.from_number(0.06)))
    kwargs = {"times": (1.0, 1e6), "converters": (DAC(bits=12), ADC(bits=12))}
    lost = infer(network, target, **kwargs)["vmm_error"][0]
    kept = infer(network, target, Tile(compensate_drift=True), **kwargs)["vmm_error"][0]
    assert lost[1] > 0.4
    assert kept[1] < 0.02
    assert kept[0] < 0.02


def test_a_digital_offset_needs_its_drift_and_wires_compensated(network):
    """The common part of the currents changes by more than the signal is worth."""
    target = device(drift=Drift(nu=Law.from_number(0.06)))
    fine = DAC(bits=12), ADC(bits=14)
    for fix, given in (
        ({"compensate_drift": True}, {"times": (1e6,)}),
        ({"compensate_wires": True}, {"wires": Wires(0.2, 0.2)}),
    ):
        plain, compensated = (
            infer(network, target, Tile(mapping="offset", **more), converters=fine, **given)
            for more in ({}, fix)
        )
        assert compensated["vmm_error"].mean() < 0.5 * plain["vmm_error"].mean()


def test_a_serial_input_gives_the_same_network(network):
    serial = infer(network, device(), converters=(DAC(bits=8, serial=True), ADC(bits=12)))
    whole = infer(network, device(), converters=(DAC(bits=8), ADC(bits=12)))
    np.testing.assert_allclose(serial["correct"], whole["correct"], atol=2.01 / 360)


def test_access_devices_take_their_share(network):
    """4 kΩ in series with at most 25 µS: a tenth of the largest currents."""
    plain = infer(network, device(), realisations=1)
    behind = infer(network, device(), Tile(access_resistance=4e3), realisations=1)
    assert 0.9 < behind["array_power"][0, 0] / plain["array_power"][0, 0] < 1
    assert behind["vmm_error"][0, 0] > plain["vmm_error"][0, 0]
