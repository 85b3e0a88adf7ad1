"""Text files of users: read with messages for people, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from matsweep.core.checks import UserError


def check_plain(path: str | Path) -> None:
    """Refuse what a program cannot read to its end: pipes, sockets and devices.

    Parameters
    ----------
    path : str or Path
        Of a file or a folder.

    Raises
    ------
    OSError
        If it is one of them, or not there.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe or a device, no file: copy it to one", str(path))


def read_text(path: Path) -> str:
    """Read a file in UTF-8.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str

    Raises
    ------
    UserError
        If it cannot be read, or is not in UTF-8.
    """
    try:
        check_plain(path)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not in UTF-8 (byte {error.start}): save it as UTF-8") from None


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all; a file that is there keeps its permissions.

    Parameters
    ----------
    path : Path
        Its folder is created.
    text : str

    Raises
    ------
    UserError
        If it cannot be written; the file is then as it was.
    """
    # A link stays one: the file that it leads to is replaced.
    to = path.resolve()
    partial = to.with_name(f"{to.name}.{os.getpid()}.partial")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if to.exists():
            partial.chmod(to.stat().st_mode)
        partial.replace(to)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
