"""Ray on this machine, on a running cluster, and the resources of its nodes."""

from __future__ import annotations

import logging
import os
import secrets
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.packages import GROUPS, packages
from matsweep.running.executors.failures import joining_error

# Before Ray is imported: no usage statistics, and no change of the process's signal for memory.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

_STARTS = 3  # tries: on a busy machine a start may take longer than the 30 s that Ray grants it
_LATE = "timed out during startup"
_UNSERVED = "Starting Ray client server failed"  # on a busy head, within the same 30 s
_FRESH = 2.0  # s between counts of the nodes
_MODE, _TOKEN = "RAY_AUTH_MODE", ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_PACKAGE = Path(__file__).resolve().parents[2]  # matsweep itself


def start_local(workers: int | None, object_store_memory: int, folder: Path | None = None) -> None:
    """Start Ray on this machine, all its services bound to the loopback address.

    Anyone who reaches one of them can run code as this user, so other users of the machine must not
    know Ray's token: see `_set_token`.

    Parameters
    ----------
    workers : int or None
        Processes; None: one per core.
    object_store_memory : int, bytes
    folder : Path or None
        Of the session's files; None: Ray's own in the temporary folder of the system.

    Raises
    ------
    Exception
        Ray's own, if it does not start.
    """
    _set_token()
    # Ray's own switch for this, which it throws on macOS and Windows: read when Ray is imported,
    # and by the processes it starts.
    switch, before = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[switch] = "0"
    try:
        for left in reversed(range(_STARTS)):
            try:
                _start(workers or os.cpu_count() or 1, object_store_memory, folder)
                return
            except Exception as error:  # a plain Exception: only its text identifies the cause
                ray.shutdown()
                if not left or _LATE not in str(error):
                    raise
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[switch]


def _set_token() -> None:
    """Give Ray a new token, which this process and those that it starts know, and no file.

    Ray 2.60 turns its token authentication on by itself where it starts a cluster, unless
    RAY_AUTH_MODE says otherwise. Its own token it keeps in the home, readable to all whom the umask
    allows.
    """
    if (
        any(os.environ.get(name) for name in _TOKEN)
        or os.environ.get(_MODE, "token").lower() != "token"
    ):
        return
    os.environ[_TOKEN[0]] = secrets.token_hex(32)


def _start(workers: int, object_store_memory: int, folder: Path | None) -> None:
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=object_store_memory,
        include_dashboard=False,
        _temp_dir=None if folder is None else str(folder),
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def join(address: str) -> None:
    """Join a running cluster; this matsweep is sent with its tasks, so that no node needs one.

    So are the installed packages that bring parts.

    Parameters
    ----------
    address : str
        "HOST:PORT", "ray://HOST:PORT" or "auto".

    Raises
    ------
    UserError
        If no cluster answers, or it refuses this user.
    """
    for left in reversed(range(_STARTS)):
        try:
            _join(address)
            return
        except (ConnectionError, RuntimeError, TimeoutError, ValueError, RayError) as error:
            ray.shutdown()
            if left and _UNSERVED in str(error):
                continue
            if "AuthToken" in "".join(traceback.format_exception(error)):
                raise UserError(
                    f"executor.address={address}: the cluster asks for Ray's token; set "
                    "RAY_AUTH_MODE=token (the token itself is read from RAY_AUTH_TOKEN or "
                    "~/.ray/auth_token)"
                ) from None
            raise joining_error(address, str(error)) from None


def _join(address: str) -> None:
    ray.init(
        address=address,
        runtime_env={"py_modules": [str(_PACKAGE), *map(str, _sent())]},
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _sent() -> list[Path]:
    """Modules of the installed packages that bring parts, for the nodes to import.

    A module inside a namespace package cannot be sent: a node that lacks it reports so (`lacking`).
    """
    brought = [each for each in packages() if any(p.group in GROUPS for p in each.points)]
    return [
        place
        for package in brought
        for module, place in zip(package.modules, package.places, strict=True)
        if "." not in module
    ]


@dataclass(slots=True, kw_only=True)
class Nodes:
    """Resources of a cluster's nodes for tasks, read again as nodes come and go.

    Parameters
    ----------
    num_cpus : float
        Cores per task.
    memory : int or None, bytes
        Memory per task.

    Attributes
    ----------
    hosts : int
        Largest number of nodes alive at once.
    """

    num_cpus: float
    memory: int | None
    hosts: int = field(default=1, init=False)
    _slots: int = field(default=1, init=False)
    _cores: int = field(default=1, init=False)
    _read: float = field(default=-_FRESH, init=False)

    @property
    def slots(self) -> int:
        """Tasks that run at once; at least 1, for a cluster that grows on demand."""
        self._refresh()
        return self._slots

    @property
    def cores(self) -> int:
        """Whole cores of the smallest node on which a task fits."""
        self._refresh()
        return self._cores

    @property
    def names(self) -> list[str]:
        """Ray's names of the nodes on which a task fits."""
        return [
            str(node["NodeID"])
            for node in ray.nodes()
            if node["Alive"] and self._room(dict(node["Resources"]))
        ]

    def check(self) -> None:
        """Refuse a task that fits on no node, where there are nodes with cores.

        Raises
        ------
        UserError
        """
        have = [node for node in _alive() if node.get("CPU", 0) > 0]
        if not have or any(self._room(node) for node in have):
            return
        cpus, memory = (max(node.get(what, 0) for node in have) for what in ("CPU", "memory"))
        raise UserError(
            f"executor.num_cpus={self.num_cpus:g} and executor.memory={self.memory} of a task "
            f"must fit on a node; the largest has {cpus:g} CPUs and {memory:.3g} bytes"
        )

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._read < _FRESH:
            return
        self._read = now
        nodes = _alive()
        self.hosts = max(self.hosts, len(nodes))
        rooms = [(self._room(node), int(node.get("CPU", 0))) for node in nodes]
        self._slots = max(1, sum(room for room, _ in rooms))
        self._cores = min((cores for room, cores in rooms if room), default=1)

    def _room(self, resources: dict[str, float]) -> int:
        """Count the tasks that a node runs at once."""
        room = (resources.get("CPU", 0) + 1e-9) / self.num_cpus
        if self.memory is not None:
            room = min(room, resources.get("memory", 0) / self.memory)
        return int(room)


def _alive() -> list[dict[str, float]]:
    """Resources of each node alive."""
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]
