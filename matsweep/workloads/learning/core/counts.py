"""Updates in whole pulses, of one product at once or of the sum over several."""

from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.listing import halved, larger, listed, partner, passed
from matsweep.workloads.learning.core.propagation import sample
from matsweep.workloads.learning.core.pulses import pulse
from matsweep.workloads.learning.core.structures import POSITIONS


@compiled
def by_count(
    whole, least, kept, circuit, devices, settings, state, work, layer, samples, rate
):  # fmt: skip
    """Give a layer whole pulses: of one outer product at once, or of the sum over several.

    A batch of one sample has one product in a dense layer. In a convolution it has one for each
    position, which are summed in digital memory and become pulses together.

    Parameters
    ----------
    whole : kernel, (change, pulses_up, pulses_down, least) -> (int, float32)
        Pulses of a change (float32, ranges), signed, and the rest of the change.
    least : float32, pulses
        Changes that are worth less get no pulse: counted in pulses of their own polarity if the
        rest is kept, else in those of the finer polarity.
    kept : bool
        Whether the rest stays in digital memory; else the memory only sums products.
    circuit : Circuit
    devices : Devices
    settings : Settings
    state : State
    work : Work
    layer : int
    samples : int
        Products of the batch.
    rate : float32
        Of their mean.

    Returns
    -------
    None
    """
    share = rate / float32(samples) * halved(devices, settings)
    if settings.batch == 1 and circuit.grid[layer, POSITIONS] == 1:
        _at_once(whole, least, kept, circuit, devices, settings, state, work, layer, share)
        return
    accumulate(circuit, state, work, layer, samples, share)
    _settle(whole, least, kept, circuit, devices, settings, state, work, layer)


@compiled
def accumulate(circuit, state, work, layer, samples, share):
    """Add the wanted changes of all products to a layer's digital numbers, in ranges.

    Parameters
    ----------
    circuit : Circuit
    state : State
        `digital` changes.
    work : Work
    layer : int
    samples : int
        Products of the batch.
    share : float32
        The learning rate over the number of products.
    """
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    for b in range(samples):
        active, error = sample(circuit, work, layer, b)
        for i in range(n):
            if active[i] == 0:
                continue
            scale = -share * active[i] / circuit.gain[layer]
            row = state.digital[start + i * m : start + (i + 1) * m]
            for j in range(m):
                row[j] += scale * error[j]


@compiled
def _worth(devices, change, kept):
    """Pulses of a whole range: of the change's polarity if the rest is kept, else of the finer."""
    if kept:
        return float32(devices.pulses_up if change > 0 else devices.pulses_down)
    return float32(max(devices.pulses_up, devices.pulses_down))


@compiled
def _at_once(whole, least, kept, circuit, devices, settings, state, work, layer, share):
    """Turn one outer product into pulses, without a gradient of the whole layer."""
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    active, error = sample(circuit, work, layer, 0)
    other = partner(devices)
    largest = float32(0)
    for j in range(m):
        largest = max(largest, abs(error[j]))
    most = float32(max(devices.pulses_up, devices.pulses_down))
    events = 0
    for i in range(n):
        if active[i] == 0:
            continue
        scale = -share * active[i] / circuit.gain[layer]
        if not kept and abs(scale) * largest * most < least:
            continue
        row = start + i * m
        up, down = 0, 0
        for j in range(m):
            change = scale * error[j]
            if kept:
                change += state.digital[row + j]
                state.digital[row + j] = change
            if abs(change) * _worth(devices, change, kept) < least:
                continue
            count, rest = whole(change, devices.pulses_up, devices.pulses_down, least)
            if count == 0:
                continue
            if kept:
                state.digital[row + j] = rest
            up, down = larger(up, down, count)
            events = listed(
                work.place, work.number, events, row + j, row + j + other, settings.both, count
            )
        passed(state.slots, devices.arms, settings.both, up, down)
    pulse(circuit, devices, state, work, events)


@compiled
def _settle(whole, least, kept, circuit, devices, settings, state, work, layer):
    """Turn a layer's accumulated changes into pulses."""
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    other = partner(devices)
    events = 0
    for i in range(n):
        up, down = 0, 0
        for k in range(start + i * m, start + (i + 1) * m):
            change = state.digital[k]
            if change == 0:
                continue
            if not kept:
                state.digital[k] = 0
            if abs(change) * _worth(devices, change, kept) < least:
                continue
            count, rest = whole(change, devices.pulses_up, devices.pulses_down, least)
            if count == 0:
                continue
            if kept:
                state.digital[k] = rest
            up, down = larger(up, down, count)
            events = listed(work.place, work.number, events, k, k + other, settings.both, count)
        passed(state.slots, devices.arms, settings.both, up, down)
    pulse(circuit, devices, state, work, events)
