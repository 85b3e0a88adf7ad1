"""The loop over samples, learned from or judged."""

from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.coincidence import coincide
from matsweep.workloads.learning.core.counts import accumulate, direct, settle
from matsweep.workloads.learning.core.network import backward, forward, load, output_error
from matsweep.workloads.learning.core.rewriting import renew, verify
from matsweep.workloads.learning.core.structures import (
    COINCIDENCE,
    COUNT,
    MIXED,
    SIGN,
    TIKI_1,
    TIKI_2,
    VERIFY,
)
from matsweep.workloads.learning.core.transfer import pass_on


@compiled
def update(net, devices, rule, state, work, layer, samples, rate, fast_reference):
    """Change a layer after a batch."""
    n, m = net.rows[layer], net.columns[layer]
    at, to = net.first_row[layer], net.first_column[layer]
    share = rate / float32(samples)
    one = rule.batch == 1 and rule.kind in (COUNT, SIGN, MIXED)
    for b in range(samples):
        active = work.active[b, at : at + n]
        error = work.error[b, to : to + m]
        if one:
            direct(net, devices, rule, state, work, layer, active, error, share)
        elif rule.kind == COINCIDENCE:
            coincide(net, devices, rule, state, work, layer, active, error, share, False)
        elif rule.kind in (TIKI_1, TIKI_2):
            scale = share * float32(rule.fast_rate)
            coincide(net, devices, rule, state, work, layer, active, error, scale, True)
        else:
            accumulate(net, rule, devices, work, state, layer, active, error, share)
    if one:
        return
    if rule.kind in (COUNT, SIGN, MIXED):
        settle(net, devices, rule, state, work, layer)
    elif rule.kind in (TIKI_1, TIKI_2):
        if (state.clock[0] + 1) % rule.every == 0:
            pass_on(net, devices, rule, state, work, layer, fast_reference)
    elif rule.kind == VERIFY:
        for k in range(net.first[layer], net.first[layer + 1]):
            least, most = -devices.reference[k], float32(1) - devices.reference[k]
            if devices.arms == 2:
                least = float32(-1)
            state.digital[k] = min(max(state.digital[k], least), most)
        if (state.clock[0] + 1) % rule.every == 0:
            verify(net, devices, rule, state, work, layer)


@compiled
def learn(net, devices, rule, state, work, images, labels, order, rates, learns, fast_reference):
    """Learn from images in an order: one epoch, or any part of one made of whole batches.

    Parameters are those above; rates (layer,) and learns (layer,), 0 where a layer stays.
    """
    layers = net.rows.shape[0]
    held = 0
    for place in range(order.shape[0]):
        active, error = work.active[held], work.error[held]
        load(net, images, order[place], active)
        forward(net, state, work, active)
        last = net.first_column[layers - 1]
        output_error(net, work.sums[last:], labels[order[place]], error[last:])
        backward(net, state, work, active, error)
        held += 1
        if held < rule.batch and place < order.shape[0] - 1:
            continue
        for layer in range(layers):
            if learns[layer]:
                update(net, devices, rule, state, work, layer, held, rates[layer], fast_reference)
        state.clock[0] += 1
        held = 0
        if rule.reset_every > 0 and state.clock[0] % rule.reset_every == 0:
            renew(net, devices, rule, state, work)


@compiled
def judge(net, state, work, images, labels, squares, inputs, products):
    """Classify images; return how many are right and how many conversions saturated.

    squares (row of any layer) takes the sum of squared voltages; inputs (sample, row of any layer)
    and products (sample, column of any layer) those of the first samples' layers, before their
    activation. Any of them may be empty.
    """
    active = work.active[0]
    layers = net.rows.shape[0]
    right, saturated = 0, 0
    for sample in range(images.shape[0]):
        load(net, images, sample, active)
        saturated += forward(net, state, work, active)
        last = net.first_column[layers - 1]
        best = 0
        for j in range(1, net.columns[layers - 1]):
            if work.sums[last + j] > work.sums[last + best]:
                best = j
        right += best == labels[sample]
        for i in range(squares.shape[0]):
            squares[i] += work.volts[i] * work.volts[i]
        if sample < products.shape[0]:
            inputs[sample] = active
            products[sample] = work.sums
    return right, saturated
