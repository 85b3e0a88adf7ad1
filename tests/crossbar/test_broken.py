"""Arrays with broken segments, and with segments many decades apart, against rational numbers."""

from __future__ import annotations

import itertools
import os
from fractions import Fraction

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.crossbar import (
    SinhIV,
    Wires,
    effective_conductance,
    node_voltages,
    port_conductance,
    read_cell,
    read_currents,
)

pytestmark = pytest.mark.xdist_group("crossbar")  # they compile the same kernels


def edges(g, word, bit, driver, sense, driven):
    """List (node, node, resistance) of an array; nodes are ("w", i, j), ("in", i), ("out", j)."""
    rows, columns = g.shape
    found = []
    for i, j in itertools.product(range(rows), range(columns)):
        before = ("w", i, j - 1) if j else ("in", i)
        below = ("b", i + 1, j) if i < rows - 1 else ("out", j)
        found.append((before, ("w", i, j), word[i, j] + (0 if j else driver)))
        found.append((("b", i, j), below, bit[i, j] + (0 if i < rows - 1 else sense)))
        found.append((("w", i, j), ("b", i, j), 1 / g[i, j] if g[i, j] else np.inf))
    if driven == "both":
        for i in range(rows):
            last = word[i, 0] if np.isfinite(word[i, 0]) else word[i].min()
            found.append((("w", i, columns - 1), ("in", i), last + driver))
    return found


def true_map(g, word, bit, driver=0.0, sense=0.0, driven="left", number=float):
    """Return the map by Gauss's elimination over all nodes that a path leads to.

    With `number` = Fraction without any rounding; resistances must be above zero.
    """
    rows, columns = g.shape
    there = [(a, b, 1 / number(r)) for a, b, r in edges(g, word, bit, driver, sense, driven)
             if np.isfinite(r)]  # fmt: skip
    reached = {("in", i) for i in range(rows)} | {("out", j) for j in range(columns)}
    grown = True
    while grown:
        more = {b for a, b, _ in there if a in reached} | {a for a, b, _ in there if b in reached}
        grown = not more <= reached
        reached |= more
    inner = sorted(node for node in reached if node[0] in "wb")
    place = {node: index for index, node in enumerate(inner)}
    matrix = np.full((len(inner), len(inner)), number(0), object)
    right = np.full((len(inner), rows), number(0), object)
    for a, b, siemens in there:
        for one, other in ((a, b), (b, a)):
            if one in place:
                matrix[place[one], place[one]] += siemens
                if other in place:
                    matrix[place[one], place[other]] -= siemens
                elif other[0] == "in":
                    right[place[one], other[1]] += siemens
    if number is float:
        nodes = np.linalg.solve(matrix.astype(float), right.astype(float))
    else:
        for k in range(len(inner)):
            for i in range(len(inner)):
                if i != k and matrix[i, k]:
                    share = matrix[i, k] / matrix[k, k]
                    matrix[i] -= share * matrix[k]
                    right[i] -= share * right[k]
        nodes = right / matrix.diagonal()[:, None] if inner else right
    found = np.full((rows, columns), number(0), object)
    for a, b, siemens in there:
        if b[0] == "out" and a in place:
            found[:, b[1]] += siemens * nodes[place[a]]
    return found.astype(float)


def test_a_current_through_lines_that_end_nowhere_is_counted():
    """Word line to a device to a floating bit line, and through another device back."""
    g = np.array([[1e-4, 2e-4], [3e-4, 5e-4]])
    word, bit = np.full((2, 2), 10.0), np.full((2, 2), 10.0)
    word[1, 0] = bit[1, 0] = np.inf
    found = read_currents(g, np.array([[0.3, 1.0]]), Wires(word, bit, 1.0, 1.0))
    # The first column is open; row 1 gets its current by device (0, 0), bit line 0, device (1, 0).
    assert found[0, 0] == 0
    assert found[0, 1] == pytest.approx(7.88e-5, rel=1e-3)


