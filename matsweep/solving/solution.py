"""Solution of an integration, and its Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import DynamicalModel

if TYPE_CHECKING:
    import xarray as xr


class Solution(NamedTuple):
    """Solution of an integration of a batch.

    Parameters
    ----------
    drive : (time, …) array
    answers : (time, …) array
        Voltage [V] and current [A]; or current and voltage.
    states : (time[, component], …) array
    energy : (time, …) array, J
    steps : int
        Number of steps, or of events.
    ended : (…) array of int
        0 where the solver reached the end.
    """

    drive: FloatArray
    answers: FloatArray
    states: FloatArray
    energy: FloatArray
    steps: int
    ended: npt.NDArray[np.int64]

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the batch's axes."""
        axes = self.ended.ndim
        return ("device",) if axes == 1 else tuple(f"device_{axis}" for axis in range(axes))


def dataset(
    model: DynamicalModel, time: FloatArray, found: Solution, by_current: bool
) -> xr.Dataset:
    """Dataset of a solution, as described in `transient`.

    Parameters
    ----------
    model : DynamicalModel
    time : (time,) array, s
    found : Solution
    by_current : bool
        Whether the drive is a current.

    Returns
    -------
    Dataset
    """
    import xarray as xr

    several = len(model.components) > 1
    devices = found.devices
    along = ("time", "component", *devices) if several else ("time", *devices)
    pair = found.drive, found.answers
    voltage, current = pair[::-1] if by_current else pair
    if type(model).read_conductance is DynamicalModel.read_conductance:
        with np.errstate(divide="ignore", invalid="ignore"):
            conductance = np.where(voltage == 0, np.nan, current / voltage)
    else:
        ordered = np.moveaxis(found.states, 1, 0) if several else found.states
        conductance = model.read_conductance(ordered, voltage)
    over = ("time", *devices)
    result = xr.Dataset(
        {
            "voltage": (over, voltage, {"units": "V", "long_name": "voltage"}),
            "current": (over, current, {"units": "A", "long_name": "current"}),
            "conductance": (over, conductance, {"units": "S", "long_name": "conductance"}),
            "energy": (over, found.energy, {"units": "J", "long_name": "energy put in"}),
            "state": (
                along,
                found.states,
                {"units": model.unit, "long_name": ", ".join(model.components)},
            ),
            "solved": (devices, found.ended == 0, {"long_name": "the solver reached the end"}),
        },
        coords={"time": ("time", time, {"units": "s", "long_name": "time"})},
        attrs={"model": type(model).__name__, "steps": found.steps},
    )
    return result.assign_coords(component=list(model.components)) if several else result
