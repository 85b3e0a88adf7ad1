"""Runs of a network step by step: whatever computes the products, the rest is the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import Windows
from matsweep.networks import sessions
from matsweep.networks.batches import joined, micro_batches, prepared
from matsweep.networks.layer import AnyArray, Layer, Multiply, Weight
from matsweep.networks.network import Digital, Network

_BLOCK = 2**18  # values of gathered windows at a time


def forward(
    network: Network,
    inputs: AnyArray | Mapping[str, AnyArray],
    multiply: Mapping[str, Multiply],
    *,
    samples: int | None = None,
) -> dict[str, AnyArray]:
    """Run a network step by step, some samples at a time.

    Parameters
    ----------
    network : Network
    inputs : (sample, ...) array, or mapping of str to array
        By name where the network has several.
    multiply : mapping of str to Multiply
        The product with each weight, by its name.
    samples : int, optional
        Samples at a time; by default `micro_batch`. A network of a fixed batch takes that.

    Returns
    -------
    dict of str to (sample, ...) array
        The outputs by name.
    """
    given = prepared(network.inputs, inputs)
    size = network.batch or samples or network.micro_batch
    parts = [
        run_steps(network, part, multiply)
        for part in micro_batches(given, size, whole=network.batch is not None)
    ]
    return joined(parts, given)


def exact_forward(
    network: Network, inputs: AnyArray | Mapping[str, AnyArray]
) -> dict[str, AnyArray]:
    """Run a network step by step with exact products.

    Parameters
    ----------
    network : Network
    inputs : (sample, ...) array, or mapping of str to array

    Returns
    -------
    dict of str to (sample, ...) array
    """
    products = {weight.name: exact(weight) for layer in network.layers for weight in layer.weights}
    return forward(network, inputs, products)


def run_steps(
    network: Network, inputs: Mapping[str, AnyArray], multiply: Mapping[str, Multiply]
) -> dict[str, AnyArray]:
    """Run all steps on one micro-batch.

    Parameters
    ----------
    network : Network
    inputs : mapping of str to array
        As `prepared` returns them.
    multiply : mapping of str to Multiply

    Returns
    -------
    dict of str to array
        The network's outputs.
    """
    outputs = {port.name for port in network.outputs}
    kept = {name: inputs[name] for name in outputs & set(inputs)}
    for _, tensors in trace(network, inputs, multiply):
        kept |= {name: tensors[name] for name in outputs & set(tensors)}
    return {port.name: kept[port.name] for port in network.outputs}


def trace(
    network: Network, inputs: Mapping[str, AnyArray], multiply: Mapping[str, Multiply]
) -> Iterator[tuple[Digital | Layer, dict[str, AnyArray]]]:
    """Run all steps on one micro-batch, and return the tensors that each reads and writes.

    Parameters
    ----------
    network : Network
    inputs : mapping of str to array
        As `prepared` returns them.
    multiply : mapping of str to Multiply

    Yields
    ------
    Digital or Layer, and dict of str to array
        Nothing holds a tensor after its last reader.
    """
    samples = len(next(iter(inputs.values())))
    tensors = dict(inputs)
    for step, last in zip(network.steps, _last_reads(network), strict=True):
        values = [tensors[name] for name in step.inputs]
        if isinstance(step, Digital):
            named = dict(zip(step.inputs, values, strict=True))
            results = sessions.run(step, named, step.outputs)
        else:
            products = [_grouped(multiply[weight.name], samples) for weight in step.weights]
            results = list(step.run(values, products))
        tensors.update(zip(step.outputs, results, strict=True))
        del values, results
        yield step, {name: tensors[name] for name in (*step.inputs, *step.outputs)}
        for name in last:
            tensors.pop(name, None)


def _grouped(multiply: Multiply, samples: int) -> Multiply:
    """Give a product the windows of samples, where a graph merged other axes with that of samples.

    The vectors of a sample lie one after the other: (sample · step, ...) is (sample, step, ...).
    """

    def grouped(windows: Windows) -> FloatArray:
        each, rest = divmod(windows.samples, samples)
        if each == 1 or rest:
            return multiply(windows)
        length = windows.values.shape[1]
        starts = (np.arange(each)[:, None] * length + windows.starts).ravel()
        values = windows.values.reshape(samples, each * length)
        y = multiply(Windows(values=values, starts=starts, offsets=windows.offsets))
        return y.reshape(samples * each, windows.positions, y.shape[-1])

    return grouped


@functools.lru_cache(maxsize=16)
def _last_reads(network: Network) -> tuple[tuple[str, ...], ...]:
    """Return for each step the tensors that nothing reads after it."""
    seen = {port.name for port in network.outputs}
    result = []
    for step in reversed(network.steps):
        names = dict.fromkeys((*step.inputs, *step.outputs))
        result.append(tuple(name for name in names if name not in seen))
        seen.update(names)
    return tuple(result[::-1])


def micro_batch(network: Network) -> int:
    """Return the number of samples that are run at a time.

    So many that a tensor stays in a core's cache: a function of the network alone, so that memory
    is bounded whatever the batch.

    Parameters
    ----------
    network : Network

    Returns
    -------
    int
    """
    return network.micro_batch


def exact(weight: Weight) -> Multiply:
    """Return the exact product with a weight.

    Parameters
    ----------
    weight : Weight

    Returns
    -------
    Multiply
    """
    blocks = weight.values if weight.values.ndim == 3 else weight.values[None]
    return functools.partial(_multiply, blocks, weight.bias, weight.rectified)


def _multiply(
    blocks: FloatArray, bias: FloatArray | None, rectified: bool, windows: Windows
) -> FloatArray:
    if len(blocks) == 1 and _side_by_side(windows):
        rows = windows.values.reshape(windows.samples, windows.positions, windows.inputs)
        with np.errstate(over="ignore", invalid="ignore"):  # inf, as ONNX Runtime has it
            result = rows @ blocks[0]
    else:
        result = _gathered(blocks, windows)
    if bias is not None:
        result += bias
    if rectified:
        np.maximum(result, 0, out=result)
    return np.asarray(result, np.float32)


def _side_by_side(windows: Windows) -> bool:
    """Check whether vectors follow each other in memory, without a gap or an overlap."""
    inputs = windows.inputs
    return (
        windows.values.shape[1] == windows.positions * inputs
        and np.array_equal(windows.offsets, np.arange(inputs))
        and np.array_equal(windows.starts, np.arange(windows.positions) * inputs)
    )


def _gathered(blocks: FloatArray, windows: Windows) -> FloatArray:
    """Multiply vectors that are copied together, some at a time."""
    count, inputs, outputs = blocks.shape
    result = np.empty((windows.samples, windows.positions, count * outputs), np.float32)
    at_once = max(1, _BLOCK // (inputs * max(windows.positions, 1)))
    each = max(1, _BLOCK // (inputs * at_once))
    for block in range(count):
        part = windows.part(slice(block * inputs, (block + 1) * inputs))
        columns = slice(block * outputs, (block + 1) * outputs)
        for start in range(0, windows.samples, at_once):
            for first in range(0, windows.positions, each):
                where = slice(start, start + at_once), slice(first, first + each)
                with np.errstate(over="ignore", invalid="ignore"):
                    result[(*where, columns)] = part.rows(*where) @ blocks[block]
    return result
