"""A trained network and the data it is judged on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A multilayer perceptron, x_{n+1} = φ(W_n x_n + b_n), trained in floating point.

    φ is max(0, ·) on all layers but the last, whose largest output is the class.

    Parameters
    ----------
    weights : tuple of (input, output) float32 arrays
    biases : tuple of (output,) float32 arrays
        Added digitally.
    calibration : tuple of (sample, input) float32 arrays
        Each layer's inputs on training data, in floating point.
    images : (sample, input) float32 array
        Held out of training.
    labels : (sample,) integer array
    digest : str
        Hash of all of the above.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    calibration: tuple[FloatArray, ...]
    images: FloatArray
    labels: IntArray
    digest: str

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each layer."""
        return tuple((w.shape[0], w.shape[1]) for w in self.weights)

    @property
    def signed(self) -> tuple[bool, ...]:
        """Whether each layer's inputs have both signs."""
        return tuple(bool((inputs < 0).any()) for inputs in self.calibration)

    @property
    def float_accuracy(self) -> float:
        """Share of the held-out samples that floating point gets right."""
        scores = activations(self.weights, self.biases, self.images)[-1]
        return float(np.mean(scores.argmax(axis=-1) == self.labels))


def network(
    weights: list[FloatArray],
    biases: list[FloatArray],
    training: FloatArray,
    images: FloatArray,
    labels: IntArray,
) -> Network:
    """Put a trained network together.

    Parameters
    ----------
    weights : list of (input, output) arrays
    biases : list of (output,) arrays
    training : (sample, input) array
        Training inputs to calibrate on.
    images : (sample, input) array
        Held out.
    labels : (sample,) array
        Of the images.

    Returns
    -------
    Network
    """
    single = [np.ascontiguousarray(w, np.float32) for w in weights]
    shifts = [np.ascontiguousarray(b, np.float32) for b in biases]
    calibration = activations(tuple(single), tuple(shifts), training.astype(np.float32))[:-1]
    held_out = np.ascontiguousarray(images, np.float32)
    hashed = hashlib.blake2b(digest_size=16)
    for array in (*single, *shifts, *calibration, held_out, labels.astype(np.int64)):
        hashed.update(str(array.shape).encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    return Network(
        weights=tuple(single),
        biases=tuple(shifts),
        calibration=calibration,
        images=held_out,
        labels=labels.astype(np.int64),
        digest=hashed.hexdigest(),
    )


def activations(
    weights: tuple[FloatArray, ...], biases: tuple[FloatArray, ...], inputs: FloatArray
) -> tuple[FloatArray, ...]:
    """Run the network in floating point.

    Parameters
    ----------
    weights, biases : tuples of arrays
    inputs : (sample, input) array

    Returns
    -------
    tuple of (sample, unit) arrays
        Each layer's inputs, then the last layer's outputs.
    """
    values = [inputs]
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        out = values[-1] @ weight + bias
        last = index == len(weights) - 1
        values.append(out if last else np.maximum(out, 0, out=out))
    return tuple(values)
