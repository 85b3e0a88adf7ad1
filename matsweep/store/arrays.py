"""Arrays of a store, through zarr."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import StorePath

from matsweep.store.chunks import ChunkStore, uncompressed
from matsweep.store.disk import Place, sync_directory
from matsweep.store.errors import StoreError, damaged
from matsweep.store.layout import DamagedError, StoreLayout, layout_of

Ledger = tuple[NDArray[np.int8], NDArray[np.int32]]
"""Status and number of realisations of every candidate."""


def open_group(
    path: Place, document: Mapping[str, Any], mode: str, *, skipped: Collection[str] = ()
) -> zarr.Group:
    """Open the zarr group that a root document describes, whether it is on the disk yet or not.

    Parameters
    ----------
    path : Place
        The store.
    document : mapping
        The root document.
    mode : str
        "r" to read, "r+" to read and write.
    skipped : collection of str
        Chunks that read as if they were never written.

    Returns
    -------
    zarr.Group

    Raises
    ------
    StoreError
        If its metadata cannot be understood.
    """
    store = ChunkStore(layout_of(path, document), read_only=mode == "r", skipped=skipped)
    try:
        plain = uncompressed(document)
        return zarr.Group(zarr.AsyncGroup.from_dict(StorePath(store), plain))
    except Exception as problem:
        raise damaged(path, "zarr.json cannot be understood") from problem


def get_array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return an array of a store; every chunk written to it becomes a file.

    Parameters
    ----------
    group : zarr.Group
    name : str

    Returns
    -------
    zarr.Array

    Raises
    ------
    TypeError
        If the name is a group's.
    """
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{name} is not an array")
    return array.with_config({"write_empty_chunks": True})  # so that a missing file means damage


def read_array(
    path: Place, group: zarr.Group, name: str, rows: slice = slice(None)
) -> NDArray[Any]:
    """Return an array, or some rows of it.

    Parameters
    ----------
    path : Place
        The store, for the message.
    group : zarr.Group
    name : str
    rows : slice, optional
        Along the first axis; by default all.

    Returns
    -------
    (rows, …) array

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    try:
        return np.array(get_array(group, name)[rows])
    except StoreError:
        raise
    except Exception as problem:
        raise damaged(path, f"array {name!r} cannot be read") from problem


def read_ledger(layout: StoreLayout, group: zarr.Group, rows: slice = slice(None)) -> Ledger:
    """Return the folded status and number of realisations of every candidate.

    In a store without a ledger of realisations (format 1) a done candidate has all.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    rows : slice
        The candidates to read.

    Returns
    -------
    status : (rows,) array of int8
    counts : (rows,) array of int32
        Number of realisations.

    Raises
    ------
    StoreError
        If they cannot be read.
    """
    status = read_array(layout.path, group, "status", rows).astype(np.int8)
    if "realisations" in group:
        return status, read_array(layout.path, group, "realisations", rows).astype(np.int32)
    return status, np.where(status == 1, layout.realisations, 0).astype(np.int32)


def read_rows(
    path: Place, group: zarr.Group, name: str, positions: NDArray[np.int64]
) -> NDArray[Any]:
    """Return some rows of an array, each chunk read once.

    Parameters
    ----------
    path : Place
    group : zarr.Group
    name : str
    positions : (n,) array of int64
        In any order.

    Returns
    -------
    (n, …) array

    Raises
    ------
    StoreError
        If a chunk is damaged.
    """
    array = get_array(group, name)
    rows = np.empty((positions.size, *array.shape[1:]), array.dtype)
    order = np.argsort(positions, kind="stable")
    for start, stop, inside in _blocks(array, positions[order]):
        chosen = order[inside]
        try:
            rows[chosen] = np.array(array[start:stop])[positions[chosen] - start]
        except StoreError:
            raise
        except Exception as problem:
            raise damaged(path, f"array {name!r} cannot be read") from problem
    return rows


def replace_rows(
    layout: StoreLayout,
    group: zarr.Group,
    name: str,
    positions: NDArray[np.int64],
    values: NDArray[Any],
) -> None:
    """Write some candidates of one array; each chunk is read and replaced as a whole, once.

    Each call of zarr writes one chunk: given several, zarr would go on writing the others in its
    own threads after the first one fails, past the release of the lock.

    The names are made durable before the next array is begun, so that after a power cut too no
    ``status`` is newer than the data it vouches for.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    name : str
    positions : (n,) array of int64
        Ascending.
    values : (n, …) array

    Raises
    ------
    DamagedError
        If a chunk is damaged.
    """
    array = get_array(group, name)
    for start, stop, inside in _blocks(array, positions):
        try:
            block = np.array(array[start:stop])
        except StoreError:
            raise
        except Exception as problem:
            chunk = layout.chunk(name, start // int(array.chunks[0]))
            raise DamagedError(layout, chunk) from problem
        block[positions[inside] - start] = values[inside]
        array[start:stop] = block
    sync_directory(layout.path / name)


def write_all(array: zarr.Array[Any], values: NDArray[Any] | None) -> None:
    """Write a whole array, one chunk at a time.

    Parameters
    ----------
    array : zarr.Array
    values : array of the same shape, or None
        None: the fill value everywhere.
    """
    step = int(array.chunks[0])
    for start in range(0, array.shape[0], step):
        stop = min(start + step, array.shape[0])
        nothing = np.full((stop - start, *array.shape[1:]), array.fill_value, array.dtype)
        array[start:stop] = nothing if values is None else values[start:stop]


def _blocks(array: zarr.Array[Any], positions: NDArray[np.int64]) -> list[tuple[int, int, slice]]:
    """Return the chunks that hold some rows: first row, last row + 1, slice of the positions."""
    chunk = int(array.chunks[0])
    blocks = []
    for number in np.unique(positions // chunk):
        start, stop = int(number) * chunk, min((int(number) + 1) * chunk, array.shape[0])
        first, last = np.searchsorted(positions, (start, stop))
        blocks.append((start, stop, slice(int(first), int(last))))
    return blocks
