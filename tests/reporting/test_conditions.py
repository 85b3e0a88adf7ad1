"""Conditions in reports: sentences, table and pictures, of studies whose answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from matsweep.analysis.reranking import rerankings
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting import report
from matsweep.reporting.choice import choose
from matsweep.reporting.figures import interactive, printed
from matsweep.reporting.figures.conditions import conditions_figure, conditions_picture
from matsweep.reporting.figures.marks import Series
from matsweep.reporting.report.conditions import conditions, sentence
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Table
from matsweep.reporting.report.study import studied
from matsweep.reporting.view import Pages
from matsweep.results import open_results
from tests.conditioned import DAY, NOISE, conditioned, stored
from tests.synthetic import study

SWAPPED = {"pcm_gst": (0.90, 0.94), "hfox_vcm": (0.80, 0.96), "sonos": (0.95, 0.95)}


def said(ds):
    view = View(ds)
    return [sentence(view, change) for change in rerankings(view)]


def described(ds):
    view = View(ds)
    return conditions_picture(view, rerankings(view))


def test_the_sentence_states_ranks_gains_and_the_correlation():
    (text,) = said(conditioned(SWAPPED))
    assert text.startswith(
        "Training at noise 0.05 moves sonos from rank 1 to 2, pcm_gst from rank 2 to 3 and "
        "hfox_vcm from rank 3 to 1, 3 of 3 ranks beyond the error; "
    )
    assert "hfox_vcm gains 16.00 points and pcm_gst 4.00 points after" in text
    assert "after 1 day; τ = -0.33 ± 0.00" in text
    assert "sonos gains" not in text


def test_no_change_is_stated_as_such():
    (text,) = said(conditioned({name: (value, value) for name, (value, _) in SWAPPED.items()}))
    assert text == (
        "Training at noise 0.05 leaves the ranking as it is; no family gains or loses beyond the "
        "error after 1 day; τ = 1.00 ± 0.00."
    )


def test_a_gain_within_the_noise_is_not_called_one():
    ds = conditioned({"a": (0.900, 0.905), "b": (0.902, 0.901)}, own=0.03)
    (text,) = said(ds)
    assert "changes no rank beyond the error (within it" in text
    assert "no family gains or loses beyond the error" in text


def test_a_single_family_and_a_single_realisation_have_their_own_words():
    (text,) = said(conditioned({"a": (0.9, 0.92)}, times=(20.0,)))
    assert text.startswith("Training at noise 0.05: a gains 2.00")
    assert "τ" not in text
    (text,) = said(conditioned(SWAPPED, realisations=1))
    assert "a single realisation has no error" in text
    assert "its error unknown" in text


def test_few_realisations_and_families_have_no_error_of_the_correlation():
    (text,) = said(conditioned(SWAPPED, own=0.03, realisations=2))
    assert "its error cannot be told from 2 realisations" in text
    assert "τ = " not in text
    (text,) = said(conditioned({"a": (0.9, 0.7), "b": (0.7, 0.9)}, own=0.01))
    assert "two families are too few for a correlation of the rankings" in text
    assert "τ" not in text


def test_equal_differences_of_two_realisations_have_no_error():
    ds = conditioned({"a": (0.9, 0.9), "b": (0.8, 0.8), "c": (0.7, 0.7)}, realisations=2)
    (text,) = said(ds)
    assert "the error of a, b and c cannot be told: two realisations differ equally" in text
    effects = ds.matsweep.effects()
    assert np.isnan(effects["low"]).all()
    assert np.isnan(effects["standard_error"]).all()


def test_another_baseline_is_named():
    texts = said(conditioned({"a": (0.9, 0.92), "b": (0.8, 0.7)}, ("0.02", "0.05")))
    assert texts[0].startswith("Training at noise 0.05 against training at noise 0.02 ")


def test_the_section_has_a_table_of_all_families_conditions_and_times():
    ds = conditioned(SWAPPED, times=(20.0, 3600.0, DAY))
    section = conditions(studied(ds))
    assert section.title == "Compared by noise of training"
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.headings == (
        "material", "condition", "rank", "accuracy %", "gain, 20 s", "gain, 1 h", "gain, 1 day",
    )  # fmt: skip
    assert [row[:3] for row in table.rows] == [
        ("sonos", "none", "1"), ("", "0.05", "2"), ("pcm_gst", "none", "2"), ("", "0.05", "3"),
        ("hfox_vcm", "none", "3"), ("", "0.05", "1"),
    ]  # fmt: skip
    assert table.rows[1][4].startswith("(")  # a gain of 0 is within the error


def test_the_section_stands_in_the_report_of_such_a_study_only(tmp_path):
    console = Console(record=True, width=120)
    report(conditioned(SWAPPED), console, tmp_path, html=True, markdown=True)
    text = console.export_text()
    assert "Compared by noise of training" in text
    assert "rank 3 to 1" in " ".join(text.split())
    assert (tmp_path / "conditions.png").exists()
    assert "from rank 3 to 1" in (tmp_path / "report.md").read_text()
    assert "Accuracy by noise of training" in (tmp_path / "report.html").read_text()
    for ds in (study(), conditioned(SWAPPED, stated=False)):
        assert conditions(studied(ds)) is None
        assert all("Compared by" not in each.title for each in document(studied(ds)).sections)


def test_without_pairs_the_section_says_how_to_get_them():
    ds = conditioned({"a": (0.9, 0.8), "b": (0.9, 0.7)}, bits=(6, 8)).isel(candidate=[0, 3])
    section = conditions(studied(ds))
    assert "sweep it with design=grid" in section.blocks[0].text
    with pytest.raises(UserError, match="alone"):
        conditions_figure(ds)


@pytest.mark.parametrize("clean", [(), (0.99, 0.985)])
@pytest.mark.parametrize("times", [(20.0,), (20.0, DAY)])
def test_both_renderers_draw_the_picture(times, clean):
    picture = described(conditioned(SWAPPED, times=times, clean=clean, own=0.004))
    assert len(picture.rows[0]) == len(times)
    lasting = {"no training", "training at noise 0.05"} if len(times) > 1 else set()
    floating = {"in floating point"} if clean else set()
    guides = {"floating point, 99 %", "useful from 90.1 %"}
    assert set(picture.legend) == {*SWAPPED, *lasting, *floating, *guides}
    assert len(printed.draw(picture).axes) == len(times)
    plotted = interactive.plot(picture)
    assert json.dumps(plotted, allow_nan=False)
    assert "conditions" in picture.name


def test_the_picture_has_the_means_and_their_standard_errors():
    ds = conditioned(SWAPPED, times=(20.0,), shared=0.02)
    (panel,) = described(ds).rows[0]
    lines = {mark.name: mark for mark in panel.marks if isinstance(mark, Series)}
    line = lines["hfox_vcm"]
    assert line.y == pytest.approx(SWAPPED["hfox_vcm"])
    rows = ds["accuracy"].sel(time=20.0).values[ds["material"].values == "hfox_vcm"]
    assert line.y_bars[0] == pytest.approx(rows.std(axis=1, ddof=1) / np.sqrt(8))
    assert [text for _, text in panel.x.ticks] == ["none", "0.05"]


def test_line_styles_are_conditions_and_colours_families():
    panel = described(conditioned(SWAPPED)).rows[0][0]
    lines = [mark for mark in panel.marks if isinstance(mark, Series) and mark.name in SWAPPED]
    assert {mark.look.line for mark in lines} == {"dash", "solid"}
    assert len({mark.look.colour for mark in lines}) == len({m.look.marker for m in lines}) == 3
    assert all(mark.look.hollow == (mark.look.line == "dash") for mark in lines)  # in grey too


def test_many_lines_leave_the_condition_of_most_gain():
    many = {name: (0.8, 0.81, 0.9, 0.85) for name in "abcd"}
    picture = described(conditioned(many, (None, 0.0, 0.05, 0.1)))
    assert "training at noise 0.05" in picture.legend
    assert "training at noise 0.1" not in picture.legend
    assert "largest mean gain" in picture.caption


def test_clean_merits_of_families_that_differ_are_drawn_for_each():
    ds = conditioned(SWAPPED, times=(20.0,), clean=(0.99, 0.985))
    ds["float_merit"][1] = 0.97  # of PCM with noise, as trained on its own devices
    (panel,) = described(ds).rows[0]
    hollow = [m for m in panel.marks if isinstance(m, Series) and m.look.hollow and len(m.x) > 1]
    assert len(hollow) == 3


def test_select_names_the_condition():
    console = Console(record=True, width=140)
    choose(conditioned(SWAPPED, own=0.003), console, ["noise == none"])
    text = " ".join(console.export_text().split())
    assert "3 of 6 done candidates meet noise == none" in text
    assert "no training" in text
    console = Console(record=True, width=140)
    choose(conditioned(SWAPPED, own=0.003), console)
    lines = console.export_text().splitlines()
    heading = next(line for line in lines if "material" in line)
    assert "noise" in heading
    assert any(" none " in line for line in lines)
    assert not any("null" in line for line in lines)


def test_settings_that_gain_and_lose_are_counted():
    ds = conditioned({"a": (0.9, 0.92), "b": (0.8, 0.7), "c": (0.7, 0.7)}, bits=(6, 8))
    (text,) = said(ds)
    assert text.endswith("of all 6 settings 2 gain and 2 lose beyond the error.")


def test_a_stored_study_keeps_its_conditions(tmp_path):
    ds = open_results(stored(conditioned(SWAPPED), tmp_path / "s.zarr"))
    assert View(ds).conditions == [NOISE]
    assert said(ds) == said(conditioned(SWAPPED))
    assert "Compared by noise of training" in Pages(tmp_path / "s.zarr").page()


def test_a_family_far_below_the_others_is_drawn_whole():
    merits = {"a": (0.97, 0.98), "b": (0.96, 0.97), "c": (0.2, 0.35)}
    picture = described(conditioned(merits, own=0.2))
    for panel in picture.rows[0]:
        low, high = panel.y.limits
        lines = [mark for mark in panel.marks if isinstance(mark, Series) and mark.name in merits]
        assert {mark.name for mark in lines} == set(merits)
        assert all(((low < mark.y) & (mark.y < high)).all() for mark in lines)
        assert not panel.y.cut
        assert not panel.x.note
