"""Write-verify, relaxation, retention, telegraph noise, I–V, faults and wear."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.devices import (
    AnalogDevice,
    CubicIV,
    CycleNoise,
    Endurance,
    Law,
    LinearStep,
    NeuroSimIV,
    ProgrammingError,
    ReadNoise,
    Retention,
    ShortTerm,
    SinhIV,
    StuckAt,
    TelegraphNoise,
    WritePulse,
    WriteVerify,
    arrhenius,
)

BASE = {"g_min": 1e-6, "g_max": 25e-6, "read_voltage": 0.2, "cell_size": 16.0}
N = 400_000


def device(**parameters):
    return AnalogDevice(**{**BASE, **parameters})


def rng(seed=0):
    return np.random.default_rng(seed)


def at(value, shape=(N, 1)):
    return np.full(shape, value)


# ------------------------------------------------------------------------------ programming


def test_a_saturating_error_is_the_charge_trap_law():
    """sigma = A (1 - exp(-I / B)) of SONOS cells (Agrawal et al., IEDM 2022), at 0.1 V."""
    error = ProgrammingError(saturating=1.988665e-7, saturation=1.763115e-6, g_reference=16e-6)
    current = np.array([100e-9, 800e-9, 1600e-9])
    expected = 19.88665e-9 * (1 - np.exp(-current / 176.3115e-9)) / 0.1
    np.testing.assert_allclose(error.sigma(current / 0.1, 16e-6), expected, rtol=1e-12)


@pytest.mark.parametrize("rescale", [False, True])
def test_a_tabulated_error_is_a_straight_line_between_its_points(rescale):
    """0.1 µS at 0.2 and 0.3 µS at 0.6 of 25 µS, constant beyond; half of it by `scale`."""
    error = ProgrammingError(
        at=(0.2, 0.6), sigmas=(1e-7, 3e-7), g_reference=25e-6, scale=0.5, rescale=rescale
    )
    stretch = 2.0 if rescale else 1.0
    g_max = 25e-6 * stretch
    assert not error.absent
    error.check_range(g_max)
    found = error.sigma(np.array([0.0, 0.1, 0.2, 0.3, 0.6, 1.0]) * g_max, g_max)
    expected = np.array([1.0, 1.0, 1.0, 1.5, 3.0, 3.0]) * 1e-7 * 0.5 * stretch
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_rescaled_error_is_the_same_over_the_range():
    """sigma / g_max against G / g_max does not depend on g_max, of every part of the law."""
    error = ProgrammingError(
        coefficients=(1e-7, 2e-7, -0.5e-7), saturating=3e-7, saturation=5e-6, g_reference=25e-6,
        scale=0.7, rescale=True,
    )  # fmt: skip
    share = np.linspace(0, 1, 7)
    found = [error.sigma(share * g_max, g_max) / g_max for g_max in (25e-6, 75e-6)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    by_hand = 1e-7 + 2e-7 * share - 0.5e-7 * share**2 + 3e-7 * (1 - np.exp(-share * 25 / 5))
    np.testing.assert_allclose(found[0], 0.7 * by_hand / 25e-6, rtol=1e-12)


def test_a_negative_error_is_none():
    error = ProgrammingError(coefficients=(-1e-7, 2e-7), g_reference=1e-5)
    found = error.sigma(np.array([0.0, 5e-6, 1e-5]), 1e-5)
    np.testing.assert_allclose(found, [0, 0, 1e-7], atol=1e-20)


def verified(**changes):
    parameters = {
        "pulse_model": LinearStep(
            step_up=0.02, step_down=0.02, cycle_to_cycle=CycleNoise(of_step=0.5)
        ),
        "write_verify": WriteVerify(tolerance=0.015, max_pulses=200),
        "write_pulse": WritePulse(energy=1e-12),
        **changes,
    }
    return device(**parameters)


def test_write_and_verify_ends_within_its_tolerance():
    target = rng(1).uniform(1e-6, 25e-6, (200, 100))
    made = verified().program(target, rng=rng(2))
    assert np.abs(made.conductance - target).max() <= 0.015 * 24e-6 * (1 + 1e-9)
    fraction = (target - 1e-6) / 24e-6
    # a step is 0.02 of the range on average
    assert made.pulses.mean() == pytest.approx(fraction.mean() / 0.02, rel=0.1)
    np.testing.assert_allclose(made.energy, made.pulses * 1e-12)


def test_write_and_verify_stops_at_its_budget():
    scheme = WriteVerify(tolerance=0.015, max_pulses=10)
    made = verified(write_verify=scheme).program(at(25e-6, (50, 50)), rng=rng())
    assert (made.pulses == 10).all()
    assert made.conductance.max() < 1e-6 + 24e-6 * 0.4


def test_verifying_with_noisy_reads_is_as_exact_as_the_reads():
    noisy = verified(read_noise=ReadNoise.from_number(0.2))
    made = noisy.program(at(15e-6, (100, 100)), rng=rng())
    assert made.conductance.std() > 0.5e-6


def test_write_verify_needs_a_pulse_model():
    with pytest.raises(UserError, match="write_verify must be null without a pulse_model"):
        device(write_verify=WriteVerify(tolerance=0.01, max_pulses=10))


def test_statistical_programming_states_no_pulses():
    made = device().program(at(1e-5, (2, 2)), rng=rng())
    assert np.isnan(made.pulses)
    assert np.isnan(made.energy)


# ------------------------------------------------------------------------- time, temperature


def test_a_piecewise_law_takes_either_branch():
    """Mean drift exponent of HERMES: clipped logarithm below x = 0.0945, a parabola above."""
    law = Law(at_g_max=-0.0182, slope=-0.0387, low=0.072, high=0.13,
              polynomial=(0.0736, -0.0126, -0.0436), polynomial_from=0.0945)  # fmt: skip
    x = np.array([0.01, 0.05, 0.09, 0.1, 0.5, 1.0])
    low = np.clip(-0.0387 * np.log(x) - 0.0182, 0.072, 0.13)
    high = -0.0436 * x**2 - 0.0126 * x + 0.0736
    np.testing.assert_allclose(law(np.log(x)), np.where(x < 0.0945, low, high), rtol=1e-12)


@pytest.mark.parametrize("time", [0.5, 3600.0, 1e6])
def test_short_term_relaxation_shifts_and_spreads_with_the_logarithm(time):
    """CMO/HfOx, Falcone et al., arXiv:2502.04524, in microsiemens."""
    short = ShortTerm(shift=-0.08900206e-6, spread=0.41183342e-6, spread_growth=0.04201137e-6)
    relaxed = device(short_term=short).relax(at(15e-6), time, rng=rng(3))
    if time < 1:
        np.testing.assert_array_equal(relaxed, 15e-6)
        return
    log = np.log(time)
    sigma = (0.41183342 + 0.04201137 * log) * 1e-6
    assert relaxed.mean() == pytest.approx((15 - 0.08900206 * log) * 1e-6, abs=6 * sigma / N**0.5)
    assert relaxed.std() == pytest.approx(sigma, rel=7e-3)


def test_one_device_relaxes_along_one_path():
    short = ShortTerm(spread=1e-7, spread_growth=1e-8)
    target = device(short_term=short)
    aging = target.aging(at(1e-5, (100, 1)), rng=rng())
    early = target.aged(at(1e-5, (100, 1)), 10.0, aging)
    late = target.aged(at(1e-5, (100, 1)), 1e4, aging)
    assert np.corrcoef(early.ravel(), late.ravel())[0, 1] == pytest.approx(1, abs=1e-9)


def test_retention_follows_arrhenius():
    """ln of the time to lose 1/e, against 1/kT, has the activation energy as its slope."""
    retention = Retention(time=1e5, activation_ev=1.5, temperature=398.15, stable=0.25)
    hot = device(retention=retention, temperature=398.15)
    stable = 1e-6 + 0.25 * 24e-6
    kept = hot.relax(at(20e-6, (1, 1)), 1e5, rng=rng())
    assert kept == pytest.approx(stable + (20e-6 - stable) / np.e, rel=1e-12)
    room = device(retention=retention, temperature=300.0)
    slower = np.exp(1.5 / 8.617333262e-5 * (1 / 300.0 - 1 / 398.15))
    kept = room.relax(at(20e-6, (1, 1)), 1e5 * slower, rng=rng())
    assert kept == pytest.approx(stable + (20e-6 - stable) / np.e, rel=1e-9)
    assert arrhenius(1.5, 300.0, 398.15) == pytest.approx(1 / slower)
    low = hot.relax(at(2e-6, (1, 1)), 1e7, rng=rng())
    assert low == pytest.approx(stable, rel=1e-3)  # from below, too


def test_a_stretched_retention_is_kohlrauschs_law():
    """kept = exp(-(t / tau)^stretch), and a half after tau (ln 2)^(1 / stretch)."""
    law = Retention(time=1e5, activation_ev=1.1, temperature=358.15, stretch=0.5)
    assert law.kept(4e5, 358.15) == pytest.approx(np.exp(-2))
    assert law.kept(1e3, 358.15) == pytest.approx(np.exp(-0.1))
    assert law.half_life(358.15) == pytest.approx(1e5 * np.log(2) ** 2)
    for temperature in (300.0, 420.0):
        assert law.kept(law.half_life(temperature), temperature) == pytest.approx(0.5)
    assert law.half_life(300.0) > law.half_life(358.15) > law.half_life(420.0)


def test_heat_shifts_short_term_relaxation_in_time():
    """At 350 K it is after t what it is at 300 K after t exp(Ea / k (1/300 - 1/350))."""
    short = ShortTerm(
        shift=-1e-7, spread=2e-7, spread_growth=3e-8, activation_ev=0.3, temperature=300.0
    )
    cold, hot = (device(short_term=short, temperature=each) for each in (300.0, 350.0))
    faster = np.exp(0.3 / 8.617333262e-5 * (1 / 300 - 1 / 350))
    g = at(1e-5, (50, 1))
    aging = cold.aging(g, rng=rng())
    np.testing.assert_allclose(hot.aged(g, 10.0, aging), cold.aged(g, 10.0 * faster, aging))
    np.testing.assert_array_equal(cold.aged(g, 1.0, aging), g)  # not before time_zero
    late = ShortTerm(shift=-1e-7, time_zero=60.0)
    shifted = device(short_term=late).relax(g, 600.0, rng=rng())
    np.testing.assert_allclose(shifted, 1e-5 - 1e-7 * np.log(10))
    gone = device(short_term=ShortTerm(shift=-1e-5)).relax(g, 1e3, rng=rng())
    np.testing.assert_array_equal(gone, 0)


# ---------------------------------------------------------------------------------- reading


def test_read_noise_is_its_power_law_below_its_cap():
    """σ/G = 1 % at g_max, as (G / g_max)^-1/2 below, and no more than 5 %."""
    noise = ReadNoise(relative=0.01, exponent=0.5, cap=0.05)
    g = np.array([[0.0, 1e-9, 1e-6, 4e-6, 25e-6]])
    expected = [[0, 0.05e-9, 0.05e-6, 0.025 * 4e-6, 0.01 * 25e-6]]
    np.testing.assert_allclose(noise.sigma(g, 25e-6, 1.0), expected, rtol=1e-12)
    flat = ReadNoise(relative=0.2, cap=0.05)
    np.testing.assert_allclose(flat.sigma(g, 25e-6, 1.0), 0.05 * g, rtol=1e-12)
    assert ReadNoise.from_number(2.0).sigma(g, 25e-6, 1.0)[0, -1] == pytest.approx(50e-6)


def test_a_law_of_relative_noise_is_taken_times_the_conductance():
    law = Law(at_g_max=0.01, slope=-0.02, low=0.0, high=0.06)
    noise = ReadNoise(law=law, relative=0.5, flicker_read_time=1e-6)
    g = np.array([[25e-8, 12.5e-6, 25e-6]])
    growth = np.sqrt(np.log((10 + 1e-6) / 2e-6))
    expected = g * [[0.06, 0.01 + 0.02 * np.log(2), 0.01]] * growth
    np.testing.assert_allclose(noise.sigma(g, 25e-6, 10.0), expected, rtol=1e-12)
    np.testing.assert_array_equal(noise.sigma(g, 25e-6, 1e-6), 0)  # the read lasts as long


@pytest.mark.parametrize(("share", "duty"), [(1.0, 0.5), (0.3, 0.2)])
def test_telegraph_noise_has_two_levels_and_the_stated_deviation(share, duty):
    noise = TelegraphNoise(share=share, amplitude=0.1, duty=duty)
    noisy = device(telegraph_noise=noise)
    read = noisy.read(at(1e-5), rng=rng(1))
    levels = np.unique(np.round(read / 1e-5, 9))
    expected = {round(1 + 0.1 * duty, 9), round(1 - 0.1 * (1 - duty), 9)}
    assert set(levels) == (expected if share == 1 else expected | {1.0})
    assert read.mean() == pytest.approx(1e-5, rel=1e-3)
    assert read.std() == pytest.approx(noisy.read_sigma(at(1e-5, (1, 1)))[0, 0], rel=0.015)


def test_a_trap_stays_in_its_device():
    noise = TelegraphNoise(share=0.5, amplitude=0.1)
    traps = noise.traps((1000, 1), rng=rng(1))
    reads = np.stack(
        [device(telegraph_noise=noise).read(at(1e-5, (1000, 1)), rng=rng(i), traps=traps)
         for i in range(20)]
    )  # fmt: skip
    np.testing.assert_array_equal(reads.std(axis=0)[:, 0] > 1e-12, traps[:, 0] > 0)


def test_absolute_read_noise_of_analog_hfox():
    """sigma = K log10(g) sqrt(ln((t + t_r) / (2 t_r))), g in microsiemens, t_r = 1 us."""
    k, g_max = 0.0277316483, 89.0
    law = Law(at_g_max=k * np.log10(g_max) * 1e-6, slope=k / np.log(10) * 1e-6, low=0.0, high=1.0)
    noise = ReadNoise(absolute=law, flicker_read_time=1e-6)
    g = np.array([[9.0, 30.0, 89.0]])
    expected = k * np.log10(g) * np.sqrt(np.log((60 + 1e-6) / 2e-6)) * 1e-6
    np.testing.assert_allclose(noise.sigma(g * 1e-6, g_max * 1e-6, 60.0), expected, rtol=1e-12)


def test_current_laws_are_their_closed_forms():
    g, v = np.array([[50e-6, 200e-6]]), 0.4
    np.testing.assert_allclose(
        SinhIV(v0=0.25).current(g, np.array(v)), g * 0.25 * np.sinh(v / 0.25)
    )
    cubic = CubicIV(second=(0.0001388, 0.001541, 0.005711, 0.007063),
                    third=(8.871e-05, 0.00067919, 0.0012968))  # fmt: skip
    x = np.log10(g)
    second = 0.0001388 * x**3 + 0.001541 * x**2 + 0.005711 * x + 0.007063
    third = 8.871e-05 * x**2 + 0.00067919 * x + 0.0012968
    np.testing.assert_allclose(cubic.current(g, np.array(v)), g * v + second * v**2 + third * v**3)
    steep = NeuroSimIV(ratio=10, read_voltage=0.5, write_voltage=3.2)
    full, half = steep.current(g, np.array(3.2)), steep.current(g, np.array(1.6))
    np.testing.assert_allclose(full / half, 10)
    np.testing.assert_allclose(steep.current(g, np.array(-0.5)), -0.5 * g)
    assert (steep.current(g, np.array(0.0)) == 0).all()


def test_reads_show_the_current_law_and_small_voltages_are_ohmic():
    bent = device(iv=SinhIV(v0=0.2))
    g = at(1e-5, (1, 1))
    assert bent.read(g, 0.4, rng=rng()) == pytest.approx(1e-5 * np.sinh(2) / 2, rel=1e-9)
    assert bent.read(g, 1e-4, rng=rng()) == pytest.approx(1e-5, rel=1e-6)
    assert bent.read(g, rng=rng()) == pytest.approx(1e-5 * np.sinh(1), rel=1e-9)  # read_voltage


def test_a_conductance_measured_at_a_voltage_is_found_there():
    bent = device(iv=SinhIV(v0=0.2, reference=0.2))
    g, slope = at(1e-5, (1, 1)), 1e-5 / np.sinh(1)
    assert bent.read(g, rng=rng()) == pytest.approx(1e-5, rel=1e-9)
    assert bent.read(g, 0.4, rng=rng()) == pytest.approx(slope * np.sinh(2) / 2, rel=1e-9)
    assert bent.read(g, 1e-4, rng=rng()) == pytest.approx(slope, rel=1e-6)
    v = 0.31
    rise = (bent.iv.current(g, v + 1e-6) - bent.iv.current(g, v - 1e-6)) / 2e-6
    np.testing.assert_allclose(bent.iv.slope(g, v), rise, rtol=1e-6)


# ------------------------------------------------------------------------- faults and wear


@pytest.mark.parametrize("clustering", [0.0, 0.5, 1.0])
def test_clustering_keeps_the_share_of_faults(clustering):
    """Whole lines: 400 arrays of 200 × 200; with c = 1 a standard error of about 0.4 % of 10 %."""
    stuck = StuckAt(g_min=0.05, g_max=0.03, random=0.02, clustering=clustering)
    g = stuck.apply(at(1e-5, (400, 200, 200)), 1e-6, 25e-6, rng=rng(4))
    faulty = g != 1e-5
    assert stuck.yielded == pytest.approx(0.9)
    assert faulty.mean() == pytest.approx(0.1, abs=0.004)
    assert (g == 1e-6).mean() == pytest.approx(0.05, abs=0.004)
    assert (g == 25e-6).mean() == pytest.approx(0.03, abs=0.004)
    whole = faulty.all(axis=-1).mean() + faulty.all(axis=-2).mean()
    lines = 2 * (1 - (1 - 0.1 * clustering) ** 0.5)
    assert whole == pytest.approx(lines, abs=0.006)


def test_random_faults_are_anywhere_in_the_range():
    g = StuckAt(random=1.0).apply(at(1e-5), 1e-6, 25e-6, rng=rng())
    assert g.min() >= 1e-6
    assert g.max() <= 25e-6
    assert g.mean() == pytest.approx(13e-6, rel=0.01)
    assert g.std() == pytest.approx(24e-6 / 12**0.5, rel=0.01)


def test_the_window_closes_with_cycles():
    worn = Endurance(half_window=1e6, towards=0.25)
    assert worn.window(0) == (0.0, 1.0)
    low, high = worn.window(1e6)
    assert high - low == pytest.approx(0.5)
    assert (low, high) == pytest.approx((0.125, 0.625))
    steep = Endurance(half_window=1e6, towards=1.0, steepness=2.0).window(3e6)
    assert steep == pytest.approx((0.9, 1.0))
    old = device(endurance=worn, cycles=1e6)
    made = old.program(np.array([[1e-6, 13e-6, 25e-6]]), rng=rng()).conductance
    np.testing.assert_allclose(made, [[1e-6 + 0.125 * 24e-6, 13e-6, 1e-6 + 0.625 * 24e-6]])
    assert device(cycles=1e12).window == pytest.approx((1e-6, 25e-6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StuckAt(random=0.6, g_min=0.6), "g_min"),
        (lambda: StuckAt(clustering=1.5), "clustering must be in"),
        (lambda: Retention(time=-1.0), r"time \[s\] must be > 0"),
        (lambda: Retention(stretch=0.0), "stretch"),
        (lambda: ShortTerm(spread=-1e-6), r"spread \[S\] must be >= 0"),
        (lambda: TelegraphNoise(amplitude=1.5), "amplitude"),
        (lambda: SinhIV(v0=0.0), r"v0 \[V\] must be > 0"),
        (lambda: WriteVerify(tolerance=0.0, max_pulses=3), "tolerance"),
        (lambda: WriteVerify(tolerance=0.1, max_pulses=0), "max_pulses"),
        (lambda: WritePulse(time_up=0.0), r"time_up \[s\]"),
        (lambda: Endurance(half_window=0.0), "half_window"),
        (lambda: device(temperature=0.0), r"temperature \[K\]"),
        (lambda: device(cycles=-1), "cycles"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
