"""Voltages on the lines, and the conversion of currents."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled


@compiled
def stepped(value, steps):
    """Round a voltage to a converter's steps, the middle of two away from zero.

    As published for one bit: a hidden unit at 0.5, which coarse sums often leave it at, is on.
    """
    return np.copysign(np.floor(abs(value) * steps + float32(0.5)), value) / steps


@compiled
def applied(values, steps, volts):
    """Write the voltages (line,) of values, in units of the largest; return the largest.

    steps: of the DAC's positive side, 0 for exact voltages.
    """
    largest = float32(0)
    for i in range(values.shape[0]):
        largest = max(largest, abs(values[i]))
    if largest == 0:
        for i in range(values.shape[0]):
            volts[i] = 0
        return largest
    for i in range(values.shape[0]):
        if steps > 0:
            volts[i] = stepped(values[i] / largest, float32(steps))
        else:
            volts[i] = values[i] / largest
    return largest


@compiled
def bounded(values, steps, volts):
    """Write the voltages (line,) of values in [-1, 1], in units of the largest voltage."""
    for i in range(values.shape[0]):
        volts[i] = values[i]
        if steps > 0:
            volts[i] = stepped(values[i], float32(steps))


@compiled
def beyond(current, noise, step, low, top, number):
    """Count the currents, of the first `number`, whose codes are outside low … top.

    current, noise (column,): in ranges, and in steps. step: the converter's, in ranges.
    """
    over = 0
    for j in range(number):
        code = np.rint(current[j] / step + noise[j])
        over += code > top or code < low
    return over


@compiled
def errors_at(circuit, layer):
    """Return the first place of a layer in the arrays of column gains and offsets."""
    place = 0
    for before in range(layer):
        tiles = circuit.row_edge_at[before + 1] - circuit.row_edge_at[before] - 1
        place += tiles * circuit.columns[before]
    return place
