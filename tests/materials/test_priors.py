"""Priors: quantiles against scipy's distributions, and the sequence of draws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from matsweep.core.checks import UserError
from matsweep.core.codec import build, plain
from matsweep.materials.priors import (
    Evidence,
    LogNormal,
    LogUniform,
    Normal,
    Prior,
    Uniform,
    Value,
    uniforms,
)

U = np.linspace(0.001, 0.999, 999)
LAWS = [
    (LogNormal(median=0.02, log_sd=0.7), scipy.stats.lognorm(0.7, scale=0.02)),
    (Normal(mean=1.4, sd=0.25), scipy.stats.norm(1.4, 0.25)),
    (Uniform(min=-1.0, max=3.0), scipy.stats.uniform(-1.0, 4.0)),
    (LogUniform(min=0.01, max=10.0), scipy.stats.loguniform(0.01, 10.0)),
]


@pytest.mark.parametrize(("prior", "peer"), LAWS)
def test_quantiles_are_those_of_the_distribution(prior, peer):
    np.testing.assert_allclose(prior.quantile(U), peer.ppf(U), rtol=1e-12)
    np.testing.assert_allclose(prior.interval, peer.interval(0.95), rtol=1e-12)


def test_values_beyond_a_bound_are_clipped_to_it():
    prior = LogNormal(median=1.0, log_sd=1.0, min=0.5, max=2.0)
    plain_values = LogNormal(median=1.0, log_sd=1.0).quantile(U)
    np.testing.assert_array_equal(prior.quantile(U), np.clip(plain_values, 0.5, 2.0))
    both = Normal(mean=0.0, sd=1.0, min=-0.1, max=0.2).quantile(U)
    assert (both.min(), both.max()) == (-0.1, 0.2)
    assert (Value(value=0.3).quantile(U) == 0.3).all()


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"kind": "lognormal", "median": 0.0, "log_sd": 1.0}, "p.median must be > 0, got 0.0"),
        ({"kind": "lognormal", "median": 1.0, "log_sd": -1.0}, "p.log_sd must be >= 0"),
        ({"kind": "uniform", "min": 2.0, "max": 1.0}, r"p.max must be >= min \(2\), got 1"),
        ({"kind": "loguniform", "min": 0.0, "max": 1.0}, "p.min must be > 0"),
        ({"kind": "lognormall", "median": 1.0}, "p.kind must be .*lognormal"),
        ({"kind": "normal", "mean": 1.0, "sd": 1.0, "median": 2.0}, "p.median is not a parameter"),
    ],
)
def test_an_invalid_law_is_refused_by_the_name_of_its_number(stated, message):
    with pytest.raises(UserError, match=message):
        build(Prior, stated, "p")


@pytest.mark.parametrize("prior", [law for law, _ in LAWS] + [Value(value=2.0)])
def test_a_law_is_what_its_configuration_says(prior):
    assert build(Prior, plain(prior), "p") == prior


def test_a_source_says_whether_its_number_was_read():
    with pytest.raises(UserError, match=r"sources\.wan2022 must be seen, trend or recalled"):
        Evidence(law=Value(value=1.0), sources={"wan2022": "heard"})
    evidence = Evidence(law=Value(value=1.0), sources={"a": "seen", "b": "trend", "c": "recalled"})
    assert (evidence.seen, evidence.status) == (1, "seen")
    assert Evidence(law=Value(value=1.0), sources={"b": "trend"}).status == "recalled"


def test_draws_fill_every_dimension_evenly():
    """The first 2^m points have one in each of 2^m strata: the largest distance from the law's
    distribution function is 2^-m at most, whatever the seed."""
    points = uniforms(3, "pcm_gst", range(1024), range(64))
    strata = np.sort(np.floor(points * 1024).astype(int), axis=0)
    assert (strata == np.arange(1024)[:, None]).all()
    law = LogNormal(median=0.02, log_sd=0.7)
    for column in points.T:
        drawn = law.quantile(column)
        test = scipy.stats.kstest(drawn, scipy.stats.lognorm(0.7, scale=0.02).cdf)
        assert test.statistic <= 1 / 1024 + 1e-9


def test_no_draw_is_at_an_end():
    """All are in the middle of a step of 2^-30 of the sequence, where no quantile is infinite."""
    points = uniforms(0, "ftj", range(256), range(64))
    assert (points * 2.0**31 % 2 == 1).all()


def test_a_realisation_has_the_same_draws_with_any_others():
    """In instalments, alone, or among more."""
    whole = uniforms(0, "ftj", range(1000), [0, 5, 9])
    np.testing.assert_array_equal(uniforms(0, "ftj", range(8), [0, 5, 9]), whole[:8])
    np.testing.assert_array_equal(uniforms(0, "ftj", [700], [9]), whole[700:701, 2:])
    np.testing.assert_array_equal(uniforms(0, "ftj", range(8, 20), [5]), whole[8:20, 1:2])


def test_materials_and_seeds_are_independent():
    """4,096 points. The shuffles flip 2,048 pairs of them independently: the standard deviation of
    a correlation is 0.018 (1.3 / 4,096 its square); one of 256 exceeds 0.12 with probability
    1e-8."""
    first = uniforms(0, "pcm_gst", range(4096), range(8))
    for other in ((0, "pcm_joshi"), (0, "ftj"), (1, "pcm_gst"), (2, "pcm_gst")):
        r = np.corrcoef(first.T, uniforms(*other, range(4096), range(8)).T)[:8, 8:]
        assert np.abs(r).max() < 0.12


def test_first_powers_of_two_stay_together():
    """So that they are a net in any two dimensions, however many realisations follow."""
    for power in (3, 6, 10):
        points = uniforms(5, "mos2", range(2**power), [0, 1])
        rows, columns = 2 ** (power // 2), 2 ** (power - power // 2)
        cells = np.floor(points * [rows, columns]).astype(int)
        assert len(np.unique(cells, axis=0)) == 2**power
