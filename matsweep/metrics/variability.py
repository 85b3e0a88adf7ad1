"""Spread of the accuracy over realisations of the devices."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.metric import Metric


def spread(accuracy: FloatArray) -> FloatArray:
    """Return the sample standard deviation of the accuracy over realisations.

    Zero for a single realisation, which has no spread.

    Parameters
    ----------
    accuracy : (realisation, time) array

    Returns
    -------
    (time,) array
    """
    if len(accuracy) == 1:
        return np.zeros(accuracy.shape[1])
    return np.asarray(accuracy.std(axis=0, ddof=1))


def low_percentile(accuracy: FloatArray) -> FloatArray:
    """Return the 5th percentile of the accuracy over realisations.

    Linear between order statistics; below 20 realisations it lies between the two worst.

    Parameters
    ----------
    accuracy : (realisation, time) array

    Returns
    -------
    (time,) array
    """
    return np.asarray(np.percentile(accuracy, 5, axis=0))


ACCURACY_STD = Metric(
    name="accuracy_std",
    long_name="standard deviation of accuracy over realisations",
    units="1",
    better="lower",
    dims=("time",),
    compute=spread,
    of="accuracy",
)
ACCURACY_P05 = Metric(
    name="accuracy_p05",
    long_name="5th percentile of accuracy over realisations",
    units="1",
    better="higher",
    dims=("time",),
    compute=low_percentile,
    of="accuracy",
)
