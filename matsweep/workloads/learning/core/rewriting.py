"""Writes apart from gradients: verified ones, and pairs erased and written anew."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.draws import normals
from matsweep.workloads.learning.core.listing import listed, passed
from matsweep.workloads.learning.core.pulses import pulse, signal_of, variance_of


@compiled
def verify(net, devices, rule, state, work, layer):
    """Pulse the devices until a read is near its digital target, or the budget is spent."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    tolerance = float32(rule.tolerance)
    for _ in range(rule.most):
        events = 0
        for i in range(n):
            up, down = 0, 0
            if net.noisy:
                normals(state.counter, work.normal, m)
            for j in range(m):
                k = start + i * m + j
                missing = state.digital[k] - state.signal[k]
                if net.noisy:
                    missing -= np.sqrt(state.variance[k]) * work.normal[j]
                if abs(missing) <= tolerance:
                    continue
                count = 1 if missing > 0 else -1
                if count > 0:
                    up = 1
                else:
                    down = 1
                events = listed(work.place, work.number, events, k, k + partner, rule.both, count)
            passed(state.slots, devices.arms, rule.both, up, down)
        if events == 0:
            return
        pulse(net, devices, state, work, events)


@compiled
def renew(net, devices, rule, state, work):
    """Erase pairs of which a device is saturated, and write their difference anew.

    An erasing pulse takes each device to the lower end; then as many potentiating ones as the
    difference is worth go to one of them.
    """
    events = 0
    for k in range(devices.synapses):
        other = k + devices.synapses
        first, second = state.x[k], state.x[other]
        if max(first, second) <= float32(rule.reset_above):
            continue
        for i in (k, other):
            state.pulses[i] += 1
            state.sums[2] += 1
            state.sums[3] += 0.5 * (state.x[i] + devices.low[i])
            state.x[i] = devices.low[i]
        state.signal[k] = signal_of(state.x, devices.seen, devices.reference, k, other)
        if net.noisy:
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
        pulse(net, devices, state, work, events)
