"""Response of a model to measured sweeps, with the instrument's limit of the current."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.measurements import Loop, runs_of
from matsweep.solving import transient

_PARTS, _LEVELS = 32, 3  # of an interval, and again: the limit is met to 3e-5 of it


class Response(NamedTuple):
    """Current (n,) A and state (n,) of a model at the points of a loop."""

    current: FloatArray
    state: FloatArray


def response(model: CompiledModel, state: float, loop: Loop, tolerance: float = 1e-7) -> Response:
    """Simulate a model under the sweeps of a loop.

    The voltage is the programmed one. Where the measurement is under compliance, the current is the
    limit, from the time at which the model meets it until the voltage that it then needs exceeds
    the programmed one.

    Parameters
    ----------
    model : CompiledModel
    state : float
        At the beginning, in the model's unit.
    loop : Loop
    tolerance : float
        Of the solver, relative to the state's range.

    Returns
    -------
    Response
    """
    drive = _Drive(model, loop, tolerance, state)
    for run in runs_of(loop.limited):
        drive.by_voltage(max(int(run[0]) - 1, 0))
        drive.limited(int(run[-1]), float(np.median(np.abs(loop.current[run]))))
    drive.by_voltage(loop.time.size - 1)
    return Response(drive.current, drive.states)


class _Drive:
    """A simulation under way: samples up to `at` are known."""

    def __init__(self, model: CompiledModel, loop: Loop, tolerance: float, state: float) -> None:
        self.model, self.tolerance = model, tolerance
        self.time, self.voltage = loop.time, loop.voltage
        self.current = np.zeros(loop.time.size)
        self.states = np.full(loop.time.size, state)
        self.at = 0

    def solved(
        self,
        time: FloatArray,
        state: float,
        *,
        voltage: FloatArray | None = None,
        current: FloatArray | None = None,
    ) -> tuple[FloatArray, ...]:
        """Return voltage, current and state (m,)."""
        solution = transient(self.model, time, voltage, current=current, state=state,
                             tolerance=self.tolerance)  # fmt: skip
        return tuple(np.asarray(solution[k].values) for k in ("voltage", "current", "state"))

    def keep(self, end: int, current: FloatArray, state: FloatArray) -> None:
        """Store samples from `at` to the end; the one at `at` is known unless it is the first."""
        known = int(self.at > 0)
        part = slice(self.at + known, end + 1)
        self.current[part], self.states[part] = current[known:], state[known:]
        self.at = end

    def programmed(self, end: int) -> tuple[FloatArray, FloatArray]:
        """Return current and state from `at` to a sample under the programmed voltage."""
        part = slice(self.at, end + 1)
        start = float(self.states[self.at])
        _, current, state = self.solved(self.time[part], start, voltage=self.voltage[part])
        return current, state

    def by_voltage(self, end: int) -> None:
        """Follow the programmed voltage to a sample."""
        if end > self.at:
            self.keep(end, *self.programmed(end))

    def limited(self, end: int, limit: float) -> None:
        """Follow the voltage, or the limit where the voltage would exceed it, to a sample."""
        while self.at < end:
            begin, (current, state) = self.at, self.programmed(end)
            over = np.abs(current) > limit
            if not over.any():
                self.keep(end, current, state)
                return
            first = max(int(np.argmax(over)), 1)
            self.keep(begin + first - 1, current[:first], state[:first])
            if not self._held(end, limit):  # it needs more than the programmed voltage at once
                last = slice(first - 1, first + 1)
                self.keep(begin + first, current[last], state[last])

    def _held(self, end: int, limit: float) -> bool:
        """Hold the limit from the time at which it is met; whether that reaches a next sample."""
        begin, state = self._met(limit)
        rest = slice(self.at + 1, end + 1)
        time = np.concatenate([[begin], self.time[rest]])
        sign = float(np.sign(self.voltage[self.at + 1]))
        needed, current, states = self.solved(time, state, current=np.full(time.size, sign * limit))
        free = np.abs(needed[1:]) > np.abs(self.voltage[rest])
        count = int(np.argmax(free)) if free.any() else free.size
        # The first of each is at the time between two samples, in place of the sample `at`.
        self.keep(
            self.at + count,
            np.concatenate([[self.current[self.at]], current[1 : count + 1]]),
            np.concatenate([[self.states[self.at]], states[1 : count + 1]]),
        )
        return count > 0

    def _met(self, limit: float) -> tuple[float, float]:
        """Return the time and state at which the current meets the limit after the sample `at`."""
        ends = self.time[self.at : self.at + 2], self.voltage[self.at : self.at + 2]
        state = float(self.states[self.at])
        for _ in range(_LEVELS):
            time, voltage = (np.linspace(each[0], each[1], _PARTS + 1) for each in ends)
            _, current, states = self.solved(time, state, voltage=voltage)
            over = np.abs(current) > limit
            last = max(int(np.argmax(over)) - 1, 0) if over.any() else _PARTS - 1
            state = float(states[last])
            ends = time[last : last + 2], voltage[last : last + 2]
        return float(ends[0][0]), state
