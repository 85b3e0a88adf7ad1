"""A lowered graph as steps: one digital segment between layers that depend on each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.networks.graph import Graph, read_by
from matsweep.networks.layer import Layer
from matsweep.networks.libraries import onnx
from matsweep.networks.lowering import LOWERED
from matsweep.networks.network import Digital

type Item = Any
"""A node of the graph, or a layer."""


def steps(graph: Graph, items: Sequence[Item]) -> tuple[Digital | Layer, ...]:
    """Order layers and gather the nodes between them.

    The level of a tensor is the largest number of layers on a path to it. All nodes of a level are
    one segment, run before the layers of the level.

    Parameters
    ----------
    graph : Graph
    items : sequence of onnx.NodeProto or Layer
        In an order of execution.

    Returns
    -------
    tuple of Digital or Layer
    """
    views = _views(graph, items)
    alive = {id(item) for item in _needed(graph, _with_views(graph, items), views)}
    items = [item for item in items if id(item) in alive]
    views = _views(graph, items)
    needed = _needed(graph, _with_views(graph, items), views)
    level_of: dict[str, int] = {}
    by_level: dict[int, tuple[list[Any], list[Layer]]] = {}
    for item in needed:
        level = max((level_of.get(name, 0) for name in _reads(item)), default=0)
        nodes, layers = by_level.setdefault(level, ([], []))
        (nodes if _is_node(item) else layers).append(item)
        for name in _writes(item, views):
            level_of[name] = level if _is_node(item) else level + 1
    return _ordered(graph, by_level, views)


def _ordered(
    graph: Graph,
    by_level: Mapping[int, tuple[list[Any], list[Layer]]],
    views: Mapping[str, str],
) -> tuple[Digital | Layer, ...]:
    levels = sorted(by_level)
    nodes = [_with_local_views(graph, by_level[level][0], views) for level in levels]
    order: list[Digital | Layer] = []
    for place, level in enumerate(levels):
        layers = by_level[level][1]
        if nodes[place]:
            wanted = {name for part in nodes[place + 1 :] for name in _external(part)}
            for each in levels[place:]:
                wanted.update(name for layer in by_level[each][1] for name in layer.inputs)
            order.append(_segment(graph, nodes[place], wanted | set(graph.outputs)))
        order += layers
    return tuple(order)


def _is_node(item: Item) -> bool:
    return hasattr(item, "op_type")


def _reads(item: Item) -> Iterable[str]:
    return read_by(item) if _is_node(item) else item.inputs


def _writes(item: Item, views: Mapping[str, str] | None = None) -> list[str]:
    """Return the tensors that an item writes; with a view, its tensor too."""
    written = [name for name in (item.output if _is_node(item) else item.outputs) if name]
    if views is None or _is_node(item):
        return written
    return [*written, *(tensor for tensor, view in views.items() if view in written)]


def _external(nodes: Sequence[Any]) -> list[str]:
    """Return the tensors that nodes read and none of them writes."""
    written = {name for node in nodes for name in _writes(node)}
    return list(
        dict.fromkeys(name for node in nodes for name in _reads(node) if name not in written)
    )


def _views(graph: Graph, items: Sequence[Item]) -> dict[str, str]:
    """Return one view of each tensor that has some: what passes between segments.

    ONNX Runtime cancels transpositions around elementwise operations inside a segment only.
    """
    layers = [item for item in items if not _is_node(item)]
    names = [name for layer in layers for name in layer.outputs]
    names += [name for layer in layers for name in layer.inputs]
    views: dict[str, str] = {}
    for name in names:
        if name in graph.views:
            views.setdefault(graph.views[name][0], name)
    return views


def _with_views(graph: Graph, items: Sequence[Item]) -> list[Item]:
    """Add transpositions: to the views that layers read, from those that they write."""
    of_layers = {name for item in items if not _is_node(item) for name in item.outputs}
    view_of = {graph.views[name][0]: name for name in of_layers if name in graph.views}
    there = set(of_layers)
    result: list[Item] = []
    for item in items:
        for name in () if _is_node(item) else item.inputs:
            if name in graph.views and name not in there:
                tensor, axes = graph.views[name]
                result.append(_transpose(tensor, name, axes))
            elif name in view_of and name not in there:
                result.append(_back(graph, view_of[name]))
            there.add(name)
        result.append(item)
        for name in () if _is_node(item) else item.outputs:
            tensor = graph.views[name][0] if name in graph.views else ""
            if tensor in graph.outputs and tensor not in there:
                result.append(_back(graph, name))
                there.add(tensor)
    return result


def _with_local_views(graph: Graph, nodes: Sequence[Any], views: Mapping[str, str]) -> list[Any]:
    """Begin a segment with the tensors of the views that other segments and layers write."""
    written = {name for node in nodes for name in _writes(node)}
    elsewhere = (name for name in _external(nodes) if name in views and views[name] not in written)
    return [*(_back(graph, views[name]) for name in elsewhere), *nodes]


def _back(graph: Graph, view: str) -> Any:
    tensor, axes = graph.views[view]
    return _transpose(view, tensor, tuple(sorted(range(len(axes)), key=axes.__getitem__)))


def _transpose(source: str, target: str, axes: tuple[int, ...]) -> Any:
    return onnx().helper.make_node("Transpose", [source], [target], name=target, perm=axes)


def _needed(graph: Graph, items: Sequence[Item], views: Mapping[str, str]) -> list[Item]:
    """Leave out items whose results nothing reads."""
    read = set(graph.outputs)
    kept = []
    for item in reversed(items):
        if not read.isdisjoint(_writes(item, views)):
            kept.append(item)
            read.update(_reads(item))
    return kept[::-1]


def _segment(graph: Graph, nodes: Sequence[Any], wanted: Set[str]) -> Digital:
    helper = onnx().helper
    written = dict.fromkeys(name for node in nodes for name in _writes(node))
    read = _external(nodes)
    constants = [graph.initializers[name] for name in read if name in graph.initializers]
    inputs = [name for name in read if name not in graph.initializers]
    outputs = [name for name in written if name in wanted]
    known = [
        helper.make_value_info(name, _type(graph, name))
        for name in written
        if name not in outputs and _type(graph, name) is not None
    ]
    inner = helper.make_graph(
        nodes,
        "segment",
        [helper.make_value_info(name, _known_type(graph, name)) for name in inputs],
        [_output(graph, name) for name in outputs],
        initializer=constants,
        value_info=known,
    )
    model = helper.make_model(inner, ir_version=graph.model.ir_version)
    del model.opset_import[:]
    model.opset_import.extend(graph.model.opset_import)
    return Digital(
        model=model.SerializeToString(),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        stored=_stored(graph, nodes),
    )


def _stored(graph: Graph, nodes: Sequence[Any]) -> int:
    """Count the weights of nodes whose kinds lie on tiles elsewhere, each once."""
    read = {name for node in nodes if node.op_type in LOWERED for name in node.input}
    sizes = [graph.initializers[name].dims for name in read if name in graph.initializers]
    return sum(math.prod(size) for size in sizes if len(size) > 1)


def _output(graph: Graph, name: str) -> Any:
    return onnx().ValueInfoProto(name=name, type=_type(graph, name))  # may be left out


def _known_type(graph: Graph, name: str) -> Any:
    kind = _type(graph, name)
    if kind is None:
        raise UserError(
            f"the type of tensor {shown(name)} is not known: export with inputs whose sizes are "
            "fixed, but for the number of samples"
        )
    return kind


def _type(graph: Graph, name: str) -> Any:
    """Return the type of a tensor or view: its shape too, where it is known."""
    helper = onnx().helper
    tensor, axes = graph.views.get(name, (name, ()))
    if tensor in graph.initializers:
        constant = graph.initializers[tensor]
        return helper.make_tensor_type_proto(constant.data_type, list(constant.dims))
    kind = graph.types.get(tensor)
    if kind is None or not axes:
        return kind
    dims = [kind.tensor_type.shape.dim[axis] for axis in axes]
    turned = type(kind)()
    turned.tensor_type.elem_type = kind.tensor_type.elem_type
    turned.tensor_type.shape.dim.extend(dims)
    return turned
