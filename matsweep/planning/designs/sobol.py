"""Sobol' sequence design."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from matsweep.core.checks import UserError, whole
from matsweep.planning.axes import Axis
from matsweep.planning.designs.contract import Design, Drawn, Feasible, collect
from matsweep.planning.designs.points import Point

_BATCH = 1024  # a power of two, as the first batch of a sequence has to be
_BITS = 30  # resolution of a coordinate: 1e-9 of an axis; the sequence has 2^30 points


@dataclass(frozen=True, slots=True, kw_only=True)
class Sobol(Design):
    """A Sobol' sequence: points that fill the space evenly; more samples keep those before.

    The balance of the sequence holds for powers of two: with 64 or 128 samples every half,
    quarter, … of an axis has its exact share; with other numbers it has not, and an average over
    the design converges no faster than over random points.

    With constraints the sequence is followed until there are `samples` feasible points. They are
    spread as evenly as the sequence over the feasible region, without exact balance.

    Parameters
    ----------
    samples : int
        Preferably a power of two.
    seed : int
        Seed of the scrambling.
    scramble : bool
        Owen's random scrambling; false: the plain sequence, whose first point is the lowest
        corner of all axes.

    References
    ----------
    I. M. Sobol', USSR Comput. Math. Math. Phys. 7:86, 1967; A. B. Owen, J. Complexity 14:466,
    1998, doi:10.1006/jcom.1998.0487; `scipy.stats.qmc`.
    """

    samples: int = 128
    seed: int = 0
    scramble: bool = True

    def __post_init__(self) -> None:
        whole("samples", self.samples, low=1, high=2**_BITS)
        whole("seed", self.seed, low=0)

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of samples."""
        return self.samples

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the samples."""
        return itertools.islice(self._sequence(axes), self.samples)

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the first `samples` feasible points of the sequence."""
        drawn = collect(self._sequence(axes), feasible, self.samples)
        if drawn.rows < self.samples:
            raise UserError(
                f"constraints: only {drawn.rows} of the sequence's points meet them: ask for fewer "
                "samples, or narrow the axes to where they hold"
            )
        return drawn

    def advice(self) -> str:
        """Name the nearest balanced numbers of samples, if this one is not."""
        return power_of_two("design.samples", self.samples)

    def _sequence(self, axes: Sequence[Axis]) -> Iterator[Point]:
        if not axes:
            yield from itertools.repeat((), self.samples)
            return
        engine = scipy.stats.qmc.Sobol(
            d=len(axes), scramble=self.scramble, bits=_BITS, rng=np.random.default_rng(self.seed)
        )
        for _ in range(2**_BITS // _BATCH):
            for row in engine.random(_BATCH).tolist():
                yield tuple(axis.at(f) for axis, f in zip(axes, row, strict=True))


def power_of_two(name: str, samples: int) -> str:
    """Name the powers of two near a number of samples.

    Parameters
    ----------
    name : str
        Parameter's, for the message.
    samples : int

    Returns
    -------
    str
        Empty where `samples` is a power of two.
    """
    below = 1 << (samples.bit_length() - 1)
    if samples == below:
        return ""
    return (
        f"{name}={samples} is no power of two: a Sobol' sequence is balanced with {below} or "
        f"{2 * below} samples only"
    )
