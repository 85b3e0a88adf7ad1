"""Latin hypercube design."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from matsweep.core.checks import UserError, one_of, whole
from matsweep.planning.axes import Axis
from matsweep.planning.designs.contract import Design
from matsweep.planning.designs.points import Point

_MOST_OPTIMIZED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LatinHypercube(Design):
    """A Latin hypercube: each of `samples` equal slices of every axis holds exactly one row.

    With constraints the hypercube covers the whole ranges, and rows that violate one are dropped.
    The rest is uniform over the feasible region (each row alone is uniform over the box), but fewer
    than `samples`, and some slices are empty. A Latin hypercube cannot be extended row by row:
    another number of samples is another design altogether.

    Parameters
    ----------
    samples : int
    seed : int
    scramble : bool
        Place a row at random in its cell; false: in its middle.
    optimization : "random-cd", "lloyd" or None
        Improve how evenly rows fill the space: by swapping values so that the centred
        discrepancy falls, which keeps the slices; or by moving rows apart (Lloyd and Max), which
        does not keep them. Both take long for many samples.

    References
    ----------
    M. D. McKay et al., Technometrics 21:239, 1979, doi:10.2307/1268522; `scipy.stats.qmc`.
    """

    samples: int = 100
    seed: int = 0
    scramble: bool = True
    optimization: str | None = None

    def __post_init__(self) -> None:
        whole("samples", self.samples, low=1)
        whole("seed", self.seed, low=0)
        if self.optimization is not None:
            one_of("optimization", self.optimization, ("random-cd", "lloyd"))
        if self.optimization == "lloyd" and self.samples < 3:
            raise UserError(f"samples must be >= 3 with optimization=lloyd, got {self.samples}")

        if self.optimization is not None and self.samples > _MOST_OPTIMIZED:
            raise UserError(
                f"samples must be <= {_MOST_OPTIMIZED:,} with optimization={self.optimization}, "
                f"whose time grows as their square, got {self.samples}: give optimization=null, or "
                "take design=sobol"
            )

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of samples."""
        return self.samples

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the rows."""
        if not axes:
            return iter([()] * self.samples)
        if self.optimization == "lloyd" and len(axes) == 1:
            raise UserError("design.optimization=lloyd needs two axes or more: leave it null")
        engine = scipy.stats.qmc.LatinHypercube(
            d=len(axes),
            scramble=self.scramble,
            optimization=self.optimization,
            rng=np.random.default_rng(self.seed),
        )
        rows = engine.random(self.samples).tolist()
        return (tuple(axis.at(f) for axis, f in zip(axes, row, strict=True)) for row in rows)
