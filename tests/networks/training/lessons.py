"""Small networks and samples to train them on."""

from __future__ import annotations

import functools

import numpy as np

from matsweep.networks.load import build
from matsweep.networks.selection import Selection
from matsweep.networks.training.loop import Lessons
from tests.networks.graphs import Builder

INPUTS, HIDDEN, CLASSES = 12, 16, 4


@functools.cache
def perceptron(*last, seed=1):
    """A perceptron with random weights, behind whose logits further operators may follow."""
    b = Builder((INPUTS,), seed=seed)
    x = b.op("Relu", b.op("Gemm", "x", b.weight(INPUTS, HIDDEN), b.weight(HIDDEN), name="hidden"))
    x = b.op("Gemm", x, b.weight(HIDDEN, CLASSES), b.weight(CLASSES), name="last")
    for kind in last:
        x = b.op(kind, x)
    return build("perceptron", b.model(x), Selection())


def lessons(network, samples=96, *, labels=True, targets=False, seed=0):
    """Samples whose class is that of a random linear map; targets are the map's values."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, INPUTS)).astype(np.float32)
    y = x @ rng.standard_normal((INPUTS, CLASSES)).astype(np.float32)
    return Lessons(
        inputs={"x": x},
        labels=y.argmax(axis=1) if labels else None,
        targets=y if targets else None,
        calibration={"x": x[::3]},
        output=network.outputs[0].name,
    )


def bits(trained):
    """All numbers of a result as bytes."""
    arrays = [each[name] for each in trained.parameters for name in sorted(each)]
    return b"".join(np.ascontiguousarray(each).tobytes() for each in (*arrays, trained.losses))
