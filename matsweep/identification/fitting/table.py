"""The tabulated model: measured quantiles, where no formula fits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, whole
from matsweep.core.streams import FloatArray
from matsweep.devices import Tabulated
from matsweep.identification.measurements import Changes, PulseData

_PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_LEAST = 20  # changes in a bin
_LEAST_SCALE = 0.05  # of a device with almost no steps


def tabulate(
    data: Changes | PulseData,
    *,
    g_min: float | None = None,
    g_max: float | None = None,
    bins: int = 12,
    own: bool = False,
) -> Tabulated:
    """Tabulate quantiles of the change against the state, for each polarity.

    Bins hold equal numbers of changes.

    Parameters
    ----------
    data : Changes or PulseData
    g_min : float, S, optional
        Lower end of the range; by default the lowest conductance measured.
    g_max : float, S, optional
        Upper end; by default the highest conductance measured.
    bins : int
        Of the state, fewer where there are not 20 changes for each.
    own : bool
        Whether devices differ in the size of their steps: the table is then that of changes over
        each device's own scale, and the scales' deviation, less the part of the pulses' noise,
        becomes `device_to_device`. Else differences between devices count as noise of the pulse.

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
    spread = {}
    if own and len(data.devices) > 1:
        for way, mask in (("scale_up", data.up), ("scale_down", ~data.up)):
            change[mask], spread[way] = _scaled(state[mask], change[mask], data.device[mask], bins)
    centres = np.quantile(state, (np.arange(bins) + 0.5) / bins)
    centres = np.unique(np.clip(centres, 0, 1).round(6))
    tables = [_table(state[mask], change[mask], centres) for mask in (data.up, ~data.up)]
    up, down = (tuple(tuple(map(float, row)) for row in table) for table in tables)
    return Tabulated(
        states=tuple(map(float, centres)),
        probabilities=_PROBABILITIES,
        up=up,
        down=down,
        device_to_device={way: value for way, value in spread.items() if value > 0},
    )


def _scaled(
    state: FloatArray, change: FloatArray, device: npt.NDArray[np.integer], bins: int
) -> tuple[FloatArray, float]:
    """Return changes (n,) over their device's own scale, and the deviation of the scales."""
    edges = np.quantile(state, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, state)
    count = np.bincount(place, minlength=bins)
    mean = (np.bincount(place, change, minlength=bins) / np.maximum(count, 1))[place]
    known, index = np.unique(device, return_inverse=True)
    # Weighted by the mean step: states without change carry no information.
    weight = np.bincount(index, mean**2)
    scale = np.bincount(index, mean * change) / np.where(weight > 0, weight, 1.0)
    scale = np.where(weight > 0, np.maximum(scale, _LEAST_SCALE), 1.0)
    rest = mean * (change - scale[index] * mean)
    noise = np.bincount(index, rest**2) / np.where(weight > 0, weight, 1.0) ** 2
    deviation = np.sqrt(max(float(scale.var(ddof=1) - noise.mean()), 0.0)) if known.size > 1 else 0
    return change / scale[index] * scale.mean(), float(deviation / scale.mean())


def _table(state: FloatArray, change: FloatArray, centres: FloatArray) -> FloatArray:
    """Return quantiles (state, probability) of the changes nearest to each centre."""
    share = max(_LEAST, len(state) // (2 * len(centres)))
    rows = []
    for centre in centres:
        nearest = np.argpartition(np.abs(state - centre), min(share, len(state)) - 1)[:share]
        rows.append(np.quantile(change[nearest], _PROBABILITIES))
    return np.array(rows)
