"""Folders in which something new is written next to its place, and those that a kill left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from matsweep.store.errors import StoreError
from matsweep.store.lock import LOCK, Lock, acquire, open_lock

_YOUNG = 60.0  # s; an empty folder may get its lock file yet
_OURS = b'{"pid": '  # at the beginning of a lock file


@contextlib.contextmanager
def workplace(place: Path) -> Iterator[Path]:
    """Provide a folder next to a place, on the same file system; it is gone afterwards.

    What a killed process left for the same place is removed first. A folder counts as left if it
    has the name that is given here, belongs to the same user, and holds a lock file that no process
    has locked.

    Parameters
    ----------
    place : Path
        Where the result is moved to.

    Yields
    ------
    Path
        Of the folder; it holds its lock file, and what is written there.

    Raises
    ------
    OSError
        If no folder can be created there.
    """
    absolute = Path(os.path.abspath(place))
    absolute.parent.mkdir(parents=True, exist_ok=True)
    clear(absolute)
    name = f".{absolute.name[:100]}.{secrets.token_hex(4)}.partial"
    folder = absolute.with_name(name)
    folder.mkdir()
    try:
        held = _held(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if held is not None:
                held.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _held(folder: Path) -> Lock | None:
    """Lock a folder; None on a file system without locks, where nothing is cleared either."""
    try:
        return acquire(folder)
    except StoreError:
        return None


def clear(place: Path) -> None:
    """Remove the folders that killed processes left for a place.

    Parameters
    ----------
    place : Path
        Absolute.
    """
    left = re.compile(rf"\.{re.escape(place.name[:100])}\.[0-9a-f]{{8}}\.partial")
    with contextlib.suppress(OSError), os.scandir(place.parent) as entries:
        for entry in entries:
            if left.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _clear(Path(entry.path))


def _clear(folder: Path) -> None:
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        return
    if not os.path.lexists(folder / LOCK):
        if time.time() - facts.st_mtime > _YOUNG:
            folder.rmdir()  # refused unless it is empty
        return
    descriptor = open_lock(folder / LOCK, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held: BlockingIOError
        if os.pread(descriptor, len(_OURS), 0) == _OURS:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
