"""Folders of images, one folder for each class."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.files import read_content
from matsweep.core.sizes import in_bytes
from matsweep.datasets.arrays import Arrays, Outline, unreadable
from matsweep.datasets.files import MOST_UNPACKED

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 2**26  # of one image
_MOST_FILE = 2**28  # bytes of one
_MOST_FILES = 10_000_000


def folder_outline(name: str, path: Path) -> Outline:
    """Count the images of a folder, and read the size of the first.

    Parameters
    ----------
    name : str
        Parameter that names the folder, for messages.
    path : Path

    Returns
    -------
    Outline

    Raises
    ------
    UserError
        If there are none.
    """
    files = class_files(name, path)
    width, height, channels = _size(name, files[0][0])
    shape = (height, width, channels)
    return Outline(len(files), {"inputs": (shape, np.dtype(np.uint8))}, True, False)


def class_files(name: str, path: Path) -> tuple[tuple[Path, int], ...]:
    """Images below a folder with their classes: folders in the order of their names.

    Parameters
    ----------
    name : str
        Parameter that names the folder, for messages.
    path : Path

    Returns
    -------
    tuple of (Path, int)

    Raises
    ------
    UserError
        If it has no folders with images.
    """
    try:
        folders = sorted(each for each in path.iterdir() if each.is_dir())
        files = [
            (image, number)
            for number, folder in enumerate(folders)
            for image in sorted(folder.iterdir())
            if image.suffix.lower() in _ENDINGS
        ]
    except OSError as problem:
        raise unreadable(name, path, problem) from None
    if not files or len(files) > _MOST_FILES:
        raise UserError(
            f"{name} must name a folder with a folder of images for each class "
            f"({', '.join(_ENDINGS)}), got {path} with {len(files)} images in "
            f"{len(folders)} folders"
        )
    return tuple(files)


def read_folder(name: str, path: Path, chosen: npt.NDArray[np.int64] | None = None) -> Arrays:
    """Read images, (sample, row, column, channel) of 8 bits.

    Parameters
    ----------
    name : str
        Parameter that names the folder, for messages.
    path : Path
    chosen : array of int, optional
        Numbers of the images; all by default.

    Returns
    -------
    Arrays

    Raises
    ------
    UserError
        If one cannot be read, or they differ in size.
    """
    files = class_files(name, path)
    chosen = np.arange(len(files)) if chosen is None else chosen
    width, height, channels = _size(name, files[0][0])
    shape = len(chosen), height, width, channels
    if (needed := int(np.prod(shape, dtype=object))) > MOST_UNPACKED:
        raise UserError(
            f"{name} must hold images of at most {in_bytes(MOST_UNPACKED)} together, got "
            f"{in_bytes(needed)}: use fewer (test_samples)"
        )
    images = np.empty(shape, np.uint8)
    for place, number in enumerate(chosen.tolist()):
        images[place] = _read(name, files[number][0], shape[1:])
    labels = np.array([files[number][1] for number in chosen.tolist()], np.int64)
    return Arrays(inputs={"inputs": images}, labels=labels, channels_last=True)


def folder_digest(name: str, path: Path) -> str:
    """Hash of the images of a folder.

    Parameters
    ----------
    name : str
        Parameter that names the folder, for messages.
    path : Path

    Returns
    -------
    str
    """
    files = class_files(name, path)
    facts = tuple((str(file), label, file.stat().st_mtime_ns) for file, label in files)
    return _folder_digest(facts)


@functools.lru_cache(maxsize=16)
def _folder_digest(facts: tuple[tuple[str, int, int], ...]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for file, label, _ in facts:
        content = hashlib.blake2b(read_content(file, most=_MOST_FILE), digest_size=16).hexdigest()
        hashed.update(f"{Path(file).name} {label} {content}\n".encode())
    return hashed.hexdigest()


def _opened(name: str, file: Path) -> Any:
    from PIL import Image

    if os.path.getsize(file) > _MOST_FILE:
        raise UserError(f"{name} must hold images of at most {in_bytes(_MOST_FILE)}, got {file}")
    image = Image.open(file, formats=_FORMATS)
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise UserError(
            f"{name} must hold images of at most {_MOST_PIXELS:,} pixels, got {width} × {height} "
            f"in {file}"
        )
    return image


def _size(name: str, file: Path) -> tuple[int, int, int]:
    try:
        with _opened(name, file) as image:
            grey = image.mode in ("1", "L", "I", "I;16", "F")
            return (*image.size, 1 if grey else 3)
    except (OSError, ValueError, SyntaxError) as problem:
        raise _damaged(name, file, problem) from None


def _read(name: str, file: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    try:
        with _opened(name, file) as image:
            pixels = np.asarray(image.convert("L" if shape[2] == 1 else "RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError) as problem:
        raise _damaged(name, file, problem) from None
    pixels = pixels.reshape(*pixels.shape[:2], shape[2])
    if pixels.shape != shape:
        raise UserError(
            f"{name} must hold images of one size, got {pixels.shape[1]} × {pixels.shape[0]} in "
            f"{file} and {shape[1]} × {shape[0]} before: resize them first"
        )
    return pixels


def _damaged(name: str, file: Path, problem: Exception) -> UserError:
    if isinstance(problem, UserError):
        return problem
    return UserError(
        f"{name} must hold images that can be read, got {file} ({problem}): copy it again, or "
        "leave it out"
    )
