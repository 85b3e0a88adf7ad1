"""Recurrent nodes that are batch first, rewritten for ONNX Runtime, which runs the others only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matsweep.networks.libraries import onnx

_RECURRENT = ("GRU", "LSTM", "RNN")
_READ: dict[int, tuple[int, ...]] = {
    0: (1, 0, 2),
    5: (1, 0, 2),
    6: (1, 0, 2),
}  # inputs, initial states
_WRITTEN: tuple[tuple[int, ...], ...] = (
    (2, 0, 1, 3),
    (1, 0, 2),
    (1, 0, 2),
)  # all steps, last states


def steps_first(model: Any) -> None:
    """Put transpositions around recurrent nodes whose layout is batch first.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    """
    nodes: list[Any] = []
    for node in model.graph.node:
        layout = [each for each in node.attribute if each.name == "layout"]
        if node.op_type not in _RECURRENT or not layout or not layout[0].i:
            nodes.append(node)
            continue
        turned = type(node)()
        turned.CopyFrom(node)
        turned.attribute.remove(layout[0])
        after = []
        for place, axes in _READ.items():
            if len(turned.input) > place and turned.input[place]:
                source = turned.input[place]
                turned.input[place] = f"{turned.output[0] or turned.name}/steps_first_{place}"
                nodes.append(_transpose(source, turned.input[place], axes))
        for place, order in enumerate(_WRITTEN):
            if len(turned.output) > place and turned.output[place]:
                target = turned.output[place]
                turned.output[place] = f"{target}/steps_first"
                after.append(_transpose(turned.output[place], target, order))
        nodes += [turned, *after]
    if len(nodes) != len(model.graph.node):
        del model.graph.node[:]
        model.graph.node.extend(nodes)


def _transpose(source: str, target: str, axes: Sequence[int]) -> Any:
    return onnx().helper.make_node("Transpose", [source], [target], name=target, perm=axes)
