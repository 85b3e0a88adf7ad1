"""Root document of a store: read within bounds, and compared with the layout before any array is.

A store may come from elsewhere. What its document states decides how much memory is taken and which
files are opened, so that all of it is checked here: shapes, types, chunks, names of chunks, codecs
and dims of every array. `matsweep.store.chunks` then reads no chunk that has another size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from matsweep.store.disk import Place, read_file
from matsweep.store.errors import StoreBusy, StoreError, damaged
from matsweep.store.lock import LOCK, holder
from matsweep.store.metadata import CHUNK_MOST, GROWING, LARGEST_CHUNK, PREFIXES, arrays_of
from matsweep.store.parts import STAGED
from matsweep.store.schema import (
    LEDGER_ARRAYS,
    check_item_attrs,
)

LARGEST_DOCUMENT = 2**26
"""Bytes of ``zarr.json``; a store of 40 metrics has 0.1 MB."""

MOST_ITEMS = 10**8
"""Candidates, or values of another dim."""

_DEEPEST = 64  # nested lists and mappings; the metadata of arrays take 7
_MOST_ARRAYS = 2000
_MOST_DIMS = 8
_NUMBERS = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
_FIXED: Mapping[str, tuple[str, ...]] = {"candidate": ("int64",)} | {
    name: ("string",) if kind is str else (str(np.dtype(kind)),)
    for name, (kind, _) in LEDGER_ARRAYS.items()
}
"""Types of the arrays that every store has."""


class _Wrong(ValueError):
    """A rule that a document breaks."""


def read_document(path: Place, format_key: str) -> dict[str, Any]:
    """Read the root document of a store.

    Parameters
    ----------
    path : Place
    format_key : str
        Attribute that a store of matsweep has.

    Returns
    -------
    dict

    Raises
    ------
    StoreError
        If there is no store, it is not one of matsweep, or the document is damaged.
    """
    try:
        if not path.exists():
            raise StoreError(f"no results at {path}; check the path, or run the study first")
        if not path.is_dir():
            raise StoreError(f"{path} is a file, not a results store; give the NAME.zarr directory")
        content = read_file(path / "zarr.json", LARGEST_DOCUMENT)
    except FileNotFoundError:
        if (path / GROWING).exists() and (at_work := holder(path)):
            raise StoreBusy(
                f"{path} is being created by {at_work}; wait until it is there, and run the same "
                "command again"
            ) from None
        if (path / LOCK).exists() and (path / STAGED).exists():
            raise damaged(path, "zarr.json is missing") from None
        raise _foreign(path) from None
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}") from problem
    try:
        root: dict[str, Any] = json.loads(content)
        check_depth(root)
        version = root["attributes"].get(format_key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise damaged(path, "zarr.json cannot be read") from problem
    if version is None:
        raise _foreign(path)
    return root


def _foreign(path: Place) -> StoreError:
    return StoreError(f"{path} is not a results store of matsweep; give a NAME.zarr that it wrote")


def check_depth(root: object) -> None:
    """Refuse nesting that later would exhaust the interpreter's stack.

    Parameters
    ----------
    root : object
        Of JSON.

    Raises
    ------
    ValueError
        If lists and mappings are nested more than 64 times.
    """
    level: list[object] = [root]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return
        level = below
    raise _Wrong("it is nested too deeply")


def check_document(path: Place, root: Mapping[str, Any]) -> None:
    """Compare a root document with the layout of stores.

    Parameters
    ----------
    path : Place
    root : mapping
        From `read_document`.

    Raises
    ------
    StoreError
        With the array and the rule, if anything is not as matsweep writes it.
    """
    name = ""
    try:
        arrays = _arrays(root)
        for name, metadata in arrays.items():
            _check_array(name, metadata)
        name = ""
        _check_dims(arrays, root["attributes"].get("coordinates"))
    except (_Wrong, StoreError) as problem:
        where = f"array {name[:60]!r} in zarr.json" if name else "zarr.json"
        raise damaged(path, f"{where}: {str(problem)[:200]}") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        where = f"array {name!r} in zarr.json" if name else "zarr.json"
        raise damaged(path, f"{where} cannot be understood") from problem


def _arrays(root: Mapping[str, Any]) -> dict[str, Any]:
    _require(root.get("zarr_format") == 3 and root.get("node_type") == "group", "no zarr v3 group")
    inline = root.get("consolidated_metadata")
    _require(isinstance(inline, dict) and isinstance(inline.get("metadata"), dict), "no arrays")
    arrays = arrays_of(root)
    _require(len(arrays) <= _MOST_ARRAYS, f"{len(arrays)} arrays")
    return arrays


def _check_array(name: str, metadata: object) -> None:
    if not isinstance(metadata, dict):
        raise _Wrong("no metadata of an array")
    _require(metadata.get("zarr_format") == 3 and metadata.get("node_type") == "array", "no array")
    shape = _whole("shape", metadata.get("shape"), MOST_ITEMS)
    kind = data_type(metadata.get("data_type"))
    if name in _FIXED:
        _require(
            metadata.get("data_type") in _FIXED[name], f"data_type {_short(metadata, 'data_type')}"
        )
    _require(kind is not None or name in _FIXED, "texts of any length")
    _check_chunks(shape, kind, metadata)
    _check_codecs(kind, metadata)
    _check_fill(kind, metadata.get("fill_value"))
    _check_attrs(name, metadata.get("attributes", {}))


def data_type(stored: object) -> np.dtype[Any] | None:
    """Return the dtype that metadata name; None for texts of any length.

    Parameters
    ----------
    stored : object
        Of zarr's metadata.

    Returns
    -------
    dtype or None

    Raises
    ------
    ValueError
        If a store has no arrays of this type.
    """
    if stored == "string":
        return None
    if isinstance(stored, str) and _NUMBERS.fullmatch(stored):
        return np.dtype(stored)
    if isinstance(stored, dict) and stored.get("name") == "fixed_length_utf32":
        (size,) = _whole("length_bytes", [(stored.get("configuration") or {}).get("length_bytes")],
                         LARGEST_CHUNK)  # fmt: skip
        if size % 4 == 0:
            return np.dtype(f"<U{size // 4}")
    raise _Wrong(f"data_type {str(stored)[:60]!r}")


def _check_chunks(shape: list[int], kind: np.dtype[Any] | None, metadata: dict[str, Any]) -> None:
    """Check that chunks divide the first axis only, and what each takes in memory."""
    grid = _named(metadata, "chunk_grid", "regular")
    chunk = _whole("chunk_shape", grid.get("chunk_shape"), MOST_ITEMS)
    if len(chunk) != len(shape) or chunk[1:] != shape[1:] or chunk[0] > CHUNK_MOST:
        raise _Wrong(f"chunk_shape {str(chunk)[:60]} for shape {str(shape)[:60]}")
    width = 1 if kind is None else kind.itemsize
    size = width * int(np.prod([float(length) for length in chunk]))
    _require(size <= LARGEST_CHUNK, f"chunks of {size:.3g} bytes, more than {LARGEST_CHUNK:,}")
    keys = metadata.get("chunk_key_encoding")
    names = keys.get("name") if isinstance(keys, dict) else None
    _require(isinstance(names, str) and names in PREFIXES, f"chunk_key_encoding {str(keys)[:60]}")
    _require(_named(metadata, "chunk_key_encoding", str(names)).get("separator") == ".",
             "separator of chunk_key_encoding")  # fmt: skip


def _check_codecs(kind: np.dtype[Any] | None, metadata: dict[str, Any]) -> None:
    codecs = metadata.get("codecs")
    first = "vlen-utf8" if kind is None else "bytes"
    named = (
        [each.get("name") for each in codecs if isinstance(each, dict)]
        if isinstance(codecs, list)
        else []
    )
    if not isinstance(codecs, list) or named != [first, "zstd"] or len(codecs) != 2:
        raise _Wrong(f"codecs {str(named)[:60]}, must be {first} and zstd")
    options = codecs[0].get("configuration") or {}
    _require(options in ({}, {"endian": "little"}), f"codec {first} with {str(options)[:60]}")
    options = codecs[1].get("configuration")
    good = isinstance(options, dict) and options.get("checksum") is True
    _require(good, f"codec zstd with {str(options)[:60]}")
    _require(not metadata.get("storage_transformers"), "storage_transformers")


def _check_fill(kind: np.dtype[Any] | None, fill: object) -> None:
    """Check the value of places without a chunk: NaN, 0, false or an empty text."""
    if kind is None or kind.kind == "U":
        good = fill == ""
    elif kind.kind == "f":
        good = fill == "NaN"
    else:
        good = fill == 0 and isinstance(fill, int)
    _require(good, f"fill_value {str(fill)[:60]!r}")


def _check_attrs(name: str, attrs: object) -> None:
    if not isinstance(attrs, dict):
        raise _Wrong("attributes that are none")
    for key in ("units", "long_name", "better", "worse", "unit"):
        _require(isinstance(attrs.get(key, ""), str), f"attribute {key} {str(attrs.get(key))[:60]}")
    for key in ("better", "worse"):
        _require(
            attrs.get(key, "higher") in ("higher", "lower"),
            f"attribute {key} {str(attrs.get(key))[:60]!r}",
        )
    if name == "time":
        attrs = {key: value for key, value in attrs.items() if (key, value) != ("units", "s")}
    check_item_attrs(f"array {name[:60]!r}", attrs)
    flags = {key: value for key, value in attrs.items() if key.startswith("flag_")}
    expected = {
        key: value for key, value in LEDGER_ARRAYS["status"][1].items() if key.startswith("flag_")
    }
    _require(
        flags == (expected if name == "status" else {}), "attributes flag_values, flag_meanings"
    )


def _check_dims(arrays: Mapping[str, Any], along: object) -> None:
    """Check that every dim has a coordinate and one length, and the ledger is there."""
    if not isinstance(along, str):
        raise _Wrong("attribute 'coordinates' is no text")
    dims: dict[str, list[str]] = {}
    for name, metadata in arrays.items():
        named, shape = metadata.get("dimension_names"), metadata["shape"]
        if not isinstance(named, list) or not all(isinstance(dim, str) for dim in named):
            raise _Wrong(f"array {name[:60]!r} has no dimension_names")
        if len(named) != len(shape) or len(set(named)) != len(named):
            raise _Wrong(f"array {name[:60]!r} has dimension_names {str(named)[:60]}")
        dims[name] = named
    for name, named in dims.items():
        for dim, length in zip(named, arrays[name]["shape"], strict=True):
            _require(dims.get(dim) == [dim], f"no coordinate {dim[:60]!r} for {name[:60]!r}")
            own: list[int] = arrays[dim]["shape"]
            _require(own == [length], f"{dim[:60]!r} of {name[:60]!r} has another length")
    for name in ("candidate", "status", "error", "seconds"):
        _require(dims.get(name) == ["candidate"], f"array {name[:60]!r} is missing")
    _require(dims.get("realisations", ["candidate"]) == ["candidate"], "dims of 'realisations'")
    coordinates = along.split()
    for name in coordinates:
        _require(dims.get(name, [])[:1] == ["candidate"], f"coordinate {name[:60]!r} is missing")
    for name, named in dims.items():
        if named == [name] or name in coordinates or name in LEDGER_ARRAYS:
            continue
        kind = data_type(arrays[name]["data_type"])
        _require(named[0] == "candidate" and kind is not None and kind.kind == "f",
                 f"array {name[:60]!r} holds neither a coordinate nor results")  # fmt: skip


def _whole(what: str, given: object, most: int) -> list[int]:
    """Return a list of whole numbers from 1 to a bound."""
    numbers = [each for each in given if type(each) is int] if isinstance(given, list) else []
    good = isinstance(given, list) and len(numbers) == len(given) <= _MOST_DIMS
    if not good or not numbers or min(numbers) < 1 or max(numbers) > most:
        raise _Wrong(f"{what} must hold whole numbers from 1 to {most:,}, got {str(given)[:60]}")
    return numbers


def _named(metadata: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    """Return the configuration of a named extension of zarr."""
    given = metadata.get(key)
    if isinstance(given, dict) and given.get("name") == name:
        configuration = given.get("configuration")
        if isinstance(configuration, dict):
            return configuration
    raise _Wrong(f"{key} {str(given)[:60]}, must be {name}")


def _short(metadata: Mapping[str, Any], key: str) -> str:
    return repr(metadata.get(key))[:60]


def _require(holds: object, broken: str) -> None:
    if not holds:
        raise _Wrong(broken)
