"""Writer of a store: stages every part at once and folds them into the arrays periodically."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.store.arrays import Ledger, open_group, read_ledger, read_rows, replace_rows
from matsweep.store.damage import (
    contents,
    gone,
    lost,
    named,
    replace_chunk,
    salvaged_ledger,
    size,
    unreadable,
)
from matsweep.store.disk import (
    AnyPlace,
    Place,
    names_in,
    place_of,
    set_aside,
    size_of,
    sync_directory,
    telling,
    unreachable,
)
from matsweep.store.errors import StoreError
from matsweep.store.growth import (
    Change,
    added,
    appended,
    carry_out,
    lengthened,
    settle,
    upgraded,
)
from matsweep.store.layout import (
    FORMAT,
    Chunk,
    DamagedError,
    StoreLayout,
    read_layout,
    write_attrs,
)
from matsweep.store.lock import Lock, acquire
from matsweep.store.parts import STAGED, Part, Status, merge, read_part, stage, staged, take
from matsweep.store.schema import Coordinate, Variable

_MOST_PARTS = 1000
_VERIFIED_BYTES = 2**26  # a store up to this size is read whole when opened for writing: 0.2 s
_VERIFIED_CONTENT = 2**30  # and up to this one when decompressed: 1 s
_MOST_BYTES = 2**26  # of staged parts before a fold: bounds the memory that it needs
_PART = re.compile(r"([0-9]{1,15})\.")
_log = logging.getLogger(__name__)


class Store:
    """A store open for writing; created by `open_store`, for use with ``with``.

    Parameters
    ----------
    layout : StoreLayout
    lock : Lock
        Held.
    fold_every : float, s
        Time between two folds; longer (up to six times) where a fold takes over a tenth of it.

    Attributes
    ----------
    on_fold : function (int, float) -> None, or None
        Called after each fold with the number of parts and its duration in s.
    """

    def __init__(self, layout: StoreLayout, lock: Lock, fold_every: float) -> None:
        self.path = layout.path
        self._layout = layout
        self._lock: Lock | None = lock
        self._fold_every = fold_every
        self._fold_seconds = 0.0
        self._folded_at = time.monotonic()
        self._waiting = [0, 0]  # parts, bytes
        self._next = 0
        self.on_fold: Callable[[int, float], None] | None = None
        self._group = open_group(layout.path, layout.document, "r+")
        self._status, self._counts = salvaged_ledger(self._layout, self._group)
        with self._writing():
            self._tidy_up()
            if layout.format < FORMAT:
                self._change(upgraded(layout, self._counts), {})
        self._repair(list(lost(self._layout, self._status)))
        small = contents(self._layout, self._status) <= _VERIFIED_CONTENT
        if small and size(self._layout, self._status) <= _VERIFIED_BYTES:
            self._repair(self._unread())
        self.fold()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Fold and release the lock; an error of the fold does not hide one of the body."""
        try:
            self.close()
        except StoreError as second:
            if problem is None:
                raise
            if str(second) not in str(problem):
                _log.warning("%s", second)

    def close(self) -> None:
        """Fold and release the lock. A second call does nothing.

        Raises
        ------
        StoreError
            If the fold failed; the lock is free and the parts are safe all the same.
        """
        if self._lock is None:
            return
        try:
            self.fold()
        finally:
            held, self._lock = self._lock, None
            held.release()

    def check(self) -> None:
        """Check that the store is still in its place, and this process its one writer.

        Raises
        ------
        StoreError
            If it is closed, was deleted or moved, or its lock is lost.
        """
        self._require_lock()

    def pending(
        self, target: int | NDArray[np.integer[Any]] | None = None, retry_failed: bool = False
    ) -> NDArray[np.int64]:
        """Return the positions still to compute, in order.

        Parameters
        ----------
        target : int or (candidate,) array of int, optional
            Include candidates done with fewer realisations than this.
        retry_failed : bool
            Include candidates that failed.

        Returns
        -------
        (n,) array of int64
        """
        wanted = self._status == Status.PENDING
        if target is not None:
            wanted |= (self._status == Status.DONE) & (self._counts < np.asarray(target))
        if retry_failed:
            wanted |= self._status == Status.FAILED
        return np.flatnonzero(wanted).astype(np.int64)

    def write(self, part: Part) -> None:
        """Write a part: when this returns, no kill and no power cut can lose it.

        A candidate that is done stays as it is unless the new outcome has more realisations;
        otherwise the new one is dropped. One that failed takes the new outcome.

        Parameters
        ----------
        part : Part

        Raises
        ------
        StoreError
            If the part does not fit the store, or the disk is full: then free space and go on;
            nothing written before is lost.
        """
        self._require_lock()
        part = self._fitted(part)
        if not part.positions.size:
            return
        with self._writing():
            size = stage(part, self.path, self._next)
        self._next += 1
        self._waiting = [self._waiting[0] + 1, self._waiting[1] + size]
        self._note(part)
        if self._fold_is_due():
            self.fold()

    def fold(self) -> None:
        """Move all staged parts into the arrays, then delete them.

        Idempotent, and safe to be killed anywhere: the parts are deleted after everything is on
        the disk, and ``status`` is written after everything it vouches for.

        Raises
        ------
        StoreError
            If the disk is full or an array is damaged; the parts stay staged.
        """
        self._require_lock()
        started = time.monotonic()
        aside, count = False, 0
        for batch in _batches(staged(self.path)):
            parts = [part for file in batch if (part := self._load(file)) is not None]
            aside |= len(parts) < len(batch)
            count += len(parts)
            for part in parts:
                self._note(part)
            with self._writing():
                if parts:
                    self._write_arrays(parts)
                self._delete(batch)
        if aside:
            self._status, self._counts = self._folded()
        self._waiting = [0, 0]
        self._folded_at = time.monotonic()
        self._fold_seconds = self._folded_at - started
        if count and self.on_fold:
            self.on_fold(count, self._fold_seconds)

    def read(
        self, names: Sequence[str], positions: NDArray[np.integer[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Return some candidates' rows of some arrays, including all parts written so far.

        Parameters
        ----------
        names : sequence of str
            Variables, coordinates along ``candidate``, or parts of the ledger (``status``,
            ``realisations``, ``seconds``, ``error``).
        positions : (n,) array of int
            In any order.

        Returns
        -------
        dict of str to (n, …) array
            ``error`` as str objects.

        Raises
        ------
        StoreError
            If the store has no such name or position, or an array is damaged.
        """
        at = np.asarray(positions, dtype=np.int64)
        along = [name for name, dims in self._layout.dims.items() if dims[0] == "candidate"]
        if unknown := sorted(set(names) - set(along)):
            raise StoreError(f"{self.path} has no {unknown} along candidate; it has {along}")
        if at.size and not 0 <= at.min() <= at.max() < self._layout.total:
            raise StoreError(
                f"positions to read must be from 0 to {self._layout.total - 1}, got {at.min()} "
                f"to {at.max()}"
            )
        self.fold()
        rows = {name: read_rows(self.path, self._group, name, at) for name in names}
        return {
            name: value.astype(object) if value.dtype.kind == "T" else value
            for name, value in rows.items()
        }

    def verify(self) -> tuple[str, ...]:
        """Read every chunk, and make the candidates of damaged chunks pending again.

        Missing and truncated chunks are noticed whenever the store is opened for writing, and in
        a store of up to 64 MiB wrong content too. This finds wrong content in a store of any size,
        in about 1 s for 1 GB.

        Returns
        -------
        tuple of str
            The damaged files, below the store.

        Raises
        ------
        StoreError
            If a coordinate is damaged, which no run brings back, or the disk is full.
        """
        self.fold()
        damaged = self._unread()
        self._repair(damaged)
        return tuple(chunk.file for chunk in damaged)

    def append(
        self, coordinates: Mapping[str, ArrayLike], *, attrs: Mapping[str, Any] | None = None
    ) -> NDArray[np.int64]:
        """Append candidates, pending; all or none of them.

        A column takes the type that holds old and new values: longer texts, int64 and float64
        as float64, and booleans or numbers with texts as text.

        Parameters
        ----------
        coordinates : mapping of name to (n,) array
            A value for every coordinate along ``candidate`` (but ``candidate`` itself).
        attrs : mapping, optional
            Merged into the root attrs in the same moment.

        Returns
        -------
        (n,) array of int64
            Their positions.

        Raises
        ------
        StoreError
            If a coordinate is missing or unknown, lengths differ, or the disk is full: then the
            store is as it was.
        """
        total = self._layout.total
        count, changes = appended(self._layout, self._group, coordinates)
        if count or attrs:
            self._grow(changes, attrs)
        return np.arange(total, total + count, dtype=np.int64)

    def lengthen(
        self, dim: str, values: ArrayLike, *, attrs: Mapping[str, Any] | None = None
    ) -> None:
        """Lengthen an inner dim, such as ``realisation`` or ``epoch``; all or nothing.

        Every array along it is rewritten (about a second for 200 MB). Done candidates stay done,
        with NaN at the new places.

        Parameters
        ----------
        dim : str
        values : (n,) array
            All of its coordinate: the old values first, and more behind them.
        attrs : mapping, optional
            Merged into the root attrs in the same moment.

        Raises
        ------
        StoreError
            If there is no such dim, the old values are not the first, or the disk is full: then
            the store is as it was.
        """
        self._grow(lengthened(self._layout, self._group, dim, values), attrs)

    def add(
        self,
        variables: Sequence[Variable],
        *,
        coordinates: Mapping[str, Coordinate] | None = None,
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        """Add variables, NaN everywhere, and the inner dims that these bring; all or none.

        Parameters
        ----------
        variables : sequence of Variable
        coordinates : mapping of str to Coordinate, optional
            Of inner dims that the store does not have yet, by name.
        attrs : mapping, optional
            Merged into the root attrs in the same moment.

        Raises
        ------
        StoreError
            If a name is taken, a dim does not exist, or the disk is full: then the store is as it
            was.
        """
        self._grow(added(self._layout, variables, coordinates), attrs)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of every array, by its name."""
        return self._layout.shapes

    def reopen(self) -> None:
        """Count every done candidate as short of new variables, until it is written again.

        Its values stay and remain visible: only `realisations` turns negative.
        """
        self.fold()
        self._counts = -np.abs(self._counts)
        with self._writing():
            every = np.arange(self._layout.total, dtype=np.int64)
            replace_rows(self._layout, self._group, "realisations", every, self._counts)

    def update_attrs(self, attrs: Mapping[str, Any]) -> None:
        """Merge attrs (JSON) into the root attrs, whole or not at all.

        Parameters
        ----------
        attrs : mapping
            JSON.

        Raises
        ------
        StoreError
            If they are not JSON, take a reserved name, or the disk is full.
        """
        self._require_lock()
        with self._writing():
            write_attrs(self.path, attrs)
        self._take(read_layout(self.path))

    def _grow(self, changes: Mapping[str, Change], attrs: Mapping[str, Any] | None) -> None:
        self.fold()  # so that no staged part has the old shapes
        with self._writing():
            self._change(changes, attrs or {})
        more = self._layout.total - self._status.size
        self._status = np.append(self._status, np.zeros(more, np.int8))
        self._counts = np.append(self._counts, np.zeros(more, np.int32))

    def _change(self, changes: Mapping[str, Change], attrs: Mapping[str, Any]) -> None:
        try:
            carry_out(self._layout, self._group, changes, self._status, attrs)
        finally:
            self._take(read_layout(self.path))  # an error may have come after `publish`

    def _take(self, layout: StoreLayout) -> None:
        self._layout = layout
        self._group = open_group(self.path, layout.document, "r+")

    def _write_arrays(self, parts: Sequence[Part]) -> None:
        """Write parts into the arrays; a damaged chunk on the way is repaired first."""
        while True:
            try:
                self._write_merged(merge(parts))
                return
            except DamagedError as problem:
                self._repair([problem.chunk])
                for part in parts:
                    self._note(part)

    def _write_merged(self, part: Part) -> None:
        part = take(part, part.beats(*self._folded()))
        if not part.positions.size:
            return
        ledger = {
            "error": np.array(part.error, dtype=np.dtypes.StringDType()),
            "seconds": part.seconds,
            "realisations": part.counts,
            "status": part.status,
        }
        for name, values in {**part.values, **ledger}.items():
            replace_rows(self._layout, self._group, name, part.positions, values)

    def _repair(self, chunks: Sequence[Chunk]) -> None:
        """Make the candidates of damaged chunks pending (``status`` first); rewrite the chunks."""
        if not chunks:
            return
        layout, group = self._layout, self._group
        status, counts = salvaged_ledger(layout, group)
        again = gone(layout, chunks, status)
        _log.warning(
            "%s: %s %s missing, truncated or changed; %d candidates are pending again",
            layout.path,
            named([chunk.file for chunk in chunks]),
            "was" if len(chunks) == 1 else "were",
            np.count_nonzero(again),
        )
        status[again] = counts[again] = 0
        self._status[again] = self._counts[again] = 0
        with self._writing():
            for name, values in (("status", status), ("realisations", counts)):
                for number in range(len(layout.chunk_names(name))):
                    chunk = layout.chunk(name, number)
                    if chunk in chunks or again[layout.rows(chunk)].any():
                        replace_chunk(layout, group, chunk, values[layout.rows(chunk)])
            for chunk in chunks:
                if chunk.array not in ("status", "realisations"):
                    replace_chunk(layout, group, chunk, None)

    def _unread(self) -> list[Chunk]:
        return unreadable(self._layout, self._group, self._status)

    def _folded(self) -> Ledger:
        return read_ledger(self._layout, self._group)

    def _note(self, part: Part) -> None:
        """Count a part that is on the disk."""
        better = part.beats(self._status, self._counts)
        at = part.positions[better]
        self._status[at] = part.status[better]
        self._counts[at] = part.counts[better]

    def _load(self, file: Place) -> Part | None:
        try:
            return self._fitted(read_part(file))
        except (OSError, ValueError) as problem:
            if (away := unreachable(file, problem)) is not None:
                raise away from problem
            aside = set_aside(file, f"{file.stem}.damaged")
            _log.warning(
                "a staged part is damaged (%s); set aside as %s, its candidates are pending again",
                problem,
                aside,
            )
            return None

    def _delete(self, files: list[Place]) -> None:
        for file in files:
            file.unlink(missing_ok=True)  # oldest first; a damaged one has another name now
        sync_directory(self.path / STAGED)

    def _fitted(self, part: Part) -> Part:
        """Return the part with every variable in shape, and NaN where there is no outcome."""
        if part.positions.size and part.positions.max() >= self._layout.total:
            raise StoreError(
                f"position {part.positions.max()} of a part must be < {self._layout.total}, the "
                f"number of candidates in {self.path}"
            )
        if unknown := sorted(set(part.values) - set(self._layout.variables)):
            raise StoreError(f"a part holds {unknown}, which {self.path} has no variables for")
        room = self._layout.realisations
        counts = part.counts if part.realisations is not None else part.done * room
        if counts.size and counts.max() > room:
            raise StoreError(f"realisations of a part must be <= {room}, got {counts.max()}")
        values = {name: self._fitted_values(name, part, counts) for name in self._layout.variables}
        return replace(part, values=values, realisations=counts)

    def _fitted_values(
        self, name: str, part: Part, counts: NDArray[np.integer[Any]]
    ) -> NDArray[Any]:
        shape = (part.positions.size, *self._layout.shapes[name][1:])
        fitted = np.full(shape, np.nan, self._layout.variables[name])
        if name not in part.values and not part.done.any():
            return fitted
        dims = self._layout.dims[name]
        axis = dims.index("realisation") if "realisation" in dims else None
        came = part.values[name].shape if name in part.values else None
        least = list(shape)
        if axis is not None and came is not None and len(came) == len(shape):
            least[axis] = max(min(came[axis], shape[axis]), int(counts.max(initial=0)))
        if came != tuple(least):
            raise StoreError(f"{name} of a part must have shape {shape}, got {came or 'nothing'}")
        fitted[tuple(slice(size) for size in came)] = part.values[name]
        fitted[~part.done] = np.nan
        if axis is not None:
            behind = np.arange(shape[axis]) >= counts[:, None]
            np.moveaxis(fitted, axis, 1)[behind] = np.nan
        return fitted

    def _fold_is_due(self) -> bool:
        wait = max(self._fold_every, min(10 * self._fold_seconds, 6 * self._fold_every))
        late = time.monotonic() - self._folded_at >= wait
        return late or self._waiting[0] >= _MOST_PARTS or self._waiting[1] >= _MOST_BYTES

    def _safe(self) -> int:
        return int(np.count_nonzero(self._status))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn an error of the disk into one line; one of a store that is gone says so."""
        try:
            with telling(self.path, "write to", self._safe()):
                yield
        except StoreError:
            self._require_lock()
            raise

    def _require_lock(self) -> None:
        if self._lock is None:
            raise StoreError(f"{self.path} is closed; open it again with open_store")
        self._lock.check()

    def _tidy_up(self) -> None:
        """Remove half-written files of a killed run, and continue the numbering of parts."""
        directory = self.path / STAGED
        directory.mkdir(exist_ok=True)
        names = names_in(directory)
        for name in names:
            if name.endswith(".partial"):
                (directory / name).unlink()
        numbers = [int(found[1]) for name in names if (found := _PART.match(name))]
        self._next = max(numbers, default=-1) + 1
        settle(self._layout)


def open_store(path: AnyPlace, *, fold_every: float = 10.0) -> Store:
    """Open a store for writing, exclusively: take its lock and fold what a killed run left.

    Parameters
    ----------
    path : path or URL
    fold_every : float, s
        Time between two folds; inf leaves it to `Store.fold`, the number of parts and closing.

    Returns
    -------
    Store

    Raises
    ------
    StoreBusy
        If another process, or another `Store` of this one, writes it.
    StoreError
        If there is no whole store of matsweep that can be written.
    """
    path = place_of(path)
    read_layout(path)  # a wrong path raises here, and gets no lock file
    held = acquire(path)
    try:
        return Store(read_layout(path), held, fold_every)
    except BaseException:
        held.release()
        raise


def _batches(files: list[Place]) -> Iterator[list[Place]]:
    """Yield the files in order, in batches of bounded memory."""
    batch: list[Place] = []
    size = 0
    for file in files:
        batch.append(file)
        size += size_of(file)
        if size >= 2 * _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
