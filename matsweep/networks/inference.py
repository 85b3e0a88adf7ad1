"""Types and shapes of a graph's tensors, as far as they follow from its inputs."""

from __future__ import annotations

import math
from typing import Any

from matsweep.core.checks import UserError
from matsweep.networks.libraries import onnx
from matsweep.networks.sessions import reason

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
