"""Programmed matrices: forward and transposed products against plain linear algebra."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, Drift, Law, ProgrammingError, ReadNoise, Retention
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, map_matrices

FINE = (DAC(bits=16), ADC(bits=16, percentile=100.0))


def matrix(inputs=23, outputs=9, seed=0, signed=True):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(40, inputs)) if signed else rng.random((40, inputs))
    return Matrix(
        weight=rng.normal(size=(inputs, outputs)).astype(np.float32),
        calibration=samples.astype(np.float32),
        signed=signed,
    )


def hardware(mapping="differential", wires=None, converters=FINE, tile=None, **device):
    dac, adc = converters
    return Hardware(
        device=AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **device),
        tile=tile or Tile(rows=10, columns=12, mapping=mapping),
        dac=dac,
        adc=adc,
        wires=wires,
    )


def programmed(weights, platform, realisations=2):
    rng = realisation_streams(0, range(realisations))
    (mapped,) = map_matrices((weights,), platform)
    return ProgrammedMatrix.program(mapped, platform, rng=rng), rng


def relative(found, wanted):
    return np.sqrt(np.mean(np.square(found - wanted)) / np.mean(np.square(wanted)))


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("serial", [True, False])
def test_ideal_devices_give_both_products(mapping, signed, serial):
    """23 × 9 weights on tiles of 10 × 12: short tiles of rows, several tiles of columns."""
    weights = matrix(signed=signed)
    converters = DAC(bits=12, serial=serial), ADC(bits=16, percentile=100.0)
    made, rng = programmed(weights, hardware(mapping, converters=converters))
    x = weights.calibration[:7]
    found = made.multiply(x, 1.0, rng=rng).values
    assert relative(found, x @ weights.weight) < 2e-3
    back = np.random.default_rng(1).normal(size=(5, 9)).astype(np.float32)
    back = back if signed else np.abs(back)
    found = made.transposed(back, 1.0, rng=rng)
    assert found.values.shape == (2, 5, 23)
    assert found.saturated.max() == 0
    assert relative(found.values, back @ weights.weight.T) < 2e-3


def conversion_error(mapping, bits, levels, weights, inputs, per_column=False):
    """Return the error of a product, root mean square, and its closed form.

    LSB sqrt(Σ worth² / 12) of one tile: each slice is rounded to a code by itself.
    """
    converters = DAC(bits=16), ADC(bits=bits, percentile=100.0, per_column=per_column)
    tile = Tile(rows=128, columns=256, mapping=mapping, weight_bits=5)
    platform = hardware(mapping, converters=converters, tile=tile, levels=levels)
    given = Matrix(weight=weights, calibration=inputs, signed=False)
    made, rng = programmed(given, platform, 1)
    found = made.multiply(inputs, 1.0, rng=rng).values[0]
    stored = np.rint(weights * 15) / 15
    scale, plan = made.mapped.scale, made.mapped.layout
    step = np.mean(scale.current) / platform.adc.codes(signed=mapping != "offset")[1]
    law = step * scale.input * scale.weight * np.sqrt(np.square(plan.worth).sum() / 12)
    return np.sqrt(np.mean(np.square(found - inputs @ stored))), law


def test_binary_slices_lose_to_rounding_by_the_steps_of_their_converters():
    """40 × 200 products of weights of 5 bits, a fifth of the largest in deviation.

    A reference column's slices all switch around weight zero (01111 and 10000): each carries a
    current as of large weights, which cancel only after conversion. The error of the converters is
    then 5 times that of pairs, and 10 times that of one device of 31 levels.
    """
    rng = np.random.default_rng(0)
    weights = np.clip(rng.standard_normal((128, 40)) / 5, -1, 1).astype(np.float32)
    weights[0, 0] = 1
    inputs = rng.random((200, 128)).astype(np.float32)
    errors = {}
    for mapping, levels in (("differential", 2), ("differential", 16), ("reference", 2),
                            ("reference", 31), ("offset", 2), ("offset", 31)):  # fmt: skip
        for bits in (6, 8, 10):
            error, law = conversion_error(mapping, bits, levels, weights, inputs)
            assert error == pytest.approx(law, rel=0.2)
            errors[mapping, levels, bits] = error
        fine, _ = conversion_error(mapping, 16, levels, weights, inputs)
        assert fine < 4e-3 * errors[mapping, levels, 6]  # rounding of weights alone is left
    pair, reference = errors["differential", 2, 8], errors["reference", 2, 8]
    assert 3.5 < reference / pair < 6
    assert 1.5 < pair / errors["differential", 16, 8] < 2.5
    assert 8 < reference / errors["reference", 31, 8] < 12
    assert errors["offset", 2, 8] < errors["offset", 31, 8]
    assert reference / errors["reference", 2, 10] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
def test_slices_and_parallel_cells_give_both_products(mapping):
    weights = matrix(inputs=11, outputs=5)
    tile = Tile(rows=12, columns=30, mapping=mapping, weight_bits=6, cells=3)
    made, rng = programmed(weights, hardware(levels=4, tile=tile))
    back = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    # Weights are rounded to 31 steps of their largest: an error of a step over root twelve.
    step = np.abs(weights.weight).max() / 31 / np.sqrt(12)
    wanted = back @ weights.weight.T
    found = made.transposed(back, 1.0, rng=rng).values[0]
    rounding = step * np.sqrt(np.sum(np.square(back), axis=1).mean())
    assert np.sqrt(np.mean(np.square(found - wanted))) < 2 * rounding
    x = weights.calibration[:6]
    forward = made.multiply(x, 1.0, rng=rng).values[0]
    rounding = step * np.sqrt(np.sum(np.square(x), axis=1).mean())
    assert np.sqrt(np.mean(np.square(forward - x @ weights.weight))) < 2 * rounding


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 25), st.integers(1, 12), st.floats(0.0, 50.0), st.integers(0, 10**6))
def test_a_wired_array_is_reciprocal(inputs, outputs, resistance, seed):
    """y · (x W) = x · (y Wᵀ) whatever the wires, since a network of resistances is reciprocal."""
    weights = matrix(inputs, outputs, seed)
    wires = Wires(resistance, resistance) if resistance else None
    made, rng = programmed(weights, hardware(wires=wires), realisations=1)
    rng_numbers = np.random.default_rng(seed)
    x = rng_numbers.normal(size=(1, inputs)).astype(np.float32)
    y = rng_numbers.normal(size=(1, outputs)).astype(np.float32)
    x = np.clip(x, *np.percentile(weights.calibration, [0.5, 99.5]))
    forward = made.multiply(x, 1.0, rng=rng).values[0, 0] @ y[0]
    back = made.transposed(y, 1.0, rng=rng).values[0, 0] @ x[0]
    size = np.linalg.norm(x) * np.linalg.norm(y) * np.abs(weights.weight).max()
    assert forward == pytest.approx(back, abs=2e-3 * size)


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
def test_read_noise_of_a_transposed_read_adds_in_squares(mapping):
    """Of 4,000 reads the variance is that of the devices', within 5 standard errors."""
    weights = matrix(inputs=6, outputs=4)
    tile = Tile(rows=8, columns=10, mapping=mapping)
    noise = ReadNoise(relative=0.05)
    platform = hardware(tile=tile, read_noise=noise)
    made, rng = programmed(weights, platform, realisations=1)
    y = np.tile(np.array([[0.15, -0.5, 0.35, 0.1]], np.float32), (4001, 1))
    y[-1] *= 2  # sets the full scale, so that no noisy read of the others saturates
    found = made.transposed(y, 1.0, rng=rng).values[0, :-1]
    plan, device = made.mapped.layout, platform.device
    sigma = np.asarray(device.read_sigma(made.conductance, 1.0), float)[0, 0]  # arm, row, column
    drive = y[0].astype(float)
    if plan.references:
        drive = np.concatenate([drive, [-drive.sum()]])
    variance = (np.square(sigma) @ np.square(drive)).sum(axis=0) / device.g_range**2
    scale = made.mapped.scale.weight * plan.worth[0]
    wanted = np.sqrt(variance) * scale
    np.testing.assert_allclose(found.std(axis=0, ddof=1), wanted, rtol=5 / np.sqrt(2 * 4000))


