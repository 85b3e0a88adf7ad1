"""Reading of a store: its Dataset, its attrs and its progress."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from matsweep.core.causes import Failure, by_cause
from matsweep.store import lock
from matsweep.store.arrays import open_group, read_array, read_rows
from matsweep.store.damage import gone, lost, salvaged_ledger
from matsweep.store.disk import AnyPlace, Place, place_of, unreachable, zarr_store
from matsweep.store.errors import StoreBusy, StoreError
from matsweep.store.layout import DamagedError, StoreLayout, damaged, read_layout
from matsweep.store.lock import Holder
from matsweep.store.metadata import arrays_of
from matsweep.store.parts import Part, Status, decode, staged
from matsweep.store.schema import LEDGER, LEDGER_ARRAYS
from matsweep.store.writer import open_store

_TRIES = 10  # to open a store that grows meanwhile
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Progress of a study.

    Parameters
    ----------
    total, done, failed, pending : int
        Numbers of candidates; staged ones are counted.
    slowest : tuple of (int, float)
        Position and computing time, s, of the slowest candidates, slowest first.
    failures : tuple of Failure
        Those that failed, grouped by cause, most frequent first.
    holder : Holder or None
        The process that writes the store now.
    damaged : tuple of str
        Files that are missing or truncated; the study run again computes them again.
    """

    total: int
    done: int
    failed: int
    pending: int
    slowest: tuple[tuple[int, float], ...]
    failures: tuple[Failure, ...]
    holder: Holder | None
    damaged: tuple[str, ...] = ()


def attributes(path: AnyPlace) -> dict[str, Any]:
    """Return the root attrs as the caller gave them, without opening an array (< 1 ms).

    Parameters
    ----------
    path : path or URL

    Returns
    -------
    dict

    Raises
    ------
    StoreError
        If there is no whole store of matsweep.
    """
    return dict(read_layout(place_of(path)).attrs)


def open_results(path: AnyPlace) -> xr.Dataset:
    """Open the results of a study, lazily.

    Parts that a killed run left staged are folded first. Where that is impossible (a read-only
    place, a full disk), and while a run is active, the Dataset shows the folded results; in the
    first case a warning is logged. `summary` always counts staged parts.

    While a fold replaces outcomes by others with more realisations, some variables may show the
    new one already and others the old one still; ``realisations`` never counts missing values.
    A Dataset opened before the store grew shows the earlier state. When the store is next opened
    for writing, the earlier chunks go, and reading one of them raises `StoreError`.

    ``status`` and ``error`` (as str objects) are loaded here and the data later: so no
    candidate that reads done can have data from before it was.

    Parameters
    ----------
    path : path or URL

    Returns
    -------
    xarray.Dataset
        Dims (``candidate``[, ``realisation``][, ``time``]); NaN where not done. ``encoding`` has
        the place as `source`.

    Raises
    ------
    StoreError
        If there is no whole store of matsweep: nothing, a file, another program's store, a newer
        format, or missing metadata or chunks. (A chunk with wrong content is noticed, by its
        checksum, when it is read.)
    """
    path = place_of(path)
    read_layout(path)
    _fold_leftovers(path)
    dataset, layout = _opened(path)
    # zarr would silently show missing files as NaN, 0 or "".
    for chunk in lost(layout, dataset["status"].values):
        raise DamagedError(path, chunk)
    dataset.encoding["source"] = str(path)  # as xarray does for files
    return dataset


def _errors(layout: StoreLayout, status: NDArray[np.int8]) -> NDArray[Any]:
    """Return the errors as str objects; only chunks in which a candidate failed are read.

    As objects because xarray cannot join numpy's StringDType with NaN, as ``where`` and
    ``reindex`` do.
    """
    failed = np.flatnonzero(status == Status.FAILED).astype(np.int64)
    errors = np.full(status.size, "", dtype=object)
    group = open_group(layout.path, layout.document, "r")
    errors[failed] = read_rows(layout.path, group, "error", failed).astype(object)
    return errors


def _opened(path: Place) -> tuple[xr.Dataset, StoreLayout]:
    """Open the arrays and the document that describes them; again where it grew meanwhile."""
    for last in [False] * (_TRIES - 1) + [True]:
        layout = read_layout(path)
        try:
            dataset = _open(layout)
        except StoreError:
            if last or read_layout(path).document == layout.document:
                raise
            continue
        if last or read_layout(path).document == layout.document:
            break
    return dataset, layout


