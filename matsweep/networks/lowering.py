"""Nodes of a graph that become layers on tiles, by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matsweep.networks.graph import Graph
from matsweep.networks.layer import Layer
from matsweep.networks.layers import convolution, dense

LOWERED: Mapping[str, Callable[[Graph, Any], Layer | None]] = {
    "Conv": convolution.lower,
    "Gemm": dense.lower_gemm,
    "MatMul": dense.lower_matmul,
}
"""Operators that tiles compute. Each function returns None for a node that stays digital."""

KIND_OF: Mapping[str, str] = {"Conv": "convolution", "Gemm": "dense", "MatMul": "dense"}


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
            layer = LOWERED[node.op_type](graph, node)
        items.append(node if layer is None else layer)
    return [item for item in items if not graph.dropped(item)]
