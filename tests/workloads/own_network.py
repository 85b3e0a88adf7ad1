"""A small network and its samples, as a user would bring them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import matsweep
from tests.networks.graphs import Builder, saved

SHAPE = (2, 8, 8)
CLASSES = 4


def model(width: int = 6, seed: int = 0) -> Any:
    """Return a graph of two convolutions and a classifier, with random weights."""
    b = Builder(SHAPE, seed=seed)
    x = b.op("Relu", b.conv("x", (2, width), pads=[1] * 4, name="first"))
    x = b.op("Relu", b.conv(x, (width, 8), strides=[2, 2], name="second"))
    # Weights of a class that sum to zero: its positive inputs favour none.
    weight = b.rng.standard_normal((8 * 9, CLASSES)).astype(np.float32)
    weight -= weight.mean(axis=0)
    x = b.op("Flatten", x)
    return b.model(b.op("Gemm", x, b.constant(weight), name="classifier"))


def images(count: int, seed: int = 1) -> np.ndarray:
    """Return random images."""
    return np.random.default_rng(seed).standard_normal((count, *SHAPE)).astype(np.float32)


def own_network(folder: Path, *, samples: int = 60, labelled: bool = True) -> dict[str, Any]:
    """Write a network and samples, and return the settings of a workload with them.

    Labels are the network's own classes, but for every sixth sample.

    Parameters
    ----------
    folder : Path
    samples : int
    labelled : bool

    Returns
    -------
    dict
    """
    path, data = folder / "net.onnx", folder / f"data_{samples}_{labelled}.npz"
    if not path.exists():
        saved(model(), folder)
    if not data.exists():
        inputs = images(samples)
        labels = np.asarray(matsweep.load_network(path)(inputs)).argmax(axis=-1)
        labels[::6] = (labels[::6] + 1) % CLASSES
        np.savez(data, inputs=inputs, **({"labels": labels} if labelled else {}))
    return {"kind": "onnx", "model": str(path), "data": str(data)}


@functools.cache
def network_folder() -> Path:
    """Return a folder that lasts as long as the process."""
    folder = Path(tempfile.mkdtemp(prefix="matsweep-network-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
