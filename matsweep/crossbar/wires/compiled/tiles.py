"""Products of small matrices, one tile of the result at a time in vector registers."""

from __future__ import annotations

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.sizes import TILE_BYTES
from matsweep.crossbar.wires.compiled.steps import row_adder

_ROWS = 4
_DEPTH = 64  # lines of the factors that are in the cache
_WIDTH = 64

_add_rows, _add_row = row_adder(_ROWS), row_adder(1)


@compiled
def wide(columns, matrix):
    """Round a number of columns up to whole tiles of the type of a matrix.

    Parameters
    ----------
    columns : int
    matrix : array

    Returns
    -------
    int
    """
    tile = TILE_BYTES // matrix.itemsize
    return (columns + tile - 1) // tile * tile


@compiled
def add_product(a, rows, b, columns, c, at, half):
    """Add a[:, :rows]^T b[:, :columns] to c[at:, at:]; matrices are C-contiguous.

    Whole tiles are computed: rows of b, and those of c behind `at`, have the length given by
    `wide`.

    Parameters
    ----------
    a : (line, row) array
    rows : int
    b : (line, column) array
    columns : int
    c : (row, column) array
        Changed in place.
    at : int
    half : bool
        Leave the elements left of the diagonal undefined.
    """
    tile = TILE_BYTES // c.itemsize
    step_a, step_b, step_c = a.shape[1], b.shape[1], c.shape[1]
    for begin in range(0, columns, _WIDTH):
        end = min(begin + _WIDTH, columns)
        most = min(rows, end) if half else rows
        whole = most - most % _ROWS
        for line in range(0, a.shape[0], _DEPTH):
            lines = min(_DEPTH, a.shape[0] - line)
            left, right = line * step_a, line * step_b
            for i in range(0, whole, _ROWS):
                for j in range(max(begin, i - i % tile) if half else begin, end, tile):
                    to = (at + i) * step_c + at + j
                    _add_rows(a, left + i, step_a, b, right + j, step_b, c, to, step_c, lines)
            for i in range(whole, most):
                for j in range(max(begin, i - i % tile) if half else begin, end, tile):
                    to = (at + i) * step_c + at + j
                    _add_row(a, left + i, step_a, b, right + j, step_b, c, to, step_c, lines)
