"""The statistical parts a behavioural device is composed of.

Each part is one published law with its parameters; an `AnalogDevice` holds one of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from matsweep.checks import UserError, finite, in_range, non_negative, positive
from matsweep.streams import FloatArray, Rng

_SMALL = 1e-12  # relative conductance below which logarithms and powers stop changing


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingError:
    """Standard deviation of a programmed conductance about its target.

    sigma(G) = scale * sum_k c_k (G / g_reference)^k, negative values cut to 0.

    Parameters
    ----------
    coefficients : tuple of float, S
        c_0, c_1, …; as published for the range up to `g_reference`.
    g_reference : float, S
        The conductance that the polynomial's argument is scaled by, and the largest one that
        it was fitted for.
    scale : float, dimensionless
        Factor on the whole law: 1 as published, 0.5 a material twice as exact.
    rescale : bool
        The law is refused beyond the range it was fitted for, unless this says on purpose that
        it scales with the device's range: then g_max takes the place of `g_reference` and sigma
        is multiplied by g_max / g_reference.

    Raises
    ------
    UserError
        If a coefficient is not finite, `g_reference` not positive or `scale` negative.
    """

    coefficients: tuple[float, ...] = (0.0,)
    g_reference: float = 1.0
    scale: float = 1.0
    rescale: bool = False

    def __post_init__(self) -> None:
        if not self.coefficients:
            raise UserError("coefficients must hold at least one number, got an empty list")
        for coefficient in self.coefficients:
            finite("coefficients", coefficient, "S")
        positive("g_reference", self.g_reference, "S")
        non_negative("scale", self.scale)

    def check_range(self, g_max: float) -> None:
        """Refuse a device whose range goes beyond the one the law was fitted for."""
        if not self.rescale and any(self.coefficients) and g_max > self.g_reference * (1 + 1e-6):
            raise UserError(
                f"programming_error was fitted up to {self.g_reference:g} S, got g_max = "
                f"{g_max:g} S; give a law for that range, or scale this one with the range on "
                "purpose by programming_error.rescale=true"
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
        factor = self.scale * reference / self.g_reference
        out = np.full_like(conductance, factor * self.coefficients[-1])
        if len(self.coefficients) > 1:
            scaled = conductance * conductance.dtype.type(1 / reference)
            for coefficient in reversed(self.coefficients[:-1]):
                out *= scaled
                out += conductance.dtype.type(factor * coefficient)
        return np.maximum(out, 0, out=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNoise:
    """Standard deviation of one read about the conductance.

    sigma(G) = G min(relative (G / g_max)^-exponent, cap) F,
    F = sqrt(ln((t + t_read) / (2 t_read))) for 1/f noise integrated over one read of length
    t_read at time t after programming (Nandakumar et al., ICECS 2019), F = 1 for white noise.
    F is 0 before t = t_read.

    Parameters
    ----------
    relative : float, dimensionless
        At g_max.
    exponent : float, dimensionless
        0: relative noise the same at all conductances; 1: absolute noise the same.
    cap : float, dimensionless
        The largest relative noise.
    flicker_read_time : float or None, s
        t_read of the 1/f law; None for white noise.
    """

    relative: float = 0.0
    exponent: float = 0.0
    cap: float = 1.0
    flicker_read_time: float | None = None

    def __post_init__(self) -> None:
        non_negative("relative", self.relative)
        in_range("exponent", self.exponent, 0.0, 1.0)
        non_negative("cap", self.cap)
        if self.flicker_read_time is not None:
            positive("flicker_read_time", self.flicker_read_time, "s")

    @classmethod
    def from_number(cls, relative: float) -> Self:
        """White noise, relative to the conductance, is what a bare number means."""
        number = non_negative("relative", relative)
        return cls(relative=number, cap=max(1.0, number))

    def sigma(self, conductance: FloatArray, g_max: float, time: float) -> FloatArray:
        """Return the standard deviation of one read.

        Parameters
        ----------
        conductance : (…) array, S
        g_max : float, S
        time : float, s
            Since programming.

        Returns
        -------
        (…) array, S
        """
        factor = self._growth(time)
        if self.relative == 0 or factor == 0:
            return np.zeros_like(conductance)
        if self.exponent == 0:
            return conductance * conductance.dtype.type(min(self.relative, self.cap) * factor)
        scaled = np.maximum(conductance * conductance.dtype.type(1 / g_max), _SMALL)
        out = np.power(scaled, -self.exponent, dtype=conductance.dtype)
        out *= self.relative
        np.minimum(out, self.cap, out=out)
        out *= conductance
        out *= conductance.dtype.type(factor)
        return out

    def _growth(self, time: float) -> float:
        if self.flicker_read_time is None:
            return 1.0
        ratio = (time + self.flicker_read_time) / (2 * self.flicker_read_time)
        return float(np.sqrt(np.log(max(ratio, 1.0))))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLaw:
    """A quantity linear in the logarithm of the conductance, between two bounds.

    y(G) = clip(at_g_max + slope ln(G / g_max), low, high)
    """

    at_g_max: float = 0.0
    slope: float = 0.0
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        finite("at_g_max", self.at_g_max)
        finite("slope", self.slope)
        finite("low", self.low)
        if finite("high", self.high) < self.low:
            raise UserError(f"high must be >= low ({self.low:g}), got {self.high:g}")

    @classmethod
    def from_number(cls, value: float) -> Self:
        """Return the law of a bare number: the same at every conductance."""
        number = finite("value", value)
        return cls(at_g_max=number, low=number, high=number)

    @property
    def constant(self) -> float | None:
        """The value if it is the same at every conductance, else None."""
        if self.slope == 0 or self.low == self.high:
            return float(min(max(self.at_g_max, self.low), self.high))
        return None

    def __call__(self, logarithm: FloatArray) -> FloatArray:
        """Return y (…) at ln(G / g_max) (…), both dimensionless."""
        if self.constant is not None:
            return np.full_like(logarithm, self.constant)
        out = logarithm * logarithm.dtype.type(self.slope)
        out += logarithm.dtype.type(self.at_g_max)
        np.maximum(out, logarithm.dtype.type(self.low), out=out)
        return np.minimum(out, logarithm.dtype.type(self.high), out=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Power-law drift with an exponent of its own for each device.

    G(t) = G (t / time_zero)^-nu, nu ~ Normal(mean(G), spread(G)); no drift before time_zero,
    the time after programming at which the programmed conductance is stated.
    """

    nu: LogLaw = LogLaw()
    spread: LogLaw = LogLaw(low=0.0)
    time_zero: float = 1.0

    def __post_init__(self) -> None:
        positive("time_zero", self.time_zero, "s")
        if self.spread.low < 0 and (self.spread.constant is None or self.spread.constant < 0):
            raise UserError(f"spread must be >= 0 (set spread.low), got {self.spread.low:g}")

    @property
    def absent(self) -> bool:
        """Whether no device ever drifts."""
        return self.nu.constant == 0 and self.spread.constant == 0

    def exponents(self, conductance: FloatArray, g_max: float, *, rng: Rng) -> FloatArray:
        """Draw each device's drift exponent.

        Parameters
        ----------
        conductance : (…, row, column) array, S
            As programmed.
        g_max : float, S
        rng : Rng

        Returns
        -------
        (…, row, column) array, dimensionless
        """
        scaled = conductance * conductance.dtype.type(1 / g_max)
        np.maximum(scaled, scaled.dtype.type(_SMALL), out=scaled)
        logarithm = np.log(scaled, out=scaled)
        nu = self.nu(logarithm)
        if self.spread.constant != 0:
            noise = rng.standard_normal(conductance.shape, conductance.dtype)
            noise *= self.spread(logarithm)
            nu += noise
        return nu


