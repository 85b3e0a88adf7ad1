"""Wired arrays against independent solvers, their limits and their laws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
import scipy.sparse.linalg as linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from matsweep.core.checks import UserError
from matsweep.crossbar import (
    Wires,
    effective_conductance,
    node_voltages,
    port_conductance,
    read_currents,
)
from matsweep.devices import CubicIV, NeuroSimIV, SeriesIV, SinhIV

pytestmark = pytest.mark.xdist_group("crossbar")  # they compile the same kernels


def column_currents(g, voltage, word, bit, driver=0.0, sense=0.0, driven="left"):
    """Solve Kirchhoff's current law at every node, as one sparse matrix.

    Column currents (sample, column) of one array; `word` and `bit` are (row, column) arrays.

    Every resistance must be positive; infinite ones are left out.
    """
    rows, columns = g.shape
    up = np.arange(rows * columns).reshape(rows, columns)
    down = up + rows * columns
    first, second, value = [], [], []  # conductances between nodes; -1 - i: source i; None: ground
    right = np.zeros((2 * rows * columns, rows))
    diagonal = np.zeros(2 * rows * columns)

    def between(a, b, siemens):
        if siemens:
            first.append(a), second.append(b), value.append(siemens)

    for i in range(rows):
        for j in range(columns):
            between(up[i, j], down[i, j], g[i, j])
            if j:
                between(up[i, j - 1], up[i, j], 1 / word[i, j])
            else:
                siemens = 1 / (word[i, 0] + driver)
                diagonal[up[i, 0]] += siemens
                right[up[i, 0], i] += siemens
            if i < rows - 1:
                between(down[i, j], down[i + 1, j], 1 / bit[i, j])
            else:
                diagonal[down[i, j]] += 1 / (bit[i, j] + sense)
        if driven == "both":
            siemens = 1 / (word[i, 0] + driver)
            diagonal[up[i, -1]] += siemens
            right[up[i, -1], i] += siemens
    a, b, s = np.array(first, int), np.array(second, int), np.array(value)
    size = 2 * rows * columns
    matrix = sparse.coo_matrix((-np.r_[s, s], (np.r_[a, b], np.r_[b, a])), (size, size))
    total = diagonal + np.bincount(np.r_[a, b], np.r_[s, s], size)
    floating = total == 0
    matrix = (matrix + sparse.diags(np.where(floating, 1.0, total))).tocsc()
    factors = linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A")
    nodes = factors.solve(right)
    # Sums of conductances lose small ones: where resistances span eight decades the matrix alone
    # is right to some 1e-9. So currents are balanced branch by branch.
    for _ in range(3 if size <= 3200 else 0):
        fine = nodes.astype(np.longdouble)
        missing = right - diagonal[:, None] * fine
        flow = s[:, None] * (fine[a] - fine[b])
        np.subtract.at(missing, a, flow)
        np.add.at(missing, b, flow)
        nodes = nodes + factors.solve(missing.astype(float))
    return voltage @ (nodes[down[-1]] / (bit[-1] + sense)[:, None]).T


def array(rows, columns, seed=0, low=1e-6, high=1e-4, lead=()):
    return np.random.default_rng(seed).uniform(low, high, (*lead, rows, columns))


def reference(g, wires, voltage):
    word, bit = (np.broadcast_to(np.asarray(r, float), g.shape)
                 for r in (wires.word_resistance, wires.bit_resistance))  # fmt: skip
    ends = wires.driver_resistance, wires.sense_resistance, wires.driven
    return column_currents(g, voltage, word, bit, *ends)


decades = st.floats(-3, 5).map(lambda exponent: 10.0**exponent)


@settings(max_examples=120, deadline=None)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    word=decades,
    bit=decades,
    driver=st.one_of(st.just(0.0), decades),
    sense=st.one_of(st.just(0.0), decades),
    driven=st.sampled_from(["left", "both"]),
    open_share=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_arrays_agree_with_a_sparse_nodal_solve(
    rows, columns, word, bit, driver, sense, driven, open_share, seed
):
    """To 1e-9 of the largest current, over eight decades of resistance on either line."""
    rng = np.random.default_rng(seed)
    g = 10 ** rng.uniform(-7, -3, (rows, columns))
    g[rng.random(g.shape) < open_share] = 0
    wires = Wires(word, bit, driver, sense, driven)
    v = rng.uniform(-1, 1, (3, rows))
    expected = reference(g, wires, v)
    atol = 1e-9 * np.abs(expected).max()
    np.testing.assert_allclose(v @ effective_conductance(g, wires), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(read_currents(g, v, wires), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("driven", ["left", "both"])
@pytest.mark.parametrize("shape", [(128, 128), (64, 64), (65, 130), (300, 10), (2, 129)])
def test_large_arrays_agree_element_by_element(shape, driven):
    g, wires = array(*shape), Wires(1.0, 2.5, 30.0, 10.0, driven)
    expected = reference(g, wires, np.eye(shape[0]))
    np.testing.assert_allclose(effective_conductance(g, wires), expected, rtol=1e-9)


def test_small_elements_are_exact_to_their_own_size():
    """Behind segments of 10 kΩ they span three decades; each is right to nine digits."""
    g, wires = array(40, 40, low=1e-5), Wires(1e4, 1e4)
    expected = reference(g, wires, np.eye(40))
    assert expected.min() < 1e-3 * expected.max()
    np.testing.assert_allclose(effective_conductance(g, wires), expected, rtol=1e-9)


@pytest.mark.parametrize("driven", ["left", "both"])
@pytest.mark.parametrize("method", ["exact", "lines"])
def test_without_resistance_the_map_is_the_conductance_itself(method, driven):
    g = array(37, 21, lead=(2, 3))
    for resistance in (0.0, 1e-12):
        wires = Wires(resistance, resistance, driven=driven, method=method)
        np.testing.assert_allclose(effective_conductance(g, wires), g, rtol=1e-12)
    v = array(4, 37)
    np.testing.assert_allclose(
        read_currents(g, v, Wires(0.0, 0.0, driven=driven)), v @ g, rtol=1e-12
    )


def test_first_order_in_the_resistance_is_the_textbook_one():
    """G_kj (1 - r Σ_l min(k's distances) G_kl - r Σ_i … G_ij): the error falls with r²."""
    g = array(12, 9)
    along = np.minimum.outer(np.arange(1, 10), np.arange(1, 10))
    down = np.minimum.outer(np.arange(12, 0, -1), np.arange(12, 0, -1))
    slope = g * (g @ along + down @ g)
    for r in (1e-2, 1e-3):
        change = g - effective_conductance(g, Wires(r, r))
        np.testing.assert_allclose(change, r * slope, rtol=3 * r)


def test_one_cell_is_a_series_circuit():
    found = effective_conductance(np.array([[1e-3]]), Wires(100.0, 200.0, 300.0, 400.0))
    np.testing.assert_allclose(found, 1 / (1000 + 1000), rtol=1e-14)
    both = effective_conductance(np.array([[1e-3]]), Wires(100.0, 200.0, 300.0, 400.0, "both"))
    np.testing.assert_allclose(both, 1 / (1000 + 200 + 200 + 400), rtol=1e-14)


def test_opposite_ends_are_alike_and_the_map_is_reciprocal():
    g = array(20, 30)
    turned = effective_conductance(g.T[::-1, ::-1], Wires(3.0, 2.0, 5.0, 7.0))
    np.testing.assert_allclose(
        effective_conductance(g, Wires(2.0, 3.0, 7.0, 5.0)), turned[::-1, ::-1].T, rtol=1e-11
    )
    mirrored = effective_conductance(g[:, ::-1], Wires(2.0, 3.0, 7.0, driven="both"))
    np.testing.assert_allclose(
        effective_conductance(g, Wires(2.0, 3.0, 7.0, driven="both")), mirrored[:, ::-1], rtol=1e-11
    )


@pytest.mark.parametrize("driven", ["left", "both"])
def test_what_flows_in_flows_out_and_power_is_what_the_parts_dissipate(driven):
    g, wires = array(23, 31), Wires(20.0, 30.0, 100.0, 50.0, driven)
    down, taken = port_conductance(g, wires)
    np.testing.assert_allclose(down, effective_conductance(g, wires), rtol=1e-11)
    np.testing.assert_allclose(taken, taken.T, rtol=0, atol=1e-12 * taken.max())
    v = np.random.default_rng(1).uniform(-1, 1, (2, 23))
    np.testing.assert_allclose((v @ taken).sum(-1), (v @ down).sum(-1), rtol=1e-9)
    nodes = node_voltages(g, v, wires)
    devices = (nodes.current * (nodes.word - nodes.bit)).sum((-1, -2))
    below = np.concatenate([nodes.bit[:, 1:], 0 * nodes.bit[:, :1]], axis=1)
    bits = ((nodes.bit - below) ** 2 / 30)[:, :-1].sum((-1, -2))
    bits += (nodes.bit[:, -1] ** 2 / 80).sum(-1)
    before = np.concatenate([v[..., None], nodes.word[..., :-1]], axis=-1)
    words = ((nodes.word - before) ** 2 / 20)[..., 1:].sum((-1, -2))
    words += ((nodes.word[..., 0] - v) ** 2 / 120).sum(-1)
    if driven == "both":
        words += ((nodes.word[..., -1] - v) ** 2 / 120).sum(-1)
    np.testing.assert_allclose((v * (v @ taken)).sum(-1), devices + bits + words, rtol=1e-9)


@pytest.mark.parametrize("samples", [2, 40])
def test_broken_segments_cut_their_lines(samples):
    g = array(30, 20, lead=(2,))
    word, bit = np.full((30, 20), 5.0), np.full((30, 20), 8.0)
    word[7, 4] = word[12, 0] = bit[20, 9] = np.inf
    wires = Wires(word, bit, 10.0, 10.0)
    v = array(samples, 30, low=0.1, high=1)
    expected = np.stack([column_currents(one, v, word, bit, 10.0, 10.0) for one in g])
    np.testing.assert_allclose(read_currents(g, v, wires), expected, rtol=1e-9)
    whole = effective_conductance(g, wires)
    assert np.abs(whole[:, 12]).max() < 1e-12 * whole.max()
    assert np.abs(effective_conductance(g, Wires(np.inf, 1.0))).max() < 1e-12 * g.max()


def test_a_short_passes_what_its_wires_let_through():
    g = array(10, 12)
    g[3, 4] = np.inf
    limit = g.copy()
    limit[3, 4] = 1e9
    wires = Wires(4.0, 3.0)
    np.testing.assert_allclose(
        effective_conductance(g, wires),
        effective_conductance(limit, wires, plausible=False),
        rtol=1e-8,
    )
    with pytest.raises(UserError, match="conductance must be finite where no wire"):
        effective_conductance(g, Wires(0.0, 0.0))


@pytest.mark.parametrize("shape", [(70, 90), (64, 64), (5, 7), (1, 1)])
def test_single_precision_stays_single(shape):
    g, wires = array(*shape, lead=(3, 2)), Wires(1.0, 1.0)
    double = effective_conductance(g, wires)
    single = effective_conductance(g.astype(np.float32), wires)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * double.max())


@pytest.mark.parametrize("number", [float, np.float32])
@pytest.mark.parametrize("shape", [(70, 90), (64, 64), (5, 7), (1, 1)])
def test_a_batch_changes_no_bit(shape, number):
    """Arrays share vector registers, of four numbers or of eight, with their neighbours."""
    g, wires = array(*shape, lead=(9,)).astype(number), Wires(1.0, 2.0)
    g[0], g[1] = 0, 1e3  # neighbours that are out of the ordinary
    whole = effective_conductance(g, wires, plausible=False)
    for part in (slice(2, 3), slice(3, 8), slice(4, 9)):
        np.testing.assert_array_equal(effective_conductance(g[part], wires), whole[part])


def test_line_by_line_is_exact_to_first_order_and_where_one_family_is_ideal():
    g = array(40, 50)
    for wires in ((3.0, 0.0), (0.0, 3.0)):
        exact = effective_conductance(g, Wires(*wires))
        found = effective_conductance(g, Wires(*wires, method="lines"))
        np.testing.assert_allclose(found, exact, rtol=1e-11)
    errors = []
    for r in (0.1, 0.01):
        exact = effective_conductance(g, Wires(r, r, r, r))
        errors.append(
            np.abs(effective_conductance(g, Wires(r, r, r, r, method="lines")) - exact).max()
        )
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)


