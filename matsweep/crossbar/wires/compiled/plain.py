"""Plain loops for the steps of `registers` and `quads`: the same operations in the same order.

Products and sums are rounded one by one, so that results are those of a processor without fused
multiply-add. Arguments are those of `registers`: an array, and a tuple of places in it, which count
vectors.
"""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.sizes import BYTES, COLUMNS, ROWS, TILE_BYTES

# Lines of 2 × 2 cells, see `quads._quad`: (block, line) of those that stay open.
_PAIR = np.array([(0, 0), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)])
_QUAD = np.array([(1, 0), (0, 0), (1, 1), (0, 1), (1, 2), (1, 3), (0, 4), (0, 5)])
_RIGHT, _LEFT = np.array([1]), np.array([0])
_TOP, _BOTTOM = np.array([2, 3]), np.array([4, 5])


@compiled
def lanes(array):
    """Return the number of numbers of an array's type in a vector.

    Parameters
    ----------
    array : array

    Returns
    -------
    int
    """
    return BYTES // array.itemsize


@compiled
def copy(memory, at):
    """Copy vectors.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (source, target, count), places and a number of vectors.
    """
    width = lanes(memory)
    source, to = at[0] * width, at[1] * width
    for i in range(at[2] * width):
        memory[to + i] = memory[source + i]


@compiled
def clear(memory, at):
    """Set vectors to 0.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (target, count).
    """
    width = lanes(memory)
    for i in range(at[0] * width, (at[0] + at[1]) * width):
        memory[i] = 0


@compiled
def complete(memory, at):
    """Subtract a row from that of the identity matrix.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (row, its diagonal element, count).
    """
    width = lanes(memory)
    row, diagonal = at[0] * width, at[1] * width
    for i in range(row, row + at[2] * width):
        memory[i] = -memory[i]
    for w in range(width):
        memory[diagonal + w] += 1


@compiled
def divide_row(memory, at):
    """Divide a row by its pivot, which is first replaced by 1.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (row, pivot, count).
    """
    width = lanes(memory)
    row, pivot = at[0] * width, at[1] * width
    one = memory.dtype.type(1)
    for w in range(width):
        inverse = one / memory[pivot + w]
        memory[pivot + w] = one
        for i in range(row + w, row + at[2] * width, width):
            memory[i] *= inverse


@compiled
def reduce_row(memory, at):
    """Subtract a factor times another row from a row; the factor is first replaced by 0.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (row, factor, pivot row, count).
    """
    width = lanes(memory)
    row, factor, other = at[0] * width, at[1] * width, at[2] * width
    for w in range(width):
        negative = -memory[factor + w]
        memory[factor + w] = 0
        for i in range(w, at[3] * width, width):
            memory[row + i] += negative * memory[other + i]


@compiled
def add_tile(memory, at):
    """Add sum over m < count of a[m, i] b[m, j] to c[i, j] for a tile of c.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (a, step_a, b, step_b, c, step_c, count): places, each followed by the distance of two
        lines.
    """
    a, step_a, b, step_b, c, step_c, count = at
    width = lanes(memory)
    for i in range(ROWS):
        for j in range(COLUMNS):
            for w in range(width):
                to = (c + i * step_c + j) * width + w
                total = memory[to]
                for m in range(count):
                    left = memory[(a + m * step_a + i) * width + w]
                    total += left * memory[(b + m * step_b + j) * width + w]
                memory[to] = total


