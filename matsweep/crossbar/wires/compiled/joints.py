"""Joints of blocks, and copies and inverses of their responses.

Of the symmetric matrices only the diagonal and the elements right of it count. Lines are given
as runs: (run, 3) arrays of begin and end in the block, and of the begin here.
"""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.tiles import add_product, wide

_STEP = 8  # lines that are eliminated together


@compiled
def _lines(runs):
    lines = 0
    for r in range(runs.shape[0]):
        lines += runs[r, 1] - runs[r, 0]
    return lines


@compiled
def _clear(matrix):
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            matrix[i, j] = 0


@compiled
def _copy(source, columns, out, at):
    for i in range(source.shape[0]):
        for j in range(columns):
            out[i, at + j] = source[i, j]


@compiled
def _pick(source, rows, columns, out):
    """Copy some rows and columns of a symmetric matrix."""
    for r in range(rows.shape[0]):
        first, end, at = rows[r, 0], rows[r, 1], rows[r, 2]
        for c in range(columns.shape[0]):
            first2, end2, at2 = columns[c, 0], columns[c, 1], columns[c, 2]
            if first < first2:
                for i in range(end - first):
                    line, target = source[first + i], out[at + i]
                    for j in range(end2 - first2):
                        target[at2 + j] = line[first2 + j]
            elif first > first2:
                for j in range(end2 - first2):
                    line = source[first2 + j]
                    for i in range(end - first):
                        out[at + i, at2 + j] = line[first + i]
            else:
                for i in range(end - first):
                    line = source[first + i]
                    for j in range(i, end - first):
                        out[at + i, at2 + j] = line[first + j]
                        out[at + j, at2 + i] = line[first + j]


@compiled
def _copy_half(source, runs, out, offset):
    """Copy the elements between some lines, in ascending order, to out[offset:, offset:].

    As `add_half`, for an empty block: clearing it and adding takes a fifth longer.
    """
    for r in range(runs.shape[0]):
        first, end, at = runs[r, 0], runs[r, 1], runs[r, 2]
        for i in range(end - first):
            line, target = source[first + i], out[offset + at + i]
            for j in range(i, end - first):
                target[offset + at + j] = line[first + j]
            for c in range(r + 1, runs.shape[0]):
                first2, end2, at2 = runs[c, 0], runs[c, 1], runs[c, 2]
                for j in range(end2 - first2):
                    target[offset + at2 + j] = line[first2 + j]


@compiled
def pick(blocks, places, rows, columns, out):
    """Copy some rows and columns of some symmetric matrices.

    Parameters
    ----------
    blocks : (block, line, wide column) array
    places : (place,) array of int
        Indices of blocks.
    rows : (run, 3) array of int
    columns : (run, 3) array of int
    out : (place, row, column) array
        Written.
    """
    for block in range(places.size):
        _pick(blocks[places[block]], rows, columns, out[block])


@compiled
def add_half(source, runs, out, offset):
    """Add the elements between some lines, in ascending order, to out[offset:, offset:].

    Parameters
    ----------
    source : (line, wide column) array
    runs : (run, 3) array of int
    out : (line, wide column) array
        Changed in place.
    offset : int
    """
    for r in range(runs.shape[0]):
        first, end, at = runs[r, 0], runs[r, 1], runs[r, 2]
        for i in range(end - first):
            line, target = source[first + i], out[offset + at + i]
            for j in range(i, end - first):
                target[offset + at + j] += line[first + j]
            for c in range(r + 1, runs.shape[0]):
                first2, end2, at2 = runs[c, 0], runs[c, 1], runs[c, 2]
                for j in range(end2 - first2):
                    target[offset + at2 + j] += line[first2 + j]


@compiled
def _invert_few(matrix, lines):
    """Invert (line, line) in place by Gauss-Jordan elimination, without pivoting."""
    for c in range(lines):
        row = matrix[c]
        pivot = 1 / row[c]
        row[c] = 1
        for j in range(lines):
            row[j] *= pivot
        for i in range(lines):
            if i != c:
                other = matrix[i]
                factor = other[c]
                other[c] = 0
                for j in range(lines):
                    other[j] -= factor * row[j]


