"""Memory of this process and of the workers below it, where the system reports it (Linux)."""

from __future__ import annotations

import os
import resource
from collections import defaultdict
from pathlib import Path

_PROC = Path("/proc")
_PAGE = resource.getpagesize()


def own_memory(pid: int | None = None) -> int | None:
    """Resident memory of a process of this machine.

    Parameters
    ----------
    pid : int or None
        None: this process.

    Returns
    -------
    int or None, bytes
        None: unknown.
    """
    try:
        return int((_PROC / str(pid or os.getpid()) / "statm").read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def workers_memory() -> int | None:
    """Memory that Ray's workers below this process hold for themselves.

    Pages that processes share, such as libraries and Ray's object store, are excluded: they would
    count once for each.

    Returns
    -------
    int or None, bytes
        None where there are no such workers, as on a cluster that was joined.
    """
    children = _children()
    below, held = [os.getpid()], []
    while below:
        for pid in children[below.pop()]:
            below.append(pid)
            if _is_worker(pid):
                held.append(_private(pid))
    return sum(held) if held else None


def _children() -> dict[int, list[int]]:
    """Map each process of this machine to its children."""
    children: dict[int, list[int]] = defaultdict(list)
    try:
        pids = [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return children
    for pid in pids:
        try:
            stat = (_PROC / str(pid) / "stat").read_bytes()
            children[int(stat.rpartition(b")")[2].split()[1])].append(pid)
        except (OSError, ValueError, IndexError):
            continue
    return children


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
