"""ONNX files of networks with other parameters, such as those after a training."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from matsweep.networks.graph import Graph, read_by
from matsweep.networks.layer import AnyArray, Layer, Weight
from matsweep.networks.layers.transposed import TransposedConvolution
from matsweep.networks.libraries import onnx
from matsweep.networks.load import typed
from matsweep.networks.lowering import LOWERED, candidate
from matsweep.networks.network import Network
from matsweep.networks.training.parameters import Parameters


def rewritten(
    network: Network, parameters: Parameters, facts: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Return a network with other parameters as an ONNX model.

    The simplified graph is kept, but for the operations that a layer's weight and bias take in:
    those are left out, and the constants of the layer's node are those that lower to its weights.

    Parameters
    ----------
    network : Network
    parameters : Parameters
        What it does not name stays as it is.
    facts : mapping of str to str
        Added to the metadata of the file.

    Returns
    -------
    bytes
        Loaded with the same selection, it has the same layers, with these weights and biases bit
        for bit; random numbers of devices, which belong to names, stay the same.

    Raises
    ------
    ValueError
        If a parameter is of another shape, or of nothing in the network.
    """
    graph = typed(network.model)
    layers = {layer.outputs: layer for layer in network.layers}
    unknown = {*parameters.weights, *parameters.biases} - {
        weight.name for layer in network.layers for weight in layer.weights
    }
    if unknown := unknown | (set(parameters.constants) - set(graph.initializers)):
        raise ValueError(f"parameters of {sorted(unknown)}, which the network does not have")
    sheet = _Sheet(graph)
    for name, values in parameters.constants.items():
        sheet.replace(name, values)
    for node in graph.nodes:
        if not candidate(graph, node):
            continue
        before = {id(each) for each in graph.nodes if graph.dropped(each)}
        lowered = LOWERED[node.op_type].lower(graph, node)
        layer = None if lowered is None else layers.get(lowered.outputs)
        if layer is not None:
            folded = [
                each
                for each in graph.nodes
                if graph.dropped(each) and id(each) not in before and each.op_type != "Relu"
            ]
            sheet.write(node, with_parameters(layer, parameters), folded)
    return sheet.finished(facts)


def stated(content: bytes, facts: Mapping[str, str]) -> bytes:
    """Add facts to the metadata of an ONNX model.

    Parameters
    ----------
    content : bytes
    facts : mapping of str to str
        They replace others of the same name.

    Returns
    -------
    bytes
    """
    model = onnx().load_from_string(content)
    _state(model, facts)
    return bytes(model.SerializeToString(deterministic=True))


def _state(model: Any, facts: Mapping[str, str]) -> None:
    known = {each.key: each.value for each in model.metadata_props} | dict(facts)
    del model.metadata_props[:]
    for key, value in sorted(known.items()):
        model.metadata_props.add(key=key, value=value)


def with_parameters(layer: Layer, parameters: Parameters) -> Layer:
    """Return a layer with other weights and biases.

    Parameters
    ----------
    layer : Layer
    parameters : Parameters

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        If one is of another shape.
    """
    changes: dict[str, Any] = {
        "weights": tuple(_changed(each, parameters) for each in layer.weights)
    }
    if isinstance(layer, TransposedConvolution):  # its bias follows the sum of patches
        [weight] = layer.weights
        bias = parameters.biases.get(weight.name, layer.bias)
        changes["bias"] = _like(layer.bias, bias, weight.name)
        changes["weights"] = tuple(
            dataclasses.replace(each, bias=None) for each in changes["weights"]
        )
    return cast(Layer, dataclasses.replace(cast(Any, layer), **changes))


def _changed(weight: Weight, parameters: Parameters) -> Weight:
    values = parameters.weights.get(weight.name, weight.values)
    bias = parameters.biases.get(weight.name, weight.bias)
    if bias is not None:
        bias = np.ascontiguousarray(bias, np.float32)
    return dataclasses.replace(weight, values=_like(weight.values, values, weight.name), bias=bias)