@compiled
def _invert(matrix, scratch):
    """Invert (line, wide column) in place by Gauss-Jordan elimination, `_STEP` lines at once."""
    pivot, factor, row, new = scratch
    lines = matrix.shape[0]
    if lines <= _STEP:
        _invert_few(matrix, lines)
        return
    for start in range(0, lines, _STEP):
        count = min(_STEP, lines - start)
        for m in range(count):
            for i in range(lines):
                factor[m, i] = -matrix[i, start + m]
                matrix[i, start + m] = 0
        for m in range(count):
            for n in range(count):
                pivot[m, n] = -factor[m, start + n]
                factor[m, start + n] = 1 if m == n else 0
            for j in range(lines):
                row[m, j] = matrix[start + m, j]
                matrix[start + m, j] = 0
            row[m, start + m] = 1
        _clear(new)
        _invert_few(pivot, count)
        add_product(pivot[:count], count, row, lines, new, 0, False)
        add_product(factor[:count], lines, new, lines, matrix, 0, False)


@compiled
def inverted(matrices, out):
    """Write the inverses of matrices.

    Parameters
    ----------
    matrices : (matrix, line, line) array
    out : (matrix, line, line) array
        Written.
    """
    lines = out.shape[1]
    matrix = np.zeros((lines, wide(lines, out)), out.dtype)
    scratch = _scratch(lines, out)
    for which in range(out.shape[0]):
        for i in range(lines):
            for j in range(lines):
                matrix[i, j] = matrices[which, i, j]
        _invert(matrix, scratch)
        _copy(matrix, lines, out[which], 0)


@compiled
def _scratch(lines, like):
    across = wide(lines, like)
    return (
        np.zeros((_STEP, _STEP), like.dtype),
        np.zeros((_STEP, across), like.dtype),
        np.zeros((_STEP, across), like.dtype),
        np.zeros((_STEP, across), like.dtype),
    )


@compiled
def join_small(blocks1, blocks2, places1, places2, far, near, open1, open2, out):
    """Join blocks, see `matsweep.crossbar.wires.join`.

    Parameters
    ----------
    blocks1 : (block, line, wide column) array
    blocks2 : (block, line, wide column) array
    places1 : (joint,) array of int
    places2 : (joint,) array of int
        Indices of the blocks that are joined.
    far : (run, 3) array of int
    near : (run, 3) array of int
        Lines of the first and of the second that are joined.
    open1 : (run, 3) array of int
    open2 : (run, 3) array of int
        Lines of the first and of the second that stay open.
    out : (joint, line, wide column) array
        Written.
    """
    lines, ports1, ports2 = _lines(far), _lines(open1), _lines(open2)
    across, across1, across2 = wide(lines, out), wide(ports1, out), wide(ports2, out)
    negative = np.zeros((lines, across), out.dtype)
    conductance, loop = np.zeros_like(negative), np.zeros_like(negative)
    admittance = np.zeros_like(negative)
    ahead1 = np.zeros((lines, across1), out.dtype)
    ahead2 = np.zeros((lines, across2), out.dtype)
    current1, current2 = np.zeros_like(ahead1), np.zeros_like(ahead2)
    voltage = np.zeros_like(ahead2)
    current = np.zeros((lines, wide(ports1 + ports2, out)), out.dtype)
    scratch = _scratch(lines, out)
    for block in range(out.shape[0]):
        first, second, result = blocks1[places1[block]], blocks2[places2[block]], out[block]
        _pick(first, far, far, negative)  # -R
        _pick(second, near, near, conductance)
        _pick(first, far, open1, ahead1)
        _pick(second, near, open2, ahead2)
        _clear(loop)
        add_product(negative, lines, conductance, lines, loop, 0, False)
        for i in range(lines):
            for j in range(lines):
                loop[i, j] = -loop[i, j]
            loop[i, i] += 1
        _invert(loop, scratch)
        _clear(admittance)
        add_product(conductance, lines, loop, lines, admittance, 0, False)
        _clear(current1)
        add_product(admittance, lines, ahead1, ports1, current1, 0, False)
        _clear(current2)
        add_product(loop, lines, ahead2, ports2, current2, 0, False)
        _clear(voltage)
        add_product(negative, lines, current2, ports2, voltage, 0, False)
        _copy(current1, ports1, current, 0)
        _copy(current2, ports2, current, ports1)
        _copy_half(first, open1, result, 0)
        for i in range(ports1):
            for j in range(ports1, ports1 + ports2):
                result[i, j] = 0
        add_product(ahead1, ports1, current, ports1 + ports2, result, 0, True)
        _copy_half(second, open2, result, ports1)
        add_product(ahead2, ports2, voltage, ports2, result, ports1, True)
