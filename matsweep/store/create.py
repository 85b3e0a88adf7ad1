"""Making the store of a study."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from matsweep.store.arrays import write_all
from matsweep.store.disk import DurableStore, StoreError, replace_file, sync_directory, telling
from matsweep.store.layout import FORMAT, FORMAT_KEY, check_root_attrs
from matsweep.store.lock import LOCK, me
from matsweep.store.parts import STAGED
from matsweep.store.schema import Coordinate, Variable, dimension_sizes

# Storage chunks of 1 MiB: of the sizes tried (0.1 to 2 MB) the smallest whose files are few
# (240 for 100,000 candidates x 8 x 3 x 12 variables) and whose rewriting is not yet slower.
_CHUNK_BYTES = 2**20
_CHUNK_MOST = 100_000


def create(
    path: str | os.PathLike[str],
    *,
    coordinates: Mapping[str, Coordinate],
    variables: Sequence[Variable],
    attrs: Mapping[str, Any],
    chunk: int | None = None,
) -> Path:
    """Make the store of a study, whole or not at all, with every candidate pending.

    Parameters
    ----------
    path : path
        Of the new store; its parents are made. An empty directory there is replaced.
    coordinates : mapping of name to Coordinate
        One or more along ``candidate`` (they set the number of candidates), and one for every
        other dim, named like it. ``candidate`` itself is 0 … N-1 and comes by itself.
    variables : sequence of Variable
    attrs : mapping
        Of the whole study; JSON.
    chunk : int, optional
        Candidates per storage chunk; by default so many that a chunk has 1 MiB.

    Returns
    -------
    Path
        Of the store.

    Raises
    ------
    StoreError
        If something is there already, names clash, a dim has no coordinate, attrs are not JSON,
        or the place cannot be written.
    """
    path = Path(path)
    check_root_attrs(attrs)
    sizes = dimension_sizes(coordinates, variables)
    _check_free(path)
    name = f".{path.name[:100]}.{secrets.token_hex(4)}.partial"
    temporary = Path(os.path.abspath(path)).with_name(name)
    with telling(path, "write to", 0):
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
        except (FileExistsError, NotADirectoryError) as problem:
            raise StoreError(f"{path.parent} is not a directory; choose another place") from problem
        try:
            _fill(temporary, coordinates, variables, attrs, sizes, chunk)
            _move(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return path


def _fill(
    path: Path,
    coordinates: Mapping[str, Coordinate],
    variables: Sequence[Variable],
    attrs: Mapping[str, Any],
    sizes: Mapping[str, int],
    chunk: int | None,
) -> None:
    along = " ".join(name for name, item in coordinates.items() if item.dims != (name,))
    group = zarr.create_group(
        DurableStore(path),
        zarr_format=3,
        attributes={**attrs, "coordinates": along, FORMAT_KEY: FORMAT},
    )
    with zarr.config.set({"array.write_empty_chunks": True}):
        for name, item in _all_coordinates(coordinates, sizes):
            values: NDArray[Any] = np.asarray(item.values)
            write_all(_add(group, name, item.dims, sizes, values.dtype, item.attrs, None), values)
        for name, dtype, text in _ledger():
            array = _add(group, name, ("candidate",), sizes, dtype, text, chunk)
            write_all(array, np.full(array.shape, array.fill_value, dtype=array.dtype))
        for variable in variables:
            dtype = np.dtype(variable.dtype)
            _add(group, variable.name, variable.dims, sizes, dtype, variable.attrs, chunk)
    with warnings.catch_warnings():
        # "Not part of the specification yet": without it xarray warns and lists the directory.
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(group.store)
    (path / STAGED).mkdir()
    replace_file(path / LOCK, me())
    for directory in [*path.iterdir(), path]:
        if directory.is_dir():
            sync_directory(directory)


def _add(
    group: zarr.Group,
    name: str,
    dims: tuple[str, ...],
    sizes: Mapping[str, int],
    dtype: np.dtype[Any] | type[str],
    attrs: Mapping[str, Any],
    chunk: int | None,
) -> zarr.Array[Any]:
    shape = tuple(sizes[dim] for dim in dims)
    width = 16 if dtype is str else np.dtype(dtype).itemsize
    by_bytes = _CHUNK_BYTES // (width * int(np.prod(shape[1:])))
    first = max(1, min(chunk or by_bytes, _CHUNK_MOST, shape[0]))
    floating = dtype is not str and np.dtype(dtype).kind == "f"
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(first, *shape[1:]),
        fill_value=np.nan if floating else None,
        compressors=[ZstdCodec(level=0, checksum=True)],  # damage is noticed when read
        chunk_key_encoding={"name": "default", "separator": "."},  # files, no directories
        dimension_names=dims,
        attributes=dict(attrs),
    )


def _all_coordinates(
    coordinates: Mapping[str, Coordinate], sizes: Mapping[str, int]
) -> Iterator[tuple[str, Coordinate]]:
    number = np.arange(sizes["candidate"], dtype=np.int64)
    yield "candidate", Coordinate(values=number, attrs={"long_name": "candidate"})
    for name, item in coordinates.items():
        if name == "time":
            item = replace(item, attrs={"units": "s", **item.attrs})
        if name != "candidate":
            yield name, item


def _ledger() -> Iterator[tuple[str, np.dtype[Any] | type[str], dict[str, Any]]]:
    flags = {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}
    yield "status", np.dtype("int8"), {"long_name": "status", **flags}
    yield "error", str, {"long_name": "error of a failed candidate"}
    yield "seconds", np.dtype("float32"), {"long_name": "computing time", "units": "s"}


def _check_free(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        what = "is a file or a link"
    elif not any(path.iterdir()):
        return
    elif (path / "zarr.json").exists():
        what = "already holds a store"
    else:
        what = "is a directory that is not empty"
    raise StoreError(f"{path} {what}; choose another path, or move it away")


def _move(temporary: Path, path: Path) -> None:
    try:
        os.rename(temporary, path)
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            _check_free(path)
        raise
    sync_directory(path.parent)
