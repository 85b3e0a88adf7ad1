"""Networks from files and arrays: read, checked, simplified, lowered and split into steps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.networks import batch as batches
from matsweep.networks import sessions
from matsweep.networks.arrays import perceptron, read_arrays
from matsweep.networks.batches import Port
from matsweep.networks.checking import check_shapes, checked, name_of
from matsweep.networks.graph import SAMPLES, Graph
from matsweep.networks.inference import complete, infer
from matsweep.networks.layer import AnyArray
from matsweep.networks.layout import steps_first
from matsweep.networks.libraries import onnx
from matsweep.networks.lowering import LOWERED, candidate, lower
from matsweep.networks.network import Network
from matsweep.networks.partition import steps
from matsweep.networks.precision import MOST, single
from matsweep.networks.quantised import dequantise
from matsweep.networks.reading import read_model
from matsweep.networks.selection import Candidate, Selection
from matsweep.networks.shipped import located
from matsweep.networks.sizing import sized

type Source = str | os.PathLike[str] | Mapping[str, AnyArray] | Sequence[AnyArray]

_OLDEST, _NEWEST = (
    8,
    10,
)  # formats of files that every ONNX Runtime reads; operators are the opset's


def load_network(
    model: Source, analog: Selection | str = "all", *, activation: str = "relu"
) -> Network:
    """Load a network from an ONNX file, an NPZ file, or arrays.

    Parameters
    ----------
    model : path, or mapping or sequence of arrays
        ``.onnx``, or the name of a network that comes with matsweep (`shipped.SHIPPED`); or the
        weights of a plain perceptron: ``weight_0`` (input, output), ``bias_0`` and so on in a file
        ``.npz``, by name, or in this order.
    analog : Selection or "all"
        The layers that lie on tiles.
    activation : str
        Of a perceptron, behind all layers but the last: "relu", "sigmoid" or "tanh".

    Returns
    -------
    Network

    Raises
    ------
    UserError
        If it cannot be read or run, or `analog` names no layer.

    Examples
    --------
    >>> import numpy as np
    >>> network = load_network([np.eye(3, 2), np.zeros(2)])
    >>> network(np.array([[1.0, 2.0, 3.0]]))
    array([[1., 2.]], dtype=float32)
    """
    if not isinstance(analog, Selection) and analog != "all":
        raise UserError(f"analog must be 'all' or a Selection, got {shown(analog)}")
    selection = analog if isinstance(analog, Selection) else Selection()
    if isinstance(model, (str, os.PathLike)):
        path = located(os.fspath(model))
        if path.suffix.lower() == ".npz":
            return build(path.stem, perceptron(read_arrays(path), activation), selection)
        return build(path.stem, read_model(path), selection)
    if not isinstance(model, (Mapping, list, tuple, np.ndarray)):
        raise UserError(
            "model must be the path of an ONNX or NPZ file, or a mapping or sequence of arrays, "
            f"got {shown(model)}"
        )
    return build("perceptron", perceptron(model, activation), selection)


def build(name: str, model: Any, selection: Selection) -> Network:
    """Build a network from a graph.

    Parameters
    ----------
    name : str
    model : onnx.ModelProto
        With all constants inside it; changed.
    selection : Selection

    Returns
    -------
    Network

    Raises
    ------
    UserError
        If it cannot be run.
    """
    try:
        return _built(name, model, selection)
    except UnicodeDecodeError:
        raise UserError(f"{name}: a name in the graph is not in UTF-8: export it again") from None


def _built(name: str, model: Any, selection: Selection) -> Network:
    model = checked(model)
    single(model)
    steps_first(model)
    dequantise(model)
    digest = hashlib.blake2b(model.SerializeToString(deterministic=True), digest_size=16)
    digest.update(repr(selection).encode())
    infer(_tidied(model))
    check_shapes(model)
    graph, simple, batch = _with_free_batch(*_simplified(model))
    candidates = [node for node in graph.nodes if candidate(graph, node)]
    chosen = selection.chosen([_candidate(node) for node in candidates])
    on_tiles = {id(node) for node, takes in zip(candidates, chosen, strict=True) if takes}
    items = lower(graph, lambda node: id(node) in on_tiles)
    network = Network(
        name=name,
        model=simple,
        inputs=_ports(graph, graph.model.graph.input),
        outputs=_ports(graph, graph.model.graph.output),
        steps=steps(graph, items),
        batch=batch,
        widest=_widest(graph),
        digest=digest.hexdigest(),
        digital=_digital(graph, candidates, items),
    )
    one = batches.probe(network.inputs, batch or 1)
    return network if one is None else sized(network, one)


def _simplified(model: Any) -> tuple[Graph, bytes]:
    simple = _tidied(onnx().load_from_string(sessions.simplified(model.SerializeToString())))
    for value in simple.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_param = SAMPLES
    infer(simple)
    check_shapes(simple)
    graph = _completed(simple)
    _check_weights(graph)
    return graph, simple.SerializeToString()


def typed(model: bytes) -> Graph:
    """Return a simplified graph with the types and shapes of its tensors.

    Parameters
    ----------
    model : bytes
        Of `Network`.

    Returns
    -------
    Graph
    """
    loaded = onnx().load_from_string(model)
    infer(loaded)
    return _completed(loaded)


def _completed(model: Any) -> Graph:
    """Return a graph in which the ranks of all tensors are known, where inputs can be made up."""
    ports = _ports(graph := Graph(model), model.graph.input)
    inputs = batches.probe(ports, batches.fixed(ports) or 1)
    if inputs is None:
        return graph
    complete(model, inputs)
    return Graph(model)


def _check_weights(graph: Graph) -> None:
    for node in graph.nodes:
        for name in node.input if candidate(graph, node) else ():
            weight = graph.weight(name)
            if weight is not None and not np.isfinite(weight).all():
                raise UserError(
                    f"tensor {shown(name)} of {name_of(node)} must hold finite numbers, got inf: "
                    "train or export it again"
                )
            if weight is not None and (np.abs(weight) >= MOST).any():
                raise UserError(
                    f"tensor {shown(name)} of {name_of(node)} must hold numbers below {MOST:.3g}, "
                    "as the network runs in single precision, got larger ones: scale it first"
                )


def _with_free_batch(graph: Graph, model: bytes) -> tuple[Graph, bytes, int | None]:
    """Make the batch free where that gives the same results; else it stays as it is."""
    ports = _ports(graph, graph.model.graph.input)
    outputs = _ports(graph, graph.model.graph.output)
    for port in outputs:
        if port.name in graph.initializers:
            raise UserError(
                f"output {shown(port.name)} does not depend on inputs: export without it"
            )
    batch = batches.fixed(ports)
    if batch is None:
        fits, reason = batches.independent(model, ports, model, 1)
        if not fits:
            raise UserError(
                f"samples must be the first axis of inputs and outputs, but {reason}: "
                "export with the batch first"
            )
        return graph, model, None
    batches.check_sizes_fixed(ports, outputs, batch)
    free = batches.freed(graph, batch)
    try:
        fits, reason = batches.independent(free, ports, model, batch)
    except UserError as error:
        fits, reason = False, str(error)
    if fits:
        return typed(free), free, None
    _check_rows(model, ports, batch)
    return graph, model, batch


def _check_rows(model: bytes, ports: Sequence[Port], batch: int) -> None:
    """Check that outputs have a row for each sample of a batch that stays fixed."""
    inputs = batches.probe(ports, batch)
    for name, rows in () if inputs is None else batches.rows(model, inputs):
        if rows != batch:
            raise UserError(
                f"samples must be the first axis of inputs and outputs, but output {shown(name)} "
                f"has {'no axis' if rows is None else f'{rows} rows'} for {batch} samples: "
                "export with the batch first"
            )


def _candidate(node: Any) -> Candidate:
    name = node.name.removesuffix("/MatMulAddFusion")
    names = (name, *(each for each in (*node.output, *node.input[1:]) if each))
    return Candidate(names=names, kind=LOWERED[node.op_type].kind)


def _digital(
    graph: Graph, candidates: Sequence[Any], items: Sequence[Any]
) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    left = {id(item) for item in items}
    described = []
    for node in candidates:
        if id(node) in left:
            sizes = [tuple(graph.initializers[name].dims) for name in node.input
                     if name in graph.initializers]  # fmt: skip
            described.append((_candidate(node).names[0], LOWERED[node.op_type].kind, sizes[0]))
    return tuple(described)


def _widest(graph: Graph) -> int:
    shapes = [graph.shape(name) for name in graph.types]
    return max(
        (int(np.prod([size or 1 for size in each[1:]])) for each in shapes if each), default=1
    )


def _tidied(model: Any) -> Any:
    """Drop domains that no operator is of, and state a format that every ONNX Runtime reads."""
    model.ir_version = min(max(model.ir_version, _OLDEST), _NEWEST)
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    used = {"", *(node.domain for node in model.graph.node)}
    imports = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    return model


def _ports(graph: Graph, values: Sequence[Any]) -> tuple[Port, ...]:
    return tuple(_port(graph, value) for value in values)


def _port(graph: Graph, value: Any) -> Port:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UserError(
            f"{shown(value.name)} must be a tensor, got {str(kind).removesuffix('_type')}"
            + (": export with options={'zipmap': False}" if kind == "sequence_type" else "")
        )
    helper = onnx().helper
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)).name
    return Port(value.name, graph.shape(value.name) or (), dtype)
