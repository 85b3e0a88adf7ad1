"""The behavioural device against its stated laws.

Statistical tests draw N = 400,000 devices. A standard deviation is then known to a relative
1/sqrt(2 N) = 0.11 %, a mean to sigma / 632; bounds are at least 6 of these, so that luck fails a
test less than once in 1e8; seeds are fixed besides.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.devices import (
    AnalogDevice,
    Drift,
    Law,
    ProgrammingError,
    ReadNoise,
    StuckAt,
    drift,
)

N = 400_000
BASE = {"g_min": 1e-6, "g_max": 25e-6, "read_voltage": 0.2, "cell_size": 16.0}
PCM_ERROR = ProgrammingError(coefficients=(2.6348e-7, 1.965e-6, -1.1731e-6), g_reference=25e-6)
PCM_DRIFT = Drift(
    nu=Law(at_g_max=0.0244, slope=-0.0155, low=0.049, high=0.1),
    spread=Law(at_g_max=-0.0059, slope=-0.0125, low=0.008, high=0.045),
    time_zero=20.0,
)


def device(**parameters):
    return AnalogDevice(**{**BASE, **parameters})


def at(value, dtype=np.float64):
    return np.full((N, 1), value, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ideal_device_keeps_its_target(dtype):
    target = np.linspace(1e-6, 25e-6, 50, dtype=dtype)[:, None]
    rng = np.random.default_rng(0)
    programmed = device().program(target, rng=rng).conductance
    assert programmed.dtype == dtype
    np.testing.assert_allclose(programmed, target, rtol=1e-6)
    np.testing.assert_array_equal(device().relax(programmed, 1e6, rng=rng), programmed)
    np.testing.assert_array_equal(device().read(programmed, rng=rng), programmed)


@given(
    levels=st.integers(2, 64),
    targets=st.lists(st.floats(-1e-5, 5e-5), min_size=1, max_size=20),
)
def test_targets_go_to_the_nearest_level(levels, targets):
    target = np.array(targets)[:, None]
    ladder = np.linspace(1e-6, 25e-6, levels)
    programmed = device(levels=levels).nearest_level(target)
    distance = np.abs(programmed[:, 0] - np.clip(target[:, 0], 1e-6, 25e-6))
    nearest = np.abs(np.clip(target, 1e-6, 25e-6) - ladder).min(axis=1)
    np.testing.assert_allclose(distance, nearest, atol=1e-15)
    assert np.abs(programmed - ladder).min(axis=1).max() < 1e-14


@pytest.mark.parametrize("conductance", [5e-6, 12e-6, 25e-6])
def test_programming_error_is_the_published_polynomial(conductance):
    x = conductance / 25e-6
    sigma = (0.26348 + 1.965 * x - 1.1731 * x**2) * 1e-6
    programmed = (
        device(programming_error=PCM_ERROR)
        .program(at(conductance), rng=np.random.default_rng(1))
        .conductance
    )
    assert programmed.std() == pytest.approx(sigma, rel=7e-3)
    assert programmed.mean() == pytest.approx(conductance, abs=6 * sigma / N**0.5)


def test_independent_spreads_add_in_variance():
    noisy = device(programming_error=PCM_ERROR, device_to_device=0.1, cycle_to_cycle=0.02)
    spread = noisy.program(at(20e-6), rng=np.random.default_rng(2)).conductance
    published = PCM_ERROR.sigma(np.array([20e-6]), 25e-6)[0]
    expected = np.sqrt(published**2 + (0.1 * 19e-6) ** 2 + (0.02 * 24e-6) ** 2)
    assert spread.std() == pytest.approx(expected, rel=7e-3)


def test_a_law_beyond_its_range_is_refused_unless_rescaled_on_purpose():
    with pytest.raises(UserError, match=r"fitted up to 2.5e-05 S, got g_max = 5e-05"):
        device(g_max=50e-6, programming_error=PCM_ERROR)
    rescaled = ProgrammingError(
        coefficients=PCM_ERROR.coefficients, g_reference=25e-6, rescale=True
    )
    wide = device(g_max=50e-6, programming_error=rescaled)
    twice = wide.programming_error.sigma(np.array([40e-6]), wide.g_max)
    np.testing.assert_allclose(twice, 2 * PCM_ERROR.sigma(np.array([20e-6]), 25e-6))


@pytest.mark.parametrize("time", [25.0, 3600.0, 86400.0, 3.15e7])
def test_drift_of_pcm_follows_its_closed_form(time):
    """E[(t/t0)^-nu] and its second moment for Gaussian nu are those of a lognormal."""
    conductance = 10e-6
    log = np.log(conductance / 25e-6)
    nu = np.clip(-0.0155 * log + 0.0244, 0.049, 0.1)
    spread = np.clip(-0.0125 * log - 0.0059, 0.008, 0.045)
    relaxed = device(drift=PCM_DRIFT).relax(at(conductance), time, rng=np.random.default_rng(3))
    elapsed = np.log(time / 20.0)
    mean = conductance * np.exp(-nu * elapsed + (spread * elapsed) ** 2 / 2)
    std = mean * np.sqrt(np.expm1((spread * elapsed) ** 2))
    assert relaxed.mean() == pytest.approx(mean, rel=1e-5 + 6 * std / mean / N**0.5)
    assert relaxed.std() == pytest.approx(std, rel=0.012)


def test_nothing_drifts_before_time_zero():
    relaxed = device(drift=PCM_DRIFT).relax(at(1e-5), 1.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(relaxed, at(1e-5))


def test_drift_refuses_a_time_that_is_not_positive():
    with pytest.raises(UserError, match=r"time \[s\] must be > 0, got 0"):
        drift(np.ones((1, 1)), 0.0, 0.05, 1.0)
    with pytest.raises(UserError, match="time"):
        device().relax(np.ones((1, 1)), -1.0, rng=np.random.default_rng(0))


@pytest.mark.parametrize("conductance", [2e-6, 20e-6])
@pytest.mark.parametrize("time", [1.0, 1e6])
def test_flicker_noise_of_pcm_is_the_published_law(conductance, time):
    noise = ReadNoise(relative=0.0088, exponent=0.65, cap=0.2, flicker_read_time=2.5e-7)
    q = min(0.0088 / (conductance / 25e-6) ** 0.65, 0.2)
    sigma = conductance * q * np.sqrt(np.log((time + 2.5e-7) / 5e-7))
    read = device(read_noise=noise).read(at(conductance), rng=np.random.default_rng(4), time=time)
    assert read.std() == pytest.approx(sigma, rel=7e-3)
    assert read.mean() == pytest.approx(conductance, abs=6 * sigma / N**0.5)


def test_a_number_means_white_noise_relative_to_the_conductance():
    noisy = device(read_noise=ReadNoise.from_number(0.03))
    np.testing.assert_allclose(noisy.read_sigma(np.array([[1e-6, 2e-5]])), [[3e-8, 6e-7]])


def test_stuck_devices_sit_at_either_end_in_the_stated_shares():
    """Counts are binomial: 6 standard deviations of 0.1 and 0.02 of N."""
    faulty = device(stuck_at=StuckAt(g_min=0.1, g_max=0.02))
    programmed = faulty.program(at(1e-5), rng=np.random.default_rng(5)).conductance
    for value, share in ((1e-6, 0.1), (25e-6, 0.02), (1e-5, 0.88)):
        found = np.isclose(programmed, value, rtol=1e-9, atol=0).mean()
        assert found == pytest.approx(share, abs=6 * (share * (1 - share) / N) ** 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_left_alone(dtype):
    everything = device(
        levels=16,
        programming_error=PCM_ERROR,
        device_to_device=0.1,
        drift=PCM_DRIFT,
        read_noise=ReadNoise.from_number(0.1),
        stuck_at=StuckAt(g_min=0.1, g_max=0.1),
    )
    rng = np.random.default_rng(0)
    target = np.full((3, 4, 5), 1e-5, dtype)
    programmed = everything.program(target, rng=rng).conductance
    kept = programmed.copy()
    everything.relax(programmed, 1e5, rng=rng)
    everything.read(programmed, rng=rng)
    np.testing.assert_array_equal(target, np.full((3, 4, 5), 1e-5, dtype))
    np.testing.assert_array_equal(programmed, kept)
    assert (programmed >= 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"g_min": 3e-5}, r"g_min \[S\] must be < g_max"),
        ({"g_min": 25e-6}, r"g_min \[S\] must be < g_max"),
        ({"g_min": -1e-6}, r"g_min \[S\] must be >= 0"),
        ({"g_max": float("inf")}, r"g_max \[S\] must be a finite number"),
        ({"levels": 0}, "levels must be >= 2, got 0"),
        ({"levels": 2.5}, "levels must be a whole number"),
        ({"read_voltage": -0.2}, r"read_voltage \[V\] must be > 0, got -0.2"),
        ({"device_to_device": float("nan")}, "device_to_device must be a finite number, got nan"),
        ({"cycle_to_cycle": -1}, "cycle_to_cycle must be >= 0"),
        ({"cell_size": 0}, "cell_size"),
    ],
)
def test_a_value_out_of_range_is_named(parameters, message):
    with pytest.raises(UserError, match=message):
        device(**parameters)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReadNoise.from_number(-0.1), "relative must be >= 0"),
        (lambda: StuckAt(g_min=0.7, g_max=0.7), r"g_min \+ g_max \+ random must be <= 1"),
        (lambda: ProgrammingError(coefficients=()), "coefficients"),
        (lambda: ProgrammingError(scale=-1.0), "scale"),
        (lambda: Law(low=1.0, high=0.0), "high must be >= low"),
        (lambda: Drift(time_zero=0.0), "time_zero"),
        (lambda: Drift(spread=Law(slope=1.0, low=-1.0)), "spread"),
    ],
)
def test_parts_refuse_what_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()
