"""Products of the tiles with voltages, read forward and back."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.converters import beyond, errors_at
from matsweep.workloads.learning.core.draws import normals

LANES = 8  # sums that a product keeps side by side, in vector registers


@compiled
def multiply(net, state, work, layer, volts, out):
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
            add_read_noise(net, state, work, layer, tile, volts, power)
        if step == 0:
            for j in range(m):
                out[j] += current[j]
            continue
        if net.adc_noise > 0:
            normals(state.counter, work.normal, m)
            for j in range(m):
                noise[j] = float32(net.adc_noise) * work.normal[j]
        else:
            for j in range(m):
                noise[j] = 0
        errors = errors_at(net, layer) + tile * m
        lift = total * float32(net.common) if net.common >= 0 else float32(0)
        for j in range(m):
            current[j] = (current[j] + lift) * net.column_gain[errors + j]
            noise[j] += net.column_offset[errors + j]
        reach = step
        over = beyond(current, noise, reach, low, top, m)
        saturated += over
        while over and net.managed:
            reach *= float32(2)
            over = beyond(current, noise, reach, low, top, m)
        zero = np.rint(lift / reach)
        for j in range(m):
            code = np.rint(current[j] / reach + noise[j])
            out[j] += (min(max(code, low), top) - zero) * reach
    return saturated


@compiled
def add_read_noise(net, state, work, layer, tile, volts, power):
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
    normals(state.counter, work.normal, m + 1)
    common = np.sqrt(power * float32(net.reference_variance)) * work.normal[m]
    for j in range(m):
        work.current[j] += np.sqrt(noise[j]) * work.normal[j] - common


@compiled
def multiply_transposed(net, state, work, layer, volts, out):
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
            normals(state.counter, work.normal, 2 * n)
        current, noise = work.current, work.noise
        for i in range(n):
            row = state.signal[start + i * m : start + (i + 1) * m]
            current[i] = dot(row, volts, left, right, lanes)
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
        while net.managed and beyond(current, noise, reach, -top, top, n):
            reach *= float32(2)
        for i in range(n):
            code = np.rint(current[i] / reach + noise[i])
            out[i] += min(max(code, -top), top) * reach


@compiled
def dot(a, b, left, right, lanes):
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
