"""Points of a full factorial, by their place in it: none is kept."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

type Point = tuple[object, ...]
"""One value for each axis."""

type Rows = npt.NDArray[np.int64]

_BLOCK = 4096  # points made at a time


class GridPoints(Sequence[Point]):
    """All combinations of the values of some axes, or some of them; the last changes fastest.

    Parameters
    ----------
    values : sequence of tuple
        Of each axis.
    rows : (point,) array of int, or None
        Their places among all combinations, ascending; None: all.
    """

    __slots__ = ("_rows", "_strides", "_values")

    def __init__(self, values: Sequence[tuple[object, ...]], rows: Rows | None = None) -> None:
        self._values = tuple(values)
        lengths = [len(each) for each in self._values]
        self._strides = [math.prod(lengths[axis + 1 :]) for axis in range(len(lengths))]
        self._rows: Rows | range = range(math.prod(lengths)) if rows is None else rows

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Point: ...

    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...

    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        """Return a point, or a list of several."""
        if isinstance(index, slice):
            return list(self._points(np.asarray(self._rows[index], dtype=np.int64)))
        row = int(self._rows[index])
        return tuple(
            values[row // stride % len(values)]
            for values, stride in zip(self._values, self._strides, strict=True)
        )

    def __eq__(self, other: object) -> bool:
        """Whether another sequence holds the same points."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __iter__(self) -> Iterator[Point]:
        """Yield the points."""
        for block in self._blocks():
            yield from self._points(block)

    @property
    def rows(self) -> Rows | range:
        """Each point's place among all combinations."""
        return self._rows

    def values(self, axis: int) -> tuple[Rows, list[object]]:
        """Return the values of an axis: which of the distinct ones each point has, and these.

        Parameters
        ----------
        axis : int

        Returns
        -------
        which : (point,) array of int
        distinct : list of object
            Those that some point has, in the axis's order.
        """
        places = self._places(axis, np.asarray(self._rows, dtype=np.int64))
        used = np.zeros(len(self._values[axis]), dtype=bool)
        used[places] = True
        which = (np.cumsum(used) - 1)[places]
        return which, [self._values[axis][place] for place in np.flatnonzero(used).tolist()]

    def distinct(self, axes: Sequence[int]) -> list[Point]:
        """Return a point for each combination of the values of some axes.

        Parameters
        ----------
        axes : sequence of int

        Returns
        -------
        list of tuple
            The first point with each, in the points' order.
        """
        rows = np.asarray(self._rows, dtype=np.int64)
        key = np.zeros(len(rows), dtype=np.int64)
        for axis in axes:
            key = key * len(self._values[axis]) + self._places(axis, rows)
        _, first = np.unique(key, return_index=True)
        return [self[index] for index in np.sort(first).tolist()]

    def kept(self, holds: Callable[[Point], bool]) -> GridPoints:
        """Return the points that meet a condition, tested a block at a time.

        Parameters
        ----------
        holds : callable

        Returns
        -------
        GridPoints
        """
        kept = [
            block[np.fromiter(map(holds, self._points(block)), dtype=bool, count=len(block))]
            for block in self._blocks()
        ]
        return GridPoints(self._values, np.concatenate([*kept, np.zeros(0, np.int64)]))

    def _blocks(self) -> Iterator[Rows]:
        """Yield the rows, some thousands at a time."""
        for start in range(0, len(self), _BLOCK):
            yield np.asarray(self._rows[start : start + _BLOCK], dtype=np.int64)

    def _points(self, rows: Rows) -> Iterator[Point]:
        """Yield the points of some rows."""
        columns = [
            [values[place] for place in self._places(axis, rows).tolist()]
            for axis, values in enumerate(self._values)
        ]
        return zip(*columns, strict=True) if columns else iter([()] * len(rows))

    def _places(self, axis: int, rows: Rows) -> Rows:
        """Index of each row's value on an axis."""
        return np.asarray(rows // self._strides[axis] % len(self._values[axis]))
