"""Networks written with other parameters: the same layers, with exactly these weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper

from matsweep.networks.forward import exact_forward
from matsweep.networks.load import build, load_network
from matsweep.networks.network import Digital, Network
from matsweep.networks.selection import Selection
from matsweep.networks.shipped import SHIPPED
from matsweep.networks.training.parameters import Parameters
from matsweep.networks.writing import rewritten, with_parameters
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import Builder, attention, lenet, residual
from tests.networks.references import assert_close, built, reference
from tests.networks.test_forward import EXPORTED
from tests.networks.test_random_graphs import Grown
from tests.networks.test_recurrent import inputs as recurrent_inputs
from tests.networks.test_recurrent import recurrent
from tests.networks.test_transposed import VARIANTS

NOTHING = Parameters({}, {}, {})


def reloaded(content: bytes, selection: Selection | None = None) -> Network:
    return build("net", onnx.load_from_string(content), selection or Selection())


def constants(network: Network) -> dict[str, Any]:
    """Float constants of digital segments."""
    found = {}
    for step in network.steps:
        if isinstance(step, Digital):
            for each in onnx.load_from_string(step.model).graph.initializer:
                if each.data_type == TensorProto.FLOAT:
                    found[each.name] = numpy_helper.to_array(each)
    return found


def drawn(network: Network, seed: int = 5) -> Parameters:
    """Other parameters of the same scale; constants stay positive, as scales and epsilons are."""
    rng = np.random.default_rng(seed)
    weights = [weight for layer in network.layers for weight in layer.weights]

    def like(values: Any) -> Any:
        spread = values.std() or 0.1
        return (values + 0.3 * spread * rng.standard_normal(values.shape)).astype(np.float32)

    biases = {each.name: like(each.bias) for each in weights if each.bias is not None}
    biases |= {
        layer.name: like(layer.bias)
        for layer in network.layers
        if layer.kind == "transposed_convolution"
    }
    return Parameters(
        {each.name: like(each.values) for each in weights},
        biases,
        {name: (each * 1.1).astype(np.float32) for name, each in constants(network).items()},
    )


def changed(network: Network, parameters: Parameters) -> Network:
    """The steps of a network with other parameters: an independent way to its outputs."""
    steps = []
    for step in network.steps:
        if isinstance(step, Digital):
            model = onnx.load_from_string(step.model)
            for each in model.graph.initializer:
                if each.name in parameters.constants:
                    values = parameters.constants[each.name]
                    each.CopyFrom(numpy_helper.from_array(values, each.name))
            steps.append(dataclasses.replace(step, model=model.SerializeToString()))
        else:
            steps.append(with_parameters(step, parameters))
    return dataclasses.replace(network, steps=tuple(steps))


def held(layer: Any) -> list[Any]:
    """Name, kind, rectification and arrays of a layer; no bias is one of zeros."""
    bias = [layer.bias] if layer.kind == "transposed_convolution" else []
    result = [layer.name, layer.kind, [each.rectified for each in layer.weights], *bias]
    for each in layer.weights:
        outputs = each.blocks * each.values.shape[-1]
        bias = np.zeros(outputs, np.float32) if each.bias is None else each.bias
        result += [each.name, each.values, bias]
    return result


def assert_same_layers(got: Network, want: Network) -> None:
    assert len(got.layers) == len(want.layers)
    for mine, other in zip(got.layers, want.layers, strict=True):
        for a, b in zip(held(mine), held(other), strict=True):
            if isinstance(b, np.ndarray):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b, err_msg=other.name)
            else:
                assert a == b


def assert_written(
    model: Any, inputs: Any, selection: Selection | None = None, least: float = 1e-30
) -> tuple[Network, Network]:
    """Check a network written as it is, and with other parameters; return it and the second."""
    network = model if isinstance(model, Network) else built(model, selection)
    want = network(inputs) if isinstance(model, Network) else reference(model, inputs)
    want = want if isinstance(want, dict) else {network.outputs[0].name: want}
    same = rewritten(network, NOTHING)
    onnx.checker.check_model(onnx.load_from_string(same))
    again = reloaded(same, selection)
    assert_same_layers(again, network)
    for name, each in want.items():
        assert_close(reference(same, inputs)[name], each, 1e-5 if least > 1e-9 else 2e-6, least)
    parameters = drawn(network)
    content = rewritten(network, parameters)
    exact = changed(network, parameters)
    for name, each in exact_forward(exact, inputs).items():
        assert_close(reference(content, inputs)[name], each, 1e-5 if least < 1e-9 else 2e-5, least)
    other = reloaded(content, selection)
    assert_same_layers(other, exact)
    second = rewritten(other, NOTHING)
    assert_same_layers(reloaded(second, selection), exact)
    third = rewritten(reloaded(second, selection), NOTHING)
    assert third == second
    return network, other


def values(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", SHIPPED)
def test_networks_that_come_with_matsweep(name: str) -> None:
    network = load_network(name)
    shape = [size or 1 for size in network.inputs[0].shape[1:]]
    assert_written(network, {network.inputs[0].name: np.abs(values(3, *shape))})


@pytest.mark.parametrize(
    ("graph", "shape"), [(lenet, (1, 28, 28)), (residual, (3, 12, 12)), (attention, (5, 8))]
)
def test_graphs_of_many_layers(graph: Any, shape: tuple[int, ...]) -> None:
    assert_written(graph(), {"x": values(3, *shape)})


def test_layers_may_stay_digital() -> None:
    selection = Selection(exclude=("first", "fc2"))
    _, other = assert_written(lenet(), {"x": values(3, 1, 28, 28)}, selection)
    assert [layer.name for layer in other.layers] == ["conv2", "fc1", "fc3"]


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrent_layers(operator: str, direction: str) -> None:
    model = recurrent(operator, direction, lengths=True, states=True)
    assert_written(model, recurrent_inputs(model))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_gru_may_reset_behind_the_product(direction: str) -> None:
    model = recurrent("GRU", direction, linear_before_reset=1)
    assert_written(model, recurrent_inputs(model))


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_transposed_convolutions(settings: dict[str, Any]) -> None:
    groups = settings.get("group", 1)
    b = Builder((4, 5, 6))
    size = settings.get("kernel_shape", [3, 2])
    each = 8 // groups
    y = b.op("ConvTranspose", "x", b.weight(4, each, *size), b.weight(8), **settings)
    gains = (1 + np.random.default_rng(0).random((4, 8))).astype(np.float32)
    y = b.op("BatchNormalization", y, *map(b.constant, gains))
    assert_written(b.model(b.op("Relu", y)), {"x": values(2, 4, 5, 6)})


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_convolutions(dimensions: int, groups: int, bias: bool) -> None:
    b = Builder((4, *(5, 6, 4)[:dimensions]))
    kernel = b.weight(6, 4 // groups, *(3, 2, 2)[:dimensions])
    y = b.op("Conv", "x", kernel, *([b.weight(6)] if bias else []), group=groups)
    assert_written(b.model(b.op("Tanh", y)), {"x": values(3, *b.shape)})


def test_operations_behind_a_convolution_are_written_into_it() -> None:
    b = Builder((3, 6, 6))
    y = b.op("Conv", "x", b.weight(5, 3, 2, 2))
    gains = (1 + np.random.default_rng(0).random((4, 5))).astype(np.float32)
    y = b.op("Mul", y, b.constant(gains[0].reshape(5, 1, 1)))
    y = b.op("BatchNormalization", y, *map(b.constant, gains))
    y = b.op("Sub", b.constant(np.float32(3)), y)
    _, other = assert_written(b.model(b.op("Relu", y)), {"x": values(2, 3, 6, 6)})
    nodes = [node.op_type for node in onnx.load_from_string(other.model).graph.node]
    assert nodes == ["Conv", "Relu"]


@pytest.mark.parametrize("settings", [{}, {"transB": 1}, {"alpha": 0.3, "beta": -2.0}])
@pytest.mark.parametrize("bias", [None, (), (1,), (1, 4), (4,)])
def test_gemm(settings: dict[str, Any], bias: Any) -> None:
    b = Builder((6,))
    w = b.weight(4, 6) if "transB" in settings else b.weight(6, 4)
    c = [] if bias is None else [b.constant(values(*bias))]
    assert_written(b.model(b.op("Tanh", b.op("Gemm", "x", w, *c, **settings))), {"x": values(3, 6)})


def test_gemm_of_transposed_inputs() -> None:
    b = Builder((6,))
    x = b.op("Transpose", "x", perm=[1, 0])
    assert_written(b.model(b.op("Gemm", x, b.weight(6, 4), transA=1)), {"x": values(3, 6)})


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6)])
@pytest.mark.parametrize("behind", [(), ("Add",), ("Mul", "Add"), ("Mul",)])
def test_matmul_with_a_constant_on_the_right(
    shape: tuple[int, ...], behind: tuple[str, ...]
) -> None:
    b = Builder(shape)
    y = b.op("MatMul", "x", b.weight(6, 4), name="product")
    for kind in behind:
        y = b.op(kind, y, b.weight(4))
    network, _ = assert_written(b.model(b.op("Sigmoid", y)), {"x": values(3, *shape)})
    assert network.layers[0].name == "product"


@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5)])
def test_matmul_with_a_constant_on_the_left(shape: tuple[int, ...]) -> None:
    b = Builder(shape)
    assert_written(b.model(b.op("MatMul", b.weight(4, 6), "x")), {"x": values(3, *shape)})


@pytest.mark.parametrize(
    ("equation", "w"),
    [("bse,hed->bhsd", (2, 6, 3)), ("bse,dhe->bshd", (3, 2, 6)), ("bse,es->bs", None)],
)
def test_einsum(equation: str, w: Any) -> None:
    b = Builder((5, 6))
    if w is None:
        y = b.op("Einsum", b.weight(4, 5), "x", equation="ts,bse->bet")
    else:
        y = b.op("Einsum", "x", b.weight(*w), equation=equation)
    assert_written(b.model(y), {"x": values(3, 5, 6)})


def test_a_shared_constant_changes_for_one_reader_only() -> None:
    """One weight of two layers, and one that a digital operation reads too."""
    b = Builder((6,))
    shared, tied = b.weight(6, 6), b.weight(6, 6)
    y = b.op("Tanh", b.op("MatMul", "x", shared, name="a"))
    y = b.op("Tanh", b.op("MatMul", y, shared, name="b"))
    y = b.op("MatMul", y, tied, name="c")
    y = b.op("Add", b.op("Tanh", y), b.op("ReduceSum", tied, b.constant([0]), keepdims=1))
    row = b.op("Gather", tied, b.op("Cast", b.op("ReduceSum", "x", b.constant([1]), keepdims=0),
                                    to=TensorProto.INT64))  # fmt: skip
    x = np.zeros((3, 6), np.float32)
    x[:, 0] = 1, 2, 3
    network = built(b.model(b.op("Add", y, row)))
    assert_written(b.model(b.op("Add", y, row)), {"x": x})
    weight = network.layers[1].weights[0]
    content = rewritten(network, Parameters({weight.name: 2 * weight.values}, {}, {}))
    other = reloaded(content)
    for mine, was in zip(other.layers, network.layers, strict=True):
        factor = 2 if was.name == "b" else 1
        np.testing.assert_array_equal(mine.weights[0].values, factor * was.weights[0].values)


def test_nodes_without_names_or_of_one_name_keep_those_of_their_layers() -> None:
    b = Builder((6,))
    y = b.op("Tanh", b.op("MatMul", "x", b.weight(6, 6)))
    y = b.op("Tanh", b.op("Mul", b.op("MatMul", y, b.weight(6, 6)), b.weight(6)))
    y = b.op("MatMul", b.op("Reshape", y, b.constant([0, 2, 3])), b.weight(3, 5))
    y = b.op("Mul", y, b.weight(5))  # the layer is named by what is written before
    unnamed = b.nodes[-2]
    for node in b.nodes:
        node.name = "same" if node.op_type == "MatMul" and node is not unnamed else ""
    _, other = assert_written(built(b.model(y)), {"x": values(3, 6)})
    assert [layer.name for layer in other.layers][:2] == ["same", "same_2"]
    names = [node.name for node in onnx.load_from_string(rewritten(other, NOTHING)).graph.node]
    assert {layer.name for layer in other.layers} <= set(names)


@pytest.mark.parametrize("folder", EXPORTED, ids=[each.name for each in EXPORTED])
def test_layers_that_pytorch_exported(folder: Path) -> None:
    network = load_network(folder / "model.onnx")
    path = folder / "test_data_set_0" / "input_0.pb"
    x = numpy_helper.to_array(TensorProto.FromString(path.read_bytes()))
    assert_written(network, {network.inputs[0].name: x})


@settings(max_examples=1000 if EXHAUSTIVE else 25, deadline=None, derandomize=not EXHAUSTIVE)
@given(data=st.data(), seed=st.integers(0, 2**16), steps=st.integers(1, 14))
def test_random_graphs(data: st.DataObject, seed: int, steps: int) -> None:
    grown = Grown(seed, data.draw)
    for _ in range(steps):
        grown.grow()
    outputs = [name for name, _ in grown.tensors[1:]][-data.draw(st.integers(1, 2)) :]
    if outputs:
        x = values(3, *grown.b.shape, seed=seed)
        assert_written(grown.b.model(*outputs), {"x": x}, least=0.1)


def test_facts_join_those_of_the_file() -> None:
    network = load_network("lenet_mnist")
    model = onnx.load_from_string(rewritten(network, NOTHING, {"accuracy": "0.9", "noise": "0.1"}))
    stated = {each.key: each.value for each in model.metadata_props}
    assert stated["accuracy"] == "0.9"
    assert stated["noise"] == "0.1"
    assert stated["data"] == "{kind: mnist_5000}"


def test_parameters_of_nothing_or_of_another_shape_are_refused() -> None:
    network = built(lenet())
    for wrong in (
        Parameters({"fc9": np.zeros((2, 2))}, {}, {}),
        Parameters({}, {}, {"nothing": np.zeros(2)}),
        Parameters({"fc1": np.zeros((2, 2))}, {}, {}),
    ):
        with pytest.raises(ValueError, match=r"fc9|nothing|fc1 must have shape"):
            rewritten(network, wrong)
