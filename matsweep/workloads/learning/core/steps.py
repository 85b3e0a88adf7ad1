"""What one pulse does to a state, by the form of its device."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.draws import uniform
from matsweep.workloads.learning.core.structures import AFFINE, EXPONENTIAL, POWER


@compiled
def looked_up(grid, values, x):
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


@compiled
def one_step(devices, at, x, up, counter):
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
    row, along = looked_up(devices.states, devices.table, x)
    column, across = looked_up(devices.probabilities, devices.table, uniform(counter))
    below = min(row + 1, devices.states.shape[0] - 1)
    beside = min(column + 1, devices.probabilities.shape[0] - 1)
    t = devices.table[way]
    first = t[row, column] * (float32(1) - across) + t[row, beside] * across
    second = t[below, column] * (float32(1) - across) + t[below, beside] * across
    return p[way] * (first * (float32(1) - along) + second * along)


@compiled
def interpolated(table, x):
    """Return what a table at evenly spaced states from 0 to 1 holds at x."""
    place = x * float32(table.shape[0] - 1)
    index = max(min(int(place), table.shape[0] - 2), 0)
    return table[index] + (place - float32(index)) * (table[index + 1] - table[index])
