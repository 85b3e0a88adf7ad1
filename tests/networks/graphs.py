"""Graphs with random weights, as a user's export would write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """A graph under construction; tensors have numbers for names.

    Parameters
    ----------
    shape : sequence of int
        Of one sample of the input "x".
    seed : int
    opset : int
    """

    def __init__(self, shape: Sequence[int], seed: int = 0, opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = tuple(shape)
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def _new(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def constant(self, value: Any) -> str:
        """Add a constant."""
        name = self._new()
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape: int) -> str:
        """Add a random constant of the scale that keeps activations at one."""
        values = self.rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)
        return self.constant(values.astype(np.float32))

    def op(self, kind: str, *inputs: str, outputs: int = 1, name: str = "", **settings: Any) -> Any:
        """Add a node, and return the name of its output, or names."""
        names = [self._new() for _ in range(outputs)]
        node = helper.make_node(kind, list(inputs), names, name=name or f"{kind}_{names[0]}")
        node.attribute.extend(helper.make_attribute(*each) for each in settings.items())
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def conv(
        self,
        x: str,
        channels: tuple[int, int],
        size: int = 3,
        *,
        normalised: bool = True,
        name: str = "",
        **settings: Any,
    ) -> str:
        """Add a convolution in two dimensions, with batch normalisation."""
        into, out = channels
        kernel = self.weight(out, into // settings.get("group", 1), size, size)
        y = str(self.op("Conv", x, kernel, self.weight(out), name=name, **settings))
        if not normalised:
            return y
        gains = (1 + 0.2 * self.rng.random((4, out))).astype(np.float32)
        return str(self.op("BatchNormalization", y, *map(self.constant, gains)))

    def model(self, *outputs: str, batch: str | int = "batch") -> Any:
        """Return the graph as a model."""
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *self.shape])
        results = [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs]
        graph = helper.make_graph(self.nodes, "graph", [x], results, self.constants)
        imports = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)


def lenet(batch: str | int = "batch") -> Any:
    """Return LeNet-5 with random weights."""
    b = Builder((1, 28, 28))
    x = b.op("Relu", b.conv("x", (1, 6), 5, normalised=False, name="conv1", pads=[2, 2, 2, 2]))
    x = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("Relu", b.conv(x, (6, 16), 5, normalised=False, name="conv2"))
    x = b.op("Flatten", b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    for place, (inputs, outputs) in enumerate(((400, 120), (120, 84), (84, 10))):
        bias = b.weight(outputs)
        x = b.op("Gemm", x, b.weight(outputs, inputs), bias, name=f"fc{place + 1}", transB=1)
        x = b.op("Relu", x) if place < 2 else x
    return b.model(x, batch=batch)


def residual(batch: str | int = "batch", width: int = 8) -> Any:
    """Return a residual network of one plain and one strided block."""
    b = Builder((3, 12, 12))
    x = b.op("Relu", b.conv("x", (3, width), pads=[1] * 4, name="stem"))
    for inputs, outputs, stride in ((width, width, 1), (width, 2 * width, 2)):
        strides = [stride, stride]
        y = b.op("Relu", b.conv(x, (inputs, outputs), pads=[1] * 4, strides=strides))
        y = b.conv(y, (outputs, outputs), pads=[1] * 4)
        side = x if stride == 1 else b.conv(x, (inputs, outputs), 1, strides=strides)
        x = b.op("Relu", b.op("Add", y, side))
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    x = b.op("Gemm", x, b.weight(10, 2 * width), b.weight(10), transB=1, name="head")
    return b.model(x, batch=batch)


def attention(steps: int = 5, width: int = 8, heads: int = 2) -> Any:
    """One block of a transformer encoder, as PyTorch writes it."""
    b = Builder((steps, width), opset=18)

    def split(x: str) -> str:
        shape = b.constant(np.array([0, steps, heads, width // heads]))
        return str(b.op("Transpose", b.op("Reshape", x, shape), perm=[0, 2, 1, 3]))

    def project(x: str, name: str) -> str:
        y = b.op("MatMul", x, b.weight(width, width), name=name)
        return str(b.op("Add", y, b.weight(width)))

    q, k, v = (split(project("x", name)) for name in ("query", "key", "value"))
    scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2]))
    mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
    joined = b.op("Reshape", b.op("Transpose", mixed, perm=[0, 2, 1, 3]),
                  b.constant(np.array([0, steps, width])))  # fmt: skip
    x = b.op("Add", "x", project(joined, "out"))
    x = b.op("LayerNormalization", x, b.weight(width), b.weight(width), axis=-1)
    return b.model(b.op("Add", x, project(b.op("Relu", project(x, "up")), "down")))


def saved(model: Any, folder: Path, name: str = "net.onnx") -> Path:
    """Write a model to a file."""
    path = folder / name
    onnx.save(model, path)
    return path
