"""The answer of a study in words, of results of all kinds."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis.stability import stability
from matsweep.analysis.view import View
from matsweep.reporting.answer import _probability, answer_of
from matsweep.reporting.choice import choose
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Paragraph
from matsweep.reporting.report.study import studied
from tests.synthetic import attrs, study, with_status

ALONG = ("candidate", "realisation")


def results(accuracy, energy, materials=("a", "b"), spread=0.001, realisations=8, **coords):
    """Candidates of stated means: accuracy varies over the realisations, alike in all."""
    luck = spread * np.linspace(-1, 1, realisations)
    values = np.asarray(accuracy)[:, None] + luck
    deviation = values.std(axis=1, ddof=1) if realisations > 1 else np.zeros(len(values))
    return xr.Dataset(
        {
            "accuracy": (ALONG, values, attrs("1", "higher", "accuracy")),
            "accuracy_std": ("candidate", deviation, attrs("1", "lower", "s")),
            "energy": ("candidate", np.asarray(energy), attrs("J", "lower", "energy")),
            "status": ("candidate", np.ones(len(values), np.int8)),
        },
        {
            "material": ("candidate", np.array(list(materials), dtype=object)),
            **{name: ("candidate", np.asarray(each)) for name, each in coords.items()},
        },
        {
            "axes": json.dumps(
                [["material", sorted(set(materials))], *([n, None] for n in coords)]
            ),
            "reference": json.dumps({"accuracy": 0.98}),
            "chance": json.dumps({"accuracy": 0.1}),
        },
    )


def sourced(ds, numbers, **labels):
    """Add sources: `numbers` of each material, its labels."""
    known = {
        name: {
            "label": f"{name}, a long label",
            "short": labels.get(name, name.upper()),
            "numbers": {
                path: {"value": 1.0, "status": status, "source": None, "note": None}
                for path, status in numbers.items()
            },
        }
        for name in set(ds["material"].values.tolist())
    }
    return ds.assign_attrs(sources=json.dumps({"materials": known, "references": {}}))


def answer(ds, **options):
    return answer_of(View(ds), **options)


def test_one_candidate_is_best_in_all():
    found = answer(results([0.96, 0.90], [1e-9, 2e-9], **{"adc.bits": [6, 8]}))
    assert found.choice == (
        "Choose a (no. 0) with ADCs of 6 bits: accuracy 96.00 ± 0.07 % at energy 1.00 nJ."
    )
    assert found.certainty == "By accuracy, a is best with probability above 0.999."
    assert found.chosen == (0,)
    assert not found.cautions


def test_both_ends_of_the_set_are_chosen_and_the_others_counted():
    ds = results(
        [0.97, 0.95, 0.92], [9e-9, 3e-9, 1e-9], materials="abc", **{"tile.rows": [32, 64, 128]}
    )
    found = answer(sourced(ds, {}, a="Best A"))
    assert found.choice == (
        "For accuracy choose Best A (a, no. 0) with arrays of 32 rows: accuracy 97.00 ± 0.07 % at "
        "energy 9.00 nJ; for low energy choose C (c, no. 2) with arrays of 128 rows: accuracy "
        "92.00 ± 0.07 % at energy 1.00 nJ. The Pareto set has 1 more candidate."
    )
    assert found.chosen == (0, 2)


def test_near_the_least_cost_the_merit_decides():
    found = answer(results([0.97, 0.95, 0.92], [9e-9, 1.03e-9, 1e-9], materials="abc"))
    assert found.chosen == (0, 1)
    beyond = answer(results([0.97, 0.95, 0.92], [9e-9, 1.06e-9, 1e-9], materials="abc"))
    assert beyond.chosen == (0, 2)  # 5 % is near


def test_the_probability_is_that_of_the_bootstrap():
    ds = study(materials=("pcm_gst", "hfox_vcm"), realisations=8)
    order = stability(ds, "accuracy")
    text = answer(ds).certainty
    names = {"pcm_gst": "PCM, Ge2Sb2Te5", "hfox_vcm": "HfOx VCM"}
    first = str(order["option"].values[int(np.argmax(order["best"].values))])
    assert text.startswith(f"By accuracy, {names[first]} is best with probability ")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "above 0.999"), (0.9996, "above 0.999"), (0.9994, "above 0.99"),
        (0.9951, "above 0.99"), (0.9949, "0.99"), (0.5, "0.50"), (0.006, "0.01"),
    ],
)  # fmt: skip
def test_no_probability_is_rounded_to_certainty(share, text):
    assert _probability(share, share) == text
    assert _probability(0.41, 0.46) == "0.41 to 0.46"


def test_a_tie_is_called_one():
    """Two materials that are equal in every realisation share the first place."""
    found = answer(results([0.96, 0.96], [1e-9, 1e-9]))
    assert found.certainty == (
        "By accuracy, a is best with probability 0.50, b with 0.50; a and b cannot be told apart "
        "(95 %)."
    )
    assert found.choice.startswith("Choose a (no. 0): accuracy 96.00")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            {"pending": [0, 1]},
            "No candidate is done, so there is no answer yet: 2 candidates pending.",
        ),
        ({"failed": [0, 1]}, "No candidate is done, so there is no answer: all 2 failed."),
    ],
)
def test_nothing_is_done(state, text):
    ds = results([0.96, 0.9], [1e-9, 1e-9]).assign(error=("candidate", ["", ""]))
    found = answer(with_status(ds, **state))
    assert found.choice == text
    assert found.sentences == (text,)
    assert not found.chosen


def test_no_candidates_and_no_metric():
    ds = results([0.96, 0.9], [1e-9, 1e-9])
    assert "there are none" in answer(ds.isel(candidate=slice(0, 0))).choice
    assert "nothing can be ranked" in answer(ds[["status"]]).choice


def test_pending_candidates_may_change_it():
    found = answer(with_status(results([0.96, 0.9, 0.8], [1e-9] * 3, "abc"), pending=[2]))
    assert found.cautions == ("1 of 3 candidates are still pending: the answer may change.",)
    assert found.choice.startswith("Choose a")


def test_nothing_useful_is_said_before_the_best_of_it():
    """Useful is 90 % of the way from 10 to 98 %; the costs of what is of no use do not count."""
    found = answer(results([0.7, 0.5], [5e-9, 1e-9]))
    assert found.choice.startswith(
        "None is useful: no candidate reaches accuracy 89.2 %. Choose a (no. 0): accuracy 70.00"
    )
    assert found.chosen == (0,)


def test_a_useless_candidate_is_no_end_of_the_choice():
    assert answer(results([0.95, 0.5], [5e-9, 1e-9])).chosen == (0,)


def test_one_material_is_compared_with_itself():
    ds = results([0.96, 0.90], [1e-9, 2e-9], materials="aa", **{"adc.bits": [6, 8]})
    assert answer(ds).certainty == "The best is better than all others by accuracy (95 %)."
    ds["accuracy"][1] = ds["accuracy"][0]
    found = answer(ds)
    assert found.certainty == (
        "No. 1 (ADCs of 8 bits) cannot be told apart from no. 0 by accuracy (95 %)."
    )
    assert answer(ds.isel(candidate=[0])).certainty == "It is the only candidate."


def test_numbers_only_have_no_material():
    ds = results([0.96, 0.90], [1e-9, 2e-9], **{"device.read_noise": [0.01, 0.05]})
    found = answer(ds.drop_vars("material").assign_attrs(axes="[]"))
    assert found.choice == (
        "Choose read noise of 0.01 (no. 0): accuracy 96.00 ± 0.07 % at energy 1.00 nJ."
    )
    assert not found.basis
    assert "better than all others" in found.certainty


def test_without_realisations_nothing_is_sure():
    ds = results([0.96, 0.90], [1e-9, 2e-9]).drop_vars("accuracy_std")
    found = answer(ds.mean("realisation", keep_attrs=True))
    assert found.certainty == (
        "It is not known how sure that is: accuracy is stored without its realisations."
    )
    assert "accuracy 96.00 % at" in found.choice
    one = answer(results([0.96, 0.90], [1e-9, 2e-9], realisations=1))
    assert "It is not known how sure that is" in one.certainty
    assert "±" not in one.choice


def test_a_better_mean_that_is_left_off_is_named():
    """Noise of one realisation makes the mean better, not beyond its error, at a tenfold cost."""
    ds = results([0.95, 0.95], [1e-9, 9e-9])
    ds["accuracy"][1] = ds["accuracy"][1].values + np.array([0, 0.05, 0, 0.05, -0.03, 0, 0, 0])
    found = answer(ds)
    assert found.chosen == (0,)
    assert found.cautions[0].startswith("The best mean of accuracy is ")
    assert found.cautions[0].endswith(
        " (no. 1), which is not in the Pareto set: no. 0 is as good within the tolerance or the "
        "paired error, and clearly better in energy."
    )
    reverse = answer(ds, by={"accuracy": "lower", "energy": "lower"})
    assert not reverse.cautions  # no. 0 has the least, and is chosen


def test_what_is_of_no_use_is_no_rival_in_a_cost():
    """The least energy is of a candidate that guesses: it is named, and has no probability."""
    ds = results([0.96, 0.95, 0.1], [3e-9, 2e-9, 1e-9], "abc")
    energy = ds["energy"].values[:, None] * (1 + 0.01 * np.linspace(-1, 1, 8))
    found = answer(ds.assign(energy=(ALONG, energy, ds["energy"].attrs)), by="energy")
    assert found.choice.startswith("Choose b")
    assert found.certainty == "By energy, b is best with probability above 0.999."
    assert found.cautions[0].startswith("The best mean of energy is 1.0000 ± 0.0070 nJ (no. 2), ")
    assert found.cautions[0].endswith("not in the Pareto set: its accuracy is not useful.")


def test_a_direction_that_is_given_holds_in_all_sentences():
    """The spread has no good direction of its own: the answer takes the one given."""
    ds = results([0.96, 0.96], [1e-9, 1e-9])
    ds["depth"] = ds["accuracy"] + [[0.01], [0.0]]
    ds["depth"].attrs = attrs("1", None, "depth")
    del ds["depth"].attrs["better"]
    for better, name in (("higher", "a"), ("lower", "b")):
        found = answer(ds, by={"depth": better})
        assert found.certainty == f"By depth, {name} is best with probability above 0.999."
        assert found.choice.startswith(f"Choose {name} ")
    alone = answer(ds.assign_coords(material=("candidate", ["a", "a"])), by={"depth": "lower"})
    assert alone.certainty == "The best is better than all others by depth (95 %)."


def test_a_metric_that_chance_does_not_move_is_called_one():
    ds = results([0.96, 0.95, 0.94], [1e-9, 1e-9, 2e-9], "abc")
    assert answer(ds, by="energy").certainty == (
        "Chance plays no part in energy, which is the same in all realisations; 2 candidates share "
        "the best."
    )
    ds["energy"][1] = 3e-9
    assert answer(ds, by="energy").certainty == (
        "Chance plays no part in energy, which is the same in all realisations."
    )
    assert answer(ds, by="accuracy_std").certainty == (
        "It is not known how sure that is: accuracy_std is a statistic over the realisations, and "
        "has no error."
    )


def test_the_best_on_average_and_once_known_are_both_stated():
    """a is known, and better than the mean of b, which draws more often are above."""
    rng = np.random.default_rng(0)
    draws = rng.random((2, 128, 1))
    ds = results([0.94, 0.94], [1e-9, 2e-9], realisations=128, spread=0.0)
    values = ds["accuracy"].values.copy()
    draws[0] = np.nan
    values[1] = 0.955 - 0.09 * np.clip(draws[1, :, 0] - 0.4, 0, None)
    values += 1e-4 * rng.normal(size=values.shape)
    ds = ds.assign(
        accuracy=(ALONG, values, ds["accuracy"].attrs),
        unknown=((*ALONG, "parameter"), draws),
    ).assign_coords(parameter=["device.drift.nu"])
    assert answer(ds).choice.startswith("Choose a ")
    assert answer(ds).certainty.startswith("By accuracy, b is best with probability 0.")
    assert (
        "a is the best on average, as nothing more is known; once it is known, b is more often "
        "the best." in answer(ds).certainty
    )


def test_numbers_behind_it_are_counted_and_named():
    numbers = {
        "device.g_max": "seen", "device.g_min": "recalled", "device.retention": "illustrative",
        "device.levels": "missing", "device.drift": "missing", "device.stuck_at": "missing",
    }  # fmt: skip
    ds = sourced(results([0.96, 0.9], [1e-9, 2e-9]), numbers)
    drawn = ["device.drift.nu", "device.drift.spread", "device.stuck_at.g_max", "device.read_noise"]
    unknown = np.full((2, 8, 4), 0.1)
    unknown[0, :, 3] = np.nan  # stated by the first one
    ds = ds.assign(unknown=((*ALONG, "parameter"), unknown)).assign_coords(parameter=drawn)
    assert answer(ds).basis == (
        "This rests on 3 numbers that no source states, drawn from priors (drift exponent, spread "
        "of drift exponents, share stuck at g_max), 1 from memory (smallest conductance), 1 "
        "illustrative (retention) and 1 that no source states, left out (levels)."
    )
    ends = answer(ds.assign(energy=("candidate", [1e-9, 1e-10], ds["energy"].attrs)))
    assert ends.basis.startswith("This rests, for A, on 3 numbers that no source states")
    assert "; for B, on 4 numbers that no source states" in ends.basis  # read noise too
    seen = sourced(ds.drop_vars("unknown"), {"device.g_max": "seen"})
    assert (
        answer(seen).basis
        == "This rests on numbers that were seen in sources, or derived from them."
    )


def test_numbers_are_counted_in_one_way_everywhere():
    """Parameters that are drawn by their own paths; never what no study draws."""
    numbers = {"device.g_min": "recalled", "device.levels": "missing", "device.drift": "missing",
               "device.short_term": "missing"}  # fmt: skip
    ds = sourced(results([0.96, 0.9], [1e-9, 1e-10]), numbers)
    drawn = ["device.drift.nu", "device.drift.spread"]
    ds = ds.assign(unknown=((*ALONG, "parameter"), np.full((2, 8, 2), 0.1))).assign_coords(
        parameter=drawn
    )
    text = (
        "2 numbers that no source states, drawn from priors (drift exponent, spread of drift "
        "exponents), 1 from memory (smallest conductance) and 1 that no source states, left out "
        "(levels)"
    )
    one = ds.isel(candidate=[0])
    assert answer(one).basis == f"This rests on {text}."
    found = {each.title: each for each in document(studied(one)).sections}
    assert found["Unconfirmed numbers behind the Pareto set"].brief[0].text.startswith("a 4; ")
    lines = [item.text for item in found["Unknown, by material"].blocks[0].items]
    assert lines[0].startswith("drawn from their priors in each realisation: a 2;")
    assert lines[1].startswith("left out: a 1: ")


def test_numbers_that_are_left_out_of_a_comparison_are_named_as_a_favour():
    ds = sourced(results([0.96, 0.9], [1e-9, 2e-9]), {"device.drift": "missing"})
    favour = (
        "Numbers that no source states are left out, which favours the materials that have been "
        "measured least."
    )
    assert answer(ds).sentences[-1] == (
        f"This rests on 1 number that no source states, left out (drift). {favour}"
    )
    assert favour not in answer(ds.isel(candidate=[0])).basis  # no comparison
    shared = sourced(ds, {"device.short_term": "missing"})
    assert favour not in answer(shared).basis  # left out of all
    known = json.loads(ds.attrs["sources"])
    for each in known["materials"].values():
        each["unknown"] = ["device.stuck_at.g_max"]
    assert favour not in answer(ds.assign_attrs(sources=json.dumps(known))).basis


def test_a_number_that_the_user_states_is_not_counted():
    ds = sourced(results([0.96, 0.9], [1e-9, 2e-9]), {"device.drift": "missing"})
    known = json.loads(ds.attrs["sources"])
    for each in known["materials"].values():
        each["given"] = ["device.drift.nu"]
    ds = ds.assign(unknown=((*ALONG, "parameter"), np.full((2, 8, 2), 0.1)))
    ds = ds.assign_coords(parameter=["device.drift.nu", "device.drift.spread"])
    assert "2 numbers that no source states, drawn" in answer(ds).basis
    stated = answer(ds.assign_attrs(sources=json.dumps(known))).basis
    assert "1 number that no source states, drawn from priors (spread of drift exp" in stated
    for each in known["materials"].values():
        each["given"].append("device.drift.spread")
        each["numbers"]["device.drift"]["given"] = True
    stated = answer(ds.assign_attrs(sources=json.dumps(known))).basis
    assert "no source states" not in stated


def test_a_cheaper_digital_machine_is_named():
    ds = results([0.96, 0.9], [3e-9, 4e-9])
    baseline = np.full((2, 2), 2e-9)
    ds = ds.assign(baseline_energy=(("candidate", "baseline"), baseline)).assign_coords(
        baseline=["int8_sram", "cpu"]
    )
    assert answer(ds).cautions == (
        "8-bit digital multipliers with the weights in SRAM take less energy: 2.00 nJ.",
    )
    assert not answer(ds.assign(energy=ds["energy"] / 4)).cautions


def by_source(ds, energies, used="survey"):
    """Add energies by the source of ADC costs, (candidate, source) in J."""
    names = ["survey", "isaac"][: np.shape(energies)[1]]
    ds = ds.assign(
        energy_by_source=(("candidate", "adc_source"), np.asarray(energies), ds["energy"].attrs)
    ).assign_coords(adc_source=names)
    costs = {"used": used, "bits": 8, "node": 2.2e-8, "joules": {name: 1e-12 for name in names}}
    return ds.assign_attrs(converter_costs=json.dumps(costs))


@pytest.mark.parametrize(
    ("energies", "digital", "rests"),
    [
        ([[9e-9, 1e-9], [4e-9, 3e-9]],
         "energy than no. 0: 2.00 nJ, by the ADC costs of survey, not of isaac.",
         "Energy rests on the source of ADC costs, here survey: no. 0 takes 1.00 nJ (isaac) to "
         "9.00 nJ (survey)."),
        ([[9e-9, 8e-9], [4e-9, 3e-9]], "energy: 2.00 nJ, by every source of ADC costs.", ""),
        ([[9e-9], [4e-9]], "energy: 2.00 nJ.", ""),
        # Cheaper by the source that is used alone.
        ([[1.4e-9, 3e-9], [1e-9, 1.2e-9]],
         "energy than no. 0: 2.00 nJ, by the ADC costs of isaac, not of survey.",
         "Energy rests on the source of ADC costs, here survey: no. 0 takes 1.40 nJ (survey) to "
         "3.00 nJ (isaac)."),
    ],
)  # fmt: skip
def test_what_rests_on_the_source_of_adc_costs_states_it(energies, digital, rests):
    used = [row[0] for row in energies]
    ds = by_source(results([0.96, 0.9], used), energies)
    baseline = np.full((2, 1), 2e-9)
    ds = ds.assign(baseline_energy=(("candidate", "baseline"), baseline)).assign_coords(
        baseline=["int8_sram"]
    )
    found = answer(ds)
    assert found.chosen == (0, 1)
    assert any(text.endswith(digital) for text in found.cautions)
    assert found.basis == rests


def test_the_band_of_sources_is_of_the_candidates_chosen():
    """The best by accuracy is off the Pareto set, as another is as good and takes less energy."""
    ds = by_source(results([0.961, 0.96, 0.9], [9e-9, 5e-9, 1e-9], "abb"),
                   [[9e-9, 1e-9], [5e-9, 1e-9], [1e-9, 1e-10]])  # fmt: skip
    assert answer(ds).chosen == (1, 2)
    sections = document(studied(ds)).sections
    texts = [block.text for each in sections for block in each.blocks
             if isinstance(block, Paragraph)]  # fmt: skip
    for lines in (texts, printed(ds).splitlines()):
        named = [line for line in lines if line.startswith("Energy of candidate")]
        assert [line.split()[3] for line in named] == ["1", "2"]


def test_sources_of_costs_are_not_mixed():
    """The cheaper estimate of the same circuit is no other choice."""
    ds = results(
        [0.96, 0.96], [3e-9, 1e-9], materials="aa",
        **{"periphery.adc_source": np.array(["survey", "isaac"], dtype=object)},
    )  # fmt: skip
    ds = ds.assign_attrs(axes=json.dumps([["periphery.adc_source", ["survey", "isaac"]]]))
    found = answer(ds)
    assert found.chosen == (0,)
    assert found.certainty == "It is the only candidate."


def test_a_study_of_learning_weighs_its_own_costs():
    ds = results([0.96, 0.93], [1.0, 1.0]).drop_vars("energy")
    ds = ds.assign(
        training_energy=("candidate", [2e-6, 1e-6], attrs("J", "lower", "training energy")),
        pulses_p999=("candidate", [10.0, 20.0], attrs("1", "lower", "pulses")),
    )
    text = answer(ds).choice
    assert "at training energy 2.00 µJ; for low training energy choose b (no. 1)" in text


def test_by_another_metric_the_best_in_it_is_chosen():
    ds = results([0.97, 0.95], [9e-9, 1e-9])
    found = answer(ds, by="energy")
    assert found.chosen == (1,)
    assert found.choice == "Choose b (no. 1): energy 1.00 nJ at accuracy 95.00 ± 0.07 %."


def printed(ds, *constraints, **options):
    console = Console(file=io.StringIO(), width=100)
    choose(ds, console, constraints, **options)
    return console.file.getvalue()


def test_select_answers_among_those_that_meet_a_specification():
    ds = results([0.97, 0.95], [9e-9, 1e-9])
    text = printed(ds, "energy <= 2 nJ")
    assert "Of those that meet this, choose b (no. 1): accuracy 95.00 ± 0.07 % at" in text
    assert "It is the only candidate." in text
    more = results([0.97, 0.95, 0.93], [9e-9, 2e-9, 1e-9], "abc", **{"tile.rows": [8, 16, 32]})
    both = printed(more, "energy <= 2 nJ")
    assert "Of those that meet this, for accuracy choose b (no. 1) with arrays of 16 rows:" in both
    assert "; for low energy choose c (no. 2) with arrays of 32 rows:" in both
    assert "Choose" not in printed(ds, "energy <= 2 pJ")
    weighted = printed(ds, weights={"accuracy": 1, "energy": 1})
    assert "Choose" in weighted
    assert "probability" not in weighted
    cautious = printed(ds, how="mean - 2 std")
    assert "mean-2std %" in cautious  # as the accuracy next to it
    assert "mean-2std 96.86 % at accuracy 97.00" in cautious
    assert "By accuracy, a is best with probability" in cautious


@pytest.mark.parametrize("shape", ["whole", "pending"])
def test_report_and_page_open_with_it(shape):
    ds = results([0.97, 0.95], [9e-9, 1e-9])
    ds = with_status(ds, pending=[1]) if shape == "pending" else ds
    first = document(studied(ds)).sections[0]
    found = answer(ds)
    assert first.title == "The answer"
    assert first.terminal
    assert [block.text for block in first.blocks if isinstance(block, Paragraph)] == [
        *found.sentences, *found.cautions,
    ]  # fmt: skip
