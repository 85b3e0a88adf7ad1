"""Export of results as rows, one per candidate or per realisation and time: CSV or Parquet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.core.checks import UserError
from matsweep.exporting.texts import written

_BLOCK = 2**25  # bytes of results held at a time, and as many of columns
_MOST = 50_000  # candidates in a block
_LONG = ("realisation", "time")  # dims of the rows in the long form
_LEDGER = ("status", "error", "seconds", "realisations")
_STATES = np.array(["pending", "done", "failed"], dtype=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Values of one column of a table.

    Parameters
    ----------
    values : (row,) array
    units : str
        SI; "" or "1" if it has none.
    label : str
        Long name.
    """

    values: NDArray[Any]
    units: str = ""
    label: str = ""


Table = dict[str, Column]


class Rows:
    """Rows of a study, in blocks.

    Parameters
    ----------
    ds : xarray.Dataset
        From `matsweep.store.open_results`, lazy.
    long : bool
        A row for each realisation and time of a candidate; else one for each candidate.
    failed : bool
        Include failed candidates.
    """

    def __init__(self, ds: xr.Dataset, *, long: bool, failed: bool) -> None:
        self._ds = ds
        self._long = long
        self.attrs: Mapping[Any, Any] = ds.attrs
        status = ds["status"].values
        self._wanted = (status == 1) | ((status == 2) & failed)
        self.count = int(np.count_nonzero(self._wanted))

    def blocks(self) -> Iterator[Table]:
        """Yield the rows of successive blocks of candidates, as columns."""
        total = self._ds.sizes["candidate"]
        step = self._step()
        for start in range(0, total, step):
            chosen = np.flatnonzero(self._wanted[start : start + step])
            if chosen.size:
                ds = self._ds.isel(candidate=slice(start, start + step)).load()
                ds = ds.isel(candidate=chosen)
                yield _long(ds) if self._long else _wide(ds)

    def _step(self) -> int:
        size = sum(item.nbytes for item in self._ds.variables.values() if item.dtype.kind != "O")
        each = size / self._ds.sizes["candidate"]
        if self._long:
            copies = [self._ds.sizes[dim] for dim in _LONG if dim in self._ds.dims]
            each += 16 * len(self._ds.variables) * float(np.prod(copies))
        return max(1, min(int(_BLOCK / each), _MOST))


