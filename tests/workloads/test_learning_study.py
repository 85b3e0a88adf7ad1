"""Studies of networks that learn: bits on every executor, kills, and what physics does to them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

import matsweep
import matsweep.running.work
from matsweep.store import summary

pytestmark = pytest.mark.xdist_group("ray")

SMALL = [
    "workload=digits_online",
    "material=epiram,pcm_gst",
    "workload.rule.kind=pulse_count",
    "workload.hidden=[12]",
    "workload.epochs=2,3",
    "workload.samples=300",
    "workload.learning_rate=[0.4]",
    "realisations=2",
    "times=[1,1e5]",
]


def run(store, *overrides):
    return matsweep.open_results(matsweep.explore([*SMALL, f"store={store}", *overrides]))


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the results that must not depend on the schedule: all but the computing time."""
    return ds.drop_vars("seconds").drop_attrs().compute()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return numbers(run(folder / "a.zarr", "executor=serial", "executor.chunk_size=4"))


@pytest.mark.parametrize("size", [1, 3])
def test_learning_on_ray_gives_the_bits_of_the_serial_executor(
    undisturbed, tmp_path, local_ray, size
):
    found = run(tmp_path / "b.zarr", "executor=ray", f"executor.chunk_size={size}")
    assert (found.status == 1).all()
    assert found.sizes["epoch"] == 3
    xr.testing.assert_identical(numbers(found), undisturbed)


def test_killed_while_training_and_resumed_repeats_no_finished_candidate(
    undisturbed, tmp_path, monkeypatch
):
    """SIGKILL in the second epoch of the third candidate."""
    script = f"""
        import os, signal, matsweep
        from matsweep.workloads.learning.learner import Learner
        import matsweep.running.work as work
        plain, order, started = work.simulate, Learner._order, []
        def simulate(*given, **named):
            started.append(1)
            return plain(*given, **named)
        def killing(self, epoch):
            if len(started) == 3 and epoch == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return order(self, epoch)
        work.simulate, Learner._order = simulate, killing
        matsweep.explore({[*SMALL, f"store={tmp_path}/c.zarr"]!r}
                         + ["executor=serial", "executor.chunk_size=1"])
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert summary(tmp_path / "c.zarr").done == 2
    plain, again = matsweep.running.work.simulate, []

    def simulate(scenario, *given, **named):
        again.append(scenario.identity)
        return plain(scenario, *given, **named)

    monkeypatch.setattr(matsweep.running.work, "simulate", simulate)
    found = run(tmp_path / "c.zarr", "executor=serial", "executor.chunk_size=1")
    assert len(again) == len(set(again)) == 2
    xr.testing.assert_identical(numbers(found), undisturbed)


def test_accuracy_falls_with_nonlinearity_and_with_noise(tmp_path):
    """The shipped study at three labels and its least and largest noise, six epochs.

    Seeds are fixed; neighbours are over three standard errors of their paired differences apart.
    """
    label = "device.pulse_model.nonlinearity_down"
    noise = "device.pulse_model.cycle_to_cycle.of_range"
    ds = matsweep.open_results(matsweep.explore([
        "experiment=nonlinearity", "executor=serial", "workload.epochs=6",
        f"{label}=-0.5,-3.0,-7.0", f"{noise}=0.005,0.08", f"store={tmp_path}/d.zarr",
    ]))  # fmt: skip
    last = ds.matsweep.grid().learning_accuracy.isel(epoch=slice(-3, None)).mean("epoch")
    last = last.sortby(label, ascending=False).sortby(noise)
    for along, others in ((label, {noise: 0}), (noise, {})):
        falls = -last.isel(others).diff(along)
        error = falls.std("realisation", ddof=1) / np.sqrt(falls.sizes["realisation"])
        assert (falls.mean("realisation") > 3 * error).all(), (along, falls.values)
