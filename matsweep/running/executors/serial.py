"""Serial executor: this process, one chunk after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from matsweep.core.checks import UserError, whole
from matsweep.core.quantities import Bytes, Time
from matsweep.running.executors.contract import NO_PARTS, Executor, Fault, Task
from matsweep.running.limits import Limits
from matsweep.running.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialExecutor(Executor):
    """Runs tasks in this process.

    Parameters
    ----------
    chunk_size : int or None
        Candidates per task; None: as many as take about a second.
    time_limit : None
        Refused otherwise: a candidate that takes too long can only be ended with its process, which
        is this one.
    memory_limit : int or None, bytes
        Allocations of one candidate at most.
    """

    chunk_size: int | None = None
    time_limit: Time | None = None
    memory_limit: Bytes | None = None

    def __post_init__(self) -> None:
        if self.chunk_size is not None:
            whole("chunk_size", self.chunk_size, low=1)
        if self.time_limit is not None:
            raise UserError(
                "time_limit needs executor=ray, whose processes can be ended (executor=serial "
                f"computes in your own), got {self.time_limit!r}"
            )
        _ = self.limits

    @property
    def limits(self) -> Limits:
        """Limits of one candidate."""
        return Limits(memory=self.memory_limit)

    @property
    def slots(self) -> int:
        """One task at a time."""
        return 1

    def check(self, parts: Parts = NO_PARTS) -> None:
        """Refuse nothing: tasks run in this process."""

    def verify(self, parts: Parts) -> None:
        """Refuse nothing: all parts are here."""

    def run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result) in the order of the chunks."""
        for chunk in chunks:
            try:
                yield chunk, task(shared, chunk)
            except Exception as error:
                if len(chunk) == 1:
                    yield chunk, Fault(f"{type(error).__name__}: {error}")
                    continue
                yield from self.run(task, shared, [(item,) for item in chunk])
