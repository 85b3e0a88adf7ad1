"""CIFAR-10 and CIFAR-100 in the user's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Dataset, IntArray, Samples
from matsweep.datasets.files import read_bytes

_SIDE, _COLOURS = 32, 3
_PIXELS = _SIDE * _SIDE * _COLOURS
_TEN = ([f"data_batch_{number}.bin" for number in range(1, 6)], ["test_batch.bin"], 1, 10)
_HUNDRED = (["train.bin"], ["test.bin"], 2, 100)
"""Files for training and for test, bytes of labels before an image, and classes; the last is used.

In CIFAR-100 the coarse class comes first.
"""


@dataclass(frozen=True, kw_only=True)
class CIFAR(Dataset, kind="cifar"):
    """CIFAR-10 or CIFAR-100: 60,000 colour images of 32 × 32 pixels, 10,000 of them for test.

    Parameters
    ----------
    folder : str
        Folder of the files of the binary version: `data_batch_1.bin` … `data_batch_5.bin` and
        `test_batch.bin`, or `train.bin` and `test.bin`. The versions for Python and Matlab are
        not read: a pickle may hold any program.

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images, University of Toronto,
    2009.
    """

    inputs: ClassVar[int] = _PIXELS
    axes: ClassVar[tuple[int, ...] | None] = (_SIDE, _SIDE, _COLOURS)

    folder: str

    @property
    def _version(self) -> tuple[list[str], list[str], int, int]:
        return _HUNDRED if (Path(self.folder) / _HUNDRED[0][0]).is_file() else _TEN

    def files(self) -> dict[str, Path]:
        """Return the files of the version that lies in the folder."""
        train, test, _, _ = self._version
        if not (Path(self.folder) / train[0]).is_file():
            raise UserError(
                f"folder must hold the binary version of CIFAR, got {self.folder} without "
                f"{_TEN[0][0]} or {_HUNDRED[0][0]}: unpack cifar-10-binary.tar.gz or "
                "cifar-100-binary.tar.gz there (pickles are not read)"
            )
        return {f"folder ({name})": Path(self.folder) / name for name in (*train, *test)}

    def read(self) -> Samples:
        """Read the images in their published split, channels last."""
        train, _, before, classes = self._version
        parts = [_images(name, path, before, classes) for name, path in self.files().items()]
        inputs, labels = (np.concatenate(each) for each in zip(*parts[: len(train)], strict=True))
        return Samples(inputs, labels, *parts[-1])


def _images(name: str, path: Path, before: int, classes: int) -> tuple[FloatArray, IntArray]:
    """Read a file of images; the last of the bytes before each is its label."""
    content = np.frombuffer(read_bytes(name, path), np.uint8)
    if not len(content) or len(content) % (before + _PIXELS):
        raise UserError(
            f"{name} must hold images of {before + _PIXELS} bytes, got {path} of {len(content):,} "
            "bytes: copy or download it again"
        )
    table = content.reshape(-1, before + _PIXELS)
    labels = table[:, before - 1].astype(np.int64)
    if labels.max() >= classes:
        raise UserError(
            f"{name} must hold labels below {classes}, got {path} with {labels.max()}: copy or "
            "download it again"
        )
    colours = table[:, before:].reshape(-1, _COLOURS, _SIDE, _SIDE)
    return np.moveaxis(colours, 1, -1) / np.float32(255), labels
