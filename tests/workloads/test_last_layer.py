"""The last layer fitted again on the chip: gains, limits, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, ReadNoise
from matsweep.machine import Hardware
from matsweep.networks import last_layer
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.last_layer import LABELS_RIDGE, chip_inputs, fitted
from matsweep.networks.regression import Linear, least_squares, softmax_regression
from matsweep.workloads import Workload
from tests.networks.graphs import Builder

CLASSES = 4


def hardware(**device):
    own = AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **device)
    return Hardware(
        device=own, tile=Tile(weight_bits=None), dac=DAC(bits=12),
        adc=ADC(bits=12, percentile=100.0),
    )  # fmt: skip


def rows(count, seed=1):
    return np.random.default_rng(seed).standard_normal((count, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of two layers with softmax, 600 samples with its classes, and 300 to fit to."""
    folder = tmp_path_factory.mktemp("last")
    b = Builder((12,), seed=4)
    x = b.op("Relu", b.op("Gemm", "x", b.weight(12, 40), b.weight(40), name="first"))
    weight = 8 * b.rng.standard_normal((40, CLASSES)) / np.sqrt(40)  # as sure as trained ones are
    weight -= weight.mean(axis=0)  # positive inputs favour no class
    last = b.constant(weight.astype(np.float32))
    y = b.op("Gemm", x, last, b.weight(CLASSES), name="last")
    model = b.model(b.op("Softmax", y, axis=1))
    onnx.save(model, folder / "net.onnx")
    from tests.networks.references import reference

    for name, count, seed in (("data", 600, 1), ("fit", 300, 3)):
        inputs = rows(count, seed)
        (outputs,) = reference(model, {"x": inputs}).values()
        np.savez(folder / f"{name}.npz", inputs=inputs, labels=outputs.argmax(axis=-1))
        np.savez(folder / f"{name}_bare.npz", inputs=inputs)
    return folder


def workload(folder, adapt="last_layer", labels="", **settings):
    own = {
        "kind": "onnx", "model": str(folder / "net.onnx"), "adapt": adapt,
        "data": str(folder / f"data{labels}.npz"), "calibration": str(folder / f"fit{labels}.npz"),
    }  # fmt: skip
    return build(Workload, own | settings)


def run(prepared, parts, *, times=(1.0,), realisations=range(3)):
    return prepared.run(parts, times=times, rng=realisation_streams(5, realisations))


NOISY = {"cycle_to_cycle": 0.15, "read_noise": ReadNoise(relative=0.02)}


def test_accuracy_rises_on_noisy_devices_and_stays_on_ideal_ones(folder):
    """In 64 pairs the mean gain is 10 % ± 1 %; on ideal devices none of all right loses 5 %."""
    plain, again = (workload(folder, each).prepare() for each in ("none", "last_layer"))
    gains = [
        run(again, parts, realisations=range(64))["correct"]
        - run(plain, parts, realisations=range(64))["correct"]
        for parts in (hardware(**NOISY), hardware())
    ]
    assert gains[0].mean() > 6 * gains[0].std() / 8, gains[0]  # 6 standard errors
    assert np.abs(gains[1]).max() < 0.05, gains[1]


def test_outputs_without_labels_come_closer_to_those_in_floating_point(folder):
    """In 64 pairs the error falls by 6 standard errors."""
    plain, again = (workload(folder, each, "_bare").prepare() for each in ("none", "last_layer"))
    assert again.refit.labels is None
    parts = hardware(cycle_to_cycle=0.05)
    errors = [run(each, parts, realisations=range(64))["output_error"] for each in (again, plain)]
    fall = errors[1] - errors[0]
    assert fall.mean() > 6 * fall.std() / 8, fall
    exact = [run(each, hardware())["output_error"] for each in (again, plain)]
    assert np.all(exact[0] < 1.1 * exact[1])


def test_realisations_do_not_depend_on_those_computed_together(folder):
    prepared = workload(folder).prepare()
    times = (1.0, 100.0)
    whole = run(prepared, hardware(**NOISY), times=times)
    for number in range(3):
        one = run(prepared, hardware(**NOISY), times=times, realisations=[number])
        for name, values in one.items():
            np.testing.assert_array_equal(values[0], whole[name][number], err_msg=name)


