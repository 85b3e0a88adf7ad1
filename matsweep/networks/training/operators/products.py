"""Products that stay digital: matrices, convolutions, attention."""

from __future__ import annotations

from matsweep.networks.layers.grid import Kernel
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import Node, NotCoveredError, jnp, operator
from matsweep.networks.training.parameters import Array


@operator("MatMul")
def _matmul(_: Node, a: Array, b: Array) -> Array:
    """Multiply matrices."""
    return jnp().matmul(a, b)


@operator("Gemm")
def _gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    """Return α A B + β C."""
    a = a.T if node.settings.get("transA", 0) else a
    b = b.T if node.settings.get("transB", 0) else b
    product = node.settings.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.settings.get("beta", 1.0) * c


@operator("Einsum")
def _einsum(node: Node, *inputs: Array) -> Array:
    """Sum products over indices."""
    return jnp().einsum(node.settings["equation"], *inputs)


@operator("Conv")
def _convolve(node: Node, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Convolve."""
    kernel = _kernel(node, weight)
    before, after = kernel.padding(x.shape[2:])
    y = jax().lax.conv_general_dilated(
        x,
        weight,
        kernel.strides,
        tuple(zip(before, after, strict=True)),
        rhs_dilation=kernel.dilations,
        feature_group_count=node.settings.get("group", 1),
    )
    return y if bias is None else y + bias.reshape(-1, *(1,) * (x.ndim - 2))


@operator("ConvTranspose")
def _convolve_transposed(node: Node, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Convolve the input, spread out by the strides, with the kernel turned around."""
    kernel, groups = _kernel(node, weight), node.settings.get("group", 1)
    borders = [
        (span - 1 - cut, size + cut - ((count - 1) * stride + 1))
        for span, stride, count, (cut, size) in zip(
            kernel.spans, kernel.strides, x.shape[2:], _cuts(node, kernel, x), strict=True
        )
    ]
    inputs, each, *sizes = weight.shape
    turned = jnp().flip(weight, tuple(range(2, weight.ndim)))
    turned = turned.reshape(groups, inputs // groups, each, *sizes).swapaxes(1, 2)
    y = jax().lax.conv_general_dilated(
        x,
        turned.reshape(groups * each, inputs // groups, *sizes),
        (1,) * len(sizes),
        borders,
        lhs_dilation=kernel.strides,
        rhs_dilation=kernel.dilations,
        feature_group_count=groups,
    )
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(sizes))


def _cuts(node: Node, kernel: Kernel, x: Array) -> list[tuple[int, int]]:
    """Return for each axis the values that are cut off before the output, and its size."""
    stated = node.settings.get("output_shape")
    extra = node.settings.get("output_padding", (0,) * len(kernel.sizes))
    cuts = []
    for axis, count in enumerate(x.shape[2:]):
        stride = kernel.strides[axis]
        full = (count - 1) * stride + kernel.spans[axis] + extra[axis]
        if not stated and not kernel.same:
            before = kernel.before[axis]
            cuts.append((before, full - before - kernel.after[axis]))
            continue
        size = stated[-len(kernel.sizes) :][axis] if stated else count * stride
        border = max(full - size, 0)
        cuts.append((border // 2 if kernel.same == "upper" else border - border // 2, size))
    return cuts


def _kernel(node: Node, weight: Array) -> Kernel:
    kernel = Kernel.of(node.settings, tuple(weight.shape[2:]))
    if kernel is None:
        raise NotCoveredError("its padding is negative")
    return kernel
