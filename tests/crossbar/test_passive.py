"""Sneak paths and half-selected cells against circuits small enough for a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.core.checks import UserError
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


def every_node(g, ohms, rows, columns, ends=(0.0, 0.0), v0=None):
    """Solve a passive array as one dense nodal system: rows and columns (voltage or None).

    Lines end in their supply behind one segment and a driver or sense amplifier; None floats. Of
    sinh devices by Newton's method. Returns the nodes of word and bit lines, and cells' currents.
    """
    m, n = g.shape
    up = np.arange(m * n).reshape(m, n)
    down = up + m * n
    fixed, source = np.zeros((2 * m * n, 2 * m * n)), np.zeros(2 * m * n)

    def between(matrix, a, b, siemens):
        matrix[[a, b], [a, b]] += siemens
        matrix[[a, b], [b, a]] -= siemens

    def supply(a, volts, resistance):
        fixed[a, a] += 1 / resistance
        source[a] += volts / resistance

    for i in range(m):
        for j in range(n):
            if j:
                between(fixed, up[i, j - 1], up[i, j], 1 / ohms)
            elif rows[i] is not None:
                supply(up[i, 0], rows[i], ohms + ends[0])
            if i < m - 1:
                between(fixed, down[i, j], down[i + 1, j], 1 / ohms)
            elif columns[j] is not None:
                supply(down[i, j], columns[j], ohms + ends[1])
    drop = np.zeros((m, n))
    for _ in range(1 if v0 is None else 60):
        slope = g if v0 is None else g * np.cosh(drop / v0)
        offset = 0 * g if v0 is None else g * v0 * np.sinh(drop / v0) - slope * drop
        matrix, right = fixed.copy(), source.copy()
        for i in range(m):
            for j in range(n):
                between(matrix, up[i, j], down[i, j], slope[i, j])
                right[up[i, j]] -= offset[i, j]
                right[down[i, j]] += offset[i, j]
        solved = np.linalg.solve(matrix, right)
        drop = solved[up] - solved[down]
    return solved[up], solved[down], g * drop if v0 is None else g * v0 * np.sinh(drop / v0)


@pytest.mark.parametrize("v0", [None, 0.3])
@pytest.mark.parametrize("ends", [(0.0, 0.0), (300.0, 150.0)])
@pytest.mark.parametrize("scheme", ["floating", "grounded"])
def test_reads_agree_with_a_dense_nodal_solve(scheme, ends, v0):
    g, ohms, law = np.random.default_rng(4).uniform(1e-6, 1e-3, (7, 6)), 20.0, v0 and SinhIV(v0)
    other = None if scheme == "floating" else 0.0
    word, bit, current = every_node(
        g, ohms, [0.3 if i == 2 else other for i in range(7)],
        [0.0 if j == 4 else other for j in range(6)], ends, v0,
    )  # fmt: skip
    read = read_cell(g, 2, 4, 0.3, Wires(ohms, ohms, *ends), law, scheme=scheme)
    assert read.cell == pytest.approx(current[2, 4], rel=1e-8)
    assert read.current == pytest.approx(bit[-1, 4] / (ohms + ends[1]), rel=1e-8)
    assert read.power == pytest.approx(0.3 * (0.3 - word[2, 0]) / (ohms + ends[0]), rel=1e-8)


@pytest.mark.parametrize("v0", [None, 0.6])
@pytest.mark.parametrize("ends", [(0.0, 0.0), (300.0, 150.0)])
@pytest.mark.parametrize(("scheme", "idle"), [("half", (1.0, 1.0)), ("third", (2 / 3, 4 / 3))])
def test_writes_agree_with_a_dense_nodal_solve(scheme, idle, ends, v0):
    """Voltages, powers, and energies: of a pulse of 50 ns, summed part by part."""
    g, ohms, law = np.random.default_rng(4).uniform(1e-6, 1e-3, (7, 6)), 20.0, v0 and SinhIV(v0)
    rows, columns = np.full(7, idle[0]), np.full(6, idle[1])
    rows[2], columns[4] = 2.0, 0.0
    word, bit, current = every_node(g, ohms, rows, columns, ends, v0)
    drop = word - bit
    found = write_cell(g, 2, 4, 2.0, Wires(ohms, ohms, *ends), law, scheme=scheme, width=50e-9)
    np.testing.assert_allclose(found.voltage, drop, rtol=1e-8, atol=1e-11)
    given = np.r_[rows * (rows - word[:, 0]) / (ohms + ends[0]),
                  columns * (columns - bit[-1]) / (ohms + ends[1])]  # fmt: skip
    assert found.power == pytest.approx(given[given > 0].sum(), rel=1e-8)
    assert found.absorbed == pytest.approx(-given[given < 0].sum(), rel=1e-8)
    dissipated = drop * current
    assert found.cell == pytest.approx(dissipated[2, 4], rel=1e-8)
    line = np.zeros(g.shape, bool)
    line[2], line[:, 4] = True, True
    line[2, 4] = False
    wires = sum(
        (np.diff(nodes, axis=axis) ** 2).sum() / ohms for nodes, axis in ((word, 1), (bit, 0))
    )
    wires += ((rows - word[:, 0]) ** 2).sum() / (ohms + ends[0])
    wires += ((columns - bit[-1]) ** 2).sum() / (ohms + ends[1])
    others = ~line
    others[2, 4] = False
    for energy, power in (
        (found.selected_energy, dissipated[2, 4]),
        (found.half_selected_energy, dissipated[line].sum()),
        (found.others_energy, dissipated[others].sum()),
        (found.wires_energy, wires),
    ):
        assert energy == pytest.approx(50e-9 * power, rel=1e-7, abs=0)


def test_no_wires_are_ideal_ones():
    g = np.random.default_rng(4).uniform(1e-6, 1e-3, (7, 6))
    for scheme in ("floating", "grounded"):
        ideal, thin = (read_cell(g, 2, 4, 0.3, w, scheme=scheme) for w in (None, THIN))
        assert ideal.current == pytest.approx(thin.current, rel=1e-5)
    np.testing.assert_allclose(write_cell(g, 2, 4, 2.0, None).voltage[2], [1, 1, 1, 1, 2, 1])


def test_the_approximate_method_has_no_say_in_single_cells():
    g = np.random.default_rng(4).uniform(1e-6, 1e-3, (7, 6))
    exact, lines = (Wires(20.0, 20.0, method=m) for m in ("exact", "lines"))
    assert read_cell(g, 2, 4, 0.3, exact) == read_cell(g, 2, 4, 0.3, lines)
    assert write_cell(g, 2, 4, 0.3, exact).power == write_cell(g, 2, 4, 0.3, lines).power


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: read_cell(g, 0, 0, 0.2, 1.0), "wires must be a"),
        (lambda g: write_cell(g, 0, 0, 0.2, THIN, "sinh"), "iv must be a device's I-V law"),
        (lambda g: read_cell(g, 0, 0, 0.2, THIN, "sinh"), "iv must be a device's I-V law"),
        (lambda g: write_cell(g.astype(str), 0, 0, 0.2, THIN), r"conductance \[S\] must be an arr"),
        (lambda g: write_cell(g, 0, 0, 0.2, THIN, width=-1.0), r"width \[s\] must be >= 0"),
        (lambda g: equivalent_pulses(g, float("nan"), 0.1), r"voltage \[V\] must be a finite"),
        (lambda g: equivalent_pulses(g.astype(str), 1.0, 0.1), r"across \[V\] must be an array"),
    ],
)
def test_wrong_inputs_are_named(call, message):
    with pytest.raises(UserError, match=message):
        call(np.full((3, 3), 1e-5))


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
