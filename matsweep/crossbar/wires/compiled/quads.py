"""Response of 2 × 2 cells: formulas, written out in vector registers.

Here code is generated for, not called with, numbers: blocks are {(line, line): number}, on the
diagonal and right of it. See `registers` for how products and sums are rounded.
"""

from __future__ import annotations

import functools
import itertools
import operator

from matsweep.crossbar.wires.compiled.registers import FUSED, on_vectors


class _Number:
    """Vector in formulas of code that is being generated."""

    def __init__(self, memory, value):
        self.memory, self.value = memory, value

    def _new(self, operation, other, *, turned=False):
        if not isinstance(other, _Number):
            other = _Number(self.memory, self.memory.constant(other))
        pair = (other.value, self.value) if turned else (self.value, other.value)
        return _Number(self.memory, operation(*pair, flags=FUSED))

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

    def __rsub__(self, other):
        return self._new(self.memory.builder.fsub, other, turned=True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return _Number(self.memory, self.memory.builder.fneg(self.value))

    def where_finite(self, of, other):
        """Select this vector where another is finite, else a third."""
        builder = self.memory.builder
        infinite = self.memory.constant(float("inf"))
        chosen = builder.fcmp_ordered("<", of.value, infinite)
        if not isinstance(other, _Number):
            other = _Number(self.memory, self.memory.constant(other))
        return _Number(self.memory, builder.select(chosen, self.value, other.value))


def _cell(g, r, s):
    """Response of a cell, upper triangle; ports left, right, top, bottom.

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


def _between(block, i, j):
    return block[min(i, j), max(i, j)]


def _product(left, right):
    return [
        [
            functools.reduce(operator.add, map(operator.mul, row, column))
            for column in _turned(right)
        ]
        for row in left
    ]


def _turned(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def _inverse(matrix):
    """Invert by Gauss-Jordan elimination, without pivoting."""
    size = range(len(matrix))
    rows = [list(row) for row in matrix]
    for c in size:
        inverse, rows[c][c] = 1.0 / rows[c][c], 1.0
        rows[c] = [inverse * number for number in rows[c]]
        for i in size:
            if i != c:
                factor, rows[i][c] = rows[i][c], 0.0
                rows[i] = [
                    number - factor * other for number, other in zip(rows[i], rows[c], strict=True)
                ]
    return rows


def _joined(first, second, far, near, order):
    """Join two blocks, see `matsweep.crossbar.wires.join`; upper triangles {(line, line): number}.

    `far` and `near` are the lines that are joined, `order` lists (block, line) of those that stay
    open.
    """
    blocks = first, second
    kept = [[line for which, line in order if which == block] for block in range(2)]
    negative = [[_between(first, i, j) for j in far] for i in far]  # -R
    conductance = [[_between(second, i, j) for j in near] for i in near]
    loop = [[-number for number in row] for row in _product(negative, conductance)]
    for i, row in enumerate(loop):
        row[i] = 1.0 + row[i]
    inverse = _inverse(loop)
    ahead1, ahead2 = (
        [[_between(block, i, j) for j in lines] for i in joined]
        for block, joined, lines in zip(blocks, (far, near), kept, strict=True)
    )
    current1 = _product(_product(conductance, inverse), ahead1)
    current2 = _product(_turned(inverse), ahead2)
    added = {
        (0, 0): _product(_turned(ahead1), current1),
        (0, 1): _product(_turned(ahead1), current2),
        (1, 1): _product(_turned(ahead2), _product(negative, current2)),
    }
    out = {}
    for (i, one), (j, other) in itertools.combinations_with_replacement(enumerate(order), 2):
        (which, line), (which2, line2) = sorted((one, other))
        number = added[which, which2][kept[which].index(line)][kept[which2].index(line2)]
        if which == which2:
            number = number + _between(blocks[which], line, line2)
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


write_quad = on_vectors(_quad)


def _divide(memory, to):
    """Divide ones by the vector at a place, with all operations that the code of a quad needs."""
    number = _Number(memory, memory.load(to))
    memory.store((1.0 / number - 0.0).where_finite(-number + 4.0, 0.0).value, to)


divide = on_vectors(_divide)
