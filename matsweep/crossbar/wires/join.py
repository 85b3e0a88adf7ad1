"""Blocks of a wired array, described by their ports alone, and the joining of two blocks.

A block of m × n cells is cut out of the array by cutting wires: m word lines on its left and on its
right, n bit lines above and below. Its response is the linear map (u: inputs, o: outputs)

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

As H is symmetric, only one half of it is computed: with A = G (1 + R G)⁻¹ and B = R (1 + G R)⁻¹,
the two blocks add to each other's response

    C₁ᵀ A C₁ to the first's,   C₁ᵀ (1 + G R)⁻¹ C₂ between them,   -C₂ᵀ B C₂ to the second's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

Index = npt.NDArray[np.int64]
LEFT, RIGHT, TOP, BOTTOM = range(4)

_TILE = 64  # bytes that are computed at once
_LARGE = 96  # lines: from this number on blocks are joined by BLAS
_CHUNK = 128  # rows of half a product that are computed at once
_SMALL = 64  # lines: smaller matrices are inverted at once


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """Lines of a block's four ports, as indices among all of its lines."""

    lines: tuple[Index, ...]


class Block(NamedTuple):
    """Responses of some blocks of the same kind, at places in a grid.

    Parameters
    ----------
    responses : (block, line, wide column) array
        Symmetric: only the diagonal and the elements right of it count. Columns beyond the lines
        complete whole tiles.
    places : (batch, block row, block column) array of int
        Index of the response at each place.
    ports : Ports
    """

    responses: FloatArray
    places: Index
    ports: Ports


class Joint(NamedTuple):
    """Plan of a joint of two blocks: the lines joined, those that stay open, and their order.

    Parameters
    ----------
    far1 : (run, 3) arrays
    near2 : (run, 3) arrays
    open1 : (run, 3) arrays
    open2 : (run, 3) arrays
        Of the first's and the second's lines, see `_runs`; open ones in ascending order.
    ports : Ports
        Of the joint.
    joined : int
    lines : int
        Number of joined lines, and of lines of the joint.
    """

    far1: Index
    near2: Index
    open1: Index
    open2: Index
    ports: Ports
    joined: int
    lines: int


@functools.lru_cache(maxsize=1024)
def joint_of(first: Ports, second: Ports, far: int) -> Joint:
    """Plan the joint of the first's right (top) to the second's left (bottom).

    Parameters
    ----------
    first : Ports
    second : Ports
    far : RIGHT or TOP

    Returns
    -------
    Joint
    """
    near = LEFT if far == RIGHT else BOTTOM
    order = (0, 1) if far == RIGHT else (1, 0)  # lines run left to right and top to bottom
    sides = [
        [lines[: 0 if port == joint else None] for port, lines in enumerate(ports.lines)]
        for ports, joint in ((first, far), (second, near))
    ]
    kept = [np.sort(np.concatenate(side)) for side in sides]
    moved = [
        [offset + np.searchsorted(lines, part) for part in side]
        for offset, lines, side in zip((0, kept[0].size), kept, sides, strict=True)
    ]
    ports = tuple(np.concatenate([moved[which][port] for which in order]) for port in range(4))
    return Joint(
        _runs(first.lines[far]),
        _runs(second.lines[near]),
        _runs(kept[0]),
        _runs(kept[1]),
        Ports(ports),
        first.lines[far].size,
        kept[0].size + kept[1].size,
    )


def _runs(lines: Index) -> Index:
    """Return runs of consecutive lines, (run, 3): begin, end, position of the begin here."""
    if not lines.size:
        return np.empty((0, 3), lines.dtype)
    marks = np.flatnonzero(np.diff(lines) != 1) + 1
    begins = np.concatenate([[0], marks])
    ends = np.concatenate([marks, [lines.size]])
    return np.stack([lines[begins], lines[ends - 1] + 1, begins], axis=1)


def join(first: Block, second: Block, far: int) -> Block:
    """Join the first's right to the second's left, or the first's top to the second's bottom.

    Parameters
    ----------
    first : Block
    second : Block
    far : RIGHT or TOP

    Returns
    -------
    Block
    """
    from matsweep.crossbar.wires.compiled.joints import join_small

    joint = joint_of(first.ports, second.ports, far)
    places1, places2 = first.places.ravel(), second.places.ravel()
    tile = _TILE // first.responses.itemsize
    across = (joint.lines + 2 * tile - 1) // tile * tile  # whole tiles, wherever they begin
    out = np.empty((places1.size, joint.lines, across), first.responses.dtype)
    if joint.joined < _LARGE:
        join_small(first.responses, second.responses, places1, places2, *joint[:4], out)
    else:
        for index, result in enumerate(out):
            at = slice(index, index + 1)
            one, two = first._replace(places=places1[at]), second._replace(places=places2[at])
            _join_large(one, two, joint, result[:, : joint.lines])
    return Block(out, np.arange(places1.size).reshape(first.places.shape), joint.ports)


