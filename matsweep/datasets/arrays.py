"""Inputs of any shape, with or without labels: NPZ files and tables."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from matsweep.core.checks import UserError
from matsweep.core.files import open_plain
from matsweep.core.printing import brief, listed
from matsweep.datasets.files import unreadable

type AnyArray = npt.NDArray[Any]

INPUTS, LABELS, TARGETS = "inputs", "labels", "targets"
MOST_PACKED = 2**30
"""Bytes that the compressed arrays of a file may unpack to; those that are not are mapped."""

_KNOWN = (LABELS, TARGETS)
_WRITTEN = "write it with numpy.savez(PATH, inputs=(sample, …) array, labels=(sample,) array)"
_LOCAL_HEADER = 30  # bytes of a member's local header in a ZIP file, before its name


class Outline(NamedTuple):
    """Contents of a source, known before its numbers are read.

    Parameters
    ----------
    samples : int
    inputs : mapping of str to (shape, dtype)
        Shape of one sample.
    labelled : bool
    targeted : bool
    """

    samples: int
    inputs: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
    labelled: bool
    targeted: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrays:
    """Samples as a source has them.

    Parameters
    ----------
    inputs : mapping of str to (sample, …) array
    labels : (sample, …) array of int, or None
    targets : (sample, …) array or None
    layout : "NHWC", "flat" or None
        Of inputs, where it is known: images (sample, row, column, channel), or numbers in an order
        that is everybody's.
    """

    inputs: Mapping[str, AnyArray]
    labels: AnyArray | None = None
    targets: AnyArray | None = None
    layout: str | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.inputs.values())))


def npz_outline(name: str, path: Path) -> Outline:
    """Read the shapes of the arrays in an NPZ file.

    Parameters
    ----------
    name : str
        Parameter that names the file, for messages.
    path : Path

    Returns
    -------
    Outline

    Raises
    ------
    UserError
        If it is no NPZ file, is damaged, or its arrays do not belong together.
    """
    headers = _headers(name, path)
    packed = sum(h.size for h in headers.values() if h.offset is None)
    if packed > MOST_PACKED:
        raise UserError(
            f"{name} must name an NPZ file of at most {MOST_PACKED / 2**30:.0f} GiB where it is "
            f"compressed, got {path} with {packed / 2**30:.3g} GiB: write it with "
            "numpy.savez, which does not compress"
        )
    inputs = {key: each for key, each in headers.items() if key not in _KNOWN}
    if not inputs:
        raise UserError(
            f"{name} must name an NPZ file with an array inputs, got {path} with "
            f"{listed(headers) or 'none'}: {_WRITTEN}"
        )
    counts = {key: header.shape[0] if header.shape else 0 for key, header in headers.items()}
    samples = counts[next(iter(inputs))]
    for key, count in counts.items():
        if count != samples or not count:
            raise UserError(
                f"{name} must hold as many {key} as samples, at least one, got arrays of "
                f"{', '.join(f'{n} {c}' for n, c in counts.items())} in {path}"
            )
    return Outline(
        samples=samples,
        inputs={key: (header.shape[1:], header.dtype) for key, header in inputs.items()},
        labelled=LABELS in headers,
        targeted=TARGETS in headers,
    )


def read_npz(name: str, path: Path) -> Arrays:
    """Open the arrays of an NPZ file; those that are not compressed are mapped, not read.

    Parameters
    ----------
    name : str
        Parameter that names the file, for messages.
    path : Path

    Returns
    -------
    Arrays

    Raises
    ------
    UserError
        If it is no NPZ file, is damaged, or its arrays do not belong together.
    """
    headers = _headers(name, path)
    npz_outline(name, path)
    arrays = {key: _opened(name, path, key, header) for key, header in headers.items()}
    return Arrays(
        inputs={key: each for key, each in arrays.items() if key not in _KNOWN},
        labels=arrays.get(LABELS),
        targets=arrays.get(TARGETS),
    )


def file_digest(name: str, path: Path) -> str:
    """Hash of a file's content, kept while the file does not change.

    Parameters
    ----------
    name : str
        Parameter that names the file, for messages.
    path : Path

    Returns
    -------
    str

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        facts = path.stat()
        return _digest(str(path), facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError) as problem:
        raise unreadable(name, path, problem) from None


