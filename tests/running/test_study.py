"""A study from overrides to Dataset: same bits whatever the schedule, nothing lost, nothing mixed.

All of it runs a small but real study: two families, a trained network, its metrics.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

import matsweep
import matsweep.running.job
import matsweep.running.study
from matsweep.cli.main import main
from matsweep.core.checks import StoppedError, UserError
from matsweep.core.journal import last_event
from matsweep.core.signals import ASKING
from matsweep.running.executors import LostError
from matsweep.running.executors.serial import SerialExecutor
from matsweep.store import summary

pytestmark = pytest.mark.xdist_group("ray")

SMALL = [
    "material=pcm_gst,stt_mram",
    "device.device_to_device=0.0,0.1,0.2",
    "realisations=3",
    "times=[1,1e5]",
    "workload.hidden=[12]",
    "workload.epochs=20",
]


def run(store, *overrides):
    return matsweep.open_results(matsweep.explore([*SMALL, f"store={store}", *overrides]))


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the results that must not depend on the schedule: all but the computing time."""
    return ds.drop_vars("seconds").drop_attrs().compute()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return numbers(run(folder / "a.zarr", "executor=serial", "executor.chunk_size=6"))


@pytest.mark.parametrize(
    "overrides",
    [
        ["executor=serial", "executor.chunk_size=1"],
        ["executor=serial"],
        ["executor=ray", "executor.chunk_size=1"],
        ["executor=ray", "executor.chunk_size=4"],
    ],
)
def test_executor_and_chunk_size_change_no_bit(undisturbed, overrides, tmp_path, local_ray):
    xr.testing.assert_identical(numbers(run(tmp_path / "b.zarr", *overrides)), undisturbed)


def test_the_seed_changes_the_numbers_and_more_realisations_keep_the_first(undisturbed, tmp_path):
    other = numbers(run(tmp_path / "c.zarr", "executor=serial", "seed=1"))
    assert not np.array_equal(other.accuracy, undisturbed.accuracy)
    more = numbers(run(tmp_path / "d.zarr", "executor=serial", "realisations=5"))
    np.testing.assert_array_equal(more.accuracy[:, :3], undisturbed.accuracy)


def test_the_dataset_keeps_the_contract(undisturbed, tmp_path):
    ds = run(tmp_path / "e.zarr", "executor=serial")
    assert ds.accuracy.dims == ("candidate", "realisation", "time")
    sizes = {"candidate": 6, "realisation": 3, "time": 2}
    sizes |= {"component": 16, "baseline": 9, "adc_source": 5, "parameter": 16}
    assert ds.sizes == sizes
    assert set(ds.status.values) == {1}
    assert ds.status.attrs["flag_meanings"] == "pending done failed"
    assert {"material", "device.device_to_device"} <= set(ds.coords)
    for name in ("accuracy", "energy", "latency", "area", "accuracy_std", "accuracy_p05"):
        assert ds[name].attrs["better"] in ("higher", "lower")
        assert ds[name].attrs["units"]
        assert ds[name].attrs["long_name"]
        assert np.isfinite(ds[name]).all()
    for name in ("energy", "latency", "area"):
        total = ds[f"{name}_breakdown"].sum("component")
        np.testing.assert_array_equal(total.transpose(*ds[name].dims), ds[name])
    facts = json.loads(ds.attrs["provenance"])
    assert facts["versions"]["numpy"] == np.__version__
    assert {"started", "finished", "hosts", "git", "python"} <= set(facts)
    assert "device:" in ds.attrs["config"]
    assert ds.attrs["seed"] == 0
    grid = ds.matsweep.grid()
    assert grid.sizes["material"] == 2
    assert grid.sizes["device.device_to_device"] == 3


def test_a_finished_study_is_not_computed_again(tmp_path, monkeypatch):
    run(tmp_path / "f.zarr", "executor=serial")
    monkeypatch.setattr(matsweep.running.job, "evaluate", None)
    run(tmp_path / "f.zarr", "executor=serial")


