"""Text files of users: read with messages for people, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from matsweep.core.checks import UserError


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
