"""Products in several reads: integrated, in phases, and with voltages sensed, against numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, Drift, Law, ProgrammingError, ReadNoise
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, map_matrices

LOW, RANGE = 1e-6, 24e-6


def hardware(tile=None, dac=None, adc=None, **device):
    return Hardware(
        device=AnalogDevice(
            g_min=LOW, g_max=LOW + RANGE, read_voltage=0.2, cell_size=16.0, **device
        ),
        tile=tile or Tile(rows=64, columns=32),
        dac=dac or DAC(bits=6, serial=True),
        adc=adc or ADC(bits=5, percentile=100.0),
    )


def weights(inputs=40, outputs=8, signed=True):
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(64, inputs)) if signed else rng.random((64, inputs))
    return Matrix(
        weight=rng.normal(size=(inputs, outputs)).astype(np.float32),
        calibration=samples.astype(np.float32),
        signed=signed,
    )


def programmed(matrix, platform, realisations=1):
    rng = realisation_streams(0, range(realisations))
    (mapped,) = map_matrices((matrix,), platform)
    return ProgrammedMatrix.program(mapped, platform, rng=rng), rng


def values(matrix, platform):
    made, rng = programmed(matrix, platform)
    return made.multiply(matrix.calibration, 1.0, rng=rng)


def arms(matrix):
    """Conductances (arm, input, output) of a pair, in ranges."""
    scaled = matrix.weight.astype(float) / np.abs(matrix.weight).max()
    return LOW / RANGE + np.maximum([scaled, -scaled], 0)


def inputs(matrix, bits, signed):
    """Inputs in full scales, rounded to the DAC's codes."""
    x = matrix.calibration.astype(float)
    steps = 2 ** (bits - signed) - 1
    return np.rint(x / np.abs(x).max() * steps) / steps


def quantised(currents, full_scale, bits, signed):
    """Codes of currents, back in their unit."""
    largest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    return np.rint(currents / full_scale * largest) * full_scale / largest


def in_phases(matrix, bits, signed, phases):
    """Signed currents of every phase with their signs, and whether codes have both signs."""
    x, (plus, minus) = inputs(matrix, bits, signed), arms(matrix)
    sides = [(1, np.maximum(x, 0)), (-1, np.maximum(-x, 0))] if signed and phases > 1 else [(1, x)]
    if phases < 4:
        return [(side, v @ (plus - minus)) for side, v in sides], True
    return [(side * s, v @ g) for side, v in sides for s, g in ((1, plus), (-1, minus))], False


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("phases", [1, 2, 4])
def test_integrated_cycles_are_converted_once_in_each_phase(signed, phases):
    """The quantised result: one conversion of the sum of all cycles."""
    matrix = weights(signed=signed)
    tile = Tile(rows=64, columns=32, phases=phases)
    platform = hardware(tile=tile, adc=ADC(bits=5, percentile=100.0, integrates="cycles"))
    parts, both = in_phases(matrix, 6, signed, phases)
    full_scale = max(np.abs(part).max() for _, part in parts)
    wanted = sum(sign * quantised(part, full_scale, 5, both) for sign, part in parts)
    wanted *= np.abs(matrix.weight).max() * np.abs(matrix.calibration).max()
    found = values(matrix, platform)
    step = full_scale / (15 if both else 31)
    step *= float(np.abs(matrix.weight).max() * np.abs(matrix.calibration).max())
    # Single precision moves a few of 512 numbers that are near half a step to the next code.
    apart = np.abs(found.values[0] - wanted) / step
    assert np.mean(apart > 1e-3) < 0.01
    assert apart.max() < 1.01
    assert found.saturated.max() == 0


@pytest.mark.parametrize("phases", [1, 2, 4])
def test_an_integrated_product_is_converted_once_whatever_its_phases(phases):
    """Phases and cycles add to the exact current, and are rounded once: as of a parallel DAC."""
    matrix = weights()
    once = hardware(dac=DAC(bits=6), adc=ADC(bits=5, percentile=100.0))
    tile = Tile(rows=64, columns=32, phases=phases)
    whole = hardware(tile=tile, adc=ADC(bits=5, percentile=100.0, integrates="product"))
    first, second = values(matrix, once).values, values(matrix, whole).values
    largest = np.abs(first).max()
    assert np.mean(np.abs(first - second) > 1e-4 * largest) < 0.01


