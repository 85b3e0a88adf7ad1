"""A trained perceptron and its held-out samples, in floating point and on tiles."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import DAC
from matsweep.datasets import largest_class
from matsweep.machine import Hardware, Mapped, Matrix, ProgrammedMatrix, map_matrices

IntArray = npt.NDArray[np.integer]

_READ = ("correct", "array_power", "vmm_error", "saturated")  # measured at each time
MEASURES = frozenset({*_READ, "programming_error", "missed"})
_JUDGED = 100  # samples that the error of a product is measured on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perceptron:
    """A multilayer perceptron, x_{n+1} = φ(W_n x_n + b_n), trained in floating point.

    φ is max(0, ·) on all layers but the last, whose largest output is the class.

    Parameters
    ----------
    matrices : tuple of Matrix
        Weights (input, output) of each layer, float32, with its inputs on training data.
    biases : tuple of (output,) float32 arrays
        Added digitally.
    images : (sample, input) float32 array
        Held out of training.
    labels : (sample,) integer array
    digest : str
        Hash of all of the above.
    """

    merit: ClassVar[str] = "accuracy"
    coordinates: ClassVar[Mapping[str, npt.NDArray[np.generic]]] = {}

    matrices: tuple[Matrix, ...]
    biases: tuple[FloatArray, ...]
    images: FloatArray
    labels: IntArray
    digest: str

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Weights (input, output) of each layer."""
        return tuple(matrix.weight for matrix in self.matrices)

    @property
    def float_accuracy(self) -> float:
        """Share of the held-out samples classified correctly in floating point."""
        scores = activations(self.weights, self.biases, self.images)[-1]
        return float(np.mean(scores.argmax(axis=-1) == self.labels))

    @property
    def reference(self) -> Mapping[str, float]:
        """Accuracy of an ideal machine."""
        return {"accuracy": self.float_accuracy}

    @property
    def chance(self) -> Mapping[str, float]:
        """Share of the held-out samples that are of the most frequent class."""
        return {"accuracy": largest_class(self.labels)}

    def run(
        self, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
    ) -> Mapping[str, FloatArray]:
        """Program the network into devices and classify its held-out samples at given times.

        Devices are programmed once; each then ages with its own exponent, and every read has its
        own noise.

        Parameters
        ----------
        hardware : Hardware
        times : tuple of float, s
            Since programming.
        rng : Streams
            One stream per realisation.

        Returns
        -------
        dict of str to (realisation, time) array, the last two (realisation,)
            correct : share of the samples classified correctly.
            array_power : W, mean over samples of the power of the word lines' drivers during
            reads, of all layers, summed over the cycles of a serial DAC: sum V² G without wires.
            vmm_error : root-mean-square error of the analog products of the first 100 samples,
            over the root-mean-square of the ideal products of the same inputs: the root mean
            square of all layers.
            saturated : share of the conversions of all layers that saturated.
            programming_error : root-mean-square distance of devices from their levels after
            programming, over the range.
            missed : share of devices that write and verify did not bring within its tolerance; not
            a number where nothing is verified.
        """
        layers = map_matrices(self.matrices, hardware)
        own = [rng.at(f"layer {number}") for number in range(len(layers))]
        programmed = [
            ProgrammedMatrix.program(layer, hardware, rng=each)
            for layer, each in zip(layers, own, strict=True)
        ]
        measures = {name: np.zeros((len(rng), len(times))) for name in _READ}
        for index, time in enumerate(times):
            column = {name: values[:, index] for name, values in measures.items()}
            self._classify(programmed, time, column, [each.at(f"{time} s") for each in own])
        np.sqrt(measures["vmm_error"], out=measures["vmm_error"])
        written = [layer.written for layer in programmed]
        devices = sum(layer.devices for layer in written)
        # Layer by layer: the bits of a matrix product depend on the number of realisations.
        square = sum(layer.devices / devices * np.square(layer.error) for layer in written)
        measures["programming_error"] = np.sqrt(square)
        measures["missed"] = np.asarray(
            sum(layer.devices / devices * layer.missed for layer in written)
        )
        return measures

    def _classify(
        self,
        programmed: list[ProgrammedMatrix],
        time: float,
        measures: Mapping[str, FloatArray],
        rngs: list[Streams],
    ) -> None:
        """Classify all samples at one time [s] and add to the measures, (realisation,) arrays.

        `rngs` are the random numbers of each layer's reads.
        """
        hardware = programmed[0].hardware
        dac = hardware.dac
        layers = [each.mapped for each in programmed]
        shares = [layer.conversions(hardware) for layer in layers]
        inputs, voltage = self.images, _driven(self, layers[0], dac)
        for number, layer in enumerate(layers):
            aged = programmed[number].at(time)
            product = aged.read(voltage, rng=rngs[number])
            values = product.values
            measures["array_power"][:] += aged.power(voltage)
            measures["saturated"][:] += shares[number] / sum(shares) * product.saturated
            measures["vmm_error"][:] += _error(values, inputs, layer) ** 2 / len(layers)
            values += self.biases[number]
            if number < len(layers) - 1:
                np.maximum(values, 0, out=values)
                inputs, voltage = values, layers[number + 1].voltages(values, dac)
        measures["correct"][:] = np.mean(values.argmax(axis=-1) == self.labels, axis=-1)


