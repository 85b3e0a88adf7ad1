"""A dataset: labelled samples for training and test."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, in_range, whole
from matsweep.core.printing import brief, listed
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray
from matsweep.datasets.files import read_bytes

IntArray = npt.NDArray[np.int64]


class Samples(NamedTuple):
    """Inputs in [0, 1], (sample, input) float32, and classes 0 … n - 1, (sample,) int64.

    As read, before `Dataset.load` prepares them, inputs are (sample, …) in any unit.
    """

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

    inputs: ClassVar[int] = 1
    """Inputs of a sample, or fewer where they are not known without reading it."""

    classes: ClassVar[int] = 2
    """Classes, or fewer where they are not known without reading it."""

    axes: ClassVar[tuple[int, ...] | None] = None
    """Shape of a sample, channels last; None: not known without reading it."""

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
            Inputs (sample, …).

        Raises
        ------
        UserError
            If a file cannot be read.
        """

    @property
    def ends(self) -> tuple[int, int]:
        """Inputs and classes of a network for the set, or fewer: known without reading it."""
        inputs = self.inputs if self.crop is None else min(self.inputs, self.crop**2)
        return inputs, self.classes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample before `load` puts its inputs in a row.

        Images are (height, width, channel), or as their file has them; a series or a row of a
        table has one axis. Sets of files are read for it.

        Raises
        ------
        UserError
            If a file cannot be read.
        """
        shape = self.axes or self.read().train_inputs.shape[1:]
        if self.crop is None:
            return shape
        return (self.crop, self.crop, *image_shape(shape)[2:])

    @property
    def content(self) -> str:
        """Hash of the files that decide the samples."""
        hashed = hashlib.blake2b(digest_size=16)
        for name, path in self.files().items():
            hashed.update(name.encode(errors="surrogateescape") + read_bytes(name, path))
        return hashed.hexdigest()

    @property
    def preparation(self) -> str:
        """Description of the changes to the inputs, for the user; empty: there are none."""
        changes = []
        if self.crop is not None:
            changes.append(f"images are cropped to {self.crop} × {self.crop} pixels")
        if self.black_white is not None:
            changes.append(f"inputs are 1 above {self.black_white:g}, else 0")
        return "; ".join(changes)

    def scaled(self, train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scale inputs to [0, 1]: by default they are in this range, and unchanged.

        Parameters
        ----------
        train : (sample, …) array
        test : (sample, …) array

        Returns
        -------
        train, test : (sample, …) arrays
        """
        return train, test

    def load(self) -> Samples:
        """Read the samples, and prepare them: scaled, cropped, made black and white, as set.

        Returns
        -------
        Samples

        Raises
        ------
        UserError
            If a file cannot be read, or its inputs cannot be scaled or cropped.
        """
        samples = self.read()
        scaled = self.scaled(samples.train_inputs, samples.test_inputs)
        train, test = (self._prepared(part) for part in scaled)
        return Samples(
            train, samples.train_labels, test[: self.test_samples],
            samples.test_labels[: self.test_samples],
        )  # fmt: skip

    def _prepared(self, inputs: FloatArray) -> FloatArray:
        """Crop inputs, put those of a sample in a row, and make them black and white, as set."""
        if self.crop is not None:
            inputs = _cropped(inputs, self.crop)
        inputs = np.asarray(inputs.reshape(len(inputs), -1), np.float32)
        if self.black_white is not None:
            inputs = (inputs > self.black_white).astype(np.float32)
        return np.ascontiguousarray(inputs)


def _cropped(inputs: FloatArray, crop: int) -> FloatArray:
    """Cut central squares out of images of any shape that `image_shape` knows."""
    side, *others = shape = image_shape(inputs.shape[1:])
    if others[:1] != [side] or crop > side:
        raise UserError(
            f"crop must be null, or at most the side of square images, got {crop} for "
            f"{math.prod(shape)} inputs"
        )
    first = (side - crop) // 2
    images = inputs.reshape(len(inputs), *shape)
    return images[:, first : first + crop, first : first + crop]


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an image with channels last.

    The pixels of a square one may lie in a row, and the single channel of a grey one come first.

    Parameters
    ----------
    shape : tuple of int
        Of a sample.

    Returns
    -------
    tuple of int
    """
    pixels = math.prod(shape)
    side = math.isqrt(pixels)
    if max(shape) == pixels == side**2:
        return side, side
    return (*shape[1:], 1) if len(shape) == 3 and shape[0] == 1 else shape


def count_classes(name: str, labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """Find the classes of labels, and number them.

    Parameters
    ----------
    name : str
        Parameter that names their file, for messages.
    labels : (sample,) array
        Of any sortable type.

    Returns
    -------
    classes : (class,) array
        Sorted.
    numbers : (sample,) int64 array
        Of each sample's class, from 0.

    Raises
    ------
    UserError
        If there are fewer than two classes.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        only = listed(classes) or "none"
        raise UserError(
            f"{name} must hold labels of at least 2 classes, got {len(classes)} ({only}): give a "
            "file with more, or another column of labels"
        )
    return classes, numbers.astype(np.int64)


def as_numbers(name: str, inputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> FloatArray:
    """Convert inputs to finite numbers, with one label per sample.

    Parameters
    ----------
    name : str
        Parameter that names their file, for messages.
    inputs : (sample, …) array
    labels : (sample,) array

    Returns
    -------
    (sample, …) float64 array
        With one axis besides the samples at least.

    Raises
    ------
    UserError
        If shapes do not fit, or an input or label is no finite number.
    """
    if inputs.ndim == 0 or not inputs.size:
        raise UserError(f"{name} must hold samples with inputs, got an array of {inputs.shape}")
    if labels.ndim != 1 or len(labels) != len(inputs):
        raise UserError(
            f"{name} must hold one label per sample, got labels of shape {labels.shape} for "
            f"{len(inputs)} samples"
        )
    try:
        if inputs.dtype.kind == "c":
            raise TypeError("complex")
        values = np.asarray(inputs, float)
    except (ValueError, TypeError):
        raise UserError(
            f"{name} must hold inputs that are real numbers, got {brief(inputs.dtype)}: convert "
            "them first"
        ) from None
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise UserError(f"{name} must hold finite labels only, got nan or inf: leave such rows out")
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0]
        raise UserError(
            f"{name} must hold finite inputs only, got {values[tuple(where)]} at "
            f"{where.tolist()}: leave such samples out"
        )
    return values.reshape(len(values), -1) if values.ndim == 1 else values


def largest_class(labels: npt.NDArray[np.integer]) -> float:
    """Share of the most frequent class: the accuracy of guessing it always.

    Parameters
    ----------
    labels : (sample,) integer array
        From 0; at least one.

    Returns
    -------
    float
    """
    return float(np.bincount(labels).max() / len(labels))
