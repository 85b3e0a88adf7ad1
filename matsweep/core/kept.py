"""Results of long computations in the cache: whole, checked, and computed by one process."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matsweep.core.cache import cache_folder, keep
from matsweep.core.files import read_plain

_ROOM = "groundwork"
_MARK = b"matsweep groundwork 1\n"
_MOST = 2**33  # bytes of a result
_DIGEST = 32  # hexadecimal digits


def digest(result: bytes) -> str:
    """Return the hash of a result.

    Parameters
    ----------
    result : bytes

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    return hashlib.blake2b(result, digest_size=_DIGEST // 2).hexdigest()


def keep_result(key: str, result: bytes) -> None:
    """Keep a result in the cache, and remove the states that led to it.

    Parameters
    ----------
    key : str
    result : bytes
    """
    keep(f"{_ROOM}/{key}", _MARK + digest(result).encode() + b"\n" + result)
    shutil.rmtree(begun(key), ignore_errors=True)


def kept_result(key: str) -> bytes | None:
    """Return a result from the cache.

    Parameters
    ----------
    key : str

    Returns
    -------
    bytes or None
        None where there is none, or it is damaged.
    """
    try:
        content = read_plain(cache_folder() / _ROOM / key, _MOST)
    except OSError:
        return None
    head = len(_MARK) + _DIGEST + 1
    result = content[head:]
    whole = content[:head] == _MARK + digest(result).encode() + b"\n"
    return result if whole else None


def begun(key: str) -> Path:
    """Return the folder for states from which an interrupted computation goes on.

    Parameters
    ----------
    key : str

    Returns
    -------
    Path
        It need not exist.
    """
    return cache_folder() / _ROOM / f"{key}.begun"


@contextmanager
def alone(key: str) -> Iterator[None]:
    """Wait until no other process of this machine computes a result.

    Where the cache cannot be written, or has no locks, all processes compute.

    Parameters
    ----------
    key : str

    Yields
    ------
    None
    """
    path = cache_folder() / _ROOM / f"{key}.lock"
    descriptor = _locked(path)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Lock a file that is there; None where that is impossible."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # the process before has removed it
        except OSError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
