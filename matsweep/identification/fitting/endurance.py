"""Closing of the conductance window, fitted to windows against cycles."""

from __future__ import annotations

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.least_squares import (
    Estimate,
    estimated,
    exponential,
    fraction,
)
from matsweep.identification.measurements import EnduranceData

_LEAST = 8  # cycles


def fit_endurance(data: EnduranceData) -> Estimate:
    """Fit the closing of the window to all devices together.

    The window is a factor w = 1 / (1 + (cycles / half_window)^steepness) of that of the first
    cycles, and closes towards the fraction `towards` of it; each device has its own first window.
    Least squares of the logarithms of both conductances, for noise in proportion to them.

    Parameters
    ----------
    data : EnduranceData

    Returns
    -------
    Estimate
        Of `half_window` [cycles], `steepness` and `towards`; `most` is the largest number of cycles
        measured. Where the window does not close, `half_window` is not determined: it lies beyond
        `most`.

    Raises
    ------
    UserError
        If there are too few cycles.

    References
    ----------
    The form is that of `devices.Endurance`, of which these are the parameters.
    """
    if data.cycle.size < _LEAST:
        raise UserError(
            f"{data.name} has {data.cycle.size} cycles with both states, at least {_LEAST} are "
            "needed"
        )
    names, device = np.unique(data.device, return_inverse=True)
    first = np.array([
        int(np.flatnonzero(device == k)[np.argmin(data.cycle[device == k])])
        for k in range(names.size)
    ])  # fmt: skip
    low, high = np.log(data.off[first]), np.log(data.on[first])
    wanted = np.concatenate([np.log(data.on), np.log(data.off)])
    cycles = np.log(np.maximum(data.cycle, 1e-300))

    def residuals(theta: FloatArray) -> FloatArray:
        log_half, log_steepness, logit = theta[:3]
        share = np.exp(np.clip(np.exp(log_steepness) * (cycles - log_half), -700, 700))
        width, towards = 1 / (1 + share), 1 / (1 + np.exp(-logit))
        bottom = np.exp(theta[3 : 3 + names.size])[device]
        top = np.exp(theta[3 + names.size :])[device]
        upper = bottom + (top - bottom) * (towards + (1 - towards) * width)
        lower = bottom + (top - bottom) * towards * (1 - width)
        both = np.concatenate([upper, lower])
        return np.asarray(np.log(np.maximum(both, 1e-300)) - wanted)

    most = float(data.cycle.max())
    starts = [
        np.array([np.log(most * factor), np.log(steepness), logit, *low, *high])
        for factor in (0.1, 1.0, 10.0)
        for steepness in (1.0, 3.0)
        for logit in (-3.0, 0.0, 3.0)
    ]
    scales = {"half_window": exponential, "steepness": exponential, "towards": fraction}
    return estimated(residuals, starts, tuple(scales), scales=scales, constants={"most": most})
