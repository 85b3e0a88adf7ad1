"""Fits of a metric over what was swept: what they find again, and how sure they are."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from scipy.stats import qmc

from matsweep.analysis.studytable import Scale, study_table
from matsweep.analysis.surrogate import MOST, fit_surrogate
from matsweep.core.checks import UserError
from tests.synthetic import study, with_status


def made(function, columns, *, noise=0.0, realisations=4, unit="1", metric="accuracy", **attrs):
    """Return a study with one metric, a function of its parameters (and noise)."""
    names, points = list(columns), [np.asarray(values) for values in columns.values()]
    mean = np.asarray(function(*points), dtype=np.float64)
    draws = np.random.default_rng(7).standard_normal((len(mean), realisations))
    draws -= 0 if realisations > 1 else draws
    return xr.Dataset(
        {
            metric: (
                ("candidate", "realisation"),
                mean[:, None] + noise * draws,
                {"units": unit, "better": "higher"},
            ),
            "status": (
                "candidate",
                np.ones(len(mean), dtype=np.int8),
                {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"},
            ),
            "error": ("candidate", np.full(len(mean), "", dtype=object)),
        },
        {name: ("candidate", values) for name, values in columns.items()},
        {
            "axes": json.dumps([{"name": name, "values": None} for name in names]),
            **{name: json.dumps(value) for name, value in attrs.items()},
        },
    )


def cube(count, dims, seed=0):
    """Return the columns of a Sobol' sequence."""
    return qmc.Sobol(dims, rng=np.random.default_rng(seed)).random(count).T


def test_a_smooth_function_is_found_again_between_its_points():
    x, y = cube(64, 2)

    def truth(x, y):
        return np.sin(3 * x) + x * y**2

    fitted = fit_surrogate(made(truth, {"a.x": x, "a.y": y}), "accuracy")
    assert fitted.kind == "gp"
    assert fitted.names == ("a.x", "a.y")
    assert fitted.r2 > 0.999
    new = cube(128, 2, seed=1)
    mean, deviation = fitted.predict(new.T)
    np.testing.assert_allclose(mean, truth(*new), atol=0.01)
    np.testing.assert_allclose(fitted.mean(new.T), mean, rtol=1e-9)
    assert np.mean(np.abs(mean - truth(*new)) < 3 * deviation) > 0.97
    assert deviation.max() < 0.02


def test_noise_of_the_realisations_is_averaged_out_and_told():
    """The mean of the line is known better than any candidate; rmse is that of the candidates."""
    x = np.linspace(0, 1, 80)
    fitted = fit_surrogate(
        made(lambda x: 0.9 - 0.2 * x, {"a.x": x}, noise=0.04, realisations=16), "accuracy"
    )
    np.testing.assert_allclose(fitted.table.errors, 0.01, rtol=0.7)
    assert 0.007 < fitted.rmse < 0.014  # 0.04 / 4 and the fit's own error
    mean, deviation = fitted.predict(x[:, None])
    assert np.abs(mean - (0.9 - 0.2 * x)).max() < 0.01
    assert 0.001 < np.median(deviation) < 0.005


def test_one_realisation_has_no_standard_error_and_the_fit_finds_the_noise():
    x = np.linspace(0, 1, 60)
    draws = 0.1 * np.random.default_rng(0).standard_normal(60)
    rough = made(lambda x: x + draws, {"a.x": x}, realisations=1)
    fitted = fit_surrogate(rough, "accuracy")
    assert np.isnan(fitted.table.errors).all()
    mean, _ = fitted.predict(x[:, None])
    assert np.abs(mean - x).max() < 0.07
    assert 0.07 < fitted.rmse < 0.15


def test_what_spans_orders_of_magnitude_evenly_counts_by_its_logarithm():
    decades = np.logspace(-4, 0, 40)
    evenly = np.linspace(1e-3, 1.0, 40)  # as wide a ratio, but it is no range of decades
    narrow = np.linspace(0.1, 1.0, 40)
    zero = np.concatenate([[0.0], decades[1:]])
    ds = made(lambda a, b, c, d: np.log10(a) + b + c + d,
              {"a.a": decades, "a.b": evenly[::-1], "a.c": narrow, "a.d": zero})  # fmt: skip
    scales = study_table(ds, "accuracy").scales
    assert [scale.logarithmic for scale in scales] == [True, False, False, False]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_scale_leads_there_and_back(logarithmic):
    scale = Scale(name="x", low=1e-3, high=2.0, logarithmic=logarithmic)
    u = np.linspace(-0.1, 1.1, 13) if logarithmic else np.linspace(0, 1, 11)
    np.testing.assert_allclose(scale.to_unit(scale.from_unit(u)), u, atol=1e-12)
    np.testing.assert_allclose(scale.from_unit([0.0, 1.0]), [1e-3, 2.0])


