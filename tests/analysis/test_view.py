"""A study at one time: what is worked out once, and what tells one workload from another."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from matsweep.analysis import view as views
from matsweep.analysis.attributes import resolve
from matsweep.analysis.objectives import directions
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from tests.synthetic import attrs, study


def annealing():
    """Return a study without accuracies: a search for the ground state, over its sweeps."""
    rng = np.random.default_rng(2)
    rising = np.sort(rng.random((4, 3, 6)), axis=-1)
    along = ("candidate", "realisation")
    return xr.Dataset(
        {
            "success_probability": (along, rising[..., -1], attrs("1", "higher", "successes")),
            "ground_energy": ((*along, "sweep"), -rising, attrs("1", "lower", "energy")),
            "energy": ("candidate", 1e-9 * np.arange(1, 5), attrs("J", "lower", "energy of a run")),
            "parts": (("candidate", "component"), np.ones((4, 2)), attrs("J", "lower", "parts")),
        },
        {"device.noise": ("candidate", [0.0, 0.1, 0.2, 0.3]), "sweep": np.arange(6) * 10,
         "component": ["a", "b"]},
        {"merit": "success_probability", "reference": json.dumps({"success_probability": 0.9})},
    )  # fmt: skip


def test_the_summary_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(views, "summarise", lambda *given: calls.append(given) or given[0])
    view = View(annealing())
    assert view.summary is view.summary
    assert len(calls) == 1
    assert view.rows([0]).summary.sizes["candidate"] == 1
    assert len(calls) == 1  # the rows of a summary are those of the part


def test_parts_have_the_rows_of_the_whole():
    view = View(study(realisations=2), "1 h")
    part = view.rows([7, 3])
    assert part.numbers.tolist() == [7, 3]
    xr.testing.assert_identical(part.summary, View(view.ds.isel(candidate=[7, 3]), "1 h").summary)
    more = view.assign(worth=xr.DataArray(np.arange(120.0), dims="candidate"))
    assert more.column("worth")[5] == 5
    assert "worth" not in view.summary


def test_the_store_names_its_merit_and_what_is_ideal():
    view = View(annealing())
    assert view.merit == "success_probability"
    assert view.reference("success_probability") == 0.9
    assert directions(view) == {"success_probability": "higher", "energy": "lower"}
    old = View(study(realisations=2))
    assert (old.merit, old.reference("accuracy")) == ("accuracy", 0.976)
    with pytest.raises(UserError, match="hold no accuracy: the study is ranked by success_prob"):
        resolve(view.summary, "accuracy")
    assert View(study().drop_attrs(deep=False)).reference("accuracy") is None
    with pytest.raises(UserError, match=r"reference.*must be numbers by metric"):
        _ = View(annealing().assign_attrs(reference='["x"]')).references


def test_a_course_runs_along_numbers_and_its_last_value_counts():
    view = View(annealing())
    assert view.courses == {"ground_energy": "sweep"}
    last = annealing()["ground_energy"].isel(sweep=-1).mean("realisation")
    np.testing.assert_allclose(view.column("ground_energy"), last)
    assert "parts" not in view.summary


def test_only_a_share_of_successes_is_read_in_percent():
    view = View(annealing())
    assert view.is_share("success_probability")
    assert view.is_share("success_probability_std")
    assert not view.is_share("ground_energy")
    assert not view.is_share("energy")
    above = annealing()
    above["success_probability"] *= 10
    assert not View(above).is_share("success_probability")  # such as a memory capacity
    below = annealing()
    below["success_probability"].attrs["better"] = "lower"  # such as an error
    assert not View(below).is_share("success_probability")


def test_an_unknown_time_is_an_error_when_it_matters():
    view = View(study(realisations=2), 5.0)
    assert view.count("done") == 120
    with pytest.raises(UserError, match="one of the stored times"):
        _ = view.summary


def test_everything_can_be_asked_of_a_study_without_accuracies(tmp_path):
    from rich.console import Console

    from matsweep.reporting import report

    console = Console(width=150, record=True)
    names = {path.name for path in report(annealing(), console, tmp_path)}
    told = console.export_text()
    assert "success_probability ↑, energy ↓" in told
    assert "success_probability %" in told
    assert "float success_probability 90.00 %" in told
    assert "accuracy" not in told
    assert annealing().matsweep.rank()["candidate"].values[0] in range(4)
    assert {"report.html", "pareto.png", "ground_energy.png", "distribution.png"} <= names
