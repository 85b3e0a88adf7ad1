"""Families that fail: named with what is stored of the cause, and the command that explains."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from matsweep.analysis.failing import failing_families
from matsweep.analysis.view import View
from matsweep.reporting import report
from matsweep.reporting.report.failing import sentence
from tests.synthetic import MATERIALS, study


def made(**values):
    """Return a study in which PCM ages below what is useful, 91 %, and HfOx never reaches it."""
    ds = study(realisations=2)
    facts = {"reference": '{"accuracy": 1.0}', "chance": '{"accuracy": 0.1}', "merit": "accuracy"}
    accuracy = np.full(ds["accuracy"].shape, 0.95)
    accuracy[(ds["material"] == "pcm_gst").values] = [0.94, 0.7, 0.5]
    accuracy[(ds["material"] == "hfox_vcm").values] = 0.3
    clipped = np.where(ds["material"] == "hfox_vcm", 0.4, 0.01)
    return ds.assign(
        accuracy=ds["accuracy"].copy(data=accuracy), adc_saturation=("candidate", clipped), **values
    ).assign_attrs(facts)


def test_a_family_fails_if_none_of_its_candidates_is_useful():
    found = {each.material: each for each in failing_families(View(made()))}
    assert list(found) == ["hfox_vcm", "pcm_gst"]
    assert found["pcm_gst"].early == (20.0, 0.94)
    assert found["pcm_gst"].saturated is None
    assert found["hfox_vcm"].early is None
    assert found["hfox_vcm"].saturated == 0.4
    assert len(MATERIALS) > 2
    one = made()
    here = np.flatnonzero(one["material"] == "hfox_vcm")[3]
    one["accuracy"][here] = 0.92
    assert [each.material for each in failing_families(View(one))] == ["pcm_gst"]
    early = [each.material for each in failing_families(View(made(), 20.0))]
    assert early == ["hfox_vcm"]


def test_nothing_fails_where_nothing_says_what_is_useful():
    ds = made()
    del ds.attrs["chance"]
    assert list(failing_families(View(ds))) == []


def test_the_report_prints_the_command(tmp_path):
    console = Console(record=True, width=300)
    ds = made()
    ds.encoding["source"] = "results/my study.zarr"
    number = int(np.flatnonzero(ds["material"] == "pcm_gst")[0])
    report(ds, console, tmp_path)
    text = console.export_text()
    assert "Families that fail" in text
    assert "do not reach accuracy 91.0 %" in text
    assert (
        "PCM, Ge2Sb2Te5 reaches 50.0 %; 94.0 % 20 s after programming: it ages. "
        f"matsweep explain 'results/my study.zarr' {number}"
    ) in text
    assert "40 % of its ADC's conversions are clipped" in text


def test_a_family_that_is_useful_in_the_median_is_said_to_be():
    """Two of five realisations of HfOx at 30 %, the others at 95 %: 69 % on average."""
    ds = made().isel(realisation=[0] * 5).assign_coords(realisation=range(5)).copy(deep=True)
    assert all(each.median is None for each in failing_families(View(ds)))
    accuracy = ds["accuracy"].transpose("candidate", "realisation", ...)
    values = accuracy.values.copy()
    values[(ds["material"] == "hfox_vcm").values, 2:] = 0.95
    ds = ds.assign(accuracy=accuracy.copy(data=values))
    found = {each.material: each for each in failing_families(View(ds))}
    assert found["hfox_vcm"].median == 0.95
    assert found["pcm_gst"].median is None
    assert (
        "reaches 69.0 % on average, but 95.0 % in the median of its realisations, which is useful"
        in sentence(View(ds), found["hfox_vcm"])
    )
