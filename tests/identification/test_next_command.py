"""The command that a calibration prints next works as it stands, for every kind of input."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest

import matsweep
from matsweep.analysis.attributes import states
from matsweep.cli import main
from matsweep.devices import CycleNoise, SoftBounds
from matsweep.devices.dynamics import VTEAM, LinearIonDrift
from matsweep.solving import transient
from tests.measured_reads import measurement, simulate, write_pulses

SMALL = ["executor=serial", "realisations=1", "workload.hidden=[4]", "workload.epochs=2"]
SOFT = SoftBounds(step_up=0.05, step_down=0.05, cycle_to_cycle=CycleNoise(of_step=0.2),
                  device_to_device={"step_up": 0.2, "step_down": 0.2})  # fmt: skip


def gradual(folder):
    write_pulses(
        simulate(SOFT, 1, devices=3, cycles=2, pulses=40, noise=0.01), folder / "gradual.csv"
    )
    return ["gradual.csv"]


def abrupt(folder):
    """Write one reset that does nearly all; sets climb step by step."""
    down = 0.05 / np.sqrt(np.arange(1, 31))
    up = down[-1] + (1 - down[-1]) * np.arange(1, 31) / 30
    reads = np.concatenate([[1.0], *[down, up] * 3])
    counts = np.array(([-1] * 30 + [1] * 30) * 3)
    write_pulses(measurement(np.tile(reads, (3, 1)), counts), folder / "abrupt.csv")
    return ["abrupt.csv"]


def loop(model, sign, path, state):
    time = np.linspace(0, 4, 161)
    volts = sign * np.interp(time, [0, 1, 2, 3, 4], [0, 1.2, 0, -1.2, 0])
    current = transient(model, time, volts, state=state).current.values
    rows = (f"{t:.4f},{v:.4f},{1e6 * i:.6g}" for t, v, i in zip(time, volts, current, strict=True))
    path.write_text("time [s],voltage [V],current [uA]\n" + "\n".join(rows) + "\n")


DRIFT = LinearIonDrift(r_on=2e3, r_off=3e4, thickness=1e-8, mobility=8e-16, window="joglekar")
STEEP = VTEAM(v_on=-0.5, v_off=0.5, k_on=-3e-8, k_off=3e-8, alpha_on=2.0, alpha_off=2.0, r_on=1e3,
              r_off=3e4)  # fmt: skip


def sweep(folder):
    """Write a loop that sets under the positive voltage."""
    loop(DRIFT, 1, folder / "sweep.csv", 0.2)
    return ["sweep.csv", "model=linear_ion_drift"]


def inverted(folder):
    """Write a loop that sets under the negative voltage."""
    loop(STEEP, 1, folder / "inverted.csv", 2.5e-9)
    return ["inverted.csv", "model=vteam"]


@pytest.mark.parametrize("kind", [gradual, abrupt, sweep, inverted], ids=lambda kind: kind.__name__)
def test_the_next_command_works_as_it_is_printed(kind, workplace, capsys):
    """Every candidate is done, and the device switches and infers."""
    assert main(["calibrate", *kind(workplace), "name=mine", "folder=my_conf"]) == 0
    told = capsys.readouterr().out
    (line,) = re.findall(r"^matsweep explore .*$", told, re.MULTILINE)
    words = shlex.split(line)[1:]
    assert "material=mine,pcm_gst" in words
    assert main([*words, *SMALL]) == 0
    ds = matsweep.open_results("results/mine.zarr")
    assert set(states(ds)) == {"done"}
    assert np.isfinite(ds.accuracy.values).all()
