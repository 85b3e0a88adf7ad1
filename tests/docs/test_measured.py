"""The page from a file to a ranking: its commands print what it shows, and find the truth."""

from __future__ import annotations

import itertools
import shutil
from contextlib import redirect_stdout
from io import StringIO

import pytest

import matsweep
from matsweep.cli import main
from tests.pins.pinning import arithmetic, load
from tools import measurement

from .blocks import ROOT, WALKED, blocks, commands

FILES = ("film_pulses.csv", "film_bake.csv")


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Folder after the commands of the page, and what the last of each block printed."""
    folder = tmp_path_factory.mktemp("film")
    for name in FILES:
        shutil.copy(ROOT / "docs" / "assets" / name, folder)
    printed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in blocks(WALKED.read_text()):
            assert block.language in ("sh", "text")
            for words in commands(block.text) if block.language == "sh" else []:
                with redirect_stdout(StringIO()) as out:
                    assert main(words[1:]) == 0, words
                printed[block.line] = out.getvalue()
    return folder, printed


def test_the_files_are_those_of_the_tool(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "FOLDER", tmp_path)
    measurement.main()
    if load()["arithmetic"] == arithmetic():
        for name in FILES:
            assert (tmp_path / name).read_text() == (ROOT / "docs" / "assets" / name).read_text()


def test_the_page_shows_what_its_commands_print(walked):
    """Text blocks follow on a command, or on another part of what it printed."""
    _, printed = walked
    if load()["arithmetic"] != arithmetic():
        pytest.skip("this machine rounds in another way than that of the pins")
    out, at, shown = "", 0, 0
    for before, block in itertools.pairwise([None, *blocks(WALKED.read_text())]):
        if before is not None and before.language == "sh":
            out, at = " ".join(printed[before.line].split()), 0
        if block.language != "text":
            continue
        for piece in block.text.split("…"):
            words = " ".join(piece.split())
            at = out.find(words, at)
            assert at >= 0, f"{words!r} is not in {out}"
            shown += 1
    assert shown >= 6


def test_the_intervals_of_the_page_hold_the_truth(walked):
    folder, _ = walked
    found = matsweep.calibrate(folder / "film_pulses.csv", read_voltage=0.1)
    assert found.describes
    truth = {
        "step_up": measurement.STEPS["LTP"], "step_down": measurement.STEPS["LTD"],
        "device_to_device.step_up": measurement.SPREAD,
        "device_to_device.step_down": measurement.SPREAD,
        "cycle_to_cycle.of_step": measurement.OF_STEP, "read_noise": measurement.READ_NOISE,
        "g_min": measurement.G_MIN, "g_max": measurement.G_MAX,
    }  # fmt: skip
    for name, value in truth.items():
        low, high = found.fit.interval(name)
        assert low <= value <= high, name
    film = matsweep.load_material("film", config_dir=folder / "conf")
    assert film.material.misfit is None
    kept = film.device.retention
    assert kept.activation_ev == pytest.approx(measurement.ACTIVATION, rel=0.02)
    assert kept.stretch == pytest.approx(1.0, abs=0.05)
