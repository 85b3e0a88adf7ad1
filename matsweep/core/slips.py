"""Slips in arrays: ohms for siemens, millivolts for volts, one sample for a batch.

The bounds are those of `matsweep.core.quantities`, which no device exceeds: 1 S is a resistance of
1 ohm. Configurations are questioned by `matsweep.core.plausible` before they run; these checks are
for arrays given to functions in Python.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Conductance, Voltage
from matsweep.core.streams import FloatArray


def _highest(quantity: Any) -> float:
    """Upper bound of a quantity's plausible values."""
    return next(each.high for each in get_args(quantity) if isinstance(each, Plausible))


type BoolArray = npt.NDArray[np.bool_]

MOST_CONDUCTANCE = _highest(Conductance)
MOST_VOLTAGE = _highest(Voltage)


def refuse_resistances(
    name: str, conductance: FloatArray, *, most: float = MOST_CONDUCTANCE
) -> None:
    """Refuse conductances that no device has: they are likely resistances.

    Parameters
    ----------
    name : str
        With the unit, for the message.
    conductance : (…) array, S
        Infinite ones, of shorts, are let through.
    most : float, S
        The largest conductance; more than that of `Conductance` where a device was given such a
        range on purpose.

    Raises
    ------
    UserError
        If one is larger, with its value and index.
    """
    most = max(most, MOST_CONDUCTANCE)
    beyond = (conductance > most) & (conductance < np.inf)
    if beyond.any():
        raise UserError(
            f"{name} must be <= {most:g}, got {_first(conductance, beyond)}: "
            "if these are resistances in ohm, give 1 / resistance; if they are in uS, 1e-6 times "
            "them"
        )


def refuse_voltages(name: str, voltage: FloatArray) -> None:
    """Refuse voltages that no memristor bears: they are likely in mV.

    Parameters
    ----------
    name : str
        With the unit, for the message.
    voltage : (…) array, V

    Raises
    ------
    UserError
        If the magnitude of one is larger than `MOST_VOLTAGE`, with its value and index.
    """
    beyond = np.abs(voltage) > MOST_VOLTAGE
    if beyond.any():
        raise UserError(
            f"{name} must be in [-{MOST_VOLTAGE:g}, {MOST_VOLTAGE:g}], got "
            f"{_first(voltage, beyond)}: if these are in mV, give 1e-3 times them"
        )


def refuse_shape(name: str, shape: tuple[int, ...], axis: str, size: int) -> None:
    """Refuse an array that is no batch of samples, such as a single sample.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Of the array; (…, sample, axis) is right.
    axis : str
        Name of the last axis.
    size : int
        Its length.

    Raises
    ------
    UserError
        If it is anything else, with the likely slip.
    """
    if len(shape) >= 2 and shape[-1] == size:
        return
    way = ""
    if shape == (size,):
        way = f"; {name}[None, :] is one sample"
    elif len(shape) >= 2 and shape[-2] == size:
        way = f"; swap the last two axes: numpy.swapaxes({name}, -1, -2)"
    raise UserError(
        f"{name} must be (…, sample, {axis}) with {size} {axis}s, got shape {shape}{way}"
    )


def _first(values: FloatArray, wrong: BoolArray) -> str:
    """Return the first wrong value, and its place where there are several values."""
    values, wrong = np.asarray(values), np.asarray(wrong)
    place = [int(index) for index in np.argwhere(wrong)[0]]
    return f"{values[tuple(place)]:g}" + (f" at {place}" if place else "")