def write_csv(rows: Rows, path: Path) -> None:
    """Write a CSV file with units in the headings; numbers read back to the same bits.

    Parameters
    ----------
    rows : Rows
    path : Path
    """
    import pandas as pd

    with open(path, "w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(rows.blocks()):
            frame = pd.DataFrame({_heading(name, c): c.values for name, c in table.items()})
            frame.to_csv(file, index=False, header=not number)


def write_parquet(rows: Rows, path: Path) -> None:
    """Write a Parquet file; units and long names become metadata of columns, attrs of the file.

    Parameters
    ----------
    rows : Rows
    path : Path

    Raises
    ------
    UserError
        If pyarrow is missing.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError("Parquet needs pyarrow: pip install 'matsweep[export]'") from None

    writer = None
    try:
        for table in rows.blocks():
            arrays = {
                name: pa.array(c.values, pa.string() if c.values.dtype.kind == "O" else None)
                for name, c in table.items()
            }
            if writer is None:
                fields = [
                    pa.field(name, arrays[name].type, metadata=_facts(c))
                    for name, c in table.items()
                ]
                study = json.dumps(dict(rows.attrs), default=str)
                schema = pa.schema(fields, metadata={"matsweep": study})
                writer = pq.ParquetWriter(path, schema)
            writer.write_table(pa.table(list(arrays.values()), schema=schema))
    finally:
        if writer is not None:
            writer.close()


def _facts(column: Column) -> dict[str, str]:
    return {"units": column.units, "long_name": column.label}


def _heading(name: str, column: Column) -> str:
    return name if column.units in ("", "1") else f"{name} ({column.units})"


def _wide(ds: xr.Dataset) -> Table:
    """Return a table with a row for each candidate."""
    table = _parameters(ds)
    for name, item in _results(ds):
        if "realisation" in item.dims:
            mean, deviation = _statistics(item)
            _add(table, f"{name}.mean", mean, item, "mean over realisations: ")
            _add(table, f"{name}.std", deviation, item, "deviation between realisations: ")
        else:
            _add(table, name, item, item)
    return table


def _long(ds: xr.Dataset) -> Table:
    """Return a table with a row for each realisation and time that a candidate has."""
    dims = ["candidate", *(dim for dim in _LONG if dim in ds.dims)]
    sizes = {dim: ds.sizes[dim] for dim in dims}
    kept = _given(ds, sizes)
    table = {
        name: Column(values=column.values[kept[0]], units=column.units, label=column.label)
        for name, column in _parameters(ds).items()
    }
    for dim, index in zip(dims[1:], kept[1:], strict=True):
        own = ds[dim]
        table[dim] = Column(values=own.values[index], units=_units(own), label=_label(own))
    for name, item in _results(ds):
        spread = item.broadcast_like(xr.Dataset(coords={dim: ds[dim] for dim in dims}))
        others = [str(dim) for dim in item.dims if dim not in dims]
        rows = spread.transpose(*dims, *others).values[tuple(kept)]
        flat = xr.DataArray(
            rows, dims=["row", *others], coords={dim: ds[dim] for dim in others}, attrs=item.attrs
        )
        _add(table, name, flat, item)
    return table


def _given(ds: xr.Dataset, sizes: Mapping[str, int]) -> tuple[NDArray[np.intp], ...]:
    """Return the indices of the rows: none for realisations that a candidate was not given."""
    mask = np.ones(tuple(sizes.values()), dtype=bool)
    if "realisations" in ds and "realisation" in sizes:
        own = np.maximum(np.abs(ds["realisations"].values), 1)  # a failed one keeps a row
        less = np.arange(sizes["realisation"]) < own[:, None]
        mask &= less.reshape(less.shape + (1,) * (mask.ndim - 2))
    return np.nonzero(mask)


def _parameters(ds: xr.Dataset) -> Table:
    """Return the columns that identify a candidate, and those of its outcome."""
    names = [name for name, item in ds.coords.items() if item.dims == ("candidate",)]
    ordered = ["candidate", *(str(name) for name in names if name != "candidate")]
    table = {
        name: Column(values=_plain(ds[name].values), units=_units(ds[name]), label=_label(ds[name]))
        for name in ordered
    }
    table["status"] = Column(values=_STATES[ds["status"].values], label="status")
    for name in _LEDGER[1:]:
        if name in ds:
            item = ds[name]
            table[name] = Column(values=_plain(item.values), units=_units(item), label=_label(item))
    return table


def _results(ds: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    for name, item in ds.data_vars.items():
        if name not in _LEDGER:
            yield str(name), item


def _statistics(item: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return mean and sample standard deviation over the existing realisations.

    The deviation of one realisation is unknown (NaN).
    """
    count = item.notnull().sum("realisation")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = item.sum("realisation", skipna=True) / count
        squares = ((item - mean) ** 2).sum("realisation", skipna=True)
        deviation = (squares / (count - 1).where(count > 1)) ** 0.5
    return mean, deviation


def _add(table: Table, name: str, values: xr.DataArray, item: xr.DataArray, what: str = "") -> None:
    """Add a column for each combination of the further coordinates."""
    dims = [str(dim) for dim in values.dims[1:]]
    labels = [_labels(values[dim].values) for dim in dims]
    flat = values.values.reshape(values.shape[0], -1)
    for number, index in enumerate(itertools.product(*map(range, values.shape[1:]))):
        parts = [f"{dim}={each[at]}" for dim, each, at in zip(dims, labels, index, strict=True)]
        table[f"{name}[{','.join(parts)}]" if parts else name] = Column(
            values=flat[:, number],
            units=_units(item),
            label=f"{what}{_label(item)}",
        )


def _labels(values: NDArray[Any]) -> list[str]:
    """Return short, distinct texts of coordinates."""
    short = [f"{value:g}" if isinstance(value, float) else str(value) for value in values.tolist()]
    return short if len(set(short)) == len(short) else [str(value) for value in values.tolist()]


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return texts as objects, which pandas and pyarrow both know, and other values unchanged."""
    return values.astype(object) if values.dtype.kind in "UT" else values


def _units(item: xr.DataArray) -> str:
    return written(str(item.attrs.get("units", "")))


def _label(item: xr.DataArray) -> str:
    return written(str(item.attrs.get("long_name", "")))
