"""Monotone fits: projections, planted truths, and directions that data contradict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from matsweep.analysis.monotone import _isotonic, contradicts, surface
from matsweep.analysis.requirements import requirements
from matsweep.analysis.studytable import Scale, study_table
from matsweep.analysis.surrogate import fit_surrogate

from .test_surrogate import cube, made

NOISE, SPREAD, BITS = "device.read_noise", "device.device_to_device", "adc.bits"


def truth(noise, spread, bits):
    return (
        0.98 - 1.5 * noise**2 - 0.3 * noise - 0.1 * spread - 6 * noise * spread - 0.3 * 2.0**-bits
    )


def noisy(seed, count=64, noise=0.03, function=truth, **worse):
    """Study of three parameters, eight realisations, with directions unless others are given."""
    u = cube(count, 3, seed)
    columns = {NOISE: 0.1 * u[0], SPREAD: 0.2 * u[1], BITS: np.floor(4 + 4.999 * u[2]).astype(int)}
    ds = made(function, columns, realisations=8)
    draws = np.random.default_rng(seed).standard_normal(ds["accuracy"].shape)
    ds["accuracy"] = ds["accuracy"] + noise * draws
    ds["accuracy"].attrs.update(units="1", better="higher")
    for name, value in {NOISE: "higher", SPREAD: "higher", BITS: "lower", **worse}.items():
        ds[name].attrs["worse"] = value
    return ds


def lines(scales, count=25, seed=3):
    """Yield random lines along each parameter, (61, parameter)."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        for index in range(len(scales)):
            u = np.tile(rng.random(len(scales)), (61, 1))
            u[:, index] = np.sort(rng.random(61))
            yield index, np.stack([s.from_unit(u[:, i]) for i, s in enumerate(scales)], axis=1)


def test_a_projection_is_weighted_isotonic_regression():
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal((3, 9, 4)), rng.random(9) + 0.1
    up, down = (_isotonic(values, 1, rise, weights) for rise in (1, -1))
    for first in range(3):
        for last in range(4):
            line = values[first, :, last]
            for found, increasing in ((up, True), (down, False)):
                wanted = isotonic_regression(line, weights=weights, increasing=increasing).x
                np.testing.assert_allclose(found[first, :, last], wanted, atol=1e-12)
    np.testing.assert_array_equal(_isotonic(np.sort(values, axis=1), 1, 1, weights),
                                  np.sort(values, axis=1))  # fmt: skip


def test_where_the_fit_is_unsure_it_yields_to_its_neighbours():
    """Between swept values of 0.001 a fit that is off by 0.3 with ± 0.3 gives way to them."""
    scales = (Scale(name="device.a", low=0.0, high=1.0),)
    mean = np.array([0.9, 0.8, 1.0, 0.6, 0.5])
    deviation = np.array([0.001, 0.001, 0.3, 0.001, 0.001])
    nodes = (np.linspace(0, 1, 5),)
    fitted = surface(lambda columns, wanted: (mean, deviation), scales, (-1,), nodes)
    variance = deviation**2 + (1e-3 * 0.5) ** 2
    for deviations in (0.0, 1.0, -2.0):
        end = mean + deviations * deviation
        wanted = isotonic_regression(end, weights=1 / variance, increasing=False).x
        np.testing.assert_allclose(fitted.end(nodes[0][:, None], deviations), wanted, rtol=1e-9)
    assert fitted.end(np.array([[0.25]]))[0] == pytest.approx(0.8, abs=1e-4)
    beyond = fitted.end(np.array([[-0.5], [1.5]]))  # held beyond the nodes
    np.testing.assert_allclose(beyond, [0.9, 0.5])


@pytest.mark.parametrize("kind", ["gp", "boosting"])
def test_the_fit_is_monotone_everywhere(kind):
    """Noise of 1 % on each mean makes the free process rise with noise somewhere."""
    ds = noisy(0)
    fitted = fit_surrogate(ds, "accuracy", kind=kind)
    free = fit_surrogate(ds, "accuracy", kind=kind, monotone=False)
    assert (fitted.rises, free.rises) == ((-1, -1, 1), (0, 0, 0))
    wrong = 0.0
    for index, points in lines(fitted.table.scales):
        sign = fitted.rises[index]
        for along in (
            fitted.mean(points),
            fitted.mean(points, refit=2),
            fitted.probability(points, ">=", 0.93),
            fitted.cautious(points, ">=", 0.93, 1.64),
            fitted.cautious(points, ">=", 0.93, -1.64),
            -fitted.probability(points, "<", 0.93),
        ):
            assert np.all(sign * np.diff(along) >= -1e-12)
        wrong = min(wrong, float(np.min(sign * np.diff(free.mean(points)))))
    assert wrong < -1e-4


