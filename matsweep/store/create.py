"""Creation of the store of a study."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matsweep.store.arrays import get_array, open_group, write_all
from matsweep.store.disk import (
    AnyPlace,
    Place,
    place_of,
    replace_file,
    sync_directory,
    telling,
)
from matsweep.store.errors import StoreError, StoreTaken
from matsweep.store.layout import (
    FORMAT,
    FORMAT_KEY,
    announce,
    check_root_attrs,
    publish,
)
from matsweep.store.lock import LOCK, acquire, holder, me
from matsweep.store.metadata import GROWING, describe, group_document
from matsweep.store.objects import ObjectPath
from matsweep.store.parts import STAGED
from matsweep.store.schema import LEDGER_ARRAYS, Coordinate, Variable, dimension_sizes
from matsweep.store.workplace import workplace


def create(
    path: AnyPlace,
    *,
    coordinates: Mapping[str, Coordinate],
    variables: Sequence[Variable],
    attrs: Mapping[str, Any],
    chunk: int | None = None,
) -> Place:
    """Create the store of a study, whole or not at all, with every candidate pending.

    Parameters
    ----------
    path : path or URL
        Of the new store; missing parent directories are created, an empty directory is replaced.
        Or ``s3://BUCKET/PREFIX/NAME.zarr`` (`matsweep.store.objects`).
    coordinates : mapping of name to Coordinate
        One or more along ``candidate`` (they set the number of candidates), and one for every
        other dim, with its name. ``candidate`` itself is 0 … N-1 and is added if absent.
    variables : sequence of Variable
    attrs : mapping
        Of the whole study; JSON.
    chunk : int, optional
        Candidates per storage chunk; by default chunks have 1 to 4 MiB (`rows_of_chunk`).

    Returns
    -------
    Path or ObjectPath
        The new store.

    Raises
    ------
    StoreError
        If the place is taken, names clash, a dim has no coordinate, attrs are not JSON, or the
        place cannot be written.
    """
    path = place_of(path)
    check_root_attrs(attrs)
    sizes = dimension_sizes(coordinates, variables)
    if isinstance(path, ObjectPath):
        with _to_oneself(path):
            announce(path, [])
            _fill(path, coordinates, variables, attrs, sizes, chunk)
        return path
    _check_free(path)
    with telling(path, "write to", 0), _folder(path) as folder:
        new = folder / "new"
        new.mkdir()
        _fill(new, coordinates, variables, attrs, sizes, chunk)
        (new / STAGED).mkdir()
        replace_file(new / LOCK, me())
        for directory in [*new.iterdir(), new]:
            if directory.is_dir():
                sync_directory(directory)
        move(new, path)
    return path


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[Path]:
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(workplace(path))
        except (FileExistsError, NotADirectoryError) as problem:
            raise StoreError(f"{path.parent} is not a directory; choose another place") from problem
        yield folder


def is_free(path: Place) -> bool:
    """Return whether a store can be created at a place: nothing is there, or what a kill left.

    Parameters
    ----------
    path : Place

    Returns
    -------
    bool
    """
    if isinstance(path, ObjectPath):
        there = set(path.sizes()) - {LOCK}
        return not there or ("zarr.json" not in there and GROWING in there and not holder(path))
    return not os.path.lexists(path)


@contextlib.contextmanager
def _to_oneself(path: ObjectPath) -> Iterator[None]:
    """Hold a free prefix in object storage, or one with the remains of a killed creation.

    The store exists as soon as it has its root document; until then `announce` marks the rest.
    """
    taken = StoreTaken(f"{path} already holds a store; choose another path, or move it away")
    if (path / "zarr.json").is_file():
        raise taken
    held = acquire(path)
    try:
        there = set(path.sizes()) - {LOCK}
        if "zarr.json" in there:
            raise taken
        if there and GROWING not in there:
            raise StoreError(f"{path} is a prefix that is not empty; choose another path")
        for name in sorted(there - {GROWING}):
            (path / name).unlink()
        yield
    finally:
        held.release()


def _fill(
    path: Place,
    coordinates: Mapping[str, Coordinate],
    variables: Sequence[Variable],
    attrs: Mapping[str, Any],
    sizes: Mapping[str, int],
    chunk: int | None,
) -> None:
    along = " ".join(name for name, item in coordinates.items() if item.dims != (name,))
    held = {name: np.asarray(item.values) for name, item in _all_coordinates(coordinates, sizes)}
    arrays = {
        name: describe(item.dims, held[name].shape, held[name].dtype, item.attrs)
        for name, item in _all_coordinates(coordinates, sizes)
    }
    for name, (kind, text) in LEDGER_ARRAYS.items():
        arrays[name] = describe(("candidate",), (sizes["candidate"],), kind, text, chunk=chunk)
    for variable in variables:
        shape: tuple[int, ...] = tuple(sizes[dim] for dim in variable.dims)
        dtype = np.dtype(variable.dtype)
        arrays[variable.name] = describe(variable.dims, shape, dtype, variable.attrs, chunk=chunk)
    document = group_document({**attrs, "coordinates": along, FORMAT_KEY: FORMAT}, arrays)
    group = open_group(path, document, "r+")
    for name in [*held, *LEDGER_ARRAYS]:
        write_all(get_array(group, name), held.get(name))
    publish(path, document)


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
    raise StoreTaken(f"{path} {what}; choose another path, or move it away")


def move(new: Path, path: Path) -> None:
    """Move a whole store to its place.

    Parameters
    ----------
    new : Path
        On the same file system.
    path : Path

    Raises
    ------
    StoreTaken
        If something is there already.
    OSError
        If it cannot be moved.
    """
    try:
        os.rename(new, path)
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            _check_free(path)
        raise
    sync_directory(Path(os.path.abspath(path)).parent)
