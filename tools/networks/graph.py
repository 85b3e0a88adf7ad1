"""ONNX graphs, node by node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, FORMAT = 17, 8
"""LayerNormalization is an operator from 17 on; both are read by every version of `networks`."""


class Graph:
    """Graph with one input and one output, any number of samples at a time.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Of a sample.
    """

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._input = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *shape])

    def weight(self, name: str, values: Any) -> str:
        """Add a constant, floats in single precision; return its name."""
        array = np.asarray(values)
        kind = np.int64 if array.dtype.kind == "i" else np.float32
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def add(self, operator: str, *inputs: str, name: str, outputs: int = 1, **given: Any) -> str:
        """Add a node; return its last output, whose name is the node's."""
        names = [""] * (outputs - 1) + [name]
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, **given))
        return name

    def dense(self, x: str, name: str, weight: Any, bias: Any) -> str:
        """Add x W + b of vectors; W is (input, output)."""
        return self.add(
            "Gemm", x, self.weight(f"{name}.weight", np.asarray(weight).T),
            self.weight(f"{name}.bias", bias), name=name, transB=1,
        )  # fmt: skip

    def project(self, x: str, name: str, weight: Any, bias: Any) -> str:
        """Add x W + b of the last axis; W is (input, output)."""
        product = self.add("MatMul", x, self.weight(f"{name}.weight", weight), name=name)
        return self.add("Add", product, self.weight(f"{name}.bias", bias), name=f"{name}.add")

    def convolve(self, x: str, name: str, weight: Any, bias: Any = None, **given: Any) -> str:
        """Add a convolution; weights are (*spatial, input, output) as in JAX."""
        weight = np.moveaxis(np.asarray(weight), (-1, -2), (0, 1))
        inputs = [x, self.weight(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.weight(f"{name}.bias", bias))
        return self.add("Conv", *inputs, name=name, kernel_shape=weight.shape[2:], **given)

    def model(self, output: str, classes: int, facts: Mapping[str, str]) -> onnx.ModelProto:
        """Return the checked model, whose output is `logits` (sample, class)."""
        self.add("Identity", output, name="logits") if output != "logits" else None
        result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(
            self._nodes, self._name, [self._input], [result], initializer=self._weights
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT,
            producer_name="matsweep",
        )  # fmt: skip
        helper.set_model_props(model, dict(facts))
        onnx.checker.check_model(model, full_check=True)
        return model
