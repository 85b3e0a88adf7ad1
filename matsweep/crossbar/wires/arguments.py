"""What arrays of conductances and voltages are checked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices import CurrentLaw


def refuse_first(name: str, values: FloatArray, wrong: npt.NDArray[np.bool_], rule: str) -> None:
    """Refuse an array for its first wrong element, with its value and place."""
    if wrong.any():
        place = [int(index) for index in np.argwhere(wrong)[0]]
        raise UserError(f"{name} {rule}, got {values[tuple(place)]!s} at {place}")


def real_numbers(name: str, values: FloatArray) -> FloatArray:
    """Return real numbers as float32 or float64."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise UserError(f"{name} must be an array of real numbers, got {found.dtype} values")
    return found if found.dtype in (np.float32, np.float64) else found.astype(np.float64)


def finite_voltages(voltage: FloatArray, name: str = "voltage [V]") -> FloatArray:
    """Return voltages, all finite."""
    found = real_numbers(name, voltage)
    refuse_first(name, found, ~np.isfinite(found), "must be finite")
    return found


def checked_conductance(conductance: FloatArray) -> FloatArray:
    """Return (…, row, column) conductances, none below zero."""
    conductance = real_numbers("conductance [S]", conductance)
    if conductance.ndim < 2 or 0 in conductance.shape[-2:]:
        raise UserError(
            f"conductance must be a (…, row, column) array, got shape {conductance.shape}"
        )
    refuse_first("conductance [S]", conductance, ~(conductance >= 0), "must be >= 0")
    return conductance


def check_shapes(conductance: FloatArray, voltage: FloatArray) -> None:
    """Refuse voltages that do not fit the arrays."""
    if voltage.ndim < 2 or voltage.shape[-1] != conductance.shape[-2]:
        raise UserError(
            f"voltage must be (…, sample, row) with {conductance.shape[-2]} rows, "
            f"got shape {voltage.shape}"
        )
    try:
        np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    except ValueError:
        raise UserError(
            "leading axes of voltage must broadcast with those of conductance, got "
            f"{voltage.shape[:-2]} and {conductance.shape[:-2]}"
        ) from None


def required_law(iv: object) -> None:
    """Refuse what is neither None nor a law."""
    if iv is not None and not isinstance(iv, CurrentLaw):
        raise UserError(f"iv must be a device's I-V law, such as SinhIV(v0=0.3), got {iv!r}")
