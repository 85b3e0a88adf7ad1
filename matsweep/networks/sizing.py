"""Shapes of a network's tensors for one sample, and the operations that follow from them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from matsweep.networks import sessions
from matsweep.networks.batches import micro_batches, prepared
from matsweep.networks.forward import exact, trace
from matsweep.networks.graph import read_by
from matsweep.networks.inference import infer
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.network import Digital, Network
from matsweep.networks.operations import Shape, count


def sized(network: Network, inputs: AnyArray | Mapping[str, AnyArray]) -> Network:
    """Find the shapes of a network's tensors, and count its digital operations.

    Parameters
    ----------
    network : Network
    inputs : (sample, ...) array, or mapping of str to array
        Of the shape that is run; the first sample is.

    Returns
    -------
    Network
        With `shapes` and the operations of its segments for one sample.
    """
    given = prepared(network.inputs, inputs)
    batch = network.batch or 1
    first = {name: each[:batch] for name, each in given.items()}
    (first,) = micro_batches(first, batch, whole=True)
    products = {each.name: exact(each) for layer in network.layers for each in layer.weights}
    shapes: dict[str, Shape] = {}
    steps = list(network.steps)
    for place, (step, tensors) in enumerate(trace(network, first, products)):
        shapes |= {name: _of_one(each, batch) for name, each in tensors.items()}
        if isinstance(step, Digital):
            operations = _operations(step, tensors, batch)
            steps[place] = dataclasses.replace(step, operations=operations)
    widest = max((math.prod(shape) for shape in shapes.values()), default=1)
    return dataclasses.replace(network, steps=tuple(steps), shapes=shapes, widest=widest)


def _of_one(tensor: Any, batch: int) -> Shape:
    shape = np.shape(tensor)
    return (shape[0] // batch, *shape[1:]) if shape and shape[0] % batch == 0 else shape


def _operations(step: Digital, tensors: Mapping[str, AnyArray], batch: int) -> dict[str, int]:
    model = onnx().load_from_string(step.model)
    shapes = {name: np.shape(tensors[name]) for name in (*step.inputs, *step.outputs)}
    shapes |= {each.name: tuple(each.dims) for each in model.graph.initializer}
    computed = set(step.inputs)
    for node in model.graph.node:
        if not computed.isdisjoint(read_by(node)):
            computed.update(node.output)
    kinds: dict[str, int] = {}
    _infer(model, step, tensors, shapes, kinds)
    proto = onnx().TensorProto
    real = {each for each in computed if kinds.get(each) in (proto.FLOAT, proto.BOOL)}
    counted = count(list(model.graph.node), shapes, frozenset(real))
    return {kind: -(-number // batch) for kind, number in counted.items()}


def _infer(
    model: Any, step: Digital, tensors: Mapping[str, AnyArray], shapes: dict[str, Shape],
    kinds: dict[str, int],
) -> None:  # fmt: skip
    """Add the shapes and types of the tensors inside a segment: by inference, else by a run."""
    for value in model.graph.input:
        value.type.tensor_type.ClearField("shape")
        for size in shapes[value.name]:
            value.type.tensor_type.shape.dim.add().dim_value = size
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    infer(model)
    for value in (*model.graph.value_info, *model.graph.output, *model.graph.input):
        kind = value.type.tensor_type
        kinds[value.name] = kind.elem_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            shapes.setdefault(value.name, tuple(dim.dim_value for dim in kind.shape.dim))
    written = [name for node in model.graph.node for name in node.output if name]
    missing = [name for name in written if name not in shapes]
    if missing:
        del model.graph.output[:], model.graph.value_info[:]
        model.graph.output.extend(onnx().ValueInfoProto(name=name) for name in missing)
        whole = sessions.Model(model.SerializeToString())
        results = sessions.run(whole, {name: tensors[name] for name in step.inputs}, missing)
        for name, each in zip(missing, results, strict=True):
            shapes[name] = np.shape(each)
            kinds[name] = onnx().helper.np_dtype_to_tensor_dtype(np.asarray(each).dtype)
