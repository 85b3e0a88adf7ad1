"""Products of vectors with a constant matrix: Gemm, MatMul and Einsum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import vectors
from matsweep.networks.folding import fold
from matsweep.networks.graph import Graph, attributes
from matsweep.networks.layer import (
    AnyArray,
    Constants,
    Layer,
    Multiply,
    Sizes,
    Traffic,
    Weight,
    affine,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense:
    """Product of the last axes with a matrix, y = φ(x W + b).

    Parameters
    ----------
    name : str
    inputs, outputs : tuple of str
        Tensors (sample, ..., *input) and (sample, ..., *output).
    weights : tuple of one Weight
    axes : int
        Number of axes of inputs.
    shape : tuple of int
        Axes of outputs.
    """

    kind: ClassVar[str] = "dense"

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[Weight, ...]
    axes: int
    shape: tuple[int, ...]

    def run(
        self, tensors: Sequence[AnyArray], multiply: Sequence[Multiply]
    ) -> tuple[AnyArray, ...]:
        """Multiply.

        Parameters
        ----------
        tensors : sequence of one (sample, ..., *input) array
        multiply : sequence of one Multiply

        Returns
        -------
        tuple of one (sample, ..., *output) array
        """
        x = cast(FloatArray, tensors[0])
        samples, *others = x.shape[: x.ndim - self.axes]
        rows = x.reshape(samples, math.prod(others), math.prod(x.shape[x.ndim - self.axes :]))
        y = multiply[0](vectors(rows))
        return (y.reshape(samples, *others, *self.shape),)

    def traffic(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Traffic, ...]:
        """Count products: all axes but those of inputs are positions.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        tuple of Traffic
        """
        return (Traffic(math.prod(shapes[0][: len(shapes[0]) - self.axes])),)

    def operations(self, shapes: Sequence[tuple[int, ...]]) -> Mapping[str, int]:
        """Count none: the bias starts the sums of products.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        mapping of str to int
        """
        return {}


def lower_gemm(graph: Graph, node: Any) -> Layer | None:
    """Lower y = α A B + β C with constant B and C.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    Dense or None
        None where B or C is no constant.
    """
    settings = attributes(node)
    matrix = graph.weight(node.input[1])
    if matrix is None or node.input[0] in graph.initializers:
        return None
    values = matrix.T if settings.get("transB", 0) else matrix
    outputs = values.shape[1]
    bias = np.zeros(outputs, np.float32)
    if len(node.input) > 2 and node.input[2]:
        constant = graph.weight(node.input[2])
        if constant is None or constant.shape not in ((), (1,), (1, 1), (outputs,), (1, outputs)):
            return None
        bias = bias + settings.get("beta", 1.0) * constant.reshape(-1)
    x = graph.view(node.input[0], (1, 0) if settings.get("transA", 0) else (0, 1))
    alpha = np.float32(settings.get("alpha", 1.0))
    return _dense(graph, node, x, values if alpha == 1 else values * alpha, bias)


def gemm_constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return B and C, without α and β.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : Layer
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    [weight] = layer.weights
    values = weight.values.T if attributes(node).get("transB", 0) else weight.values
    inputs = affine(values, weight.bias, weight.values.shape[1], sizes)
    return Constants(inputs, without=("alpha", "beta"))


def lower_matmul(graph: Graph, node: Any) -> Layer | None:
    """Lower a product of which one operand is a constant matrix.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    Dense or None
        None where no operand, or each, is constant, or the constant is no matrix.
    """
    left, right = (graph.weight(name) for name in node.input)
    constant = right if left is None else left
    if constant is None or all(name in graph.initializers for name in node.input):
        return None
    other = node.input[0 if left is None else 1]
    shape = graph.shape(other)
    if constant.ndim != 2 or shape is None or len(shape) < 2:
        return None
    rank, axis = len(shape), graph.samples_axis(other)
    rest = [each for each in range(rank - 2 if right is None else rank - 1) if each != axis]
    if right is None and (rank == 2 or axis < rank - 2):
        return _from_left(graph, node, other, constant, [axis, *rest] if rank > 2 else [])
    if right is not None and axis < rank - 1:
        return _dense(
            graph, node, graph.view(other, order := (axis, *rest, rank - 1)), constant,
            np.zeros(constant.shape[1], np.float32), order,
        )  # fmt: skip
    return None


def matmul_constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return the matrix, on its side, and the bias behind.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : Layer
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    [weight] = layer.weights
    if sizes[1] is not None:
        return Constants({1: weight.values}, added=weight.bias)
    return Constants({0: weight.values.T}, None if weight.bias is None else weight.bias[:, None])


def lower_einsum(graph: Graph, node: Any) -> Layer | None:
    """Lower a sum of products of a tensor and a constant, as projections of attention are written.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    Dense or None
        None unless each index is of samples and positions, of inputs, or of outputs.
    """
    operands, _, result = attributes(node)["equation"].replace(" ", "").partition("->")
    terms = operands.split(",")
    constants = [graph.weight(name) for name in node.input]
    if len(terms) != 2 or "." in operands or not result or all(each is None for each in constants):
        return None
    place = 1 if constants[1] is not None else 0  # of the constant
    values, other = constants[place], node.input[1 - place]
    x, w = terms[1 - place], terms[place]
    axis = graph.samples_axis(other)
    rows = [x[axis], *(index for index in x if index in result and index != x[axis])]
    inner = [index for index in x if index not in result]
    outer = [index for index in result if index not in x]
    fits = (
        all(len(set(term)) == len(term) for term in (x, w, result))
        and set(w) == {*inner, *outer}
        and sorted(result) == sorted([*rows, *outer])
    )
    if values is None or other in graph.initializers or not fits or not inner:
        return None
    matrix = values.transpose([w.index(index) for index in (*inner, *outer)])
    shape = matrix.shape[len(inner) :]
    return Dense(
        name=(name := graph.unique(node)),
        inputs=(graph.view(other, [x.index(index) for index in (*rows, *inner)]),),
        outputs=(graph.view(node.output[0], [result.index(index) for index in (*rows, *outer)]),),
        weights=(
            Weight(
                name=name,
                values=np.ascontiguousarray(matrix.reshape(-1, math.prod(shape)), np.float32),
            ),
        ),
        axes=len(inner),
        shape=shape,
    )


def einsum_constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return the constant with its indices in the order of the equation.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : Layer
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    operands, _, result = attributes(node)["equation"].replace(" ", "").partition("->")
    place = 1 if sizes[1] is not None else 0
    x, w = operands.split(",")[1 - place], operands.split(",")[place]
    order = [index for index in x if index not in result]
    order += [index for index in result if index not in x]
    size = dict(zip(w, cast(tuple[int, ...], sizes[place]), strict=True))
    values = layer.weights[0].values.reshape([size[index] for index in order])
    return Constants({place: values.transpose([order.index(index) for index in w])})


def _from_left(graph: Graph, node: Any, x: str, values: FloatArray, before: Sequence[int]) -> Dense:
    """Lower W x as (xᵀ Wᵀ)ᵀ: the last two axes swap."""
    swap = (*before, len(before) + 1, len(before))
    return Dense(
        name=(name := graph.unique(node)),
        inputs=(graph.view(x, swap),),
        outputs=(graph.view(node.output[0], swap),),
        weights=(Weight(name=name, values=np.ascontiguousarray(values.T)),),
        axes=1,
        shape=values.shape[:1],
    )


def _dense(
    graph: Graph, node: Any, x: str, values: FloatArray, bias: FloatArray,
    order: tuple[int, ...] = (0, 1),
) -> Dense:  # fmt: skip
    """Lower a product of the last axis; `order` puts the axes of its result samples first."""
    rank = len(order)
    folded = fold(graph, node.output[0], values.shape[1], rank - 1, rank)
    bias = bias * folded.scale + folded.shift
    name = graph.unique(node)
    weight = Weight(
        name=name,
        values=np.ascontiguousarray(
            values if np.all(folded.scale == 1) else values * folded.scale, np.float32
        ),
        bias=bias.astype(np.float32) if bias.any() else None,
        rectified=folded.rectified,
    )
    return Dense(
        name=name,
        inputs=(x,),
        outputs=(graph.view(folded.output, order),),
        weights=(weight,),
        axes=1,
        shape=values.shape[1:],
    )
