"""Pareto sets in which differences within errors and tolerances do not decide."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from matsweep.analysis import Sense, cheapest, dominance, pareto_mask
from matsweep.analysis.dominance import EXACT, Objective, sensible_front
from matsweep.analysis.objectives import front, judged
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from tests.synthetic import attrs, study


def exact(costs, tolerance=0.0, relative=False):
    """Objectives that do not depend on realisations, from (candidate, objective)."""
    return [
        Objective(cost=column, realised=None, tolerance=tolerance, relative=relative)
        for column in np.asarray(costs, dtype=float).T
    ]


def chosen(objectives, realisations=1, confidence=0.95):
    count = np.full(len(objectives[0].cost), realisations)
    return sensible_front(objectives, count, confidence)


def devices(accuracy, energy, **more):
    """Study of accuracies (candidate, realisation) and energies (candidate,)."""
    accuracy = np.asarray(accuracy, dtype=float)
    return xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), accuracy, attrs("1", "higher", "accuracy")),
            "energy": ("candidate", np.asarray(energy, float), attrs("J", "lower", "energy")),
            "status": ("candidate", np.ones(len(accuracy), dtype=np.int8)),
        },
        attrs={"float_accuracy": 0.98, "chance": json.dumps({"accuracy": 0.1})} | more,
    )


def members(ds, **options):
    return ds.matsweep.pareto(["accuracy", "energy"], **options)["candidate"].values.tolist()


# ------------------------------------------------------------------------- the relation


def dominates(objectives, count, confidence, a, b):
    """The definition for one pair, with scipy's paired test."""
    worse, margins, sure = [], [], []
    for each in objectives:
        scale = max(abs(each.cost[a]), abs(each.cost[b])) if each.relative else 1.0
        tolerance, error = each.tolerance * scale, 0.0
        shared = min(count[a], count[b])
        if each.realised is not None and confidence is not None and shared > 1:
            delta = each.realised[a, :shared] - each.realised[b, :shared]
            error = stats.t.ppf((1 + confidence) / 2, shared - 1) * stats.sem(delta)
        worse.append(each.cost[a] - each.cost[b])
        margins.append(max(tolerance, min(error, 3 * tolerance)))
        sure.append((error, max(tolerance, error)))
    beyond, clearly = (any(-w > bound[at] for w, bound in zip(worse, sure, strict=True))
                       for at in range(2))  # fmt: skip
    plain = all(w <= 0 for w in worse) and beyond
    tolerant = all(w <= m for w, m in zip(worse, margins, strict=True)) and clearly
    return plain or tolerant


@pytest.mark.parametrize("seed", range(6))
def test_every_one_left_off_has_one_in_the_set_that_dominates_it(seed):
    rng = np.random.default_rng(seed)
    rows, realisations = 60, 5
    noisy = rng.random(rows)[:, None] + 0.05 * rng.normal(size=realisations)
    noisy = noisy + 0.03 * rng.normal(size=(rows, realisations))
    objectives = [
        Objective(cost=noisy.mean(axis=1), realised=noisy, tolerance=0.02, relative=False),
        *exact(np.exp(rng.normal(0, 0.4, (rows, 2))), 0.05, relative=True),
    ]
    count = np.full(rows, realisations)
    found = chosen(objectives, realisations)
    plain = pareto_mask(np.stack([o.cost for o in objectives], axis=1), ["lower"] * 3)
    on = np.flatnonzero(found.mask)
    assert 0 < on.size < plain.sum()
    for row in np.flatnonzero(~found.mask):
        assert any(dominates(objectives, count, 0.95, other, row) for other in on)
        if found.by[row] >= 0:
            assert found.mask[found.by[row]]
            assert dominates(objectives, count, 0.95, found.by[row], row)
    for row in on:  # by none that was taken before it
        assert found.by[row] == -1


cells = st.one_of(st.integers(-2, 2).map(float), st.sampled_from([np.nan, np.inf, -np.inf]))


