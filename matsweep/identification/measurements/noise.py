"""Noise of the points of smooth curves."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray


def point_noise(values: FloatArray) -> float:
    """Estimate the standard deviation of the points of a smooth curve.

    From the median distance of points from the middle of their neighbours: of normal noise it is
    0.6745 √1.5 of the deviation. Steps of the curve do not count, as long as they are few.

    Parameters
    ----------
    values : (n,) array

    Returns
    -------
    float
        0 for fewer than three points.
    """
    if values.size < 3:
        return 0.0
    off = values[1:-1] - 0.5 * (values[2:] + values[:-2])
    return float(np.median(np.abs(off))) / (0.6745 * float(np.sqrt(1.5)))
