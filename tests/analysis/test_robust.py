"""Cautious judgements, weighed objectives, and how sure a ranking is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr

from matsweep.analysis.robust import Caution
from matsweep.analysis.stability import _Resampled
from matsweep.core.checks import UserError
from matsweep.reporting.choice import undecided
from tests.synthetic import TIMES, attrs, study, with_status


def plain(values, name="accuracy", better="higher", unit="1"):
    values = np.asarray(values, dtype=float)
    return xr.Dataset(
        {
            name: (("candidate", "realisation"), values, attrs(unit, better, name)),
            "status": ("candidate", np.ones(len(values), dtype=np.int8)),
        }
    )


def test_by_hand():
    ds = plain([[0.8, 1.0], [0.85, 0.87]])
    deviation = np.std([0.8, 1.0], ddof=1)
    assert ds.matsweep.robust("accuracy", "mean - 2 std")[0] == pytest.approx(0.9 - 2 * deviation)
    np.testing.assert_allclose(ds.matsweep.robust("accuracy", "worst"), [0.8, 0.85])
    np.testing.assert_allclose(ds.matsweep.robust("accuracy", "p50"), [0.9, 0.86])
    np.testing.assert_allclose(ds.matsweep.robust("accuracy", "mean"), [0.9, 0.86])
    assert ds.matsweep.rank("accuracy")["candidate"].values.tolist() == [0, 1]
    assert ds.matsweep.rank("accuracy", how="worst")["candidate"].values.tolist() == [1, 0]
    assert ds.matsweep.rank(how="mean-2*std")["candidate"].values.tolist() == [1, 0]


def test_percentiles_are_those_of_numpy():
    values = np.random.default_rng(1).normal(size=(200, 9))
    values[np.random.default_rng(2).random(values.shape) < 0.3] = np.nan
    values[:, 0] = 0.0  # never all NaN
    for percent in (0, 5, 33.3, 50):
        caution = Caution.read(f"p{percent:g}" if percent else "worst")
        found = caution.of(values, "higher")
        np.testing.assert_allclose(found, np.nanpercentile(values, percent, axis=1), atol=1e-14)


def test_a_realisation_without_a_number_leaves_its_candidate_without_one():
    ds = plain([[0.99, np.nan], [0.9, 0.9], [0.8, 0.8]])
    for how in ("mean", "mean - 1 std", "p05", "worst"):
        np.testing.assert_allclose(ds.matsweep.robust("accuracy", how), [np.nan, *ds[
            "accuracy"].values[1:, 0]])  # fmt: skip
        assert ds.matsweep.rank("accuracy", how=how)["candidate"].values.tolist() == [1, 2, 0]
    assert ds.matsweep.stability(among="candidate")["candidate"].values.tolist() == [1, 2]


def test_the_worst_may_be_infinite():
    ds = plain([[1.0, 2.0, np.inf], [5.0, 6.0, 7.0]], better="lower")
    np.testing.assert_array_equal(ds.matsweep.robust("accuracy", "worst"), [np.inf, 7.0])
    np.testing.assert_array_equal(ds.matsweep.robust("accuracy", "p50"), [2.0, 6.0])
    with pytest.raises(UserError, match="accuracy is infinite for some candidates"):
        ds.matsweep.stability("accuracy", among="candidate")


def test_what_only_rounding_parts_is_equal():
    """The mean of 354/360 differs in its last digit between 4 and 5 realisations."""
    each = 354 / 360
    values = np.full((2, 5), each)
    assert values[0, :4].mean() != values[1].mean()
    ds = plain(values).assign(realisations=("candidate", [4, 5]))
    ds["energy"] = ("candidate", [2.0, 1.0], {"units": "J", "better": "lower"})
    np.testing.assert_allclose(ds.matsweep.stability(among="candidate")["best"], 0.5)
    front = ds.matsweep.pareto(["accuracy", "energy"])
    assert front["candidate"].values.tolist() == [1]
    assert ds.matsweep.rank(["accuracy", "energy"])["candidate"].values.tolist() == [1, 0]
    assert ds.matsweep.why_not(0, objectives=["accuracy", "energy"]).dominated_by == (1,)


def test_the_bad_side_follows_the_metric():
    """Turned round, values and directions give the same judgement turned round."""
    values = np.random.default_rng(0).normal(size=(5, 40))
    up, down = plain(values), plain(-values, better="lower")
    for how in ("mean - 1.5 std", "p10", "worst", "mean"):
        np.testing.assert_allclose(
            up.matsweep.robust("accuracy", how), -down.matsweep.robust("accuracy", how), rtol=1e-12
        )


def test_regret_is_the_most_that_is_lost_at_any_time():
    accuracy = np.array([[[0.9, 0.5]], [[0.8, 0.7]], [[0.6, 0.8]]])
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "realisation", "time"), accuracy,
                         attrs("1", "higher", "accuracy")),
            "status": ("candidate", np.ones(3, dtype=np.int8)),
        },
        {"time": ("time", [1.0, 10.0], {"units": "s"})},
    )  # fmt: skip
    np.testing.assert_allclose(ds.matsweep.robust("accuracy", "regret"), [0.3, 0.1, 0.3])
    ranked = ds.matsweep.rank("accuracy", how="regret")
    assert ranked["candidate"].values.tolist() == [1, 0, 2]
    with pytest.raises(UserError, match="stored at one only"):
        ds.isel(time=0).matsweep.robust("accuracy", "regret")


def test_what_cannot_be_judged_is_nan_or_told():
    ds = with_status(study(realisations=2), pending=[0])
    assert np.isnan(ds.matsweep.robust("accuracy")[0])
    assert np.isnan(study(realisations=1).matsweep.robust("accuracy", "mean - 1 std")).all()
    for how in ("median", "mean + 2 std", "p60", ""):
        with pytest.raises(UserError):
            ds.matsweep.robust("accuracy", how)
    with pytest.raises(UserError, match="by or weights, not both"):
        ds.matsweep.rank("accuracy", weights={"accuracy": 1})


# --------------------------------------------------------------------------------- score


def test_a_score_runs_from_worst_to_best():
    ds = plain([[0.5, 0.5], [0.6, 0.6], [0.7, 0.7]])
    ds["energy"] = ("candidate", [1e-12, 1e-9, 1e-10], attrs("J", "lower", "energy"))
    np.testing.assert_allclose(ds.matsweep.score({"accuracy": 5}), [0, 0.5, 1])
    # Over three decades it is decades that count.
    np.testing.assert_allclose(ds.matsweep.score({"energy": 1}), [1, 0, 1 / 3])
    np.testing.assert_allclose(
        ds.matsweep.score({"accuracy": 1, "energy": 3}), [3 / 4, 0.5 / 4, (1 + 1) / 4]
    )
    best = ds.matsweep.rank(weights={"accuracy": 1, "energy": 3})
    assert best["candidate"].values.tolist() == [0, 2, 1]


def test_weights_are_checked():
    ds = study()
    for weights in ({}, {"accuracy": 0}, {"accuracy": -1}, {"nothing": 1}):
        with pytest.raises(UserError):
            ds.matsweep.score(weights)


def test_equal_candidates_score_a_half():
    assert (plain([[0.5, 0.5]] * 3).matsweep.score({"accuracy": 1}) == 0.5).all()


# ----------------------------------------------------------------------------- stability


def test_stated_probabilities_are_kept():
    """Of all rankings told to be right with probability p, about p are right.

    Two devices whose true means differ by a normal random number, 1,500 studies of 8 realisations.
    With 4,000 bootstrap samples a group of n rankings misses by chance by 5 standard errors
    with probability 6e-7 each.
    """
    rng = np.random.default_rng(11)
    told, right = [], []
    for _ in range(1500):
        truth = rng.normal(0, 1.0, 2)  # beside an error of each mean of 1 / sqrt(8)
        ds = plain(rng.normal(truth[:, None], 1.0, (2, 8)))
        found = ds.matsweep.stability("accuracy", among="candidate", samples=400)
        told.append(float(found["best"][0]))
        right.append(int(found["candidate"][0]) == int(truth.argmax()))
    told, right = np.array(told), np.array(right)
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 0.999)):
        group = (told > low) & (told <= high)
        error = np.sqrt(told[group].mean() * (1 - told[group].mean()) / group.sum())
        # A bootstrap of 8 knows no Student's tails, and is a little too sure.
        assert abs(right[group].mean() - told[group].mean()) < 5 * error + 0.02


def test_a_planted_best_material_is_found():
    ds = study()
    found = ds.matsweep.stability("accuracy", seed=3)
    assert found["option"].values[0] == "ecram_metal_oxide"
    assert found["best"][0] > 0.95
    assert float(found["best"].sum()) == pytest.approx(1)
    assert (found["rank_low"] <= np.arange(1, 6)).all()
    assert (found["rank_high"] >= np.arange(1, 6)).all()
    assert found.identical(ds.matsweep.stability("accuracy", seed=3))


def test_equal_options_share():
    ds = plain([[0.5, 0.6, 0.7]] * 4)
    found = ds.matsweep.stability("accuracy", among="candidate", samples=20_000)
    np.testing.assert_allclose(found["best"], 0.25, atol=5 * 0.43 / np.sqrt(20_000))


def test_the_mean_of_the_bootstrap_spreads_as_the_mean_does():
    """How often one option beats a sure one is Gauss's, for many realisations."""
    from scipy.stats import norm

    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, 400)
    values = (values - values.mean()) / values.std(ddof=1)
    gap = 0.05
    ds = plain([values, np.full(400, gap)])
    found = ds.matsweep.stability("accuracy", among="candidate", samples=40_000)
    expected = norm.sf(gap * np.sqrt(400))  # that the mean, 0, is drawn above the gap
    assert float(found["best"].values[found["candidate"].values == 0][0]) == pytest.approx(
        expected, abs=0.012
    )


