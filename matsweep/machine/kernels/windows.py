"""Products of windows by one realisation of a matrix, compiled by numba on first use.

Rows (one for each sample and position) are taken in blocks of `ROWS`. For each tile of rows their
inputs are copied next to each other, multiplied by panels of `LANES` columns, and the sums are
converted to codes while they lie in the first cache. Import this module inside the functions that
need it: numba takes half a second.
"""

from __future__ import annotations

import numpy as np
from numpy import float32, int64, uint32, uint64

from matsweep.core.compiled import compiled, inlined
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
)


@compiled
def convert_inputs(values, scale, low, high, out):
    """Convert values to the codes of the DAC.

    Parameters
    ----------
    values : (n,) array of float32
    scale : float32
        Codes per unit of the values.
    low : float32, codes
    high : float32, codes
    out : (n,) array of float32
        Written; may be the values.
    """
    for i in range(values.size):
        out[i] = min(max(np.rint(values[i] * scale), low), high)


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
def _draw(count, high, key, lanes, normals, at):
    """Standard normal numbers of a group of rows, (row, lane), from `at` on.

    The lanes are consecutive columns, which count in the upper half of `count`.
    """
    for lane in range(lanes):
        a, b, c, d = philox(count + (uint64(lane) << uint64(32)), high, key)
        radius = gaussian_radius(a)
        cosine, sine = cosine_sine(b)
        normals[at + lane], normals[at + lanes + lane] = radius * cosine, radius * sine
        radius = gaussian_radius(c)
        cosine, sine = cosine_sine(d)
        normals[at + 2 * lanes + lane] = radius * cosine
        normals[at + 3 * lanes + lane] = radius * sine


