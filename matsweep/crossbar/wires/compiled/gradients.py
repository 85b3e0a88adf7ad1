"""Conjugate gradients on the voltages of the bit lines."""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.lines import along, fractions

_PATIENCE = 200  # iterations without halving the residual's square, after which it stops


@compiled
def fractions_down(g, below, out):
    """Write `lines.fractions` of bit lines, from their tops to their grounded ends.

    Parameters
    ----------
    g : (row, column) array, S
        Conductance to ground at each cell.
    below : (row, column) array, Ω
        Segment below each cell.
    out : (row, column) array
        Share of a voltage that passes the segment.
    """
    rows, columns = g.shape
    above = np.zeros(columns, g.dtype)
    for i in range(rows):
        for j in range(columns):
            above[j] += g[i, j]
            out[i, j] = 1 / (1 + below[i, j] * above[j])
            above[j] *= out[i, j]


@compiled
def _down(push, below, passed, out):
    """Compute voltages of bit lines, grounded below, into which currents (row, column) flow.

    Thomas' algorithm along each line, with the shares of `fractions_down` in `passed`.
    """
    rows, columns = push.shape
    for j in range(columns):
        out[0, j] = push[0, j]
    for i in range(1, rows):
        for j in range(columns):
            out[i, j] = push[i, j] + passed[i - 1, j] * out[i - 1, j]
    for j in range(columns):
        out[rows - 1, j] = passed[rows - 1, j] * below[rows - 1, j] * out[rows - 1, j]
    for i in range(rows - 2, -1, -1):
        for j in range(columns):
            out[i, j] = passed[i, j] * (out[i + 1, j] + below[i, j] * out[i, j])


@compiled
def _lowered(flow, below):
    """Move currents from above segments without resistance to below them."""
    rows, columns = flow.shape
    for i in range(rows):
        for j in range(columns):
            if below[i, j] == 0:
                if i < rows - 1:
                    flow[i + 1, j] += flow[i, j]
                flow[i, j] = 0


@compiled
def _squared(values):
    total = values.dtype.type(0)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += values[i, j] * values[i, j]
    return total


@compiled
def solve_array(g, extra, near, far_conductance, word, below, bit, flow, w, tolerance, most):
    """Solve one array by conjugate gradients on its bit lines' voltages.

    Device currents are g (w - b) + extra. Eliminating the word lines exactly leaves
    (B⁻¹ + K) b = K w0, B being the bit lines' resistance, K the word lines' and devices'
    conductance, both solved line by line; the preconditioner (B⁻¹ + diag g)⁻¹ solves the bit
    lines with every word line held. Vectors b come with B⁻¹ b, the currents that flow into the
    bit lines, so that nothing is divided by a resistance. A segment without resistance merges the
    two bit line nodes at its ends, and the current into the upper flows into the lower:
    `_lowered`. Without it the part of the residual that no voltage can change would grow from
    step to step.

    Parameters
    ----------
    g : (row, column) array, S
        Slopes of the devices.
    extra : (row, column) array, A
    near : (row,) array, V
        At the drivers.
    far_conductance : (row,) array, S
        To drivers at the far ends, or 0.
    word : (row, column) array, Ω
        Segment on the left of each cell.
    below : (row, column) array, Ω
        Segment below each cell.
    bit : (row, column) array, V
        First guess and result: voltages of the bit lines.
    flow : (row, column) array, A
        First guess and result: currents into the bit lines.
    w : (row, column) array, V
        Result: voltages of the word lines.
    tolerance : float
        Of the residual, over the device currents.
    most : int
        Iterations.

    Returns
    -------
    float
        Estimate of the error: the residual over the currents, times the longest step taken, the
        inverse of the smallest stiffness met. Infinite if rounding errors ended the iteration.
    """
    rows, columns = g.shape
    passed = np.empty_like(g)
    fractions(g, word, passed, far_conductance)
    falling = np.empty_like(g)
    fractions_down(g, below, falling)
    still = np.zeros(rows, g.dtype)
    push = np.empty_like(g)
    far = near * far_conductance
    # Residual: currents that devices give less those that flow into the bit lines.
    for i in range(rows):
        for j in range(columns):
            push[i, j] = g[i, j] * bit[i, j] - extra[i, j]
    along(push, near, far, word, passed, w)
    residual = np.empty_like(g)
    scale = g.dtype.type(0)
    for i in range(rows):
        for j in range(columns):
            current = g[i, j] * (w[i, j] - bit[i, j]) + extra[i, j]
            residual[i, j] = current - flow[i, j]
            scale += current * current
    z, direction, carried, image = (
        np.empty_like(g),
        np.zeros_like(g),
        np.zeros_like(g),
        np.empty_like(g),
    )
    last, count = g.dtype.type(1), 0
    ideal = (below == 0).any()
    if ideal:
        _lowered(residual, below)
    left = _squared(residual)
    longest, least, best = g.dtype.type(1), left, 0
    while left > tolerance * tolerance * scale and count < most:
        _down(residual, below, falling, z)
        now = g.dtype.type(0)
        for i in range(rows):
            for j in range(columns):
                now += residual[i, j] * z[i, j]
        share = now / last if count > 0 and last > 0 else g.dtype.type(0)
        for i in range(rows):
            for j in range(columns):
                direction[i, j] = z[i, j] + share * direction[i, j]
                carried[i, j] = residual[i, j] - g[i, j] * z[i, j] + share * carried[i, j]
                push[i, j] = g[i, j] * direction[i, j]
        along(push, still, still, word, passed, image)
        bent = g.dtype.type(0)
        for i in range(rows):
            for j in range(columns):
                image[i, j] = carried[i, j] + push[i, j] - g[i, j] * image[i, j]
                bent += direction[i, j] * image[i, j]
        if not (bent > 0 and now > 0) or count - best > _PATIENCE:
            longest = np.inf
            break
        step = now / bent
        longest = max(longest, step)
        for i in range(rows):
            for j in range(columns):
                bit[i, j] += step * direction[i, j]
                flow[i, j] += step * carried[i, j]
                residual[i, j] -= step * image[i, j]
        if ideal:
            _lowered(residual, below)
        left = _squared(residual)
        last = now
        count += 1
        if left < 0.5 * least:
            least, best = left, count
    for i in range(rows):
        for j in range(columns):
            push[i, j] = g[i, j] * bit[i, j] - extra[i, j]
    along(push, near, far, word, passed, w)
    if ideal:
        for i in range(rows):
            for j in range(columns):
                flow[i, j] = g[i, j] * (w[i, j] - bit[i, j]) + extra[i, j]
    if scale > 0 or np.isnan(scale):
        return np.sqrt(left / scale) * longest
    return g.dtype.type(0)
