"""Process that holds Ray for a study: `main` answers the calls of `remote.Broker`.

Ray's core ends the process that it lives in where it loses its own processes, and prints stacks
before. It therefore lives here, its output goes to a file, and the study's process goes on to
say what has happened.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError
from matsweep.running.executors import private
from matsweep.running.executors.address import answers
from matsweep.running.executors.contract import LostError
from matsweep.running.executors.failures import end_of, starting_error
from matsweep.running.executors.packing import receive, send

_LOOK = 0.25  # s between looks at Ray's processes
_SILENT = 2.0  # s
_GRACE = 10.0  # s for Ray to leave a cluster
_NEEDED = {"raylet": "raylet", "gcs_server": "GCS"}  # Ray's names of its processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Settings of a session, as `RayExecutor` has them.

    Parameters
    ----------
    address : str
    workers : int or None
    object_store_memory : int, bytes
    num_cpus : float
    memory : int or None, bytes
    folder : Path
        Of the session.
    lock : int
        Its descriptor.
    program : str
        First word of the study's command line.
    main : str or None
        File of the study's main module; None in an interactive session.
    """

    address: str
    workers: int | None
    object_store_memory: int
    num_cpus: float
    memory: int | None
    folder: Path
    lock: int
    program: str
    main: str | None

    @property
    def local(self) -> bool:
        """Whether the session has a Ray of its own."""
        return self.address == "local"


def main(descriptor: int) -> None:
    """Serve a study until its process closes the connection, or ends.

    Parameters
    ----------
    descriptor : int
        Of the connection.
    """
    # The study's process decides on signals that a batch system sends to all.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    line = Line(Connection(descriptor))
    order: Order = receive(line.connection)
    sys.argv[:1] = [order.program]  # Ray's workers look for modules next to the script
    if order.main:
        sys.modules["__main__"].__file__ = order.main
    threading.Thread(target=line.read, args=(lambda: _leave(order),), daemon=True).start()
    with contextlib.suppress(OSError):  # the study's process has closed the connection
        if _started(order, line):
            _serve(order, line)
    _leave(order)


class Line:
    """Connection to the study's process, with a thread that reads and several that write.

    Parameters
    ----------
    connection : Connection
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.calls: queue.SimpleQueue[tuple[str, tuple[Any, ...], dict[str, Any]] | None] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()

    def read(self, leave: Callable[[], None]) -> None:
        """Queue calls until the connection is closed; then end, also if Ray hangs.

        Parameters
        ----------
        leave : function ()
            Ends this process.
        """
        with contextlib.suppress(EOFError, OSError):
            while True:
                self.calls.put(receive(self.connection))
        self.calls.put(None)
        time.sleep(_GRACE)
        leave()

    def answer(self, kind: str, value: object = None, facts: tuple[int, int] = (1, 1)) -> None:
        """Send an answer.

        Parameters
        ----------
        kind : str
            "ok"; "user" and "lost" for an error of that kind.
        value : object
            A result, or the error's text.
        facts : (int, int)
            Slots and hosts.
        """
        with self._lock:
            send(self.connection, (kind, value, facts))


def _started(order: Order, line: Line) -> bool:
    """Start or join Ray; report whether it worked."""
    from matsweep.running.executors.cluster import join, start_local  # loads Ray

    try:
        if order.local:
            folder = private.session_folder(order.folder)
            start_local(order.workers, order.object_store_memory, folder)
        else:
            join(order.address)
    except UserError as error:
        line.answer("user", str(error))
        return False
    except Exception as error:
        traceback.print_exc()
        line.answer("user", str(starting_error(str(error), order.object_store_memory)))
        return False
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # only now, as Ray sets its own
    if order.local:
        threading.Thread(target=_watch, args=(line,), daemon=True).start()
    return True


def _serve(order: Order, line: Line) -> None:
    """Answer call after call."""
    from matsweep.running.executors.pool import Pool

    pool = Pool(num_cpus=order.num_cpus, memory=order.memory)
    line.answer("ok", None, (pool.slots, pool.hosts))
    while (call := line.calls.get()) is not None:
        name, arguments, options = call
        try:
            value = getattr(pool, name)(*arguments, **options)
            line.answer("ok", value, (pool.slots, pool.hosts))
        except LostError as error:
            line.answer("lost", str(error))
        except UserError as error:
            line.answer("user", str(error))
        except Exception as error:
            traceback.print_exc()
            line.answer("lost", f"Ray stopped working ({type(error).__name__}: {error})")


def _watch(line: Line) -> None:
    """Report the end of one of Ray's processes at once: its core waits for up to a minute."""
    from ray._private import worker

    node: Any = worker._global_node
    host, _, port = node.gcs_address.rpartition(":")
    refused = 0
    while True:
        time.sleep(_LOOK)
        # A GCS that was asked to end stays for a minute, but answers no one.
        refused = 0 if answers((host, int(port))) else refused + 1
        texts = [
            f"Ray's {_NEEDED[kind]} has ended ({end_of(process.returncode)})"
            for kind, process in node.dead_processes()
            if kind in _NEEDED
        ]
        if not texts and refused * _LOOK >= _SILENT:
            texts = ["Ray's GCS does not answer"]
        if texts:
            with contextlib.suppress(OSError):
                line.answer("lost", texts[0])
            return


def _leave(order: Order) -> None:
    """End this process and its Ray; remove the folder of the session."""
    if not order.local:
        import ray

        threading.Timer(_GRACE, os._exit, (1,)).start()
        with contextlib.suppress(Exception):
            ray.shutdown()
    private.remove(order.folder, order.lock)
    os._exit(0)
