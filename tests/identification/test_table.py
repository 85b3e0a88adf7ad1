"""Devices without a formula: what is written goes through the measured pulses as measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.codec import build, canonical
from matsweep.devices import AnalogDevice, CycleNoise, LinearStep, SoftBounds, Tabulated
from matsweep.identification import calibration
from matsweep.identification.calibration import output
from matsweep.identification.fitting import table as table_module
from matsweep.identification.fitting.jumps import find_jumps
from matsweep.identification.fitting.landings import find_landings
from matsweep.identification.fitting.reads import read_variance
from matsweep.identification.fitting.rows import PROBABILITIES
from matsweep.identification.fitting.scales import find_scales
from matsweep.identification.measurements import Changes
from matsweep.planning.config import compose, composer, plain_config
from tests.measured_reads import G_MAX, G_MIN, measurement, simulate

SPAN = G_MAX - G_MIN


def states_of(conductance):
    return (np.asarray(conductance) - G_MIN) / SPAN


def ensemble(fit, start, counts, devices=2000, seed=0, own=None):
    """Return states (device, pulse), as of the measurement, of devices drawn from a fit."""
    model, rng = fit.model, np.random.default_rng(seed)
    own = model.draw((devices, 1), rng=rng) if own is None else own
    width = fit.g_max - fit.g_min
    state = np.full((devices, 1), (G_MIN + SPAN * start - fit.g_min) / width)
    states = [np.clip(state, 0, 1)]
    for count in counts:
        states.append(model.apply(states[-1], int(count), rng=rng, parameters=own))
    return states_of(fit.g_min + width * np.concatenate(states, axis=1))


def steps_of(fit, states):
    """Return the steps (2, state) of the median device at states of the measurement."""
    width = (fit.g_max - fit.g_min) / SPAN
    at = (states - states_of(fit.g_min)) / width
    return width * np.stack([fit.model.step(at, up, fit.model.nominal) for up in (True, False)])


# ------------------------------------------------------------------------------ abrupt devices


def falling(low=0.006, high=1.0, number=60):
    """Return a device that one RESET brings to 0.05, later ones to 0.05 / sqrt(n); SETs climb."""
    resets = 0.05 / np.sqrt(np.arange(1, number + 1))
    sets = resets[-1] + 0.004 * np.arange(1, number + 1)
    reads = np.concatenate([[high], resets, sets])
    return measurement(reads[None], np.repeat([-1, 1], number)), resets


def test_an_abrupt_reset_is_abrupt_and_the_next_ones_are_small():
    """One pulse of 120 does 95 %: medians are within a factor of 1.5 through the whole trace."""
    data, resets = falling()
    fit = calibration.fit_table(data)
    found = np.median(ensemble(fit, 1.0, [-1] * resets.size, devices=50), axis=0)[1:]
    # The range begins at the last state: conductances are compared, as on paper.
    ratio = (G_MIN + SPAN * found) / (G_MIN + SPAN * resets)
    assert np.abs(np.log(ratio)).max() < np.log(1.05)
    far = resets > 0.0075  # states above the end of the range
    assert np.abs(np.log(found[far] / resets[far])).max() < np.log(1.5)
    assert fit.model.jump_up == ()
    np.testing.assert_allclose(steps_of(fit, np.linspace(0.02, 0.2, 5))[0], 0.004, rtol=0.02)


def test_states_between_the_outermost_and_the_rest_land_between():
    """From 0.5, of which nothing is known, a reset ends between those from 0.05 and from 1."""
    fit = calibration.fit_table(falling()[0])
    landing = ensemble(fit, 0.5, [-1], devices=1)[0, 1]
    assert 0.05 / 2**0.5 < landing < 0.05


SET, RESET = 0.15, 0.3


def switching(noise, seed=1, devices=8, cycles=20):
    """Return devices whose pulses switch them with a chance, and else do nothing."""
    rng = np.random.default_rng(seed)
    state = np.full(devices, 0.05)
    states, counts = [state], []
    for sign in np.tile(np.repeat([1, -1], [40, 20]), cycles):
        high = state > 0.4
        chance = SET * ~high if sign > 0 else RESET * high
        landing = 0.8 + 0.05 * rng.standard_normal(devices)
        if sign < 0:
            landing = 0.05 + 0.01 * rng.standard_normal(devices)
        state = np.where(rng.random(devices) < chance, landing, state)
        states.append(state)
        counts.append(sign)
    reads = np.transpose(states)
    return measurement(reads + noise * rng.standard_normal(reads.shape), np.array(counts))


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_a_stochastic_set_keeps_its_chance(noise):
    """160 SETs in some 1,070 pulses: the chance is known to 8 % of itself, the bound is 6 of these.

    Of 2,000 devices a share has an error of at most 0.011.
    """
    fit = calibration.fit_table(switching(noise))
    for chance, start, sign in ((SET, 0.05, 1), (RESET, 0.8, -1)):
        found = ensemble(fit, start, [sign] * 20)
        switched = found > 0.4 if sign > 0 else found < 0.4
        number = np.arange(21)
        share = 1 - (1 - chance) ** number
        known = chance * ((1 - chance) / 160) ** 0.5
        allowed = 6 * np.hypot(number * (1 - chance) ** (number - 1.0) * known, 0.011)
        assert (np.abs(switched.mean(axis=0) - share) < allowed).all()
        assert ((found < 0.16) | (found > 0.5)).all()  # nothing lies between
    landed = ensemble(fit, 0.05, [1] * 40)[:, -1]
    landed = landed[landed > 0.5]
    # 160 ends: 0.004 and 0.0028 are the errors of mean and deviation.
    assert landed.mean() == pytest.approx(0.8, abs=6 * 0.004)
    assert landed.std() == pytest.approx(0.05, abs=6 * 0.0028)
    assert ("read_noise" in fit.limits) == (noise == 0)
    if noise:
        assert fit.values["read_noise"] * (fit.g_max - fit.g_min) / SPAN == pytest.approx(
            noise, rel=0.1
        )


def test_a_steep_response_is_no_jump_and_a_rare_event_is():
    state = np.linspace(0, 1, 400)
    change = np.where(state > 0.5, 0.05 - state, -0.01 * state)
    rare = np.zeros(400, bool)
    rare[[50, 120]] = True
    change[rare] = -0.9 * state[rare]
    found = find_jumps(state, change, np.zeros(400, bool), np.zeros(400, int))
    assert found[rare].all()
    # Only at the threshold itself a change is farther from its neighbours than its state.
    assert np.abs(state[found & ~rare] - 0.5).max(initial=0) < 0.02


def test_ends_of_jumps_are_without_the_noise_of_reads_and_chances_end_where_they_end():
    """4,000 changes: chance 0.5 up to 0.3, then none; ends 0.5 + 0.5 x, deviation 0.03 (1.6 %)."""
    rng = np.random.default_rng(7)
    before = rng.random(4000)
    rare = (before < 0.3) & (rng.random(4000) < 0.5)
    true = np.where(rare, 0.5 + 0.5 * before + 0.03 * rng.standard_normal(4000), before)
    found = find_landings(before, true + 0.06 * rng.standard_normal(4000), rare, noise=0.06)
    chance = np.interp([0.05, 0.2, 0.5, 0.9], found.knots, found.chance)
    np.testing.assert_allclose(chance, [0.5, 0.5, 0, 0], atol=6 * 0.5 / 600**0.5)
    middle = found.rows[:, PROBABILITIES == 0.5][:, 0]
    inside = found.knots < 0.3
    x = found.knots[inside]
    np.testing.assert_allclose(x + middle[inside], 0.5 + 0.5 * x, atol=0.04)
    # 100 ends of deviation 0.067: that of the truth is left to some 30 %.
    width = found.rows[:, PROBABILITIES == 0.9] - found.rows[:, PROBABILITIES == 0.1]
    assert width[inside].mean() / 2.563 == pytest.approx(0.03, rel=0.4)
    assert find_landings(before, before, np.zeros(4000, bool)) is None


@pytest.mark.parametrize(
    ("slope", "kept"), [(0.5, 0.5), (-0.8, 0.0), (1.5, 1.0)], ids=["rises", "falls", "overtakes"]
)
def test_ends_of_few_jumps_follow_the_state_before_without_overtaking(slope, kept):
    """60 jumps, all of them near each knot: ends on a line, of slope 0 to 1."""
    before = np.linspace(0.1, 0.3, 60)
    after = 0.6 + slope * (before - 0.2)
    found = find_landings(before, after, np.ones(60, bool))
    moved = after + kept * (found.knots[:, None] - before)
    wanted = np.quantile(moved, PROBABILITIES, axis=1).T
    np.testing.assert_allclose(found.rows + found.knots[:, None], wanted, atol=1e-12)


def test_one_chance_of_jumps_is_one_number():
    """2,000 changes, 10 % of them jumps: no neighbours of 13 differ by three standard errors."""
    rng = np.random.default_rng(4)
    before = rng.random(2000)
    rare = rng.random(2000) < 0.1
    found = find_landings(before, np.where(rare, 0.9, before), rare)
    np.testing.assert_allclose(found.chance, rare.mean(), rtol=1e-12)


# ------------------------------------------------------------------- noise of reads and pulses


def step_up(x):
    return 0.003 + 0.02 / (1 + np.exp(12 * (x - 0.5)))


def step_down(x):
    return 0.006 + 0.03 * np.maximum(x - 0.4, 0)


def gradual(noise, seed=1, devices=5, cycles=4, pulses=100, of_step=0.0, factors=None):
    """Return devices of a sigmoid up and of two slopes down, and their states without noise."""
    rng = np.random.default_rng(seed)
    factors = np.ones(devices) if factors is None else factors
    counts = np.tile(np.repeat([1, -1], pulses), cycles)
    states = [np.full(len(factors), 0.1)]
    for sign in counts:
        step = step_up(states[-1]) if sign > 0 else -step_down(states[-1])
        step = factors * step * (1 + of_step * rng.standard_normal(len(factors)))
        states.append(np.clip(states[-1] + step, 0.02, 0.98))
    states = np.transpose(states)
    reads = states + noise * rng.standard_normal(states.shape)
    return measurement(reads, counts), states


@pytest.mark.parametrize("noise", [0.01, 0.03])
@pytest.mark.parametrize("devices", [1, 5])
def test_noisy_reads_are_no_noise_of_pulses(noise, devices):
    """Steps to 15 %, read noise to 20 %, and no diffusion: the truth repeats itself."""
    data, states = gradual(noise, devices=devices)
    fit = calibration.fit_table(data)
    visited = states[:, 3:].min(), states.max()  # reads reach three deviations beyond
    np.testing.assert_allclose(states_of([fit.g_min, fit.g_max]), visited, atol=1.5 * noise)
    inside = np.linspace(0.15, 0.85, 15)
    found = steps_of(fit, inside)
    np.testing.assert_allclose(found[0], step_up(inside), rtol=0.15)
    np.testing.assert_allclose(found[1], -step_down(inside), rtol=0.15)
    sigma = fit.read_noise.sigma(np.array([G_MIN, G_MAX]), fit.g_max, 0.0) / SPAN
    np.testing.assert_allclose(sigma, noise, rtol=0.2)
    assert "read_noise" not in fit.limits
    assert fit.model.probabilities == (0.5,)
    ends = ensemble(fit, 0.2, [1] * 50, devices=200)[:, -1]
    assert ends.std() < 0.01


def test_a_table_is_taken_where_it_predicts_reads_better_than_any_formula():
    """Residuals of soft bounds on a sigmoid are normal: noise of pulses makes up for the shape."""
    for data, formula in (
        (gradual(0.03, devices=4, cycles=3)[0], False),
        (simulate(SoftBounds(step_up=0.03, step_down=0.02), 1, 3, 2, 80, noise=0.03), True),
    ):
        found = calibration.calibrate_pulses(data)
        fits = list(found.fits)
        assert calibration.recommend(fits) is fits[0]
        table = calibration.fit_table(data)
        chosen = calibration.recommend(fits, table_bic=table.bic)
        assert chosen is (fits[0] if formula else None), (fits[0].bic, table.bic)
        assert found.tabulated is not formula
    given = {"g_min": 0.5 * G_MIN, "g_max": 1.1 * G_MAX}
    assert calibration.fit_table(data, **given).bic == pytest.approx(table.bic, abs=60)


def test_noise_of_reads_and_its_error_are_shares_of_the_range_of_the_table():
    """5 × 800 reads: the noise is known to 1.1 %, and its error does not depend on the unit."""
    data, _ = gradual(0.03)
    fit = calibration.fit_table(data)
    given = calibration.fit_table(data, g_min=G_MIN, g_max=G_MAX)
    assert fit.g_max - fit.g_min < 0.95 * SPAN
    for each in (fit, given):
        sigma = each.values["read_noise"] * (each.g_max - each.g_min)
        assert sigma == pytest.approx(0.03 * SPAN, rel=0.07)
        share = each.errors["read_noise"] / each.values["read_noise"]
        assert share == pytest.approx((2 * 4000) ** -0.5, rel=0.06)


def test_noise_of_pulses_is_told_from_that_of_reads():
    """Half of a step from pulse to pulse, over 50 pulses, with reads of 2 %."""
    fit = calibration.fit_table(gradual(0.02, of_step=0.5, cycles=6)[0])
    state = 0.2 * np.ones(4000)
    rng = np.random.default_rng(5)
    for _ in range(30):
        state = state + step_up(state) * (1 + 0.5 * rng.standard_normal(state.size))
    ends = ensemble(fit, 0.2, [1] * 30)[:, -1]
    assert ends.std() == pytest.approx(state.std(), rel=0.25)
    assert ends.mean() == pytest.approx(state.mean(), abs=0.02)


def test_without_noise_of_reads_the_table_holds_the_noise_of_pulses():
    fit = calibration.fit_table(gradual(0.0, of_step=0.5)[0])
    assert fit.read_noise.absent
    middle = np.array([0.3, 0.5, 0.7])
    width = (fit.g_max - fit.g_min) / SPAN
    states = np.tile((middle - states_of(fit.g_min)) / width, (20_000, 1))
    rng = np.random.default_rng(3)
    found = width * fit.model.noisy_step(states, True, fit.model.nominal, rng).std(axis=0)
    # 4 × 100 × 5 pulses up: a tenth of them next to each state, 5 % of the deviation
    np.testing.assert_allclose(found, 0.5 * step_up(middle), rtol=0.3)


@pytest.mark.parametrize(("of_pulse", "of_read"), [(1.0, 0.0), (0.0, 1.0), (1.0, 0.5)])
def test_changes_that_undo_each_other_are_reads(of_pulse, of_read):
    """20,000 reads of a random walk with a trend: within 6 of its own standard errors."""
    rng, number = np.random.default_rng(2), 20_000
    state = np.cumsum(0.3 + of_pulse * rng.standard_normal(number))
    value = state + of_read * rng.standard_normal(number)
    linked = np.arange(number) > 0
    variance, error = read_variance(value, np.ones(number, int), linked)
    assert abs(variance - of_read**2) < 6 * error
    assert error < 0.05
    short = np.arange(number) % 3 > 0
    assert read_variance(value, np.ones(number, int), short)[1] == np.inf


def test_a_given_range_is_that_of_the_device():
    data, _ = gradual(0.03)
    fit = calibration.fit_table(data, g_min=G_MIN, g_max=G_MAX)
    assert (fit.g_min, fit.g_max) == pytest.approx((G_MIN, G_MAX))
    inside = np.array([0.25, 0.5, 0.75])
    np.testing.assert_allclose(steps_of(fit, inside)[0], step_up(inside), rtol=0.15)


# ------------------------------------------------------------------ differences between devices


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_devices_tenfold_apart_stay_apart_and_repeat_themselves(noise):
    """16 devices with factors from 0.25 to 2.5: the spread of their logarithms is known to 18 %."""
    factors = np.geomspace(0.25, 2.5, 16)
    data, _ = gradual(noise, factors=factors, devices=16, cycles=6)
    fit = calibration.fit_table(data)
    spread = np.log(factors).std(ddof=1)
    assert fit.model.device_to_device["log_scale"] == pytest.approx(spread, rel=0.1)
    rng = np.random.default_rng(3)
    own = fit.model.draw((1000, 1), rng=rng)
    again = [ensemble(fit, 0.1, [1] * 30, 1000, seed, own)[:, -1] for seed in range(4)]
    between, within = np.mean(again, axis=0).std(), np.std(again, axis=0, ddof=1).mean()
    assert within < 0.02  # 0.015 with noisy reads, whose filter does not know the hard bounds
    assert between > 10 * within
    # The population after 30 pulses, against lognormal factors on the true steps.
    state = np.full(4000, 0.1)
    drawn = np.exp(np.log(factors).mean() + spread * rng.standard_normal(state.size))
    for _ in range(30):
        state = np.clip(state + drawn * step_up(state), 0.02, 0.98)
    wanted = np.quantile(state, [0.16, 0.5, 0.84])
    np.testing.assert_allclose(np.quantile(again[0], [0.16, 0.5, 0.84]), wanted, atol=0.05)


def unequal(scales, noise, changes, seed=0, more=()):
    """Return changes of devices whose steps are constant but for a scale and noise of each pulse.

    Those of the devices in `more` are there twice.
    """
    rng = np.random.default_rng(seed)
    states = np.linspace(0.2, 0.7, changes)
    up = np.tile([True, False], (len(scales), changes, 1))
    step = 0.01 * scales[:, None, None] * np.where(up, 1, -2)
    step = step * (1 + noise * rng.standard_normal(step.shape))
    before = np.broadcast_to(states[:, None], step.shape)
    device = np.broadcast_to(np.arange(len(scales))[:, None, None], step.shape)
    again = [*range(len(scales)), *more]
    before, step, up, device = (each[again] for each in (before, step, up, device))
    return Changes(
        name="unequal",
        devices=tuple(map(str, range(len(scales)))),
        device=device.ravel(),
        before=G_MIN + SPAN * before.ravel(),
        after=G_MIN + SPAN * (before + step).ravel(),
        up=up.ravel(),
    )


@pytest.mark.parametrize("more", [(), (0, 0, 1)])
def test_without_noise_a_table_is_that_of_the_median_device_and_its_spread_the_scales(more):
    """However often each device was measured; steps of 2 % are small: doses are steps."""
    scales = np.array([0.5, 0.9, 1.2, 1.6])
    table = calibration.tabulate(unequal(scales, 0.0, 60, more=more), g_min=G_MIN, g_max=G_MAX)
    spread, median = np.log(scales).std(ddof=1), np.exp(np.log(scales).mean())
    assert table.device_to_device["log_scale"] == pytest.approx(spread, rel=0.01)
    at, nominal = np.linspace(0.2, 0.7, 6), table.nominal
    np.testing.assert_allclose(table.step(at, True, nominal), 0.01 * median, rtol=0.02)
    np.testing.assert_allclose(table.step(at, False, nominal), -0.02 * median, rtol=0.02)


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_the_noise_of_pulses_is_no_spread_between_devices(spread):
    """2000 devices, 20 pulses each way, noise of half a step: 0.11 of the scales' deviation.

    The variance of the scales has a standard error of 0.0018 (0.0004 without spread); bounds are
    six times that.
    """
    rng = np.random.default_rng(1)
    scales = np.exp(spread * rng.standard_normal(2000))
    table = calibration.tabulate(unequal(scales, 0.5, 20), g_min=G_MIN, g_max=G_MAX)
    for way in ("scale_up", "scale_down"):
        found = table.device_to_device.get(way, 0.0)
        assert found**2 == pytest.approx(spread**2, abs=0.011)


def test_devices_that_differ_by_the_luck_of_pulses_are_alike():
    """Six devices, 100 changes with 50 % noise: two standard errors of a variance above zero.

    By luck 6 % of experiments exceed them, 13 of 40 with a chance of 1e-6; half exceed zero.
    """
    alike = 0
    for seed in range(40):
        data = unequal(np.ones(6), 0.5, 100, seed)
        up = data.up
        state, change = ((g - G_MIN) / SPAN for g in (data.before, data.after))
        found = find_scales(state[up], (change - state)[up], data.device[up], up=True)
        alike += found.variance == 0
        assert (found.scales == 1).all() == (found.variance == 0)
    assert alike > 27


def test_where_no_formula_fits_the_table_reproduces_the_quantiles():
    """A pulse does nothing or jumps by a tenth, 4,500 of each polarity."""
    rng, devices = np.random.default_rng(3), 3
    states, counts = [np.full(devices, 0.5)], []
    for number in range(3000):
        up, state = bool(number // 30 % 2), states[-1]
        jump = np.where(rng.random(devices) < 0.15, 0.1, 0.001) * (1 if up else -1)
        states.append(np.clip(state + jump * (1 - state if up else state), 0.02, 0.98))
        counts.append(1 if up else -1)
    data = measurement(np.transpose(states), np.array(counts))
    fits = calibration.compare(data, g_min=G_MIN, g_max=G_MAX)
    assert calibration.recommend(fits) is None
    table = calibration.tabulate(data, g_min=G_MIN, g_max=G_MAX)
    drawn = table.noisy_step(np.full((20_000, 1), 0.5), True, table.nominal, rng)[:, 0]
    near = data.up & (np.abs((data.before - G_MIN) / SPAN - 0.5) < 0.03)
    measured = ((data.after - data.before) / SPAN)[near]
    at = [0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(drawn, at), np.quantile(measured, at), atol=0.006)
    # Some 500 changes near the middle: 0.016 of them is one standard error.
    assert (drawn > 0.02).mean() == pytest.approx((measured > 0.02).mean(), abs=0.03)


# -------------------------------------------------------------------------- the tabulated model


EVERYTHING = Tabulated(
    states=(0.0, 0.3, 1.0), probabilities=(0.0, 0.4, 1.0),
    up=((0.02, 0.05, 0.3), (-0.01, 0.02, 0.04), (-0.1, -0.02, 0.0)),
    down=((-0.01, 0.0, 0.01), (-0.1, -0.05, 0.0), (-0.9, -0.8, -0.7)),
    jump_up=(0.3, 0.1, 0.0), jump_down=(0.0, 0.0, 1.0),
    jumps_up=((0.5, 0.6, 0.8), (0.3, 0.4, 0.5), (0.0, 0.0, 0.0)),
    jumps_down=((0.0, 0.0, 0.0), (-0.2, -0.1, 0.0), (-1.0, -0.95, -0.9)),
    scale_up=1.7, scale_down=0.4, counts=True,
)  # fmt: skip


class Chances:
    """A generator that draws given numbers."""

    def __init__(self, values):
        self.values = values

    def random(self, shape, dtype):
        assert shape == self.values.shape
        return self.values.astype(dtype)


@pytest.mark.parametrize("options", [{}, {"own_noise": False}, {"counts": False}])
@pytest.mark.parametrize("up", [True, False])
def test_the_kernel_of_a_table_is_its_array_form(options, up):
    """Of 4,000 states and chances; and each alone is as in company, bit for bit."""
    model = build_like(options)
    rng = np.random.default_rng(4)
    state, chance = rng.random((4000, 1), np.float32), rng.random((4000, 1), np.float32)
    state[:3, 0], state[3:6, 0] = (0, 0.3, 1), 1
    own = {"scale_up": np.float32(1.7) + state * 0, "scale_down": np.float32(0.4) + state * 0}
    whole = model.noisy_step(state, up, own, Chances(chance))
    table, p = model.table.astype(np.float32), np.array([1.7, 0.4], np.float32)
    loop = [model.kernel.dispatcher(x, up, p, table, u) for x, u in zip(state[:, 0], chance[:, 0],
                                                                      strict=True)]  # fmt: skip
    np.testing.assert_allclose(whole[:, 0], loop, atol=3e-6)
    assert whole.dtype == np.float32
    half = {name: value[:1999] for name, value in own.items()}
    np.testing.assert_array_equal(
        model.noisy_step(state[:1999], up, half, Chances(chance[:1999])), whole[:1999]
    )


def build_like(options):
    return dataclasses.replace(EVERYTHING, **options)


@pytest.mark.parametrize("options", [{}, {"own_noise": False}, {"counts": False}])
@pytest.mark.parametrize("state", [0.0, 0.15, 0.3])
def test_draws_of_a_table_have_its_mean(options, state):
    """200,000 draws, within 6 standard errors; one device is the median one, whose factor is 1."""
    model = build_like({**options, "scale_up": 1.0, "scale_down": 1.0})
    for up in (True, False):
        drawn = model.noisy_step(np.full((200_000, 1), state), up, model.nominal,
                                 np.random.default_rng(6))[:, 0]  # fmt: skip
        mean = model.step(np.array([state]), up, model.nominal)[0]
        assert drawn.mean() == pytest.approx(mean, abs=6 * drawn.std() / 200_000**0.5 + 1e-9)


def test_a_factor_that_counts_pulses_does_not_overshoot():
    """Steps of 0.2 of the room: 3 pulses at once are 3 pulses, and 0.5 go the root."""
    rows = tuple((0.2 * (1 - x),) for x in (0.0, 1.0)), tuple((-0.9 * x,) for x in (0.0, 1.0))
    base = {"states": (0.0, 1.0), "probabilities": (0.5,), "up": rows[0], "down": rows[1]}
    model = Tabulated(**base, counts=True, scale_up=3.0, scale_down=0.5)
    at = np.array([0.0, 0.4, 1.0])
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(
        model.noisy_step(at, True, model.nominal, rng), (1 - 0.8**3) * (1 - at)
    )
    np.testing.assert_allclose(
        model.noisy_step(at, False, model.nominal, rng), -(1 - 0.1**0.5) * at
    )


def test_a_table_as_before_keeps_its_text():
    plain = Tabulated(states=(0.5,), probabilities=(0.5,), up=((0.1,),), down=((-0.1,),))
    assert "jump" not in canonical(plain)
    assert "counts" not in canonical(plain)
    assert "jump" in canonical(EVERYTHING)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jump_up": ()}, "jump_down must come with jump_up, or be left out"),
        ({"jump_up": (0.1, 0.2)}, "jump_up must have a chance in"),
        ({"jump_down": (0.1, 0.2, 1.1)}, "jump_down must have a chance in"),
        ({"jumps_up": ((0.1, 0.2, 0.3),)}, "jumps_up must have a row for each of the 3 states"),
        ({"jumps_down": ((0.3, 0.2, 0.1),) * 3}, "jumps_down must be finite and not decrease"),
        ({"counts": False, "own_noise": False}, "own_noise must be true where factors do not"),
    ],
)
def test_tables_that_cannot_be_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        build_like(change)


# --------------------------------------------------------------------------------- the material


def test_pulses_that_do_nothing_in_the_middle_are_named():
    """A device that moves at its ends only can be written, but not learn."""
    table = Tabulated(states=(0.2, 0.4, 0.6, 0.8), probabilities=(0.5,), up=((0.1,), *[(0.0,)] * 3),
                      down=((-0.1,),) * 4)  # fmt: skip
    fit = calibration.TableFit(model=table, values={"read_noise": 0.0}, errors={}, limits={},
                               g_min=G_MIN, g_max=G_MAX)  # fmt: skip
    scheme, text = calibration.programming(fit)
    assert scheme.tolerance == 0.5
    assert text.endswith("of the range, pulses up do not move it in the middle of its range")
    with pytest.raises(UserError, match="must move a device in the middle of its range"):
        _ = table.pulses_across
    device = AnalogDevice(g_min=G_MIN, g_max=G_MAX, read_voltage=0.2, cell_size=16,
                          pulse_model=table, write_verify=scheme)  # fmt: skip
    made = device.program(np.full((4, 1), 0.5 * (G_MIN + G_MAX)), rng=np.random.default_rng(0))
    assert np.isfinite(made.conductance).all()
    assert (made.pulses <= scheme.max_pulses).all()


def test_the_budget_and_the_tolerance_of_a_table_are_those_of_its_pulses():
    data, _ = gradual(0.03)
    fit = calibration.fit_table(data)
    scheme, text = calibration.programming(fit)
    assert scheme.tolerance == pytest.approx(2 * fit.values["read_noise"])
    assert text.endswith("twice the noise of a read")
    noisy = calibration.fit_table(simulate(
        LinearStep(step_up=0.02, step_down=0.02, cycle_to_cycle=CycleNoise(of_range=0.08)), 1,
    ))  # fmt: skip
    scheme, text = calibration.programming(noisy)
    assert scheme.tolerance == pytest.approx(0.01 + 0.08**2 / (2**0.5 * 0.02), rel=0.15)
    assert "pulses hold it no closer: one has a noise of" in text


def test_tables_do_not_depend_on_the_threads_of_blas(monkeypatch):
    seen = []

    def spied(*args):
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return find_jumps(*args)

    monkeypatch.setattr(table_module, "find_jumps", spied)
    data = simulate(SoftBounds(step_up=0.02, step_down=0.02), 1, devices=1, cycles=2, pulses=30)
    for way in (data, data.changes):
        calibration.tabulate(way)
    assert len(seen) >= 2
    assert set(seen) == {1}


def test_a_noise_of_reads_that_short_runs_do_not_show_is_unknown():
    """Runs of four pulses have no trend to take a read's noise from."""
    model = SoftBounds(step_up=0.03, step_down=0.04, cycle_to_cycle=CycleNoise(of_step=0.3))
    rng, counts = np.random.default_rng(0), np.array(([1] * 4 + [-1] * 4) * 30)
    states = [np.full((5, 1), 0.4)]
    for count in counts:
        states.append(model.apply(states[-1], int(count), rng=rng))
    fit = calibration.fit_table(measurement(np.concatenate(states, axis=1), counts))
    assert fit.limits == {"read_noise": np.inf}
    assert "read_noise" not in output._known(fit, "from data")


