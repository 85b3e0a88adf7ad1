"""Exact response of a wired array, by joining blocks that are described by their ports alone.

Small blocks come from `crossbar.wires.leaf`; `crossbar.wires.join` defines a block and joins two.
Joining k × k blocks to 2k × 2k takes O(k³) operations and there are (n/2k)² of them: O(n³) in all,
half of it in the last two levels, in dense products. An array is halved, and each half is complete
before the other is begun, so that joined blocks are in the cache. Ports at which nothing is
connected to the array are dropped: no current leaves at the top or, unless it is driven there, at
the right. The last joint computes only the responses that are requested.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.join import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Block,
    Index,
    Ports,
    join,
    join_down,
    response_between,
)
from matsweep.crossbar.wires.leaf import leaf_blocks

type Cells = tuple[FloatArray, FloatArray, FloatArray]
"""Conductance, word and bit segments (batch, leaf row, leaf column, row, column)."""

_LARGEST_LEAF = 32
_FEWEST_LEAVES = 4  # that are computed in parallel lanes, as far as the array has them
_LEAVES = 2  # along a side, computed at once
_BATCH_BYTES = 1.2e6  # of the responses of the arrays that are computed at once


def port_response(
    conductance: FloatArray, word: FloatArray, bit: FloatArray, between: tuple[tuple[int, int], ...]
) -> list[FloatArray]:
    """Reduce whole arrays to their ports.

    Parameters
    ----------
    conductance : (batch, row, column) array, S
    word : (row, column) array, Ω
    bit : (row, column) array, Ω
        Segment on the left of, and below, each cell; drivers and sense amplifiers included.
    between : (output, input) pairs
        Ports (not the top) between which the responses are computed. Where the right is not among
        them nothing is connected to it; outputs at the bottom alone, inputs at the left alone are
        fast.

    Returns
    -------
    list of (batch, output, input) arrays
        The responses, in the order of `between`.
    """
    rows, columns = conductance.shape[1:]
    (count_rows, leaf_rows), (count_columns, leaf_columns) = _cut(rows, columns)
    pad = (count_rows * leaf_rows - rows, 0), (0, count_columns * leaf_columns - columns)

    def leaves(array: FloatArray) -> FloatArray:
        # Rows beyond the array lie above it, columns on its right: open devices, ideal wires.
        if pad != ((0, 0), (0, 0)):
            array = np.pad(array, ((0, 0), *pad))
        shape = len(array), count_rows, leaf_rows, count_columns, leaf_columns
        return array.reshape(shape).transpose(0, 1, 3, 2, 4)

    edge1, edge2 = (leaves(wire[None].astype(conductance.dtype)) for wire in (word, bit))
    step = max(1, int(_BATCH_BYTES / (16 * rows * columns * conductance.itemsize)))
    responses = [
        _responses((leaves(conductance[start : start + step]), edge1, edge2), between)
        for start in range(0, len(conductance), step)
    ]
    kept = {
        LEFT: slice(pad[0][0], None),
        RIGHT: slice(pad[0][0], None),
        BOTTOM: slice(columns),
    }
    return [
        np.concatenate(parts)[:, kept[output], kept[source]]
        for (output, source), *parts in zip(between, *responses, strict=True)
    ]


def _cut(*shape: int) -> list[tuple[int, int]]:
    """Cut rows and columns into a power of two of leaves, each with an even number of lines.

    It depends on the array's shape alone, so that a batch changes no bit of its arrays.
    """
    counts = [1, 1]

    def leaf(side: int) -> int:
        return 2 * math.ceil(shape[side] / (2 * counts[side]))

    while max(larger := (leaf(0), leaf(1))) > _LARGEST_LEAF or (
        math.prod(counts) < _FEWEST_LEAVES and max(larger) > 2
    ):
        counts[larger.index(max(larger))] *= 2
    return [(count, leaf(side)) for side, count in enumerate(counts)]


def _responses(cells: Cells, between: tuple[tuple[int, int], ...]) -> list[FloatArray]:
    """Compute responses of whole arrays: (batch, output, input), in the order of `between`."""
    right = any(RIGHT in pair for pair in between)
    if between == ((BOTTOM, LEFT),) and math.prod(cells[0].shape[1:3]) > 1:
        return [join_down(*_halves(cells, right=right, top=False))]
    whole = _whole(cells, right=right, top=False)
    return [response_between(whole, *pair) for pair in between]


def _whole(cells: Cells, *, right: bool, top: bool) -> Block:
    """Build blocks; unneeded ports at the right or top are dropped."""
    if math.prod(cells[0].shape[1:3]) > 1:
        return join(*_halves(cells, right=right, top=top))
    return _open(_leaves(cells), right=right, top=top)


def _halves(cells: Cells, *, right: bool, top: bool) -> tuple[Block, Block, int]:
    """Build two halves of blocks of several leaves, as arguments of `join`."""
    shape = cells[0].shape
    if max(shape[1:3]) > _LEAVES:
        return _split(cells, shape[3:], _whole, right=right, top=top)
    leaves = _leaves(cells)

    def joined(places: tuple[Index], *, right: bool, top: bool) -> Block:
        block = leaves._replace(places=places[0])
        if places[0][0].size == 1:
            return _open(block, right=right, top=top)
        return join(*_split(places, shape[3:], joined, right=right, top=top))

    return _split((leaves.places,), shape[3:], joined, right=right, top=top)


def _split(
    grids: tuple[npt.NDArray[Any], ...],
    leaf: tuple[int, ...],
    build: Callable[..., Block],
    *,
    right: bool,
    top: bool,
) -> tuple[Block, Block, int]:
    """Build both halves of grids (batch, leaf row, leaf column, …), split along the longer side."""
    rows, columns = grids[0].shape[1:3]
    if rows > 1 and (columns == 1 or rows * leaf[0] >= columns * leaf[1]):
        lower, upper = (
            tuple(grid[:, half] for grid in grids)
            for half in (slice(rows // 2, None), slice(rows // 2))
        )
        return build(lower, right=right, top=True), build(upper, right=right, top=top), TOP
    near, far = (
        tuple(grid[:, :, half] for grid in grids)
        for half in (slice(columns // 2), slice(columns // 2, None))
    )
    return build(near, right=True, top=top), build(far, right=right, top=top), RIGHT


def _leaves(cells: Cells) -> Block:
    """Compute leaves, all at once."""
    leaf = cells[0].shape[3:]
    conductance, word, bit = (each.reshape(-1, *leaf) for each in cells)
    block = leaf_blocks(conductance, word, bit)
    return block._replace(places=block.places.reshape(cells[0].shape[:3]))


def _open(block: Block, *, right: bool, top: bool) -> Block:
    return block._replace(ports=_open_ports(block.ports, right=right, top=top))


@functools.lru_cache(maxsize=256)
def _open_ports(ports: Ports, *, right: bool, top: bool) -> Ports:
    """Drop ports at the right or top."""
    wanted = True, right, top, True
    return Ports(
        tuple(lines[: None if keep else 0] for lines, keep in zip(ports.lines, wanted, strict=True))
    )
