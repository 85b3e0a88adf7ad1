"""Chunks of a store, between its files and zarr: whole, of the stated size, and unchanged.

zarr sees arrays without compression. Here a chunk is read from a plain file of bounded size, its
frame is judged before it is decompressed, and its content compared with what the array holds; a
chunk that fails names itself. What is written is compressed here, to the bytes that zarr's own
codec would write, so that `xarray.open_zarr` reads stores as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

import numpy as np
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype

from matsweep.store.disk import read_file, replace_file, unreachable
from matsweep.store.document import LARGEST_DOCUMENT, MOST_ITEMS
from matsweep.store.errors import StoreError
from matsweep.store.frames import compressed, decompressed, largest
from matsweep.store.layout import Chunk, DamagedError, StoreLayout, read_layout
from matsweep.store.metadata import arrays_of

_HIGHEST = 0x10FFFF  # of Unicode
_HALVES = (0xD800, 0xDFFF)  # of surrogate pairs: no text that can be written
_ONLY = "a store of matsweep is read and written by chunks only"


class ChunkStore(Store):
    """zarr's view of a store: its root document as it was checked, and chunks.

    Every chunk is on the disk before it takes its name. A fold reads a chunk, changes some of its
    candidates and replaces it, while the staged files of the *other* candidates in it are long
    deleted. zarr renames without fsync, so a power cut could leave such a chunk empty with nothing
    to restore it from; an ``os.sync()`` after the fold comes too late for that and waits for all
    other disks too. One fsync a chunk costs about 0.3 ms. One writer at a time, so the temporary
    name can be a fixed one.

    Parameters
    ----------
    layout : StoreLayout
    read_only : bool
    skipped : collection of str
        Chunks that read as if they were never written.
    """

    supports_writes = True
    supports_deletes = False
    supports_listing = False

    def __init__(
        self, layout: StoreLayout, *, read_only: bool, skipped: Collection[str] = ()
    ) -> None:
        super().__init__(read_only=read_only)
        self._layout = layout
        self._skipped = frozenset(skipped)
        self._present: bytes | None = None  # a root document in which all arrays are as here

    def __eq__(self, other: object) -> bool:
        """Return whether another view is of the same place and document."""
        return (
            isinstance(other, ChunkStore)
            and self._layout.path == other._layout.path
            and self._layout.document == other._layout.document
            and self._skipped == other._skipped
        )

    def with_read_only(self, read_only: bool = False) -> ChunkStore:
        """Return the same view, for reading only or not.

        Parameters
        ----------
        read_only : bool

        Returns
        -------
        ChunkStore
        """
        return ChunkStore(self._layout, read_only=read_only, skipped=self._skipped)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the content of a chunk, decompressed; None where it was never written.

        Parameters
        ----------
        key : str
        prototype : zarr.core.buffer.BufferPrototype
        byte_range : None
            Chunks are read as a whole.

        Returns
        -------
        zarr.core.buffer.Buffer or None

        Raises
        ------
        NotImplementedError
            If a part of a chunk is asked for.
        """
        if byte_range is not None:
            raise NotImplementedError(_ONLY)
        data = await asyncio.to_thread(self._get, key)
        return None if data is None else prototype.buffer.from_bytes(data)

    async def set(self, key: str, value: Buffer) -> None:
        """Replace a chunk durably.

        Parameters
        ----------
        key : str
        value : zarr.core.buffer.Buffer
            Its content, not compressed.
        """
        self._check_writable()
        await asyncio.to_thread(self._set, key, memoryview(value.as_numpy_array()))

    def _get(self, key: str) -> bytes | None:
        if key == "zarr.json":
            return json.dumps(uncompressed(self._layout.document)).encode()
        if (chunk := self._chunk(key)) is None or key in self._skipped:
            return None
        try:
            content = read_chunk(self._layout, chunk)
        except DamagedError:
            self._check_grown(chunk)
            raise
        if content is None:
            self._check_grown(chunk)
        return content

    def _check_grown(self, chunk: Chunk) -> None:
        """Say so where a chunk went when the store grew, instead of showing it as missing."""
        path, name = self._layout.path, chunk.array
        if not self.read_only:  # the one writer has the present document
            return
        present = None
        with contextlib.suppress(OSError):  # reported by `read_layout`
            present = read_file(path / "zarr.json", LARGEST_DOCUMENT)
        if present is not None and present == self._present:  # understanding it takes 4 ms
            return
        arrays = arrays_of(read_layout(path).document)
        if arrays.get(name) != self._metadata(name):
            raise StoreError(
                f"{path} has grown since it was opened, and {chunk.file} is no longer in it; open "
                "it again"
            )
        if arrays == arrays_of(self._layout.document):
            self._present = present

    def _metadata(self, name: str) -> dict[str, Any]:
        return arrays_of(self._layout.document)[name]

    def _set(self, key: str, content: memoryview) -> None:
        path = self._layout.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, compressed(content))

    def _chunk(self, key: str) -> Chunk | None:
        name, _, file = key.rpartition("/")
        numbers = [part for part in file.split(".") if part.isdecimal()]
        if name not in self._layout.dims or not numbers:
            return None
        return self._layout.chunk(name, int(numbers[0]))

    async def exists(self, key: str) -> bool:
        """Return whether there is such a document or chunk.

        Parameters
        ----------
        key : str

        Returns
        -------
        bool
        """
        return await asyncio.to_thread(self._get, key) is not None

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Refuse: chunks are read as a whole.

        Parameters
        ----------
        prototype : zarr.core.buffer.BufferPrototype
        key_ranges : iterable

        Returns
        -------
        list
            Nothing.

        Raises
        ------
        NotImplementedError
        """
        raise NotImplementedError(_ONLY)

    async def delete(self, key: str) -> None:
        """Refuse: chunks are deleted by `matsweep.store.growth` alone.

        Parameters
        ----------
        key : str

        Raises
        ------
        NotImplementedError
        """
        raise NotImplementedError(_ONLY)

    async def list(self) -> AsyncIterator[str]:
        """Yield nothing: the document names all arrays.

        Yields
        ------
        str
        """
        nothing: tuple[str, ...] = ()
        for name in nothing:
            yield name

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield nothing, as `list`.

        Parameters
        ----------
        prefix : str

        Returns
        -------
        async iterator of str
        """
        return self.list()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield nothing, as `list`.

        Parameters
        ----------
        prefix : str

        Returns
        -------
        async iterator of str
        """
        return self.list()


def uncompressed(document: Any) -> dict[str, Any]:
    """Return a root document whose arrays have no compression.

    Parameters
    ----------
    document : mapping

    Returns
    -------
    dict
    """
    arrays = {
        name: {**metadata, "codecs": [c for c in metadata["codecs"] if c["name"] != "zstd"]}
        for name, metadata in arrays_of(document).items()
    }
    listed = {**document["consolidated_metadata"], "metadata": arrays}
    return {**document, "consolidated_metadata": listed}


def read_chunk(layout: StoreLayout, chunk: Chunk) -> bytes | None:
    """Return the content of a chunk, decompressed and checked.

    Parameters
    ----------
    layout : StoreLayout
    chunk : Chunk

    Returns
    -------
    bytes or None
        None: one of a variable that has no file, as no candidate in it has an outcome.

    Raises
    ------
    DamagedError
        If it is missing, truncated, changed, of another size, or no plain file.
    UnreachableError
        If it cannot be read for a reason outside it.
    """
    least, most = layout.content(chunk.array)
    try:
        data = read_file(layout.path / chunk.file, largest(most))
        content = decompressed(data, least, most)
        _check(layout, chunk.array, content)
    except FileNotFoundError as problem:
        if chunk.array in layout.variables:
            return None
        raise DamagedError(layout, chunk) from problem
    except OSError as problem:
        away = unreachable(layout.path / chunk.file, problem)
        raise away or DamagedError(layout, chunk) from problem
    except StoreError:
        raise
    except ValueError as problem:
        raise DamagedError(layout, chunk) from problem
    return content


def _check(layout: StoreLayout, name: str, content: bytes) -> None:
    """Refuse content that is no value of the array's type."""
    dtype = layout.dtype(name)
    if dtype is None:
        _check_texts(content, layout.chunks[name])
    elif dtype.kind == "U":
        points = np.frombuffer(content, dtype="<u4")
        low, high = _HALVES
        if points.max() > _HIGHEST or ((points >= low) & (points <= high)).any():
            raise ValueError("it holds what is no text")
        ended = points.reshape(-1, dtype.itemsize // 4) == 0
        if (ended[:, :-1] & ~ended[:, 1:]).any():
            raise ValueError("it holds a text with a null character")
    elif name == "status":
        if not np.isin(np.frombuffer(content, np.int8), (0, 1, 2)).all():
            raise ValueError("it holds what is no status")
    elif name == "realisations":
        # Not those of the layout: the store may have grown since it was read.
        if np.abs(np.frombuffer(content, "<i4").astype(np.int64)).max() > MOST_ITEMS:
            raise ValueError("it holds more realisations than a store has")
    elif dtype.kind == "b" and np.frombuffer(content, np.uint8).max(initial=0) > 1:
        raise ValueError("it holds what is neither true nor false")


def _check_texts(content: bytes, rows: int) -> None:
    """Walk through texts with their lengths; numcodecs believes the count in the first bytes."""
    if int.from_bytes(content[:4], "little") != rows:
        raise ValueError("it states another number of texts")
    at = 4
    for _ in range(rows):
        length = int.from_bytes(content[at : at + 4], "little")
        text = content[at + 4 : at + 4 + length]
        if len(text) != length or at + 4 > len(content):
            raise ValueError("a text is longer than what is left")
        if b"\0" in text:
            raise ValueError("it holds a text with a null character")
        text.decode()
        at += 4 + length
    if at != len(content):
        raise ValueError("there is more behind the last text")