@given(st.integers(1, 4).flatmap(
    lambda m: st.lists(st.lists(cells, min_size=m, max_size=m), min_size=1, max_size=14)
))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_without_tolerance_and_error_it_is_dominance(rows):
    costs = np.array(rows)
    for relative in (False, True):
        found = chosen(exact(costs, relative=relative), confidence=None)
        np.testing.assert_array_equal(found.mask, pareto_mask(costs, ["lower"] * costs.shape[1]))


@pytest.mark.parametrize("seed", range(4))
def test_the_sieve_changes_nothing(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    noisy = rng.random(300)[:, None] + 0.1 * rng.normal(size=(300, 4)) * rng.random((300, 1))
    objectives = [
        Objective(cost=noisy.mean(axis=1), realised=noisy, tolerance=0.01, relative=False),
        *exact(rng.random((300, 2)), 0.02, relative=True),
    ]
    with_sieve = chosen(objectives, 4)
    calls = []

    def none(pairs, costs, rows):
        calls.append(int(surely(pairs, costs, rows).sum()))
        return np.zeros(rows.size, dtype=bool)

    surely = dominance._surely_beaten
    monkeypatch.setattr(dominance, "_surely_beaten", none)
    np.testing.assert_array_equal(with_sieve.mask, chosen(objectives, 4).mask)
    assert calls[0] > 100


def test_small_steps_lead_nowhere():
    """Each step saves 3 % and loses 0.3 points: all but the last would go, one after the other."""
    steps = np.arange(20)
    accuracy = Objective(cost=-(0.95 - 0.003 * steps), realised=None, tolerance=0.005,
                         relative=False)  # fmt: skip
    energy = Objective(cost=0.97**steps, realised=None, tolerance=0.02, relative=True)
    found = chosen([accuracy, energy])
    assert 8 <= found.mask.sum() <= 12
    off = np.flatnonzero(~found.mask)
    assert (accuracy.cost[found.by[off]] - accuracy.cost[off] <= 0.005 + 1e-12).all()


def test_a_circle_leaves_somebody():
    """a is better than b in x, b than c in y, c than a in z, all else within the tolerance."""
    costs = -np.array([[3.0, 1.5, 0.0], [0.0, 3.0, 1.5], [1.5, 0.0, 3.0]])
    found = chosen(exact(costs, 2.0))
    assert found.mask.any()


# ------------------------------------------------------------------------------ in a study


def test_a_few_picojoules_buy_no_useless_accuracy():
    """58 % ± 12 at 201 pJ is no alternative to 97 % at 204 pJ."""
    poor = 0.58 + 0.12 * np.array([-1.2, -0.6, 0.0, 0.3, 0.5, 1.0])
    good = 0.97 + 0.002 * np.array([1.0, -1.0, 0.5, -0.5, 1.0, -1.0])
    ds = devices([poor, good], [201e-12, 204e-12])
    assert members(ds) == [1]
    assert members(ds, useful=None, tolerance=0, confidence=None) == [0, 1]
    text = ds.matsweep.pareto(["accuracy", "energy"]).attrs["selection"]
    assert "1 candidate does not reach accuracy 89.2 %" in text
    # Neither the energy nor the accuracy of the cheap one is within a tolerance of 1 % and 0.5 %.
    assert members(ds, useful=None, tolerance=0.01) == [0, 1]
    # Within 2 % of the energy, the better accuracy decides.
    assert members(ds, useful=None) == [1]


def test_useful_lies_on_the_way_from_guessing_to_the_ideal_machine():
    ds = devices([[0.85] * 2, [0.90] * 2], [1.0, 2.0])
    assert members(ds) == [1]  # 0.1 + 0.9 (0.98 - 0.1) = 0.892
    assert members(ds, useful=0.8) == [0, 1]  # 0.804
    assert members(ds.assign_attrs(chance="{}")) == [0, 1]  # no guess is stated: no bound
    low = devices([[0.5] * 2, [0.6] * 2], [1.0, 2.0])
    assert members(low) == [0, 1]
    assert (
        "No candidate reaches accuracy 89.2 %" in judged(View(low), ["accuracy", "energy"]).lines[0]
    )
    assert front(View(low), ["energy"]).tolist() == [True, False]  # the merit is not asked for


def test_useful_of_an_error_is_below():
    ds = xr.Dataset(
        {"nrmse": ("candidate", [0.1, 0.3], attrs("1", "lower", "error")),
         "energy": ("candidate", [2.0, 1.0], attrs("J", "lower", "energy"))},
        attrs={"merit": "nrmse", "reference": '{"nrmse": 0.05}', "chance": '{"nrmse": 1.0}'},
    )  # fmt: skip
    assert front(View(ds), ["nrmse", "energy"]).tolist() == [True, False]


def test_luck_does_not_decide():
    """The second is better in 4 of 6 realisations, by no more than the paired error."""
    luck = 0.95 + np.array([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])
    ds = devices([luck, luck + 0.003 * np.array([4, -4, 3, -2, 1, -1])], [1.0, 1.0])
    assert members(ds, tolerance=0, confidence=None) == [1]
    assert members(ds) == [0, 1]
    assert (
        "1 candidate stays in it" in ds.matsweep.pareto(["accuracy", "energy"]).attrs["selection"]
    )
    sure = devices([luck, luck + 0.003], [1.0, 1.0])
    assert members(sure) == [1]


def test_a_better_mean_by_luck_alone_is_left_off():
    """0.03 points by luck do not weigh a fifth of the energy."""
    luck = 0.95 + np.array([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])
    ds = devices([luck, luck + 0.0003 * np.array([4, -4, 3, 2, 1, -1])], [1.0, 1.25])
    assert members(ds, tolerance=0, confidence=None) == [0, 1]
    assert members(ds) == [0]
    answer = ds.matsweep.why_not(1, objectives=["accuracy", "energy"])
    assert answer.dominated_by == (0,)
    assert "no more than the tolerance or the paired error" in str(answer)


def test_an_unknown_difference_is_no_small_one():
    """A mean that is 10 points lower, of devices that differ by 12, is not as good."""
    wild = 0.85 + 0.12 * np.array([-1.0, 1.0, 0.5, -0.5])
    ds = devices([wild, [0.95, 0.951, 0.949, 0.95]], [1.0, 2.0])
    assert members(ds, useful=None) == [0, 1]


def test_the_paired_error_excuses_a_lack_and_questions_a_lead():
    """Differences of 1 point, twice the tolerance, with an error of 2 and of 0.3 points."""
    luck = 0.95 + np.array([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])
    unsure, sure = (luck + 0.01 + size * np.array([4, -4, 3, -3, 1, -1]) for size in (0.006, 0.001))
    for higher, lack, lead in ((unsure, [0], [0, 1]), (sure, [0, 1], [1])):
        # The better one takes a fourth more energy: is the other as good?
        assert members(devices([luck, higher], [1.0, 1.25]), useful=None) == lack
        # It takes 1 % more, within the tolerance: is it clearly better?
        assert members(devices([luck, higher], [1.0, 1.01]), useful=None) == lead


@pytest.mark.parametrize("wild", [0, 1])
def test_a_lead_by_luck_of_either_counts_for_nothing(wild):
    """A lead of 1 point, of which one of the two is unsure by 3: both stay."""
    spread = np.array([0.03, -0.03, 0.02, -0.02, 0.01, -0.01])
    accuracy = [0.95 + (wild == 0) * spread, 0.94 + (wild == 1) * spread]
    assert members(devices(accuracy, [1.0, 1.0]), useful=None) == [0, 1]


def test_small_differences_that_are_sure_decide_nothing():
    """0.2 points of accuracy against 1 % of energy, both without error: neither is left off."""
    luck = 0.95 + np.array([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])
    small = luck + 0.002 + 1e-4 * np.array([1, -1, 2, -2, 1, -1])
    assert members(devices([luck, small], [1.0, 1.01])) == [0, 1]


def test_tolerances_are_given_by_name():
    ds = devices([[0.95] * 2, [0.94] * 2], [1.05, 1.0])
    assert members(ds) == [0, 1]
    assert members(ds, tolerance={"energy": 0.06}) == [0]
    assert members(ds, tolerance={"accuracy": 0.011}) == [1]
    for wrong in ({"tolerance": -1}, {"useful": 2}, {"confidence": 1}):
        with pytest.raises(UserError):
            members(ds, **wrong)


def test_why_not_agrees_with_the_set():
    ds = study()
    ds.attrs["chance"] = json.dumps({"accuracy": 0.1})
    pareto = judged(View(ds))
    for number in range(0, 120, 7):
        answer = ds.matsweep.why_not(number)
        assert bool(answer.dominated_by) == bool(not pareto.mask[number]) or pareto.useless[number]
        assert ("on the Pareto front" in str(answer)) == bool(pareto.mask[number])
        assert ("does not count" in str(answer)) == bool(pareto.useless[number])


def test_a_candidate_that_does_not_count_needs_its_merit_whatever_it_costs():
    """The least energy of all does not bring a useless candidate to the front."""
    ds = devices([[0.95] * 2, [0.6] * 2, [0.92] * 2, [0.7] * 2], [2.0, 0.1, 1.0, 1.5])
    ds.attrs |= {"chance": json.dumps({"accuracy": 0.1}),
                 "reference": json.dumps({"accuracy": 1.0})}  # fmt: skip
    assert judged(View(ds)).useless.tolist() == [False, True, False, True]
    cheapest, dear = ds.matsweep.why_not(1), ds.matsweep.why_not(3)
    assert cheapest.needed == pytest.approx({"accuracy": 0.91})  # 90 % of the way from guessing
    assert cheapest.dominated_by == ()
    assert dear.needed == pytest.approx({"accuracy": 0.92})  # of candidate 2, of less energy
    assert dear.dominated_by == (2,)  # candidate 1 has less energy, and does not count
    for answer in (cheapest, dear):
        value = f"{100 * answer.needed['accuracy']:.2f} %"
        assert answer.lines[0].endswith("and useful is 91.00 %.")
        assert answer.lines[-1].endswith(f"be on the front with accuracy above {value}.")
        better = ds["accuracy"].copy(deep=True)
        better[answer.candidate] = answer.needed["accuracy"] + 0.01
        assert judged(View(ds.assign(accuracy=better))).mask[answer.candidate]


# --------------------------------------------------------------------------- like with like


def sources():
    ds = devices([[0.95] * 2, [0.95] * 2, [0.96] * 2, [0.96] * 2], [4.0, 1.0, 5.0, 2.0])
    axes = [["tile.rows", [64, 128]], ["periphery.adc_source", ["survey", "regression"]]]
    return ds.assign_coords({
        "tile.rows": ("candidate", [64, 64, 128, 128]),
        "periphery.adc_source": ("candidate", np.array(["survey", "regression"] * 2, dtype=object)),
    }).assign_attrs(axes=json.dumps(axes))  # fmt: skip


def test_sources_of_costs_are_not_mixed():
    ds = sources()
    ranked = ds.matsweep.rank(["energy"])
    assert ranked["candidate"].values.tolist() == [0, 2]
    assert ranked["in_best_set"].values.tolist() == [True, False]
    assert cheapest(ds, loss=0.05)["candidate"].values.tolist() == [0]
    on = ds.matsweep.why_not(0, objectives=["accuracy", "energy"])
    assert "on the Pareto front" in str(on)
    assert "candidate 1" not in str(on)
    text = ranked.attrs["selection"]
    assert "compared with periphery.adc_source = survey; 2 with other sources" in text
    assert ds.matsweep.rank(["energy"], mixed=True)["candidate"].values.tolist() == [1, 3, 0, 2]
    assert members(ds) == [0, 2]
    assert members(ds, mixed=True) == [1, 3]
    assert members(ds.matsweep.select(adc_source="regression")) == [1, 3]
    stable = ds.matsweep.stability("accuracy", among="candidate")
    assert sorted(stable["candidate"].values.tolist()) == [0, 2]
    assert "is not compared" in str(ds.matsweep.why_not(1, objectives=["accuracy", "energy"]))


def test_exact_is_exact():
    assert EXACT.exact
    assert not Sense().exact
    ds = study()
    columns = ["accuracy", "energy", "latency", "area"]
    view = View(ds)
    table = np.stack([view.column(name) for name in columns], axis=1)
    expected = pareto_mask(table, ["higher", "lower", "lower", "lower"])
    np.testing.assert_array_equal(front(view, columns, EXACT), expected)
