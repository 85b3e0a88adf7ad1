"""Energies by the source of ADC costs: no ranking rests on the source unsaid."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis.adc_sources import adc_sources
from matsweep.analysis.view import View
from matsweep.reporting import report
from matsweep.reporting.adc_sources import band, staying
from matsweep.reporting.choice import choose
from matsweep.reporting.figures.pareto import drawable

SOURCES = ("regression", "isaac", "survey")
# J: candidate 0 takes most conversions, candidate 1 most current; 2 has bits that isaac lacks.
ENERGY = np.array([[1e-9, 2e-9, 9e-9], [3e-9, 3.1e-9, 4e-9], [5e-9, np.nan, 6e-9]])


def results(rows=(0, 1), used="survey", **coords):
    """Return a study whose energies differ by source, of two realisations at one time."""
    along = ("candidate", "realisation", "time")
    joule = {"units": "J", "better": "lower"}
    by_source = np.broadcast_to(ENERGY[list(rows), None, None], (len(rows), 2, 1, 3))
    number = SOURCES.index(used)
    return xr.Dataset(
        {
            "accuracy": (along, np.broadcast_to(0.9, (len(rows), 2, 1)),
                         {"units": "1", "better": "higher"}),
            "energy": (along, by_source[..., number], joule),
            "energy_by_source": ((*along, "adc_source"), by_source, joule),
            "status": ("candidate", np.ones(len(rows), np.int8),
                       {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}),
            "error": ("candidate", np.full(len(rows), "").astype(object)),
        },
        coords={
            "material": ("candidate", [f"m{row}" for row in rows]),
            "adc_source": list(SOURCES), "time": [1.0], **coords,
        },
        attrs={"converter_costs": json.dumps(
            {"used": used, "bits": 8, "node": 2.2e-8,
             "joules": {"regression": 8e-13, "survey": 3.75e-11}}
        )},
    )  # fmt: skip


def test_energies_by_source_and_the_lowest_by_each():
    sources = adc_sources(View(results()))
    assert sources.used == "survey"
    assert sources.of(0) == {"regression": 1e-9, "isaac": 2e-9, "survey": 9e-9}
    assert sources.lowest() == {"regression": 0, "isaac": 0, "survey": 1}
    # By survey both could be equally accurate, and only candidate 1 is Pareto-optimal.
    assert sources.staying() == {"regression": 0, "isaac": 0}


def test_a_source_without_the_bits_of_all_candidates_ranks_none():
    sources = adc_sources(View(results(rows=(0, 2))))
    assert sources.of(1) == {"regression": 5e-9, "survey": 6e-9}
    assert sources.lowest() == {"regression": 0, "survey": 1}
    assert set(sources.staying()) == {"regression"}
    alone = adc_sources(View(results(rows=(2,))))
    assert alone.names == ("regression", "survey")


def test_results_without_energies_by_source_say_nothing():
    view = View(results().drop_vars("energy_by_source"))
    assert adc_sources(view) is None
    assert list(band(view, 0)) == []
    assert staying(view, None) == ""


def test_a_study_that_trains_is_judged_by_its_training_energy():
    ds = results()
    ds = ds.assign(
        training_energy=ds["energy"].isel(time=0),
        training_energy_by_source=ds["energy_by_source"].isel(time=0) * 1e6,
    )
    ds.attrs["objectives"] = json.dumps(["accuracy", "training_energy"])
    sources = adc_sources(View(ds))
    assert sources.metric == "training_energy"
    assert sources.of(0) == pytest.approx({"regression": 1e-3, "isaac": 2e-3, "survey": 9e-3})
    assert sources.staying() == {"regression": 0, "isaac": 0}
    assert next(band(View(ds), 1)).startswith("Training energy of candidate 1 by the source of")


def test_where_the_source_is_swept_no_one_is_used():
    swept = {"periphery.adc_source": ("candidate", ["survey", "regression"])}
    assert adc_sources(View(results(**swept))).used is None


def test_a_choice_states_the_band_and_what_rests_on_the_source():
    out = io.StringIO()
    choose(results(), Console(file=out, width=200), ["accuracy >= 0.5"], by="energy")
    text = " ".join(out.getvalue().split())
    assert (
        "Energy of candidate 1 by the source of ADC costs: 4.00 nJ by survey, here used; "
        "3.00 nJ (regression) to 4.00 nJ (survey)."
    ) in text
    assert (
        "The lowest energy rests on the source of ADC costs: "
        "candidate 0 (m0) by regression and isaac; candidate 1 (m1) by survey."
    ) in text


def test_a_choice_that_rests_on_no_source_is_reported_as_such():
    ds = results()
    ds["energy_by_source"] = ds["energy_by_source"].copy(deep=True)
    ds["energy_by_source"][1] = 1e-8
    assert "Lowest energy by every source: candidate 0 (m0)." in list(band(View(ds), 0))


def test_the_lowest_energy_is_of_a_useful_candidate():
    """Candidate 0 has the lowest energy by two sources, and hardly beats guessing."""
    ds = results().assign_attrs(reference='{"accuracy": 0.95}', chance='{"accuracy": 0.1}')
    ds["accuracy"] = ds["accuracy"].copy(deep=True)
    ds["accuracy"][0] = 0.3
    assert "Lowest energy by every source: candidate 1 (m1)." in list(band(View(ds), 1))


@pytest.mark.parametrize("where", ["answer", "ADC costs"])
def test_a_report_states_them(tmp_path, where):
    out = io.StringIO()
    report(results(), Console(file=out, width=200), tmp_path)
    text = " ".join(out.getvalue().split())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    if where == "answer":
        assert "Energy of candidate 1 by the source of ADC costs: 4.00 nJ by survey" in page
        assert "The lowest energy rests on the source of ADC costs" in page
    else:
        assert "the survey is the median of published converters" in text
        assert "also Pareto-optimal by another source: 0 (regression), 0 (isaac)" in text


def swept():
    """Two candidates by each of two sources, the second of which states ten times the energy."""
    ds = results((0, 1))
    both = xr.concat([ds, ds.assign(energy=10 * ds.energy)], "candidate", data_vars="minimal")
    source = ("candidate", ["survey", "survey", "isaac", "isaac"])
    names = [{"name": name, "values": None} for name in ("material", "periphery.adc_source")]
    return both.assign_coords({"periphery.adc_source": source}).assign_attrs(axes=json.dumps(names))


def test_scores_and_regrets_are_of_candidates_by_the_same_source():
    """Energies by the dearer source stretch no scale, and are no regret."""
    ds, alone = swept(), results((0, 1))
    score = ds.matsweep.score({"energy": 1}).values
    np.testing.assert_array_equal(score[:2], alone.matsweep.score({"energy": 1}).values)
    np.testing.assert_array_equal(score[2:], score[:2])
    times = [each.isel(time=[0, 0]).assign_coords(time=[1.0, 2.0]) for each in (ds, alone)]
    regret, plain = (each.matsweep.robust("energy", "regret").values for each in times)
    np.testing.assert_array_equal(regret[:2], plain)
    np.testing.assert_allclose(regret[2:], 10 * plain)


def test_pictures_are_of_candidates_by_one_source():
    assert drawable(View(swept())).tolist() == [0, 1]
