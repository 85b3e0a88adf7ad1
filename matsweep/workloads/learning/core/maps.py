"""Maps between layers: windows of a map, and pooling, forward and back.

Few arguments each, so that they are compiled into the loops that call them.
"""

from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.workloads.learning.core.structures import (
    AVERAGE,
    INPUT,
    MEMBERS,
    OUTPUT,
    POOLED,
    POOLS,
    POSITIONS,
    TAKEN,
)


@compiled
def gather(tables, grid, rows, bias, values, active):
    """Write the inputs of all positions of a layer, with the bias if there is one.

    Parameters
    ----------
    tables : (n,) int64 array
        From `Circuit`.
    grid : (8,) int64 array
        Of the layer.
    rows : int
        Inputs of a position, with the bias.
    bias : int
        1: the last one is always 1.
    values : (value of the map below,) float32 array
    active : (position and row of any layer,) float32 array
        Takes the inputs.
    """
    inputs = rows - bias
    for position in range(grid[POSITIONS]):
        to = grid[INPUT] + position * rows
        window = active[to : to + rows]
        if grid[TAKEN] < 0:
            for i in range(inputs):
                window[i] = values[i]
        else:
            at = grid[TAKEN] + position * inputs
            places = tables[at : at + inputs]
            for i in range(inputs):
                window[i] = values[places[i]] if places[i] >= 0 else float32(0)
        if bias:
            window[inputs] = 1


@compiled
def scatter(tables, grid, position, inputs, back, scale, gain, total):
    """Add what comes back at a position to the derivatives by the map below, times two factors.

    Parameters
    ----------
    tables : (n,) int64 array
        From `Circuit`.
    grid : (8,) int64 array
        Of the layer.
    position : int
    inputs : int
        Without the bias.
    back : (row,) float32 array
    scale : float32
    gain : float32
    total : (value of the map below,) float32 array
        Changes.

    Returns
    -------
    None
    """
    if grid[TAKEN] < 0:
        for i in range(inputs):
            total[i] += back[i] * scale * gain
        return
    at = grid[TAKEN] + position * inputs
    places = tables[at : at + inputs]
    for i in range(inputs):
        if places[i] >= 0:
            total[places[i]] += back[i] * scale * gain


@compiled
def pool(tables, grid, columns, values, chosen, pooled):
    """Pool a layer's activated values; of equal largest ones, take the first.

    Parameters
    ----------
    tables : (n,) int64 array
        From `Circuit`.
    grid : (8,) int64 array
        Of the layer.
    columns : int
    values : (position and column of any layer,) float32 array
    chosen : (position and column of any layer,) int64 array
        Takes the place of each largest value.
    pooled : (value of a map,) float32 array
        Takes the layer's map.
    """
    start, members = grid[OUTPUT], grid[MEMBERS]
    for square in range(grid[POOLED]):
        at = grid[POOLS] + square * members
        for j in range(columns):
            best = start + tables[at] * columns + j
            total = values[best]
            for member in range(1, members):
                place = start + tables[at + member] * columns + j
                if grid[AVERAGE]:
                    total += values[place]
                elif values[place] > total:
                    best, total = place, values[place]
            k = square * columns + j
            chosen[start + k] = best
            pooled[k] = total / float32(members) if grid[AVERAGE] else total


@compiled
def unpool(tables, grid, columns, back, chosen, error):
    """Carry derivatives by a layer's map back to its values before the pooling.

    Parameters
    ----------
    tables : (n,) int64 array
        From `Circuit`.
    grid : (8,) int64 array
        Of the layer.
    columns : int
    back : (value of the map,) float32 array
    chosen : (position and column of any layer,) int64 array
        From `pool`.
    error : (position and column of any layer,) float32 array
        Takes the layer's.
    """
    start, members = grid[OUTPUT], grid[MEMBERS]
    for k in range(grid[POSITIONS] * columns):
        error[start + k] = 0
    for square in range(grid[POOLED]):
        at = grid[POOLS] + square * members
        for j in range(columns):
            k = square * columns + j
            if not grid[AVERAGE]:
                error[chosen[start + k]] = back[k]
                continue
            for member in range(members):
                place = start + tables[at + member] * columns + j
                error[place] = back[k] / float32(members)
