"""Networks in JAX without noise, compared to ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from matsweep.core.checks import UserError
from matsweep.networks.batch import probe
from matsweep.networks.forward import exact, forward
from matsweep.networks.load import load_network
from matsweep.networks.network import Digital, Network
from matsweep.networks.selection import Selection
from matsweep.networks.shipped import SHIPPED, shipped
from matsweep.networks.training import differentiable
from matsweep.networks.training.interpreter import segment
from matsweep.networks.training.libraries import jax
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import Builder, attention, lenet, residual
from tests.networks.references import assert_close, built
from tests.networks.test_random_graphs import Grown
from tests.networks.test_recurrent import inputs, recurrent
from tests.networks.training.layers import GRAPHS, QUICK, graph

EXPORTED = sorted(
    path.parent
    for group in ("pytorch-converted", "pytorch-operator")
    for path in (Path(onnx.__file__).parent / "backend" / "test" / "data" / group).glob("*/*.onnx")
)
DIGITAL = Selection(exclude=("*",))


def run(network: Network, given: Mapping[str, Any]) -> dict[str, Any]:
    """Run with the network's own parameters and exact products, compiled."""
    parameters = differentiable.initial(network)

    def outputs(parameters: Any, given: Any) -> Any:
        products = differentiable.exact_products(network, parameters)
        return differentiable.run(network, parameters, given, products)

    results = jax().jit(outputs, compiler_options=QUICK)(parameters, given)
    return {name: np.asarray(each) for name, each in results.items()}


def assert_same(network: Network, given: Mapping[str, Any], least: float = 1e-30) -> None:
    """Compare to the whole graph in ONNX Runtime, by the rms of its outputs."""
    differentiable.covered(network)
    want = network(given)
    wanted = want if isinstance(want, dict) else {network.outputs[0].name: want}
    got = run(network, given)
    assert got.keys() == wanted.keys()
    for name, each in wanted.items():
        assert_close(got[name].astype(each.dtype), each, 1e-4, least)


def made_up(network: Network, samples: int = 3) -> dict[str, Any]:
    """Return random inputs."""
    given = probe(network.inputs, network.batch or samples)
    assert given is not None
    return given


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks(name: str) -> None:
    network = load_network(shipped(name))
    assert_same(network, made_up(network))


@pytest.mark.parametrize("model", [lenet, residual, attention])
@pytest.mark.parametrize("selection", [Selection(), DIGITAL], ids=["tiles", "digital"])
def test_a_graph_on_tiles_and_digital(model: Any, selection: Selection) -> None:
    network = built(model(), selection)
    assert bool(network.layers) == (selection is not DIGITAL)
    assert_same(network, made_up(network))


@pytest.mark.parametrize("name", GRAPHS if EXHAUSTIVE else GRAPHS[::2])
def test_kinds_of_layers(name: str) -> None:
    network = built(graph(name))
    assert len(network.layers) == 1
    assert_same(network, made_up(network))


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"] if EXHAUSTIVE else ["reverse"])
@pytest.mark.parametrize("selection", [Selection(), DIGITAL], ids=["tiles", "digital"])
def test_recurrent_layers(operator: str, direction: str, selection: Selection) -> None:
    model = recurrent(operator, direction, lengths=True, states=True)
    network = built(model, selection)
    assert bool(network.layers) == (selection is not DIGITAL)
    assert_same(network, inputs(model))


def test_a_product_has_the_number_of_its_call() -> None:
    model = recurrent("GRU", "reverse")
    network = built(model)
    parameters = differentiable.initial(network)
    exact = differentiable.exact_products(network, parameters)
    calls: dict[str, list[int]] = {name: [] for name in exact}

    def counted(name: str) -> Any:
        def product(rows: Any, call: Any) -> Any:
            jax().debug.callback(lambda each: calls[name].append(int(each)), call, ordered=True)
            return exact[name](rows, call)

        return product

    differentiable.run(network, parameters, inputs(model), {each: counted(each) for each in exact})
    jax().effects_barrier()
    assert calls == {
        "cell/input": [0], "cell/recurrent": [0, 1, 2, 3, 4], "cell/candidate": [0, 1, 2, 3, 4]
    }  # fmt: skip


