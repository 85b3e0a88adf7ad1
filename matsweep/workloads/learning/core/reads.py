"""Products of the tiles with voltages, read forward and back."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.converters import beyond, errors_at
from matsweep.workloads.learning.core.draws import normals

LANES = 8  # sums that a product keeps side by side, in vector registers


@compiled
def multiply(circuit, state, work, layer, volts, out):
    """Multiply a layer's signals by the voltages of its word lines, tile by tile.

    Each tile's currents get the noise of its devices, pass the converters and are summed digitally.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
    layer : int
    volts : (row,) float32 array
        In units of the read voltage.
    out : (column,) float32 array, ranges
        Takes the products.

    Returns
    -------
    int
        Conversions that saturated.
    """
    m, start = circuit.columns[layer], circuit.first[layer]
    current, noise = work.current, work.noise
    saturated = 0
    for j in range(m):
        out[j] = 0
    step, at = circuit.step[layer], circuit.row_edge_at[layer]
    tiles = circuit.row_edge_at[layer + 1] - at - 1
    low, top = -float32(circuit.top_signed), float32(circuit.top_signed)
    if circuit.common >= 0:
        low, top = float32(0), float32(circuit.top)
    for tile in range(tiles):
        for j in range(m):
            current[j] = 0
        total = float32(0)
        power = float32(0)
        for i in range(circuit.row_edges[at + tile], circuit.row_edges[at + tile + 1]):
            v = volts[i]
            if v == 0:
                continue
            total += v
            power += v * v
            row = state.signal[start + i * m : start + (i + 1) * m]
            for j in range(m):
                current[j] += v * row[j]
        if circuit.noisy:
            add_read_noise(circuit, state, work, layer, tile, volts, power)
        if step == 0:
            for j in range(m):
                out[j] += current[j]
            continue
        if circuit.adc_noise > 0:
            normals(state.counter, work.normal, m)
            for j in range(m):
                noise[j] = float32(circuit.adc_noise) * work.normal[j]
        else:
            for j in range(m):
                noise[j] = 0
        errors = errors_at(circuit, layer) + tile * m
        lift = total * float32(circuit.common) if circuit.common >= 0 else float32(0)
        for j in range(m):
            current[j] = (current[j] + lift) * circuit.column_gain[errors + j]
            noise[j] += circuit.column_offset[errors + j]
        reach = step
        over = beyond(current, noise, reach, low, top, m)
        saturated += over
        while over and circuit.managed:
            reach *= float32(2)
            over = beyond(current, noise, reach, low, top, m)
        zero = np.rint(lift / reach)
        for j in range(m):
            code = np.rint(current[j] / reach + noise[j])
            out[j] += (min(max(code, low), top) - zero) * reach
    return saturated


@compiled
def add_read_noise(circuit, state, work, layer, tile, volts, power):
    """Add the noise of a tile's devices and of its reference column to its currents.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
        `current` (column,), in ranges, changes.
    layer : int
    tile : int
        Index of the row tile in the layer.
    volts : (row of the layer,) float32 array
        In units of the read voltage.
    power : float32
        Sum of the squared voltages of the tile.
    """
    m, start, at = circuit.columns[layer], circuit.first[layer], circuit.row_edge_at[layer]
    noise = work.noise
    for j in range(m):
        noise[j] = 0
    for i in range(circuit.row_edges[at + tile], circuit.row_edges[at + tile + 1]):
        if volts[i] == 0:
            continue
        square = volts[i] * volts[i]
        row = state.variance[start + i * m : start + (i + 1) * m]
        for j in range(m):
            noise[j] += square * row[j]
    normals(state.counter, work.normal, m + 1)
    common = np.sqrt(power * float32(circuit.reference_variance)) * work.normal[m]
    for j in range(m):
        work.current[j] += np.sqrt(noise[j]) * work.normal[j] - common


@compiled
def multiply_transposed(circuit, state, work, layer, volts, out):
    """Multiply a layer's signals by the voltages of its bit lines, read on the word lines.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
    layer : int
    volts : (column,) float32 array
        In units of the read voltage.
    out : (row,) float32 array, ranges
        Takes the products.
    """
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    step, at = circuit.step_back[layer], circuit.column_edge_at[layer]
    tiles = circuit.column_edge_at[layer + 1] - at - 1
    lanes = np.zeros(LANES, np.float32)
    top = float32(circuit.top_signed)
    for i in range(n):
        out[i] = 0
    for tile in range(tiles):
        left, right = circuit.column_edges[at + tile], circuit.column_edges[at + tile + 1]
        power = float32(0)
        for j in range(left, right):
            power += volts[j] * volts[j]
        if circuit.noisy or circuit.adc_noise > 0:
            normals(state.counter, work.normal, 2 * n)
        current, noise = work.current, work.noise
        for i in range(n):
            row = state.signal[start + i * m : start + (i + 1) * m]
            current[i] = dot(row, volts, left, right, lanes)
            noise[i] = (
                float32(circuit.adc_noise) * work.normal[n + i] if circuit.adc_noise > 0 else 0
            )
            if circuit.noisy:
                spread = state.variance[start + i * m : start + (i + 1) * m]
                variance = power * float32(circuit.reference_variance)
                for j in range(left, right):
                    variance += volts[j] * volts[j] * spread[j]
                current[i] += np.sqrt(variance) * work.normal[i]
        if step == 0:
            for i in range(n):
                out[i] += current[i]
            continue
        reach = step
        while circuit.managed and beyond(current, noise, reach, -top, top, n):
            reach *= float32(2)
        for i in range(n):
            code = np.rint(current[i] / reach + noise[i])
            out[i] += min(max(code, -top), top) * reach


@compiled
def dot(a, b, left, right, lanes):
    """Dot product of a[left:right] and b[left:right], in LANES sums at a time.

    Parameters
    ----------
    a : (n,) float32 array
    b : (n,) float32 array
    left : int
    right : int
    lanes : (LANES,) float32 array
        Scratch memory.

    Returns
    -------
    float32
    """
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
