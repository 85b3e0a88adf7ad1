"""Checks of arrays of conductances and voltages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.slips import refuse_resistances, refuse_shape, refuse_voltages
from matsweep.core.streams import FloatArray
from matsweep.devices import CurrentLaw


def refuse_first(name: str, values: FloatArray, wrong: npt.NDArray[np.bool_], rule: str) -> None:
    """Refuse an array for its first wrong element, with its value and index.

    Parameters
    ----------
    name : str
        With the unit, for the message.
    values : (…) array
    wrong : (…) array of bool
    rule : str
        "must be …".

    Raises
    ------
    UserError
        If any element is wrong.
    """
    if wrong.any():
        place = [int(index) for index in np.argwhere(wrong)[0]]
        raise UserError(f"{name} {rule}, got {values[tuple(place)]!s} at {place}")


def real_numbers(name: str, values: FloatArray) -> FloatArray:
    """Convert real numbers to float32 or float64.

    Parameters
    ----------
    name : str
        With the unit, for the message.
    values : (…) array

    Returns
    -------
    (…) array of float32 or float64
        float32 stays so.

    Raises
    ------
    UserError
        If the values are not real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise UserError(f"{name} must be an array of real numbers, got {array.dtype} values")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def finite_voltages(
    voltage: FloatArray, name: str = "voltage [V]", *, plausible: bool = True
) -> FloatArray:
    """Check that voltages are finite.

    Parameters
    ----------
    voltage : (…) array, V
    name : str
        With the unit, for the message.
    plausible : bool
        Whether voltages that no array has are refused, as mV given for V.

    Returns
    -------
    (…) array, V

    Raises
    ------
    UserError
        If a voltage is not a finite number, or none that an array has.
    """
    voltages = real_numbers(name, voltage)
    refuse_first(name, voltages, ~np.isfinite(voltages), "must be finite")
    if plausible:
        refuse_voltages(name, voltages)
    return voltages


def checked_conductance(conductance: FloatArray, *, plausible: bool = True) -> FloatArray:
    """Check the shape and the sign of conductances.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    plausible : bool
        Whether conductances that no device has are refused, as resistances; a short is infinite.

    Returns
    -------
    (…, row, column) array, S

    Raises
    ------
    UserError
        If the shape is wrong, or a conductance below zero, not a number, or none of a device.
    """
    conductance = real_numbers("conductance [S]", conductance)
    if conductance.ndim < 2 or 0 in conductance.shape[-2:]:
        way = "; conductance[None, :] is one row" if conductance.ndim == 1 else ""
        raise UserError(
            f"conductance must be a (…, row, column) array, got shape {conductance.shape}{way}"
        )
    refuse_first("conductance [S]", conductance, ~(conductance >= 0), "must be >= 0")
    if plausible:
        refuse_resistances("conductance [S]", conductance)
    return conductance


def check_shapes(conductance: FloatArray, voltage: FloatArray) -> None:
    """Refuse voltages that do not fit the arrays.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    voltage : (…, sample, row) array, V

    Raises
    ------
    UserError
        If rows or leading axes do not fit.
    """
    refuse_shape("voltage", voltage.shape, "row", conductance.shape[-2])
    try:
        np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    except ValueError:
        raise UserError(
            "leading axes of voltage must broadcast with those of conductance, got "
            f"{voltage.shape[:-2]} and {conductance.shape[:-2]}"
        ) from None


def required_law(iv: object) -> None:
    """Refuse an argument that is neither None nor an I-V law.

    Parameters
    ----------
    iv : CurrentLaw or None

    Raises
    ------
    UserError
        If it is anything else.
    """
    if iv is not None and not isinstance(iv, CurrentLaw):
        raise UserError(f"iv must be a device's I-V law, such as SinhIV(v0=0.3), got {iv!r}")
