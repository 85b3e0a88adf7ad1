"""Metadata of arrays and of their group, as zarr v3 writes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from matsweep.store.errors import StoreError

# Storage chunks of 1 MiB (between 0.1 and 2 MB, the best compromise of few files and quick
# rewriting), and of up to 4 MiB in arrays that would have more than 16 of them: a million
# candidates x 30 variables x 8 realisations are then 500 files instead of 1,900, for the same
# computing time. A shard would save no more files and must be rewritten as a whole too.
_CHUNK_BYTES = (2**20, 2**22)
_CHUNKS = 16
CHUNK_MOST = 100_000
"""Rows of a chunk."""

LARGEST_CHUNK = 2**26
"""Bytes of a chunk in memory; only one candidate with more than 4 MiB of a variable comes near."""

LARGEST_TEXTS = 2**30
"""Bytes of a chunk of texts of any length: 100,000 errors of 10,000 bytes."""

GROWING = ".growing"
"""Present while the arrays' metadata files may differ from the root; lists new arrays."""

PREFIXES = {"default": "c.", "v2": ""}
"""Prefix of the names of an array's chunks, by zarr's name for that encoding of keys."""


def chunk_prefix(name: str) -> str | None:
    """Return the prefix of the name of a chunk; None for other names.

    Parameters
    ----------
    name : str

    Returns
    -------
    str or None
        A value of `PREFIXES`.
    """
    match = re.fullmatch(r"(c\.)?\d+(\.\d+)*(\.partial)?", name)
    return None if match is None else match[1] or ""


def describe(
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: np.dtype[Any] | type[str],
    attrs: Mapping[str, Any],
    *,
    chunk: int | None = None,
    keys: str = "default",
) -> dict[str, Any]:
    """Return the metadata of an array that is chunked along its first axis.

    Parameters
    ----------
    dims : tuple of str
    shape : tuple of int
    dtype : dtype or str
    attrs : mapping
        JSON.
    chunk : int, optional
        Rows of a chunk; by default as `rows_of_chunk` gives.
    keys : str
        The encoding of the names of chunks, one of `PREFIXES`.

    Returns
    -------
    dict
        The content of its ``zarr.json``.

    Raises
    ------
    StoreError
        If one candidate alone has more than a chunk may.
    """
    rows = min(chunk or rows_of_chunk(dtype, shape), shape[0], CHUNK_MOST)
    width = 16 if dtype is str else np.dtype(dtype).itemsize
    if (size := width * rows * math.prod(shape[1:])) > LARGEST_CHUNK:
        raise StoreError(
            f"{size / rows / 2**20:,.0f} MiB for one candidate, along {', '.join(dims[1:])}, are "
            f"more than the {LARGEST_CHUNK // 2**20} MiB of a chunk: give fewer of them"
        )
    floating = dtype is not str and np.dtype(dtype).kind == "f"
    array = zarr.create_array(
        MemoryStore(),
        shape=shape,
        dtype=dtype,
        chunks=(rows, *shape[1:]),
        fill_value=np.nan if floating else None,
        compressors=[ZstdCodec(level=0, checksum=True)],  # damage is noticed when read
        chunk_key_encoding={"name": keys, "separator": "."},  # files, no directories
        dimension_names=dims,
        attributes=dict(attrs),
    )
    buffers = array.metadata.to_buffer_dict(default_buffer_prototype())
    metadata: dict[str, Any] = json.loads(buffers["zarr.json"].to_bytes())
    return metadata


def rows_of_chunk(dtype: np.dtype[Any] | type[str], shape: tuple[int, ...]) -> int:
    """Return the number of rows for a chunk of an array: 1 to 4 MiB, at most all rows.

    Parameters
    ----------
    dtype : dtype or str
    shape : tuple of int

    Returns
    -------
    int
    """
    row = (16 if dtype is str else np.dtype(dtype).itemsize) * int(np.prod(shape[1:]))
    least, most = _CHUNK_BYTES
    by_bytes = min(max(row * shape[0] // _CHUNKS, least), most) // max(1, row)
    return max(1, min(by_bytes, CHUNK_MOST, shape[0]))


def group_document(
    attrs: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the metadata of a group that includes those of all its arrays (consolidated).

    Parameters
    ----------
    attrs : mapping
    arrays : mapping of name to mapping

    Returns
    -------
    dict
    """
    inline = {"kind": "inline", "must_understand": False, "metadata": dict(arrays)}
    return {
        "attributes": dict(attrs),
        "zarr_format": 3,
        "consolidated_metadata": inline,
        "node_type": "group",
    }


def arrays_of(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the metadata of the arrays in a group's document, by name.

    Parameters
    ----------
    document : mapping

    Returns
    -------
    dict of str to dict
    """
    arrays: dict[str, dict[str, Any]] = document["consolidated_metadata"]["metadata"]
    return arrays


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as the content of its file.

    Parameters
    ----------
    document : mapping
        JSON.

    Returns
    -------
    bytes
    """
    return json.dumps(document, indent=2).encode()
