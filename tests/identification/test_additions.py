"""Measured ageing joins the file of a material: one law of a loss, marks, origins, comments."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from matsweep.characterization.figure import retention_figure
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.identification.calibration import MaterialFile, RetentionFit, calibrate_retention

from .test_bakes import KELVIN, bake, drifts

MATERIAL = """\
# @package _global_
# Measured at home.
material:
  name: film
  label: Film  # the second wafer
  mechanism: not stated
  role: synapse
  origins:
    g_max: {status: derived, note: measured}
    # to be measured again
    drift: {status: derived, note: "from old.csv"}
device:
  g_min: 1e-6
  g_max: 4.1e-5  # at 0.2 V
  # ours
  drift: {nu: 0.05, time_zero: 20.0}
  short_term: {shift: 1e-8}
"""


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.yaml"
    path.write_text(MATERIAL)
    return path


def added(path, found, **options):
    """Add a parameter to a file; return the content and the text of it afterwards."""
    MaterialFile.read(path).add(found, replace=options.get("replace", False))
    return yaml.safe_load(path.read_text()), path.read_text()


def test_a_range_is_read_as_configurations_are(film):
    """1e-6 without a point is text in YAML 1.1."""
    assert MaterialFile.read(film).ends == (1e-6, 4.1e-5)
    assert MaterialFile.read(film).content["device"]["g_min"] == 1e-6


def test_one_law_of_a_loss_acts(film):
    """Retention takes the place of drift and of the relaxation, and drift that of retention."""
    decay = calibrate_retention(bake(1), ends=(1e-6, 4.1e-5))
    assert MaterialFile.read(film).replaced("retention") == ("drift", "short_term")
    assert MaterialFile.read(film).replaced("endurance") == ()
    content, _ = added(film, decay)
    assert set(content["device"]) == {"g_min", "g_max", "retention"}
    assert content["device"]["retention"]["stable"] == pytest.approx(1e-6 / 4e-5, rel=0.01)
    origins = content["material"]["origins"]
    assert origins["retention"]["note"].endswith("; takes the place of drift and short_term")
    for name in ("drift", "short_term"):
        assert origins[name] == {"status": "derived", "note": "none: in retention, from bake.csv"}
    content, text = added(film, calibrate_retention(drifts(1, (0.05,))))
    assert set(content["device"]) == {"g_min", "g_max", "drift"}
    origins = content["material"]["origins"]
    assert origins["retention"]["note"] == "none: in drift, from drift.csv"
    assert origins["drift"]["note"].endswith("; takes the place of retention")
    assert text.count("# device.drift from drift.csv.") == 1
    assert "# device.retention from" not in text


def test_comments_of_the_user_stay(film):
    _, text = added(film, calibrate_retention(bake(1)))
    for comment in ("# Measured at home.\n", "# the second wafer\n", "# at 0.2 V\n", "# ours\n",
                    "# to be measured again\n", "# device.retention from bake.csv.\n"):  # fmt: skip
        assert comment in text
    assert "  g_min: 1e-6\n" in text


def test_a_law_that_does_not_describe_its_data_marks_the_material(film):
    wrong = calibrate_retention(bake(1), stable=1e-6, ends=(1e-6, 4.1e-5))
    content, _ = added(film, wrong)
    mark = content["material"]["misfit"]
    assert mark == f"device.retention from bake.csv: {wrong.misfit}"
    assert wrong.misfit in content["material"]["origins"]["retention"]["note"]
    content, _ = added(film, calibrate_retention(bake(1)), replace=True)
    assert "misfit" not in content["material"]


def test_marks_of_other_measurements_stay(film):
    """Pulses may have marked the material: "; " joins the marks, also within one."""
    pulses = "medians differ by 20 %; devices by 30 %"
    film.write_text(film.read_text().replace("  role:", f"  misfit: {pulses}\n  role:"))
    other = calibrate_retention(drifts(1, (0.04, 0.06, 0.08), kelvin=KELVIN))
    content, _ = added(film, other, replace=True)
    assert content["material"]["misfit"] == f"{pulses}; device.drift from drift.csv: {other.misfit}"
    wrong = calibrate_retention(bake(1), stable=1e-6)
    content, _ = added(film, wrong)
    mark = f"{pulses}; device.retention from bake.csv: {wrong.misfit}"
    assert content["material"]["misfit"] == mark
    content, _ = added(film, calibrate_retention(bake(1)), replace=True)
    assert content["material"]["misfit"] == pulses


def test_reservations_on_a_fit_are_cautions_of_the_material(film):
    """Those of pulses stay; those of a law go with it."""
    pulses = "The test is weak: one device."
    film.write_text(film.read_text().replace("  role:", f'  cautions:\n  - "{pulses}"\n  role:'))
    ends, few = (1e-6, 4.1e-5), {"devices": 2}
    short = bake(2, times=np.logspace(1, 3.5, 30), kelvin=KELVIN[:2])
    for found, said in (
        (calibrate_retention(short, ends=ends), "stable state: not determined, for no trace appr"),
        (calibrate_retention(bake(4, stretch=1.6, **few), ends=ends), "stretch held at 1, fitted"),
        (calibrate_retention(bake(3, **few), ends=(3e-6, 4.1e-5)), "stable state: fitted 2.0"),
        (calibrate_retention(drifts(0, (0.05,) * 3, devices=1, kelvin=KELVIN)), "one device at"),
    ):
        content, text = added(film, found, replace=True)
        kept, *own = content["material"]["cautions"]
        assert kept == pulses
        assert own == [f"device.{found.parameter} from {found.name}: {each}"
                       for each in found.cautions()]  # fmt: skip
        assert any(said in each for each in own)
        assert said in text
    content, _ = added(film, calibrate_retention(bake(1, **few)), replace=True)
    assert content["material"]["cautions"] == [pulses]


def test_the_last_caution_is_removed_with_its_law(film):
    alone = calibrate_retention(drifts(0, (0.05,) * 3, devices=1, kelvin=KELVIN))
    content, _ = added(film, alone, replace=True)
    assert len(content["material"]["cautions"]) == 1
    content, _ = added(film, calibrate_retention(bake(1, devices=2)))
    assert "cautions" not in content["material"]


def test_a_picture_computes_the_law_once_not_at_every_point(monkeypatch):
    plain, calls = RetentionFit.law, []
    counted = property(lambda fit: calls.append(fit) or plain.fget(fit))
    monkeypatch.setattr(RetentionFit, "law", counted)
    retention_figure(calibrate_retention(bake(1)))
    assert len(calls) == 1


def test_files_that_are_no_materials_are_refused(film):
    film.write_bytes(MATERIAL.replace("home", "caf\xe9").encode("latin-1"))
    with pytest.raises(UserError, match="is not in UTF-8"):
        MaterialFile.read(film)
    with pytest.raises(UserError, match="cannot be read"):
        MaterialFile.read(film.parent)


def written(path, data):
    lines = ["device,T (K),time (s),G (S)"]
    lines += [
        f"{trace.device},{trace.temperature:.6g},{time:.8g},{state:.8g}"
        for trace in data.traces
        for time, state in zip(trace.time, trace.conductance, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_command_says_what_it_replaces(tmp_path, capsys):
    (tmp_path / "material").mkdir()
    film = tmp_path / "material" / "film.yaml"
    film.write_text(MATERIAL)
    to = ["name=film", f"folder={tmp_path}", f"pictures={tmp_path}"]
    data = str(written(tmp_path / "bake.csv", bake(1)))
    assert main(["calibrate", data, "start=hfox_vcm", *to]) == 2
    told = capsys.readouterr().err
    assert f"start must be left out, got hfox_vcm: {film} is there already" in told
    assert film.read_text() == MATERIAL
    assert main(["calibrate", data, *to]) == 0
    told = capsys.readouterr().out
    assert f"note: device.retention is added to {film}\n" in told
    assert "it takes the place of device.drift and device.short_term, which would count" in told
    assert "stable state: 2.00 µS ± 2.9 nS (fitted); state a known one by g_min=…" in told
