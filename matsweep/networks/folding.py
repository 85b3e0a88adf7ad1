"""Operations behind a product that its weight, bias and rectification take in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.networks.graph import Graph, attributes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folded:
    """Affine map per output, and rectification, behind a product: max(0, scale · y + shift).

    Parameters
    ----------
    scale, shift : (output,) float32 arrays
    rectified : bool
    output : str
        The tensor that is written after all of them.
    """

    scale: FloatArray
    shift: FloatArray
    rectified: bool
    output: str


def fold(graph: Graph, name: str, outputs: int, axis: int, rank: int) -> Folded:
    """Take in the operations that alone read a product, and drop their nodes.

    Batch normalisation, additions, subtractions, products and quotients with a constant per output,
    then max(0, ·).

    Parameters
    ----------
    graph : Graph
    name : str
        Tensor of the product.
    outputs : int
    axis : int
        Of the outputs.
    rank : int
        Number of axes of the tensor.

    Returns
    -------
    Folded
    """
    scale, shift = np.ones(outputs, np.float64), np.zeros(outputs, np.float64)
    while (node := graph.only_reader(name)) is not None:
        step = _affine(graph, node, name, outputs, axis, rank)
        if step is None:
            break
        scale, shift = scale * step[0], shift * step[0] + step[1]
        graph.drop(node)
        name = node.output[0]
    rectified = node is not None and node.op_type == "Relu" and node.domain in ("", "ai.onnx")
    if node is not None and rectified:
        graph.drop(node)
        name = node.output[0]
    return Folded(
        scale=scale.astype(np.float32),
        shift=shift.astype(np.float32),
        rectified=rectified,
        output=name,
    )


type _Pair = tuple[FloatArray, FloatArray]


def _affine(graph: Graph, node: Any, name: str, outputs: int, axis: int, rank: int) -> _Pair | None:
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "BatchNormalization":
        return _normalisation(graph, node) if axis == 1 and node.input[0] == name else None
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    first = node.input[0] == name
    constant = graph.constant(node.input[1 if first else 0])
    values = None if constant is None else _per_output(constant, outputs, axis, rank)
    if values is None:
        return None
    one, zero = np.ones(outputs), np.zeros(outputs)
    match node.op_type:
        case "Add":
            return one, values
        case "Sub":
            return (one, -values) if first else (-one, values)
        case "Mul":
            return values, zero
        case _:
            return (1 / values, zero) if first and np.all(values != 0) else None


def _normalisation(graph: Graph, node: Any) -> _Pair | None:
    settings = attributes(node)
    constants = [graph.constant(each) for each in node.input[1:5]]
    if settings.get("training_mode", 0) or any(each is None for each in constants):
        return None
    scale, bias, mean, variance = (
        np.asarray(cast(FloatArray, each), np.float64) for each in constants
    )
    gain = scale / np.sqrt(variance + settings.get("epsilon", 1e-5))
    return gain, bias - mean * gain


def _per_output(constant: Any, outputs: int, axis: int, rank: int) -> FloatArray | None:
    """Return a constant as one value per output, or None where it varies along other axes."""
    if constant.dtype != np.float32 or constant.ndim > rank or not np.isfinite(constant).all():
        return None
    shape = (1,) * (rank - constant.ndim) + constant.shape
    if constant.size == 1:
        return np.full(outputs, constant.reshape(()), np.float64)
    if constant.size != outputs or shape[axis % rank] != outputs:
        return None
    return np.asarray(constant.reshape(outputs), np.float64)
