"""Operators along axes: sums, softmax, cumulative sums, largest values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import Node, jnp, known, operator
from matsweep.networks.training.parameters import Array

_NUMPY = {
    "ReduceMax": "max", "ReduceMean": "mean", "ReduceMin": "min", "ReduceProd": "prod",
    "ReduceSum": "sum",
}  # fmt: skip


def _axes(node: Node, x: Array, axes: Array | None) -> tuple[int, ...] | None:
    """Return the axes of a reduction; None for none."""
    numbers = node.numbers("axes", axes) or ()
    if not numbers and node.settings.get("noop_with_empty_axes", 0):
        return None
    return tuple(each % x.ndim for each in numbers) or tuple(range(x.ndim))


@operator(*_NUMPY)
def _reduce(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Take the sum, the mean, the product, the largest or the smallest value."""
    along = _axes(node, x, axes)
    if along is None:
        return x
    function = getattr(jnp(), _NUMPY[node.kind])
    return function(x, along, keepdims=bool(node.settings.get("keepdims", 1))).astype(x.dtype)


@operator("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def _reduce_function(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Take the sum of magnitudes or squares, its root, or the logarithm of a sum."""
    along = _axes(node, x, axes) or ()
    kept = bool(node.settings.get("keepdims", 1))
    match node.kind:
        case "ReduceL1":
            return jnp().abs(x).sum(along, keepdims=kept)
        case "ReduceSumSquare":
            return jnp().square(x).sum(along, keepdims=kept)
        case "ReduceL2":
            return _root(jnp().square(x).sum(along, keepdims=kept))
        case "ReduceLogSum":
            return jnp().log(x.sum(along, keepdims=kept))
        case _:
            return jax().nn.logsumexp(x, along, keepdims=kept)


def _root(x: Array) -> Array:
    """Return the square root, whose gradient at 0 is 0."""
    safe = jnp().where(x > 0, x, 1)
    return jnp().where(x > 0, jnp().sqrt(safe), 0)


@operator("Softmax", "LogSoftmax", "Hardmax")
def _softmax(node: Node, x: Array) -> Array:
    """Return the softmax along an axis; before opset 13, over it and all that follow."""
    functions: dict[str, Any] = {
        "Softmax": jax().nn.softmax, "LogSoftmax": jax().nn.log_softmax, "Hardmax": _hardmax,
    }  # fmt: skip
    function = functions[node.kind]
    if node.opset >= 13:
        return function(x, axis=node.settings.get("axis", -1))
    axis = node.settings.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    rows = x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    return function(rows, axis=-1).reshape(x.shape)


def _hardmax(x: Array, axis: int) -> Array:
    places = jnp().argmax(x, axis)
    return jax().nn.one_hot(places, x.shape[axis], axis=axis, dtype=x.dtype)


@operator("LpNormalization")
def _normalise(node: Node, x: Array) -> Array:
    """Divide by the norm along an axis."""
    axis = node.settings.get("axis", -1)
    if node.settings.get("p", 2) == 1:
        norm = jnp().abs(x).sum(axis, keepdims=True)
    else:
        norm = _root(jnp().square(x).sum(axis, keepdims=True))
    return jnp().where(norm > 0, x / jnp().where(norm > 0, norm, 1), 0)


@operator("CumSum")
def _cumulative(node: Node, x: Array, axis: Array) -> Array:
    """Add up along an axis, from its end where reversed, without the value itself if exclusive."""
    along = int(known("axis", axis).reshape(()))
    turned = bool(node.settings.get("reverse", 0))
    result = jnp().cumsum(jnp().flip(x, along) if turned else x, along)
    if node.settings.get("exclusive", 0):
        result = result - (jnp().flip(x, along) if turned else x)
    return jnp().flip(result, along) if turned else result


@operator("ArgMax", "ArgMin")
def _extreme(node: Node, x: Array) -> Array:
    """Return the place of the largest or smallest value along an axis, the first or the last."""
    axis = node.settings.get("axis", 0)
    function = jnp().argmax if node.kind == "ArgMax" else jnp().argmin
    kept = bool(node.settings.get("keepdims", 1))
    if node.settings.get("select_last_index", 0):
        return x.shape[axis] - 1 - function(jnp().flip(x, axis), axis, keepdims=kept)
    return function(x, axis, keepdims=kept)


@operator("TopK")
def _top(node: Node, x: Array, count: Array) -> tuple[Array, Array]:
    """Return the largest or smallest values along an axis, and their places."""
    axis = node.settings.get("axis", -1)
    number = int(known("k", count).reshape(()))
    values = jnp().moveaxis(x, axis, -1)
    sign = 1 if node.settings.get("largest", 1) else -1
    found, places = jax().lax.top_k(sign * values, number)
    return jnp().moveaxis(sign * found, -1, axis), jnp().moveaxis(places, -1, axis)


@operator("MeanVarianceNormalization")
def _mean_variance(node: Node, x: Array) -> Array:
    """Subtract the mean and divide by the standard deviation over axes."""
    axes = tuple(node.settings.get("axes", (0, 2, 3)))
    centred = x - x.mean(axes, keepdims=True)
    deviation = jnp().sqrt(jnp().square(centred).mean(axes, keepdims=True))
    return centred / (deviation + np.asarray(1e-9, x.dtype))
