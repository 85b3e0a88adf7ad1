"""Trial of the operations in the code for vector registers, see `steps`."""

from __future__ import annotations

from matsweep.core.compiled import compiled
from matsweep.machine.kernels.registers import add_group, copy_4


@compiled
def trial(values, bases, packed, panel, sums):
    """Multiply four inputs of rows by a panel.

    Parameters
    ----------
    values : array of float32
    bases : (16,) array of int
    packed : (BLOCK,) array of float32
        Overwritten.
    panel : (4 · LANES,) array of float32
    sums : (GROUP · LANES,) array of float32
        Changed in place.
    """
    copy_4(values, bases, 0, 0, packed, 0)
    add_group(packed, 0, panel, 0, sums, 0, 4)
