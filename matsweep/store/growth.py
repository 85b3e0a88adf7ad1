"""Growth of a store: more candidates, longer inner dims, more variables, all or nothing.

One rule makes every change atomic: **the root document is the store**. It holds the metadata of
all arrays, so whoever opens the store sees either the old or the new one. Before it is
replaced, chunks are written only where the old document sees nothing:

* in chunks beyond the old edge, and in that part of the chunk at the edge that lies beyond it
  (a chunk is replaced whole, what was there stays);
* where every chunk of an array must change (a wider dtype, a longer inner dim, larger chunks),
  under the *other* of two sets of names, ``c.0.0`` or ``0.0``: the array's metadata say which
  is alive (`matsweep.store.metadata.PREFIXES`). The old set is left for those who have the store
  open, and goes when the store is next opened for writing or the array changes again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, NDArray

from matsweep.store.arrays import get_array, open_group
from matsweep.store.disk import Place, names_in, remove_tree, sync_directory
from matsweep.store.errors import StoreError
from matsweep.store.layout import (
    FORMAT,
    FORMAT_KEY,
    StoreLayout,
    announce,
    announced,
    check_root_attrs,
    finish,
    publish,
)
from matsweep.store.metadata import (
    GROWING,
    PREFIXES,
    arrays_of,
    chunk_prefix,
    describe,
    rows_of_chunk,
)
from matsweep.store.schema import LEDGER_ARRAYS, Coordinate, Variable

_PARTIAL = ".partial"
_ROOT_FILES = ("zarr.json", GROWING)
_HALF = f"zarr.json{_PARTIAL}"
_MOST_CHUNKS = 16  # of an array; beyond, chunks below their preferred size become larger


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """Change of one array: its new metadata and values.

    Parameters
    ----------
    metadata : mapping
        The new metadata.
    keeps : bool
        Whether its present values are kept, at the beginning of every axis.
    start : int
        The first row whose chunk is written; 0: all are.
    fresh : (n, …) array or None
        The values behind the kept rows; None: the fill value (NaN, 0, "").
    sparse : bool
        Chunks without an outcome are left out, as those of variables.
    """

    metadata: Mapping[str, Any]
    keeps: bool
    start: int = 0
    fresh: NDArray[Any] | None = None
    sparse: bool = False


def appended(
    layout: StoreLayout, group: zarr.Group, values: Mapping[str, ArrayLike]
) -> tuple[int, dict[str, Change]]:
    """Return the number of new candidates, and the changes that append them.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    values : mapping of name to (n,) array
        One for each of ``layout.parameters``.

    Returns
    -------
    count : int
    changes : dict of str to Change

    Raises
    ------
    StoreError
        If a coordinate is missing or unknown, or their lengths differ.
    """
    fresh = {name: np.asarray(Coordinate(values=value).values) for name, value in values.items()}
    if wrong := sorted(set(fresh) ^ set(layout.parameters)):
        raise StoreError(
            f"more candidates need a value for each of {', '.join(layout.parameters)}; fix {wrong}"
        )
    lengths = {len(value) for value in fresh.values()}
    if len(lengths) > 1:
        raise StoreError(
            f"coordinates of more candidates must have one length, got {sorted(lengths)}"
        )
    count = lengths.pop()
    fresh["candidate"] = np.arange(layout.total, layout.total + count, dtype=np.int64)
    along = [name for name, dims in layout.dims.items() if dims[0] == "candidate"]
    return count, {name: _longer(layout, group, name, count, fresh.get(name)) for name in along}


def _longer(
    layout: StoreLayout, group: zarr.Group, name: str, count: int, fresh: NDArray[Any] | None
) -> Change:
    total, chunk, sparse = layout.total, layout.chunks[name], name in layout.variables
    shape = (total + count, *layout.shapes[name][1:])
    array = get_array(group, name)
    dtype = array.dtype
    wide = dtype if fresh is None else union(dtype, lambda: np.asarray(array[:]), fresh)
    better = rows_of_chunk(wide, shape)
    grows = shape[0] > _MOST_CHUNKS * chunk and better > chunk
    if wide != dtype or grows:
        redone = _redone(layout, name, shape, wide, better if grows else min(chunk, better))
        return Change(metadata=redone, keeps=True, fresh=fresh, sparse=sparse)
    metadata = {**arrays_of(layout.document)[name], "shape": list(shape)}
    # Coordinates have values in the chunk at the old edge, the ledger only beyond it, and
    # variables get theirs with their first outcome.
    start = total if fresh is not None else -(-total // chunk) * chunk
    return Change(metadata=metadata, keeps=True, start=shape[0] if sparse else start, fresh=fresh)


def lengthened(
    layout: StoreLayout, group: zarr.Group, dim: str, values: ArrayLike
) -> dict[str, Change]:
    """Return the changes that lengthen an inner dim.

    Parameters
    ----------
    layout : StoreLayout
    group : zarr.Group
    dim : str
    values : (n,) array
        All of its coordinate: the old values first, and more behind them.

    Returns
    -------
    dict of str to Change

    Raises
    ------
    StoreError
        If there is no such dim, or it would lose or change a value.
    """
    if dim == "candidate" or layout.dims.get(dim) != (dim,):
        raise StoreError(f"{layout.path} has no inner dim {dim!r} that could become longer")
    values = np.asarray(Coordinate(values=values, dims=(dim,)).values)
    old = np.asarray(get_array(group, dim)[:])
    if len(values) <= len(old) or not np.array_equal(values[: len(old)], old):
        raise StoreError(
            f"{dim} must keep its {len(old)} values and have more behind them, got "
            f"{len(values)} values"
        )
    changes = {}
    for name, dims in layout.dims.items():
        if dim not in dims:
            continue
        sizes = dict(zip(dims, layout.shapes[name], strict=True))
        shape = tuple({**sizes, dim: len(values)}.values())
        if name == dim:
            redone = _redone(layout, name, shape, values.dtype, None)
            changes[name] = Change(metadata=redone, keeps=False, fresh=values)
            continue
        dtype = get_array(group, name).dtype
        chunk = min(layout.chunks[name], rows_of_chunk(dtype, shape))
        redone = _redone(layout, name, shape, dtype, chunk)
        changes[name] = Change(metadata=redone, keeps=True, sparse=True)
    return changes


def added(
    layout: StoreLayout,
    variables: Sequence[Variable],
    coordinates: Mapping[str, Coordinate] | None = None,
) -> dict[str, Change]:
    """Return the changes that add variables, and the inner dims that these bring.

    Parameters
    ----------
    layout : StoreLayout
    variables : sequence of Variable
    coordinates : mapping of str to Coordinate, optional
        Of inner dims that the store does not have yet, by name.

    Returns
    -------
    dict of str to Change

    Raises
    ------
    StoreError
        If a name is taken or a dim unknown.
    """
    fresh = {
        name: Coordinate(values=item.values, dims=(name,), attrs=item.attrs)
        for name, item in (coordinates or {}).items()
    }
    names = [*fresh, *(variable.name for variable in variables)]
    if clash := sorted({n for n in names if n in layout.dims or names.count(n) > 1}):
        raise StoreError(f"variables {clash} are there already, or given twice; take other names")
    lengths = {dim: layout.shapes[dim][0] for dim, dims in layout.dims.items() if dims == (dim,)}
    changes = {}
    for name, item in fresh.items():
        values = np.asarray(item.values)
        lengths[name] = len(values)
        metadata = describe(item.dims, values.shape, values.dtype, item.attrs)
        changes[name] = Change(metadata=metadata, keeps=False, fresh=values)
    for variable in variables:
        if unknown := [dim for dim in variable.dims if dim not in lengths]:
            raise StoreError(f"variable {variable.name!r} has dims {unknown} that are not there")
        shape = tuple(lengths[dim] for dim in variable.dims)
        metadata = describe(variable.dims, shape, np.dtype(variable.dtype), variable.attrs)
        changes[variable.name] = Change(metadata=metadata, keeps=False, sparse=True)
    return changes


def upgraded(layout: StoreLayout, realisations: NDArray[np.int32]) -> dict[str, Change]:
    """Return the changes that upgrade a store from format 1 to format 2.

    Parameters
    ----------
    layout : StoreLayout
    realisations : (candidate,) array of int32
        Number of realisations of every candidate.

    Returns
    -------
    dict of str to Change
    """
    dtype, attrs = LEDGER_ARRAYS["realisations"]
    chunk = layout.chunks["status"]
    metadata = describe(("candidate",), (layout.total,), dtype, attrs, chunk=chunk)
    return {"realisations": Change(metadata=metadata, keeps=False, fresh=realisations)}


def carry_out(
    layout: StoreLayout,
    group: zarr.Group,
    changes: Mapping[str, Change],
    status: NDArray[np.int8],
    attrs: Mapping[str, Any],
) -> None:
    """Carry out changes of a store, atomically.

    Parameters
    ----------
    layout : StoreLayout
        The old one.
    group : zarr.Group
        Of the old layout.
    changes : mapping of name to Change
    status : (candidate,) array of int8
        As folded.
    attrs : mapping
        Merged into the root attrs in the same moment.
    """
    check_root_attrs(attrs)
    document = copy.deepcopy(dict(layout.document))
    document["attributes"] |= {**attrs, FORMAT_KEY: FORMAT}
    arrays_of(document).update({name: dict(change.metadata) for name, change in changes.items()})
    future = open_group(layout.path, document, "r+")
    announce(layout.path, [name for name in changes if name not in layout.dims])
    for name, change in changes.items():
        if change.start == 0:
            _clear(layout.path / name, PREFIXES[change.metadata["chunk_key_encoding"]["name"]])
        old = get_array(group, name) if change.keeps else None
        _write(get_array(future, name), old, change, status)
        if names_in(layout.path / name):
            sync_directory(layout.path / name)
    publish(layout.path, document)


def _write(
    target: zarr.Array[Any],
    old: zarr.Array[Any] | None,
    change: Change,
    status: NDArray[np.int8],
) -> None:
    """Write the chunks of one array, one call of zarr for each."""
    chunk, total = int(target.chunks[0]), target.shape[0]
    for start in range(change.start // chunk * chunk, total, chunk):
        stop = min(start + chunk, total)
        if change.sparse and not status[start:stop].any():
            continue
        block = np.full((stop - start, *target.shape[1:]), target.fill_value, target.dtype)
        kept = 0 if old is None else old.shape[0]
        if old is not None and start < kept:
            part = cast(np.asarray(old[start : min(stop, kept)]), target.dtype)
            block[tuple(slice(size) for size in part.shape)] = part
        if change.fresh is not None and stop > kept:
            first = max(start, kept)
            block[first - start :] = cast(change.fresh[first - kept : stop - kept], target.dtype)
        target[start:stop] = block


def _redone(
    layout: StoreLayout,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunk: int | None,
) -> dict[str, Any]:
    """Return the metadata of an array that is rewritten, under its other set of names."""
    (other,) = set(PREFIXES) - {layout.keys(name)}
    attrs = arrays_of(layout.document)[name].get("attributes", {})
    kind = str if dtype.kind == "T" else dtype
    return describe(layout.dims[name], shape, kind, attrs, chunk=chunk, keys=other)


def _clear(directory: Place, prefix: str) -> None:
    """Remove what an earlier change left under a set of names."""
    for name in names_in(directory):
        if chunk_prefix(name) == prefix:
            (directory / name).unlink()


def settle(layout: StoreLayout) -> None:
    """Complete, or clear away, a change that a kill interrupted, and remove unused chunk names.

    Parameters
    ----------
    layout : StoreLayout
    """
    new = announced(layout.path)
    if new is not None:
        for name in set(new) - set(layout.dims):
            remove_tree(layout.path / name)
        finish(layout.path, layout.document)
    for name in names_in(layout.path):
        if name.endswith(_PARTIAL) and name.removesuffix(_PARTIAL) in _ROOT_FILES:
            (layout.path / name).unlink()
    for name in layout.dims:
        alive = {"zarr.json", *layout.chunk_names(name)}
        for file in names_in(layout.path / name):
            if file not in alive and (chunk_prefix(file) is not None or file == _HALF):
                (layout.path / name / file).unlink()


def union(
    dtype: np.dtype[Any], old: Callable[[], NDArray[Any]], more: NDArray[Any]
) -> np.dtype[Any]:
    """Return the dtype of a column that takes in more values.

    Numbers join numbers and booleans join booleans; every other mixture becomes text, as in a plan.

    Parameters
    ----------
    dtype : dtype
        Of the column so far.
    old : function () -> array
        Reads the column; called only if it becomes text.
    more : (n,) array
        The new values.

    Returns
    -------
    dtype
    """
    if dtype.kind == more.dtype.kind or {dtype.kind, more.dtype.kind} <= set("iuf"):
        return np.promote_types(dtype, more.dtype)
    return np.promote_types(text_type(old()), text_type(more))


def text_type(values: NDArray[Any]) -> np.dtype[Any]:
    """Return the narrowest text dtype that holds values as text.

    Parameters
    ----------
    values : (n,) array

    Returns
    -------
    dtype
    """
    if values.dtype.kind == "U":
        return values.dtype
    return np.dtype(f"U{max((len(str(value)) for value in values.tolist()), default=1)}")


def cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values as another dtype; numbers and booleans become text as Python writes them.

    Parameters
    ----------
    values : array
    dtype : dtype

    Returns
    -------
    array of the same shape
    """
    if dtype.kind == "U" and values.dtype.kind != "U":
        return np.array([str(value) for value in values.tolist()], dtype)
    return values.astype(dtype)