def test_what_cannot_be_compared_is_told():
    with pytest.raises(UserError, match="fewer than two realisations"):
        study(realisations=1).matsweep.stability("accuracy")
    with pytest.raises(UserError, match="a ranking needs two"):
        study(materials=("pcm_gst",)).matsweep.stability("accuracy")
    with pytest.raises(UserError, match="regret"):
        study().matsweep.stability("accuracy", how="regret")
    with pytest.raises(UserError, match="among must be"):
        study().matsweep.stability("accuracy", among="energy")


def test_stability_at_an_earlier_time():
    ds = study()
    early = ds.matsweep.stability("accuracy", time=TIMES[0])
    late = ds.matsweep.stability("accuracy")
    assert not np.allclose(early["value"], late["value"])


def test_regret_is_of_all_times():
    """Each loses most on the best at a time of its own: 0.1, 0.2 and 0.3 at 1, 10 and 100 s."""
    accuracy = np.array([[0.8, 0.85, 0.95], [0.9, 0.7, 0.9], [0.9, 0.9, 0.65]])
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "time"), accuracy, attrs("1", "higher", "accuracy")),
            "status": ("candidate", np.ones(3, dtype=np.int8)),
        },
        {"time": ("time", [1.0, 10.0, 100.0], {"units": "s"})},
    )
    np.testing.assert_allclose(ds.matsweep.robust("accuracy", "regret"), [0.1, 0.2, 0.3])


