"""Responses of small blocks of cells, several in the lanes of vectors."""

from __future__ import annotations

import numpy as np

from matsweep.core.compiled import compiled
from matsweep.crossbar.wires.compiled.lanes import MORE, add_product, invert
from matsweep.crossbar.wires.compiled.steps import clear, complete, copy, lanes, write_quad


@compiled
def _pick(memory, source, step, runs, rows, columns, out, step_out):
    """Copy some lines and columns of a symmetric matrix."""
    for r in range(rows[0], rows[1]):
        first, count, at = runs[r, 0], runs[r, 1] - runs[r, 0], runs[r, 2]
        for c in range(columns[0], columns[1]):
            first2, count2, at2 = runs[c, 0], runs[c, 1] - runs[c, 0], runs[c, 2]
            to = out + at * step_out + at2
            if first < first2:
                for i in range(count):
                    line = source + (first + i) * step + first2
                    copy(memory, (line, to + i * step_out, count2))
            elif first > first2:
                for j in range(count2):
                    line = source + (first2 + j) * step + first
                    for i in range(count):
                        copy(memory, (line + i, to + i * step_out + j, 1))
            else:
                for i in range(count):
                    line = source + (first + i) * step + first
                    for j in range(i, count):
                        copy(memory, (line + j, to + i * step_out + j, 1))
                        copy(memory, (line + j, to + j * step_out + i, 1))


@compiled
def _copy_half(memory, source, step, runs, some, out, step_out):
    """Copy the elements between some lines, in ascending order."""
    for r in range(some[0], some[1]):
        first, count, at = runs[r, 0], runs[r, 1] - runs[r, 0], runs[r, 2]
        for i in range(count):
            line, to = source + (first + i) * step, out + (at + i) * step_out
            copy(memory, (line + first + i, to + at + i, count - i))
            for c in range(r + 1, some[1]):
                first2, count2, at2 = runs[c, 0], runs[c, 1] - runs[c, 0], runs[c, 2]
                copy(memory, (line + first2, to + at2, count2))


@compiled
def _join(memory, step, runs, scratch):
    """Join two blocks, see `joints.join_small`; for a step of the plan see `leaf._leaf_plan`.

    Products overwrite the columns behind them: those are written later.
    """
    out, across_out = step[1], step[2]
    first, across1, second, across2 = step[3], step[4], step[5], step[6]
    lines, ports1, ports2 = step[7], step[8], step[9]
    far, near = (step[10], step[11]), (step[11], step[12])
    open1, open2 = (step[12], step[13]), (step[13], step[14])
    ports = ports1 + ports2
    across = ports + MORE
    size = (lines + MORE) * across
    negative, conductance, loop = scratch, scratch + size, scratch + 2 * size
    admittance, ahead1, ahead2 = loop + size, loop + 2 * size, loop + 3 * size
    current, voltage = loop + 4 * size, loop + 5 * size
    behind = current + ports1
    _pick(memory, first, across1, runs, far, far, negative, across)  # -R
    _pick(memory, second, across2, runs, near, near, conductance, across)
    _pick(memory, first, across1, runs, far, open1, ahead1, across)
    _pick(memory, second, across2, runs, near, open2, ahead2, across)
    for i in range(lines):
        clear(memory, (loop + i * across, lines))
        clear(memory, (admittance + i * across, lines))
        clear(memory, (current + i * across, ports1))
        clear(memory, (voltage + i * across, ports2))
    _multiply(memory, lines, across, negative, lines, conductance, lines, loop)
    for i in range(lines):
        row = loop + i * across
        complete(memory, (row, row + i, lines))
    invert(memory, loop, across, lines)
    _multiply(memory, lines, across, conductance, lines, loop, lines, admittance)
    _multiply(memory, lines, across, admittance, lines, ahead1, ports1, current)
    for i in range(lines):
        clear(memory, (behind + i * across, ports2))
    _multiply(memory, lines, across, loop, lines, ahead2, ports2, behind)
    _multiply(memory, lines, across, negative, lines, behind, ports2, voltage)
    _copy_half(memory, first, across1, runs, open1, out, across_out)
    for i in range(ports1):
        clear(memory, (out + i * across_out + ports1, ports2))
    add_product(
        memory, lines, ahead1, across, ports1, current, across, ports, out, across_out, True
    )
    low = out + ports1 * (across_out + 1)
    _copy_half(memory, second, across2, runs, open2, low, across_out)
    add_product(
        memory, lines, ahead2, across, ports2, voltage, across, ports2, low, across_out, True
    )


@compiled
def _multiply(memory, lines, across, a, rows, b, columns, c):
    """Add a[:lines, :rows]^T b[:lines, :columns] to c, all with lines of the same length."""
    add_product(memory, lines, a, across, rows, b, across, columns, c, across, False)


@compiled
def leaves(conductance, word, bit, plan, runs, order, size, out):
    """Compute the responses of small blocks of cells.

    Parameters
    ----------
    conductance : (block, row, column) array, S
    word : (position, row, column) array, Ω
    bit : (position, row, column) array, Ω
        Block i is at position i modulo their number.
    plan :
    runs :
    order :
    size :
        See `leaf._leaf_plan`.
    out : (block, port, port) array
        Written on the diagonal and right of it.
    """
    blocks, rows, columns = conductance.shape
    ports, positions, width = out.shape[1], word.shape[0], lanes(conductance)
    scratch = size + 12  # behind the parameters of four cells
    # Room for the eight largest matrices: of the last joint's lines, by the lines open there.
    room = 8 * (max(rows, columns) + MORE) * (ports + MORE)
    memory = np.zeros((scratch + room) * width, conductance.dtype)
    cells = memory[size * width : scratch * width].reshape(12, width)
    for start in range(0, blocks, width):
        for step in plan:
            if step[0] > 0:
                _join(memory, step, runs, scratch)
                continue
            for w in range(width):
                block = min(start + w, blocks - 1)
                position = block % positions
                for k in range(4):
                    i, j = step[3] + k // 2, step[4] + k % 2
                    cells[3 * k, w] = conductance[block, i, j]
                    cells[3 * k + 1, w] = word[position, i, j]
                    cells[3 * k + 2, w] = bit[position, i, j]
            write_quad(memory, (size, step[1], step[2]))
        across_whole = plan[plan.shape[0] - 1, 2]
        for w in range(min(width, blocks - start)):
            for i in range(ports):
                for j in range(i, ports):
                    k, h = min(order[i], order[j]), max(order[i], order[j])
                    out[start + w, i, j] = memory[(k * across_whole + h) * width + w]
