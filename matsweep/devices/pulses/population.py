"""Differences between devices that every pulse model has: gain, asymmetry and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray, Rng, aside

SPREADS = ("gain", "log_gain", "log_scale", "asymmetry", "lower", "upper")
"""Names in `device_to_device` that every pulse model has."""

_NARROWEST = 1e-3  # fraction of the nominal range: no span divides by 0
_STILL = 1e-12  # step below which a device does not move: its factor stays finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Spreads of gain, asymmetry and bounds between devices, as published for arrays.

    A device has one gain g for both polarities and an asymmetry r, which splits them: its steps are
    |scale_up + (g - 1 + r) scale| and |scale_down + (g - 1 - r) scale|, where scale is the larger
    of the two (without a mean asymmetry: (g + r) scale and (g - r) scale). Its bounds lie at
    zero + |(1 - zero) (1 + upper xi)| and zero - |zero (1 + lower xi')|.

    Parameters
    ----------
    gain : float
        Standard deviation of g, about 1.
    log_gain : float
        Standard deviation of ln g, about 0: g is lognormal.
    log_scale : float
        Standard deviation of the logarithm of a factor on both steps, about 0, whatever their mean
        asymmetry: their ratio stays.
    asymmetry : float
        Standard deviation of r. Up and down steps differ by 2 r of their mean.
    lower, upper : float
        Standard deviations of the bounds, relative to their distance from `PulseModel.zero`.

    Raises
    ------
    UserError
        If both gains are given.

    References
    ----------
    T. Gokmen, Y. Vlasov, Front. Neurosci. 10:333, 2016, doi:10.3389/fnins.2016.00333; M. Rasch et
    al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494, as in IBM's aihwkit: `dw_min_dtod`,
    `up_down_dtod`, `w_min_dtod`, `w_max_dtod`, with consistent signs enforced.
    """

    gain: float = 0.0
    log_gain: float = 0.0
    log_scale: float = 0.0
    asymmetry: float = 0.0
    lower: float = 0.0
    upper: float = 0.0

    def __post_init__(self) -> None:
        if self.gain and self.log_gain:
            raise UserError(
                "device_to_device must have one of gain (Gaussian) and log_gain (lognormal), got "
                f"{self.gain:g} and {self.log_gain:g}"
            )

    @classmethod
    def of(cls, spreads: Mapping[str, float]) -> Self:
        """Select the spreads of a model that are common to all models.

        Parameters
        ----------
        spreads : mapping
            `PulseModel.device_to_device`.

        Returns
        -------
        Population
        """
        return cls(**{name: spreads.get(name, 0.0) for name in SPREADS})

    @property
    def scales(self) -> bool:
        """Whether devices differ in the size of their steps."""
        return bool(self.gain or self.log_gain or self.log_scale or self.asymmetry)

    @property
    def bounds(self) -> bool:
        """Whether devices differ in their bounds."""
        return bool(self.lower or self.upper)

    def factors(
        self, scales: tuple[Any, Any], shape: tuple[int, ...], *, rng: Rng
    ) -> tuple[FloatArray, FloatArray]:
        """Draw factors of the steps of each device.

        Parameters
        ----------
        scales : tuple of (float or array, float or array), fractions of the range
            Steps of potentiation and depression, as magnitudes.
        shape : tuple of int
        rng : Rng

        Returns
        -------
        up, down : arrays of the shape
        """
        gain: FloatArray = np.ones(shape)
        asymmetry: FloatArray = np.zeros(shape)
        if self.gain:
            gain = 1 + self.gain * aside(rng, "gain").standard_normal(shape, np.float64)
        if self.log_gain:
            gain = np.exp(self.log_gain * aside(rng, "gain").standard_normal(shape, np.float64))
        if self.asymmetry:
            asymmetry = self.asymmetry * aside(rng, "asymmetry").standard_normal(shape, np.float64)
        scale = np.maximum(*scales)
        first, second = (scale / np.maximum(each, _STILL) for each in scales)
        up = np.abs(1 + (gain - 1 + asymmetry) * first)
        down = np.abs(1 + (gain - 1 - asymmetry) * second)
        if self.log_scale:
            common = aside(rng, "scale").standard_normal(shape, np.float64)
            common = np.exp(self.log_scale * common)
            up, down = up * common, down * common
        return up, down

    def draw_bounds(
        self, zero: float, shape: tuple[int, ...], *, rng: Rng
    ) -> tuple[FloatArray, FloatArray]:
        """Draw the bounds of each device.

        Parameters
        ----------
        zero : float, in [0, 1]
        shape : tuple of int
        rng : Rng

        Returns
        -------
        lower, upper : arrays of the shape, fractions of the nominal range
        """
        lower, upper = np.zeros(shape), np.ones(shape)
        if self.lower:
            below = aside(rng, "lower").standard_normal(shape, np.float64)
            lower = zero * (1 - np.abs(1 + self.lower * below))
        if self.upper:
            above = aside(rng, "upper").standard_normal(shape, np.float64)
            spread = np.abs(1 + self.upper * above)
            upper = zero + (1 - zero) * spread
        return lower, np.maximum(upper, lower + _NARROWEST)
