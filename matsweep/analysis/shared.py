"""Errors of candidates' means that each has alone, apart from what all candidates share.

Realisation r of all candidates has the same random numbers, and the same draws of what is unknown.
An unlucky chip lowers all candidates: that moves a fitted surface as a whole, and does not roughen
it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Numbers = NDArray[np.float64]

_LEAST = 4  # realisations from which what is shared can be told from the rest
_PRIOR = 4.0  # degrees of freedom of the mean variance in that of one candidate
_SURE = 0.999


def separated(samples: Numbers) -> tuple[Numbers, float] | None:
    """Separate the standard errors of candidates' means from that of what all share.

    Each candidate follows the mean over all of them, realisation by realisation, with its own
    slope; its residuals are its own. Their variance from few realisations is moderated by the mean
    over candidates, which counts as four further degrees of freedom.

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
        If there is no shared part beyond chance (F-test), with fewer than four realisations, and
        where values are missing.

    References
    ----------
    Moderated variances: G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3:3, 2004,
    doi:10.2202/1544-6115.1027.
    """
    from scipy.stats import f

    count, realisations = samples.shape
    if realisations < _LEAST or count < 2 or not np.isfinite(samples).all():
        return None
    own = samples - samples.mean(axis=1, keepdims=True)
    common = own.mean(axis=0)
    freedom = realisations - 1
    between = np.sum(common**2) / freedom
    within = np.sum((own - common) ** 2) / freedom / (count - 1)
    if count * between <= within * float(f.ppf(_SURE, freedom, freedom * (count - 1))):
        return None
    slopes = own @ common / np.sum(common**2)
    squares = np.sum((own - slopes[:, None] * common) ** 2, axis=1)
    mean = float(np.mean(squares)) / (freedom - 1)
    variance = (squares + _PRIOR * mean) / (freedom - 1 + _PRIOR)
    shared = float(np.median(np.abs(slopes))) * np.sqrt(between / realisations)
    return np.sqrt(variance / realisations), float(shared)