PCM = {
    "programming_error": ProgrammingError(coefficients=(2e-6,), g_reference=25e-6),
    "read_noise": ReadNoise(relative=0.0088, exponent=0.65, cap=0.2, flicker_read_time=2.5e-7),
}
PCM_DRIFT = Law(at_g_max=0.0244, slope=-0.0155, low=0.049, high=0.1)


@pytest.mark.parametrize("back", [False, True])
def test_noise_of_an_aged_product_is_that_of_the_programmed_devices(back):
    """After a year, sigma = G(t) Q(G_programmed) F: 4,000 products, within 5 standard errors.

    At the drifted conductances it would be half as much again; where the mean device's drift is
    undone, as nothing else is known, exponents that differ by 0.05 make it a tenth more or less.
    """
    weights, time = matrix(inputs=6, outputs=4), 3.15576e7
    drift = Drift(nu=PCM_DRIFT, spread=Law.from_number(0.05), time_zero=20.0)
    platform = hardware(tile=Tile(rows=8, columns=10), drift=drift, **PCM)
    made, rng = programmed(weights, platform, realisations=1)
    size = 4 if back else 6
    x = np.tile(np.linspace(0.1, 0.5, size, dtype=np.float32), (4001, 1))
    x[-1] *= 4  # sets the full scale of a transposed product
    product = made.transposed if back else made.multiply
    found = product(x, time, rng=rng).values[0, :-1]
    before = np.asarray(made.conductance[0, 0], float)  # arm, row, column
    now = np.asarray(made.at(time).conductance[0, 0], float)
    relative_noise = np.minimum(0.0088 * (np.maximum(before, 1e-9) / 25e-6) ** -0.65, 0.2)
    sigma = now * relative_noise * np.sqrt(np.log((time + 2.5e-7) / 5e-7))
    drive = np.square(x[0].astype(float))
    squares = np.square(sigma)[:, -6:]  # rows without inputs come first
    variance = (squares @ drive if back else np.swapaxes(squares, -1, -2) @ drive).sum(axis=0)
    scale = made.mapped.scale.weight * made.mapped.layout.worth[0] / platform.device.g_range
    wanted = np.sqrt(variance) * scale
    np.testing.assert_allclose(found.std(axis=0, ddof=1), wanted, rtol=5 / np.sqrt(2 * 4000))


