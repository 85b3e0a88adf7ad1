"""Layers in JAX: what surrounds the products of a network's weights."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from matsweep.networks.layer import Layer
from matsweep.networks.layers.convolution import Convolution
from matsweep.networks.layers.dense import Dense
from matsweep.networks.layers.grid import grid
from matsweep.networks.layers.recurrent import Recurrent
from matsweep.networks.layers.transposed import TransposedConvolution
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array

type Finished = Callable[[Array, Array | int], Array]
"""Product of rows (sample, position, input) with a weight, its bias and rectification included.

The second argument is the number of the call: the step of a recurrent layer, 0 of others.
"""


def run_layer(
    layer: Layer, tensors: Sequence[Array], products: Sequence[Finished], bias: Array | None
) -> tuple[Array, ...]:
    """Run a layer: form rows, multiply, and finish digitally.

    Parameters
    ----------
    layer : Layer
    tensors : sequence of arrays
        As its inputs.
    products : sequence of Finished
        As its weights.
    bias : array or None
        Of a transposed convolution, whose bias follows the sum of its products.

    Returns
    -------
    tuple of arrays
        As its outputs.

    Raises
    ------
    TypeError
        If it is of no kind that has a run here.
    """
    match layer:
        case Convolution():
            return (_convolved(layer, tensors[0], products[0]),)
        case TransposedConvolution():
            return (_transposed(layer, tensors[0], products[0], bias),)
        case Recurrent():
            return _recurrent(layer, tensors, products)
        case Dense():
            return (_dense(layer, tensors[0], products[0]),)
    raise TypeError(f"layer {layer.name} must be of a kind that has a run here, got {layer.kind}")


def _dense(layer: Dense, x: Array, product: Finished) -> Array:
    samples, *others = x.shape[: x.ndim - layer.axes]
    rows = x.reshape(samples, math.prod(others), math.prod(x.shape[x.ndim - layer.axes :]))
    return product(rows, 0).reshape(samples, *others, *layer.shape)


def _convolved(layer: Convolution, x: Array, product: Finished) -> Array:
    kernel, groups = layer.kernel, layer.weights[0].blocks
    placed = grid(kernel, x.shape[1:-1], x.shape[-1], groups)
    around = [(0, 0), *zip(placed.before, placed.after, strict=True), (0, 0)]
    x = jax().numpy.pad(x, around) if any(map(any, around)) else x
    rows = _windows(x, layer, placed.positions)
    samples, positions = len(x), math.prod(placed.positions)
    if groups > 1:  # the windows of one block after the other
        taps = math.prod(kernel.sizes)
        rows = rows.reshape(samples, positions, taps, groups, -1).swapaxes(2, 3)
    y = product(rows.reshape(samples, positions, -1), 0)
    return y.reshape(samples, *placed.positions, y.shape[-1])


def _windows(x: Array, layer: Convolution, positions: tuple[int, ...]) -> Array:
    """Return the values below the kernel at each position, kernel positions before channels.

    They are slices at equal distances, whose gradient is cheap; along one axis after the other,
    which takes fewer slices.
    """
    kernel = layer.kernel
    for axis in reversed(range(len(positions))):
        reach = (positions[axis] - 1) * kernel.strides[axis] + 1
        lead = (slice(None),) * (1 + axis)
        starts = (tap * kernel.dilations[axis] for tap in range(kernel.sizes[axis]))
        parts = [x[(*lead, slice(each, each + reach, kernel.strides[axis]))] for each in starts]
        x = parts[0] if len(parts) == 1 else jax().numpy.concatenate(parts, axis=-1)
    return x


def _transposed(
    layer: TransposedConvolution, x: Array, product: Finished, bias: Array | None
) -> Array:
    samples, *spatial, channels = x.shape
    y = product(x.reshape(samples, math.prod(spatial), channels), 0)
    groups = layer.weights[0].blocks
    full = y.reshape(samples, *spatial, groups, *layer.kernel.sizes, -1)
    for axis in reversed(range(len(spatial))):
        full = _overlapping(full, layer, len(spatial), axis)
    result = layer.cropped(full, spatial)
    result = result.reshape(*result.shape[:-2], -1)
    result = result if bias is None else result + bias
    return jax().nn.relu(result) if layer.rectified else result


def _overlapping(x: Array, layer: TransposedConvolution, dims: int, axis: int) -> Array:
    """Add patches where they overlap along one axis: that of the kernel, the last, goes.

    From (sample, *position, group, *kernel position, channel).
    """
    kernel = layer.kernel
    stride, dilation, size = kernel.strides[axis], kernel.dilations[axis], kernel.sizes[axis]
    full = layer.full(x.shape[1 : 1 + dims])[axis] if x.shape[1 + axis] else 0
    reach = (x.shape[1 + axis] - 1) * stride + 1
    total = None
    for tap in range(size):
        start = tap * dilation
        widths = [(0, 0, 0)] * (x.ndim - 1)
        widths[1 + axis] = (start, full - start - reach, stride - 1)
        patch = x.take(tap, axis=2 + dims + axis)
        moved = jax().lax.pad(patch, np.zeros((), patch.dtype), widths)
        total = moved if total is None else total + moved
    return total


def _recurrent(
    layer: Recurrent, tensors: Sequence[Array], products: Sequence[Finished]
) -> tuple[Array, ...]:
    given = dict(zip(("x", *layer.given), tensors, strict=True))
    each = len(products) // len(layer.backward)
    ends, steps = [], []
    for place, backward in enumerate(layer.backward):
        own = products[place * each : (place + 1) * each]
        end, y = _direction(layer, given, own, place, backward=backward)
        ends.append(end)
        steps.append(y)
    stack = jax().numpy.stack
    results = {"y": stack(steps, axis=2)}
    for index, name in enumerate(("h", "c")[: layer.cell.states]):
        results[name] = stack([state[index] for state in ends], axis=1)
    return tuple(results[name] for name in layer.written)


def _direction(
    layer: Recurrent, given: Mapping[str, Array], products: Sequence[Finished], place: int, *,
    backward: bool,
) -> tuple[tuple[Array, ...], Array]:  # fmt: skip
    """Run one direction: its last state, and the hidden values (sample, step, hidden)."""
    jnp, x = jax().numpy, given["x"]
    samples, count, _ = x.shape
    state = tuple(
        given[name][:, place] if name in given else jnp.zeros((samples, layer.hidden), x.dtype)
        for name in ("h", "c")[: layer.cell.states]
    )

    def advance(state: Any, at: Any) -> Any:
        call, step, fresh = at
        own = [functools.partial(_vector, product, call) for product in products[1:]]
        new = layer.cell.step(fresh, state, own)
        if "lengths" not in given:
            return new, new[0]
        runs = (step < given["lengths"])[:, None]
        kept = tuple(jnp.where(runs, a, b) for a, b in zip(new, state, strict=True))
        return kept, jnp.where(runs, new[0], 0)

    steps = np.arange(count)
    at = (steps[::-1] if backward else steps, steps, products[0](x, 0).swapaxes(0, 1))
    state, y = jax().lax.scan(advance, state, at, reverse=backward)
    return state, y.swapaxes(0, 1)


def _vector(product: Finished, call: Array | int, h: Array) -> Array:
    return product(h[:, None], call)[:, 0]
