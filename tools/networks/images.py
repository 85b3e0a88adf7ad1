"""Networks for images of 28 × 28 pixels: LeNet-5 and a residual network."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from graph import Graph
from learning import Parameters, he

SIDE = 28
_EPSILON = 1e-5  # of batch normalisation
BLOCKS = (("block1", 16, 16, 1), ("block2", 16, 24, 2), ("block3", 24, 32, 2))
"""Name, channels before and after, and stride of the residual blocks."""


def _convolve(x: Any, weight: Any, stride: int = 1, padding: Any = "VALID") -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, weight, (stride, stride), padding, dimension_numbers=layout
    )


def _pool(x: Any) -> Any:
    """Take the largest of 2 × 2 pixels."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


# ------------------------------------------------------------------------------------- LeNet-5


def lenet_start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters: 61,706."""
    sizes = {
        "conv1": (5, 5, 1, 6), "conv2": (5, 5, 6, 16), "fc1": (400, 120), "fc2": (120, 84),
        "fc3": (84, 10),
    }  # fmt: skip
    weights = {f"{name}.weight": he(rng, *shape) for name, shape in sizes.items()}
    return weights | {f"{name}.bias": np.zeros(shape[-1]) for name, shape in sizes.items()}


def lenet(p: Parameters, x: Any) -> Any:
    """Return the logits of images (sample, pixel)."""
    x = x.reshape(-1, SIDE, SIDE, 1)
    around = ((2, 2), (2, 2))
    x = _pool(jax.nn.relu(_convolve(x, p["conv1.weight"], 1, around) + p["conv1.bias"]))
    x = _pool(jax.nn.relu(_convolve(x, p["conv2.weight"]) + p["conv2.bias"]))
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)  # channel by channel, as in the file
    for name in ("fc1", "fc2"):
        x = jax.nn.relu(x @ p[f"{name}.weight"] + p[f"{name}.bias"])
    return x @ p["fc3.weight"] + p["fc3.bias"]


def write_lenet(graph: Graph, p: Parameters, _: Any) -> str:
    """Add the nodes; return the name of the logits."""
    x = "input"
    for name, pads in (("conv1", [2, 2, 2, 2]), ("conv2", [0, 0, 0, 0])):
        x = graph.convolve(x, name, p[f"{name}.weight"], p[f"{name}.bias"], pads=pads)
        x = graph.add("Relu", x, name=f"{name}.relu")
        x = graph.add("MaxPool", x, name=f"{name}.pool", kernel_shape=[2, 2], strides=[2, 2])
    x = graph.add("Flatten", x, name="flatten")
    for name in ("fc1", "fc2"):
        x = graph.dense(x, name, p[f"{name}.weight"], p[f"{name}.bias"])
        x = graph.add("Relu", x, name=f"{name}.relu")
    return graph.dense(x, "fc3", p["fc3.weight"], p["fc3.bias"])


# ---------------------------------------------------------------------------- residual network


def _normalised() -> list[tuple[str, tuple[int, ...]]]:
    """Return name and shape of the convolutions, each with batch normalisation behind it."""
    layers: list[tuple[str, tuple[int, ...]]] = [("stem", (3, 3, 1, 16))]
    for name, before, after, stride in BLOCKS:
        layers += [
            (f"{name}.conv1", (3, 3, before, after)),
            (f"{name}.conv2", (3, 3, after, after)),
        ]
        if stride > 1:
            layers.append((f"{name}.shortcut", (1, 1, before, after)))
    return layers


def resnet_start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters; gains behind a block's second convolution begin at 0."""
    p: Parameters = {}
    for name, shape in _normalised():
        p[f"{name}.weight"] = he(rng, *shape)
        p[f"{name}.gain"] = np.full(shape[-1], 0.0 if name.endswith("conv2") else 1.0)
        p[f"{name}.shift"] = np.zeros(shape[-1])
    return p | {"fc.weight": he(rng, BLOCKS[-1][2], 10) / 4, "fc.bias": np.zeros(10)}


def _resnet(p: Parameters, x: Any) -> tuple[Any, dict[str, tuple[Any, Any]]]:
    """Return logits, and mean and variance of each convolution's channels in the batch."""
    moments: dict[str, tuple[Any, Any]] = {}

    def normalised(x: Any, name: str, stride: int) -> Any:
        side = p[f"{name}.weight"].shape[0] // 2
        x = _convolve(x, p[f"{name}.weight"], stride, ((side, side), (side, side)))
        mean, variance = moments[name] = x.mean((0, 1, 2)), x.var((0, 1, 2))
        gain = p[f"{name}.gain"] * jax.lax.rsqrt(variance + _EPSILON)
        return (x - mean) * gain + p[f"{name}.shift"]

    x = jax.nn.relu(normalised(x.reshape(-1, SIDE, SIDE, 1), "stem", 2))
    for name, _, _, stride in BLOCKS:
        inside = jax.nn.relu(normalised(x, f"{name}.conv1", stride))
        inside = normalised(inside, f"{name}.conv2", 1)
        around = normalised(x, f"{name}.shortcut", stride) if stride > 1 else x
        x = jax.nn.relu(inside + around)
    return x.mean((1, 2)) @ p["fc.weight"] + p["fc.bias"], moments


