"""Train the networks in `matsweep/networks/shipped`, and write their files.

    python tools/networks/train.py                       # all: minutes
    python tools/networks/train.py lenet_mnist cnn_series
    python tools/networks/train.py lenet_mnist_full --mnist FOLDER  # the four files of MNIST

Needs the extra `networks` and the dependency group `train` (jax, optax), which the package itself
never imports. A run on one machine gives the same file each time; on other processors or with other
versions of jax last digits differ, and with them the weights. The held-out samples decide nothing:
the number of epochs is fixed.
"""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Before jax is imported: sums of several threads are in no fixed order.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import images
import numpy as np
import onnxruntime
import sequences
from graph import Graph
from learning import Recipe, train

from matsweep.core.codec import build
from matsweep.datasets import Dataset

FOLDER = Path(__file__).resolve().parents[2] / "matsweep" / "networks" / "shipped"
SEED = 1
_LENET = Recipe(
    description="LeNet-5 with ReLU and max pooling, trained on 4,000 images of MNIST",
    data={"kind": "mnist_5000"}, shape=(1, 28, 28), start=images.lenet_start,
    forward=images.lenet, write=images.write_lenet, vary=images.vary, epochs=120,
)  # fmt: skip
_SERIES = {"data": {"kind": "series"}, "shape": (40,), "vary": sequences.vary}
RECIPES = {
    "lenet_mnist": _LENET,
    "lenet_mnist_full": replace(
        _LENET, description="LeNet-5 with ReLU and max pooling, trained on all 60,000 images of "
        "MNIST", data={"kind": "mnist"}, vary=images.shift, epochs=15,
    ),
    "resnet_mnist": Recipe(
        description="Residual network of 3 blocks with batch normalisation, trained on 4,000 "
        "images of MNIST",
        data={"kind": "mnist_5000"}, shape=(1, 28, 28), start=images.resnet_start,
        forward=images.resnet, write=images.write_resnet, vary=images.vary, epochs=60,
    ),
    "cnn_series": Recipe(
        description="Three 1-D convolutions, trained on 4,000 series",
        start=sequences.cnn_start, forward=sequences.cnn, write=sequences.write_cnn, epochs=150,
        **_SERIES,
    ),
    "lstm_series": Recipe(
        description="LSTM in both directions, 32 units each, trained on 4,000 series",
        start=sequences.lstm_start, forward=sequences.lstm, write=sequences.write_lstm, epochs=150,
        rate=5e-3, **_SERIES,
    ),
    "transformer_series": Recipe(
        description="Transformer encoder of 2 blocks of width 32, trained on 4,000 series",
        start=sequences.transformer_start, forward=sequences.transformer,
        write=sequences.write_transformer, epochs=150, decay=0.05, **_SERIES,
    ),
}  # fmt: skip


def make(name: str, mnist: str | None) -> None:
    """Train one network and write its file."""
    recipe = RECIPES[name]
    print(f"{name}: {recipe.description}", flush=True)
    place = {"folder": mnist} if recipe.data["kind"] == "mnist" else {}
    samples = build(Dataset, {**recipe.data, **place}).load()
    parameters = train(recipe, samples.train_inputs, samples.train_labels, SEED)

    def model(facts: dict[str, str]) -> bytes:
        graph = Graph(name, recipe.shape)
        output = recipe.write(graph, parameters, samples.train_inputs)
        return graph.model(output, 10, facts).SerializeToString()

    inputs = samples.test_inputs.reshape(-1, *recipe.shape)
    right = predicted(model({}), inputs) == samples.test_labels
    facts = {
        "description": recipe.description,
        "data": "{" + ", ".join(f"{key}: {value}" for key, value in recipe.data.items()) + "}",
        "accuracy": f"{right.mean():.6g}",
        "samples": str(len(right)),
        "command": shlex.join(["python", "tools/networks/train.py", name]),
        "versions": ", ".join(f"{each} {version(each)}" for each in ("jax", "optax", "numpy")),
    }
    path = FOLDER / f"{name}.onnx"
    path.write_bytes(model(facts))
    weights = sum(each.size for each in parameters.values())
    print(f"  accuracy {right.mean():.4f}, {weights:,} parameters, {path.stat().st_size:,} bytes")


def predicted(model: bytes, inputs: Any) -> Any:
    """Classes that ONNX Runtime computes on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"input": inputs.astype(np.float32)})
    return np.argmax(logits, axis=1)


def main() -> None:
    """Read the command line, and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--mnist", metavar="FOLDER", help="of MNIST's files; else downloaded")
    given = parser.parse_args()
    if unknown := set(given.names) - set(RECIPES):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(RECIPES)}")
    FOLDER.mkdir(exist_ok=True)
    for name in given.names or RECIPES:
        make(name, given.mnist)


if __name__ == "__main__":
    main()
