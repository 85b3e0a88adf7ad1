"""Pulses and noisy reads: the filter's likelihood, and fits that tell the two noises apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from matsweep.devices import CycleNoise, PowerStep, SoftBounds
from matsweep.identification import calibration
from matsweep.identification.fitting import filter as filtering
from matsweep.identification.fitting.fit import SPECS
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.statespace import Reads
from tests.measured_reads import G_MAX, G_MIN, measurement, simulate

PULSES = np.array([0, 1, 1, 1, -1, -1, 1, 2, 0, -3, 1, -1])


def problem(values, cls=SoftBounds, kind="soft_bounds", pulses=PULSES):
    reads = Reads(
        devices=("a",), device=np.zeros(len(values), np.int64), value=values, pulses=pulses,
        linked=np.arange(len(values)) > 0,
    )  # fmt: skip
    return Problem(reads, cls, SPECS[kind], (0.0, 1.0))


def test_the_likelihood_of_affine_steps_is_that_of_the_joint_normal_distribution():
    """Soft bounds, away from the ends: all reads but the first, given the first, are one Gaussian.

    x0 given y0 is Normal(y0, r²); y = A x0 + b + noise of pulses, carried on, + noise of reads.
    """
    rng = np.random.default_rng(3)
    values = 0.5 + 0.03 * rng.standard_normal(PULSES.size)
    fit = problem(values)
    fit.theta = np.log([[0.03, 0.04]])
    read, walk = 0.02**2, 0.004**2
    fit.shared = np.array([read, 0.0, walk, 0.0, 1.0])
    up, up_slope, down, down_slope = fit.own(fit.theta)[0]
    gain, shift, origin = 1.0, 0.0, np.zeros(0)  # of the state: of x0, alone, of each pulse's noise
    rows, shifts, origins = [], [], []
    for count in PULSES:
        for _ in range(abs(count)):
            a, b = (up, up_slope) if count > 0 else (down, down_slope)
            gain, shift = gain * (1 + b), shift * (1 + b) + a
            origin = np.append(origin * (1 + b), 1.0)
        rows.append(gain)
        shifts.append(shift)
        origins.append(np.pad(origin, (0, np.abs(PULSES).sum() - origin.size)))
    gains, noise = np.array(rows[1:]), np.array(origins[1:])
    covariance = read * (np.outer(gains, gains) + np.eye(gains.size)) + walk * noise @ noise.T
    mean = gains * values[0] + shifts[1:]
    expected = stats.multivariate_normal(mean, covariance).logpdf(values[1:])
    found = -fit.cost(fit.theta, fit.shared) - 0.5 * gains.size * np.log(2 * np.pi)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("mean", [-0.05, 0.02, 0.5, 0.97, 1.2])
@pytest.mark.parametrize("deviation", [0.01, 0.1, 0.6])
def test_moments_of_a_cut_normal_distribution(mean, deviation):
    found = filtering._cut(mean, deviation**2)

    ends = np.clip([-mean / deviation, (1 - mean) / deviation], -12, 12)

    def moment(power):
        def density(z):
            return np.clip(mean + deviation * z, 0, 1) ** power * stats.norm.pdf(z)

        pieces = itertools.pairwise([-12, *ends, 12])
        return sum(integrate.quad(density, a, b)[0] for a, b in pieces)

    first = moment(1)
    np.testing.assert_allclose(found, [first, moment(2) - first**2], rtol=1e-7, atol=1e-9)


def test_the_score_is_the_slope_of_the_likelihood():
    """Of a curved step with all noises, by central differences."""
    rng = np.random.default_rng(4)
    fit = problem(0.5 + 0.1 * rng.standard_normal(PULSES.size), PowerStep, "power_step")
    fit.theta = np.array([[np.log(0.05), np.log(0.06), 1.4, 0.7]])
    fit.shared = np.array([0.03**2, 0.2**2, 0.02**2, 0.0, 1.0])
    _, _, _, own, shared = fit.blocks()
    # Kernels take parameters in single precision: differences may not be smaller.
    for i, turn in enumerate(1e-2 * np.eye(4)):
        slope = -(fit.cost(fit.theta + turn, fit.shared) - fit.cost(fit.theta - turn, fit.shared))
        assert own[0, i] == pytest.approx(slope / 0.02, rel=0.02, abs=0.02)
    for k in range(3):
        turn = 1e-3 * fit.shared * (np.arange(5) == k)
        slope = -(fit.cost(fit.theta, fit.shared + turn) - fit.cost(fit.theta, fit.shared - turn))
        assert shared[k] == pytest.approx(slope / (2 * turn[k]), rel=0.02)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """24 small experiments, six devices each: 95 % intervals.

    Of 24 intervals of 88 % (what few devices and noises near 0 leave of 95 %) fewer than 12 hold
    the truth with a chance of 8e-7, for each of four parameters. z scatters by about one.
    """
    truth = SoftBounds(
        step_up=0.03, step_down=0.04, cycle_to_cycle=CycleNoise(of_range=0.01),
        device_to_device={"step_up": 0.2, "step_down": 0.15},
    )  # fmt: skip
    z = []
    for seed in range(24):
        data = simulate(truth, seed, devices=6, cycles=2, pulses=40, noise=0.02)
        fit = calibration.fit_model(data, "soft_bounds", g_min=G_MIN, g_max=G_MAX)
        noises = {"read_noise": 0.02, "cycle_to_cycle.of_range": 0.01}
        z.append(
            [np.log(fit.values[f"step_{way}"] / getattr(truth, f"step_{way}"))
             * fit.values[f"step_{way}"] / fit.errors[f"step_{way}"] for way in ("up", "down")]
            + [(fit.values[name] - true) / fit.errors[name] for name, true in noises.items()]
        )  # fmt: skip
    z = np.array(z)
    assert (np.abs(z) < 1.96).sum(axis=0).min() >= 12, z
    assert 0.6 < z.std() < 1.5
    assert (np.abs(z.mean(axis=0)) < 5 * 1.3 / 24**0.5).all()


def soft(steps, noise, cycles, pulses, seed, walk=0.0, down=1.0):
    """Return reads of devices with given steps, down a multiple of up, between 0 and 1."""
    rng = np.random.default_rng(seed)
    steps = np.asarray(steps)
    counts = np.array(([1] * pulses + [-1] * pulses) * cycles)
    states = [np.full(steps.shape, 0.05)]
    for count in counts:
        x = states[-1]
        x = x + (steps * (1 - x) if count > 0 else -down * steps * x)
        states.append(np.clip(x + walk * rng.standard_normal(x.shape), 0, 1))
    reads = np.transpose(states)
    return measurement(reads + noise * rng.standard_normal(reads.shape), counts)


def test_noise_of_reads_is_no_noise_of_pulses():
    """Five devices, steps of 2 % and 1.5 %, reads with 3 %: steps to 10 % and three errors."""
    (fit, *_) = calibration.compare(soft([0.02] * 5, 0.03, 2, 100, 11, down=0.75))
    assert fit.kind == "soft_bounds"
    for name, true in (("step_up", 0.02), ("step_down", 0.015)):
        assert fit.values[name] == pytest.approx(true, rel=0.1)
        assert abs(fit.values[name] - true) < 3 * fit.errors[name]
    assert fit.values["read_noise"] == pytest.approx(0.03, rel=0.05)
    assert fit.model.cycle_to_cycle == CycleNoise()
    assert fit.limits["cycle_to_cycle.of_range"] < 0.002
    assert fit.limits["cycle_to_cycle.of_step"] < 0.2
    assert fit.g_min == pytest.approx(G_MIN, abs=0.02 * G_MAX)
    assert fit.g_max == pytest.approx(G_MAX, rel=0.02)


def test_noise_of_reads_is_no_spread_between_devices():
    """Twelve devices with a spread of 20 % about a step of 3 %, reads with 2 %."""
    steps = 0.03 * (1 + 0.2 * np.random.default_rng(12).standard_normal(12))
    fit = calibration.fit_model(soft(steps, 0.02, 4, 60, 12), "soft_bounds")
    for way in ("up", "down"):
        assert fit.values[f"step_{way}"] == pytest.approx(np.median(steps), rel=0.1)
        spread = fit.values[f"device_to_device.step_{way}"]
        assert spread == pytest.approx(np.log(steps).std(ddof=1), rel=0.1)
    assert fit.values["read_noise"] == pytest.approx(0.02, rel=0.03)
    assert not fit.model.cycle_to_cycle.of_range


def test_devices_that_differ_tenfold_stay_apart():
    """Steps from 0.004 to 0.06, hardly any noise: a lognormal spread that both steps share."""
    steps = np.array([0.004, 0.01, 0.025, 0.06])
    fit = calibration.fit_model(soft(steps, 0.0, 4, 60, 5, walk=5e-4), "soft_bounds")
    spread = np.log(steps).std(ddof=1)
    for way in ("up", "down"):
        assert fit.values[f"device_to_device.step_{way}"] == pytest.approx(spread, rel=0.02)
    assert fit.model.device_to_device["log_scale"] == pytest.approx(spread, rel=0.02)
    assert fit.values["cycle_to_cycle.of_range"] == pytest.approx(5e-4, rel=0.15)
    own = fit.model.draw((4000, 1), rng=np.random.default_rng(0))
    np.testing.assert_allclose(own["step_up"] / own["step_down"], 1, rtol=0.25)
    assert np.log(own["step_up"]).std() == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("walk", [0.0, 0.003])
def test_where_data_cannot_tell_the_noises_apart_a_limit_is_given(walk):
    """One device, steps of 1 %, reads with 4 %: limits hold the truth."""
    fit = calibration.fit_model(soft([0.01], 0.04, 5, 100, 2, walk=walk), "soft_bounds")
    assert fit.values["read_noise"] == pytest.approx(0.04, rel=0.1)
    name = "cycle_to_cycle.of_range"
    assert name in fit.limits or fit.values[name] > 2 * fit.errors[name]
    assert walk <= fit.limits.get(name, fit.values[name] + 3 * fit.errors[name])
    assert "cycle_to_cycle.of_step" in fit.limits
    assert fit.model.cycle_to_cycle.of_step == 0


def test_reads_beyond_a_known_range_are_noise():
    fit = calibration.fit_model(
        simulate(SoftBounds(step_up=0.1, step_down=0.1), 1, 2, 3, 40, noise=0.03),
        "soft_bounds", g_min=G_MIN, g_max=G_MAX,
    )  # fmt: skip
    assert (fit.g_min, fit.g_max) == pytest.approx((G_MIN, G_MAX))
    sigma = fit.read_noise.sigma(np.array([G_MIN, G_MAX]), fit.g_max, 0.0)
    np.testing.assert_allclose(sigma, 0.03 * (G_MAX - G_MIN), rtol=0.1)


@pytest.mark.parametrize(
    ("noise", "walk", "tolerance", "reason"),
    [
        (0.001, 0.001, 0.02, "2 % of the range"),
        (0.03, 0.0, 0.06, "twice the noise of a read"),
        # Half of the mean step in the middle, 0.015 / 2, and 0.05² / (√2 0.015).
        (0.001, 0.05, 0.1254, "pulses hold it no closer"),
    ],
)
def test_devices_are_verified_to_what_their_noises_allow(noise, walk, tolerance, reason):
    data = soft([0.03, 0.03], noise, 5, 60, 8, walk=walk)
    fit = calibration.fit_model(data, "soft_bounds", g_min=G_MIN, g_max=G_MAX)
    scheme, text = calibration.programming(fit)
    assert scheme.tolerance == pytest.approx(tolerance, rel=0.2)
    assert reason in text
    across = 3 * max(fit.model.pulses_across)
    assert scheme.max_pulses == int(max(across, 100))
