"""The least energy that keeps the accuracy, and its picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis import cheapest
from matsweep.analysis.alike import alike
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting import cheapest_figure, report
from matsweep.reporting.figures.breakdown import cheapest_picture

ROWS, BITS = (32, 64, 128), (4, 6, 8)
PARTS = ("cells", "adc", "leakage")


def array_study(materials=("pcm_gst", "ecram_li")):
    """Return results that cost most in ADCs of many bits, and are exact with 6 bits or more."""
    rows = [(m, r, b) for m in range(len(materials)) for r in ROWS for b in BITS]
    accuracy = np.array([0.97 - 0.1 * (b < 6) - 0.004 * m for m, r, b in rows])
    parts = np.array([[1e-9 * (1 + m), 2.0**b * 1e-10 * 32 / r, 1e-12] for m, r, b in rows])
    along = ("candidate", "realisation", "time")
    joule = {"units": "J", "better": "lower", "long_name": "energy of one inference"}
    shape = (len(rows), 2, 1)
    return xr.Dataset(
        {
            "accuracy": (along, np.broadcast_to(accuracy[:, None, None], shape),
                         {"units": "1", "better": "higher"}),
            "energy": (along, np.broadcast_to(parts.sum(-1)[:, None, None], shape), joule),
            "energy_breakdown": ((*along, "component"),
                                 np.broadcast_to(parts[:, None, None], (*shape, 3)), joule),
            "baseline_energy": (("candidate", "baseline"), np.full((len(rows), 2), 2e-9)),
            "status": ("candidate", np.ones(len(rows), np.int8),
                       {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}),
            "error": ("candidate", np.full(len(rows), "").astype(object)),
        },
        coords={
            "material": ("candidate", [materials[m] for m, _, _ in rows]),
            "tile.rows": ("candidate", [r for _, r, _ in rows]),
            "adc.bits": ("candidate", [b for _, _, b in rows]),
            "component": list(PARTS), "baseline": ["int8_sram", "brain"], "time": [1.0],
        },
        attrs={
            "float_accuracy": 0.975,
            "axes": json.dumps([{"name": n, "values": None}
                                for n in ("material", "tile.rows", "adc.bits")]),
            "converter_costs": json.dumps({"used": "regression", "bits": 8, "node": 2.2e-8,
                                           "joules": {"regression": 8e-13, "survey": 3.75e-11}}),
        },
    )  # fmt: skip


def test_the_cheapest_keeps_the_accuracy():
    best = cheapest(array_study())
    assert list(best["material"].values) == ["pcm_gst", "ecram_li"]
    assert set(best["adc.bits"].values) == {6}
    assert set(best["tile.rows"].values) == {128}
    assert list(cheapest(array_study(), loss=0.006)["material"].values) == ["pcm_gst"]
    assert set(cheapest(array_study(), loss=0.2)["adc.bits"].values) == {4}


def test_the_picture_maps_each_material_and_stacks_components():
    figure = cheapest_figure(array_study())
    maps, bars = figure.subfigs
    titles = [axes.get_title(loc="left") for axes in maps.axes[:2]]
    assert titles == ["(a) pcm_gst: 2.60 nJ", "(b) ecram_li: 3.60 nJ"]
    (panel,) = bars.axes
    labels = [text.get_text() for text in bars.legends[0].get_texts()]
    assert labels == ["cells", "ADC", "others"]
    widths = [sum(bar.get_width() for bar in bars) for bars in zip(*panel.containers, strict=True)]
    np.testing.assert_allclose(widths, [2.601e-9, 3.601e-9])


def test_energies_that_hardly_differ_have_one_colour_and_a_machine_has_its_meaning():
    ds = array_study()
    ds["energy"] = ds["energy"] * 0 + 1e-9 * (1 + 1e-3 * np.arange(18) / 18)[:, None, None]
    ds["energy"].attrs |= {"units": "J", "better": "lower"}
    *maps, bars = cheapest_picture(View(ds)).panels
    cells = maps[0].marks[0]
    assert cells.high / cells.low == pytest.approx(1.5)
    assert "8-bit digital multipliers" in bars.x.note
    assert "synaptic events in a human brain" in bars.x.note


def test_with_one_axis_there_are_bars_only():
    ds = array_study()
    figure = cheapest_figure(ds.isel(candidate=ds["tile.rows"].values == 64))
    assert len(figure.axes) == 1


def test_where_nothing_is_near_floating_point_what_is_useful_is_drawn():
    """90 % of the way from guessing, 0.1, to 0.975 is 0.8875; above the best nothing is useful."""
    ds = array_study().assign_attrs(reference='{"accuracy": 0.975}', chance='{"accuracy": 0.1}')
    picture = cheapest_picture(View(ds), loss=0.001)
    assert picture.heading == "crossed: not useful, accuracy below 88.8 %; framed: lowest energy"
    assert "Candidates that share all but the material." in picture.caption
    poor = ds.assign(accuracy=ds.accuracy - 0.5)
    assert "not within 1 % of the best accuracy" in cheapest_picture(View(poor)).heading


def test_bars_share_all_but_the_material():
    """PCM keeps the accuracy at 4 bits, ECRAM at 6 only: both are drawn at 6."""
    ds = array_study()
    good = (ds["material"] == "pcm_gst") & (ds["adc.bits"] == 4)
    ds["accuracy"] = ds.accuracy.where(~good, 0.975)
    chosen = alike(View(ds))
    assert chosen.shared
    one = ds.isel(candidate=chosen.rows)
    assert one["material"].values.tolist() == ["pcm_gst", "ecram_li"]
    assert set(one["adc.bits"].values) == {6}
    assert set(one["tile.rows"].values) == {128}
    assert cheapest(ds)["adc.bits"].values.tolist() == [4, 6]
    assert "Candidates that share all but the material." in cheapest_picture(View(ds)).caption


def test_where_no_setting_has_two_materials_the_bars_say_what_differs():
    ds = array_study()
    pcm = ds["material"] == "pcm_gst"
    part = ds.isel(candidate=(pcm & (ds["adc.bits"] == 8)) | (~pcm & (ds["adc.bits"] == 6)))
    chosen = alike(View(part))
    assert not chosen.shared
    assert (
        "The lowest energy of each material: they differ in bits too."
        in cheapest_picture(View(part)).caption
    )


def test_a_material_that_loses_more_in_the_shared_setting_is_named():
    ds = array_study(materials=("pcm_gst", "ecram_li", "sonos"))
    worse = ds.assign(accuracy=ds.accuracy.where(ds["material"] != "sonos", 0.5))
    picture = cheapest_picture(View(worse))
    assert "sonos: more than 1 % of accuracy lost." in picture.caption
    *_, bars = picture.panels
    assert [text for _, text in bars.y.ticks if "*" in text] == ["sonos*"]
    assert bars.x.title == "Energy of an inference"
    assert "* more than 1 % of accuracy lost" in bars.x.note
    assert alike(View(worse)).rows.size == 3


def test_a_picture_needs_the_parts_of_the_energy():
    with pytest.raises(UserError, match="hold no energy_breakdown"):
        cheapest_figure(array_study().drop_vars("energy_breakdown"))


def test_a_report_saves_the_picture_and_tells_the_costs_of_converters(tmp_path):
    console = Console(record=True, width=200)
    written = report(array_study(), console, tmp_path)
    assert tmp_path / "energy.png" in written
    text = console.export_text()
    assert "one conversion of 8 bits at 22.0 nm: regression 800 fJ, survey 37.5 pJ" in text
