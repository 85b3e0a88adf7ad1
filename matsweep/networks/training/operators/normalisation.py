"""Normalisations."""

from __future__ import annotations

from matsweep.networks.training.operators.registry import Node, NotCoveredError, jnp, operator
from matsweep.networks.training.parameters import Array


def _channels(values: Array, x: Array) -> Array:
    """Return values of channels, the second axis, as factors of a tensor."""
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _standardised(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    return centred / jnp().sqrt(jnp().square(centred).mean(axes, keepdims=True) + epsilon)


@operator("BatchNormalization")
def _batch(node: Node, x: Array, scale: Array, shift: Array, mean: Array, variance: Array) -> Array:
    """Normalise by statistics that training found, and that stay."""
    if node.settings.get("training_mode", 0):
        raise NotCoveredError("it is in training mode")
    gain = scale / jnp().sqrt(variance + node.settings.get("epsilon", 1e-5))
    return x * _channels(gain, x) + _channels(shift - mean * gain, x)


@operator("LayerNormalization")
def _layer(
    node: Node, x: Array, scale: Array, shift: Array | None = None
) -> tuple[Array, Array, Array]:
    """Normalise over the last axes; return the statistics, too."""
    axes = tuple(range(node.settings.get("axis", -1) % x.ndim, x.ndim))
    mean = x.mean(axes, keepdims=True)
    square = jnp().square(x - mean).mean(axes, keepdims=True)
    gain = 1 / jnp().sqrt(square + node.settings.get("epsilon", 1e-5))
    result = (x - mean) * gain * scale
    return result if shift is None else result + shift, mean, gain


@operator("RMSNormalization")
def _root_mean_square(node: Node, x: Array, scale: Array) -> Array:
    """Divide by the root mean square over the last axes."""
    axes = tuple(range(node.settings.get("axis", -1) % x.ndim, x.ndim))
    square = jnp().square(x).mean(axes, keepdims=True)
    return x / jnp().sqrt(square + node.settings.get("epsilon", 1e-5)) * scale


@operator("InstanceNormalization")
def _instance(node: Node, x: Array, scale: Array, shift: Array) -> Array:
    """Normalise each channel over its positions."""
    axes = tuple(range(2, x.ndim))
    result = _standardised(x, axes, node.settings.get("epsilon", 1e-5))
    return result * _channels(scale, x) + _channels(shift, x)


@operator("GroupNormalization")
def _group(node: Node, x: Array, scale: Array, shift: Array) -> Array:
    """Normalise groups of channels; before opset 21, scales and shifts are those of groups."""
    groups = node.settings["num_groups"]
    parts = x.reshape(len(x), groups, -1)
    result = _standardised(parts, (2,), node.settings.get("epsilon", 1e-5))
    if scale.shape[0] == groups and groups != x.shape[1]:
        return (result * scale[:, None] + shift[:, None]).reshape(x.shape)
    return result.reshape(x.shape) * _channels(scale, x) + _channels(shift, x)


@operator("LRN")
def _local_response(node: Node, x: Array) -> Array:
    """Divide by a power of the squares of neighbouring channels."""
    size = node.settings["size"]
    before = (size - 1) // 2
    around = [(0, 0)] * x.ndim
    around[1] = (before, size - 1 - before)
    squares = jnp().pad(jnp().square(x), around)
    count = x.shape[1]
    total = sum(squares[:, place : place + count] for place in range(size))
    alpha, beta = node.settings.get("alpha", 1e-4), node.settings.get("beta", 0.75)
    return x / (node.settings.get("bias", 1.0) + alpha / size * total) ** beta
