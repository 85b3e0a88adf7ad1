"""The arrays of a store, through zarr."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from matsweep.store.disk import DurableStore, sync_directory
from matsweep.store.layout import damaged

_BLOCK_BYTES = 2**26  # read, changed and written back in one go


def open_group(path: Path, mode: str) -> zarr.Group:
    """Open the zarr group of a store by its consolidated metadata.

    Raises
    ------
    StoreError
        If its metadata cannot be understood.
    """
    store = DurableStore(path, read_only=mode == "r")
    try:
        return zarr.open_group(store, mode="r" if mode == "r" else "r+", use_consolidated=True)
    except Exception as problem:
        raise damaged(path, "zarr.json cannot be understood") from problem


def get_array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return an array of the store."""
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{name} is not an array")
    return array.with_config({"write_empty_chunks": True})  # so that a missing file is a loss


def read_status(path: Path, group: zarr.Group) -> NDArray[np.int8]:
    """Return the status of every candidate as folded.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    try:
        return np.array(get_array(group, "status")[:], dtype=np.int8)
    except Exception as problem:
        raise damaged(path, "array 'status' cannot be read") from problem


def replace_rows(
    path: Path,
    group: zarr.Group,
    name: str,
    positions: NDArray[np.int64],
    values: NDArray[Any],
) -> None:
    """Write some candidates of one array, each chunk read and replaced whole and once.

    ``positions`` are in order. The names are made durable before the next array is begun, so
    that after a power cut too no ``status`` is newer than the data it vouches for.

    Raises
    ------
    StoreError
        If a chunk is damaged.
    """
    array = get_array(group, name)
    for start, stop in _blocks(array, positions):
        inside = slice(*np.searchsorted(positions, (start, stop)))
        try:
            block = np.array(array[start:stop])
        except Exception as problem:
            raise damaged(path, f"array {name!r} cannot be read") from problem
        block[positions[inside] - start] = values[inside]
        array[start:stop] = block
    sync_directory(path / name)


def _blocks(array: zarr.Array[Any], positions: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield [start, stop) of runs of whole chunks that hold ``positions``, of bounded size."""
    chunk = int(array.chunks[0])
    bytes_per_chunk = chunk * int(np.prod(array.shape[1:])) * max(1, array.dtype.itemsize)
    most = max(1, _BLOCK_BYTES // bytes_per_chunk)
    touched = np.unique(positions // chunk)
    first = last = int(touched[0])
    for number in map(int, touched[1:]):
        if number != last + 1 or number - first >= most:
            yield first * chunk, min((last + 1) * chunk, array.shape[0])
            first = number
        last = number
    yield first * chunk, min((last + 1) * chunk, array.shape[0])
