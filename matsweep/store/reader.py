"""Reading of a store: its Dataset, its attrs and its progress."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import xarray as xr
import zarr
from numpy.typing import ArrayLike, NDArray

from matsweep.core.causes import Failure, by_cause
from matsweep.core.checks import one_of
from matsweep.core.printing import counted
from matsweep.store import lock
from matsweep.store.arrays import open_group, read_array, read_ledger, read_rows
from matsweep.store.chunks import ChunkStore
from matsweep.store.damage import (
    gone,
    lost,
    named,
    salvaged_ledger,
    spoilt_coordinates,
    unreadable,
)
from matsweep.store.disk import AnyPlace, Place, place_of, unreachable
from matsweep.store.errors import StoreBusy, StoreError
from matsweep.store.errors import damaged as damaged_store
from matsweep.store.layout import Chunk, DamagedError, StoreLayout, read_layout
from matsweep.store.lock import Holder
from matsweep.store.parts import Part, Status, read_part, staged
from matsweep.store.schema import LEDGER_ARRAYS
from matsweep.store.writer import open_store

_MOST_LOST = 1000  # chunks that are named; a store that lacks more is not worth a list
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
        Files that are missing or truncated, or of coordinates and changed.
    beyond_repair : tuple of str
        Those of coordinates, which no run brings back; the study run again computes the others.
    """

    total: int
    done: int
    failed: int
    pending: int
    slowest: tuple[tuple[int, float], ...]
    failures: tuple[Failure, ...]
    holder: Holder | None
    damaged: tuple[str, ...] = ()
    beyond_repair: tuple[str, ...] = ()


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


