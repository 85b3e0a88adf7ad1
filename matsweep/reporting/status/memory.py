"""How much memory this process and the workers below it hold, where the system tells (Linux)."""

from __future__ import annotations

import os
import resource
from collections import defaultdict
from pathlib import Path

_PROC = Path("/proc")
_PAGE = resource.getpagesize()


def own_memory(pid: int | None = None) -> int | None:
    """Return the resident memory of a process of this machine, bytes; None if unknown.

    Parameters
    ----------
    pid : int or None
        None: this one.
    """
    try:
        return int((_PROC / str(pid or os.getpid()) / "statm").read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def workers_memory() -> int | None:
    """Return what Ray's workers that this process started hold for themselves, bytes.

    Without pages that processes share, such as libraries and Ray's object store, which would
    count once for each. None where there are none, as on a cluster that was joined.
    """
    children = _children()
    below, found = [os.getpid()], []
    while below:
        for pid in children[below.pop()]:
            below.append(pid)
            if _is_worker(pid):
                found.append(_private(pid))
    return sum(found) if found else None


def _children() -> dict[int, list[int]]:
    """Return the processes of this machine by the one that started them."""
    found: dict[int, list[int]] = defaultdict(list)
    try:
        pids = [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return found
    for pid in pids:
        try:
            stat = (_PROC / str(pid) / "stat").read_bytes()
            found[int(stat.rpartition(b")")[2].split()[1])].append(pid)
        except (OSError, ValueError, IndexError):
            continue
    return found


def _is_worker(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().startswith(b"ray::")
    except OSError:
        return False


def _private(pid: int) -> int:
    try:
        fields = (_PROC / str(pid) / "statm").read_bytes().split()
        return (int(fields[1]) - int(fields[2])) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
