"""The inference workload: a multilayer perceptron on a labelled image set."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from matsweep.core.cache import cache_folder, keep
from matsweep.core.checks import UserError, in_range, non_negative, one_of, positive, whole
from matsweep.core.streams import FloatArray
from matsweep.workloads.network import IntArray, Network, network
from matsweep.workloads.workload import Workload

_CALIBRATION_SAMPLES = 512
_VERSION = 1  # of what is cached; raise it when training changes


@functools.cache
def digits() -> tuple[FloatArray, IntArray]:
    """Return scikit-learn's digits: 1,797 images of 8 × 8 pixels in [0, 1], and their classes.

    References
    ----------
    E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits  # half a second, and of no use to a worker

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


DATASETS: dict[str, Callable[[], tuple[FloatArray, IntArray]]] = {"digits": digits}


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP(Workload):
    """A multilayer perceptron trained in floating point and then put on devices.

    Training is scikit-learn's `MLPClassifier` (Adam, cross-entropy) on one thread.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`.
    hidden : tuple of int
        Units of the hidden layers.
    test_fraction : float
        Share of the samples held out, drawn class by class.
    seed : int
        Of the split and the training, apart from the study's.
    epochs : int
    learning_rate : float
    decay : float
        L2 penalty.
    test_samples : int or None
        Use only so many of the held-out samples; None: all.
    """

    kind: ClassVar[str] = "mlp"

    dataset: str = "digits"
    hidden: tuple[int, ...] = (54,)
    test_fraction: float = 0.2
    seed: int = 0
    epochs: int = 120
    learning_rate: float = 3e-3
    decay: float = 0.1
    test_samples: int | None = None

    def __post_init__(self) -> None:
        one_of("dataset", self.dataset, DATASETS)
        for units in self.hidden:
            whole("hidden", units, low=1)
        in_range("test_fraction", self.test_fraction, 0.01, 0.99)
        whole("seed", self.seed, low=0, high=2**32 - 1)
        whole("epochs", self.epochs, low=1)
        positive("learning_rate", self.learning_rate)
        non_negative("decay", self.decay)
        if self.test_samples is not None:
            held_out = math.ceil(len(DATASETS[self.dataset]()[1]) * self.test_fraction)
            if whole("test_samples", self.test_samples, low=1) > held_out:
                raise UserError(
                    f"test_samples must be <= {held_out}, the samples held out of training "
                    f"(test_fraction={self.test_fraction:g}), got {self.test_samples}"
                )

    @property
    def key(self) -> str:
        """Hash of all that decides what training gives."""
        facts = {
            **asdict(self),
            "version": _VERSION,
            "numpy": np.__version__,
            "scikit-learn": version("scikit-learn"),
        }
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def prepare(self) -> Network:
        """Return the trained network, from the cache if it was trained before on this machine."""
        path = cache_folder() / f"mlp-{self.key}.npz"
        cached = _load(path)
        if cached is not None:
            return cached
        trained = self.train()
        _save(path, trained)
        return trained

    def train(self) -> Network:
        """Train the network; the same on every call on one machine."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.model_selection import train_test_split
        from sklearn.neural_network import MLPClassifier

        inputs, labels = DATASETS[self.dataset]()
        train_x, test_x, train_y, test_y = train_test_split(
            inputs,
            labels,
            test_size=self.test_fraction,
            random_state=self.seed,
            stratify=labels,
        )
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
            # The epochs are chosen, not awaited.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train_x, train_y)
            return network(
                model.coefs_,
                model.intercepts_,
                train_x[:_CALIBRATION_SAMPLES],
                test_x[: self.test_samples],
                np.searchsorted(model.classes_, test_y[: self.test_samples]),
            )


def _save(path: Path, trained: Network) -> None:
    """Keep a network; where that cannot be, do without."""
    arrays: dict[str, FloatArray | IntArray] = {"images": trained.images, "labels": trained.labels}
    for index, weight in enumerate(trained.weights):
        arrays[f"weight_{index}"] = weight
        arrays[f"bias_{index}"] = trained.biases[index]
    arrays["training"] = trained.calibration[0]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    keep(path.name, buffer.getvalue())


def _load(path: Path) -> Network | None:
    """Return a kept network, or None if there is none that can be read whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            layers = sum(name.startswith("weight_") for name in kept)
            with threadpool_limits(1):
                return network(
                    [kept[f"weight_{index}"] for index in range(layers)],
                    [kept[f"bias_{index}"] for index in range(layers)],
                    kept["training"],
                    kept["images"],
                    kept["labels"],
                )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
