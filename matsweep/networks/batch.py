"""The batch of a graph: made free where an export fixed it, and checked to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.networks import sessions
from matsweep.networks.batches import Port
from matsweep.networks.graph import SAMPLES, Graph
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx

_LARGEST = 2**24  # values of a probe's inputs together
_FREE = (7, 64)  # sizes of free dimensions that are tried, other than any batch that is
_RECURRENT = ("GRU", "LSTM", "RNN")


def probe(
    ports: Sequence[Port], samples: int, *, free: int | None = None
) -> dict[str, AnyArray] | None:
    """Return random inputs, or None where a dimension other than the batch is free.

    Parameters
    ----------
    ports : sequence of Port
    samples : int
    free : int or None
        Size of dimensions that are free; None: none may be.

    Returns
    -------
    dict of str to array, or None
        Whole numbers are ones.
    """
    rng = np.random.default_rng(0)
    inputs: dict[str, AnyArray] = {}
    for port in ports:
        sizes = (free if size is None else size for size in port.shape[1:])
        rest = [size for size in sizes if size is not None]
        if len(rest) != len(port.shape) - 1 or np.prod(rest, dtype=np.float64) > _LARGEST:
            return None
        shape = (samples, *rest)
        if np.dtype(port.dtype).kind == "f":
            inputs[port.name] = rng.standard_normal(shape).astype(port.dtype)
        elif port.dtype in ("object", "str"):
            return None
        else:
            inputs[port.name] = np.ones(shape, port.dtype)
    return inputs


def freed(graph: Graph, batch: int) -> bytes:
    """Return a graph whose batch is free, where it was fixed; `independent` checks the result.

    Parameters
    ----------
    graph : Graph
        Simplified.
    batch : int
        The number of samples that it takes.

    Returns
    -------
    bytes
        ONNX model.
    """
    model = onnx().ModelProto()
    model.CopyFrom(graph.model)
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = SAMPLES
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    for node in model.graph.node:
        if node.op_type in ("Expand", "Reshape"):
            _free(graph, model, node, batch)
        if node.op_type in _RECURRENT:
            drop_zero_states(graph, node)
    return bytes(model.SerializeToString())


def drop_zero_states(graph: Graph, node: Any) -> None:
    """Drop initial states that are constant zeros, as they are by default.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto
        LSTM, GRU or RNN; changed in place.
    """
    for place in (5, 6):
        if len(node.input) > place and node.input[place]:
            state = graph.constant(node.input[place])
            if state is not None and not np.any(state):
                node.input[place] = ""


def _free(graph: Graph, model: Any, node: Any, batch: int) -> None:
    """Replace the batch in the shape that a node states."""
    constant = graph.constant(node.input[1])
    given, result = graph.shape(node.input[0]), graph.shape(node.output[0])
    if constant is None or not given or not result or None in (given[0], result[0]):
        return
    if int(result[0] or 0) % batch or int(given[0] or 0) % batch:
        return
    shape = [int(each) for each in constant]
    if node.op_type == "Expand":
        shape[0] = (
            1 if len(shape) == len(given) == len(result) and given[0] == result[0] else shape[0]
        )
    elif given[0] == result[0]:
        shape[0] = 0 if -1 in shape[1:] else -1
    elif None not in result:
        shape = [-1, *(int(each or 0) for each in result[1:])]
    name = f"{node.input[1]}/free/{node.output[0]}"
    model.graph.initializer.append(onnx().numpy_helper.from_array(np.array(shape, np.int64), name))
    node.input[1] = name


def independent(
    model: bytes, ports: Sequence[Port], original: bytes, batch: int
) -> tuple[bool, str]:
    """Check that samples run together as they do alone, and each writes one row of each output.

    Parameters
    ----------
    model : bytes
    ports : sequence of Port
        Its inputs.
    original : bytes
        Before its batch was made free, for `batch` samples.
    batch : int

    Returns
    -------
    bool, str
        And the reason why not.
    """
    inputs = probe(ports, batch + 1)
    if inputs is not None:
        return _compared(model, inputs, original, batch)
    for free in _FREE:
        inputs = probe(ports, batch + 1, free=free)
        try:
            if inputs is not None:
                return _compared(model, inputs, original, batch)
        except UserError:  # such a size cannot be run: too small for a kernel, or not as others
            continue
    return True, ""


def _compared(
    model: bytes, inputs: Mapping[str, AnyArray], original: bytes, batch: int
) -> tuple[bool, str]:
    alone = sessions.Model(original)
    together = _outputs(alone if model is original else sessions.Model(model), inputs)
    first = _outputs(alone, {name: each[:batch] for name, each in inputs.items()})
    last = _outputs(alone, {name: each[1:] for name, each in inputs.items()})
    for name, whole in together.items():
        if np.ndim(whole) == 0 or len(whole) != batch + 1 or len(first[name]) != batch:
            rows = "no axis" if np.ndim(whole) == 0 else f"{len(whole)} rows"
            return False, f"output {shown(name)} has {rows} for {batch + 1} samples"
        if not (_close(whole[:batch], first[name]) and _close(whole[1:], last[name])):
            return False, f"output {shown(name)} of a sample depends on the other samples"
    return True, ""


def _outputs(model: sessions.Model, inputs: Mapping[str, AnyArray]) -> dict[str, Any]:
    names = sessions.outputs_of(model)
    return dict(zip(names, sessions.run(model, inputs, names), strict=True))


def _close(got: Any, want: Any) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    if got.dtype.kind != "f":
        return got.shape == want.shape and bool(np.mean(got != want) < 0.01)  # ties of an argmax
    if got.shape != want.shape or (np.isfinite(got) != np.isfinite(want)).any():
        return False
    finite = want[np.isfinite(want)].astype(np.float64)
    scale = np.sqrt(np.mean(np.square(finite))) if finite.size else 0.0
    apart = np.abs(got[np.isfinite(want)] - finite)
    return bool(np.all(apart <= 1e-4 * scale + 1e-3 * np.abs(finite)))


def fixed(ports: Sequence[Port]) -> int | None:
    """Return the number of samples that all inputs fix, or None where it is free.

    Parameters
    ----------
    ports : sequence of Port

    Returns
    -------
    int or None

    Raises
    ------
    UserError
        If an input has no axis, or inputs fix different numbers.
    """
    if not ports:
        raise UserError("the network must have an input, got a graph without any")
    for port in ports:
        if not port.shape:
            raise UserError(
                f"input {shown(port.name)} must have samples as its first axis, got none"
            )
    sizes = {port.shape[0] for port in ports}
    if len(sizes) > 1:
        listed = ", ".join(f"{port.name}: {port.shape[0] or 'any'}" for port in ports)
        raise UserError(
            "inputs must have samples as their first axis, all equally many, "
            f"got {listed}: export with the batch first"
        )
    return sizes.pop()


def check_sizes_fixed(ports: Sequence[Port], outputs: Sequence[Port], batch: int) -> None:
    """Refuse inputs whose first axis is fixed where another is free: that one may be the samples.

    Parameters
    ----------
    ports : sequence of Port
        Inputs.
    outputs : sequence of Port
    batch : int
        Size of the first axis of all inputs.

    Raises
    ------
    UserError
        If another axis is free, but for one sample that gives one row of each output.
    """
    free = next((port for port in ports if None in port.shape[1:]), None)
    if free is None or (batch == 1 and all(port.shape[:1] == (1,) for port in outputs)):
        return
    shape = ", ".join("any" if each is None else str(each) for each in free.shape)
    raise UserError(
        f"input {shown(free.name)} must have samples as its first axis, got the shape ({shape}), "
        "whose first axis is fixed while another is free: export with the batch first"
    )


def rows(model: bytes, inputs: Mapping[str, AnyArray]) -> list[tuple[str, int | None]]:
    """Run a model, and return the number of rows of each output; None where it has no axis.

    Parameters
    ----------
    model : bytes
    inputs : mapping of str to array

    Returns
    -------
    list of str and int or None
    """
    results = _outputs(sessions.Model(model), inputs)
    return [(name, len(each) if np.ndim(each) else None) for name, each in results.items()]