def test_later_times_keep_the_fit_of_the_first(folder, monkeypatch):
    """Without drift and read noise nothing but the time changes; one fit for each realisation."""
    prepared = workload(folder).prepare()
    times = []

    def counted(aged, *others):
        times.append(aged.time)
        return last_layer.refitted(aged, *others)

    monkeypatch.setattr("matsweep.workloads.network.run.refitted", counted)
    both = run(prepared, hardware(cycle_to_cycle=0.15), times=(1.0, 1e4))
    np.testing.assert_array_equal(both["correct"][:, 0], both["correct"][:, 1])
    assert times == [1.0] * 3


def test_devices_are_programmed_with_the_random_numbers_that_they_had(folder, monkeypatch):
    """The same weights give the same conductances."""
    prepared = workload(folder).prepare()
    streams = realisation_streams(5, range(3))
    chip = ProgrammedNetwork.program(
        prepared.network, prepared.matrices, hardware(**NOISY), rng=streams
    )
    refit = prepared.refit
    same = Linear(refit.weight.values, refit.weight.bias)
    monkeypatch.setattr(last_layer, "fitted", lambda *_: same)
    again = last_layer.refitted(chip.at(1.0), 2, prepared.matrices[-1], refit)
    before, after = (each.packs[0].programmed for each in (chip.weights[-1], again))
    np.testing.assert_array_equal(after.conductance[0], before.conductance[2])