@pytest.mark.parametrize("after", [1, 3])
def test_killed_and_resumed_equals_uninterrupted(undisturbed, tmp_path, after):
    """SIGKILL in the middle of a run, at the moment a part was made durable."""
    script = f"""
        import os, signal, matsweep, matsweep.store.writer as writer
        written, plain = [], writer.stage
        def stage(*given):
            size = plain(*given)
            written.append(1)
            if len(written) == {after}:
                os.kill(os.getpid(), signal.SIGKILL)
            return size
        writer.stage = stage
        matsweep.explore({[*SMALL, f"store={tmp_path}/g.zarr"]!r}
                         + ["executor=serial", "executor.chunk_size=1"])
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert summary(tmp_path / "g.zarr").done == after
    xr.testing.assert_identical(numbers(run(tmp_path / "g.zarr", "executor=serial")), undisturbed)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(undisturbed, tmp_path, monkeypatch):
    plain, calls = matsweep.running.job.evaluate, []

    def evaluate(shared, chunk):
        calls.append(chunk)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(shared, chunk)

    monkeypatch.setattr(matsweep.running.job, "evaluate", evaluate)
    with pytest.raises(StoppedError, match=r"stopped: 2 of 6 .* the same command resumes"):
        run(tmp_path / "h.zarr", "executor=serial", "executor.chunk_size=1")
    monkeypatch.undo()
    xr.testing.assert_identical(numbers(run(tmp_path / "h.zarr", "executor=serial")), undisturbed)


def test_a_candidate_that_fails_is_stored_with_its_error(undisturbed, tmp_path, monkeypatch):
    import matsweep.running.work as work

    plain = work.simulate

    def simulate(scenario, network, **given):
        if scenario.device.device_to_device == 0.1 and scenario.material == "pcm_gst":
            raise FloatingPointError("it burnt")
        return plain(scenario, network, **given)

    monkeypatch.setattr(work, "simulate", simulate)
    ds = run(tmp_path / "i.zarr", "executor=serial")
    assert list(ds.status.values) == [1, 2, 1, 1, 1, 1]
    assert str(ds.error.values[1]) == "FloatingPointError: it burnt"
    assert np.isnan(ds.accuracy.values[1]).all()
    kept = [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(ds.energy.values[kept], undisturbed.energy.values[kept])


def test_what_failed_is_computed_again_when_asked_and_nothing_else(
    undisturbed, tmp_path, monkeypatch
):
    import matsweep.running.work as work

    plain, message, computed = work.simulate, "it burnt", []

    def simulate(scenario, network, **given):
        computed.append(scenario.device.device_to_device)
        if scenario.device.device_to_device == 0.1 and scenario.material == "pcm_gst" and message:
            raise FloatingPointError(message)
        return plain(scenario, network, **given)

    monkeypatch.setattr(work, "simulate", simulate)
    path = tmp_path / "o.zarr"
    run(path, "executor=serial")
    computed.clear()
    run(path, "executor=serial")
    assert computed == []
    message = "it burnt again"
    ds = run(path, "executor=serial", "retry_failed=true")
    assert (list(ds.status.values), computed) == ([1, 2, 1, 1, 1, 1], [0.1])
    assert str(ds.error.values[1]) == "FloatingPointError: it burnt again"
    message = ""
    ds = run(path, "executor=serial", "retry_failed=true")
    assert computed == [0.1, 0.1]
    xr.testing.assert_identical(numbers(ds), undisturbed)
    events = [json.loads(text) for text in (path / ".log.jsonl").read_text().splitlines()]
    assert [event["candidate"] for event in events if event["event"] == "failed"] == [1, 1]
    assert ds.attrs["command"].startswith("matsweep explore -m material=pcm_gst,stt_mram ")
    assert "retry_failed" not in ds.attrs["command"]


def test_without_a_log_there_is_none(tmp_path):
    run(tmp_path / "p.zarr", "executor=serial", "log=null")
    assert not (tmp_path / "p.zarr" / ".log.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("seed=1", "seed"),
        ("realisations=4", "realisations"),
        ("tile.rows=64", "tile.rows"),
        ("device.device_to_device=0.0,0.1", "axes"),
        ("times=[1]", "times"),
    ],
)
def test_another_studys_store_is_refused_and_left_alone(undisturbed, tmp_path, change, named):
    run(tmp_path / "j.zarr", "executor=serial")
    with pytest.raises(UserError, match=rf"holds another study \(different: .*{named}"):
        run(tmp_path / "j.zarr", "executor=serial", change)
    xr.testing.assert_identical(numbers(matsweep.open_results(tmp_path / "j.zarr")), undisturbed)


def test_a_network_that_trains_differently_is_refused(tmp_path, monkeypatch):
    """A study begun with another network is not finished with this one."""
    script = "executor=serial", "executor.chunk_size=1"
    plain, calls = matsweep.running.job.evaluate, []

    def evaluate(shared, chunk):
        calls.append(chunk)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(shared, chunk)

    monkeypatch.setattr(matsweep.running.job, "evaluate", evaluate)
    with pytest.raises(StoppedError):
        run(tmp_path / "k.zarr", *script)
    monkeypatch.undo()
    with matsweep.running.study.open_store(tmp_path / "k.zarr") as store:
        [key] = json.loads(str(matsweep.store.attributes(store.path)["networks"]))
        store.update_attrs({"networks": json.dumps({key: "another"})})
    with pytest.raises(UserError, match="a network that trains differently here"):
        run(tmp_path / "k.zarr", *script)


def test_config_as_a_mapping_is_the_same_study(undisturbed, tmp_path):
    path = matsweep.explore(
        {
            "realisations": 3,
            "times": [1, 1e5],
            "workload": {"hidden": [12], "epochs": 20},
            "executor": "serial",
            "store": str(tmp_path / "l.zarr"),
            "axes": {
                "material": ["pcm_gst", "stt_mram"],
                "device.device_to_device": "0.0,0.1,0.2",
            },
        }
    )
    xr.testing.assert_identical(numbers(matsweep.open_results(path)), undisturbed)


def test_bad_input_leaves_no_store_behind(tmp_path):
    with pytest.raises(UserError):
        run(tmp_path / "m.zarr", "device.g_min=1.0")
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_refused(tmp_path):
    from matsweep.store import open_store

    run(tmp_path / "n.zarr", "executor=serial")
    with open_store(tmp_path / "n.zarr"), pytest.raises(UserError, match=str(os.getpid())):
        run(tmp_path / "n.zarr", "executor=serial")


def stops(store, monkeypatch, capsys, stop, *overrides):
    """Run the command line until the third task is to begin; return its code and its last line."""
    plain, calls = matsweep.running.job.evaluate, []

    def evaluate(shared, chunk):
        calls.append(chunk)
        if len(calls) == 3:
            stop()
        return plain(shared, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(matsweep.running.job, "evaluate", evaluate)
        words = ["-m", *SMALL, "executor=serial", "executor.chunk_size=1", f"store={store}"]
        code = main(["explore", *words, *overrides])
    return code, capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def plain_signals():
    """Signals as at the start of a process: Ray, where it is started in this one, takes SIGTERM."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ASKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler or signal.SIG_DFL)


