"""Residuals of a dynamical model on one device's sweeps, and their least squares."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.sequence import IntArray

SEARCHED, POLISHED = (1e-5, 1e-3), (1e-8, 1e-4)
"""Tolerance of the solver, and step of derivatives: of the search, and of the last fit."""

HOPELESS = 20.0
"""Residual of parameters that cannot be simulated."""

_FLOOR = 0.01  # of the largest current: below it residuals are linear in the current
_COARSE = 150  # points of the sweep that the search uses
_NARROW, _WIDE = np.log(1e3), 60.0  # half ranges of logarithms about the starting point
_STATE = 15.0  # half range of the logit of the state at the beginning
_SPREAD, _SPREAD_WIDE = 0.7, 1.5  # of the logarithms of starting points


class Minimum(NamedTuple):
    """Sum of squares, searched values (p + 1,), and whether the search ended there by itself."""

    cost: float
    theta: FloatArray
    reached: bool


class Problem:
    """Residuals asinh(I / s) of a loop, s being 1 % of the largest current, for batches of models.

    Parameters
    ----------
    loop : Loop
    start : CompiledModel
    names : sequence of str
        Free parameters. They are searched as logarithms, so that their signs stay; those between 0
        and 1 that stand in `shares` as logits.
    shares : sequence of str
    wide : sequence of str
        Parameters that are searched over a wide range.

    Raises
    ------
    UserError
        If a free parameter is 0 at the start.
    """

    def __init__(
        self,
        loop: Loop,
        start: CompiledModel,
        names: tuple[str, ...],
        shares: tuple[str, ...] = (),
        wide: tuple[str, ...] = (),
    ) -> None:
        values = np.array([float(getattr(start, name)) for name in names])
        if not values.all():
            raise UserError(f"free must name parameters that are not 0 at the start, got {names}")
        self.loop, self.model, self.names = loop, start, names
        self.signs = np.sign(values)
        self.shared = np.array([name in shares for name in names])
        sizes = np.abs(values)
        inner = np.where(self.shared, sizes, 0.5)
        first = np.where(self.shared, np.log(inner / (1 - inner)), np.log(sizes))
        half = np.where([name in wide for name in names], _WIDE, _NARROW)
        self.first = np.append(first, 0.0)
        self.spread = np.append(
            np.where([name in wide for name in names], _SPREAD_WIDE, _SPREAD), 2.0
        )
        self.low = self.first - np.append(half, _STATE)
        self.high = self.first + np.append(half, _STATE)
        self.scale = _FLOOR * np.abs(loop.current).max()
        self.own = ~loop.limited  # under compliance the current is the instrument's
        self.wanted = np.arcsinh(loop.current[self.own] / self.scale)

    def coarse(self) -> Problem:
        """Return the problem on a part of the points: turning points, and some of the others."""
        problem = Problem.__new__(Problem)
        problem.__dict__.update(self.__dict__)
        kept = _thinned(self.loop)
        problem.loop = dataclasses.replace(
            self.loop,
            **{n: getattr(self.loop, n)[kept]
               for n in ("time", "voltage", "current", "limited", "cycle")},
        )  # fmt: skip
        problem.own = ~problem.loop.limited
        problem.wanted = np.arcsinh(problem.loop.current[problem.own] / self.scale)
        return problem

    def values(self, theta: FloatArray) -> FloatArray:
        """Return the parameters of searched values.

        Parameters
        ----------
        theta : (…, p + 1) array

        Returns
        -------
        (…, p) array
            In their units, with their signs.
        """
        logs = theta[..., :-1]
        shares = 1 / (1 + np.exp(-np.where(self.shared, logs, 0.0)))
        return self.signs * np.where(self.shared, shares, np.exp(np.where(self.shared, 0.0, logs)))

    def slopes(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives of the sizes of the parameters with respect to searched values.

        Parameters
        ----------
        theta : (p + 1,) array

        Returns
        -------
        (p,) array
        """
        sizes = np.abs(self.values(theta))
        return np.where(self.shared, sizes * (1 - sizes), sizes)

    def modelled(self, theta: FloatArray) -> tuple[CompiledModel, FloatArray]:
        """Return the model of searched values, or a batch of models.

        Parameters
        ----------
        theta : (p + 1,) or (m, p + 1) array

        Returns
        -------
        model : CompiledModel
            With parameters (m,) if there are several.
        state : () or (m,) array
            At the beginning, in the model's unit.
        """
        values = self.values(theta)
        single = theta.ndim == 1
        model = self.model.replace(
            **{n: float(values[k]) if single else values[:, k] for k, n in enumerate(self.names)}
        )
        low, high = (np.asarray(bound) for bound in model.bounds())
        return model, np.asarray(low + (high - low) / (1 + np.exp(-theta[..., -1])))

    def residuals(self, thetas: FloatArray, tolerance: float) -> FloatArray:
        """Return the residuals of a batch; large ones where a model cannot be solved.

        Parameters
        ----------
        thetas : (m, p + 1) array
        tolerance : float
            Of the solver, relative to the state's range.

        Returns
        -------
        (m, n) array
        """
        try:
            current = response(*self.modelled(thetas), self.loop, tolerance).current
        except UserError:  # one of them is out of its range
            if len(thetas) == 1:
                return np.full((1, self.wanted.size), HOPELESS)
            return np.concatenate([self.residuals(one[None], tolerance) for one in thetas])
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.arcsinh(current[self.own].T / self.scale) - self.wanted
        return np.where(np.isfinite(off).all(axis=1, keepdims=True), off, HOPELESS)

    def jacobian(self, theta: FloatArray, tolerance: float, step: float) -> FloatArray:
        """Return the derivatives of the residuals by central differences.

        Parameters
        ----------
        theta : (p + 1,) array
        tolerance : float
            Of the solver.
        step : float
            Of the searched values.

        Returns
        -------
        (n, p + 1) array
        """
        moves = step * np.eye(theta.size)
        both = np.clip(np.concatenate([theta + moves, theta - moves]), self.low, self.high)
        ahead, back = np.split(self.residuals(both, tolerance), 2)
        width = np.diagonal(both[: theta.size] - both[theta.size :])
        return np.asarray(((ahead - back) / width[:, None]).T)

    def minimised(
        self,
        theta: FloatArray,
        accuracy: tuple[float, float],
        evaluations: int,
        held: int | None = None,
    ) -> Minimum:
        """Minimise the sum of squares from one starting point.

        Parameters
        ----------
        theta : (p + 1,) array
        accuracy : (float, float)
            Tolerance of the solver, and step of the derivatives.
        evaluations : int
            At most.
        held : int or None
            Number of a searched value that stays where it is.

        Returns
        -------
        Minimum
            Not reached where the evaluations do not suffice.
        """
        from scipy.optimize import least_squares

        tolerance, step = accuracy
        inner = 1e-9 * (self.high - self.low)
        begin = np.clip(theta, self.low + inner, self.high - inner)
        free = np.flatnonzero(np.arange(theta.size) != held)

        def whole(values: FloatArray) -> FloatArray:
            full = begin.copy()
            full[free] = values
            return full

        minimum = least_squares(
            lambda values: self.residuals(whole(values)[None], tolerance)[0],
            begin[free],
            jac=lambda values: self.jacobian(whole(values), tolerance, step)[:, free],
            bounds=(self.low[free], self.high[free]), max_nfev=evaluations, x_scale="jac",
            xtol=1e-9, ftol=1e-9,
        )  # fmt: skip
        theta = whole(np.asarray(minimum.x))
        return Minimum(2 * float(minimum.cost), theta, minimum.status > 0)


def _thinned(loop: Loop) -> IntArray:
    """Select points (m,) of a loop: evenly spaced ones, and those where voltage or limit turns."""
    count = loop.time.size
    kept = np.zeros(count, bool)
    kept[:: max(1, count // _COARSE)] = True
    kept[[0, -1]] = True
    slope = np.sign(np.diff(loop.voltage))
    kept[1:-1] |= slope[1:] * slope[:-1] < 0
    step = np.abs(np.diff(loop.voltage))
    jump = step > 5 * np.median(step)
    edge = jump | np.diff(loop.limited.astype(int)).astype(bool)
    edge |= np.diff(loop.cycle).astype(bool)
    kept[:-1] |= edge
    kept[1:] |= edge
    return np.flatnonzero(kept)