def _join_large(first: Block, second: Block, joint: Joint, out: FloatArray) -> None:
    """Join two blocks, at one place each, by large products."""
    from matsweep.crossbar.wires.compiled.joints import add_half

    negative = _picked(first, joint.far1, joint.far1)[0]  # -R
    conductance = _picked(second, joint.near2, joint.near2)[0]
    ahead1, ahead2 = (
        _picked(first, joint.far1, joint.open1)[0],
        _picked(second, joint.near2, joint.open2)[0],
    )
    across = ahead1.shape[1]
    inverse = _loop_inverse(negative, conductance)
    current = np.empty((joint.joined, joint.lines), out.dtype)
    np.matmul(conductance @ inverse, ahead1, out=current[:, :across])
    np.matmul(inverse.T, ahead2, out=current[:, across:])
    _half_product(ahead1, current, out[:across])
    _half_product(ahead2, negative @ current[:, across:], out[across:, across:])
    add_half(first.responses[first.places[0]], joint.open1, out, 0)
    add_half(second.responses[second.places[0]], joint.open2, out, across)


def _half_product(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Write the diagonal of leftᵀ right and the elements right of it."""
    for start in range(0, len(out), _CHUNK):
        rows = slice(start, start + _CHUNK)
        np.matmul(left[:, rows].T, right[:, start:], out=out[rows, start:])


def join_down(first: Block, second: Block, far: int) -> FloatArray:
    """Response from the left to the bottom of two blocks joined.

    Parameters
    ----------
    first : Block
    second : Block
    far : RIGHT or TOP

    Returns
    -------
    (batch, output at the bottom, input at the left) array, S
    """
    joint = joint_of(first.ports, second.ports, far)
    left, below = _side(first.ports, LEFT), _side(first.ports, BOTTOM)
    conductance = _picked(second, joint.near2, joint.near2)
    inverse = _loop_inverse(_picked(first, joint.far1, joint.far1), conductance)
    ahead1 = _picked(first, joint.far1, left)
    below1 = _picked(first, joint.far1, below).swapaxes(-1, -2)
    down = below1 @ ((conductance @ inverse) @ ahead1)
    down += _picked(first, below, left)
    if far == TOP:
        ahead2 = _picked(second, joint.near2, _side(second.ports, LEFT))
        above = below1 @ (inverse.swapaxes(-1, -2) @ ahead2)
        return np.concatenate([above, down], axis=-1)
    below2 = _picked(second, joint.near2, _side(second.ports, BOTTOM)).swapaxes(-1, -2)
    return np.concatenate([down, below2 @ (inverse @ ahead1)], axis=-2)


def response_between(block: Block, output: int, source: int) -> FloatArray:
    """Response between two ports of blocks that are alone in their grids.

    Parameters
    ----------
    block : Block
    output : LEFT, RIGHT, TOP or BOTTOM
    source : LEFT, RIGHT, TOP or BOTTOM

    Returns
    -------
    (batch, output, input) array
    """
    return _picked(block, _side(block.ports, output), _side(block.ports, source))


@functools.lru_cache(maxsize=1024)
def _side(ports: Ports, port: int) -> Index:
    return _runs(ports.lines[port])


def _picked(block: Block, rows: Index, columns: Index) -> FloatArray:
    """Responses between the lines of some runs, (place, row, column)."""
    from matsweep.crossbar.wires.compiled.joints import pick

    places = block.places.ravel()
    size = (int((runs[:, 1] - runs[:, 0]).sum()) for runs in (rows, columns))
    out = np.empty((places.size, *size), block.responses.dtype)
    pick(block.responses, places, rows, columns, out)
    return out


def _loop_inverse(negative: FloatArray, conductance: FloatArray) -> FloatArray:
    """Inverse of the loop matrix, (1 + R G)^-1."""
    loop = np.matmul(negative, conductance)
    np.subtract(np.eye(loop.shape[-1], dtype=loop.dtype), loop, out=loop)
    return _inverse(loop)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Invert (…, line, line) matrices by halves, most of it in products.

    Halves are not exchanged: the eigenvalues of 1 + R G are 1 or more, those of its parts too.
    """
    size = matrix.shape[-1]
    if size <= _SMALL:
        from matsweep.core.arrays import read_only
        from matsweep.crossbar.wires.compiled.joints import inverted

        out = np.empty_like(matrix)
        inverted(read_only(matrix.reshape(-1, size, size)), out.reshape(-1, size, size))
        return out
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
