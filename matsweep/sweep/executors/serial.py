"""In this process, one chunk after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from matsweep.checks import whole
from matsweep.sweep.executors.contract import Executor, Fault, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialExecutor(Executor):
    """Run tasks in this process.

    Parameters
    ----------
    chunk_size : int or None
        Candidates a task; None: as many as take about a second.
    """

    chunk_size: int | None = None

    def __post_init__(self) -> None:
        if self.chunk_size is not None:
            whole("chunk_size", self.chunk_size, low=1)

    @property
    def slots(self) -> int:
        """One."""
        return 1

    def check(self) -> None:
        """Refuse nothing: it runs where it is."""

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
