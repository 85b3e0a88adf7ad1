"""Constants of digital segments that training changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matsweep.networks.layer import AnyArray
from matsweep.networks.network import Digital
from matsweep.networks.training.interpreter import segment
from matsweep.networks.training.operators.registry import Node

_WEIGHTED = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Einsum": (0, 1), "GRU": (1, 2, 3), "Gemm": (0, 1, 2),
    "LSTM": (1, 2, 3, 7), "MatMul": (0, 1), "RNN": (1, 2, 3),
}  # fmt: skip
"""Places of weights and biases among a node's inputs."""
_SCALED = {
    "BatchNormalization": (1, 2), "GroupNormalization": (1, 2), "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2), "PRelu": (1,), "RMSNormalization": (1,),
}  # fmt: skip
"""Places of scales and shifts."""
_PLACES = _WEIGHTED | _SCALED


def trainable(step: Digital) -> dict[str, AnyArray]:
    """Return the constants of a segment that training changes.

    Weights and biases of products, scales and shifts of normalisations, slopes: arrays of floating
    point with an axis at least. Statistics, shapes and other numbers stay.

    Parameters
    ----------
    step : Digital

    Returns
    -------
    dict of str to float32 array
        By the name of the initializer.
    """
    nodes, constants = segment(step)
    names = dict.fromkeys(name for node in nodes for name in _read(node, nodes))
    return {
        name: constants[name]
        for name in names
        if name in constants and constants[name].dtype.kind == "f" and constants[name].ndim
    }


def _read(node: Node, nodes: Sequence[Node]) -> Iterator[str]:
    yield from (node.inputs[place] for place in _PLACES.get(node.kind, ())
                if place < len(node.inputs))  # fmt: skip
    if node.kind == "Add":  # the bias of a product
        products = {name for each in nodes if each.kind in ("MatMul", "Einsum")
                    for name in each.outputs}  # fmt: skip
        yield from (name for name in node.inputs if not products.isdisjoint(node.inputs))