@compiled
def _draw_panel(row, column, high, key, lanes, low, top, normals):
    """Draw the numbers of rows low … top of a block whose first row and column are given.

    The words of a counter are the group of rows (lower 32 bits), the column of all tiles of rows,
    and the key's upper half combined with the call and the group's upper bits.
    """
    for group in range(low // GROUP, (top + GROUP - 1) // GROUP):
        number = uint64(row // GROUP + group)
        count = uint64(uint32(number)) | uint64(column) << uint64(32)
        upper = high ^ ((number >> uint64(32)) << uint64(32))
        if lanes == LANES:
            _draw(count, upper, key, LANES, normals, group * GROUP * LANES)
        else:
            _draw(count, upper, key, HALF, normals, group * GROUP * HALF)


@compiled
def _convert(sums, begin, end, low, high, totals, at):
    """Add the codes of sums to totals; return the number of clipped ones."""
    clipped = 0
    for i in range(begin, end):
        code = np.rint(sums[i])
        kept = min(max(code, low), high)
        clipped += code != kept
        totals[at + i] += kept
    return clipped


@compiled
def _convert_noisy(sums, variances, normals, begin, end, low, high, totals, at):
    """Add the codes of sums with noise to totals; return the number of clipped ones."""
    clipped = 0
    for i in range(begin, end):
        code = np.rint(sums[i] + np.sqrt(variances[i]) * normals[i])
        kept = min(max(code, low), high)
        clipped += code != kept
        totals[at + i] += kept
    return clipped


@inlined
def _finish(totals, at, low, high, row, scale, offset, rectified, columns, out):
    """Write the values of rows low … high of a block: the sum of all slices, scaled and shifted."""
    slices, outputs = scale.shape
    least = float32(0) if rectified else float32(-np.inf)
    for i in range(low, high):
        if slices > 1:
            for output in range(outputs):
                value = float32(0)
                for part in range(slices):
                    column = part * outputs + output
                    panel, lane = column // LANES, column % LANES
                    lanes = HALF if columns - panel * LANES <= HALF else LANES
                    total = totals[at + panel * ROWS * LANES + i * lanes + lane]
                    value += total * scale[part, output]
                out[row + i, output] = max(value + offset[output], least)
        else:
            for begin in range(0, outputs, LANES):
                lanes = HALF if columns - begin <= HALF else LANES
                place = at + begin * ROWS + i * lanes
                for lane in range(min(lanes, outputs - begin)):
                    value = totals[place + lane] * scale[0, begin + lane] + offset[begin + lane]
                    out[row + i, begin + lane] = max(value, least)


@compiled
def multiply(
    values, width, starts, offsets, inputs, tiles, panels, variances, begins, limits, columns,
    first, key, high, scale, offset, rectified, blocks, out
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
        Of the DAC, see `convert_inputs`; scale 0: the values are codes already.
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
    scale : (slice, output) array of float32
    offset : (output,) array of float32
    rectified : bool
    blocks : int
        Blocks of rows that a panel is used for in turn.
    out : (row, output) array of float32
        Written.

    Returns
    -------
    int
        Conversions that saturated.
    """
    rows, positions = out.shape[0], starts.size
    count = panels.shape[1]
    depth = panels.shape[2]
    segments = (depth + DEPTH - 1) // DEPTH
    reads = variances.shape[0] > 0
    noisy = reads or limits[2] > 0
    panel, variance = panels.reshape(panels.size), variances.reshape(variances.size)
    sources, targets = np.empty(2 * offsets.size, np.int64), np.empty(2 * offsets.size, np.int64)
    marks = np.zeros((tiles.size * segments + 1, 5), np.int64)
    for tile in range(tiles.size - 1):
        for segment in range(segments):
            begin = min(tiles[tile] + segment * DEPTH, tiles[tile + 1])
            end = min(begin + DEPTH, tiles[tile + 1])
            _cut(offsets, begin, end, sources, targets, tile * segments + segment, marks)
    packed = np.zeros(blocks * segments * BLOCK, np.float32)
    squares = np.zeros(packed.size if reads else 0, np.float32)
    totals = np.empty(blocks * count * ROWS * LANES, np.float32)
    bases = np.zeros(blocks * ROWS, np.int64)
    sums = np.empty(ROWS * LANES, np.float32)
    spread = np.empty(ROWS * LANES, np.float32)
    normals = np.empty(ROWS * LANES, np.float32)
    saturated = 0
    last = first + rows
    for begin in range(first - first % GROUP, last, blocks * ROWS):
        some = min(blocks, (last - begin + ROWS - 1) // ROWS)
        for i in range(some * ROWS):
            row = min(max(begin + i - first, 0), rows - 1)
            sample = row // positions
            bases[i] = sample * width + starts[row - sample * positions]
        totals[: some * count * ROWS * LANES] = float32(0)
        for tile in range(tiles.size - 1):
            length = tiles[tile + 1] - tiles[tile]
            for block in range(some):
                for segment in range(segments):
                    at = (block * segments + segment) * BLOCK
                    mark = tile * segments + segment
                    _pack(values, bases, block * ROWS, sources, targets, marks, mark, packed, at)
            used = some * segments * BLOCK
            if inputs[0] != 0:
                convert_inputs(packed[:used], inputs[0], inputs[1], inputs[2], packed)
            if reads:
                for i in range(used):
                    squares[i] = packed[i] * packed[i]
            for part in range(count):
                lanes = HALF if columns - part * LANES <= HALF else LANES
                place = (tile * count + part) * depth * LANES
                for block in range(some):
                    row = begin + block * ROWS
                    low, top = max(first - row, 0), min(last - row, ROWS)
                    at = block * segments * BLOCK
                    for i in range(ROWS):
                        for lane in range(lanes):
                            sums[i * lanes + lane] = begins[tile, part * LANES + lane]
                    _multiply(packed, at, panel, place, sums, length, lanes, low, top)
                    to = (block * count + part) * ROWS * LANES
                    if noisy:
                        spread[:] = limits[2]
                        if reads:
                            _multiply(squares, at, variance, place, spread, length, lanes, low, top)
                        column = tile * columns + part * LANES
                        _draw_panel(row, column, high, key, lanes, low, top, normals)
                        saturated += _convert_noisy(
                            sums, spread, normals, low * lanes, top * lanes, limits[0], limits[1],
                            totals, to,
                        )  # fmt: skip
                    else:
                        saturated += _convert(
                            sums, low * lanes, top * lanes, limits[0], limits[1], totals, to
                        )
        for block in range(some):
            row = begin + block * ROWS
            low, top = max(first - row, 0), min(last - row, ROWS)
            at = block * count * ROWS * LANES
            _finish(totals, at, low, top, row - first, scale, offset, rectified, columns, out)
    return saturated
