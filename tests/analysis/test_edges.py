"""Check of stated regions: points at their edges, and the verdict, on planted truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from matsweep.analysis.checked import Checked
from matsweep.analysis.edges import checked, edge_points, region
from matsweep.analysis.requirements import requirements
from matsweep.analysis.view import View

from .test_monotone import noisy, truth
from .test_requirements import BITS, SCALE, additive, linear_study
from .test_surrogate import cube, made


@pytest.fixture(scope="module")
def found():
    return requirements(linear_study(), "accuracy >= 95 %")


def simulated(points, function):
    scale, bits = points.T
    return View(made(function, {SCALE: scale, BITS: bits.astype(int)}, noise=1e-5))


def verdict(found, points, function):
    return checked(found, points, simulated(points, function), np.arange(len(points)), "s.zarr")


def test_points_lie_on_the_edges_and_were_not_fitted(found):
    points = edge_points(found, 20)
    name, box = region(found)
    assert name == "surely"
    assert points.shape == (20, 2)
    scale, bits = points.T
    low, high = np.ceil(box.low[BITS]), box.high[SCALE]
    assert np.all(bits == np.round(bits))
    assert np.all((scale >= 0) & (scale <= high) & (bits >= low) & (bits <= 10))
    assert np.all((scale == high) | (bits == low))  # the two sides within the swept range
    assert (high, low) in {tuple(each) for each in points.tolist()}  # the most doubtful corner
    fitted = {tuple(each) for each in found.surrogate.table.points.tolist()}
    assert not fitted & {tuple(each) for each in points.tolist()}
    assert len(np.unique(points, axis=0)) == 20
    np.testing.assert_array_equal(points, edge_points(found, 20))


def test_the_most_doubtful_corner_comes_first(found):
    _, box = region(found)
    one = edge_points(found, 1)
    assert one.tolist() == [[box.high[SCALE], np.ceil(box.low[BITS])]]


def test_a_right_region_is_confirmed(found):
    result = verdict(found, edge_points(found, 20), additive)
    assert result.met.all()
    assert not result.too_wide
    assert result.lines() == [
        "checked: 20 new candidates at the edges of the region that meets it surely: 20 meet it "
        "(s.zarr)"
    ]
    told = replace(found, checked=result).specification()
    assert result.lines()[0] in told


def test_a_wrong_region_is_found_out(found):
    """The truth lies up to a point below the fit at large scales, which the study did not see."""
    points = edge_points(found, 20)
    result = verdict(found, points, lambda s, b: additive(s, b) - 0.8 * np.maximum(s - 0.01, 0))
    missed = int(np.count_nonzero(~result.met))
    assert missed > 5
    assert result.too_wide
    first, second = result.lines()
    short = 100 * (0.95 - result.values.min())
    assert first.startswith("checked: 20 new candidates")
    assert f"{20 - missed} meet it, {missed} miss by at most {short:.2g} points" in first
    assert second.startswith("the region is too wide: 9")
    assert second.endswith("; sweep more points there")
    worst = points[np.argmin(result.values)]
    assert f"scale {100 * worst[0]:.3g} %, bits {worst[1]:.0f}" in second


def test_results_with_errors_of_their_own_do_not_refute_a_right_region():
    """Means of eight realisations with 3 % of noise: 10 misses of 80 are chance, and foreseen.

    By the probability of the smooth surface alone there were 0.3, and five of the eight right
    regions of such studies were refuted.
    """
    missed, foreseen = 0, 0.0
    for seed in (1, 2, 3, 4):
        required = requirements(noisy(seed), "accuracy >= 93 %")
        points = edge_points(required, 20)
        columns = dict(zip(required.surrogate.names, points.T, strict=True))
        ds = made(truth, columns, realisations=8)
        ds["accuracy"] += 0.03 * np.random.default_rng(1000 + seed).standard_normal((20, 8))
        result = checked(required, points, View(ds), np.arange(20), "s.zarr")
        assert not result.too_wide
        missed += np.count_nonzero(~result.met)
        foreseen += np.sum(1 - result.expected)
        surely = np.count_nonzero(required.probability(points, paired=True) < 0.9)
        assert surely == 0
    assert missed / 2 < foreseen < 2 * missed


def test_an_error_halves_the_chance_at_the_target_alone(found):
    """P = Phi(margin / error) for a fit that is far surer than the error."""
    point = np.array([[0.01, 8.0]])
    margin = float(found.surrogate.mean(point)[0]) - 0.95
    assert margin > 1e-3
    for error in (0.5 * margin, 2 * margin):
        assert found.foreseen(point, np.array([error]))[0] == pytest.approx(
            float(ndtr(margin / error)), abs=2e-3
        )
    assert found.foreseen(point, np.zeros(1))[0] > 0.999


def test_the_ends_of_a_swept_range_are_no_sides_that_bound():
    """0.3 + (0.9 - 0.3) is more than 0.9: no point may leave the range by rounding."""
    x, y = cube(64, 2)
    columns = {"device.a": 0.3 + 0.6 * x, "device.b": y}
    columns["device.a"][:2] = 0.3, 0.9
    required = requirements(made(lambda a, b: 1.0 - 0.2 * b, columns), "accuracy >= 90 %")
    points = edge_points(required, 8)
    assert points[:, 0].max() <= 0.9
    high = region(required)[1].high["device.b"]
    assert np.all((points[:, 1] == high) | np.isin(points[:, 0], (0.3, 0.9)))
    assert np.count_nonzero(points[:, 1] == high) >= 6


def result_of(expected, met):
    count = len(met)
    return Checked(region="surely", expected=np.asarray(expected), points=np.zeros((count, 1)),
                   values=np.zeros(count), errors=np.zeros(count), met=np.asarray(met),
                   worst="94 % at x 1", missed="0.4 points", failed=0, store="s.zarr")  # fmt: skip


def test_misses_count_against_the_stated_probability():
    """P(k or more misses of n) by hand: two of 20 at 5 % each, 1 - 0.95^20 - 20 0.05 0.95^19."""
    two = result_of([0.95] * 20, [True] * 18 + [False] * 2)
    assert two.luck == pytest.approx(1 - 0.95**20 - 20 * 0.05 * 0.95**19)
    assert not two.too_wide
    assert two.lines()[1] == "the fit foresaw 1.0 misses there: the region holds as stated"
    four = result_of([0.95] * 20, [True] * 16 + [False] * 4)
    assert four.too_wide
    assert result_of([0.9, 0.5], [False, False]).luck == pytest.approx(0.1 * 0.5)
    assert result_of([0.9, 0.5], [True, True]).luck == pytest.approx(1.0)


def test_candidates_without_a_result_are_counted(found):
    points = edge_points(found, 6)
    rows = np.array([0, 1, -1, 3, 4, 5])
    view = simulated(points, additive)
    view.ds["accuracy"].values[4] = np.nan
    result = checked(found, points, View(view.ds), rows, "s.zarr")
    assert (len(result.met), result.failed) == (4, 2)
    assert result.lines()[-1] == "2 candidates at the edges gave no result"
    none = checked(found, points, View(view.ds), np.full(6, -1), "s.zarr")
    assert none.lines() == ["checked: none of the 6 candidates at the edges gave a result"]


def test_without_a_region_there_is_nothing_to_check():
    none = requirements(linear_study(), "accuracy >= 99 %")
    assert region(none) is None
    assert edge_points(none, 20).shape == (0, 2)


def test_a_region_that_is_all_that_was_swept_is_checked_at_its_ends():
    everything = requirements(linear_study(), "accuracy >= 50 %")
    points = edge_points(everything, 12)  # all corners were fitted
    assert len(points) == 12
    ends = np.stack([np.isin(points[:, 0], (0, 0.06)), np.isin(points[:, 1], (3, 10))])
    assert ends.any(axis=0).all()
