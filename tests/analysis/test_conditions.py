"""Conditions of a study: pairs, gains and rankings that are known exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats

from matsweep.analysis.attributes import conditions
from matsweep.analysis.conditions import Conditions, conditions_of, effects, ordered
from matsweep.analysis.reranking import holm, kendall, ranks, rerankings
from matsweep.analysis.sensitivity import sensitivity
from matsweep.analysis.studytable import study_table
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from tests.conditioned import DAY, NOISE, conditioned
from tests.synthetic import study

SWAPPED = {"pcm_gst": (0.90, 0.94), "hfox_vcm": (0.80, 0.96), "sonos": (0.95, 0.95)}


def only(ds, **options):
    (found,) = rerankings(View(ds), **options)
    return found


def test_a_gain_without_noise_of_pairs_is_exact():
    found = only(conditioned(SWAPPED))
    gains = dict(zip(found.families, found.gain.mean, strict=True))
    assert gains == pytest.approx({"pcm_gst": 0.04, "hfox_vcm": 0.16, "sonos": 0.0}, abs=1e-12)
    np.testing.assert_allclose(found.gain.error, 0, atol=1e-4)  # what is lucky for both cancels
    assert dict(zip(found.families, found.gain.sure, strict=True)) == {
        "pcm_gst": True, "hfox_vcm": True, "sonos": False,
    }  # fmt: skip
    assert [each.time for each in found.gains] == [20.0, DAY]


def test_ranks_swap_and_tau_is_that_of_the_closed_form():
    found = only(conditioned(SWAPPED))
    assert found.families == ("sonos", "pcm_gst", "hfox_vcm")
    assert found.ranks_before.tolist() == [1, 2, 3]
    assert found.ranks_after.tolist() == [2, 3, 1]
    assert found.tau == pytest.approx(-1 / 3)  # one of three pairs keeps its order
    assert found.moved.all()
    assert found.tau_error == pytest.approx(0, abs=1e-12)
    assert found.tau_by_chance == 1.0


def test_tau_counts_ties_as_scipy_does():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 4, (2, 7))
        assert kendall(first, second) == pytest.approx(scipy.stats.kendalltau(first, second)[0])
    assert np.isnan(kendall([1, 1, 1], [1, 2, 3]))
    assert ranks([[0.3, 0.3, 0.1], [1, 2, 3]]).tolist() == [[1, 1, 3], [3, 2, 1]]


def test_no_change_leaves_the_ranking_and_gains_nothing():
    same = {name: (value, value) for name, (value, _) in SWAPPED.items()}
    found = only(conditioned(same, own=0.0))
    assert found.tau == 1.0
    assert not found.moved.any()
    assert not found.gain.sure.any()
    assert (found.gain.mean == 0).all()


def test_a_gain_within_the_noise_is_none():
    # A gain of 0.5 points with an error of about 1: over 40 studies of two families all at once,
    # 5 % of them may call one sure; 10 and more have a chance of 6e-5 at a true gain of 0.
    called = 0
    for seed in range(40):
        found = only(conditioned({"a": (0.9, 0.9), "b": (0.8, 0.8)}, own=0.02, seed=seed))
        called += bool(found.gain.sure.any())
    assert called < 10
    small = only(conditioned({"a": (0.9, 0.905), "b": (0.8, 0.805)}, own=0.02))
    assert not small.gain.sure.any()
    assert (small.gain.error > 0.005).all()


def test_a_rank_that_noise_decides_does_not_move_beyond_the_error():
    close = {"a": (0.900, 0.900), "b": (0.901, 0.899), "c": (0.5, 0.7)}
    found = only(conditioned(close, own=0.02))
    assert not found.moved.any()
    assert found.tau_error > 0.1
    assert found.tau_by_chance < 0.9


def test_the_error_of_a_gain_is_that_of_differences_not_of_values():
    found = only(conditioned({"a": (0.8, 0.9)}, shared=0.1, own=0.001))
    assert found.gain.error[0] < 0.001
    assert np.isnan(found.tau)


def test_a_lower_merit_that_falls_is_a_gain():
    found = only(conditioned({"a": (0.3, 0.2), "b": (0.2, 0.25)}, better="lower"))
    assert found.families == ("b", "a")
    np.testing.assert_allclose(found.gain.mean, [-0.05, 0.1], atol=1e-12)
    assert found.ranks_after.tolist() == [2, 1]


def test_pairs_are_equal_in_all_but_the_condition():
    merits = {name: (*values, values[1]) for name, values in SWAPPED.items()}
    ds = conditioned(merits, (None, 0.0, 0.05), bits=(6, 8))
    ds["status"][0] = 0
    view = View(ds)
    found = conditions_of(view)
    assert [each.short for each in found.all] == ["none", "0", "0.05"]
    for place in (1, 2):
        pairs = found.pairs(place)
        assert len(pairs) == 5  # of six, one baseline is pending
        for name in ("material", "adc.bits"):
            values = ds[name].values[pairs]
            assert (values[:, 0] == values[:, 1]).all()
    table = effects(ds)
    assert table.sizes["pair"] == 10
    assert set(table["condition"].values) == {
        "training without noise",
        "training at noise 0.05",
    }


def test_the_baseline_is_the_network_as_it_is_then_numbers_grow():
    merits = {"a": (0.9, 0.9, 0.9, 0.9, 0.9)}
    ds = conditioned(merits, ("device", 0.1, 0.02, None, 0.0))
    assert ordered(View(ds), NOISE) == ["none", "0", "0.02", "0.1", "device"]
    words = [each.words for each in conditions_of(View(ds)).all]
    assert words[0] == "no training"
    assert words[-1] == "training on device errors"
    numbers = conditioned({"a": (0.9, 0.8)}, (0.1, 0.05))
    assert [each.short for each in conditions_of(View(numbers)).all] == ["0.05", "0.1"]


def test_stores_without_conditions_have_none():
    for ds in (study(), conditioned(SWAPPED, stated=False)):
        view = View(ds)
        assert view.conditions == []
        assert conditions_of(view) is None
        assert rerankings(view) == ()
    with pytest.raises(UserError, match=r"no conditions.*sweep one"):
        effects(study())
    one = conditioned(SWAPPED).isel(candidate=slice(0, 1))
    assert conditions_of(View(one)) is None
    broken = study().assign_attrs(conditions=json.dumps("noise"))
    with pytest.raises(UserError, match=r"conditions.*list of names"):
        conditions(broken)


def test_a_study_without_pairs_says_so():
    ds = conditioned({"a": (0.9, 0.8), "b": (0.9, 0.7)}, bits=(6, 8))
    apart = ds.isel(candidate=[0, 3])  # bits 6 without, bits 8 with
    assert rerankings(View(apart)) == ()
    with pytest.raises(UserError, match="alone: sweep it with design=grid"):
        effects(apart)


def test_few_realisations_have_wide_errors_and_one_has_none():
    close = {"a": (0.90, 0.93), "b": (0.91, 0.90)}
    two = only(conditioned(close, own=0.005, realisations=2))
    assert not two.moved.any()
    one = only(conditioned(close, own=0.005, realisations=1))
    assert np.isnan(one.tau_error)
    assert np.isnan(one.gain.error).all()
    assert not one.moved.any()


def test_a_condition_is_a_choice_in_fits_and_sensitivity():
    merits = {"a": (0.9, 0.8, 0.85)}
    ds = conditioned(merits, (0.0, 0.05, 0.1), bits=range(2, 9), own=0.001)
    scales = {scale.name: scale for scale in study_table(ds, "accuracy").scales}
    assert scales[NOISE].levels == ("0", "0.05", "0.1")
    assert not scales["adc.bits"].levels
    with pytest.raises(UserError, match=NOISE):
        study_table(ds, "accuracy", categorical="refuse")
    indices = sensitivity(ds, method="pawn")
    assert indices["over"].sel(parameter=indices["parameter"] == NOISE).values.tolist() == [
        "0, 0.05, 0.1"
    ]


def test_selection_reads_a_condition_as_people_see_it():
    ds = conditioned(SWAPPED)
    for text in ("none", "null"):
        kept = ds.matsweep.select(f"noise == {text}")
        assert kept.sizes["candidate"] == 3
        assert set(kept[NOISE].values) == {"null"}
    assert ds.matsweep.select(noise="0.05").sizes["candidate"] == 3
    with pytest.raises(UserError, match=r"never '0\.5'"):
        ds.matsweep.select("noise == 0.5")


def test_conditions_of_two_axes_are_named_by_both():
    ds = conditioned({"a": (0.9, 0.8)}, bits=(6, 8))
    ds = ds.assign_attrs(conditions=json.dumps([NOISE, "adc.bits"]))
    words = [each.short for each in Conditions(View(ds)).all]
    assert words == ["noise none, bits 6", "noise none, bits 8", "noise 0.05, bits 6",
                     "noise 0.05, bits 8"]  # fmt: skip


def test_gains_of_several_families_are_sure_one_after_the_other():
    """Holm's procedure: of 0.01, 0.02, 0.03 and 0.04 at 5 %, only 0.01 is below 0.05 / 4."""
    assert holm([0.01, 0.02, 0.03, 0.04], 0.05).tolist() == [True, False, False, False]
    assert holm([0.04, 0.012, 0.016, 0.024], 0.05).all()
    assert not holm([0.06], 0.05).any()
    assert holm([0.0, 1.0], 0.05).tolist() == [True, False]
