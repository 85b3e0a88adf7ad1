"""Ray executor: a local Ray started for the study, or a running cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RaySystemError,
    RayTaskError,
    RuntimeEnvSetupError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.packages import PartsError
from matsweep.core.quantities import Bytes, Dimensionless, Time
from matsweep.running.executors.cluster import Nodes, check_reachable, join, start_local
from matsweep.running.executors.contract import NO_PARTS, Executor, Task
from matsweep.running.executors.ledger import Assignment, Cause, Ledger
from matsweep.running.limits import Limits
from matsweep.running.parts import Parts, lacking


def _room() -> int:
    """Largest object store of a local Ray, bytes: four fifths of this machine's memory."""
    return 4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 5


_LOOK = 1.0  # s between looks at new nodes and late chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor(Executor):
    """Runs tasks on Ray.

    `Ledger` handles a chunk that is late or whose process or node dies; Ray itself retries nothing.
    Results come back through the driver, so nodes need share no file system.

    Parameters
    ----------
    address : str
        "local" starts Ray on this machine for the study, bound to the loopback address, and stops
        it afterwards (one that this process has started already is used and left); otherwise a
        running cluster's: "HOST:PORT", "ray://HOST:PORT" or "auto".
    workers : int or None
        Processes of a local Ray; None: one per core.
    chunk_size : int or None
        Candidates per task; None: as many as take a second, or up to a minute on many cores.
    object_store_memory : int, bytes
        Of a local Ray.
    num_cpus : float
        Cores reserved for a task; it computes on one thread.
    memory : int or None, bytes
        Memory reserved for a task: a node runs as many as have room; None: as many as it has cores.
    time_limit : float or None, s
        Wall-clock time of one candidate at most.
    memory_limit : int or None, bytes
        Allocations of one candidate at most.
    """

    address: str = "local"
    workers: int | None = None
    chunk_size: int | None = None
    object_store_memory: Bytes = 100_000_000
    num_cpus: Dimensionless = 1.0
    memory: Bytes | None = None
    time_limit: Time | None = None
    memory_limit: Bytes | None = None
    _nodes: Nodes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.address:
            raise UserError("address must be local, auto, HOST:PORT or ray://HOST:PORT, got ''")
        if self.workers is not None:
            whole("workers", self.workers, low=1)
        if self.chunk_size is not None:
            whole("chunk_size", self.chunk_size, low=1)
        whole("object_store_memory", self.object_store_memory, low=80_000_000, high=_room())
        positive("num_cpus", self.num_cpus)
        if self.num_cpus != round(self.num_cpus, 4):  # as Ray counts them
            raise UserError(f"num_cpus must be a multiple of 0.0001, got {self.num_cpus!r}")
        if self.num_cpus > 1 and self.num_cpus != int(self.num_cpus):
            raise UserError(f"num_cpus must be whole or < 1, got {self.num_cpus!r}")
        if self.memory is not None:
            whole("memory", self.memory, low=1)
        _ = self.limits
        object.__setattr__(self, "_nodes", Nodes(num_cpus=self.num_cpus, memory=self.memory))

    @property
    def limits(self) -> Limits:
        """Limits of one candidate."""
        return Limits(time=self.time_limit, memory=self.memory_limit)

    @property
    def slots(self) -> int:
        """Tasks that run at once on the nodes alive; before the start, on those requested."""
        if ray.is_initialized():
            return self._nodes.slots
        return max(1, int((self.workers or os.cpu_count() or 1) / self.num_cpus))

    @property
    def starting(self) -> str:
        """Start of a local Ray, or the way into a cluster."""
        if ray.is_initialized():
            return ""
        return "starting Ray" if self.address == "local" else f"joining Ray at {self.address}"

    @property
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""
        return self._nodes.hosts

    def run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result) as they come; at most 2 tasks per slot are in flight."""
        with self.session():
            yield from self._run(task, shared, chunks)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Start or join Ray, and leave it at the end; one started already stays."""
        if ray.is_initialized():
            yield
            return
        try:
            if self.address == "local":
                start_local(self.workers, self.object_store_memory)
            else:
                join(self.address)
            yield
        finally:
            ray.shutdown()

    def check(self, parts: Parts = NO_PARTS) -> None:
        """Refuse parts of this process only, and an address where no one answers."""
        parts.check_shared()
        if self.address not in ("local", "auto"):
            check_reachable(self.address)

    def verify(self, parts: Parts) -> None:
        """Refuse parts that nodes lack or have otherwise than here, by one task on each node.

        Raises
        ------
        UserError
            For the first such part or package.
        """
        parts.check_shared()
        if not parts.packages:
            return
        probe = ray.remote(lacking)
        asked = [
            probe.options(
                num_cpus=0,  # also where all cores are taken
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            ).remote(parts)
            for node in self._nodes.names
        ]
        for reference in asked:
            try:
                why = ray.get(reference)
            except RayError as error:
                _cause(error)
                continue  # its node is lost: no task will run there
            if why:
                raise _unlike(why)

    def _run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result); stopped early, tasks in flight end with the driver.

        They are not cancelled: Ray aborts this process if a task ends at the same moment.
        """
        self._nodes.check()
        handle, remote = ray.put((task, shared)), ray.remote(_call)
        ledger: Ledger[Any] = Ledger(chunks, time_limit=self.time_limit)
        while True:
            while (job := ledger.next(self.slots)) is not None:
                ledger.started(self._start(remote, handle, job), job)
            if not (flying := ledger.flying):
                return
            ray.wait(flying, num_returns=1, timeout=_LOOK)
            ready, _ = ray.wait(flying, num_returns=len(flying), timeout=0)
            for reference in ready:
                try:
                    result = ray.get(reference)
                except RayError as error:
                    given_up = ledger.crashed(reference, _cause(error), _reason(error))
                    if given_up is not None:
                        yield given_up
                else:
                    chunk = ledger.landed(reference)
                    if chunk is not None:
                        yield chunk, result

    def _start(self, remote: Any, handle: Any, job: Assignment) -> Any:
        """Start a job: a second copy elsewhere if possible, a starved one alone on a node."""
        placed = remote.options(
            max_retries=0,  # also for lack of memory, where Ray would try for ever
            num_cpus=max(self.num_cpus, self._nodes.cores) if job.alone else self.num_cpus,
            memory=self.memory,
            scheduling_strategy="SPREAD" if job.doubled else "DEFAULT",
        )
        return placed.remote(handle, job.chunk)


def _call(handle: tuple[Task, Any], chunk: tuple[Any, ...]) -> Any:
    task, shared = handle
    return task(shared, chunk)


def _cause(error: RayError) -> Cause:
    """Classify an error of a flight.

    Raises
    ------
    UserError
        If nodes cannot run the study's tasks at all: no candidate is at fault then.
    """
    inner = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(inner, PartsError):
        raise _unlike(str(inner))
    if isinstance(inner, (RaySystemError, RuntimeEnvSetupError)):
        message = " ".join(str(inner).split())
        raise UserError(
            "a node of the cluster cannot load the study; give all nodes the same Python, "
            f"packages and Ray as here (pip install 'matsweep[cluster]'): … {message[-300:]}"
        ) from None
    if isinstance(error, RayTaskError):
        return Cause.RAISED
    if isinstance(error, OutOfMemoryError):
        return Cause.STARVED
    if isinstance(error, (NodeDiedError, LocalRayletDiedError, ObjectLostError)):
        return Cause.LOST
    return Cause.DIED


def _unlike(why: str) -> UserError:
    return UserError(
        f"a node cannot compute this study: {why}; give all nodes the same packages as here, or "
        "give executor=serial"
    )


def _reason(error: RayError) -> str:
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    if isinstance(error, OutOfMemoryError):
        return "the worker process was ended: its node ran out of memory, though it ran alone there"
    first = str(error).splitlines()[0] if str(error) else ""
    return f"the worker process died ({type(error).__name__}): {first}"
