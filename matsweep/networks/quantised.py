"""Weights that a file keeps as integers, as numbers again."""

from __future__ import annotations

from typing import Any

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.networks.graph import attributes
from matsweep.networks.libraries import onnx


def dequantise(model: Any) -> None:
    """Replace dequantised constants by their values: tiles hold these.

    w = (q - zero point) · scale, with one scale or one for each index along an axis.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    """
    graph, helper = model.graph, onnx().numpy_helper
    constants = {each.name: each for each in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or any(
            name and name not in constants for name in node.input
        ):
            kept.append(node)
            continue
        arrays = [helper.to_array(constants[name]) if name else None for name in node.input]
        values = _values(arrays, attributes(node))
        if values is None:
            kept.append(node)
            continue
        constants[node.output[0]] = helper.from_array(values, node.output[0])
        graph.initializer.append(constants[node.output[0]])
    if len(kept) != len(graph.node):
        nodes = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(nodes)


def _values(arrays: list[Any], settings: dict[str, Any]) -> FloatArray | None:
    """Return the values of dequantised integers, or None where scales are those of blocks."""
    integers, scale = arrays[0], np.asarray(arrays[1], np.float32)
    zero = np.zeros((), np.float32) if len(arrays) < 3 or arrays[2] is None else arrays[2]
    if settings.get("block_size", 0) or scale.ndim > 1 or integers.dtype.kind not in "iu":
        return None
    shape = [1] * integers.ndim
    if scale.size > 1:
        shape[settings.get("axis", 1)] = scale.size
        scale = scale.reshape(shape)
        zero = np.asarray(zero, np.float32).reshape(shape if np.size(zero) > 1 else ())
    return np.asarray((integers.astype(np.float32) - np.float32(zero)) * scale, np.float32)
