"""Loops over cells and lines of a wired array, compiled by numba on first use and kept on disk.

Strict IEEE arithmetic. Import this module where it is called: numba takes half a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_compiled = njit(cache=True, error_model="numpy")

LANES = 64  # blocks that are computed side by side, in vector registers
_PATIENCE = 200  # iterations without halving the residual's square, after which it is given up


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

    Solves (1 + R G) x = C1 u1 - R C2 u2 and y = C2 u2 + G x, see `matsweep.crossbar.ports`.
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
    the memory it needs, see `leaf_plan`; out (block, port, port).
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
                for j in range(ports):
                    k, h = _lower(i, j)
                    out[start + w, i, j] = result[k, h, w]


@_compiled
def gather(source, rows, columns, out):
    """Copy source[…, rows, columns] to out; both have three leading axes."""
    for a in range(source.shape[0]):
        for b in range(source.shape[1]):
            for c in range(source.shape[2]):
                for i in range(rows.size):
                    line, target = source[a, b, c, rows[i]], out[a, b, c, i]
                    for j in range(columns.size):
                        target[j] = line[columns[j]]


@_compiled
def add_gathered(source, rows, columns, out):
    """Add source[…, rows, columns] to out; both have three leading axes."""
    for a in range(source.shape[0]):
        for b in range(source.shape[1]):
            for c in range(source.shape[2]):
                for i in range(rows.size):
                    line, target = source[a, b, c, rows[i]], out[a, b, c, i]
                    for j in range(columns.size):
                        target[j] += line[columns[j]]


@_compiled
def _fractions(g, before, out, end):
    """Look along lines, from their far ends to their near ones.

    out = 1 / (1 + r G) is the share of a voltage that passes the segment before a cell, G being
    the conductance that the cell and all beyond it show. `end` (line,) is the conductance at the
    far end.
    """
    lines, cells = g.shape
    for i in range(lines):
        beyond = end[i]
        for j in range(cells - 1, -1, -1):
            beyond += g[i, j]
            out[i, j] = 1 / (1 + before[i, j] * beyond)
            beyond *= out[i, j]


@_compiled
def _along(push, near, far, before, passed, out):
    """Compute voltages of lines, four at a time: each is a chain of its own.

    Currents `push` (line, cell) flow in at the cells, near (line,) is the voltage at the near
    end, far (line,) a current flowing in at the far one.
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


@_compiled
def _fractions_down(g, below, out):
    """Do as `_fractions` for bit lines, seen from below: out (row, column)."""
    rows, columns = g.shape
    seen = np.zeros(columns, g.dtype)
    for i in range(rows):
        for j in range(columns):
            seen[j] += g[i, j]
            out[i, j] = 1 / (1 + below[i, j] * seen[j])
            seen[j] *= out[i, j]


@_compiled
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


@_compiled
def _lowered(flow, below):
    """Move what flows into a bit line above segments without resistance to below them."""
    rows, columns = flow.shape
    for i in range(rows):
        for j in range(columns):
            if below[i, j] == 0:
                if i < rows - 1:
                    flow[i + 1, j] += flow[i, j]
                flow[i, j] = 0


@_compiled
def _squared(values):
    total = values.dtype.type(0)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += values[i, j] * values[i, j]
    return total


@_compiled
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

    Returns the number of iterations, and an estimate of the error: the residual over the currents,
    times the longest step that was taken, the inverse of the least stiffness that was met. Infinite
    if rounding errors broke the iteration off.
    """
    rows, columns = g.shape
    passed = np.empty_like(g)
    _fractions(g, word, passed, far_conductance)
    falling = np.empty_like(g)
    _fractions_down(g, below, falling)
    still = np.zeros(rows, g.dtype)
    push = np.empty_like(g)
    far = near * far_conductance
    # Residual: currents that devices give less those that flow into the bit lines.
    for i in range(rows):
        for j in range(columns):
            push[i, j] = g[i, j] * bit[i, j] - extra[i, j]
    _along(push, near, far, word, passed, w)
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
        _along(push, still, still, word, passed, image)
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
    _along(push, near, far, word, passed, w)
    if ideal:
        for i in range(rows):
            for j in range(columns):
                flow[i, j] = g[i, j] * (w[i, j] - bit[i, j]) + extra[i, j]
    if scale > 0 or np.isnan(scale):
        return count, np.sqrt(left / scale) * longest
    return count, g.dtype.type(0)


@_compiled
def arriving(g, before, end, out):
    """Compute voltages along lines with 1 V at their near ends, and at their far ones behind `end`.

    Parameters: g, out (batch, line, cell); before (line, cell); end (line,), a conductance.
    """
    lines = g.shape[1]
    passed, seen = np.empty(g.shape[1:]), np.empty(g.shape[1:])
    still, near = np.zeros(g.shape[1:]), np.ones(lines)
    for batch in range(g.shape[0]):
        _fractions(g[batch], before, passed, end)
        _along(still, near, end, before, passed, seen)
        for i in range(lines):
            for j in range(g.shape[2]):
                out[batch, i, j] = seen[i, j]


@_compiled
def star_mesh(between, total):
    """Eliminate the first nodes of a network, as far as these see each other.

    Parameters: between (node, node) conductances, of which those right of the diagonal count;
    total (eliminated,), result: what each saw when it went. Its row then holds what it saw of
    those behind it; what that adds between the nodes that stay is one product, left to the caller.
    """
    size = between.shape[0]
    count = total.size
    for node in range(count):
        whole = 0.0
        for other in range(node + 1, size):
            whole += between[node, other]
        total[node] = whole
        for other in range(node + 1, count):
            if between[node, other] > 0:
                share = between[node, other] / whole
                for third in range(other + 1, size):
                    between[other, third] += share * between[node, third]


@_compiled
def push_currents(ids, star, total, flowing):
    """Hand on the currents (id, sample) that flow into eliminated nodes to those that they saw."""
    for node in range(total.size):
        if total[node] > 0:
            source = flowing[ids[node]]
            for other in range(node + 1, ids.size):
                share = star[node, other] / total[node]
                if share > 0:
                    target = flowing[ids[other]]
                    for sample in range(source.size):
                        target[sample] += share * source[sample]


@_compiled
def pull_voltages(ids, star, total, flowing, voltage):
    """Compute the voltages (id, sample) of eliminated nodes from those that they saw."""
    for node in range(total.size - 1, -1, -1):
        if total[node] > 0:
            target, source = voltage[ids[node]], flowing[ids[node]]
            for sample in range(source.size):
                target[sample] = source[sample] / total[node]
            for other in range(node + 1, ids.size):
                share = star[node, other] / total[node]
                if share > 0:
                    seen = voltage[ids[other]]
                    for sample in range(source.size):
                        target[sample] += share * seen[sample]