LINE_BY_LINE = [  # shape, segment, ends, drive: the worst of a scan
    ((32, 32), 10.0, 0.0, "left"),
    ((128, 128), 0.3, 0.0, "left"),
    ((128, 128), 10.0, 0.0, "left"),
    ((128, 128), 3.0, 200.0, "left"),
    ((128, 128), 3.0, 1000.0, "left"),
    ((128, 32), 0.1, 50.0, "both"),
    ((16, 256), 1.0, 200.0, "both"),
    ((256, 16), 0.1, 0.0, "both"),
    ((256, 16), 10.0, 1000.0, "left"),
]


@pytest.mark.parametrize(("shape", "ohms", "ends", "driven"), LINE_BY_LINE)
def test_line_by_line_errs_by_a_part_of_the_squared_loss(shape, ohms, ends, driven):
    g = array(*shape)
    exact, found = (
        effective_conductance(g, Wires(ohms, ohms, ends, ends, driven, method))
        for method in ("exact", "lines")
    )
    error = np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))
    loss = 1 - exact.sum() / g.sum()
    assert error < (0.35 if loss < 0.3 else 1.0) * loss**2


# ------------------------------------------------------------------------------ laws


def test_a_nonlinear_cell_solves_its_own_equation():
    law, g, r = SinhIV(0.1), 1e-4, 2e3
    found = read_currents(np.array([[g]]), np.array([[0.8]]), Wires(r / 2, r / 2), law)
    exact = brentq(lambda i: i - g * 0.1 * np.sinh((0.8 - r * i) / 0.1), 0, 0.8 / r, xtol=1e-18)
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("driven", ["left", "both"])
@pytest.mark.parametrize(
    "law",
    [
        SinhIV(0.2),
        CubicIV(second=(1e-6,), third=(2e-5,)),
        NeuroSimIV(ratio=20.0, read_voltage=0.3, write_voltage=2.0),
        SeriesIV(resistance=2e3, law=SinhIV(0.1)),
    ],
)
def test_nonlinear_arrays_satisfy_kirchhoff_at_every_node(law, driven):
    g, wires = array(18, 25, lead=(2,)), Wires(40.0, 25.0, 100.0, 60.0, driven)
    v = np.random.default_rng(2).uniform(0, 0.6, (4, 18))
    nodes = node_voltages(g, v, wires, law)
    scale = np.abs(nodes.current).max()
    own = law.current(g[:, None], nodes.word - nodes.bit)
    np.testing.assert_allclose(nodes.current, own, rtol=0, atol=1e-9 * scale)
    before = np.concatenate(
        [np.broadcast_to(v[..., None], (2, 4, 18, 1)), nodes.word[..., :-1]], -1
    )
    series = np.full(25, 40.0)
    series[0] = 140
    flowing = (before - nodes.word) / series
    after = np.zeros_like(flowing)
    after[..., :-1] = flowing[..., 1:]
    if driven == "both":
        after[..., -1] = (nodes.word[..., -1] - v) / 140
    np.testing.assert_allclose(flowing - after, nodes.current, rtol=0, atol=1e-8 * scale)
    below = np.concatenate([nodes.bit[..., 1:, :], 0 * nodes.bit[..., :1, :]], -2)
    down = np.full(18, 25.0)
    down[-1] = 85
    falling = (nodes.bit - below) / down[:, None]
    above = np.zeros_like(falling)
    above[..., 1:, :] = falling[..., :-1, :]
    np.testing.assert_allclose(falling - above, nodes.current, rtol=0, atol=1e-8 * scale)
    np.testing.assert_allclose(
        read_currents(g, v, wires, law), nodes.current.sum(-2), rtol=0, atol=1e-12 * scale
    )


