"""Backends of the Ray executor: Ray in this process, or in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from matsweep.core.checks import UserError
from matsweep.running.executors.ledger import Cause
from matsweep.running.executors.packing import Packed


@dataclass(frozen=True, slots=True)
class Crash:
    """Cause and reason of a task that gave no result."""

    cause: Cause
    reason: str


class Backend(Protocol):
    """Runs the tasks of one call of an executor after the other.

    All methods raise `LostError` where Ray stopped working, and `UserError` where its nodes cannot
    compute the study.
    """

    @property
    def slots(self) -> int:
        """Tasks that run at once."""

    @property
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""

    def begin(self, shared: Packed) -> None:
        """Take the task and its shared data; forget the tasks of an earlier call."""

    def submit(self, chunk: Packed, *, alone: bool, doubled: bool) -> int:
        """Start a task, `alone` on a node or as the second copy of another; return its ticket."""

    def wait(self, timeout: float) -> list[tuple[int, Packed | Crash]]:
        """Return what has ended, after the first end or the timeout [s]."""

    def lacking(self, parts: Packed) -> list[str]:
        """Return what each node lacks of a study's parts; empty texts where nothing."""


def unlike(why: str) -> UserError:
    """Return the error of a node that has other parts than this process.

    Parameters
    ----------
    why : str

    Returns
    -------
    UserError
    """
    return UserError(
        f"a node cannot compute this study: {why}; give all nodes the same packages as here, or "
        "give executor=serial"
    )