class _Current(WrapperStore[Any]):
    """Chunks of a store, read only; one that went when the store grew is not shown as missing.

    Parameters
    ----------
    layout : StoreLayout
        As opened.
    """

    def __init__(self, layout: StoreLayout) -> None:
        super().__init__(zarr_store(layout.path, read_only=True))
        self._layout = layout

    def with_read_only(self, read_only: bool = False) -> _Current:
        """Return the store itself, which is never written to."""
        if not read_only:
            raise StoreError(f"{self._layout.path} is open for reading only")
        return self

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the content of a key; None if there is none, as where candidates are pending."""
        value: Buffer | None = await super().get(key, prototype, byte_range)
        name, _, chunk = key.partition("/")
        if value is None and chunk and not chunk.endswith((".json", "/")):
            now = arrays_of(read_layout(self._layout.path).document)
            if now.get(name) != arrays_of(self._layout.document).get(name):
                raise StoreError(
                    f"{self._layout.path} has grown since it was opened, and {key} is no longer "
                    "in it; open it again"
                )
        return value


def _open(layout: StoreLayout) -> xr.Dataset:
    try:
        dataset: xr.Dataset = xr.open_zarr(_Current(layout), chunks=None, consolidated=True)
        status = dataset["status"].load()
        dataset["error"] = dataset["error"].copy(data=_errors(layout, status.values))
        if "realisations" not in dataset:  # format 1: all or none
            counts = np.where(status == Status.DONE, layout.realisations, 0).astype(np.int32)
            attrs = LEDGER_ARRAYS["realisations"][1]
            dataset["realisations"] = (("candidate",), counts, attrs)
    except Exception as problem:
        if (away := unreachable(layout.path, problem)) is not None:
            raise away from problem
        group = open_group(layout.path, layout.document, "r")
        for chunk in lost(layout, salvaged_ledger(layout, group)[0]):
            raise DamagedError(layout.path, chunk) from problem
        raise damaged(layout.path, "xarray cannot open it") from problem
    return dataset


def summary(path: AnyPlace, *, slowest: int = 10) -> Summary:
    """Return the progress of a study, also while it runs.

    Parameters
    ----------
    path : path or URL
    slowest : int
        Number of the slowest candidates to name.

    Returns
    -------
    Summary

    Raises
    ------
    StoreError
        If there is no whole store of matsweep.
    """
    path = place_of(path)
    read_layout(path)
    parts = _read_staged(path)  # before the arrays: parts folded meanwhile are in those
    layout = read_layout(path)
    group = open_group(path, layout.document, "r")
    status, counts = salvaged_ledger(layout, group)
    harmed = lost(layout, status)
    if harmed and read_layout(path).document != layout.document:
        harmed = []  # it grew meanwhile, and its chunks have other names now
    again = gone(layout, [c for c in harmed if c.array in {*layout.variables, *LEDGER}], status)
    status[again] = counts[again] = 0
    seconds = np.full(layout.total, np.nan, np.float32)
    if not any(chunk.array == "seconds" for chunk in harmed):
        seconds = read_array(path, group, "seconds")
    errors: dict[int, str] = {}
    for part in parts:
        better = part.beats(status, counts)
        at = part.positions[better]
        status[at] = part.status[better]
        counts[at] = part.counts[better]
        seconds[at] = part.seconds[better]
        errors.update(
            (int(part.positions[i]), part.error[i]) for i in np.flatnonzero(better).tolist()
        )
    failed = np.flatnonzero(status == Status.FAILED)
    folded = np.array([at for at in failed.tolist() if at not in errors], dtype=np.int64)
    texts = read_rows(path, group, "error", folded)
    errors.update(zip(folded.tolist(), map(str, texts), strict=True))
    return Summary(
        total=layout.total,
        done=int(np.count_nonzero(status == Status.DONE)),
        failed=failed.size,
        pending=int(np.count_nonzero(status == Status.PENDING)),
        slowest=_slowest(np.where(status == Status.PENDING, np.nan, seconds), slowest),
        failures=tuple(by_cause((at, errors[at]) for at in failed.tolist())),
        holder=lock.holder(path),
        damaged=tuple(chunk.file for chunk in harmed),
    )


def parameters(path: AnyPlace, positions: ArrayLike) -> list[dict[str, Any]]:
    """Return the swept parameters of some candidates, without opening the results.

    Parameters
    ----------
    path : path or URL
    positions : (n,) array of int

    Returns
    -------
    list of n dict
        Values by name, in the order in which they are stored.

    Raises
    ------
    StoreError
        If there is no whole store of matsweep.
    """
    path = place_of(path)
    layout = read_layout(path)
    group = open_group(path, layout.document, "r")
    at = np.asarray(positions, dtype=np.int64)
    names = [name for name in layout.parameters if name != "candidate_id"]
    columns = [read_rows(path, group, name, at).tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _slowest(seconds: NDArray[np.floating[Any]], count: int) -> tuple[tuple[int, float], ...]:
    """Return position and time of the slowest; of equal ones the first."""
    known = np.flatnonzero(np.isfinite(seconds))
    count = min(count, known.size)
    if not count:
        return ()
    least = np.partition(seconds[known], known.size - count)[known.size - count]
    at = known[seconds[known] >= least]
    order = at[np.argsort(-seconds[at], kind="stable")][:count]
    return tuple((int(i), float(seconds[i])) for i in order)


def _fold_leftovers(path: Place) -> None:
    if not staged(path) or lock.holder(path) is not None:
        return
    try:
        open_store(path).close()
    except StoreBusy:
        return
    except StoreError as problem:
        _log.warning("%d staged parts are not shown: %s", len(staged(path)), problem)


def _read_staged(path: Place) -> list[Part]:
    parts = []
    for file in staged(path):
        try:
            parts.append(decode(file.read_bytes(), values=False))
        except (FileNotFoundError, ValueError):  # folded meanwhile; damaged: counted pending
            continue
    return parts
