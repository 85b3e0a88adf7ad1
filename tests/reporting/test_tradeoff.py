"""Studies of physics: what they are judged by, and their picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis.objectives import MAIN, PHYSICAL, usual
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting import report
from matsweep.reporting.figures.tradeoff import tradeoff_figure

BARRIERS, VOLTAGES = (1.0, 1.1, 1.2), (1.6, 1.8, 2.0)


def physics_study(names=("physics.activation_ev", "protocol.voltage_up"), *, undone=0):
    """Return results in which retention and write energy grow with the barrier."""
    rng = np.random.default_rng(0)
    first, second = (m.ravel() for m in np.meshgrid(BARRIERS, VOLTAGES, indexing="ij"))
    n = first.size
    accuracy = 0.97 - 0.3 * (first < 1.05)[:, None] + 0.003 * rng.standard_normal((n, 4))
    status = np.ones(n, np.int8)
    status[:undone] = 2
    along = ("candidate", "realisation")
    return xr.Dataset(
        {
            "accuracy": (along, accuracy, {"units": "1", "better": "higher"}),
            "energy": (along, np.full((n, 4), 1e-10), {"units": "J", "better": "lower"}),
            "retention": ("candidate", 1e5 * np.exp((first - 1) / 0.03),
                          {"units": "s", "better": "higher"}),
            "write_energy": ("candidate", 1e-9 * first**9, {"units": "J", "better": "lower"}),
            "status": ("candidate", status,
                       {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"}),
            "error": ("candidate", np.where(status == 2, "no", "").astype(object)),
        },
        coords={names[0]: ("candidate", first), names[1]: ("candidate", second),
                "candidate": np.arange(n)},
        attrs={"axes": json.dumps({names[0]: BARRIERS, names[1]: VOLTAGES}), "study": "barriers"},
    )  # fmt: skip


def test_a_study_of_physics_is_judged_by_what_physics_decides():
    assert usual(View(physics_study())) == ("accuracy", *PHYSICAL)
    assert usual(View(physics_study(("device.read_noise", "adc.bits")))) == ("accuracy", *MAIN)


def test_its_report_ranks_and_draws_the_trade_off(tmp_path):
    console = Console(width=120, record=True)
    written = report(physics_study(undone=1), console, tmp_path)
    told = console.export_text()
    assert "accuracy ↑, retention ↑, write_energy ↓" in told
    assert "days" in told  # not kiloseconds
    assert tmp_path / "tradeoff.png" in written
    assert (tmp_path / "tradeoff.png").stat().st_size > 10_000
    other = report(physics_study(("device.read_noise", "adc.bits")), Console(quiet=True), tmp_path)
    assert tmp_path / "tradeoff.png" not in other


def test_lines_hold_the_numbers_of_the_study():
    ds = physics_study(undone=2)  # of the first barrier one voltage is left
    figure = tradeoff_figure(ds)
    _, kept, _ = figure.axes
    lines = [box.lines[0] for box in kept.containers]
    assert [line.get_xdata().size for line in lines] == [1, 3, 3]
    np.testing.assert_allclose(lines[1].get_ydata(), 1e5 * np.exp(0.1 / 0.03))
    assert kept.get_yscale() == "log"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.isel(candidate=[0]), "one or two swept numbers"),
        (lambda ds: ds.assign(status=ds.status * 0), "no candidate is done"),
        (lambda ds: ds.assign_coords(
            {"protocol.voltage_up": ("candidate", list("abcdefghi"))}), "one or two swept numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told(change, message):
    with pytest.raises(UserError, match=message):
        tradeoff_figure(change(physics_study()))
