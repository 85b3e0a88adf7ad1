"""Parts of matrices, picked out by indices."""

from __future__ import annotations

from numba import njit

_compiled = njit(cache=True, error_model="numpy")


@_compiled
def gather(source, rows, columns, out):
    """Copy source[…, rows, columns] to out; both have three leading axes."""
    for a in range(source.shape[0]):
        for b in range(source.shape[1]):
            for c in range(source.shape[2]):
                for i in range(rows.size):
                    line, target = source[a, b, c, rows[i]], out[a, b, c, i]
                    for j in range(columns.size):
                        target[j] = line[columns[j]]


@_compiled
def add_gathered(source, rows, columns, out):
    """Add source[…, rows, columns] to out; both have three leading axes."""
    for a in range(source.shape[0]):
        for b in range(source.shape[1]):
            for c in range(source.shape[2]):
                for i in range(rows.size):
                    line, target = source[a, b, c, rows[i]], out[a, b, c, i]
                    for j in range(columns.size):
                        target[j] += line[columns[j]]
