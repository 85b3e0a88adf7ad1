"""Reading a store: its Dataset, its attrs, and how far it is."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.store import lock
from matsweep.store.arrays import get_array, open_group, read_status
from matsweep.store.disk import StoreBusy, StoreError
from matsweep.store.layout import Layout, damaged, read_layout
from matsweep.store.lock import Holder
from matsweep.store.parts import Part, Status, decode, staged
from matsweep.store.writer import open_store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How far a study is.

    Parameters
    ----------
    total, done, failed, pending : int
        Candidates; staged ones are counted.
    slowest : tuple of (int, float)
        Position and computing time in s of the slowest candidates, slowest first.
    failures : tuple of (str, int)
        Error text and number of candidates that failed with it, most frequent first.
    holder : Holder or None
        The process that writes the store now.
    """

    total: int
    done: int
    failed: int
    pending: int
    slowest: tuple[tuple[int, float], ...]
    failures: tuple[tuple[str, int], ...]
    holder: Holder | None


def attributes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the root attrs as the caller gave them, without opening an array (< 1 ms).

    Raises
    ------
    StoreError
        If there is no whole store of matsweep.
    """
    return dict(read_layout(Path(path)).attrs)


def open_results(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open the results of a study, lazily.

    Parts that a killed run left staged are folded first. Where that cannot be (a read-only
    place, a full disk), and while a run is active, the Dataset shows what is folded; in the
    first case a warning is logged. `summary` counts staged parts always.

    ``status`` and ``error`` (as str objects) are loaded here and the data later: so no
    candidate that reads done can have data from before it was.

    Returns
    -------
    xarray.Dataset
        Dims (``candidate``[, ``realisation``][, ``time``]); NaN where not done.

    Raises
    ------
    StoreError
        If there is no whole store of matsweep: nothing there, a file, another's, a newer
        format, metadata or a chunk missing. (A chunk with wrong content is noticed, by its
        checksum, when it is read.)
    """
    path = Path(path)
    layout = read_layout(path)
    _fold_leftovers(path)
    try:
        dataset: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=True)
        status = dataset["status"].load().values
        error = dataset["error"]
        # xarray cannot join numpy's StringDType with NaN, as ``where`` and ``reindex`` do.
        dataset["error"] = error.copy(data=error.values.astype(object))
    except Exception as problem:
        raise damaged(path, "xarray cannot open it") from problem
    _check_chunks(layout, status)
    return dataset


def summary(path: str | os.PathLike[str], *, slowest: int = 10) -> Summary:
    """Return how far a study is, also while it runs.

    Parameters
    ----------
    path : path
    slowest : int
        How many of the slowest candidates to name.

    Raises
    ------
    StoreError
        If there is no whole store of matsweep.
    """
    path = Path(path)
    layout = read_layout(path)
    parts = _read_staged(path)  # before the arrays: what is folded meanwhile is seen there
    status, seconds, error = _read_ledger(path)
    for part in parts:
        open_ones = status[part.positions] != Status.DONE
        at = part.positions[open_ones]
        status[at] = part.status[open_ones]
        seconds[at] = part.seconds[open_ones]
        error[at] = np.array(part.error, dtype=np.dtypes.StringDType())[open_ones]
    seconds[status == Status.PENDING] = np.nan
    order = np.argsort(-seconds, kind="stable")[:slowest]
    texts = Counter(map(str, error[status == Status.FAILED]))
    return Summary(
        total=layout.total,
        done=int(np.count_nonzero(status == Status.DONE)),
        failed=int(np.count_nonzero(status == Status.FAILED)),
        pending=int(np.count_nonzero(status == Status.PENDING)),
        slowest=tuple((int(i), float(seconds[i])) for i in order if np.isfinite(seconds[i])),
        failures=tuple(texts.most_common()),
        holder=lock.holder(path),
    )


def _fold_leftovers(path: Path) -> None:
    if not staged(path) or lock.holder(path) is not None:
        return
    try:
        open_store(path).close()
    except StoreBusy:
        return
    except StoreError as problem:
        _log.warning("%d staged parts are not shown: %s", len(staged(path)), problem)


def _read_staged(path: Path) -> list[Part]:
    parts = []
    for file in staged(path):
        try:
            parts.append(decode(file.read_bytes(), values=False))
        except (FileNotFoundError, ValueError):  # folded meanwhile; damaged: counted pending
            continue
    return parts


def _read_ledger(path: Path) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[Any]]:
    group = open_group(path, "r")
    status = read_status(path, group)
    try:
        seconds = np.array(get_array(group, "seconds")[:])
        error = np.array(get_array(group, "error")[:], dtype=np.dtypes.StringDType())
    except Exception as problem:
        raise damaged(path, "array 'seconds' or 'error' cannot be read") from problem
    return status, seconds, error


def _check_chunks(layout: Layout, status: NDArray[np.int8]) -> None:
    """Notice files that are gone or empty: zarr would show them as NaN, 0 or "" in silence."""
    for name, chunk in layout.chunks.items():
        expected = layout.chunk_names(name)
        if name in layout.variables:
            used = np.add.reduceat(status != Status.PENDING, np.arange(0, status.size, chunk))
            expected = [file for file, count in zip(expected, used, strict=True) if count]
        try:
            with os.scandir(layout.path / name) as entries:
                there = {entry.name for entry in entries if entry.stat().st_size}
        except OSError:
            there = set()
        if lost := [file for file in expected if file not in there]:
            raise damaged(layout.path, f"file {name}/{lost[0]} is missing or empty")
