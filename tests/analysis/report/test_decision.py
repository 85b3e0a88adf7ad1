"""What a report says to decide by."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from matsweep.analysis import report
from matsweep.analysis.report.contents import document
from matsweep.analysis.report.study import studied
from matsweep.checks import UserError

from ..synthetic import study


def section(title, ds, **given):
    made = document(dataclasses.replace(studied(ds), **given))
    return next((each for each in made.sections if each.title.startswith(title)), None)


def test_the_order_comes_with_its_probability():
    ds = study()
    found = section("How sure", ds)
    table = found.blocks[0]
    stability = ds.matsweep.stability("accuracy")
    assert [row[0] for row in table.rows] == stability["option"].values.tolist()
    assert sum(float(row[1]) for row in table.rows) == pytest.approx(1, abs=0.03)
    assert section("How sure", study(materials=("pcm_gst",))) is None
    assert "is not known" in section("How sure", study(realisations=1)).blocks[0].text


def test_requirements_are_told_for_each_material():
    ds = study(materials=("pcm_gst", "sonos"))
    assert section("What is required", ds) is None
    found = section("What is required", ds, target="accuracy >= 85 %")
    texts = [block.text for block in found.blocks if hasattr(block, "text")]
    assert texts == ["pcm_gst:", "sonos:"]
    wanted = ds.matsweep.requirements("accuracy >= 85 %", material="sonos").specification()
    assert [item.text for item in found.blocks[-1].items] == list(wanted)


def test_what_cannot_be_required_is_told(tmp_path):
    one = study(materials=("pcm_gst",), scales=(0.0,), bits=(8,))
    assert (
        "Not to be said"
        in section("What is required", one, target="accuracy >= 85 %").blocks[0].text
    )
    console = Console(file=io.StringIO())
    with pytest.raises(UserError, match="NAME OPERATOR VALUE"):
        report(study(), console, tmp_path / "r", target="accuracy")
    assert not (tmp_path / "r").exists()


def test_what_decides_is_told_where_it_was_asked_for():
    ds = study(materials=("pcm_gst",), scales=(0.0, 0.02, 0.05), bits=(4, 5, 6, 7, 8))
    assert section("What decides", ds) is None
    found = section("What decides", ds, sensitivity=True)
    assert [row[0] for row in found.blocks[0].rows] == [
        "device.programming_error.scale", "tile.adc.bits",
    ]  # fmt: skip
    assert "Method:" in found.blocks[1].text