@pytest.mark.parametrize("driven", ["left", "both"])
def test_every_pattern_of_breaks_in_two_by_two_cells(driven):
    """Against rational numbers: the map, few inputs, many, and every node's current.

    All 256 in `make exhaustive`, else 52, in which every segment is broken and sound.
    """
    g = np.array([[1e-4, 2e-4], [3e-4, 5e-4]])
    v = np.random.default_rng(0).uniform(0.1, 1, (20, 2))
    patterns = [*itertools.product([10.0, np.inf], repeat=8)]
    for pattern in patterns[:: 1 if os.environ.get("MATSWEEP_EXHAUSTIVE") == "1" else 5]:
        word, bit = np.array(pattern[:4]).reshape(2, 2), np.array(pattern[4:]).reshape(2, 2)
        expected = true_map(g, word, bit, 1.0, 1.0, driven, Fraction)
        wires = Wires(word, bit, 1.0, 1.0, driven)
        np.testing.assert_allclose(
            effective_conductance(g, wires), expected, rtol=1e-13, atol=1e-28, err_msg=str(pattern)
        )
        currents = v @ expected
        close = {"rtol": 1e-10, "atol": 1e-16, "err_msg": str(pattern)}
        np.testing.assert_allclose(read_currents(g, v, wires), currents, **close)
        np.testing.assert_allclose(read_currents(g, v[:1], wires), currents[:1], **close)
        nodes = node_voltages(g, v[:2], wires)
        sound = np.isfinite(bit[-1])
        np.testing.assert_allclose(nodes.bit[:, -1, sound] / 11, currents[:2, sound], **close)
        np.testing.assert_allclose(nodes.current, g * (nodes.word - nodes.bit), rtol=0, atol=1e-16)


@pytest.mark.parametrize("driven", ["left", "both"])
@pytest.mark.parametrize("seed", range(12))
def test_random_breaks_and_open_devices(seed, driven):
    """A fifth of all segments broken, a fifth of the devices open, 9 × 9."""
    rng = np.random.default_rng(seed)
    g = rng.uniform(1e-5, 1e-3, (9, 9))
    g[rng.random(g.shape) < 0.2] = 0
    word, bit = (np.where(rng.random(g.shape) < 0.2, np.inf, rng.uniform(1, 100, g.shape))
                 for _ in range(2))  # fmt: skip
    wires, v = Wires(word, bit, 5.0, 3.0, driven), rng.uniform(-1, 1, (20, 9))
    expected = true_map(g, word, bit, 5.0, 3.0, driven)
    top = 1e-11 * expected.max()
    np.testing.assert_allclose(effective_conductance(g, wires), expected, rtol=0, atol=top)
    for count in (1, 20):
        found = read_currents(g, v[:count], wires)
        np.testing.assert_allclose(found, v[:count] @ expected, rtol=0, atol=top)
    currents = node_voltages(g, v, wires).current.sum(axis=-2)
    np.testing.assert_allclose(currents, v @ expected, rtol=0, atol=top)
    down, taken = port_conductance(g, wires)
    np.testing.assert_allclose(taken.sum(axis=1), down.sum(axis=1), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("ohms", [1e6, 1e9, 1e14, 1e20])
@pytest.mark.parametrize("driven", ["left", "both"])
def test_segments_many_decades_apart(ohms, driven):
    """Each element to its own size, against rational numbers."""
    rng = np.random.default_rng(1)
    for _ in range(4):
        g = rng.uniform(1e-5, 1e-3, (3, 4))
        word, bit = (np.where(rng.random(g.shape) < 0.5, ohms, 10.0) for _ in range(2))
        expected = true_map(g, word, bit, 1.0, 1.0, driven, Fraction)
        found = effective_conductance(g, Wires(word, bit, 1.0, 1.0, driven))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-13 * expected.max())
        single = effective_conductance(g.astype(np.float32), Wires(word, bit, 1.0, 1.0, driven))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, expected, rtol=0, atol=2e-6 * expected.max())


def test_all_ends_of_an_array_may_be_far():
    """Drivers and sense amplifiers of 1 TΩ: all devices are one node."""
    g = np.random.default_rng(0).uniform(1e-5, 1e-3, (6, 5))
    found = effective_conductance(g, Wires(1.0, 1.0, 1e12, 1e12))
    whole = np.full((6, 5), 1e-12 / (6 + 5))  # c_i c_j over the sum of all
    np.testing.assert_allclose(found, whole, rtol=1e-7)


def test_what_was_singular_is_solved():
    g = np.full((2, 2), 1e-4)
    word, bit = np.array([[10.0, np.inf]] * 2), np.array([[10.0, 10.0], [10.0, np.inf]])
    found = effective_conductance(g, Wires(word, bit, driven="both"))
    np.testing.assert_allclose(found, true_map(g, word, bit, driven="both"), rtol=1e-12, atol=1e-28)


def test_broken_lines_and_ideal_ones_go_together():
    """Ideal segments make one node; a broken one cuts it."""
    g = np.random.default_rng(0).uniform(1e-5, 1e-3, (12, 9))
    word, bit = np.zeros(g.shape), np.zeros(g.shape)
    word[3, 4] = bit[7, 2] = np.inf
    thin = [np.where(np.isfinite(x), 1e-7, np.inf) for x in (word, bit)]
    expected = true_map(g, *thin)
    np.testing.assert_allclose(effective_conductance(g, Wires(word, bit)), expected,
                               rtol=1e-7, atol=1e-12)  # fmt: skip


