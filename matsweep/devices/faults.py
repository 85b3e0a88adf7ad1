"""Faulty devices: stuck at a conductance, or worn by write cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from matsweep.core.checks import UserError, in_range, non_negative, positive
from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless, Faulty
from matsweep.core.streams import FloatArray, Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckAt:
    """Devices that cannot be programmed.

    Parameters
    ----------
    g_min, g_max, random : float
        Shares of the devices stuck at the lower end of the range, at the upper end, and anywhere
        in it (uniform).
    clustering : float
        Part of the faults that come as whole lines, rows and columns alike, of the last two
        axes; the others fall independently. Every fault of one line is of the same kind. Devices
        with fewer than two axes share no lines: all their faults fall independently.

    Notes
    -----
    With a total share r and a clustering c a device is faulty with probability r for any c: each
    of its two lines is with 1 - sqrt(1 - c r), and it is by itself with r (1 - c) / (1 - c r).
    """

    g_min: Annotated[Faulty, Plausible(0.0, 0.5)] = 0.0
    g_max: Annotated[Faulty, Plausible(0.0, 0.5)] = 0.0
    random: Annotated[Faulty, Plausible(0.0, 0.5)] = 0.0
    clustering: Dimensionless = 0.0

    def __post_init__(self) -> None:
        for name in ("g_min", "g_max", "random", "clustering"):
            in_range(name, getattr(self, name), 0.0, 1.0)
        if self.total > 1:
            raise UserError(
                "g_min + g_max + random must be <= 1 (shares of the devices), got "
                f"{self.g_min:g} + {self.g_max:g} + {self.random:g}"
            )

    @property
    def total(self) -> float:
        """Share of the devices that are stuck."""
        return self.g_min + self.g_max + self.random

    @property
    def yielded(self) -> float:
        """Share of the devices that work: the yield."""
        return 1 - self.total

    def apply(self, conductance: FloatArray, g_min: float, g_max: float, *, rng: Rng) -> FloatArray:
        """Conductances with stuck devices drawn and set.

        Parameters
        ----------
        conductance : (…, row, column) array, (device,) array or array without axes, S
        g_min : float, S
        g_max : float, S
        rng : Rng

        Returns
        -------
        array of the same shape, S
        """
        if self.total == 0:
            return conductance
        if conductance.ndim < 2:
            return self._put(conductance, conductance.shape, self.total, g_min, g_max, rng)
        lines, single = self._shares()
        out = self._put(conductance, conductance.shape, single, g_min, g_max, rng)
        *batch, rows, columns = conductance.shape
        out = self._put(out, (*batch, rows, 1), lines, g_min, g_max, rng)
        return self._put(out, (*batch, 1, columns), lines, g_min, g_max, rng)

    def _shares(self) -> tuple[float, float]:
        together = self.clustering * self.total
        if together == 1:
            return 1.0, 0.0
        return 1 - (1 - together) ** 0.5, (self.total - together) / (1 - together)

    def _put(
        self,
        conductance: FloatArray,
        shape: tuple[int, ...],
        share: float,
        g_min: float,
        g_max: float,
        rng: Rng,
    ) -> FloatArray:
        """Set faults in a share of the devices, or of the lines if one axis of shape is 1."""
        if share == 0:
            return conductance
        draw = rng.random(shape, conductance.dtype) * (self.total / share)
        low, high = conductance.dtype.type(g_min), conductance.dtype.type(g_max)
        out = np.where(draw < self.g_min, low, conductance)
        upper = self.g_min + self.g_max
        out = np.where((draw >= self.g_min) & (draw < upper), high, out)
        if self.random:
            anywhere = low + rng.random(conductance.shape, conductance.dtype) * (high - low)
            out = np.where((draw >= upper) & (draw < self.total), anywhere, out)
        return np.asarray(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endurance:
    """Closing of the conductance window with the number of write cycles.

    Its width is a factor w = 1 / (1 + (cycles / half_window)^steepness) of the range's, and
    closes towards the fraction `towards` of the range.

    Parameters
    ----------
    half_window : float or None
        Cycles after which half of the window is left; None: it never closes.
    steepness : float
    towards : float, fraction of the range
        0: only the upper end falls, 1: only the lower end rises.

    Notes
    -----
    A phenomenological form: published endurance is one number of cycles to failure, taken as the
    loss of half of the window, and its steepness is illustrative. Wear-out of single devices
    (which ends as `StuckAt`) is left out.
    """

    half_window: Annotated[Dimensionless, Plausible(1.0, 1e18), Worse("lower")] | None = None
    steepness: Annotated[Dimensionless, Plausible(0.01, 100.0)] = 1.0
    towards: Dimensionless = 0.5

    def __post_init__(self) -> None:
        if self.half_window is not None:
            positive("half_window", self.half_window)
        positive("steepness", self.steepness)
        in_range("towards", self.towards, 0.0, 1.0)

    def window(self, cycles: float) -> tuple[float, float]:
        """Return the ends of the remaining window, as fractions of the range.

        Parameters
        ----------
        cycles : float, >= 0
            Write cycles.

        Returns
        -------
        tuple of (float, float), dimensionless
            Lower and upper end; 0 is g_min, 1 is g_max.

        Raises
        ------
        UserError
            If cycles is negative.
        """
        non_negative("cycles", cycles)
        if self.half_window is None:
            return 0.0, 1.0
        try:
            width = 1 / (1 + (cycles / self.half_window) ** self.steepness)
        except OverflowError:  # a steep closing, far beyond the half window
            width = 0.0
        return self.towards * (1 - width), self.towards + (1 - self.towards) * width
