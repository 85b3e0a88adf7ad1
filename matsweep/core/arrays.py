"""Arrays for compiled code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def read_only[Number: np.generic](array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Make an array contiguous and read-only, for compiled code.

    Loops are compiled for each kind of array that they meet. Some arrays are writeable, others
    (those
    from Ray) are not; some are contiguous, others are not: after this all are of one kind.

    Parameters
    ----------
    array : (…) array

    Returns
    -------
    (…) array
        A view where the array is contiguous, else a copy.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
