"""Measured or simulated steps, without a formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from numpy import float32

from matsweep.core.checks import UserError, positive
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.pulses.model import Parameters, PulseModel, own_range
from matsweep.devices.pulses.noise import CycleNoise


@kernel
def _place(table: Any, first: Any, last: Any, x: Any) -> Any:
    """Return the edge below x and how far x is from there to the next, 0 to 1.

    Edges are table[first] … table[last], rising; the edge is counted from the first.
    """
    if last == first or x <= table[first]:
        return 0, float32(0)
    if x >= table[last]:
        return last - 1 - first, float32(1)
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if table[middle] <= x:
            low = middle
        else:
            high = middle
    return low - first, (x - table[low]) / (table[high] - table[low])


@kernel
def _drawn(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return a step from the table of `Tabulated`, bilinear in state and probability.

    p (2,): factors of potentiation and depression. table: numbers of states and probabilities, the
    states, the probabilities, the steps (polarity, state, probability) in C order.
    """
    rows, across = np.int32(table[0]), np.int32(table[1])
    row, along = _place(table, 2, 1 + rows, x)
    column, aside = _place(table, 2 + rows, 1 + rows + across, chance)
    start = 2 + rows + across + (0 if up else rows * across)
    upper = start + row * across
    lower = start + min(row + 1, rows - 1) * across
    right = min(column + 1, across - 1)
    first = table[upper + column] * (float32(1) - aside) + table[upper + right] * aside
    second = table[lower + column] * (float32(1) - aside) + table[lower + right] * aside
    scale = p[0] if up else p[1]
    return scale * (first * (float32(1) - along) + second * along)


@dataclass(frozen=True, kw_only=True)
class Tabulated(PulseModel, kind="tabulated"):
    """Tabulated steps: quantiles of the change against the state.

    A pulse draws a probability and looks its change up, linearly between states and between
    probabilities, constant beyond the outermost of either. The table contains the spread, so
    `cycle_to_cycle` must be left out, but for the noise of writing.

    Parameters
    ----------
    states : tuple of float, in [0, 1], increasing
    probabilities : tuple of float, in [0, 1], increasing
    up, down : tuple of tuples of float, fraction of the range
        For each state, the change at each probability, never decreasing.
    scale_up, scale_down : float
        Factors on the tables, which may differ between devices.
    """

    kernel: ClassVar[Kernel | None] = _drawn
    draws: ClassVar[bool] = True

    states: tuple[Dimensionless, ...]
    probabilities: tuple[Dimensionless, ...]
    up: tuple[tuple[Dimensionless, ...], ...]
    down: tuple[tuple[Dimensionless, ...], ...]
    scale_up: Dimensionless = 1.0
    scale_down: Dimensionless = 1.0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the factors: a table as a whole does not differ between devices."""
        return ("scale_up", "scale_down")

    @property
    def table(self) -> FloatArray:
        """Numbers of states and probabilities, these, and both tables, in one row."""
        sizes = len(self.states), len(self.probabilities)
        steps = np.array([self.up, self.down], float)
        return np.concatenate([sizes, self.states, self.probabilities, steps.ravel()])

    def check(self) -> None:
        """Refuse tables of the wrong shape or order."""
        for name in ("states", "probabilities"):
            values = np.array(getattr(self, name), dtype=float)
            if values.size < 1 or np.any((values < 0) | (values > 1) | ~np.isfinite(values)):
                raise UserError(f"{name} must be in [0, 1], got {list(getattr(self, name))}")
            if np.any(np.diff(values) <= 0):
                raise UserError(f"{name} must increase, got {list(getattr(self, name))}")
        shape = (len(self.states), len(self.probabilities))
        for name in ("up", "down"):
            rows = getattr(self, name)
            if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
                raise UserError(
                    f"{name} must have a row for each of the {shape[0]} states, with a number for "
                    f"each of the {shape[1]} probabilities"
                )
            if not np.all(np.isfinite(rows)) or np.any(np.diff(rows, axis=1) < 0):
                raise UserError(f"{name} must be finite and not decrease along a row")
        positive("scale_up", self.scale_up)
        positive("scale_down", self.scale_down)
        if self.cycle_to_cycle != CycleNoise(of_writing=self.cycle_to_cycle.of_writing):
            raise UserError(
                "cycle_to_cycle must be left out of a tabulated model, whose table contains the "
                f"spread, got {self.cycle_to_cycle}"
            )

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        table = np.array(self.up if up else self.down)
        edges = np.concatenate([[0.0], self.probabilities, [1.0]])
        padded = np.concatenate([table[:, :1], table, table[:, -1:]], axis=1)
        means = np.trapezoid(padded, edges, axis=1)
        scale = parameters["scale_up" if up else "scale_down"]
        return np.asarray(scale * np.interp(state, self.states, means)).astype(state.dtype)

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Return the change of the state by one pulse, drawn from the table."""
        table = np.array(self.up if up else self.down).astype(state.dtype)
        uniform = rng.random(state.shape, state.dtype)
        state, span = own_range(state, parameters)
        row, along = _cell(state, self.states)
        column, across = _cell(uniform, self.probabilities)
        last_row, last_column = table.shape[0] - 1, table.shape[1] - 1
        next_row, next_column = np.minimum(row + 1, last_row), np.minimum(column + 1, last_column)
        low = table[row, column] * (1 - across) + table[row, next_column] * across
        high = table[next_row, column] * (1 - across) + table[next_row, next_column] * across
        scale = parameters["scale_up" if up else "scale_down"]
        change = np.asarray(scale * (low * (1 - along) + high * along)).astype(state.dtype)
        return change if span is None else np.asarray(change * span)


def _cell(values: FloatArray, edges: tuple[float, ...]) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Index of the edge below each value, and the fraction of the way to the next one."""
    grid = np.array(edges)
    if grid.size == 1:
        return np.zeros(values.shape, np.int64), np.zeros(values.shape, values.dtype)
    place = np.interp(values, grid, np.arange(grid.size))
    index = np.minimum(place.astype(np.int64), grid.size - 2)
    return index, (place - index).astype(values.dtype)
