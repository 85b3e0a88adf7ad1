"""Tasks on the Ray that this process has started or joined."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray._private import worker as ray_worker
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

from matsweep.core.checks import UserError
from matsweep.core.packages import PartsError
from matsweep.running.executors.address import answers
from matsweep.running.executors.backend import Backend, Crash, unlike
from matsweep.running.executors.cluster import Nodes
from matsweep.running.executors.contract import LostError
from matsweep.running.executors.failures import said
from matsweep.running.executors.ledger import Cause
from matsweep.running.executors.packing import Packed, pack, unpack
from matsweep.running.parts import lacking

_RETURN = 60.0  # s that Ray itself grants a head to come back
_SETTLE = 0.1  # s after which the kernel has closed the sockets of a process that was killed


class Pool(Backend):
    """Tasks on the Ray of this process.

    Parameters
    ----------
    num_cpus : float
        Cores per task.
    memory : int or None, bytes
        Memory per task.
    """

    def __init__(self, *, num_cpus: float, memory: int | None) -> None:
        self._nodes = Nodes(num_cpus=num_cpus, memory=memory)
        self._shared: Any = None
        self._remote = ray.remote(_call)
        self._flying: dict[Any, int] = {}
        self._tickets = 0

    @property
    def slots(self) -> int:
        """Tasks that run at once on the nodes alive."""
        with _one_line():
            return self._nodes.slots

    @property
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""
        return self._nodes.hosts

    def begin(self, shared: Packed) -> None:
        """Take the task and its shared data; forget the tasks of an earlier call.

        Those in flight are not cancelled: Ray aborts this process if one ends at the same moment.

        Raises
        ------
        UserError
            If a task fits on no node.
        """
        with _one_line():
            self._nodes.check()
            self._flying = {}
            self._shared = ray.put(_arrays(shared))

    def submit(self, chunk: Packed, *, alone: bool, doubled: bool) -> int:
        """Start a task: a second copy elsewhere if possible, a starved one alone on a node."""
        with _one_line():
            placed = self._remote.options(
                max_retries=0,  # also for lack of memory, where Ray would try for ever
                num_cpus=max(self._nodes.num_cpus, self._nodes.cores)
                if alone
                else self._nodes.num_cpus,
                memory=self._nodes.memory,
                scheduling_strategy="SPREAD" if doubled else "DEFAULT",
            )
            self._tickets += 1
            self._flying[placed.remote(self._shared, _arrays(chunk))] = self._tickets
            return self._tickets

    def wait(self, timeout: float) -> list[tuple[int, Packed | Crash]]:
        """Return the tasks that have ended, after the first end or the timeout [s]."""
        flying = list(self._flying)
        if not flying:
            return []
        with _one_line():
            ray.wait(flying, num_returns=1, timeout=timeout)
            ready, _ = ray.wait(flying, num_returns=len(flying), timeout=0)
            ended = [(self._flying.pop(reference), _outcome(reference)) for reference in ready]
        if any(isinstance(outcome, Crash) for _, outcome in ended):
            ended = [(ticket, _blamed(outcome)) for ticket, outcome in ended]
        return ended

    def lacking(self, parts: Packed) -> list[str]:
        """Return the parts of a study that each node lacks, in words; "" where none."""
        probe = ray.remote(_lacking)
        with _one_line():
            asked = [
                probe.options(
                    num_cpus=0,  # also where all cores are taken
                    max_retries=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                ).remote(parts)
                for node in self._nodes.names
            ]
        return [_text(_outcome(reference)) for reference in asked]


def _text(outcome: Packed | Crash) -> str:
    """Return the parts that a node lacks; "" where it is lost, as no task will run there."""
    return "" if isinstance(outcome, Crash) else str(unpack(outcome))


def _arrays(packed: Packed) -> Packed:
    """Hand buffers to Ray as arrays, which it shares instead of copying them."""
    body, buffers = packed
    return body, [np.frombuffer(buffer, dtype=np.uint8) for buffer in buffers]


def _call(handle: Packed, chunk: Packed) -> Packed:
    task, shared = unpack(handle)
    return pack(task(shared, unpack(chunk)))


def _lacking(parts: Packed) -> Packed:
    return pack(lacking(unpack(parts)))


def _outcome(reference: Any) -> Packed | Crash:
    """Return the result of a task that has ended, or why it gave none."""
    try:
        result: Packed = ray.get(reference)
    except RayError as error:
        return Crash(_cause(error), _reason(error))
    return result


@contextmanager
def _one_line() -> Iterator[None]:
    """Report in one line that Ray stopped working.

    Raises
    ------
    LostError
        For what Ray raises where it does not reach its own processes.
    """
    try:
        yield
    except UserError:
        raise
    except (RayError, OSError, RuntimeError, TimeoutError) as error:
        raise LostError(f"Ray stopped working ({said(str(error))})") from None


def _blamed(outcome: Packed | Crash) -> Packed | Crash:
    """Keep crashes from being blamed on candidates where Ray itself has died, or its head has.

    Raises
    ------
    LostError
        If Ray on this machine has died, or the head does not come back.
    """
    if not isinstance(outcome, Crash) or outcome.cause is Cause.RAISED:
        return outcome
    time.sleep(_SETTLE)
    worker: Any = ray_worker.global_worker
    node = getattr(worker, "node", None)
    raylet = getattr(node, "raylet_socket_name", None)
    if raylet and Path(raylet).is_absolute() and not answers(raylet):
        raise LostError("Ray's raylet has ended")
    host, _, port = str(getattr(node, "gcs_address", "")).rpartition(":")
    if not port.isdigit() or answers((host, int(port))):
        return outcome
    until = time.monotonic() + _RETURN
    while time.monotonic() < until:
        if answers((host, int(port))):
            return Crash(Cause.LOST, outcome.reason)
        time.sleep(1)
    raise LostError(f"the head of the Ray cluster at {host}:{port} does not answer")


def _cause(error: RayError) -> Cause:
    """Classify an error of a flight.

    Raises
    ------
    UserError
        If nodes cannot run the study's tasks at all: no candidate is at fault then.
    """
    inner = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(inner, PartsError):
        raise unlike(str(inner))
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


def _reason(error: RayError) -> str:
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    if isinstance(error, OutOfMemoryError):
        return "the worker process was ended: its node ran out of memory, though it ran alone there"
    first = str(error).splitlines()[0] if str(error) else ""
    return f"the worker process died ({type(error).__name__}): {first}"
