"""Designs: which points of the axes become candidates."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matsweep.checks import whole
from matsweep.sweep.axes import Axis


class Design(ABC):
    """What every design can do: say how many points it has, and list them."""

    __slots__ = ()
    registry: ClassVar[dict[str, type[Design]]] = {}

    @abstractmethod
    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of points."""

    @abstractmethod
    def points(self, axes: Sequence[Axis]) -> Iterator[tuple[object, ...]]:
        """Yield the points: one value for each axis."""

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]] | None:
        """Return each axis's values if the design is all their combinations, else None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(Design):
    """Every combination of the axes' values, the last axis changing fastest.

    Parameters
    ----------
    intervals : int
        Points that an interval is cut into.
    """

    intervals: int = 5

    def __post_init__(self) -> None:
        whole("intervals", self.intervals, low=1)

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the product of the axes' lengths."""
        return int(np.prod([len(values) for values in self.factorial(axes)], dtype=object))

    def points(self, axes: Sequence[Axis]) -> Iterator[tuple[object, ...]]:
        """Yield the combinations."""
        return itertools.product(*self.factorial(axes))

    def factorial(self, axes: Sequence[Axis]) -> list[tuple[object, ...]]:
        """Return each axis's values."""
        return [axis.listed(self.intervals) for axis in axes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Random(Design):
    """Independent uniform draws from every axis; more samples keep those drawn before.

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

    def points(self, axes: Sequence[Axis]) -> Iterator[tuple[object, ...]]:
        """Yield the samples."""
        rng = np.random.default_rng(self.seed)
        for _ in range(self.samples):
            fractions = rng.random(len(axes))
            yield tuple(axis.at(float(f)) for axis, f in zip(axes, fractions, strict=True))


Design.registry.update(grid=Grid, random=Random)