def test_a_metric_of_many_decades_is_fitted_by_its_logarithm():
    """Retention grows with exp(E / kT): a power of ten for each 0.06 eV at room temperature."""
    barrier = np.linspace(1.0, 1.4, 24)
    ds = made(lambda e: 10 ** ((e - 1) / 0.06), {"physics.activation_ev": barrier}, unit="s",
              metric="retention", realisations=1)  # fmt: skip
    fitted = fit_surrogate(ds, "retention", logarithmic=None)
    assert fitted.logarithmic
    np.testing.assert_allclose(fitted.mean([[1.2]]), 10 ** (0.2 / 0.06), rtol=0.01)
    np.testing.assert_allclose(fitted.probability([[1.1], [1.3]], ">=", 1e3), [0, 1], atol=1e-6)
    assert not fit_surrogate(ds, "retention").logarithmic


def test_levels_are_encoded_or_refused():
    x = np.tile(np.linspace(0, 1, 12), 3)
    kind = np.repeat(["a", "b", "c"], 12)
    shift = {"a": 0.0, "b": 0.5, "c": -1.0}
    ds = made(lambda x, k: x + np.array([shift[each] for each in k]), {"p.x": x, "p.kind": kind})
    fitted = fit_surrogate(ds, "accuracy")
    assert fitted.table.scales[1].levels == ("a", "b", "c")
    np.testing.assert_allclose(
        fitted.mean([[0.3, 0], [0.3, 1], [0.3, 2]]), [0.3, 0.8, -0.7], atol=0.01
    )
    with pytest.raises(UserError, match=r"p.kind was swept and is no number"):
        fit_surrogate(ds, "accuracy", categorical="refuse")
    truths = ds.assign_coords({"p.kind": ("candidate", kind == "a")})
    assert study_table(truths, "accuracy").scales[1].levels == ("True", "False")


def test_a_swept_material_is_a_parameter():
    table = study_table(study(), "accuracy")
    assert [scale.name for scale in table.scales] == [
        "material", "device.programming_error.scale", "tile.adc.bits"]  # fmt: skip
    assert table.scales[2].whole
    assert not table.scales[1].whole
    assert len(table.scales[0].levels) == 5


def test_trees_take_over_where_candidates_are_many():
    x, y = cube(2048, 2)
    assert x.size > MOST

    def truth(x, y):
        return x + (y > 0.5)

    fitted = fit_surrogate(made(truth, {"a.x": x, "a.y": y}, realisations=1), "accuracy")
    assert fitted.kind == "boosting"
    assert fitted.r2 > 0.99
    mean, deviation = fitted.predict([[0.5, 0.2], [0.5, 0.8]])
    np.testing.assert_allclose(mean, [0.5, 1.5], atol=0.05)
    np.testing.assert_array_equal(deviation, fitted.rmse)


@pytest.mark.parametrize("kind", ["gp", "boosting"])
def test_the_same_point_twice_does_not_tell_itself(kind):
    """What no parameter explains is unexplained however often each point is there."""
    noise = np.random.default_rng(3).random(64)
    x, y = (np.repeat(column, 4) for column in cube(64, 2))
    ds = made(lambda x, y: np.repeat(noise, 4), {"p.x": x, "p.y": y})
    assert fit_surrogate(ds, "accuracy", kind=kind).r2 < 0.3


def test_bits_repeat():
    ds = study(materials=("pcm_gst",))
    first, second = (fit_surrogate(ds, "accuracy", seed=3) for _ in range(2))
    at = [[0.013, 6.5], [0.0, 9.0]]
    np.testing.assert_array_equal(first.predict(at), second.predict(at))
    assert (first.r2, first.rmse) == (second.r2, second.rmse)


def test_what_is_not_done_does_not_count():
    x = np.linspace(0, 1, 20)
    ds = with_status(made(lambda x: x, {"a.x": x}), failed=(0, 1), pending=(19,))
    ds["accuracy"][2] = np.nan
    table = study_table(ds, "accuracy")
    np.testing.assert_array_equal(table.rows, np.arange(3, 19))
    assert table.left_out == 4
    assert table.scales[0].low == x[3]


def test_a_function_that_cannot_be_fitted_has_no_r2():
    rng = np.random.default_rng(0)
    ds = made(lambda x: rng.standard_normal(x.size), {"a.x": cube(64, 1)[0]}, realisations=1)
    assert fit_surrogate(ds, "accuracy").r2 < 0.3


@pytest.mark.parametrize(
    ("change", "metric", "message"),
    [
        (lambda ds: ds, "acuracy", "no metric or parameter 'acuracy'; did you mean accuracy"),
        (lambda ds: ds, "a.x", "metric must be a number that the study measured"),
        (lambda ds: ds.isel(candidate=slice(5)), "accuracy", "at least 8 different .* got 5"),
        (lambda ds: ds.isel(candidate=[0]), "accuracy", "nothing differs between the 1 done"),
        (lambda ds: ds.assign(status=ds.status * 0), "accuracy", "no done candidate has a number"),
        (lambda ds: ds.assign(accuracy=ds.accuracy * 0 + 0.5), "accuracy", "is the same, 0.5"),
        (
            lambda ds: ds.assign_coords({"a.x": ("candidate", ["a", "b"] * 10)}),
            "accuracy",
            "only a.x was swept, which is no number",
        ),
        (
            lambda ds: ds.assign_coords({"a.x": ("candidate", [np.nan] + [0.5, 0.1] * 9 + [1.0])}),
            "accuracy",
            "a.x is not a finite number",
        ),
    ],
)
def test_what_cannot_be_fitted_is_told(change, metric, message):
    ds = made(lambda x: x, {"a.x": np.linspace(0, 1, 20)})
    with pytest.raises(UserError, match=message):
        fit_surrogate(change(ds), metric)


