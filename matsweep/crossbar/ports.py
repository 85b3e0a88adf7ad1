"""The exact response of a wired array, by joining blocks that are seen from their ports alone.

Small blocks come from `matsweep.crossbar.leaf`; `matsweep.crossbar.join` says what a block is and
joins two. Joining k × k blocks to 2k × 2k takes O(k³) operations and there are (n/2k)² of them:
O(n³) in all, half of it in the last two levels, in dense products. Ports at which nothing is
connected to the array are dropped before the last levels: no current leaves at the top or, unless
it is driven there, at the right. The last joint computes no more than what is asked for.
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
    Ports,
    join,
    join_down,
    response_between,
)
from matsweep.crossbar.leaf import leaf_blocks
from matsweep.streams import FloatArray

_LARGEST_LEAF = 32
_FEWEST_LEAVES = 4  # that are computed side by side, as far as the array has them
_TRIMMED = 4  # blocks along a side, at which the edges' ports are dropped
_CACHED = 2  # leaves along a side, joined while they are in the cache …
_CACHE_BYTES = 1.2e6  # … as many at a time as have so many bytes


def port_response(
    conductance: FloatArray, word: FloatArray, bit: FloatArray, between: tuple[tuple[int, int], ...]
) -> list[FloatArray]:
    """Reduce whole arrays to their ports.

    Parameters
    ----------
    conductance : (batch, row, column) array, S
    word, bit : (row, column) arrays, Ω
        Segment on the left of, and below, each cell; drivers and sense amplifiers included.
    between : (output, input) pairs
        Of which ports (not the top) the responses are wanted. Where the right is not among them
        nothing is connected to it; outputs at the bottom alone, inputs at the left alone are fast.

    Returns
    -------
    list of (batch, output, input) arrays
        The responses, in the order of `between`.
    """
    rows, columns = conductance.shape[1:]
    (count_rows, leaf_rows), (count_columns, leaf_columns) = _cut(rows, columns)
    leaf = leaf_rows, leaf_columns
    # At least the last joint is of blocks whose edges have lost their ports.
    inner = tuple(max(1, min(_CACHED, count // 2)) for count in (count_rows, count_columns))
    outer = count_rows // inner[0], count_columns // inner[1]
    pad = (count_rows * leaf_rows - rows, 0), (0, count_columns * leaf_columns - columns)
    shape = (outer[0], inner[0], leaf_rows, outer[1], inner[1], leaf_columns)

    def blocks(array: FloatArray) -> FloatArray:
        # Rows beyond the array lie above it, columns on its right: open devices, ideal wires.
        if pad != ((0, 0), (0, 0)):
            array = np.pad(array, ((0, 0), *pad))
        return array.reshape(-1, *shape).transpose(0, 1, 4, 2, 5, 3, 6).reshape(-1, *leaf)

    edges = [blocks(wire[None].astype(conductance.dtype)) for wire in (word, bit)]
    each = 16 * rows * columns * conductance.itemsize
    step = max(1, int(_CACHE_BYTES / each))
    found = []
    for start in range(0, len(conductance), step):
        cells = blocks(conductance[start : start + step])
        whole = _superblocks(cells, edges, inner)
        found.append(_trimmed(whole._replace(places=whole.places.reshape(-1, *outer)), between))
    kept = {
        LEFT: slice(pad[0][0], None),
        RIGHT: slice(pad[0][0], None),
        BOTTOM: slice(columns),
    }
    return [
        np.concatenate(parts)[:, kept[output], kept[source]]
        for (output, source), *parts in zip(between, *found, strict=True)
    ]


def _superblocks(cells: FloatArray, edges: list[FloatArray], inner: tuple[int, ...]) -> Block:
    """Join small blocks of cells to larger ones, as many at a time as the cache holds."""
    leaf = cells.shape[1], cells.shape[2]
    each = math.prod(inner)
    step = each * max(1, int(_CACHE_BYTES / (each * 16 * math.prod(leaf) * cells.itemsize)))
    found = []
    for start in range(0, len(cells), step):
        block = leaf_blocks(cells[start : start + step], edges, start)
        block = block._replace(places=block.places.reshape(-1, *inner))
        while block.places[0].size > 1:
            block = _halve([[block]])[0][0]
        found.append(block)
    if len(found) == 1:
        return block
    responses = np.concatenate([block.responses for block in found])
    return Block(responses, np.arange(len(responses)), block.ports)


def _cut(*shape: int) -> list[tuple[int, int]]:
    """Return, for rows and columns, a power of two of leaves, and an even number of lines of each.

    It goes by the array's shape alone, so that a batch changes no bit of its arrays.
    """
    counts = [1, 1]

    def leaf(side: int) -> int:
        return 2 * math.ceil(shape[side] / (2 * counts[side]))

    while max(larger := (leaf(0), leaf(1))) > _LARGEST_LEAF or (
        math.prod(counts) < _FEWEST_LEAVES and max(larger) > 2
    ):
        counts[larger.index(max(larger))] *= 2
    return [(count, leaf(side)) for side, count in enumerate(counts)]


def _trimmed(block: Block, between: tuple[tuple[int, int], ...]) -> list[FloatArray]:
    """Join all blocks of a grid, without what nothing is connected to at its edges."""
    while max(block.places.shape[1:]) > _TRIMMED:
        block = _halve([[block]])[0][0]
    groups = _trim(block, right=any(RIGHT in pair for pair in between))
    while (left := sum(part.places[0].size for row in groups for part in row)) > 2:
        groups = _halve(groups)
    if left == 2 and between == ((BOTTOM, LEFT),):
        far, [[last]] = _couples(groups)
        return [join_down(*last, far)]
    if left == 2:
        groups = _halve(groups)
    return [response_between(groups[0][0], *pair) for pair in between]


def _halve(groups: list[list[Block]]) -> list[list[Block]]:
    far, couples = _couples(groups)
    return [[join(*pair, far) for pair in row] for row in couples]


def _couples(groups: list[list[Block]]) -> tuple[int, list[list[tuple[Block, Block]]]]:
    """Pair neighbours along the side on which blocks are shorter, while there are any.

    Returns the side of the first of each two at which they are joined, and pairs of blocks.
    """
    several_rows = len(groups) > 1 or groups[0][0].places.shape[1] > 1
    several_columns = len(groups[0]) > 1 or groups[0][0].places.shape[2] > 1
    lines = groups[-1][0].ports.lines
    if several_columns and (lines[BOTTOM].size <= lines[LEFT].size or not several_rows):
        return RIGHT, [_pairs(row, 2) for row in groups]
    columns = [_pairs(list(column), 1) for column in zip(*groups, strict=True)]
    return TOP, [[(low, high) for high, low in row] for row in zip(*columns, strict=True)]


def _trim(block: Block, *, right: bool) -> list[list[Block]]:
    """Part a grid's first row and last column from the rest, and drop the ports at their edges."""
    rows, columns = block.places.shape[1:]

    def group(top: int, end: int, first: int, last: int) -> Block:
        ports = _edge_ports(block.ports, right=right or last < columns, top=top > 0)
        return Block(block.responses, block.places[:, top:end, first:last], ports)

    return [
        [
            group(top, end, first, last)
            for first, last in itertools.pairwise(sorted({0, columns - 1, columns}))
        ]
        for top, end in itertools.pairwise(sorted({0, 1, rows}))
    ]


@functools.lru_cache(maxsize=256)
def _edge_ports(ports: Ports, *, right: bool, top: bool) -> Ports:
    """Drop ports at the right or top."""
    wanted = True, right, top, True
    return Ports(
        tuple(lines[: None if keep else 0] for lines, keep in zip(ports.lines, wanted, strict=True))
    )


def _pairs(groups: list[Block], axis: int) -> list[tuple[Block, Block]]:
    """Pair neighbours along an axis, the first with the second, and so on.

    Of two groups, one has a single block along the axis.
    """

    def part(block: Block, *where: int | None) -> Block:
        index = (slice(None),) * axis + (slice(*where),)
        return block._replace(places=block.places[index])

    if len(groups) == 1:
        return [(part(groups[0], 0, None, 2), part(groups[0], 1, None, 2))]
    first, second = groups
    counts = first.places.shape[axis], second.places.shape[axis]
    if counts == (1, 1):
        return [(first, second)]
    if counts[0] == 1:
        return [(first, part(second, 1)), (part(second, 1, None, 2), part(second, 2, None, 2))]
    last = counts[0] - 1
    return [(part(first, 0, last, 2), part(first, 1, last, 2)), (part(first, last, None), second)]
