"""Whatever dies, hangs or eats memory: the store ends as an undisturbed run leaves it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import xarray as xr

import matsweep
import matsweep.running.job
import matsweep.running.work as work
from matsweep.metrics import COORDINATES, METRICS
from matsweep.store import summary

pytestmark = pytest.mark.xdist_group("ray")

STUDY = [
    "material=pcm_gst,stt_mram",
    "device.device_to_device=range(0,0.12,0.01)",
    "realisations=2",
    "times=[1]",
    "workload.hidden=[8]",
    "workload.epochs=10",
]
COUNT = 24


def run(store, *overrides):
    return numbers(matsweep.explore([*STUDY, f"store={store}", *overrides]))


def numbers(path):
    return matsweep.open_results(path).drop_vars("seconds").drop_attrs().compute()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("undisturbed") / "a.zarr", "executor=serial")


def test_a_driver_killed_at_ten_random_moments_loses_nothing(undisturbed, tmp_path):
    """SIGKILL ten forks of one process, each at another moment; the eleventh ends the study.

    Candidates take 20 ms longer than they would, so that the moments fall among them.
    """
    store, kills = tmp_path / "a.zarr", [random.Random(8).uniform(0, 0.3) for _ in range(10)]
    script = f"""
        import os, signal, time
        import matsweep, matsweep.running.work as work
        from matsweep.store import summary

        plain = work.simulate
        def slow(*given, **more):
            time.sleep(0.02)
            return plain(*given, **more)

        def explore():
            matsweep.explore({[*STUDY, f"store={store}"]!r}
                             + ["executor=serial", "executor.chunk_size=1"])

        matsweep.explore({[*STUDY, f"store={tmp_path}/warm.zarr", "executor=serial"]!r})
        work.simulate = slow
        done = []
        for moment in {kills!r}:
            child = os.fork()
            if not child:
                explore()
                os._exit(0)
            while not os.path.exists({str(store)!r}):
                time.sleep(0.001)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            done.append(summary({str(store)!r}).done)
        print(*done)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    done = [int(word) for word in killed.stdout.split()]
    assert len(done) == 10
    assert done == sorted(done)
    assert done[-1] < COUNT
    xr.testing.assert_identical(run(store, "executor=serial"), undisturbed)


POISON = {3: "raises", 9: "hangs", 15: "eats", 20: "dies"}


def toy(scenario, network, *, realisations, metrics, **given):
    """Return results that depend on the candidate alone, at once even in a new process."""
    rng = np.random.default_rng(int(scenario.identity, 16))
    sizes = {"realisation": realisations, "time": 1}
    sizes |= {name: len(values) for name, values in COORDINATES.items()}
    return {name: rng.random(tuple(sizes[dim] for dim in METRICS[name].dims)) for name in metrics}


def toys(shared, chunk, simulate=toy):
    """Evaluate with toys: on the worker, where no monkeypatch reaches."""
    plain, work.simulate = work.simulate, simulate
    try:
        return work.evaluate(shared, chunk)
    finally:
        work.simulate = plain


@pytest.fixture
def undisturbed_toys(tmp_path, monkeypatch):
    monkeypatch.setattr(matsweep.running.job, "evaluate", toys)
    return run(tmp_path / "toys.zarr", "executor=serial")


def poisoned(shared, chunk):
    """Evaluate with toys, some of them poisonous."""
    deeds = {
        "raises": lambda: 1 / 0,
        "hangs": lambda: sum(range(10**14)),  # in C, which never comes back
        "eats": lambda: np.ones(10**9),
        "dies": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    }
    positions = {id(candidate.scenario): candidate.position for candidate in chunk}

    def simulate(scenario, network, **given):
        deed = POISON.get(positions[id(scenario)])
        if deed is not None:
            deeds[deed]()
        return toy(scenario, network, **given)

    return toys(shared, chunk, simulate)


def test_poisonous_candidates_take_no_neighbour_with_them(
    undisturbed_toys, tmp_path, monkeypatch, local_ray
):
    monkeypatch.setattr(matsweep.running.job, "evaluate", poisoned)
    limits = ["executor.time_limit=2", "executor.memory_limit=2_000_000_000"]
    ds = run(tmp_path / "b.zarr", "executor.chunk_size=6", *limits)
    kept = [position for position in range(COUNT) if position not in POISON]
    assert list(np.flatnonzero(ds.status == 2)) == sorted(POISON)
    xr.testing.assert_identical(ds.isel(candidate=kept), undisturbed_toys.isel(candidate=kept))
    told = {deed: str(ds.error.values[position]) for position, deed in POISON.items()}
    assert told["raises"] == "ZeroDivisionError: division by zero"
    assert told["hangs"].startswith("took longer than time_limit = 2 s")
    assert told["eats"].startswith("needed more than memory_limit = 2000000000 bytes")
    assert told["dies"].startswith("the worker process died (WorkerCrashedError)")


def slowly(shared, chunk):
    """Evaluate toys, and record the process that does."""
    folder, shared = shared
    (folder / str(os.getpid())).touch()
    time.sleep(0.05)
    return toys(shared, chunk)


def test_a_killed_worker_costs_nothing(undisturbed_toys, tmp_path, monkeypatch, local_ray):
    monkeypatch.setattr(matsweep.running.job, "evaluate", slowly)
    plain = matsweep.running.job.Shared
    monkeypatch.setattr(matsweep.running.job, "Shared", lambda **given: (tmp_path, plain(**given)))
    killed = []

    def kill():
        while not (pids := [file.name for file in tmp_path.iterdir() if file.name.isdigit()]):
            time.sleep(0.01)
        killed.append(int(pids[0]))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    ds = run(tmp_path / "c.zarr", "executor.chunk_size=2")
    killer.join()
    assert killed
    xr.testing.assert_identical(ds, undisturbed_toys)
    assert summary(tmp_path / "c.zarr").done == COUNT
