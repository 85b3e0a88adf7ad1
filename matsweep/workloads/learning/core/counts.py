"""Updates in whole pulses: by count, by sign, or of what has added up digitally."""

from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.listing import counted, larger, listed, passed
from matsweep.workloads.learning.core.pulses import pulse
from matsweep.workloads.learning.core.structures import MIXED, SIGN, VERIFY


@compiled
def direct(net, devices, rule, state, work, layer, active, error, rate):
    """Turn one sample's outer product into pulses without a gradient kept for the whole layer."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    share = float32(0.5) if devices.arms == 2 and rule.both else float32(1)
    largest = float32(0)
    for j in range(m):
        largest = max(largest, abs(error[j]))
    most = float32(max(devices.pulses_up, devices.pulses_down))
    threshold = float32(rule.threshold)
    carried = rule.kind == MIXED
    events = 0
    for i in range(n):
        if active[i] == 0:
            continue
        scale = -rate * active[i] / net.gain[layer] * share
        if not carried and abs(scale) * largest * most < threshold:
            continue
        row = start + i * m
        up, down = 0, 0
        for j in range(m):
            change = scale * error[j]
            if carried:
                change += state.digital[row + j]
                state.digital[row + j] = change
                worth = devices.pulses_up if change > 0 else devices.pulses_down
                if abs(change) * float32(worth) < 1:
                    continue
                count = counted(change, devices.pulses_up, devices.pulses_down, float32(1))
                state.digital[row + j] = change - float32(count) / float32(worth)
            elif rule.kind == SIGN:
                if change == 0 or abs(change) * most < threshold:
                    continue
                count = 1 if change > 0 else -1
            else:
                if abs(change) * most < threshold:
                    continue
                count = counted(change, devices.pulses_up, devices.pulses_down, threshold)
                if count == 0:
                    continue
            up, down = larger(up, down, count)
            events = listed(
                work.place, work.number, events, row + j, row + j + partner, rule.both, count
            )
        passed(state.slots, devices.arms, rule.both, up, down)
    pulse(net, devices, state, work, events)


@compiled
def accumulate(net, rule, devices, work, state, layer, active, error, rate):
    """Add one sample's wanted changes to the layer's digital numbers."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    share = float32(1)
    if devices.arms == 2 and rule.both and rule.kind != VERIFY:
        share = float32(0.5)
    for i in range(n):
        if active[i] == 0:
            continue
        scale = -rate * active[i] / net.gain[layer] * share
        row = state.digital[start + i * m : start + (i + 1) * m]
        for j in range(m):
            row[j] += scale * error[j]


@compiled
def settle(net, devices, rule, state, work, layer):
    """Turn a layer's accumulated changes into pulses."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    most = float32(max(devices.pulses_up, devices.pulses_down))
    threshold = float32(1) if rule.kind == MIXED else float32(rule.threshold)
    events = 0
    for i in range(n):
        up, down = 0, 0
        for k in range(start + i * m, start + (i + 1) * m):
            change = state.digital[k]
            if change == 0:
                continue
            if rule.kind != MIXED:
                state.digital[k] = 0
            if abs(change) * most < threshold:
                continue
            if rule.kind == SIGN:
                count = 1 if change > 0 else -1
            else:
                count = counted(change, devices.pulses_up, devices.pulses_down, threshold)
                if count == 0:
                    continue
            if rule.kind == MIXED:
                worth = devices.pulses_up if count > 0 else devices.pulses_down
                state.digital[k] = change - float32(count) / float32(worth)
            up, down = larger(up, down, count)
            events = listed(work.place, work.number, events, k, k + partner, rule.both, count)
        passed(state.slots, devices.arms, rule.both, up, down)
    pulse(net, devices, state, work, events)
