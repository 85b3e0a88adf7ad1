"""Private folders of Ray's sessions, and what killed runs left of theirs.

Each session has a folder that only this user can enter: Ray opens its own, `session_folder`, to
everyone. Its name cannot be guessed, and the processes that use it hold a lock on it. When they
have ended, in whatever way, the operating system unlocks it: the next run then removes it, and
ends the processes of Ray that are left of the session.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from matsweep.core.checks import UserError

MARK = "MATSWEEP_RAY_FOLDER"
"""Variable of the environment that the processes of a session inherit: its folder."""

_PREFIX = "ms-ray-"
_LOCK = "lock"
# Paths of Unix sockets: 107 bytes on Linux, 103 on macOS. Ray's add as much as this to the folder:
_BELOW = len("/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
_LONGEST = (107 if sys.platform == "linux" else 103) - _BELOW
_PROC = Path("/proc")
_PASSES, _PAUSE = 100, 0.05  # looks at the processes, and s between them
_STALE = 3600.0  # s after which a folder without a lock belongs to no run that is just beginning
_NEEDS = "Ray needs a temporary folder that can be written and has a short path"
_REMEDY = "set TMPDIR to one, or give executor=serial"
_SHORT = Path("/tmp")  # where the temporary folder of the system has a long path


def create() -> tuple[Path, int]:
    """Create a locked folder that only this user can enter.

    Returns
    -------
    Path
    int
        Descriptor of its lock: the folder is in use as long as it is open in any process.

    Raises
    ------
    UserError
        If there is no place for it.
    """
    while True:
        folder = _created()
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if _locked(lock) and (folder / _LOCK).exists():
                return folder, lock
        except OSError as error:
            remove(folder, lock)
            raise UserError(
                f"Ray needs a temporary folder on a file system with locks ({folder.parent}: "
                f"{error.strerror or error}); {_REMEDY}"
            ) from None
        os.close(lock)  # another run has just taken it for one that was left


def temporary() -> Path:
    """Return the folder for temporary files.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If the system has none that can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise UserError(f"{_NEEDS} ({error.strerror or error}); {_REMEDY}") from None


def session_folder(folder: Path) -> Path:
    """Return the folder for Ray itself, inside that of a session.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
    """
    return folder / "r"


def _created() -> Path:
    """Create a folder whose path is short enough for Ray's sockets."""
    reason, room = "", _LONGEST - len(_PREFIX) - 9
    for place in dict.fromkeys((temporary(), _SHORT)):
        if len(bytes(place)) > room:
            reason = reason or f"{place}: its path has more than {room} bytes"
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        except OSError as error:
            reason = f"{place}: {error.strerror or error}"
    raise UserError(f"{_NEEDS} ({reason}); {_REMEDY}")


def check_room() -> None:
    """Refuse a system without a place for a folder.

    Raises
    ------
    UserError
    """
    _created().rmdir()


def remove(folder: Path, lock: int) -> None:
    """Remove a folder of this process, and end what is left of its session.

    Parameters
    ----------
    folder : Path
    lock : int
        Its descriptor; it is closed.
    """
    end_processes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.close(lock)


def clean() -> list[Path]:
    """Remove the folders that killed runs of this user left, and end their processes.

    Returns
    -------
    list of Path
        Folders removed.
    """
    removed = []
    for place in dict.fromkeys((temporary(), _SHORT)):
        with contextlib.suppress(OSError):
            for folder in sorted(place.glob(f"{_PREFIX}*")):
                with contextlib.suppress(OSError):
                    removed += [folder] if _cleaned(folder) else []
    return removed


def _cleaned(folder: Path) -> bool:
    """Remove a folder if it is this user's alone and no process holds its lock."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        return False
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:  # killed before it had one
        if time.time() - facts.st_mtime > _STALE:
            folder.rmdir()  # nothing in it
            return True
        return False
    try:
        left = _locked(lock)
    except OSError:  # a file system without locks
        left = False
    if not left:
        os.close(lock)
        return False
    remove(folder, lock)
    return True


def _locked(lock: int) -> bool:
    """Take a lock, unless another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_processes(folder: Path) -> None:
    """End the processes of a session, where the system lists processes (Linux).

    Elsewhere Ray's processes notice the end of the one that they belong to.

    Parameters
    ----------
    folder : Path
    """
    for _ in range(_PASSES):  # one that is ended may just have started another
        if not [pid for pid in _processes() if _end(pid, folder)]:
            return
        time.sleep(_PAUSE)


def _end(pid: int, folder: Path) -> bool:
    """End a process if it is of a session; return whether it was."""
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        handle = _handle(pid)
        try:
            if _belongs(pid, folder):  # checked while the number cannot pass to another process
                if handle is None:
                    os.kill(pid, signal.SIGKILL)
                else:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            if handle is not None:
                os.close(handle)
    return False


def _handle(pid: int) -> int | None:
    """Keep a number from passing to another process; None where Linux or Python is too old."""
    try:
        return os.pidfd_open(pid)
    except AttributeError:  # Python was built for Linux before 5.3
        return None
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return None
        raise


def _processes() -> Iterator[int]:
    """Numbers of the other processes."""
    if sys.platform != "linux" or not _PROC.is_dir():
        return
    for name in os.listdir(_PROC):
        if name.isdigit() and int(name) != os.getpid():
            yield int(name)


def _belongs(pid: int, folder: Path) -> bool:
    """Whether a process is of a session: by its environment, or because it writes into the folder.

    Ray's processes overwrite their environment with their title.
    """
    place = _PROC / str(pid)
    if place.stat().st_uid != os.getuid():
        return False
    if os.fsencode(f"{MARK}={folder}") in (place / "environ").read_bytes().split(b"\0"):
        return True
    return any(_writes(place, number, folder) for number in os.listdir(place / "fd"))


def _writes(place: Path, number: str, folder: Path) -> bool:
    """Whether a descriptor of a process is a file of Ray in the folder, open for writing.

    The study's own process holds the folder's lock, which is not below `session_folder`.
    """
    with contextlib.suppress(OSError):  # closed meanwhile
        if os.readlink(place / "fd" / number).startswith(f"{session_folder(folder)}/"):
            flags = re.search(r"flags:\s*(\d+)", (place / "fdinfo" / number).read_text())
            return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False
