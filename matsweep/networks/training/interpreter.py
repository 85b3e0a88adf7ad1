"""Digital segments in JAX: node by node, what is known beforehand by ONNX Runtime."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.printing import one_line, shown
from matsweep.networks import sessions
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.network import Digital
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators import (
    attention,
    elementwise,
    normalisation,
    pooling,
    products,
    quantisation,
    recurrent,
    reductions,
    resizing,
    shapes,
)
from matsweep.networks.training.operators.registry import OPERATORS, Node
from matsweep.networks.training.parameters import Array

FAMILIES = (
    attention, elementwise, normalisation, pooling, products, quantisation, recurrent, reductions,
    resizing, shapes,
)  # fmt: skip
"""Modules whose import registers their operators."""

WAY_OUT = "run the network without training (workload.training.noise=null)"


class Segment(NamedTuple):
    """A digital segment, read.

    Parameters
    ----------
    nodes : tuple of Node
        In an order of execution.
    constants : mapping of str to array
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, AnyArray]


_segments: weakref.WeakKeyDictionary[Digital, Segment] = weakref.WeakKeyDictionary()


def segment(step: Digital) -> Segment:
    """Read the nodes and constants of a segment.

    Parameters
    ----------
    step : Digital

    Returns
    -------
    Segment
        Kept while the step lives.
    """
    if step not in _segments:
        _segments[step] = _read(step)
    return _segments[step]


def _read(step: Digital) -> Segment:
    model = onnx().load_from_string(step.model)
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    to_array = onnx().numpy_helper.to_array
    return Segment(
        _ordered([Node.of(each, opset) for each in model.graph.node]),
        {each.name: np.asarray(to_array(each)) for each in model.graph.initializer},
    )


def _ordered(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Order nodes so that each follows those it reads, as ONNX Runtime does."""
    writers = {name: node for node in nodes for name in node.outputs if name}
    order: dict[int, Node] = {}
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting[-1]
        before = [writers[name] for name in node.inputs if name in writers]
        missing = [each for each in before if id(each) not in order]
        if missing and id(node) not in order:
            waiting += missing
            continue
        order.setdefault(id(node), node)
        waiting.pop()
    return tuple(order.values())


def interpreted(
    step: Digital, values: Sequence[Array], constants: Mapping[str, Array]
) -> list[Array]:
    """Run a segment in JAX.

    Parameters
    ----------
    step : Digital
    values : sequence of arrays
        As its inputs; those of NumPy are known while JAX traces, and so is all that follows from
        them alone: shapes, slices.
    constants : mapping of str to array
        In place of those of the segment that have these names.

    Returns
    -------
    list of arrays
        As its outputs.

    Raises
    ------
    UserError
        If a node has no function here.
    """
    nodes, own = segment(step)
    tensors: dict[str, Array] = {"": None, **own}
    asarray = jax().numpy.asarray
    tensors |= {name: asarray(constants[name]) for name in own.keys() & constants.keys()}
    tensors.update(zip(step.inputs, values, strict=True))
    for node in nodes:
        inputs = [tensors[name] for name in node.inputs]
        tensors.update(zip(node.outputs, _outputs(node, inputs), strict=False))
    return [tensors[name] for name in step.outputs]


def _outputs(node: Node, inputs: Sequence[Array]) -> Sequence[Array]:
    if node.kind and all(each is None or isinstance(each, np.ndarray) for each in inputs):
        return _computed(node, inputs)
    function = OPERATORS.get(node.kind)
    if function is None:
        raise UserError(refusal(node))
    try:
        results = function(node, *inputs)
    except UserError:
        raise
    except Exception as error:
        raise UserError(refusal(node, one_line(str(error))[:200])) from error
    return results if isinstance(results, tuple) else (results,)


def refusal(node: Node, reason: str = "") -> str:
    """Return the message about a node that cannot be trained through.

    Parameters
    ----------
    node : Node
    reason : str
        Empty where the operator as such is not covered.

    Returns
    -------
    str
    """
    kind = ".".join(each for each in (node.proto.domain, node.proto.op_type) if each)
    return (
        f"node {shown(node.name)} ({kind}) has no gradient here{reason and ': '}{reason}: "
        f"{WAY_OUT}, or export it with other operators"
    )


def _computed(node: Node, inputs: Sequence[AnyArray | None]) -> list[AnyArray | None]:
    """Run a node whose inputs are known in ONNX Runtime."""
    helper = onnx().helper
    given = {name: each for name, each in zip(node.inputs, inputs, strict=True) if each is not None}
    outputs = [name for name in node.outputs if name]
    graph = helper.make_graph(
        [node.proto],
        "known",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape
            )
            for name, each in given.items()
        ],
        [onnx().ValueInfoProto(name=name) for name in outputs],
    )
    imports = [helper.make_opsetid("", node.opset)]
    model: Any = helper.make_model(graph, opset_imports=imports, ir_version=8)
    results = dict(
        zip(
            outputs,
            sessions.run(sessions.Model(model.SerializeToString()), given, outputs),
            strict=True,
        )
    )
    return [results.get(name) for name in node.outputs]
