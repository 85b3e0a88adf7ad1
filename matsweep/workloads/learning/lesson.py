"""The lesson that candidates share: data, and the network trained in floating point."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from matsweep.core.cache import cache_folder, keep
from matsweep.core.checks import UserError, within
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import IntArray, Samples
from matsweep.workloads.learning.convolution import image_of
from matsweep.workloads.learning.layers import Layer, network
from matsweep.workloads.learning.settings import Training


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """Data to learn from, and the network that floating point trains on them.

    Parameters
    ----------
    samples : Samples
    layers : tuple of Layer
    signed : tuple of bool
        Whether each layer's inputs have both signs.
    weights : tuple of (row, column) float32 arrays
        Trained in floating point by plain gradient descent, as the devices are to learn.
    float_accuracy : float
        Of these weights, on the held-out samples.
    digest : str
        Hash of the samples and weights.
    """

    samples: Samples
    layers: tuple[Layer, ...]
    signed: tuple[bool, ...]
    weights: tuple[FloatArray, ...]
    float_accuracy: float
    digest: str

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows (with a bias) and columns of each layer."""
        return tuple(layer.shape for layer in self.layers)


def lesson(workload: Training, key: str) -> Lesson:
    """Load the data of a workload, and train its network in floating point, or load that too.

    Parameters
    ----------
    workload : Training
    key : str
        Hash of all that decides the weights: their name in the cache.

    Returns
    -------
    Lesson

    Raises
    ------
    UserError
        If devices are to begin with weights that diverged, the data cannot be read, or their images
        are too small for the convolutions.
    """
    with within("workload.data"):
        samples = workload.data.load()
    with within("workload"):
        layers = layers_of(workload, samples)
    path = cache_folder() / f"lesson-{key}.npz"
    weights = _load(path, len(layers))
    if weights is None:
        with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore"):
            weights = trained(workload, layers, samples, np.random.default_rng(0))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{f"w{i}": w for i, w in enumerate(weights)})
        keep(path.name, buffer.getvalue())
    if workload.start == "trained" and not all(np.isfinite(w).all() for w in weights):
        raise UserError(
            "workload.learning_rate is too large for start=trained: the network diverged in "
            f"floating point, got {list(workload.learning_rate)}"
        )
    hashed = hashlib.blake2b(digest_size=16)
    for array in (*samples, *weights):
        hashed.update(str(array.shape).encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    signed = (False, *(workload.activation == "tanh" for _ in layers[1:]))
    return Lesson(
        samples=samples,
        layers=layers,
        signed=signed,
        weights=weights,
        float_accuracy=accuracy(
            workload, layers, weights, samples.test_inputs, samples.test_labels
        ),
        digest=hashed.hexdigest(),
    )


def _load(path: Path, layers: int) -> tuple[FloatArray, ...] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return tuple(kept[f"w{index}"] for index in range(layers))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def layers_of(workload: Training, samples: Samples) -> tuple[Layer, ...]:
    """Build the layers of a workload's network for its data.

    Parameters
    ----------
    workload : Training
    samples : Samples

    Returns
    -------
    tuple of Layer

    Raises
    ------
    UserError
        If convolutions get no images, or too small ones.
    """
    classes = int(max(samples.train_labels.max(), samples.test_labels.max())) + 1
    units = (samples.train_inputs.shape[1], *workload.hidden, classes)
    image = image_of(workload.data) if workload.convolutions else None
    return network(workload.convolutions, units, image, bias=workload.bias)


def initial_weights(
    workload: Training, layer: int, uniform: FloatArray, limit: float
) -> FloatArray:
    """Spread the first weights of a layer evenly over their range.

    Parameters
    ----------
    workload : Training
    layer : int
        Index of the layer.
    uniform : (…, row, column) array
        Random numbers in [0, 1).
    limit : float
        Largest weight that the layer can hold.

    Returns
    -------
    (…, row, column) float32 array
    """
    rows = uniform.shape[-2]
    largest = min(1 / rows**0.5 if workload.initial is None else workload.initial, limit)
    low = 0.0 if workload.positive else -largest
    if workload.initial_levels is not None:
        steps = workload.initial_levels - 1
        uniform = np.minimum(np.floor(uniform * (steps + 1)), steps) / steps
    return np.asarray(low + (largest - low) * uniform, np.float32)


def trained(
    workload: Training, layers: tuple[Layer, ...], samples: Samples, rng: np.random.Generator
) -> tuple[FloatArray, ...]:
    """Train in floating point: plain gradient descent with the workload's rates and batches.

    Weights are not bounded. NumPy only, the simplest form: the baseline for devices and for the
    compiled core.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    samples : Samples
    rng : np.random.Generator

    Returns
    -------
    tuple of (row, column) float32 arrays
        Weights of each layer.
    """
    weights = [
        initial_weights(workload, index, rng.random(layer.shape, np.float32), np.inf)
        for index, layer in enumerate(layers)
    ]
    rates = workload.per_layer(workload.learning_rate)
    for epoch in range(workload.epochs):
        descend(workload, layers, weights, samples, rates, workload.schedule.at(epoch), rng)
    return tuple(weights)


def descend(
    workload: Training,
    layers: tuple[Layer, ...],
    weights: list[FloatArray],
    samples: Samples,
    rates: tuple[float, ...],
    factor: float,
    rng: np.random.Generator,
) -> None:
    """Train for one epoch and change the weights in place.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    weights : list of (row, column) float32 arrays
        Of each layer; they change.
    samples : Samples
    rates : tuple of float
        Learning rate of each layer.
    factor : float
        On the learning rates in this epoch.
    rng : np.random.Generator
        Draws the order of the samples.
    """
    number = len(samples.train_labels)
    if workload.samples is None:
        order = rng.permutation(number)
    else:
        order = rng.integers(number, size=workload.samples)
    for first in range(0, len(order), workload.batch):
        chosen = order[first : first + workload.batch]
        grads = gradients(
            workload, layers, tuple(weights), samples.train_inputs[chosen],
            samples.train_labels[chosen],
        )  # fmt: skip
        for weight, grad, rate in zip(weights, grads, rates, strict=True):
            weight -= np.float32(rate * factor / len(chosen)) * grad


class Activations(NamedTuple):
    """Values of a network in floating point.

    Parameters
    ----------
    inputs : list of (sample · position, row) arrays
        Of each layer, with the bias.
    outputs : list of (sample · position, column) arrays
        Of each layer but the last, activated, before a pooling.
    sums : (sample, class) array
        Of the last layer, before its activation.
    """

    inputs: list[FloatArray]
    outputs: list[FloatArray]
    sums: FloatArray


def activations(
    workload: Training,
    layers: tuple[Layer, ...],
    weights: tuple[FloatArray, ...],
    inputs: FloatArray,
) -> Activations:
    """Run the network forward in floating point.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    weights : tuple of (row, column) arrays
        Of each layer.
    inputs : (sample, input) array

    Returns
    -------
    Activations
    """
    below: FloatArray = inputs
    rows: list[FloatArray] = []
    outputs: list[FloatArray] = []
    for index, (layer, weight) in enumerate(zip(layers, weights, strict=True)):
        values: FloatArray = layer.windows(below)
        if layer.bias:
            values = np.concatenate([values, np.ones((len(values), 1), values.dtype)], axis=1)
        rows.append(values)
        sums = values @ weight
        if index < len(layers) - 1:
            outputs.append(_activated(workload.activation, sums))
            below = layer.pooled(outputs[-1])
    return Activations(rows, outputs, sums)


def _activated(name: str, sums: FloatArray) -> FloatArray:
    if name == "sigmoid":
        return _sigmoid(sums)
    return np.asarray(np.tanh(sums) if name == "tanh" else np.maximum(sums, 0))


def _sigmoid(sums: FloatArray) -> FloatArray:
    from scipy.special import expit  # takes 0.25 s, which inference does not need

    return np.asarray(expit(sums))


def output_error(workload: Training, sums: FloatArray, labels: IntArray) -> FloatArray:
    """Differentiate the loss by the last layer's sums.

    Parameters
    ----------
    workload : Training
    sums : (sample, class) array
    labels : (sample,) integer array

    Returns
    -------
    (sample, class) array
    """
    wanted = np.eye(sums.shape[1], dtype=sums.dtype)[labels]
    if workload.loss == "squared":
        y = _sigmoid(sums)
        return np.asarray(2 * (y - wanted) * y * (1 - y))
    y = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(y / y.sum(axis=1, keepdims=True) - wanted)


def errors(
    workload: Training,
    layers: tuple[Layer, ...],
    weights: tuple[FloatArray, ...],
    outputs: list[FloatArray],
    last: FloatArray,
) -> list[FloatArray]:
    """Propagate the derivatives of the loss back to each layer's sums.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    weights : tuple of (row, column) arrays
        Of each layer.
    outputs : list of (sample · position, column) arrays
        Of each layer but the last, from `activations`.
    last : (sample, class) array
        Derivative by the last layer's sums.

    Returns
    -------
    list of (sample · position, column) arrays
        Of each layer.
    """
    derivatives = [last]
    for index in range(len(weights) - 1, 0, -1):
        layer, under, a = layers[index], layers[index - 1], outputs[index - 1]
        back: FloatArray = (derivatives[0] @ weights[index].T)[:, : layer.inputs]
        back = under.unpooled(layer.gathered(back), a)
        slope = {"sigmoid": a * (1 - a), "tanh": 1 - a * a, "relu": (a > 0).astype(a.dtype)}
        derivatives.insert(0, back * slope[workload.activation])
    return derivatives


def gradients(
    workload: Training,
    layers: tuple[Layer, ...],
    weights: tuple[FloatArray, ...],
    inputs: FloatArray,
    labels: IntArray,
) -> list[FloatArray]:
    """Gradient of the loss, summed over samples, by the weights.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    weights : tuple of (row, column) arrays
        Of each layer.
    inputs : (sample, input) array
    labels : (sample,) integer array

    Returns
    -------
    list of (row, column) arrays
        Of each layer.
    """
    run = activations(workload, layers, weights, inputs)
    last = output_error(workload, run.sums, labels)
    derivatives = errors(workload, layers, weights, run.outputs, last)
    return [value.T @ error for value, error in zip(run.inputs, derivatives, strict=True)]


def accuracy(
    workload: Training,
    layers: tuple[Layer, ...],
    weights: tuple[FloatArray, ...],
    inputs: FloatArray,
    labels: IntArray,
) -> float:
    """Share of the samples that the network classifies correctly in floating point.

    Parameters
    ----------
    workload : Training
    layers : tuple of Layer
    weights : tuple of (row, column) arrays
        Of each layer.
    inputs : (sample, input) array
    labels : (sample,) integer array

    Returns
    -------
    float, in [0, 1]
    """
    with np.errstate(over="ignore", invalid="ignore"):  # weights may have diverged
        sums = activations(workload, layers, weights, inputs).sums
    return float(np.mean(sums.argmax(axis=1) == labels))
