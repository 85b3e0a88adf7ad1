"""Ideal memristor: charge- or flux-controlled, by any function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import DynamicalModel


@dataclass(frozen=True, kw_only=True)
class ChargeControlled(DynamicalModel):
    """Ideal charge-controlled memristor.

    v = M(q) i, dq/dt = i. Under a current that is a straight line between the times given, q is
    exact.

    Parameters
    ----------
    memristance : function of the charge (…) [C], giving (…) [Ω]
        Single-valued and positive: then the device is passive.
    charge : float, C
        At rest, where a transient begins.
    charge_scale : float, C
        Over which the memristance changes: errors are relative to it.

    References
    ----------
    L. O. Chua, IEEE Trans. Circuit Theory 18:507, 1971, doi:10.1109/TCT.1971.1083337, eq. 2.
    """

    memristance: Callable[[FloatArray], FloatArray]
    charge: float = 0.0
    charge_scale: float = 1.0

    components: ClassVar[tuple[str, ...]] = ("charge",)
    unit: ClassVar[str] = "C"

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the charge at rest, C."""
        return np.full(shape, self.charge)

    def scale(self) -> FloatArray | float:
        """Return the charge over which the memristance changes."""
        return self.charge_scale

    def current(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Return the current, A."""
        return np.asarray(voltage / self.memristance(state))

    def rate(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Rate dq/dt, A."""
        return self.current(state, voltage)

    def voltage(self, state: FloatArray, current: FloatArray | float) -> FloatArray:
        """Voltage, V."""
        return np.asarray(self.memristance(state) * current)


@dataclass(frozen=True, kw_only=True)
class FluxControlled(DynamicalModel):
    """Ideal flux-controlled memristor.

    i = W(φ) v, dφ/dt = v.

    Parameters
    ----------
    memductance : function of the flux (…) [Wb], giving (…) [S]
        Single-valued and positive: then the device is passive.
    flux : float, Wb
        At rest, where a transient begins.
    flux_scale : float, Wb
        Over which the memductance changes: errors are relative to it.

    References
    ----------
    L. O. Chua, IEEE Trans. Circuit Theory 18:507, 1971, doi:10.1109/TCT.1971.1083337, eq. 4.
    """

    memductance: Callable[[FloatArray], FloatArray]
    flux: float = 0.0
    flux_scale: float = 1.0

    components: ClassVar[tuple[str, ...]] = ("flux",)
    unit: ClassVar[str] = "Wb"

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the flux at rest, Wb."""
        return np.full(shape, self.flux)

    def scale(self) -> FloatArray | float:
        """Return the flux over which the memductance changes."""
        return self.flux_scale

    def current(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Return the current, A."""
        return np.asarray(self.memductance(state) * voltage)

    def rate(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Rate dφ/dt, V."""
        return np.asarray(voltage + np.zeros_like(state))

    def voltage(self, state: FloatArray, current: FloatArray | float) -> FloatArray:
        """Voltage, V."""
        return np.asarray(current / self.memductance(state))