def test_a_product_has_the_rows_of_samples_where_a_graph_merges_axes() -> None:
    b = Builder((5, 6))
    y = b.op("MatMul", b.op("Reshape", "x", b.constant(np.array([-1, 6]))), b.weight(6, 4))
    network = built(b.model(b.op("Reshape", y, b.constant(np.array([-1, 20])))))
    given = made_up(network)
    parameters = differentiable.initial(network)
    ((name, exact),) = differentiable.exact_products(network, parameters).items()
    shapes = []

    def product(rows: Any, call: Any) -> Any:
        shapes.append(rows.shape)
        return exact(rows, call)

    (got,) = differentiable.run(network, parameters, given, {name: product}).values()
    assert shapes == [(3, 5, 6)]
    assert_close(np.asarray(got), network(given), 1e-4)


@pytest.mark.parametrize("name", ["grouped", "depthwise", "three_dimensions", "upper"])
def test_rows_are_those_of_the_simulation(name: str) -> None:
    """In the order of `Windows`, which maps them to the rows of tiles."""
    network = built(graph(name))
    given = made_up(network)
    rows: list[Any] = []
    (layer,) = network.layers
    exact_one = exact(layer.weights[0])

    def kept(windows: Any) -> Any:
        rows.append(windows.rows())
        return exact_one(windows)

    forward(network, given, {layer.weights[0].name: kept})
    parameters = differentiable.initial(network)
    products = differentiable.exact_products(network, parameters)

    def product(own: Any, call: Any) -> Any:
        rows.append(np.asarray(own))
        return products[layer.weights[0].name](own, call)

    differentiable.run(network, parameters, given, {layer.weights[0].name: product})
    np.testing.assert_array_equal(rows[1], rows[0])


def test_a_segment_whose_nodes_do_not_follow_what_they_read() -> None:
    """ONNX Runtime orders them itself."""
    b = Builder((2, 5, 5))
    y = b.op("ConvTranspose", b.op("Mul", "x", b.weight(1)), b.weight(2, 1, 1, 1))
    dense = b.op("MatMul", b.op("Transpose", y, perm=[0, 1, 2, 3]), b.weight(5, 1))
    model = b.model(b.op("Relu", y), b.op("Conv", b.op("Relu", dense), b.weight(2, 1, 1, 1)), y)
    network = built(model)
    assert_same(network, made_up(network))
    step = next(each for each in network.steps if isinstance(each, Digital))
    (mul, *others) = segment(step).nodes
    turned = onnx.load_from_string(step.model)
    nodes = [onnx.NodeProto.FromString(each.SerializeToString()) for each in turned.graph.node]
    del turned.graph.node[:]
    turned.graph.node.extend(reversed(nodes))
    backward = segment(replace(step, model=turned.SerializeToString())).nodes
    assert {each.name for each in backward} == {mul.name, *(each.name for each in others)}
    known = {*step.inputs, *segment(step).constants, ""}
    for each in backward:
        assert known.issuperset(each.inputs)
        known.update(each.outputs)


def test_a_batch_that_stays_fixed() -> None:
    b = Builder((4,))
    y = b.op("Sub", "x", b.op("ReduceMean", "x", axes=[0]))  # of all samples
    network = built(b.model(b.op("MatMul", y, b.weight(4, 3)), batch=5))
    assert network.batch == 5
    assert_same(network, made_up(network))