def drift(
    conductance: FloatArray, time: float, nu: FloatArray | float, time_zero: float
) -> FloatArray:
    """Power-law drift of conductance.

    G(t) = G(t0) (t / t0)^-nu for t > t0, G(t0) before.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        At t0.
    time : float, s
        Since programming, > 0.
    nu : float or (…, row, column) array, dimensionless
    time_zero : float, s
        t0.

    Returns
    -------
    (…, row, column) array, S

    Raises
    ------
    UserError
        If time is not positive.

    References
    ----------
    Boybat et al., NVMTS 2018, doi:10.1109/NVMTS.2018.8603100.
    """
    elapsed = np.log(max(positive("time", time, "s") / time_zero, 1.0))
    factor = np.asarray(nu) * conductance.dtype.type(-elapsed)
    return np.asarray(np.exp(factor.astype(conductance.dtype, copy=False)) * conductance)


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckAt:
    """Devices that cannot be programmed: the share of them at either end of the range."""

    g_min: float = 0.0
    g_max: float = 0.0

    def __post_init__(self) -> None:
        in_range("g_min", self.g_min, 0.0, 1.0)
        in_range("g_max", self.g_max, 0.0, 1.0)
        if self.g_min + self.g_max > 1:
            raise UserError(
                f"g_min + g_max must be <= 1 (shares of the devices), got "
                f"{self.g_min:g} + {self.g_max:g}"
            )

    def apply(self, conductance: FloatArray, g_min: float, g_max: float, *, rng: Rng) -> FloatArray:
        """Return the conductances (…, row, column) [S] with faults drawn and put in."""
        if self.g_min == 0 and self.g_max == 0:
            return conductance
        draw = rng.random(conductance.shape, conductance.dtype)
        out = np.where(draw < self.g_min, conductance.dtype.type(g_min), conductance)
        out[draw >= 1 - self.g_max] = g_max
        return out
