"""One writer per store in object storage: a lock object, kept alive by its holder.

`acquire` puts ``.lock`` if there is none (conditional put), and a thread renews it every 15 s
(`BEAT`), each time only if it is still the holder's own. One that was not renewed for 60 s
(`EXPIRY`), as after a kill, may be taken over, by a conditional put too: of several who try, one
succeeds. Times are the storage's, so that clocks of machines need not agree. A holder that
could not renew it in time (a machine that slept, a broken network) notices before its next write
and stops; a write under way at that very moment is not called back.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from datetime import datetime, timedelta

from matsweep.core.printing import one_line
from matsweep.store.errors import StoreBusy, StoreError
from matsweep.store.objects import ObjectPath

BEAT = 15.0
"""Seconds between two renewals."""

_LONGEST = 4096  # bytes of a lock object
EXPIRY = 60.0
"""Seconds after which a lock that was not renewed is free."""


class Lease:
    """Lock of a store in object storage, held; created by `acquire`.

    Parameters
    ----------
    file : ObjectPath
        The lock object.
    token : str
        Identifies this holder.
    tag : str
        Of the lock object as last written.
    """

    def __init__(self, file: ObjectPath, token: str, tag: str) -> None:
        self._file, self._token, self._tag = file, token, tag
        self._renewed = _clock()
        self._count = 0
        self._gone = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock of a store", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise `StoreError` if another may have taken the store meanwhile."""
        if self._gone or _clock() - self._renewed > EXPIRY - BEAT / 2:
            raise StoreError(
                f"the lock of {self._file.parent} could not be renewed for "
                f"{_clock() - self._renewed:.0f} s or was taken by another run; what was "
                "written is safe; run the same command again"
            )

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(FileNotFoundError, StoreError):  # else it expires by itself
            if self._file.read_tagged()[1] == self._tag:
                self._file.unlink()

    def _renew(self) -> None:
        while not self._ended.wait(BEAT):
            self._count += 1
            started = _clock()
            with contextlib.suppress(StoreError):  # reported by `check` if it lasts
                tag = self._file.write_if(_content(self._token, self._count), self._tag)
                if tag is None:
                    self._gone = not self._is_mine()
                    continue
                self._tag, self._renewed = tag, started

    def _is_mine(self) -> bool:
        """Take note of a renewal that succeeded although its answer was lost."""
        try:
            data, tag, _ = self._file.read_tagged()
        except FileNotFoundError:
            return False
        if read(data).get("token") != self._token:
            return False
        self._tag = tag
        return True


def _clock() -> float:
    """Return seconds that go on while the machine sleeps, whatever its clock is set to."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def acquire(file: ObjectPath) -> Lease:
    """Take the lock of a store.

    Parameters
    ----------
    file : ObjectPath
        The lock object.

    Returns
    -------
    Lease

    Raises
    ------
    StoreBusy
        If another holds it, or held it until it was killed less than 60 s ago.
    """
    token = secrets.token_hex(8)
    for _ in range(3):
        if (fresh := file.write_if(_content(token, 0), None)) is not None:
            return Lease(file, token, fresh)
        try:
            data, tag, written = file.read_tagged()
        except FileNotFoundError:
            continue  # given back meanwhile
        if read(data).get("token") == token:  # it was put, although its answer was lost
            return Lease(file, token, tag)
        age = (_now(file, token) - written).total_seconds()
        if age <= EXPIRY:
            held = read(data)
            host = one_line(held.get("host", "an unknown host"))[:128]
            raise StoreBusy(
                f"{file.parent} is being written by pid {one_line(held.get('pid', 0))[:20]} on "
                f"{host}; wait until it ends, or stop it (if it was "
                f"killed, its lock ends in {EXPIRY - age:.0f} s)"
            )
        if (taken := file.write_if(_content(token, 0), tag)) is not None:
            return Lease(file, token, taken)
    raise StoreBusy(f"{file.parent} is being taken by several runs at once; start one again")


def alive(written: datetime) -> bool:
    """Return whether a lock written at a time is still held, by this machine's clock.

    Parameters
    ----------
    written : datetime
        With its time zone.

    Returns
    -------
    bool
    """
    return datetime.now(written.tzinfo) - written <= timedelta(seconds=EXPIRY)


def read(data: bytes) -> dict[str, object]:
    """Return the content of a lock object; empty if it cannot be read.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    dict
    """
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data[:_LONGEST])
        if isinstance(content, dict):
            return content
    return {}


def _content(token: str, count: int) -> bytes:
    """Return unique content, as storage distinguishes versions by their content alone."""
    held = {"pid": os.getpid(), "host": socket.gethostname()[:128], "token": token, "beat": count}
    return json.dumps(held).encode()


def _now(file: ObjectPath, token: str) -> datetime:
    """Return the storage's time: that of an object just written."""
    probe = file.parent / f".clock.{token}"
    probe.write_bytes(b"")
    try:
        return probe.read_tagged()[2]
    finally:
        probe.unlink()
