"""Read noise of devices as numbers for the compiled core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.devices import AnalogDevice

_GRID = 257  # states at which the noise of a read is tabulated


def read_variance(device: AnalogDevice, access: float) -> npt.NDArray[np.float32]:
    """Tabulate the variance of one read over (g_max - g_min)², at 257 even states from 0 to 1.

    The read is at the time that the device's programming is stated for.

    Parameters
    ----------
    device : AnalogDevice
    access : float, Ω
        In series with each device.

    Returns
    -------
    (state,) float32 array, ranges squared
    """
    conductance = device.g_min + np.linspace(0, 1, _GRID) * device.g_range
    sigma = device.read_sigma(conductance, device.drift.time_zero)
    return variance_behind(sigma, conductance, device, access)


def variance_behind(
    sigma: FloatArray, conductance: FloatArray, device: AnalogDevice, access: float
) -> npt.NDArray[np.float32]:
    """Variance over (g_max - g_min)² of reads of devices behind their access devices.

    Behind a resistance R in series, 1 / (1 + R g)² of a deviation is left, exactly.

    Parameters
    ----------
    sigma : (…) array, S
        Standard deviation of one read of the devices alone.
    conductance : (…) array, S
    device : AnalogDevice
    access : float, Ω
        In series with each device.

    Returns
    -------
    (…) array, dimensionless
    """
    left = sigma / device.g_range / np.square(1 + access * conductance)
    return np.asarray(np.square(left), np.float32)


def quiet(device: AnalogDevice) -> bool:
    """Whether reads of a device have no noise.

    Parameters
    ----------
    device : AnalogDevice

    Returns
    -------
    bool
    """
    return device.read_noise.absent and device.telegraph_noise.absent
