"""Closing of the conductance window, fitted to windows against cycles."""

from __future__ import annotations

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.least_squares import (
    Estimate,
    estimated,
    exponential,
)
from matsweep.identification.measurements import EnduranceData

_LEAST = 8  # cycles
_SURE = 0.25  # standard error of `towards`: of any value in [0, 1], it is 0.29


def fit_endurance(
    data: EnduranceData, *, steepness: float | None = None, towards: float | None = None
) -> Estimate:
    """Fit the closing of the window to all devices together.

    The window is a factor w = 1 / (1 + (cycles / half_window)^steepness) of that of the first
    cycles, and closes towards the fraction `towards` of it; each device has its own first window.
    Least squares of the logarithms of both conductances, for noise in proportion to them.

    Parameters
    ----------
    data : EnduranceData
    steepness : float or None
    towards : float or None
        Of `devices.Endurance`; None: fitted.

    Returns
    -------
    Estimate
        Of `half_window` [cycles], and of `steepness` and `towards` unless they are given, which
        are constants then; `most` is the largest number of cycles measured. Where the window does
        not close, `half_window` is not determined: it lies beyond `most`.

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
    devices, device = np.unique(data.device, return_inverse=True)
    first = np.array([
        int(np.flatnonzero(device == k)[np.argmin(data.cycle[device == k])])
        for k in range(devices.size)
    ])  # fmt: skip
    low, high = np.log(data.off[first]), np.log(data.on[first])
    wanted = np.concatenate([np.log(data.on), np.log(data.off)])
    cycles = np.log(np.maximum(data.cycle, 1e-300))

    def residuals(theta: FloatArray) -> FloatArray:
        log_half, log_steepness, side = theta[:3]
        share = np.exp(np.clip(np.exp(log_steepness) * (cycles - log_half), -700, 700))
        width = 1 / (1 + share)
        bottom = np.exp(theta[3 : 3 + devices.size])[device]
        top = np.exp(theta[3 + devices.size :])[device]
        upper = bottom + (top - bottom) * (side + (1 - side) * width)
        lower = bottom + (top - bottom) * side * (1 - width)
        both = np.concatenate([upper, lower])
        return np.asarray(np.log(np.maximum(both, 1e-300)) - wanted)

    most = float(data.cycle.max())
    given = {"steepness": steepness, "towards": towards}
    constants = {name: value for name, value in given.items() if value is not None}
    starts = [
        np.array([np.log(most * factor), np.log(steep), side, *low, *high])
        for factor in (0.1, 1.0, 10.0)
        for steep in ((1.0, 3.0) if steepness is None else (steepness,))
        for side in ((0.05, 0.5, 0.95) if towards is None else (towards,))
    ]
    names = ("half_window", "steepness", "towards")
    found = estimated(
        residuals, starts, names, scales=dict.fromkeys(names[:2], exponential),
        held=tuple(constants), constants={"most": most},
        bounds={"towards": (0.0, 1.0)}, sure={"towards": _SURE},
    )  # fmt: skip
    return Estimate(
        values={**found.values, **constants},
        errors={name: error for name, error in found.errors.items() if name not in constants},
        misfit=found.misfit,
    )
