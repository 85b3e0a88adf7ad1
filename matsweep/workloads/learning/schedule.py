"""Changes in the course of training: falling rates, and pairs that are erased."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.core.checks import in_range, whole
from matsweep.core.quantities import Dimensionless


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Learning rates fall by a factor every so many epochs; 1: they stay."""

    factor: Dimensionless = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        in_range("factor", self.factor, 1e-6, 1.0)
        whole("every", self.every, low=1)

    def at(self, epoch: int) -> float:
        """Return the factor on the learning rates in an epoch, from 0."""
        return float(self.factor ** (epoch // self.every))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Pairs of which a device nears the end of its range are erased and written anew.

    Parameters
    ----------
    every : int
        Batches between two times.
    above : float, ranges
        A pair is erased if one of its devices is beyond.
    """

    every: int = 100
    above: Dimensionless = 0.9

    def __post_init__(self) -> None:
        whole("every", self.every, low=1)
        in_range("above", self.above, 0.0, 1.0)
