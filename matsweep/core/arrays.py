"""Arrays of floating-point numbers, and arrays for compiled code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def floats(values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Array of floating-point numbers: float32 and float64 stay, other types become float64.

    Parameters
    ----------
    values : (…) array, list or number

    Returns
    -------
    (…) array
        The same object where it is one already; a number gives an array without axes.
    """
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


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
