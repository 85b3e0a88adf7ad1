"""Responses of small blocks of cells, many side by side in vector registers."""

from __future__ import annotations

import numpy as np
from numba import njit

_compiled = njit(cache=True, error_model="numpy")

LANES = 64  # blocks that are computed side by side


@_compiled
def _cell(out, g, word, bit):
    """Write a cell's response (4, 4, lane), lower triangle; ports left, right, top, bottom.

    With i = g (v_left - r j_right - v_bottom + s j_top) / (1 + g (r + s)), written without
    differences that would cancel where a segment is broken.
    """
    for w in range(LANES):
        r, s = word[w], bit[w]
        if np.isfinite(g[w]):
            whole = 1 + g[w] * (r + s)
            through, without = g[w] / whole, 1 / whole
        else:
            through, without = 1 / (r + s), g.dtype.type(0)
        ahead, upward = without + through * s, without + through * r
        out[0, 0, w] = through
        out[1, 0, w] = ahead
        out[1, 1, w] = -r * ahead
        out[2, 0, w] = through * s
        out[2, 1, w] = -through * r * s
        out[2, 2, w] = -s * upward
        out[3, 0, w] = -through
        out[3, 1, w] = through * r
        out[3, 2, w] = upward
        out[3, 3, w] = through


@_compiled
def _lower(i, j):
    """Return a place in the lower triangle of a symmetric matrix: only that is kept."""
    return max(i, j), min(i, j)


@_compiled
def _ports(rows, columns, port):
    """Return where a port begins among a block's, and how many lines it has."""
    if port < 2:
        return port * rows, rows
    return 2 * rows + (port - 2) * columns, columns


@_compiled
def _multiply(a, b, first, last, lines, out):
    """Write, lane by lane, the product of a (line, line, lane) and columns of b."""
    for i in range(lines):
        for j in range(first, last):
            for w in range(LANES):
                out[i, j, w] = a[i, 0, w] * b[0, j, w]
            for m in range(1, lines):
                for w in range(LANES):
                    out[i, j, w] += a[i, m, w] * b[m, j, w]


@_compiled
def _eliminate(matrix, right, lines, ports):
    """Solve in place, lane by lane: right (line, port, lane) becomes matrix^-1 right."""
    for c in range(lines):
        for w in range(LANES):
            matrix[c, c, w] = 1 / matrix[c, c, w]
        for i in range(c + 1, lines):
            for w in range(LANES):
                matrix[i, c, w] *= matrix[c, c, w]
            for j in range(c + 1, lines):
                for w in range(LANES):
                    matrix[i, j, w] -= matrix[i, c, w] * matrix[c, j, w]
            for j in range(ports):
                for w in range(LANES):
                    right[i, j, w] -= matrix[i, c, w] * right[c, j, w]
    for c in range(lines - 1, -1, -1):
        for j in range(ports):
            for i in range(c + 1, lines):
                for w in range(LANES):
                    right[c, j, w] -= matrix[c, i, w] * right[i, j, w]
            for w in range(LANES):
                right[c, j, w] *= matrix[c, c, w]


@_compiled
def _open_ports(shape1, shape2, far, near, place, source):
    """Find the ports that stay open: their places in the result, and in the block they are of.

    Returns how many the first block has, and how many there are.
    """
    sideways = far == 1
    rows = shape1[0] if sideways else shape1[0] + shape2[0]
    columns = shape1[1] + shape2[1] if sideways else shape1[1]
    count = ports1 = 0
    for which in range(2):
        shape = shape1 if which == 0 else shape2
        for port in range(4):
            if port == (far if which == 0 else near):
                continue
            at, size = _ports(shape[0], shape[1], port)
            target, whole = _ports(rows, columns, port)
            # Lines run left to right and top to bottom: of two blocks side by side the second
            # is the right one, of two above each other the upper one.
            if whole > size and sideways and which == 1:
                target += shape1[1]
            if whole > size and not sideways and which == 0:
                target += shape2[0]
            for line in range(size):
                place[count], source[count] = target + line, at + line
                count += 1
        if which == 0:
            ports1 = count
    return ports1, count


