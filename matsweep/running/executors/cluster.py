"""Ray on this machine, on a running cluster, and the resources of its nodes."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.packages import GROUPS, packages

# Before Ray is imported: no usage statistics, and no change of the process's signal for memory.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray.exceptions import RayError

_PATIENCE = 5.0  # s for a cluster to answer
_STARTS = 3  # tries: on a busy machine a start may take longer than the 30 s that Ray grants it
_LATE = "timed out during startup"
_DEATH = "A worker died or was killed while executing a task"
_FRESH = 2.0  # s between counts of the nodes
_MODE, _TOKEN = "RAY_AUTH_MODE", ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_FORMS = "local, auto, HOST:PORT or ray://HOST:PORT"
_PACKAGE = Path(__file__).resolve().parents[2]  # matsweep itself


def start_local(workers: int | None, object_store_memory: int) -> None:
    """Start Ray on this machine, all its services bound to the loopback address.

    Anyone who reaches one of them can run code as this user, so other users of the machine must not
    know Ray's token: see `_keep_token`.

    Parameters
    ----------
    workers : int or None
        Processes; None: one per core.
    object_store_memory : int, bytes

    Raises
    ------
    Exception
        Ray's own, if it does not start.
    """
    _keep_token()
    quiet_deaths()
    # Ray's own switch for this, which it throws on macOS and Windows: read when Ray is imported,
    # and by the processes it starts.
    switch, before = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[switch] = "0"
    try:
        for left in reversed(range(_STARTS)):
            try:
                _start(workers or os.cpu_count() or 1, object_store_memory)
                return
            except Exception as error:  # a plain Exception: only its text identifies the cause
                ray.shutdown()
                if not left or _LATE not in str(error):
                    raise
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[switch]


def quiet_deaths() -> None:
    """Keep Ray from printing a paragraph for each process that ends within a task.

    The process ends itself at a candidate's limit, and the ledger reports the cause of each death;
    Ray's paragraph guesses at others. Ray has no setting for it, as `log_to_driver` leaves these
    messages. All its other messages are printed.
    """
    write: Any = getattr(ray_worker, "print_to_stdstream", None)
    if write is None or getattr(write, "quiet", False):
        return

    def quieter(data: dict[str, Any], *args: Any, **options: Any) -> None:
        if data.get("pid") == "raylet":
            data = data | {"lines": [line for line in data["lines"] if _DEATH not in line]}
        if data["lines"]:
            write(data, *args, **options)

    quieter.quiet = True  # type: ignore[attr-defined]
    ray_worker.print_to_stdstream = quieter


def _keep_token() -> None:
    """Create the token that Ray asks for, if missing, in a file that only this user can read.

    Ray 2.60 turns its token authentication on by itself where it starts a cluster, unless
    RAY_AUTH_MODE says otherwise. It creates the token too, but readable to all whom the umask
    allows, in a home that on many machines everyone can enter.
    """
    if (
        any(os.environ.get(name) for name in _TOKEN)
        or os.environ.get(_MODE, "token").lower() != "token"
    ):
        return
    file = Path.home() / ".ray" / "auth_token"  # where Ray looks for it, and keeps its own
    with contextlib.suppress(OSError):  # the file exists, or Ray itself reports the error
        file.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as out:
            out.write(secrets.token_hex(32))


def _start(workers: int, object_store_memory: int) -> None:
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=object_store_memory,
        include_dashboard=False,
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
    quiet_deaths()
    try:
        ray.init(
            address=address,
            runtime_env={"py_modules": [str(_PACKAGE), *map(str, _sent())]},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, TimeoutError, ValueError, RayError) as error:
        if "AuthToken" in "".join(traceback.format_exception(error)):
            raise UserError(
                f"executor.address={address}: the cluster asks for Ray's token; set "
                "RAY_AUTH_MODE=token (the token itself is read from RAY_AUTH_TOKEN or "
                "~/.ray/auth_token)"
            ) from None
        raise _unreachable(address, str(error).partition(". ")[0]) from None


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


def check_reachable(address: str) -> None:
    """Refuse an address where no one answers, within seconds: Ray itself waits for minutes.

    Parameters
    ----------
    address : str
        "HOST:PORT" or "ray://HOST:PORT".

    Raises
    ------
    UserError
    """
    place = address.removeprefix("ray://")
    host, _, port = place.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        raise UserError(f"executor.address must be {_FORMS}, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, UnicodeError) as error:  # the latter of a host that no name server takes
        raise _unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def _unreachable(address: str, reason: str) -> UserError:
    return UserError(
        f"executor.address={address}: no Ray cluster answers there ({reason}); start one "
        "(ray start --head), or use executor.address=local"
    )


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