def test_drift_exponents_follow_the_targets_not_what_programming_made_of_them():
    weights, platform = matrix(), hardware(drift=Drift(nu=PCM_DRIFT), **PCM)
    made, _ = programmed(weights, platform)
    target = 1e-6 + made.mapped.fractions * 24e-6
    wanted = np.clip(-0.0155 * np.log(target / 25e-6) + 0.0244, 0.049, 0.1)
    assert np.abs(made.conductance - target).max() > 4e-6
    np.testing.assert_allclose(
        made.aging.exponents, np.broadcast_to(wanted, made.conductance.shape), rtol=1e-5
    )


def test_compensation_is_read_once_at_a_time():
    """Every product at one time has the same gain; noise of its read would make two differ."""
    weights = matrix()
    drift = Drift(nu=Law.from_number(0.1))
    tile = Tile(rows=10, columns=12, compensate_drift=True)
    made, rng = programmed(weights, hardware(tile=tile, drift=drift))
    aged = made.at(1e6)
    x = weights.calibration[:5]
    first, second = (aged.multiply(x, rng=rng).values for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert relative(first, x @ weights.weight) < 5e-3
    back = np.eye(9, dtype=np.float32)
    assert relative(aged.transposed(back, rng=rng).values, weights.weight.T) < 5e-3


def test_no_factor_brings_back_a_state_that_is_lost():
    """Reads of which nothing is left are not enlarged: the products are those that remain, 0."""
    weights = matrix()
    lost = Retention(time=1e6, activation_ev=0.0, stable=0.0)
    tile = Tile(rows=10, columns=12, compensate_drift=True)
    made, rng = programmed(weights, hardware(tile=tile, retention=lost))
    np.testing.assert_array_equal(
        made.multiply(weights.calibration[:5], 1e9, rng=rng).values, np.zeros((2, 5, 9))
    )
    kept = made.multiply(weights.calibration[:5], 1.0, rng=rng).values
    assert relative(kept, weights.calibration[:5] @ weights.weight) < 5e-3


def test_products_do_not_change_their_inputs():
    weights = matrix()
    made, rng = programmed(weights, hardware())
    x, y = weights.calibration[:3].copy(), np.ones((2, 9), np.float32)
    before = x.copy(), y.copy(), made.conductance.copy()
    made.multiply(x, 1.0, rng=rng)
    made.transposed(y, 1.0, rng=rng)
    for now, then in zip((x, y, made.conductance), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"uses": -1}, "uses must be >= 0"), ({"operations": {"softmax": 3}}, "got 'softmax'")],
)
def test_a_use_that_cannot_be_is_refused(given, message):
    base = matrix()
    with pytest.raises(UserError, match=message):
        Matrix(weight=base.weight, calibration=base.calibration, signed=True, **given)


