"""Forward and backward propagation of one sample."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.converters import applied, bounded
from matsweep.workloads.learning.core.reads import multiply, multiply_transposed
from matsweep.workloads.learning.core.structures import RELU, SIGMOID, SQUARED, TANH


@compiled
def load(circuit, images, sample, active):
    """Write a sample into the first layer's inputs, with the bias if there is one.

    Parameters
    ----------
    circuit : Circuit
    images : (sample, input) float32 array
    sample : int
    active : (row of any layer,) float32 array
        Takes the inputs.
    """
    inputs = images.shape[1]
    for i in range(inputs):
        active[i] = images[sample, i]
    if circuit.bias:
        active[inputs] = 1


@compiled
def sample(circuit, work, layer, b):
    """Select a layer's inputs and its sums' errors of one sample, as views.

    Parameters
    ----------
    circuit : Circuit
    work : Work
    layer : int
    b : int
        Place of the sample in the batch.

    Returns
    -------
    active : (row,) float32 array
    error : (column,) float32 array
    """
    at, to = circuit.first_row[layer], circuit.first_column[layer]
    active = work.active[b, at : at + circuit.rows[layer]]
    return active, work.error[b, to : to + circuit.columns[layer]]


@compiled
def forward(circuit, state, work, active):
    """Run one sample through all layers.

    Each layer's sums before the activation, in weights times inputs, are left in work.sums.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
    active : (row of any layer,) float32 array
        The first layer's inputs; takes those of the others.

    Returns
    -------
    int
        Conversions that saturated.
    """
    layers = circuit.rows.shape[0]
    saturated = 0
    for layer in range(layers):
        n, m, at = circuit.rows[layer], circuit.columns[layer], circuit.first_row[layer]
        inputs = active[at : at + n]
        volts = work.volts[at : at + n]
        scale = float32(1)
        if layer > 0 and circuit.hidden == RELU:
            scale = applied(inputs, circuit.dac_steps, volts)
        elif layer > 0 and circuit.hidden == TANH:
            bounded(inputs, circuit.dac_steps_signed, volts)
        else:
            bounded(inputs, circuit.dac_steps, volts)
        to = circuit.first_column[layer]
        sums = work.sums[to : to + m]
        saturated += multiply(circuit, state, work, layer, volts, sums)
        gain = circuit.gain[layer] * scale
        for j in range(m):
            sums[j] *= gain
        if layer == layers - 1:
            return saturated
        after = circuit.first_row[layer + 1]
        for j in range(m):
            z = sums[j]
            if circuit.hidden == SIGMOID:
                active[after + j] = float32(1) / (float32(1) + np.exp(-z))
            elif circuit.hidden == TANH:
                active[after + j] = np.tanh(z)
            else:
                active[after + j] = max(z, float32(0))
        if circuit.bias:
            active[after + m] = 1
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
def backward(circuit, state, work, active, error):
    """Propagate the last layer's errors down to the first layer's sums, by transposed reads.

    Parameters
    ----------
    circuit : Circuit
    state : State
    work : Work
    active : (row of any layer,) float32 array
        From `forward`.
    error : (column of any layer,) float32 array
        Derivatives of the loss by each layer's sums: the last layer's are given, the others
        written.
    """
    for layer in range(circuit.rows.shape[0] - 1, 0, -1):
        n, m = circuit.rows[layer], circuit.columns[layer]
        at, below = circuit.first_column[layer], circuit.first_column[layer - 1]
        above = error[at : at + m]
        volts = work.volts[:m]
        scale = applied(above, circuit.dac_steps_signed if circuit.analog_backward else 0.0, volts)
        result = work.output
        if scale > 0:
            multiply_transposed(circuit, state, work, layer, volts, result)
        else:
            for i in range(n):
                result[i] = 0
        inputs = active[circuit.first_row[layer] : circuit.first_row[layer] + n]
        for i in range(n - circuit.bias):
            a = inputs[i]
            if circuit.hidden == SIGMOID:
                slope = a * (float32(1) - a)
            elif circuit.hidden == TANH:
                slope = float32(1) - a * a
            else:
                slope = float32(a > 0)
            error[below + i] = result[i] * scale * circuit.gain[layer] * slope
