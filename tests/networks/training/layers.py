"""Graphs of one layer on tiles, for each of its kinds and placements."""

from __future__ import annotations

from typing import Any

from tests.networks.graphs import Builder

_CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "strided": ((3, 7, 6), (4, 3, 3, 2), {"strides": [2, 1], "pads": [1, 0, 2, 1]}),
    "dilated": ((3, 7, 6), (4, 3, 3, 2), {"dilations": [2, 3]}),
    "grouped": ((4, 6, 5), (6, 2, 2, 3), {"group": 2, "pads": [1, 1, 0, 1]}),
    "depthwise": ((3, 6, 5), (6, 1, 2, 2), {"group": 3, "strides": [2, 2]}),
    "pointwise": ((3, 6, 5), (4, 3, 1, 1), {"strides": [2, 1]}),
    "upper": ((3, 7, 6), (4, 3, 3, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "lower": ((3, 7, 6), (4, 3, 3, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "one_dimension": ((3, 9), (4, 3, 3), {"strides": [2], "dilations": [2]}),
    "three_dimensions": ((2, 4, 5, 3), (3, 2, 2, 3, 2), {"strides": [1, 2, 1]}),
}
"""Shape of a sample, shape of the kernel, attributes."""

_TRANSPOSED: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "transposed": ((3, 4, 5), (3, 4, 3, 2), {"strides": [2, 3], "pads": [1, 0, 2, 1]}),
    "transposed_dilated": ((3, 4, 5), (3, 4, 3, 2), {"dilations": [2, 3]}),
    "transposed_grouped": (
        (4, 3, 4), (4, 3, 3, 3), {"group": 2, "strides": [2, 2], "output_padding": [1, 0]},
    ),
    "transposed_stated": ((3, 4, 5), (3, 4, 3, 2), {"strides": [2, 2], "output_shape": [9, 11]}),
    "transposed_same": ((3, 4, 5), (3, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "transposed_one_dimension": ((3, 4), (3, 4, 3), {"strides": [2]}),
}  # fmt: skip

_EQUATIONS = {"heads": ("abc,cde->abde", (6, 2, 4)), "steps": ("abc,bcd->ad", (5, 6, 4))}

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Options of XLA for functions that are called once or twice."""

GRAPHS = (*_CONVOLUTIONS, *_TRANSPOSED, "gemm", "matmul", "left", *_EQUATIONS)
"""Names of the graphs."""


def graph(name: str) -> Any:
    """Return the graph of a name as a model."""
    if name in _CONVOLUTIONS | _TRANSPOSED:
        shape, kernel, settings = (_CONVOLUTIONS | _TRANSPOSED)[name]
        b = Builder(shape)
        outputs = kernel[0]
        if name in _TRANSPOSED:
            outputs = kernel[1] * settings.get("group", 1)
        kind = "ConvTranspose" if name in _TRANSPOSED else "Conv"
        y = b.op(kind, "x", b.weight(*kernel), b.weight(outputs), **settings)
        return b.model(y if name == "grouped" else b.op("Relu", y))
    b = Builder((6,) if name == "gemm" else (6, 5) if name == "left" else (5, 6))
    if name == "gemm":
        y = b.op("Relu", b.op("Gemm", "x", b.weight(6, 4), b.weight(4), alpha=0.5))
    elif name == "matmul":
        y = b.op("Add", b.op("MatMul", "x", b.weight(6, 4)), b.weight(4))
    elif name == "left":
        y = b.op("MatMul", b.weight(4, 6), "x")
    else:
        equation, shape = _EQUATIONS[name]
        y = b.op("Einsum", "x", b.weight(*shape), equation=equation)
    return b.model(y)
