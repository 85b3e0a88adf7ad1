"""Saturated pairs of devices, erased and written again."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.pulses import pulse, signal_of, variance_of


@compiled
def renew(circuit, devices, settings, state, work):
    """Erase pairs with a device beyond `reset_above`, and write their difference again.

    An erasing pulse takes each device to the lower end; then one of them gets as many potentiating
    pulses as the difference is worth.

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    settings : Settings
    state : State
        Changes.
    work : Work
    """
    events = 0
    for k in range(devices.synapses):
        other = k + devices.synapses
        first, second = state.x[k], state.x[other]
        if max(first, second) <= float32(settings.reset_above):
            continue
        for i in (k, other):
            state.pulses[i] += 1
            state.sums[2] += 1
            state.sums[3] += 0.5 * (state.x[i] + devices.low[i])
            state.x[i] = state.settled[i] = devices.low[i]
        state.signal[k] = signal_of(
            state.x, devices.seen, devices.reference, devices.series, k, other
        )
        if circuit.noisy:
            state.variance[k] = variance_of(state.x, devices.variance, k, other)
        count = np.int32(abs(first - second) * float32(devices.pulses_up) + float32(0.5))
        if count:
            work.place[events] = k if first > second else other
            work.number[events] = count
            events += 1
    state.slots[1] += 1
    if events:
        most = 0
        for e in range(events):
            most = max(most, work.number[e])
        state.slots[0] += most
        pulse(circuit, devices, state, work, events)
