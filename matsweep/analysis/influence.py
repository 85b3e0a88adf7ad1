"""Sensitivity indices in words: their meaning, the ranges they hold for, and interactions."""

from __future__ import annotations

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import short_names, spoken
from matsweep.analysis.studytable import Scale
from matsweep.analysis.wording import quantity
from matsweep.core.units import rounded

_LISTED = 3  # levels that are named


def swept(scale: Scale) -> str:
    """Write the swept range of a parameter: ``0.5 % to 5 %``, or its levels, of many their number.

    Parameters
    ----------
    scale : Scale

    Returns
    -------
    str
    """
    if scale.levels:
        few = len(scale.levels) <= _LISTED
        return ", ".join(scale.levels) if few else f"{len(scale.levels)} values"
    return f"{quantity(scale, scale.low)} to {quantity(scale, scale.high)}"


def in_words(indices: xr.Dataset) -> list[str]:
    """Explain sensitivity indices where they stand.

    Parameters
    ----------
    indices : Dataset
        Result of `sensitivity`.

    Returns
    -------
    list of str
        Meaning of the indices, condition, and interactions, a sentence or two each.
    """
    metric = str(indices.attrs.get("metric", "the metric"))
    lines = [meaning(indices)]
    lines.append(
        "They hold for the ranges that were swept, each parameter varied independently as in the "
        "study: over a wider range a parameter decides more, and one that was not swept nothing."
    )
    if "S2" in indices:
        lines.append(_interactions(indices, metric))
    return lines


def meaning(indices: xr.Dataset) -> str:
    """Define the indices of a result.

    Parameters
    ----------
    indices : Dataset

    Returns
    -------
    str
    """
    metric = str(indices.attrs.get("metric", "the metric"))
    if "ST" in indices:
        return (
            f"S1: share of the variance of {metric} that a parameter causes alone. ST: with all "
            "its interactions; ST - S1 is what it causes only together with others."
        )
    if "delta" in indices:
        what = f"delta: half the area between the densities of {metric} with a parameter fixed"
        return f"{what}, and with all free, averaged over its values."
    return (
        f"median, mean, maximum: distance (0 to 1) between the distributions of {metric} with a "
        "parameter in one slice of its range, and in all of it, over slices. Without influence it "
        "stays below the threshold."
    )


def _interactions(indices: xr.Dataset, metric: str) -> str:
    """Describe the strongest pair of those beyond their intervals."""
    pairs, half = indices["S2"].values, indices["S2_conf"].values
    names = [str(name) for name in indices["parameter"].values]
    short = spoken(short_names(names))
    upper = np.triu(np.ones(pairs.shape, dtype=bool), 1) & np.isfinite(pairs)
    if not upper.any():
        return "There is one parameter, and so no interaction."
    sure = upper & (pairs > half)
    if not sure.any():
        return "No interaction of a pair can be told from 0."
    first, second = np.unravel_index(np.argmax(np.where(sure, pairs, -np.inf)), pairs.shape)
    value, error = float(pairs[first, second]), float(half[first, second])
    pair = f"{short[names[first]]} and {short[names[second]]}"
    return (
        f"Strongest interaction: {pair}, {rounded(100 * value, 100 * error)} % of the "
        f"variance of {metric} beyond both alone: the harm of one depends on the other."
    )
