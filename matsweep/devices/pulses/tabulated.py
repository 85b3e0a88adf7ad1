"""Measured or simulated steps, without a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from numpy import float32

from matsweep.core.checks import UserError, positive
from matsweep.core.codec import later
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.pulses.model import Parameters, PulseModel, own_range
from matsweep.devices.pulses.noise import CycleNoise


@kernel
def place_between(table: Any, first: Any, last: Any, x: Any) -> Any:
    """Return the edge below x, and the fraction of the way from there to the next.

    Parameters
    ----------
    table : (n,) float32 array
    first : int
        Place of the first edge; edges rise.
    last : int
        Place of the last edge.
    x : float32

    Returns
    -------
    int
        Counted from the first.
    float32, in [0, 1]
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
def _between(table: Any, start: Any, across: Any, row: Any, below: Any, along: Any, column: Any,
             aside: Any) -> Any:  # fmt: skip
    """Return an entry of a table (state, probability) from `start` on, bilinear between four."""
    upper, lower, right = start + row * across, start + below * across, min(column + 1, across - 1)
    first = table[upper + column] * (float32(1) - aside) + table[upper + right] * aside
    second = table[lower + column] * (float32(1) - aside) + table[lower + right] * aside
    return first * (float32(1) - along) + second * along


@kernel
def _counted(x: Any, step: Any, scale: Any) -> Any:
    """Return the step of a device whose pulse is worth `scale` pulses, each a share of the room."""
    room = x if step < 0 else float32(1) - x
    size = abs(step)
    if scale == 1 or size >= room:
        return step
    moved = -room * math.expm1(scale * math.log1p(-size / room))
    return moved if step > 0 else -moved