@functools.lru_cache(maxsize=8)
def _driven(network: Perceptron, first: Mapped, dac: DAC) -> FloatArray:
    """Voltages of the first layer's word lines, shared by candidates that differ in devices."""
    return first.voltages(network.images, dac)


def _error(values: FloatArray, inputs: FloatArray, layer: Mapped) -> FloatArray:
    """Relative root-mean-square error of each realisation's products, (realisation,)."""
    ideal = np.matmul(inputs[..., :_JUDGED, :], layer.matrix.weight)
    size = np.sqrt(np.mean(np.square(ideal), axis=(-1, -2)))
    wrong = np.sqrt(np.mean(np.square(values[:, :_JUDGED] - ideal), axis=(-1, -2)))
    return np.asarray(wrong / np.maximum(size, np.finfo(size.dtype).tiny), np.float64)


def perceptron(
    weights: list[FloatArray],
    biases: list[FloatArray],
    training: FloatArray,
    images: FloatArray,
    labels: IntArray,
) -> Perceptron:
    """Build a perceptron from a trained network.

    Parameters
    ----------
    weights : list of (input, output) arrays
    biases : list of (output,) arrays
    training : (sample, input) array
        Training inputs, for calibration.
    images : (sample, input) array
        Held out.
    labels : (sample,) array
        Of the images.

    Returns
    -------
    Perceptron
    """
    single = [np.ascontiguousarray(w, np.float32) for w in weights]
    shifts = [np.ascontiguousarray(b, np.float32) for b in biases]
    calibration = activations(tuple(single), tuple(shifts), training.astype(np.float32))[:-1]
    held_out = np.ascontiguousarray(images, np.float32)
    hashed = hashlib.blake2b(digest_size=16)
    for array in (*single, *shifts, *calibration, held_out, labels.astype(np.int64)):
        hashed.update(str(array.shape).encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    matrices = tuple(
        Matrix(
            weight=weight,
            calibration=inputs,
            signed=bool((inputs < 0).any()),
            operations={"comparison": weight.shape[1]},
        )
        for weight, inputs in zip(single, calibration, strict=True)
    )
    return Perceptron(
        matrices=matrices,
        biases=tuple(shifts),
        images=held_out,
        labels=labels.astype(np.int64),
        digest=hashed.hexdigest(),
    )


def activations(
    weights: tuple[FloatArray, ...], biases: tuple[FloatArray, ...], inputs: FloatArray
) -> tuple[FloatArray, ...]:
    """Run the network forward in floating point.

    Parameters
    ----------
    weights : tuple of (input, output) arrays
        Of each layer.
    biases : tuple of (output,) arrays
        Of each layer.
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
