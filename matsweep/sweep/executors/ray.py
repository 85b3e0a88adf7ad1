"""On Ray: a local one started for the study, or a running cluster."""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from matsweep.checks import UserError, whole
from matsweep.sweep.executors.contract import Executor, Fault, Task

# Before Ray is imported: no usage statistics, and no change of the process's signal for memory.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray._private import ray_constants
from ray.exceptions import RayError, RayTaskError

_TRIES = 2  # of a chunk of one, before it is given up
_PATIENCE = 5.0  # s, for a cluster to answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor(Executor):
    """Run tasks on Ray.

    A chunk whose process dies is tried again in halves, down to the one item that kills it; that
    one becomes a `Fault`, and takes no other with it.

    Parameters
    ----------
    address : str
        "local" starts Ray on this machine for the study, bound to the loopback address, and
        stops it afterwards (one that is started already in this process is used and left);
        otherwise a running cluster's: "HOST:PORT", "ray://HOST:PORT" or "auto".
    workers : int or None
        Processes of a local Ray; None: one a core.
    chunk_size : int or None
        Candidates a task; None: as many as take about a second.
    object_store_memory : int, bytes
        Of a local Ray.
    """

    address: str = "local"
    workers: int | None = None
    chunk_size: int | None = None
    object_store_memory: int = 100_000_000

    def __post_init__(self) -> None:
        if not self.address:
            raise UserError("address must be local, auto, HOST:PORT or ray://HOST:PORT, got ''")
        if self.workers is not None:
            whole("workers", self.workers, low=1)
        if self.chunk_size is not None:
            whole("chunk_size", self.chunk_size, low=1)
        whole("object_store_memory", self.object_store_memory, low=80_000_000)

    @property
    def slots(self) -> int:
        """Cores of the cluster; before it is started, those asked for."""
        if ray.is_initialized():
            resources: dict[str, float] = ray.cluster_resources()
            return max(1, int(resources.get("CPU", 1)))
        return self.workers or os.cpu_count() or 1

    @property
    def hosts(self) -> int:
        """Nodes alive."""
        if not ray.is_initialized():
            return 1
        nodes: list[dict[str, bool]] = ray.nodes()
        return sum(node["Alive"] for node in nodes)

    def run(
        self, task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield (chunk, result) as they come; at most 2 tasks a core are in flight."""
        if ray.is_initialized():
            yield from _run(task, shared, chunks, window=2 * self.slots)
            return
        try:
            if self.address == "local":
                start_local(self.workers, self.object_store_memory)
            else:
                _join(self.address)
            yield from _run(task, shared, chunks, window=2 * self.slots)
        finally:
            ray.shutdown()

    def check(self) -> None:
        """Refuse a cluster's address that no one answers at, within seconds.

        Ray itself waits for minutes.
        """
        if self.address not in ("local", "auto"):
            _check_reachable(self.address)


def start_local(workers: int | None, object_store_memory: int) -> None:
    """Start Ray on this machine, all its services bound to the loopback address.

    Parameters
    ----------
    workers : int or None
        Processes; None: one a core.
    object_store_memory : int, bytes
    """
    # Ray's own switch for this, which it throws on macOS and Windows: read when Ray is imported,
    # and by the processes it starts.
    switch, before = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[switch] = "0"
    try:
        ray.init(
            address="local",
            num_cpus=workers or os.cpu_count(),
            object_store_memory=object_store_memory,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[switch]


def _join(address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, TimeoutError, RayError) as error:
        if "AuthToken" in "".join(traceback.format_exception(error)):
            raise UserError(
                f"executor.address={address}: the cluster asks for Ray's token; set "
                "RAY_AUTH_MODE=token (the token itself is read from RAY_AUTH_TOKEN or "
                "~/.ray/auth_token)"
            ) from None
        raise _unreachable(address, str(error).partition(". ")[0]) from None


def _run(
    task: Task, shared: Any, chunks: Iterable[tuple[Any, ...]], window: int
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield (chunk, result); stopped early, it leaves what is in flight to end with the driver.

    Cancelling is no use here: Ray aborts this process if a task ends at the same moment.
    """
    remote = ray.remote(_call).options(max_retries=0, num_cpus=1)
    handle = ray.put((task, shared))
    waiting: deque[tuple[tuple[Any, ...], int]] = deque()
    flying: dict[Any, tuple[tuple[Any, ...], int]] = {}
    source = iter(chunks)
    while True:
        while len(flying) < window:
            if not waiting:
                fresh = next(source, None)
                if fresh is None:
                    break
                waiting.append((fresh, 1))
            chunk, tries = waiting.popleft()
            flying[remote.remote(handle, chunk)] = (chunk, tries)
        if not flying:
            return
        ready, _ = ray.wait(list(flying), num_returns=1)
        for reference in ready:
            chunk, tries = flying.pop(reference)
            try:
                result = ray.get(reference)
            except RayError as error:
                if len(chunk) == 1 and tries >= _TRIES:
                    yield chunk, Fault(_reason(error))
                    continue
                waiting.extend(_again(chunk, tries))
            else:
                yield chunk, result


def _again(chunk: tuple[Any, ...], tries: int) -> list[tuple[tuple[Any, ...], int]]:
    """Return what to try after a chunk's process died: its halves, or it once more."""
    if len(chunk) == 1:
        return [(chunk, tries + 1)]
    half = len(chunk) // 2
    return [(chunk[:half], 1), (chunk[half:], 1)]


def _call(handle: tuple[Task, Any], chunk: tuple[Any, ...]) -> Any:
    task, shared = handle
    return task(shared, chunk)


def _reason(error: RayError) -> str:
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    first = str(error).splitlines()[0] if str(error) else ""
    return f"the worker process died ({type(error).__name__}): {first}"


def _check_reachable(address: str) -> None:
    """Refuse an address that no one answers at."""
    place = address.removeprefix("ray://")
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(
            f"executor.address must be local, auto, HOST:PORT or ray://HOST:PORT, got {address!r}"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None


def _unreachable(address: str, reason: str) -> UserError:
    return UserError(
        f"executor.address={address}: no Ray cluster answers there ({reason}); start one "
        "(ray start --head), or use executor.address=local"
    )
