"""Products of windows by one realisation of a matrix, compiled by numba on first use.

Rows (one for each sample and position) are taken in blocks of `ROWS`. For each tile of rows their
inputs are copied next to each other, multiplied by panels of `LANES` columns, and the sums are
converted to codes while they lie in the first cache. Import this module inside the functions that
need it: numba takes half a second.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numpy import float32, uint32, uint64

from matsweep.core.compiled import compiled, compiled_as, inlined
from matsweep.core.philox import cosine_sine, gaussian_radius, philox
from matsweep.machine.kernels.sizes import BLOCK, DEPTH, GROUP, HALF, LANES, ROWS, STRIDE
from matsweep.machine.kernels.steps import (
    add_block,
    add_group,
    add_half_block,
    add_half_group,
    copy_1,
    copy_4,
    copy_8,
    copy_16,
    finish,
    finish_half,
)

_NUMBERS = types.Array(types.float32, 1, "C", readonly=True)
_MATRIX = types.Array(types.float32, 2, "C", readonly=True)
_PANELS = types.Array(types.float32, 4, "C", readonly=True)
_PLACES = types.Array(types.int64, 1, "C", readonly=True)
_THREE = types.UniTuple(types.float32, 3)
_INT, _WORD, _OUT = types.int64, types.uint64, types.float32[::1]
_VALUES = _OUT  # not written


@compiled
def _convert_inputs(values, scale, low, high, out):
    """Convert values to the codes of the DAC.

    Parameters
    ----------
    values : (n,) array of float32
    scale : float32
        Codes per unit of the values.
    low : float32, codes
    high : float32, codes
    out : (n,) array of float32
        Written.
    """
    for i in range(values.size):
        out[i] = min(max(np.rint(values[i] * scale), low), high)


@compiled
def _aligned(size):
    """Zeros that begin where a line of the cache does."""
    spare = np.zeros(size + 16, np.float32)
    begin = (16 - (spare.ctypes.data >> 2) % 16) % 16
    return spare[begin : begin + size]


@compiled
def _convert_packed(packed, length, scale, low, high):
    """Convert the values of a segment of a block in place, as `_convert_inputs`."""
    for row in range(ROWS):
        own = packed[row * STRIDE : row * STRIDE + length]
        for i in range(own.size):
            own[i] = min(max(np.rint(own[i] * scale), low), high)


@compiled
def _square(packed, length, squares):
    """Square the values of a segment of a block."""
    for row in range(ROWS):
        own = packed[row * STRIDE : row * STRIDE + length]
        out = squares[row * STRIDE : row * STRIDE + length]
        for i in range(own.size):
            out[i] = own[i] * own[i]


@compiled
def _cut(offsets, begin, end, sources, targets, mark, marks):
    """Cut the inputs begin … end of a segment into pieces of 16, 8, 4 and 1 neighbours.

    A run of neighbours that is no multiple of a piece ends with a piece that overlaps the one
    before. Pieces are sorted by size: those of the i-th size are mark[i] … mark[i + 1].
    """
    used = marks[mark, 0]
    for size in range(4):
        width = 16 if size == 0 else 8 if size == 1 else 4 if size == 2 else 1
        first = begin
        while first < end:
            last = first + 1
            while last < end and offsets[last] == offsets[last - 1] + 1:
                last += 1
            run = last - first
            best = 16 if run >= 16 else 8 if run >= 8 else 4 if run >= 4 else 1
            if best == width:
                at = first
                while at < last:
                    place = min(at, last - width)
                    sources[used], targets[used] = offsets[place], place - begin
                    used += 1
                    at += width
            first = last
        marks[mark, size + 1] = used
    marks[mark + 1, 0] = used


@inlined
def _pack(values, bases, bases_at, sources, targets, marks, mark, packed, at):
    """Copy the inputs of a segment of each row of a block next to each other."""
    for i in range(marks[mark, 0], marks[mark, 1]):
        copy_16(values, bases, bases_at, sources[i], packed, at + targets[i])
    for i in range(marks[mark, 1], marks[mark, 2]):
        copy_8(values, bases, bases_at, sources[i], packed, at + targets[i])
    for i in range(marks[mark, 2], marks[mark, 3]):
        copy_4(values, bases, bases_at, sources[i], packed, at + targets[i])
    for i in range(marks[mark, 3], marks[mark, 4]):
        copy_1(values, bases, bases_at, sources[i], packed, at + targets[i])


@inlined
def _multiply(packed, at, panel, panel_at, sums, count, lanes, low, high):
    """Add the products of rows low … high of a block by a panel to sums (row, lane).

    Rows next to them may be computed as well.
    """
    segments = (count + DEPTH - 1) // DEPTH
    for segment in range(segments):
        some = min(DEPTH, count - segment * DEPTH)
        packed_at, to = at + segment * BLOCK, panel_at + segment * DEPTH * LANES
        if high - low > ROWS - GROUP:
            if lanes == LANES:
                add_block(packed, packed_at, panel, to, sums, 0, some)
            else:
                add_half_block(packed, packed_at, panel, to, sums, 0, some)
        else:
            for group in range(low // GROUP, (high + GROUP - 1) // GROUP):
                row_at, sums_at = packed_at + group * GROUP * STRIDE, group * GROUP * lanes
                if lanes == LANES:
                    add_group(packed, row_at, panel, to, sums, sums_at, some)
                else:
                    add_half_group(packed, row_at, panel, to, sums, sums_at, some)


@inlined
def _four(count, high, key):
    """Four standard normal numbers of a counter."""
    a, b, c, d = philox(count, high, key)
    first, second = gaussian_radius(a), gaussian_radius(c)
    cosine, sine = cosine_sine(b)
    other_cosine, other_sine = cosine_sine(d)
    return first * cosine, first * sine, second * other_cosine, second * other_sine


@compiled
def _draw_panel(row, column, high, key, lanes, low, top, normals):
    """Draw standard normal numbers of the columns of a panel for the rows low … top of a block.

    The words of a counter are the group of rows (lower 32 bits), the column of all tiles of rows,
    and the key's upper half combined with the call and the group's upper bits; the four numbers are
    those of the group's rows. Of narrow panels two groups are drawn at once.
    """
    step = GROUP if lanes == LANES else 2 * GROUP
    for begin in range(low - low % step, top, step):
        number = uint64((row + begin) // GROUP)
        count = uint64(uint32(number)) | uint64(column) << uint64(32)
        upper = high ^ ((number >> uint64(32)) << uint64(32))
        own = normals[begin * lanes : (begin + step) * lanes]
        if lanes == LANES:
            for i in range(LANES):
                a, b, c, d = _four(count + (uint64(i) << uint64(32)), upper, key)
                own[i], own[LANES + i], own[2 * LANES + i], own[3 * LANES + i] = a, b, c, d
        else:
            number += uint64(1)
            other = uint64(uint32(number)) | uint64(column) << uint64(32)
            beyond = high ^ ((number >> uint64(32)) << uint64(32))
            for i in range(HALF):
                a, b, c, d = _four(count + (uint64(i) << uint64(32)), upper, key)
                own[i], own[HALF + i], own[2 * HALF + i], own[3 * HALF + i] = a, b, c, d
                a, b, c, d = _four(other + (uint64(i) << uint64(32)), beyond, key)
                own[4 * HALF + i], own[5 * HALF + i] = a, b
                own[6 * HALF + i], own[7 * HALF + i] = c, d


@compiled
def _begin(errors, sums):
    """Set the sums (row, lane) of a block to a number of each column, such as its fixed error."""
    for row in range(ROWS):
        own = sums[row * errors.size : (row + 1) * errors.size]
        for lane in range(errors.size):
            own[lane] = errors[lane]


@compiled
def _convert(sums, low, high, totals):
    """Add the codes of sums to totals; return the number of clipped ones."""
    clipped = 0
    for i in range(sums.size):
        code = np.rint(sums[i])
        kept = min(max(code, low), high)
        clipped += code != kept
        totals[i] += kept
    return clipped


@compiled
def _convert_noisy(sums, variances, normals, low, high, totals):
    """Add the codes of sums with noise to totals; return the number of clipped ones."""
    clipped = 0
    for i in range(sums.size):
        code = np.rint(sums[i] + np.sqrt(variances[i]) * normals[i])
        kept = min(max(code, low), high)
        clipped += code != kept
        totals[i] += kept
    return clipped


@inlined
def _finish(totals, at, low, high, row, scale, offset, columns, outputs, out):
    """Write the values of rows low … high of a block.

    The last panel of a row may write beyond the row's end, where the next row is written later.
    """
    for i in range(low, high):
        for begin in range(0, columns, LANES):
            to = (row + i) * outputs + begin
            if columns - begin <= HALF:
                place = at + begin * ROWS + i * HALF
                finish_half(totals, place, scale, offset, begin, out, to)
            else:
                place = at + begin * ROWS + i * LANES
                finish(totals, place, scale, offset, begin, out, to)


@compiled
def _finish_slices(totals, at, low, high, row, scale, offset, columns, outputs, out):
    """Write the values of rows low … high of a block: sums of the slices of each output."""
    for i in range(low, high):
        for output in range(outputs):
            value = float32(0)
            for column in range(output, columns, outputs):
                panel, lane = column // LANES, column % LANES
                lanes = HALF if columns - panel * LANES <= HALF else LANES
                value += totals[at + panel * ROWS * LANES + i * lanes + lane] * scale[column]
            out[(row + i) * outputs + output] = value + offset[output]


@compiled_as(
    _INT(
        _VALUES, _INT, _PLACES, _PLACES, _THREE, _PLACES, _PANELS, _PANELS, _MATRIX, _THREE, _INT,
        _INT, _WORD, _WORD, _NUMBERS, _NUMBERS, _INT, _INT, _INT, _OUT,
    )
)  # fmt: skip
def multiply(
    values, width, starts, offsets, inputs, tiles, panels, variances, begins, limits, columns,
    first, key, high, scale, offset, blocks, rows, outputs, out
):  # fmt: skip
    """Multiply windows by panels.

    Parameters
    ----------
    values : (sample · width,) array of float32
    width : int
        Values of a sample.
    starts : (position,) array of int64
    offsets : (input,) array of int64
    inputs : (scale, low, high) of float32
        Of the DAC, see `_convert_inputs`.
    tiles : (row_tile + 1,) array of int64
        First input of each tile of rows; their number.
    panels : (row_tile, panel, row, LANES) array of float32, codes per code of the DAC
    variances : (row_tile, panel, row, LANES) array of float32
        Squares of these for the read noise; without read noise (0, …).
    begins : (row_tile, panel · LANES) array of float32, codes
        Fixed error of each column.
    limits : (low, high, variance) of float32
        Smallest and largest code, and the variance of the converters' noise in codes².
    columns : int
        Columns of all panels that are used.
    first : int
        Number of the first row.
    key : uint64
    high : uint64
        Of the random numbers, call included.
    scale : (panel · LANES,) array of float32
        Value of a code of each column.
    offset : (panel · LANES,) array of float32
        Added to the values of each output.
    blocks : int
        Blocks of rows that a panel is used for in turn.
    rows : int
    outputs : int
    out : (rows · outputs + LANES,) array of float32
        Written, in part beyond the last row.

    Returns
    -------
    int
        Conversions that saturated; -1, and nothing is written, if a row would leave its sample.
    """
    positions = starts.size
    if rows == 0:
        return 0
    if starts.min() + offsets.min() < 0 or starts.max() + offsets.max() >= width:
        return -1
    count = panels.shape[1]
    depth = panels.shape[2]
    segments = (depth + DEPTH - 1) // DEPTH
    reads = variances.shape[0] > 0
    noisy = reads or limits[2] > 0
    # Values that many rows read are converted once, sample by sample, to a ring of samples.
    early = positions * offsets.size > 2 * width
    kept = min((blocks * ROWS - 1 + positions - 1) // positions + 1, rows // positions)
    ring = np.empty(kept * width if early else 0, np.float32)
    source = ring if early else values
    converted = 0
    panel, variance = panels.reshape(panels.size), variances.reshape(variances.size)
    sources, targets = np.empty(2 * offsets.size, np.int64), np.empty(2 * offsets.size, np.int64)
    marks = np.zeros((tiles.size * segments + 1, 5), np.int64)
    for tile in range(tiles.size - 1):
        for segment in range(segments):
            begin = min(tiles[tile] + segment * DEPTH, tiles[tile + 1])
            end = min(begin + DEPTH, tiles[tile + 1])
            _cut(offsets, begin, end, sources, targets, tile * segments + segment, marks)
    packed = _aligned(blocks * segments * BLOCK)
    squares = _aligned(packed.size if reads else 0)
    totals = np.empty(blocks * count * ROWS * LANES, np.float32)
    bases = np.zeros(blocks * ROWS, np.int64)
    sums = np.empty(ROWS * LANES, np.float32)
    spread = np.empty(ROWS * LANES, np.float32)
    normals = np.empty(ROWS * LANES, np.float32)
    # Lanes without a column have no noise: their conversions never saturate.
    floors = np.zeros(count * LANES, np.float32)
    floors[:columns] = limits[2]
    saturated = 0
    last = first + rows
    for begin in range(first - first % GROUP, last, blocks * ROWS):
        some = min(blocks, (last - begin + ROWS - 1) // ROWS)
        sample = max(begin - first, 0) // positions
        position = max(begin - first, 0) - sample * positions
        for i in range(some * ROWS):
            if early and sample == converted:
                _convert_inputs(
                    values[sample * width : (sample + 1) * width], inputs[0], inputs[1], inputs[2],
                    ring[sample % kept * width : (sample % kept + 1) * width],
                )  # fmt: skip
                converted += 1
            bases[i] = (sample % kept if early else sample) * width + starts[position]
            if first <= begin + i < last - 1:
                position += 1
                if position == positions:
                    sample, position = sample + 1, 0
        totals[: some * count * ROWS * LANES] = float32(0)
        for tile in range(tiles.size - 1):
            length = tiles[tile + 1] - tiles[tile]
            for block in range(some):
                for segment in range(segments):
                    at = (block * segments + segment) * BLOCK
                    mark = tile * segments + segment
                    _pack(source, bases, block * ROWS, sources, targets, marks, mark, packed, at)
                    # Whole vectors: what lies behind the inputs is not used.
                    wide = min(length - segment * DEPTH, DEPTH) + LANES - 1
                    wide -= wide % LANES
                    if not early:
                        _convert_packed(
                            packed[at : at + BLOCK], wide, inputs[0], inputs[1], inputs[2]
                        )
                    if reads:
                        _square(packed[at : at + BLOCK], wide, squares[at : at + BLOCK])
            for part in range(count):
                lanes = HALF if columns - part * LANES <= HALF else LANES
                place = (tile * count + part) * depth * LANES
                for block in range(some):
                    row = begin + block * ROWS
                    low, top = max(first - row, 0), min(last - row, ROWS)
                    at = block * segments * BLOCK
                    _begin(begins[tile, part * LANES : part * LANES + lanes], sums)
                    _multiply(packed, at, panel, place, sums, length, lanes, low, top)
                    to = (block * count + part) * ROWS * LANES
                    used = slice(low * lanes, top * lanes)
                    own = totals[to + low * lanes : to + top * lanes]
                    if noisy:
                        _begin(floors[part * LANES : part * LANES + lanes], spread)
                        if reads:
                            _multiply(squares, at, variance, place, spread, length, lanes, low, top)
                        column = tile * columns + part * LANES
                        _draw_panel(row, column, high, key, lanes, low, top, normals)
                        saturated += _convert_noisy(
                            sums[used], spread[used], normals[used], limits[0], limits[1], own
                        )
                    else:
                        saturated += _convert(sums[used], limits[0], limits[1], own)
        for block in range(some):
            row = begin + block * ROWS
            low, top = max(first - row, 0), min(last - row, ROWS)
            at = block * count * ROWS * LANES
            to = row - first
            if columns > outputs:
                _finish_slices(totals, at, low, top, to, scale, offset, columns, outputs, out)
            else:
                _finish(totals, at, low, top, to, scale, offset, columns, outputs, out)
    return saturated
