"""Pulses on devices, and what products see of the synapses that they changed."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.draws import normals
from matsweep.workloads.learning.core.steps import interpolated, one_step
from matsweep.workloads.learning.core.structures import AFFINE


@compiled
def signal_of(x, seen, reference, synapse, other):
    """Return what products see of a synapse; other is its second device, or itself if it has none.

    Few arguments, so that it is compiled into the loops that call it.
    """
    value = seen[synapse] * x[synapse] - reference[synapse]
    if other != synapse:
        value -= seen[other] * x[other]
    return value


@compiled
def variance_of(x, table, synapse, other):
    """Return the variance of one read of a synapse."""
    variance = interpolated(table, x[synapse])
    if other != synapse:
        variance += interpolated(table, x[other])
    return variance


@compiled
def see_all(net, devices, state):
    """Compute anew what products see of every synapse."""
    shift = devices.synapses if devices.arms == 2 else 0
    for k in range(devices.synapses):
        state.signal[k] = signal_of(state.x, devices.seen, devices.reference, k, k + shift)
        if net.noisy:
            state.variance[k] = variance_of(state.x, devices.variance, k, k + shift)


@compiled
def pulse(net, devices, state, work, events):
    """Give the pulses that are listed: number[e] of them, signed, to the device place[e].

    Each pulse makes its step from where the one before left the device, with `of_step` of it as
    noise, cut to the bounds (of NeuroSim's form, not yet: `late`); after all N of them sqrt(N)
    `of_range` is added, as published, and cut again.
    """
    needed = 0
    if devices.of_step > 0:
        for e in range(events):
            needed += abs(work.number[e])
    first = needed
    if devices.of_range > 0:
        needed += events
    normal = work.normal
    if needed > normal.shape[0] - 4:
        normal = np.empty(needed + 4, np.float32)
    if needed > 0:
        normals(state.counter, normal, needed)
    used = 0
    of_step, of_range = float32(devices.of_step), float32(devices.of_range)
    synapses, parameters = devices.synapses, devices.parameters
    weights, shift = devices.arms * synapses, synapses if devices.arms == 2 else 0
    xs, lows, highs = state.x, devices.low, devices.high
    affine, shared, noisy = devices.kind == AFFINE, devices.shared != 0, net.noisy != 0
    late = devices.late != 0
    number_up, number_down, weighted_up, weighted_down = 0, 0, 0.0, 0.0
    for e in range(events):
        i, count = work.place[e], work.number[e]
        up, times = count > 0, abs(count)
        low, high = lows[i], highs[i]
        at = i // synapses if shared else i
        old = xs[i]
        x = old
        if affine:
            way = 0 if up else 2
            a, b = parameters[at, way], parameters[at, way + 1]
            for _ in range(times):
                change = a + b * x
                if of_step > 0:
                    change *= float32(1) + of_step * normal[used]
                    used += 1
                x = x + change if late else min(max(x + change, low), high)
        else:
            for _ in range(times):
                change = one_step(devices, at, x, up, state.counter)
                if of_step > 0:
                    change *= float32(1) + of_step * normal[used]
                    used += 1
                x = min(max(x + change, low), high)
        if of_range > 0:
            x += of_range * np.sqrt(float32(times)) * normal[first + e]
        x = min(max(x, low), high)
        xs[i] = x
        state.pulses[i] += times
        if up:
            number_up += times
            weighted_up += times * 0.5 * (old + x)
        else:
            number_down += times
            weighted_down += times * 0.5 * (old + x)
        if i < weights:
            k = i - synapses if i >= synapses else i
            state.signal[k] = signal_of(xs, devices.seen, devices.reference, k, k + shift)
            if noisy:
                state.variance[k] = variance_of(xs, devices.variance, k, k + shift)
    state.sums[0] += number_up
    state.sums[1] += weighted_up
    state.sums[2] += number_down
    state.sums[3] += weighted_down


@compiled
def give(net, devices, state, work, counts):
    """Give each device its number of pulses, signed: counts (arm · synapse)."""
    events = 0
    limit = work.place.shape[0]
    for i in range(counts.shape[0]):
        if counts[i] != 0:
            work.place[events], work.number[events] = i, counts[i]
            events += 1
            if events == limit:
                pulse(net, devices, state, work, events)
                events = 0
    pulse(net, devices, state, work, events)