def _like(old: AnyArray, new: Any, name: str) -> Any:
    """Check that an array has the shape of another, and give it its type."""
    values = np.ascontiguousarray(new, old.dtype).reshape(np.shape(new))
    if values.shape != old.shape:
        raise ValueError(f"{name} must have shape {old.shape}, got {values.shape}")
    return values


class _Sheet:
    """A graph with other nodes and constants."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._constants = dict(graph.initializers)
        self._nodes = {id(node): [node] for node in graph.nodes}
        self._uses = Counter(name for node in graph.nodes for name in _reads(node))
        self._taken = {name for node in graph.nodes for name in (*_reads(node), *node.output)}
        self._taken |= {*graph.inputs, *graph.outputs, *graph.initializers}

    def replace(self, name: str, values: Any) -> None:
        """Change a constant for all its readers."""
        helper = onnx().numpy_helper
        old = np.asarray(helper.to_array(self._constants[name]))
        self._constants[name] = helper.from_array(_like(old, values, name), name)

    def write(self, node: Any, layer: Layer, folded: list[Any]) -> None:
        """Give a node the constants of a layer, and leave out the nodes folded into it."""
        sizes = [
            tuple(self._graph.initializers[name].dims) if name in self._graph.initializers else None
            for name in node.input
        ]
        constants = LOWERED[node.op_type].constants(node, layer, sizes)
        result = folded[-1].output[0] if folded else node.output[0]
        changed = type(node)()
        changed.CopyFrom(node)
        changed.name = layer.name
        kept = [each for each in node.attribute if each.name not in constants.without]
        del changed.attribute[:]
        changed.attribute.extend(kept)
        for place, values in constants.inputs.items():
            name = node.input[place] if place < len(node.input) else ""
            changed.input.extend([""] * (place + 1 - len(changed.input)))
            changed.input[place] = self._constant(name, f"{layer.name}/constant_{place}", values)
        self._nodes |= {id(each): [] for each in folded}
        left = {name for each in folded for name in (each.name, *each.input, *each.output)}
        self._taken -= {name for name in left if self._uses[name] <= 1 and name != result}
        self._nodes[id(node)] = [changed]
        if constants.added is not None:
            changed.output[0] = node.output[0] if folded else self._fresh(f"{layer.name}/product")
            bias = self._constant("", f"{layer.name}/bias", constants.added)
            name = self._fresh(f"{layer.name}/addition")
            add = onnx().helper.make_node("Add", [changed.output[0], bias], [result], name=name)
            self._nodes[id(node)] = [changed, add]
        else:
            changed.output[0] = result

    def _constant(self, name: str, fresh: str, values: Any) -> str:
        """Write a constant under its name, or a fresh one where other nodes read it or none is."""
        if not name or self._uses[name] > 1:
            name = self._fresh(fresh)
        values = np.ascontiguousarray(values, np.float32)
        self._constants[name] = onnx().numpy_helper.from_array(values, name)
        return name

    def _fresh(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def finished(self, facts: Mapping[str, str]) -> bytes:
        """Return the model, with the constants that are still read."""
        model, graph = self._graph.model, self._graph.model.graph
        nodes = [each for node in self._graph.nodes for each in self._nodes[id(node)]]
        read = {name for node in nodes for name in _reads(node)} | set(self._graph.outputs)
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:], graph.value_info[:], graph.initializer[:]
        graph.node.extend(copies)
        graph.initializer.extend(each for name, each in self._constants.items() if name in read)
        _state(model, facts)
        return bytes(model.SerializeToString(deterministic=True))


def _reads(node: Any) -> Iterable[str]:
    """Return the tensors that a node reads, each as often as it is an input."""
    inputs = [name for name in node.input if name]
    return [*inputs, *(name for name in read_by(node) if name not in inputs)]
