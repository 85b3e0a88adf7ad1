"""Vectors, and matrices of them, in one array of memory: equal operations in each of their lanes.

A vector holds numbers of as many blocks as fill a register. Matrices lie in C order; a place in
memory and the distance of two lines count vectors.
"""

from __future__ import annotations

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.sizes import COLUMNS, ROWS
from matsweep.crossbar.wires.compiled.steps import add_tile, divide_row, reduce_row

MORE = 3  # lines and columns of padding that a matrix must have
_WIDTH = 24  # columns of a factor that are in the cache


@compiled
def invert(memory, matrix, step, lines):
    """Invert a matrix of vectors in place by Gauss-Jordan elimination, without pivoting.

    Parameters
    ----------
    memory : array
    matrix : int
        Place of the matrix.
    step : int
        Distance of two lines.
    lines : int
    """
    for c in range(lines):
        pivot_row = matrix + c * step
        divide_row(memory, (pivot_row, pivot_row + c, lines))
        for i in range(lines):
            row = matrix + i * step
            if i != c:
                reduce_row(memory, (row, row + c, pivot_row, lines))


@compiled
def add_product(memory, lines, a, step_a, rows, b, step_b, columns, c, step_c, half):
    """Add a[:lines, :rows]^T b[:lines, :columns] to c.

    Whole tiles are computed: up to `MORE` lines and columns further are read and written.

    Parameters
    ----------
    memory : array
    lines : int
    a : int
        Place of the matrix, like b and c.
    step_a : int
        Distance of two lines, like step_b and step_c.
    rows : int
    b : int
    step_b : int
    columns : int
    c : int
    step_c : int
    half : bool
        Leave the elements left of the diagonal undefined.
    """
    for begin in range(0, columns, _WIDTH):
        end = min(begin + _WIDTH, columns)
        for i in range(0, min(rows, end) if half else rows, ROWS):
            for j in range(max(begin, i - i % COLUMNS) if half else begin, end, COLUMNS):
                add_tile(memory, (a + i, step_a, b + j, step_b, c + i * step_c + j, step_c, lines))
