"""Saltelli's design, for Sobol' sensitivity indices."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.checks import UserError, whole
from matsweep.planning.axes import Axis, Interval
from matsweep.planning.designs.contract import Design, Drawn, Feasible, collect
from matsweep.planning.designs.points import Point
from matsweep.planning.designs.sobol import power_of_two

_BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Saltelli(Design):
    """Saltelli's extension of a scrambled Sobol' sequence, as SALib samples it.

    For D axes it has N (D + 2) rows, or N (2 D + 2) with second-order indices: N blocks of
    a row of A, A with each of its values in turn from B, (B with each from A,) and a row of B.
    `SALib.analyze.sobol.analyze` takes one result for each row, in this order.

    Rows that are the same point (axes of few values make many) are one candidate: the store's
    attribute `design` records which, and `matsweep.analysis.attributes.design_rows` takes results
    back to rows.

    Constraints: the estimators need every row, so none can be left out. A design with a row that
    violates a constraint is refused.

    Parameters
    ----------
    samples : int
        N; best a power of two.
    second_order : bool
        Whether to estimate indices of pairs too.
    seed : int
        Seed of the scrambling.

    References
    ----------
    A. Saltelli, Comput. Phys. Commun. 145:280, 2002, doi:10.1016/S0010-4655(02)00280-1;
    J. Herman, W. Usher, J. Open Source Softw. 2:97, 2017, doi:10.21105/joss.00097 (SALib).
    """

    samples: int = 64
    second_order: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        whole("samples", self.samples, low=1)
        whole("seed", self.seed, low=0)

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of rows."""
        return self.samples * ((2 * len(axes) + 2) if self.second_order else (len(axes) + 2))

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the rows, in SALib's order."""
        if not axes:
            raise UserError("design=saltelli needs axes: give at least one parameter values")
        rows = np.minimum(self._fractions([axis.name for axis in axes]), _BELOW_ONE).tolist()
        return (tuple(axis.at(f) for axis, f in zip(axes, row, strict=True)) for row in rows)

    def draw(self, axes: Sequence[Axis], feasible: Feasible | None = None) -> Drawn:
        """Return the distinct rows; refuse to leave one out."""
        drawn = collect(self.points(axes), feasible)
        if drawn.dropped:
            raise UserError(
                f"design=saltelli cannot leave out the {drawn.dropped} of "
                f"{drawn.rows + drawn.dropped} rows that violate a constraint, as Sobol' indices "
                "need them all: sweep parameters that meet the constraints in their whole range "
                "(a ratio instead of both numbers), or take design=sobol"
            )
        return drawn

    def facts(self, axes: Sequence[Axis], drawn: Drawn) -> dict[str, Any]:
        """Add the problem as SALib defines it, and the rows that share a candidate.

        `problem`: names, bounds and distributions; an axis of listed values is the index of its
        value, from 0 to their number. `repeated`: (row, candidate) of each row that repeats an
        earlier one; every other row is, in order, the next candidate.
        """
        bounds = [
            [axis.low, axis.high] if isinstance(axis, Interval) else [0, len(axis.values)]
            for axis in axes
        ]
        logarithmic = [isinstance(axis, Interval) and axis.logarithmic for axis in axes]
        problem = {
            "num_vars": len(axes),
            "names": [axis.name for axis in axes],
            "bounds": bounds,
            "dists": ["logunif" if log else "unif" for log in logarithmic],
        }
        # `super` without arguments fails in a class with slots that a decorator created again.
        common = Design.facts(self, axes, drawn)
        return {**common, "problem": problem, "repeated": [list(pair) for pair in drawn.repeated]}

    def advice(self) -> str:
        """Name the nearest balanced numbers of samples, if this one is not."""
        return power_of_two("design.samples", self.samples)

    def _fractions(self, names: list[str]) -> np.typing.NDArray[np.float64]:
        try:
            from SALib.sample import sobol
        except ImportError:
            raise UserError(
                "design=saltelli needs SALib: pip install 'matsweep[sensitivity]'"
            ) from None
        problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `advice` reports it
            rows = sobol.sample(
                problem,
                self.samples,
                calc_second_order=self.second_order,
                seed=np.random.default_rng(self.seed),
            )
        return np.asarray(rows, dtype=np.float64)
