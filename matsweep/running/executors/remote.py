"""Ray in a process of its own, seen from the study's process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from matsweep.core.checks import UserError
from matsweep.running.executors import private
from matsweep.running.executors.address import unreachable
from matsweep.running.executors.backend import Backend, Crash
from matsweep.running.executors.broker import Order
from matsweep.running.executors.contract import LostError
from matsweep.running.executors.failures import end_of, starting_error
from matsweep.running.executors.packing import Packed, receive, send

_STARTING = 300.0  # s that a start may take, on a machine that has other work to do
_JOINING = 180.0  # s
_LEAVING = 5.0  # s
_MODULE = "import sys; sys.path[:] = {path!r}; from {name} import main; main({descriptor})"
_LOG = "driver.log"


class Broker(Backend):
    """Backend of the Ray executor that calls the process which holds Ray.

    Parameters
    ----------
    process : subprocess.Popen
    connection : Connection
    order : Order
    """

    def __init__(
        self, process: subprocess.Popen[bytes], connection: Connection, order: Order
    ) -> None:
        self._process = process
        self._connection = connection
        self._order = order
        self._lost = ""
        self._open = False
        self._facts = (1, 1)

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        return self._facts[0]

    @property
    def hosts(self) -> int:
        """Largest number of nodes alive at once."""
        return self._facts[1]

    def begin(self, shared: Packed) -> None:
        """Take the task and its shared data; forget the tasks of an earlier call."""
        self._call("begin", shared)

    def submit(self, chunk: Packed, *, alone: bool, doubled: bool) -> int:
        """Start a task; return its ticket."""
        return int(self._call("submit", chunk, alone=alone, doubled=doubled))

    def wait(self, timeout: float) -> list[tuple[int, Packed | Crash]]:
        """Return the tasks that have ended, after the first end or the timeout [s]."""
        ended: list[tuple[int, Packed | Crash]] = self._call("wait", timeout)
        return ended

    def lacking(self, parts: Packed) -> list[str]:
        """Return the parts of a study that each node lacks, in words; "" where none."""
        lacks: list[str] = self._call("lacking", parts)
        return lacks

    def start(self) -> None:
        """Wait until Ray is started or joined.

        Raises
        ------
        UserError
            If it does not start in time.
        """
        patience = _STARTING if self._order.local else _JOINING
        try:
            send(self._connection, self._order)
            if not self._connection.poll(patience):
                raise self._unstarted(f"no answer within {patience:g} s")
            self._take()
        except (EOFError, OSError):
            raise self._unstarted(f"its process ended ({self._end()})") from None

    def close(self) -> None:
        """End the process that holds Ray, and with it a local Ray, and remove their folder."""
        self._connection.close()
        if not self._order.local:  # the cluster should learn that this driver leaves
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVING)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        private.remove(self._order.folder, self._order.lock)

    def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        if not self._open:
            raise LostError(self._lost or "Ray's session was interrupted")
        self._open = False  # until the answer is taken: a signal may come before
        try:
            send(self._connection, (name, arguments, options))
            return self._take()
        except (EOFError, OSError):
            raise self._gone(f"Ray has ended ({self._end()})") from None

    def _take(self) -> Any:
        """Take an answer."""
        kind, value, self._facts = receive(self._connection)
        if kind == "lost":
            raise self._gone(str(value))
        self._open = True
        if kind == "user":
            raise UserError(str(value))
        return value

    def _gone(self, text: str) -> LostError:
        if not self._order.local:
            text = f"the Ray cluster at {self._order.address} is lost: {text}"
        self._lost = text
        return LostError(text)

    def _end(self) -> str:
        """Describe how the process ended."""
        until = time.monotonic() + _LEAVING
        while self._process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        code = self._process.returncode
        return "no answer" if code is None else end_of(code)

    def _unstarted(self, reason: str) -> UserError:
        if self._order.local:
            return starting_error(reason, self._order.object_store_memory)
        return unreachable(self._order.address, reason)


@contextmanager
def broker(
    *,
    address: str,
    workers: int | None,
    object_store_memory: int,
    num_cpus: float,
    memory: int | None,
) -> Iterator[Broker]:
    """Start a process that starts or joins Ray; end both at the end.

    It is a session of its own, so that no signal of a terminal reaches Ray.

    Parameters
    ----------
    address : str
    workers : int or None
    object_store_memory : int, bytes
    num_cpus : float
    memory : int or None, bytes

    Yields
    ------
    Broker

    Raises
    ------
    UserError
        If Ray does not start, or cannot be joined.
    """
    private.clean()
    folder, lock = private.create()
    mine, theirs = Pipe()
    order = Order(
        address=address, workers=workers, object_store_memory=object_store_memory,
        num_cpus=num_cpus, memory=memory, folder=folder, lock=lock,
        program=sys.argv[0], main=getattr(sys.modules["__main__"], "__file__", None),
    )  # fmt: skip
    try:
        process = _begun(order, theirs.fileno())
    except BaseException as error:
        private.remove(folder, lock)
        if isinstance(error, OSError):
            raise starting_error(error.strerror or str(error), object_store_memory) from None
        raise
    finally:
        theirs.close()
    held = Broker(process, mine, order)
    try:
        held.start()
        yield held
    finally:
        held.close()


def _begun(order: Order, descriptor: int) -> subprocess.Popen[bytes]:
    """Start the process that holds Ray, with the modules of this one."""
    # Other objects than texts are no places of modules; notebooks often add a Path.
    path = [place for place in sys.path if isinstance(place, str)]
    code = _MODULE.format(path=path, name=Order.__module__, descriptor=descriptor)
    with open(order.folder / _LOG, "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            env={**os.environ, private.MARK: str(order.folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(descriptor, order.lock),
            start_new_session=True,
        )
