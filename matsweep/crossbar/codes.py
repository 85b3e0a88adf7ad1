"""Conversion of currents to codes, compiled by numba on first use.

Import this module inside the functions that need it: numba takes half a second.
"""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled


@compiled
def add_codes(total, currents, low, high, worth, saturated):
    """Add currents, rounded and clipped to the codes low … high, to totals; count the clipped ones.

    Parameters
    ----------
    total : (realisation, output) array
        Changed in place.
    currents : (realisation, output) array, codes
    low : float, codes
    high : float, codes
    worth : float
        Weight of a code in the total.
    saturated : (realisation,) array
        Number of clipped conversions, added to.
    """
    for r in range(total.shape[0]):
        count = 0
        for i in range(total.shape[1]):
            code = np.rint(currents[r, i])
            kept = min(max(code, low), high)
            count += code != kept
            total[r, i] += worth * kept
        saturated[r] += count


@compiled
def add_noisy_codes(total, currents, noise, low, high, worth, saturated):
    """Add currents with noise to totals, as `add_codes`.

    Parameters
    ----------
    total : (realisation, output) array
        Changed in place.
    currents : (realisation, output) array, codes
    noise : (realisation, output) array, codes
    low : float, codes
    high : float, codes
    worth : float
        Weight of a code in the total.
    saturated : (realisation,) array
        Number of clipped conversions, added to.
    """
    for r in range(total.shape[0]):
        count = 0
        for i in range(total.shape[1]):
            code = np.rint(currents[r, i] + noise[r, i])
            kept = min(max(code, low), high)
            count += code != kept
            total[r, i] += worth * kept
        saturated[r] += count
