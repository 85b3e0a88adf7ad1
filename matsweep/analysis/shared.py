"""Errors of candidates' means that each has alone, apart from what all candidates share.

Realisation r of all candidates has the same random numbers, and the same draws of what is unknown.
An unlucky chip lowers all candidates: that moves the whole fitted surface, and roughens it little.
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray

type Numbers = NDArray[np.float64]

_LEAST = 4  # realisations from which what is shared can be told from the rest


def separated(samples: Numbers) -> tuple[Numbers, float] | None:
    """Standard errors of candidates' means without what is shared, and that of the shared part.

    Each candidate follows the mean over all of them, realisation by realisation, with its own
    slope; its residuals are its own.

    Parameters
    ----------
    samples : (row, realisation) array

    Returns
    -------
    own : (row,) array
        Standard error of the residuals.
    shared : float
        Standard error of the part that all follow, of the median candidate.
    None
        With fewer than four realisations, two candidates, or values that are missing.
    """
    count, realisations = samples.shape
    if realisations < _LEAST or count < 2 or not np.isfinite(samples).all():
        return None
    own = samples - samples.mean(axis=1, keepdims=True)
    common = own.mean(axis=0)
    power = float(np.sum(common**2))
    slopes = own @ common / power if power > 0 else np.zeros(count)
    residual = own - slopes[:, None] * common
    own_error = np.sqrt(np.sum(residual**2, axis=1) / (realisations - 2) / realisations)
    deviation = np.sqrt(power / (realisations - 1) / realisations)
    return own_error, float(np.median(np.abs(slopes)) * deviation)
