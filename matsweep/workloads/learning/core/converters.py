"""Voltages on the lines, and the conversion of currents."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled


@compiled
def stepped(value, steps):
    """Round a voltage to a converter's steps, half a step away from zero.

    As published for one bit: a hidden unit at 0.5, a frequent value with coarse sums, is on.

    Parameters
    ----------
    value : float32
        In units of the largest voltage.
    steps : float32
        Between 0 and the largest voltage.

    Returns
    -------
    float32
        In units of the largest voltage.
    """
    return np.copysign(np.floor(abs(value) * steps + float32(0.5)), value) / steps


@compiled
def applied(values, steps, volts):
    """Write the voltages of values that are scaled to their largest magnitude.

    Parameters
    ----------
    values : (line,) float32 array
    steps : float
        Of the DAC between 0 and the largest voltage; 0: voltages are exact.
    volts : (line,) float32 array
        Takes the voltages, in units of the read voltage.

    Returns
    -------
    float32
        Largest magnitude of the values.
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
    """Write the voltages of values in [-1, 1].

    Parameters
    ----------
    values : (line,) float32 array
    steps : float
        Of the DAC between 0 and the largest voltage; 0: voltages are exact.
    volts : (line,) float32 array
        Takes the voltages, in units of the read voltage.
    """
    for i in range(values.shape[0]):
        volts[i] = values[i]
        if steps > 0:
            volts[i] = stepped(values[i], float32(steps))


@compiled
def beyond(current, noise, step, low, top, number):
    """Count the currents whose codes are outside low … top.

    Parameters
    ----------
    current : (column,) float32 array, ranges
    noise : (column,) float32 array, ADC steps
    step : float32, ranges
        Of the ADC.
    low : float32
        Least code.
    top : float32
        Largest code.
    number : int
        Currents that count: the first ones.

    Returns
    -------
    int
    """
    over = 0
    for j in range(number):
        code = np.rint(current[j] / step + noise[j])
        over += code > top or code < low
    return over


@compiled
def errors_at(circuit, layer):
    """First place of a layer in the arrays of column gains and offsets.

    Parameters
    ----------
    circuit : Circuit
    layer : int

    Returns
    -------
    int
    """
    place = 0
    for before in range(layer):
        tiles = circuit.row_edge_at[before + 1] - circuit.row_edge_at[before] - 1
        place += tiles * circuit.columns[before]
    return place
