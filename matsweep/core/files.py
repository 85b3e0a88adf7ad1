"""Files of users and of stores: read within bounds, with messages for people, written whole."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.printing import shown

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
_NO_FILE = {errno.ENXIO, errno.ELOOP}  # a socket; a link that may not be followed


def open_plain(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a plain file, and nothing that a reader would wait for or never finish.

    A pipe waits for its other end and a device need not end: neither is read.

    Parameters
    ----------
    path : path
    flags : int
        Of `os.open`.

    Returns
    -------
    int
        The open file's descriptor.

    Raises
    ------
    OSError
        If it cannot be opened, or is a pipe, device, socket or folder (EINVAL).
    """
    odd = OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    except OSError as problem:
        if problem.errno in _NO_FILE:
            raise odd from problem
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise odd
    return descriptor


def read_plain(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a plain file of bounded size.

    Parameters
    ----------
    path : path
    most : int, bytes
        A larger file is refused before it is read.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        If it cannot be read, is no plain file (EINVAL), or is larger (EFBIG).
    """
    with open(open_plain(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most:
            data = file.read(most + 1)  # it may grow meanwhile
            size = len(data)
        if size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", os.fspath(path))
        return data


def read_content(path: str | Path, *, most: int | None = None) -> bytes:
    """Read a user's file: a plain one of bounded size.

    Parameters
    ----------
    path : str or Path
    most : int, bytes, optional
        By default `MOST_BYTES`.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        If it cannot be read; `strerror` is the reason in words.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        raise OSError(errno.EINVAL, "its name holds a character that no name can") from None
    for of_kind, reason in _KINDS:
        if of_kind(mode):
            raise OSError(errno.EINVAL, reason)
    return read_plain(path, MOST_BYTES if most is None else most)


def path_text(name: str, value: object) -> str:
    """Check that a setting is a text that the system takes as a path.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object

    Returns
    -------
    str

    Raises
    ------
    UserError
        If it is none.
    """
    try:
        if isinstance(value, str) and value and b"\0" not in os.fsencode(value):
            return value
    except UnicodeError:  # half of a surrogate pair
        pass
    raise UserError(f"{name} must be a path, got {shown(value)}")


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
        text = read_content(path, most=MOST_TEXT).decode("utf-8")
        return text.replace("\r\n", "\n").replace("\r", "\n")
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
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; a file that is there keeps its permissions.

    Parameters
    ----------
    path : Path
        Its folder is created.
    content : bytes

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
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if to.exists():
            partial.chmod(to.stat().st_mode)
        partial.replace(to)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
