"""The exact response of a wired array, by joining blocks that are seen from their ports alone.

Small blocks come from `matsweep.crossbar.leaf`; `matsweep.crossbar.join` says what a block is and
joins two. Joining k × k blocks to 2k × 2k takes O(k³) operations and there are (n/2k)² of them:
O(n³) in all, half of it in the last two levels, in dense products. Responses are symmetric: of
blocks that have all their ports one half is computed. Ports at the array's edges are dropped in
the last levels: no current leaves at the top or, unless it is driven there, at the right; the
bottom is at ground and its currents are only wanted as outputs, the left's voltages only as inputs.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from matsweep.crossbar.join import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Block,
    Index,
    Ports,
    join,
    join_neighbours,
)
from matsweep.crossbar.leaf import leaf_ports, leaf_responses
from matsweep.streams import FloatArray

_LARGEST_LEAF = 8
_TRIMMED = 4  # blocks along a side, at which the edges' ports are dropped
_CACHED = 8  # leaves along a side, joined while they are in the cache …
_CACHE_BYTES = 1.2e6  # … as many at a time as have so many bytes


def port_response(
    conductance: FloatArray, word: FloatArray, bit: FloatArray, *, right: bool, inputs: bool
) -> Block:
    """Reduce whole arrays to their ports.

    Parameters
    ----------
    conductance : (batch, row, column) array, S
    word, bit : (row, column) arrays, Ω
        Segment on the left of, and below, each cell; drivers and sense amplifiers included.
    right : bool
        Whether the right end has ports.
    inputs : bool
        Whether the currents entering at the left are outputs.

    Returns
    -------
    Block
        (batch, 1, 1, output, input).
    """
    rows, columns = conductance.shape[1:]
    count_rows, leaf_rows = _cut(rows)
    count_columns, leaf_columns = _cut(columns)
    leaf = leaf_rows, leaf_columns
    # At least the last joint is of blocks whose edges have lost their ports.
    inner = tuple(max(1, min(_CACHED, count // 2)) for count in (count_rows, count_columns))
    outer = count_rows // inner[0], count_columns // inner[1]
    pad = (count_rows * leaf_rows - rows, 0), (0, count_columns * leaf_columns - columns)
    shape = (outer[0], inner[0], leaf_rows, outer[1], inner[1], leaf_columns)

    def blocks(array: FloatArray) -> FloatArray:
        # Rows beyond the array lie above it, columns on its right: open devices, ideal wires.
        padded = np.pad(array, ((0, 0), *pad)).reshape(-1, *shape)
        return padded.transpose(0, 1, 4, 2, 5, 3, 6).reshape(-1, *leaf)

    edges = [blocks(wire[None].astype(conductance.dtype)) for wire in (word, bit)]
    each = 16 * rows * columns * conductance.itemsize
    step = max(1, int(_CACHE_BYTES / each))
    found = []
    for start in range(0, len(conductance), step):
        cells = blocks(conductance[start : start + step])
        whole = _superblocks(cells, edges, inner)
        grid = whole.response.reshape(-1, *outer, *whole.response.shape[-2:])
        found.append(_trimmed(Block(grid, whole.ports), right=right, inputs=inputs))
    response = np.concatenate([block.response for block in found])
    kept = slice(pad[0][0], None), slice(pad[0][0], None), slice(0, 0), slice(columns)
    outputs, wanted = (
        tuple(lines[where] for lines, where in zip(ports, kept, strict=True))
        for ports in (found[0].ports.outputs, found[0].ports.inputs)
    )
    return Block(response, Ports(outputs, wanted))


def _superblocks(cells: FloatArray, edges: list[FloatArray], inner: tuple[int, ...]) -> Block:
    """Join small blocks of cells to larger ones, as many at a time as the cache holds."""
    leaf = cells.shape[1], cells.shape[2]
    each = math.prod(inner)
    step = each * max(1, int(_CACHE_BYTES / (each * 16 * math.prod(leaf) * cells.itemsize)))
    found = []
    for start in range(0, len(cells), step):
        part = leaf_responses(cells[start : start + step], edges, start)
        grid = part.reshape(-1, *inner, *part.shape[1:])
        found.append(_reduce(Block(grid, leaf_ports(*leaf))))
    return Block(np.concatenate([block.response for block in found]), found[0].ports)


def _cut(lines: int) -> tuple[int, int]:
    """Return a power of two of blocks, and the lines of each, that hold so many lines."""
    count = 1
    while math.ceil(lines / count) > _LARGEST_LEAF:
        count *= 2
    return count, math.ceil(lines / count)


def _reduce(block: Block) -> Block:
    """Join all blocks of a grid, every port kept."""
    while max(block.response.shape[1:3]) > 1:
        block = _halved(block)
    return block


def _trimmed(block: Block, *, right: bool, inputs: bool) -> Block:
    """Join all blocks of a grid, without the ports at its edges."""
    from matsweep.crossbar.compiled.joints import mirror

    while max(block.response.shape[1:3]) > _TRIMMED:
        block = _halved(block)
    mirror(block.response.reshape(-1, *block.response.shape[-2:]))
    groups = _trim(block, right=right, inputs=inputs)
    while len(groups) > 1 or len(groups[0]) > 1:
        groups = _halve(groups)
    return groups[0][0]


def _halved(block: Block) -> Block:
    """Join neighbours among blocks that have all their ports."""
    rows, columns = block.response.shape[1:3]
    height, width = block.ports.inputs[LEFT].size, block.ports.outputs[BOTTOM].size
    sideways = columns > 1 and (width <= height or rows == 1)
    return join_neighbours(block, RIGHT if sideways else TOP)


def _halve(groups: list[list[Block]]) -> list[list[Block]]:
    """Join neighbours along the side on which blocks are shorter, while there are any."""
    several_rows = len(groups) > 1 or groups[0][0].response.shape[1] > 1
    several_columns = len(groups[0]) > 1 or groups[0][0].response.shape[2] > 1
    height, width = groups[0][0].ports.inputs[LEFT].size, groups[-1][0].ports.outputs[BOTTOM].size
    if several_columns and (width <= height or not several_rows):
        return [[join(*pair, RIGHT) for pair in _pairs(row, 2)] for row in groups]
    columns = [
        [join(low, high, TOP) for high, low in _pairs(list(column), 1)]
        for column in zip(*groups, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _trim(block: Block, *, right: bool, inputs: bool) -> list[list[Block]]:
    """Split a grid of blocks into its edges and its middle, and drop the ports at the edges."""
    count_rows, count_columns = block.response.shape[1:3]

    def group(top: int, end: int, first: int, last: int) -> Block:
        ports = _edge_ports(
            block.ports,
            left=first > 0 or inputs,
            right=right or last < count_columns,
            top=top > 0,
            bottom=end < count_rows,
        )
        return Block(block.response[:, top:end, first:last], ports)

    return [
        [group(*rows, *columns) for columns in _edges(count_columns)] for rows in _edges(count_rows)
    ]


@functools.lru_cache(maxsize=256)
def _edge_ports(ports: Ports, *, left: bool, right: bool, top: bool, bottom: bool) -> Ports:
    """Drop outputs at the left, both at the right or top, and inputs at the bottom."""

    def kept(lines: Index, wanted: bool) -> Index:
        return lines if wanted else lines[:0]

    ends = kept(ports.outputs[RIGHT], right), kept(ports.outputs[TOP], top)
    return Ports(
        (kept(ports.outputs[LEFT], left), *ends, ports.outputs[BOTTOM]),
        (ports.inputs[LEFT], *ends, kept(ports.inputs[BOTTOM], bottom)),
    )


def _edges(count: int) -> list[tuple[int, int]]:
    """Split a line of blocks into its first, those between, and its last."""
    marks = sorted({0, 1, max(count - 1, 0), count})
    return [pair for pair in itertools.pairwise(marks) if pair[0] < pair[1]]


def _pairs(groups: list[Block], axis: int) -> list[tuple[Block, Block]]:
    """Pair neighbours along an axis, the first with the second, and so on."""

    def part(block: Block, where: slice) -> Block:
        index = (slice(None),) * axis + (where,)
        return block._replace(response=block.response[index])

    if len(groups) == 1 and groups[0].response.shape[axis] > 1:
        return [(part(groups[0], slice(0, None, 2)), part(groups[0], slice(1, None, 2)))]
    if len(groups) == 2:
        return [(groups[0], groups[1])]
    first, between, last = groups
    count = between.response.shape[axis]
    found = [(first, part(between, slice(0, 1)))]
    if count > 2:
        odd, even = slice(1, count - 1, 2), slice(2, count - 1, 2)
        found.append((part(between, odd), part(between, even)))
    return [*found, (part(between, slice(count - 1, count)), last)]
