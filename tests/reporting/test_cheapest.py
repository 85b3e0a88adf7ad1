"""The least energy that keeps the accuracy, and its picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis import cheapest
from matsweep.core.checks import UserError
from matsweep.reporting import cheapest_figure, report

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


def test_with_one_axis_there_are_bars_only():
    ds = array_study()
    figure = cheapest_figure(ds.isel(candidate=ds["tile.rows"].values == 64))
    assert len(figure.axes) == 1


def test_a_loss_that_nothing_keeps_is_an_error():
    with pytest.raises(UserError, match=r"no candidate is within 0\.001"):
        cheapest_figure(array_study(), loss=0.001)
    with pytest.raises(UserError, match="hold no energy_breakdown"):
        cheapest_figure(array_study().drop_vars("energy_breakdown"))


def test_a_report_saves_the_picture_and_tells_the_costs_of_converters(tmp_path):
    console = Console(record=True, width=200)
    written = report(array_study(), console, tmp_path)
    assert tmp_path / "energy.png" in written
    text = console.export_text()
    assert "one conversion of 8 bits at 22.0 nm: regression 800 fJ, survey 37.5 pJ" in text
