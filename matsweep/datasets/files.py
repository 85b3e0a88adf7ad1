"""Content of the files of a dataset."""

from __future__ import annotations

import functools
import gzip
import io
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.files import read_content

MOST_UNPACKED = 2**32
"""Bytes that a file, and the arrays in it, may have: CIFAR-10 in float64 has 1.5e9."""


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
    try:
        facts = path.stat()
        return _kept_bytes(str(path), facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError) as problem:
        raise unreadable(name, path, problem) from None


def unreadable(name: str, path: Path, problem: Exception) -> UserError:
    """Return the error of a file that cannot be read.

    Parameters
    ----------
    name : str
        Parameter's, for messages.
    path : Path
    problem : Exception

    Returns
    -------
    UserError
    """
    reason = getattr(problem, "strerror", None) or problem
    return UserError(
        f"{name} must name a file that can be read, got {path} ({reason}): give its "
        f"path from {Path.cwd()}, or its whole path"
    )


@functools.lru_cache(maxsize=8)
def _kept_bytes(path: str, time: int, size: int) -> bytes:
    """Return the content of a file that was last changed at `time` [ns]."""
    return read_content(path, most=MOST_UNPACKED)


def unpacked(content: bytes, most: int) -> bytes:
    """Return the first bytes of a file, gzip or not: no more than asked for is unpacked.

    Parameters
    ----------
    content : bytes
    most : int, bytes

    Returns
    -------
    bytes
    """
    if content[:2] != b"\x1f\x8b":
        return content[:most]
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return file.read(most)