def test_parameters_are_weights_and_biases_of_tiles_and_of_digital_layers() -> None:
    on_tiles = differentiable.initial(built(attention()))
    names = {"query", "key", "value", "out", "up", "down"}
    assert on_tiles.weights.keys() == names == on_tiles.biases.keys()
    assert sorted(each.shape for each in on_tiles.constants.values()) == [(8,), (8,)]  # gain, shift
    digital = differentiable.initial(built(attention(), DIGITAL))
    assert not digital.weights
    shapes = sorted(each.shape for each in digital.constants.values())
    assert shapes == [(8,)] * 8 + [(8, 8)] * 6
    assert all(each.dtype == np.float32 for each in digital.constants.values())


def test_statistics_and_numbers_are_no_parameters() -> None:
    b = Builder((3, 4, 4))
    y = b.op("BatchNormalization", b.op("Abs", "x"), *(b.weight(3) for _ in range(3)),
             b.constant(np.ones(3, np.float32)))  # fmt: skip
    y = b.op("Mul", y, b.constant(np.float32(2)))
    y = b.op("Mul", y, b.weight(3, 1, 1))
    network = built(b.model(y))
    assert len(differentiable.initial(network).constants) == 2


def test_the_bias_of_a_transposed_convolution_follows_the_sum() -> None:
    network = built(graph("transposed"))
    parameters = differentiable.initial(network)
    (name,) = parameters.weights
    assert parameters.biases[name].shape == (4,)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (("Det", {}), "node 'odd' (Det) has no gradient here: run"),
        (("Resize", {"mode": "cubic"}), "(Resize) has no gradient here: it is cubic, half_pixel"),
    ],
)
def test_an_operator_that_is_not_covered_is_named(node: Any, words: str) -> None:
    kind, settings = node
    b = Builder((2, 4, 4))
    sizes = b.constant(np.array([1, 1, 2, 2], np.float32))
    more = ("", sizes) if kind == "Resize" else ()
    y = b.op(kind, b.op("Abs", "x"), *more, name="odd", **settings)
    network = built(b.model(y))
    with pytest.raises(UserError) as refused:
        differentiable.covered(network)
    assert words in str(refused.value)
    assert str(refused.value).endswith(
        "without training (workload.training.noise=null), or export it with other operators"
    )
    assert "\n" not in str(refused.value)


def test_a_node_with_graphs_inside_is_named() -> None:
    b = Builder((4,))
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(kind, ["x"], [name])], name, [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        )
        for name, kind in (("then", "Abs"), ("else", "Neg"))
    }  # fmt: skip
    some = b.op("Greater", b.op("ReduceMax", "x", keepdims=0), b.constant(np.float32(-1e30)))
    network = built(b.model(b.op("If", some, name="choice", **branches)))
    with pytest.raises(UserError, match=r"node 'choice' \(If\) has no gradient here"):
        differentiable.covered(network)


@settings(max_examples=200 if EXHAUSTIVE else 5, deadline=None, derandomize=not EXHAUSTIVE)
@given(data=st.data(), seed=st.integers(0, 2**16), steps=st.integers(1, 14))
def test_random_graphs(data: st.DataObject, seed: int, steps: int) -> None:
    grown = Grown(seed, data.draw)
    for _ in range(steps):
        grown.grow()
    outputs = [name for name, _ in grown.tensors[1:]][-data.draw(st.integers(1, 2)) :]
    if outputs:
        network = built(grown.b.model(*outputs))
        assert_same(network, made_up(network), least=0.1)


@pytest.mark.parametrize(
    "folder",
    EXPORTED if EXHAUSTIVE else EXPORTED[4::16],
    ids=lambda each: each.name.removeprefix("test_"),
)
def test_what_pytorch_exported(folder: Path) -> None:
    try:
        network = load_network(folder / "model.onnx")
    except UserError:
        pytest.skip("no network of samples")
    given = {}
    for place, port in enumerate(network.inputs):
        content = (folder / "test_data_set_0" / f"input_{place}.pb").read_bytes()
        values = np.abs(numpy_helper.to_array(TensorProto.FromString(content)))  # of a root, too
        given[port.name] = np.minimum(values, 1e3).astype(port.dtype)
    assert_same(network, given)
