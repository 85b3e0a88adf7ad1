"""Transposed convolutions beside ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.networks.graphs import Builder
from tests.networks.references import assert_exact

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strided": {"strides": [2, 3]},
    "padded": {"strides": [2, 2], "pads": [1, 0, 1, 2]},
    "extended": {"strides": [3, 3], "output_padding": [1, 2]},
    "dilated": {"dilations": [2, 2]},
    "grouped": {"group": 2, "strides": [2, 2]},
    "depthwise": {"group": 4},
    "stated": {"strides": [2, 2], "output_shape": [9, 11]},
    "upper": {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    "lower": {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
    "valid": {"strides": [2, 2], "auto_pad": "VALID"},
    "stated and lower": {"strides": [2, 2], "output_shape": [8, 10], "auto_pad": "SAME_LOWER"},
    "sparse": {"strides": [4, 4]},  # wider than the kernel
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_patches_overlap_as_in_onnx_runtime(settings: dict[str, Any]) -> None:
    b = Builder((4, 4, 5))
    each = 2 if settings.get("group", 1) > 1 else 3
    outputs = each * settings.get("group", 1)
    y = b.op("ConvTranspose", "x", b.weight(4, each, 3, 3), b.weight(outputs), **settings)
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 5)).astype(np.float32)
    network = assert_exact(b.model(b.op("Relu", y)), {"x": x})
    (layer,) = network.layers
    assert layer.kind == "transposed_convolution"
    shapes = [network.shapes[name] for name in layer.inputs]
    assert layer.traffic(shapes)[0].uses == 20
    out = np.prod(network.shapes[layer.outputs[0]])
    # Nine taps of each channel at 20 positions, and a bias for each output.
    assert layer.operations(shapes) == {"addition": 20 * 9 * outputs + out, "comparison": out}


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("dimensions", [1, 3])
def test_one_and_three_dimensions(size: int, dimensions: int) -> None:
    b = Builder((3, *(4,) * dimensions))
    y = b.op("ConvTranspose", "x", b.weight(3, 2, *(size,) * dimensions), strides=[2] * dimensions)
    x = np.random.default_rng(0).standard_normal((2, 3, *(4,) * dimensions)).astype(np.float32)
    assert len(assert_exact(b.model(y), {"x": x}).layers) == 1
