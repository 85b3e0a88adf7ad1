"""Arrays as compiled code takes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def read_only[Number: np.generic](array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return a contiguous array that compiled code can only read.

    Loops are compiled for each kind of array that they meet. Some can be written to, others (what
    Ray hands out) cannot; some are contiguous, others are not: here all are alike.
    """
    seen = np.ascontiguousarray(array).view()
    seen.flags.writeable = False
    return seen
