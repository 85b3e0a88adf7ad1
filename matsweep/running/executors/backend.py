"""Backends of the Ray executor: Ray in this process, or in a process of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from matsweep.core.checks import UserError
from matsweep.running.executors.ledger import Cause
from matsweep.running.executors.packing import Packed


@dataclass(frozen=True, slots=True)
class Crash:
    """Cause and reason of a task that gave no result."""

    cause: Cause
    reason: str


class Backend(ABC):
    """Runs the tasks of one call of an executor after the other.

    All methods raise `LostError` where Ray stopped working, and `UserError` where its nodes cannot
    compute the study.
    """

    @property
    @abstractmethod
    def slots(self) -> int:
        """Tasks that run at once."""

    @property
    @abstractmethod
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""

    @abstractmethod
    def begin(self, shared: Packed) -> None:
        """Take the task and its shared data; forget the tasks of an earlier call.

        Parameters
        ----------
        shared : Packed
            A pair of both.
        """

    @abstractmethod
    def submit(self, chunk: Packed, *, alone: bool, doubled: bool) -> int:
        """Start a task.

        Parameters
        ----------
        chunk : Packed
        alone : bool
            Whether it needs a node by itself.
        doubled : bool
            Whether it is the second copy of another.

        Returns
        -------
        int
            Its ticket.
        """

    @abstractmethod
    def wait(self, timeout: float) -> list[tuple[int, Packed | Crash]]:
        """Wait for the end of a task.

        Parameters
        ----------
        timeout : float, s

        Returns
        -------
        list of (int, Packed or Crash)
            Tickets of all tasks that have ended, and their results.
        """

    @abstractmethod
    def lacking(self, parts: Packed) -> list[str]:
        """Compare a study's parts with those of the nodes.

        Parameters
        ----------
        parts : Packed

        Returns
        -------
        list of str
            What each node lacks; empty where nothing.
        """


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
