"""Indices of sensitivity against closed forms, and against what has no influence."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from matsweep.analysis.distances import delta, pawn, slices
from matsweep.analysis.influence import in_words
from matsweep.analysis.sensitivity import sensitivity
from matsweep.core.checks import UserError
from matsweep.planning.axes import Interval, Values
from matsweep.planning.designs.saltelli import Saltelli
from matsweep.reporting.figures.sensitivity_bars import sensitivity_figure
from tests.synthetic import study, with_status

from .test_surrogate import cube, made

# Ishigami's function with a = 7, b = 0.1: T. Homma, A. Saltelli, Reliab. Eng. Syst. Saf. 52:1,
# 1996, doi:10.1016/0951-8320(96)00002-6.
S1 = np.array([0.3139, 0.4424, 0.0])
ST = np.array([0.5576, 0.4424, 0.2437])
S2_13 = 0.2437


def ishigami(x, y, z):
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def saltelli_study(function, axes, samples, second_order=True):
    """Return a study as a store holds it that was run with design=saltelli."""
    design = Saltelli(samples=samples, second_order=second_order)
    drawn = design.draw(axes)
    columns = dict(zip([axis.name for axis in axes], zip(*drawn.points, strict=True), strict=True))
    facts = design.facts(axes, drawn) | {"kind": "saltelli"}
    columns = {name: np.array(values) for name, values in columns.items()}
    return made(function, columns, realisations=1, design=json.loads(json.dumps(facts)))


@pytest.fixture(scope="module")
def ishigami_design():
    names = ("device.x", "device.y", "tile.z")
    axes = [Interval(name=name, low=-np.pi, high=np.pi) for name in names]
    return saltelli_study(ishigami, axes, 1024)


@pytest.fixture(scope="module")
def ishigami_sample():
    x, y, z = -np.pi + 2 * np.pi * cube(256, 3, seed=2)
    return made(ishigami, {"p.x": x, "p.y": y, "p.z": z}, realisations=1)


@pytest.fixture(scope="module")
def with_dummy():
    u = cube(512, 4, seed=5)
    x, y, z = -np.pi + 2 * np.pi * u[:3]
    columns = {"p.dummy": u[3], "p.x": x, "p.y": y, "p.z": z}
    return made(lambda _, x, y, z: ishigami(x, y, z), columns, realisations=1)


def test_sobol_indices_of_a_saltelli_design_are_ishigamis(ishigami_design):
    found = sensitivity(ishigami_design)
    assert found.attrs["method"] == "sobol"
    assert found["parameter"].values.tolist() == ["device.x", "device.y", "tile.z"]
    for name, truth in (("S1", S1), ("ST", ST)):
        error = np.abs(found[name].values - truth)
        assert np.all(error < found[f"{name}_conf"].values), (name, error)
        assert np.all(found[f"{name}_conf"].values < 0.12)
    pair = found.sel(parameter="tile.z", other="device.x")
    assert abs(float(pair["S2"]) - S2_13) < float(pair["S2_conf"])
    np.testing.assert_array_equal(found["S2"].values, found["S2"].values.T)
    assert "10.1016/j.cpc.2009.09.018" in found.attrs["references"]
    assert found["ST"].attrs["long_name"]
    assert found.attrs["rows"] == 1024 * 8


def test_the_order_of_the_candidates_does_not_matter(ishigami_design):
    ranked = ishigami_design.matsweep.rank("accuracy")
    assert ranked["candidate"].values.tolist() != ishigami_design["candidate"].values.tolist()
    found = sensitivity(ranked)
    assert found.attrs["method"] == "sobol"
    np.testing.assert_array_equal(found["S1"], sensitivity(ishigami_design)["S1"])
    other = ranked.assign_coords(candidate=ranked["candidate"] + 1)
    with pytest.raises(UserError, match="of the 8192 candidates of the design are here"):
        sensitivity(other, method="sobol")


def test_of_many_candidates_some_are_compared(monkeypatch):
    monkeypatch.setattr("matsweep.analysis.sensitivity._MOST", 400)
    x, y = cube(2048, 2)
    ds = made(lambda x, y: x + 0.1 * y, {"p.x": x, "p.y": y})
    found = sensitivity(ds, method="pawn")
    assert (found.attrs["rows"], found.attrs["candidates"]) == (400, 2048)
    assert float(found["median"][0]) > 3 * float(found["median"][1])


def test_repeated_rows_and_designs_without_pairs_lead_back_to_rows():
    """f = x1 + 2 x2 of two and three listed values: variances 1/4 and 4 · 2/3, no interaction."""
    axes = [Values(name="p.a", values=(0, 1)), Values(name="p.b", values=(0, 1, 2))]
    ds = saltelli_study(lambda a, b: a + 2.0 * b, axes, 512, second_order=False)
    assert ds.sizes["candidate"] == 6
    found = sensitivity(ds, method="sobol")
    total = 1 / 4 + 4 * 2 / 3
    np.testing.assert_allclose(found["S1"], [0.25 / total, 8 / 3 / total], atol=0.03)
    np.testing.assert_allclose(found["ST"], [0.25 / total, 8 / 3 / total], atol=0.03)
    assert "S2" not in found


def test_the_fit_of_any_sample_has_ishigamis_indices(ishigami_sample):
    found = sensitivity(ishigami_sample)
    assert found.attrs["method"] == "surrogate"
    assert found.attrs["r2"] > 0.8
    np.testing.assert_allclose(found["S1"], S1, atol=0.05)
    np.testing.assert_allclose(found["ST"], ST, atol=0.05)
    assert np.all(np.abs(found["ST"].values - ST) < found["ST_conf"].values)
    assert "jackknife" in found.attrs["interval"]
    assert abs(float(found["S2"].sel(parameter="p.x", other="p.z")) - S2_13) < 0.05


def test_a_parameter_is_distributed_as_it_was_swept():
    """Of a + b the shares are the variances of the listed values, not of a range."""
    a, b = (m.ravel() for m in np.meshgrid([0.0, 0.1, 0.2, 1.0], np.linspace(0, 1, 9)))
    found = sensitivity(made(lambda a, b: a + b, {"p.a": a, "p.b": b}), method="surrogate")
    variances = np.array([np.var([0, 0.1, 0.2, 1.0]), np.var(np.linspace(0, 1, 9))])
    np.testing.assert_allclose(found["S1"], variances / variances.sum(), atol=0.02)


def test_a_material_is_a_parameter_like_others():
    found = sensitivity(study(), method="surrogate")
    assert found["parameter"].values.tolist()[0] == "material"
    assert np.all(found["ST"].values > 0.01)
    assert float(found["ST"].sel(parameter="tile.adc.bits")) < float(
        found["ST"].sel(parameter="device.programming_error.scale")
    )


@pytest.mark.parametrize(("method", "index"), [("pawn", "median"), ("delta", "delta")])
def test_a_dummy_is_insignificant_and_the_rest_ranked(with_dummy, method, index):
    found = sensitivity(with_dummy, method=method, confidence=0.99)
    order = found["parameter"].values[np.argsort(-found[index].values)]
    assert order[:2].tolist() == ["p.y", "p.x"]
    significant = dict(zip(found["parameter"].values, found["significant"].values, strict=True))
    assert significant["p.x"]
    assert significant["p.y"]
    assert not significant["p.dummy"]
    assert np.all(found[index].values >= 0)
    assert np.all(found[index].values <= 1)


def test_given_data_indices_are_salibs_where_those_hold(with_dummy):
    """On a drawn sample; SALib cuts slices through equal values, so that lists differ."""
    from SALib.analyze import pawn

    names = ["p.dummy", "p.x", "p.y", "p.z"]
    points = np.stack([with_dummy[name].values for name in names], axis=1)
    values = with_dummy["accuracy"].values[:, 0]
    problem = {"num_vars": 4, "names": names, "bounds": [[0, 1]] * 4}
    theirs = pawn.analyze(problem, points, values, S=10)
    ours = sensitivity(with_dummy, method="pawn")
    for name, index in (("median", "median"), ("mean", "mean"), ("maximum", "maximum")):
        np.testing.assert_allclose(ours[index], theirs[name], atol=0.02)
    from SALib.analyze.delta import calc_delta

    grid, bins = np.linspace(values.min(), values.max(), 100), np.linspace(0, len(values), 11)
    theirs_delta = [calc_delta(values, grid, column, bins) for column in points.T]
    np.testing.assert_allclose(
        sensitivity(with_dummy, method="delta")["delta"], theirs_delta, atol=0.02
    )


def test_a_listed_parameter_that_decides_all_has_the_largest_distance():
    """Of two equally frequent values that part the outcomes the distance is exactly 1/2."""
    a, b = np.repeat([0, 1], 40), np.tile(np.arange(40), 2)
    rest = np.random.default_rng(0).random(80)
    ds = made(lambda a, b: a + 1e-3 * rest, {"p.a": a, "p.b": b})
    found = sensitivity(ds, method="pawn", confidence=0.999)
    assert float(found["median"].sel(parameter="p.a")) == 0.5
    assert bool(found["significant"].sel(parameter="p.a"))
    assert not bool(found["significant"].sel(parameter="p.b"))


def test_where_no_fit_is_good_the_distances_are_taken():
    rng = np.random.default_rng(0)
    ds = made(lambda x, y: rng.standard_normal(x.size), dict(zip("xy", cube(64, 2), strict=True)))
    found = sensitivity(ds)
    assert found.attrs["method"] == "pawn"
    assert "10.1016/j.envsoft.2015.01.004" in found.attrs["references"]


def test_numbers_repeat_with_the_seed(with_dummy):
    first, second, other = (sensitivity(with_dummy, method="pawn", seed=s) for s in (0, 0, 1))
    assert first.identical(second)
    assert not first.identical(other)


def test_failures_of_a_saltelli_design_are_counted_and_another_method_named():
    axes = [Interval(name=name, low=0.0, high=1.0) for name in ("p.a", "p.b")]
    ds = saltelli_study(lambda a, b: a + b, axes, 16)
    broken = with_status(ds, failed=(3, 4), pending=(9,))
    with pytest.raises(UserError, match=r"of 64 candidates 2 failed and 1 are pending.*'pawn'"):
        sensitivity(broken, method="sobol")
    assert sensitivity(broken).attrs["method"] == "surrogate"
    with pytest.raises(UserError, match="63 of the 64 candidates of the design are here"):
        sensitivity(ds.isel(candidate=slice(63)), method="sobol")
    ds["accuracy"][5] = np.nan
    with pytest.raises(UserError, match="not a number for 1 of 64"):
        sensitivity(ds, method="sobol")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda ds: ds, {"method": "sobol"}, "needs a study with design=saltelli"),
        (lambda ds: ds, {"method": "sobl"}, "did you mean sobol"),
        (lambda ds: ds, {"metric": "latency"}, "no metric or parameter 'latency'"),
        (lambda ds: ds, {"confidence": 1.0}, r"confidence must be in \[0.5, 0.9999\]"),
        (lambda ds: ds.isel(candidate=[0]), {}, "nothing differs between the 1 done"),
        (lambda ds: ds.isel(candidate=slice(10)), {"method": "pawn"}, "at least 20 done"),
    ],
)
def test_what_cannot_be_analysed_is_told(change, options, message):
    ds = made(lambda x: x, {"p.x": np.linspace(0, 1, 30)})
    with pytest.raises(UserError, match=message):
        sensitivity(change(ds), **options)


def test_without_salib_the_extra_and_another_method_are_named(monkeypatch, with_dummy):
    for name in ("SALib.sample.sobol", "SALib.analyze.sobol"):
        monkeypatch.setitem(sys.modules, name, None)
    ds = made(lambda x: x, {"p.x": np.linspace(0, 1, 30)})
    with pytest.raises(UserError, match=r"pip install 'matsweep\[sensitivity\]'"):
        sensitivity(ds, method="surrogate")
    assert sensitivity(with_dummy, method="pawn").sizes["parameter"] == 4
    monkeypatch.setattr("matsweep.analysis.sensitivity.find_spec", lambda name: None)
    assert sensitivity(with_dummy).attrs["method"] == "pawn"


def test_bars_stand_for_the_indices_strongest_first(ishigami_design, with_dummy):
    found = sensitivity(ishigami_design)
    figure = sensitivity_figure(found)
    bars, pairs, _ = figure.axes
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["x", "y", "z"]
    widths = [patch.get_width() for patch in bars.patches]
    np.testing.assert_allclose(widths, [*found["S1"].values, *found["ST"].values])
    shown = {text.get_text() for text in pairs.texts}
    assert f"{float(found['S2'][0, 2]):.2f}" in shown
    assert len(pairs.texts) == 3
    distances = sensitivity_figure(sensitivity(with_dummy, method="delta"))
    (panel,) = distances.axes
    assert [tick.get_text() for tick in panel.get_yticklabels()][:2] == ["y", "x"]
    with pytest.raises(UserError, match=r"result of sensitivity\(\)"):
        sensitivity_figure(with_dummy)


def test_the_less_is_known_of_a_function_the_wider_are_its_intervals():
    """Of x + 2 y by 32 points: noise moves the refits, but not the points that are drawn of them.

    It makes the interval of x some 25 times as wide. The square of the refits' spread is as
    chi-square's with 4 degrees of freedom: two studies of less than twice the width, 6e-9.
    """
    columns = dict(zip(("p.x", "p.y"), cube(32, 2), strict=True))
    sharp, *rough = (
        sensitivity(
            made(lambda x, y, noise=noise: x + 2 * y + noise, columns, realisations=1),
            method="surrogate",
        )["ST_conf"].sel(parameter="p.x")
        for noise in (0, *0.3 * np.random.default_rng(0).standard_normal((2, 32)))
    )
    assert max(rough) > 2 * sharp


@pytest.mark.parametrize("method", ["pawn", "delta"])
def test_few_without_influence_are_significant(method):
    """Of 40 parameters each exceeds the 99 % point of permutations with a chance of p.

    p is at most 2 in 61, of 60 permutations: ten or more then do with a probability of 5e-7.
    """
    rng = np.random.default_rng(8)
    columns = {f"p.x{k}": rng.permutation(40) / 39 for k in range(40)}
    ds = made(lambda *_: rng.standard_normal(40), columns, realisations=1)
    found = sensitivity(ds, method=method, confidence=0.99)
    assert found["significant"].sum() < 10


@pytest.mark.parametrize(
    ("method", "index", "statistic"), [("pawn", "median", pawn), ("delta", "delta", delta)]
)
def test_intervals_are_as_wide_as_fresh_samples_spread(method, index, statistic):
    """The deviation of resamples is within 12 % of that of 200 fresh samples of x + noise.

    That is a standard error, found of 60 studies; 60 % is five times that.
    """
    rng = np.random.default_rng(3)

    def drawn():
        x = rng.random(100)
        return x, x + 0.3 * rng.standard_normal(100)

    fresh = [statistic(y, slices(x))[0] for x, y in (drawn() for _ in range(200))]
    x, y = drawn()
    found = sensitivity(made(lambda _: y, {"p.x": x}, realisations=1), method=method)
    assert float(found[f"{index}_conf"][0]) == pytest.approx(1.96 * np.std(fresh), rel=0.6)


@pytest.mark.parametrize(("method", "index"), [("pawn", "maximum"), ("delta", "delta")])
def test_intervals_grow_with_the_confidence_as_those_of_gauss(with_dummy, method, index):
    ds = with_dummy.isel(candidate=slice(64))
    low, high = (sensitivity(ds, method=method, confidence=c) for c in (0.6827, 0.9545))
    np.testing.assert_allclose(high[f"{index}_conf"] / low[f"{index}_conf"], 2, rtol=1e-3)


def test_the_interval_of_a_largest_distance_is_that_of_a_count():
    """Of two values that part the outcomes it is the share of the more frequent one.

    The deviation of 200 resamples is known to 6 %: five times that is exceeded with 6e-7.
    """
    a = np.repeat([0, 1], 100)
    ds = made(lambda a: a + 1e-3 * np.random.default_rng(0).random(200), {"p.a": a}, realisations=1)
    found = sensitivity(ds, method="pawn")
    count = np.arange(201)
    weight = binom.pmf(count, 200, 0.5)
    larger = np.maximum(count, 200 - count) / 200
    deviation = np.sqrt(weight @ larger**2 - (weight @ larger) ** 2)
    assert float(found["maximum_conf"][0]) == pytest.approx(1.96 * deviation, rel=0.3)


def pairs(strength, half):
    """Indices of three parameters with interactions of ab, ac and bc, and their intervals."""
    names = ["device.a", "device.b", "adc.c"]
    tables = []
    for ab, ac, bc in (strength, half):
        tables.append([[np.nan, ab, ac], [ab, np.nan, bc], [ac, bc, np.nan]])
    return xr.Dataset(
        {
            "S1": ("parameter", [0.3, 0.3, 0.2]), "ST": ("parameter", [0.4, 0.4, 0.2]),
            "S2": (("parameter", "other"), tables[0]),
            "S2_conf": (("parameter", "other"), tables[1]),
        },
        {"parameter": names, "other": names}, {"metric": "accuracy"},
    )  # fmt: skip


def test_the_strongest_interaction_is_one_beyond_its_interval():
    """An estimate of 0.10 ± 0.12 hides no interaction of 0.05 ± 0.01."""
    meaning, ranges, text = in_words(pairs((0.10, 0.05, 0.0), (0.12, 0.01, 0.01)))
    assert meaning.startswith("S1: share of the variance of accuracy")
    assert "ranges that were swept" in ranges
    assert text.startswith(
        "Strongest interaction: a and c, 5.0 ± 1.0 % of the variance of accuracy"
    )
    none = in_words(pairs((0.10, 0.005, 0.0), (0.12, 0.01, 0.01)))
    assert none[-1] == "No interaction of a pair can be told from 0."
    alone = pairs((0.1, 0.1, 0.1), (0.0, 0.0, 0.0)).isel(parameter=[0], other=[0])
    assert in_words(alone)[-1] == "There is one parameter, and so no interaction."


def test_indices_say_which_ranges_they_hold_for():
    x, y = cube(64, 2)
    columns = {"device.read_noise": 0.02 + 0.08 * x, "adc.bits": np.round(4 + 4 * y).astype(int)}
    found = sensitivity(made(lambda x, y: x + y, columns), method="pawn")
    noise = columns["device.read_noise"]
    assert found["low"].values.tolist() == [noise.min(), 4]
    assert found["high"].values.tolist() == [noise.max(), 8]
    assert found["over"].values[1] == "4 to 8"
    assert found["over"].values[0].endswith(" %")
