"""Non-ohmic current-voltage laws I(G, V)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.checks import UserError, non_negative, positive
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless, Resistance, Voltage
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit

HIGHEST_VOLTAGE = 1000.0
"""V; no memristor is read or written above it, and squares of voltages stay finite below."""
_STEEPEST = 700.0  # the largest argument at which sinh is a finite number of 64 bits


class CurrentLaw(ABC):
    """Dependence of the current on the read voltage; `kind` in a configuration.

    Currents beyond the largest number are infinite, without a warning to whoever silences it:
    Newton's method on an array steps back from them. `finite_current` refuses them.
    """

    registry: ClassVar[Registry[type[CurrentLaw]]] = Registry("I–V law")

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        CurrentLaw.registry[kind] = cls

    @abstractmethod
    def current(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the current at a voltage.

        Parameters
        ----------
        conductance : (…) array, S
            As stated for small voltages or for a reference voltage, see the law.
        voltage : (…) array, V
            Broadcast with the conductance.

        Returns
        -------
        (…) array, A
        """

    @abstractmethod
    def slope(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the derivative of the current with respect to the voltage.

        Parameters
        ----------
        conductance : (…) array, S
        voltage : (…) array, V

        Returns
        -------
        (…) array, S
        """


def finite_current(
    law: CurrentLaw | None,
    conductance: FloatArray,
    voltage: FloatArray | float,
    *,
    name: str = "voltage",
) -> FloatArray:
    """Return the current of a law, and refuse voltages at which it is not a finite number.

    Parameters
    ----------
    law : CurrentLaw or None
        None: ohmic.
    conductance : (…) array, S
        Its type, float32 or float64, is that of the current.
    voltage : (…) array or float, V
        Broadcast with the conductance.
    name : str
        Of the voltage, for the message.

    Returns
    -------
    (…) array, A

    Raises
    ------
    UserError
        If a finite conductance and a finite voltage give a current that is not.
    """
    wanted = np.asarray(voltage)
    with np.errstate(over="ignore", invalid="ignore"):
        applied = wanted.astype(conductance.dtype)
        current = conductance * applied if law is None else law.current(conductance, applied)
        current = np.asarray(current).astype(conductance.dtype, copy=False)
    if np.isfinite(current).all():
        return current
    beyond = ~np.isfinite(current) & np.isfinite(conductance) & np.isfinite(wanted)
    if beyond.any():
        worst = float(np.abs(np.broadcast_to(wanted, current.shape)[beyond]).min())
        kind = "Ohm's law" if law is None else f"the I–V law ({type(law).__name__})"
        raise UserError(
            f"{name} [V] must give a finite current by {kind}, got {worst:g}; lower the voltage"
        )
    return current


@dataclass(frozen=True)
class SinhIV(CurrentLaw, kind="sinh"):
    """Hyperbolic-sine law of hopping and tunnelling.

    I = G v0 sinh(V / v0): ohmic with G for V much below v0.

    Parameters
    ----------
    v0 : float, V
    reference : float or None, V
        Voltage at which G was measured: I = G Vr sinh(V / v0) / sinh(Vr / v0); None: at small
        voltages.
    """

    v0: Annotated[Voltage, Plausible(1e-3, 100.0)]
    reference: Voltage | None = None

    def __post_init__(self) -> None:
        positive("v0", self.v0, "V")
        if self.reference is not None and positive("reference", self.reference, "V") > (
            most := _STEEPEST * self.v0
        ):
            raise UserError(
                f"reference [V] must be <= {_STEEPEST:g} v0 = {most:g}, where sinh is a finite "
                f"number, got {self.reference!r}"
            )

    @property
    def _share(self) -> float:
        """The conductance at small voltages over G."""
        if self.reference is None:
            return 1.0
        y = self.reference / self.v0
        return float(y / np.sinh(y))

    def current(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the current."""
        share = self._share * self.v0
        return np.asarray(conductance * (share * np.sinh(np.asarray(voltage) / self.v0)))

    def slope(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the slope."""
        return np.asarray(conductance * (self._share * np.cosh(np.asarray(voltage) / self.v0)))


@dataclass(frozen=True, kw_only=True)
class CubicIV(CurrentLaw, kind="cubic"):
    """Cubic law with coefficients that depend on the conductance.

    I = G V + a2(G) V² + a3(G) V³, each coefficient a polynomial in log10(G / 1 S).

    Parameters
    ----------
    second : tuple of float, A/V²
        Coefficients from the highest power of log10 G down.
    third : tuple of float, A/V³
        Likewise.
    """

    second: tuple[Annotated[float, Unit("A/V2")], ...]
    third: tuple[Annotated[float, Unit("A/V3")], ...]

    def current(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the current."""
        second, third = self._coefficients(conductance)
        return np.asarray(voltage * (conductance + voltage * (second + voltage * third)))

    def slope(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the slope."""
        second, third = self._coefficients(conductance)
        return np.asarray(conductance + voltage * (2 * second + 3 * voltage * third))

    def _coefficients(self, conductance: FloatArray) -> tuple[FloatArray, FloatArray]:
        magnitude = np.log10(np.maximum(conductance, 1e-15))
        return np.polyval(self.second, magnitude), np.polyval(self.third, magnitude)


@dataclass(frozen=True, kw_only=True)
class NeuroSimIV(CurrentLaw, kind="neurosim"):
    """NeuroSim's exponential law, in the magnitude of V.

    G(V) = G (Vr / V) ratio^((V - Vr) / (Vw / 2)).

    Parameters
    ----------
    ratio : float
        I(Vw) / I(Vw / 2).
    read_voltage : float, V
        Vr, at which the conductance is stated.
    write_voltage : float, V
        Vw.

    Notes
    -----
    An exponential through I(Vr): at 0 V its current does not vanish; meant for voltages of the
    order of Vr and above. Below a tenth of Vr the current is taken as ohmic.

    References
    ----------
    MLP+NeuroSim V3.0, `Cell.cpp` (form only).
    """

    ratio: Annotated[Dimensionless, Plausible(1e-3, 1e12)]
    read_voltage: Voltage
    write_voltage: Voltage

    def __post_init__(self) -> None:
        positive("ratio", self.ratio)
        positive("read_voltage", self.read_voltage, "V")
        positive("write_voltage", self.write_voltage, "V")

    def current(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the current."""
        magnitude = np.abs(voltage)
        low = 0.1 * self.read_voltage
        power = (np.maximum(magnitude, low) - self.read_voltage) / (self.write_voltage / 2)
        current = self.read_voltage * self.ratio**power * np.minimum(magnitude / low, 1)
        return np.asarray(conductance * np.copysign(current, voltage))

    def slope(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the slope."""
        magnitude = np.abs(voltage)
        low = 0.1 * self.read_voltage
        power = (np.maximum(magnitude, low) - self.read_voltage) / (self.write_voltage / 2)
        rate = np.where(magnitude < low, 1 / low, np.log(self.ratio) / (self.write_voltage / 2))
        return np.asarray(conductance * (self.read_voltage * self.ratio**power * rate))


@dataclass(frozen=True, kw_only=True)
class SeriesIV(CurrentLaw, kind="series"):
    """Device in series with an ohmic resistance: I = f(G, V - R I).

    The resistance of an access transistor (1T1R) or of the electrodes, in series with a device of
    any law; solved by Newton's method, which converges from V = R I on for currents that grow
    with the voltage. Where V is many times the voltage in which the current of an exponential law
    grows by e, a step of Newton's covers only that voltage: after 20 steps every second one halves
    the interval that holds the solution.

    Parameters
    ----------
    resistance : float, Ω
        R.
    law : CurrentLaw or None
        f; None: ohmic.
    """

    resistance: Annotated[Resistance, Plausible(0.0, 1e9)]
    law: CurrentLaw | None = None

    def __post_init__(self) -> None:
        non_negative("resistance", self.resistance, "Ω")

    def current(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the current."""
        conductance, voltage = np.broadcast_arrays(conductance, voltage)
        if self.law is None:
            return np.asarray(conductance * voltage / (1 + self.resistance * conductance))
        return np.asarray(self.law.current(conductance, self._inner(conductance, voltage)))

    def slope(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Return the slope."""
        conductance, voltage = np.broadcast_arrays(conductance, voltage)
        steep = conductance
        if self.law is not None:
            steep = self.law.slope(conductance, self._inner(conductance, voltage))
        return np.asarray(steep / (1 + self.resistance * steep))

    def _inner(self, conductance: FloatArray, voltage: FloatArray) -> FloatArray:
        """Voltage u over the device itself, (…) V: u + R f(G, u) = V, between 0 and V."""
        assert self.law is not None
        low, high = np.minimum(voltage, 0), np.maximum(voltage, 0)
        inner = np.asarray(voltage / (1 + self.resistance * conductance), np.float64)
        for number in range(200):
            residual = inner + self.resistance * self.law.current(conductance, inner) - voltage
            high, low = np.where(residual > 0, inner, high), np.where(residual < 0, inner, low)
            step = residual / (1 + self.resistance * self.law.slope(conductance, inner))
            following = inner - step
            halve = ~((following >= low) & (following <= high))  # also where the law overflows
            if number >= 20 and number % 2:
                halve |= np.abs(step) > 1e-14 * np.abs(voltage)
            following = np.where(halve, (low + high) / 2, following)
            if np.all(np.abs(following - inner) <= 1e-14 * np.abs(voltage)):
                return following
            inner = following
        return inner