def test_one_conversion_of_the_sum_has_the_rounding_error_of_one():
    """LSB / √12 of the sum; of each bit they add by the squares of their significance."""
    matrix = weights(inputs=256, outputs=16, signed=False)
    tile = Tile(rows=256, columns=32)
    exact = inputs(matrix, 8, False) @ (arms(matrix)[0] - arms(matrix)[1])
    scale = np.abs(matrix.weight).max() * np.abs(matrix.calibration).max()
    errors = {}
    for mode in ("read", "cycles"):
        adc = ADC(bits=8, percentile=100.0, integrates=mode)
        platform = hardware(tile=tile, dac=DAC(bits=8, serial=True), adc=adc)
        made, rng = programmed(matrix, platform)
        found = made.multiply(matrix.calibration, 1.0, rng=rng).values[0] / scale
        step = made.mapped.scale.current / 127
        errors[mode] = (found - exact).std() / step
    assert errors["cycles"] == pytest.approx(1 / np.sqrt(12), rel=0.05)
    significance = 2.0 ** np.arange(8) / 255
    wanted = np.sqrt(np.square(significance).sum() / 12)
    assert errors["read"] == pytest.approx(wanted, rel=0.05)


def test_a_product_of_one_read_is_the_same_bits_however_it_is_integrated():
    matrix, noise = weights(), ReadNoise(relative=0.05)
    for tile in (Tile(rows=16, columns=32), Tile(rows=16, columns=32, mapping="reference")):
        found = [
            values(
                matrix,
                hardware(
                    tile=tile, dac=DAC(bits=6), read_noise=noise,
                    adc=ADC(bits=6, noise=0.3, integrates=mode),
                ),
            ).values
            for mode in ("read", "cycles", "product")
        ]  # fmt: skip
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("phases", [1, 2, 4])
@pytest.mark.parametrize("mode", ["read", "cycles", "product"])
def test_noise_of_all_reads_adds_in_squares(phases, mode):
    """Of 3,000 products the variance is the devices', within 6 of its standard errors.

    Each cycle reads each device again: sum_c s_c² sum_i b_ci² σ_i². A variance of 3,000 is
    chi-squared: the chance of one of 8 columns outside is 4.0e-8, in all nine cases 3.6e-7.
    """
    matrix, share = weights(signed=True), 0.05
    platform = hardware(
        tile=Tile(rows=64, columns=32, phases=phases),
        adc=ADC(bits=14, percentile=100.0, integrates=mode),
        read_noise=ReadNoise(relative=share),
    )
    made, rng = programmed(matrix, platform)
    x = np.repeat(matrix.calibration[:1], 3000, axis=0)
    found = made.multiply(x, 1.0, rng=rng).values[0]
    codes = np.abs(np.rint(inputs(matrix, 6, True)[0] * 31)).astype(int)
    significance = 2.0 ** np.arange(5) / 31
    bits = (codes[:, None] >> np.arange(5)) & 1
    applied = (bits * np.square(significance)).sum(axis=1)
    sigma = np.square(share * arms(matrix)).sum(axis=0)
    scale = np.abs(matrix.weight).max() * np.abs(matrix.calibration).max()
    wanted = applied @ sigma * float(scale) ** 2
    ratio = found.var(axis=0) / wanted
    assert np.abs(ratio - 1).max() < 6 * np.sqrt(2 / 3000)


def test_voltages_are_sensed_as_currents_over_the_columns_conductance():
    """A floating column settles to sum V g / sum g; the sum, as targeted, multiplies the code."""
    matrix = weights()
    platform = hardware(dac=DAC(bits=6), adc=ADC(bits=6, percentile=100.0, sensing="voltage"))
    x, (plus, minus) = inputs(matrix, 6, True), arms(matrix)
    load = (plus + minus).sum(axis=0)
    settled = x @ (plus - minus) / load
    full_scale = np.abs(settled).max()
    wanted = quantised(settled, full_scale, 6, True) * load
    wanted *= np.abs(matrix.weight).max() * np.abs(matrix.calibration).max()
    found = values(matrix, platform).values[0]
    assert np.mean(np.abs(found - wanted) > 1e-3 * np.abs(wanted).max()) < 0.01


