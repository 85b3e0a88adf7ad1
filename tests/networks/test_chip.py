"""Networks on devices: equal to floating point where devices are ideal, else worse."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import onnx
import pytest

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, Drift, Law, ReadNoise
from matsweep.machine import Hardware
from matsweep.machine.windows import vectors
from matsweep.networks.adapting import adapted, matched
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.forward import exact, forward
from matsweep.networks.load import load_network
from matsweep.networks.matrices import network_matrices
from matsweep.networks.products import Affine
from matsweep.networks.recording import record
from tests.networks.graphs import Builder, lenet, residual, saved

FINE = {"dac": DAC(bits=16), "adc": ADC(bits=16, percentile=100.0)}


def device(**settings):
    return AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **settings)


def hardware(own=None, tile=None, **settings):
    return Hardware(
        device=own or device(), tile=tile or Tile(weight_bits=None), **(FINE | settings)
    )


def mlp(batch="batch"):
    b = Builder((20,))
    x = b.op("Relu", b.op("Gemm", "x", b.weight(20, 30), b.weight(30), name="hidden"))
    return b.model(b.op("Gemm", x, b.weight(30, 5), b.weight(5), name="last"), batch=batch)


def grouped():
    """Convolutions with strides, groups, and depthwise; blocks fill several tiles."""
    b = Builder((4, 9, 9))
    x = b.op("Relu", b.conv("x", (4, 24), pads=[1] * 4, strides=[2, 2], name="strided"))
    x = b.op("Relu", b.conv(x, (24, 48), pads=[1] * 4, group=6, name="grouped"))
    x = b.op("Relu", b.conv(x, (48, 48), pads=[1] * 4, group=48, name="depthwise"))
    x = b.conv(x, (48, 12), 1, name="pointwise")
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    return b.model(b.op("Gemm", x, b.weight(12, 6), b.weight(6), name="head"))


def recurrent():
    """An LSTM in both directions, of whose steps the last is classified."""
    hidden, b = 8, Builder((6, 5))  # (step, input)
    x = b.op("Transpose", "x", perm=[1, 0, 2])
    parts = [b.constant(b.rng.standard_normal((2, 4 * hidden, n)).astype(np.float32) / n**0.5)
             for n in (5, hidden)]  # fmt: skip
    bias = b.weight(2, 8 * hidden)
    y = b.op("LSTM", x, *parts, bias, outputs=3, name="lstm", hidden_size=hidden,
             direction="bidirectional")[0]  # fmt: skip
    y = b.op("ReduceMean", b.op("Transpose", y, perm=[2, 0, 1, 3]), axes=[1], keepdims=0)
    y = b.op("Flatten", y)
    return b.model(b.op("Gemm", y, b.weight(16, 4), name="head"))


def attention():
    """One head of self-attention over 6 tokens of 8 numbers."""
    b = Builder((6, 8))
    q, k, v = (b.op("MatMul", "x", b.weight(8, 8), name=name) for name in ("q", "k", "v"))
    scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 2, 1]))
    x = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
    x = b.op("Add", b.op("MatMul", x, b.weight(8, 8), name="out"), "x")
    x = b.op("ReduceMean", x, axes=[1], keepdims=0)
    return b.model(b.op("Gemm", x, b.weight(8, 3), name="head"))


MODELS = {
    "mlp": mlp,
    "lenet": lenet,
    "grouped": grouped,
    "residual": residual,
    "recurrent": recurrent,
    "attention": attention,
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return {
        name: load_network(saved(model(), folder, f"{name}.onnx")) for name, model in MODELS.items()
    }


def samples(network, count, seed=1):
    shape = (count, *network.inputs[0].shape[1:])
    return {"x": np.random.default_rng(seed).standard_normal(shape).astype(np.float32)}


def programmed(network, inputs, parts, numbers=(0,)):
    matrices = network_matrices(network, record(network, inputs).weights)
    return ProgrammedNetwork.program(
        network, matrices, parts, rng=realisation_streams(3, list(numbers))
    )


def outputs(aged, inputs, realisation=0, **settings):
    [values] = aged.run(inputs, aged.products(realisation, **settings)).values()
    return values


def error(values, wanted):
    return float(np.sqrt(np.mean(np.square(values - wanted)) / np.mean(np.square(wanted))))


class TestIdealDevices:
    @pytest.mark.parametrize("name", MODELS)
    def test_outputs_are_those_of_onnx_runtime(self, networks, name):
        network = networks[name]
        inputs = samples(network, 30)
        aged = programmed(network, inputs, hardware()).at(1.0)
        assert error(outputs(aged, inputs), network(inputs)) < 1e-3

    @pytest.mark.parametrize("mapping", ["reference", "offset"])
    def test_other_mappings_agree_too(self, networks, mapping):
        network = networks["grouped"]
        inputs = samples(network, 12)
        tile = Tile(mapping=mapping, weight_bits=None, rows=32, columns=32)
        aged = programmed(network, inputs, hardware(tile=tile)).at(1.0)
        # Offset encoding subtracts a large common part: its codes are coarser for the product.
        assert error(outputs(aged, inputs), network(inputs)) < (
            1e-3 if mapping != "offset" else 5e-3
        )

    def test_weights_that_devices_hold_are_those_of_the_network(self, networks):
        from matsweep.machine.held import held_weights

        network = networks["mlp"]
        for mapping in ("differential", "reference", "offset"):
            tile = Tile(mapping=mapping, weight_bits=None, rows=16, cells=2)
            chip = programmed(network, samples(network, 8), hardware(tile=tile))
            held = held_weights(chip.weights[0].packs[0].programmed.at(1.0))
            np.testing.assert_allclose(held[0], chip.weights[0].weight.values, atol=2e-6)


class TestNoise:
    def test_a_realisation_is_the_same_alone_and_among_others(self, networks):
        network = networks["grouped"]
        inputs = samples(network, 6)
        noisy = hardware(device(read_noise=ReadNoise(relative=0.05), cycle_to_cycle=0.03))
        together = programmed(network, inputs, noisy, range(3)).at(1e3)
        for number in range(3):
            alone = programmed(network, inputs, noisy, [number]).at(1e3)
            np.testing.assert_array_equal(outputs(alone, inputs), outputs(together, inputs, number))
        assert not np.array_equal(outputs(together, inputs, 0), outputs(together, inputs, 1))

    def test_a_sample_has_its_own_noise_however_samples_are_run(self, networks):
        network = networks["residual"]
        inputs = samples(network, 7)
        noisy = hardware(device(read_noise=ReadNoise(relative=0.05)))
        whole = outputs(programmed(network, inputs, noisy).at(1.0), inputs)
        network_of_two = dataclasses.replace(network, widest=2**21 // 4 // 2)
        assert network_of_two.micro_batch == 2 < network.micro_batch
        parted = outputs(programmed(network_of_two, inputs, noisy).at(1.0), inputs)
        np.testing.assert_array_equal(parted, whole)

    def test_reads_of_an_adaptation_and_at_another_time_have_noise_of_their_own(self, networks):
        network = networks["mlp"]
        inputs = samples(network, 20)
        chip = programmed(network, inputs, hardware(device(read_noise=ReadNoise(relative=0.05))))
        aged, later = chip.at(1.0), chip.at(2.0)  # nothing drifts
        runs = [
            outputs(aged, inputs), outputs(aged, inputs, purpose="adaptation"),
            outputs(later, inputs),
        ]  # fmt: skip
        noise = [(each - network(inputs)).ravel() for each in runs]
        # 100 outputs each: independent ones correlate by less than 0.7, at 7 standard deviations.
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert abs(np.corrcoef(noise[one], noise[other])[0, 1]) < 0.7
        np.testing.assert_array_equal(outputs(aged, inputs), runs[0])

    def test_reads_of_the_packs_of_a_weight_have_noise_of_their_own(self, tmp_path):
        """Blocks with the same weights and inputs: packs differ in their noise alone."""
        b = Builder((32, 5, 5))
        kernel = b.rng.standard_normal((1, 1, 3, 3)).astype(np.float32)
        y = b.op("Conv", "x", b.constant(np.tile(kernel, (32, 1, 1, 1))), group=32, name="same")
        network = load_network(saved(b.model(b.op("Flatten", y)), tmp_path))
        inputs = {"x": np.tile(samples(network, 8)["x"][:, :1], (1, 32, 1, 1))}
        chip = programmed(network, inputs, hardware(device(read_noise=ReadNoise(relative=0.05))))
        assert [pack.outputs.start for pack in chip.weights[0].packs] == [0, 14, 28]
        noise = (outputs(chip.at(1.0), inputs) - network(inputs)).reshape(8, 32, 9)
        # 72 outputs each: independent ones correlate by less than 0.7, at 6 standard deviations.
        assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 14].ravel())[0, 1]) < 0.7

    def test_a_weight_keeps_its_devices_when_others_become_digital(self, networks, tmp_path):
        from matsweep.networks.selection import Selection

        path = saved(lenet(), tmp_path)
        inputs = samples(networks["lenet"], 4)
        noisy = hardware(device(cycle_to_cycle=0.03))
        every = programmed(networks["lenet"], inputs, noisy)
        part = load_network(path, Selection(exclude=("first",)))
        fewer = programmed(part, inputs, noisy)
        assert len(fewer.weights) == len(every.weights) - 1
        for one, other in zip(fewer.weights, every.weights[1:], strict=True):
            np.testing.assert_array_equal(
                one.packs[0].programmed.conductance, other.packs[0].programmed.conductance
            )


class TestCompensation:
    def test_drift_alike_in_all_devices_is_compensated(self, networks):
        """One exponent makes one factor of all conductances, and of their differences."""
        network = networks["lenet"]
        inputs = samples(network, 10)
        own = device(drift=Drift(nu=Law.from_number(0.05)))
        wanted = network(inputs)
        plain, compensated = (
            programmed(
                network, inputs,
                hardware(own, Tile(weight_bits=None, compensate_drift=compensated)),
            )
            for compensated in (False, True)
        )  # fmt: skip
        assert error(outputs(plain.at(1e6), inputs), wanted) > 0.3
        assert error(outputs(compensated.at(1e6), inputs), wanted) < 2e-3

    @pytest.mark.parametrize("mapping", ["differential", "offset"])
    def test_columns_with_their_own_gain_and_offset_are_compensated(self, networks, mapping):
        network = networks["grouped"]
        inputs = samples(network, 40)
        wanted, adc = network(inputs), ADC(bits=16, percentile=100.0, gain_error=0.05, offset=300)
        plain, compensated = (
            programmed(
                network, inputs,
                hardware(
                    tile=Tile(weight_bits=None, mapping=mapping, compensate_columns=compensated),
                    adc=adc,
                ),
            )
            for compensated in (False, True)
        )  # fmt: skip
        before, after = (
            error(outputs(each.at(1.0), inputs), wanted) for each in (plain, compensated)
        )
        assert before > 0.02
        assert after < 0.2 * before

    @pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
    def test_the_affine_correction_is_that_of_products_of_rows(self, networks, mapping):
        """Both ways to multiply, through windows and rows, compensate alike."""
        network = networks["mlp"]
        inputs = samples(network, 20)
        tile = Tile(
            weight_bits=None, mapping=mapping, compensate_drift=True, compensate_columns=True
        )
        parts = hardware(device(drift=Drift(nu=Law.from_number(0.05))), tile)
        chip = programmed(network, inputs, parts, range(2))
        aged = chip.at(1e5)
        for realisation in range(2):
            product = aged.products(realisation)["hidden"]
            product.begin(0, 20)
            rows = chip.weights[0].packs[0].programmed.at(1e5)
            rng = chip.weights[0].rng.at("other")
            wanted = rows.multiply(inputs["x"], rng=rng).values[realisation]
            values = product.products(vectors(inputs["x"][:, None]))[:, 0]
            np.testing.assert_allclose(
                values - chip.weights[0].weight.bias, wanted, atol=3e-5 * np.abs(wanted).max()
            )

    def test_statistics_are_matched_layer_by_layer(self, networks):
        network = networks["residual"]
        inputs, own = samples(network, 60), device(drift=Drift(nu=Law.from_number(0.05)))
        wanted, run = network(inputs), record(network, inputs)
        aged = programmed(network, inputs, hardware(own)).at(1e6)
        affine = adapted(aged, 0, inputs, run.weights)
        assert affine.keys() == run.weights.keys()
        assert error(outputs(aged, inputs), wanted) > 0.3
        assert error(outputs(aged, inputs, affine=affine), wanted) < 5e-3

    def test_matched_statistics_are_the_wanted_ones(self, networks):
        run = record(networks["mlp"], samples(networks["mlp"], 50)).weights["last"]
        values = np.random.default_rng(0).standard_normal((70, 5)).astype(np.float32)
        values[:, 2] = 3.0  # never varies
        fit: Affine = matched(values, run)
        after = values * fit.scale + fit.offset
        np.testing.assert_allclose(after.mean(axis=0), run.mean, rtol=1e-4, atol=1e-5)
        spread = run.deviation * (np.arange(5) != 2)
        np.testing.assert_allclose(after.std(axis=0), spread, rtol=1e-4, atol=1e-5)

    def test_matching_takes_no_memory_of_the_size_of_the_products(self, networks):
        run = record(networks["mlp"], samples(networks["mlp"], 50)).weights["last"]
        values = np.random.default_rng(0).standard_normal((2**20, 5)).astype(np.float32)
        tracemalloc.start()
        fit = matched(values, run)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < values.nbytes
        np.testing.assert_allclose(fit.scale, run.deviation / values.std(axis=0), rtol=1e-3)


def _windows_of(network, inputs, name):
    """All windows of a weight, (window, input)."""
    found = []

    def keeping(weight):
        def multiply(windows):
            if weight.name == name:
                found.append(windows.rows().reshape(-1, windows.inputs))
            return exact(weight)(windows)

        return multiply

    weights = [weight for layer in network.layers for weight in layer.weights]
    forward(network, inputs, {weight.name: keeping(weight) for weight in weights})
    return np.concatenate(found)


class TestRecording:
    def test_windows_with_the_extremes_are_among_those_kept(self, networks):
        network = networks["lenet"]
        inputs = samples(network, 300)
        inputs["x"][177, 0, 20, 20], inputs["x"][31, 0, 3, 4] = 50.0, -60.0
        rows = record(network, inputs).weights["conv1"].rows
        assert rows.max() == 50
        assert rows.min() == -60
        assert 64 <= len(rows) <= 2 * 2048

    def test_windows_with_the_largest_product_of_each_output_are_among_those_kept(self, networks):
        """Packs and tiles are calibrated by themselves, each on its own largest currents."""
        network = networks["grouped"]
        kept = record(network, samples(network, 200)).weights["depthwise"]
        weight = next(each for each in network.layers if each.name == "depthwise").weights[0]
        assert kept.rows.shape == (len(kept.rows), 48 * 9)

        def largest(rows):
            products = np.einsum("nbi,bio->nbo", rows.reshape(-1, 48, 9), weight.values)
            return np.abs(products).max(axis=0)[:, 0]

        exhaustive = _windows_of(network, samples(network, 200), "depthwise")
        np.testing.assert_allclose(largest(kept.rows), largest(exhaustive), rtol=1e-6)

    def test_a_single_sample_gives_as_many_windows_as_there_are(self, networks):
        network = networks["lenet"]
        rows = record(network, samples(network, 1)).weights["conv1"].rows
        assert len(rows) >= 24 * 24

    def test_statistics_and_uses_are_those_of_all_products(self, networks):
        network = networks["lenet"]
        inputs = samples(network, 40)
        run = record(network, inputs).weights
        kernel = network.layers[0].weights[0]
        padded = np.pad(inputs["x"][:, 0], [(0, 0), (2, 2), (2, 2)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
        products = windows.reshape(-1, 25).astype(np.float64) @ kernel.values + kernel.bias
        np.testing.assert_allclose(run["conv1"].mean, products.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(run["conv1"].deviation, products.std(axis=0), rtol=1e-4)
        assert [(each.uses, each.calls) for each in run.values()] == [
            (784, 1), (100, 1), (1, 1), (1, 1), (1, 1)
        ]  # fmt: skip

    def test_samples_that_fill_up_a_fixed_batch_are_no_uses(self, tmp_path):
        b = Builder((20,))
        x = b.op("Gemm", "x", b.weight(20, 30), name="hidden")
        x = b.op("Sub", x, b.op("ReduceMean", x, axes=[0], keepdims=1))  # of the samples
        x = b.op("Gemm", x, b.weight(30, 5), name="last")
        network = load_network(saved(b.model(x, batch=16), tmp_path))
        assert network.batch == 16
        for count in (5, 16, 17):
            run = record(network, samples(network, count)).weights
            assert [each.uses for each in run.values()] == [1, 1]

    def test_inputs_of_unequal_numbers_of_samples_are_refused(self, tmp_path):
        """Micro-batches of the first input must not cut off the other one."""
        b = Builder((4,))
        other = onnx.helper.make_tensor_value_info("other", onnx.TensorProto.FLOAT, ["batch", 4])
        y = b.op("Add", b.op("Gemm", "x", b.weight(4, 3)), b.op("Gemm", "other", b.weight(4, 3)))
        graph = b.model(y)
        graph.graph.input.append(other)
        network = load_network(saved(graph, tmp_path))
        x = np.ones((network.micro_batch + 1, 4), np.float32)
        with pytest.raises(UserError, match=r"equally many samples, .* x: 256, other: 257"):
            record(network, {"x": x[:-1], "other": x})

    def test_it_is_reproducible(self, networks):
        network = networks["grouped"]
        one, other = (record(network, samples(network, 20)).weights for _ in range(2))
        for name, each in one.items():
            np.testing.assert_array_equal(each.rows, other[name].rows)

    def test_operations_are_those_between_products(self, networks):
        network = networks["lenet"]
        matrices = network_matrices(
            network, record(network, samples(network, 3)).weights, decided=10
        )
        assert matrices[0].uses == 784
        assert matrices[0].operations["comparison"] >= 784 * 6
        assert matrices[-1].operations["comparison"] >= 10
        assert (matrices[0].fresh, matrices[0].held) == (28 * 28, 4 * 28 + 5)
        assert matrices[2].fresh is None


def test_rows_of_a_sample_have_its_noise_where_the_graph_joins_them(tmp_path):
    """Tokens of all samples in one matrix: rows belong to samples, however many are run."""
    b = Builder((6, 8))
    x = b.op("Reshape", "x", b.constant(np.array([-1, 8], np.int64)))
    x = b.op("Gemm", x, b.weight(8, 5), name="rows")
    x = b.op("Reshape", x, b.constant(np.array([-1, 6, 5], np.int64)))
    network = load_network(saved(b.model(x), tmp_path))
    inputs = samples(network, 7)
    noisy = hardware(device(read_noise=ReadNoise(relative=0.05)))
    whole = outputs(programmed(network, inputs, noisy).at(1.0), inputs)
    network_of_two = dataclasses.replace(network, widest=2**21 // 4 // 2)
    parted = outputs(programmed(network_of_two, inputs, noisy).at(1.0), inputs)
    np.testing.assert_array_equal(parted, whole)
    assert error(whole, network(inputs)) > 0.01
