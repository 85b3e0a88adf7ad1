"""Values on their way between processes: pickled, with their arrays next to them.

Arrays are not copied into the pickle, so that Ray shares them among the workers of a node.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
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