def test_intervals_stay_in_order_and_cross_with_the_mean():
    ds = noisy(1)
    fitted = fit_surrogate(ds, "accuracy")
    points = np.concatenate([each for _, each in lines(fitted.table.scales, count=5)])
    mean, chance = fitted.margin_mean(points, ">=", 0.93), fitted.probability(points, ">=", 0.93)
    assert np.all((chance > 0.5) == (mean > 0))
    ends = [fitted.cautious(points, ">=", 0.93, z) for z in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    assert np.all(np.diff(ends, axis=0) < 0)
    np.testing.assert_allclose(ends[2], mean, atol=1e-12)
    at_95 = fitted.cautious(points, ">=", 0.93, 1.6448536269514722)
    assert np.all((chance >= 0.951) <= (at_95 >= -1e-9))
    assert np.all((chance <= 0.949) <= (at_95 <= 1e-9))


def test_where_data_are_monotone_the_fit_is_the_process():
    """Interpolation on the grid moves it by less than 1e-4; all swept bits are nodes."""
    ds = noisy(2, noise=0.0)
    fitted, free = (fit_surrogate(ds, "accuracy", monotone=each) for each in (True, False))
    points = fitted.table.points
    np.testing.assert_allclose(fitted.mean(points), free.mean(points), atol=2e-4)
    assert fitted.r2 == pytest.approx(free.r2, abs=1e-3)


def test_no_requirement_asks_for_harm_and_errors_shrink():
    """Of four studies with 1 % of noise on each mean; limits of noise against the planted truth.

    No limit points the wrong way, the best point is the harmless corner, and the error of the
    limit is less in all studies together. The free fit finds its best elsewhere.
    """
    limit = float(np.roots([1.5, 0.3, 0.93 - 0.98 + 0.3 * 2.0**-8])[-1])
    errors, off = {True: [], False: []}, 0
    for seed in range(4):
        directed, free = noisy(seed), noisy(seed, **dict.fromkeys((NOISE, SPREAD, BITS), ""))
        found, other = (requirements(each, "accuracy >= 93 %") for each in (directed, free))
        low = [scale.low for scale in found.surrogate.table.scales]
        assert found.best == {NOISE: low[0], SPREAD: low[1], BITS: 8.0}
        for each in found.limits:
            assert each.direction in (">=" if each.parameter == BITS else "<=", "everywhere")
        for box in filter(None, (found.jointly, found.surely)):
            assert (box.low[NOISE], box.low[SPREAD]) == (low[0], low[1])
        off += other.best[NOISE] > low[0] + 0.005 or other.best[SPREAD] > low[1] + 0.01
        for monotone, each in ((True, found), (False, other)):
            ends = [e.value for e in each.limits if (e.parameter, e.direction) == (NOISE, "<=")]
            errors[monotone].append(abs((ends[0] if ends else 0.1) - limit))
    assert np.mean(errors[True]) < 0.8 * np.mean(errors[False])
    assert off >= 2


def test_a_direction_that_data_contradict_is_not_imposed():
    """Noise that helps up to 5 %: the fit stays free in it, says so, and finds the optimum."""

    def peaked(noise, spread, bits):
        return 0.9 - 40 * (noise - 0.05) ** 2 - 0.2 * spread - 0.3 * 2.0**-bits

    ds = noisy(0, noise=0.002, function=peaked)
    found = requirements(ds, "accuracy >= 87 %")
    assert found.surrogate.contradicted == (NOISE,)
    assert found.surrogate.rises == (0, -1, 1)
    assert found.best[NOISE] == pytest.approx(0.05, abs=0.005)
    told = [line for line in found.specification() if "contradict the direction" in line]
    assert "read_noise" in told[0]
    assert not requirements(noisy(0), "accuracy >= 93 %").surrogate.contradicted


def test_of_an_upper_bound_the_harmful_end_is_the_best():
    found = requirements(noisy(0), "accuracy <= 85 %")
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    assert found.best == {NOISE: scales[NOISE].high, SPREAD: scales[SPREAD].high, BITS: 4.0}


def test_a_direction_is_contradicted_by_most_candidates_not_by_one():
    """Squares of 1 become 1.5 in all 50; or the same sum in one; or 1.05 in all."""
    free = np.ones(50)
    wave = 1 + 0.1 * np.sin(np.arange(50.0))
    assert contradicts(free, np.sqrt(1 + 0.5 * wave))
    assert not contradicts(free, np.sqrt(np.r_[26.0, np.ones(49)]))
    assert not contradicts(free, np.sqrt(1 + 0.05 * wave))
    assert not contradicts(free, free)


def test_directions_are_those_of_the_merit():
    ds = noisy(0, noise=0.001).rename(accuracy="nrmse")
    assert study_table(ds, "nrmse").rises == (0, 0, 0)
    ds.attrs["merit"] = "nrmse"
    assert study_table(ds, "nrmse").rises == (-1, -1, 1)
    ds["nrmse"].attrs["better"] = "lower"  # an error, which noise can only raise
    assert study_table(ds, "nrmse").rises == (1, 1, -1)


def test_bits_repeat():
    first, second = (fit_surrogate(noisy(4), "accuracy", seed=1) for _ in range(2))
    at = [[0.013, 0.1, 6.0], [0.0, 0.03, 8.0]]
    np.testing.assert_array_equal(first.mean(at), second.mean(at))
    np.testing.assert_array_equal(
        first.probability(at, ">=", 0.93), second.probability(at, ">=", 0.93)
    )


def test_many_parameters_are_fitted_by_monotone_trees():
    u = cube(64, 8)
    names = [f"device.p{index}" for index in range(8)]
    ds = made(lambda *x: 0.9 - sum(x) / 40, dict(zip(names, u, strict=True)))
    ds[names[0]].attrs["worse"] = "higher"
    fitted = fit_surrogate(ds, "accuracy")
    assert fitted.kind == "boosting"
    assert fitted.rises == (-1, *[0] * 7)
    free = fit_surrogate(ds, "accuracy", kind="gp")  # as asked for, without directions
    assert (free.kind, free.rises) == ("gp", (0,) * 8)
