"""One writer per store: an flock, which the kernel releases however the writer ends."""

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

from matsweep.store.disk import StoreBusy, StoreError, telling

LOCK = ".lock"
_WIDTH = 256  # bytes; one size for all holders, so that a full disk cannot refuse the text
_PATIENCE = 0.5  # s; outlasts the instant in which `holder` of another process tries the lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that writes a store.

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


def acquire(store: Path) -> int:
    """Take the lock of a store and write pid and host into it.

    Returns
    -------
    int
        The open file that holds the lock; give it to `release`.

    Raises
    ------
    StoreBusy
        If another opener holds it.
    StoreError
        If the place cannot be written or its file system has no locks.
    """
    with telling(store, "write to", 0):
        descriptor = os.open(store / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _wait_for(descriptor, store)
        with contextlib.suppress(OSError):  # who holds it is good to know, not needed
            os.pwrite(descriptor, me(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def release(descriptor: int) -> None:
    """Give the lock back."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def holder(store: Path) -> Holder | None:
    """Return who writes the store now, or None. Needs no right to write."""
    try:
        descriptor = os.open(store / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
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
        content = json.loads(os.pread(descriptor, _WIDTH, 0))
        return Holder(pid=int(content["pid"]), host=str(content["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(pid=0, host="an unknown host")
