"""Why a candidate is not among the best, and the choice in words."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis import Sense, pareto_mask
from matsweep.analysis.dominance import EXACT
from matsweep.analysis.objectives import front
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting.choice import choose
from tests.synthetic import attrs, study, with_status

OBJECTIVES = ["accuracy", "energy"]


def table(ds):
    summary = ds.matsweep.summary()
    return np.stack([summary["accuracy"].values, summary["energy"].values], axis=1)


def test_those_that_beat_a_candidate_are_found():
    ds = study()
    values = table(ds)
    for at in (0, 17, 40, 77, 119):
        told = ds.matsweep.why_not(at, objectives=OBJECTIVES)
        beats = (values[:, 0] >= values[at, 0]) & (values[:, 1] <= values[at, 1])
        beats &= (values[:, 0] > values[at, 0]) | (values[:, 1] < values[at, 1])
        assert set(told.dominated_by) == set(np.flatnonzero(beats).tolist())
        assert bool(told.needed) == beats.any()
        assert ("is on the Pareto front" in str(told)) == (not beats.any())


def test_what_is_needed_is_just_enough():
    """With a little more than it in one objective the candidate is on the front; with less, not."""
    ds = study()
    values = table(ds)
    at = int(np.flatnonzero(~pareto_mask(values, ["higher", "lower"]))[5])
    needed = ds.matsweep.why_not(at, objectives=OBJECTIVES).needed
    for column, (name, sign) in enumerate((("accuracy", 1), ("energy", -1))):
        for share, enough in ((1e-9, True), (-1e-9, False)):
            changed = values.copy()
            changed[at, column] = needed[name] * (1 + sign * share)
            assert pareto_mask(changed, ["higher", "lower"])[at] == enough


def test_the_most_alike_come_first():
    ds = study(materials=("pcm_gst", "sonos"))
    told = ds.matsweep.why_not(0, objectives=["accuracy"])
    bits = ds["tile.adc.bits"].values
    scale = ds["device.programming_error.scale"].values
    material = ds["material"].values
    differ = [
        (bits[i] != bits[0]) + (scale[i] != scale[0]) + (material[i] != material[0])
        for i in told.dominated_by
    ]
    assert differ == sorted(differ)
    assert differ[0] == 1


def test_missed_constraints_and_states_are_told():
    ds = with_status(study(), pending=[0], failed=[1])
    told = ds.matsweep.why_not(5, "accuracy >= 99.9 %", "energy <= 1 J")
    assert told.missed == ("accuracy >= 99.9 %",)
    assert "does not meet accuracy >= 99.9 %" in str(told)
    assert "pending: not computed yet" in str(ds.matsweep.why_not(0))
    assert "failed: ValueError: boom" in str(ds.matsweep.why_not(1))
    ds["energy"][7] = np.nan
    told = ds.matsweep.why_not(7, objectives=OBJECTIVES)
    assert str(told) == "candidate 7 cannot be judged: its energy is unknown"
    with pytest.raises(UserError, match="there is no candidate 500"):
        ds.matsweep.why_not(500)


def test_a_missed_chance_is_told_like_any_other_constraint():
    ds, wanted = study(), "P(accuracy >= 99.9 %) >= 50 %"
    told = ds.matsweep.why_not(5, wanted, "energy <= 1 J")
    assert told.missed == (wanted,)
    # Eight of eight realisations do not show a yield of 70 % with 95 % confidence.
    assert ds.matsweep.why_not(5, "P(energy <= 1 J) >= 70 %").missed == ()
    sure = ds.matsweep.why_not(5, "P(energy <= 1 J) >= 70 %", confidence=0.95)
    assert sure.missed == ("P(energy <= 1 J) >= 70 %",)
    _, told = chosen(ds, wanted, why=5)
    assert f"candidate 5 ({ds['material'].values[5]}) does not meet {wanted}" in told


# -------------------------------------------------------------------------------- choice


def chosen(ds, *constraints, width=100, **options):
    console = Console(width=width, record=True, file=io.StringIO())
    kept = choose(ds, console, constraints, **options)
    return kept, console.export_text()


def test_a_choice_by_the_means_alone():
    ds = study()
    counts = {sense: int(front(View(ds), None, sense).sum()) for sense in (Sense(), EXACT)}
    assert counts[Sense()] < counts[EXACT]
    for sense, count in counts.items():
        assert f"Pareto set: {count} of 120" in chosen(ds, sense=sense)[1]


def test_the_choice_is_the_selection():
    ds = study()
    wanted = ("accuracy >= 90 %", "P(energy <= 10 nJ) >= 50 %")
    kept, told = chosen(ds, *wanted)
    assert kept["candidate"].values.tolist() == (
        ds.matsweep.select(*wanted)["candidate"].values.tolist()
    )
    assert f"{kept.sizes['candidate']} of {ds.sizes['candidate']} done candidates meet" in told
    assert "yield" in told
    assert "is best with probability" in told


def test_nothing_that_meets_it_has_the_nearest_named():
    ds = study()
    kept, told = chosen(ds, "accuracy >= 99 %", "energy <= 1 J")
    assert kept.sizes["candidate"] == 0
    best = int(ds.matsweep.rank("accuracy")["candidate"][0])
    assert told.index("None of 120") < told.index("The nearest:") < told.index(f"candidate {best} ")
    _, told = chosen(ds, "P(accuracy >= 50 %) >= 99 %", confidence=0.95)
    assert "misses P(accuracy >= 50 %) >= 99 % by" in told
    _, told = chosen(ds, "accuracy >= 95")
    assert "accuracy is a fraction: did you mean accuracy >= 95 %?" in told
    least = float(ds.matsweep.summary()["energy"].min())
    _, told = chosen(ds, f"energy < {least!r}")
    assert f"misses energy < {least!r} by 0 % of the bound" in told
    _, told = chosen(ds, "accuracy >= 99 %", "tile.adc.bits == 99")
    assert "No candidate comes near" in told


def test_a_study_half_done_or_of_one_candidate_has_an_answer():
    _, told = chosen(with_status(study(), pending=range(120)), "accuracy >= 90 %")
    assert "nothing to choose from" in told
    one = study(materials=("pcm_gst",), scales=(0.0,), bits=(8,), realisations=1)
    kept, told = chosen(one, "accuracy >= 10 %", why=0)
    assert kept.sizes["candidate"] == 1
    assert "It is the only candidate." in told
    assert "is on the Pareto front" in told


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_keeps_to_the_width(width):
    _, told = chosen(study(), "P(accuracy >= 50 %) >= 50 %", how="mean - 2 std", width=width)
    rows = [line for line in told.splitlines() if " ± " in line and "%" not in line]
    assert rows
    assert all(len(line) <= width for line in rows)
    assert any("ecram_metal" in line for line in rows)


def test_what_is_not_done_is_told_with_the_choice():
    ds = with_status(study(), pending=range(33), failed=[40])
    _, told = chosen(ds, "accuracy >= 10 %")
    assert "86 of 86 done candidates meet accuracy >= 10 %" in told
    assert "33 of 120 candidates are still pending: the answer may change" in told
    assert "1 of 120 candidates failed" in told
    assert "0 pending" not in told


def test_a_number_without_a_unit_is_told_to_be_si():
    _, told = chosen(study(), "energy <= 150")
    assert "energy <= 150 is in J, as no unit is given" in told
    _, told = chosen(study(), "energy <= 150 pJ")
    assert "no unit is given" not in told


def test_what_differs_is_printed_with_digits_that_show_it():
    ds = study().isel(candidate=[0, 1])
    ds["energy"] = ("candidate", [1.37535e-10, 1.37508e-10], ds["energy"].attrs)
    ds["accuracy"][1] = ds["accuracy"][0]
    told = ds.matsweep.why_not(0, objectives=["accuracy", "energy"]).lines
    assert told[1].endswith("accuracy the same, energy 137.51 pJ (not 137.53 pJ)")
    assert told[2].endswith("or energy below 137.51 pJ.")


def test_weights_are_of_means():
    for choice in (study().matsweep.rank, lambda **given: chosen(study(), **given)):
        with pytest.raises(UserError, match="weights apply to means only"):
            choice(weights={"accuracy": 1}, how="worst")


def test_texts_of_a_store_do_not_reach_the_terminal_as_they_are():
    ds = study()
    names = ds["material"].values.astype(object)
    names[names == "sonos"] = "evil\x1b]0;owned\x07"
    ds = ds.assign_coords(material=("candidate", names))
    _, told = chosen(ds, "accuracy >= 99.99 %", top=200)
    assert "evil" not in told
    stream = io.StringIO()
    choose(ds, Console(file=stream, width=200), ("accuracy >= 10 %",), top=200)
    assert r"evil\x1b]0;owned\x07" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_it_ranks_by_what_is_asked():
    ds = study()
    _, told = chosen(ds, weights={"accuracy": 1, "energy": 5}, top=1)
    first = ds.matsweep.rank(weights={"accuracy": 1, "energy": 5})
    row = next(line for line in told.splitlines() if line.strip().startswith("1 "))
    assert str(first["material"].values[0]) in row
    assert "score" in told
    with pytest.raises(UserError, match="no metric or parameter"):
        chosen(ds, "acuracy >= 3")


def aged():
    """Two materials of four realisations at 1 s and 100 s."""
    early = [[0.96, 0.96, 0.96, 0.50], [0.80, 0.80, 0.80, 0.96]]
    late = [[0.96, 0.60, 0.60, 0.60], [0.99, 0.99, 0.60, 0.60]]
    return xr.Dataset(
        {
            "accuracy": (("time", "candidate", "realisation"), [early, late],
                         attrs("1", "higher", "accuracy")),
            "status": ("candidate", np.ones(2, dtype=np.int8)),
        },
        {
            "material": ("candidate", np.array(["pcm", "vcm"], dtype=object)),
            "time": ("time", [1.0, 100.0], {"units": "s"}),
        },
    )  # fmt: skip


WANTED = "P(accuracy >= 95 %) >= 50 %"  # of 3/4 and 1/4 early, of 1/4 and 2/4 late


@pytest.mark.parametrize(("time", "meets", "not_met", "share"), [
    (1.0, 0, 1, "0.75"), (100.0, 1, 0, "0.5"), (None, 1, 0, "0.5"),
])  # fmt: skip
def test_a_chance_is_that_at_the_time_asked_for(time, meets, not_met, share):
    ds = aged()
    assert ds.matsweep.why_not(meets, WANTED, time=time).missed == ()
    assert ds.matsweep.why_not(not_met, WANTED, time=time).missed == (WANTED,)
    kept, told = chosen(ds, WANTED, time=time, why=not_met)
    assert kept["candidate"].values.tolist() == [meets]
    assert f"does not meet {WANTED}" in told
    head, _, first = told[told.index(" material ") :].splitlines()[:3]
    assert first.split()[head.split().index("yield") - len(head.split())] == share


def test_a_miss_is_in_relation_to_its_bound():
    """Means of 0.845 and 0.84 and yields of 3/4 and 1/4 early, of 1/4 and 2/4 late."""
    _, told = chosen(aged(), "accuracy >= 90 %", time=1.0)
    assert "candidate 0 (pcm) misses accuracy >= 90 % by 6.11 % of the bound\n" in told
    assert "candidate 1 (vcm) misses accuracy >= 90 % by 6.67 % of the bound\n" in told
    wanted = "P(accuracy >= 95 %) >= 80 %"
    for time, misses in ((1.0, ("6.25", "68.8")), (100.0, ("68.8", "37.5"))):
        _, told = chosen(aged(), wanted, time=time)
        for number, (material, miss) in enumerate(zip(("pcm", "vcm"), misses, strict=True)):
            line = f"candidate {number} ({material}) misses {wanted} by {miss} % of the bound\n"
            assert line in told


@pytest.mark.parametrize(("how", "time", "chance"), [
    ("mean", 1.0, 189 / 256), ("worst", 1.0, 81 / 256), ("mean", 100.0, 5 / 16),
    ("worst", 100.0, 1 / 16), ("mean", None, 5 / 16),
])  # fmt: skip
def test_the_told_certainty_is_of_what_is_asked(how, time, chance):
    """Four realisations of two values against a sure 0.8: which draws beat it is counted.

    Early one of four is bad: at most one bad draw leaves the mean above, any bad one is the worst.
    Late two are: three good draws are needed for the mean. 4,000 samples miss by 5 standard
    errors, beside the rounding to 0.01, with a probability of 6e-7.
    """
    ds = aged()
    ds["accuracy"][:, 1] = 0.8
    ds["accuracy"][1, 0] = [0.96, 0.96, 0.6, 0.6]
    _, told = chosen(ds, how=how, time=time)
    (share,) = re.findall(r"pcm (?:is best )?with (?:probability )?(\d\.\d\d)", told)
    error = np.sqrt(chance * (1 - chance) / 4000)
    assert float(share) == pytest.approx(chance, abs=5 * error + 0.005)
