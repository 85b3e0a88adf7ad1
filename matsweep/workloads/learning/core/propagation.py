"""Forward and backward propagation of one sample, position by position in convolutions."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.converters import applied, bounded
from matsweep.workloads.learning.core.maps import gather, pool, scatter, unpool
from matsweep.workloads.learning.core.reads import multiply, multiply_transposed
from matsweep.workloads.learning.core.structures import (
    INPUT,
    OUTPUT,
    POOLED,
    POOLS,
    POSITIONS,
    RELU,
    SIGMOID,
    SQUARED,
    TANH,
)


@compiled
def load(circuit, images, sample, active):
    """Write a sample into the first layer's inputs, with the bias if there is one.

    Parameters
    ----------
    circuit : Circuit
    images : (sample, input) float32 array
    sample : int
    active : (position and row of any layer,) float32 array
        Takes the inputs.
    """
    gather(circuit.tables, circuit.grid[0], circuit.rows[0], circuit.bias, images[sample], active)


@compiled
def sample(circuit, work, layer, b):
    """Select the inputs of one of a layer's products and the errors of its sums, as views.

    Parameters
    ----------
    circuit : Circuit
    work : Work
    layer : int
    b : int
        Place of the product in the batch: each sample has one for each position of the layer.

    Returns
    -------
    active : (row,) float32 array
    error : (column,) float32 array
    """
    n, m, positions = circuit.rows[layer], circuit.columns[layer], circuit.grid[layer, POSITIONS]
    held, position = b // positions, b % positions
    at, to = circuit.grid[layer, INPUT] + position * n, circuit.grid[layer, OUTPUT] + position * m
    return work.active[held, at : at + n], work.error[held, to : to + m]


@compiled
def forward(circuit, state, work, active):
    """Run one sample through all layers.

    Each layer's sums before the activation, in weights times inputs, are left in work.sums, the
    activated values in work.values.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
    active : (position and row of any layer,) float32 array
        The first layer's inputs; takes those of the others.

    Returns
    -------
    int
        Conversions that saturated.
    """
    layers = circuit.rows.shape[0]
    saturated = 0
    for layer in range(layers):
        n, m, grid = circuit.rows[layer], circuit.columns[layer], circuit.grid[layer]
        for position in range(grid[POSITIONS]):
            at = grid[INPUT] + position * n
            inputs = active[at : at + n]
            volts = work.volts[at : at + n]
            scale = float32(1)
            if layer > 0 and circuit.hidden == RELU:
                scale = applied(inputs, circuit.dac_steps, volts)
            elif layer > 0 and circuit.hidden == TANH:
                bounded(inputs, circuit.dac_steps_signed, volts)
            else:
                bounded(inputs, circuit.dac_steps, volts)
            to = grid[OUTPUT] + position * m
            sums = work.sums[to : to + m]
            saturated += multiply(circuit, state, work, layer, volts, sums)
            gain = circuit.gain[layer] * scale
            for j in range(m):
                sums[j] *= gain
        if layer == layers - 1:
            return saturated
        start, end = grid[OUTPUT], circuit.grid[layer + 1, OUTPUT]
        sums, values = work.sums[start:end], work.values[start:end]
        for k in range(end - start):
            z = sums[k]
            if circuit.hidden == SIGMOID:
                values[k] = float32(1) / (float32(1) + np.exp(-z))
            elif circuit.hidden == TANH:
                values[k] = np.tanh(z)
            else:
                values[k] = max(z, float32(0))
        if grid[POOLS] >= 0:
            pool(circuit.tables, grid, m, work.values, work.chosen, work.map)
            values = work.map[: grid[POOLED] * m]
        above = circuit.grid[layer + 1]
        gather(circuit.tables, above, circuit.rows[layer + 1], circuit.bias, values, active)
    return saturated


@compiled
def output_error(circuit, z, label, error):
    """Write the derivative of the loss by the last layer's sums.

    Squared: (y - t)² summed over sigmoid outputs y; else the cross-entropy of softmax.

    Parameters
    ----------
    circuit : Circuit
    z : (class,) float32 array
        The last layer's sums.
    label : int
    error : (class,) float32 array
        Takes the derivative.

    Returns
    -------
    None
    """
    m = circuit.columns[circuit.columns.shape[0] - 1]
    if circuit.output == SQUARED:
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


@compiled
def backward(circuit, state, work, error):
    """Propagate the last layer's errors down to the first layer's sums, by transposed reads.

    Each position of a convolution is one transposed read, whose results are added where windows
    overlap. A position without any error is not read.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
        `values` and `chosen` are from `forward`.
    error : (position and column of any layer,) float32 array
        Derivatives of the loss by each layer's sums: the last layer's are given, the others
        written.
    """
    steps = circuit.dac_steps_signed if circuit.analog_backward else 0.0
    for layer in range(circuit.rows.shape[0] - 1, 0, -1):
        m, grid, below = circuit.columns[layer], circuit.grid[layer], circuit.grid[layer - 1]
        inputs, under = circuit.rows[layer] - circuit.bias, circuit.columns[layer - 1]
        back = work.map[: below[POOLED] * under]
        for k in range(back.shape[0]):
            back[k] = 0
        for position in range(grid[POSITIONS]):
            at = grid[OUTPUT] + position * m
            volts = work.volts[:m]
            scale = applied(error[at : at + m], steps, volts)
            if scale > 0:
                multiply_transposed(circuit, state, work, layer, volts, work.output)
                scatter(
                    circuit.tables, grid, position, inputs, work.output, scale,
                    circuit.gain[layer], back,
                )  # fmt: skip
        lower = error[below[OUTPUT] : grid[OUTPUT]]
        values = work.values[below[OUTPUT] : grid[OUTPUT]]
        if below[POOLS] >= 0:
            unpool(circuit.tables, below, under, back, work.chosen, error)
        else:
            for k in range(back.shape[0]):
                lower[k] = back[k]
        for k in range(lower.shape[0]):
            a = values[k]
            if circuit.hidden == SIGMOID:
                slope = a * (float32(1) - a)
            elif circuit.hidden == TANH:
                slope = float32(1) - a * a
            else:
                slope = float32(a > 0)
            lower[k] *= slope
