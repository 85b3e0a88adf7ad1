"""A graph while its nodes are lowered: who writes and reads each tensor, constants, and views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx

SAMPLES = "matsweep_samples"
"""Name of the free number of samples in the shapes of a graph."""

type Shape = tuple[int | None, ...]


class Graph:
    """A simplified graph.

    A layer reads and writes *views* of tensors: axes in another order, such as channels last. A
    view that a layer writes and another reads costs nothing; all others become transpositions in
    digital segments.

    Parameters
    ----------
    model : onnx.ModelProto
        Simplified, with types and shapes of its tensors where they are known.
    """

    def __init__(self, model: Any) -> None:
        graph = model.graph
        helper = onnx().numpy_helper
        self.model = model
        self.nodes: list[Any] = list(graph.node)
        self.inputs: tuple[str, ...] = tuple(each.name for each in graph.input)
        self.outputs: tuple[str, ...] = tuple(each.name for each in graph.output)
        self.initializers: dict[str, Any] = {each.name: each for each in graph.initializer}
        self.views: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.types: dict[str, Any] = {
            each.name: each.type
            for each in (*graph.value_info, *graph.output, *graph.input)
            if each.type.HasField("tensor_type")
        }
        self._to_array = helper.to_array
        self._writers = {name: node for node in self.nodes for name in node.output if name}
        self._readers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in read_by(node):
                self._readers.setdefault(name, []).append(node)
        self._dropped: set[int] = set()
        self._names: Counter[str] = Counter()

    def constant(self, name: str) -> AnyArray | None:
        """Return a constant, or None where the tensor is none.

        Parameters
        ----------
        name : str

        Returns
        -------
        array or None
        """
        tensor = self.initializers.get(name)
        return None if tensor is None else np.asarray(self._to_array(tensor))

    def weight(self, name: str) -> FloatArray | None:
        """Return a constant of float32, or None where the tensor is none.

        Parameters
        ----------
        name : str
            May be empty, of an input that is left out.

        Returns
        -------
        array or None
        """
        constant = self.constant(name)
        return (
            cast(FloatArray, constant) if getattr(constant, "dtype", None) == np.float32 else None
        )

    def shape(self, name: str) -> Shape | None:
        """Return the shape of a tensor, or None where its rank is not known.

        Parameters
        ----------
        name : str

        Returns
        -------
        tuple of int or None, or None
        """
        if name in self.initializers:
            return tuple(self.initializers[name].dims)
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        return tuple(
            dim.dim_value if dim.HasField("dim_value") else None
            for dim in kind.tensor_type.shape.dim
        )

    def samples_axis(self, name: str) -> int:
        """Return the axis of a tensor along which samples lie, 0 where that is not known.

        Parameters
        ----------
        name : str

        Returns
        -------
        int
        """
        kind = self.types.get(name)
        dims = () if kind is None else kind.tensor_type.shape.dim
        places = [place for place, dim in enumerate(dims) if dim.dim_param == SAMPLES]
        return places[0] if len(places) == 1 else 0

    def only_reader(self, name: str) -> Any | None:
        """Return the node that alone reads a tensor, or None.

        Parameters
        ----------
        name : str

        Returns
        -------
        onnx.NodeProto or None
        """
        readers = self._readers.get(name, [])
        if name in self.outputs or len(readers) != 1 or id(readers[0]) in self._dropped:
            return None
        node = readers[0]
        return node if list(node.input).count(name) == 1 and name in node.input else None

    def drop(self, node: Any) -> None:
        """Mark a node as done by a layer.

        Parameters
        ----------
        node : onnx.NodeProto
        """
        self._dropped.add(id(node))

    def dropped(self, node: Any) -> bool:
        """Check whether a node is done by a layer.

        Parameters
        ----------
        node : onnx.NodeProto

        Returns
        -------
        bool
        """
        return id(node) in self._dropped

    def view(self, name: str, axes: Sequence[int]) -> str:
        """Return the name of a tensor with its axes in another order.

        Parameters
        ----------
        name : str
        axes : sequence of int
            As of `numpy.transpose`.

        Returns
        -------
        str
        """
        order = tuple(axes)
        if order == tuple(range(len(order))):
            return name
        view = f"{name}/axes_{'_'.join(map(str, order))}"
        self.views[view] = (name, order)
        return view

    def unique(self, node: Any) -> str:
        """Return a name for a node that no other layer has.

        Parameters
        ----------
        node : onnx.NodeProto

        Returns
        -------
        str
        """
        name = node.name.removesuffix("/MatMulAddFusion") or f"{node.op_type}_{node.output[0]}"
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"


def read_by(node: Any) -> Iterable[str]:
    """Return the tensors that a node reads, those of the graphs inside it too.

    Parameters
    ----------
    node : onnx.NodeProto

    Returns
    -------
    iterable of str
    """
    names = dict.fromkeys(name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            inside = {each.name for each in (*graph.input, *graph.initializer)}
            inside |= {name for each in graph.node for name in each.output}
            reads = [name for each in graph.node for name in read_by(each)]
            reads += [each.name for each in graph.output]
            names |= dict.fromkeys(name for name in reads if name not in inside)
    return names


def attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes by name; texts as str.

    Parameters
    ----------
    node : onnx.NodeProto

    Returns
    -------
    dict of str to object
    """
    helper = onnx().helper
    values = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in values.items()
    }
