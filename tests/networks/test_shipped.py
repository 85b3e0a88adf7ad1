"""Networks that come with matsweep: whole, small, and as accurate as they state."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml

import matsweep
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.datasets import MNIST, Dataset
from matsweep.networks.shipped import SHIPPED, shipped

FOLDER = os.environ.get("MATSWEEP_MNIST")
LEAST = {
    "lenet_mnist": 0.96, "lenet_mnist_full": 0.988, "resnet_mnist": 0.97, "cnn_series": 0.9,
    "lstm_series": 0.8, "transformer_series": 0.8,
}  # fmt: skip
HELD = {
    "lenet_mnist": {"Conv": 2, "Gemm": 3, "MaxPool": 2},
    "resnet_mnist": {"Conv": 9, "BatchNormalization": 9, "Add": 3, "Gemm": 1},
    "cnn_series": {"Conv": 3, "Gemm": 1},
    "lstm_series": {"LSTM": 1, "Gemm": 1},
    "transformer_series": {"MatMul": 16, "Softmax": 2, "LayerNormalization": 5, "Erf": 2},
}


def facts(name):
    return {each.key: each.value for each in onnx.load(shipped(name)).metadata_props}


def run(name, inputs):
    """Logits of (sample, input) samples, by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        shipped(name), options, providers=["CPUExecutionProvider"]
    )
    shape = session.get_inputs()[0].shape
    assert isinstance(shape[0], str)  # any number of samples
    [logits] = session.run(None, {"input": inputs.reshape(-1, *shape[1:])})
    return logits


def right(name, samples):
    return np.mean(run(name, samples.test_inputs).argmax(1) == samples.test_labels)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_is_valid_small_and_says_what_it_is(name):
    path = shipped(name)
    assert 10_000 < path.stat().st_size < 400_000
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [each.version for each in model.opset_import] == [17]
    assert all(node.name for node in model.graph.node)
    weights = [onnx.numpy_helper.to_array(each) for each in model.graph.initializer]
    assert all(np.isfinite(each).all() for each in weights)
    stated = facts(name)
    assert stated["command"] == f"python tools/networks/train.py {name}"
    assert stated["description"]
    assert float(stated["accuracy"]) >= LEAST[name]
    build(Dataset, yaml.safe_load(stated["data"]))
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds.items() >= HELD.get(name, {}).items()


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "lenet_mnist_full"])
def test_the_accuracy_is_that_of_the_held_out_samples(name):
    stated = facts(name)
    samples = build(Dataset, yaml.safe_load(stated["data"])).load()
    assert int(stated["samples"]) == len(samples.test_labels)
    assert right(name, samples) == pytest.approx(float(stated["accuracy"]), abs=1e-9)
    few = run(name, samples.test_inputs[:3])
    np.testing.assert_allclose(few, run(name, samples.test_inputs[:50])[:3], rtol=1e-4, atol=1e-4)


def test_the_network_of_all_mnist_knows_the_embedded_images():
    """All are among its training images: no measure of accuracy, but of the file's wholeness."""
    samples = build(Dataset, {"kind": "mnist_5000"}).load()
    assert right("lenet_mnist_full", samples) > 0.99


@pytest.mark.skipif(FOLDER is None, reason="with MATSWEEP_MNIST=FOLDER, of the four files of MNIST")
def test_the_accuracy_on_all_mnist_is_as_stated():
    stated = facts("lenet_mnist_full")
    samples = MNIST(folder=FOLDER).load()
    assert int(stated["samples"]) == len(samples.test_labels) == 10_000
    assert right("lenet_mnist_full", samples) == pytest.approx(float(stated["accuracy"]), abs=1e-9)


def test_a_network_is_loaded_by_its_name():
    """And by the same path; a name that is none is refused with those that are."""
    samples = build(Dataset, {"kind": "series"}).load()
    inputs = samples.test_inputs[:20]
    logits = run("cnn_series", inputs)
    for model in ("cnn_series", shipped("cnn_series")):
        np.testing.assert_allclose(matsweep.load_network(model)(inputs), logits, atol=1e-4)
    for model in ("lenet", "cnn_serie"):
        with pytest.raises(
            UserError, match=r"model must be .* one of lenet_mnist, .*got"
        ) as refused:
            matsweep.load_network(model)
        assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="model must be one of"):
        shipped("lenet")


def products(model):
    """Products of weights for one sample, from the shapes of the graph."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        each.name: [dim.dim_value for dim in each.type.tensor_type.shape.dim]
        for each in (*model.graph.value_info, *model.graph.output, *model.graph.input)
    }
    weights = {each.name: list(each.dims) for each in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "LSTM":
            steps = shapes[node.input[0]][0]
            total += steps * sum(math.prod(weights[name]) for name in node.input[1:3])
        elif node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights:
            shape = shapes[node.output[0]]
            places = shape[2:] if node.op_type == "Conv" else shape[:-1]
            total += math.prod(weights[node.input[1]]) * math.prod(places)
    return total


def test_the_table_states_sizes_and_accuracies():
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
    for name in SHIPPED:
        model = onnx.load(shipped(name))
        sizes = {each.name: math.prod(each.dims) for each in model.graph.initializer}
        weights = sum(
            sizes.get(each, 0)
            for node in model.graph.node
            if node.op_type in ("Conv", "Gemm", "MatMul", "LSTM")
            for each in node.input[1 : 3 if node.op_type == "LSTM" else 2]
        )
        stated = float(facts(name)["accuracy"])
        row = f"| `{name}` | {weights:,} | {products(model):,} | {100 * stated:.4g} % |"
        assert row in page, row
