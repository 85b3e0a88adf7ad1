"""The exact response of a wired array, by joining blocks that are seen from their ports alone.

A block of m × n cells is cut out of the array by cutting wires: m word lines on its left and on its
right, n bit lines above and below. What it does is the linear map (u: inputs, o: outputs)

    u = (voltage at the left, current leaving at the right,
         current leaving at the top, voltage at the bottom)
    o = (current entering at the left, voltage at the right,
         voltage at the top, current entering at the bottom),    o = H u,   H = Hᵀ,

each cell owning the segments on its left and below it. To join the far end of one block (x:
voltage, y: current) to the near end of the next,

    x = C₁ u₁ - R y,   y = C₂ u₂ + G x   ⇒   (1 + R G) x = C₁ u₁ - R C₂ u₂,

where R, a matrix of resistances, and G, of conductances, are positive semidefinite: the
eigenvalues of 1 + R G are 1 or more, whatever the wires and the devices. Nothing is divided by a
resistance or a conductance, so that ideal wires and open devices are exact.

Joining k × k blocks to 2k × 2k takes O(k³) operations and there are (n/2k)² of them: O(n³) in all,
half of it in the last two levels, in dense products. Ports at the array's edges are dropped where
they are born: no current leaves at the top or, unless it is driven there, at the right; the bottom
is at ground and its currents are only wanted as outputs, the left's voltages only as inputs.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.streams import FloatArray

Index = npt.NDArray[np.int64]
LEFT, RIGHT, TOP, BOTTOM = range(4)

_LARGEST_LEAF = 8
_SMALL = 32  # lines: smaller matrices are inverted by LAPACK
_TRIMMED = 4  # blocks along a side, at which the edges' ports are dropped
_CACHED = 8  # leaves along a side, joined while they are in the cache …
_CACHE_BYTES = 3e6  # … as many at a time as have so many bytes


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """Where, among a block's outputs and inputs, the lines of its four ports are."""

    outputs: tuple[Index, ...]
    inputs: tuple[Index, ...]


class Block(NamedTuple):
    """The responses of some blocks of the same kind.

    Parameters
    ----------
    response : (batch, block row, block column, output, input) array
    ports : Ports
    """

    response: FloatArray
    ports: Ports


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
        part = _leaves(cells[start : start + step], edges, start)
        grid = part.reshape(-1, *inner, *part.shape[1:])
        found.append(_reduce(Block(grid, _leaf_ports(*leaf))))
    return Block(np.concatenate([block.response for block in found]), found[0].ports)


def _cut(lines: int) -> tuple[int, int]:
    """Return a power of two of blocks, and the lines of each, that hold so many lines."""
    count = 1
    while math.ceil(lines / count) > _LARGEST_LEAF:
        count *= 2
    return count, math.ceil(lines / count)


def _leaves(conductance: FloatArray, edges: list[FloatArray], start: int) -> FloatArray:
    from matsweep.crossbar.compiled.leaves import leaves

    plan, size = leaf_plan(*conductance.shape[1:])
    ports = 2 * sum(conductance.shape[1:])
    out = np.empty((len(conductance), ports, ports), conductance.dtype)
    word, bit = edges
    leaves(conductance, word, bit, start, plan, size, out)
    return out


@functools.cache
def leaf_plan(rows: int, columns: int) -> tuple[Index, int]:
    """Plan how a small block is built from its cells, by halves.

    Returns
    -------
    (step, 9) array of int
        (-1, target, row, column) places a cell; (0 or 1, target, first, second, rows and columns
        of the first, of the second, ports of the result) joins two blocks side by side or one
        upon another. Targets, first and second are places in memory.
    int
        Memory needed, in numbers.
    """
    steps: list[tuple[int, ...]] = []
    used = 0

    def place(row: int, column: int, height: int, width: int) -> int:
        nonlocal used
        ports = 2 * (height + width)
        if height == width == 1:
            step: tuple[int, ...] = (-1, used, row, column, 1, 1, 0, 0, ports)
        elif width >= height:
            half = width // 2
            first = place(row, column, height, half)
            second = place(row, column + half, height, width - half)
            step = (0, used, first, second, height, half, height, width - half, ports)
        else:
            half = height // 2
            first = place(row + height - half, column, half, width)
            second = place(row, column, height - half, width)
            step = (1, used, first, second, half, width, height - half, width, ports)
        steps.append(step)
        used += ports * ports
        return step[1]

    place(0, 0, rows, columns)
    return np.array(steps, np.int64), used


def _reduce(block: Block) -> Block:
    """Join all blocks of a grid, every port kept."""
    while max(block.response.shape[1:3]) > 1:
        block = _halve([[block]])[0][0]
    return block


def _trimmed(block: Block, *, right: bool, inputs: bool) -> Block:
    """Join all blocks of a grid, without the ports at its edges."""
    while max(block.response.shape[1:3]) > _TRIMMED:
        block = _halve([[block]])[0][0]
    groups = _trim(block, right=right, inputs=inputs)
    while len(groups) > 1 or len(groups[0]) > 1:
        groups = _halve(groups)
    return groups[0][0]


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
def _leaf_ports(height: int, width: int) -> Ports:
    bounds = np.cumsum([0, height, height, width, width])
    lines = tuple(np.arange(bounds[port], bounds[port + 1]) for port in range(4))
    return Ports(lines, lines)


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


