"""Effect of the material on costs: planted energies, alike in all but the material."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis.alike import settings
from matsweep.analysis.moved import moved
from matsweep.analysis.view import View
from matsweep.reporting import report
from matsweep.reporting.report.circuits import decided

CELLS = {"pcm_gst": 1.0, "sonos": 1.3, "ecram_li": 1.6}
BITS = (4, 6, 8)


def made(cells=None, adc=10.0, accuracy=0.95, sources=("survey",)):
    """Return energies of cells (by material) and ADCs (by bits and source), in nJ."""
    cells = CELLS if cells is None else cells
    rows = [(m, b, s) for m in cells for b in BITS for s in sources]
    parts = np.array([
        [cells[m], adc * 2.0 ** (b - 6) * (1 + 9 * sources.index(s))] for m, b, s in rows
    ]) * 1e-9  # fmt: skip
    merit = np.array([accuracy[m] if isinstance(accuracy, dict) else accuracy for m, _, _ in rows])
    along = ("candidate", "realisation", "time")
    shape = (len(rows), 2, 1)
    joule = {"units": "J", "better": "lower", "long_name": "energy of one inference"}
    return xr.Dataset(
        {
            "accuracy": (along, np.broadcast_to(merit[:, None, None], shape),
                         {"units": "1", "better": "higher"}),
            "energy": (along, np.broadcast_to(parts.sum(-1)[:, None, None], shape), joule),
            "energy_breakdown": ((*along, "component"),
                                 np.broadcast_to(parts[:, None, None], (*shape, 2)), joule),
            "latency": ("candidate", np.full(len(rows), 1e-7), {"units": "s", "better": "lower"}),
            "status": ("candidate", np.ones(len(rows), np.int8),
                       {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}),
            "error": ("candidate", np.full(len(rows), "").astype(object)),
        },
        coords={
            "material": ("candidate", [m for m, _, _ in rows]),
            "adc.bits": ("candidate", [b for _, b, _ in rows]),
            "periphery.adc_source": ("candidate", [s for _, _, s in rows]),
            "component": ["cells", "adc"], "time": [1.0],
        },
        attrs={
            "reference": '{"accuracy": 0.98}', "chance": '{"accuracy": 0.1}', "merit": "accuracy",
            "axes": json.dumps([{"name": n, "values": None} for n in
                                ("material", "adc.bits", "periphery.adc_source")]),
        },
    )  # fmt: skip


def test_settings_are_the_values_of_all_axes_but_the_material():
    numbers = settings(View(made()))
    assert numbers.reshape(3, 3).T.tolist() == [[n, n, n] for n in numbers[:3].tolist()]
    assert len(set(numbers.tolist())) == 3


def test_the_change_by_the_material_is_the_median_over_settings():
    """0.6 nJ between cells of 1 to 1.6 nJ, on ADCs of 2.5, 10 and 40 nJ."""
    found = moved(View(made()), "energy")
    assert (found.settings, found.materials) == (3, 3)
    expected = [0.6 / (adc + 1.3) for adc in (2.5, 10.0, 40.0)]
    assert found.median == pytest.approx(expected[1])
    assert found.largest == pytest.approx(expected[0])
    assert (found.component, found.moving) == ("adc", "cells")
    assert found.part == pytest.approx(10 / 11.3)
    assert found.little
    assert moved(View(made()), "latency").largest == 0


def test_the_report_says_that_circuits_decide_or_that_the_material_does(tmp_path):
    text, latency = decided(View(made()))
    assert text == (
        "The choice of the material moves energy by 5.3 %, all else being equal (range over 3 "
        "materials relative to their mean, median of 3 settings, 16 % at most); the ADC is 88 % of "
        "it, and the cells differ most. Circuits decide."
    )
    assert latency == "The choice of the material does not move latency. Circuits decide."
    assert "Circuits decide" not in decided(View(made(adc=1.0)))[0]
    console = Console(record=True, width=300)
    report(made(), console, tmp_path)
    assert text in console.export_text()


def test_a_material_unlike_the_others_is_named():
    found = moved(View(made({**CELLS, "stt_mram": 60.0})), "energy")
    assert found.outlier == "stt_mram"
    assert found.without == pytest.approx(0.6 / 11.3)
    text = decided(View(made({**CELLS, "stt_mram": 60.0})))[0]
    assert "without stt_mram by 5.3 %" in text
    assert text.endswith(" most. Circuits decide among the others.")


def test_neither_sources_of_costs_nor_useless_candidates_are_mixed_in():
    """By the second source an ADC takes ten times as much, which no material does."""
    both = moved(View(made(sources=("survey", "isaac"))), "energy")
    assert both == moved(View(made()), "energy")
    cells = {**CELLS, "stt_mram": 60.0}
    merits = {**dict.fromkeys(CELLS, 0.95), "stt_mram": 0.13}
    assert moved(View(made(cells, accuracy=merits)), "energy") == moved(View(made()), "energy")


def test_without_a_pair_nothing_is_said():
    one = made({"pcm_gst": 1.0})
    assert moved(View(one), "energy") is None
    assert decided(View(one)) == []
