"""Products of windows in blocks of explicit rows, for every kind of tile and converter.

A row is one input vector: row ``sample * positions + position``. Blocks begin at multiples of their
size, which depends on shapes only, and are always computed whole, so that each row's product has
the same bits whatever samples are computed together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.crossbar import sequence
from matsweep.machine.product import Wired, multiply
from matsweep.machine.row_streams import RowStreams
from matsweep.machine.windows import Windows

if TYPE_CHECKING:
    from matsweep.machine.programmed import AgedMatrix

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


def block_rows(inputs: int, cycles: int) -> int:
    """Return the number of rows of a block: bounded memory, by shapes alone.

    Parameters
    ----------
    inputs : int
        Rows of all tiles.
    cycles : int
        Voltages that carry an input, one after the other.

    Returns
    -------
    int
        A power of two.
    """
    fits = _BYTES // (4 * inputs * cycles)
    return int(min(max(1 << max(fits, 1).bit_length() - 1, _LEAST), _LARGEST))


def gathered(windows: Windows, rows: slice) -> FloatArray:
    """Copy some rows of windows.

    Parameters
    ----------
    windows : Windows
    rows : slice

    Returns
    -------
    (row, input) array
    """
    sample, position = np.divmod(np.arange(rows.start, rows.stop), windows.positions)
    return np.asarray(
        windows.values[sample[:, None], windows.starts[position, None] + windows.offsets]
    )


def of_realisation(aged: AgedMatrix, realisation: int) -> AgedMatrix:
    """Return the matrix of one realisation alone, without a copy of its devices.

    Its purpose are products and powers: it cannot be aged to another time.

    Parameters
    ----------
    aged : AgedMatrix
    realisation : int

    Returns
    -------
    AgedMatrix
    """
    one = slice(realisation, realisation + 1)
    own = aged.programmed
    errors = own.errors._replace(
        gain=None if own.errors.gain is None else own.errors.gain[one],
        offset=None if own.errors.offset is None else own.errors.offset[one],
    )
    programmed = dataclasses.replace(
        own, conductance=own.conductance[one], errors=errors, gain=own.gain[one],
        first=None if own.first is None else own.first[one],
    )  # fmt: skip
    drivers = aged.seen.drivers
    seen = Wired(aged.seen.conductance[one], None if drivers is None else drivers[one])
    return type(aged)(programmed, aged.time, aged.conductance[one], seen)


def multiplied(
    aged: AgedMatrix, windows: Windows, *, call: int, first: int, keys: npt.NDArray[np.uint64]
) -> tuple[FloatArray, int]:
    """Multiply windows by the matrix of one realisation, block by block.

    Parameters
    ----------
    aged : AgedMatrix
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
    programmed = aged.programmed
    mapped, hardware = programmed.mapped, programmed.hardware
    plan = mapped.layout
    cycles = hardware.dac.cycles(signed=mapped.scale.signed)
    size = block_rows(plan.row_tiles * plan.tile_inputs * plan.cells, cycles)
    each = mapped.conversions(hardware)  # of a row
    rows = windows.samples * windows.positions
    values = np.empty((rows, plan.outputs), np.float32)
    saturated = 0
    for block in blocks(rows, first, size):
        x = np.zeros((size, windows.inputs), mapped.matrix.weight.dtype)
        x[block.place] = gathered(windows, block.rows)
        voltage = np.ascontiguousarray(mapped.voltages(x, hardware.dac))
        beyond = np.ones(size, bool)
        beyond[block.place] = False
        # Rows that the windows do not have are not numbers, and each of their conversions counts
        # as a saturated one.
        voltage[..., beyond, :] = np.nan
        product = multiply(
            voltage, aged.conductance, mapped.scale, plan, hardware, time=aged.time,
            rng=RowStreams(keys, call=call, first=block.first),
            programmed=programmed.conductance,
            seen=None if aged.seen.conductance is aged.conductance else aged.seen.conductance,
            errors=programmed.errors,
        )  # fmt: skip
        values[block.rows] = product.values[0, block.place]
        saturated += round(float(product.saturated[0]) * size * each) - int(beyond.sum()) * each
    return values, saturated


def power_of_rows(aged: AgedMatrix, windows: Windows) -> float:
    """Return the power of a matrix's drivers, summed over the rows of windows.

    Parameters
    ----------
    aged : AgedMatrix
        Of one realisation.
    windows : Windows

    Returns
    -------
    float, W
    """
    programmed = aged.programmed
    mapped, hardware = programmed.mapped, programmed.hardware
    order = sequence(hardware.tile, hardware.dac, hardware.adc, signed=mapped.scale.signed)
    plan = mapped.layout
    rows = windows.samples * windows.positions
    total = 0.0
    size = block_rows(plan.row_tiles * plan.tile_inputs * plan.cells, order.cycles)
    for block in blocks(rows, 0, size):
        x = gathered(windows, block.rows).astype(mapped.matrix.weight.dtype, copy=False)
        voltage = mapped.voltages(x, hardware.dac)
        total += float(aged.power(voltage)[0]) * len(x)
    return total