def test_laws_without_wires_add_up_cell_by_cell():
    g, v, law = array(6, 5), array(3, 6, low=0, high=1), SinhIV(0.3)
    expected = law.current(g, v[:, :, None]).sum(1)
    np.testing.assert_allclose(read_currents(g, v, iv=law), expected, rtol=1e-14)
    np.testing.assert_allclose(read_currents(g, v, Wires(0.0, 0.0), law), expected, rtol=1e-9)


@pytest.mark.parametrize(
    "law",
    [
        SinhIV(0.2),
        CubicIV(second=(1e-6, 3e-6), third=(2e-5,)),
        NeuroSimIV(ratio=20.0, read_voltage=0.3, write_voltage=2.0),
        SeriesIV(resistance=2e4, law=SinhIV(0.1)),
        SeriesIV(resistance=2e4),
    ],
)
def test_slopes_are_the_derivatives_of_currents(law):
    g = array(1, 40)[0]
    v = np.concatenate([np.linspace(-0.8, -0.05, 20), np.linspace(0.05, 0.8, 20)])
    step = 1e-6
    numeric = (law.current(g, v + step) - law.current(g, v - step)) / (2 * step)
    np.testing.assert_allclose(law.slope(g, v), numeric, rtol=1e-6)


@pytest.mark.parametrize("wires", [None, Wires(1.0, 1.0)])
def test_many_inputs_of_a_law_need_little_memory(wires):
    """The nodes of 300 inputs would take 3 × 39 MB; and no input changes another."""
    import tracemalloc

    g, v, law = array(128, 128), array(300, 128, low=0, high=0.3), SinhIV(0.3)
    if wires is not None:
        v[3:] = 0  # solved at once
    few = read_currents(g, v[:3], wires, law)
    tracemalloc.start()
    found = read_currents(g, v, wires, law)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found[:3], few)
    assert peak < 60e6


