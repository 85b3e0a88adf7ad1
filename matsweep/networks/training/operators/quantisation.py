"""Quantised activations: rounded and limited, with the gradient of what is only limited."""

from __future__ import annotations

import numpy as np

from matsweep.networks.libraries import onnx
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import Node, NotCoveredError, jnp, operator
from matsweep.networks.training.parameters import Array


@operator("QuantizeLinear")
def _quantise(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """Return whole numbers, as numbers of floating point that have a gradient.

    Round(x / scale) + zero point, within the range of its type; straight through the rounding.
    """
    low, high = _range(node, zero)
    exact = x / _along(node, x, scale)
    shift = 0 if zero is None else _along(node, x, zero).astype(np.float32)
    rounded = exact + jax().lax.stop_gradient(jnp().round(exact) - exact)
    return jnp().clip(rounded + shift, low, high)


@operator("DequantizeLinear")
def _dequantise(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """Return (q - zero point) · scale."""
    shift = 0 if zero is None else _along(node, x, zero).astype(np.float32)
    return (x - shift) * _along(node, x, scale)


def _along(node: Node, x: Array, values: Array) -> Array:
    """Return one value, or values along an axis, as factors of a tensor."""
    if node.settings.get("block_size", 0) or values.ndim > 1:
        raise NotCoveredError("its scales are those of blocks")
    if values.ndim == 0 or values.shape[0] == 1:
        return values.reshape(())
    shape = [1] * x.ndim
    shape[node.settings.get("axis", 1)] = -1
    return values.reshape(shape)


def _range(node: Node, zero: Array | None) -> tuple[int, int]:
    kind = node.settings.get("output_dtype", 0)
    dtype = np.dtype(np.uint8)
    if zero is not None:
        dtype = np.dtype(zero.dtype)
    elif kind:
        dtype = np.dtype(onnx().helper.tensor_dtype_to_np_dtype(kind))
    if dtype.kind not in "iu":
        raise NotCoveredError(f"it writes {dtype}")
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
