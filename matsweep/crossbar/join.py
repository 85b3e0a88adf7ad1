"""Blocks of a wired array, seen from their ports alone, and how two are joined.

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
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.streams import FloatArray

Index = npt.NDArray[np.int64]
LEFT, RIGHT, TOP, BOTTOM = range(4)

_TILE = 64  # bytes that are computed at once
_SMALL = 16  # lines: smaller matrices are inverted at once


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


class Joint(NamedTuple):
    """Which lines of two blocks are joined, which stay open, and where these come to lie."""

    first_far: tuple[Index, Index]
    second_near: tuple[Index, Index]
    first_open: tuple[Index, Index]
    second_open: tuple[Index, Index]
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
        kept = [np.sort(np.concatenate(side)) for side in sides]
        opened.append(kept)
        moved = [
            [offset + np.searchsorted(lines, part) for part in side]
            for offset, lines, side in zip((0, kept[0].size), kept, sides, strict=True)
        ]
        ports.append(
            tuple(np.concatenate([moved[which][port] for which in order]) for port in range(4))
        )
    (outputs1, outputs2), (inputs1, inputs2) = opened
    return Joint(
        (first.outputs[far], first.inputs[far]),
        (second.outputs[near], second.inputs[near]),
        (outputs1, inputs1),
        (outputs2, inputs2),
        Ports(ports[0], ports[1]),
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
    back1 = _take(first.response, outputs1, far_inputs)
    back2 = _take(second.response, outputs2, near_inputs)
    response = np.empty((*shape[:-2], middle + outputs2.size, shape[-1]), loop.dtype)
    np.matmul(back1, current, out=response[..., :middle, :])
    np.matmul(back2, voltage, out=response[..., middle:, :])
    _add(first.response, outputs1, inputs1, response[..., :middle, :across])
    _add(second.response, outputs2, inputs2, response[..., middle:, across:])
    return Block(response, joint.ports)


def join_neighbours(block: Block, far: int) -> Block:
    """Join neighbours in a grid of blocks that have all their ports, each two as `join` does.

    Of these symmetric responses only what is on the diagonal and right of it is read and written.
    """
    from matsweep.crossbar.compiled.joints import join_pairs

    response = block.response
    (far1, near2, open1, open2), lines, joined = _neighbours(block.ports, far)
    batch, rows, columns = response.shape[:3]
    grid = (rows, columns // 2) if far == RIGHT else (rows // 2, columns)
    tile = _TILE // response.itemsize
    across = (lines + 2 * tile - 1) // tile * tile  # whole tiles, wherever they begin
    out = np.empty((batch, *grid, lines, across), response.dtype)
    join_pairs(response, far == RIGHT, far1, near2, open1, open2, out)
    return Block(out, joined)


@functools.lru_cache(maxsize=1024)
def _neighbours(ports: Ports, far: int) -> tuple[tuple[Index, ...], int, Ports]:
    """Return runs of the lines that are joined and stay open, how many stay, the joint's ports."""
    joint = _joint(ports, ports, far)
    far1, near2 = joint.first_far[0], joint.second_near[0]
    open1, open2 = joint.first_open[0], joint.second_open[0]
    runs = tuple(_runs(lines) for lines in (far1, near2, open1, open2))
    return runs, open1.size + open2.size, joint.ports


def _runs(lines: Index) -> Index:
    """Return (run, 3): where runs of consecutive lines begin and end, and where in the array."""
    marks = np.flatnonzero(np.diff(lines) != 1) + 1
    begins = np.concatenate([[0], marks])
    ends = np.concatenate([marks, [lines.size]])
    return np.stack([lines[begins], lines[ends - 1] + 1, begins], axis=1)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Invert (…, line, line) matrices by halves, most of it in products.

    Halves are not exchanged: the eigenvalues of 1 + R G are 1 or more, those of its parts too.
    """
    size = matrix.shape[-1]
    if size <= _SMALL:
        from matsweep.crossbar.compiled.dense import invert

        small = np.array(matrix, order="C")
        invert(small.reshape(-1, size, size))
        return small
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
