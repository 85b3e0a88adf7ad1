"""One sample forward and its error back."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.converters import applied, bounded
from matsweep.workloads.learning.core.reads import multiply, multiply_transposed
from matsweep.workloads.learning.core.structures import RELU, SIGMOID, SQUARED, TANH


@compiled
def load(net, images, sample, active):
    """Write a sample into the first layer's inputs, with the bias if there is one."""
    inputs = images.shape[1]
    for i in range(inputs):
        active[i] = images[sample, i]
    if net.bias:
        active[inputs] = 1


@compiled
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
            scale = applied(inputs, net.dac_steps, volts)
        elif layer > 0 and net.hidden == TANH:
            bounded(inputs, net.dac_steps_signed, volts)
        else:
            bounded(inputs, net.dac_steps, volts)
        to = net.first_column[layer]
        sums = work.sums[to : to + m]
        saturated += multiply(net, state, work, layer, volts, sums)
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


@compiled
def output_error(net, z, label, error):
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


@compiled
def backward(net, state, work, active, error):
    """Carry the last layer's errors down to the first layer's sums."""
    for layer in range(net.rows.shape[0] - 1, 0, -1):
        n, m = net.rows[layer], net.columns[layer]
        at, below = net.first_column[layer], net.first_column[layer - 1]
        above = error[at : at + m]
        volts = work.volts[:m]
        scale = applied(above, net.dac_steps_signed if net.analog_backward else 0.0, volts)
        result = work.output
        if scale > 0:
            multiply_transposed(net, state, work, layer, volts, result)
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
