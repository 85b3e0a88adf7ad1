"""Probability of being the best once unknown parameters are known, against planted truths."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit, ndtri
from scipy.stats import norm

from matsweep.analysis.settled import MEANS, NONE, REALISATIONS
from matsweep.reporting.choice import choose
from tests.planted import Planted, planted
from tests.synthetic import study


def line(scale, gap=0.0, parameter=0):
    return lambda z: gap + scale * z[:, parameter]


def best(ds, name="best", **options):
    found = ds.matsweep.stability("accuracy", **options)
    return {str(each): float(found[name].sel(option=each)) for each in found["option"].values}


@pytest.mark.parametrize(("draws", "error"), [(64, 0.10), (256, 0.05)])
def test_probability_is_the_closed_form(draws, error):
    """a = z, b = 0.3 + 0.5 z': a is better with Phi(-0.3 / sqrt(1.25)) = 39.4 %.

    Chance has the same size as what is unknown, and does not count. On average b is better by 3
    standard errors at 256 draws, so that the bootstrap of means says 1. Errors are those of the
    mean and of single studies, 12 of them.
    """
    truth = norm.sf(0.3 / np.sqrt(1.25))
    found, average = [], []
    for seed in range(12):
        ds = planted({"a": Planted(line(1.0), 1.0, 4), "b": Planted(line(0.5, 0.3), 0.5, 4)},
                     draws, seed)  # fmt: skip
        found.append(best(ds)["a"])
        average.append(best(ds, "best_on_average")["a"])
    assert np.mean(found) == pytest.approx(truth, abs=error / 2)
    assert np.sqrt(np.mean((np.array(found) - truth) ** 2)) < error
    if draws == 256:
        assert np.mean(average) < 0.05


def test_stated_probabilities_come_true():
    """240 studies of 64 draws; of those that say p, about p are right once z is known.

    Gaps and spreads are random, and truths are drawn from the priors. A group misses by 5 standard
    errors with a probability of 6e-7; 0.04 more are for the regression. The bootstrap of means is
    far too sure in the same studies.
    """
    rng = np.random.default_rng(21)
    told, average, right = [], [], []
    for seed in range(240):
        gap, (one, other) = rng.normal(0, 0.7), rng.uniform(0.2, 1.0, 2)
        ds = planted({"a": Planted(line(one), 0.8, 2), "b": Planted(line(other, gap, 1), 0.8, 2)},
                     64, seed)  # fmt: skip
        found = ds.matsweep.stability(samples=400)
        first = str(found["option"].values[0])
        truth = "a" if one * rng.normal() > gap + other * rng.normal() else "b"
        told.append(float(found["best"][0]))
        average.append(float(found["best_on_average"][0]))
        right.append(first == truth)
    told, average, right = np.array(told), np.array(average), np.array(right, dtype=float)
    for low, high in ((0.4, 0.7), (0.7, 0.9), (0.9, 1.01)):
        group = (told >= low) & (told < high)
        assert group.sum() > 20
        error = np.sqrt(told[group].mean() * (1 - told[group].mean()) / group.sum())
        assert abs(right[group].mean() - told[group].mean()) < 5 * error + 0.04
    # Brier's score: the mean square error of a probability.
    assert np.mean((told - right) ** 2) < np.mean((average - right) ** 2) - 0.02
    assert average.mean() > right.mean() + 0.08


def saturating(z):
    """An accuracy that keeps its ceiling until several errors together break it."""
    errors = np.exp(0.9 * z[:, 0]) + 0.6 * np.exp(z[:, 1]) + 0.4 * np.exp(1.2 * z[:, 2])
    return 0.1 + 0.88 * expit(1.3 * (4.5 - errors))


def test_a_ceiling_is_smoothed_by_less_than_a_tenth():
    """A limit of the regression: 0.61 of 400,000 draws are above 0.85, and 256 draws say 0.55.

    1,024 say 0.56. Studies differ by 0.012: the mean of 6 is off by 0.03 with a chance of 1e-9.
    """
    truth = np.mean(saturating(np.random.default_rng(0).normal(size=(400_000, 3))) > 0.85)
    assert truth == pytest.approx(0.61, abs=0.005)
    known = Planted(lambda z: np.full(len(z), 0.85), 0.005, 0)
    found = [best(planted({"a": Planted(saturating, 0.005), "b": known}, 256, seed))["a"]
             for seed in range(6)]  # fmt: skip
    assert np.mean(found) == pytest.approx(0.55, abs=0.03)


def test_three_options_share_one():
    """Normal ones of the same mean and spreads 1, 1 and 0: 3/8, 3/8 and 1/4."""
    materials = {"a": Planted(line(1.0), 0.5, 3), "b": Planted(line(1.0), 0.5, 3),
                 "c": Planted(lambda z: np.zeros(len(z)), 0.5, 0)}  # fmt: skip
    found = [best(planted(materials, 256, seed)) for seed in range(8)]
    for name, truth in (("a", 3 / 8), ("b", 3 / 8), ("c", 1 / 4)):
        assert np.mean([each[name] for each in found]) == pytest.approx(truth, abs=0.05)


def test_options_of_one_material_share_what_is_unknown():
    """Two candidates that differ by 0.3 in all of z: the better one is, whatever z is."""
    ds = planted({"a": Planted(line(1.0), 0.3, 3), "b": Planted(line(1.0, 0.3), 0.3, 3)}, 256, 4)
    z = ndtri(np.random.default_rng(4).permutation(256) / 256 + 1 / 512)
    noise = np.random.default_rng(5).normal(0, 0.3, (2, 256))
    ds["accuracy"].values[:] = z + np.array([[0.0], [0.3]]) + noise
    ds["unknown"].values[:, :, 0] = np.exp(z)
    ds = ds.assign_coords(material=("candidate", ["a", "a"]))
    found = ds.matsweep.stability(among="candidate")
    assert found["candidate"].values.tolist() == [1, 0]
    assert float(found["best"][0]) > 0.99
    # As two materials they are independent: Phi(0.3 / sqrt 2) = 58 %.
    two = ds.assign_coords(material=("candidate", ["a", "b"])).matsweep.stability()
    assert float(two["best"][0]) == pytest.approx(norm.cdf(0.3 / np.sqrt(2)), abs=0.06)


def test_noise_in_common_does_not_count():
    """A common noise of 3: a mean of 64 has an error of 0.4, the difference one of 0.01.

    With the errors of independent means 0.3 would be told with 71 %.
    """
    materials = {"a": Planted(lambda z: np.zeros(len(z)), 0.05, 0),
                 "b": Planted(line(1.0, -50.0), 0.05, 3),
                 "c": Planted(lambda z: np.full(len(z), 0.3), 0.05, 0)}  # fmt: skip
    ds = planted(materials, 64, 1, common=3.0)
    assert ds.matsweep.stability().attrs["unknowns"] == MEANS
    assert best(ds)["c"] == 1


def test_too_few_draws_count_chance_as_unknown():
    """8 realisations: the doubt is too large rather than too small, and that is said."""
    truth = norm.cdf(1.0 / np.sqrt(0.5))
    studies = [
        planted({"a": Planted(line(0.5), 1.0, 3), "b": Planted(line(0.5, 1.0), 1.0, 3)}, 8, seed)
        for seed in range(40)
    ]
    found = [best(ds)["b"] for ds in studies]
    wide = norm.cdf(1.0 / np.sqrt(2.5))  # with chance
    assert np.mean(found) == pytest.approx(wide, abs=0.08)
    assert wide < truth - 0.1
    stability = studies[0].matsweep.stability()
    assert stability.attrs["unknowns"] == REALISATIONS
    console = Console(file=io.StringIO(), width=200)
    choose(studies[0], console)
    assert "once what is unknown is known; on average over it" in console.file.getvalue()


def test_where_nothing_is_unknown_nothing_changes():
    ds = study()
    found = ds.matsweep.stability("accuracy")
    assert found.attrs["unknowns"] == NONE
    np.testing.assert_array_equal(found["best"], found["best_on_average"])
    stated = planted({"a": Planted(line(1.0), 0.3), "b": Planted(line(1.0), 0.3)}, 64, 1)
    stated["unknown"].values[:] = 0.7  # a number without a spread
    assert stated.matsweep.stability().attrs["unknowns"] == NONE
    without = stated.drop_vars("unknown").matsweep.stability()
    np.testing.assert_array_equal(without["best"], stated.matsweep.stability()["best"])


def test_cautious_criteria_stay_as_they_were():
    ds = planted({"a": Planted(line(1.0), 0.3), "b": Planted(line(1.0), 0.3)}, 64, 1)
    found = ds.matsweep.stability(how="p05")
    np.testing.assert_array_equal(found["best"], found["best_on_average"])
    assert found.attrs["unknowns"] == NONE


def test_the_same_seed_gives_the_same_bits():
    ds = planted({"a": Planted(line(1.0), 0.3), "b": Planted(line(1.0), 0.3)}, 64, 1)
    found = ds.matsweep.stability(seed=2)
    assert found.attrs["unknowns"] == MEANS
    assert found.identical(ds.matsweep.stability(seed=2))
    assert float(found["best"].sum()) == pytest.approx(1)
