"""Updates through a fast array about its symmetry points (Tiki-Taka)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import float32

from matsweep.core.checks import positive, whole
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.coincidence import coincide
from matsweep.workloads.learning.rules.rule import Rule, Start


@kernel
def _pass_on(circuit, devices, settings, state, work, layer, transfer, version):
    """Read one row of a layer's fast array, the next in turn, and transfer it to the weights.

    transfer: float32, change of a weight, in ranges, for each range off the fast device's zero.

    Version 1: by pulses at once, whose number is rounded at random and right in the mean. Version
    2: through a digital number each; only its whole pulses are given, and the rest is kept.
    """
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    other = core.partner(devices)
    i = state.clock[1 + layer]
    state.clock[1 + layer] = (i + 1) % n
    shift = devices.arms * devices.synapses
    step = circuit.step[layer]
    share = core.halved(devices, settings)
    top = float32(circuit.top_signed)
    if circuit.noisy:
        core.normals(state.counter, work.normal, m)
        for j in range(m):
            work.noise[j] = work.normal[j]
    events, up, down = 0, np.int32(0), np.int32(0)
    for j in range(m):
        k = start + i * m + j
        x = state.x[shift + k]
        value = x - devices.fast_reference[k]
        if circuit.noisy:
            variance = core.interpolated(devices.variance, x) + float32(circuit.reference_variance)
            value += np.sqrt(variance) * work.noise[j]
        if step > 0:  # of a row alone: the converter's range is set to one device's
            least = float32(1) / top
            value = np.rint(value / least) * least
        change = value * transfer * share
        change = min(max(change, float32(-1)), float32(1))
        worth = float32(devices.pulses_up if change > 0 else devices.pulses_down)
        pulses = change * worth
        if version == 1:
            whole = np.floor(pulses)
            count = np.int32(whole) + np.int32(core.uniform(state.counter) < pulses - whole)
        else:
            pulses += state.digital[k]
            count = np.int32(pulses)
            state.digital[k] = pulses - float32(count)
        if count == 0:
            continue
        up, down = core.larger(up, down, count)
        events = core.listed(work.place, work.number, events, k, k + other, settings.both, count)
    core.passed(state.slots, devices.arms, settings.both, up, down)
    core.pulse(circuit, devices, state, work, events)


@kernel
def symmetry_points(circuit, devices, state, work, pairs):
    """Find the states of the fast array that a potentiating and a depressing pulse leave as is.

    Each device gets pulses of both signs in turn; the mean state over the second half is written to
    `devices.fast_reference` (synapse,).

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    state : State
        Of the fast array.
    work : Work
    pairs : int
        Of pulses for each device, >= 1.
    """
    shift, zeros = devices.arms * devices.synapses, devices.fast_reference
    for k in range(devices.synapses):
        zeros[k] = 0
    for turn in range(2 * pairs):
        events = 0
        for k in range(devices.synapses):
            work.place[events] = shift + k
            work.number[events] = 1 if turn % 2 == 0 else -1
            events += 1
            if events == work.place.shape[0]:
                core.pulse(circuit, devices, state, work, events)
                events = 0
        core.pulse(circuit, devices, state, work, events)
        if turn >= pairs:
            for k in range(devices.synapses):
                zeros[k] += state.x[shift + k]
    for k in range(devices.synapses):
        zeros[k] /= float32(pairs)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Pulse a layer's fast array for each product, and every N batches transfer a row.

    `settings.parameters` (6,): those of `TikiTaka`, in their order.
    """
    parameters = settings.parameters
    scale = rate / float32(samples) * float32(parameters[4])
    for b in range(samples):
        active, error = core.sample(circuit, work, layer, b)
        coincide(
            circuit, devices, settings, state, work, layer, active, error, scale,
            int(parameters[1]), True,
        )  # fmt: skip
    if (state.clock[0] + 1) % int(parameters[2]) == 0:
        transfer, version = float32(parameters[3]), int(parameters[0])
        _pass_on(circuit, devices, settings, state, work, layer, transfer, version)


@dataclass(frozen=True, kw_only=True)
class TikiTaka(Rule, kind="tiki_taka"):
    """Gradients go to a fast array, whose symmetry points are its zeros, and on to the weights.

    The fast array gets random pulses that coincide (`Coincidence`), in a convolution for each
    position. Every N batches one row of it is read, in turn, and transferred to the weights. Its
    references are set to the states that a potentiating and a depressing pulse leave as is,
    determined by pulses in turn.

    Parameters
    ----------
    version : int
        1: reads become pulses at once. 2: reads accumulate in digital memory and only whole
        pulses are given, which filters the noise of the fast array.
    bits : int
        Length of the trains of pulses, 1 to 32.
    every : int
        Batches between two transfers.
    transfer : float
        Change of the weight, in ranges, for each range that the fast device is off its zero.
    fast_rate : float
        Learning rate of the fast array over the layer's.
    calibration : int
        Pairs of pulses that each fast device gets to find its symmetry point, >= 1.

    References
    ----------
    T. Gokmen, W. Haensch, Front. Neurosci. 14:103, 2020, doi:10.3389/fnins.2020.00103;
    T. Gokmen, Front. Artif. Intell. 4:699148, 2021, doi:10.3389/frai.2021.699148.
    """

    kernel: ClassVar[Kernel] = _update
    digital: ClassVar[bool] = True
    fast: ClassVar[bool] = True

    version: int = 2
    bits: int = 31
    every: int = 1
    transfer: Dimensionless = 0.1
    fast_rate: Dimensionless = 1.0
    calibration: int = 500

    def __post_init__(self) -> None:
        whole("version", self.version, low=1, high=2)
        whole("bits", self.bits, low=1, high=32)
        whole("every", self.every, low=1)
        positive("transfer", self.transfer)
        positive("fast_rate", self.fast_rate)
        whole("calibration", self.calibration, low=1)

    def begin(self, start: Start) -> None:
        """Find the fast array's zeros by pulses, and set its devices to them."""
        devices, state = start.devices, start.state
        fast = slice(devices.arms * devices.synapses, None)
        low, high = devices.low[fast], devices.high[fast]
        state.x[fast] = state.settled[fast] = np.clip(0.5, low, high)
        symmetry_points(start.circuit, devices, state, start.work, self.calibration)
        state.x[fast] = state.settled[fast] = np.clip(devices.fast_reference, low, high)
