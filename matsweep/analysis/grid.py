"""A full factorial unfolded: one dimension per swept parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes, numbered, states, stored_text
from matsweep.core.checks import UserError

_INSTEAD = (
    "use the flat Dataset: .select(...), .rank(), .summary(), or ds.groupby(...) over one parameter"
)


def grid(ds: xr.Dataset) -> xr.Dataset:
    """Replace `candidate` by one dimension per swept parameter.

    The candidates may stand in any order; dimensions and their values come in the order of
    the attribute `axes`. Every variable is kept. Numbers of pending and failed candidates
    become NaN; `status` marks them. A coordinate that is the same everywhere, such as
    an unswept material, becomes a scalar.

    Parameters
    ----------
    ds : Dataset
        Results of a full factorial design, along `candidate`.

    Returns
    -------
    Dataset
        In memory, with the parameters' names (dots included) as dimensions.

    Raises
    ------
    UserError
        If the design is no full factorial, with the combination that is missing or double.
    """
    ds = numbered(ds)
    values = _axis_values(ds)
    order = _order(ds, values)
    undone = states(ds)[order] != "done"
    shape = tuple(len(axis) for axis in values.values())
    placed = {}
    for name, variable in ds.variables.items():
        if name in values:
            continue
        if "candidate" in variable.dims:
            masked = name in ds.data_vars and name != "status"
            variable = _unfold(variable, tuple(values), shape, order, undone if masked else None)
        placed[name] = variable
    placed |= {name: _axis(ds, name, axis) for name, axis in values.items()}
    result = xr.Dataset(placed, attrs=ds.attrs)
    result = result.set_coords([name for name in placed if name in ds.coords])
    return _simplified(result, tuple(values), [str(name) for name in ds.coords])


def _axis_values(ds: xr.Dataset) -> dict[str, list[Any]]:
    """Values of every axis, if the design is a full factorial."""
    stored = axes(ds)
    unlisted = [name for name, values in stored.items() if values is None]
    if not stored or unlisted:
        why = f" ({', '.join(unlisted)}: no list of values)" if unlisted else ""
        raise UserError(f"the design is not a full factorial{why}, so it has no grid; {_INSTEAD}")
    for name in stored:
        if name not in ds.coords or ds[name].dims != ("candidate",):
            raise UserError(f"the axis {name} is no coordinate along candidate; {_INSTEAD}")
    return {name: list(values) for name, values in stored.items() if values is not None}


def _order(ds: xr.Dataset, values: dict[str, list[Any]]) -> NDArray[np.intp]:
    """Position of the candidate of each grid point, the last axis fastest, (point,)."""
    count, size = ds.sizes["candidate"], math.prod(len(axis) for axis in values.values())
    if size >= 2**62:
        raise UserError(f"{size:.3g} combinations cannot all be there ({count} are); {_INSTEAD}")
    place = np.zeros(count, dtype=np.int64)
    for name, axis in values.items():
        place = place * len(axis) + _indices(ds, name, axis)
    order = np.argsort(place, kind="stable")
    there = place[order]
    double = np.flatnonzero(there[1:] == there[:-1])
    if double.size:
        raise UserError(
            f"the design is not a full factorial: {_combination(int(there[double[0]]), values)} "
            f"is there more than once ({double.size} too many); {_INSTEAD}"
        )
    if count != size:
        gap = np.flatnonzero(there != np.arange(count))
        missing = _combination(int(gap[0]) if gap.size else count, values)
        raise UserError(
            f"the design is not a full factorial: {missing} is missing "
            f"({size - count} of {size} are); after a selection call .grid() first, else {_INSTEAD}"
        )
    return order


def _indices(ds: xr.Dataset, name: str, axis: list[Any]) -> NDArray[np.int64]:
    """Position of each candidate's value on one axis, (candidate,)."""
    stored = np.asarray(ds[name].values).tolist()
    # An axis of values of several kinds, such as null, 0.05 and device, is stored as text.
    text = all(isinstance(value, str) for value in stored)
    key: Callable[[Any], Hashable] = _number_in if text else _key
    position = {key(value): index for index, value in enumerate(axis)}
    if text and len(position) != len(axis):  # texts that differ, and are the same number
        key = stored_text
        position = {key(value): index for index, value in enumerate(axis)}
    keys = [key(value) for value in stored]
    if len(position) != len(axis):
        raise UserError(f"the axis {name} holds a value more than once; {_INSTEAD}")
    indices = np.fromiter((position.get(key, -1) for key in keys), dtype=np.int64, count=len(keys))
    if strange := np.flatnonzero(indices < 0).tolist():
        raise UserError(
            f"the design is not a full factorial: {name}={stored[strange[0]]} is none of the "
            f"values {', '.join(map(stored_text, axis))} of its axis; {_INSTEAD}"
        )
    return indices


def _key(value: Any) -> Hashable:
    """Key by which a stored value equals one of the axis: 8 and 8.0, null and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (bool, int, float)):
        return float(value)
    return str(value)


def _number_in(value: Any) -> Hashable:
    """Key of a value among texts: the texts 0 and 0.0, of merged stores, are the same."""
    text = stored_text(value)
    try:
        return _key(float(text))
    except ValueError:
        return text


def _combination(place: int, values: dict[str, list[Any]]) -> str:
    """Format the combination of one grid point."""
    parts = []
    for name, axis in reversed(values.items()):
        place, index = divmod(place, len(axis))
        parts.append(f"{name}={stored_text(axis[index])}")
    return ", ".join(reversed(parts))


def _unfold(
    variable: xr.Variable,
    names: tuple[str, ...],
    shape: tuple[int, ...],
    order: NDArray[np.intp],
    undone: NDArray[np.bool_] | None,
) -> xr.Variable:
    """Replace the dimension candidate of one variable by the axes, NaN where undone."""
    first = variable.transpose("candidate", ...)
    data = np.asarray(first.values)[order]
    if undone is not None and undone.any() and data.dtype.kind in "fiub":
        data = data if data.dtype.kind == "f" else data.astype(np.float64)
        data[undone] = np.nan
    dims = (*names, *first.dims[1:])
    return xr.Variable(dims, data.reshape(*shape, *data.shape[1:]), variable.attrs)


def _axis(ds: xr.Dataset, name: str, axis: list[Any]) -> xr.Variable:
    """Coordinate of one axis, in the type of the stored parameter."""
    stored = np.asarray(ds[name].values)
    _, first = np.unique(_indices(ds, name, axis), return_index=True)
    return xr.Variable((name,), stored[first], ds[name].attrs)


def _simplified(ds: xr.Dataset, names: tuple[str, ...], coords: list[str]) -> xr.Dataset:
    """Turn coordinates that are the same at every grid point into scalars."""
    for name in coords:
        if name in ds.coords and ds[name].dims == names and name not in names and ds[name].size:
            flat = np.asarray(ds[name].values).ravel()
            if ds[name].size > 1 and bool((flat == flat[0]).all()):
                ds[name] = xr.Variable((), flat[0], ds[name].attrs)
    return ds
