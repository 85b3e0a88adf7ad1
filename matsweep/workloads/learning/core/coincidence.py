"""Updates by random pulses that meet."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.draws import bit_words, ones
from matsweep.workloads.learning.core.listing import listed
from matsweep.workloads.learning.core.pulses import pulse


@compiled
def coincide(net, devices, rule, state, work, layer, active, error, rate, fast):
    """Pulse where random bits of a row and of a column meet.

    With bits of probability |x| a and |e| b the mean number of coincidences is the wanted change
    over that of one pulse; a and b make the largest of both equal (update management).
    """
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    share = float32(0.5) if devices.arms == 2 and rule.both and not fast else float32(1)
    largest_x, largest_e = float32(0), float32(0)
    for i in range(n):
        largest_x = max(largest_x, abs(active[i]))
    for j in range(m):
        largest_e = max(largest_e, abs(error[j]))
    if largest_x == 0 or largest_e == 0:
        return
    worth = float32(0.5 / devices.pulses_up + 0.5 / devices.pulses_down)
    strength = rate * share / (net.gain[layer] * worth * float32(rule.bits))
    rows = np.sqrt(strength * largest_e / largest_x)
    columns = np.sqrt(strength * largest_x / largest_e)
    bit_words(state.counter, active[:n], rows, rule.bits, work.row_bits)
    bit_words(state.counter, error[:m], columns, rule.bits, work.column_bits)
    shift = devices.arms * devices.synapses
    events = 0
    for i in range(n):
        word = work.row_bits[i]
        if word == 0:
            continue
        for j in range(m):
            both = word & work.column_bits[j]
            if both == 0:
                continue
            count = ones(both)
            if (active[i] > 0) == (error[j] > 0):
                count = -count
            if fast:
                work.place[events] = shift + start + i * m + j
                work.number[events] = count
                events += 1
            else:
                events = listed(
                    work.place,
                    work.number,
                    events,
                    start + i * m + j,
                    start + i * m + j + partner,
                    rule.both,
                    count,
                )
    state.slots[0] += rule.bits
    if not (devices.arms == 2 and rule.both == 0 and not fast):
        state.slots[1] += rule.bits
    pulse(net, devices, state, work, events)
