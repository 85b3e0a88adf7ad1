"""Files of users: read within bounds, with messages for people; written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from matsweep.core.checks import UserError

MOST_BYTES = 2**30
"""The largest file of a user that is read: MNIST as a table of text has 0.1e9 bytes."""
MOST_TEXT = 2**24
"""The largest file of settings; a table of data may have `MOST_BYTES`."""

_KINDS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe: write its content to a file first"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device of the system"),
    (stat.S_ISBLK, "it is a device of the system"),
)


def read_content(path: str | Path, *, most: int = MOST_BYTES) -> bytes:
    """Read a plain file, within bounds: no pipe, device or folder, and nothing that does not end.

    Parameters
    ----------
    path : str or Path
    most : int
        Bytes.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        If it cannot be read; `strerror` is the reason in words.
    """
    try:
        # A pipe that nobody writes to would be waited for without O_NONBLOCK.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except ValueError:
        raise OSError(errno.EINVAL, "its name holds a character that no name can") from None
    try:
        facts = os.fstat(descriptor)
        for of_kind, reason in _KINDS:
            if of_kind(facts.st_mode):
                raise OSError(errno.EINVAL, reason)
        # Files of /proc have no size: the bound is on what comes.
        content = b""
        if facts.st_size <= most:
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if max(facts.st_size, len(content)) > most:
        raise OSError(errno.EFBIG, f"it has more than {most / 2**20:.0f} MiB, the most")
    return content


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
        return read_content(path, most=MOST_TEXT).decode("utf-8").replace("\r\n", "\n")
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
