"""Networks that are programmed from Python: numbers of a study, devices inside, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

import matsweep
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.workloads import Workload
from matsweep.workloads.network.scores import classes
from tests.networks.graphs import Builder, saved
from tests.workloads.own_network import images, network_folder, own_network

FIXED = ["unknowns=neutral", "tile.compensate_drift=true", "adc.bits=7"]


@pytest.fixture(scope="module")
def network():
    return matsweep.load_network(own_network(network_folder())["model"])


@pytest.fixture(scope="module")
def chip(network):
    return matsweep.program(
        network, "pcm_gst", overrides=FIXED, calibration=images(30), realisations=2, seed=4
    )


def test_outputs_are_those_of_a_study_with_the_same_settings(chip, tmp_path):
    inputs = images(30)
    np.savez(tmp_path / "data.npz", inputs=inputs, labels=np.arange(30) % 4)
    data = str(tmp_path / "data.npz")
    given = own_network(network_folder()) | {"data": data, "calibration": data}
    with composer():
        text = [f"workload.{key}={value}" for key, value in given.items() if key != "kind"]
        study = plan(["workload=onnx", *text, "material=pcm_gst", *FIXED, "times=[60,1e6]"])
        scenario = study.scenario(study.points[0])
    prepared = build(Workload, given).prepare()
    values = simulate(scenario, prepared, seed=4, realisations=2)
    for index, time in enumerate((60, "1e6 s")):
        outputs = chip(inputs, time=time)
        assert outputs.shape == (2, 30, 4)
        right = np.mean(classes(outputs) == np.arange(30) % 4, axis=-1)
        np.testing.assert_array_equal(values["accuracy"][:, index], right)
        square = np.square(outputs - prepared.wanted).mean(axis=(1, 2))
        wanted = np.sqrt(square / np.square(prepared.wanted).mean())
        np.testing.assert_allclose(values["output_error"][:, index], wanted, rtol=1e-5)


def test_layers_show_their_devices_and_the_weights_that_they_hold(chip, network):
    assert [layer.name for layer in chip.layers] == ["first", "second", "classifier"]
    assert "2 realisations" in repr(chip)
    for layer, own in zip(chip.layers, network.layers, strict=True):
        weight = own.weights[0].values
        assert layer.conductance.shape == (2, 1, 2, *weight.shape)
        assert 0 <= layer.conductance.min() < layer.conductance.max() < 40e-6
        held = layer.weights(60)
        assert held.shape == (2, *weight.shape)
        for each in held:
            assert np.corrcoef(each.ravel(), weight.ravel())[0, 1] > 0.95
        # PCM drifts: a year later less is left.
        assert np.abs(layer.weights("1 year")).mean() < 0.95 * np.abs(held).mean()


def test_packs_of_a_grouped_layer_show_their_blocks(tmp_path):
    b = Builder((4, 5, 5))
    x = b.conv("x", (4, 8), group=4, normalised=False, name="grouped")
    network = matsweep.load_network(saved(b.model(x), tmp_path))
    x = np.random.default_rng(0).standard_normal((6, 4, 5, 5)).astype(np.float32)
    exact = ["unknowns=neutral", "tile.weight_bits=null", "device.programming_error=0",
             "device.drift.nu=0", "device.drift.spread=0", "tile.rows=27"]  # fmt: skip
    chip = matsweep.program(network, overrides=exact, calibration=x, realisations=1)
    [layer] = chip.layers
    assert layer.conductance.shape == (1, 2, 2, 27, 6)  # three blocks, and one
    assert np.isnan(layer.conductance[0, 1, :, 9:]).all()
    np.testing.assert_allclose(layer.weights()[0], network.layers[0].weights[0].values, atol=1e-6)


def test_what_is_unknown_is_drawn_for_each_realisation(network):
    given = {"calibration": images(10), "realisations": 3}
    drawn = matsweep.program(network, "hfox_vcm", **given)
    assert len(drawn.parts) == 3
    assert drawn(images(2)).shape == (3, 2, 4)
    neutral = matsweep.program(network, "hfox_vcm", overrides=["unknowns=neutral"], **given)
    assert len(neutral.parts) == 1


def test_a_repetition_gives_the_same(chip):
    np.testing.assert_array_equal(chip(images(5)), chip(images(5)))
    np.testing.assert_array_equal(chip(images(5)), chip(images(9))[:, :5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: matsweep.program(net, "gst", calibration=images(3)), "material=gst: no such"),
        (lambda net: matsweep.program(3, calibration=images(3)), "network must be one that load"),
        (lambda net: matsweep.program(net, calibration=images(0)), "must hold at least one sample"),
        (lambda net: matsweep.program(net, calibration=images(3) * np.nan), "finite real numbers"),
        (lambda net: matsweep.program(net, calibration=images(3)[:, 0]), "must have the shape"),
        (lambda net: matsweep.program(net, calibration={"y": images(3)}), "must be x, got y"),
        (
            lambda net: matsweep.program(net, calibration=images(3), overrides=["adc.bits=6,7"]),
            "overrides must give one value each, got 2 candidates",
        ),
        (
            lambda net: matsweep.program(net, calibration=images(3), overrides=["adc.bits=99"]),
            r"adc.bits must be in \[2, 16\]",
        ),
        (
            lambda net: matsweep.program(net, calibration=images(3), realisations=0),
            "realisations must be",
        ),
    ],
)
def test_a_mistake_is_one_line(network, call, message):
    with pytest.raises(UserError, match=message) as raised:
        call(network)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("workload=lenet_mnist", "the network is the first argument"),
        ("workload.adapt=norms", "'workload.adapt' has no effect on a chip: the network is"),
        ("++workload.preprocessing.mean=1", "the network is the first argument"),
        ("realisations=3", "give the argument realisations"),
        ("seed=3", "give the argument seed"),
        ("times=[60]", r"chip\(inputs, time='1d'\)"),
        ("material=hfox_vcm", "give the argument material"),
        ("racing=halving", "give settings of device, tile, "),
    ],
)
def test_settings_that_a_chip_does_not_use_are_refused(network, setting, message):
    with pytest.raises(UserError, match=message) as raised:
        matsweep.program(network, calibration=images(3), overrides=["adc.bits=6", setting])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("given", ["adc.bits=6", None, [6]])
def test_overrides_that_are_no_list_of_texts_are_refused(network, given):
    with pytest.raises(UserError, match=r"^overrides must be"):
        matsweep.program(network, calibration=images(3), overrides=given)


def test_settings_of_all_hardware_are_taken(network):
    given = ["periphery=cmos_22nm", "wires=ideal", "tile=analog_128", "device.g_max=20uS",
             "unknowns=neutral", "dac.bits=6", "++adc.bits=6"]  # fmt: skip
    chip = matsweep.program(network, calibration=images(3), overrides=given, realisations=1)
    hardware = chip.parts[0].scenario.hardware
    assert (hardware.adc.bits, hardware.dac.bits, hardware.device.g_max) == (6, 6, 20e-6)


@pytest.mark.parametrize("given", ["abc", None])
def test_inputs_that_are_no_array_are_named_by_their_type(network, chip, given):
    with pytest.raises(UserError, match=r"calibration: x must be an array .* got (str|NoneType)"):
        matsweep.program(network, calibration=given)
    with pytest.raises(UserError, match=r"inputs: x must be an array .* got (str|NoneType)"):
        chip(given)
    with pytest.raises(UserError, match=r"must be an array .* got (str|NoneType)"):
        network(given)


@pytest.mark.parametrize(("time", "message"), [("1 volt", "time"), (0, r"time \[s\] must be > 0")])
def test_a_time_that_is_none_is_one_line(chip, time, message):
    with pytest.raises(UserError, match=message):
        chip(images(2), time=time)
