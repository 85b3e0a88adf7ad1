"""Independent random design."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import whole
from matsweep.planning.axes import Axis
from matsweep.planning.designs.contract import Design, Drawn, Feasible, collect
from matsweep.planning.designs.points import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Random(Design):
    """Independent uniform draws from every axis; more samples keep those drawn before.

    With constraints, points are drawn until there are `samples` feasible ones: they are uniform
    over the feasible region.

    Parameters
    ----------
    samples : int
    seed : int
    """

    samples: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        whole("samples", self.samples, low=1)
        whole("seed", self.seed, low=0)

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of samples."""
        return self.samples

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the samples."""
        return itertools.islice(self._endless(axes), self.samples)

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the first `samples` feasible points."""
        return collect(self._endless(axes), feasible, self.samples)

    def _endless(self, axes: Sequence[Axis]) -> Iterator[Point]:
        rng = np.random.default_rng(self.seed)
        while True:
            fractions = rng.random(len(axes)).tolist()
            yield tuple(axis.at(f) for axis, f in zip(axes, fractions, strict=True))
