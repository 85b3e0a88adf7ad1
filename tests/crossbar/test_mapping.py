"""Weights on tiles: what is put on devices comes back as the same product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import (
    ADC,
    DAC,
    Slicing,
    Tile,
    Wires,
    effective_conductance,
    layout,
    port_conductance,
)
from matsweep.crossbar.converters import NO_ERRORS, ColumnErrors
from matsweep.devices import AnalogDevice, Law, ReadNoise, StuckAt
from matsweep.machine import Hardware
from matsweep.machine.product import Scaling, fractions, multiply, power, voltages, wired

FINE_DAC, FINE_ADC = DAC(bits=16), ADC(bits=16)


pytestmark = pytest.mark.xdist_group("crossbar")  # they compile the same kernels


def device(levels=None, **parameters):
    return AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, levels=levels, **parameters
    )


def product(
    weights, inputs, tile, target, *, adc=FINE_ADC, dac=FINE_DAC, time=1.0, realisations=2, seed=0,
    wires=None, errors=NO_ERRORS, current=None,
):  # fmt: skip
    """Put weights on devices and multiply; full scale is the largest current there can be."""
    plan = layout(*weights.shape, tile, target.levels)
    rng = realisation_streams(seed, range(realisations))
    scale = Scaling(
        weight=float(np.abs(weights).max()),
        input=float(np.abs(inputs).max()),
        signed=bool((inputs < 0).any()),
        current=float(plan.tile_inputs * plan.cells) * (1.1 if tile.mapping == "offset" else 1)
        if current is None
        else current,
    )
    share = fractions(weights / scale.weight, plan)
    conductance = target.g_min + share * target.g_range
    programmed = target.program(conductance, rng=rng, size=(realisations, *share.shape)).conductance
    applied = voltages(inputs, scale, dac, plan)
    seen = wired(programmed, plan, wires, tile.access_resistance, power=False).conductance
    return multiply(
        applied, programmed, scale, plan, Hardware(device=target, tile=tile, dac=dac, adc=adc),
        time=time, rng=rng, seen=seen, errors=errors,
    ).values  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 30),
    rows=st.integers(1, 50),
    columns=st.integers(2, 40),
    mapping=st.sampled_from(["differential", "reference", "offset"]),
    negative=st.booleans(),
    cells=st.integers(1, 3),
    serial=st.booleans(),
)
def test_a_product_of_ideal_devices_is_the_plain_one(
    inputs, outputs, rows, columns, mapping, negative, cells, serial
):
    rng = np.random.default_rng(inputs * 1000 + outputs)
    weights = rng.uniform(-3, 3, (inputs, outputs))
    x = rng.uniform(-1 if negative else 0, 1, (5, inputs))
    tile = Tile(rows=rows * cells, columns=columns, mapping=mapping, cells=cells)
    found = product(weights, x, tile, device(), dac=DAC(bits=16, serial=serial))
    # Errors: half a step of the ADC in each tile of rows, and of the DAC in each input.
    plan = layout(inputs, outputs, tile, None)
    gain = 1 if mapping == "differential" else 2.2  # of codes, and of full scale
    adc = gain * 3 * plan.tile_inputs / (2**15 - 1) / 2 * plan.row_tiles * (2 if serial else 1)
    dac = 3 * inputs / (2**15 - 1) / 2
    np.testing.assert_allclose(found[0], x @ weights, atol=(adc + dac) * 1.05 + 1e-9)
    np.testing.assert_array_equal(found[0], found[1])


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(2, 9),
    levels=st.integers(2, 20),
    mapping=st.sampled_from(["differential", "reference", "offset"]),
    rows=st.integers(3, 20),
    columns=st.sampled_from([18, 64]),
)
@example(bits=5, levels=2, mapping="reference", rows=7, columns=18)
def test_sliced_weights_are_the_rounded_ones(bits, levels, mapping, rows, columns):
    """With slices a product is that of the weights rounded to 2^(bits-1) - 1 steps."""
    rng = np.random.default_rng(bits * 100 + levels)
    weights = rng.uniform(-1, 1, (12, 5))
    weights[0, 0] = 1.0
    x = rng.uniform(0, 1, (4, 12))
    tile = Tile(rows=rows, columns=columns, mapping=mapping, weight_bits=bits)
    plan = layout(12, 5, tile, levels)
    found = product(weights, x, tile, device(levels))
    steps = 2 ** (bits - 1) - 1
    if plan.slices == 1:  # as many steps to either side of zero as the device has levels for
        steps = levels - 1 if mapping == "differential" else (levels - 1) // 2
    stored = np.rint(weights * steps) / steps
    error = plan.worth.sum() * plan.tile_inputs / (2**15 - 1) * plan.row_tiles + 12 / (2**16 - 1)
    np.testing.assert_allclose(found[0], x @ stored, atol=error)


@pytest.mark.parametrize("mapping", ["reference", "offset"])
@pytest.mark.parametrize("levels", [3, 4, 15, 16, 31, 32])
def test_weight_zero_is_a_level_on_one_side(mapping, levels):
    """Without noise products of zero and of opposite weights are zero, of any number of levels."""
    tile = Tile(rows=16, columns=16, mapping=mapping)
    weights = np.array([[0.0, 1.0, 0.6], [0.0, -1.0, -0.6]])
    found = product(weights, np.ones((1, 2)), tile, device(levels))
    np.testing.assert_allclose(found, 0, atol=2e-3)
    plan = layout(2, 3, tile, levels)
    codes = fractions(weights, plan) * (levels - 1)
    np.testing.assert_allclose(codes[..., :2], np.rint(codes[..., :2]), atol=1e-9)


def test_two_levels_have_none_for_the_reference():
    with pytest.raises(UserError, match=r"tile\.weight_bits must be a number for a device of 2"):
        layout(4, 4, Tile(mapping="reference"), 2)
    one = product(
        np.array([[0.7], [-0.7]]), np.eye(2), Tile(mapping="offset"), device(2), realisations=1
    )
    np.testing.assert_allclose(one[0, :, 0], [0.7, -0.7], atol=1e-3)


@pytest.mark.parametrize(
    ("levels", "bits", "offset", "digits"),
    [(2, 5, False, 4), (2, 5, True, 5), (4, 5, False, 2), (16, 5, False, 1), (15, 5, False, 2),
     (2, None, False, 1), (None, 8, False, 1), (31, 5, True, 1), (30, 5, True, 2)],
)  # fmt: skip
def test_slices_are_as_few_as_hold_the_codes(levels, bits, offset, digits):
    assert Slicing.of(levels, bits, offset=offset).digits == digits


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
def test_devices_in_parallel_average_their_errors(mapping):
    """Error of the product over 300 realisations × 20 × 30 products: within 6 % of 1/sqrt(n)."""
    rng = np.random.default_rng(0)
    weights, x = rng.uniform(-1, 1, (16, 20)), rng.uniform(0, 1, (30, 16))
    errors = []
    for cells in (1, 4):
        tile = Tile(rows=64, columns=64, mapping=mapping, cells=cells)
        found = product(weights, x, tile, device(cycle_to_cycle=0.05), realisations=300)
        errors.append((found - x @ weights).std())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.06)


def test_devices_in_parallel_take_rows_and_power_but_no_converters():
    plan = layout(100, 10, Tile(rows=128, columns=128, cells=4), None)
    assert (plan.row_tiles, plan.tile_inputs, plan.cells) == (4, 25, 4)
    share = fractions(np.ones((100, 10)), plan)
    assert share.shape == (4, 2, 100, 10)
    with pytest.raises(UserError, match="cells must be <= rows"):
        Tile(rows=2, cells=3)


def test_rows_are_split_evenly_over_the_fewest_tiles():
    plan = layout(784, 256, Tile(rows=128, columns=128), None)
    assert (plan.row_tiles, plan.tile_inputs) == (7, 112)
    assert (plan.column_tiles, plan.tile_outputs) == (4, 64)
    single = layout(64, 54, Tile(rows=128, columns=128, mapping="reference"), None)
    assert (single.row_tiles, single.column_tiles, single.references) == (1, 1, 1)
    sliced = layout(64, 54, Tile(rows=128, columns=128, weight_bits=5), 2)
    assert (sliced.slices, sliced.column_tiles, sliced.tile_outputs) == (4, 4, 14)


@pytest.mark.parametrize(("levels", "columns"), [(None, 5), (2, 12), (2, 64), (3, 7)])
def test_a_column_is_compared_with_the_weight_zero_of_its_slice_in_its_own_array(levels, columns):
    tile = Tile(rows=8, columns=columns, mapping="reference", weight_bits=4)
    plan = layout(5, 9, tile, levels)
    share = fractions(np.random.default_rng(0).uniform(-1, 1, (5, 9)), plan)
    zero = plan.mapping.encode(np.zeros((1, 1)), plan.slicing)[0, :, 0, 0]
    arrays = [set(array.tolist()) - {-1} for array in plan.places()]
    assert sum(map(len, arrays)) == len(set().union(*arrays)) == plan.columns + plan.references
    for column, reference in enumerate(plan.columns + plan.owner):
        [array] = [each for each in arrays if column in each]
        assert reference in array
        np.testing.assert_allclose(share[0, 0, :, reference], zero[column // plan.outputs])


def test_a_tile_too_narrow_for_one_weight_is_refused():
    with pytest.raises(UserError, match=r"tile.columns must hold one weight of 4 slice"):
        layout(4, 4, Tile(rows=8, columns=7, weight_bits=5), 2)
    with pytest.raises(UserError, match=r"tile\.columns"):
        layout(4, 4, Tile(rows=8, columns=1), None)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rows": 0}, "rows must be >= 1"),
        ({"columns": 1.5}, "columns must be a whole number"),
        ({"mapping": "diferential"}, "did you mean differential"),
        ({"weight_bits": 1}, "weight_bits must be in"),
        ({"read_time": 0.0}, r"read_time \[s\] must be > 0"),
        ({"compensate_wires": "yes"}, "compensate_wires must be true or false, got 'yes'"),
        ({"compensate_drift": 2}, "compensate_drift must be true or false, got 2"),
    ],
)
def test_a_tile_that_cannot_be_is_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        Tile(**parameters)


@pytest.mark.parametrize("mapping", ["differential", "reference"])
def test_column_noise_is_that_of_the_devices_read_one_by_one(mapping):
    """The drawn column noise has the moments of an explicit Monte Carlo over all devices.

    20,000 reads: standard deviations to 0.5 %, bound 6 times that; the correlation between
    columns (0 for pairs, from the shared reference otherwise) to 0.007, bound 0.045.
    """
    rng = np.random.default_rng(0)
    weights = rng.uniform(-1, 1, (20, 3))
    reads = 20_000
    x = np.repeat(rng.uniform(0, 1, (1, 20)), reads, axis=0)
    noisy = device(read_noise=ReadNoise(relative=0.05, exponent=0.5, cap=0.2))
    tile = Tile(rows=32, columns=32, mapping=mapping)
    fast = product(weights, x, tile, noisy, realisations=1)[0]
    fast -= product(weights, x[:1], tile, device(), realisations=1)[0]

    plan = layout(20, 3, tile, None)
    share = fractions(weights / np.abs(weights).max(), plan)
    conductance = noisy.g_min + share * noisy.g_range
    one = voltages(
        x[:1], Scaling(weight=1, input=x.max(), signed=False, current=1), FINE_DAC, plan
    )[0]
    draws = rng.standard_normal((reads, *conductance.shape))
    noise = draws * noisy.read_sigma(conductance)
    signed = plan.mapping.difference(noise, plan.owner)
    currents = np.einsum("ksr,nkrc->nc", one, signed)
    slow = currents / noisy.g_range * plan.mapping.gain * np.abs(weights).max() * x.max()
    np.testing.assert_allclose(fast.std(axis=0), slow.std(axis=0), rtol=0.04)
    np.testing.assert_allclose(np.corrcoef(fast.T), np.corrcoef(slow.T), atol=0.06)


def test_stuck_devices_move_the_product():
    weights, x = np.full((10, 4), 0.5), np.ones((1, 10))
    faulty = device(stuck_at=StuckAt(g_max=1.0))
    found = product(weights, x, Tile(), faulty)
    np.testing.assert_allclose(found, 0, atol=1e-9)  # both arms at g_max
    assert abs(product(weights, x, Tile(), device())[0] - 5).max() < 1e-2


@pytest.mark.parametrize(
    ("mapping", "levels"), [("differential", None), ("reference", None), ("differential", 2),
                            ("reference", 2), ("offset", 2)],
)  # fmt: skip
def test_wires_act_on_each_physical_array(mapping, levels):
    """Against arrays put together by hand, device by device, column by column.

    11 rows on two tiles: six in the first, five in the second, and no more devices than that.
    """
    rng = np.random.default_rng(0)
    columns, bits = (16, 4) if levels else (8, None)
    tile = Tile(rows=6, columns=columns, mapping=mapping, weight_bits=bits)
    plan = layout(11, 9, tile, levels)
    assert (plan.row_tiles, plan.short_tiles) == (2, 1)
    assert plan.column_tiles > 1
    share = fractions(rng.uniform(-1, 1, (11, 9)), plan)
    conductance = 1e-6 + share[None] * 99e-6
    wires, access = Wires(50.0, 30.0, 100.0, 20.0), 2e3
    seen, drivers = wired(conductance, plan, wires, access, power=True)
    behind = conductance[0] / (1 + access * conductance[0])
    done = np.zeros(behind.shape, bool)
    draws = np.zeros((2, 6, 6))
    for row_tile, rows in enumerate((slice(0, 6), slice(1, 6))):
        for tile_number in range(plan.column_tiles):
            columns = []
            first = tile_number * plan.tile_outputs
            for output in range(first, min(first + plan.tile_outputs, 9)):
                for digit in range(plan.slices):
                    columns += [(arm, digit * 9 + output) for arm in range(plan.mapping.arms)]
            if plan.references:
                own = [(0, plan.columns + s * plan.column_tiles + tile_number)
                       for s in range(plan.slices)]  # fmt: skip
                columns[len(columns) // 2 : len(columns) // 2] = own
            assert len(columns) <= tile.columns
            array = np.stack([behind[row_tile, arm, rows, c] for arm, c in columns], axis=-1)
            expected = effective_conductance(array, wires)
            for place, (arm, c) in enumerate(columns):
                found = seen[0, row_tile, arm, rows, c]
                np.testing.assert_allclose(found, expected[:, place], rtol=1e-11)
                done[row_tile, arm, :, c] = True
            draws[row_tile, rows, rows] += port_conductance(array, wires)[1]
    assert done.all()
    np.testing.assert_allclose(drivers[0], draws, rtol=1e-9, atol=1e-15)


def test_power_with_wires_of_next_to_no_resistance_is_that_without():
    rng = np.random.default_rng(0)
    plan = layout(20, 8, Tile(rows=16, columns=10), None)
    conductance = 1e-6 + fractions(rng.uniform(-1, 1, (20, 8)), plan)[None] * 24e-6
    scale = Scaling(weight=1, input=1, signed=False, current=1)
    for dac in (FINE_DAC, DAC(bits=4, serial=True)):
        applied = voltages(rng.uniform(0, 1, (30, 20)), scale, dac, plan)
        without = power(applied, wired(conductance, plan, None, 0.0, power=True))
        thin = power(applied, wired(conductance, plan, Wires(1e-6, 1e-6), 0.0, power=True))
        np.testing.assert_allclose(thin, without, rtol=1e-7)
        tiles = np.moveaxis(applied**2, -1, -2).mean(-1)  # (cycle, row_tile, row)
        by_hand = (tiles * conductance[0].sum(axis=(1, 3))).sum()
        np.testing.assert_allclose(without, by_hand)


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
@pytest.mark.parametrize(
    ("access", "wires", "slack"),
    [
        (2e4, None, 0.0),
        (0.0, Wires(0.0, 0.0, sense_resistance=2e3), 0.08),
        (0.0, Wires(0.0, 0.0, driver_resistance=2e3), 0.08),
        (0.0, Wires(500.0, 500.0), 0.08),
        (2e4, Wires(200.0, 200.0), 0.05),
    ],
)
def test_read_noise_behind_resistances_is_that_of_devices_that_fluctuate(
    mapping, access, wires, slack
):
    """Against a Monte Carlo of whole arrays, each device of which fluctuates by 1 %.

    A quarter of the current or more is lost, and inputs are random. 20,000 arrays and as many
    reads: each deviation to 0.7 %, bound six times that, plus the slack of the approximation
    for wires.
    """
    rng = np.random.default_rng(0)
    weights, reads = rng.uniform(-1, 1, (12, 4)), 20_000
    weights[0, 0] = 1.0
    x = rng.uniform(0, 1, 12)
    x[0] = 1.0
    tile = Tile(rows=12, columns=9, mapping=mapping, access_resistance=access)
    noisy = device(read_noise=ReadNoise(relative=0.01))
    inputs = np.repeat(x[None], reads, axis=0)
    kwargs = {"realisations": 1, "wires": wires, "current": 14.0}
    fast = product(weights, inputs, tile, noisy, **kwargs)[0].std(axis=0)

    plan = layout(12, 4, tile, None)
    conductance = noisy.g_min + fractions(weights, plan) * noisy.g_range
    draws = 1 + 0.01 * rng.standard_normal((reads, *conductance.shape))
    seen = wired(conductance * draws, plan, wires, access, power=False).conductance
    currents = np.einsum("r,krc->kc", x, plan.mapping.difference(seen[:, 0], plan.owner))
    slow = currents.std(axis=0) / noisy.g_range * plan.mapping.gain
    ratio = np.sqrt(np.square(fast).sum() / np.square(slow).sum())
    assert ratio == pytest.approx(1, abs=slack + 0.03)
    np.testing.assert_allclose(fast, slow, rtol=2 * slack + 0.04)


def test_what_sneaks_past_an_open_device_adds_no_noise_of_it():
    """An open device with the same absolute noise as all others reaches its column as they do."""
    weights, x = np.array([[1.0, 1.0], [-1.0, 1.0]] * 3), np.ones((2000, 6))
    noisy = AnalogDevice(
        g_min=0.0, g_max=25e-6, read_voltage=0.2, cell_size=16.0,
        read_noise=ReadNoise(absolute=Law.from_number(1e-8)),
    )  # fmt: skip
    found = product(
        weights, x, Tile(rows=6, columns=4), noisy, wires=Wires(10.0, 10.0), current=8.0
    )
    assert np.isfinite(found).all()
    assert found.std(axis=1).max() < 1.1 * 1e-8 / 25e-6 * np.sqrt(12)


def test_converter_noise_offset_and_gain_reach_the_product():
    """40,000 conversions: deviations to 0.35 %, bound six times that."""
    weights, x = np.full((4, 1), 0.25), np.ones((40_000, 4))
    tile, current = Tile(rows=8, columns=2), 8.0
    code = 0.25 * current / (2**11 - 1)  # weight · full scale over the largest code
    kwargs = {"adc": ADC(bits=12), "realisations": 1, "current": current}
    noisy = product(weights, x, tile, device(), **(kwargs | {"adc": ADC(bits=12, noise=3.0)}))[0]
    assert noisy.std() == pytest.approx(np.sqrt(9 + 1 / 12) * code, rel=0.02)
    errors = ColumnErrors(np.full((1, 1, 1), 1.02), np.full((1, 1, 1), 10.0))
    moved = product(weights, x[:1], tile, device(), errors=errors, **kwargs)[0]
    assert moved[0, 0] - 1 == pytest.approx(0.02 + 10 * code, abs=code)


def test_each_tile_of_rows_has_its_own_converters_errors():
    """Two tiles, and all that is wrong is in the second: of gain 10 %, of offset 100 codes."""
    weights, x = np.full((4, 1), 0.25), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])
    tile, code = Tile(rows=2, columns=2), 0.25 * 4 / (2**15 - 1)
    for errors, moved in (
        (ColumnErrors(np.array([1.0, 1.1]).reshape(1, 2, 1), None), [0, 0.05]),
        (ColumnErrors(None, np.array([0.0, 100.0]).reshape(1, 2, 1)), [100 * code, 100 * code]),
        (ColumnErrors(None, np.array([[70.0], [30.0]])[None]), [100 * code, 100 * code]),
    ):
        found = product(
            weights, x, tile, device(), errors=errors, realisations=1, current=4.0
        )[0, :, 0]  # fmt: skip
        np.testing.assert_allclose(found, 0.5 + np.array(moved), atol=2.1 * code)