@pytest.mark.parametrize("phases", [1, 4])
def test_a_column_without_conductance_settles_at_zero(phases):
    """Weights of zero and no off-state: 0, no power, and the others as without it."""
    matrix, tile = weights(), Tile(rows=16, columns=32, phases=phases)
    weight = matrix.weight.copy()
    weight[:, 3], weight[:16, 4] = 0, 0
    matrix = dataclasses.replace(matrix, weight=weight)
    device = AnalogDevice(g_min=0.0, g_max=RANGE, read_voltage=0.2, cell_size=16.0)
    adc = ADC(bits=12, percentile=100.0, sensing="voltage")
    platform = dataclasses.replace(hardware(tile=tile, dac=DAC(bits=8), adc=adc), device=device)
    made, rng = programmed(matrix, platform)
    found = made.multiply(matrix.calibration, 1.0, rng=rng).values[0]
    exact = inputs(matrix, 8, True) * np.abs(matrix.calibration).max() @ weight.astype(float)
    assert (found[:, 3] == 0).all()
    assert np.abs(found - exact).max() < 0.01 * np.abs(exact).max()
    power = made.at(1.0).power(made.mapped.voltages(matrix.calibration, platform.dac))
    assert 0 < power[0] < 1


@pytest.mark.parametrize("per_column", [False, True])
def test_a_floating_column_has_one_range_of_currents_in_all_tiles_of_rows(per_column):
    """Tiles of different conductance; the range follows the column's mean over them."""
    matrix = weights(inputs=48)
    weight = matrix.weight.copy()
    weight[:16] /= 10
    matrix = dataclasses.replace(matrix, weight=weight)
    adc = ADC(bits=6, percentile=100.0, sensing="voltage", per_column=per_column)
    platform = hardware(tile=Tile(rows=16, columns=32), dac=DAC(bits=6), adc=adc)
    found = values(matrix, platform).values[0]
    x, (plus, minus) = inputs(matrix, 6, True), arms(matrix)
    parts = [slice(start, start + 16) for start in (0, 16, 32)]
    load = np.mean([(plus + minus)[part].sum(axis=0) for part in parts], axis=0)
    currents = np.array([x[:, part] @ (plus - minus)[part] for part in parts])
    full_scale = np.abs(currents / load).max(axis=(0, 1) if per_column else None) * load
    wanted = quantised(currents, full_scale, 6, True).sum(axis=0)
    wanted *= np.abs(matrix.weight).max() * np.abs(matrix.calibration).max()
    assert np.mean(np.abs(found - wanted) > 1e-3 * np.abs(wanted).max()) < 0.01


def test_each_realisation_settles_to_its_own_conductances():
    """Programmed with errors: own currents over own sums, times the sums as targeted; with noise.

    Of 3,000 products the variances of 8 columns and 2 realisations are the devices' noise over the
    sums, within 6 standard errors: the chance of one outside is 7.9e-8, of a mean 3.2e-8.
    """
    matrix, share = weights(inputs=20), 0.05
    adc = ADC(bits=14, percentile=100.0, sensing="voltage")
    platform = hardware(
        tile=Tile(rows=32, columns=32), dac=DAC(bits=6), adc=adc,
        programming_error=ProgrammingError(coefficients=(2e-6,), g_reference=25e-6),
        read_noise=ReadNoise(relative=share),
    )  # fmt: skip
    made, rng = programmed(matrix, platform, realisations=2)
    x = np.repeat(matrix.calibration[:1], 3000, axis=0)
    found = made.multiply(x, 1.0, rng=rng).values
    applied, held = inputs(matrix, 6, True)[0], made.conductance[:, 0].astype(float) / RANGE
    gain = arms(matrix).sum(axis=(0, 1)) / held.sum(axis=(1, 2))
    scale = float(np.abs(matrix.weight).max() * np.abs(matrix.calibration).max())
    wanted = scale * gain * np.einsum("i,rio->ro", applied, held[:, 0] - held[:, 1])
    noise = np.einsum("i,raio->ro", applied**2, np.square(share * held)) * np.square(scale * gain)
    assert np.ptp(gain, axis=0).min() > 0.001
    np.testing.assert_array_less(
        np.abs(found.mean(axis=1) - wanted), 6 * np.sqrt(noise / 3000) + 1e-4
    )
    assert np.abs(found.var(axis=1) / noise - 1).max() < 6 * np.sqrt(2 / 3000)


def test_a_common_drift_cancels_where_voltages_are_sensed():
    """Every conductance falls by 10^-0.1 in a decade: currents do, settled voltages do not."""
    matrix = weights(inputs=20, outputs=6)
    drift = Drift(nu=Law.from_number(0.1), time_zero=1.0)
    shared = {"tile": Tile(rows=32, columns=32), "dac": DAC(bits=8), "drift": drift}
    found = {}
    for sensing in ("current", "voltage"):
        adc = ADC(bits=12, percentile=100.0, sensing=sensing)
        made, rng = programmed(matrix, hardware(adc=adc, **shared))
        early, late = (
            made.multiply(matrix.calibration, time, rng=rng).values for time in (1.0, 10.0)
        )
        found[sensing] = np.sum(early * late) / np.sum(early * early)
    assert found["current"] == pytest.approx(10**-0.1, rel=1e-3)
    assert found["voltage"] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("phases", [1, 2, 4])
