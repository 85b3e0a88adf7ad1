"""Small blocks of a wired array, each built from its cells by compiled code."""

from __future__ import annotations

import functools

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.join import RIGHT, TOP, Block, Index, Ports, joint_of

_QUAD = 2  # cells along the sides of the smallest block


@functools.lru_cache(maxsize=256)
def _ports(height: int, width: int) -> Ports:
    """Ports of a block that has all four."""
    bounds = np.cumsum([0, height, height, width, width])
    return Ports(tuple(np.arange(bounds[port], bounds[port + 1]) for port in range(4)))


def leaf_blocks(conductance: FloatArray, word: FloatArray, bit: FloatArray) -> Block:
    """Compute the responses of small blocks.

    Parameters
    ----------
    conductance : (block, row, column) array, S
        Of even numbers of rows and columns.
    word : (position, row, column) array, Ω
    bit : (position, row, column) array, Ω
        Segments of the blocks of one array; block i is at position i modulo their number.

    Returns
    -------
    Block
        Its places are (block,).
    """
    from matsweep.core.arrays import read_only
    from matsweep.crossbar.wires.compiled.leaves import leaves

    shape = conductance.shape[1:]
    plan, runs, order, size = _leaf_plan(*shape)
    out = np.empty((len(conductance), order.size, order.size), conductance.dtype)
    cells, edge1, edge2 = (read_only(each) for each in (conductance, word, bit))
    leaves(cells, edge1, edge2, plan, runs, order, size, out)
    return Block(out, np.arange(len(out)), _ports(*shape))


@functools.cache
def _leaf_plan(rows: int, columns: int) -> tuple[Index, Index, Index, int]:
    """Plan the construction of a small block from its cells, by halves.

    Returns
    -------
    (step, 15) array of int
        (-1, target, its step, row, column) places 2 × 2 cells; (1, target, its step, first, its
        step, second, its step, lines joined, lines of the first and of the second that stay open)
        joins two blocks, followed by the begins, among the runs, of the joined lines of the first
        and
        of the second and of the open lines of each, and by their end. Targets, first and second are
        places in memory, their steps the distance of two lines there.
    (run, 3) array of int
        See `matsweep.crossbar.wires.join.Joint`.
    (port,) array of int
        Position of the ports in the last step's target, from left to bottom.
    int
        Memory needed, in vectors.
    """
    from matsweep.crossbar.wires.compiled.lanes import MORE

    steps: list[tuple[int, ...]] = []
    runs: list[Index] = []
    used = 0

    def place(at: int, row: int, column: int, height: int, width: int) -> tuple[int, int, Ports]:
        """Plan a part; what lies in memory behind `at` is free for it.

        Returns where it ends, its step, and its ports.
        """
        nonlocal used
        step = 2 * (height + width) + MORE
        end = at + step * step
        used = max(used, end)
        if height == width == _QUAD:
            steps.append((-1, at, step, row, column, *(0,) * 10))
            return end, step, _ports(height, width)
        if width >= height:
            half = width // (2 * _QUAD) * _QUAD
            far, shape1, shape2 = RIGHT, (height, half), (height, width - half)
            origin1, origin2 = (row, column), (row, column + half)
        else:
            half = height // (2 * _QUAD) * _QUAD
            far, shape1, shape2 = TOP, (half, width), (height - half, width)
            origin1, origin2 = (row + height - half, column), (row, column)
        middle, step1, ports1 = place(end, *origin1, *shape1)
        _, step2, ports2 = place(middle, *origin2, *shape2)
        joint = joint_of(ports1, ports2, far)
        open1 = 2 * sum(shape1) - joint.joined
        bounds = np.cumsum([sum(map(len, runs)), *map(len, joint[:4])])
        runs.extend(joint[:4])
        counts = (joint.joined, open1, joint.lines - open1)
        steps.append((1, at, step, end, step1, middle, step2, *counts, *map(int, bounds)))
        return end, step, joint.ports

    ports = place(0, 0, 0, rows, columns)[2]
    joined = np.concatenate(runs) if runs else np.empty((0, 3), np.int64)
    return np.array(steps, np.int64), joined, np.concatenate(ports.lines), used
