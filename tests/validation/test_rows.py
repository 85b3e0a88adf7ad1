"""Every row of the table of truth that needs no study gives the verdict that it states.

Laws, circuits and chips that are compared here have no other test: the row is the test.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from matsweep.devices.dynamics import DynamicalModel
from matsweep.validation import ROWS, judged
from matsweep.validation.rows.dynamics import recorded
from matsweep.validation.rows.wires import NEUROSIM, recorded_arrays
from matsweep.validation.writing import text

ROOT = Path(__file__).parents[2]
EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"
SAMPLED = ("Statistics of PCM", "Arrays of pulsed devices", "Small networks")
"""Subjects of many samples: with MATSWEEP_EXHAUSTIVE=1 only."""


def rows():
    """Yield the rows, those that compile the same kernels in one group of processes."""
    for row in ROWS.values():
        if row.study is None and (EXHAUSTIVE or row.subject not in SAMPLED):
            group = "dynamics" if row.subject == "Dynamical models" else "validation"
            yield pytest.param(row, id=row.name, marks=pytest.mark.xdist_group(group))


@pytest.mark.parametrize("row", list(rows()))
def test_a_row_gives_the_verdict_that_it_states(row):
    outcome = judged(row)
    assert outcome.as_stated, text([outcome])


@pytest.mark.parametrize("row", list(ROWS.values()), ids=list(ROWS))
def test_a_row_states_what_it_compares(row):
    assert row.source.doi or len(row.source.citation) > 15
    assert row.source.doi is None or row.source.doi.startswith("10.")
    assert len(row.conditions) > 3
    for bound in (row.tolerance, row.miss):
        assert bound is None or len(bound.reason) > 10
    assert row.quick or row.study is not None, "a row that takes minutes resumes from a store"
    assert len(row.name) <= 25, "it fits in a terminal of 80 columns"
    assert row.name == row.name.lower()


def test_every_dynamical_model_is_solved_by_another_program():
    """But ideal memristors of any function, which closed forms cover."""
    own = {
        kind for kind, cls in DynamicalModel.registry.items()
        if cls.__module__.startswith("matsweep.")
    }  # fmt: skip
    assert own == {case["kind"] for case in recorded().values()}
    written = [each for each in recorded().values() if each["equations"] == "written again"]
    assert len(written) >= 15


def test_recorded_solutions_move():
    """A drive that leaves the states where they are would prove nothing."""
    for name, case in recorded().items():
        state = np.array(case["state"])
        span = np.ptp(state, axis=0) / np.maximum(np.abs(state).max(axis=0), 1e-30)
        assert span.max() > 0.1, name


def tool():
    """Return the module tools/record.py."""
    spec = importlib.util.spec_from_file_location("record", ROOT / "tools" / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice (a Debian package)")
def test_recorded_arrays_are_ngspices():
    record, kept = tool(), recorded_arrays()["arrays"]
    cases = record.arrays()
    assert cases.keys() == kept.keys()
    for name, case in cases.items():
        assert case == {key: value for key, value in kept[name].items() if key != "currents"}
    name = "array_ngspice_sinh"
    np.testing.assert_allclose(record.currents(cases[name]), kept[name]["currents"], rtol=1e-9)


@pytest.mark.parametrize("name", list(recorded()))
def test_recorded_transients_are_scipys(name):
    """One that is quickly solved; with MATSWEEP_EXHAUSTIVE=1 all, in minutes."""
    record, kept = tool(), recorded()[name]
    kind, parameters, amplitude, period = record.CASES[name]
    assert (kind, parameters) == (kept["kind"], kept["parameters"])
    assert (amplitude, period) == (kept["amplitude"], kept["period"])
    if name != "vteam" and not EXHAUSTIVE:
        return
    solved, state = record.solved(name), np.array(kept["state"])
    scale = np.abs(state).max(axis=0)
    np.testing.assert_allclose(np.array(solved["state"]) / scale, state / scale, atol=1e-8)


def test_the_table_of_wires_has_every_node():
    from matsweep.crossbar.wires.interconnect import LAYERS

    assert NEUROSIM.keys() == LAYERS.keys()