def test_the_fit_equals_that_of_scikit_learn_on_the_same_inputs(folder):
    """Of the vectors that the chip gives, from zero: weights to 1 % of their rms."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    prepared = workload(folder).prepare()
    streams = realisation_streams(5, range(2))
    chip = ProgrammedNetwork.program(
        prepared.network, prepared.matrices, hardware(**NOISY), rng=streams
    ).at(1.0)
    refit = prepared.refit
    x = chip_inputs(chip, 1, refit.weight, refit.inputs)
    nothing = dataclasses.replace(
        refit.weight, values=0 * refit.weight.values, bias=0 * refit.weight.bias
    )
    got = fitted(x, dataclasses.replace(refit, weight=nothing))
    mean, labels = x.mean(axis=0), refit.labels
    scale = np.sqrt(np.mean(np.square(x - mean)))
    other = linear_model.LogisticRegression(C=1 / (LABELS_RIDGE * len(x)), tol=1e-7, max_iter=5000)
    other.fit((x - mean) / scale, labels)
    want = other.coef_.T / scale
    centred = got.weights - got.weights.mean(axis=1, keepdims=True)  # softmax takes no notice
    assert np.abs(centred - want).max() < 0.01 * np.sqrt(np.mean(np.square(want)))
    bias = other.intercept_ - mean @ want
    off = (got.bias - got.bias.mean()) - (bias - bias.mean())
    assert np.abs(off).max() < 0.01 * np.sqrt(np.mean(np.square(bias)))


def test_least_squares_equal_those_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = rows(80).astype(np.float64)
    y = x @ rows(12, 7)[:, :3] + 2
    first = rows(12, 8)[:, :3].astype(np.float64)
    got = least_squares(x, y, Linear(first, np.zeros(3)), ridge=0.1)
    scale = np.mean(np.square(x - x.mean(axis=0)))
    other = linear_model.Ridge(alpha=0.1 * len(x) * scale).fit(x, y - x @ first)
    np.testing.assert_allclose(got.weights, first + other.coef_.T, rtol=1e-6)
    np.testing.assert_allclose(got.bias, other.intercept_, rtol=1e-6)


def test_one_output_is_the_logit_of_class_1():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = rows(200).astype(np.float64)
    labels = (x[:, 0] + 0.5 * x[:, 1] + 0.3 * rows(200, 9)[:, 0] > 0.2).astype(np.int64)
    got = softmax_regression(x, labels, Linear(np.zeros((12, 1)), np.zeros(1)), ridge=0.01)
    scale = np.sqrt(np.mean(np.square(x - x.mean(axis=0))))
    other = linear_model.LogisticRegression(C=1 / (0.01 * len(x)), tol=1e-8).fit(x / scale, labels)
    np.testing.assert_allclose(got.weights[:, 0], other.coef_[0] / scale, atol=1e-3)


def test_weights_stay_near_those_they_were():
    """A large ridge keeps them, and moves biases alone."""
    x, first = rows(50).astype(np.float64), Linear(rows(12, 7)[:, :3], np.zeros(3))
    near = softmax_regression(x, np.arange(50) % 3, first, ridge=1e4)
    np.testing.assert_allclose(near.weights, first.weights, atol=1e-3)
    near = least_squares(x, x @ first.weights + 2, first, ridge=1e9)
    np.testing.assert_allclose(near.weights, first.weights, atol=1e-6)
    np.testing.assert_allclose(near.bias, 2, atol=1e-5)


def test_targets_are_fitted_by_least_squares(tmp_path):
    """Gain and offset that the targets have over the outputs are found, but for the ridge."""
    b = Builder((12,), seed=2)
    x = b.op("Relu", b.op("Gemm", "x", b.weight(12, 40), name="first"))
    model = b.model(b.op("Gemm", x, b.weight(40, 2), name="last"))
    onnx.save(model, tmp_path / "net.onnx")
    from tests.networks.references import reference

    for name, count, seed in (("data", 200, 1), ("fit", 300, 3)):
        inputs = rows(count, seed)
        (outputs,) = reference(model, {"x": inputs}).values()
        np.savez(tmp_path / f"{name}.npz", inputs=inputs, targets=1.5 * outputs + 1)
    errors = [
        run(workload(tmp_path, each, score="nrmse").prepare(), hardware(cycle_to_cycle=0.01))
        for each in ("last_layer", "none")
    ]
    assert np.all(1.5 * errors[0]["nrmse"] < errors[1]["nrmse"])


def test_it_is_part_of_what_is_prepared(folder):
    plain, again = workload(folder, "none"), workload(folder)
    assert plain.key != again.key
    assert plain.prepare().digest != again.prepare().digest
    assert plain.prepare().refit is None
    other = again.prepare()
    labels = (other.samples.calibration_labels + 1) % CLASSES
    assert labels.shape == (300,)


def test_what_is_no_last_layer_is_refused(folder, tmp_path):
    b = Builder((12,), seed=2)
    y = b.op("Relu", b.op("Gemm", "x", b.weight(12, 4), name="only"))
    c = Builder((12,), seed=2)
    z = c.op("Gemm", "x", c.weight(12, 4), name="only")
    z = c.op("LayerNormalization", z, c.weight(4), c.weight(4), axis=-1)
    d = Builder((2, 5, 5))
    w = d.op("Reshape", d.conv("x", (2, 4), 5, normalised=False, name="kernel"),
             d.constant([-1, 4]))  # fmt: skip
    for graph, shape, word in (
        (b.model(y), (12,), "rectification behind only"),
        (c.model(z), (12,), "LayerNormalization"),
        (d.model(w), (2, 5, 5), "convolution kernel|Transpose"),
    ):
        onnx.save(graph, tmp_path / "net.onnx")
        inputs = np.zeros((5, *shape), np.float32)
        np.savez(tmp_path / "data.npz", inputs=inputs, labels=np.arange(5) % 4)
        with pytest.raises(UserError, match=rf"adapt=last_layer must find .*{word}") as refused:
            workload(tmp_path, calibration=str(tmp_path / "data.npz"))
        assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="adapt=last_layer must find"):
        workload(folder, analog={"exclude": ["last"]})
    labels = dataclasses.replace(workload(folder)).prepare().samples.calibration_labels
    np.savez(tmp_path / "fit.npz", inputs=rows(300), labels=labels + CLASSES)
    with pytest.raises(UserError, match="calibration must hold 300 labels from 0 to 3"):
        workload(folder, calibration=str(tmp_path / "fit.npz")).prepare()
