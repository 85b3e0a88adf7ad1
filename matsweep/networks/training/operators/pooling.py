"""Pooling: along one axis after the other, as slices at equal distances.

The largest of a window is the largest of its rows' largest values, and sums are alike. Slices have
a cheap gradient, windows of XLA do not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matsweep.networks.layers.grid import Kernel
from matsweep.networks.training.operators.registry import (
    Node,
    NotCoveredError,
    floating,
    jnp,
    operator,
)
from matsweep.networks.training.parameters import Array


class _Axis(NamedTuple):
    """Windows along one axis: the first is at `start`; `end` values past the last are read."""

    size: int
    stride: int
    dilation: int
    before: int
    after: int
    number: int

    def windows(self, x: Array, axis: int, fill: float) -> list[Array]:
        """Return the values at each place of the windows."""
        widths = [(0, 0)] * x.ndim
        span = (self.number - 1) * self.stride + (self.size - 1) * self.dilation + 1
        widths[axis] = (self.before, max(span - self.before - x.shape[axis], 0))
        padded = jnp().pad(x, widths, constant_values=fill) if any(widths[axis]) else x
        reach = (self.number - 1) * self.stride + 1
        lead = (slice(None),) * axis
        starts = (place * self.dilation for place in range(self.size))
        return [padded[(*lead, slice(each, each + reach, self.stride))] for each in starts]


def _axes(node: Node, spatial: tuple[int, ...]) -> list[_Axis]:
    sizes = tuple(node.settings["kernel_shape"])
    kernel = Kernel.of(node.settings, sizes)
    if kernel is None:
        raise NotCoveredError("its padding is negative")
    before, after = kernel.padding(spatial)
    ceil = bool(node.settings.get("ceil_mode", 0))
    axes = []
    for place, length in enumerate(spatial):
        stride, span = kernel.strides[place], kernel.spans[place]
        room = length + before[place] + after[place] - span
        count = (-(-room // stride) if ceil else room // stride) + 1
        if ceil and (count - 1) * stride >= length + before[place]:
            count -= 1  # a window begins on the input or the padding before it
        axes.append(
            _Axis(sizes[place], stride, kernel.dilations[place], before[place], after[place], count)
        )
    return axes


def _pooled(
    x: Array, axes: list[_Axis], fill: float, join: Callable[[Array, Array], Array]
) -> Array:
    for place, axis in enumerate(axes):
        x = functools.reduce(join, axis.windows(x, 2 + place, fill))
    return x


@operator("MaxPool")
def _max_pool(node: Node, x: Array) -> Array:
    """Take the largest value of each window."""
    if len([name for name in node.outputs if name]) > 1:
        raise NotCoveredError("it writes indices")
    lowest = -np.inf if floating(x) else np.iinfo(x.dtype).min
    return _pooled(x, _axes(node, x.shape[2:]), lowest, jnp().maximum)


@operator("AveragePool")
def _average_pool(node: Node, x: Array) -> Array:
    """Take the mean of each window, of its values on the input or on padding too."""
    axes = _axes(node, x.shape[2:])
    padding = bool(node.settings.get("count_include_pad", 0))
    counts: Array = np.ones((), np.float32)
    for axis, length in zip(axes, x.shape[2:], strict=True):
        counts = counts[..., None] * _values(axis, length, padding).astype(np.float32)
    return _pooled(x, axes, 0.0, jnp().add) / counts


def _values(axis: _Axis, length: int, padding: bool) -> Array:
    """Count the values of each window along an axis."""
    places = np.arange(axis.number)[:, None] * axis.stride - axis.before
    places = places + np.arange(axis.size) * axis.dilation
    low, high = (-axis.before, length + axis.after) if padding else (0, length)
    return ((places >= low) & (places < high)).sum(axis=1)


@operator("LpPool")
def _norm_pool(node: Node, x: Array) -> Array:
    """Take the norm of each window."""
    p = node.settings.get("p", 2)
    powers = jnp().abs(x) ** p
    return _pooled(powers, _axes(node, x.shape[2:]), 0.0, jnp().add) ** (1 / p)


@operator("GlobalAveragePool")
def _global_average(_: Node, x: Array) -> Array:
    """Take the mean over all positions."""
    return x.mean(tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalMaxPool")
def _global_max(_: Node, x: Array) -> Array:
    """Take the largest value over all positions."""
    return x.max(tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalLpPool")
def _global_norm(node: Node, x: Array) -> Array:
    """Take the norm over all positions."""
    p = node.settings.get("p", 2)
    return (jnp().abs(x) ** p).sum(tuple(range(2, x.ndim)), keepdims=True) ** (1 / p)
