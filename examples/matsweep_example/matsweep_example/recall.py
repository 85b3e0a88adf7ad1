"""A workload: patterns stored in an associative memory, recalled from damaged copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import in_range, whole
from matsweep.core.streams import FloatArray, Streams
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, map_matrices
from matsweep.workloads import COSTS, Workload

_VERSION = 1  # raised whenever a change of the code moves a result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Patterns as weights, and damaged copies to recall them from.

    Parameters
    ----------
    matrices : tuple of one Matrix
        (neuron, neuron) weights.
    patterns, damaged : (sample, neuron) array of -1 and 1
    steps : int
        Products of one recall.
    digest : str
    """

    matrices: tuple[Matrix, ...]
    patterns: FloatArray
    damaged: FloatArray
    steps: int
    digest: str

    merit: ClassVar[str] = "recalled"
    coordinates: ClassVar[Mapping[str, npt.NDArray[np.generic]]] = {}

    @property
    def reference(self) -> Mapping[str, float]:
        """Share of the bits that an ideal machine recalls."""
        state = self.damaged
        for _ in range(self.steps):
            state = _signs(state @ self.matrices[0].weight)
        return {"recalled": float(np.mean(state == self.patterns))}

    @property
    def chance(self) -> Mapping[str, float]:
        """Share of the bits that guessing recalls."""
        return {"recalled": 0.5}

    def run(
        self, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
    ) -> Mapping[str, FloatArray]:
        """Program the weights, and recall all patterns at given times [s].

        Returns
        -------
        dict of str to (realisation, time) array
            right : share of the bits that are right; array_power : W, summed over the steps.
        """
        [mapped] = map_matrices(self.matrices, hardware)
        matrix = ProgrammedMatrix.program(mapped, hardware, rng=rng)
        measures = {name: np.zeros((len(rng), len(times))) for name in ("right", "array_power")}
        for index, time in enumerate(times):
            aged, state = matrix.at(time), self.damaged
            for _ in range(self.steps):
                voltage = mapped.voltages(state, hardware.dac)
                measures["array_power"][:, index] += aged.power(voltage)
                state = _signs(aged.read(voltage, rng=rng).values)
            measures["right"][:, index] = np.mean(state == self.patterns, axis=(-1, -2))
        return measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(Workload):
    """A Hopfield network: x becomes sign(W x), W = sum over patterns of p pᵀ / neurons.

    Parameters
    ----------
    neurons, patterns, steps : int
    damage : float
        Share of the bits of a pattern that are wrong at first.
    seed : int

    References
    ----------
    J. J. Hopfield, PNAS 79:2554, 1982, doi:10.1073/pnas.79.8.2554.
    """

    kind: ClassVar[str] = "recall"
    merit: ClassVar[str] = "recalled"
    objectives: ClassVar[tuple[str, ...]] = ("recalled", "energy", "latency")
    measures: ClassVar[frozenset[str]] = frozenset({COSTS, "right", "array_power"})

    neurons: int = 64
    patterns: int = 6
    steps: int = 3
    damage: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        whole("neurons", self.neurons, low=2)
        whole("patterns", self.patterns, low=1)
        whole("steps", self.steps, low=1)
        in_range("damage", self.damage, 0.0, 0.5)
        whole("seed", self.seed)

    @property
    def key(self) -> str:
        """Hash of all that decides what `prepare` gives."""
        facts = {**asdict(self), "version": _VERSION, "numpy": np.__version__}
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def prepare(self) -> Memory:
        """Draw patterns, store them in weights, and damage copies of them."""
        rng = np.random.default_rng(self.seed)
        patterns = _signs(rng.random((self.patterns, self.neurons), np.float32) - 0.5)
        wrong = rng.random(patterns.shape) < self.damage
        damaged = np.where(wrong, -patterns, patterns)
        weight = patterns.T @ patterns / np.float32(self.neurons)
        np.fill_diagonal(weight, 0)
        matrix = Matrix(weight=weight, calibration=damaged, signed=True, uses=self.steps)
        return Memory(
            matrices=(matrix,), patterns=patterns, damaged=damaged, steps=self.steps,
            digest=self.key,
        )  # fmt: skip


def _signs(values: FloatArray) -> FloatArray:
    """Return -1 or 1 for each value, float32."""
    return np.where(values < 0, np.float32(-1), np.float32(1))