def test_shorts_behind_broken_lines():
    g = np.random.default_rng(0).uniform(1e-5, 1e-3, (4, 3))
    word, bit = np.full(g.shape, 10.0), np.full(g.shape, 20.0)
    word[1, 1] = word[3, 0] = bit[1, 1] = bit[3, 2] = np.inf
    g[1, 2] = g[3, 1] = np.inf
    expected = true_map(np.where(np.isinf(g), 1e15, g), word, bit, number=Fraction)
    np.testing.assert_allclose(effective_conductance(g, Wires(word, bit)), expected,
                               rtol=1e-12, atol=1e-28)  # fmt: skip
    with pytest.raises(UserError, match="must be finite where no wire"):
        effective_conductance(g, Wires(np.where(np.isinf(word), np.inf, 0), np.where(
            np.isinf(bit), np.inf, 0)))  # fmt: skip


def test_a_batch_of_sound_and_far_arrays_changes_no_bit():
    """Ends of 1 GΩ are far for microsiemens, and not for picosiemens."""
    g = np.random.default_rng(0).uniform(1e-6, 1e-4, (3, 8, 9))
    g[1] *= 1e-7
    wires = Wires(10.0, 10.0, 1e9, 1e9)
    whole = effective_conductance(g, wires)
    for one, found in zip(g, whole, strict=True):
        np.testing.assert_array_equal(effective_conductance(one, wires), found)


# ------------------------------------------------------ where conjugate gradients break off


def test_ideal_bit_lines_before_a_sense_resistance_converge():
    rng = np.random.default_rng(2)
    rng.uniform(1e-6, 1e-4, (4, 4))
    g = 10 ** rng.uniform(-7, -3, (4, 4))
    nodes = node_voltages(g, np.ones((1, 4)), Wires(1e3, 0.0, 0.0, 1e3))
    thin = [np.full((4, 4), 1e3), np.full((4, 4), 1e-9)]
    expected = true_map(g, *thin, 0.0, 1e3, number=Fraction).sum(axis=0)
    np.testing.assert_allclose(nodes.current.sum(axis=-2)[0], expected, rtol=1e-9)


@pytest.mark.parametrize("law", [None, SinhIV(0.2)])
@pytest.mark.parametrize("lines", [(0.0, 0.0), (5.0, 0.0), (0.0, 5.0)])
@pytest.mark.parametrize("size", [4, 40])
def test_ideal_lines_behind_ends_converge(size, lines, law):
    """Currents balance at every line: what all devices give, the ends take."""
    rng = np.random.default_rng(5)
    g, v = 10 ** rng.uniform(-7, -3, (size, size)), rng.uniform(-1, 1, (3, size))
    nodes = node_voltages(g, v, Wires(*lines, 100.0, 1e3), law)
    ends = 1e3 + lines[1]
    np.testing.assert_allclose(nodes.bit[:, -1] / ends, nodes.current.sum(axis=-2),
                               rtol=0, atol=1e-9 * np.abs(nodes.current).max())  # fmt: skip
    first = (v - nodes.word[..., 0]) / (100 + lines[0])
    np.testing.assert_allclose(first, nodes.current.sum(axis=-1),
                               rtol=0, atol=1e-9 * np.abs(nodes.current).max())  # fmt: skip


@pytest.mark.parametrize("law", [None, SinhIV(0.2)])
def test_a_floating_read_over_ideal_lines(law):
    g = np.random.default_rng(0).uniform(1e-6, 1e-4, (9, 8))
    ideal, thin = (read_cell(g, 2, 3, 0.2, Wires(r, r), law) for r in (0.0, 1e-6))
    half = read_cell(g, 2, 3, 0.2, Wires(5.0, 0.0, 0.0, 10.0), law)
    assert ideal.current == pytest.approx(thin.current, rel=1e-6)
    assert 0.9 * ideal.current < half.current < ideal.current


@pytest.mark.parametrize("law", [None, SinhIV(0.2)])
def test_islands_that_nothing_drives_stay_at_zero(law):
    """Rows 2 and 3, columns 2 and 3 are connected among themselves only."""
    g = np.full((4, 4), 1e-4)
    g[:2, 2:] = g[2:, :2] = 0
    word, bit = np.full((4, 4), 10.0), np.full((4, 4), 10.0)
    word[2:, 0] = bit[-1, 2:] = np.inf
    nodes = node_voltages(g, np.ones((2, 4)), Wires(word, bit), law)
    assert np.abs(nodes.current[:, 2:, 2:]).max() < 1e-18
    assert np.isfinite(nodes.word).all()
    assert nodes.current[:, :2, :2].min() > 5e-5
