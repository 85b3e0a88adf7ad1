"""Networks step by step, with exact products, beside ONNX Runtime on the original graph."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import matsweep
from matsweep.core.checks import UserError
from matsweep.machine.windows import Windows
from matsweep.networks.forward import exact, exact_forward, forward
from matsweep.networks.network import Digital
from matsweep.networks.sizing import sized
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import Builder, attention, lenet, residual, saved
from tests.networks.references import assert_close, assert_exact, assert_ideal, built, reference

SHIPPED = Path(onnx.__file__).parent / "backend" / "test" / "data"
LIGHT = sorted(each.stem for each in (SHIPPED / "light").glob("light_*.onnx"))
CHEAP = {"light_squeezenet", "light_shufflenet"}


def images(samples: int, *shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((samples, *shape)).astype(np.float32)


@pytest.mark.parametrize("batch", ["batch", 1, 5])
@pytest.mark.parametrize("graph", [lenet, residual])
def test_steps_equal_onnx_runtime_whatever_the_batch_of_the_file(graph: Any, batch: Any) -> None:
    model = graph(batch=batch)
    shape = (1, 28, 28) if graph is lenet else (3, 12, 12)
    x = images(5, *shape)
    rows = [x] if batch != 1 else np.split(x, 5)
    want = np.concatenate([next(iter(reference(model, {"x": row}).values())) for row in rows])
    network = built(model)
    assert network.batch is None
    assert_close(next(iter(exact_forward(network, x).values())), want)
    assert_close(network(x), want)


def test_transpositions_around_a_residual_addition_cancel() -> None:
    network = built(residual())
    written = [
        shape
        for step in network.steps
        if isinstance(step, Digital)
        for name in step.outputs
        if len(shape := network.shapes[name]) == 4
    ]
    # The image, and the sum of each block but the last, which is averaged at once: channels last.
    assert written == [(1, 12, 12, 3), (1, 12, 12, 8)]
    assert [layer.kind for layer in network.layers] == ["convolution"] * 6 + ["dense"]


def test_batches_are_split_without_a_trace() -> None:
    network = built(lenet())
    x = images(7, 1, 28, 28)
    products = {each.name: exact(each) for layer in network.layers for each in layer.weights}
    (whole,) = forward(network, x, products, samples=7).values()
    (parts,) = forward(network, x, products, samples=3).values()
    assert_close(parts, whole, 1e-6)
    assert network.micro_batch == built(lenet()).micro_batch


def test_the_same_bits_in_another_process_and_after_another_batch() -> None:
    network = built(attention())
    x = images(6, 5, 8)
    (want,) = exact_forward(network, x).values()
    exact_forward(network, images(3, 5, 8, seed=2))
    for other in (network, built(attention()), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(next(iter(exact_forward(other, x).values())), want)
        np.testing.assert_array_equal(other(x), network(x))


def randomised(path: Path) -> Any:
    """Return a shipped graph with random weights: those inside it are all equal."""
    model, rng = onnx.load(path), np.random.default_rng(0)
    shapes = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(int(each) for each in shapes[node.input[0]])
        if len(shape) > 1:
            values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = 0.5 + rng.random(shape)
        tensor = numpy_helper.from_array(values.astype(np.float32), node.output[0])
        model.graph.initializer.append(tensor)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = 8
    for node in model.graph.node:  # the scores, which differ more than their softmax
        if node.op_type == "Softmax" and node.output[0] == model.graph.output[0].name:
            model.graph.output[0].name = node.input[0]
    return model


@pytest.mark.parametrize("name", LIGHT)
def test_graphs_that_onnx_ships(name: str) -> None:
    if name not in CHEAP and not EXHAUSTIVE:
        pytest.skip("make exhaustive")
    model = randomised(SHIPPED / "light" / f"{name}.onnx")
    port = model.graph.input[0].name
    given = {port: images(1, 3, 224, 224)}
    network = assert_exact(model, given)
    lowered = sum(node.op_type in ("Conv", "Gemm") for node in model.graph.node)
    assert len(network.layers) == lowered
    assert network.batch is None
    if name != "light_vgg19":  # 144 million pairs of devices take 17 GB
        [port] = network.outputs
        assert_ideal(network, given, {port.name: network(given)})


def test_a_graph_that_onnx_ships_reads_from_its_file() -> None:
    path = SHIPPED / "light" / "light_squeezenet.onnx"
    network = matsweep.load_network(path)
    x = images(2, 3, 224, 224)
    (got,) = exact_forward(network, x).values()
    want = [
        next(iter(reference(onnx.load(path), {"data_0": row}).values())) for row in (x[:1], x[1:])
    ]
    assert_close(got, np.concatenate(want))


EXPORTED = sorted(
    path.parent
    for group in ("pytorch-converted", "pytorch-operator")
    for path in (SHIPPED / group).glob("*/model.onnx")
    if any(word in path.parent.name.lower() for word in ("conv", "linear"))
)


@pytest.mark.parametrize("folder", EXPORTED, ids=[each.name for each in EXPORTED])
def test_layers_that_pytorch_exported(folder: Path) -> None:
    network = matsweep.load_network(folder / "model.onnx")
    data = folder / "test_data_set_0"
    tensors = [
        numpy_helper.to_array(TensorProto.FromString(path.read_bytes()))
        for path in (data / "input_0.pb", data / "output_0.pb")
    ]
    (got,) = exact_forward(network, tensors[0]).values()
    assert_close(got, tensors[1])
    assert len(network.layers) == 1
    [name] = (port.name for port in network.outputs)
    assert_ideal(network, {network.inputs[0].name: tensors[0]}, {name: tensors[1]})


def test_a_layer_is_rectified_where_nothing_else_reads_it() -> None:
    b = Builder((3, 8, 8))
    seen = b.conv("x", (3, 4), normalised=False)
    once = b.op("Relu", b.conv("x", (3, 4), normalised=False))
    twice = b.op("Add", b.op("Relu", seen), seen)
    network = assert_exact(b.model(b.op("Add", once, twice)), {"x": images(2, 3, 8, 8)})
    assert [layer.weights[0].rectified for layer in network.layers] == [False, True]


def test_a_result_that_is_an_output_too_is_not_rectified() -> None:
    b = Builder((6,))
    y = b.op("Gemm", "x", b.weight(6, 4), b.weight(4))
    network = assert_exact(b.model(y, b.op("Relu", y)), {"x": images(3, 6)})
    assert not network.layers[0].weights[0].rectified
    assert len(network.outputs) == 2


def test_affine_operations_behind_a_layer_are_folded() -> None:
    b = Builder((3, 6, 6))
    gains = (1 + np.random.default_rng(0).random((4, 5))).astype(np.float32)
    y = b.op("ConvTranspose", "x", b.weight(3, 5, 2, 2), b.weight(5))
    y = b.op("BatchNormalization", y, *map(b.constant, gains))
    y = b.op(
        "Mul", b.op("Sub", y, b.constant(gains[0].reshape(5, 1, 1))), b.constant(np.float32(2))
    )
    y = b.op("Div", y, b.constant(gains[1].reshape(1, 5, 1, 1)))
    network = assert_exact(b.model(b.op("Relu", y)), {"x": images(2, 3, 6, 6)})
    assert [type(step) is Digital for step in network.steps] == [True, False, True]
    assert all(step.operations == {} for step in network.steps if isinstance(step, Digital))


def test_a_constant_along_positions_is_not_folded() -> None:
    b = Builder((3, 4, 4))
    y = b.op("ConvTranspose", "x", b.weight(3, 4, 1, 1), b.weight(4))
    y = b.op("Add", y, b.constant(np.arange(4, dtype=np.float32)))  # along the width
    network = assert_exact(b.model(y), {"x": images(2, 3, 4, 4)})
    assert network.steps[-1].operations == {"addition": 64}  # type: ignore[union-attr]


def test_two_nodes_may_share_a_weight() -> None:
    b = Builder((6,))
    shared = b.weight(6, 6)
    y = b.op("Tanh", b.op("MatMul", "x", shared, name="a"))
    network = assert_exact(b.model(b.op("MatMul", y, shared, name="b")), {"x": images(3, 6)})
    assert [layer.name for layer in network.layers] == ["a", "b"]
    assert len({weight.name for layer in network.layers for weight in layer.weights}) == 2


def test_nodes_of_one_name_become_layers_of_two() -> None:
    b = Builder((6,))
    y = b.op("MatMul", b.op("MatMul", "x", b.weight(6, 6), name="a"), b.weight(6, 2), name="b")
    want = reference(b.model(y), {"x": images(3, 6)})[y]
    for node in b.nodes:
        node.name = "same"
    network = built(b.model(y))
    assert [layer.name for layer in network.layers] == ["same", "same_2"]
    assert_close(exact_forward(network, images(3, 6))[y], want)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6)])
def test_matmul_with_a_constant_on_the_right(shape: tuple[int, ...]) -> None:
    b = Builder(shape)
    y = b.op("Add", b.op("MatMul", "x", b.weight(6, 4)), b.weight(4))
    network = assert_exact(b.model(b.op("Relu", y)), {"x": images(3, *shape)})
    (layer,) = network.layers
    assert layer.weights[0].rectified
    assert layer.traffic([network.shapes[layer.inputs[0]]])[0].uses == np.prod(shape[:-1])


@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5)])
def test_matmul_with_a_constant_on_the_left(shape: tuple[int, ...]) -> None:
    b = Builder(shape)
    network = assert_exact(b.model(b.op("MatMul", b.weight(4, 6), "x")), {"x": images(3, *shape)})
    (layer,) = network.layers
    assert layer.weights[0].values.shape == (6, 4)


def test_columns_of_a_matrix_may_be_samples() -> None:
    b = Builder((6,))
    y = b.op("MatMul", b.weight(4, 6), b.op("Transpose", "x", perm=[1, 0]))
    network = assert_exact(b.model(b.op("Transpose", y, perm=[1, 0])), {"x": images(3, 6)})
    (layer,) = network.layers
    assert layer.inputs == ("x",) or network.shapes[layer.inputs[0]] == (1, 6)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4)])
def test_gemm_with_factors_and_a_broadcast_bias(shape: tuple[int, ...]) -> None:
    b = Builder((6,))
    bias = b.constant(np.ones(shape, np.float32) * 3)
    y = b.op("Gemm", "x", b.weight(4, 6), bias, transB=1, alpha=0.5, beta=2.0)
    network = assert_exact(b.model(y), {"x": images(3, 6)})
    np.testing.assert_allclose(network.layers[0].weights[0].bias, 6.0)


@pytest.mark.parametrize(
    ("equation", "weight", "kept"),
    [
        ("abc,cde->abde", (6, 2, 4), 1),  # projections of attention, as Keras writes them
        ("abc,cd->adb", (6, 4), 1),
        ("abc,bcd->ad", (5, 6, 4), 1),
        ("abc,bcd->abd", (5, 6, 4), 0),  # a weight for each position
    ],
)
def test_einsum_with_a_constant(equation: str, weight: Any, kept: int) -> None:
    b = Builder((5, 6))
    y = b.op("Einsum", "x", b.weight(*weight), equation=equation)
    assert len(assert_exact(b.model(y), {"x": images(3, 5, 6)}).layers) == kept


def test_projections_of_attention_lie_on_tiles_and_their_products_do_not() -> None:
    network = assert_exact(attention(), {"x": images(3, 5, 8)})
    assert {layer.name for layer in network.layers} == {
        "query",
        "key",
        "value",
        "out",
        "up",
        "down",
    }
    counted = [step.operations for step in network.steps if isinstance(step, Digital)]
    # Q K^T and the mean of V: 2 heads x 5 x 5 steps x 4 values each; LayerNormalization.
    assert sum(each.get("multiplication", 0) for each in counted) >= 2 * 200 + 3 * 40
    assert sum(each.get("function", 0) for each in counted) == 50 + 5  # exp, and sqrt of a row


def test_steps_merged_with_samples_stay_theirs() -> None:
    """A graph may write (sample · step, value): the products are still those of samples."""
    b = Builder((5, 6))
    rows = b.op("Reshape", "x", b.constant(np.array([-1, 6])))
    y = b.op("Gemm", rows, b.weight(6, 4), b.weight(4))
    model = b.model(b.op("Reshape", y, b.constant(np.array([-1, 5, 4]))))
    network = assert_exact(model, {"x": images(3, 5, 6)})
    seen: list[Windows] = []
    (weight,) = network.layers[0].weights

    def multiply(windows: Windows) -> Any:
        seen.append(windows)
        return exact(weight)(windows)

    x = images(3, 5, 6)
    forward(network, x, {weight.name: multiply})
    assert (seen[0].samples, seen[0].positions, seen[0].inputs) == (3, 5, 6)
    np.testing.assert_array_equal(seen[0].rows(), x)


def test_several_inputs_and_whole_numbers() -> None:
    b = Builder((4, 6))
    table = b.weight(9, 6)
    words = b.op("Gather", table, "ids")
    y = b.op("MatMul", b.op("Add", "x", words), b.weight(6, 3))
    model = b.model(y, b.op("ArgMax", y, axis=-1, keepdims=0))
    model.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 4])
    model.graph.input.append(ids)
    given = {"x": images(3, 4, 6), "ids": np.random.default_rng(0).integers(0, 9, (3, 4))}
    network = assert_exact(model, given)
    assert [port.dtype for port in network.inputs] == ["float32", "int64"]
    assert [port.dtype for port in network.outputs] == ["float32", "int64"]


def test_a_graph_without_layers_is_one_segment() -> None:
    b = Builder((6,))
    network = assert_exact(b.model(b.op("Relu", "x")), {"x": images(3, 6)})
    assert len(network.steps) == 1
    assert not network.layers


def test_a_free_dimension_is_sized_by_inputs() -> None:
    b = Builder((5, 6))
    model = b.model(b.op("Relu", b.op("MatMul", b.op("Tanh", "x"), b.weight(6, 4))))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "steps"
    network = assert_exact(model, {"x": images(3, 5, 6)})
    assert network.shapes == {}
    for steps in (5, 7):
        known = sized(network, images(3, steps, 6))
        assert known.shapes["x"] == (1, steps, 6)
        assert known.steps[0].operations == {"function": 6 * steps}  # type: ignore[union-attr]
        assert known.digest == network.digest


def test_a_batch_that_cannot_be_freed_stays_fixed(tmp_path: Path) -> None:
    b = Builder((4,))
    y = b.op("MatMul", "x", b.weight(4, 3))
    y = b.op("Concat", y, b.constant(np.ones((2, 1), np.float32)), axis=1)
    path = saved(b.model(y, batch=2), tmp_path)
    network = matsweep.load_network(path)
    assert network.batch == network.micro_batch == 2
    x = images(5, 4)
    (got,) = exact_forward(network, x).values()
    assert got.shape == (5, 4)
    assert_close(got[:2], next(iter(reference(onnx.load(path), {"x": x[:2]}).values())))
    assert_close(got, network(x))


@pytest.mark.parametrize("scales", [1, 4])
def test_weights_that_are_kept_as_integers_lie_on_tiles(scales: int) -> None:
    b = Builder((3, 8, 8))
    rng = np.random.default_rng(0)
    integers = rng.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    scale = (0.01 + 0.01 * rng.random(scales)).astype(np.float32)
    zero = rng.integers(-9, 9, scales).astype(np.int8)
    given = (integers, scale if scales > 1 else scale[0], zero if scales > 1 else zero[0])
    weight = b.op("DequantizeLinear", *map(b.constant, given), axis=0)
    step, offset = b.constant(np.float32(0.02)), b.constant(np.int8(3))
    coded = b.op("QuantizeLinear", "x", step, offset)
    y = b.op("Conv", b.op("DequantizeLinear", coded, step, offset), weight)
    network = assert_exact(b.model(y), {"x": images(2, 3, 8, 8)})
    (layer,) = network.layers
    held = layer.weights[0].values.T.reshape(4, 3, 3, 3).transpose(0, 3, 1, 2)
    wanted = (integers - zero.reshape(-1, 1, 1, 1).astype(np.float32)) * scale.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(held, wanted, rtol=1e-6)


def test_pipelines_of_scikit_learn_have_a_scaler() -> None:
    """ONNX infers no shape behind it: the rank comes from a run."""
    b = Builder((6,))
    y = b.op("Scaler", "x", offset=[1.0] * 6, scale=[2.0] * 6)
    b.nodes[-1].domain = "ai.onnx.ml"
    model = b.model(b.op("MatMul", y, b.weight(6, 4)))
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    network = assert_exact(model, {"x": images(3, 6)})
    assert len(network.layers) == 1
    assert network.steps[0].operations == {"addition": 6, "multiplication": 6}  # type: ignore[union-attr]


def test_a_type_that_is_not_known_is_named() -> None:
    """Where sizes are free, neither inference nor a run helps behind scikit-learn's operators."""
    b = Builder((6,))
    y = b.op("Scaler", b.op("MatMul", "x", b.weight(6, 6)), offset=[1.0], scale=[2.0])
    b.nodes[-1].domain = "ai.onnx.ml"
    z = b.op("Gemm", y, b.weight(6, 6))

    def free(output: str) -> Any:
        model = b.model(output)
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"
        return model

    assert len(assert_exact(free(z), {"x": images(3, 6)}).layers) == 2
    with pytest.raises(UserError, match="type of tensor 't5' is not known"):
        built(free(b.op("Add", z, y)))


