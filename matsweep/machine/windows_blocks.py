"""Products of windows in blocks of explicit rows, for every kind of tile and converter.

A row is one input vector: row ``sample * positions + position``. Blocks begin at multiples of their
size, which depends on shapes only, and are always computed whole, so that each row's product has
the same bits whatever samples are computed together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.crossbar import DAC
from matsweep.machine.aged import AgedDevices
from matsweep.machine.mapped import Mapped
from matsweep.machine.product import on_rows
from matsweep.machine.row_streams import RowStreams
from matsweep.machine.windows import Windows, beyond

_BYTES = 2**23  # of the voltages of a block
_LARGEST = 512  # rows of a block: more do not pay, as its arrays leave the cache
_LEAST = 32


class Block(NamedTuple):
    """Some rows of windows.

    Parameters
    ----------
    first : int
        Number of the block's first row: a multiple of its size, which may lie before the windows.
    rows : slice
        Rows of the windows that are in the block, counted from those of their first sample.
    place : slice
        The same rows, counted from the block's first.
    """

    first: int
    rows: slice
    place: slice


def blocks(rows: int, first: int, size: int) -> Iterator[Block]:
    """Yield the blocks that hold some rows.

    Parameters
    ----------
    rows : int
    first : int
        Number of the first row.
    size : int
        Of a block.

    Yields
    ------
    Block
    """
    for begin in range(first - first % size, first + rows, size):
        low, high = max(begin, first), min(begin + size, first + rows)
        yield Block(begin, slice(low - first, high - first), slice(low - begin, high - begin))


class Driven:
    """Row voltages of windows: converted once for each value, and gathered for blocks of rows.

    Values of the samples of the last block are kept.

    Parameters
    ----------
    windows : Windows
    mapped : Mapped
    dac : DAC

    Raises
    ------
    ValueError
        If an input vector leaves the values of its sample.
    """

    def __init__(self, windows: Windows, mapped: Mapped, dac: DAC) -> None:
        starts, offsets = windows.starts, windows.offsets
        last = starts.max() + offsets.max()
        if starts.min() + offsets.min() < 0 or last >= windows.values.shape[1]:
            raise beyond(windows)
        self._windows, self._mapped, self._dac = windows, mapped, dac
        self._samples = range(0)
        self._converted: FloatArray = np.zeros((0, 0, 0))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._windows.samples * self._windows.positions

    @property
    def block_rows(self) -> int:
        """Number of rows of a block, a power of two: bounded memory, by shapes alone."""
        plan = self._mapped.layout
        cycles = self._dac.cycles(signed=self._mapped.scale.signed)
        fits = _BYTES // (4 * plan.row_tiles * plan.tile_inputs * plan.cells * cycles)
        return int(min(max(1 << max(fits, 1).bit_length() - 1, _LEAST), _LARGEST))

    def voltages(self, rows: slice) -> FloatArray:
        """Return the voltages of some rows.

        Parameters
        ----------
        rows : slice

        Returns
        -------
        (cycle, row, input) array, in read voltages
        """
        windows, scale = self._windows, self._mapped.scale
        sample, position = np.divmod(np.arange(rows.start, rows.stop), windows.positions)
        samples = range(sample[0], sample[-1] + 1)
        if samples != self._samples:
            dtype = self._mapped.matrix.weight.dtype
            values = windows.values[samples.start : samples.stop].astype(dtype, copy=False)
            converted = self._dac.convert(values, scale.input, signed=scale.signed)
            self._converted = self._dac.apply(converted, signed=scale.signed)
            self._samples = samples
        places = windows.starts[position, None] + windows.offsets
        return np.asarray(self._converted[:, sample[:, None] - samples.start, places])


def multiplied(
    aged: AgedDevices, windows: Windows, *, call: int, first: int, keys: npt.NDArray[np.uint64]
) -> tuple[FloatArray, int]:
    """Multiply windows by the matrix of one realisation, block by block.

    Parameters
    ----------
    aged : AgedDevices
        Of one realisation.
    windows : Windows
    call : int
    first : int
        Number of the first row.
    keys : (1, 2) array of uint64
        Of the random numbers.

    Returns
    -------
    values : (row, output) float32 array
    saturated : int
        Conversions that saturated.
    """
    mapped, hardware = aged.mapped, aged.hardware
    plan = mapped.layout
    driven = Driven(windows, mapped, hardware.dac)
    rows, size = driven.rows, driven.block_rows
    each = mapped.conversions(hardware)  # of a row
    values = np.empty((rows, plan.outputs), np.float32)
    saturated = 0
    for block in blocks(rows, first, size):
        # Rows that the windows do not have are not numbers, and each of their conversions counts
        # as a saturated one.
        some = driven.voltages(block.rows)
        volts = np.full((some.shape[0], size, windows.inputs), np.nan, some.dtype)
        volts[:, block.place] = some
        voltage = on_rows(volts, plan)
        missing = size - some.shape[1]
        product = aged.read(voltage, rng=RowStreams(keys, call=call, first=block.first))
        values[block.rows] = product.values[0, block.place]
        saturated += round(float(product.saturated[0]) * size * each) - missing * each
    return values, saturated
