"""Errors, intervals and limits of fits: closed forms, and the share that holds the truth."""

from __future__ import annotations

import dataclasses
import io
import os

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from threadpoolctl import threadpool_info

from matsweep.core.checks import UserError
from matsweep.identification import calibration
from matsweep.identification.derivation import exact
from matsweep.identification.fitting import fit as fit_module
from matsweep.identification.fitting import profiles
from matsweep.identification.fitting.profiles import LIMIT, Curve, explore
from matsweep.identification.fitting.result import OF_PULSES
from matsweep.identification.fitting.scoring import Problem
from matsweep.identification.fitting.spreads import spread_curves
from tests.identification.test_calibration import TRUTH, true_value
from tests.identification.test_statespace import soft
from tests.measured_reads import G_MAX, G_MIN, simulate

EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"


@pytest.mark.parametrize("wrong", [0.1, 1.0, 20.0])
def test_the_profile_of_a_normal_estimate_is_its_interval(wrong):
    """Drop (v - 5)² / (2 0.5²), whatever error the search begins with."""
    curve = explore(lambda v: (v - 5) ** 2 / 0.5, 5.0, 0.5 * wrong)
    for root in (-1.9, -1.0, 1.0, 1.9):
        assert curve.at(root) == pytest.approx(5 + 0.5 * root, rel=1e-9)
    assert not curve.unclear


def test_the_limit_of_an_estimate_at_its_bound():
    """Drop 40 v: r² = 80 v."""
    curve = explore(lambda v: 40 * v, 0.0, 0.01)
    assert curve.at(LIMIT) == pytest.approx(LIMIT**2 / 80, rel=0.05)
    assert curve.at(-1.0) == 0
    assert curve.unclear


def test_a_curve_goes_on_beyond_its_points_but_not_below_zero():
    curve = Curve(values=np.array([1.0, 2.0, 4.0]), roots=np.array([-1.0, 0.0, 1.0]))
    assert curve.at(0.5) == 3
    assert curve.at(2.0) == 6
    assert curve.at(-9.0) == 0


def test_a_profile_that_does_not_drop_is_not_determined():
    """A likelihood that levels off below the limit, and one that a far too small error starts."""
    flat = explore(lambda v: 0.5 * (1 - np.exp(-v)), 0.0, 0.1)
    assert not flat.determined
    assert not flat.scaled(2.0).determined
    assert explore(lambda v: 40 * v, 0.0, 0.01).determined
    # Roots as the square of the distance: the search stood still, between a near and a far point.
    steep = explore(lambda v: 0.5 * (25 * (1 - v) ** 2) ** 2, 1.0, 2.0)
    assert steep.determined
    assert steep.at(-1.645) == pytest.approx(1 - (1.645 / 25) ** 0.5, rel=0.02)
    assert explore(lambda v: (v - 5) ** 2 / 0.5, 5.0, 0.05).determined


def test_noises_without_a_limit_are_not_determined(monkeypatch):
    data = soft([0.03] * 3, 0.01, 2, 40, 3)
    assert "device_to_device.step_up" not in known(data).undetermined
    monkeypatch.setattr(profiles, "_TRIES", 1)
    cut = known(data)
    missed = {name for name, curve in cut.curves.items() if not curve.determined}
    assert missed
    assert missed <= cut.undetermined
    assert cut.interval(missed.pop()) == (-np.inf, np.inf)


def known(data):
    return calibration.fit_model(data, "soft_bounds", g_min=G_MIN, g_max=G_MAX)


def test_means_of_few_devices_without_a_spread_are_as_uncertain_as_one_spread_wider():
    """Three equal devices: σ² of the mean gains (s(1)² - s(0)²) / 3, with s from the profile."""
    data = soft([0.03] * 3, 0.01, 2, 40, 3)
    fit = known(data)
    left_out = frozenset(name for name in OF_PULSES if fit.values[name] == 0)
    task = fit_module._Task(data, G_MIN, G_MAX)
    problem = task._solution("soft_bounds", left_out)[0]
    bare = task._named("soft_bounds", problem.solve(restricted=True))
    for name in ("step_up", "step_down"):
        curve = fit.curves[f"device_to_device.{name}"]
        assert curve.unclear
        wider = (curve.at(1.0) ** 2 - curve.at(0.0) ** 2) / 3
        wanted = np.hypot(bare.errors[name], fit.values[name] * wider**0.5)
        assert fit.errors[name] == pytest.approx(wanted, rel=1e-6)
        assert fit.errors[name] > 1.1 * bare.errors[name]


