"""Damaged chunks: detected by their size or by reading them; their candidates become pending."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from matsweep.core.files import open_plain
from matsweep.store.arrays import Ledger, get_array, read_ledger
from matsweep.store.disk import size_of, sync_directory, unreachable
from matsweep.store.frames import frame_of
from matsweep.store.layout import Chunk, DamagedError, StoreLayout
from matsweep.store.objects import ObjectPath
from matsweep.store.parts import Status

_SMALL = 2**24  # bytes of coordinates that are read whole whenever a store is opened: 50 ms
_SMALL_CONTENT = 2**27  # and when decompressed


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
        if name in layout.variables:
            used = np.logical_or.reduceat(status != 0, np.arange(0, status.size, rows))
            numbers: Sequence[int] = np.flatnonzero(used).tolist()
        else:
            numbers = range(layout.count(name))
        yield from (layout.chunk(name, number) for number in numbers)


def contents(layout: StoreLayout, status: NDArray[np.int8]) -> int:
    """Return the decompressed size, in bytes, of all chunks that must exist, texts at their least.

    Parameters
    ----------
    layout : StoreLayout
    status : (candidate,) array of int8

    Returns
    -------
    int
    """
    return sum(layout.content(chunk.array)[0] for chunk in expected(layout, status))


def named(files: Sequence[str]) -> str:
    """Return some files by name, and the number of the others.

    Parameters
    ----------
    files : sequence of str

    Returns
    -------
    str
    """
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    return ", ".join(files[:5]) + more


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


def lost(layout: StoreLayout, status: NDArray[np.int8]) -> Iterator[Chunk]:
    """Yield the chunks that are missing or truncated, judged by their sizes (0.1 ms a chunk).

    In object storage, where no put is ever partial, one listing shows the missing ones.

    Parameters
    ----------
    layout : StoreLayout
    status : (candidate,) array of int8

    Yields
    ------
    Chunk
    """
    if isinstance(layout.path, ObjectPath):
        there = layout.path.sizes()
        yield from (chunk for chunk in expected(layout, status) if not there.get(chunk.file))
    else:
        yield from (chunk for chunk in expected(layout, status) if not is_whole(layout, chunk))


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
    """
    return _unreadable(layout, group, expected(layout, status))


def spoilt_coordinates(layout: StoreLayout, group: zarr.Group) -> list[Chunk]:
    """Return the chunks of coordinates with damaged content, which no run brings back.

    Reads all of them and verifies their checksums, where they are small and on a file system (50 ms
    at most); those that have no file are left out.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group

    Returns
    -------
    list of Chunk
    """
    if isinstance(layout.path, ObjectPath):
        return []
    names = [name for name in layout.chunks if not layout.computed(name)]
    every = [layout.chunk(name, number) for name in names for number in range(layout.count(name))]
    there = [chunk for chunk in every if (layout.path / chunk.file).is_file()]
    whole = sum(layout.content(chunk.array)[0] for chunk in there) <= _SMALL_CONTENT
    if not whole or sum(size_of(layout.path / chunk.file) for chunk in there) > _SMALL:
        return []
    return _unreadable(layout, group, there)


def _unreadable(layout: StoreLayout, group: zarr.Group, chunks: Iterable[Chunk]) -> list[Chunk]:
    damaged = []
    for chunk in chunks:
        try:
            get_array(group, chunk.array)[layout.rows(chunk)]
        except DamagedError:
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
        if not layout.computed(chunk.array):
            raise DamagedError(layout, chunk)
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
    """
    parts = []
    step = layout.chunks["status"]
    for start in range(0, layout.total, step):
        rows = slice(start, min(start + step, layout.total))
        try:
            parts.append(read_ledger(layout, group, rows))
        except DamagedError:
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


def is_whole(layout: StoreLayout, chunk: Chunk) -> bool:
    """Return whether a chunk's file is one whole zstd frame of the size that its array states.

    Judged by headers; nothing is decompressed.

    Parameters
    ----------
    layout : StoreLayout
        Of a store on a file system.
    chunk : Chunk

    Returns
    -------
    bool

    Raises
    ------
    UnreachableError
        If it cannot be read for a reason outside it.
    """
    try:
        descriptor = open_plain(Path(str(layout.path)) / chunk.file)
    except OSError as problem:
        if (away := unreachable(layout.path / chunk.file, problem)) is not None:
            raise away from problem
        return False
    try:
        size = os.fstat(descriptor).st_size
        frame = frame_of(lambda at, count: os.pread(descriptor, count, at))
    finally:
        os.close(descriptor)
    if frame is None or frame.size != size or frame.content is None:
        return False
    least, most = layout.content(chunk.array)
    return least <= frame.content <= most
