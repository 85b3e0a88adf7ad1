"""The metadata of a store: read from its one root file, checked, and replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matsweep.store.disk import Place, replace_file, sync_directory
from matsweep.store.errors import StoreError
from matsweep.store.lock import LOCK
from matsweep.store.metadata import PREFIXES, arrays_of, as_bytes
from matsweep.store.parts import STAGED
from matsweep.store.schema import _NAME, LEDGER, check_attrs

FORMAT = 2
"""2: growth, so a ledger of realisations and two ways to name chunks. 1 is read, and made 2."""

FORMAT_KEY = "matsweep_store_format"
GROWING = ".growing"
"""There while the arrays' own metadata may differ from the root's; lists arrays that are new."""

_RESERVED_ATTRS = (FORMAT_KEY, "coordinates")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLayout:
    """The metadata of a store, read from its one root file.

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
        """The version of the format."""
        return int(self.document["attributes"][FORMAT_KEY])

    @property
    def total(self) -> int:
        """Number of candidates."""
        return self.shapes["status"][0]

    @property
    def realisations(self) -> int:
        """Number of realisations that there is room for; 1 without that dim."""
        return self.shapes["realisation"][0] if "realisation" in self.dims else 1

    def keys(self, name: str) -> str:
        """Return which encoding the names of an array's chunks have (`PREFIXES`)."""
        return str(arrays_of(self.document)[name]["chunk_key_encoding"]["name"])

    def chunk_names(self, name: str) -> list[str]:
        """Return the file names of an array's chunks in order of the first axis."""
        count = -(-self.shapes[name][0] // self.chunks[name])
        rest = ".0" * (len(self.shapes[name]) - 1)
        return [f"{PREFIXES[self.keys(name)]}{i}{rest}" for i in range(count)]

    def chunk(self, name: str, number: int) -> Chunk:
        """Return a chunk of an array."""
        return Chunk(array=name, number=number, file=f"{name}/{self.chunk_names(name)[number]}")

    def rows(self, chunk: Chunk) -> slice:
        """Return the rows that a chunk holds."""
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
    """A chunk has lost something.

    Parameters
    ----------
    path : Place
        The store.
    chunk : Chunk
    """

    def __init__(self, path: Place, chunk: Chunk) -> None:
        self.chunk = chunk
        super().__init__(
            f"{path} is damaged ({chunk.file} is missing, truncated or has changed); run the same "
            "study again, which computes it anew, or restore it from a copy"
        )


def read_layout(path: Place) -> StoreLayout:
    """Read and check the metadata of a store.

    Raises
    ------
    StoreError
        If there is no store, or another's, a newer one or a damaged one.
    """
    return layout_of(path, _read_root(path))


def layout_of(path: Place, root: Mapping[str, Any]) -> StoreLayout:
    """Return the layout that a root document describes (`StoreError` if it cannot be)."""
    attrs = root["attributes"]
    try:
        arrays = arrays_of(root)
        _check_names(path, "zarr.json", list(arrays))
        coordinates = attrs["coordinates"].split()
        own = {name for name, meta in arrays.items() if [name] == meta["dimension_names"]}
        made = StoreLayout(
            path=path,
            document=root,
            attrs={key: value for key, value in attrs.items() if key not in _RESERVED_ATTRS},
            dims={name: tuple(meta["dimension_names"]) for name, meta in arrays.items()},
            shapes={name: tuple(meta["shape"]) for name, meta in arrays.items()},
            chunks={
                name: int(meta["chunk_grid"]["configuration"]["chunk_shape"][0])
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
        for name in ("status", *arrays):
            made.chunk_names(name)
    except StoreError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as problem:
        raise damaged(path, "zarr.json") from problem
    return made


def write_attrs(path: Place, attrs: Mapping[str, Any]) -> None:
    """Merge attrs into the root attrs, whole or not at all. Only the holder of the lock may."""
    check_root_attrs(attrs)
    root = _read_root(path)
    root["attributes"] |= attrs
    replace_file(path / "zarr.json", as_bytes(root))
    sync_directory(path)


def announce(path: Place, new: list[str]) -> None:
    """Say, before the first step, that the store is about to change, and which arrays are new."""
    replace_file(path / GROWING, json.dumps(new).encode())
    sync_directory(path)


def publish(path: Place, document: Mapping[str, Any]) -> None:
    """Make a document the store's: from one moment to the next, that of the root's rename.

    What the arrays say of themselves follows; xarray and zarr read them only where one asks for
    unconsolidated metadata. `finish` completes it after a kill.
    """
    replace_file(path / "zarr.json", as_bytes(document))
    sync_directory(path)
    finish(path, document)


def finish(path: Place, document: Mapping[str, Any]) -> None:
    """Let what the arrays say of themselves agree with the root."""
    for name, metadata in arrays_of(document).items():
        directory, content = path / name, as_bytes(metadata)
        directory.mkdir(exist_ok=True)
        file = directory / "zarr.json"
        if not file.exists() or file.read_bytes() != content:
            replace_file(file, content)
            sync_directory(directory)
    (path / GROWING).unlink(missing_ok=True)
    sync_directory(path)


def announced(path: Place) -> list[str] | None:
    """Return what `announce` wrote; None if no change was begun, or all were completed.

    Raises
    ------
    StoreError
        If it is not names of arrays: what `announce` did not write names no folder to remove.
    """
    try:
        content = (path / GROWING).read_bytes()
    except FileNotFoundError:
        return None
    try:
        names = json.loads(content)
    except ValueError:
        return []
    if not isinstance(names, list):
        return []
    _check_names(path, GROWING, names)
    return names


def _check_names(path: Place, file: str, names: list[Any]) -> None:
    """Refuse names that cannot be those of arrays, as they become paths: `../x`, `/home`."""
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise StoreError(
                f"{path} is not a store that matsweep wrote: {file} names an array {name!r}; do "
                "not trust it, and take a copy from its source"
            )


def damaged(path: Place, what: str) -> StoreError:
    """Return the error of a store that has lost something."""
    return StoreError(
        f"{path} is damaged ({what}); restore it from a copy, or move it away and run the study "
        "again"
    )


def check_root_attrs(attrs: Mapping[str, Any]) -> None:
    """Refuse root attrs that are not JSON or take a name of the store's own (`StoreError`)."""
    check_attrs("the study", attrs)
    if taken := sorted(set(attrs) & set(_RESERVED_ATTRS)):
        raise StoreError(f"attrs {taken} are the store's own; take other names")


def _read_root(path: Place) -> dict[str, Any]:
    if not path.exists():
        raise StoreError(f"no results at {path}; check the path, or run the study first")
    if not path.is_dir():
        raise StoreError(f"{path} is a file, not a results store; give the NAME.zarr directory")
    foreign = StoreError(f"{path} is not a results store of matsweep; give a NAME.zarr of its own")
    try:
        content = (path / "zarr.json").read_bytes()
    except FileNotFoundError:
        if (path / LOCK).exists() and (path / STAGED).exists():
            raise damaged(path, "zarr.json is missing") from None
        raise foreign from None
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror}") from problem
    try:
        root: dict[str, Any] = json.loads(content)
        attrs = root["attributes"]
        version = attrs.get(FORMAT_KEY)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise damaged(path, "zarr.json cannot be read") from problem
    if version is None:
        raise foreign
    if not isinstance(version, int) or version > FORMAT:
        raise StoreError(
            f"{path} has store format {version}, this matsweep reads up to {FORMAT}; "
            "update matsweep"
        )
    return root
