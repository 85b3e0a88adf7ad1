"""Importance of a parameter from any data: shift of the distribution under a condition on it.

SALib's functions for the same give no slice to the largest value of a parameter with few values
(PAWN) and cut through equal values (delta), so that they suit drawn designs only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.studytable import Numbers

SLICES = 10


def slices(column: Numbers) -> list[NDArray[np.intp]]:
    """Rows within each slice of a parameter: one slice a value, or about equal numbers of rows.

    Parameters
    ----------
    column : (row,) array
        Values of the parameter.

    Returns
    -------
    list of (n,) array of int
    """
    wanted = min(SLICES, max(2, len(column) // 10))
    levels, inverse = np.unique(column, return_inverse=True)
    if len(levels) > wanted:
        edges = np.quantile(column, np.linspace(0, 1, wanted + 1)[1:-1])
        inverse = np.searchsorted(edges, column, side="right")
    return [np.flatnonzero(inverse == number) for number in np.unique(inverse)]


def pawn(values: Numbers, groups: list[NDArray[np.intp]]) -> Numbers:
    """Median, mean and maximum over slices of the Kolmogorov-Smirnov distance.

    Parameters
    ----------
    values : (row,) array
        The metric.
    groups : list of (n,) array of int
        Rows of each slice.

    Returns
    -------
    (3,) array, dimensionless
    """
    everything = np.sort(values)
    steps = np.searchsorted(everything, everything, side="right") / len(values)
    gaps = [
        np.abs(np.searchsorted(np.sort(values[rows]), everything, side="right") / len(rows) - steps)
        for rows in groups
    ]
    distances = np.array([each.max() for each in gaps])
    return np.array([np.median(distances), distances.mean(), distances.max()])


def delta(values: Numbers, groups: list[NDArray[np.intp]]) -> Numbers:
    """Borgonovo's delta: eq. 26 of Plischke et al. 2013, with Silverman's bandwidth.

    Parameters
    ----------
    values : (row,) array
        The metric.
    groups : list of (n,) array of int
        Rows of each slice.

    Returns
    -------
    (1,) array, dimensionless
    """
    low, high = float(values.min()), float(values.max())
    margin = 0.1 * (high - low)  # kernels reach beyond the outermost values
    grid = np.linspace(low - margin, high + margin, 120)
    least = 1e-2 * (high - low)  # of slices without spread; the grid's own step
    whole_density = _density(values, grid, least)
    areas = [
        len(rows) * np.trapezoid(np.abs(_density(values[rows], grid, least) - whole_density), grid)
        for rows in groups
    ]
    return np.array([sum(areas) / (2 * len(values))])


def _density(values: Numbers, grid: Numbers, least: float) -> Numbers:
    count = len(values)
    spread = float(values.std(ddof=1)) if count > 1 else 0.0
    width = max(spread * (0.75 * count) ** -0.2, least)
    z = (grid[:, None] - values) / width
    return np.asarray(np.exp(-0.5 * z * z).sum(axis=1) / (count * width * math.sqrt(2 * math.pi)))
