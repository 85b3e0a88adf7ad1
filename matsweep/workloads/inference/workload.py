"""The inference workload: a multilayer perceptron, trained and then programmed."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import warnings
import zipfile
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from matsweep.core.cache import cache_folder, keep
from matsweep.core.checks import (
    UserError,
    in_range,
    non_negative,
    one_of,
    positive,
    whole,
    within,
)
from matsweep.core.codec import build, plain
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.datasets import Dataset, Samples, Split
from matsweep.workloads.inference.perceptron import MEASURES, IntArray, Perceptron, perceptron
from matsweep.workloads.workload import COSTS, Workload

_CALIBRATION_SAMPLES = 512
_VERSION = 1  # of cached networks; raise it when training changes


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP(Workload):
    """A multilayer perceptron trained in floating point and then programmed into devices.

    Training is scikit-learn's `MLPClassifier` (Adam, cross-entropy) on one thread.

    Parameters
    ----------
    dataset : str or Dataset
        A dataset's kind where its name is enough (`digits`, `mnist`), or the dataset. A dataset
        without its own split is split by `test_fraction` and `seed`.
    hidden : tuple of int
        Units of the hidden layers.
    test_fraction : float
        Share of the samples held out, drawn class by class.
    seed : int
        Of the split and the training, independent of the study's.
    epochs : int
    learning_rate : float
    decay : float
        L2 penalty.
    test_samples : int or None
        Use only the first N of the held-out samples; None: all.
    """

    kind: ClassVar[str] = "mlp"
    merit: ClassVar[str] = Perceptron.merit
    objectives: ClassVar[tuple[str, ...]] = ("accuracy", "energy", "latency", "area")
    measures: ClassVar[frozenset[str]] = MEASURES | {COSTS}
    preparing: ClassVar[str] = "training the network"
    harmed_by: ClassVar[tuple[str, ...]] = ("device", "adc")

    dataset: str | Dataset = "digits"
    hidden: tuple[int, ...] = (54,)
    test_fraction: Dimensionless = 0.2
    seed: int = 0
    epochs: Annotated[int, Plausible(1, 1e5)] = 120
    learning_rate: Dimensionless = 3e-3
    decay: Dimensionless = 0.1
    test_samples: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.dataset, str):
            one_of("dataset", self.dataset, Dataset.registry)
        for units in self.hidden:
            whole("hidden", units, low=1)
        in_range("test_fraction", self.test_fraction, 0.01, 0.99)
        whole("seed", self.seed, low=0, high=2**32 - 1)
        whole("epochs", self.epochs, low=1)
        positive("learning_rate", self.learning_rate)
        non_negative("decay", self.decay)
        if self.test_samples is not None:
            whole("test_samples", self.test_samples, low=1)
        size = self.data.samples
        if size is not None:
            self._check_samples(math.ceil(size * self.test_fraction))

    def _check_samples(self, held_out: int) -> None:
        if self.test_samples is not None and self.test_samples > held_out:
            raise UserError(
                f"test_samples must be <= {held_out}, the samples held out of training "
                f"(test_fraction={self.test_fraction:g}), got {self.test_samples}"
            )

    @property
    def data(self) -> Dataset:
        """The dataset, split by the workload if it has no split.

        Raises
        ------
        UserError
            If the kind of dataset needs more than its name, or the dataset states a split.
        """
        dataset = self.dataset
        if isinstance(dataset, str):
            dataset = _by_name(dataset)
        if not isinstance(dataset, Split):
            return dataset
        fresh = (Split.test_fraction, Split.seed)
        if (dataset.test_fraction, dataset.seed) != fresh:
            raise UserError(
                "dataset must not state a split, got "
                f"test_fraction={dataset.test_fraction:g}, seed={dataset.seed}: give "
                "workload.test_fraction and workload.seed"
            )
        return replace(dataset, test_fraction=self.test_fraction, seed=self.seed)

    @property
    def key(self) -> str:
        """Hash of all that decides the trained network."""
        own = {}
        if isinstance(self.dataset, Dataset):
            with within("workload.dataset"):
                own = {"dataset": plain(self.dataset), "content": self.dataset.content}
        facts = {
            **{name.name: getattr(self, name.name) for name in fields(self)},
            **own,
            "version": _VERSION,
            "numpy": np.__version__,
            "scikit-learn": version("scikit-learn"),
        }
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def prepare(self) -> Perceptron:
        """Load the trained network from this machine's cache, or train it."""
        path = cache_folder() / f"mlp-{self.key}.npz"
        cached = _load(path)
        if cached is not None:
            return cached
        trained = self.train()
        _save(path, trained)
        return trained

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the layers, as far as the dataset states its inputs and classes."""
        inputs, classes = self.data.ends
        units = (inputs, *self.hidden, classes)
        return tuple(itertools.pairwise(units))

    @property
    def footprint(self) -> int:
        """Weights, their gradients and Adam's two moments in training, and all activations."""
        weights = sum(rows * columns for rows, columns in self.shapes)
        held_out = self.test_samples or math.ceil((self.data.samples or 1) * self.test_fraction)
        return 8 * 4 * weights + 4 * held_out * sum(self.hidden)

    @property
    def preparation(self) -> str:
        """How the dataset's inputs are scaled, cropped and made black and white."""
        return self.data.preparation

    def _samples(self) -> Samples:
        """Load the dataset, and check that it suits the workload."""
        data = self.data
        with within("dataset", except_for=("test_fraction",)):
            samples = data.load()
        self._check_samples(len(samples.test_labels))
        classes = max(samples.train_labels.max(), samples.test_labels.max()) + 1
        present = len(np.unique(samples.train_labels))
        if present < classes:
            raise UserError(
                f"dataset must have training samples of all {classes} classes, got {present}: move "
                "samples of the others there, or leave the others out"
            )
        return samples

    def train(self) -> Perceptron:
        """Train the network: the same one on every call on one machine.

        Returns
        -------
        Perceptron

        Raises
        ------
        UserError
            If the dataset cannot be read, lacks training samples of a class, or has too few samples
            held out.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        with within("workload"):
            samples = self._samples()
        train_x = samples.train_inputs.astype(np.float64)
        model = MLPClassifier(
            self.hidden,
            alpha=self.decay,
            learning_rate_init=self.learning_rate,
            batch_size=64,
            max_iter=self.epochs,
            random_state=self.seed,
            n_iter_no_change=self.epochs,
        )
        with threadpool_limits(1), warnings.catch_warnings():
            # The number of epochs is a setting: training need not converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train_x, samples.train_labels)
            return perceptron(
                model.coefs_,
                model.intercepts_,
                train_x[:_CALIBRATION_SAMPLES],
                samples.test_inputs[: self.test_samples],
                samples.test_labels[: self.test_samples],
            )


def _by_name(kind: str) -> Dataset:
    """Build a dataset for which its name is enough."""
    try:
        return build(Dataset, {"kind": kind})
    except UserError as error:
        needed = str(error).partition(" ")[0]
        raise UserError(
            f"dataset must be a mapping for a set that needs {needed}, got {kind}: give "
            f"'workload.dataset={{kind: {kind}, {needed}: …}}'"
        ) from None


def _save(path: Path, trained: Perceptron) -> None:
    """Write a network to the cache, if the cache can be written."""
    arrays: dict[str, FloatArray | IntArray] = {"images": trained.images, "labels": trained.labels}
    for index, weight in enumerate(trained.weights):
        arrays[f"weight_{index}"] = weight
        arrays[f"bias_{index}"] = trained.biases[index]
    arrays["training"] = trained.matrices[0].calibration
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    keep(path.name, buffer.getvalue())


def _load(path: Path) -> Perceptron | None:
    """Read a cached network; None if there is none, or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            layers = sum(name.startswith("weight_") for name in kept)
            with threadpool_limits(1):
                return perceptron(
                    [kept[f"weight_{index}"] for index in range(layers)],
                    [kept[f"bias_{index}"] for index in range(layers)],
                    kept["training"],
                    kept["images"],
                    kept["labels"],
                )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
