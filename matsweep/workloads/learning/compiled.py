"""Learning in the crossbar, one realisation at a time: forward, backward, pulses.

Compiled by numba on first use and kept on disk. Strict IEEE arithmetic. Import this module where
it is called: numba takes half a second.

Synapses of all layers lie behind each other in one axis, a layer's as (row, column). A device's
state x is its conductance as a fraction of the range g_min … g_max. What a product sees is kept
beside the states and mended device by device as pulses change them:

    signal = seen x (one device) or seen+ x+ - seen- x- (two), less the reference's,
    variance = that of one read of the synapse, in ranges squared.

Random numbers are Philox's, by the realisation's key and a counter that only it advances, so that
what else is computed beside it changes no bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numpy import float32, uint32, uint64

from matsweep.kernels import _cosine_sine, _philox, _radius

_compiled = njit(cache=True, error_model="numpy")

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

AFFINE, EXPONENTIAL, POWER, TABULATED = 0, 1, 2, 3
COUNT, SIGN, COINCIDENCE, MIXED, TIKI_1, TIKI_2, VERIFY = 0, 1, 2, 3, 4, 5, 6
SIGMOID, TANH, RELU = 0, 1, 2
SQUARED, CROSS_ENTROPY = 0, 1
LANES = 8  # sums that a product keeps side by side, in vector registers


class Net(NamedTuple):
    """The network and its tiles; (layer,) arrays.

    `rows` are inputs and, with `bias`, one that is always 1. `first` is each layer's first
    synapse, `first_row` and `first_column` each layer's first row and column in arrays over all
    layers. Edges are where tiles begin, with the end behind the last. `gain` is the weight of a
    whole range. `step` is an ADC's least current over (read voltage · range), 0: it is exact.
    `managed`: a
    read that saturates is repeated at half the voltages. `common` is what a
    device at weight zero adds to an unsigned current (-1: signed currents).
    """

    rows: IntArray
    columns: IntArray
    first: IntArray
    first_row: IntArray
    first_column: IntArray
    row_edges: IntArray
    row_edge_at: IntArray
    column_edges: IntArray
    column_edge_at: IntArray
    gain: FloatArray
    step: FloatArray
    step_back: FloatArray
    column_gain: FloatArray
    column_offset: FloatArray
    bias: int
    hidden: int
    output: int
    dac_steps: float
    dac_steps_signed: float
    top: float
    top_signed: float
    common: float
    adc_noise: float
    reference_variance: float
    analog_backward: int
    noisy: int
    managed: int


class Devices(NamedTuple):
    """What the devices do; arm 0 potentiates the weight, arm 1 (of a pair) depresses it.

    `parameters` is (arm · synapse or arm, k), `table` that of a tabulated model (way, state,
    probability). `pulses_up` and `pulses_down` span the range. `variance` is tabulated over x.
    `late`: pulses of one update go on along the curve beyond the bounds, and are cut after them.
    """

    kind: int
    arms: int
    synapses: int
    shared: int
    late: int
    parameters: FloatArray
    of_step: float
    of_range: float
    pulses_up: float
    pulses_down: float
    states: FloatArray
    probabilities: FloatArray
    table: FloatArray
    variance: FloatArray
    low: FloatArray
    high: FloatArray
    seen: FloatArray
    reference: FloatArray


class Rule(NamedTuple):
    """How gradients become pulses; see `matsweep.workloads.learning.rules`."""

    kind: int
    batch: int
    both: int
    threshold: float
    bits: int
    every: int
    transfer: float
    fast_rate: float
    tolerance: float
    most: int
    reset_every: int
    reset_above: float


class State(NamedTuple):
    """What changes while learning.

    `x` (arm · synapse, and the fast array behind them where there is one); `digital` (synapse) a
    number each, whose meaning is the rule's; `pulses` given to each device; `sums` number and
    number times mean state of potentiating, then of depressing pulses; `slots` times of a pulse
    that passed, potentiating and depressing; `counter` of the random numbers, the high half, the
    key; `clock` batches since the start, and each layer's row to transfer next.
    """

    x: FloatArray
    signal: FloatArray
    variance: FloatArray
    digital: FloatArray
    pulses: IntArray
    sums: npt.NDArray[np.float64]
    slots: npt.NDArray[np.float64]
    counter: npt.NDArray[np.uint64]
    clock: IntArray


class Work(NamedTuple):
    """Scratch memory: activations and errors of a batch, events, random numbers."""

    active: FloatArray
    error: FloatArray
    volts: FloatArray
    current: FloatArray
    noise: FloatArray
    output: FloatArray
    sums: FloatArray
    place: IntArray
    number: npt.NDArray[np.int32]
    normal: FloatArray
    row_bits: npt.NDArray[np.uint32]
    column_bits: npt.NDArray[np.uint32]


@_compiled
def _normals(counter, out, number):
    """Fill out[:number] with standard normal numbers."""
    blocks = (number + 3) // 4
    high, key, start = counter[1], counter[2], counter[0]
    for i in range(blocks):
        a, b, c, d = _philox(start + uint64(i), high, key)
        radius = _radius(a)
        cosine, sine = _cosine_sine(b)
        out[i], out[blocks + i] = radius * cosine, radius * sine
        radius = _radius(c)
        cosine, sine = _cosine_sine(d)
        out[2 * blocks + i], out[3 * blocks + i] = radius * cosine, radius * sine
    counter[0] = start + uint64(blocks)


@_compiled
def _uniform(counter):
    """Return one uniform number in [0, 1)."""
    a, _, _, _ = _philox(counter[0], counter[1], counter[2])
    counter[0] += uint64(1)
    return float32(a >> uint32(8)) * float32(2.0**-24)


@_compiled
def _bit_words(counter, values, scale, bits, words):
    """Write for each value a word whose bits are 1 with probability |value| scale."""
    for i in range(values.shape[0]):
        words[i] = uint32(0)
        chance = abs(values[i]) * scale
        if chance <= 0:
            continue
        limit = uint64(min(chance, float32(1)) * 4294967296.0)
        word = uint32(0)
        for block in range((bits + 3) // 4):
            a, b, c, d = _philox(counter[0], counter[1], counter[2])
            counter[0] += uint64(1)
            left = bits - 4 * block
            word |= uint32(uint64(a) < limit) << uint32(4 * block)
            if left > 1:
                word |= uint32(uint64(b) < limit) << uint32(4 * block + 1)
            if left > 2:
                word |= uint32(uint64(c) < limit) << uint32(4 * block + 2)
            if left > 3:
                word |= uint32(uint64(d) < limit) << uint32(4 * block + 3)
        words[i] = word


@_compiled
def _ones(word):
    """Return how many bits of a word are 1."""
    word = uint32(word - ((word >> uint32(1)) & uint32(0x55555555)))
    word = uint32((word & uint32(0x33333333)) + ((word >> uint32(2)) & uint32(0x33333333)))
    word = uint32((word + (word >> uint32(4))) & uint32(0x0F0F0F0F))
    return np.int32(uint32(word * uint32(0x01010101)) >> uint32(24))


@_compiled
def _looked_up(grid, values, x):
    """Return an index, and how far x is from there to the next, in a rising grid."""
    last = grid.shape[0] - 1
    if last == 0 or x <= grid[0]:
        return 0, float32(0)
    if x >= grid[last]:
        return last - 1, float32(1)
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if grid[middle] <= x:
            low = middle
        else:
            high = middle
    return low, (x - grid[low]) / (grid[high] - grid[low])


@_compiled
def _step(devices, at, x, up, counter):
    """Return the change of x by one pulse without `of_step` and `of_range`.

    Models that are affine in x (NeuroSim's, soft bounds, linear steps) come as dx = a + b x.
    """
    p = devices.parameters[at]
    way = 0 if up else 1
    if devices.kind == AFFINE:
        return p[2 * way] + p[2 * way + 1] * x
    sign = float32(1) if up else float32(-1)
    if devices.kind == POWER:
        distance = float32(1) - x if up else x
        return sign * p[2 * way] * distance ** p[2 * way + 1]
    if devices.kind == EXPONENTIAL:
        z = p[6] * (float32(2) * x - float32(1)) + p[7]
        share = float32(1) - p[3 * way + 1] * np.exp(sign * p[3 * way + 2] * z)
        return sign * p[3 * way] * max(share, float32(0))
    row, along = _looked_up(devices.states, devices.table, x)
    column, across = _looked_up(devices.probabilities, devices.table, _uniform(counter))
    below = min(row + 1, devices.states.shape[0] - 1)
    beside = min(column + 1, devices.probabilities.shape[0] - 1)
    t = devices.table[way]
    first = t[row, column] * (float32(1) - across) + t[row, beside] * across
    second = t[below, column] * (float32(1) - across) + t[below, beside] * across
    return p[way] * (first * (float32(1) - along) + second * along)


@_compiled
def _seen(x, seen, reference, synapse, other):
    """Return what products see of a synapse; other is its second device, or itself if it has none.

    Few arguments, so that it is compiled into the loops that call it.
    """
    value = seen[synapse] * x[synapse] - reference[synapse]
    if other != synapse:
        value -= seen[other] * x[other]
    return value


@_compiled
def _spread(x, table, synapse, other):
    """Return the variance of one read of a synapse."""
    variance = _interpolated(table, x[synapse])
    if other != synapse:
        variance += _interpolated(table, x[other])
    return variance


@_compiled
def _interpolated(table, x):
    place = x * float32(table.shape[0] - 1)
    index = max(min(int(place), table.shape[0] - 2), 0)
    return table[index] + (place - float32(index)) * (table[index + 1] - table[index])


@_compiled
def see_all(net, devices, state):
    """Compute anew what products see of every synapse."""
    shift = devices.synapses if devices.arms == 2 else 0
    for k in range(devices.synapses):
        state.signal[k] = _seen(state.x, devices.seen, devices.reference, k, k + shift)
        if net.noisy:
            state.variance[k] = _spread(state.x, devices.variance, k, k + shift)


@_compiled
def _pulse(net, devices, state, work, events):
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
        _normals(state.counter, normal, needed)
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
                change = _step(devices, at, x, up, state.counter)
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
            state.signal[k] = _seen(xs, devices.seen, devices.reference, k, k + shift)
            if noisy:
                state.variance[k] = _spread(xs, devices.variance, k, k + shift)
    state.sums[0] += number_up
    state.sums[1] += weighted_up
    state.sums[2] += number_down
    state.sums[3] += weighted_down


@_compiled
def _list(place, number, events, synapse, partner, both, count):
    """List pulses that change a weight: of its one device (partner < 0), or of a pair's."""
    if partner < 0:
        place[events], number[events] = synapse, count
        return events + 1
    if both:
        place[events], number[events] = synapse, count
        place[events + 1], number[events + 1] = partner, -count
        return events + 2
    place[events] = synapse if count > 0 else partner
    number[events] = abs(count)
    return events + 1


@_compiled
def _product(net, state, work, layer, volts, out):
    """Multiply a layer's word lines' voltages, in units of the largest, by its signals.

    Returns how many conversions saturated; out (column) is in ranges.
    """
    m, start = net.columns[layer], net.first[layer]
    current, noise = work.current, work.noise
    saturated = 0
    for j in range(m):
        out[j] = 0
    step, at = net.step[layer], net.row_edge_at[layer]
    tiles = net.row_edge_at[layer + 1] - at - 1
    low, top = -float32(net.top_signed), float32(net.top_signed)
    if net.common >= 0:
        low, top = float32(0), float32(net.top)
    for tile in range(tiles):
        for j in range(m):
            current[j] = 0
        total = float32(0)
        power = float32(0)
        for i in range(net.row_edges[at + tile], net.row_edges[at + tile + 1]):
            v = volts[i]
            if v == 0:
                continue
            total += v
            power += v * v
            row = state.signal[start + i * m : start + (i + 1) * m]
            for j in range(m):
                current[j] += v * row[j]
        if net.noisy:
            _add_read_noise(net, state, work, layer, tile, volts, power)
        if step == 0:
            for j in range(m):
                out[j] += current[j]
            continue
        if net.adc_noise > 0:
            _normals(state.counter, work.normal, m)
            for j in range(m):
                noise[j] = float32(net.adc_noise) * work.normal[j]
        else:
            for j in range(m):
                noise[j] = 0
        errors = _errors_at(net, layer) + tile * m
        lift = total * float32(net.common) if net.common >= 0 else float32(0)
        for j in range(m):
            current[j] = (current[j] + lift) * net.column_gain[errors + j]
            noise[j] += net.column_offset[errors + j]
        reach = step
        over = _beyond(current, noise, reach, low, top, m)
        saturated += over
        while over and net.managed:
            reach *= float32(2)
            over = _beyond(current, noise, reach, low, top, m)
        zero = np.rint(lift / reach)
        for j in range(m):
            code = np.rint(current[j] / reach + noise[j])
            out[j] += (min(max(code, low), top) - zero) * reach
    return saturated


@_compiled
def _beyond(current, noise, step, low, top, number):
    """Return how many of some currents a converter of this step cannot hold."""
    over = 0
    for j in range(number):
        code = np.rint(current[j] / step + noise[j])
        over += code > top or code < low
    return over


@_compiled
def _errors_at(net, layer):
    """Return where a layer's errors of conversion begin."""
    place = 0
    for before in range(layer):
        tiles = net.row_edge_at[before + 1] - net.row_edge_at[before] - 1
        place += tiles * net.columns[before]
    return place


@_compiled
def _add_read_noise(net, state, work, layer, tile, volts, power):
    """Add to a tile's currents the noise of reading its devices and its reference column."""
    m, start, at = net.columns[layer], net.first[layer], net.row_edge_at[layer]
    noise = work.noise
    for j in range(m):
        noise[j] = 0
    for i in range(net.row_edges[at + tile], net.row_edges[at + tile + 1]):
        if volts[i] == 0:
            continue
        square = volts[i] * volts[i]
        row = state.variance[start + i * m : start + (i + 1) * m]
        for j in range(m):
            noise[j] += square * row[j]
    _normals(state.counter, work.normal, m + 1)
    common = np.sqrt(power * float32(net.reference_variance)) * work.normal[m]
    for j in range(m):
        work.current[j] += np.sqrt(noise[j]) * work.normal[j] - common


@_compiled
def _transposed(net, state, work, layer, volts, out):
    """Multiply a layer's bit lines' voltages by its signals, read on the word lines."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    step, at = net.step_back[layer], net.column_edge_at[layer]
    tiles = net.column_edge_at[layer + 1] - at - 1
    lanes = np.zeros(LANES, np.float32)
    top = float32(net.top_signed)
    for i in range(n):
        out[i] = 0
    for tile in range(tiles):
        left, right = net.column_edges[at + tile], net.column_edges[at + tile + 1]
        power = float32(0)
        for j in range(left, right):
            power += volts[j] * volts[j]
        if net.noisy or net.adc_noise > 0:
            _normals(state.counter, work.normal, 2 * n)
        current, noise = work.current, work.noise
        for i in range(n):
            row = state.signal[start + i * m : start + (i + 1) * m]
            current[i] = _dot(row, volts, left, right, lanes)
            noise[i] = float32(net.adc_noise) * work.normal[n + i] if net.adc_noise > 0 else 0
            if net.noisy:
                spread = state.variance[start + i * m : start + (i + 1) * m]
                variance = power * float32(net.reference_variance)
                for j in range(left, right):
                    variance += volts[j] * volts[j] * spread[j]
                current[i] += np.sqrt(variance) * work.normal[i]
        if step == 0:
            for i in range(n):
                out[i] += current[i]
            continue
        reach = step
        while net.managed and _beyond(current, noise, reach, -top, top, n):
            reach *= float32(2)
        for i in range(n):
            code = np.rint(current[i] / reach + noise[i])
            out[i] += min(max(code, -top), top) * reach


@_compiled
def _dot(a, b, left, right, lanes):
    """Return the dot product of a[left:right] and b[left:right], in sums side by side."""
    for k in range(LANES):
        lanes[k] = 0
    whole = left + (right - left) // LANES * LANES
    for j in range(left, whole, LANES):
        for k in range(LANES):
            lanes[k] += a[j + k] * b[j + k]
    total = float32(0)
    for j in range(whole, right):
        total += a[j] * b[j]
    for k in range(LANES):
        total += lanes[k]
    return total


@_compiled
def _stepped(value, steps):
    """Round a voltage to a converter's steps, the middle of two away from zero.

    As published for one bit: a hidden unit at 0.5, which coarse sums often leave it at, is on.
    """
    return np.copysign(np.floor(abs(value) * steps + float32(0.5)), value) / steps


@_compiled
def _applied(values, steps, volts):
    """Write the voltages of values, in units of the largest; return what the largest is worth."""
    largest = float32(0)
    for i in range(values.shape[0]):
        largest = max(largest, abs(values[i]))
    if largest == 0:
        for i in range(values.shape[0]):
            volts[i] = 0
        return largest
    for i in range(values.shape[0]):
        if steps > 0:
            volts[i] = _stepped(values[i] / largest, float32(steps))
        else:
            volts[i] = values[i] / largest
    return largest


@_compiled
def _bounded(values, steps, volts):
    """Write the voltages of values whose largest is 1 by nature."""
    for i in range(values.shape[0]):
        volts[i] = values[i]
        if steps > 0:
            volts[i] = _stepped(values[i], float32(steps))


@_compiled
def forward(net, state, work, active):
    """Run one sample; active holds its inputs, and takes each layer's inputs.

    Each layer's sums before the activation are left in work.sums. Returns how many conversions
    saturated.
    """
    layers = net.rows.shape[0]
    saturated = 0
    for layer in range(layers):
        n, m, at = net.rows[layer], net.columns[layer], net.first_row[layer]
        inputs = active[at : at + n]
        volts = work.volts[at : at + n]
        scale = float32(1)
        if layer > 0 and net.hidden == RELU:
            scale = _applied(inputs, net.dac_steps, volts)
        elif layer > 0 and net.hidden == TANH:
            _bounded(inputs, net.dac_steps_signed, volts)
        else:
            _bounded(inputs, net.dac_steps, volts)
        to = net.first_column[layer]
        sums = work.sums[to : to + m]
        saturated += _product(net, state, work, layer, volts, sums)
        gain = net.gain[layer] * scale
        for j in range(m):
            sums[j] *= gain
        if layer == layers - 1:
            return saturated
        after = net.first_row[layer + 1]
        for j in range(m):
            z = sums[j]
            if net.hidden == SIGMOID:
                active[after + j] = float32(1) / (float32(1) + np.exp(-z))
            elif net.hidden == TANH:
                active[after + j] = np.tanh(z)
            else:
                active[after + j] = max(z, float32(0))
        if net.bias:
            active[after + m] = 1
    return saturated


@_compiled
def _load(net, images, sample, active):
    inputs = images.shape[1]
    for i in range(inputs):
        active[i] = images[sample, i]
    if net.bias:
        active[inputs] = 1


@_compiled
def _output_error(net, z, label, error):
    """Write the derivative of the loss by the last layer's sums.

    Squared: (y - t)² summed over sigmoid outputs y; else the cross-entropy of softmax.
    """
    m = net.columns[net.columns.shape[0] - 1]
    if net.output == SQUARED:
        for j in range(m):
            y = float32(1) / (float32(1) + np.exp(-z[j]))
            error[j] = float32(2) * (y - float32(j == label)) * y * (float32(1) - y)
        return
    largest = z[0]
    for j in range(m):
        largest = max(largest, z[j])
    total = float32(0)
    for j in range(m):
        error[j] = np.exp(z[j] - largest)
        total += error[j]
    for j in range(m):
        error[j] = error[j] / total - float32(j == label)


@_compiled
def backward(net, state, work, active, error):
    """Carry the last layer's errors down to the first layer's sums."""
    for layer in range(net.rows.shape[0] - 1, 0, -1):
        n, m = net.rows[layer], net.columns[layer]
        at, below = net.first_column[layer], net.first_column[layer - 1]
        above = error[at : at + m]
        volts = work.volts[:m]
        scale = _applied(above, net.dac_steps_signed if net.analog_backward else 0.0, volts)
        result = work.output
        if scale > 0:
            _transposed(net, state, work, layer, volts, result)
        else:
            for i in range(n):
                result[i] = 0
        inputs = active[net.first_row[layer] : net.first_row[layer] + n]
        for i in range(n - net.bias):
            a = inputs[i]
            if net.hidden == SIGMOID:
                slope = a * (float32(1) - a)
            elif net.hidden == TANH:
                slope = float32(1) - a * a
            else:
                slope = float32(a > 0)
            error[below + i] = result[i] * scale * net.gain[layer] * slope


@_compiled
def _counted(change, pulses_up, pulses_down, threshold):
    """Return the whole pulses of a wanted change; one more from `threshold` of a pulse on.

    At most as many as the range is worth: what exceeds it would only be lost at a bound.
    """
    change = min(max(change, float32(-1)), float32(1))
    if change > 0:
        return np.int32(change * float32(pulses_up) + (float32(1) - threshold))
    return -np.int32(-change * float32(pulses_down) + (float32(1) - threshold))


@_compiled
def _passed(slots, arms, both, most_up, most_down):
    """Count the times of pulses that a row takes: all its devices at once, one sign at a time."""
    if arms == 1:
        slots[0] += most_up
        slots[1] += most_down
        return
    slots[0] += max(most_up, most_down)
    if both:
        slots[1] += max(most_up, most_down)


@_compiled
def _direct(net, devices, rule, state, work, layer, active, error, rate):
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
                count = _counted(change, devices.pulses_up, devices.pulses_down, float32(1))
                state.digital[row + j] = change - float32(count) / float32(worth)
            elif rule.kind == SIGN:
                if change == 0 or abs(change) * most < threshold:
                    continue
                count = 1 if change > 0 else -1
            else:
                if abs(change) * most < threshold:
                    continue
                count = _counted(change, devices.pulses_up, devices.pulses_down, threshold)
                if count == 0:
                    continue
            if count > 0:
                up = count if count > up else up
            else:
                down = -count if -count > down else down
            events = _list(
                work.place, work.number, events, row + j, row + j + partner, rule.both, count
            )
        _passed(state.slots, devices.arms, rule.both, up, down)
    _pulse(net, devices, state, work, events)


@_compiled
def _accumulate(net, rule, devices, work, state, layer, active, error, rate):
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


@_compiled
def _settle(net, devices, rule, state, work, layer):
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
                count = _counted(change, devices.pulses_up, devices.pulses_down, threshold)
                if count == 0:
                    continue
            if rule.kind == MIXED:
                worth = devices.pulses_up if count > 0 else devices.pulses_down
                state.digital[k] = change - float32(count) / float32(worth)
            if count > 0:
                up = count if count > up else up
            else:
                down = -count if -count > down else down
            events = _list(work.place, work.number, events, k, k + partner, rule.both, count)
        _passed(state.slots, devices.arms, rule.both, up, down)
    _pulse(net, devices, state, work, events)


@_compiled
def _coincide(net, devices, rule, state, work, layer, active, error, rate, fast):
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
    _bit_words(state.counter, active[:n], rows, rule.bits, work.row_bits)
    _bit_words(state.counter, error[:m], columns, rule.bits, work.column_bits)
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
            count = _ones(both)
            if (active[i] > 0) == (error[j] > 0):
                count = -count
            if fast:
                work.place[events] = shift + start + i * m + j
                work.number[events] = count
                events += 1
            else:
                events = _list(
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
    _pulse(net, devices, state, work, events)


@_compiled
def _transfer(net, devices, rule, state, work, layer, fast_reference):
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
        _normals(state.counter, work.normal, m)
        for j in range(m):
            work.noise[j] = work.normal[j]
    events, up, down = 0, np.int32(0), np.int32(0)
    for j in range(m):
        k = start + i * m + j
        x = state.x[shift + k]
        value = x - fast_reference[k]
        if net.noisy:
            variance = _interpolated(devices.variance, x) + float32(net.reference_variance)
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
            count = np.int32(whole) + np.int32(_uniform(state.counter) < pulses - whole)
        else:
            pulses += state.digital[k]
            count = np.int32(pulses)
            state.digital[k] = pulses - float32(count)
        if count == 0:
            continue
        if count > 0:
            up = count if count > up else up
        else:
            down = -count if -count > down else down
        events = _list(work.place, work.number, events, k, k + partner, rule.both, count)
    _passed(state.slots, devices.arms, rule.both, up, down)
    _pulse(net, devices, state, work, events)


@_compiled
def _verify(net, devices, rule, state, work, layer):
    """Pulse the devices until a read is near its digital target, or the budget is spent."""
    n, m, start = net.rows[layer], net.columns[layer], net.first[layer]
    partner = devices.synapses if devices.arms == 2 else -devices.synapses - 1
    tolerance = float32(rule.tolerance)
    for _ in range(rule.most):
        events = 0
        for i in range(n):
            up, down = 0, 0
            if net.noisy:
                _normals(state.counter, work.normal, m)
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
                events = _list(work.place, work.number, events, k, k + partner, rule.both, count)
            _passed(state.slots, devices.arms, rule.both, up, down)
        if events == 0:
            return
        _pulse(net, devices, state, work, events)


@_compiled
def _reset(net, devices, rule, state, work):
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
        state.signal[k] = _seen(state.x, devices.seen, devices.reference, k, other)
        if net.noisy:
            state.variance[k] = _spread(state.x, devices.variance, k, other)
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
        _pulse(net, devices, state, work, events)


@_compiled
def _update(net, devices, rule, state, work, layer, samples, rate, fast_reference):
    """Change a layer after a batch."""
    n, m = net.rows[layer], net.columns[layer]
    at, to = net.first_row[layer], net.first_column[layer]
    share = rate / float32(samples)
    one = rule.batch == 1 and rule.kind in (COUNT, SIGN, MIXED)
    for b in range(samples):
        active = work.active[b, at : at + n]
        error = work.error[b, to : to + m]
        if one:
            _direct(net, devices, rule, state, work, layer, active, error, share)
        elif rule.kind == COINCIDENCE:
            _coincide(net, devices, rule, state, work, layer, active, error, share, False)
        elif rule.kind in (TIKI_1, TIKI_2):
            scale = share * float32(rule.fast_rate)
            _coincide(net, devices, rule, state, work, layer, active, error, scale, True)
        else:
            _accumulate(net, rule, devices, work, state, layer, active, error, share)
    if one:
        return
    if rule.kind in (COUNT, SIGN, MIXED):
        _settle(net, devices, rule, state, work, layer)
    elif rule.kind in (TIKI_1, TIKI_2):
        if (state.clock[0] + 1) % rule.every == 0:
            _transfer(net, devices, rule, state, work, layer, fast_reference)
    elif rule.kind == VERIFY:
        for k in range(net.first[layer], net.first[layer + 1]):
            least, most = -devices.reference[k], float32(1) - devices.reference[k]
            if devices.arms == 2:
                least = float32(-1)
            state.digital[k] = min(max(state.digital[k], least), most)
        if (state.clock[0] + 1) % rule.every == 0:
            _verify(net, devices, rule, state, work, layer)


@_compiled
def learn(net, devices, rule, state, work, images, labels, order, rates, learns, fast_reference):
    """Learn from images in an order: one epoch, or any part of one made of whole batches.

    Parameters are those above; rates (layer,) and learns (layer,), 0 where a layer stays.
    """
    layers = net.rows.shape[0]
    held = 0
    for place in range(order.shape[0]):
        active, error = work.active[held], work.error[held]
        _load(net, images, order[place], active)
        forward(net, state, work, active)
        last = net.first_column[layers - 1]
        _output_error(net, work.sums[last:], labels[order[place]], error[last:])
        backward(net, state, work, active, error)
        held += 1
        if held < rule.batch and place < order.shape[0] - 1:
            continue
        for layer in range(layers):
            if learns[layer]:
                _update(net, devices, rule, state, work, layer, held, rates[layer], fast_reference)
        state.clock[0] += 1
        held = 0
        if rule.reset_every > 0 and state.clock[0] % rule.reset_every == 0:
            _reset(net, devices, rule, state, work)


@_compiled
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
        _load(net, images, sample, active)
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


@_compiled
def give(net, devices, state, work, counts):
    """Give each device its number of pulses, signed: counts (arm · synapse)."""
    events = 0
    limit = work.place.shape[0]
    for i in range(counts.shape[0]):
        if counts[i] != 0:
            work.place[events], work.number[events] = i, counts[i]
            events += 1
            if events == limit:
                _pulse(net, devices, state, work, events)
                events = 0
    _pulse(net, devices, state, work, events)


@_compiled
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
                _pulse(net, devices, state, work, events)
                events = 0
        _pulse(net, devices, state, work, events)
        if turn >= pairs:
            for k in range(devices.synapses):
                out[k] += state.x[shift + k]
    for k in range(devices.synapses):
        out[k] /= float32(pairs)