def of_the_first(found, name="best"):
    return float(found[name].values[found["candidate"].values == 0][0])


@pytest.mark.parametrize(("sure", "chance"), [(-0.1, 3 / 4), (1.1, 1 / 4), (1.3, 0.0)])
def test_means_of_two_realisations_are_enlarged_by_the_root_of_two(sure, chance):
    """Drawn means of 0 and 1 are 1/2 and 1/2 ± 1/sqrt(2), those with a probability of 1/4 each.

    4,000 samples miss by 5 standard errors with a probability of 6e-7.
    """
    ds = plain([[0.0, 1.0], [sure, sure]])
    found = ds.matsweep.stability("accuracy", among="candidate")
    error = np.sqrt(chance * (1 - chance) / 4000)
    assert of_the_first(found) == pytest.approx(chance, abs=5 * error)


@pytest.mark.parametrize(
    ("sure", "confidence", "ranks"),
    [(1.0, 0.95, (2, 2)), (1.0, 0.9999, (1, 2)), (0.8, 0.95, (1, 2)), (0.8, 0.85, (2, 2))],
)
def test_the_interval_of_ranks_has_tails_of_half_the_rest(sure, confidence, ranks):
    """Of 0, 0, 0 and 1 the drawn mean is above 1 in 1 of 256 samples, above 0.8 in 13 of 256.

    So often has it rank 1, which is in the interval if the tail, (1 - confidence) / 2, is smaller.
    Of 4,000 samples none is above 1 with a probability of 2e-7; other luck is 7 deviations away.
    """
    ds = plain([[0.0, 0.0, 0.0, 1.0], [sure] * 4])
    found = ds.matsweep.stability("accuracy", among="candidate", confidence=confidence)
    assert (of_the_first(found, "rank_low"), of_the_first(found, "rank_high")) == ranks
    other = found.isel(option=int(np.argmax(found["candidate"].values == 1)))
    assert (int(other["rank_low"]), int(other["rank_high"])) == (3 - ranks[1], 3 - ranks[0])


