"""The page of the table of truth: written from its numbers, for the rows that there are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from matsweep.validation import ROWS, judged
from matsweep.validation.outcome import record, restored
from matsweep.validation.writing import as_markdown
from tests.pins.pinning import arithmetic, load

DOCS = Path(__file__).parents[2] / "docs"
NUMBERS = json.loads((DOCS / "truth.json").read_text(encoding="utf-8"))["rows"]
OWN = {name: row for name, row in ROWS.items() if ROWS.is_own(name)}
EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"
QUICK = ("isaac_speed", "wire_neurosim", "error_neurram", "neurosim_labels", "circuit_sram")
WRITE = "make truth writes the page again (make truth ROWS=NAME computes one row)"

pytestmark = pytest.mark.xdist_group("validation")


def test_the_page_is_that_of_its_numbers():
    page = (DOCS / "truth.md").read_text(encoding="utf-8")
    assert page == as_markdown(restored(NUMBERS, OWN)), WRITE


def test_the_numbers_are_of_the_rows_that_there_are():
    assert [each["name"] for each in NUMBERS] == list(OWN), WRITE
    for known, outcome in zip(NUMBERS, restored(NUMBERS, OWN), strict=True):
        assert known == record(outcome), WRITE


@pytest.mark.parametrize(
    "name",
    [name for name, row in OWN.items() if row.study is None] if EXHAUSTIVE else list(QUICK),
)
def test_the_numbers_are_those_computed(name):
    (known,) = [each for each in NUMBERS if each["name"] == name]
    exact = load()["arithmetic"] == arithmetic()
    found = [point.found for point in judged(OWN[name]).points]
    wanted = [point["found"] for point in known["points"]]
    assert found == pytest.approx(wanted, rel=1e-6 if exact else 0.05, abs=1e-7), WRITE
