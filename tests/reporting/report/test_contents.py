"""What a report says of studies of all shapes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.printing import printable
from matsweep.core.units import percent, read_quantity, spellings
from matsweep.reporting.report import contents
from matsweep.reporting.report import study as studies
from matsweep.reporting.report.contents import SECTIONS, document
from matsweep.reporting.report.document import Candidates, Facts, Figure, Items, Paragraph
from matsweep.reporting.report.html import render
from matsweep.reporting.report.markdown import render as markdown
from matsweep.reporting.report.pdf import write as pdf
from matsweep.reporting.report.study import studied
from matsweep.reporting.texts import scaled
from tests.synthetic import attrs, study, with_status


def of(ds, **options):
    return document(studied(ds, **options))


def blocks(found, kind):
    return [block for section in found.sections for block in section.blocks if type(block) is kind]


def titles(found):
    return [section.title for section in found.sections]


def learning():
    """Return a study of networks that learn on their devices."""
    rng = np.random.default_rng(3)
    rising = 0.9 - 0.6 * np.exp(-np.arange(1, 6)) + 0.01 * rng.random((9, 2, 5))
    return xr.Dataset(
        {
            "learning_accuracy": (("candidate", "realisation", "epoch"), rising,
                                  attrs("1", "higher", "accuracy after epochs")),
            "accuracy": (("candidate", "realisation"), rising[..., -1],
                         attrs("1", "higher", "accuracy")),
            "training_energy": ("candidate", 1e-6 * np.arange(1, 10), attrs("J", "lower", "e")),
            "pulses_p999": ("candidate", np.arange(9.0), attrs("1", "lower", "pulses")),
            "status": ("candidate", np.ones(9, np.int8)),
        },
        {
            "device.noise": ("candidate", np.repeat([0.0, 0.1, 0.2], 3)),
            "tile.rows": ("candidate", np.tile([64, 128, 256], 3)),
            "epoch": np.arange(1, 6),
        },
    )  # fmt: skip


def physics():
    """Return a study that sweeps the physics of a device."""
    ds = study(materials=("sonos",), bits=(8,), realisations=2)
    ds = ds.rename({"device.programming_error.scale": "physics.gap"})
    ds = ds.drop_vars(["material", "tile.adc.bits"]).drop_attrs(deep=False)
    return ds.assign(
        retention=("candidate", 10.0 ** np.arange(4), attrs("s", "higher", "retention")),
        write_energy=("candidate", 1e-12 * np.arange(1, 5), attrs("J", "lower", "energy")),
    )


SHAPES = {
    "whole": lambda: study(realisations=2),
    "one candidate": lambda: study(("sonos",), (0.0,), (8,), 1, (20.0,)),
    "nothing done": lambda: with_status(study(realisations=2), pending=range(120)),
    "all failed": lambda: with_status(study(realisations=2), failed=range(120)),
    "no candidates": lambda: study(realisations=2).isel(candidate=slice(0, 0)),
    "no realisations": lambda: study(realisations=2).mean("realisation", keep_attrs=True),
    "no times": lambda: study(realisations=2).isel(time=0, drop=True),
    "bare": lambda: study(realisations=2)[["accuracy", "status"]].drop_attrs(deep=False)
        .drop_vars("material"),
    "no accuracy": lambda: study(realisations=2).drop_vars("accuracy"),
    "a part": lambda: study(realisations=2).matsweep.select(material="sonos"),
    "time 0": lambda: study(realisations=2, times=(1.0, 20.0)).assign_coords(time=[0.0, 20.0]),
    "learning": learning,
    "physics": physics,
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_a_page_in_every_format(shape, tmp_path):
    found = of(SHAPES[shape]())
    assert titles(found)[0] == "The answer"
    assert "The question" in titles(found)
    assert "<h2>The answer</h2>" in render(found)
    assert "## The answer" in markdown(found, tmp_path)
    assert pdf(found, tmp_path).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ("whole", ["pareto", "time", "distribution", "parallel"]),
        ("no realisations", ["pareto", "time", "parallel"]),
        ("no times", ["pareto", "distribution", "parallel"]),
        ("one candidate", ["pareto"]),
        ("bare", ["time", "distribution", "parallel"]),
        ("no accuracy", ["parallel"]),
        ("learning", ["pareto", "distribution", "learning_accuracy", "tradeoff", "parallel"]),
        ("physics", ["pareto", "time", "distribution", "tradeoff", "parallel"]),
        ("nothing done", []),
    ],
)
def test_figures_are_those_that_the_data_hold(shape, names):
    assert [figure.name for figure in blocks(of(SHAPES[shape]()), Figure)] == names


def test_sections_stand_in_their_order():
    ds = with_status(study(realisations=2), failed=[1]).assign_attrs(
        command="matsweep explore", provenance=json.dumps({"python": "3.12"})
    )
    found = titles(of(ds))
    assert found == [
        "The answer", "Figures", "The question", "The best and the Pareto set",
        "How sure is that?", "Candidates", "What the material moves",
        "Unconfirmed numbers behind the Pareto set", "Failures by cause", "References",
        "Provenance", "Configuration", "How to reproduce this",
    ]  # fmt: skip
    assert len(SECTIONS) == len(set(SECTIONS)) >= len(found)


def test_the_question_and_the_answer():
    ds = study(realisations=2)
    question, answer = blocks(of(ds), Facts)[:2]
    asked, told = dict(question.items), dict(answer.items)
    assert asked["swept: tile.adc.bits"] == "4, 5, 6, 7, 8, 10"
    assert asked["Pareto set of"] == "accuracy ↑, energy ↓, latency ↓, area ↓"
    assert asked["compared"] == "30 days after programming"
    best = ds.matsweep.rank().isel(candidate=0)
    assert told["best by accuracy"] == (
        f"ecram_metal_oxide (Metal-oxide ECRAM), no. {int(best['candidate'])}"
    )
    assert any("left off" in each.text for each in blocks(of(ds), Paragraph))
    last = best["accuracy"].isel(time=-1)
    assert told["accuracy"] == f"{percent(float(last.mean()), float(last.std(ddof=1)))} %"


def test_the_best_comes_with_those_that_are_not_told_apart():
    ds = study(realisations=8)
    best = int(ds.matsweep.rank()["candidate"][0])
    other = 5 if best != 5 else 6
    ds["accuracy"][other] = ds["accuracy"][best]
    energy = ds["energy"].values.copy()
    energy[other] = 2 * energy[best]
    ds["energy"] = (ds["energy"].dims, energy, ds["energy"].attrs)
    told = dict(blocks(of(ds), Facts)[1].items)
    assert told["best by accuracy"].endswith(f"no. {best}")
    listed = told["not told apart by accuracy"]
    assert listed.startswith(f"{ds['material'].values[other]} no. {other}")
    assert len(listed.split(", ")) == int(ds.matsweep.rank()["in_best_set"].sum()) - 1
    energy[other] = energy[best] / 2
    ds["energy"] = (ds["energy"].dims, energy, ds["energy"].attrs)
    assert dict(blocks(of(ds), Facts)[1].items)["best by accuracy"].endswith(f"no. {other}")
    assert int(ds.matsweep.rank()["candidate"][0]) == other
    assert int(ds.matsweep.rank("accuracy")["candidate"][0]) == min(best, other)


def test_what_was_swept_is_told_of_results_without_axes_too():
    ds = study(realisations=2)
    with_axes, without = (
        [item for item in blocks(of(each), Facts)[0].items if item[0].startswith("swept: ")]
        for each in (ds, ds.assign_attrs(axes="[]"))
    )
    assert dict(with_axes)["swept: tile.adc.bits"] == dict(without)["swept: tile.adc.bits"]
    assert {name for name, _ in with_axes} == {name for name, _ in without}


def test_other_objectives_are_answered_by():
    found = of(study(realisations=2), by="energy", objectives=["energy", "area"])
    question, answer = blocks(found, Facts)[:2]
    assert dict(question.items)["Pareto set of"] == "energy ↓, area ↓"
    assert "ferroelectric_fefet" in dict(answer.items)["best by energy"]


def test_dois_become_addresses_that_cannot_run():
    ds = study(realisations=2)
    stored = json.loads(ds.attrs["sources"])
    stored["references"]["joshi2020"]["doi"] = 'javascript:alert(1)" x="<'
    found = of(ds.assign_attrs(sources=json.dumps(stored)))
    links = [item.link for block in blocks(found, Items) for item in block.items if item.link]
    assert {link.address for link in links} == {
        "https://doi.org/javascript%3Aalert%281%29%22%20x%3D%22%3C",
        "https://doi.org/10.1109/ICECS46596.2019.8964852",
    }


@pytest.mark.parametrize("most", [10, 40])
def test_a_page_stays_of_bounded_size(monkeypatch, most):
    monkeypatch.setattr(contents, "MOST_ROWS", most)
    ds = study(realisations=2)
    found = of(ds)
    (table,) = blocks(found, Candidates)
    listed = next(column.values for column in table.columns if column.name == "candidate")
    ranked = ds.matsweep.rank()["candidate"].values.tolist()
    front = set(ds.matsweep.pareto()["candidate"].values.tolist())
    wanted = [number for place, number in enumerate(ranked) if place < most or number in front]
    assert list(listed) == wanted[: 2 * most]
    assert len(listed) < 120
    assert f"{len(listed)} of 120 done candidates" in str(blocks(found, contents.Paragraph))


def test_of_many_candidates_only_what_decides_is_read(monkeypatch):
    monkeypatch.setattr(studies, "_MANY", 100)
    ds = study(realisations=2)
    kept = studied(ds, objectives={"accuracy": "higher", "seconds": "lower"})
    assert "seconds" in kept.view.ds
    assert "seconds" not in studied(ds).view.ds
    assert "seconds" in studied(ds, target="seconds <= 1 h").view.ds
    assert document(studied(ds)).state == "120 done, 0 failed, 0 pending"


@pytest.mark.parametrize("unit", ["J", "s", "m2", "ohm", "V"])
@given(value=st.floats(1e-14, 1e9))
def test_an_axis_is_in_the_unit_it_names(unit, value):
    factor, written = scaled(np.array([value]), "x", unit)
    assert read_quantity(f"{factor * value!r} {written}", unit, "x") == pytest.approx(value, 1e-12)
    if unit in ("J", "V") and 1e-14 < value < 1e9:
        assert 0.99 <= factor * value < 1000.001


def test_spellings_are_those_that_constraints_read():
    for unit in ("J", "s", "m2", "ohm", "1"):
        known = spellings(unit)
        for text, factor in known.items():
            assert read_quantity(f"3 {text}", unit, "x") == pytest.approx(3 * factor, 1e-12)


@given(st.text())
def test_printable_text_has_no_control_characters(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert not any(c < " " and c not in "\t\n" for c in shown)
    shown.encode("utf-8")
