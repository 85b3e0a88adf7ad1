"""The cause in words, of differences that are written down by hand."""

from __future__ import annotations

import dataclasses

import pytest

from matsweep.ablation.diagnosis import Change, Diagnosis


def change(name, merit, half=0.01, own=0.5, number="X is 3"):
    middle = merit - own
    return Change(title=f"without {name}", names=(name,), merit=merit, difference=middle,
                  low=middle - half, high=middle + half, number=number)  # fmt: skip


def diagnosis(*singles, pair=None, chain=(), **changes):
    given = {
        "candidate": 7, "name": "candidate 7", "merit": "accuracy", "higher": True, "share": True,
        "value": 0.5, "reference": 0.9, "chance": 0.1, "time": 1.0, "realisations": 8,
        "without_effect": (), "notes": (),
    }  # fmt: skip
    return Diagnosis(singles=singles, pair=pair, chain=tuple(chain), **{**given, **changes})


START = "Candidate 7 reaches 50.0 % 1 s after programming, floating point 90.0 %"


def test_the_largest_gain_is_named_first_and_whether_it_is_certain():
    """The larger gain is within its error; the other brings half of the loss back."""
    found = diagnosis(change("noise", 0.8, half=0.31), change("drift", 0.7, number="drift is 3 %"))
    assert found.cause.names == ("drift",)
    assert found.part(found.cause) == pytest.approx(0.5)
    assert found.largest.names == ("noise",)
    assert found.sentence == (
        f"{START}. X is 3: without noise it reaches 80.0 %, 75 % of the loss, but 8 realisations "
        "do not make that certain (-1.0 to +61.0). Certain is: drift is 3 %: without drift it "
        "reaches 70.0 %."
    )
    more = diagnosis(change("noise", 0.8, half=0.31), available=20).sentence
    assert more.endswith("certain (-1.0 to +61.0): repeat with realisations=20.")


def test_a_large_gain_is_no_cause_that_others_hide_however_sure_it_is():
    """It brings back 34 of the 40 points in the mean: nothing hides it."""
    chain = [Change(title=title, names=(), merit=merit, difference=merit - 0.5, low=0.0, high=0.0)
             for title, merit in (("all ideal", 0.9), ("+ faults", 0.5))]  # fmt: skip
    found = diagnosis(change("faults", 0.84, half=0.4), chain=chain)
    assert "hide each other" not in found.sentence
    assert "X is 3: without faults it reaches 84.0 %, 85 % of the loss" in found.sentence


def test_unknown_parameters_are_no_cause_but_are_named_in_theirs():
    faults = dataclasses.replace(change("faults", 0.85), drawn=("share stuck at g_max",))
    found = diagnosis(change("ADC", 0.52), faults, unknowns=change("unknowns", 0.88))
    assert found.cause is faults
    assert found.sentence == (
        f"{START}. X is 3 (drawn: share stuck at g_max): without faults it reaches 85.0 %."
    )
    assert found.to_dataset()["nuisance"].values.tolist() == ["ADC", "faults", "unknowns"]


def test_of_an_error_the_cause_lowers_it():
    found = diagnosis(change("noise", 0.3), change("drift", 0.6), higher=False, share=False,
                      reference=0.1)  # fmt: skip
    assert found.loss == pytest.approx(0.4)
    assert found.cause.names == ("noise",)
    assert found.gain(found.cause) == pytest.approx(0.2)


def test_where_one_cause_is_not_all_two_are_named():
    """Alone 10 and 8 of the 40 points; together 35."""
    first = change("noise", 0.6)
    second = change("drift", 0.58, number="drift is 3 %")
    both = Change(title="without noise and drift", names=("noise", "drift"), merit=0.85,
                  difference=0.35, low=0.34, high=0.36)  # fmt: skip
    assert diagnosis(first, second, pair=both).sentence == (
        f"{START}. X is 3: without noise it reaches 60.0 %. That is not all, and drift is 3 %: "
        "without noise and drift it reaches 85.0 %."
    )
    half = diagnosis(change("noise", 0.75), second, pair=both)  # explains enough by itself
    assert "That is not all" not in half.sentence
    worse = Change(title="both", names=both.names, merit=0.59, difference=0.09, low=0.0, high=0.2)
    assert "That is not all" not in diagnosis(first, second, pair=worse).sentence


def test_causes_that_hide_each_other_are_found_in_the_chain():
    """None alone brings back a twentieth; the second of the chain takes 35 of the 40 points."""
    chain = [Change(title=title, names=(), merit=merit, difference=merit - 0.5, low=0.0, high=0.0)
             for title, merit in (("all ideal", 0.9), ("+ ADC", 0.88), ("+ DAC", 0.53),
                                  ("+ levels", 0.5))]  # fmt: skip
    found = diagnosis(change("ADC", 0.51), change("DAC", 0.515), chain=chain)
    assert found.sentence == (
        f"{START}. Causes hide each other: none alone brings it back, and from all ideal on the "
        "largest step is DAC, from 88.0 % to 53.0 %."
    )
    spread = [*chain[:1], *(Change(title="+ x", names=(), merit=m, difference=0.0, low=0.0,
                                   high=0.0) for m in (0.8, 0.7, 0.6, 0.5))]  # fmt: skip
    assert diagnosis(change("ADC", 0.51), chain=spread).sentence == (
        f"{START}: no single cause explains the loss beyond the error."
    )


def test_a_gain_over_floating_point_is_no_loss():
    found = diagnosis(change("noise", 0.6), value=0.95)
    assert found.sentence.endswith("there is no loss to explain.")


def test_a_single_realisation_makes_nothing_certain():
    found = diagnosis(change("noise", 0.9, half=float("inf")), realisations=1)
    assert found.cause is None
    assert found.sentence.endswith("100 % of the loss, but one realisation makes nothing certain.")
