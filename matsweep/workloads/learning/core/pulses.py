"""Pulses on devices, and the signals and variances of the synapses that they change."""

import functools

import numpy as np
from numba import types
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.core.pointer import Pointer
from matsweep.workloads.learning.core.draws import normals, uniform

NUMBERS = types.Array(types.float32, 1, "C", readonly=True)
STEP = types.float32(types.float32, types.boolean, NUMBERS, NUMBERS, types.float32)


@functools.cache
def step_of(kernel):
    """Compile a pulse model's kernel.

    Parameters
    ----------
    kernel : Kernel

    Returns
    -------
    Pointer
        Address of the compiled kernel.
    """
    return Pointer(kernel, STEP)


@compiled
def interpolated(table, x):
    """Interpolate a table between evenly spaced states from 0 to 1, and beyond, not below 0.

    Parameters
    ----------
    table : (n,) float32 array
    x : float32
        State.

    Returns
    -------
    float32
    """
    place = x * float32(table.shape[0] - 1)
    index = max(min(int(place), table.shape[0] - 2), 0)
    value = table[index] + (place - float32(index)) * (table[index + 1] - table[index])
    return max(value, float32(0))


@compiled
def behind(x, series):
    """Conductance of a device behind its access device, less that at state 0.

    A device of conductance g in series with a resistance R conducts g / (1 + R g). With
    g = g_min + x (g_max - g_min) its difference from state 0, in ranges, is x / (a + b x), where
    a = (1 + R g_min)² and b = (1 + R g_min) R (g_max - g_min).

    Parameters
    ----------
    x : float32
        State.
    series : (2,) float32 array
        a and b; 1 and 0: no access device.

    Returns
    -------
    float32, ranges
    """
    if series[1] == 0:
        return x
    return x / (series[0] + series[1] * x)


@compiled
def signal_of(x, seen, reference, series, synapse, other):
    """Signal of a synapse: what its device gives, less the reference and the second device.

    Few arguments, so that it is compiled into the loops that call it.

    Parameters
    ----------
    x : (device,) float32 array
        States.
    seen : (device,) float32 array
        Shares of the conductances that wires leave.
    reference : (synapse,) float32 array, ranges
    series : (2,) float32 array
        Of the access devices: see `behind`.
    synapse : int
    other : int
        Place of the second device; `synapse` if there is none.

    Returns
    -------
    float32, ranges
    """
    value = seen[synapse] * behind(x[synapse], series) - reference[synapse]
    if other != synapse:
        value -= seen[other] * behind(x[other], series)
    return value


@compiled
def variance_of(x, table, synapse, other):
    """Variance of one read of a synapse, from its table over states.

    Parameters
    ----------
    x : (device,) float32 array
        States.
    table : (n,) float32 array, ranges squared
        At evenly spaced states from 0 to 1.
    synapse : int
    other : int
        Place of the second device; `synapse` if there is none.

    Returns
    -------
    float32, ranges squared
    """
    variance = interpolated(table, x[synapse])
    if other != synapse:
        variance += interpolated(table, x[other])
    return variance


@compiled
def see_all(circuit, devices, state):
    """Update the signals and variances of all synapses from the states.

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    state : State
        `signal` changes and, with noise, `variance`.
    """
    shift = devices.synapses if devices.arms == 2 else 0
    for k in range(devices.synapses):
        state.signal[k] = signal_of(
            state.x, devices.seen, devices.reference, devices.series, k, k + shift
        )
        if circuit.noisy:
            state.variance[k] = variance_of(state.x, devices.variance, k, k + shift)


@compiled
def pulse(circuit, devices, state, work, events):
    """Give devices the first pulses listed in work, and update the signals of their synapses.

    Event e is work.number[e] pulses, > 0 potentiating, < 0 depressing, on the device work.place[e].
    Each pulse makes its step from the state that the previous one left, with its noise, and is cut
    to the bounds (not if `late`); after all N of them sqrt(N) `of_range` is added, as published,
    and cut again. Reads then see the state with the noise of writing. All in ranges. The affine
    form is built in: it is most of the work of three models. Other kernels are called by their
    address, once a pulse.

    Random numbers: normal ones for all events first (of pulses, of the range, of writing), then a
    uniform one for each pulse if `draws`.
    Counted: pulses of each device, and numbers and mean states of both polarities.

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    state : State
        Changes.
    work : Work
        `place` and `number` hold the events.
    events : int
        Number of events.
    """
    needed = 0
    adds = devices.adds != 0
    if devices.of_step > 0 or adds:
        for e in range(events):
            needed += abs(work.number[e])
    first = needed
    if devices.of_range > 0:
        needed += events
    second = needed
    if devices.of_writing > 0:
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
    seen, reference, series = devices.seen, devices.reference, devices.series
    xs, lows, highs = state.settled, devices.low, devices.high
    of_state, zero = float32(devices.of_state), float32(devices.zero)
    of_writing, least = float32(devices.of_writing), float32(devices.least)
    own_range, last = devices.own_range != 0, parameters.shape[1] - 1
    affine, shared, noisy = devices.affine != 0, devices.shared != 0, circuit.noisy != 0
    late, draws = devices.late != 0, devices.draws != 0
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
                if adds:
                    sigma = of_step * abs(change) + of_state * abs(x - zero)
                    sigma += devices.added[at, 0 if up else 1]
                    change += sigma * normal[used]
                    used += 1
                elif of_step > 0:
                    change *= float32(1) + of_step * normal[used]
                    used += 1
                x = x + change if late else min(max(x + change, low), high)
        else:
            for _ in range(times):
                chance = uniform(state.counter) if draws else float32(0)
                if own_range:
                    lower, span = parameters[at, last - 1], parameters[at, last]
                    own = min(max((x - lower) / span, float32(0)), float32(1))
                    change = span * devices.step(own, up, parameters[at], devices.table, chance)
                else:
                    change = devices.step(x, up, parameters[at], devices.table, chance)
                if adds:
                    sigma = of_step * abs(change) + of_state * abs(x - zero)
                    sigma += devices.added[at, 0 if up else 1]
                    change += sigma * normal[used]
                    used += 1
                elif of_step > 0:
                    change *= float32(1) + of_step * normal[used]
                    used += 1
                x = x + change if late else min(max(x + change, low), high)
        if of_range > 0:
            x += of_range * np.sqrt(float32(times)) * normal[first + e]
        x = min(max(x, low), high)
        xs[i] = x
        if of_writing > 0:
            state.x[i] = max(x + of_writing * normal[second + e], least)
        state.pulses[i] += times
        if up:
            number_up += times
            weighted_up += times * 0.5 * (old + x)
        else:
            number_down += times
            weighted_down += times * 0.5 * (old + x)
        if i < weights:
            k = i - synapses if i >= synapses else i
            state.signal[k] = signal_of(state.x, seen, reference, series, k, k + shift)
            if noisy:
                state.variance[k] = variance_of(state.x, devices.variance, k, k + shift)
    state.sums[0] += number_up
    state.sums[1] += weighted_up
    state.sums[2] += number_down
    state.sums[3] += weighted_down


@compiled
def give(circuit, devices, state, work, counts):
    """Give each device its number of pulses.

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    state : State
        Changes.
    work : Work
    counts : (device,) int32 array
        Signed: > 0 potentiating, < 0 depressing.
    """
    events = 0
    limit = work.place.shape[0]
    for i in range(counts.shape[0]):
        if counts[i] != 0:
            work.place[events], work.number[events] = i, counts[i]
            events += 1
            if events == limit:
                pulse(circuit, devices, state, work, events)
                events = 0
    pulse(circuit, devices, state, work, events)
