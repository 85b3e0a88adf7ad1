"""Steps of `lanes`, `quads` and `tiles`: in vector registers, or in plain loops.

Plain loops are taken where code for vectors cannot be compiled, as with a version of numba or
llvmlite whose interfaces differ, and where the variable MATSWEEP_VECTORS is 0.
"""

from __future__ import annotations

import logging
import os

import numpy as np

from matsweep.core.compiled import set_apart


def _compiles() -> bool:
    """Check that code for vectors compiles here and computes correctly."""
    try:
        from matsweep.crossbar.wires.compiled.trial import trial

        out = np.zeros(8)
        trial(np.full(8, 2.0), np.ones(1), out)
    except Exception as error:  # whatever another version of numba or llvmlite raises
        logging.getLogger(__name__).warning(
            "wired arrays are computed in plain loops, as code for vectors is not compiled: %s",
            str(error).partition("\n")[0],
        )
        return False
    return bool((out == 0.5).all())


if os.environ.get("MATSWEEP_VECTORS") != "0" and _compiles():
    from matsweep.crossbar.wires.compiled.quads import write_quad
    from matsweep.crossbar.wires.compiled.registers import (
        add_tile,
        clear,
        complete,
        copy,
        divide_row,
        lanes,
        reduce_row,
        row_adder,
    )
else:
    set_apart("plain loops")
    from matsweep.crossbar.wires.compiled.plain import (
        add_tile,
        clear,
        complete,
        copy,
        divide_row,
        lanes,
        reduce_row,
        row_adder,
        write_quad,
    )

__all__ = [
    "add_tile",
    "clear",
    "complete",
    "copy",
    "divide_row",
    "lanes",
    "reduce_row",
    "row_adder",
    "write_quad",
]
