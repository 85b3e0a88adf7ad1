"""Export of the whole Dataset as one NetCDF file, a block of candidates at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from matsweep.core.checks import UserError
from matsweep.exporting.texts import written

_BLOCK = 2**26  # bytes of results held at a time
_CHUNK = 2**20  # bytes of a chunk in the file
_MOST = 50_000  # candidates in a block


def write_netcdf(ds: xr.Dataset, path: Path) -> None:
    """Write a Dataset that need not fit in memory.

    Parameters
    ----------
    ds : xarray.Dataset
        Lazy, with the dim ``candidate``.
    path : Path

    Raises
    ------
    UserError
        If h5netcdf is missing.
    """
    try:
        import h5netcdf
    except ImportError:
        raise UserError("NetCDF needs h5netcdf: pip install 'matsweep[export]'") from None

    ds = ds.assign_attrs(_plain(ds.attrs))
    for item in ds.variables.values():
        item.attrs = _plain(item.attrs)
    along = [name for name, item in ds.variables.items() if "candidate" in item.dims]
    first = _texts(ds.isel(candidate=slice(0, 1)).load())
    first.to_netcdf(
        path,
        engine="h5netcdf",
        unlimited_dims=["candidate"],
        encoding={name: {"chunksizes": _chunk(ds[name])} for name in along},
    )
    total = ds.sizes["candidate"]
    each = sum(ds[name].nbytes for name in along) / total
    step = max(1, min(int(_BLOCK / each), _MOST))
    with h5netcdf.File(path, "a") as file:
        file.resize_dimension("candidate", total)
        for start in range(0, total, step):
            block = _texts(ds.isel(candidate=slice(start, start + step)).load())
            for name in along:
                encoded = xr.conventions.encode_cf_variable(block[name].variable, name=name)
                file.variables[str(name)][start : start + step] = encoded.values


def _chunk(item: xr.DataArray) -> tuple[int, ...]:
    rest = [size for dim, size in item.sizes.items() if dim != "candidate"]
    width = 16 if item.dtype.kind in "OU" else item.dtype.itemsize
    first = _CHUNK // max(1, width * int(np.prod(rest)))
    return (max(1, min(first, item.sizes["candidate"])), *rest)


def _texts(ds: xr.Dataset) -> xr.Dataset:
    """Return texts as objects, which are strings of any length in the file."""
    return ds.assign(
        {name: item.astype(object) for name, item in ds.variables.items() if item.dtype.kind == "U"}
    )


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as NetCDF types: texts, numbers and lists of numbers; others as JSON."""
    return {written(str(key)): _value(value) for key, value in attrs.items()}


def _value(value: object) -> object:
    if isinstance(value, str):
        return written(value)
    listed = value if isinstance(value, list) and value else [value]
    if all(isinstance(each, (np.number, float)) or _is_whole(each) for each in listed):
        return value
    return written(json.dumps(value, default=str))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
