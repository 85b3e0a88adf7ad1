"""Checks of a graph before anything runs it: each names the node or tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.networks.graph import read_by
from matsweep.networks.libraries import onnx
from matsweep.networks.reading import check_sizes, graphs, tensors
from matsweep.networks.sessions import MOST_BYTES, reason

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains whose operators ONNX Runtime itself brings."""

_OLDEST, _RAISED = 7, 13  # opset that ONNX Runtime runs, and to which older ones are converted
_MOST_NODES = 200_000
_TRAINING = "is in training mode: export the network for inference"
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
     "RandomUniformLike"}
)  # fmt: skip


def checked(model: Any) -> Any:
    """Check a graph, replace its functions by their nodes, and order nodes by execution.

    Parameters
    ----------
    model : onnx.ModelProto

    Returns
    -------
    onnx.ModelProto
        In operators of `DOMAINS` alone; constants are no inputs.

    Raises
    ------
    UserError
        If an operator is not known, draws random numbers or has no bound; a tensor is missing,
        written twice, or part of a cycle; a constant is not a number, or too large.
    """
    _check_model(model)
    if model.functions:
        _check_functions(model)
        try:
            model = onnx().inliner.inline_local_functions(model)
        except Exception as error:
            raise UserError(f"functions of the graph cannot be inlined: {reason(error)}") from None
    names: Counter[str] = Counter()
    for graph in graphs(model):
        if graph.sparse_initializer:
            raise UserError(
                f"tensor {shown(graph.sparse_initializer[0].values.name)} is sparse: "
                "export it dense"
            )
        for node in graph.node:
            _check_node(node)
            name = node.name or f"{node.op_type}_{next(iter(node.output), '')}"
            names[name] += 1
            node.name = name if names[name] == 1 else f"{name}_{names[name]}"
    _check_constants(model)
    _check_training(model)
    model = _raised(model)
    _drop_constant_inputs(model)
    _order(model.graph, frozenset())
    return model


def _check_model(model: Any) -> None:
    """Check that a graph has outputs, and states versions of operators that are run."""
    if not model.graph.output:
        raise UserError("the network must have an output, got a graph without any: export it again")
    versions = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    standard = any(node.domain in ("", "ai.onnx") for graph in graphs(model) for node in graph.node)
    if standard and not versions:
        raise UserError(
            "the network must state the version of its operators (opset), got none: export it again"
        )
    newest = onnx().defs.onnx_opset_version()
    if versions and max(versions) > newest:
        raise UserError(
            f"the opset must be <= {newest}, the newest that is known, got {max(versions)}: export "
            "with an older one, or update onnx and onnxruntime"
        )


def _check_training(model: Any) -> None:
    """Refuse a dropout whose third input, a constant, is true."""
    constants = dict(tensors(model))
    for graph in graphs(model):
        for node in graph.node:
            mode = constants.get(node.input[2]) if len(node.input) > 2 else None
            if node.op_type == "Dropout" and mode is not None and _holds_true(mode):
                raise UserError(f"{name_of(node)} {_TRAINING}")


def _holds_true(tensor: Any) -> bool:
    return bool(onnx().numpy_helper.to_array(tensor).any())


def _raised(model: Any) -> Any:
    """Bring operators of a time before ONNX Runtime to a version that it runs."""
    versions = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    if not versions or min(versions) >= _OLDEST:
        return model
    try:
        return onnx().version_converter.convert_version(model, _RAISED)
    except Exception as error:
        raise UserError(
            f"the opset must be >= {_OLDEST}, got {min(versions)}, and the graph cannot be "
            f"converted ({reason(error)}): export with opset {_RAISED} or newer"
        ) from None


def name_of(node: Any) -> str:
    """Return a node's name and operator for a message.

    Parameters
    ----------
    node : onnx.NodeProto

    Returns
    -------
    str
    """
    return f"node {shown(node.name or next(iter(node.output), ''))} ({shown(node.op_type)[1:-1]})"


def _check_node(node: Any) -> None:
    if node.domain not in DOMAINS:
        raise UserError(
            f"{name_of(node)} is of the domain {shown(node.domain)}; only operators of the ONNX "
            "standard and of ONNX Runtime are run, no custom ones: export without it"
        )
    settings = {each.name: each for each in node.attribute}
    if node.op_type in _RANDOM:
        raise UserError(
            f"{name_of(node)} draws random numbers, which differ from run to run: "
            "export the network for inference"
        )
    if node.op_type == "Loop":
        raise UserError(
            f"{name_of(node)} may repeat without end: export with the loop unrolled, or use LSTM, "
            "GRU, RNN or Scan"
        )
    if "training_mode" in settings and settings["training_mode"].i:
        raise UserError(f"{name_of(node)} {_TRAINING}")
    if "sparse_value" in settings:
        raise UserError(f"{name_of(node)} holds a sparse tensor: export it dense")