class Joint(NamedTuple):
    """Which lines of two blocks are joined, which stay open, and where these come to lie."""

    first_far: tuple[Index, Index]
    second_near: tuple[Index, Index]
    first_open: tuple[Index, Index]
    second_open: tuple[Index, Index]
    symmetric: bool
    ports: Ports


@functools.lru_cache(maxsize=1024)
def _joint(first: Ports, second: Ports, far: int) -> Joint:
    near = LEFT if far == RIGHT else BOTTOM
    order = (0, 1) if far == RIGHT else (1, 0)  # lines run left to right and top to bottom
    opened, ports = [], []
    for lines1, lines2 in ((first.outputs, second.outputs), (first.inputs, second.inputs)):
        sides = [
            [lines[port][: 0 if port == joint else None] for port in range(4)]
            for lines, joint in ((lines1, far), (lines2, near))
        ]
        kept = [np.concatenate(side) for side in sides]
        bounds = [np.cumsum([0, *(part.size for part in side)]) for side in sides]
        bounds[1] += kept[0].size
        opened.append(kept)
        ports.append(
            tuple(
                np.concatenate([np.arange(*bounds[which][port : port + 2]) for which in order])
                for port in range(4)
            )
        )
    (outputs1, outputs2), (inputs1, inputs2) = opened
    symmetric = first.outputs is first.inputs and second.outputs is second.inputs
    return Joint(
        (first.outputs[far], first.inputs[far]),
        (second.outputs[near], second.inputs[near]),
        (outputs1, inputs1),
        (outputs2, inputs2),
        symmetric,
        Ports(ports[0], ports[0] if symmetric else ports[1]),
    )


def join(first: Block, second: Block, far: int) -> Block:
    """Join the first's right to the second's left, or the first's top to the second's bottom.

    Parameters
    ----------
    first, second : Block
    far : RIGHT or TOP

    Returns
    -------
    Block
    """
    joint = _joint(first.ports, second.ports, far)
    (far_outputs, far_inputs), (near_outputs, near_inputs) = joint.first_far, joint.second_near
    (outputs1, inputs1), (outputs2, inputs2) = joint.first_open, joint.second_open
    middle, across = outputs1.size, inputs1.size
    negative = _take(first.response, far_outputs, far_inputs)  # -R
    conductance = _take(second.response, near_outputs, near_inputs)
    loop = np.matmul(negative, conductance)
    np.subtract(np.eye(loop.shape[-1], dtype=loop.dtype), loop, out=loop)
    inverse = _inverse(loop)
    shape = (*loop.shape[:-1], across + inputs2.size)
    voltage, current = np.empty(shape, loop.dtype), np.empty(shape, loop.dtype)
    ahead1 = _take(first.response, far_outputs, inputs1)
    np.matmul(inverse, ahead1, out=voltage[..., :across])
    np.matmul(conductance, voltage[..., :across], out=current[..., :across])
    ahead2 = _take(second.response, near_outputs, inputs2)
    np.matmul(inverse.swapaxes(-1, -2), ahead2, out=current[..., across:])
    np.matmul(negative, current[..., across:], out=voltage[..., across:])
    if joint.symmetric:
        back1, back2 = ahead1.swapaxes(-1, -2), ahead2.swapaxes(-1, -2)
    else:
        back1 = _take(first.response, outputs1, far_inputs)
        back2 = _take(second.response, outputs2, near_inputs)
    response = np.empty((*shape[:-2], middle + outputs2.size, shape[-1]), loop.dtype)
    np.matmul(back1, current, out=response[..., :middle, :])
    np.matmul(back2, voltage, out=response[..., middle:, :])
    _add(first.response, outputs1, inputs1, response[..., :middle, :across])
    _add(second.response, outputs2, inputs2, response[..., middle:, across:])
    return Block(response, joint.ports)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Invert (…, line, line) matrices by halves, most of it in products.

    Halves are not exchanged: the eigenvalues of 1 + R G are 1 or more, those of its parts too.
    """
    size = matrix.shape[-1]
    if size <= _SMALL:
        return np.asarray(np.linalg.inv(matrix))
    half = size // 2
    near, far = slice(None, half), slice(half, None)
    first = _inverse(matrix[..., near, near])
    after = first @ matrix[..., near, far]
    before = matrix[..., far, near] @ first
    second = _inverse(matrix[..., far, far] - matrix[..., far, near] @ after)
    out = np.empty_like(matrix)
    out[..., far, far] = second
    np.matmul(-after, second, out=out[..., near, far])
    np.matmul(-second, before, out=out[..., far, near])
    np.matmul(after, -out[..., far, near], out=out[..., near, near])
    out[..., near, near] += first
    return out


def _take(source: FloatArray, rows: Index, columns: Index) -> FloatArray:
    from matsweep.crossbar.compiled.gathered import gather

    size = rows.size, columns.size
    out = np.empty((*source.shape[:-2], *size), source.dtype)
    gather(source, rows, columns, out)
    return out


def _add(source: FloatArray, rows: Index, columns: Index, out: FloatArray) -> None:
    from matsweep.crossbar.compiled.gathered import add_gathered

    add_gathered(source, rows, columns, out)
