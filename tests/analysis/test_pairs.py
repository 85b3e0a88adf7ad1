"""Differences of candidates, realisation by realisation."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from matsweep.analysis.pairs import finest_step, paired
from matsweep.core.checks import UserError
from tests.synthetic import attrs, study, with_status


def plain(values, realisations=None, **more):
    """Study of an accuracy, (candidate, realisation)."""
    values = np.asarray(values, dtype=float)
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), values, attrs("1", "higher", "accuracy")),
            "status": ("candidate", np.ones(len(values), dtype=np.int8)),
        }
    )
    if realisations is not None:
        ds["realisations"] = ("candidate", np.asarray(realisations))
    return ds.assign(more)


def test_is_the_paired_t_interval():
    rng = np.random.default_rng(0)
    common = rng.normal(size=9)
    values = 0.8 + 0.1 * common + rng.normal(0, 0.02, (2, 9))
    found = plain(values).matsweep.difference(0, 1)
    expected = stats.ttest_rel(*values)
    low, high = expected.confidence_interval(0.95)
    assert float(found.difference) == pytest.approx(values[0].mean() - values[1].mean())
    assert float(found.standard_error) == pytest.approx(stats.sem(values[0] - values[1]))
    assert (float(found.low), float(found.high)) == pytest.approx((low, high))
    assert float(found.correlation) == pytest.approx(np.corrcoef(*values)[0, 1])
    assert float(found.variance) == pytest.approx(float(found.standard_error) ** 2)
    assert float(found.variance_unpaired) == pytest.approx(values.var(axis=1, ddof=1).sum() / 9)
    assert found.attrs == {"metric": "accuracy", "reference": 1, "confidence": 0.95}


def test_intervals_cover_the_truth():
    """Of 4,000 pairs with common noise 95 % cover: 5 standard errors miss with 6e-7."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(4):
        common = rng.normal(size=(1000, 1, 6))
        values = common + rng.normal(0, 0.1, (1000, 2, 6)) + np.array([[0.3], [0.0]])
        ds = plain(values.reshape(2000, 6))
        for pair in range(1000):
            mean, error = paired(*values[pair], np.array(6), finest_step(values[pair]))
            covered.append(abs(mean - 0.3) <= stats.t.ppf(0.975, 5) * error)
        found = ds.matsweep.difference(0, 1)
        mean, error = paired(*values[0], np.array(6), 0.0)
        assert (float(found.difference), float(found.standard_error)) == (mean, error)
    spread = np.sqrt(0.95 * 0.05 / len(covered))
    assert np.mean(covered) == pytest.approx(0.95, abs=5 * spread)


def test_equal_bits_differ_by_exactly_nothing():
    values = np.random.default_rng(2).random(5)
    found = plain([values, values, values[::-1]]).matsweep.difference([0, 1, 2], 1)
    assert found["candidate"].values.tolist() == [0, 1, 2]
    for name in ("difference", "standard_error", "low", "high", "variance"):
        assert found[name].values[:2].tolist() == [0, 0]
    assert found.variance_unpaired[0] > 0
    assert found.standard_error[2] > 0


def test_common_noise_cancels():
    """Of noise of 0.1 in common and 0.01 of each, 1 % of the variance is left.

    The ratio of two variances of 2,000 is within 5 x sqrt(2 (1/2000 + 1/2000)) = 22 %.
    """
    rng = np.random.default_rng(3)
    values = 0.5 + 0.1 * rng.normal(size=2000) + 0.01 * rng.normal(size=(2, 2000))
    found = plain(values).matsweep.difference(0, 1)
    expected = 0.01**2 / (0.1**2 + 0.01**2)
    assert float(found.variance / found.variance_unpaired) == pytest.approx(expected, rel=0.22)
    assert float(found.correlation) == pytest.approx(1 / 1.01, abs=0.01)


def test_only_realisations_of_both_count():
    values = [[0.1, 0.2, 0.3, 0.9], [0.3, 0.1, 0.2, np.nan]]
    found = plain(values, [4, 3]).matsweep.difference(0, 1)
    assert int(found.realisations) == 3
    assert float(found.difference) == pytest.approx(0.0)
    assert float(found.standard_error) == pytest.approx(stats.sem([-0.2, 0.1, 0.1]))
    assert float(found.correlation) == pytest.approx(
        np.corrcoef([0.1, 0.2, 0.3], [0.3, 0.1, 0.2])[0, 1]
    )


def test_a_difference_that_is_the_same_by_chance_has_half_a_step_of_spread():
    values = [[0.25, 0.5, 0.75], [0.0, 0.25, 0.5], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]
    found = plain(values).matsweep.difference([0], 1)
    assert found.standard_error[0] == pytest.approx(0.125 / np.sqrt(3))
    never = plain(values).matsweep.difference([2], 3)  # neither depends on the realisation
    assert never.standard_error[0] == 0


def test_one_realisation_has_no_error():
    ds = plain([[0.5], [0.4]], energy=("candidate", [2.0, 1.0], attrs("J", "lower", "energy")))
    found = ds.matsweep.difference(0, 1)
    assert float(found.difference) == pytest.approx(0.1)
    assert np.isnan([found.standard_error, found.low, found.variance_unpaired]).all()
    exact = ds.matsweep.difference(0, 1, "energy")
    assert (float(exact.difference), float(exact.standard_error), float(exact.low)) == (1, 0, 1)
    assert exact.difference.attrs["units"] == "J"


def test_at_a_stored_time():
    ds = study()
    early, late = ds.matsweep.difference(0, 30, time=20), ds.matsweep.difference(0, 30)
    values = ds["accuracy"].sel(time=20).isel(candidate=[0, 30]).mean("realisation").values
    assert float(early.difference) == pytest.approx(values[0] - values[1])
    assert float(early.difference) != float(late.difference)


def test_errors():
    ds = with_status(study(), pending=[3])
    with pytest.raises(UserError, match="no candidate 999"):
        ds.matsweep.difference(0, 999)
    with pytest.raises(UserError, match="candidate 3 is pending"):
        ds.matsweep.difference([0, 3], 1)
    with pytest.raises(UserError, match="holds text"):
        ds.matsweep.difference(0, 1, "error")
    with pytest.raises(UserError, match="confidence"):
        ds.matsweep.difference(0, 1, confidence=1.0)