def test_a_transposed_product_does_not_depend_on_other_realisations():
    weights, platform = matrix(), hardware(cycle_to_cycle=0.1, read_noise=ReadNoise(relative=0.05))
    (mapped,) = map_matrices((weights,), platform)
    y = np.random.default_rng(2).normal(size=(4, 6, 9)).astype(np.float32)
    y *= np.array([1.0, 7.0, 0.1, 3.0], np.float32)[:, None, None]

    def products(numbers):
        rng = realisation_streams(0, numbers)
        made = ProgrammedMatrix.program(mapped, platform, rng=rng)
        return made.transposed(y[list(numbers)], 1.0, rng=rng).values

    together = products(range(4))
    for number in range(4):
        np.testing.assert_array_equal(products([number])[0], together[number])


def test_converter_noise_and_a_least_full_scale_reach_transposed_products():
    """A code is full scale over 127; noise of 3 codes spreads 2,000 outputs by 3, within 8 %."""
    weights = matrix(inputs=1, outputs=1)
    made, rng = programmed(
        weights, hardware(converters=(DAC(bits=16), ADC(bits=8, noise=3.0, full_scale=1e-5))), 1
    )
    y = np.zeros((2000, 1), np.float32)
    y[0] = 1
    values = made.transposed(y, 1.0, rng=rng).values[0, 1:, 0]
    step = 1e-5 / (0.2 * 24e-6) / 127 * made.mapped.scale.weight
    assert values.std() == pytest.approx(3 * step, rel=0.08)
    coarse = ADC(bits=8, least_full_scale=2e-3)
    made, rng = programmed(weights, hardware(converters=(DAC(bits=16), coarse)), 1)
    assert (made.transposed(y, 1.0, rng=rng).values == 0).all()  # under half a step of 2 mA / 127


def test_noise_behind_access_resistances_is_less_in_transposed_reads_too():
    """Behind R a device's noise falls by 1 / (1 + R g)², at one device 0.16 of it for R g = 1.5."""
    weights = matrix(inputs=1, outputs=1)
    y = np.full((4000, 1), 0.5, np.float32)
    y[-1] = 1
    spread, level = [], []
    for access in (0.0, 6e4):
        tile = Tile(rows=10, columns=12, access_resistance=access)
        made, rng = programmed(weights, hardware(tile=tile, read_noise=ReadNoise(relative=0.02)), 1)
        values = made.transposed(y, 1.0, rng=rng).values[0, :-1, 0]
        spread.append(values.std())
        level.append(made.conductance[0, 0, :, 0, 0])
    share = 1 / (1 + 6e4 * level[0].astype(float)) ** 2
    noise = np.hypot(*(level[0] * share)) / np.hypot(*level[0])
    assert spread[1] / spread[0] == pytest.approx(noise, rel=0.1)


def test_the_error_of_programming_is_a_fraction_of_the_range():
    """Errors of 1 µS in a range of 10 to 25 µS: a fifteenth, to 6 of its standard errors."""
    plain = hardware(programming_error=ProgrammingError(coefficients=(1e-6,), g_reference=25e-6))
    platform = dataclasses.replace(plain, device=dataclasses.replace(plain.device, g_min=10e-6))
    written = programmed(matrix(), platform)[0].written
    margin = 6 / (2 * written.devices) ** 0.5
    np.testing.assert_allclose(written.error, 1 / 15, rtol=margin)
    assert margin < 0.3


@pytest.mark.parametrize("sensing", ["current", "voltage"])
@pytest.mark.parametrize("serial", [True, False])
def test_power_of_a_realisation_is_its_own(sensing, serial):
    weights = matrix(signed=False)
    converters = DAC(bits=4, serial=serial), ADC(bits=8, sensing=sensing)
    platform = hardware(converters=converters, cycle_to_cycle=0.1)
    powers = []
    for realisations in (1, 3):
        made, _ = programmed(weights, platform, realisations)
        voltage = made.mapped.voltages(weights.calibration, platform.dac)
        powers.append(made.at(1.0).power(voltage))
        again = np.stack([voltage] * realisations, axis=1)  # an axis of realisations
        np.testing.assert_allclose(made.at(1.0).power(again), powers[-1], rtol=1e-5)
    np.testing.assert_allclose(powers[1][:1], powers[0], rtol=1e-6)