def _check_functions(model: Any) -> None:
    """Bound the number of nodes that the functions of a graph stand for."""
    functions = {(each.domain, each.name): each for each in model.functions}
    counts: dict[tuple[str, str], int] = {}
    open_: list[tuple[str, str]] = []

    def count(key: tuple[str, str]) -> int:
        if key in open_ or len(open_) > 100:
            raise UserError(f"function {shown(key[1])} of the graph calls itself")
        if key not in counts:
            open_.append(key)
            nodes = functions[key].node
            counts[key] = sum(count(_key(node)) if _key(node) in functions else 1 for node in nodes)
            open_.pop()
        return counts[key]

    total = sum(
        count(_key(node)) if _key(node) in functions else 1
        for graph in graphs(model)
        for node in graph.node
    )
    if total + sum(counts.values()) > _MOST_NODES:
        raise UserError(f"graphs must have at most {_MOST_NODES:,} nodes, got {total:,}")


def _key(node: Any) -> tuple[str, str]:
    return node.domain, node.op_type


def _check_constants(model: Any) -> None:
    check_sizes(model)
    proto = onnx().TensorProto
    floats = (proto.FLOAT, proto.FLOAT16, proto.DOUBLE, proto.BFLOAT16)
    for name, tensor in tensors(model):
        if tensor.data_type in floats and np.isnan(onnx().numpy_helper.to_array(tensor)).any():
            raise UserError(
                f"tensor {shown(name)} must hold numbers, got nan: train or export it again"
            )


def _drop_constant_inputs(model: Any) -> None:
    """Drop the inputs that are constants: old exporters list them, as defaults."""
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _order(graph: Any, outside: frozenset[str]) -> None:
    """Sort the nodes of a graph, and of those inside it, so that each reads what is written."""
    if len(graph.node) > _MOST_NODES:
        raise UserError(f"graphs must have at most {_MOST_NODES:,} nodes, got {len(graph.node):,}")
    there = {*outside, *(each.name for each in (*graph.input, *graph.initializer))}
    writers: dict[str, int] = {}
    for place, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in writers or name in there):
                raise UserError(f"{name_of(node)} writes {shown(name)}, which is written already")
            if name:
                writers[name] = place
    order = _sorted([list(read_by(node)) for node in graph.node], writers, there, graph.node)
    if order != list(range(len(order))):
        nodes = [type(node).FromString(node.SerializeToString()) for node in graph.node]
        del graph.node[:]
        graph.node.extend(nodes[place] for place in order)
    for each in graph.output:
        if each.name not in writers and each.name not in there:
            raise UserError(f"output {shown(each.name)} of the graph is written by no node")
    inner = frozenset({*there, *writers})
    for node in graph.node:
        for attribute in node.attribute:
            for part in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                _order(part, inner)


def _sorted(
    reads: Sequence[Sequence[str]], writers: Mapping[str, int], there: set[str], nodes: Any
) -> list[int]:
    """Return places in an order of execution; of those that could be next, the first."""
    order: list[int] = []
    done: set[int] = set()
    for first in range(len(reads)):
        stack = [first]
        entered: set[int] = set()
        while stack:
            place = stack[-1]
            if place in done:
                stack.pop()
                continue
            entered.add(place)
            missing = [name for name in reads[place] if name not in writers and name not in there]
            if missing:
                raise UserError(
                    f"{name_of(nodes[place])} reads {shown(missing[0])}, which is no input and "
                    "which no node writes"
                )
            needs = [writers[name] for name in reads[place] if name not in there]
            open_ = [each for each in needs if each not in done]
            if any(each in entered for each in open_):
                raise UserError(f"{name_of(nodes[place])} is part of a cycle")
            if not open_:
                done.add(place)
                order.append(place)
                stack.pop()
            stack += open_
    return order


def check_shapes(model: Any) -> None:
    """Check that no tensor of one sample is larger than memory should be.

    Parameters
    ----------
    model : onnx.ModelProto
        With the shapes of its tensors, where they are known.

    Raises
    ------
    UserError
        If one is, named with the node that writes it.
    """
    writers = {name: node for node in model.graph.node for name in node.output}
    constant = {each.name for each in model.graph.initializer}
    folded = 0
    shapes = {
        each.name: each.type.tensor_type
        for each in (*model.graph.value_info, *model.graph.output, *model.graph.input)
        if each.type.HasField("tensor_type")
    }
    for node in model.graph.node:
        if all(name in constant for name in read_by(node)):
            constant.update(node.output)
    for name, kind in shapes.items():
        size = 4
        for dim in kind.shape.dim:
            size *= max(dim.dim_value, 1)
        folded += size if name in constant and name in writers else 0
        if size > MOST_BYTES or folded > MOST_BYTES:
            where = f"of {name_of(writers[name])}" if name in writers else "of the graph"
            raise UserError(
                f"tensor {shown(name)} {where} must have at most {MOST_BYTES:,} bytes, "
                f"got shape {[dim.dim_value or '?' for dim in kind.shape.dim]}"
            )