def row_adder(rows):
    """Compile the addition of a tile of rows to a C-contiguous matrix.

    Parameters
    ----------
    rows : int
        Of the tile.

    Returns
    -------
    compiled function
        See `registers.row_adder`.
    """

    @compiled
    def add(a, at_a, step_a, b, at_b, step_b, c, at_c, step_c, count):
        left, right, out = a.reshape(a.size), b.reshape(b.size), c.reshape(c.size)
        for i in range(rows):
            for j in range(TILE_BYTES // c.itemsize):
                total = out[at_c + i * step_c + j]
                for m in range(count):
                    total += left[at_a + m * step_a + i] * right[at_b + m * step_b + j]
                out[at_c + i * step_c + j] = total

    return add


@compiled
def _cell(g, r, s, out):
    """Write a cell's response, see `quads._cell`."""
    one, zero = out.dtype.type(1), out.dtype.type(0)
    around = r + s
    whole = one + g * around
    through = g / whole if g < np.inf else one / around
    without = one / whole if g < np.inf else zero
    ahead, upward = without + through * s, without + through * r
    out[0, 0], out[0, 1], out[1, 1] = through, ahead, -r * ahead
    out[0, 2], out[1, 2], out[2, 2] = through * s, -through * r * s, -s * upward
    out[0, 3], out[1, 3], out[2, 3], out[3, 3] = -through, through * r, upward, through
    for i in range(4):
        for j in range(i):
            out[i, j] = out[j, i]


@compiled
def _multiply(left, right, out):
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            total = left[i, 0] * right[0, j]
            for m in range(1, left.shape[1]):
                total += left[i, m] * right[m, j]
            out[i, j] = total


@compiled
def _invert(rows):
    """Invert in place by Gauss-Jordan elimination, without pivoting."""
    one = rows.dtype.type(1)
    for c in range(rows.shape[0]):
        inverse = one / rows[c, c]
        rows[c, c] = one
        for j in range(rows.shape[0]):
            rows[c, j] = inverse * rows[c, j]
        for i in range(rows.shape[0]):
            if i != c:
                factor = rows[i, c]
                rows[i, c] = 0
                for j in range(rows.shape[0]):
                    rows[i, j] -= factor * rows[c, j]


@compiled
def _picked(block, lines, order, which):
    """Copy block[lines, kept], kept being the lines of a block that stay open."""
    kept = order[order[:, 0] == which, 1]
    out = np.empty((lines.size, kept.size), block.dtype)
    for i in range(lines.size):
        for j in range(kept.size):
            out[i, j] = block[lines[i], kept[j]]
    return out


@compiled
def _join(first, second, far, near, order, out):
    """Join two blocks, symmetric matrices, see `quads._joined`."""
    lines = far.size
    one = out.dtype.type(1)
    negative, conductance = np.empty((2, lines, lines), out.dtype)
    for i in range(lines):
        for j in range(lines):
            negative[i, j] = first[far[i], far[j]]
            conductance[i, j] = second[near[i], near[j]]
    loop, admittance = np.empty((2, lines, lines), out.dtype)
    _multiply(negative, conductance, loop)
    for i in range(lines):
        for j in range(lines):
            loop[i, j] = -loop[i, j]
        loop[i, i] = one + loop[i, i]
    _invert(loop)
    _multiply(conductance, loop, admittance)
    ahead1, ahead2 = _picked(first, far, order, 0), _picked(second, near, order, 1)
    current1, current2 = np.empty_like(ahead1), np.empty_like(ahead2)
    voltage = np.empty_like(ahead2)
    _multiply(admittance, ahead1, current1)
    _multiply(loop.T, ahead2, current2)
    _multiply(negative, current2, voltage)
    ports1, ports2 = ahead1.shape[1], ahead2.shape[1]
    added = np.empty((ports1 + ports2, ports1 + ports2), out.dtype)
    _multiply(ahead1.T, current1, added[:ports1, :ports1])
    _multiply(ahead1.T, current2, added[:ports1, ports1:])
    _multiply(ahead2.T, voltage, added[ports1:, ports1:])
    place = np.empty(len(order), np.int64)  # of the lines in `added`
    next1, next2 = 0, ports1
    for i in range(len(order)):
        if order[i, 0] == 0:
            place[i], next1 = next1, next1 + 1
        else:
            place[i], next2 = next2, next2 + 1
    for i in range(len(order)):
        for j in range(i, len(order)):
            low, high = min(place[i], place[j]), max(place[i], place[j])
            number = added[low, high]
            if order[i, 0] == order[j, 0]:
                block = first if order[i, 0] == 0 else second
                number = number + block[order[i, 1], order[j, 1]]
            out[i, j] = out[j, i] = number


@compiled
def write_quad(memory, at):
    """Write the response of 2 × 2 cells, see `quads._quad`.

    Parameters
    ----------
    memory : array
    at : tuple of int
        (cells, target, step): places of the cells' parameters and of the response, and the distance
        of two of its lines.
    """
    cells, to, step = at
    width = lanes(memory)
    parts = np.empty((4, 4, 4), memory.dtype)
    upper, lower = np.empty((2, 6, 6), memory.dtype)
    whole = np.empty((8, 8), memory.dtype)
    for w in range(width):
        for k in range(4):
            g, r, s = [memory[(cells + 3 * k + n) * width + w] for n in range(3)]
            _cell(g, r, s, parts[k])
        _join(parts[0], parts[1], _RIGHT, _LEFT, _PAIR, upper)
        _join(parts[2], parts[3], _RIGHT, _LEFT, _PAIR, lower)
        _join(lower, upper, _TOP, _BOTTOM, _QUAD, whole)
        for i in range(8):
            for j in range(i, 8):
                memory[(to + i * step + j) * width + w] = whole[i, j]
