"""Tiki-Taka: from the fast array, about its symmetry points, to the weights."""

import numpy as np
from numpy import float32

from matsweep.workloads.learning.core.draws import normals, uniform
from matsweep.workloads.learning.core.jit import compiled
from matsweep.workloads.learning.core.listing import larger, listed, passed
from matsweep.workloads.learning.core.pulses import interpolated, pulse
from matsweep.workloads.learning.core.structures import TIKI_1


@compiled
def pass_on(net, devices, rule, state, work, layer, fast_reference):
    """Read one row of the fast array and pass it on to the weights.

    Version 1: by pulses whose mean number it gives, at once. Version 2: through a digital number
    each; only what exceeds one pulse is passed on, and the rest kept.
    """
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    i = state.clock[1 + layer]
    state.clock[1 + layer] = (i + 1) % n
    shift = devices.arms * devices.synapses
    step = net.step[layer]
    share = float32(0.5) if devices.arms == 2 and rule.both else float32(1)
    top = float32(net.top_signed)
    if net.noisy:
        normals(state.counter, work.normal, m)
        for j in range(m):
            work.noise[j] = work.normal[j]
    events, up, down = 0, np.int32(0), np.int32(0)
    for j in range(m):
        k = start + i * m + j
        x = state.x[shift + k]
        value = x - fast_reference[k]
        if net.noisy:
            variance = interpolated(devices.variance, x) + float32(net.reference_variance)
            value += np.sqrt(variance) * work.noise[j]
        if step > 0:  # of a row alone: the converter's range is set to one device's
            least = float32(1) / top
            value = np.rint(value / least) * least
        change = value * float32(rule.transfer) * share
        change = min(max(change, float32(-1)), float32(1))
        worth = float32(devices.pulses_up if change > 0 else devices.pulses_down)
        pulses = change * worth
        if rule.kind == TIKI_1:
            whole = np.floor(pulses)
            count = np.int32(whole) + np.int32(uniform(state.counter) < pulses - whole)
        else:
            pulses += state.digital[k]
            count = np.int32(pulses)
            state.digital[k] = pulses - float32(count)
        if count == 0:
            continue
        up, down = larger(up, down, count)
        events = listed(work.place, work.number, events, k, k + partner, rule.both, count)
    passed(state.slots, devices.arms, rule.both, up, down)
    pulse(net, devices, state, work, events)


@compiled
def symmetry_points(net, devices, state, work, pairs, out):
    """Find the states of the fast array that a potentiating and a depressing pulse leave as is.

    Each device gets pulses of both signs in turn; its mean over the second half of them is taken.
    """
    shift = devices.arms * devices.synapses
    for k in range(devices.synapses):
        out[k] = 0
    for turn in range(2 * pairs):
        events = 0
        for k in range(devices.synapses):
            work.place[events] = shift + k
            work.number[events] = 1 if turn % 2 == 0 else -1
            events += 1
            if events == work.place.shape[0]:
                pulse(net, devices, state, work, events)
                events = 0
        pulse(net, devices, state, work, events)
        if turn >= pairs:
            for k in range(devices.synapses):
                out[k] += state.x[shift + k]
    for k in range(devices.synapses):
        out[k] /= float32(pairs)
