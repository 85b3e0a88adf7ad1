"""Operators that move values: shapes, slices, concatenations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import (
    Node,
    NotCoveredError,
    jnp,
    known,
    operator,
)
from matsweep.networks.training.parameters import Array


@operator("Shape")
def _shape(node: Node, x: Array) -> Array:
    """Return the shape, which is known."""
    start, end = node.settings.get("start", 0), node.settings.get("end")
    return np.array(x.shape[start:end], np.int64)


@operator("Size")
def _size(_: Node, x: Array) -> Array:
    """Return the number of values, which is known."""
    return np.array(math.prod(x.shape), np.int64)


@operator("Reshape")
def _reshape(node: Node, x: Array, wanted: Array) -> Array:
    """Change the shape; 0 keeps an axis, -1 takes what remains."""
    sizes = [int(each) for each in known("shape", wanted)]
    if not node.settings.get("allowzero", 0):
        sizes = [x.shape[place] if each == 0 else each for place, each in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Flatten")
def _flatten(node: Node, x: Array) -> Array:
    """Merge axes before one, and those from it on."""
    axis = node.settings.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Transpose")
def _transpose(node: Node, x: Array) -> Array:
    """Reorder axes; reverse them where no order is given."""
    return x.transpose(node.settings.get("perm"))


@operator("Squeeze")
def _squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Drop axes of size 1."""
    return jnp().squeeze(x, node.numbers("axes", axes))


