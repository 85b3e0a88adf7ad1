"""Sneak paths and half-selected cells against circuits small enough for a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.checks import UserError
from matsweep.crossbar import SinhIV, Wires, equivalent_pulses, read_cell, write_cell

THIN = Wires(1e-6, 1e-6)


def test_a_floating_two_by_two_array_has_one_sneak_path():
    """A high-resistive cell hides behind its three neighbours in series."""
    g = np.array([[1e-6, 1e-4], [1e-4, 1e-4]])
    found = read_cell(g, 0, 0, 0.2, THIN)
    assert found.cell == pytest.approx(0.2 * 1e-6, rel=1e-6)
    assert found.current == pytest.approx(0.2 * (1e-6 + 1e-4 / 3), rel=1e-6)
    assert found.power == pytest.approx(0.2 * found.current, rel=1e-6)


def test_equal_cells_sneak_as_three_groups_in_series():
    """n - 1 cells of the row, (n - 1)² of the others, n - 1 of the column."""
    n, g = 16, 1e-5
    found = read_cell(np.full((n, n), g), 3, 7, 0.1, THIN)
    sneak = 1 / (2 / ((n - 1) * g) + 1 / ((n - 1) ** 2 * g))
    assert found.current == pytest.approx(0.1 * (g + sneak), rel=1e-4)


def test_grounded_lines_take_the_sneak_current_off_at_the_cost_of_power():
    g = np.full((16, 16), 1e-5)
    floating, grounded = (read_cell(g, 3, 7, 0.1, THIN, scheme=s) for s in ("floating", "grounded"))
    assert grounded.current == pytest.approx(1e-6, rel=1e-4)
    assert grounded.power == pytest.approx(16 * 1e-7, rel=1e-4)
    assert floating.current > 5 * grounded.current


def test_a_steep_law_blocks_sneak_paths():
    """Three cells in series see a third of the voltage each: sinh(1/3 · 10) / sinh(10) of it."""
    g = np.full((2, 2), 1e-6)
    v0 = 0.02
    found = read_cell(g, 0, 0, 0.2, THIN, SinhIV(v0))
    own = 1e-6 * v0 * np.sinh(10)
    assert found.cell == pytest.approx(own, rel=1e-6)
    assert found.current - found.cell == pytest.approx(1e-6 * v0 * np.sinh(10 / 3), rel=1e-4)


@pytest.mark.parametrize(
    ("scheme", "half", "others"), [("half", 0.5, 0.0), ("third", 1 / 3, -1 / 3)]
)
def test_write_schemes_put_their_share_on_every_cell(scheme, half, others):
    g = np.full((5, 6), 1e-5)
    found = write_cell(g, 2, 4, 3.0, THIN, scheme=scheme)
    expected = np.full((5, 6), others * 3.0)
    expected[2], expected[:, 4] = half * 3.0, half * 3.0
    expected[2, 4] = 3.0
    np.testing.assert_allclose(found.voltage, expected, atol=1e-6)
    power = (expected**2 * g).sum()
    assert found.power - found.absorbed == pytest.approx(power, rel=1e-5)
    assert found.cell == pytest.approx(9e-5, rel=1e-5)


def test_wires_take_from_the_selected_cell_and_energy_is_kept():
    """The power given is what cells and wires dissipate."""
    g = np.random.default_rng(0).uniform(1e-6, 1e-4, (20, 20))
    near = write_cell(g, 19, 0, 2.0, Wires(5.0, 5.0))
    far = write_cell(g, 0, 19, 2.0, Wires(5.0, 5.0))
    assert far.voltage[0, 19] < near.voltage[19, 0] < 2.0
    net = far.power - far.absorbed
    assert net > (far.voltage**2 * g).sum() > 0.8 * net


def test_disturb_is_exponential_in_the_voltage():
    across = np.array([2.0, -1.0, 0.0])
    np.testing.assert_allclose(equivalent_pulses(across, 2.0, 0.1), [1, 1e-10, 1e-20])
    with pytest.raises(UserError, match="decade"):
        equivalent_pulses(across, 2.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: read_cell(g, 5, 0, 0.1, THIN), r"must lie in the 3 × 3 array, got \(5, 0\)"),
        (lambda g: write_cell(g, 0, -1, 0.1, THIN), "must lie in"),
        (lambda g: write_cell(g, 0, 0, 0.1, THIN, scheme="V/2"), "scheme must be one of"),
        (lambda g: read_cell(g, 0, 0, 0.1, THIN, scheme="open"), "scheme must be one of"),
        (lambda g: read_cell(g, 0, 0, 0.1, Wires(1.0, 1.0, driven="both")), "driven must be left"),
        (lambda g: read_cell(g[0], 0, 0, 0.1, THIN), "array"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(UserError, match=message):
        call(np.full((3, 3), 1e-5))


def every_node(g, ohms, rows, columns):
    """Solve a passive array as one dense nodal system: rows and columns (voltage or None).

    Lines end in their supply behind one segment; None floats.
    """
    m, n = g.shape
    up = np.arange(m * n).reshape(m, n)
    down = up + m * n
    matrix, right = np.zeros((2 * m * n, 2 * m * n)), np.zeros(2 * m * n)

    def between(a, b, siemens):
        matrix[[a, b], [a, b]] += siemens
        matrix[[a, b], [b, a]] -= siemens

    def source(a, volts):
        matrix[a, a] += 1 / ohms
        right[a] += volts / ohms

    for i in range(m):
        for j in range(n):
            between(up[i, j], down[i, j], g[i, j])
            if j:
                between(up[i, j - 1], up[i, j], 1 / ohms)
            elif rows[i] is not None:
                source(up[i, 0], rows[i])
            if i < m - 1:
                between(down[i, j], down[i + 1, j], 1 / ohms)
            elif columns[j] is not None:
                source(down[i, j], columns[j])
    solved = np.linalg.solve(matrix, right)
    return solved[up] - solved[down]


def test_wired_passive_arrays_agree_with_a_dense_nodal_solve():
    g = np.random.default_rng(4).uniform(1e-6, 1e-3, (7, 6))
    ohms = 20.0
    floating = every_node(g, ohms, [0.3 if i == 2 else None for i in range(7)],
                          [0.0 if j == 4 else None for j in range(6)])  # fmt: skip
    read = read_cell(g, 2, 4, 0.3, Wires(ohms, ohms))
    assert read.cell == pytest.approx(g[2, 4] * floating[2, 4], rel=1e-9)
    assert read.current == pytest.approx((g * floating)[:, 4].sum(), rel=1e-9)
    half = every_node(g, ohms, [2.0 if i == 2 else 1.0 for i in range(7)],
                      [0.0 if j == 4 else 1.0 for j in range(6)])  # fmt: skip
    written = write_cell(g, 2, 4, 2.0, Wires(ohms, ohms))
    np.testing.assert_allclose(written.voltage, half, rtol=1e-9, atol=1e-12)
    rows, columns = (g * half).sum(axis=1), (g * half).sum(axis=0)
    given = np.r_[np.where(np.arange(7) == 2, 2.0, 1.0) * rows,
                  -np.where(np.arange(6) == 4, 0.0, 1.0) * columns]  # fmt: skip
    assert written.power == pytest.approx(given[given > 0].sum(), rel=1e-9)
    assert written.absorbed == pytest.approx(-given[given < 0].sum(), rel=1e-9)


def test_steep_selectors_are_written():
    found = write_cell(np.full((16, 16), 1e-5), 3, 4, 3.0, Wires(2.0, 2.0), SinhIV(0.05))
    law = SinhIV(0.05).current(1e-5, found.voltage[3, 4])
    assert found.cell == pytest.approx(float(law * found.voltage[3, 4]), rel=1e-6)
    assert found.voltage[3, 4] < 1.5  # the rest falls over the wires


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1.5, 0, 0.2), "row must be a whole number"), (("a", 0, 0.2), "row must be a whole"),
     ((0, 0, float("nan")), "voltage"), ((0, 0, "1"), "voltage"), ((0, 9, 0.2), "must lie in")],
)  # fmt: skip
def test_what_is_no_cell_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        read_cell(np.full((4, 4), 1e-5), *arguments, THIN)
