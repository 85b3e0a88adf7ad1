"""Metadata of a store: read from its root file, checked, and replaced."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.store.disk import Place, read_file, replace_file, sync_directory
from matsweep.store.document import check_document, data_type, read_document
from matsweep.store.errors import StoreError, damaged
from matsweep.store.facts import check_facts
from matsweep.store.metadata import GROWING, LARGEST_TEXTS, PREFIXES, arrays_of, as_bytes
from matsweep.store.parts import LONGEST_TEXT
from matsweep.store.schema import _NAME, LEDGER, check_attrs

FORMAT = 2
"""2: growth, so a ledger of realisations and two encodings of chunk names. 1 is upgraded to 2."""

FORMAT_KEY = "matsweep_store_format"
_LARGEST_LIST = 2**20  # bytes of the list of new arrays
_LONGEST_NAME = 200  # characters; file systems take 255 bytes
_RESERVED_ATTRS = (FORMAT_KEY, "coordinates")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLayout:
    """Metadata of a store, read from its root file.

    Parameters
    ----------
    path : Place
    document : mapping
        The root file.
    attrs : mapping
        The caller's root attrs.
    dims : mapping of name to tuple of str
    shapes : mapping of name to tuple of int
    chunks : mapping of name to int
        Candidates (or other items of the first axis) per storage chunk.
    variables : mapping of name to str
        The data variables, without the ledger, and their dtypes.
    parameters : tuple of str
        The coordinates along ``candidate``, without ``candidate`` itself.
    """

    path: Place
    document: Mapping[str, Any]
    attrs: Mapping[str, Any]
    dims: Mapping[str, tuple[str, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    chunks: Mapping[str, int]
    variables: Mapping[str, str]
    parameters: tuple[str, ...]

    @property
    def format(self) -> int:
        """Version of the format."""
        return int(self.document["attributes"][FORMAT_KEY])

    @property
    def total(self) -> int:
        """Number of candidates."""
        return self.shapes["status"][0]

    @property
    def realisations(self) -> int:
        """Length of the dim ``realisation``; 1 without that dim."""
        return self.shapes["realisation"][0] if "realisation" in self.dims else 1

    def computed(self, name: str) -> bool:
        """Whether an array holds outcomes, which a run computes; else it is a coordinate.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        return name in self.variables or name in LEDGER

    def keys(self, name: str) -> str:
        """Return the name encoding of an array's chunks, one of `PREFIXES`.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        return str(arrays_of(self.document)[name]["chunk_key_encoding"]["name"])

    def chunk_names(self, name: str) -> list[str]:
        """Return the file names of an array's chunks in order of the first axis.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of str
        """
        prefix, rest = PREFIXES[self.keys(name)], ".0" * (len(self.shapes[name]) - 1)
        return [f"{prefix}{i}{rest}" for i in range(self.count(name))]

    def count(self, name: str) -> int:
        """Return the number of an array's chunks.

        Parameters
        ----------
        name : str

        Returns
        -------
        int
        """
        return -(-self.shapes[name][0] // self.chunks[name])

    def content(self, name: str) -> tuple[int, int]:
        """Return the least and the largest size, in bytes, of a decompressed chunk of an array.

        Parameters
        ----------
        name : str

        Returns
        -------
        tuple of int
        """
        rows = self.chunks[name]
        kind = self.dtype(name)
        if kind is None:  # a count, and a length before each text
            return 4 + 4 * rows, min(4 + rows * (4 + LONGEST_TEXT), LARGEST_TEXTS)
        size = kind.itemsize * rows * math.prod(self.shapes[name][1:])
        return size, size

    def dtype(self, name: str) -> np.dtype[Any] | None:
        """Return the type of an array; None for texts of any length.

        Parameters
        ----------
        name : str

        Returns
        -------
        dtype or None
        """
        return data_type(arrays_of(self.document)[name]["data_type"])

    def chunk(self, name: str, number: int) -> Chunk:
        """Return a chunk of an array.

        Parameters
        ----------
        name : str
        number : int
            Along the first axis.

        Returns
        -------
        Chunk
        """
        prefix, rest = PREFIXES[self.keys(name)], ".0" * (len(self.shapes[name]) - 1)
        return Chunk(array=name, number=number, file=f"{name}/{prefix}{number}{rest}")

    def rows(self, chunk: Chunk) -> slice:
        """Return the rows that a chunk holds.

        Parameters
        ----------
        chunk : Chunk

        Returns
        -------
        slice
        """
        start = chunk.number * self.chunks[chunk.array]
        return slice(start, min(start + self.chunks[chunk.array], self.shapes[chunk.array][0]))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Chunk:
    """One chunk of an array.

    Parameters
    ----------
    array : str
    number : int
        Along the first axis.
    file : str
        Its name below the store.
    """

    array: str
    number: int
    file: str


class DamagedError(StoreError):
    """A chunk is missing, truncated or has changed.

    Parameters
    ----------
    layout : StoreLayout
    chunk : Chunk
    """

    def __init__(self, layout: StoreLayout, chunk: Chunk) -> None:
        self.chunk = chunk
        what = f"{chunk.file} is missing, truncated or has changed"
        if not layout.computed(chunk.array):
            super().__init__(str(damaged(layout.path, f"{what}, and no run computes it again")))
            return
        super().__init__(
            f"{layout.path} is damaged ({what}); run the same "
            "study again, which computes it again, or restore it from a copy"
        )


def read_layout(path: Place) -> StoreLayout:
    """Read and check the metadata of a store.

    Parameters
    ----------
    path : Place

    Returns
    -------
    StoreLayout

    Raises
    ------
    StoreError
        If there is no store, it is not one of matsweep, its format is newer, or it is damaged.
    """
    return layout_of(path, _read_root(path))


def layout_of(path: Place, root: Mapping[str, Any]) -> StoreLayout:
    """Return the layout that a root document describes.

    Parameters
    ----------
    path : Place
    root : mapping

    Returns
    -------
    StoreLayout

    Raises
    ------
    StoreError
        If the document is damaged, or names an array that matsweep would not.
    """
    listed = root.get("consolidated_metadata")
    if isinstance(listed, dict) and isinstance(listed.get("metadata"), dict):
        _check_names(path, "zarr.json", list(listed["metadata"]))
    check_document(path, root)
    attrs, arrays = root["attributes"], arrays_of(root)
    coordinates = attrs["coordinates"].split()
    own = {name for name, meta in arrays.items() if [name] == meta["dimension_names"]}
    return StoreLayout(
        path=path,
        document=root,
        attrs={key: value for key, value in attrs.items() if key not in _RESERVED_ATTRS},
        dims={name: tuple(meta["dimension_names"]) for name, meta in arrays.items()},
        shapes={name: tuple(meta["shape"]) for name, meta in arrays.items()},
        chunks={
            name: meta["chunk_grid"]["configuration"]["chunk_shape"][0]
            for name, meta in arrays.items()
        },
        variables={
            name: meta["data_type"]
            for name, meta in arrays.items()
            if name not in {*coordinates, *own, *LEDGER}
        },
        parameters=tuple(
            name for name in coordinates if arrays[name]["dimension_names"] == ["candidate"]
        ),
    )


def write_attrs(path: Place, attrs: Mapping[str, Any]) -> None:
    """Merge attrs into the root attrs, whole or not at all. Only the holder of the lock may.

    Parameters
    ----------
    path : Place
    attrs : mapping
        JSON.
    """
    check_root_attrs(attrs)
    root = _read_root(path)
    root["attributes"] |= attrs
    replace_file(path / "zarr.json", as_bytes(root))
    sync_directory(path)


def announce(path: Place, new: list[str]) -> None:
    """Mark the store as about to change, before the first step, and list its new arrays.

    Parameters
    ----------
    path : Place
    new : list of str
        Names of the arrays that the store does not have yet.
    """
    replace_file(path / GROWING, json.dumps(new).encode())
    sync_directory(path)


def publish(path: Place, document: Mapping[str, Any]) -> None:
    """Replace the root document of a store; the change takes effect with the file's rename.

    The metadata files of the arrays follow; xarray and zarr read them only where one asks for
    unconsolidated metadata. `finish` completes them after a kill.

    Parameters
    ----------
    path : Place
    document : mapping
    """
    replace_file(path / "zarr.json", as_bytes(document))
    sync_directory(path)
    finish(path, document)


def finish(path: Place, document: Mapping[str, Any]) -> None:
    """Bring the metadata files of the arrays into agreement with the root document.

    Parameters
    ----------
    path : Place
    document : mapping
    """
    for name, metadata in arrays_of(document).items():
        directory, content = path / name, as_bytes(metadata)
        directory.mkdir(exist_ok=True)
        file = directory / "zarr.json"
        if not _holds(file, content):
            replace_file(file, content)
            sync_directory(directory)
    (path / GROWING).unlink(missing_ok=True)
    sync_directory(path)


def _holds(file: Place, content: bytes) -> bool:
    try:
        return read_file(file, len(content)) == content
    except OSError:
        return False


def announced(path: Place) -> list[str] | None:
    """Return the list that `announce` wrote; None if no change is under way.

    Parameters
    ----------
    path : Place

    Returns
    -------
    list of str or None

    Raises
    ------
    StoreError
        If it holds other things than names of arrays: they must not name folders to remove.
    """
    try:
        content = read_file(path / GROWING, _LARGEST_LIST)
    except FileNotFoundError:
        return None
    except OSError:  # no list that matsweep wrote: `finish` replaces it
        return []
    try:
        names = json.loads(content)
    except (ValueError, RecursionError):
        return []
    if not isinstance(names, list):
        return []
    _check_names(path, GROWING, names)
    return names


def _check_names(path: Place, file: str, names: list[Any]) -> None:
    """Refuse names that cannot be those of arrays, as they become paths: `../x`, `/home`."""
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise StoreError(
                f"{path} is not a store that matsweep wrote: {file} names an array "
                f"{repr(name)[:60]}; do not trust it, and take a copy from its source"
            )


def check_root_attrs(attrs: Mapping[str, Any]) -> None:
    """Refuse root attrs that are not JSON or take a reserved name.

    Parameters
    ----------
    attrs : mapping

    Raises
    ------
    StoreError
        If they are not JSON, take a reserved name, or one of a study's has another form.
    """
    check_attrs("the study", attrs)
    check_facts(attrs)
    if taken := sorted(set(attrs) & set(_RESERVED_ATTRS)):
        raise StoreError(f"attrs {taken} are reserved; take other names")


def _read_root(path: Place) -> dict[str, Any]:
    root = read_document(path, FORMAT_KEY)
    version = root["attributes"][FORMAT_KEY]
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise StoreError(
            f"{path} has store format {repr(version)[:20]}, this matsweep reads up to {FORMAT}; "
            "update matsweep"
        )
    try:
        check_facts(root["attributes"])
    except StoreError as problem:
        raise damaged(path, str(problem)) from None
    return root