def test_a_law_that_does_not_converge_says_so():
    class Falling(SinhIV, kind="test_falling"):
        def current(self, conductance, voltage):
            return -np.sign(voltage) * 1e-3 * np.ones_like(conductance)

    with pytest.raises(UserError, match="did not converge within 200 Newton steps"):
        read_currents(array(3, 3), array(1, 3, low=0.1, high=1), Wires(1e3, 1e3), Falling(0.1))


# ---------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Wires(-1.0, 1.0), r"word_resistance \[Ω\] must be >= 0, got -1.0"),
        (lambda: Wires(1.0, float("nan")), r"bit_resistance \[Ω\]"),
        (lambda: Wires(1.0, 1.0, driven="right"), "driven must be one of both, left"),
        (lambda: Wires(1.0, 1.0, method="exakt"), "did you mean exact"),
        (lambda: Wires(np.array([["a"]]), 1.0), r"word_resistance \[Ω\] must be an array of real"),
        (
            lambda: Wires(1.0, 1j * np.ones((4, 4))),
            r"bit_resistance \[Ω\] must be an array of real",
        ),
        (
            lambda: effective_conductance(-array(2, 2), Wires(1.0, 1.0)),
            r"must be >= 0, got -.* at \[0, 0\]",
        ),
        (lambda: effective_conductance(array(2, 2)[0], Wires(1.0, 1.0)), "got shape"),
        (lambda: read_currents(array(2, 3), array(1, 3), Wires(1.0, 1.0)), "with 2 rows"),
        (lambda: effective_conductance(array(2, 2), Wires(np.ones((3, 3)), 1.0)), "array's shape"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


# ------------------------------------------------------------- steep laws, and broken ends


def nodal_newton(g, wires, voltage, v0):
    """Solve a sinh array for one input with scipy's root finder on all nodes (row, column)."""
    from scipy.optimize import least_squares

    word, bit = wires.word_resistance, wires.bit_resistance

    def currents(x):
        return g * v0 * np.sinh(np.clip(x / v0, -300, 300))

    def wrong(x):
        """Device voltages against what the wires leave of the drive, scaled by folds."""
        drop = x.reshape(g.shape)
        i = currents(drop)
        # The word line's and the bit line's drops, summed segment by segment.
        on = np.cumsum(i[:, ::-1], axis=1)[:, ::-1]
        falls = np.cumsum(on * word, axis=1)
        below = np.cumsum(i, axis=0)
        rises = np.cumsum((below * bit)[::-1], axis=0)[::-1]
        return ((voltage[:, None] - falls - rises - drop) / v0).ravel()

    start = np.full(g.size, v0 * np.arcsinh(np.abs(voltage).max() / (v0 * g.max() * 1e3)))
    found = least_squares(wrong, start * np.sign(voltage[0]), xtol=1e-15, ftol=1e-15, gtol=1e-15,
                          max_nfev=2000)  # fmt: skip
    assert np.abs(found.fun).max() < 1e-8
    return currents(found.x.reshape(g.shape)).sum(axis=0)


@pytest.mark.parametrize("v0", [0.02, 0.05, 0.3])
def test_steep_laws_agree_with_an_independent_solver(v0):
    g, wires = array(4, 5, low=1e-6, high=1e-5), Wires(10.0, 20.0)
    voltage = np.array([1.0, 0.8, 0.5, 0.9])
    found = read_currents(g, voltage[None], wires, SinhIV(v0))[0]
    np.testing.assert_allclose(found, nodal_newton(g, wires, voltage, v0), rtol=1e-6)


def test_one_steep_cell_is_its_scalar_equation():
    found = read_currents(np.array([[1e-5]]), np.array([[1.0]]), Wires(10.0, 10.0), SinhIV(0.02))
    alone = brentq(lambda i: 20 * i + 0.02 * np.arcsinh(i / (1e-5 * 0.02)) - 1, 0, 0.05, xtol=1e-16)
    assert found[0, 0] == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize(("v0", "voltage", "ohms"), [(0.03, 1.0, 1.0), (0.05, 2.0, 2.0)])
def test_large_arrays_of_steep_cells_converge(v0, voltage, ohms):
    g = array(64, 64, low=1e-6, high=1e-5)
    v = voltage * np.random.default_rng(0).uniform(-1, 1, (2, 64))
    nodes = node_voltages(g, v, Wires(ohms, ohms), SinhIV(v0))
    law = SinhIV(v0).current(g, nodes.word - nodes.bit)
    np.testing.assert_allclose(nodes.current, law, rtol=0, atol=1e-9 * np.abs(law).max())


def test_a_broken_first_segment_leaves_the_right_driver():
    g = array(6, 5)
    word = np.full((6, 5), 10.0)
    word[2, 0] = np.inf
    found = effective_conductance(g, Wires(word, 10.0, driven="both"))
    others = np.arange(6) != 2
    assert found[2].sum() > 0.5 * found[others].sum(axis=1).min()
    # Fed from the right alone it is the mirror image of a line fed from the left alone.
    alone = effective_conductance(g[2:3, ::-1], Wires(10.0, 10.0))
    single = effective_conductance(g[2:3], Wires(word[2:3], 10.0, driven="both"))
    np.testing.assert_allclose(single, alone[:, ::-1], rtol=1e-9)


def test_wires_are_equal_by_value():
    first, second = Wires(np.ones((2, 3)), 1.0), Wires(np.ones((2, 3)), 1.0)
    assert first == second
    assert hash(first) == hash(second)
    assert first != Wires(np.ones((3, 2)), 1.0)
    assert Wires(np.float32(1), np.int64(2)) == Wires(1.0, 2)


def test_few_inputs_read_as_many_do():
    """The number of inputs changes neither the model nor the type."""
    for method in ("exact", "lines"):
        for dtype in (np.float32, np.float64):
            g = array(64, 64).astype(dtype)
            v = np.random.default_rng(1).uniform(0, 0.2, (16, 64)).astype(dtype)
            wires = Wires(5.0, 5.0, method=method)
            many, few = read_currents(g, v, wires), read_currents(g, v[:3], wires)
            assert few.dtype == many.dtype == dtype
            np.testing.assert_allclose(few, many[:3], rtol=2e-4 if dtype == np.float32 else 1e-9)
    far = Wires(1e9, 1e9)  # beyond what iterations solve: the map takes over
    g, v = array(30, 30), np.ones((1, 30))
    np.testing.assert_allclose(read_currents(g, v, far), v @ effective_conductance(g, far))


def test_small_products_get_one_thread_and_the_caller_keeps_theirs(monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    from matsweep.crossbar.wires import linear as module

    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    seen, response = [], module.port_response
    monkeypatch.setattr(
        module, "port_response", lambda *a, **k: seen.append(threads()) or response(*a, **k)
    )
    with threadpool_limits(2, "blas"):
        before = threads()
        effective_conductance(array(20, 20), Wires(1.0, 1.0))
        assert threads() == before
    assert set(seen[0]) == {1}


def test_no_arrays_and_no_samples_give_none():
    assert effective_conductance(np.ones((0, 4, 5)), Wires(1.0, 1.0)).shape == (0, 4, 5)
    assert read_currents(np.ones((4, 5)), np.ones((0, 4)), Wires(1.0, 1.0)).shape == (0, 5)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("shape", "ohms", "ends", "driven"), LINE_BY_LINE)
def test_the_power_line_by_line_is_too_low_by_a_share_of_the_loss(
    shape, ohms, ends, driven, signed
):
    g = array(*shape)
    v = np.random.default_rng(2).uniform(-1 if signed else 0, 1, (20, shape[0]))
    exact, lines = (
        port_conductance(g, Wires(ohms, ohms, ends, ends, driven, method))
        for method in ("exact", "lines")
    )
    powers = [np.einsum("si,ij,sj->", v, p, v) for _, p in (exact, lines)]
    loss = 1 - exact[0].sum() / g.sum()
    most = 1.02 if signed else 0.32 if loss < 0.3 else 0.89
    assert -most * loss < powers[1] / powers[0] - 1 < 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda v: read_currents(array(3, 3), v, Wires(1.0, 1.0)), r"finite, got nan at \[0, 1\]"),
        (lambda v: node_voltages(array(3, 3), v, Wires(1.0, 1.0)), r"finite, got nan at \[0, 1\]"),
        (lambda v: node_voltages(array(3, 3), 0 * v[:, :1] + np.ones((1, 3)), Wires(1.0, 1.0),
                                 ground=np.ones(2)), r"ground must be a number or a \(column,\)"),
        (lambda v: node_voltages(np.full((3, 3), np.inf), np.ones((1, 3)), Wires(1.0, 1.0)),
         "must be finite, got inf"),
        (lambda v: effective_conductance(np.full((3, 3), np.inf), Wires(1.0, 1.0, method="lines")),
         "exact"),
        (lambda v: effective_conductance(array(3, 3), None), "wires must be a"),
        (lambda v: effective_conductance(1j * array(3, 3), Wires(1.0, 1.0)), "real numbers"),
        (lambda v: read_currents(array(3, 3), np.ones((1, 3)), Wires(1.0, 1.0), "sinh"), "I-V law"),
        (lambda v: node_voltages(array(3, 3), np.ones((1, 3)), Wires(1.0, 1.0), "sinh"), "I-V law"),
        (lambda v: read_currents(array(3, 3, lead=(3,)), np.ones((2, 1, 3)), Wires(1.0, 1.0)),
         "must broadcast"),
        (lambda v: read_currents(array(3, 3), 50 + np.ones((1, 3)), Wires(0.0, 0.0), SinhIV(0.01)),
         "lower the voltage"),
    ],
)  # fmt: skip
def test_inputs_that_are_no_numbers_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make(np.array([[1.0, np.nan, 1.0]]))
