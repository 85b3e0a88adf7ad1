"""Labelled samples to learn from: digits, MNIST, and the user's own files."""

from __future__ import annotations

import csv
import functools
import gzip
import hashlib
import math
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.cache import cache_folder
from matsweep.core.checks import UserError, in_range, positive, whole
from matsweep.core.streams import FloatArray

IntArray = npt.NDArray[np.int64]

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_FILES = {  # name: SHA-256 of the compressed file
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class Samples(NamedTuple):
    """Inputs in [0, 1], (sample, input) float32, and classes 0 … n - 1, (sample,) int64."""

    train_inputs: FloatArray
    train_labels: IntArray
    test_inputs: FloatArray
    test_labels: IntArray


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """Where samples come from, and what is done with their images.

    Parameters
    ----------
    crop : int or None, pixels
        Cut square images about their middle to so many pixels a side; None: whole.
    black_white : float or None
        Make inputs 0 or 1 by this threshold, in [0, 1); None: leave them grey.
    test_samples : int or None
        Use only so many of the held-out samples; None: all.
    """

    registry: ClassVar[dict[str, type[Dataset]]] = {}

    crop: int | None = None
    black_white: float | None = None
    test_samples: int | None = None

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        Dataset.registry[kind] = cls

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse parameters out of their range (`UserError`)."""
        if self.crop is not None:
            whole("crop", self.crop, low=1)
        if self.black_white is not None:
            in_range("black_white", self.black_white, 0.0, 1.0)
        if self.test_samples is not None:
            whole("test_samples", self.test_samples, low=1)

    @abstractmethod
    def files(self) -> dict[str, Path]:
        """Return the files that decide the samples, by parameter."""

    @abstractmethod
    def read(self) -> Samples:
        """Return the samples as they are."""

    @property
    def content(self) -> str:
        """Hash of the files that decide the samples."""
        hashed = hashlib.blake2b(digest_size=16)
        for name, path in self.files().items():
            hashed.update(name.encode() + _bytes(name, path))
        return hashed.hexdigest()

    def load(self) -> Samples:
        """Return the samples, cropped and made black and white where that is wanted."""
        found = self.read()
        train, test = (self._prepared(part) for part in (found.train_inputs, found.test_inputs))
        return Samples(
            train, found.train_labels, test[: self.test_samples],
            found.test_labels[: self.test_samples],
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
class _Split(Dataset, kind=""):
    """A set that is split here.

    Parameters
    ----------
    test_fraction : float
        Share of the samples held out, drawn class by class.
    seed : int
        Of the split.
    """

    test_fraction: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuse an empty part."""
        super().check()
        in_range("test_fraction", self.test_fraction, 0.01, 0.99)
        whole("seed", self.seed, low=0, high=2**32 - 1)

    def split(self, inputs: FloatArray, labels: npt.NDArray[Any]) -> Samples:
        """Split samples, and number their classes."""
        from sklearn.model_selection import train_test_split

        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise UserError(f"labels must tell at least 2 classes, got {len(classes)}")
        least = int(np.argmin(np.bincount(numbers)))
        if np.bincount(numbers)[least] < 2:
            raise UserError(
                "labels must have at least two samples of each class, got one of "
                f"{classes[least]!s} ({len(classes)} classes in all)"
            )
        try:
            a, b, c, d = train_test_split(
                _unit(inputs), numbers, test_size=self.test_fraction, random_state=self.seed,
                stratify=numbers,
            )  # fmt: skip
        except ValueError as problem:
            raise UserError(f"test_fraction: the samples cannot be split: {problem}") from None
        return Samples(a, c.astype(np.int64), b, d.astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class Digits(_Split, kind="digits"):
    """Scikit-learn's digits: 1,797 images of 8 × 8 pixels.

    References
    ----------
    E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
    """

    def files(self) -> dict[str, Path]:
        """None: the set comes with scikit-learn."""
        return {}

    def read(self) -> Samples:
        """Return the digits, split."""
        from sklearn.datasets import load_digits

        inputs, labels = load_digits(return_X_y=True)
        return self.split(inputs / 16.0, labels)


@dataclass(frozen=True, kw_only=True)
class MNIST(Dataset, kind="mnist"):
    """MNIST: 60,000 images of 28 × 28 pixels to learn from and 10,000 to be judged on.

    Parameters
    ----------
    folder : str or None
        Where its four files are, as they are distributed (IDX, gzip); None: the user's cache,
        to which they are downloaded once, their checksums verified.

    References
    ----------
    Y. LeCun et al., Proc. IEEE 86:2278, 1998, doi:10.1109/5.726791.
    """

    folder: str | None = None

    def files(self) -> dict[str, Path]:
        """Return the four files, downloaded if need be."""
        if self.folder is not None:
            return {f"folder ({name})": Path(self.folder) / name for name in MNIST_FILES}
        return {name: _downloaded(name) for name in MNIST_FILES}

    def read(self) -> Samples:
        """Return the images as they are split already."""
        found = [read_idx(name, path) for name, path in self.files().items()]
        return _numbered(*found)


@dataclass(frozen=True, kw_only=True)
class IDX(Dataset, kind="idx"):
    """Any set in four IDX files (Fashion-MNIST, KMNIST, EMNIST, …), gzip or not."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str

    def files(self) -> dict[str, Path]:
        """Return the four files."""
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return {name: Path(getattr(self, name)) for name in names}

    def read(self) -> Samples:
        """Return the images as they are split already."""
        return _numbered(*(read_idx(name, path) for name, path in self.files().items()))


@dataclass(frozen=True, kw_only=True)
class NPZ(_Split, kind="npz"):
    """An NPZ file with `inputs` (sample, …) and `labels` (sample,); never unpickled."""

    path: str

    def files(self) -> dict[str, Path]:
        """Return the file."""
        return {"path": Path(self.path)}

    def read(self) -> Samples:
        """Return the samples, split."""
        try:
            with np.load(self.path, allow_pickle=False) as kept:
                inputs, labels = kept["inputs"], kept["labels"]
        except KeyError as problem:
            raise UserError(
                f"path: {self.path} must hold arrays named inputs and labels: {problem}"
            ) from None
        except (OSError, ValueError, TypeError, zipfile.BadZipFile) as problem:
            raise UserError(f"path: {self.path} cannot be read as NPZ: {problem}") from None
        return self.split(_table("path", inputs, labels), labels)


@dataclass(frozen=True, kw_only=True)
class CSV(_Split, kind="csv"):
    """A table of numbers, one sample a row, with the class in one column.

    Parameters
    ----------
    path : str
    label_column : int
        Where the class stands; -1: last.
    header : int
        Lines to leave out at the top, by default one; they must not be samples.
    """

    path: str
    label_column: int = -1
    header: int = 1

    def check(self) -> None:
        """Refuse what is no column."""
        super().check()
        whole("label_column", self.label_column, low=-(2**31), high=2**31 - 1)
        whole("header", self.header, low=0)

    def files(self) -> dict[str, Path]:
        """Return the file."""
        return {"path": Path(self.path)}

    def read(self) -> Samples:
        """Return the samples, split."""
        try:
            with Path(self.path).open(newline="", encoding="utf-8-sig") as file:
                lines = [(at, row) for at, row in enumerate(csv.reader(file), 1) if any(row)]
        except OSError as problem:
            raise UserError(f"path: {self.path} cannot be read: {problem.strerror}") from None
        except (ValueError, csv.Error) as problem:
            raise UserError(f"path: {self.path} is no table: {problem}") from None
        for at, row in lines[: self.header]:
            if all(_number(cell) is not None for cell in row):
                raise UserError(
                    f"header: line {at} of {self.path} holds numbers only, so that a sample would "
                    f"be left out; give header={self.header - 1} if it is one"
                )
        return self._samples(lines[self.header :])

    def _samples(self, lines: list[tuple[int, list[str]]]) -> Samples:
        """Return samples of the rows, each with the number of its line."""
        if not lines:
            raise UserError(f"path: {self.path} holds no samples")
        width = len(lines[0][1])
        column = whole("label_column", self.label_column, low=-width, high=width - 1) % width
        inputs, labels = np.empty((len(lines), width - 1)), []
        for place, (at, row) in enumerate(lines):
            if len(row) != width:
                raise UserError(
                    f"path: {self.path}, line {at}: {width} columns are wanted, got {len(row)}"
                )
            labels.append(row[column].strip())
            others = [(n, cell) for n, cell in enumerate(row) if n != column]
            for to, (n, cell) in enumerate(others):
                value = _number(cell)
                if value is None:
                    raise UserError(
                        f"path: {self.path}, line {at}: column {n} must be a finite number, "
                        f"got {cell!r}"
                    )
                inputs[place, to] = value
        return self.split(inputs, np.array(labels))


del Dataset.registry[""]


def read_idx(name: str, path: Path) -> npt.NDArray[Any]:
    """Read an IDX file, gzip or not.

    Raises
    ------
    UserError
        If it is none, or not whole.
    """
    content = _bytes(name, path)
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as problem:
            raise UserError(f"{name}: {path} is damaged: {problem}") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise UserError(f"{name}: {path} is no IDX file")
    axes = content[3]
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, 4))
    dtype = np.dtype(_IDX_TYPES[content[2]])
    if len(content) != 4 + 4 * axes + int(np.prod(shape)) * dtype.itemsize:
        raise UserError(f"{name}: {path} is not whole: its size does not fit its header")
    return np.frombuffer(content, dtype, offset=4 + 4 * axes).reshape(shape)


def _bytes(name: str, path: Path) -> bytes:
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


def _downloaded(name: str, retrieve: Callable[..., str] | None = None) -> Path:
    """Return a file of MNIST in the cache, downloaded and verified if it is not there."""
    import pooch

    try:
        found = (retrieve or pooch.retrieve)(
            MNIST_URL + name, known_hash=f"sha256:{MNIST_FILES[name]}", fname=name,
            path=cache_folder() / "mnist",
        )  # fmt: skip
    except Exception as problem:
        raise UserError(
            f"folder: MNIST cannot be downloaded ({problem}); put its four files into a folder "
            "and give workload.data.folder"
        ) from None
    return Path(found)


def _table(name: str, inputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> FloatArray:
    if labels.ndim != 1 or len(labels) != len(inputs):
        raise UserError(
            f"{name} must hold one label a sample, got {labels.shape} for {len(inputs)} samples"
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


def _number(text: str) -> float | None:
    """Return a finite number, or None where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _unit(inputs: npt.NDArray[Any]) -> FloatArray:
    """Return inputs in [0, 1]: as they are, or between the least and the largest of them all."""
    low, high = float(inputs.min()), float(inputs.max())
    if low >= 0 and high <= 1:
        return np.asarray(inputs, np.float32)
    positive("the spread of the inputs", high - low)
    return np.asarray((inputs - low) / (high - low), np.float32)


def _numbered(
    train_images: npt.NDArray[Any],
    train_labels: npt.NDArray[Any],
    test_images: npt.NDArray[Any],
    test_labels: npt.NDArray[Any],
) -> Samples:
    """Put two parts together: pixels in [0, 1], classes from 0."""
    train = _table("train_images", train_images, train_labels)
    test = _table("test_images", test_images, test_labels)
    if train.shape[1] != test.shape[1]:
        raise UserError(
            f"test_images must have the {train.shape[1]} inputs of train_images, got "
            f"{test.shape[1]}"
        )
    both = _unit(np.concatenate([train, test]))
    classes, numbers = np.unique(np.concatenate([train_labels, test_labels]), return_inverse=True)
    if len(classes) < 2:
        raise UserError(f"labels must tell at least 2 classes, got {len(classes)}")
    split = len(train)
    labels = numbers.astype(np.int64)
    return Samples(both[:split], labels[:split], both[split:], labels[split:])
