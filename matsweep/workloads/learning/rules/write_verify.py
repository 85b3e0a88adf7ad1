"""Updates of a digital copy of the weights, which devices follow by write and verify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import float32

from matsweep.core.checks import positive, whole
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.rule import Rule, Start


@kernel
def _verify(circuit, devices, settings, state, work, layer, tolerance, most):
    """Pulse a layer's devices until a read is near its digital target, or the budget is spent.

    tolerance: float32, ranges. most: int, pulses that each device may get.
    """
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    other = core.partner(devices)
    for _ in range(most):
        events = 0
        for i in range(n):
            up, down = 0, 0
            if circuit.noisy:
                core.normals(state.counter, work.normal, m)
            for j in range(m):
                k = start + i * m + j
                missing = state.digital[k] - state.signal[k]
                if circuit.noisy:
                    missing -= np.sqrt(state.variance[k]) * work.normal[j]
                if abs(missing) <= tolerance:
                    continue
                count = 1 if missing > 0 else -1
                if count > 0:
                    up = 1
                else:
                    down = 1
                events = core.listed(
                    work.place, work.number, events, k, k + other, settings.both, count
                )
            core.passed(state.slots, devices.arms, settings.both, up, down)
        if events == 0:
            return
        core.pulse(circuit, devices, state, work, events)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Change a layer's digital copy, and every N batches write it to the devices.

    `settings.parameters` (3,): tolerance, largest number of pulses, batches between two writes.
    """
    core.accumulate(circuit, state, work, layer, samples, rate / float32(samples))
    largest = core.behind(float32(1), devices.series)
    for k in range(circuit.first[layer], circuit.first[layer + 1]):
        least = -devices.reference[k]
        most = devices.seen[k] * largest - devices.reference[k]
        if devices.arms == 2:
            least -= devices.seen[k + devices.synapses] * largest
        state.digital[k] = min(max(state.digital[k], least), most)
    parameters = settings.parameters
    if (state.clock[0] + 1) % int(parameters[2]) == 0:
        tolerance, budget = float32(parameters[0]), int(parameters[1])
        _verify(circuit, devices, settings, state, work, layer, tolerance, budget)


@dataclass(frozen=True, kw_only=True)
class Tuning(Rule, kind="write_verify"):
    """A digital copy of the weights learns; devices are pulsed until a read is near it.

    Meant to fine-tune a network trained elsewhere (`start: trained`): gradients are of the
    devices as they are, so that the copy learns to compensate for their errors.

    Parameters
    ----------
    tolerance : float, ranges
        Accepted distance between a read and its target.
    max_pulses : int
        Largest number of pulses of each device in one write.
    every : int
        Batches between two writes.
    """

    kernel: ClassVar[Kernel] = _update
    digital: ClassVar[bool] = True

    tolerance: Dimensionless = 0.01
    max_pulses: int = 20
    every: int = 1

    def __post_init__(self) -> None:
        positive("tolerance", self.tolerance)
        whole("max_pulses", self.max_pulses, low=1)
        whole("every", self.every, low=1)

    def begin(self, start: Start) -> None:
        """Set the digital copy to the weights trained in floating point, or to the devices'."""
        start.state.digital[:] = start.state.signal if start.trained is None else start.trained
