"""Resize: each axis by a constant matrix of interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.networks.training.operators.registry import (
    Node,
    NotCoveredError,
    jnp,
    known,
    operator,
)
from matsweep.networks.training.parameters import Array

type _Place = Callable[[FloatArray, float, int, int], FloatArray]

_PLACES: Mapping[str, _Place] = {
    "half_pixel": lambda x, scale, before, after: (x + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda x, scale, before, after: (
        (x + 0.5) / scale - 0.5 if after > 1 else np.zeros_like(x)
    ),
    "align_corners": lambda x, scale, before, after: (
        x * (before - 1) / (after - 1) if after > 1 else np.zeros_like(x)
    ),
    "asymmetric": lambda x, scale, before, after: x / scale,
}
"""Place on the input of a place on the output: of that, scale, sizes of input and output."""

_ROUNDED: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


@operator("Upsample")
def _upsample(node: Node, x: Array, scales: Array | None = None) -> Array:
    """Enlarge axes by factors."""
    factors = node.settings.get("scales", ()) if scales is None else known("scales", scales)
    settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _resized(x, [float(each) for each in factors], None, {**node.settings, **settings})


@operator("Resize")
def _resize(
    node: Node, x: Array, _: Array | None = None, scales: Array | None = None,
    sizes: Array | None = None,
) -> Array:  # fmt: skip
    """Interpolate along axes, by factors or to sizes: nearest or linear."""
    if node.opset < 11:
        return _upsample(node, x, _)
    for name in ("antialias", "exclude_outside"):
        if node.settings.get(name, 0):
            raise NotCoveredError(f"it has {name}")
    if node.settings.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotCoveredError("it keeps the aspect ratio")
    axes = [each % x.ndim for each in node.settings.get("axes", range(x.ndim))]
    factors, counts = [1.0] * x.ndim, list(x.shape)
    if sizes is not None and sizes.size:
        for axis, count in zip(axes, known("sizes", sizes), strict=True):
            counts[axis] = int(count)
            factors[axis] = int(count) / x.shape[axis]
        return _resized(x, factors, counts, node.settings)
    if scales is None:
        raise NotCoveredError("it has neither sizes nor scales")
    for axis, scale in zip(axes, known("scales", scales), strict=True):
        factors[axis] = float(scale)
    return _resized(x, factors, None, node.settings)


def _resized(
    x: Array, factors: list[float], counts: list[int] | None, settings: Mapping[str, object]
) -> Array:
    for axis, factor in enumerate(factors):
        before = x.shape[axis]
        after = math.floor(before * factor) if counts is None else counts[axis]
        if after != before or factor != 1:
            matrix = _matrix(before, after, factor, settings)
            x = jnp().moveaxis(jnp().moveaxis(x, axis, -1) @ matrix, -1, axis)
    return x


def _matrix(before: int, after: int, factor: float, settings: Mapping[str, object]) -> FloatArray:
    """Return the weights of the values before for those after: (before, after)."""
    mode = str(settings.get("coordinate_transformation_mode", "half_pixel"))
    kind = str(settings.get("mode", "nearest"))
    if mode not in _PLACES or kind not in ("nearest", "linear"):
        raise NotCoveredError(f"it is {kind}, {mode}")
    # In single precision, as ONNX Runtime does: ties are those of its roundings.
    places = _PLACES[mode](np.arange(after, dtype=np.float32), factor, before, after)
    matrix = np.zeros((before, after), np.float32)
    columns = np.arange(after)
    if kind == "nearest":
        rounded = _ROUNDED[str(settings.get("nearest_mode", "round_prefer_floor"))](places)
        matrix[np.clip(rounded, 0, before - 1).astype(np.int64), columns] = 1
        return matrix
    places = np.clip(places, 0, before - 1)
    low = np.floor(places).astype(np.int64)
    np.add.at(matrix, (low, columns), 1 - (places - low))
    np.add.at(matrix, (np.minimum(low + 1, before - 1), columns), places - low)
    return matrix
