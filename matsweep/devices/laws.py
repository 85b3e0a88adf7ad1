"""Device quantities as fitted functions of the conductance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from matsweep.core.checks import UserError, finite, positive
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray

SMALL = 1e-12
"""Conductance over g_max below which logarithms stop changing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Quantity linear in the logarithm of the conductance, between two bounds.

    y(G) = clip(at_g_max + slope ln x, low, high) + saturating (1 - exp(-x / saturation)) with
    x = G / g_max; from x = `polynomial_from` on, sum_k c_k x^k instead, where a fit has such a
    second branch.

    Parameters
    ----------
    at_g_max, slope, low, high : float
        In the unit of the quantity.
    saturating : float
        In the unit of the quantity.
    saturation : float, dimensionless
    polynomial : tuple of float
        c_0, c_1, …; empty for none.
    polynomial_from : float
        x at which the second branch begins.
    """

    at_g_max: Dimensionless = 0.0
    slope: Dimensionless = 0.0
    low: Dimensionless = -1.0
    high: Dimensionless = 1.0
    saturating: Dimensionless = 0.0
    saturation: Dimensionless = 1.0
    polynomial: tuple[Dimensionless, ...] = ()
    polynomial_from: Dimensionless = 1.0

    def __post_init__(self) -> None:
        finite("at_g_max", self.at_g_max)
        finite("slope", self.slope)
        finite("low", self.low)
        if finite("high", self.high) < self.low:
            raise UserError(f"high must be >= low ({self.low:g}), got {self.high:g}")
        finite("saturating", self.saturating)
        positive("saturation", self.saturation)
        for coefficient in self.polynomial:
            finite("polynomial", coefficient)
        positive("polynomial_from", self.polynomial_from)

    @classmethod
    def from_number(cls, value: Dimensionless) -> Self:
        """Law of a bare number: the same at every conductance.

        Parameters
        ----------
        value : float
            In the unit of the quantity.

        Returns
        -------
        Law
        """
        number = finite("value", value)
        return cls(at_g_max=number, low=number, high=number)

    @property
    def constant(self) -> float | None:
        """The value if it is the same at every conductance, else None."""
        if not (self.polynomial or self.saturating) and (self.slope == 0 or self.low == self.high):
            return float(min(max(self.at_g_max, self.low), self.high))
        return None

    @property
    def least(self) -> float:
        """The least value on 0 < G <= g_max, to a thousandth of the range."""
        if self.constant is not None:
            return self.constant
        return float(self(np.log(np.linspace(1e-3, 1, 1000))).min())

    def __call__(self, logarithm: FloatArray) -> FloatArray:
        """Value y (…) at ln(G / g_max) (…), dimensionless."""
        if self.constant is not None:
            return np.full_like(logarithm, self.constant)
        out = np.asarray(logarithm * logarithm.dtype.type(self.slope))
        out += logarithm.dtype.type(self.at_g_max)
        np.clip(out, self.low, self.high, out=out)
        if not (self.saturating or self.polynomial):
            return out
        x = np.exp(logarithm)
        if self.saturating:
            out -= self.saturating * np.expm1(x * x.dtype.type(-1 / self.saturation))
        if self.polynomial:
            branch = np.polynomial.polynomial.polyval(x, self.polynomial)
            np.copyto(out, branch.astype(out.dtype), where=x >= self.polynomial_from)
        return out


def logarithm(conductance: FloatArray, g_max: float) -> FloatArray:
    """Logarithm ln(G / g_max), bounded below at ln 1e-12.

    Parameters
    ----------
    conductance : (…) array, S
    g_max : float, S

    Returns
    -------
    (…) array, dimensionless
    """
    scaled = np.asarray(conductance * conductance.dtype.type(1 / g_max))
    np.clip(scaled, scaled.dtype.type(SMALL), None, out=scaled)
    return np.log(scaled, out=scaled)
