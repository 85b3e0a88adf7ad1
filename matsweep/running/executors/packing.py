"""Values on their way between processes: pickled, with their arrays next to them.

Arrays are not copied into the pickle, so that Ray shares them among the workers of a node.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

type Packed = tuple[bytes, Sequence[Any]]
"""A pickle, and the buffers of its arrays in their order."""


def pack(value: object) -> Packed:
    """Pickle a value.

    Parameters
    ----------
    value : object
        Its classes and functions must be importable by name.

    Returns
    -------
    Packed
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return body, [bytes(buffer.raw()) for buffer in buffers]


def unpack(packed: Packed) -> Any:
    """Return the value; its arrays cannot be written.

    Parameters
    ----------
    packed : Packed

    Returns
    -------
    object
    """
    body, buffers = packed
    return pickle.loads(body, buffers=buffers)


def send(connection: Connection, value: object) -> None:
    """Send a value to another process.

    The connection's own `send` hands on a view of a buffer: where the other process has died, the
    error's traceback keeps that view, and Python 3.12.1 ends with a segmentation fault.

    Parameters
    ----------
    connection : Connection
    value : object
    """
    connection.send_bytes(pickle.dumps(value, protocol=5))


def receive(connection: Connection) -> Any:
    """Receive a value from another process of this user, which this one has started.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    object
    """
    return pickle.loads(connection.recv_bytes())