def resnet(p: Parameters, x: Any) -> Any:
    """Return the logits of images (sample, pixel), normalised by their batch."""
    return _resnet(p, x)[0]


def write_resnet(graph: Graph, p: Parameters, inputs: Any) -> str:
    """Add the nodes, with the statistics of all training images; return the name of the logits."""
    _, moments = jax.jit(_resnet)(p, inputs)

    def normalised(x: str, name: str, stride: int) -> str:
        side = p[f"{name}.weight"].shape[0] // 2
        x = graph.convolve(x, name, p[f"{name}.weight"], pads=[side] * 4, strides=[stride, stride])
        mean, variance = moments[name]
        parts = {"gain": p[f"{name}.gain"], "shift": p[f"{name}.shift"]}
        parts |= {"mean": mean, "variance": variance}
        weights = [graph.weight(f"{name}.{part}", values) for part, values in parts.items()]
        return graph.add("BatchNormalization", x, *weights, name=f"{name}.norm", epsilon=_EPSILON)

    x = graph.add("Relu", normalised("input", "stem", 2), name="stem.relu")
    for name, _, _, stride in BLOCKS:
        inside = normalised(x, f"{name}.conv1", stride)
        inside = graph.add("Relu", inside, name=f"{name}.conv1.relu")
        inside = normalised(inside, f"{name}.conv2", 1)
        around = normalised(x, f"{name}.shortcut", stride) if stride > 1 else x
        x = graph.add("Add", inside, around, name=f"{name}.add")
        x = graph.add("Relu", x, name=f"{name}.relu")
    x = graph.add("GlobalAveragePool", x, name="pool")
    return graph.dense(graph.add("Flatten", x, name="flatten"), "fc", p["fc.weight"], p["fc.bias"])


# ------------------------------------------------------------------------ variation of images


def vary(key: Any, images: Any) -> Any:
    """Turn, scale, shear, shift and bend images (sample, pixel) at random.

    Turns up to 12°, scales and shears to 10 %, shifts to 2 pixels; a smooth field of
    displacements of 0.6 pixels rms (P. Y. Simard, D. Steinkraus, J. C. Platt, Proc. ICDAR 2003,
    958, doi:10.1109/ICDAR.2003.1227801).
    """
    count = len(images)
    keys = jax.random.split(key, 3)
    turn, scale, shear, other = jax.random.uniform(keys[0], (4, count, 1), minval=-1, maxval=1)
    shift = jax.random.uniform(keys[1], (2, count, 1), minval=-2, maxval=2)
    coarse = 0.9 * jax.random.normal(keys[2], (2, count, 5, 5))
    bend = jax.image.resize(coarse, (2, count, SIDE, SIDE), "cubic").reshape(2, count, -1)
    turn, scale, shear, other = turn * jnp.pi / 15, 1 + scale / 10, shear / 10, 1 + other / 10
    row, column = jnp.indices((SIDE, SIDE)).reshape(2, 1, -1) - (SIDE - 1) / 2
    cos, sin = jnp.cos(turn), jnp.sin(turn)
    rows = scale * (cos * row - sin * column) + shear * column + shift[0] + bend[0]
    columns = other * (sin * row + cos * column) + shift[1] + bend[1]
    return _interpolated(images.reshape(-1, SIDE, SIDE), rows + (SIDE - 1) / 2,
                         columns + (SIDE - 1) / 2)  # fmt: skip


def shift(key: Any, images: Any) -> Any:
    """Shift images (sample, pixel) by up to 2 pixels each way at random."""
    padded = jnp.pad(images.reshape(-1, SIDE, SIDE), ((0, 0), (2, 2), (2, 2)))
    corners = jax.random.randint(key, (len(images), 2), 0, 5)
    cut = jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, corner, (SIDE, SIDE)))
    return cut(padded, corners).reshape(images.shape)


def _interpolated(images: Any, rows: Any, columns: Any) -> Any:
    """Interpolate linearly between pixels; 0 outside."""
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, columns = (jnp.clip(each + 1, 0, SIDE + 0.999) for each in (rows, columns))
    r, c = jnp.floor(rows).astype(int), jnp.floor(columns).astype(int)
    dr, dc = rows - r, columns - c
    flat = padded.reshape(len(images), -1)

    def at(r: Any, c: Any) -> Any:
        return jnp.take_along_axis(flat, r * (SIDE + 2) + c, axis=1)

    above = (1 - dc) * at(r, c) + dc * at(r, c + 1)
    below = (1 - dc) * at(r + 1, c) + dc * at(r + 1, c + 1)
    return (1 - dr) * above + dr * below
