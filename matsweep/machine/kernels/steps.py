"""Steps of `windows`: in vector registers, or in plain loops.

Plain loops give the same bits. They are taken where code for vectors cannot be compiled, as with a
version of numba or llvmlite whose interfaces differ, and where the variable MATSWEEP_VECTORS is 0.
"""

from __future__ import annotations

import logging
import os

import numpy as np

from matsweep.core.compiled import set_apart
from matsweep.machine.kernels.sizes import BLOCK, GROUP, LANES, ROWS


def _compiles() -> bool:
    """Check that code for vectors compiles here and computes correctly."""
    sums = np.zeros(GROUP * LANES, np.float32)
    try:
        from matsweep.machine.kernels.trial import trial

        values, bases = np.ones(8, np.float32), np.zeros(ROWS, np.int64)
        trial(values, bases, np.zeros(BLOCK, np.float32), np.ones(4 * LANES, np.float32), sums)
    except Exception as error:  # whatever another version of numba or llvmlite raises
        logging.getLogger(__name__).warning(
            "products of windows are computed in plain loops, as code for vectors is not "
            "compiled: %s",
            str(error).partition("\n")[0],
        )
        return False
    return bool((sums == 4).all())


if os.environ.get("MATSWEEP_VECTORS") != "0" and _compiles():
    from matsweep.machine.kernels.registers import (
        add_block,
        add_group,
        add_half_block,
        add_half_group,
        copy_1,
        copy_4,
        copy_8,
        copy_16,
        finish,
        finish_half,
    )
else:
    set_apart("plain loops of windows")
    from matsweep.machine.kernels.plain import (
        add_block,
        add_group,
        add_half_block,
        add_half_group,
        copy_1,
        copy_4,
        copy_8,
        copy_16,
        finish,
        finish_half,
    )

__all__ = [
    "add_block",
    "add_group",
    "add_half_block",
    "add_half_group",
    "copy_1",
    "copy_4",
    "copy_8",
    "copy_16",
    "finish",
    "finish_half",
]
