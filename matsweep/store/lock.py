"""One writer per store: an flock, which the kernel releases however the writer ends.

In object storage it is a `matsweep.store.lease`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from matsweep.core.files import open_plain
from matsweep.core.printing import one_line
from matsweep.store import lease
from matsweep.store.disk import Place, telling
from matsweep.store.errors import StoreBusy, StoreError
from matsweep.store.objects import ObjectPath

LOCK = ".lock"
_WIDTH = 256  # bytes; one size for all holders, so that a full disk cannot refuse the text
_ODD = {errno.EINVAL, errno.EISDIR}  # a link, a pipe or a device; a folder
_PATIENCE = 0.5  # s; outlasts the instant in which `holder` of another process tries the lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Process that writes a store.

    Parameters
    ----------
    pid : int
        Its process id; 0 if it has not written it yet.
    host : str
        The machine it runs on.
    """

    pid: int
    host: str

    def __str__(self) -> str:
        """Return "pid 12 on host"."""
        return f"pid {self.pid} on {self.host}"


def me() -> bytes:
    """Return the content of a lock file held by this process."""
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()[:128]})
    return text.ljust(_WIDTH - 1).encode() + b"\n"


class Lock(Protocol):
    """A lock, held."""

    def check(self) -> None:
        """Raise `StoreError` if it is not held any more."""

    def release(self) -> None:
        """Release the lock."""


@dataclass(frozen=True, slots=True)
class FileLock:
    """Flock of a store on a file system.

    Parameters
    ----------
    descriptor : int
        The open file that holds it.
    store : Path
        What it is the lock of.
    """

    descriptor: int
    store: Path

    def check(self) -> None:
        """Raise `StoreError` if the store is gone; the kernel takes an flock from no holder."""
        if self._is_gone():
            raise StoreError(
                f"{self.store} was deleted, moved or replaced since it was opened, and its results "
                "with it; move it back, or give the same command again, which computes all again"
            )

    def _is_gone(self) -> bool:
        try:
            os.stat(self.store / "zarr.json")
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # such as of a server that does not answer
            return False
        mine = os.fstat(self.descriptor)
        try:  # another store may be in its place
            return mine.st_nlink == 0 and os.stat(self.store / LOCK).st_ino != mine.st_ino
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


def acquire(store: Place) -> Lock:
    """Take the lock of a store and write pid and host into it.

    Parameters
    ----------
    store : Place

    Returns
    -------
    Lock

    Raises
    ------
    StoreBusy
        If another opener holds it.
    StoreError
        If the place cannot be written or its file system has no locks, or if it holds symbolic
        links, through which other files would be written.
    """
    if isinstance(store, ObjectPath):
        return lease.acquire(store / LOCK)
    with telling(store, "write to", 0):
        _refuse_links(store)
        descriptor = open_lock(store / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        _wait_for(descriptor, store)
        with contextlib.suppress(OSError):  # the holder's name is useful, not necessary
            os.pwrite(descriptor, me(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return FileLock(descriptor, store)


def holder(store: Place) -> Holder | None:
    """Return the process that writes the store now, or None. Needs no right to write.

    Parameters
    ----------
    store : Place

    Returns
    -------
    Holder or None
    """
    if isinstance(store, ObjectPath):
        try:
            data, _, written = (store / LOCK).read_tagged()
        except FileNotFoundError:
            return None
        return _holder(data) if lease.alive(written) else None
    try:
        descriptor = open_lock(store / LOCK, os.O_RDONLY)
    except (OSError, StoreError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def open_lock(file: Path, flags: int) -> int:
    """Open a lock file itself: no link's target, no pipe (which would wait for its other end).

    Parameters
    ----------
    file : Path
    flags : int
        Of `os.open`.

    Returns
    -------
    int
        The open file's descriptor.

    Raises
    ------
    StoreError
        If it is no plain file.
    """
    odd = StoreError(f"{file} is not a plain file; remove it, and run the same command again")
    try:
        return open_plain(file, flags | os.O_NOFOLLOW)
    except OSError as problem:
        if problem.errno in _ODD:
            raise odd from problem
        raise


def _refuse_links(store: Path) -> None:
    """Refuse a store with symbolic links, in it or in the folders of its arrays.

    A store from elsewhere could have one wherever a file is written, under its temporary name too.
    None that matsweep wrote has any.
    """
    top = _entries(store)
    folders = [entry.path for entry in top if entry.is_dir(follow_symlinks=False)]
    for entry in (*top, *(each for folder in folders for each in _entries(folder))):
        if entry.is_symlink():
            raise StoreError(
                f"{store} holds a symbolic link, {os.path.relpath(entry.path, store)}, and would "
                "be written through it; make a copy without links (cp -rL) if you trust where it "
                "leads"
            )


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _wait_for(descriptor: int, store: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreBusy(
                    f"{store} is being written by {_read(descriptor)}; wait until it ends, or "
                    "stop it"
                ) from None
        except OSError as problem:
            raise StoreError(
                f"cannot lock {store}: {os.strerror(problem.errno or errno.EIO)}; put it on a "
                "file system with locks"
            ) from problem
        time.sleep(0.02)


def _read(descriptor: int) -> Holder:
    try:
        return _holder(os.pread(descriptor, _WIDTH, 0))
    except OSError:
        return _holder(b"")


def _holder(data: bytes) -> Holder:
    try:
        content = json.loads(data)
        pid, host = content["pid"], one_line(content["host"]).strip()  # terminals show it
        if type(pid) is int and 0 <= pid < 2**32:
            return Holder(pid=pid, host=host)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return Holder(pid=0, host="an unknown host")
