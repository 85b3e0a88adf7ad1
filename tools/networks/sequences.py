"""Networks for series of 40 points: convolutions, an LSTM and a transformer encoder."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from graph import Graph
from learning import Parameters, glorot, he

CONVOLUTIONS = (("conv1", 1, 16), ("conv2", 16, 24), ("conv3", 24, 32))
_KERNEL = 5
HIDDEN = 32  # units of the LSTM in each direction
WIDTH, HEADS, TOKENS, BLOCKS, INNER = 32, 4, 20, 2, 64
_EPSILON = 1e-5  # of layer normalisation
_MIDDLE, _GAIN = 0.5, 8.0
"""Series become (x - 0.5) · 8 in the network, which its first products then see in both signs.

Without it the first weights would have to cancel the common 0.5, and errors of devices would not.
"""


def vary(key: Any, series: Any) -> Any:
    """Scale, tilt and shift series (sample, point) at random, and add noise."""
    keys = jax.random.split(key, 5)
    count, length = series.shape
    gain = 1 + 0.15 * jax.random.uniform(keys[0], (count, 1), minval=-1, maxval=1)
    slope = 0.12 * jax.random.uniform(keys[1], (count, 1), minval=-1, maxval=1)
    tilted = 0.5 + gain * (series - 0.5) + slope * jnp.linspace(-1, 1, length)
    shift = jax.random.randint(keys[2], (count, 1), -3, 4)
    index = jnp.clip(jnp.arange(length) + shift, 0, length - 1)
    shifted = jnp.take_along_axis(tilted, index, axis=1)
    return shifted + 0.02 * jax.random.normal(keys[3], series.shape)


def _centred(x: Any) -> Any:
    return (x - _MIDDLE) * _GAIN


def _write_centred(graph: Graph) -> str:
    x = graph.add("Sub", "input", graph.weight("middle", np.array(_MIDDLE)), name="centred")
    return graph.add("Mul", x, graph.weight("gain", np.array(_GAIN)), name="scaled")


def _convolve(x: Any, weight: Any, stride: int) -> Any:
    around = [(weight.shape[0] // 2, weight.shape[0] // 2)]
    return jax.lax.conv_general_dilated(
        x, weight, (stride,), around, dimension_numbers=("NWC", "WIO", "NWC")
    )


# ---------------------------------------------------------------------------- convolutions


def cnn_start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters."""
    p: Parameters = {}
    for name, before, after in CONVOLUTIONS:
        p |= {f"{name}.weight": he(rng, _KERNEL, before, after), f"{name}.bias": np.zeros(after)}
    inputs = 5 * CONVOLUTIONS[-1][2]
    return p | {"fc.weight": he(rng, inputs, 10) / 4, "fc.bias": np.zeros(10)}


def cnn(p: Parameters, x: Any) -> Any:
    """Return the logits of series (sample, point)."""
    x = _centred(x)[..., None]
    for name, _, _ in CONVOLUTIONS:
        x = jax.nn.relu(_convolve(x, p[f"{name}.weight"], 2) + p[f"{name}.bias"])
    return x.transpose(0, 2, 1).reshape(len(x), -1) @ p["fc.weight"] + p["fc.bias"]


