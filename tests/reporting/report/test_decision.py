"""What a report says to decide by."""

from __future__ import annotations

import io
from html import escape

import numpy as np
import pytest
from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.reporting import report
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Figure, Items, Paragraph
from matsweep.reporting.report.pictures import required_name
from matsweep.reporting.report.study import studied
from tests.synthetic import study


def section(title, ds, **given):
    made = document(studied(ds, **given))
    return next((each for each in made.sections if each.title.startswith(title)), None)


def test_the_order_comes_with_its_probability():
    ds = study()
    found = section("How sure", ds)
    table = found.blocks[0]
    stability = ds.matsweep.stability("accuracy")
    assert [row[0] for row in table.rows] == stability["option"].values.tolist()
    assert sum(float(row[1]) for row in table.rows) == pytest.approx(1, abs=0.03)
    assert section("How sure", study(materials=("pcm_gst",))) is None
    assert "is unknown" in section("How sure", study(realisations=1)).blocks[0].text


def test_requirements_are_told_and_drawn_for_each_material():
    ds = study(materials=("pcm_gst", "sonos"))
    assert section("What is required", ds) is None
    found = section("What is required", ds, target="accuracy >= 85 %")
    names, lists, maps = (
        [block for block in found.blocks if isinstance(block, kind)]
        for kind in (Paragraph, Items, Figure)
    )
    assert [block.text for block in names] == ["pcm_gst:", "sonos:"]
    wanted = ds.matsweep.requirements("accuracy >= 85 %", material="sonos")
    assert [item.text for item in lists[1].items] == list(wanted.specification())
    assert [block.name for block in maps] == ["required_0", "required_1"]
    shades, *others = maps[1].plot["data"]
    across, up = wanted.shown()
    grid = wanted.map(across, up, 61)
    np.testing.assert_allclose(shades["z"], 100 * grid.values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shades["x"], 100 * grid[across].values, rtol=1e-5)  # a fraction
    np.testing.assert_allclose(shades["y"], grid[up].values, rtol=1e-5)
    dots = {trace["name"]: len(trace["x"]) for trace in others if "candidate" in str(trace["name"])}
    met = int(wanted.met.sum())
    assert dots == {"candidate, met": met, "candidate, not met": wanted.met.size - met}
    (family,) = wanted.families
    own = others[-1]
    assert own["name"].startswith(escape(family.label))
    assert own["x"] == [pytest.approx(100 * family.position[across])]


def test_what_one_parameter_must_be_is_a_line():
    ds = study(materials=("pcm_gst",), bits=(8,), scales=tuple(np.linspace(0, 0.06, 12)))
    found = section("What is required", ds, target="accuracy >= 85 %").blocks[-1]
    traces = {trace.get("name"): trace for trace in found.plot["data"]}
    wanted = ds.matsweep.requirements("accuracy >= 85 %")
    at = traces["fit"]["x"][60] / 100
    assert traces["fit"]["y"][60] == pytest.approx(100 * wanted.surrogate.mean([[at]])[0], rel=1e-4)
    assert traces["target"]["y"] == [85.0, 85.0]
    assert found.plot["layout"]["yaxis"]["title"]["text"] == "accuracy (%)"


def test_pictures_of_what_is_required_and_decides_are_saved(tmp_path):
    ds = study(materials=("pcm_gst", "sonos"), realisations=4)
    written = report(
        ds, Console(file=io.StringIO()), tmp_path, target="accuracy >= 85 %", sensitivity=True,
        markdown=True, html=False,
    )  # fmt: skip
    names = {path.name for path in written if path.suffix == ".png"}
    assert names == {
        "pareto.png", "distribution.png", "parallel.png", "sensitivity.png",
        "required_pcm_gst.png", "required_sonos.png",
    }  # fmt: skip
    page = (tmp_path / "report.md").read_text()
    assert all(f"({name})" in page for name in names)
    assert required_name("../etc/x y") == "required_-etc-x-y"


def test_what_cannot_be_required_is_told(tmp_path):
    one = study(materials=("pcm_gst",), scales=(0.0,), bits=(8,))
    assert "Unknown" in section("What is required", one, target="accuracy >= 85 %").blocks[0].text
    console = Console(file=io.StringIO())
    for target, why in (
        ("accuracy", "NAME OPERATOR VALUE"), ("acuracy >= 1 %", "did you mean accuracy"),
        ("accuracy >= 96 pJ", "accuracy"), ("accuracy >= 95", "did you mean accuracy >= 95 %"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=why):
            report(study(), console, tmp_path / "r", target=target)
    assert not (tmp_path / "r").exists()


def test_what_decides_is_told_where_it_was_asked_for():
    ds = study(materials=("pcm_gst",), scales=(0.0, 0.02, 0.05), bits=(4, 5, 6, 7, 8))
    assert section("What decides", ds) is None
    found = section("What decides", ds, sensitivity=True)
    assert [row[0] for row in found.blocks[0].rows] == [
        "device.programming_error.scale", "tile.adc.bits",
    ]  # fmt: skip
    table, method, meaning, ranges, pairs, picture = found.blocks
    assert table.headings == ("parameter", "from … to", "S1", "ST")
    assert [row[1] for row in table.rows] == ["0 % to 5 %", "4 to 8"]
    assert "Method:" in method.text
    assert meaning.text.startswith("S1: share of the variance of accuracy that a parameter causes")
    assert "over a wider range a parameter decides more" in ranges.text
    assert pairs.text.startswith(("Strongest interaction: scale and bits, ", "No interaction"))
    assert "Ranges: " in picture.caption
    alone, together, *_ = picture.plot["data"]
    wanted = ds.matsweep.sensitivity("accuracy")
    largest = int(np.argmax(wanted["ST"].values))
    assert together["x"][0] == pytest.approx(float(wanted["ST"][largest]), rel=1e-4)
    assert alone["error_x"]["array"][0] == pytest.approx(
        float(wanted["S1_conf"][largest]), rel=1e-4
    )
    assert together["text"][0] == ("scale", "bits")[largest]