@pytest.mark.parametrize("padding", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_padding_that_follows_from_sizes(padding: str, dimensions: int) -> None:
    """Of an even kernel and a stride, one more value is padded on one side."""
    b = Builder((2, *(7, 8)[:dimensions]))
    kernel = b.weight(3, 2, *(4, 3)[:dimensions])
    y = b.op("Conv", "x", kernel, b.weight(3), auto_pad=padding, strides=[2, 3][:dimensions])
    network = assert_exact(b.model(y), {"x": images(2, *b.shape)})
    assert len(network.layers) == 1


def test_samples_may_lie_along_another_axis_inside() -> None:
    """As where steps come first in a transformer: products are still those of samples."""
    b = Builder((5, 6))
    y = b.op("Transpose", "x", perm=[1, 0, 2])  # (step, sample, value)
    y = b.op("Relu", b.op("Add", b.op("MatMul", y, b.weight(6, 4)), b.weight(4)))
    y = b.op("Tanh", b.op("Einsum", y, b.weight(4, 7), equation="tbi,io->tbo"))
    y = b.op("MatMul", b.op("Transpose", y, perm=[0, 1, 2]), b.weight(7, 3))
    y = b.op("Transpose", b.op("Sigmoid", y), perm=[1, 2, 0])  # (sample, value, step)
    y = b.op("MatMul", b.weight(2, 3), b.op("Reshape", y, b.constant(np.array([0, 1, 3, 5]))))
    network = assert_exact(b.model(y), {"x": images(3, 5, 6)})
    assert len(network.layers) == 4
    seen: list[tuple[int, int]] = []

    def seeing(product: Any) -> Any:
        def multiply(windows: Windows) -> Any:
            seen.append((windows.samples, windows.positions))
            return product(windows)

        return multiply

    products = {w.name: seeing(exact(w)) for layer in network.layers for w in layer.weights}
    forward(network, images(3, 5, 6), products)
    assert seen == [(3, 5)] * 4
