"""Nodes of a graph that become layers on tiles, by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from matsweep.networks.graph import Graph
from matsweep.networks.layer import Constants, Layer, Sizes
from matsweep.networks.layers import convolution, dense, recurrent, transposed


class Lowering(NamedTuple):
    """How an operator becomes a layer.

    Parameters
    ----------
    kind : str
        Of the layer.
    lower : function of graph and node
        Returns None for a node that stays digital.
    constants : function of node, layer and sizes
        The inverse: constants of the node from which `lower` returns the weights and biases of the
        layer, where no operation behind it is folded. Sizes are those of its present constants.
    """

    kind: str
    lower: Callable[[Graph, Any], Layer | None]
    constants: Callable[[Any, Layer, Sizes], Constants]


LOWERED: Mapping[str, Lowering] = {
    "Conv": Lowering("convolution", convolution.lower, convolution.constants),
    "ConvTranspose": Lowering("transposed_convolution", transposed.lower, transposed.constants),
    "Einsum": Lowering("dense", dense.lower_einsum, dense.einsum_constants),
    "Gemm": Lowering("dense", dense.lower_gemm, dense.gemm_constants),
    "GRU": Lowering("gru", recurrent.lower, recurrent.constants),
    "LSTM": Lowering("lstm", recurrent.lower, recurrent.constants),
    "MatMul": Lowering("dense", dense.lower_matmul, dense.matmul_constants),
    "RNN": Lowering("rnn", recurrent.lower, recurrent.constants),
}
"""Operators that tiles compute."""


def candidate(graph: Graph, node: Any) -> bool:
    """Check whether a node could be a layer: its operator is lowered and a weight is constant.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    bool
    """
    return (
        node.domain in ("", "ai.onnx")
        and node.op_type in LOWERED
        and any(name in graph.initializers for name in node.input)
    )


def lower(graph: Graph, chosen: Callable[[Any], bool]) -> list[Any]:
    """Replace nodes by layers.

    Parameters
    ----------
    graph : Graph
    chosen : function of a node
        Whether it may lie on tiles.

    Returns
    -------
    list of onnx.NodeProto or Layer
        In the order of the graph.
    """
    items: list[Any] = []
    for node in graph.nodes:
        layer = None
        if not graph.dropped(node) and candidate(graph, node) and chosen(node):
            layer = LOWERED[node.op_type].lower(graph, node)
        items.append(node if layer is None else layer)
    return [item for item in items if not graph.dropped(item)]
