"""Content of the merged store: its coordinates, its variables, and the outcomes in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes
from matsweep.merging.sources import Rows, Source, Union, config_of
from matsweep.store import Coordinate, Part, Variable

_BLOCK = 2**25  # bytes of results held at a time


def variables(source: Source) -> list[Variable]:
    """Return the results of a store as variables of a new one.

    Parameters
    ----------
    source : Source

    Returns
    -------
    list of Variable
    """
    return [
        Variable(
            name=name,
            dims=tuple(map(str, source.ds[name].dims)),
            attrs=_plain(source.ds[name].attrs),
            dtype=str(source.ds[name].dtype),
        )
        for name in source.results
    ]


def coordinates(union: Union) -> dict[str, Coordinate]:
    """Return the coordinates of all stores together; of each dim the longest.

    Parameters
    ----------
    union : Union

    Returns
    -------
    dict of str to Coordinate
    """
    merged: dict[str, Coordinate] = {}
    for source in union.sources:
        for key, item in source.ds.coords.items():
            name = str(key)
            attrs = _plain(item.attrs)
            if item.dims == ("candidate",):
                if name != "candidate" and name not in merged:
                    merged[name] = Coordinate(values=_column(union, name), attrs=attrs)
            elif name not in merged or len(np.asarray(merged[name].values)) < item.size:
                dims = (str(item.dims[0]),)
                merged[name] = Coordinate(values=item.values, dims=dims, attrs=attrs)
    return merged


def blocks(source: Source, rows: Rows) -> Iterator[tuple[Rows, xr.Dataset]]:
    """Yield some rows of a store, in order, with their data, in bounded memory.

    Parameters
    ----------
    source : Source
    rows : (n,) array of int64
        Ascending.

    Yields
    ------
    rows : (m,) array of int64
    block : xarray.Dataset
        Loaded; the same rows along ``candidate``.
    """
    total = source.ids.size
    each = sum(source.ds[name].nbytes for name in source.results) / total
    step = max(1, min(int(_BLOCK / max(each, 1.0)), 50_000))
    names = [*source.results, "error", "seconds"]
    for start in range(0, total, step):
        at = rows[slice(*np.searchsorted(rows, (start, start + step)))]
        if at.size:
            block = source.ds[names].isel(candidate=slice(start, start + step)).load()
            yield at, block.isel(candidate=at - start)


def part_of(union: Union, number: int, at: Rows, block: xr.Dataset) -> Part:
    """Return some rows of a store as outcomes for the new one; missing values are NaN.

    Parameters
    ----------
    union : Union
    number : int
        Index of the store.
    at : (n,) array of int64
        Rows of that store.
    block : xarray.Dataset
        Their data.

    Returns
    -------
    Part
    """
    source = union.sources[number]
    sizes: dict[str, int] = {}
    for each in union.sources:
        for dim, size in each.ds.sizes.items():
            sizes[str(dim)] = max(size, sizes.get(str(dim), 0))
    return Part(
        positions=union.places[number][at],
        status=source.status[at],
        error=list(block["error"].values),
        seconds=block["seconds"].values,
        values={name: _padded(block[name], sizes) for name in source.results},
        realisations=source.given[at],
    )


def _padded(item: xr.DataArray, sizes: dict[str, int]) -> NDArray[Any]:
    shape = (item.shape[0], *(sizes[str(dim)] for dim in item.dims[1:]))
    if shape == item.shape:
        return item.values
    padded = np.full(shape, np.nan, dtype=item.dtype)
    padded[tuple(slice(0, size) for size in item.shape)] = item.values
    return padded


def _column(union: Union, name: str) -> NDArray[Any]:
    """Return a coordinate along `candidate` of all stores together.

    Where a store lacks it, because it does not sweep it, the value is that of its configuration;
    where that depends on a swept choice, it stays unknown (NaN, "").
    """
    pieces: list[tuple[Rows, NDArray[Any]]] = []
    known = np.zeros(union.total, dtype=bool)
    for source, place in zip(union.sources, union.places, strict=True):
        values = source.ds[name].values if name in source.ds.coords else _constant(source, name)
        if values is not None:
            new = ~known[place]
            pieces.append((place[new], values[new]))
            known[place] = True
    return _joined(pieces, known)


def _constant(source: Source, name: str) -> NDArray[Any] | None:
    """Return the constant value of a parameter that a store does not sweep; None if unknown."""
    if any("." not in axis for axis in axes(source.ds)):
        return None
    node: Any = config_of(source)
    for key in name.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, (bool, int, float, str)):
        return None
    return np.full(source.ids.size, node)


def _joined(pieces: list[tuple[Rows, NDArray[Any]]], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Join pieces of a coordinate: numbers stay numbers if all pieces hold numbers."""
    kinds = {values.dtype.kind for _, values in pieces if values.size}
    if kinds <= set("iuf") and (known.all() or kinds):
        dtype = np.result_type(*(values.dtype for _, values in pieces))
        empty: Any = 0
        if not known.all():
            dtype, empty = np.result_type(dtype, np.float64), np.nan
    elif kinds == {"b"} and known.all():
        dtype, empty = np.dtype(bool), False
    else:
        texts = [(at, np.array([str(v) for v in values.tolist()])) for at, values in pieces]
        pieces = texts
        dtype, empty = np.result_type(*(values.dtype for _, values in texts)), ""
    column = np.full(known.size, empty, dtype=dtype)
    for at, values in pieces:
        column[at] = values
    return column


def _plain(attrs: Any) -> dict[str, Any]:
    """Return attributes as JSON types."""
    return {
        str(key): value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        for key, value in attrs.items()
    }