def enlarged(values):
    return np.mean(DRAWN) + (values - np.mean(DRAWN)) * np.sqrt(3 / 2)


DRAWN = (0.2, 0.8, 0.9)
JUDGED = {
    "worst": np.min,
    "p50": np.median,
    "mean - 1 std": lambda drawn: np.mean(enlarged(drawn)) - np.std(enlarged(drawn), ddof=1),
}


@pytest.mark.parametrize("how", JUDGED)
def test_the_bootstrap_judges_as_asked(how):
    """All 27 samples of three realisations against a sure option; 5 standard errors, 6e-7."""
    worth = [JUDGED[how](np.array(drawn)) for drawn in itertools.product(DRAWN, repeat=3)]
    chance = np.mean(np.array(worth) > 0.5)
    assert 0.1 < chance < 0.95
    ds = plain([DRAWN, [0.5] * 3])
    found = ds.matsweep.stability("accuracy", among="candidate", how=how)
    error = np.sqrt(chance * (1 - chance) / 4000)
    assert of_the_first(found) == pytest.approx(chance, abs=5 * error)
    assert of_the_first(found, "value") == pytest.approx(
        float(ds.matsweep.robust("accuracy", how)[0])
    )


# --------------------------------------------------------------- realisations in common


def shared(rng, truth, spread, common, count):
    """Realisations of options whose noise is in common but for `spread`."""
    most = max(count)
    values = np.asarray(truth)[:, None] + common * rng.normal(size=most)
    values = values + rng.normal(0, spread, (len(truth), most))
    values[np.arange(most) >= np.asarray(count)[:, None]] = np.nan
    ds = plain(values)
    return ds.assign(realisations=("candidate", np.asarray(count)))