@pytest.mark.parametrize("devices", [2, 3, 9, 20])
def test_spreads_of_exact_estimates_have_the_chi_square_interval(devices):
    theta = np.random.default_rng(1).normal(size=(devices, 2)) * [1.0, 1e3]
    for curve, s in zip(
        spread_curves(theta, np.zeros((devices, 2, 2))), theta.std(axis=0, ddof=1), strict=True
    ):
        for tail in (0.05, 0.95, 0.975):
            z, n = stats.norm.ppf(tail), devices - 1
            assert curve.at(z) == pytest.approx(s * np.sqrt(n / stats.chi2.ppf(1 - tail, n)), 0.03)


def test_spreads_within_the_devices_errors_have_a_limit_that_holds():
    """Six devices, spread as large as their errors: of 100 limits at least 80 hold (1e-7)."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        theta = rng.normal(scale=2**0.5, size=(6, 1))
        held += spread_curves(theta, np.ones((6, 1, 1)))[0].at(LIMIT) >= 1
    assert held >= 80


def fitted(data, kind, **bounds):
    return calibration.fit_model(data, kind, **bounds)


def test_intervals_are_on_the_scale_of_the_parameter():
    data = simulate(TRUTH["linear_step"], 5, devices=5, cycles=2, pulses=60, noise=0.01)
    fit = fitted(data, "linear_step", g_min=G_MIN, g_max=G_MAX)
    for name, value in fit.values.items():
        narrow, wide = fit.interval(name, 0.5), fit.interval(name)
        assert wide[0] <= narrow[0] <= narrow[1] <= wide[1], name
        if name not in fit.limits:
            assert narrow[0] < value < narrow[1], name
    t = stats.t.ppf(0.975, 4)
    low, high = fit.interval("step_up")
    assert np.log(high / low) == pytest.approx(
        2 * t * fit.errors["step_up"] / fit.values["step_up"]
    )
    low, high = fit.interval("slope_up")
    assert high - low == pytest.approx(2 * t * fit.errors["slope_up"])
    with pytest.raises(UserError, match="parameter"):
        fit.interval("step_sideways")
    with pytest.raises(UserError, match="level"):
        fit.interval("step_up", 95)


def test_a_parameter_at_its_bound_is_not_determined():
    """A RESET in one pulse: the step down is 1, the end of its range; one device has no spread."""
    data = soft([0.05], 0.003, 8, 30, 4, down=20.0)
    fit = fitted(data, "soft_bounds")
    assert fit.undetermined == {
        "step_down", "device_to_device.step_up", "device_to_device.step_down",
    }  # fmt: skip
    assert fit.interval("step_down") == (-np.inf, np.inf)
    console = Console(record=True, width=200, file=io.StringIO())
    calibration.show_calibration(calibration.checked(data, (fit,), fit), console)
    text = console.export_text()
    assert "not determined" in next(line for line in text.splitlines() if "step_down" in line)


def test_pulses_that_were_not_measured_are_not_determined():
    """Four devices that were potentiated only: nothing is known of a pulse down."""
    data = simulate(TRUTH["linear_step"], 4, devices=4, cycles=1, pulses=40, noise=1e-3)
    up = dataclasses.replace(
        data,
        sequences=tuple(
            dataclasses.replace(
                each,
                **{name: getattr(each, name)[:41]
                   for name in ("reads", "pulses", "linked", "cycle", "line")},
            )
            for each in data.sequences
        ),
    )  # fmt: skip
    fit = fitted(up, "neurosim", g_min=G_MIN, g_max=G_MAX)
    for name in ("nonlinearity_down", "pulses_down"):
        assert {name, f"device_to_device.{name}"} <= fit.undetermined
    assert "pulses_up" not in fit.undetermined


def test_the_interval_of_a_noise_near_zero_is_finite():
    data = simulate(TRUTH["soft_bounds"], 5, devices=3, cycles=1, pulses=40, noise=0.01)
    fit = fitted(data, "soft_bounds", g_min=G_MIN, g_max=G_MAX)
    near = dataclasses.replace(
        fit, curves={}, values={**fit.values, "cycle_to_cycle.of_step": 1e-9},
        errors={**fit.errors, "cycle_to_cycle.of_step": 1e-3},
    )  # fmt: skip
    low, high = near.interval("cycle_to_cycle.of_step")
    assert 0 <= low < 1e-9 < high < np.inf


def test_spreads_that_data_do_not_show_have_limits():
    """Five equal devices: limits of spreads, and none of ± 0."""
    fit = fitted(soft([0.03] * 5, 0.03, 2, 60, 6), "soft_bounds", g_min=G_MIN, g_max=G_MAX)
    assert {f"device_to_device.step_{way}" for way in ("up", "down")} <= set(fit.limits)
    for name, limit in fit.limits.items():
        assert limit > 0, name


def test_powers_and_rests_at_a_bound_determine_the_range():
    """Without a given range: both bounds within 4 errors, 2 % of the range at most."""
    for kind in ("power_step", "linear_step"):
        data = simulate(TRUTH[kind], 3, devices=6, cycles=2, pulses=140, noise=0.01)
        fit = fitted(data, kind)
        assert not fit.undetermined & {"g_min", "g_max"}, kind
        for name, true in (("g_min", G_MIN), ("g_max", G_MAX)):
            assert abs(fit.values[name] - true) < 4 * fit.errors[name] < 0.08 * G_MAX, kind
        if kind == "power_step":
            assert fit.values["exponent_up"] == pytest.approx(1.5, rel=0.15)


def test_straight_steps_that_reach_no_bound_leave_the_range_open():
    data = simulate(TRUTH["linear_step"], 2, devices=4, cycles=3, pulses=25, noise=0.01)
    fit = fitted(data, "linear_step")
    assert "g_max" in fit.undetermined
    assert "g_max" not in fit.errors
    console = Console(record=True, width=300, file=io.StringIO())
    calibration.show_calibration(calibration.checked(data, (fit,), fit), console)
    assert "do not determine" in console.export_text()


@pytest.mark.parametrize("seed", [3003, 3005])
def test_a_bound_that_one_device_hardly_reaches_is_not_determined(seed):
    """One device, five visits near the upper bound: a bound within its noise describes them too."""
    fit = fitted(simulate(TRUTH["linear_step"], seed, 1, 5, 100, noise=0.01), "linear_step")
    assert "g_max" in fit.undetermined


@pytest.mark.parametrize("kind", ["soft_bounds", "power_step"])
def test_a_search_that_does_not_end_at_a_maximum_is_reported(kind, monkeypatch):
    data = simulate(TRUTH[kind], 7, devices=3, cycles=2, pulses=50, noise=0.01)
    assert fitted(data, kind, g_min=G_MIN, g_max=G_MAX).converged
    whole = Problem.search
    monkeypatch.setattr(
        Problem, "search", lambda self, **options: whole(self, **{**options, "steps": 0})
    )
    assert not fitted(data, kind, g_min=G_MIN, g_max=G_MAX).converged


def test_exact_fits_do_not_depend_on_the_threads_of_blas(monkeypatch):
    seen = []
    monkeypatch.setattr(exact, "_Problem", lambda *a: type("P", (), {
        "solve": lambda self: seen.extend(each["num_threads"] for each in threadpool_info()
                                          if each["user_api"] == "blas")})())  # fmt: skip
    exact.fit_exact(None, "soft_bounds", g_min=G_MIN, g_max=G_MAX)
    assert seen
    assert set(seen) == {1}


def shares(kind, sets, size, bounds):
    """Return the share of intervals and limits that hold the truth, by their kind."""
    truth, held = TRUTH[kind], {"parameters": [], "spreads": [], "noises": []}
    devices, cycles, pulses = size
    for seed in range(sets):
        data = simulate(truth, 7000 + seed, devices, cycles, pulses, noise=0.01)
        fit = fitted(data, kind, **bounds)
        own = truth.draw((devices, 1), rng=np.random.default_rng(7000 + seed))
        for name in set(fit.values) - fit.undetermined:
            if name in ("g_min", "g_max"):
                continue
            true = 0.01 if name == "read_noise" else true_value(truth, name)
            if devices == 1 and name in truth.names():
                true = float(np.squeeze(own[name]))
            low, high = fit.interval(name)
            of = "spreads" if "device_to" in name else "noises" if "noise" in name or "." in name \
                else "parameters"  # fmt: skip
            low, high = (0.0, fit.limits[name]) if name in fit.limits else (low, high)
            held[of].append(low <= true <= high)
    return {name: float(np.mean(each)) for name, each in held.items() if each}


@pytest.mark.parametrize("kind", TRUTH)
def test_intervals_of_every_model_hold_the_truth(kind):
    """Four experiments of five devices: 12 to 24 intervals of each class, two thirds hold.

    Of 12 independent ones of 93 % fewer than eight hold with a chance of 2e-5, of 24 fewer than 16
    with one of 1e-9; seeds are fixed.
    """
    found = shares(kind, 4, (5, 2, 60), {"g_min": G_MIN, "g_max": G_MAX})
    assert min(found.values()) >= 2 / 3, found


@pytest.mark.skipif(not EXHAUSTIVE, reason="minutes; with MATSWEEP_EXHAUSTIVE=1")
@pytest.mark.parametrize("size", [(20, 5, 100), (1, 5, 100)])
@pytest.mark.parametrize("kind", TRUTH)
def test_coverage_of_intervals(kind, size):
    """20 experiments at full size: of intervals of 95 % at least 80 % hold, of each class."""
    found = shares(kind, 20, size, {"g_min": G_MIN, "g_max": G_MAX})
    assert min(found.values()) >= 0.8, found
