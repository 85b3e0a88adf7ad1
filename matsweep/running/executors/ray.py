"""Ray executor: a local Ray started for the study, or a running cluster."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.quantities import Bytes, Dimensionless, Time
from matsweep.running.executors import private
from matsweep.running.executors.address import check_reachable
from matsweep.running.executors.backend import Backend, Crash, unlike
from matsweep.running.executors.contract import NO_PARTS, Executor, Task
from matsweep.running.executors.ledger import Ledger
from matsweep.running.executors.packing import pack, unpack
from matsweep.running.limits import Limits
from matsweep.running.parts import Parts


def _room() -> int:
    """Largest object store of a local Ray, bytes: four fifths of this machine's memory."""
    return 4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 5


_LOOK = 1.0  # s between looks at new nodes and late chunks


@dataclass(slots=True)
class _Session:
    """Backend of an executor, while it has one."""

    backend: Backend | None = None
    hosts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor(Executor):
    """Runs tasks on Ray.

    `Ledger` handles a chunk that is late or whose process or node dies; Ray itself retries nothing.
    Results come back through the driver, so nodes need share no file system. Ray is held by a
    process of its own (`broker`): where it dies, this process goes on.

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
    _session: _Session = field(init=False, repr=False, compare=False, default_factory=_Session)

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

    @property
    def limits(self) -> Limits:
        """Limits of one candidate."""
        return Limits(time=self.time_limit, memory=self.memory_limit)

    @property
    def slots(self) -> int:
        """Tasks that run at once on the nodes alive; before the start, on those requested."""
        if self._session.backend is not None:
            return self._session.backend.slots
        if _ray_is_here():
            return self._here().slots
        return max(1, int((self.workers or os.cpu_count() or 1) / self.num_cpus))

    @property
    def starting(self) -> str:
        """Start of a local Ray, or the way into a cluster."""
        if self._session.backend is not None or _ray_is_here():
            return ""
        return "starting Ray" if self.address == "local" else f"joining Ray at {self.address}"

    @property
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""
        if self._session.backend is not None:
            self._session.hosts = max(self._session.hosts, self._session.backend.hosts)
        return self._session.hosts

    def run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result) as they come; at most 2 tasks per slot are in flight.

        Stopped early, tasks in flight end with the session.
        """
        with self._held() as backend:
            backend.begin(pack((task, shared)))
            ledger: Ledger[int] = Ledger(chunks, time_limit=self.time_limit)
            while True:
                while (job := ledger.next(backend.slots)) is not None:
                    chunk = pack(job.chunk)
                    ticket = backend.submit(chunk, alone=job.alone, doubled=job.doubled)
                    ledger.started(ticket, job)
                if not ledger.flying:
                    return
                for ticket, outcome in backend.wait(_LOOK):
                    if isinstance(outcome, Crash):
                        given_up = ledger.crashed(ticket, outcome.cause, outcome.reason)
                        if given_up is not None:
                            yield given_up
                    elif (landed := ledger.landed(ticket)) is not None:
                        yield landed, unpack(outcome)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Start or join Ray, and leave it at the end; one started already stays."""
        with self._held():
            yield

    def check(self, parts: Parts = NO_PARTS) -> None:
        """Refuse parts of this process only, and a Ray that cannot start or be reached."""
        parts.check_shared()
        if self.address not in ("local", "auto"):
            check_reachable(self.address)
        if self._session.backend is not None or _ray_is_here():
            return
        private.check_room()
        if self.address == "local":
            self._check_memory()

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
        with self._held() as backend:
            for why in backend.lacking(pack(parts)):
                if why:
                    raise unlike(why)

    def _check_memory(self) -> None:
        """Refuse an object store that does not fit into this machine.

        Raises
        ------
        UserError
        """
        shared = Path("/dev/shm")
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        places = [place for place in (shared, private.temporary()) if place.is_dir()]
        room = min(total, max(shutil.disk_usage(place).free for place in places))
        if self.object_store_memory > room:
            raise UserError(
                "executor.object_store_memory [bytes] must fit into the memory of this machine, "
                f"and into /dev/shm or the temporary folder: at most {room:.3g} now, got "
                f"{self.object_store_memory:.3g}"
            )

    @contextmanager
    def _held(self) -> Iterator[Backend]:
        """Hold Ray; within a session, the session's."""
        session = self._session
        if session.backend is not None:
            yield session.backend
            return
        with self._opened() as backend:
            session.backend = backend
            try:
                yield backend
            finally:
                session.hosts = self.hosts
                session.backend = None

    def _opened(self) -> AbstractContextManager[Backend]:
        """Open a backend: Ray in a process of its own, unless this one has started it already."""
        if _ray_is_here():
            return nullcontext(self._here())
        from matsweep.running.executors.remote import broker

        return broker(
            address=self.address,
            workers=self.workers,
            object_store_memory=self.object_store_memory,
            num_cpus=self.num_cpus,
            memory=self.memory,
        )

    def _here(self) -> Backend:
        """Backend on the Ray that this process has started itself."""
        from matsweep.running.executors.pool import Pool

        return Pool(num_cpus=self.num_cpus, memory=self.memory)


def _ray_is_here() -> bool:
    """Whether this process has started or joined Ray itself."""
    loaded: Any = sys.modules.get("ray")
    return bool(loaded and getattr(loaded, "is_initialized", bool)())
