"""Contract of executors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from matsweep.core.checks import UserError
from matsweep.running.limits import Limits
from matsweep.running.parts import Parts

Task = Callable[[Any, tuple[Any, ...]], Any]
"""A function of the shared data and a chunk of items; it must be importable by name."""

NO_PARTS = Parts()


class LostError(UserError):
    """The processes that tasks run on are lost; results that came back are safe."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Reason why a task gave no result: its process died, or it raised where it must not."""

    reason: str


class Executor(ABC):
    """Runs a task on chunks of items.

    Every executor yields exactly one result for every item of every chunk, in any order: a pair of
    the chunk (or, after a crash, a part of it) and the task's result, or a `Fault` for a chunk of
    one item that cannot be computed. Chunks are taken from the iterable only when there is room for
    them, so it may be endless and may depend on earlier results.
    """

    __slots__ = ()

    chunk_size: int | None

    @property
    @abstractmethod
    def slots(self) -> int:
        """Number of tasks that run at once."""

    @property
    def starting(self) -> str:
        """Name what `session` does, for the display of progress; empty: it takes no time."""
        return ""

    @property
    def hosts(self) -> int:
        """Number of machines that tasks ran on."""
        return 1

    @property
    def limits(self) -> Limits:
        """Limits of one candidate; the task holds them."""
        return Limits()

    @abstractmethod
    def check(self, parts: Parts = NO_PARTS) -> None:
        """Refuse a setup that cannot start, within seconds and before anything is written.

        Parameters
        ----------
        parts : Parts
            Parts from outside matsweep that tasks use.

        Raises
        ------
        UserError
        """

    @abstractmethod
    def verify(self, parts: Parts) -> None:
        """Refuse parts that this session's processes lack, or have otherwise than here.

        Parameters
        ----------
        parts : Parts

        Raises
        ------
        UserError
            For the first such part.
        """

    def session(self) -> AbstractContextManager[None]:
        """Keep processes started over several calls of `run`.

        Returns
        -------
        context manager
        """
        return nullcontext()

    @abstractmethod
    def run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result) pairs as they come.

        Parameters
        ----------
        task : function (shared, chunk) -> result
        shared : object
            Sent to every process once.
        chunks : iterable of tuples

        Returns
        -------
        iterator of (tuple, object)
            A chunk, and its result or `Fault`.
        """
