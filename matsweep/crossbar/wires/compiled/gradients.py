"""Conjugate gradients on the voltages of the bit lines."""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.lines import along, fractions

_PATIENCE = 200  # iterations without halving the residual's square, after which it is given up


@compiled
def fractions_down(g, below, out):
    """Do as `_fractions` for bit lines, seen from below: out (row, column)."""
    rows, columns = g.shape
    seen = np.zeros(columns, g.dtype)
    for i in range(rows):
        for j in range(columns):
            seen[j] += g[i, j]
            out[i, j] = 1 / (1 + below[i, j] * seen[j])
            seen[j] *= out[i, j]


@compiled
def _down(push, below, passed, out):
    """Compute voltages of bit lines, grounded below, into which currents (row, column) flow."""
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
    """Move what flows into a bit line above segments without resistance to below them."""
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
    bit lines, so that nothing is divided by a resistance.

    Parameters: g, extra (row, column); near (row,) voltage at the drivers; far_conductance
    (row,) of drivers at the far ends, or 0; word and below (row, column) resistances; bit and
    flow (row, column), first guess and result: voltages of the bit lines and currents flowing
    into them; w (row, column), result, voltages of the word lines.
    A segment without resistance makes one node of the two bit line nodes at its ends, and what
    flows into the upper flows into the lower: `_lowered`, or the share of the residual that no
    voltage answers to would grow from step to step.

    Returns an estimate of the error: the residual over the currents, times the longest step that
    was taken, the inverse of the least stiffness that was met. Infinite if rounding errors broke
    the iteration off.
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