@pytest.mark.usefixtures("plain_signals")
@pytest.mark.parametrize(
    ("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGQUIT", 131)]
)
def test_a_signal_stops_a_run_with_a_line_in_its_log_and_its_code(
    undisturbed, tmp_path, monkeypatch, capsys, number, code
):
    store = tmp_path / "s.zarr"
    stop = stops(store, monkeypatch, capsys,
                 lambda: os.kill(os.getpid(), getattr(signal, number)))  # fmt: skip
    assert stop == (code, f"matsweep: stopped: 2 of 6 candidates are done and safe in {store}; "
                          "the same command resumes")  # fmt: skip
    stopped = last_event(store / ".log.jsonl", "stopped")
    assert stopped["reason"] == {130: "interrupted"}.get(code, f"interrupted by {number}")
    assert (stopped["done"], stopped["total"]) == (2, 6)
    if number == "SIGTERM":
        xr.testing.assert_identical(numbers(run(store, "executor=serial")), undisturbed)


def test_a_lost_executor_is_one_line_and_blames_no_candidate(tmp_path, monkeypatch, capsys):
    plain, store = SerialExecutor.run, tmp_path / "l.zarr"

    def run_until_lost(self, task, shared, chunks):
        for number, result in enumerate(plain(self, task, shared, chunks)):
            if number == 2:
                raise LostError("Ray's raylet has ended (SIGKILL)")
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(SerialExecutor, "run", run_until_lost)
        stopped = stops(store, monkeypatch, capsys, lambda: None)
    assert stopped == (2, "matsweep: Ray's raylet has ended (SIGKILL); 2 of 6 candidates are done "
                          f"and safe in {store}; the same command resumes")  # fmt: skip
    reason = last_event(store / ".log.jsonl", "stopped")["reason"]
    assert reason == "LostError: Ray's raylet has ended (SIGKILL)"
    assert (summary(store).done, summary(store).failed) == (2, 0)


@pytest.mark.usefixtures("plain_signals")
def test_a_run_stopped_between_its_tasks_has_a_line_too(tmp_path, monkeypatch, capsys):
    """A signal while the network is trained for a store that exists."""
    store = tmp_path / "b.zarr"
    stops(store, monkeypatch, capsys, lambda: os.kill(os.getpid(), signal.SIGINT))

    def stop(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(matsweep.running.study, "_check_prepared", stop)
    assert stops(store, monkeypatch, capsys, lambda: None)[0] == 143
    assert last_event(store / ".log.jsonl", "stopped")["reason"] == "interrupted by SIGTERM"