def test_points_have_a_column_for_each_parameter():
    fitted = fit_surrogate(study(materials=("sonos",)), "accuracy")
    with pytest.raises(ValueError, match=r"points must be \(n, 2\)"):
        fitted.predict([[0.1, 8.0, 1.0]])


def test_heavy_libraries_are_loaded_when_needed_only():
    code = (
        "import sys, matsweep.analysis.sensitivity, matsweep.reporting.figures.sensitivity_bars; "
        "print([n for n in ('sklearn', 'SALib') "
        "if n in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["gp", "boosting"])
def test_noise_cannot_be_foretold(kind):
    """Either fit can pass near all 32 points, and is judged by those that it has not seen.

    In three dimensions a Gaussian process may as well interpolate noise as call it noise: r2 of
    points that it was fitted to is 1, of others about 0. That of 0.7 takes a correlation of 0.84,
    which 32 have by luck with a probability of 2e-9.
    """
    for seed in range(2):
        draws = np.random.default_rng(seed).standard_normal(32)
        columns = dict(zip(("a.x", "a.y", "a.z"), cube(32, 3, seed), strict=True))
        ds = made(lambda *_, draws=draws: draws, columns, realisations=1)
        assert fit_surrogate(ds, "accuracy", kind=kind).r2 < 0.7


def test_deviations_are_widened_to_what_unseen_candidates_show():
    """A lone point far out, of exp(6 x), is missed by more than the fit without it says.

    Each fit passes through the points that it has seen, so that the one that has not seen a
    candidate is the one that misses it most.
    """
    x = np.concatenate([np.linspace(0, 0.5, 15), [1.0]])
    fitted = fit_surrogate(made(lambda x: np.exp(6 * x), {"a.x": x}, realisations=1), "accuracy")
    told = np.array([refit(x[:, None], True) for refit in fitted.refits])
    missed = np.abs(fitted.table.values - told[:, 0])
    unseen = np.argmax(missed, axis=0), np.arange(len(x))
    expected = np.sqrt(np.mean((missed[unseen] / told[:, 1][unseen]) ** 2))
    assert expected > 2
    assert fitted.inflation == pytest.approx(expected, rel=0.05)
    between = np.linspace(0.5, 1, 9)[1:-1, None]
    _, own = fitted.model(between, True)
    np.testing.assert_allclose(fitted.predict(between)[1], fitted.inflation * own)


def pairs(mean, error):
    """Return two realisations each with the mean and standard error that are given."""
    return np.stack([mean - error, mean + error], axis=1)


def test_uncertain_candidates_count_less():
    """Every other candidate is wrong by as much as it says, the rest lie on the line."""
    x = np.linspace(0, 1, 24)
    wrong = np.where(np.arange(24) % 2, 0.3, 0.0)
    ds = made(lambda x: x, {"a.x": x}, realisations=2)
    ds["accuracy"].values[:] = pairs(x + wrong, wrong + 1e-3)
    mean, _ = fit_surrogate(ds, "accuracy").predict(x[:, None])
    np.testing.assert_allclose(mean, x, atol=0.01)


def test_errors_of_a_logarithm_are_relative_ones():
    """log10 v ± e / (v ln 10), fitted as it is, is the fit of the logarithm of v ± e."""
    x = np.linspace(0, 1, 20)
    value = 10 ** (3 * x + 0.05 * np.random.default_rng(4).standard_normal(20))
    error = value * np.linspace(0.02, 0.3, 20)
    plain, ready = (made(lambda x: x, {"a.x": x}, realisations=2) for _ in range(2))
    plain["accuracy"].values[:] = pairs(value, error)
    ready["accuracy"].values[:] = pairs(np.log10(value), error / (value * np.log(10)))
    between = np.linspace(0, 1, 31)[:, None]
    found = fit_surrogate(plain, "accuracy", logarithmic=True).latent(between)
    expected = fit_surrogate(ready, "accuracy").latent(between)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_scale_ends_at_the_swept_values(logarithmic):
    """To the last bit: 0.3 + (0.9 - 0.3) and 0.07 (11 / 0.07) are no swept values."""
    for low, high in ((0.3, 0.9), (0.07, 11.0), (0.11, 9.6), (1e-9, 1e-3)):
        scale = Scale(name="a.x", low=low, high=high, logarithmic=logarithmic)
        assert scale.from_unit([0.0, 1.0]).tolist() == [low, high]
        np.testing.assert_allclose(scale.to_unit(scale.from_unit([0.2, 0.7])), [0.2, 0.7])