def numbers(name: str, values: AnyArray) -> AnyArray:
    """Check that values are finite real numbers.

    Parameters
    ----------
    name : str
        Of the parameter that they come from, for messages.
    values : array

    Returns
    -------
    array

    Raises
    ------
    UserError
        If they are not.
    """
    if values.dtype.kind not in "biuf":
        raise UserError(
            f"{name} must hold real numbers, got {brief(values.dtype)}: convert them first"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0]
        raise UserError(
            f"{name} must hold finite numbers only, got {values[tuple(where)]} at "
            f"{where.tolist()}: leave such samples out"
        )
    return values


def whole_labels(name: str, labels: AnyArray) -> npt.NDArray[np.int64]:
    """Check that labels are whole numbers.

    Parameters
    ----------
    name : str
        Of the parameter that they come from, for messages.
    labels : array

    Returns
    -------
    array of int64

    Raises
    ------
    UserError
        If they are not.
    """
    checked = numbers(name, labels)
    with np.errstate(invalid="ignore"):  # floats beyond int64 become other numbers
        exact = np.asarray(checked).astype(np.int64)
    if not np.array_equal(exact, checked):
        raise UserError(
            f"{name} must hold labels that are whole numbers from 0, got {brief(checked.dtype)}: "
            "number the classes, or give targets"
        )
    return exact


@functools.lru_cache(maxsize=64)
def _digest(path: str, time: int, size: int) -> str:
    """Return the hash of a file that was last changed at `time` [ns]."""
    with open(open_plain(path), "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class _Header(NamedTuple):
    """Header of an array in an NPZ file; `offset` of its numbers in the file, if not compressed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    size: int
    offset: int | None


def _headers(name: str, path: Path) -> dict[str, _Header]:
    try:
        facts = path.stat()
        return _kept_headers(str(path), facts.st_mtime_ns, facts.st_size)
    except OSError as problem:
        raise unreadable(name, path, problem) from None
    except Exception:  # NumPy and zipfile fail in as many ways as files are damaged
        # NumPy's own words would advise to unpickle it.
        raise UserError(
            f"{name} must name an NPZ file of numbers, got {path}, which is another kind of file, "
            f"is damaged, or holds objects: {_WRITTEN}"
        ) from None


@functools.lru_cache(maxsize=64)
def _kept_headers(path: str, time: int, size: int) -> dict[str, _Header]:
    with open(open_plain(path), "rb") as file, zipfile.ZipFile(file) as members:
        return {
            info.filename.removesuffix(".npy"): _header(file, members, info)
            for info in members.infolist()
        }


def _header(file: IO[bytes], members: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Header:
    """Read the header of an array, and check that its member of the file holds it whole."""
    with members.open(info) as member:
        version = npy.read_magic(member)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(member)
        begins = member.tell()
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or size != info.file_size - begins:
        raise ValueError(f"{info.filename} is not whole, or holds objects")
    offset = None
    if info.compress_type == zipfile.ZIP_STORED and size:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
        lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        offset = info.header_offset + _LOCAL_HEADER + lengths + begins
    return _Header(shape, dtype, fortran, size, offset)


def _opened(name: str, path: Path, key: str, header: _Header) -> AnyArray:
    """Map an array, or read it where it is compressed."""
    try:
        with open(open_plain(path), "rb") as file:
            if (
                header.offset is not None
                and header.offset + header.size <= os.fstat(file.fileno()).st_size
            ):
                return np.memmap(
                    file, header.dtype, "r", header.offset, header.shape,
                    "F" if header.fortran else "C",
                )  # fmt: skip
            with zipfile.ZipFile(file) as members, members.open(f"{key}.npy") as member:
                return np.asarray(npy.read_array(member, allow_pickle=False))
    except Exception as problem:
        raise UserError(
            f"{name} must name a whole NPZ file, got {path}, whose array {key} cannot be read "
            f"({brief(str(problem))}): {_WRITTEN}"
        ) from None
