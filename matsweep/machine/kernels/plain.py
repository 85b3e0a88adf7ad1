"""Plain loops for the steps of `registers`: the same operations, and the same bits."""

from __future__ import annotations

import numpy as np
from numpy import float32, float64, int64

from matsweep.core.compiled import compiled, inlined
from matsweep.machine.kernels.sizes import GROUP, HALF, LANES, ROWS, STRIDE


@inlined
def fused(a, b, c):
    """Return a b + c, rounded once to single precision.

    The product is exact in double precision. Its sum with c is rounded to odd there: of the two
    neighbours of an inexact sum the one whose last bit is set, from which the rounding to single
    precision is that of the exact sum.

    Parameters
    ----------
    a : float32
    b : float32
    c : float32

    Returns
    -------
    float32

    References
    ----------
    S. Boldo, G. Melquiond, IEEE Trans. Comput. 57:462, 2008, doi:10.1109/TC.2007.70819.
    """
    product, addend = float64(a) * float64(b), float64(c)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    bits = np.float64(total).view(np.int64)
    if error != 0 and bits & int64(1) == 0:
        away = (error > 0) == (total > 0)
        bits = bits + int64(1) if away else bits - int64(1)
    return float32(int64(bits).view(np.float64))


def product_adder(rows, lanes):
    """Compile the addition of the products of rows by a panel.

    Parameters
    ----------
    rows : int
    lanes : int
        Columns of the panel that count.

    Returns
    -------
    compiled function
        Its arguments are the packed rows and the place of the first, the panel and its place, the
        sums (row, lane) and their place, and the number of inputs.
    """

    @compiled
    def add(packed, at, panel, panel_at, sums, sums_at, count):
        for row in range(rows):
            for lane in range(lanes):
                total = sums[sums_at + row * lanes + lane]
                for k in range(count):
                    left, right = packed[at + row * STRIDE + k], panel[panel_at + k * LANES + lane]
                    total = fused(left, right, total)
                sums[sums_at + row * lanes + lane] = total

    return add


def row_copier(width):
    """Compile the copy of some neighbouring inputs of each row of a block.

    Parameters
    ----------
    width : int
        Inputs.

    Returns
    -------
    compiled function
        Its arguments are the values, the places of the rows' first values and the place of the
        first of these, the place of the inputs behind each of them, the packed rows and the place
        there.
    """

    @compiled
    def copy(values, bases, bases_at, source, packed, at):
        for row in range(ROWS):
            for k in range(width):
                packed[at + row * STRIDE + k] = values[bases[bases_at + row] + source + k]

    return copy


def row_finisher(lanes):
    """Compile the scaling of the totals of some columns of a row.

    Parameters
    ----------
    lanes : int
        Columns.

    Returns
    -------
    compiled function
        Its arguments are the totals and the place of the row's first, the scales and offsets of all
        columns and the place of the first, the values and the place of the row's.
    """

    @compiled
    def finish(totals, at, scale, offset, column, out, to):
        for lane in range(lanes):
            out[to + lane] = totals[at + lane] * scale[column + lane] + offset[column + lane]

    return finish


add_block = product_adder(ROWS, LANES)
add_half_block = product_adder(ROWS, HALF)
add_group = product_adder(GROUP, LANES)
add_half_group = product_adder(GROUP, HALF)
copy_16, copy_8, copy_4, copy_1 = (row_copier(width) for width in (16, 8, 4, 1))
finish, finish_half = row_finisher(LANES), row_finisher(HALF)
