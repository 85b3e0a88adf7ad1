"""Responses of small blocks of cells, some side by side in the lanes of vectors."""

from __future__ import annotations

import numpy as np
from numba import njit

from matsweep.crossbar.compiled.lanes import (
    MORE,
    add_product,
    clear,
    complete,
    copy,
    invert,
    lanes,
    on_vectors,
)

_compiled = njit(cache=True, error_model="numpy")

QUAD = 2  # cells along the sides of the smallest block


class _Number:
    """A vector, for formulas of code that is being generated."""

    def __init__(self, memory, value):
        self.memory, self.value = memory, value

    def _new(self, operation, other, *, turned=False):
        if not isinstance(other, _Number):
            other = _Number(self.memory, self.memory.constant(other))
        pair = (other.value, self.value) if turned else (self.value, other.value)
        return _Number(self.memory, operation(*pair, flags=("contract",)))

    def __add__(self, other):
        return self._new(self.memory.builder.fadd, other)

    def __sub__(self, other):
        return self._new(self.memory.builder.fsub, other)

    def __mul__(self, other):
        return self._new(self.memory.builder.fmul, other)

    def __truediv__(self, other):
        return self._new(self.memory.builder.fdiv, other)

    def __rtruediv__(self, other):
        return self._new(self.memory.builder.fdiv, other, turned=True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return _Number(self.memory, self.memory.builder.fneg(self.value))

    def where_finite(self, of, other):
        """Return it where another is finite, else a third."""
        builder = self.memory.builder
        infinite = self.memory.constant(float("inf"))
        chosen = builder.fcmp_ordered("<", of.value, infinite)
        if not isinstance(other, _Number):
            other = _Number(self.memory, self.memory.constant(other))
        return _Number(self.memory, builder.select(chosen, self.value, other.value))


def _cell(g, r, s):
    """Return a cell's response, upper triangle; ports left, right, top, bottom.

    With i = g (v_left - r j_right - v_bottom + s j_top) / (1 + g (r + s)), written without
    differences that would cancel where a segment is broken.
    """
    around = r + s
    whole = 1.0 + g * around
    through = (g / whole).where_finite(g, 1.0 / around)
    without = (1.0 / whole).where_finite(g, 0.0)
    ahead, upward = without + through * s, without + through * r
    return {
        (0, 0): through,
        (0, 1): ahead,
        (1, 1): -r * ahead,
        (0, 2): through * s,
        (1, 2): -through * r * s,
        (2, 2): -s * upward,
        (0, 3): -through,
        (1, 3): through * r,
        (2, 3): upward,
        (3, 3): through,
    }


def _joined(first, second, far, near, order):
    """Join two blocks, see `matsweep.crossbar.join`; upper triangles {(line, line): number}.

    `far` and `near` are lines that are joined, `order` lists (which block, line) of those that
    stay open.
    """

    def between(block, i, j):
        return block[min(i, j), max(i, j)]

    def product(left, right):
        return [
            [sum_of([left[i][m] * right[m][j] for m in range(len(right))]) for j in columns(right)]
            for i in range(len(left))
        ]

    def columns(matrix):
        return range(len(matrix[0]))

    def sum_of(terms):
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def turned(matrix):
        return [[row[j] for row in matrix] for j in columns(matrix)]

    lines = range(len(far))
    negative = [[between(first, i, j) for j in far] for i in far]  # -R
    conductance = [[between(second, i, j) for j in near] for i in near]
    loop = [[-number for number in row] for row in product(negative, conductance)]
    for i in lines:
        loop[i][i] = 1.0 + loop[i][i]
    for c in lines:  # inverted by Gauss and Jordan's elimination
        inverse = 1.0 / loop[c][c]
        loop[c] = [inverse if j == c else loop[c][j] * inverse for j in lines]
        for i in lines:
            if i != c:
                factor = loop[i][c]
                loop[i] = [
                    -(factor * inverse) if j == c else loop[i][j] - factor * loop[c][j]
                    for j in lines
                ]
    open1 = [line for which, line in order if which == 0]
    open2 = [line for which, line in order if which == 1]
    ahead1 = [[between(first, i, j) for j in open1] for i in far]
    ahead2 = [[between(second, i, j) for j in open2] for i in near]
    current1 = product(product(conductance, loop), ahead1)
    current2 = product(turned(loop), ahead2)
    parts = {
        (0, 0): product(turned(ahead1), current1),
        (0, 1): product(turned(ahead1), current2),
        (1, 1): product(turned(ahead2), product(negative, current2)),
    }
    place = [
        (which, (open1, open2)[which].index(line)) for which, line in order
    ]
    out = {}
    for i, (which, line) in enumerate(order):
        for j in range(i, len(order)):
            which2, line2 = order[j]
            (a, k), (b, h) = place[i], place[j]
            number = parts[a, b][k][h] if a <= b else parts[b, a][h][k]
            if which == which2:
                number = between((first, second)[which], line, line2) + number
            out[i, j] = number
    return out


def _quad(memory, cells, to, step):
    """Write the response of 2 × 2 cells; three vectors of each (g, r, s), row by row."""
    def cell(which):
        return _cell(*(_Number(memory, memory.load(cells, 3 * which + k)) for k in range(3)))

    pair = [(0, 0), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]  # L, R, T, T, B, B
    upper = _joined(cell(0), cell(1), [1], [0], pair)
    lower = _joined(cell(2), cell(3), [1], [0], pair)
    # The second is the upper one: left and right lines from the top, then its top, the bottom.
    order = [(1, 0), (0, 0), (1, 1), (0, 1), (1, 2), (1, 3), (0, 4), (0, 5)]
    for (i, j), number in _joined(lower, upper, [2, 3], [4, 5], order).items():
        memory.store(number.value, memory.line(to, i, step), j)


_write_quad = on_vectors(_quad)


@_compiled
def _pick(memory, source, step, runs, rows, columns, out, step_out):
    """Copy some lines and columns of a symmetric matrix."""
    for r in range(rows[0], rows[1]):
        first, count, at = runs[r, 0], runs[r, 1] - runs[r, 0], runs[r, 2]
        for c in range(columns[0], columns[1]):
            first2, count2, at2 = runs[c, 0], runs[c, 1] - runs[c, 0], runs[c, 2]
            to = out + at * step_out + at2
            if first < first2:
                for i in range(count):
                    line = source + (first + i) * step + first2
                    copy(memory, (line, to + i * step_out, count2))
            elif first > first2:
                for j in range(count2):
                    line = source + (first2 + j) * step + first
                    for i in range(count):
                        copy(memory, (line + i, to + i * step_out + j, 1))
            else:
                for i in range(count):
                    line = source + (first + i) * step + first
                    for j in range(i, count):
                        copy(memory, (line + j, to + i * step_out + j, 1))
                        copy(memory, (line + j, to + j * step_out + i, 1))


@_compiled
def _copy_half(memory, source, step, runs, some, out, step_out):
    """Copy what is between some lines, in ascending order."""
    for r in range(some[0], some[1]):
        first, count, at = runs[r, 0], runs[r, 1] - runs[r, 0], runs[r, 2]
        for i in range(count):
            line, to = source + (first + i) * step, out + (at + i) * step_out
            copy(memory, (line + first + i, to + at + i, count - i))
            for c in range(r + 1, some[1]):
                first2, count2, at2 = runs[c, 0], runs[c, 1] - runs[c, 0], runs[c, 2]
                copy(memory, (line + first2, to + at2, count2))


@_compiled
def _join(memory, step, runs, scratch, most):
    """Join two blocks, see `joints.join_small`; for a step of the plan see `leaf._leaf_plan`."""
    out, across, first, across1, second, across2 = step[1], step[2], step[3], step[4], step[5], step[6]
    lines, ports1, ports2 = step[7], step[8], step[9]
    far, near = (step[10], step[11]), (step[11], step[12])
    open1, open2 = (step[12], step[13]), (step[13], step[14])
    size = (lines + MORE) * most
    negative, conductance, loop, admittance = scratch, scratch + size, scratch + 2 * size, scratch + 3 * size
    current, voltage = scratch + 4 * size, scratch + 5 * size
    ahead1, ahead2 = scratch + 6 * size, scratch + 7 * size
    behind = current + ports1
    _pick(memory, first, across1, runs, far, far, negative, most)  # -R
    _pick(memory, second, across2, runs, near, near, conductance, most)
    _pick(memory, first, across1, runs, far, open1, ahead1, most)
    _pick(memory, second, across2, runs, near, open2, ahead2, most)
    for i in range(lines):
        clear(memory, (loop + i * most, lines))
        clear(memory, (admittance + i * most, lines))
        clear(memory, (current + i * most, ports1))
        clear(memory, (voltage + i * most, ports2))
    add_product(memory, lines, negative, most, lines, conductance, most, lines, loop, most, False)
    for i in range(lines):
        row = loop + i * most
        complete(memory, (row, row + i, lines))
    invert(memory, loop, most, lines)
    add_product(
        memory, lines, conductance, most, lines, loop, most, lines, admittance, most, False
    )
    add_product(memory, lines, admittance, most, lines, ahead1, most, ports1, current, most, False)
    for i in range(lines):
        clear(memory, (behind + i * most, ports2))
    add_product(memory, lines, loop, most, lines, ahead2, most, ports2, behind, most, False)
    add_product(memory, lines, negative, most, lines, behind, most, ports2, voltage, most, False)
    _copy_half(memory, first, across1, runs, open1, out, across)
    for i in range(ports1):
        clear(memory, (out + i * across + ports1, ports2))
    ports = ports1 + ports2
    add_product(memory, lines, ahead1, most, ports1, current, most, ports, out, across, True)
    low = out + ports1 * (across + 1)
    _copy_half(memory, second, across2, runs, open2, low, across)
    add_product(memory, lines, ahead2, most, ports2, voltage, most, ports2, low, across, True)


@_compiled
def leaves(conductance, word, bit, offset, plan, runs, order, size, out):
    """Compute the responses of small blocks of cells.

    Parameters: conductance (block, row, column), word and bit (position, row, column), where
    (offset + block) % position says where in the array a block lies; plan, runs, order and size
    of memory, see `leaf._leaf_plan`; out (block, port, port).
    """
    blocks = conductance.shape[0]
    positions = word.shape[0]
    width = lanes(conductance)
    most = out.shape[1] + 2 * max(conductance.shape[1], conductance.shape[2]) + MORE
    scratch = size + 12
    depth = max(conductance.shape[1], conductance.shape[2]) + MORE
    memory = np.zeros((scratch + 8 * depth * most) * width, conductance.dtype)
    cells = memory[size * width : scratch * width].reshape(12, width)
    for start in range(0, blocks, width):
        for step in plan:
            if step[0] < 0:
                for w in range(width):
                    block = min(start + w, blocks - 1)
                    position = (offset + block) % positions
                    for k in range(4):
                        i, j = step[3] + k // 2, step[4] + k % 2
                        cells[3 * k, w] = conductance[block, i, j]
                        cells[3 * k + 1, w] = word[position, i, j]
                        cells[3 * k + 2, w] = bit[position, i, j]
                _write_quad(memory, (size, step[1], step[2]))
            else:
                _join(memory, step, runs, scratch, most)
        across = plan[plan.shape[0] - 1, 2]
        for w in range(min(width, blocks - start)):
            for i in range(out.shape[1]):
                for j in range(i, out.shape[1]):
                    k, h = min(order[i], order[j]), max(order[i], order[j])
                    out[start + w, i, j] = memory[(k * across + h) * width + w]
