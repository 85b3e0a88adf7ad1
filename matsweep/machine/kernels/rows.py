"""Random numbers of rows, compiled by numba on first use.

Import this module inside the functions that need it: numba takes half a second.
"""

from __future__ import annotations

from numpy import uint64

from matsweep.core.compiled import compiled
from matsweep.core.philox import fill_bits, fill_normal


@compiled
def _place(row, count, call, high):
    """Return the counter of a row: its count and the row, and the key's half with the call."""
    lower = (row & uint64(0xFFFFFFFF)) << uint64(32)
    return lower | count, high ^ ((row >> uint64(32)) << uint64(32)) ^ call


@compiled
def _fill_bits_of_rows(first, count, call, high, key, out):
    for index in range(out.shape[0]):
        counter, upper = _place(first + uint64(index), count, call, high)
        fill_bits(counter, upper, key, out[index])


@compiled
def _fill_normal_of_rows(first, count, call, high, key, out):
    for index in range(out.shape[0]):
        counter, upper = _place(first + uint64(index), count, call, high)
        fill_normal(counter, upper, key, out[index])


OF_ROWS = {fill_bits: _fill_bits_of_rows, fill_normal: _fill_normal_of_rows}
"""Fillings of arrays (row, 4, count), each row from its own counter, by that of one row.

Their arguments are the first row's number, the first count, the call, the two halves of the key
and the array.
"""
