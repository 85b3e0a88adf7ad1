"""Changes during training: falling learning rates, and pairs that are erased."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.core.checks import in_range, whole
from matsweep.core.quantities import Dimensionless


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Learning rates that fall by a factor at regular intervals.

    Parameters
    ----------
    factor : float
        On the rates, each time; 1: they stay.
    every : int
        Epochs between two times.
    """

    factor: Dimensionless = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        in_range("factor", self.factor, 1e-6, 1.0)
        whole("every", self.every, low=1)

    def at(self, epoch: int) -> float:
        """Factor on the learning rates in an epoch.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        float
        """
        return float(self.factor ** (epoch // self.every))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Pairs are erased and written again when a device nears the end of its range.

    Parameters
    ----------
    every : int
        Batches between two checks.
    above : float, ranges
        A pair is erased if the state of one of its devices exceeds it.
    """

    every: int = 100
    above: Dimensionless = 0.9

    def __post_init__(self) -> None:
        whole("every", self.every, low=1)
        in_range("above", self.above, 0.0, 1.0)
