"""Response of a model to measured sweeps, with the instrument's limit of the current."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.compliance import limits
from matsweep.solving.transient import integrated


class Response(NamedTuple):
    """Current (n, …) A and state (n, …) of models at the points of a loop; NaN where unsolved."""

    current: FloatArray
    state: FloatArray


def response(
    model: CompiledModel, state: FloatArray | float, loop: Loop, tolerance: float = 1e-7
) -> Response:
    """Simulate models of one state variable under the sweeps of a loop.

    The voltage is the programmed one. In each half of the loop in which the measurement reached a
    compliance, the instrument lowers it wherever the current would exceed the limit.

    Parameters
    ----------
    model : CompiledModel
        One, or a batch with array parameters.
    state : float or (…) array
        At the beginning, in the model's unit.
    loop : Loop
    tolerance : float
        Of the solver, relative to the state's range.

    Returns
    -------
    Response
    """
    batch = np.broadcast_shapes(model.shape(), np.shape(state))
    current = np.full((loop.time.size, *batch), np.nan)
    states = np.full(current.shape, np.nan)
    begin = np.broadcast_to(np.asarray(state, np.float64), batch)
    solved = np.ones(batch, bool)
    for part, limit in _parts(loop):
        solution = integrated(model, loop.time[part], loop.voltage[part], state=begin,
                              tolerance=tolerance, rng=None, on_failure="flag", energy=False,
                              limit=limit)  # fmt: skip
        solved &= solution.ended == 0
        known = int(part.start > 0)  # the first sample belongs to the span before, and its limit
        rest = slice(part.start + known, part.stop)
        current[rest], states[rest] = solution.answers[known:], solution.states[known:]
        begin = np.where(solved, solution.states[-1], begin)
    current[:, ~solved], states[:, ~solved] = np.nan, np.nan
    return Response(current, states)


def _parts(loop: Loop) -> Iterator[tuple[slice, float]]:
    """Yield spans of samples, each from the last of the one before, with their limit [A]."""
    limit = limits(loop)
    changes = np.flatnonzero(limit[1:] != limit[:-1]) + 1
    starts, stops = [0, *changes.tolist()], [*changes.tolist(), limit.size]
    for start, stop in zip(starts, stops, strict=True):
        yield slice(max(start - 1, 0), stop), float(limit[start])
