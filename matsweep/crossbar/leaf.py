"""Small blocks of a wired array, each built from its cells by compiled code."""

from __future__ import annotations

import functools

import numpy as np

from matsweep.crossbar.join import Index, Ports
from matsweep.streams import FloatArray


@functools.lru_cache(maxsize=256)
def leaf_ports(height: int, width: int) -> Ports:
    """Return where the ports of a block are that has all of them."""
    bounds = np.cumsum([0, height, height, width, width])
    return Ports(tuple(np.arange(bounds[port], bounds[port + 1]) for port in range(4)))


def leaf_responses(conductance: FloatArray, edges: list[FloatArray], start: int) -> FloatArray:
    """Compute the responses of small blocks.

    Parameters
    ----------
    conductance : (block, row, column) array, S
    edges : two (position, row, column) arrays, Ω
        Word and bit segments of the blocks of one array.
    start : int
        Position of the first block.

    Returns
    -------
    (block, port, port) array
        What is on the diagonal and right of it.
    """
    from matsweep.crossbar.compiled.leaves import leaves

    plan, size = _leaf_plan(*conductance.shape[1:])
    ports = 2 * sum(conductance.shape[1:])
    out = np.empty((len(conductance), ports, ports), conductance.dtype)
    word, bit = edges
    leaves(conductance, word, bit, start, plan, size, out)
    return out


@functools.cache
def _leaf_plan(rows: int, columns: int) -> tuple[Index, int]:
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

    def place(at: int, row: int, column: int, height: int, width: int) -> int:
        """Plan a part; what lies in memory behind `at` is free for it. Returns where it ends."""
        nonlocal used
        ports = 2 * (height + width)
        end = at + ports * ports
        used = max(used, end)
        if height == width == 1:
            steps.append((-1, at, row, column, 1, 1, 0, 0, ports))
            return end
        if width >= height:
            half = width // 2
            kind, shape1, shape2 = 0, (height, half), (height, width - half)
            origin1, origin2 = (row, column), (row, column + half)
        else:
            half = height // 2
            kind, shape1, shape2 = 1, (half, width), (height - half, width)
            origin1, origin2 = (row + height - half, column), (row, column)
        middle = place(end, *origin1, *shape1)
        place(middle, *origin2, *shape2)
        steps.append((kind, at, end, middle, *shape1, *shape2, ports))
        return end

    place(0, 0, 0, rows, columns)
    return np.array(steps, np.int64), used