@kernel
def _drawn(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return a step from the table of `Tabulated`, bilinear in state and probability.

    p (2,): factors of potentiation and depression. table: numbers of states and probabilities,
    whether there are jumps, whether factors count pulses (2: but those of the noise); the states,
    the probabilities, the steps (polarity, state, probability) in C order; the chances of jumps
    (polarity, state) and their changes (polarity, state, probability).
    """
    rows, across = np.int32(table[0]), np.int32(table[1])
    row, along = place_between(table, 4, 3 + rows, x)
    below = min(row + 1, rows - 1)
    steps = 4 + rows + across
    if table[2] != 0:
        chances = steps + 2 * rows * across + (0 if up else rows)
        jumps = steps + 2 * rows * across + 2 * rows + (0 if up else rows * across)
        share = table[chances + row] * (float32(1) - along) + table[chances + below] * along
        if chance < share:
            column, aside = place_between(table, 4 + rows, 3 + rows + across, chance / share)
            return _between(table, jumps, across, row, below, along, column, aside)
        chance = (chance - share) / (float32(1) - share)
    column, aside = place_between(table, 4 + rows, 3 + rows + across, chance)
    start = steps + (0 if up else rows * across)
    step = _between(table, start, across, row, below, along, column, aside)
    scale = p[0] if up else p[1]
    if table[3] == 0:
        return scale * step
    if table[3] == 1 or scale == 1:
        return _counted(x, step, scale)
    column, aside = place_between(table, 4 + rows, 3 + rows + across, float32(0.5))
    middle = _between(table, start, across, row, below, along, column, aside)
    return _counted(x, middle, scale) + (step - middle)


@dataclass(frozen=True, kw_only=True)
class Tabulated(PulseModel, kind="tabulated"):
    """Tabulated steps: quantiles of the change against the state, and rare jumps.

    A pulse draws a probability and looks its change up, linearly between states and between
    probabilities, constant beyond the outermost of either. The table contains the spread, so
    `cycle_to_cycle` must be left out, but for the noise of writing.

    With jumps, a pulse first decides whether it jumps, with a chance that depends on the state; the
    rest of its random number draws the change, of a jump from a table of jumps.

    Parameters
    ----------
    states : tuple of float, in [0, 1], increasing
    probabilities : tuple of float, in [0, 1], increasing
    up, down : tuple of tuples of float, fraction of the range
        For each state, the change at each probability, never decreasing.
    scale_up, scale_down : float
        Factors on the tables, which may differ between devices. Jumps do not scale.
    jump_up, jump_down : tuple of float, in [0, 1]
        For each state, the chance that a pulse jumps; empty: none does.
    jumps_up, jumps_down : tuple of tuples of float, fraction of the range
        For each state, the change by a jump at each probability, never decreasing.
    counts : bool
        Whether a factor s counts pulses: a step that goes the share φ of the way to the bound goes
        1 - (1 - φ)^s of it, so that a device with more effective pulses does not overshoot. The
        same as a factor for small steps.
    own_noise : bool
        Whether a factor acts on the noise of a pulse as well: on all of its change, and not only on
        the change at probability one half. Factors that do not must count pulses.
    """

    kernel: ClassVar[Kernel | None] = _drawn
    draws: ClassVar[bool] = True

    states: tuple[Dimensionless, ...]
    probabilities: tuple[Dimensionless, ...]
    up: tuple[tuple[Dimensionless, ...], ...]
    down: tuple[tuple[Dimensionless, ...], ...]
    scale_up: Dimensionless = 1.0
    scale_down: Dimensionless = 1.0
    jump_up: tuple[Dimensionless, ...] = later(())
    jump_down: tuple[Dimensionless, ...] = later(())
    jumps_up: tuple[tuple[Dimensionless, ...], ...] = later(())
    jumps_down: tuple[tuple[Dimensionless, ...], ...] = later(())
    counts: bool = later(False)
    own_noise: bool = later(True)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the factors: a table as a whole does not differ between devices."""
        return ("scale_up", "scale_down")

    @property
    def table(self) -> FloatArray:
        """Sizes and options, states, probabilities, and the tables, in one row."""
        factors = self.counts * (1 if self.own_noise else 2)
        head = len(self.states), len(self.probabilities), bool(self.jump_up), factors
        steps = np.array([self.up, self.down], float).ravel()
        chances = np.array([self.jump_up, self.jump_down], float).ravel()
        jumps = np.array([self.jumps_up, self.jumps_down], float).ravel()
        return np.concatenate([head, self.states, self.probabilities, steps, chances, jumps])

    def check(self) -> None:
        """Refuse tables of the wrong shape or order."""
        for name in ("states", "probabilities"):
            values = np.array(getattr(self, name), dtype=float)
            if values.size < 1 or np.any((values < 0) | (values > 1) | ~np.isfinite(values)):
                raise UserError(f"{name} must be in [0, 1], got {list(getattr(self, name))}")
            if np.any(np.diff(values) <= 0):
                raise UserError(f"{name} must increase, got {list(getattr(self, name))}")
        jumps = self._check_jumps()
        shape = (len(self.states), len(self.probabilities))
        for name in ("up", "down", *jumps):
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
        if not (self.own_noise or self.counts):
            raise UserError("own_noise must be true where factors do not count pulses, got false")
        if self.cycle_to_cycle != CycleNoise(of_writing=self.cycle_to_cycle.of_writing):
            raise UserError(
                "cycle_to_cycle must be left out of a tabulated model, whose table contains the "
                f"spread, got {self.cycle_to_cycle}"
            )

    def _check_jumps(self) -> tuple[str, ...]:
        """Return the names of the tables of jumps; none where a pulse does not jump."""
        tables = ("jumps_up", "jumps_down")
        names = ("jump_up", "jump_down", *tables)
        given = [name for name in names if getattr(self, name)]
        if given and len(given) < len(names):
            left = ", ".join(name for name in names if name not in given)
            raise UserError(f"{given[0]} must come with {left}, or be left out")
        for name in given[:2]:
            chances = np.array(getattr(self, name), float)
            if chances.size != len(self.states) or not np.all((chances >= 0) & (chances <= 1)):
                raise UserError(
                    f"{name} must have a chance in [0, 1] for each of the {len(self.states)} "
                    f"states, got {list(getattr(self, name))}"
                )
        return tables if given else ()

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        scale = parameters["scale_up" if up else "scale_down"]
        mean = np.interp(state, self.states, self._means(self.up if up else self.down))
        change = scaled_step(state, mean, scale) if self.counts else scale * mean
        if self.jump_up:
            chance = np.interp(state, self.states, self.jump_up if up else self.jump_down)
            # Chance and change are straight lines between states, their product is not.
            jump = np.interp(
                state, self.states, self._means(self.jumps_up if up else self.jumps_down)
            )
            change = (1 - chance) * change + chance * jump
        return np.asarray(change).astype(state.dtype)

    def _means(self, rows: tuple[tuple[float, ...], ...]) -> FloatArray:
        """Return the mean change (state,) of a table."""
        table = np.array(rows)
        edges = np.concatenate([[0.0], self.probabilities, [1.0]])
        padded = np.concatenate([table[:, :1], table, table[:, -1:]], axis=1)
        return np.asarray(np.trapezoid(padded, edges, axis=1))

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Return the change of the state by one pulse, drawn from the table."""
        chance = rng.random(state.shape, state.dtype)
        state, span = own_range(state, parameters)
        cell = _cell(state, self.states)
        share: FloatArray | None = None
        if self.jump_up:
            share = _along(np.array(self.jump_up if up else self.jump_down), cell)
            jumps, drawn = chance < share, chance
            rest = (chance - share) / np.where(jumps, 1, 1 - share)
            chance = np.where(jumps, 0, rest).astype(state.dtype)
        change = self._regular(state, up, cell, chance, parameters)
        if share is not None:
            within = np.where(jumps, drawn / np.where(share > 0, share, 1), 0).astype(state.dtype)
            jump = self._between(self.jumps_up if up else self.jumps_down, cell, within)
            change = np.where(jumps, jump, change)
        change = np.asarray(change).astype(state.dtype)
        return change if span is None else np.asarray(change * span)

    def _regular(
        self, state: FloatArray, up: bool, cell: Cell, chance: FloatArray, parameters: Parameters
    ) -> FloatArray:
        """Return changes that are no jumps, of devices with their factors."""
        rows = self.up if up else self.down
        step = self._between(rows, cell, chance)
        scale = parameters["scale_up" if up else "scale_down"]
        if not self.counts:
            return np.asarray(scale * step)
        if self.own_noise:
            return scaled_step(state, step, scale)
        middle = self._between(rows, cell, np.full_like(chance, 0.5))
        return np.asarray(scaled_step(state, middle, scale) + (step - middle))

    def _between(
        self, rows: tuple[tuple[float, ...], ...], cell: Cell, chance: FloatArray
    ) -> FloatArray:
        """Return entries of a table, bilinear between states and probabilities."""
        table = np.array(rows).astype(chance.dtype)
        row, along = cell
        column, across = _cell(chance, self.probabilities)
        last_row, last_column = table.shape[0] - 1, table.shape[1] - 1
        next_row, next_column = np.minimum(row + 1, last_row), np.minimum(column + 1, last_column)
        low = table[row, column] * (1 - across) + table[row, next_column] * across
        high = table[next_row, column] * (1 - across) + table[next_row, next_column] * across
        return np.asarray(low * (1 - along) + high * along)


type Cell = tuple[npt.NDArray[np.int64], FloatArray]
"""Index of the edge below each value, and the fraction of the way to the next one."""


def scaled_step(state: FloatArray, step: FloatArray, scale: Any) -> FloatArray:
    """Scale steps to those of devices whose pulse is worth a number of pulses.

    A step that goes the share φ of the way to the bound goes 1 - (1 - φ)^scale of it.

    Parameters
    ----------
    state : (…) array, in [0, 1]
    step : (…) array, fraction of the range
        Of a single pulse; one that reaches the bound stays as it is.
    scale : (…) array or float

    Returns
    -------
    (…) array, fraction of the range
    """
    room = np.where(step < 0, state, 1 - state)
    size = np.abs(step)
    inside = (size < room) & (np.asarray(scale) != 1)
    share = np.where(inside, size, 0) / np.where(inside, room, 1)
    moved = -room * np.expm1(scale * np.log1p(-share))
    return np.asarray(np.where(inside, np.copysign(moved, step), step))


def _along(values: FloatArray, cell: Cell) -> FloatArray:
    """Interpolate values (state,) in cells."""
    row, along = cell
    table = values.astype(along.dtype)
    below = np.minimum(row + 1, table.size - 1)
    return np.asarray(table[row] * (1 - along) + table[below] * along)


def _cell(values: FloatArray, edges: tuple[float, ...]) -> Cell:
    """Return the cell of each value."""
    grid = np.array(edges)
    if grid.size == 1:
        return np.zeros(values.shape, np.int64), np.zeros(values.shape, values.dtype)
    place = np.interp(values, grid, np.arange(grid.size))
    index = np.minimum(place.astype(np.int64), grid.size - 2)
    return index, (place - index).astype(values.dtype)
