"""A dataset: labelled samples for training and test."""

from __future__ import annotations

import functools
import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, in_range, positive, whole
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray

IntArray = npt.NDArray[np.int64]


class Samples(NamedTuple):
    """Inputs in [0, 1], (sample, input) float32, and classes 0 … n - 1, (sample,) int64."""

    train_inputs: FloatArray
    train_labels: IntArray
    test_inputs: FloatArray
    test_labels: IntArray


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """A source of samples, and the preparation of their images.

    Parameters
    ----------
    crop : int or None, pixels
        Side of the central square cut from square images; None: whole.
    black_white : float or None
        Threshold in [0, 1] that makes inputs 0 or 1; None: leave them grey.
    test_samples : int or None
        Use only the first N of the held-out samples; None: all.
    """

    registry: ClassVar[Registry[type[Dataset]]] = Registry("dataset")

    samples: ClassVar[int | None] = None
    """Size of the whole set, where it is known without reading it."""

    crop: int | None = None
    black_white: Dimensionless | None = None
    test_samples: int | None = None

    def __init_subclass__(cls, kind: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if kind is not None:
            Dataset.registry[kind] = cls

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse parameters out of their range.

        Raises
        ------
        UserError
        """
        if self.crop is not None:
            whole("crop", self.crop, low=1)
        if self.black_white is not None:
            in_range("black_white", self.black_white, 0.0, 1.0)
        if self.test_samples is not None:
            whole("test_samples", self.test_samples, low=1)

    @abstractmethod
    def files(self) -> dict[str, Path]:
        """Return the files that decide the samples.

        Returns
        -------
        dict of str to Path
            By parameter.
        """

    @abstractmethod
    def read(self) -> Samples:
        """Read the samples, unprepared.

        Returns
        -------
        Samples

        Raises
        ------
        UserError
            If a file cannot be read.
        """

    @property
    def content(self) -> str:
        """Hash of the files that decide the samples."""
        hashed = hashlib.blake2b(digest_size=16)
        for name, path in self.files().items():
            hashed.update(name.encode() + read_bytes(name, path))
        return hashed.hexdigest()

    def load(self) -> Samples:
        """Read the samples, cropped and made black and white as set.

        Returns
        -------
        Samples

        Raises
        ------
        UserError
            If a file cannot be read, or its images cannot be cropped.
        """
        samples = self.read()
        train, test = (self._prepared(part) for part in (samples.train_inputs, samples.test_inputs))
        return Samples(
            train, samples.train_labels, test[: self.test_samples],
            samples.test_labels[: self.test_samples],
        )  # fmt: skip

    def _prepared(self, inputs: FloatArray) -> FloatArray:
        if self.crop is not None:
            side = round(inputs.shape[1] ** 0.5)
            if side * side != inputs.shape[1] or self.crop > side:
                raise UserError(
                    f"crop must be null, or at most the side of square images, got {self.crop} "
                    f"for {inputs.shape[1]} inputs"
                )
            first = (side - self.crop) // 2
            image = inputs.reshape(-1, side, side)[:, first:, first:][:, : self.crop, : self.crop]
            inputs = image.reshape(len(inputs), -1)
        if self.black_white is not None:
            inputs = (inputs > self.black_white).astype(np.float32)
        return np.ascontiguousarray(inputs, np.float32)


@dataclass(frozen=True, kw_only=True)
class Split(Dataset):
    """A set without a given split into training and test samples.

    Parameters
    ----------
    test_fraction : float
        Share of the samples held out, drawn class by class.
    seed : int
        Of the split.
    """

    test_fraction: Dimensionless = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        in_range("test_fraction", self.test_fraction, 0.01, 0.99)
        whole("seed", self.seed, low=0, high=2**32 - 1)

    def split(self, inputs: FloatArray, labels: npt.NDArray[Any]) -> Samples:
        """Split samples, and number their classes.

        Parameters
        ----------
        inputs : (sample, input) array
        labels : (sample,) array
            Of any sortable type.

        Returns
        -------
        Samples

        Raises
        ------
        UserError
            If there are fewer than two classes, or fewer than two samples of one.
        """
        from sklearn.model_selection import train_test_split

        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise UserError(f"labels must hold at least 2 classes, got {len(classes)}")
        least = int(np.argmin(np.bincount(numbers)))
        if np.bincount(numbers)[least] < 2:
            raise UserError(
                "labels must have at least two samples of each class, got one of "
                f"{classes[least]!s} ({len(classes)} classes in all)"
            )
        try:
            a, b, c, d = train_test_split(
                in_unit_range(inputs), numbers, test_size=self.test_fraction,
                random_state=self.seed, stratify=numbers,
            )  # fmt: skip
        except ValueError as problem:
            raise UserError(f"test_fraction: the samples cannot be split: {problem}") from None
        return Samples(a, c.astype(np.int64), b, d.astype(np.int64))


def read_bytes(name: str, path: Path) -> bytes:
    """Read a file, and keep its content while the file does not change.

    Parameters
    ----------
    name : str
        Parameter's, for messages.
    path : Path

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If it cannot be read.
    """
    return _kept_bytes(name, str(path), _stamp(name, path))


def _stamp(name: str, path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError as problem:
        raise UserError(f"{name}: {path} cannot be read: {problem.strerror}") from None
    return facts.st_mtime_ns, facts.st_size


@functools.lru_cache(maxsize=8)
def _kept_bytes(name: str, path: str, stamp: tuple[int, int]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise UserError(f"{name}: {path} cannot be read: {problem.strerror}") from None


def as_table(name: str, inputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> FloatArray:
    """Convert inputs to a table of finite numbers, with one label per sample.

    Parameters
    ----------
    name : str
        Parameter's, for messages.
    inputs : (sample, …) array
    labels : (sample,) array

    Returns
    -------
    (sample, input) array

    Raises
    ------
    UserError
        If shapes do not fit, or an input or label is no finite number.
    """
    if labels.ndim != 1 or len(labels) != len(inputs):
        raise UserError(
            f"{name} must hold one label per sample, got {labels.shape} for {len(inputs)} samples"
        )
    try:
        values = np.asarray(inputs, float).reshape(len(inputs), -1)
    except (ValueError, TypeError):
        raise UserError(f"{name} must hold inputs that are numbers, got {inputs.dtype}") from None
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise UserError(f"{name} must hold finite labels only")
    if not np.isfinite(values).all():
        raise UserError(f"{name} must hold finite inputs only")
    return values


def in_unit_range(inputs: npt.NDArray[Any]) -> FloatArray:
    """Scale inputs to [0, 1]; inputs in that range stay as they are.

    Parameters
    ----------
    inputs : array
        Any shape; scaled between the least and the largest of all.

    Returns
    -------
    float32 array of the same shape
    """
    low, high = float(inputs.min()), float(inputs.max())
    if low >= 0 and high <= 1:
        return np.asarray(inputs, np.float32)
    positive("the spread of the inputs", high - low)
    return np.asarray((inputs - low) / (high - low), np.float32)
