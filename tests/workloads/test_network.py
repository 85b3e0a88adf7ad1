"""Inference by any network: what devices and circuits do to it, and where."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from matsweep.core.codec import build
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, Drift, Law, ReadNoise
from matsweep.machine import Hardware
from matsweep.networks.load import load_network
from matsweep.workloads import COSTS, Workload
from matsweep.workloads.network.scores import (
    SCORES,
    among_largest,
    by_class,
    classes,
    relative_error,
)
from tests.networks.graphs import Builder
from tests.workloads.own_network import images, model, network_folder, own_network


def workload(**settings):
    """Return a workload whose converters are calibrated on what is scored: none saturates."""
    own = own_network(network_folder(), samples=120)
    return build(Workload, own | {"calibration": own["data"]} | settings)


def hardware(tile=None, wires=None, adc=None, **device):
    own = AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **device)
    return Hardware(
        device=own, tile=Tile(weight_bits=None) if tile is None else tile, dac=DAC(bits=12),
        adc=adc or ADC(bits=12, percentile=100.0), wires=wires,
    )  # fmt: skip


def run(prepared, parts, *, times=(1.0,), realisations=4):
    return prepared.run(parts, times=times, rng=realisation_streams(5, range(realisations)))


@pytest.fixture(scope="module")
def prepared():
    return workload().prepare()


def falls(prepared, cases, margin=1.5):
    """Check that each case has a larger output error than the one before, pair by pair.

    All realisations share their random numbers, so that not one of them may disagree.
    """
    found = [run(prepared, each) for each in cases]
    errors = np.array([each["output_error"][:, 0] for each in found])
    assert np.all(errors[1:] > margin * errors[:-1]), errors
    agreement = np.array([each["agreement"].mean() for each in found])
    assert np.all(np.diff(agreement) <= 0.02), agreement
    assert agreement[-1] < agreement[0]


class TestPhysics:
    def test_noise_of_reads_and_of_programming_harms(self, prepared):
        levels = (0.002, 0.02, 0.1)
        falls(prepared, [hardware(read_noise=ReadNoise(relative=x)) for x in levels])
        falls(prepared, [hardware(cycle_to_cycle=x) for x in levels])

    def test_fewer_bits_harm(self, prepared):
        falls(prepared, [hardware(adc=ADC(bits=bits, percentile=100.0)) for bits in (10, 6, 4)])

    def test_more_resistance_of_wires_harms(self, prepared):
        falls(
            prepared,
            [hardware(wires=Wires(word_resistance=r, bit_resistance=r)) for r in (1.0, 8.0, 64.0)],
        )

    def test_drift_harms_with_time_and_compensation_restores(self, prepared):
        drift = Drift(nu=Law.from_number(0.05), spread=Law.from_number(0.005))
        times, columns = (10.0, 1e3, 1e6), {}
        for compensated in (False, True):
            tile = Tile(weight_bits=None, compensate_drift=compensated)
            columns[compensated] = run(prepared, hardware(tile, drift=drift), times=times)
        plain = columns[False]["output_error"]
        assert np.all(plain[:, 1:] > 1.3 * plain[:, :-1])
        # What is left is the spread of the exponents.
        assert np.all(columns[True]["output_error"][:, -1] < 0.35 * plain[:, -1])

    def test_matched_statistics_restore_what_drift_takes(self, prepared):
        parts = hardware(drift=Drift(nu=Law.from_number(0.05), spread=Law.from_number(0.005)))
        plain = run(prepared, parts, times=(1e6,))
        adapted = run(workload(adapt="statistics").prepare(), parts, times=(1e6,))
        assert np.all(adapted["output_error"] < 0.35 * plain["output_error"])
        assert adapted["agreement"].mean() > plain["agreement"].mean()

    def test_columns_that_are_compensated_forget_errors_of_their_converters(self, prepared):
        errors = []
        for compensated in (False, True):
            tile = Tile(weight_bits=None, compensate_columns=compensated)
            adc = ADC(bits=12, percentile=100.0, gain_error=0.1, offset=50.0)
            errors.append(run(prepared, hardware(tile, adc=adc))["output_error"])
        assert np.all(errors[1] < 0.3 * errors[0])

    def test_a_tile_without_the_option_keeps_its_identity(self):
        from matsweep.core.codec import canonical

        assert "compensate_columns" not in canonical(Tile())
        assert "compensate_columns" in canonical(Tile(compensate_columns=True))


class TestMeasures:
    def test_the_layer_that_is_bad_is_named(self, tmp_path):
        """One weight of the second layer is so large that few levels are left for the others."""
        graph = model()
        kernels = [each for each in graph.graph.initializer if len(each.dims) == 4]
        values = numpy_helper.to_array(kernels[1]).copy()
        values[0, 0, 0, 0] = 40 * np.abs(values).max()
        kernels[1].CopyFrom(numpy_helper.from_array(values, kernels[1].name))
        onnx.save(graph, tmp_path / "bad.onnx")
        own = workload(model=str(tmp_path / "bad.onnx")).prepare()
        errors = run(own, hardware(levels=32))["layer_vmm_error"][:, 0]
        assert own.coordinates["layer"].tolist() == ["first", "second", "classifier"]
        assert np.all(errors.argmax(axis=-1) == 1)
        assert np.all(errors[:, 1] > 2 * errors[:, [0, 2]].max(axis=-1))

    def test_the_error_of_all_layers_is_the_root_mean_square(self, prepared):
        found = run(prepared, hardware(cycle_to_cycle=0.05))
        square = np.square(found["layer_vmm_error"]).mean(axis=-1)
        np.testing.assert_allclose(found["vmm_error"], np.sqrt(square), rtol=1e-12)

    def test_measures_do_not_depend_on_the_samples_that_are_run_together(self, prepared):
        """120 samples at once, or 20: the first 100 are judged, with their own noise."""
        network = dataclasses.replace(prepared.network, widest=2**21 // 4 // 20)
        assert network.micro_batch == 20
        parted = dataclasses.replace(prepared, network=network)
        noisy = hardware(read_noise=ReadNoise(relative=0.05))
        whole, parts = (run(each, noisy, realisations=1) for each in (prepared, parted))
        for name, values in whole.items():
            np.testing.assert_allclose(parts[name], values, rtol=1e-6, err_msg=name)

    def test_power_is_that_of_all_reads_of_an_inference(self, prepared):
        """Without wires sum_ij <V_i²> G_ij, here of every window of the judged samples."""
        parts = hardware()
        power = run(prepared, parts, realisations=1)["array_power"][0, 0]
        assert prepared.matrices[0].uses == 64
        device, exact = parts.device, 0.0
        x = prepared.samples.inputs["x"][:100]
        for number, layer in enumerate(prepared.network.layers):
            weight = layer.weights[0]
            shares = np.abs(weight.values).sum(axis=1) / np.abs(weight.values).max()
            rows = 2 * weight.values.shape[1] * device.g_min + shares * device.g_range
            if number < 2:
                pad, stride = (1, 1) if number == 0 else (0, 2)
                padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
                view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
                windows = np.moveaxis(view[:, :, ::stride, ::stride], 1, -1)
                inputs = windows.reshape(len(x), -1, weight.values.shape[0])
            else:
                inputs = x.reshape(len(x), 1, -1)
            largest = np.abs(prepared.matrices[number].calibration).max()
            driven = np.clip(inputs / largest, -1, 1) * device.read_voltage
            exact += float((np.square(driven) @ rows).sum(axis=1).mean())
            bias = 0 if weight.bias is None else weight.bias
            y = np.maximum(inputs @ weight.values + bias, 0)  # (sample, position, channel)
            x = y.swapaxes(1, 2).reshape(len(x), -1, *((8, 8) if number == 0 else ()))
        assert power == pytest.approx(exact, rel=0.05)

    def test_classes_scores_and_errors_by_hand(self):
        outputs = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], np.float32)
        assert classes(outputs).tolist() == [1, 0]
        logistic, logits = np.array([[[0.2], [0.8]], [[-3.0], [0.2]]], np.float32)
        assert classes(by_class(logistic, logistic)).tolist() == [0, 1]
        assert classes(by_class(logits, logits)).tolist() == [0, 1]
        beyond = np.array([[0.3], [1.2]], np.float32)  # noise does not move the threshold
        assert classes(by_class(beyond, logistic)).tolist() == [0, 1]
        assert by_class(outputs, outputs) is outputs
        assert among_largest(outputs, np.array([2, 2]), 1) == 0
        assert among_largest(outputs, np.array([2, 2]), 2) == 0.5
        assert among_largest(outputs, np.array([2, -1]), 2) == 1
        dead, labels = np.zeros((4, 4), np.float32), np.arange(4)
        for count in (1, 2, 3):
            assert among_largest(dead, labels, count) == count / 4
            assert among_largest(dead * np.nan, labels, count) == 0
        assert relative_error(2 * outputs, outputs) == pytest.approx(1)
        targets = np.array([[0.0, 1.0], [2.0, 5.0]])
        assert SCORES["nrmse"].compute(targets + 1, targets) == pytest.approx((2 / 5) ** 0.5)
        assert SCORES["r2"].compute(targets + 1, targets) == pytest.approx(1 - (1 + 1 / 4) / 2)
        targets[:, 0] = 7  # never varies: r2 is that of the other output
        assert SCORES["r2"].compute(targets + 1, targets) == pytest.approx(1 - 1 / 4)
        assert SCORES["nrmse"].compute(targets * 0 + targets.mean(axis=0), targets) == 1
        tokens = np.array([[1, -1]])
        both = np.stack([outputs])
        assert SCORES["token_accuracy"].compute(both, tokens) == 1
        assert SCORES["token_accuracy"].compute(both, tokens * 0) == 0.5


class TestWhatIsMeasured:
    def test_labels_decide_the_merit(self):
        labelled = workload()
        assert labelled.merit == "accuracy"
        assert {"correct", "agreement", COSTS} <= labelled.measures
        bare = build(Workload, own_network(network_folder(), samples=20, labelled=False))
        assert bare.merit == bare.objectives[0] == "agreement"
        assert "correct" not in bare.measures
        assert workload(score="token_accuracy").merit == "token_accuracy"

    def test_reference_and_chance_are_those_of_the_float_network(self, prepared):
        labels = prepared.samples.labels
        assert prepared.reference["agreement"] == 1
        assert prepared.reference["accuracy"] == np.mean(classes(prepared.wanted) == labels)
        assert prepared.chance["accuracy"] == np.bincount(labels).max() / len(labels)
        ideal = run(prepared, hardware())
        assert ideal["correct"].mean() == pytest.approx(prepared.reference["accuracy"], abs=0.01)

    def test_the_decision_for_a_class_compares_all_outputs(self, prepared):
        assert prepared.matrices[-1].operations == {"comparison": 4}

    def test_targets_of_a_regression(self, tmp_path):
        inputs = images(60)
        own = workload()
        targets = np.asarray(own.network(inputs)) + 0.1
        np.savez(tmp_path / "regression.npz", inputs=inputs, targets=targets)
        data = str(tmp_path / "regression.npz")
        scored = workload(data=data, calibration=data, score="nrmse")
        assert scored.merit == "nrmse"
        ready = scored.prepare()
        assert ready.chance["nrmse"] == 1 > ready.reference["nrmse"] > 0
        found = run(ready, hardware())
        assert found["nrmse"] == pytest.approx(ready.reference["nrmse"], abs=0.01)

    def test_layers_may_stay_digital(self):
        part = workload(analog={"exclude": ["first", "last"]})
        assert part.coordinates["layer"].tolist() == ["second"]
        assert len(part.prepare().matrices) == 1
        assert part.key != workload().key

    @pytest.mark.parametrize(
        "settings", [{"test_samples": 50}, {"calibration_samples": 20}, {"adapt": "statistics"}]
    )
    def test_each_setting_is_part_of_the_key(self, settings):
        assert workload(**settings).key != workload().key

    def test_conversions_saturate_where_full_scales_are_small(self, prepared):
        shares = [
            run(prepared, hardware(adc=ADC(bits=8, percentile=each)))["saturated"].mean()
            for each in (60.0, 100.0)
        ]
        assert shares[1] < 0.01 < 0.1 < shares[0] < 0.6

    def test_preparing_depends_on_settings_alone(self):
        one, other = workload().prepare(), workload().prepare()
        assert one.digest == other.digest != workload(calibration_samples=20).prepare().digest
        for first, second in zip(one.matrices, other.matrices, strict=True):
            np.testing.assert_array_equal(first.calibration, second.calibration)

    def test_tokens_that_are_left_out_do_not_count(self, tmp_path):
        b = Builder((6, 8))
        onnx.save(b.model(b.op("MatMul", "x", b.weight(8, 5), name="only")), tmp_path / "a.onnx")
        inputs = np.random.default_rng(0).standard_normal((20, 6, 8)).astype(np.float32)
        own = {"model": str(tmp_path / "a.onnx"), "data": str(tmp_path / "data.npz")}
        labels = np.asarray(load_network(own["model"])(inputs)).argmax(axis=-1)
        labels[:, 4:] = -1
        np.savez(own["data"], inputs=inputs, labels=labels)
        own |= {"calibration": own["data"], "score": "token_accuracy"}
        ready = workload(**own).prepare()
        assert ready.merit == "token_accuracy"
        assert ready.reference["token_accuracy"] == 1
        assert run(ready, hardware())["token_accuracy"].min() > 0.95

    @pytest.mark.parametrize("squeezed", [False, True])
    def test_one_number_decides_between_two_classes(self, tmp_path, squeezed):
        b = Builder((8,))
        y = b.op("Sigmoid", b.op("Gemm", "x", b.weight(8, 1), name="only"))
        if squeezed:
            y = b.op("Squeeze", y, b.constant(np.array([1], np.int64)))
        onnx.save(b.model(y), tmp_path / "a.onnx")
        inputs = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
        own = {"model": str(tmp_path / "a.onnx"), "data": str(tmp_path / "data.npz")}
        own |= {"calibration": own["data"], "top": 1}
        positive = np.ravel(load_network(own["model"])(inputs)) > 0.5
        labels = np.where(np.arange(40) % 5, positive, ~positive).astype(int)
        for given in (labels, labels[:, None]):
            np.savez(own["data"], inputs=inputs, labels=given)
            ready = workload(**own).prepare()
            assert ready.reference["accuracy"] == ready.reference["top_accuracy"] == 0.8
            found = run(ready, hardware(), realisations=1)
            assert found["agreement"] == 1
            np.testing.assert_array_equal(found["correct"], found["top_accuracy"])

    @pytest.mark.parametrize("squeezed", [False, True])
    def test_one_number_of_a_regression(self, tmp_path, squeezed):
        b = Builder((8,))
        y = b.op("Gemm", "x", b.weight(8, 1), name="only")
        if squeezed:
            y = b.op("Squeeze", y, b.constant(np.array([1], np.int64)))
        onnx.save(b.model(y), tmp_path / "a.onnx")
        inputs = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
        own = {"model": str(tmp_path / "a.onnx"), "data": str(tmp_path / "data.npz")}
        exact = np.ravel(load_network(own["model"])(inputs))
        for targets in (exact + exact.std(), (exact + exact.std())[:, None]):
            np.savez(own["data"], inputs=inputs, targets=targets)
            for score, value in (("nrmse", 1), ("r2", 0)):
                ready = workload(**own, calibration=own["data"], score=score).prepare()
                assert ready.reference[score] == pytest.approx(value, abs=1e-5)

    def test_statistics_are_matched_on_samples_of_all_classes(self, tmp_path):
        """Files often hold one class after the other: samples are spread over all of them."""
        inputs = images(200)
        np.savez(tmp_path / "data.npz", inputs=inputs)
        data = str(tmp_path / "data.npz")
        some, run = workload(data=data, calibration=data, adapt="statistics").prepare().adaptation
        assert len(some["x"]) == 128
        assert np.array_equal(some["x"][:3], inputs[[0, 1, 3]])
        assert np.array_equal(some["x"][-1], inputs[198])
        assert run.keys() == {"first", "second", "classifier"}

    def test_one_number_without_labels_is_judged_by_its_error(self, tmp_path):
        b = Builder((8,))
        onnx.save(b.model(b.op("Gemm", "x", b.weight(8, 1), name="only")), tmp_path / "a.onnx")
        inputs = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
        np.savez(tmp_path / "data.npz", inputs=inputs)
        own = {"model": str(tmp_path / "a.onnx"), "data": str(tmp_path / "data.npz")}
        ready = workload(**own, calibration=own["data"]).prepare()
        assert ready.merit == "output_error"
        assert ready.reference["output_error"] == 0
        assert not ready.matrices[-1].operations
        assert "agreement" not in ready.measures
        assert run(ready, hardware())["output_error"].max() < 1e-3
