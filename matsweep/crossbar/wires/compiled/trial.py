"""A trial of all that the code for vector registers is made of, see `steps`."""

from __future__ import annotations

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.quads import divide
from matsweep.crossbar.wires.compiled.registers import copy, row_adder

_add_row = row_adder(1)


@compiled
def trial(memory, one, out):
    """Add to out (8,) the reciprocals of memory (8,), of which the second half is overwritten."""
    divide(memory, (0,))
    copy(memory, (0, 1, 1))
    _add_row(one, 0, 1, memory, 0, 8, out, 0, 8, 1)