def test_too_few_changes_are_refused():
    data = simulate(SoftBounds(step_up=0.02, step_down=0.02), 1, devices=1, cycles=1, pulses=10)
    for table in (calibration.tabulate, calibration.fit_table):
        with pytest.raises(UserError, match="10 changes of one polarity, at least 20"):
            table(data)


def test_a_written_table_is_the_fitted_one_and_carries_the_noise_of_reads(workplace):
    data, _ = gradual(0.03, devices=2, cycles=2, pulses=80)
    lines = ["device,pulse,polarity,conductance [uS]"]
    for each in data.sequences:
        lines += [
            f"{each.device},{n},{'up' if pulse >= 0 else 'down'},{1e6 * g:.8f}"
            for n, (pulse, g) in enumerate(zip(each.pulses, each.reads, strict=True))
        ]
    (workplace / "m.csv").write_text("\n".join(lines) + "\n")
    assert main(["calibrate", "m.csv", "name=table", "model=tabulated"]) == 0
    with composer("conf"):
        device = build(AnalogDevice, plain_config(compose(["material=table"]).device), "device")
    fit = calibration.fit_table(calibration.read_pulses("m.csv"))
    np.testing.assert_allclose(device.pulse_model.up, fit.model.up, rtol=1e-5)
    spreads = pytest.approx(fit.model.device_to_device, rel=1e-5)
    assert device.pulse_model.device_to_device == spreads
    sigma = device.read_noise.sigma(np.array([G_MIN, G_MAX]), device.g_max, 0.0)
    np.testing.assert_allclose(sigma, 0.03 * SPAN, rtol=0.1)
    assert device.g_min == pytest.approx(fit.g_min, rel=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize(
    "respond",
    [
        lambda x, sign, rng: x - 0.02 * (sign < 0),
        lambda x, sign, rng: np.full(x.shape, float(sign > 0)),
        lambda x, sign, rng: np.where(rng.random(x.shape) < 0.5, sign > 0, x),
        lambda x, sign, rng: np.round(x + 0.03 * sign * (1 + rng.standard_normal(x.shape)), 1),
        lambda x, sign, rng: x * np.exp(0.5 * sign * rng.random(x.shape)),
    ],
    ids=["one_way", "binary", "coin", "coarse", "decades"],
)
@pytest.mark.parametrize(("devices", "run"), [(1, 3), (3, 30)])
def test_every_response_becomes_a_device(respond, noise, devices, run):
    rng = np.random.default_rng(8)
    counts = np.tile(np.repeat([1, -1], run), 60 // run)
    states = [np.full(devices, 0.5)]
    for sign in counts:
        states.append(np.clip(respond(states[-1], sign, rng), 1e-6, 1))
    reads = np.transpose(states) + noise * rng.standard_normal((devices, counts.size + 1))
    fit = calibration.fit_table(measurement(0.2 + reads, counts))
    scheme, _ = calibration.programming(fit)
    assert 0 < scheme.tolerance < 2
    found = ensemble(fit, 0.6, [1, -1, 1], devices=20)
    assert np.isfinite(found).all()
    assert (found >= states_of(fit.g_min) - 1e-6).all()
    assert (found <= states_of(fit.g_max) + 1e-6).all()
