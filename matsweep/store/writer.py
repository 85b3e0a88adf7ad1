"""The one writer of a store: stage every part at once, fold them into the arrays now and then."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from matsweep.store import lock
from matsweep.store.arrays import open_group, read_status, replace_rows
from matsweep.store.disk import StoreError, sync_directory, telling
from matsweep.store.layout import Layout, read_layout, write_attrs
from matsweep.store.parts import STAGED, Part, Status, decode, merge, stage, staged, take

_MOST_PARTS = 1000
_MOST_BYTES = 2**27  # of staged parts before a fold: bounds the memory that it needs
_log = logging.getLogger(__name__)


class Store:
    """A store open for writing; made by `open_store`, to be used with ``with``.

    Parameters
    ----------
    layout : Layout
    descriptor : int
        The lock, taken.
    fold_every : float, s
        Between two folds; longer (up to six times) where folding takes over a tenth of it.
    """

    def __init__(self, layout: Layout, descriptor: int, fold_every: float) -> None:
        self.path = layout.path
        self._layout = layout
        self._lock: int | None = descriptor
        self._fold_every = fold_every
        self._fold_seconds = 0.0
        self._folded_at = time.monotonic()
        self._waiting = [0, 0]  # parts, bytes
        self._next = 0
        self._group = open_group(layout.path, "r+")
        self._status = read_status(layout.path, self._group)
        with telling(self.path, "write to", self._safe()):
            self._tidy_up()
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
        """Fold and give the lock back; an error of the body is not hidden by one of the fold."""
        try:
            self.close()
        except StoreError as second:
            if problem is None:
                raise
            if str(second) != str(problem):
                _log.warning("%s", second)

    def close(self) -> None:
        """Fold and give the lock back. A second call does nothing.

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
            descriptor, self._lock = self._lock, None
            lock.release(descriptor)

    def pending(self, retry_failed: bool = False) -> NDArray[np.int64]:
        """Return the positions still to compute, in order.

        Parameters
        ----------
        retry_failed : bool
            Count those that failed too.
        """
        wanted = self._status == Status.PENDING
        if retry_failed:
            wanted |= self._status == Status.FAILED
        return np.flatnonzero(wanted).astype(np.int64)

    def write(self, part: Part) -> None:
        """Keep a part: when this returns, no kill and no power cut can lose it.

        A candidate that is done stays as it is: a second outcome for it is dropped. One that
        failed takes the new outcome.

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
        with telling(self.path, "write to", self._safe()):
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
        lost = False
        for batch in _batches(staged(self.path)):
            parts = [part for file in batch if (part := self._load(file)) is not None]
            lost |= len(parts) < len(batch)
            for part in parts:
                self._note(part)
            with telling(self.path, "write to", self._safe()):
                if parts:
                    self._write_arrays(merge(parts))
                self._delete(batch)
        if lost:
            self._status = read_status(self.path, self._group)
        self._waiting = [0, 0]
        self._folded_at = time.monotonic()
        self._fold_seconds = self._folded_at - started

    def update_attrs(self, attrs: Mapping[str, Any]) -> None:
        """Merge attrs (JSON) into the root attrs, whole or not at all.

        Raises
        ------
        StoreError
            If they are not JSON, take a name of the store's own, or the disk is full.
        """
        self._require_lock()
        with telling(self.path, "write to", self._safe()):
            write_attrs(self.path, attrs)

    def _write_arrays(self, part: Part) -> None:
        status = read_status(self.path, self._group)
        part = take(part, status[part.positions] != Status.DONE)
        if not part.positions.size:
            return
        errors = np.array(part.error, dtype=np.dtypes.StringDType())
        ledger = {"error": errors, "seconds": part.seconds, "status": part.status}
        for name, values in {**part.values, **ledger}.items():
            replace_rows(self.path, self._group, name, part.positions, values)

    def _note(self, part: Part) -> None:
        """Count a part that is on the disk."""
        open_ones = self._status[part.positions] != Status.DONE
        self._status[part.positions[open_ones]] = part.status[open_ones]

    def _load(self, file: Path) -> Part | None:
        try:
            return self._fitted(decode(file.read_bytes()))
        except ValueError as problem:
            aside = file.with_suffix(".damaged")
            os.replace(file, aside)
            _log.warning(
                "a staged part is damaged (%s); set aside as %s, its candidates are pending again",
                problem,
                aside,
            )
            return None

    def _delete(self, files: list[Path]) -> None:
        for file in files:
            file.unlink(missing_ok=True)  # oldest first; a damaged one has another name now
        sync_directory(self.path / STAGED)

    def _fitted(self, part: Part) -> Part:
        """Return the part with every variable in shape, and NaN where a candidate failed."""
        if part.positions.size and part.positions.max() >= self._layout.total:
            raise StoreError(
                f"position {part.positions.max()} of a part must be < {self._layout.total}, the "
                f"number of candidates in {self.path}"
            )
        failed = part.status == Status.FAILED
        values: dict[str, NDArray[Any]] = {}
        for name, dtype in self._layout.variables.items():
            shape = (part.positions.size, *self._layout.shapes[name][1:])
            if name not in part.values and failed.all():
                values[name] = np.full(shape, np.nan, dtype)
                continue
            if name not in part.values or part.values[name].shape != shape:
                came = part.values[name].shape if name in part.values else "nothing"
                raise StoreError(f"{name} of a part must have shape {shape}, got {came}")
            values[name] = part.values[name].astype(dtype)
            values[name][failed] = np.nan
        if unknown := sorted(set(part.values) - set(values)):
            raise StoreError(f"a part holds {unknown}, which {self.path} has no variables for")
        return Part(
            positions=part.positions,
            status=part.status,
            error=part.error,
            seconds=part.seconds,
            values=values,
        )

    def _fold_is_due(self) -> bool:
        wait = max(self._fold_every, min(10 * self._fold_seconds, 6 * self._fold_every))
        late = time.monotonic() - self._folded_at >= wait
        return late or self._waiting[0] >= _MOST_PARTS or self._waiting[1] >= _MOST_BYTES

    def _safe(self) -> int:
        return int(np.count_nonzero(self._status))

    def _require_lock(self) -> None:
        if self._lock is None:
            raise StoreError(f"{self.path} is closed; open it again with open_store")

    def _tidy_up(self) -> None:
        """Remove what a kill left half written, and number on after what is there."""
        directory = self.path / STAGED
        directory.mkdir(exist_ok=True)
        for file in directory.glob("*.partial"):
            file.unlink()
        numbers = [int(file.stem) for file in directory.iterdir() if file.stem.isdigit()]
        self._next = max(numbers, default=-1) + 1


def open_store(path: str | os.PathLike[str], *, fold_every: float = 10.0) -> Store:
    """Open a store for writing, alone: take its lock and fold what a killed run left.

    Parameters
    ----------
    path : path
    fold_every : float, s
        Time between two folds; inf leaves it to `Store.fold`, the number of parts and closing.

    Raises
    ------
    StoreBusy
        If another process, or another `Store` of this one, writes it.
    StoreError
        If there is no whole store of matsweep that can be written.
    """
    path = Path(path)
    read_layout(path)  # a wrong path is told as such, and gets no lock file
    descriptor = lock.acquire(path)
    try:
        return Store(read_layout(path), descriptor, fold_every)
    except BaseException:
        lock.release(descriptor)
        raise


def _batches(files: list[Path]) -> Iterator[list[Path]]:
    """Yield the files in order, in lots of bounded memory."""
    batch: list[Path] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.stat().st_size
        if size >= 2 * _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