@_compiled
def _join(first, second, result, shape1, shape2, kind, scratch):
    """Join two blocks (port, port, lane): side by side (kind 0), or one upon the other (1).

    Solves (1 + R G) x = C1 u1 - R C2 u2 and y = C2 u2 + G x, see `matsweep.crossbar.join`.
    """
    resistance, conductance, loop, ahead, voltage, current, place, source = scratch
    far, near = (1, 0) if kind == 0 else (2, 3)
    far_at, lines = _ports(shape1[0], shape1[1], far)
    near_at, _ = _ports(shape2[0], shape2[1], near)
    ports1, count = _open_ports(shape1, shape2, far, near, place, source)
    for i in range(lines):
        for j in range(lines):
            far1, far2 = _lower(far_at + i, far_at + j)
            near1, near2 = _lower(near_at + i, near_at + j)
            for w in range(LANES):
                resistance[i, j, w] = -first[far1, far2, w]
                conductance[i, j, w] = second[near1, near2, w]
        for j in range(count):
            origin, end = (first, far_at) if j < ports1 else (second, near_at)
            k, h = _lower(end + i, source[j])
            for w in range(LANES):
                ahead[i, j, w] = origin[k, h, w]
    _multiply(resistance, conductance, 0, lines, lines, loop)
    for i in range(lines):
        for w in range(LANES):
            loop[i, i, w] += 1
        for j in range(ports1):
            for w in range(LANES):
                voltage[i, j, w] = ahead[i, j, w]
    _multiply(resistance, ahead, ports1, count, lines, voltage)
    for i in range(lines):
        for j in range(ports1, count):
            for w in range(LANES):
                voltage[i, j, w] = -voltage[i, j, w]
    _eliminate(loop, voltage, lines, count)
    _multiply(conductance, voltage, 0, ports1, lines, current)
    for i in range(count):
        origin, through = (first, current) if i < ports1 else (second, voltage)
        for j in range(i + 1):
            row, column = _lower(place[i], place[j])
            if (i < ports1) == (j < ports1):
                k, h = _lower(source[i], source[j])
                for w in range(LANES):
                    result[row, column, w] = origin[k, h, w]
            else:
                for w in range(LANES):
                    result[row, column, w] = 0
            for m in range(lines):
                for w in range(LANES):
                    result[row, column, w] += ahead[m, i, w] * through[m, j, w]


@_compiled
def _view(pool, offset, ports):
    size = ports * ports * LANES
    return pool[offset * LANES : offset * LANES + size].reshape(ports, ports, LANES)


@_compiled
def leaves(conductance, word, bit, offset, plan, size, out):
    """Compute the responses of small blocks of cells.

    Parameters: conductance (block, row, column), word and bit (position, row, column), where
    (offset + block) % position says where in the array a block lies; plan (step, 9) and size of
    the memory it needs, see `_leaf_plan`; out (block, port, port).
    """
    blocks, rows, columns = conductance.shape
    positions = word.shape[0]
    pool = np.empty(size * LANES, conductance.dtype)
    ports, most = 2 * (rows + columns), max(rows, columns)
    resistance = np.empty((most, most, LANES), conductance.dtype)
    ahead = np.empty((most, ports, LANES), conductance.dtype)
    places = np.empty(ports, np.int64)
    scratch = (
        resistance,
        np.empty_like(resistance),
        np.empty_like(resistance),
        ahead,
        np.empty_like(ahead),
        np.empty_like(ahead),
        places,
        np.empty_like(places),
    )
    g = np.empty(LANES, conductance.dtype)
    r, s = np.empty_like(g), np.empty_like(g)
    for start in range(0, blocks, LANES):
        for step in range(plan.shape[0]):
            kind, target = plan[step, 0], plan[step, 1]
            if kind < 0:
                i, j = plan[step, 2], plan[step, 3]
                for w in range(LANES):
                    block = min(start + w, blocks - 1)
                    g[w] = conductance[block, i, j]
                    r[w] = word[(offset + block) % positions, i, j]
                    s[w] = bit[(offset + block) % positions, i, j]
                _cell(_view(pool, target, 4), g, r, s)
                continue
            shape1 = (plan[step, 4], plan[step, 5])
            shape2 = (plan[step, 6], plan[step, 7])
            first = _view(pool, plan[step, 2], 2 * (shape1[0] + shape1[1]))
            second = _view(pool, plan[step, 3], 2 * (shape2[0] + shape2[1]))
            result = _view(pool, target, plan[step, 8])
            _join(first, second, result, shape1, shape2, kind, scratch)
        last = plan.shape[0] - 1
        ports = plan[last, 8]
        result = _view(pool, plan[last, 1], ports)
        for w in range(min(LANES, blocks - start)):
            for i in range(ports):
                for j in range(i, ports):
                    out[start + w, i, j] = result[j, i, w]