def test_noise_in_common_hides_nothing():
    """4 realisations with a common noise of 5 points, a truth of 1 point and own noise of 0.1.

    In pairs it is certain (the difference is 14 standard errors); in realisations that belong to
    nothing in common the same numbers say about 0.6.
    """
    rng = np.random.default_rng(12)
    together, apart = [], []
    for _ in range(100):
        ds = shared(rng, [0.91, 0.90], 0.001, 0.05, [4, 4])
        together.append(of_the_first(ds.matsweep.stability(among="candidate", samples=300)))
        ds["accuracy"][1] = 0.90 + 0.05 * rng.normal(size=4)
        apart.append(of_the_first(ds.matsweep.stability(among="candidate", samples=300)))
    assert min(together) > 0.999
    assert 0.5 < np.mean(apart) < 0.72


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [(8, 8), (12, 9), (8, 5)])
def test_probabilities_of_options_with_common_noise_are_kept(count):
    """As `test_stated_probabilities_are_kept`, with common noise and unequal realisations.

    1,000 studies; a group misses by chance by 5 standard errors with a probability of 6e-7.
    """
    rng = np.random.default_rng(13)
    told, right = [], []
    for _ in range(1000):
        truth = rng.normal(0, 0.7, 2)  # wide beside the errors, 0.15 to 0.3
        found = shared(rng, truth, 0.3, 1.0, count).matsweep.stability(among="candidate",
                                                                       samples=400)  # fmt: skip
        told.append(float(found["best"][0]))
        right.append(int(found["candidate"][0]) == int(truth.argmax()))
    told, right = np.array(told), np.array(right)
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 0.999)):
        group = (told > low) & (told <= high)
        error = np.sqrt(told[group].mean() * (1 - told[group].mean()) / group.sum())
        # A bootstrap of a few knows no Student's tails, and is a little too sure.
        assert abs(right[group].mean() - told[group].mean()) < 5 * error + 0.03


def test_intervals_of_ranks_hold_the_true_rank():
    """Of 600 studies of four options in 95 % for each, less 5 standard errors and the 3 points
    that a bootstrap of 8 is too sure by."""
    rng = np.random.default_rng(14)
    held = []
    for _ in range(600):
        truth = rng.normal(0, 0.7, 4)
        found = shared(rng, truth, 0.3, 1.0, [8] * 4).matsweep.stability(among="candidate",
                                                                         samples=400)  # fmt: skip
        rank = 1 + np.argsort(np.argsort(-truth))[found["candidate"].values]
        held += ((found["rank_low"] <= rank) & (rank <= found["rank_high"])).values.tolist()
    # Ranks of one study depend on each other: counted as one.
    assert np.mean(held) > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 600) - 0.03


def test_options_draw_the_same_realisations():
    """Options of as many draw the same; fewer are each drawn as often, and with the others.

    Drawn 20,000 x 20 times, each of 20 has a share within 5 standard errors (6e-7 each). The
    difference of the means of 20 and of the 40 that they are among has the variance 1/20 - 1/40;
    what is filled up adds to it, and drawing apart would treble it.
    """
    rng = np.random.default_rng(15)
    drawn = _Resampled(rng.integers(0, 40, (20_000, 40)), rng)
    few, all_of_them = drawn.of(20), drawn.of(40)
    assert drawn.of(20) is few
    shares = np.bincount(few.ravel(), minlength=20) / few.size
    np.testing.assert_allclose(shares, 1 / 20, atol=5 * np.sqrt(0.05 * 0.95 / few.size))
    # Positions within a sample are independent of each other.
    pair = np.corrcoef(few[:, 0], few[:, -1])[0, 1]
    assert abs(pair) < 5 / np.sqrt(20_000)
    values = rng.normal(size=40)
    values[:20] -= values[:20].mean() - values[20:].mean()
    difference = values[few].mean(axis=1) - values[all_of_them].mean(axis=1)
    assert 0.9 < difference.var() / (values.var() / 40) < 1.4


def test_the_set_of_the_best_comes_with_it():
    ds = shared(np.random.default_rng(16), [0.9, 0.9, 0.8], 0.01, 0.1, [8] * 3)
    found = ds.matsweep.stability(among="candidate")
    assert found["in_best_set"].values[found["candidate"].values.argsort()].tolist() == [
        True, True, False,
    ]  # fmt: skip
    assert undecided(found).endswith("cannot be told apart: each may be the best (95 %).")
    assert undecided(found)[:7] in ("0 and 1", "1 and 0")
    assert undecided(found.isel(option=[0, 2])) == ""
    assert "in_best_set" not in ds.matsweep.stability(among="candidate", how="worst")
