"""Studies of networks that learn: what they are judged by, and their pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis import summarise
from matsweep.analysis.objectives import TRAINED, usual
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting import pareto_figure, report
from matsweep.reporting.figures.course import course_figure

RATES = np.array([0.02, 0.05, 0.1, 0.2])
ALONG = ("candidate", "realisation", "epoch")


def learning_study(candidates=4, failed=1):
    """Return results of five epochs, three of the second candidate; the last candidates failed."""
    epoch = np.arange(1, 6)
    rate = np.resize(RATES, candidates) + 0.001 * np.arange(candidates)
    accuracy = 1 - np.exp(-rate[:, None, None] * epoch)
    accuracy = accuracy + np.array([-0.01, 0.01])[None, :, None]
    accuracy[1, :, 3:] = np.nan
    status = np.ones(candidates, np.int8)
    status[candidates - failed :] = 2
    accuracy[status == 2] = np.nan
    each = ("candidate", "realisation")
    cost = np.where(status == 2, np.nan, 1.0)[:, None] * np.ones((1, 2))
    return xr.Dataset(
        {
            "learning_accuracy": (ALONG, accuracy, {"units": "1", "better": "higher"}),
            "accuracy": (each, accuracy[..., 2], {"units": "1", "better": "higher"}),
            "energy": (each, 1e-9 * cost, {"units": "J", "better": "lower"}),
            "training_energy": (each, 1e-6 * cost, {"units": "J", "better": "lower",
                                                    "long_name": "energy of the whole training"}),
            "pulses_p999": (each, 500 * cost, {"units": "1", "better": "lower"}),
            "status": ("candidate", status,
                       {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}),
            "error": ("candidate", np.where(status == 2, "no", "").astype(object)),
        },
        coords={"device.pulse_model.a": ("candidate", rate), "candidate": np.arange(candidates),
                "epoch": epoch},
        attrs={"axes": json.dumps({"device.pulse_model.a": rate.tolist()}), "study": "learning",
               "float_accuracy": 0.95},
    )  # fmt: skip


def test_the_last_epoch_that_a_candidate_has_counts():
    ds = learning_study()
    found = summarise(ds).learning_accuracy
    expected = [ds.learning_accuracy[0, :, 4].mean(), ds.learning_accuracy[1, :, 2].mean(),
                ds.learning_accuracy[2, :, 4].mean(), np.nan]  # fmt: skip
    np.testing.assert_allclose(found, expected)
    xr.testing.assert_identical(summarise(summarise(ds)), summarise(ds))


def test_a_study_of_learning_is_judged_by_what_training_costs(tmp_path):
    assert usual(View(learning_study())) == ("accuracy", *TRAINED)
    console = Console(width=120, record=True)
    written = report(learning_study(), console, tmp_path)
    assert "accuracy ↑, training_energy ↓, pulses_p999 ↓" in console.export_text()
    names = {path.name for path in written}
    assert names >= {"pareto.png", "tradeoff.png", "learning_accuracy.png", "learning_accuracy.pdf"}


def test_lines_hold_the_epochs_and_the_worst_is_shown_too():
    figure = course_figure(learning_study(candidates=20, failed=2))
    lines = figure.axes[0].get_lines()
    assert len(lines) == 9  # eight, and floating point
    shown = [float(line.get_label().split()[-1]) for line in lines[:8]]
    rates = learning_study(candidates=20, failed=2)["device.pulse_model.a"].values[:18]
    assert {shown[0], shown[-1]} == {rates.max().round(6), rates.min()}
    ds = learning_study()
    ends = {line.get_label(): line.get_ydata()[-1] for line in course_figure(ds).axes[0].lines}
    assert ends["a 0.02"] == pytest.approx(float(ds.learning_accuracy[0, :, 4].mean()))
    assert ends["floating point, 95.0 %"] == 0.95


def test_materials_are_told_apart():
    ds = learning_study().drop_vars("device.pulse_model.a")
    ds = ds.assign_coords(material=("candidate", list("abcd")))
    ds.attrs["axes"] = json.dumps({"material": list("abcd")})
    labels = {line.get_label() for line in course_figure(ds).axes[0].lines}
    assert labels == {"a", "b", "c", "floating point, 95.0 %"}


def test_without_swept_numbers_no_trade_off_is_drawn_nor_missed(tmp_path):
    ds = learning_study().drop_vars("device.pulse_model.a")
    ds = ds.assign_coords(material=("candidate", list("abcd")))
    ds.attrs["axes"] = json.dumps({"material": list("abcd")})
    console = Console(width=120, record=True)
    names = {path.name for path in report(ds, console, tmp_path)}
    assert "tradeoff.png" not in names
    assert "Not drawn" not in console.export_text()


def test_training_is_the_cost_of_a_study_of_learning():
    assert pareto_figure(learning_study()).axes[0].get_xlabel() == "Energy of the whole training"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("learning_accuracy"), "runs along its own coordinate"),
        (lambda ds: ds.assign(status=ds.status * 0), "no candidate is done"),
    ],
)
def test_what_cannot_be_drawn_is_told(change, message):
    with pytest.raises(UserError, match=message):
        course_figure(change(learning_study()))