@operator("Unsqueeze")
def _unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Add axes of size 1."""
    return jnp().expand_dims(x, node.numbers("axes", axes))


@operator("Concat")
def _concat(node: Node, *inputs: Array) -> Array:
    """Join along an axis."""
    return jnp().concatenate(inputs, node.settings["axis"])


@operator("Expand")
def _expand(_: Node, x: Array, wanted: Array) -> Array:
    """Broadcast to a shape, or to that of the input where it is larger."""
    sizes = tuple(int(each) for each in known("shape", wanted))
    return jnp().broadcast_to(x, np.broadcast_shapes(x.shape, sizes))


@operator("Tile")
def _tile(_: Node, x: Array, repeats: Array) -> Array:
    """Repeat along axes."""
    return jnp().tile(x, tuple(int(each) for each in known("repeats", repeats)))


@operator("Split")
def _split(node: Node, x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
    """Split along an axis, in parts that are given or equal; the last may be smaller."""
    axis = node.settings.get("axis", 0)
    parts = node.numbers("split", sizes)
    if parts is None:
        each = -(-x.shape[axis] // len(node.outputs))
        ends = [each * place for place in range(1, len(node.outputs))]
    else:
        ends = [int(end) for end in np.cumsum(parts)[:-1]]
    return tuple(jnp().split(x, ends, axis))


@operator("Slice")
def _slice(node: Node, x: Array, *bounds: Array | None) -> Array:
    """Take every n-th value between bounds along axes."""
    given = [*bounds, *[None] * (4 - len(bounds))]
    starts = node.numbers("starts", given[0]) or ()
    ends = node.numbers("ends", given[1]) or ()
    axes = node.numbers("axes", given[2], range(len(starts))) or ()
    steps = node.numbers("steps", given[3], [1] * len(starts)) or ()
    places = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places[axis] = _within(start, end, step, x.shape[axis])
    return x[tuple(places)]


def _within(start: int, end: int, step: int, count: int) -> slice:
    """Return bounds as Python reads them: negative ones count from the end, far ones clip."""
    low, high = (0, count) if step > 0 else (-1, count - 1)
    first, last = (each + count if each < 0 else each for each in (start, end))
    first, last = min(max(first, low if step > 0 else 0), high), min(max(last, low), high)
    return slice(first, None if last < 0 else last, step)


@operator("Gather")
def _gather(node: Node, x: Array, indices: Array) -> Array:
    """Take entries along an axis; negative indices count from its end."""
    axis = node.settings.get("axis", 0) % x.ndim
    if isinstance(indices, np.ndarray) and not indices.ndim:  # a slice has a cheaper gradient
        return x[(*(slice(None),) * axis, int(indices))]
    return jnp().take(x, _positive(indices, x.shape[axis]), axis, mode="clip")


@operator("GatherElements")
def _gather_elements(node: Node, x: Array, indices: Array) -> Array:
    """Take an entry along an axis for each index."""
    axis = node.settings.get("axis", 0)
    others = [slice(0, count) for count in indices.shape]
    others[axis] = slice(None)
    cut = x[tuple(others)]
    return jnp().take_along_axis(cut, _positive(indices, x.shape[axis]), axis)


@operator("GatherND")
def _gather_nd(node: Node, x: Array, indices: Array) -> Array:
    """Take an entry, or what lies behind it, for each tuple of indices."""
    axes = node.settings.get("batch_dims", 0)
    count = indices.shape[-1]
    lead = jnp().indices(indices.shape[:-1])[:axes]
    places = [_positive(indices[..., each], x.shape[axes + each]) for each in range(count)]
    return x[(*lead, *places)]


def _positive(indices: Array, count: int) -> Array:
    return jnp().where(indices < 0, indices + count, indices)


@operator("ScatterND")
def _scatter_nd(node: Node, x: Array, indices: Array, updates: Array) -> Array:
    """Replace an entry, or what lies behind it, for each tuple of indices; or change it."""
    count = indices.shape[-1]
    places = tuple(_positive(indices[..., each], x.shape[each]) for each in range(count))
    return _changed(node, x, places, updates)


@operator("ScatterElements", "Scatter")
def _scatter_elements(node: Node, x: Array, indices: Array, updates: Array) -> Array:
    """Replace an entry along an axis for each index, or change it."""
    axis = node.settings.get("axis", 0) % x.ndim
    places = list(np.indices(indices.shape))
    places[axis] = _positive(indices, x.shape[axis])
    return _changed(node, x, tuple(places), updates)


def _changed(node: Node, x: Array, places: tuple[Array, ...], updates: Array) -> Array:
    names = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
    at = jnp().asarray(x).at[places]
    return getattr(at, names[node.settings.get("reduction", "none")])(updates)


@operator("ReverseSequence")
def _reverse(node: Node, x: Array, lengths: Array) -> Array:
    """Reverse the first steps of each sample."""
    axis = node.settings.get("time_axis", 0)
    steps = jnp().arange(x.shape[axis])
    places = jnp().where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    places = (places if axis == 1 else places.T).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))
    return jnp().take_along_axis(x, places, axis)


@operator("Pad")
def _pad(
    node: Node, x: Array, pads: Array | None = None, value: Array | None = None,
    axes: Array | None = None,
) -> Array:  # fmt: skip
    """Add values around; negative numbers cut them off."""
    mode = node.settings.get("mode", "constant")
    counts = node.numbers("pads", pads) or ()
    chosen = node.numbers("axes", axes, range(len(counts) // 2)) or ()
    widths = [(0, 0)] * x.ndim
    for place, axis in enumerate(chosen):
        widths[axis] = (counts[place], counts[place + len(chosen)])
    cut = tuple(
        slice(max(-before, 0), count - max(-after, 0))
        for (before, after), count in zip(widths, x.shape, strict=True)
    )
    added = [(max(before, 0), max(after, 0)) for before, after in widths]
    if mode == "constant":
        fill = node.settings.get("value", 0.0) if value is None else value.reshape(())
        return jnp().pad(x[cut], added, constant_values=fill)
    modes = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    return jnp().pad(x[cut], added, mode=modes[mode])


@operator("DepthToSpace")
def _depth_to_space(node: Node, x: Array) -> Array:
    """Move channels into blocks of positions."""
    each = node.settings["blocksize"]
    samples, channels, height, width = x.shape
    if node.settings.get("mode", "DCR") == "DCR":
        parts = x.reshape(samples, each, each, -1, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(samples, -1, each, each, height, width).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(samples, channels // each**2, height * each, width * each)


@operator("SpaceToDepth")
def _space_to_depth(node: Node, x: Array) -> Array:
    """Move blocks of positions into channels."""
    if node.settings.get("mode", "DCR") != "DCR":
        raise NotCoveredError("its mode is not DCR")
    each = node.settings["blocksize"]
    samples, _, height, width = x.shape
    parts = x.reshape(samples, -1, height // each, each, width // each, each)
    return parts.transpose(0, 3, 5, 1, 2, 4).reshape(samples, -1, height // each, width // each)


@operator("Trilu")
def _triangle(node: Node, x: Array, diagonal: Array | None = None) -> Array:
    """Keep the triangle above a diagonal, or below."""
    offset = 0 if diagonal is None else int(known("diagonal", diagonal))
    return (jnp().triu if node.settings.get("upper", 1) else jnp().tril)(x, offset)


@operator("OneHot")
def _one_hot(node: Node, indices: Array, depth: Array, values: Array) -> Array:
    """Return one value where an index is, another elsewhere."""
    count = int(known("depth", depth).reshape(()))
    places = _positive(indices.astype(np.int32), count)
    hot = jax().nn.one_hot(places, count, axis=node.settings.get("axis", -1), dtype=bool)
    return jnp().where(hot, values[1], values[0])


@operator("ConstantOfShape", "Range", "Constant")
def _constant(node: Node, *_: Any) -> Array:
    """Refuse what is computed before, wherever it is known."""
    raise NotCoveredError("its size depends on the network's inputs")
