"""Programming of a conductance: error, pulses, time and energy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError, finite, in_range, non_negative, positive, whole
from matsweep.core.quantities import Conductance, Dimensionless, Energy, Time, Voltage
from matsweep.core.streams import FloatArray
from matsweep.devices.currents import HIGHEST_VOLTAGE


class Programmed(NamedTuple):
    """Programmed conductance with the pulses and the energy it took, and its target.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    pulses : (…, row, column) array or float
        Write pulses used by each device; NaN where no scheme is known.
    energy : (…, row, column) array or float, J
        Dissipated in each device; NaN where the pulse is not known.
    target : array that broadcasts to the conductance, S
        The level that each device was programmed to: the conductance that the drift exponent
        follows. Of a stuck device, and after pulses without a target, the conductance itself.
    settled : (…, row, column) array, S, or None
        Conductance that further pulses start from, without the noise of writing; None where it is
        `conductance`.
    """

    conductance: FloatArray
    pulses: FloatArray | float
    energy: FloatArray | float
    target: FloatArray
    settled: FloatArray | None = None

    @property
    def start(self) -> FloatArray:
        """Conductance that further pulses start from, (…, row, column) array, S."""
        return self.conductance if self.settled is None else self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingError:
    """Standard deviation of a programmed conductance about its target.

    sigma(G) = scale (sum_k c_k (G / g_reference)^k + saturating (1 - exp(-G / saturation))),
    negative values cut to 0.

    Parameters
    ----------
    coefficients : tuple of float, S
        c_0, c_1, …; as published for the range up to `g_reference`.
    g_reference : float, S
        The conductance that the polynomial's argument is scaled by, and the largest one that
        the law was fitted for.
    scale : float, dimensionless
        Factor on the whole law: 1 as published, 0.5 a material twice as exact.
    rescale : bool
        The law is refused beyond the range it was fitted for, unless this says on purpose that
        it scales with the device's range: then g_max takes the place of `g_reference`, and sigma
        and `saturation` are multiplied by g_max / g_reference.
    saturating, saturation : float, S
        Of the part that levels off, as charge-trap cells show.
    at : tuple of float, increasing
        G / g_reference, at which `sigmas` (S) stand in the place of the polynomial: straight
        lines between them, constant beyond.

    Raises
    ------
    UserError
        If a number is not finite, `g_reference` or `saturation` not positive or `scale` or
        `saturating` negative.
    """

    coefficients: tuple[Conductance, ...] = (0.0,)
    g_reference: Conductance = 1.0
    scale: Dimensionless = 1.0
    rescale: bool = False
    saturating: Conductance = 0.0
    saturation: Conductance = 1.0
    at: tuple[Dimensionless, ...] = ()
    sigmas: tuple[Conductance, ...] = ()

    def __post_init__(self) -> None:
        for place in self.at:
            finite("at", place)
        if len(self.at) != len(self.sigmas) or any(b <= a for a, b in pairwise(self.at)):
            raise UserError(
                f"at must increase and have one number for each of sigmas, got {list(self.at)} and "
                f"{list(self.sigmas)}"
            )
        for sigma in self.sigmas:
            non_negative("sigmas", sigma, "S")
        if not self.coefficients:
            raise UserError("coefficients must hold at least one number, got an empty list")
        for coefficient in self.coefficients:
            finite("coefficients", coefficient, "S")
        positive("g_reference", self.g_reference, "S")
        non_negative("scale", self.scale)
        non_negative("saturating", self.saturating, "S")
        positive("saturation", self.saturation, "S")

    @property
    def absent(self) -> bool:
        """Whether there is no error at all."""
        return self.scale == 0 or not (
            any(self.coefficients) or any(self.sigmas) or self.saturating
        )

    def check_range(self, g_max: float) -> None:
        """Refuse a device whose range exceeds the one for which the law was fitted.

        Parameters
        ----------
        g_max : float, S

        Raises
        ------
        UserError
            If g_max exceeds `g_reference` without `rescale`.
        """
        if not self.rescale and not self.absent and g_max > self.g_reference * (1 + 1e-6):
            raise UserError(
                f"programming_error was fitted up to {self.g_reference:g} S, got g_max = "
                f"{g_max:g} S; give a law for that range, or scale this one with the range by "
                "programming_error.rescale=true"
            )

    def sigma(self, conductance: FloatArray, g_max: float) -> FloatArray:
        """Return the standard deviation at a conductance.

        Parameters
        ----------
        conductance : (…) array, S
        g_max : float, S
            The device's, used if `rescale`.

        Returns
        -------
        (…) array, S
        """
        reference = g_max if self.rescale else self.g_reference
        stretch = reference / self.g_reference
        factor = self.scale * stretch
        out = np.full_like(conductance, factor * self.coefficients[-1])
        if self.at:
            table = np.interp(conductance / reference, self.at, np.multiply(factor, self.sigmas))
            out[...] = table
        elif len(self.coefficients) > 1:
            scaled = conductance * conductance.dtype.type(1 / reference)
            for coefficient in reversed(self.coefficients[:-1]):
                out *= scaled
                out += conductance.dtype.type(factor * coefficient)
        if self.saturating:
            depth = np.asarray(
                conductance * conductance.dtype.type(-1 / (self.saturation * stretch))
            )
            out -= conductance.dtype.type(factor * self.saturating) * np.expm1(depth, out=depth)
        return np.maximum(out, 0, out=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVerify:
    """Write-verify scheme: pulse and read until the conductance is within the tolerance.

    Parameters
    ----------
    tolerance : float, fraction of the range g_max - g_min
        Accepted distance between a read and the target.
    max_pulses : int
        Budget for each device; one that has spent it stays as it is.
    """

    tolerance: Dimensionless
    max_pulses: int

    def __post_init__(self) -> None:
        positive("tolerance", self.tolerance)
        whole("max_pulses", self.max_pulses, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePulse:
    """Write pulse of each polarity, for the energy and time of programming.

    Parameters
    ----------
    voltage_up, voltage_down : float or None, V
        Potentiating and depressing; magnitudes count.
    time_up, time_down : float or None, s
    energy : float or None, J
        Of one pulse, where it is stated as such; None: V² G t at the conductance before it.
    count : float or None
        Pulses that programming a device takes, on average; None where it is not known.
    """

    voltage_up: Voltage | None = None
    time_up: Time | None = None
    voltage_down: Voltage | None = None
    time_down: Time | None = None
    energy: Energy | None = None
    count: Dimensionless | None = None

    def __post_init__(self) -> None:
        if self.count is not None:
            non_negative("count", self.count)
        for name in ("voltage_up", "voltage_down"):
            if (value := getattr(self, name)) is not None:
                in_range(name, value, -HIGHEST_VOLTAGE, HIGHEST_VOLTAGE, "V")
        for name, unit in (("time_up", "s"), ("time_down", "s"), ("energy", "J")):
            if (value := getattr(self, name)) is not None:
                positive(name, value, unit)

    def dissipated(self, conductance: FloatArray, up: bool) -> FloatArray | float:
        """Energy of one pulse.

        Parameters
        ----------
        conductance : (…) array, S
            Before the pulse.
        up : bool
            Potentiating, else depressing.

        Returns
        -------
        (…) array or float, J
            NaN if the pulse is not known.
        """
        if self.energy is not None:
            return self.energy
        voltage = self.voltage_up if up else self.voltage_down
        time = self.time_up if up else self.time_down
        if voltage is None or time is None:
            return float("nan")
        return conductance * conductance.dtype.type(voltage**2 * time)
