"""Image sets: digits, MNIST, and any set in IDX files."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.cache import cache_folder
from matsweep.core.checks import UserError
from matsweep.datasets.dataset import Dataset, Samples, as_numbers, count_classes
from matsweep.datasets.files import MOST_UNPACKED, read_bytes, unpacked
from matsweep.datasets.scaling import Scaled
from matsweep.datasets.split import Split

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
_MOST_AXES = 4  # samples, rows, columns, colours
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


@dataclass(frozen=True, kw_only=True)
class Digits(Split, kind="digits"):
    """Scikit-learn's digits: 1,797 images of 8 × 8 pixels.

    References
    ----------
    E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
    """

    samples: ClassVar[int | None] = 1797
    inputs: ClassVar[int] = 64
    classes: ClassVar[int] = 10
    axes: ClassVar[tuple[int, ...] | None] = (8, 8, 1)

    def files(self) -> dict[str, Path]:
        """Return none: the set comes with scikit-learn."""
        return {}

    def read(self) -> Samples:
        """Read the digits, split."""
        from sklearn.datasets import load_digits

        inputs, labels = load_digits(return_X_y=True)
        return self.split("digits", inputs / 16.0, labels)


@dataclass(frozen=True, kw_only=True)
class MNIST(Dataset, kind="mnist"):
    """MNIST: 60,000 images of 28 × 28 pixels for training and 10,000 for test.

    Parameters
    ----------
    folder : str or None
        Folder of its four files, as they are distributed (IDX, gzip); None: the user's cache,
        to which they are downloaded once, their checksums verified.

    References
    ----------
    Y. LeCun et al., Proc. IEEE 86:2278, 1998, doi:10.1109/5.726791.
    """

    inputs: ClassVar[int] = 784
    classes: ClassVar[int] = 10
    axes: ClassVar[tuple[int, ...] | None] = (28, 28, 1)

    folder: str | None = None

    def files(self) -> dict[str, Path]:
        """Return the four files, downloaded if necessary."""
        if self.folder is not None:
            return {f"folder ({name})": Path(self.folder) / name for name in MNIST_FILES}
        return {name: _downloaded(name) for name in MNIST_FILES}

    def read(self) -> Samples:
        """Read the images in their published split."""
        samples = as_samples(*(read_idx(name, path) for name, path in self.files().items()))
        return samples._replace(
            train_inputs=samples.train_inputs / 255, test_inputs=samples.test_inputs / 255
        )


@dataclass(frozen=True, kw_only=True)
class IDX(Scaled, kind="idx"):
    """Any set in four IDX files (Fashion-MNIST, KMNIST, EMNIST, …), gzip or not.

    Parameters
    ----------
    train_images, train_labels, test_images, test_labels : str
        Paths of the files.
    scaling : "column", "global", "none" or None
        As `Scaled` describes; by default all pixels have one range.
    """

    source: ClassVar[str] = "train_images"

    scaling: str | None = "global"
    train_images: str
    train_labels: str
    test_images: str
    test_labels: str

    def files(self) -> dict[str, Path]:
        """Return the four files."""
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return {name: Path(getattr(self, name)) for name in names}

    def read(self) -> Samples:
        """Read the images in their given split."""
        return as_samples(*(read_idx(name, path) for name, path in self.files().items()))


def read_idx(name: str, path: Path) -> npt.NDArray[Any]:
    """Read an IDX file, gzip or not.

    Parameters
    ----------
    name : str
        Parameter's, for messages.
    path : Path

    Returns
    -------
    array
        In the file's shape and type.

    Raises
    ------
    UserError
        If it is no IDX file, or incomplete.
    """
    content = read_bytes(name, path)
    try:
        head = unpacked(content, 4 + 4 * _MOST_AXES)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES:
            raise UserError(
                f"{name} must name an IDX file (gzip or not), got {path}, which is none: give the "
                "files of MNIST's format, or kind npz or csv"
            )
        dtype, first = np.dtype(_IDX_TYPES[head[2]]), 4 + 4 * head[3]
        whole = 0 < head[3] <= _MOST_AXES and len(head) >= first
        shape = tuple(map(int, np.frombuffer(head, ">u4", head[3], 4))) if whole else (0,)
        size = first + math.prod(shape) * dtype.itemsize
        if size > MOST_UNPACKED:
            raise UserError(
                f"{name} must name an IDX file of at most {MOST_UNPACKED / 2**30:.0f} GiB, got "
                f"{path} of shape {shape}: leave samples out"
            )
        content = unpacked(content, size + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise UserError(
            f"{name} must name a whole file, got {path}, whose compression is damaged "
            f"({problem}): copy or download it again"
        ) from None
    if len(content) != size or not size > first:
        raise UserError(
            f"{name} must name a whole IDX file, got {path}, whose size does not fit its header: "
            "copy or download it again"
        )
    return np.frombuffer(content, dtype, offset=first).reshape(shape)


def _downloaded(name: str, retrieve: Callable[..., str] | None = None) -> Path:
    """Path of a file of MNIST in the cache, downloaded and verified if missing."""
    import pooch

    try:
        path = (retrieve or pooch.retrieve)(
            MNIST_URL + name, known_hash=f"sha256:{MNIST_FILES[name]}", fname=name,
            path=cache_folder() / "mnist",
        )  # fmt: skip
    except Exception as problem:
        raise UserError(
            "folder must name a folder with the four files of MNIST where they cannot be "
            f"downloaded, got null ({problem}): put them into a folder, and give it"
        ) from None
    return Path(path)


def as_samples(
    train_images: npt.NDArray[Any],
    train_labels: npt.NDArray[Any],
    test_images: npt.NDArray[Any],
    test_labels: npt.NDArray[Any],
) -> Samples:
    """Join training and test images; classes are numbered from 0.

    Parameters
    ----------
    train_images : (sample, …) array
    train_labels : (sample,) array
    test_images : (sample, …) array
    test_labels : (sample,) array

    Returns
    -------
    Samples
        Inputs (sample, …), as they are.

    Raises
    ------
    UserError
        If the two differ in their number of inputs, or there are fewer than two classes.
    """
    train = as_numbers("train_images", train_images, train_labels)
    test = as_numbers("test_images", test_images, test_labels)
    if train.shape[1:] != test.shape[1:]:
        raise UserError(
            f"test_images must have samples of shape {train.shape[1:]} as train_images, got "
            f"{test.shape[1:]}"
        )
    _, numbers = count_classes("train_labels", np.concatenate([train_labels, test_labels]))
    return Samples(train, numbers[: len(train)], test, numbers[len(train) :])
