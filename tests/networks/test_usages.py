"""Uses of a network's matrices, from which its costs are counted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from matsweep.networks.load import load_network
from matsweep.networks.matrices import network_matrices
from matsweep.networks.recording import record
from matsweep.networks.selection import Selection
from tests.networks.graphs import Builder, saved


def test_steps_of_a_recurrent_layer_depend_on_each_other(tmp_path):
    """Seven steps of three inputs: the products with inputs do not, those with the state do."""
    b = Builder((7, 3))
    x = b.op("Transpose", "x", perm=[1, 0, 2])
    rows, *_ = b.op(
        "LSTM", x, b.weight(1, 16, 3), b.weight(1, 16, 4), b.weight(1, 32), outputs=2, hidden_size=4
    )
    model = b.model(b.op("Transpose", b.op("Squeeze", rows, b.constant([1])), perm=[1, 0, 2]))
    network = load_network(saved(model, tmp_path))
    inputs = np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    matrices = network_matrices(network, record(network, {"x": inputs}).weights)
    found = {(m.inputs, m.outputs): m.usage for m in matrices}
    assert {shape: usage.uses for shape, usage in found.items()} == {(3, 16): 7, (4, 16): 7}
    assert not found[3, 16].recurrent
    assert found[4, 16].recurrent
    assert found[4, 16].arriving == 28


def test_weights_of_digital_layers_are_those_behind_a_matrix(tmp_path):
    """A layer of 4 × 5 and its successor of 5 × 3 stay digital: no bias, no scale counts."""
    b = Builder((6,))
    x = b.op("MatMul", "x", b.weight(6, 4))
    x = b.op("Gemm", b.op("Relu", x), b.weight(4, 5), b.weight(5))
    x = b.op("Mul", b.op("Softmax", x), b.weight(1, 5))
    model = b.model(b.op("MatMul", x, b.weight(5, 3)))
    path = saved(model, tmp_path)
    inputs = {"x": np.random.default_rng(0).random((5, 6)).astype(np.float32)}
    for analog, wanted in ((Selection(exclude=("Gemm*", "last")), [35]), (Selection(), [0, 0, 0])):
        network = load_network(path, analog)
        matrices = network_matrices(network, record(network, inputs).weights)
        assert [matrix.usage.stored for matrix in matrices] == wanted
