"""Recurrent layers: all directions, lengths, initial states and layouts; what stays digital."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from matsweep.networks.forward import exact, forward
from matsweep.networks.network import Network
from tests.networks.graphs import Builder
from tests.networks.references import assert_close, assert_exact, assert_ideal, built, reference

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
SAMPLES, STEPS, INPUTS, HIDDEN = 3, 5, 4, 6


def recurrent(
    operator: str, direction: str = "forward", *, lengths: bool = False, states: bool = False,
    peepholes: bool = False, **settings: Any,
) -> Any:  # fmt: skip
    """A recurrent node between transpositions to and from batch-first tensors."""
    b = Builder((STEPS, INPUTS), opset=17)
    count = 2 if direction == "bidirectional" else 1
    rows = GATES[operator] * HIDDEN
    w, r = b.weight(count, rows, INPUTS), b.weight(count, rows, HIDDEN)
    inputs = [b.op("Transpose", "x", perm=[1, 0, 2]), w, r, b.weight(count, 2 * rows)]
    inputs.append("lengths" if lengths else "")
    names = ("h", "c") if operator == "LSTM" else ("h",)
    inputs += [b.op("Transpose", each, perm=[1, 0, 2]) for each in names] if states else []
    if peepholes:
        inputs += [""] * (7 - len(inputs)) + [b.weight(count, 3 * HIDDEN)]
    while not inputs[-1]:
        inputs.pop()
    outputs = b.op(
        operator, *inputs, outputs=1 + len(names), name="cell", hidden_size=HIDDEN,
        direction=direction, **settings,
    )  # fmt: skip
    results = [b.op("Transpose", outputs[0], perm=[2, 0, 1, 3])]
    results += [b.op("Transpose", each, perm=[1, 0, 2]) for each in outputs[1:]]
    model = b.model(*results)
    if lengths:
        value = helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"])
        model.graph.input.append(value)
    for each in names if states else ():
        shape = ["batch", count, HIDDEN]
        model.graph.input.append(helper.make_tensor_value_info(each, TensorProto.FLOAT, shape))
    return model


def inputs(model: Any, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    given: dict[str, Any] = {}
    for value in model.graph.input:
        sizes = [dim.dim_value or SAMPLES for dim in value.type.tensor_type.shape.dim]
        if value.name == "lengths":
            given[value.name] = np.array([5, 1, 3], np.int32)
        else:
            given[value.name] = rng.standard_normal(sizes).astype(np.float32)
    return given


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("states", [False, True])
def test_steps_equal_onnx_runtime(
    operator: str, direction: str, lengths: bool, states: bool
) -> None:
    model = recurrent(operator, direction, lengths=lengths, states=states)
    given = inputs(model)
    network = assert_exact(model, given)
    assert_ideal(network, given, reference(model, given))
    (layer,) = network.layers
    assert layer.kind == operator.lower()
    directions = 2 if direction == "bidirectional" else 1
    assert len(layer.weights) == directions * (3 if operator == "GRU" else 2)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_gru_may_reset_behind_the_product(direction: str) -> None:
    """As PyTorch and Keras do: then one product a step is enough."""
    model = recurrent("GRU", direction, linear_before_reset=1, lengths=True)
    network = assert_exact(model, inputs(model))
    assert len(network.layers[0].weights) == (4 if direction == "bidirectional" else 2)


@pytest.mark.parametrize("function", ["Relu", "Sigmoid", "Tanh"])
def test_a_plain_cell_has_other_functions(function: str) -> None:
    model = recurrent("RNN", activations=[function])
    assert len(assert_exact(model, inputs(model)).layers) == 1


@pytest.mark.parametrize(
    ("operator", "settings"),
    [
        ("LSTM", {"peepholes": True}),
        ("LSTM", {"clip": 0.5}),
        ("LSTM", {"input_forget": 1}),
        ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
        ("GRU", {"activations": ["Sigmoid", "Relu"]}),
        ("RNN", {"activations": ["Softsign"]}),
    ],
)
def test_other_cells_stay_digital(operator: str, settings: dict[str, Any]) -> None:
    model = recurrent(operator, **settings)
    network = assert_exact(model, inputs(model))
    assert not network.layers
    assert network.steps[0].operations["multiplication"] > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
def test_the_layout_may_be_batch_first(operator: str) -> None:
    """ONNX Runtime refuses that layout: the reference is the same cell between transpositions."""
    model = recurrent(operator, "bidirectional", lengths=True, states=True)
    want = reference(model, inputs(model))
    (cell,) = (node for node in model.graph.node if node.op_type == operator)
    cell.attribute.append(helper.make_attribute("layout", 1))
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node is not cell}
    outputs = {node.input[0]: node.output[0] for node in model.graph.node if node is not cell}
    cell.input[:] = [turned.get(name, name) for name in cell.input]
    cell.output[:] = [outputs[name] for name in cell.output]
    del model.graph.node[:]
    model.graph.node.append(cell)
    network = built(model)
    products = {each.name: exact(each) for layer in network.layers for each in layer.weights}
    got = forward(network, inputs(model), products)
    for name, each in want.items():
        assert_close(got[name], each)


def test_states_do_not_leak_between_runs() -> None:
    model = recurrent("LSTM")
    network = built(model)
    first = run(network, inputs(model))
    run(network, inputs(model, seed=1))
    for a, b in zip(first, run(network, inputs(model)), strict=True):
        np.testing.assert_array_equal(a, b)


def run(network: Network, given: dict[str, Any]) -> list[Any]:
    products = {each.name: exact(each) for layer in network.layers for each in layer.weights}
    return list(forward(network, given, products).values())


def test_every_step_takes_its_products() -> None:
    network = built(recurrent("LSTM", "bidirectional"))
    (layer,) = network.layers
    names = [each.name for each in layer.weights]
    assert names == [
        "cell/forward/input", "cell/forward/recurrent",
        "cell/backward/input", "cell/backward/recurrent",
    ]  # fmt: skip
    shapes = [network.shapes[name] for name in layer.inputs]
    assert [each.uses for each in layer.traffic(shapes)] == [STEPS] * 4
    # Per hidden value and step: i, o, f, g and tanh(c); i g + f c and o tanh(c); five additions.
    cells = 2 * STEPS * HIDDEN
    assert layer.operations(shapes) == {
        "addition": 5 * cells, "multiplication": 3 * cells, "function": 5 * cells,
    }  # fmt: skip


def test_an_lstm_of_one_unit_follows_its_equations() -> None:
    """c = σ(f) c + σ(i) tanh(g), h = σ(o) tanh(c), written out."""
    model = recurrent("LSTM")
    given = inputs(model)
    network = built(model)
    weights = {each.name: each for each in network.layers[0].weights}
    w, r = weights["cell/input"], weights["cell/recurrent"]
    h = c = np.zeros((SAMPLES, HIDDEN))

    def sigma(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    for step in range(STEPS):
        i, o, f, g = np.split(given["x"][:, step] @ w.values + w.bias + h @ r.values, 4, axis=1)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(c)
    assert_close(run(network, given)[1][:, 0], h, 1e-5)