def test_power_of_floating_columns_is_what_their_devices_dissipate(phases):
    """sum G (V - V_column)² of every device, in each phase; V² G at a virtual ground."""
    matrix = weights()
    tile = Tile(rows=64, columns=32, phases=phases)
    x, pair = inputs(matrix, 6, True), arms(matrix) * RANGE
    sides = [x] if phases == 1 else [np.maximum(x, 0), np.maximum(-x, 0)]
    read, floating = 0.0, 0.0
    for applied in sides:
        read += (np.square(applied) @ pair.sum(axis=0)).sum() / len(x)
        for on in ((1, -1),) if phases < 4 else ((1, 0), (0, -1)):
            voltage = np.stack([applied * side for side in on])  # (arm, sample, input)
            load = pair.sum(axis=(0, 1))
            settled = sum(v @ g for v, g in zip(voltage, pair, strict=True)) / load
            apart = voltage[..., None] - settled[None, :, None, :]
            floating += (pair[:, None] * np.square(apart)).sum() / len(x)
    for sensing, wanted in (("current", read), ("voltage", floating)):
        adc = ADC(bits=8, percentile=100.0, sensing=sensing)
        made, _ = programmed(matrix, hardware(tile=tile, dac=DAC(bits=6), adc=adc))
        voltage = made.mapped.voltages(matrix.calibration, made.hardware.dac)
        found = made.at(1.0).power(voltage)
        assert found[0] == pytest.approx(0.2**2 * wanted, rel=1e-3)


def test_a_transposed_product_is_integrated_too():
    """One rounding of the sum, as that of a parallel DAC; phases and voltages are refused."""
    matrix = weights(inputs=30, outputs=12)
    back = np.random.default_rng(2).normal(size=(50, 12)).astype(np.float32)
    held = ADC(bits=5, percentile=100.0, integrates="cycles")
    once = hardware(dac=DAC(bits=6), adc=dataclasses.replace(held, integrates="read"))
    found = []
    for platform in (once, hardware(adc=held)):
        made, rng = programmed(matrix, platform)
        found.append(made.transposed(back, 1.0, rng=rng).values)
    largest = np.abs(found[0]).max()
    assert np.mean(np.abs(found[0] - found[1]) > 1e-4 * largest) < 0.01
    for platform, message in (
        (hardware(tile=Tile(rows=64, columns=32, phases=2)), "tile.phases must be 1"),
        (hardware(adc=ADC(sensing="voltage")), "adc.sensing must be current"),
    ):
        made, rng = programmed(matrix, platform)
        with pytest.raises(UserError, match=message):
            made.transposed(back, 1.0, rng=rng)


@pytest.mark.parametrize("mode", ["read", "cycles"])
def test_noise_of_an_integrated_transposed_product_adds_in_squares(mode):
    """Variance: sum_c s_c² sum_j b_cj² σ_j², of 3,000 products and 30 rows (6e-8)."""
    matrix, share = weights(inputs=30, outputs=12), 0.05
    platform = hardware(
        adc=ADC(bits=14, percentile=100.0, integrates=mode), read_noise=ReadNoise(relative=share)
    )
    made, rng = programmed(matrix, platform)
    back = np.random.default_rng(2).uniform(-1, 1, 12)
    loudest = 2 * np.sign(matrix.weight)  # of each row: they set the full scale
    x = np.concatenate([np.repeat(back[None], 3000, axis=0), loudest]).astype(np.float32)
    found = made.transposed(x, 1.0, rng=rng).values[0, :3000]
    largest = float(np.abs(x).max())
    codes = np.rint(np.abs(x[0].astype(float)) / largest * 31).astype(int)
    bits = (codes[:, None] >> np.arange(5)) & 1
    applied = (bits * np.square(2.0 ** np.arange(5) / 31)).sum(axis=1)
    wanted = np.square(share * arms(matrix)).sum(axis=0) @ applied
    wanted *= float(np.abs(matrix.weight).max() * largest) ** 2
    ratio = found.var(axis=0) / wanted
    assert np.abs(ratio - 1).max() < 6 * np.sqrt(2 / 3000)
