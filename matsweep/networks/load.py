"""Networks from files and arrays: read, simplified, lowered and split into steps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matsweep.networks import sessions
from matsweep.networks.batches import Port
from matsweep.networks.graph import Graph
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.lowering import KIND_OF, candidate, lower
from matsweep.networks.network import Network
from matsweep.networks.partition import steps
from matsweep.networks.selection import Candidate, Selection

type Source = str | os.PathLike[str] | Mapping[str, AnyArray] | Sequence[AnyArray]


def load_network(model: Source, analog: Selection | str = "all") -> Network:
    """Load a network from an ONNX file, an NPZ file, or arrays.

    Parameters
    ----------
    model : path, or mapping or sequence of arrays
        ``.onnx``, or the weights of a plain perceptron: ``weight_0`` (input, output), ``bias_0``
        and so on, in a file ``.npz``, by name, or in this order.
    analog : Selection or "all"
        The layers that lie on tiles.

    Returns
    -------
    Network

    Raises
    ------
    UserError
        If it cannot be read or run.
    """
    selection = analog if isinstance(analog, Selection) else Selection()
    path = Path(os.fspath(model))  # type: ignore[arg-type]
    proto = onnx().load(str(path))
    return _built(path.stem, proto, selection)


def _built(name: str, proto: Any, selection: Selection) -> Network:
    simple = sessions.simplified(_tidied(proto).SerializeToString())
    graph = Graph(typed(_tidied(onnx().load_from_string(simple))))
    ports = _ports(graph.model, graph.model.graph.input)
    candidates = [node for node in graph.nodes if candidate(graph, node)]
    chosen = selection.chosen([_candidate(node) for node in candidates])
    on_tiles = {id(node) for node, takes in zip(candidates, chosen, strict=True) if takes}
    return Network(
        name=name,
        model=simple,
        inputs=ports,
        outputs=_ports(graph.model, graph.model.graph.output),
        steps=steps(graph, lower(graph, lambda node: id(node) in on_tiles)),
        batch=ports[0].shape[0],
        widest=_widest(graph),
        digest=hashlib.blake2b(simple + repr(selection).encode(), digest_size=16).hexdigest(),
    )


def _candidate(node: Any) -> Candidate:
    name = node.name.removesuffix("/MatMulAddFusion")
    return Candidate(names=(name, *node.output, *node.input[1:]), kind=KIND_OF[node.op_type])


def _widest(graph: Graph) -> int:
    shapes = (graph.shape(name) for name in graph.types)
    return max(
        (int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes if shape), default=1
    )


def _tidied(model: Any) -> Any:
    """Drop inputs that are constants, and domains that no operator is of."""
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 8)
    used = {"", *(node.domain for node in model.graph.node)}
    imports = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    return model


def typed(model: Any) -> Any:
    """Infer the types of all tensors; large constants stand aside meanwhile."""
    return onnx().shape_inference.infer_shapes(model, data_prop=True)


def _ports(model: Any, values: Sequence[Any]) -> tuple[Port, ...]:
    helper = onnx().helper
    constants = {each.name for each in model.graph.initializer}
    return tuple(
        Port(
            value.name,
            tuple(
                dim.dim_value if dim.HasField("dim_value") else None
                for dim in value.type.tensor_type.shape.dim
            ),
            np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)).name,
        )
        for value in values
        if value.name not in constants
    )
