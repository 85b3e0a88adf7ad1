"""Edits of a material's YAML: one entry changes, and nothing else."""

from __future__ import annotations

import pytest

from matsweep.core.checks import UserError
from matsweep.core.files import read_text, write_text
from matsweep.identification.calibration.editing import loaded, with_entry, without_entry

TEXT = """\
# @package _global_
material:
  name: mine  # of the film
  # why the range is known
  origins:
    g_max: {status: seen, note: "a: b"}
    drift:
      status: missing
      note: >-
        folded
        text

  label: film

device:
  g_max: 4.0e-5   # at 0.2 V
  g_min: 1e-6
  # two years
  retention: {time: 6.3e+7, stable: 0.0}  # recalled
  stuck: {}

# the end
physics: {kind: x}
"""
FLOW = "material: {name: mine}\ndevice: {g_max: 1e-5, drift: {nu: 0.1}}\n"


def test_numbers_are_those_of_configurations():
    assert loaded("a: 1e-6\nb: 1.5e-6\nc: -2E+3\nd: 1e-6 S\ne: 12\n") == {
        "a": 1e-6, "b": 1.5e-6, "c": -2e3, "d": "1e-6 S", "e": 12,
    }  # fmt: skip


def test_an_entry_is_replaced_in_its_place():
    text = with_entry(TEXT, ("device", "retention"), {"time": 1.0, "note": "x, y"})
    assert text == TEXT.replace("{time: 6.3e+7, stable: 0.0}", "{time: 1.0, note: 'x, y'}")


def test_signs_beyond_ascii_stay_readable():
    text = with_entry(TEXT, ("material", "misfit"), "2 µS ± 1 nS")
    assert "  misfit: 2 µS ± 1 nS\n" in text


def test_a_list_replaces_a_list_of_lines():
    text = "material:\n  cautions:\n  - one\n  - two\n  name: a\n"
    edited = with_entry(text, ("material", "cautions"), ["three", "a: b"])
    assert edited == "material:\n  cautions: [three, 'a: b']\n  name: a\n"


def test_an_entry_joins_the_end_of_its_section():
    text = with_entry(TEXT, ("device", "drift"), {"nu": 0.1})
    assert text == TEXT.replace("  stuck: {}\n", "  stuck: {}\n  drift: {nu: 0.1}\n")
    text = with_entry(TEXT, ("material", "origins", "retention"), {"status": "derived"})
    assert text == TEXT.replace(
        "        text\n", "        text\n    retention: {status: derived}\n"
    )
    text = with_entry(TEXT, ("material", "misfit"), "off; by: 2")
    assert text == TEXT.replace("label: film\n", "label: film\n  misfit: 'off; by: 2'\n")


def test_sections_that_are_missing_are_made():
    text = with_entry("material: {name: m}\ndevice:\n", ("device", "drift"), {"nu": 0.5})
    assert loaded(text)["device"] == {"drift": {"nu": 0.5}}
    text = with_entry(FLOW, ("material", "origins", "drift"), {"status": "derived"})
    assert loaded(text)["material"]["origins"] == {"drift": {"status": "derived"}}


def test_entries_of_one_line_are_edited():
    assert with_entry(FLOW, ("device", "a"), 1) == FLOW.replace("0.1}}", "0.1}, a: 1}")
    assert without_entry(FLOW, ("device", "drift")) == FLOW.replace(", drift: {nu: 0.1}", "")
    assert without_entry(FLOW, ("device", "g_max")) == FLOW.replace("g_max: 1e-5, ", "")


def test_an_entry_is_removed_with_its_lines():
    text = without_entry(TEXT, ("device", "retention"))
    assert text == TEXT.replace("  retention: {time: 6.3e+7, stable: 0.0}  # recalled\n", "")
    text = without_entry(TEXT, ("material", "origins", "drift"))
    assert text == TEXT.replace(
        "    drift:\n      status: missing\n      note: >-\n        folded\n        text\n", ""
    )
    assert without_entry(TEXT, ("device", "drift")) == TEXT
    assert without_entry(TEXT, ("device", "drift", "nu")) == TEXT


def test_what_would_change_more_is_refused():
    text = "device:\n  a: &one {x: 1}\n  b: *one\n"
    with pytest.raises(UserError, match=r"device\.a cannot be changed in this file, .* by hand"):
        with_entry(text, ("device", "a"), {"x": 2})


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "mine.yaml"
    write_text(path, "µ\n")
    path.chmod(0o640)

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("matsweep.core.files.os.fsync", full)
        with pytest.raises(UserError, match=r"mine\.yaml cannot be written: No space left"):
            write_text(path, "more\n")
    assert read_text(path) == "µ\n"
    assert [each.name for each in path.parent.iterdir()] == ["mine.yaml"]
    write_text(path, "more\n")
    assert read_text(path) == "more\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_files_that_cannot_be_read_are_said(tmp_path):
    path = tmp_path / "mine.yaml"
    with pytest.raises(UserError, match=r"mine\.yaml cannot be read: No such file"):
        read_text(path)
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=r"mine\.yaml is not in UTF-8 \(byte 5\): save it as"):
        read_text(path)
    with pytest.raises(UserError, match="cannot be written"):
        write_text(path / "below.yaml", "")
