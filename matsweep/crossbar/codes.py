"""Conversion of currents to codes, compiled by numba on first use.

Import this module where it is called, not where a module begins: numba takes half a second.
"""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled


@compiled
def add_codes(total, currents, low, high, worth, saturated):
    """Add to totals the currents [codes], rounded and cut to low … high; count what was cut."""
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
    """Do as `add_codes` after adding noise [codes] to the currents."""
    for r in range(total.shape[0]):
        count = 0
        for i in range(total.shape[1]):
            code = np.rint(currents[r, i] + noise[r, i])
            kept = min(max(code, low), high)
            count += code != kept
            total[r, i] += worth * kept
        saturated[r] += count
