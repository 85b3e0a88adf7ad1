"""Yields: counts, exact intervals, and chance constraints."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom, binomtest

from matsweep.analysis.yields import binomial_interval, parse_chance
from matsweep.core.checks import UserError
from tests.synthetic import attrs, study, with_status


def four():
    """Two candidates of four realisations, with numbers to count by hand."""
    return xr.Dataset(
        {
            "accuracy": (
                ("candidate", "realisation"),
                [[0.96, 0.95, 0.90, 0.97], [0.99, 0.80, 0.80, 0.80]],
                attrs("1", "higher", "accuracy"),
            ),
            "energy": (
                ("candidate", "realisation"),
                [[2e-9, 8e-9, 1e-9, 1e-9], [1e-9, 1e-9, 1e-9, 1e-9]],
                attrs("J", "lower", "energy"),
            ),
            "area": ("candidate", [1e-8, 2e-8], attrs("m2", "lower", "area")),
            "status": ("candidate", np.array([1, 1], dtype=np.int8)),
        },
        {"material": ("candidate", np.array(["pcm", "vcm"], dtype=object))},
    )


def test_a_realisation_counts_that_meets_everything():
    ds = four()
    found = ds.matsweep.yields("accuracy >= 95 %", "energy < 5 nJ")
    np.testing.assert_array_equal(found["met"], [2, 1])
    np.testing.assert_array_equal(found["yield"], [0.5, 0.25])
    np.testing.assert_array_equal(ds.matsweep.yields("accuracy >= 95 %")["met"], [3, 1])
    assert found.attrs["specification"] == "accuracy >= 95 % and energy < 5 nJ"


def test_what_all_realisations_share_counts_for_all():
    ds = four()
    np.testing.assert_array_equal(ds.matsweep.yields("area < 15000 um2")["met"], [4, 0])
    np.testing.assert_array_equal(ds.matsweep.yields("material == vcm")["met"], [0, 4])


def test_either_side_may_be_computed_from_columns():
    ds = four()
    np.testing.assert_array_equal(ds.matsweep.yields("energy * 2 <= 4 nJ")["met"], [3, 4])
    np.testing.assert_array_equal(ds.matsweep.yields("energy < accuracy * 2 nJ")["met"], [2, 4])
    np.testing.assert_array_equal(ds.matsweep.yields("-log10(energy) > 8.5")["met"], [3, 4])
    np.testing.assert_array_equal(
        ds.matsweep.yields("max(area, 15000 um2) >= 15000 um2")["met"], [4, 4]
    )

    def chosen(text):
        return ds.matsweep.select(text)["candidate"].values.tolist()

    assert chosen("energy / area <= 0.2") == [1]  # means: 0.3 and 0.05 J/m2
    assert chosen("(area - 1e-8) ** 2 == 0") == [0]
    assert chosen("P(energy * 2 <= 4 nJ) >= 80 %") == [1]
    assert chosen("material == vcm") == [1]
    with pytest.raises(UserError, match="material is never 'vcm-pcm'"):
        chosen("material == vcm-pcm")
    with pytest.raises(UserError, match="material holds no numbers"):
        chosen("energy * material > 1")
    with pytest.raises(UserError, match=r"no metric or parameter 'enrgy'.*energy"):
        chosen("enrgy * 2 > 1")


def test_realisations_that_were_not_given_do_not_count():
    ds = four()
    ds["realisations"] = ("candidate", np.array([4, -2]))
    ds["accuracy"][1, 2:] = 1.0  # what happens to stand there
    found = ds.matsweep.yields("accuracy >= 95 %")
    np.testing.assert_array_equal(found["realisations"], [4, 2])
    np.testing.assert_array_equal(found["met"], [3, 1])


def test_the_interval_is_that_of_scipy():
    cases = [(0, 8), (1, 8), (5, 8), (8, 8), (40, 64)]
    for confidence in (0.8, 0.95, 0.99):
        for k, n in cases:
            exact = binomtest(k, n).proportion_ci(confidence, method="exact")
            low, high = binomial_interval(k, n, confidence)
            assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize("truth", [0.02, 0.3, 0.7, 0.99])
def test_the_interval_covers_at_least_as_often_as_it_says(truth):
    """By summing over all outcomes: no chance involved."""
    n = 12
    k = np.arange(n + 1)
    low, high = binomial_interval(k, np.full(n + 1, n), 0.9)
    inside = (low <= truth) & (truth <= high)
    assert binom.pmf(k, n, truth)[inside].sum() >= 0.9


def test_what_is_not_done_has_no_yield():
    ds = with_status(study(realisations=3), pending=[0], failed=[1])
    found = ds.matsweep.yields("accuracy >= 10 %")
    assert np.isnan(found["yield"].values[:2]).all()
    assert (found["yield"].values[2:] == 1).all()
    assert found["yield_low"].values[0] == 0
    assert found["yield_high"].values[0] == 1


def test_a_chance_constraint_selects_by_the_yield():
    ds = four()
    assert ds.matsweep.select("P(accuracy >= 95 %) >= 75 %")["candidate"].values.tolist() == [0]
    assert ds.matsweep.select("P(accuracy >= 95 %) > 75 %").sizes["candidate"] == 0
    both = ds.matsweep.select("P(accuracy >= 95 % and energy < 5 nJ) >= 0.25")
    assert both["candidate"].values.tolist() == [0, 1]
    with_mean = ds.matsweep.select("P(accuracy >= 95 %) >= 20 %", "accuracy >= 90 %")
    assert with_mean["candidate"].values.tolist() == [0]
    # Four of four realisations show no yield of more than 40 % with 95 % confidence.
    assert ds.matsweep.select("P(energy <= 10 nJ) >= 39 %", confidence=0.95).sizes["candidate"] == 2
    assert ds.matsweep.select("P(energy <= 10 nJ) >= 41 %", confidence=0.95).sizes["candidate"] == 0


def test_a_confidence_is_that_of_a_chance():
    with pytest.raises(UserError, match=r"confidence must be in \[0.5, 0.9999\], got 0"):
        four().matsweep.select("P(accuracy >= 95 %) >= 75 %", confidence=0)
    with pytest.raises(UserError, match=r"confidence applies to P\(...\) >= SHARE only"):
        four().matsweep.select("accuracy >= 95 %", confidence=0.95)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("P(accuracy >= 95 %)", "a chance constraint reads"),
        ("P(accuracy >= 95 %) <= 90 %", "a chance constraint reads"),
        ("P(accuracy >= 95 %) >= 120 %", "share of the realisations must be"),
        ("P(accuracy) >= 90 %", "a constraint reads NAME OPERATOR VALUE"),
    ],
)
def test_what_cannot_be_read_is_told(text, told):
    with pytest.raises(UserError, match=told):
        parse_chance(text)


def test_other_constraints_are_none_of_chance():
    assert parse_chance("Pulses >= 3") is None
    assert str(parse_chance("P( energy<=1nJ , accuracy>0.9)≥.5")) == (
        "P(energy <= 1nJ and accuracy > 0.9) >= 50 %"
    )


def test_a_yield_wants_a_specification():
    with pytest.raises(UserError, match="at least one constraint"):
        study().matsweep.yields()


def test_a_yield_is_of_one_time():
    ds = four()
    late = ds["accuracy"] - [[0.1, 0.0, 0.0, 0.0], [0.0, -0.2, -0.2, 0.0]]
    both = xr.concat([ds["accuracy"], late], "time").assign_coords(time=("time", [1.0, 100.0]))
    ds["accuracy"] = both.assign_attrs(attrs("1", "higher", "accuracy"))
    for time, met in ((1.0, [3, 1]), ("100 s", [2, 3]), (None, [2, 3])):
        found = ds.matsweep.yields("accuracy >= 95 %", time=time)
        np.testing.assert_array_equal(found["met"], met)
        np.testing.assert_array_equal(found["yield"], np.array(met) / 4)
    wanted = "P(accuracy >= 95 %) >= 75 %"
    for time, kept in ((1.0, [0]), (100.0, [1])):
        assert ds.matsweep.select(wanted, time=time)["candidate"].values.tolist() == kept
