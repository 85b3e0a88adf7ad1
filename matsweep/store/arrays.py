"""The arrays of a store, through zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from matsweep.store.disk import DurableStore, sync_directory
from matsweep.store.layout import damaged


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


def write_all(array: zarr.Array[Any], values: NDArray[Any]) -> None:
    """Write a whole array, a chunk at a time."""
    step = int(array.chunks[0])
    for start in range(0, array.shape[0], step):
        array[start : start + step] = values[start : start + step]


def replace_rows(
    path: Path,
    group: zarr.Group,
    name: str,
    positions: NDArray[np.int64],
    values: NDArray[Any],
) -> None:
    """Write some candidates of one array, each chunk read and replaced whole and once.

    One chunk a call of zarr, as in `write_all`: of several, zarr would leave the others being
    written in its own threads after the first fails, past the release of the lock.

    ``positions`` are in order. The names are made durable before the next array is begun, so
    that after a power cut too no ``status`` is newer than the data it vouches for.

    Raises
    ------
    StoreError
        If a chunk is damaged.
    """
    array = get_array(group, name)
    chunk = int(array.chunks[0])
    for number in np.unique(positions // chunk):
        start, stop = number * chunk, min((number + 1) * chunk, array.shape[0])
        inside = slice(*np.searchsorted(positions, (start, stop)))
        try:
            block = np.array(array[start:stop])
        except Exception as problem:
            raise damaged(path, f"array {name!r} cannot be read") from problem
        block[positions[inside] - start] = values[inside]
        array[start:stop] = block
    sync_directory(path / name)
