"""Types and shapes of a graph's tensors, as far as they follow from its inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.sessions import Model, reason, run

_MOST = 4096  # values of a constant that may state a shape


def infer(model: Any) -> None:
    """Add the types and shapes of all tensors to a graph, in place.

    Parameters
    ----------
    model : onnx.ModelProto
        Large constants are not copied for it.

    Raises
    ------
    UserError
        If an operator does not fit its inputs.
    """
    helper, graph = onnx().helper, model.graph
    light = onnx().ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.graph.name = graph.name
    light.graph.node.extend(graph.node)
    light.graph.input.extend(graph.input)
    light.graph.output.extend(graph.output)
    for each in graph.initializer:
        if math.prod(each.dims) <= _MOST:
            light.graph.initializer.append(each)
        else:
            value = helper.make_tensor_value_info(each.name, each.data_type, list(each.dims))
            light.graph.input.append(value)
    try:
        typed = onnx().shape_inference.infer_shapes(light, data_prop=True).graph
    except Exception as error:
        raise UserError(f"the network cannot be run: {reason(error)}") from None
    del graph.value_info[:]
    graph.value_info.extend(typed.value_info)
    del graph.output[:]
    graph.output.extend(typed.output)


def complete(model: Any, inputs: Mapping[str, AnyArray]) -> None:
    """Add the types and ranks that ONNX does not infer, such as those of scalers, by a run.

    Parameters
    ----------
    model : onnx.ModelProto
        With the types that are inferred; changed in place.
    inputs : mapping of str to array
        Of one run.
    """
    graph, helper = model.graph, onnx().helper
    known = {
        each.name
        for each in (*graph.value_info, *graph.output)
        if each.type.tensor_type.HasField("shape") or not each.type.HasField("tensor_type")
    }
    missing = [name for node in graph.node for name in node.output if name and name not in known]
    if not missing:
        return
    asked = onnx().ModelProto()
    asked.CopyFrom(model)
    del asked.graph.output[:], asked.graph.value_info[:]
    asked.graph.output.extend(onnx().ValueInfoProto(name=name) for name in missing)
    results = run(Model(asked.SerializeToString()), inputs, missing)
    for name, each in zip(missing, results, strict=True):
        if not isinstance(each, np.ndarray):  # a sequence
            continue
        element = helper.np_dtype_to_tensor_dtype(each.dtype)
        kind = helper.make_tensor_type_proto(element, [None] * each.ndim)
        there = [value for value in (*graph.value_info, *graph.output) if value.name == name]
        for value in there or [graph.value_info.add(name=name)]:
            value.type.CopyFrom(kind)
