"""Trial of all operations in the code for vector registers, see `steps`."""

from __future__ import annotations

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.quads import divide
from matsweep.crossbar.wires.compiled.registers import copy, row_adder

_add_row = row_adder(1)


@compiled
def trial(memory, one, out):
    """Add the reciprocals of memory to out.

    Parameters
    ----------
    memory : (8,) array
        Overwritten by the reciprocals of the first half.
    one : (1,) array
        1.
    out : (8,) array
        Changed in place.
    """
    divide(memory, (0,))
    copy(memory, (0, 1, 1))
    _add_row(one, 0, 1, memory, 0, 8, out, 0, 8, 1)
