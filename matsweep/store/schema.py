"""Schema of a store: its variables and coordinates, checked before the store is created."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matsweep.store.errors import StoreError

_FLAGS = {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}
LEDGER_ARRAYS: dict[str, tuple[np.dtype[Any] | type[str], dict[str, Any]]] = {
    "error": (str, {"long_name": "error of a failed candidate"}),
    "seconds": (np.dtype("float32"), {"long_name": "computing time", "units": "s"}),
    "realisations": (np.dtype("int32"), {"long_name": "realisations computed"}),
    "status": (np.dtype("int8"), {"long_name": "status", **_FLAGS}),
}
"""Type and attrs of the ledger's arrays, in the order in which a fold writes them."""

LEDGER = tuple(LEDGER_ARRAYS)
_NAME = re.compile(r"(?!zarr\.json$)[^\W\d][\w.\-]*")
# xarray would turn numbers with these units into durations or dates, …
_TIME_UNITS = re.compile(r"(day|hour|minute|(milli|micro|nano)?second)s?( since .*)?")
# … and act on these attrs when it decodes.
_DECODED = {"_FillValue", "missing_value", "scale_factor", "add_offset", "coordinates", "dtype"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A result per candidate.

    Parameters
    ----------
    name : str
    dims : tuple of str
        "candidate" first; every other one needs a coordinate of its name.
    attrs : mapping
        ``units``, ``long_name``, ``better`` ("higher" | "lower"), …; JSON.
    dtype : str
        A floating-point type: candidates that are not done read NaN.

    Raises
    ------
    StoreError
        If name, dims or dtype break these rules.
    """

    name: str
    dims: tuple[str, ...] = ("candidate",)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"

    def __post_init__(self) -> None:
        """Check name, dims, dtype and attrs."""
        _check_name(self.name)
        if self.name in (*LEDGER, "candidate"):
            raise StoreError(f"variable {self.name!r} is a reserved name; take another")
        if self.dims[:1] != ("candidate",) or len(set(self.dims)) != len(self.dims):
            raise StoreError(
                f"dims of variable {self.name!r} must begin with 'candidate' and differ, "
                f"got {self.dims}"
            )
        if np.dtype(self.dtype).kind != "f":
            raise StoreError(
                f"dtype of variable {self.name!r} must be floating-point, got {self.dtype}"
            )
        check_item_attrs(f"variable {self.name!r}", self.attrs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coordinate:
    """Values along one dimension: a swept parameter along ``candidate``, or a dim's own.

    Parameters
    ----------
    values : (n,) array of numbers, booleans or str
    dims : tuple of one str
    attrs : mapping
        JSON.

    Raises
    ------
    StoreError
        If the values are not one axis of numbers, booleans or strings.
    """

    values: ArrayLike
    dims: tuple[str] = ("candidate",)
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check and hold the values as an array."""
        array = np.asarray(self.values)
        if array.dtype.kind == "T":  # fixed width, which pandas and matplotlib support best
            array = array.astype(str)
        if array.dtype.kind not in "biufU" or array.ndim != 1 or len(self.dims) != 1:
            raise StoreError(
                f"a coordinate along {self.dims} must be one axis of numbers, booleans or "
                f"strings, got {array.ndim} axes of dtype {array.dtype}"
            )
        check_item_attrs(f"a coordinate along {self.dims}", self.attrs)
        object.__setattr__(self, "values", array)


def dimension_sizes(
    coordinates: Mapping[str, Coordinate], variables: Sequence[Variable]
) -> dict[str, int]:
    """Return the size of every dim.

    Parameters
    ----------
    coordinates : mapping of name to Coordinate
    variables : sequence of Variable

    Returns
    -------
    dict of str to int

    Raises
    ------
    StoreError
        If names clash, sizes differ or a dim has no coordinate.
    """
    names = [*coordinates, *(item.name for item in variables)]
    if clash := sorted({name for name in names if names.count(name) > 1 or name in LEDGER}):
        raise StoreError(f"names must differ and not be {', '.join(LEDGER)}; fix {clash}")
    sizes: dict[str, int] = {}
    for name, item in coordinates.items():
        _check_name(name)
        (dim,), size = item.dims, len(np.asarray(item.values))
        if sizes.setdefault(dim, size) != size:
            raise StoreError(f"coordinate {name!r} must hold {sizes[dim]} values, got {size}")
    own = {name for name, item in coordinates.items() if item.dims == (name,)}
    dims = {dim for item in variables for dim in item.dims} | set(sizes)
    missing = dims - own - {"candidate"}
    if missing or not sizes.get("candidate"):
        what = ", ".join(sorted(missing)) or "candidate"
        raise StoreError(f"give a coordinate for {what}: without one its size is unknown")
    number = coordinates.get("candidate")
    if number and not np.array_equal(number.values, np.arange(sizes["candidate"])):
        raise StoreError("coordinate 'candidate' must be 0 … N-1; leave it out")
    return sizes


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"name {name!r} must be a letter or _ followed by letters, digits, _, . or -"
        )


def check_attrs(owner: str, attrs: Mapping[str, Any]) -> None:
    """Refuse attrs that are not JSON.

    Parameters
    ----------
    owner : str
        Of the attrs, for the message.
    attrs : mapping

    Raises
    ------
    StoreError
        If they are not JSON.
    """
    try:
        json.dumps(dict(attrs), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise StoreError(f"attrs of {owner} must be JSON: {problem}") from problem


def check_item_attrs(owner: str, attrs: Mapping[str, Any]) -> None:
    """Refuse attrs of an array that are not JSON, or that xarray would act on.

    Parameters
    ----------
    owner : str
        Of the attrs, for the message.
    attrs : mapping

    Raises
    ------
    StoreError
        If there are such attrs.
    """
    check_attrs(owner, attrs)
    if taken := sorted(set(attrs) & _DECODED):
        raise StoreError(f"attrs {taken} of {owner} mean something to xarray; leave them out")
    if _TIME_UNITS.fullmatch(str(attrs.get("units", ""))):
        raise StoreError(f"units of {owner} must be a symbol (s, ms, …), got {attrs['units']!r}")
