"""The tabulated model: what was measured, where no formula fits."""

from __future__ import annotations

import numpy as np

from matsweep.checks import UserError, whole
from matsweep.devices import Tabulated
from matsweep.fitting.data import PulseData
from matsweep.streams import FloatArray

_PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_LEAST = 20  # changes in a bin


def tabulate(
    data: PulseData,
    *,
    g_min: float | None = None,
    g_max: float | None = None,
    bins: int = 12,
) -> Tabulated:
    """Tabulate quantiles of the change against the state, for each polarity.

    Bins hold equal numbers of changes; all devices together, so that differences between devices
    count as noise of the pulse.

    Parameters
    ----------
    data : PulseData
    g_min, g_max : float, S, optional
        The range; by default the lowest and highest conductance measured.
    bins : int
        Of the state, fewer where there are not 20 changes for each.

    Returns
    -------
    Tabulated

    Raises
    ------
    UserError
        If there are too few changes for a single bin.
    """
    whole("bins", bins, low=1)
    low = data.lowest if g_min is None else g_min
    high = data.highest if g_max is None else g_max
    state = (data.before - low) / (high - low)
    change = (data.after - data.before) / (high - low)
    fewest = int(min(data.up.sum(), (~data.up).sum()))
    bins = min(bins, fewest // _LEAST)
    if bins < 1:
        raise UserError(
            f"{data.name}: {fewest} changes of one polarity, at least {_LEAST} are needed"
        )
    centres = np.quantile(state, (np.arange(bins) + 0.5) / bins)
    centres = np.unique(np.clip(centres, 0, 1).round(6))
    tables = [_table(state[mask], change[mask], centres) for mask in (data.up, ~data.up)]
    up, down = (tuple(tuple(map(float, row)) for row in table) for table in tables)
    return Tabulated(
        states=tuple(map(float, centres)), probabilities=_PROBABILITIES, up=up, down=down
    )


def _table(state: FloatArray, change: FloatArray, centres: FloatArray) -> FloatArray:
    """Return quantiles (state, probability) of the changes nearest to each centre."""
    share = max(_LEAST, len(state) // (2 * len(centres)))
    rows = []
    for centre in centres:
        nearest = np.argpartition(np.abs(state - centre), min(share, len(state)) - 1)[:share]
        rows.append(np.quantile(change[nearest], _PROBABILITIES))
    return np.array(rows)
