"""Digital operations of segments, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from matsweep.networks.network import Digital
from tests.networks.graphs import Builder
from tests.networks.references import built

SHAPE = (3, 4, 6)  # 72 values


def counted(operator: str, *constants: Any, opset: int = 17, **settings: Any) -> dict[str, int]:
    b = Builder(SHAPE, opset=opset)
    y = b.op(operator, "x", *map(b.constant, constants), **settings)
    model = b.model(y)
    if operator == "ArgMax":
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    (step,) = built(model).steps
    assert isinstance(step, Digital)
    return dict(step.operations)


def real(*shape: int) -> Any:
    return np.ones(shape, np.float32)


HALVES = {"kernel_shape": [2, 2], "strides": [2, 2]}
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], dict[str, int]]] = [
    ("Relu", (), {}, {"comparison": 72}),
    ("Tanh", (), {}, {"function": 72}),
    ("Add", (real(6),), {}, {"addition": 72}),
    ("Mul", (real(6),), {}, {"multiplication": 72}),
    ("Div", (real(6),), {}, {"division": 72}),
    ("Clip", (real(), real() * 6), {}, {"comparison": 144}),
    ("LeakyRelu", (), {}, {"comparison": 72, "multiplication": 72}),
    # 18 windows of four values each.
    ("MaxPool", (), HALVES, {"comparison": 54}),
    ("AveragePool", (), HALVES, {"addition": 54, "division": 18}),
    # Three rows of 24 values.
    ("GlobalAveragePool", (), {}, {"addition": 69, "division": 3}),
    ("GlobalMaxPool", (), {}, {"comparison": 69}),
    ("ReduceMean", (), {"axes": [3]}, {"addition": 60, "division": 12}),
    ("ReduceMax", (), {"axes": [3]}, {"comparison": 60}),
    ("ArgMax", (), {"axis": 3}, {"comparison": 60}),
    # Twelve rows of six: the largest, a difference, exp, the sum, a quotient.
    ("Softmax", (), {}, {"addition": 132, "comparison": 60, "division": 72, "function": 72}),
    # Means of values and of squares, a difference, gain and offset, one root a row.
    ("LayerNormalization", (real(6), real(6)), {},
     {"addition": 264, "division": 36, "function": 12, "multiplication": 216}),
    ("MatMul", (real(1, 3, 6, 5),), {}, {"addition": 360, "multiplication": 360}),
    ("LRN", (), {"size": 3},
     {"addition": 216, "division": 72, "function": 72, "multiplication": 144}),
    ("Transpose", (), {"perm": [0, 3, 2, 1]}, {}),
    ("Reshape", (np.array([0, -1]),), {}, {}),
    ("Slice", (np.array([0]), np.array([2]), np.array([1])), {}, {}),
    ("Pad", (np.array([0, 0, 1, 1, 0, 0, 1, 1]),), {}, {}),
    # Both axes double: four products and three additions for each of 288 values.
    ("Resize", (real(0), np.array([1, 1, 2, 2], np.float32)), {"mode": "linear"},
     {"addition": 864, "multiplication": 1152}),
    ("Resize", (real(0), np.array([1, 1, 2, 2], np.float32)), {"mode": "nearest"}, {}),
    ("Einsum", (real(4, 6),), {"equation": "nchw,hw->nchw"},
     {"addition": 72, "multiplication": 72}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "constants", "settings", "want"),
    CASES,
    ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)],
)
def test_operations_of_one_sample(
    operator: str, constants: tuple[Any, ...], settings: dict[str, Any], want: dict[str, int]
) -> None:
    assert counted(operator, *constants, **settings) == want


def test_attention_counts_each_term_of_its_products() -> None:
    b = Builder((5, 8))
    scores = b.op("MatMul", b.op("Tanh", "x"), b.op("Transpose", "x", perm=[0, 2, 1]))
    (step,) = built(b.model(scores)).steps
    assert isinstance(step, Digital)
    assert step.operations == {"addition": 5 * 5 * 8, "multiplication": 5 * 5 * 8, "function": 40}


def test_arithmetic_on_shapes_is_no_work() -> None:
    b = Builder((4, 6))
    size = b.op("Gather", b.op("Shape", "x"), b.constant(np.array([0])))
    shape = b.op("Concat", size, b.constant(np.array([24])), axis=0)
    (step,) = built(b.model(b.op("Reshape", "x", shape))).steps
    assert isinstance(step, Digital)
    assert step.operations == {}
