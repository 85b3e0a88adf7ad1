"""Small dense matrices, many at a time."""

from __future__ import annotations

from numba import njit

_compiled = njit(cache=True, error_model="numpy")


@_compiled
def invert_one(matrix, lines):
    """Invert (line, line) in place by Gauss and Jordan's elimination, without pivoting."""
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


@_compiled
def invert(matrices):
    """Invert (matrix, line, line) in place."""
    for matrix in matrices:
        invert_one(matrix, matrix.shape[0])
