"""Damaged chunks: detected by their size or by reading them; their candidates become pending."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from matsweep.store.arrays import Ledger, get_array, read_ledger
from matsweep.store.disk import sync_directory, unreachable
from matsweep.store.errors import StoreError, UnreachableError
from matsweep.store.layout import Chunk, DamagedError, StoreLayout
from matsweep.store.objects import ObjectPath
from matsweep.store.parts import Status
from matsweep.store.schema import LEDGER

_MAGIC = b"\x28\xb5\x2f\xfd"


def expected(layout: StoreLayout, status: NDArray[np.int8]) -> Iterator[Chunk]:
    """Yield the chunks that must exist: of variables those with an outcome, of other arrays all.

    Parameters
    ----------
    layout : StoreLayout
    status : (candidate,) array of int8

    Yields
    ------
    Chunk
    """
    for name, rows in layout.chunks.items():
        files = layout.chunk_names(name)
        used = np.ones(len(files), bool)
        if name in layout.variables:
            used = np.logical_or.reduceat(status != 0, np.arange(0, status.size, rows))
        for number in np.flatnonzero(used).tolist():
            yield Chunk(array=name, number=number, file=f"{name}/{files[number]}")


def size(layout: StoreLayout, status: NDArray[np.int8]) -> int:
    """Return the size on the disk, in bytes, of all chunks that must exist.

    Parameters
    ----------
    layout : StoreLayout
    status : (candidate,) array of int8

    Returns
    -------
    int
    """
    if isinstance(layout.path, ObjectPath):
        there = layout.path.sizes()
        return sum(there.get(chunk.file, 0) for chunk in expected(layout, status))
    files = (layout.path / chunk.file for chunk in expected(layout, status))
    return sum(file.stat().st_size for file in files)


def lost(layout: StoreLayout, status: NDArray[np.int8]) -> list[Chunk]:
    """Return the chunks that are missing or truncated, judged by their sizes (0.1 ms a chunk).

    In object storage, where no put is ever partial, one listing shows the missing ones.

    Parameters
    ----------
    layout : StoreLayout
    status : (candidate,) array of int8

    Returns
    -------
    list of Chunk
    """
    if isinstance(layout.path, ObjectPath):
        there = layout.path.sizes()
        return [chunk for chunk in expected(layout, status) if not there.get(chunk.file)]
    place = layout.path
    return [chunk for chunk in expected(layout, status) if not is_whole(place / chunk.file)]


def unreadable(layout: StoreLayout, group: zarr.Group, status: NDArray[np.int8]) -> list[Chunk]:
    """Return the chunks with damaged content: reads all of them and verifies their checksums.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    status : (candidate,) array of int8

    Returns
    -------
    list of Chunk

    Raises
    ------
    UnreachableError
        If a chunk cannot be read for a reason outside it.
    """
    damaged = []
    for chunk in expected(layout, status):
        try:
            get_array(group, chunk.array)[layout.rows(chunk)]
        except Exception as problem:  # any error of zarr or numcodecs
            if (away := unreachable(layout.path, problem)) is not None:
                raise away from problem
            damaged.append(chunk)
    return damaged


def gone(
    layout: StoreLayout, chunks: Sequence[Chunk], status: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Mark the candidates that damaged chunks force to be computed again.

    For a chunk of a variable, those that are done; for one of ``error``, those that failed; for
    one of ``seconds``, none (the times become unknown); for ``status`` or ``realisations``, all.

    Parameters
    ----------
    layout : StoreLayout
    chunks : sequence of Chunk
        The damaged ones.
    status : (candidate,) array of int8

    Returns
    -------
    (candidate,) array of bool

    Raises
    ------
    DamagedError
        Where a coordinate is damaged: no run brings it back.
    """
    again = np.zeros(layout.total, bool)
    for chunk in chunks:
        if chunk.array not in {*layout.variables, *LEDGER}:
            raise DamagedError(layout.path, chunk)
        rows = layout.rows(chunk)
        if chunk.array in ("status", "realisations"):
            again[rows] = True
        elif chunk.array != "seconds":
            again[rows] |= status[rows] == (
                Status.FAILED if chunk.array == "error" else Status.DONE
            )
    return again


def salvaged_ledger(layout: StoreLayout, group: zarr.Group) -> Ledger:
    """Return status and number of realisations of every candidate; 0 where either is unreadable.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group

    Returns
    -------
    status : (candidate,) array of int8
    counts : (candidate,) array of int32
        Number of realisations.

    Raises
    ------
    UnreachableError
        If they cannot be read for a reason outside the store.
    """
    parts = []
    step = layout.chunks["status"]
    for start in range(0, layout.total, step):
        rows = slice(start, min(start + step, layout.total))
        try:
            parts.append(read_ledger(layout.path, group, layout.realisations, rows))
        except UnreachableError:
            raise
        except StoreError:
            count = rows.stop - rows.start
            parts.append((np.zeros(count, np.int8), np.zeros(count, np.int32)))
    status, counts = zip(*parts, strict=True)
    return np.concatenate(status), np.concatenate(counts)


def replace_chunk(
    layout: StoreLayout, group: zarr.Group, chunk: Chunk, values: NDArray[Any] | None
) -> None:
    """Write one whole chunk, durably.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    chunk : Chunk
    values : (rows, …) array or None
        None: the fill value everywhere.
    """
    array, rows = get_array(group, chunk.array), layout.rows(chunk)
    nothing = np.full((rows.stop - rows.start, *array.shape[1:]), array.fill_value, array.dtype)
    array[rows] = nothing if values is None else values
    sync_directory(layout.path / chunk.array)


def is_whole(file: Path) -> bool:
    """Return whether a file exists and is one whole zstd frame, judged by the sizes of its blocks.

    Parameters
    ----------
    file : Path

    Returns
    -------
    bool
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        size = os.fstat(descriptor).st_size
        return frame_size(lambda at, count: os.pread(descriptor, count, at)) == size
    finally:
        os.close(descriptor)


def frame_size(read: Callable[[int, int], bytes]) -> int:
    """Return the size, in bytes, that the header and blocks of a zstd frame give it.

    Nothing is decompressed.

    Parameters
    ----------
    read : function (int, int) -> bytes
        Takes offset and count; returns that many bytes, or fewer at the end of the file.

    Returns
    -------
    int
        -1 if the bytes are no whole zstd frame.

    References
    ----------
    Collet and Kucherawy, RFC 8878, sections 3.1.1.1 and 3.1.1.2.
    """
    head = read(0, 5)
    if len(head) < 5 or head[:4] != _MAGIC:
        return -1
    flags = head[4]
    single, summed = flags >> 5 & 1, flags >> 2 & 1
    content = (single, 2, 4, 8)[flags >> 6]
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + content
    while len(header := read(at, 3)) == 3:
        block = int.from_bytes(header, "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)  # 1: a byte that is repeated
        if block & 1:
            return at + 4 * summed
    return -1
