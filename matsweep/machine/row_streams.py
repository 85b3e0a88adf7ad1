"""Random numbers that belong to rows: to the samples and positions of a product of windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import Streams


class RowStreams(Streams):
    """Random streams of one realisation in which each row of a product has its own numbers.

    Row r of any array that is drawn has the numbers of row ``first + r``, however many rows are
    computed together.

    Parameters
    ----------
    keys : (1, 2) array of uint64
        Of one realisation, see `Streams`.
    call : int
        Number of the product of these rows, < 2^32.
    first : int
        Number of the first row, < 2^64.
    path : tuple of str
        Purposes that led to these streams, outermost first.
    """

    def __init__(
        self, keys: npt.NDArray[np.uint64], *, call: int, first: int, path: tuple[str, ...] = ()
    ) -> None:
        super().__init__(keys, path)
        self._call, self._first = call, first
        self._inner: dict[str, RowStreams] = {}

    def at(self, purpose: str) -> RowStreams:
        """Return the streams of a purpose for the same rows.

        Parameters
        ----------
        purpose : str

        Returns
        -------
        RowStreams
        """
        if purpose not in self._inner:
            self._inner[purpose] = RowStreams(
                self._root, call=self._call, first=self._first, path=(*self._path, purpose)
            )
        return self._inner[purpose]

    def next(self) -> NoReturn:
        """Refuse streams for one use: rows have their own numbers in one product alone.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError("streams of rows have no next use: number products by `call`")

    def _draw(
        self, fill: Callable[..., None], size: tuple[int, ...], dtype: npt.DTypeLike
    ) -> npt.NDArray[Any]:
        """Fill an array (1, row, …), four numbers of a row a count.

        The counter's words are the count, the row's lower and upper half, and the call; the last
        two are combined with the key's half.
        """
        from matsweep.machine.kernels.rows import OF_ROWS

        if size[0] != 1:
            raise ValueError(f"the first axis must be one realisation, got {size}")
        rows, numbers = size[1], math.prod(size[2:])
        counts = -(-numbers // 4)
        out = np.empty((rows, 4, counts), dtype)
        [(key, high)] = self._keys
        first, call = np.uint64(self._first), np.uint64(self._call)
        OF_ROWS[fill](first, np.uint64(self._counter), call, high, key, out)
        self._counter += counts
        return out.reshape(rows, -1)[:, :numbers].reshape(size)
