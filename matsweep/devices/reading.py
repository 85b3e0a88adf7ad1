"""Read noise and random telegraph signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from matsweep.core.checks import in_range, non_negative, positive
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless, Faulty, Spread, Time
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.laws import Law, logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNoise:
    """Standard deviation of one read about the conductance.

    sigma = G Q(G_p) F with Q(G_p) = min(relative (G_p / g_max)^-exponent, cap), or Q(G_p) =
    law(G_p) where there is such a law; or sigma = absolute(G) F. G is the conductance at the time
    of the read.

    - 1/f noise, integrated over one read of length t_read at time t after programming:
      F = sqrt(ln((t + t_read) / (2 t_read))), 0 before t = t_read. Q is a property of the state
      that was programmed: G_p is the conductance as programmed, before drift.
    - White noise: F = 1, and G_p = G.

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
    law : Law or None, dimensionless
        Relative noise as fitted, in the place of the power law.
    absolute : Law or None, S
        Standard deviation as fitted, in the place of both.

    References
    ----------
    S. R. Nandakumar et al., ICECS 2019, doi:10.1109/ICECS46596.2019.8964852, as in IBM's aihwkit
    (`PCMLikeNoiseModel`, `HermesNoiseModel`); V. Joshi et al., Nat. Commun. 11:2473, 2020,
    doi:10.1038/s41467-020-16108-9. An absolute law of the present conductance: D. Falcone et al.,
    arXiv:2502.04524, as in aihwkit (`ReRamCMONoiseModel`).
    """

    relative: Spread = 0.0
    exponent: Dimensionless = 0.0
    cap: Spread = 1.0
    flicker_read_time: Annotated[Time, Plausible(1e-12, 10.0)] | None = None
    law: Annotated[Law, Plausible(-1.0, 1.0)] | None = None
    absolute: Law | None = None

    def __post_init__(self) -> None:
        non_negative("relative", self.relative)
        in_range("exponent", self.exponent, 0.0, 1.0)
        non_negative("cap", self.cap)
        if self.flicker_read_time is not None:
            positive("flicker_read_time", self.flicker_read_time, "s")

    @classmethod
    def from_number(cls, relative: Spread) -> Self:
        """White noise of a bare number, relative to the conductance.

        Parameters
        ----------
        relative : float, dimensionless, >= 0

        Returns
        -------
        ReadNoise

        Raises
        ------
        UserError
            If the number is negative.
        """
        number = non_negative("relative", relative)
        return cls(relative=number, cap=max(1.0, number))

    @property
    def absent(self) -> bool:
        """Whether reads are exact."""
        return self.relative == 0 and self.law is None and self.absolute is None

    @property
    def remembers(self) -> bool:
        """Whether noise depends on the conductance as programmed, not on the present one alone."""
        if self.flicker_read_time is None or self.absolute is not None:
            return False
        return self.law is not None or (self.relative > 0 and self.exponent > 0)

    def sigma(
        self,
        conductance: FloatArray,
        g_max: float,
        time: float,
        programmed: FloatArray | None = None,
    ) -> FloatArray:
        """Return the standard deviation of one read.

        Parameters
        ----------
        conductance : (…) array, S
            At the time of the read.
        g_max : float, S
        time : float, s
            Since programming.
        programmed : array that broadcasts to the conductance, S, optional
            As programmed, which 1/f noise takes; by default `conductance`.

        Returns
        -------
        (…) array, S
        """
        factor = self._growth(time)
        if self.absent or factor == 0:
            return np.zeros_like(conductance)
        if self.absolute is not None:
            law = np.maximum(self.absolute(logarithm(conductance, g_max)), 0)
            return np.asarray(law * conductance.dtype.type(factor))
        if self.law is None and self.exponent == 0:
            relative = conductance.dtype.type(min(self.relative, self.cap) * factor)
            return np.asarray(conductance * relative)
        state = programmed if self.remembers and programmed is not None else conductance
        out = self._relative(state, g_max) * conductance
        out *= conductance.dtype.type(factor)
        return np.asarray(out)

    def _relative(self, conductance: FloatArray, g_max: float) -> FloatArray:
        """Q (…) at conductances (…) S, dimensionless, where it depends on the conductance."""
        if self.law is not None:
            return np.maximum(self.law(logarithm(conductance, g_max)), 0)
        with np.errstate(divide="ignore"):
            out = np.asarray(np.power(conductance, -self.exponent, dtype=conductance.dtype))
        out *= self.relative * g_max**self.exponent
        return np.minimum(out, self.cap, out=out)

    def _growth(self, time: float) -> float:
        if self.flicker_read_time is None:
            return 1.0
        ratio = (time + self.flicker_read_time) / (2 * self.flicker_read_time)
        return float(np.sqrt(np.log(max(ratio, 1.0))))


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegraphNoise:
    """Random telegraph noise: a single trap near the current path, empty or full.

    A device that has one is read at G (1 + amplitude duty) while the trap is empty and at
    G (1 - amplitude (1 - duty)) while it is full, so that the mean stays G; its relative standard
    deviation is amplitude sqrt(duty (1 - duty)). Each read draws the trap's state independently,
    which holds for reads further apart than the trap's dwell times; slower traps act like an
    error of programming.

    Parameters
    ----------
    share : float
        Of the devices that have a trap.
    amplitude : float, dimensionless
        Difference of the two levels, relative to the conductance.
    duty : float
        Probability that the trap is full.
    """

    share: Faulty = 0.0
    amplitude: Faulty = 0.0
    duty: Dimensionless = 0.5

    def __post_init__(self) -> None:
        in_range("share", self.share, 0.0, 1.0)
        in_range("amplitude", self.amplitude, 0.0, 1.0)
        in_range("duty", self.duty, 0.0, 1.0)

    @property
    def absent(self) -> bool:
        """Whether no device ever jumps."""
        return self.share == 0 or self.amplitude == 0 or self.duty in (0, 1)

    @property
    def relative_sigma(self) -> float:
        """Relative standard deviation of one read of any device, whether it has a trap or not."""
        return float(self.amplitude * np.sqrt(self.share * self.duty * (1 - self.duty)))

    def traps(self, shape: tuple[int, ...], *, rng: Rng) -> FloatArray:
        """Draw the devices that have a trap.

        Parameters
        ----------
        shape : tuple of int
        rng : Rng

        Returns
        -------
        (…, row, column) array of float32
            1 with a trap, 0 without.
        """
        return (rng.random(shape, np.float32) < self.share).astype(np.float32)

    def apply(self, conductance: FloatArray, traps: FloatArray, *, rng: Rng) -> FloatArray:
        """Conductance of one read, with the state of each trap drawn.

        Parameters
        ----------
        conductance : (…, row, column) array, S
        traps : (…, row, column) array of 0 and 1
        rng : Rng

        Returns
        -------
        (…, row, column) array, S
        """
        full = rng.random(conductance.shape, conductance.dtype) < self.duty
        jump = self.amplitude * (self.duty - full.astype(conductance.dtype))
        return np.asarray(conductance * (1 + traps.astype(conductance.dtype) * jump))
