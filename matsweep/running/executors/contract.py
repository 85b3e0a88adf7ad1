"""What an executor promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from matsweep.running.limits import Limits
from matsweep.running.parts import Parts

Task = Callable[[Any, tuple[Any, ...]], Any]
"""A function of what all tasks share and a chunk of items; it must be importable by name."""

NO_PARTS = Parts()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a task gave no result: its process died, or it raised where it must not."""

    reason: str


class Executor(ABC):
    """Run a task on chunks of items.

    Every executor yields exactly one result for every item of every chunk, in any order: a pair
    of the chunk (or, after a crash, a part of it) and what the task returned, or a `Fault` for a
    chunk of one item that cannot be computed. Chunks are taken from the iterable only when there
    is room for them, so that it may be endless and may look at what has come back.
    """

    __slots__ = ()

    chunk_size: int | None

    @property
    @abstractmethod
    def slots(self) -> int:
        """Tasks that run at once."""

    @property
    def hosts(self) -> int:
        """Machines that tasks ran on."""
        return 1

    @property
    def limits(self) -> Limits:
        """What one candidate may take; the task holds it."""
        return Limits()

    @abstractmethod
    def check(self, parts: Parts = NO_PARTS) -> None:
        """Refuse, within seconds and before anything is written, what cannot be started.

        Parameters
        ----------
        parts : Parts
            That tasks use besides matsweep itself.

        Raises
        ------
        UserError
        """

    @abstractmethod
    def verify(self, parts: Parts) -> None:
        """Refuse parts that the processes of this session do not have as they are here.

        Raises
        ------
        UserError
        """

    def session(self) -> AbstractContextManager[None]:
        """Keep what tasks run on started, over several calls of `run`."""
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
        """
