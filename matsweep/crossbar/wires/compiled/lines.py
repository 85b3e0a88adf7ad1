"""Word lines as separate chains of cells, solved one by one."""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled


@compiled
def fractions(g, before, out, end):
    """Write the shares of a voltage that pass each segment, from the far ends of lines to the near.

    out = 1 / (1 + r G), G being the conductance of the cell and of all beyond it.

    Parameters
    ----------
    g : (line, cell) array, S
    before : (line, cell) array, Ω
        Segment before each cell.
    out : (line, cell) array
        Written.
    end : (line,) array, S
        Conductance at the far end.
    """
    lines, cells = g.shape
    for i in range(lines):
        beyond = end[i]
        for j in range(cells - 1, -1, -1):
            beyond += g[i, j]
            out[i, j] = 1 / (1 + before[i, j] * beyond)
            beyond *= out[i, j]


@compiled
def along(push, near, far, before, passed, out):
    """Compute voltages of lines, four at a time: each is a separate chain.

    Thomas' algorithm: currents are summed from the far end to the near one, voltages back.

    Parameters
    ----------
    push : (line, cell) array, A
        Currents that flow in at the cells.
    near : (line,) array, V
        At the near ends.
    far : (line,) array, A
        Current that flows in at the far ends.
    before : (line, cell) array, Ω
    passed : (line, cell) array
        From `fractions`.
    out : (line, cell) array, V
        Written.
    """
    lines, cells = push.shape
    whole = lines - lines % 4
    for i in range(0, whole, 4):
        a, b, c, d = far[i], far[i + 1], far[i + 2], far[i + 3]
        for j in range(cells - 1, -1, -1):
            a, b = a + push[i, j], b + push[i + 1, j]
            c, d = c + push[i + 2, j], d + push[i + 3, j]
            out[i, j], out[i + 1, j], out[i + 2, j], out[i + 3, j] = a, b, c, d
            a, b = a * passed[i, j], b * passed[i + 1, j]
            c, d = c * passed[i + 2, j], d * passed[i + 3, j]
        a, b, c, d = near[i], near[i + 1], near[i + 2], near[i + 3]
        for j in range(cells):
            a = passed[i, j] * (a + before[i, j] * out[i, j])
            b = passed[i + 1, j] * (b + before[i + 1, j] * out[i + 1, j])
            c = passed[i + 2, j] * (c + before[i + 2, j] * out[i + 2, j])
            d = passed[i + 3, j] * (d + before[i + 3, j] * out[i + 3, j])
            out[i, j], out[i + 1, j], out[i + 2, j], out[i + 3, j] = a, b, c, d
    for i in range(whole, lines):
        a = far[i]
        for j in range(cells - 1, -1, -1):
            a += push[i, j]
            out[i, j] = a
            a *= passed[i, j]
        a = near[i]
        for j in range(cells):
            a = passed[i, j] * (a + before[i, j] * out[i, j])
            out[i, j] = a


@compiled
def arriving(g, before, end, out):
    """Compute voltages along lines with 1 V at their near ends, and at their far ones behind `end`.

    Parameters
    ----------
    g : (batch, line, cell) array, S
    before : (line, cell) array, Ω
    end : (line,) array, S
    out : (batch, line, cell) array, V
        Written.
    """
    lines = g.shape[1]
    passed, voltages = np.empty(g.shape[1:]), np.empty(g.shape[1:])
    still, near = np.zeros(g.shape[1:]), np.ones(lines)
    for batch in range(g.shape[0]):
        fractions(g[batch], before, passed, end)
        along(still, near, end, before, passed, voltages)
        for i in range(lines):
            for j in range(g.shape[2]):
                out[batch, i, j] = voltages[i, j]
