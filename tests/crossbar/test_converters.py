"""Converters: steps, saturation, ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.crossbar import ADC, DAC
from matsweep.crossbar.converters import percentile


@given(bits=st.integers(1, 16), x=st.floats(0, 2))
def test_a_dac_rounds_to_its_steps_and_saturates(bits, x):
    found = DAC(bits=bits).convert(np.array([x]), 1.0, signed=False)[0]
    assert found == pytest.approx(min(x, 1.0), abs=0.5 / (2**bits - 1) + 1e-12)
    assert found * (2**bits - 1) == pytest.approx(round(found * (2**bits - 1)), abs=1e-6)


def test_an_unsigned_dac_cuts_negative_inputs_and_a_signed_one_is_odd():
    x = np.array([-0.7, 0.7])
    np.testing.assert_array_equal(DAC().convert(x, 1.0, signed=False)[0], 0)
    signed = DAC().convert(x, 1.0, signed=True)
    assert signed[0] == -signed[1] != 0


def codes(adc, fractions):
    """Return the codes of currents given as fractions of full scale."""
    total = np.zeros((1, fractions.size))
    adc.add_codes(total, fractions[None] * largest(adc))
    return total[0]


def largest(adc):
    return adc.codes(signed=True)[1]


@given(bits=st.integers(2, 12), current=st.floats(-3, 3))
def test_an_adc_is_mid_tread_odd_and_saturates(bits, current):
    adc = ADC(bits=bits)
    code, opposite = codes(adc, np.array([current, -current]))
    assert code == -opposite
    assert abs(code) <= 2 ** (bits - 1) - 1
    expected = np.clip(current, -1, 1)
    assert code / largest(adc) == pytest.approx(expected, abs=0.5 / largest(adc) + 1e-9)


def test_rms_error_of_an_adc_is_a_step_over_root_twelve():
    adc, x = ADC(bits=8), np.random.default_rng(0).uniform(-1, 1, 1_000_000)
    error = codes(adc, x) / largest(adc) - x
    assert error.std() == pytest.approx(1 / largest(adc) / 12**0.5, rel=0.01)


def test_codes_of_tiles_are_converted_one_by_one_and_added():
    adc, total = ADC(bits=4), np.array([[1.0, 2.0, -3.0]], np.float32)
    currents = np.array([[2.4, 9.0, -7.4]], np.float32)
    noise = np.array([[0.2, -1.0, -0.2]], np.float32)
    saturated = adc.add_codes(total, currents, noise)
    np.testing.assert_array_equal(total, [[1 + 3, 2 + 7, -3 - 7]])  # 2.6 -> 3; 8, -7.6 saturate
    np.testing.assert_array_equal(saturated, [2])
    adc.add_codes(total, currents, worth=4.0)
    np.testing.assert_array_equal(total, [[4 + 4 * 2, 9 + 4 * 7, -10 - 4 * 7]])


def test_currents_of_one_sign_have_all_codes():
    adc, total = ADC(bits=4), np.zeros((2, 3))
    currents = np.array([[-0.7, 0.4, 7.4], [14.6, 15.6, 99.0]])
    saturated = adc.add_codes(total, currents, signed=False)
    np.testing.assert_array_equal(total, [[0, 0, 7], [15, 15, 15]])
    np.testing.assert_array_equal(saturated, [1, 2])


@given(bits=st.integers(1, 12), x=st.floats(-1, 1), signed=st.booleans())
def test_the_bits_of_a_serial_dac_add_up_to_its_input(bits, x, signed):
    dac = DAC(bits=bits, serial=True)
    converted = dac.convert(np.array([x]), 1.0, signed=signed)
    applied = dac.apply(converted, signed=signed)
    assert applied.shape == (dac.cycles(signed=signed), 1)
    assert set(np.abs(applied).ravel()) <= {0.0, 1.0}
    total = dac.significance(signed=signed) @ applied[:, 0]
    assert total == pytest.approx(converted[0], abs=1e-12)
    assert DAC(bits=bits).cycles(signed=signed) == 1


def test_columns_errors_have_their_spread():
    """200,000 columns: deviations to 0.16 %, bound six times that."""
    adc, rng = ADC(offset=0.7, gain_error=0.02), np.random.default_rng(0)
    found = adc.errors((10, 20, 1000), rng=rng)
    assert found.offset.std() == pytest.approx(0.7, rel=0.01)
    assert found.gain.std() == pytest.approx(0.02, rel=0.01)
    assert found.gain.mean() == pytest.approx(1, abs=3e-4)
    assert ADC().errors((1, 1, 1), rng=rng) == (None, None)


def test_full_scale_is_a_percentile_of_magnitudes_and_never_zero():
    values = np.linspace(-10, 10, 2001)
    assert percentile(values, 100) == 10
    assert percentile(values, 50) == pytest.approx(5, abs=0.01)
    assert percentile(np.array([0.0, 0.0, 0.0, 0.3]), 50) == 0.3
    assert percentile(np.zeros(4), 99) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DAC(bits=0), "bits must be in"),
        (lambda: DAC(percentile=0.0), "percentile"),
        (lambda: ADC(bits=1), "bits must be in"),
        (lambda: ADC(full_scale=-1.0), r"full_scale \[A\] must be > 0"),
        (lambda: ADC(least_full_scale=0.0), r"least_full_scale \[A\] must be > 0"),
        (lambda: ADC(full_scale=1e-6, least_full_scale=2e-6), "must be >= least_full_scale"),
        (lambda: ADC(sample_rate=0.0), r"sample_rate \[Hz\]"),
        (lambda: ADC(sharing=0), "sharing"),
        (lambda: ADC(noise=-1.0), r"noise \[LSB\] must be >= 0"),
        (lambda: ADC(offset=float("nan")), r"offset \[LSB\]"),
        (lambda: ADC(gain_error=-0.1), "gain_error"),
    ],
)
def test_converters_that_cannot_be_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
