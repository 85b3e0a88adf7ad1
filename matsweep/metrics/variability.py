"""How much accuracy differs between realisations of the devices."""

from __future__ import annotations

import numpy as np

from matsweep.metrics.metric import Metric, Run
from matsweep.streams import FloatArray


def spread(run: Run) -> FloatArray:
    """Return the sample standard deviation of accuracy over realisations, (time,).

    Zero for a single realisation, which says nothing of the spread.
    """
    correct = run.inference.correct
    if len(correct) == 1:
        return np.zeros(correct.shape[1])
    return np.asarray(correct.std(axis=0, ddof=1))


def low_percentile(run: Run) -> FloatArray:
    """Return the 5th percentile of accuracy over realisations, (time,).

    Linear between order statistics; below 20 realisations it lies between the two worst.
    """
    return np.asarray(np.percentile(run.inference.correct, 5, axis=0))


ACCURACY_STD = Metric(
    name="accuracy_std",
    long_name="standard deviation of accuracy over realisations",
    units="1",
    better="lower",
    dims=("time",),
    compute=spread,
)
ACCURACY_P05 = Metric(
    name="accuracy_p05",
    long_name="5th percentile of accuracy over realisations",
    units="1",
    better="higher",
    dims=("time",),
    compute=low_percentile,
)
