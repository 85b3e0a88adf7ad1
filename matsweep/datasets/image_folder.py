"""Folders of images, one folder a class."""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.printing import listed
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Samples, count_classes
from matsweep.datasets.files import MOST_UNPACKED, read_bytes
from matsweep.datasets.split import Split

FORMATS = ("PNG", "JPEG", "BMP", "PPM")
"""Formats that are read, by Pillow's names; PPM includes PGM and PBM."""

_PARTS = ("train", "test")
_GREY, _COLOUR = ("1", "L"), ("P", "RGB", "RGBA", "LA", "CMYK", "YCbCr")
_MOST_FILES = 10**6
_WAY = "give PATH/CLASS/IMAGE, or PATH/train/CLASS/IMAGE and PATH/test/CLASS/IMAGE"


@dataclass(frozen=True, kw_only=True)
class Images(Split, kind="images"):
    """A folder with one folder of images for each class: PNG, JPEG, BMP or PPM.

    Images are of one size, 8 bits a channel, and are divided by 255. They are grey if all are, or
    else red, green and blue; transparency is ignored. Names that begin with a dot are left out.

    Classes are numbered from 0 in the order of their folders' names: by value where all are whole
    numbers (2 before 10), else as text.

    Parameters
    ----------
    path : str
        Holds the folders of the classes, or `train` and `test`, each of which holds them; the
        split is then the user's.
    """

    path: str

    def files(self) -> dict[str, Path]:
        """Return the images, sorted, by their place in the folder."""
        root = Path(self.path)
        return {place: root / place for place in self._places()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return _ordered({place.split("/")[-2] for place in self._places()})

    def _places(self) -> list[str]:
        """Return the sorted places of all images, CLASS/IMAGE or PART/CLASS/IMAGE.

        Raises
        ------
        UserError
            If the folder is not laid out so, a class has no images, or a link leads out of it.
        """
        root = Path(self.path)
        depth = 2 if set(_listed(root, "", folders=True)) == set(_PARTS) else 1
        places = [""]
        for level in range(depth + 1):
            above_images = places
            places = [
                f"{above}/{name}".lstrip("/")
                for above in places
                for name in _listed(root, above, folders=level < depth)
            ]
        if not 0 < len(places) <= _MOST_FILES:
            raise UserError(
                f"path must name a folder of 1 to {_MOST_FILES:,} images, got {self.path} with "
                f"{len(places):,}: {_WAY}"
            )
        classes, filled = (
            {place.split("/")[level] for place in each}
            for each, level in ((above_images, -1), (places, -2))
        )
        if classes != filled:
            raise UserError(
                f"path must name a folder with an image of each class, got {self.path} with none "
                f"of {listed(sorted(classes - filled))}: other classes would get their "
                "numbers; add images, or remove the folder"
            )
        return places

    def read(self) -> Samples:
        """Read the images, split as the folder is."""
        places = self._places()
        pixels = _pixels(Path(self.path), places)
        named = [place.split("/")[-2] for place in places]
        names = _ordered(set(named))
        order = {name: label for label, name in enumerate(names)}
        # A single class keeps its name, for the message.
        labels = np.array([order[name] for name in named] if len(names) > 1 else named)
        if places[0].count("/") == 1:
            return self.split("path", pixels, labels)
        _, numbers = count_classes("path", labels)
        test = np.array([place.startswith("test/") for place in places])
        if test.all() or not test.any():
            raise UserError(
                f"path must hold images in train and test, got {self.path} with none in one of "
                f"them: {_WAY}"
            )
        return Samples(pixels[~test], numbers[~test], pixels[test], numbers[test])


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Sort names of classes: by value where all are whole numbers, else as text."""
    if all(name.isascii() and name.isdecimal() for name in names):
        return tuple(sorted(names, key=_value))
    return tuple(sorted(names))


def _value(number: str) -> tuple[int, str, str]:
    """Return a key that sorts whole numbers of any length by value."""
    digits = number.lstrip("0")
    return len(digits), digits, number


def _listed(root: Path, folder: str, *, folders: bool) -> list[str]:
    """Return the sorted names in a folder.

    Raises
    ------
    UserError
        If it cannot be listed, holds files where folders are wanted or folders for files, or a
        link out of the whole folder.
    """
    try:
        with os.scandir(root / folder) as entries:
            listing = sorted(
                (each for each in entries if not each.name.startswith(".")),
                key=lambda each: each.name,
            )
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(
            f"path must name a folder of images, got {root / folder} ({reason}): {_WAY}"
        ) from None
    odd = [each.name for each in listing if _is_folder(each) != folders]
    if odd:
        wanted = "folders only" if folders else "images only"
        raise UserError(
            f"path must name a folder of classes, got {root}, where {folder or 'it'} must hold "
            f"{wanted}, not {listed(odd)}: {_WAY}"
        )
    for each in listing:
        if each.is_symlink() and not Path(os.path.realpath(each)).is_relative_to(root.resolve()):
            raise UserError(
                f"path must name a folder that holds its images, got {root}, where "
                f"{Path(folder) / each.name} is a link out of it: copy its content there"
            )
    return [each.name for each in listing]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: as a link to nothing, which is no folder
        return False


def _pixels(root: Path, places: list[str]) -> FloatArray:
    """Read images as (sample, row, column, channel) in [0, 1], all grey or all in colour."""
    first = None
    opened = ((place, _opened(root, place)) for place in places)
    grey = True
    for place, image in opened:
        first = first or (place, image.size)
        if image.size != first[1]:
            (width, height), (w, h) = first[1], image.size
            raise UserError(
                f"path must name a folder of images of one size, got {root}, where {first[0]} has "
                f"{width} × {height} pixels and {place} has {w} × {h}: crop or scale them first"
            )
        grey = grey and image.mode in _GREY
    assert first is not None
    (width, height), channels = first[1], 1 if grey else 3
    size = len(places) * height * width * channels * 4  # as float32
    if size > MOST_UNPACKED:
        raise UserError(
            f"path must name a folder of images of at most {MOST_UNPACKED / 2**30:.0f} GiB, got "
            f"{root} with {size / 2**30:.3g} GiB: leave samples out, or scale them first"
        )
    pixels = np.empty((len(places), height, width, channels), np.float32)
    for row, place in zip(pixels, places, strict=True):
        row[...] = _decoded(root, place, "L" if grey else "RGB").reshape(row.shape)
    pixels /= 255
    return pixels


def _opened(root: Path, place: str) -> Any:
    """Return Pillow's image of a file, whose header alone is read.

    Raises
    ------
    UserError
        If it is no image, or not of 8 bits.
    """
    from PIL import Image

    content = io.BytesIO(read_bytes(f"path ({place})", root / place))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images are bounded by `_pixels`
            image = Image.open(content, formats=FORMATS)
    except Exception:  # Pillow fails in as many ways as files are damaged
        raise UserError(
            f"path must name a folder of images ({listed(FORMATS)}), got {root}, where {place} is "
            "another kind of file, or damaged: leave it out"
        ) from None
    if image.mode not in (*_GREY, *_COLOUR):
        raise UserError(
            f"path must name a folder of images of 8 bits a channel, got {root}, where {place} "
            f"has Pillow's mode {image.mode}: convert it first"
        )
    return image


def _decoded(root: Path, place: str, mode: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of an image.

    Raises
    ------
    UserError
        If it is not whole.
    """
    image = _opened(root, place)
    try:
        return np.asarray(image.convert(mode), np.uint8)
    except Exception:  # as above
        raise UserError(
            f"path must name a folder of whole images, got {root}, where {place} is damaged: copy "
            "it again, or leave it out"
        ) from None
