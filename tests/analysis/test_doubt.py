"""Two kinds of doubt, on studies in which both are planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from matsweep.analysis.response import SCREEN, fitted
from matsweep.core.checks import UserError
from tests.planted import PARAMETERS, Planted, planted


def additive(z):
    """Variance 1 + 0.25 + 0.08: a line, a line, and a parabola."""
    return z[:, 0] + 0.5 * z[:, 1] + 0.2 * (z[:, 2] ** 2 - 1)


def flat(z):
    return np.zeros(len(z))


def product(z):
    """Variance 1.09, of which 0.09 is an interaction."""
    return z[:, 0] * (1 + 0.3 * z[:, 1])


def threshold(z):
    return -2.0 * norm.cdf(3 * (z[:, 0] - 0.5)) + 0.3 * z[:, 1]


PLANTED = {"additive": additive, "product": product, "threshold": threshold}
MANY = np.random.default_rng(0).normal(size=(400_000, len(PARAMETERS)))


def shares(f, share, draws, seeds, **options):
    variance = f(MANY).var()
    chance = np.sqrt(variance * (1 - share) / share)
    return [
        planted({"a": Planted(f, chance)}, draws, seed).matsweep.doubt("accuracy", **options)
        for seed in seeds
    ]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_planted_share_is_in_its_interval(name, share):
    """256 draws of 8 parameters. 40 intervals of 95 %, of which 92 % hold their share or more.

    Fewer than 27 of 40 do with a probability below 1e-6, if 90 % do in the long run.
    """
    found = shares(PLANTED[name], share, 256, range(40))
    low, middle, high = (
        np.array([float(each[key][0]) for each in found])
        for key in ("share_low", "share", "share_high")
    )
    assert np.sum((low <= share) & (share <= high)) >= 27
    assert abs(middle.mean() - share) < 0.06
    assert np.sqrt(np.mean((middle - share) ** 2)) < 0.11
    assert np.mean(high - low) < 0.35


def test_chance_that_grows_with_the_loss_costs_accuracy():
    """Chance in proportion to a log-normal loss, which spans a factor of 23 in 95 % of draws.

    Of 20 intervals of 95 % fewer than 10 hold their share with a probability below 1e-3, if 85 % do
    in the long run, and below 1e-6 if 92 % do.
    """

    def loss(z):
        return -np.exp(0.8 * z[:, 0])

    mean, variance = np.sqrt(np.mean(loss(MANY) ** 2)), loss(MANY).var()
    for share, error in ((0.3, 0.2), (0.8, 0.06)):
        chance = np.sqrt(variance * (1 - share) / share) / mean
        made = {"a": Planted(loss, lambda z, chance=chance: chance * np.abs(loss(z)))}
        found = [planted(made, 256, seed).matsweep.doubt() for seed in range(20)]
        low, middle, high = (
            np.array([float(each[key][0]) for each in found])
            for key in ("share_low", "share", "share_high")
        )
        assert np.sum((low <= share) & (share <= high)) >= 10
        assert np.sqrt(np.mean((middle - share) ** 2)) < error


def test_64_draws_tell_a_large_share_from_none():
    large = shares(additive, 0.8, 64, range(10))
    assert min(float(each["share_high"][0]) for each in large) > 0.7
    assert np.mean([float(each["share"][0]) for each in large]) == pytest.approx(0.75, abs=0.1)
    none = [planted({"a": Planted(flat, 1.0)}, 64, seed).matsweep.doubt()
            for seed in range(10)]  # fmt: skip
    # A straight line on 8 parameters alone would explain 8/64 = 13 %, the whole basis all.
    assert max(float(each["share_low"][0]) for each in none) < 0.02
    assert np.mean([float(each["share"][0]) for each in none]) < 0.2


def test_what_is_only_chance_is_no_lack_of_knowledge():
    found = [planted({"a": Planted(flat, 1.0)}, 256, seed).matsweep.doubt()
             for seed in range(10)]  # fmt: skip
    assert max(float(each["share_low"][0]) for each in found) < 0.005
    assert np.mean([float(each["share"][0]) for each in found]) < 0.05
    assert max(float(each["share_high"][0]) for each in found) < 0.25


def test_without_chance_all_is_lack_of_knowledge():
    (found,) = shares(additive, 1.0, 256, [3])
    assert float(found["share_low"][0]) > 0.98
    assert float(found["std_chance"][0]) < 0.12 * float(found["std"][0])


def test_each_parameter_has_its_own_share():
    """Of the variance 1.33 + 0.33 of chance 1 / 1.66, 0.25 / 1.66 and 0.08 / 1.66."""
    found = shares(additive, 0.8, 1024, range(4))
    alone = np.mean([each["share_of_one"].values[0] for each in found], axis=0)
    np.testing.assert_allclose(alone[:3], np.array([1, 0.25, 0.08]) / 1.6625, atol=0.03)
    assert alone[3:].max() < 0.005


def test_the_mean_at_known_values_has_a_range():
    """f = z with a chance as large: the mean is within ±1.96 once z is known, not ±2.77."""
    ds = planted({"a": Planted(lambda z: z[:, 0], 1.0, 3)}, 1024, 5)
    found = ds.matsweep.doubt().isel(candidate=0)
    assert float(found["known_high"]) == pytest.approx(1.96, abs=0.2)
    assert float(found["known_low"]) == pytest.approx(-1.96, abs=0.2)
    assert float(found["std_unknown"]) == pytest.approx(1, abs=0.1)
    assert float(found["std_chance"]) == pytest.approx(1, abs=0.1)


def test_a_yield_at_known_values_has_a_range():
    """y = z + chance of 1 is above 0 with the probability Phi(z): 2.5 to 97.5 % in 95 % of cases.

    With a chance of 5 it is Phi(z / 5): 35 to 65 %. The yield over all is 50 % in both.
    """
    wide, narrow = (
        planted({"a": Planted(lambda z: z[:, 0], chance, 3)}, 1024, 6)
        .matsweep.doubt("accuracy >= 0").isel(candidate=0)
        for chance in (1.0, 5.0)
    )  # fmt: skip
    assert float(wide["known_low"]) == pytest.approx(0.025, abs=0.06)
    assert float(wide["known_high"]) == pytest.approx(0.975, abs=0.06)
    assert float(narrow["known_low"]) == pytest.approx(0.35, abs=0.08)
    assert float(narrow["known_high"]) == pytest.approx(0.65, abs=0.08)
    assert wide.attrs["of"] == "yield of accuracy >= 0"
    assert float(wide["share"]) > 3 * float(narrow["share"])


def test_a_yield_at_known_values_is_a_share():
    """A step at z = 0, which polynomials overshoot."""
    ds = planted({"a": Planted(lambda z: z[:, 0], 0.05, 3)}, 256, 6)
    found = ds.matsweep.doubt("accuracy >= 0", confidence=0.999).isel(candidate=0)
    assert (float(found["known_low"]), float(found["known_high"])) == (0, 1)


def test_too_few_draws_say_how_many_are_needed():
    ds = planted({"a": Planted(additive, 1.0), "b": Planted(flat, 1.0, 0)}, 32, 1)
    found = ds.matsweep.doubt()
    assert found["needed"].values.tolist() == [SCREEN, 0]
    assert found["parameters"].values.tolist() == [len(PARAMETERS), 0]
    assert np.isnan(found["share"].values[0])
    assert found["share_high"].values[1] == 0  # nothing is unknown
    assert np.isfinite(found["std"].values).all()


def test_the_same_seed_gives_the_same_bits():
    ds = planted({"a": Planted(additive, 1.0), "b": Planted(product, 1.0)}, 64, 2)
    found = ds.matsweep.doubt(seed=3)
    assert found.identical(ds.matsweep.doubt(seed=3))
    assert not found.identical(ds.matsweep.doubt(seed=4))
    one = ds.matsweep.doubt(seed=3, candidate=1)
    assert float(one["share"][1]) == float(found["share"][1])
    assert np.isnan(float(one["share"][0]))


def test_what_cannot_be_asked_is_refused():
    ds = planted({"a": Planted(additive, 1.0)}, 64, 2)
    ds["area"] = ("candidate", [1.0], {"units": "m2", "better": "lower"})
    for what, why in (("area", "does not depend"), ("nothing", "no metric"), (["a", "b"], "one")):
        with pytest.raises(UserError, match=why):
            ds.matsweep.doubt(what)
    with pytest.raises(UserError, match="candidate 7"):
        ds.matsweep.doubt(candidate=7)


@pytest.mark.parametrize("draws", [64, 200])
def test_functions_of_a_parameter_are_orthonormal(draws):
    rng = np.random.default_rng(4)
    response = fitted([0, 1], np.exp(rng.normal(size=(draws, 2))), rng.normal(size=draws))
    single = response.columns[:, response.owner == 1]
    np.testing.assert_allclose(single.T @ single / draws, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(response.columns.mean(axis=0), 0, atol=1e-9)


def test_draws_that_are_equal_have_equal_functions():
    """60 of 64 draws are at a bound: five values carry a constant and four functions."""
    draws = np.zeros((64, 1))
    draws[:4, 0] = [1, 2, 3, 4]
    response = fitted([0], draws, np.random.default_rng(6).normal(size=64))
    at_bound = response.columns[4:]
    np.testing.assert_allclose(at_bound, at_bound[:1].repeat(60, axis=0), atol=1e-9)
    sizes = np.sum(response.columns**2, axis=0) / 64
    np.testing.assert_allclose(sizes, [1, 1, 1, 1, 0, 0], atol=1e-9)


def test_residuals_make_up_for_what_the_fit_takes_up():
    """With the leverages of the draws (MacKinnon and White's HC2), the mean's of 1/n included."""
    rng = np.random.default_rng(7)
    draws, values = rng.normal(size=(64, 3)), rng.normal(size=64)
    response = fitted([0, 1, 2], draws, values)
    for fit in response.fits:
        left = values - values.mean() - response.columns @ fit.mean
        leverage = np.diag(response.columns @ fit.smoother) + 1 / 64
        np.testing.assert_allclose(fit.residuals**2 * (1 - leverage), left**2, atol=1e-12)
        assert leverage.max() < 0.9


def test_only_the_order_of_draws_counts():
    rng = np.random.default_rng(5)
    draws, values = rng.normal(size=(80, 3)), rng.normal(size=80)
    one, other = (fitted([0, 1, 2], each, values) for each in (draws, np.exp(3 * draws)))
    np.testing.assert_array_equal(one.fits[0].mean, other.fits[0].mean)


def test_conditional_means_spread_no_further_than_values():
    """A metric that saturates: two thirds of the draws reach 0.97, within 0.5 % of chance."""
    rng = np.random.default_rng(8)
    draws = np.exp(rng.normal(size=(64, 3)))
    good = np.minimum(0.97, 0.97 + 0.4 * (np.log(draws[:, 0]) + 0.4))
    values = good + 0.005 * rng.normal(size=64)
    response = fitted([0, 1, 2], draws, values)
    normals, luck = rng.normal(size=(200, response.functions)), rng.normal(size=(200, 64))
    sampled = response.sampled(normals, luck)
    means = np.sort(response.everywhere(*sampled), axis=1)[:, ::-1]
    most = np.sort(values)[::-1]
    excess = np.cumsum(means - sampled[0][:, None], axis=1)
    # Of all draws the sum is the mean, which the range of the values may move.
    assert (excess <= np.cumsum(most - values.mean()) + 1e-9)[:, :-1].all()
    free = sampled[0][:, None] + sampled[1] @ response.columns.T
    # Without the bound many draws would lie above all that was seen.
    assert np.mean(free > most[0]) > 0.2
    assert np.mean(means > 0.975) < np.mean(values > 0.975) + 0.05
    each = np.arange(200) % 64
    assert response.at(each, *sampled).tolist() == (
        response.everywhere(*sampled)[np.arange(200), each].tolist()
    )
