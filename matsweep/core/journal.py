"""Log of a study: one JSON object a line, appended to by every run.

Events: ``started`` and ``resumed`` (a run begins), ``phase`` (what it does before its first
task is done: starting Ray, compiling kernels), ``groundwork`` (a result that candidates share
is computed, in so many seconds), ``chunk`` (a task's candidates were written),
``failed`` (one of them, with its error), ``fold`` (staged parts went into the arrays),
``stopped`` (with its reason) and ``finished`` (a run ends). A run that is killed leaves no last
line. At most one line a chunk and one a failure, so a log grows with tasks and not with candidates.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from matsweep.core.checks import UserError
from matsweep.core.files import open_plain

_NAME = ".log.jsonl"
_BEGIN = b'{"time": "'  # of every line
_ELSEWHERE = "give log=PATH or log=null"
_TAIL = 65536  # bytes at the end that are searched for the last events


def place(log: object, store: str | Path) -> Path | None:
    """Path of the log of a store.

    Inside a store on a file system, so that it moves with it; an object store cannot be appended
    to, so the log of a store at ``s3://…/NAME.zarr`` is NAME.log.jsonl in the working directory.

    Parameters
    ----------
    log : str or None
        "auto", a path, or None for none.
    store : str or Path

    Returns
    -------
    Path or None
        None: no log.

    Raises
    ------
    UserError
        If log is neither text nor None, or is empty.
    """
    if log is None:
        return None
    if not isinstance(log, str) or not log:
        raise UserError(f"log must be auto, a path, or null for none, got {log!r}")
    if log != "auto":
        return Path(log)
    if "://" in str(store):
        return Path(f"{Path(str(store)).stem}{_NAME}")
    return Path(store) / _NAME


class Journal:
    """Log of a study, open for one run. It never stops a study: a failure is reported once.

    Nothing is added to a file that holds anything but a log, so that a configuration from
    elsewhere cannot have ``log: ~/.profile`` written to.

    Parameters
    ----------
    path : Path or None
        None: nothing is kept.
    tell : function (str) -> None
        Reports that the log cannot be written.

    Attributes
    ----------
    last : str
        The last event; empty before the first.
    """

    def __init__(self, path: Path | None, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        self.last = ""

    def write(self, event: str, **facts: Any) -> None:
        """Append a line.

        Parameters
        ----------
        event : str
        **facts : values of JSON
        """
        self.last = event
        if self._path is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _opened(self._path) as file:
                # A run that was killed while it wrote may have left half a line.
                file.seek(max(0, file.seek(0, 2) - 1))
                broken = file.read(1) not in (b"", b"\n")
                file.write(b"\n" * broken + text.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as problem:
            self._tell(f"the log {self._path} is not written: {problem.strerror or problem}")
            self._path = None

    def stopped(self, error: BaseException, **facts: Any) -> None:
        """Append the line of a run that does not end by itself; a run has one such line.

        Parameters
        ----------
        error : BaseException
            That ends it.
        **facts : values of JSON
        """
        if self.last == "stopped":
            return
        if isinstance(error, KeyboardInterrupt):
            reason = str(error) or "interrupted"
        else:
            reason = f"{type(error).__name__}: {error}"
        self.write("stopped", **facts, reason=reason)


def _opened(path: Path) -> IO[bytes]:
    """Open a log to append to it.

    The log of a store is the file itself and no link: a store may come from elsewhere.

    Raises
    ------
    OSError
        If it cannot be opened, or holds something else.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    if path.name == _NAME and path.is_symlink():
        raise OSError(errno.ELOOP, f"it is a symbolic link; {_ELSEWHERE}")
    if path.name == _NAME:
        flags |= os.O_NOFOLLOW
    try:
        descriptor = open_plain(path, flags)
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            raise OSError(problem.errno, f"{problem.strerror}; {_ELSEWHERE}") from None
        raise
    try:
        # The file holds less than that if the first run was killed at once.
        if not _BEGIN.startswith(os.pread(descriptor, len(_BEGIN), 0)):
            raise OSError(errno.EEXIST, "it holds something else; give another log=PATH")
    except BaseException:
        os.close(descriptor)
        raise
    return open(descriptor, "a+b")


def last_event(path: Path, event: str) -> dict[str, Any] | None:
    """Last event of a kind, among those of the last run that are near the end of the log.

    Parameters
    ----------
    path : Path
    event : str

    Returns
    -------
    dict or None
        The line's facts; None if there is no such event.
    """
    try:
        with open(open_plain(path), "rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read(_TAIL).splitlines()
    except OSError:
        return None
    for text in reversed(lines):
        try:
            line = json.loads(text)
            kind = line["event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if kind == event:
            return dict(line)
        if kind in ("started", "resumed"):
            return None
    return None
