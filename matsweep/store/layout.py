"""The metadata of a store: read from its one root file, and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsweep.store.disk import StoreError, replace_file, sync_directory
from matsweep.store.lock import LOCK
from matsweep.store.parts import STAGED
from matsweep.store.schema import LEDGER, check_attrs

FORMAT = 1
FORMAT_KEY = "matsweep_store_format"
_RESERVED_ATTRS = (FORMAT_KEY, "coordinates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The metadata of a store, read from its one root file.

    Parameters
    ----------
    path : Path
    attrs : mapping
        The caller's root attrs.
    shapes : mapping of name to tuple of int
    chunks : mapping of name to int
        Candidates (or other items of the first axis) per storage chunk.
    variables : mapping of name to str
        The data variables, without ``status``, ``error`` and ``seconds``, and their dtypes.
    """

    path: Path
    attrs: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    chunks: Mapping[str, int]
    variables: Mapping[str, str]

    @property
    def total(self) -> int:
        """Number of candidates."""
        return self.shapes["status"][0]

    def chunk_names(self, name: str) -> list[str]:
        """Return the file names of an array's chunks in order of the first axis."""
        count = -(-self.shapes[name][0] // self.chunks[name])
        rest = ".0" * (len(self.shapes[name]) - 1)
        return [f"c.{i}{rest}" for i in range(count)]


def read_layout(path: Path) -> Layout:
    """Read and check the metadata of a store.

    Raises
    ------
    StoreError
        If there is no store, or another's, a newer one or a damaged one.
    """
    root = _read_root(path)
    attrs = root["attributes"]
    try:
        arrays = root["consolidated_metadata"]["metadata"]
        coordinates = attrs["coordinates"].split()
        own = {name for name, meta in arrays.items() if [name] == meta["dimension_names"]}
        return Layout(
            path=path,
            attrs={key: value for key, value in attrs.items() if key not in _RESERVED_ATTRS},
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
        )
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as problem:
        raise damaged(path, "zarr.json") from problem


def write_attrs(path: Path, attrs: Mapping[str, Any]) -> None:
    """Merge attrs into the root attrs, whole or not at all. Only the holder of the lock may."""
    check_root_attrs(attrs)
    root = _read_root(path)
    root["attributes"] |= attrs
    replace_file(path / "zarr.json", json.dumps(root, indent=2).encode())
    sync_directory(path)


def damaged(path: Path, what: str) -> StoreError:
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


def _read_root(path: Path) -> dict[str, Any]:
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