def open_results(path: AnyPlace, *, damaged: Literal["refuse", "skip"] = "refuse") -> xr.Dataset:
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
    damaged : {"refuse", "skip"}
        What is done about damaged chunks. "skip" reads all chunks, and shows the candidates of
        damaged ones as pending, with a warning; the others are whole.

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
        checksum, when it is read.) With "skip", if metadata or a coordinate are damaged.
    """
    path = place_of(path)
    skip = one_of("damaged", damaged, ("refuse", "skip")) == "skip"
    read_layout(path)
    _fold_leftovers(path)
    tries = iter(range(_TRIES))
    while True:
        layout = read_layout(path)
        last = next(tries, None) is None
        try:
            dataset = _open(layout, _damaged_chunks(layout) if skip else ())
        except StoreError:
            if last or read_layout(path).document == layout.document:
                raise
            continue
        if last or read_layout(path).document == layout.document:  # else it grew meanwhile
            dataset.encoding["source"] = str(path)  # as xarray does for files
            return dataset


def outline(path: AnyPlace) -> xr.Dataset:
    """Open coordinates and names of a study's results, whatever chunks of variables are damaged.

    For a run that computes these again. What is damaged is noticed when it is read.

    Parameters
    ----------
    path : path or URL

    Returns
    -------
    xarray.Dataset
        Lazy, without repairs, and without checks of outcomes.

    Raises
    ------
    StoreError
        If there is no store of matsweep, or a coordinate of a dim is damaged.
    """
    return _view(read_layout(place_of(path)), ())


def _view(layout: StoreLayout, skipped: Sequence[str]) -> xr.Dataset:
    """Open a store by xarray."""
    store = ChunkStore(layout, read_only=True, skipped=skipped)
    try:
        dataset: xr.Dataset = xr.open_zarr(store, chunks=None, consolidated=True)
    except StoreError:
        raise
    except Exception as problem:
        raise damaged_store(layout.path, "xarray cannot open it") from problem
    if not np.array_equal(dataset["candidate"].values, np.arange(layout.total)):
        raise damaged_store(layout.path, "array 'candidate' is not 0 … N-1")
    return dataset


def _damaged_chunks(layout: StoreLayout) -> Sequence[Chunk]:
    """Return all chunks that are missing, truncated or have changed; reads everything."""
    group = open_group(layout.path, layout.document, "r")
    status, _ = salvaged_ledger(layout, group)
    missing = list(islice(lost(layout, status), _MOST_LOST))
    return sorted({*missing, *unreadable(layout, group, status)})


def _errors(layout: StoreLayout, group: zarr.Group, status: NDArray[np.int8]) -> NDArray[Any]:
    """Return the errors as str objects; only chunks in which a candidate failed are read.

    As objects because xarray cannot join numpy's StringDType with NaN, as ``where`` and
    ``reindex`` do.
    """
    failed = np.flatnonzero(status == Status.FAILED).astype(np.int64)
    errors = np.full(status.size, "", dtype=object)
    errors[failed] = read_rows(layout.path, group, "error", failed).astype(object)
    return errors


def _open(layout: StoreLayout, skipped: Sequence[Chunk]) -> xr.Dataset:
    """Open a store as a Dataset; candidates of skipped chunks read pending."""
    files = [chunk.file for chunk in skipped]
    group = open_group(layout.path, layout.document, "r", skipped=files)
    status, counts = salvaged_ledger(layout, group) if skipped else read_ledger(layout, group)
    again = gone(layout, skipped, status)
    status[again] = counts[again] = 0
    # zarr would silently show missing files as NaN, 0 or "".
    if not skipped and (chunk := next(lost(layout, status), None)) is not None:
        raise DamagedError(layout, chunk)
    if spoilt := spoilt_coordinates(layout, group):
        raise DamagedError(layout, spoilt[0])
    if counts.size and int(np.abs(counts).max()) > layout.realisations:
        raise damaged_store(layout.path, "array 'realisations' holds more than there are")
    dataset = _view(layout, files)
    dataset["status"] = dataset["status"].copy(data=status)
    dataset["error"] = dataset["error"].copy(data=_errors(layout, group, status))
    if "realisations" in dataset:
        dataset["realisations"] = dataset["realisations"].copy(data=counts)
    else:  # format 1
        dataset["realisations"] = (("candidate",), counts, LEDGER_ARRAYS["realisations"][1])
    for item in dataset.variables.values():
        item.encoding.pop("compressors", None)  # a copy is compressed as xarray does by default
    if skipped:
        _log.warning(
            "%s: left out %s, whose chunks are damaged: %s",
            layout.path, counted(int(np.count_nonzero(again)), "candidate"), named(files),
        )  # fmt: skip
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
    parts = [part for part in parts if part.fits(layout.total, layout.realisations)]
    group = open_group(path, layout.document, "r")
    status, counts = salvaged_ledger(layout, group)
    harmed = list(islice(lost(layout, status), _MOST_LOST))
    if harmed and read_layout(path).document != layout.document:
        harmed = []  # it grew meanwhile, and its chunks have other names now
    again = gone(layout, [chunk for chunk in harmed if layout.computed(chunk.array)], status)
    status[again] = counts[again] = 0
    seconds = np.full(layout.total, np.nan, np.float32)
    if not any(chunk.array == "seconds" for chunk in harmed):
        seconds = read_array(path, group, "seconds")
    errors: dict[int, str] = {}
    if len(harmed) == _MOST_LOST:
        text = f"{harmed[0].file} and at least {_MOST_LOST - 1:,} other chunks are missing or cut"
        raise damaged_store(path, text)
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
    harmed += [chunk for chunk in spoilt_coordinates(layout, group) if chunk not in harmed]
    return Summary(
        total=layout.total,
        done=int(np.count_nonzero(status == Status.DONE)),
        failed=failed.size,
        pending=int(np.count_nonzero(status == Status.PENDING)),
        slowest=_slowest(np.where(status == Status.PENDING, np.nan, seconds), slowest),
        failures=tuple(by_cause((at, errors[at]) for at in failed.tolist())),
        holder=lock.holder(path),
        damaged=tuple(chunk.file for chunk in harmed),
        beyond_repair=tuple(c.file for c in harmed if not layout.computed(c.array)),
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
            parts.append(read_part(file, values=False))
        except (OSError, ValueError) as problem:  # folded meanwhile; damaged: counted pending
            if (away := unreachable(file, problem)) is not None:
                raise away from problem
    return parts