def write_cnn(graph: Graph, p: Parameters, _: Any) -> str:
    """Add the nodes; return the name of the logits."""
    x = graph.add(
        "Unsqueeze", _write_centred(graph), graph.weight("channel", np.array([1])), name="unsqueeze"
    )
    for name, _, _ in CONVOLUTIONS:
        x = graph.convolve(
            x, name, p[f"{name}.weight"], p[f"{name}.bias"], pads=[_KERNEL // 2] * 2, strides=[2]
        )
        x = graph.add("Relu", x, name=f"{name}.relu")
    return graph.dense(graph.add("Flatten", x, name="flatten"), "fc", p["fc.weight"], p["fc.bias"])


# ------------------------------------------------------------------------------------ LSTM


def lstm_start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters; gates in the order of ONNX: input, output, forget, cell."""
    p: Parameters = {}
    for way in ("forward", "backward"):
        own = [np.linalg.qr(rng.normal(size=(HIDDEN, HIDDEN)))[0] for _ in range(4)]
        p[f"{way}.input"] = glorot(rng, 1, 4 * HIDDEN) * 2
        p[f"{way}.recurrent"] = np.concatenate(own, axis=1)
        p[f"{way}.bias"] = np.repeat([0.0, 0.0, 1.0, 0.0], HIDDEN)  # remember at first
    return p | {"fc.weight": glorot(rng, 2 * HIDDEN, 10), "fc.bias": np.zeros(10)}


def _last_state(p: Parameters, way: str, steps: Any) -> Any:
    """Return the hidden state behind the last of the steps (step, sample)."""
    zeros = jnp.zeros((steps.shape[1], HIDDEN))

    def step(carried: Any, x: Any) -> Any:
        h, c = carried
        gates = x[:, None] * p[f"{way}.input"] + h @ p[f"{way}.recurrent"] + p[f"{way}.bias"]
        i, o, f, g = jnp.split(gates, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    (h, _), _ = jax.lax.scan(step, (zeros, zeros), steps)
    return h


def lstm(p: Parameters, x: Any) -> Any:
    """Return the logits of series (sample, point)."""
    x = _centred(x)
    states = [_last_state(p, "forward", x.T), _last_state(p, "backward", x.T[::-1])]
    return jnp.concatenate(states, axis=1) @ p["fc.weight"] + p["fc.bias"]


def write_lstm(graph: Graph, p: Parameters, _: Any) -> str:
    """Add the nodes; return the name of the logits."""
    ways = ("forward", "backward")

    def both(part: str) -> np.ndarray:
        return np.stack([np.asarray(p[f"{way}.{part}"]) for way in ways])

    x = graph.add("Transpose", _write_centred(graph), name="steps", perm=[1, 0])
    x = graph.add("Unsqueeze", x, graph.weight("feature", np.array([2])), name="unsqueeze")
    bias = np.concatenate([both("bias"), np.zeros((2, 4 * HIDDEN))], axis=1)
    weights = [
        graph.weight("lstm.input", both("input").swapaxes(1, 2)),
        graph.weight("lstm.recurrent", both("recurrent").swapaxes(1, 2)),
        graph.weight("lstm.bias", bias),
    ]
    x = graph.add(
        "LSTM", x, *weights, name="lstm", outputs=2, hidden_size=HIDDEN, direction="bidirectional"
    )
    x = graph.add("Transpose", x, name="samples", perm=[1, 0, 2])
    return graph.dense(graph.add("Flatten", x, name="flatten"), "fc", p["fc.weight"], p["fc.bias"])


# ----------------------------------------------------------------------------- transformer


def transformer_start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters."""
    p: Parameters = {
        "embedding.weight": he(rng, _KERNEL, 1, WIDTH), "embedding.bias": np.zeros(WIDTH),
        "position": 0.02 * rng.normal(size=(TOKENS, WIDTH)),
    }  # fmt: skip
    norms = ["norm"]
    for block in (f"block{number + 1}" for number in range(BLOCKS)):
        sizes = dict.fromkeys(("query", "key", "value", "attended"), (WIDTH, WIDTH))
        sizes |= {"inner": (WIDTH, INNER), "outer": (INNER, WIDTH)}
        for part, shape in sizes.items():
            p[f"{block}.{part}.weight"] = glorot(rng, *shape)
            p[f"{block}.{part}.bias"] = np.zeros(shape[1])
        norms += [f"{block}.norm1", f"{block}.norm2"]
    for name in norms:
        p |= {f"{name}.gain": np.ones(WIDTH), f"{name}.shift": np.zeros(WIDTH)}
    return p | {"fc.weight": glorot(rng, WIDTH, 10), "fc.bias": np.zeros(10)}


def transformer(p: Parameters, x: Any) -> Any:
    """Return the logits of series (sample, point)."""

    def project(x: Any, name: str) -> Any:
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        spread = jnp.sqrt(jnp.square(centred).mean(-1, keepdims=True) + _EPSILON)
        return centred / spread * p[f"{name}.gain"] + p[f"{name}.shift"]

    def heads(x: Any) -> Any:
        return x.reshape(len(x), TOKENS, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    x = (
        _convolve(_centred(x)[..., None], p["embedding.weight"], 2)
        + p["embedding.bias"]
        + p["position"]
    )
    for block in (f"block{number + 1}" for number in range(BLOCKS)):
        y = norm(x, f"{block}.norm1")
        q, k, v = (heads(project(y, f"{block}.{part}")) for part in ("query", "key", "value"))
        attention = jax.nn.softmax(q @ k.swapaxes(2, 3) / np.sqrt(WIDTH / HEADS))
        y = (attention @ v).transpose(0, 2, 1, 3).reshape(len(x), TOKENS, WIDTH)
        x = x + project(y, f"{block}.attended")
        y = project(norm(x, f"{block}.norm2"), f"{block}.inner")
        x = x + project(jax.nn.gelu(y, approximate=False), f"{block}.outer")
    return project(norm(x, "norm").mean(1), "fc")


def write_transformer(graph: Graph, p: Parameters, _: Any) -> str:
    """Add the nodes; return the name of the logits."""

    def project(x: str, name: str) -> str:
        return graph.project(x, name, p[f"{name}.weight"], p[f"{name}.bias"])

    def norm(x: str, name: str) -> str:
        weights = [
            graph.weight(f"{name}.{part}", p[f"{name}.{part}"]) for part in ("gain", "shift")
        ]
        return graph.add("LayerNormalization", x, *weights, name=name, axis=-1, epsilon=_EPSILON)

    x = graph.add(
        "Unsqueeze", _write_centred(graph), graph.weight("channel", np.array([1])), name="unsqueeze"
    )
    x = graph.convolve(
        x, "embedding", p["embedding.weight"], p["embedding.bias"], pads=[_KERNEL // 2] * 2,
        strides=[2],
    )  # fmt: skip
    x = graph.add("Transpose", x, name="tokens", perm=[0, 2, 1])
    x = graph.add("Add", x, graph.weight("position", p["position"]), name="positions")
    graph.weight("heads", np.array([0, TOKENS, HEADS, WIDTH // HEADS]))
    graph.weight("width", np.array([0, TOKENS, WIDTH]))
    graph.weight("root", np.array(np.sqrt(WIDTH / HEADS)))
    graph.weight("sqrt2", np.array(np.sqrt(2)))
    graph.weight("one", np.array(1.0))
    graph.weight("half", np.array(0.5))
    for block in (f"block{number + 1}" for number in range(BLOCKS)):
        x = _write_block(graph, block, x, project, norm)
    x = graph.add("ReduceMean", norm(x, "norm"), name="mean", axes=[1], keepdims=0)
    return graph.dense(x, "fc", p["fc.weight"], p["fc.bias"])


def _write_block(graph: Graph, block: str, x: str, project: Any, norm: Any) -> str:
    """Add a block of attention and a perceptron, each with a path around it."""
    y = norm(x, f"{block}.norm1")
    parts = {}
    for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        name = f"{block}.{part}"
        parts[part] = graph.add("Reshape", project(y, name), "heads", name=f"{name}.reshape")
        parts[part] = graph.add("Transpose", parts[part], name=f"{name}.heads", perm=perm)
    y = graph.add("MatMul", parts["query"], parts["key"], name=f"{block}.scores")
    y = graph.add("Div", y, "root", name=f"{block}.scaled")
    y = graph.add("Softmax", y, name=f"{block}.attention", axis=-1)
    y = graph.add("MatMul", y, parts["value"], name=f"{block}.weighted")
    y = graph.add("Transpose", y, name=f"{block}.tokens", perm=[0, 2, 1, 3])
    y = graph.add("Reshape", y, "width", name=f"{block}.joined")
    x = graph.add("Add", x, project(y, f"{block}.attended"), name=f"{block}.add1")
    y = project(norm(x, f"{block}.norm2"), f"{block}.inner")
    share = graph.add("Div", y, "sqrt2", name=f"{block}.divided")
    share = graph.add("Erf", share, name=f"{block}.erf")
    share = graph.add("Add", share, "one", name=f"{block}.raised")
    share = graph.add("Mul", share, "half", name=f"{block}.halved")
    y = graph.add("Mul", y, share, name=f"{block}.gelu")
    return graph.add("Add", x, project(y, f"{block}.outer"), name=f"{block}.add2")
