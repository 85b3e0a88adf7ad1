"""Ray on this machine loses its processes, or the study its driver: one line, and nothing is lost.

Drivers are processes of their own, which compute toys that take 0.2 s each.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest
import xarray as xr

import matsweep.running.job
from matsweep.core.journal import last_event
from matsweep.running.executors import private
from matsweep.store import summary
from tests.conftest import EXHAUSTIVE
from tests.running.test_faults import COUNT, STUDY, run, toys

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc"),
]

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
    import signal, sys
    import matsweep.running.job
    from matsweep.cli.main import main
    from tests.running.test_ray_deaths import slow_toys

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):  # a shell's job in the background ignores them
        signal.signal(number, signal.SIG_DFL)
    matsweep.running.job.evaluate = slow_toys
    sys.exit(main({words!r}))
"""
PARTS = {
    "raylet": r"/raylet/raylet ",
    "gcs": r"/gcs_server ",
    "dashboard agent": r"^ray::DashboardAgent",
    "runtime-env agent": r"^ray::RuntimeEnvAgent",
    "log monitor": r"/log_monitor\.py ",
    "worker": r"^ray::(IDLE|_call)",
    "broker": r"executors\.broker import main",
}
HARMLESS = {"log monitor", "worker"}


def slow_toys(shared, chunk):
    time.sleep(0.2)
    return toys(shared, chunk)


@pytest.fixture
def undisturbed(tmp_path, monkeypatch):
    monkeypatch.setattr(matsweep.running.job, "evaluate", toys)
    return run(tmp_path / "undisturbed.zarr", "executor=serial")


@pytest.fixture
def temporary():
    """Return a temporary folder that is this test's alone, with a short path."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def start(temporary):
    """Return a function that starts a driver; those still at work at the end are killed."""
    started = []

    def begin(store):
        started.append(driver(store, temporary))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def driver(store, temporary):
    small = ["executor=ray", "executor.workers=1", "executor.object_store_memory=80000000"]
    words = ["explore", "-m", *STUDY, *small, "executor.chunk_size=1", f"store={store}"]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER.format(words=words))],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process, store, count):
    """Wait until N candidates are stored."""
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            if summary(store).done >= count:
                return
        time.sleep(0.05)
    process.kill()
    pytest.fail(process.communicate()[1])


def below(pid):
    """Numbers of the processes below another, and their command lines."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= below(child)
    return found


def kill(process, part, number=signal.SIGKILL):
    """Send a signal to a part of a driver's Ray."""
    processes = below(process.pid)
    [pid, *_] = [pid for pid, line in processes.items() if re.search(PARTS[part], line)]
    os.kill(pid, number)
    return processes


def last_line(process):
    """Return a driver's last line: all others are matsweep's notes."""
    _, errors = process.communicate(timeout=300)
    *notes, told = errors.splitlines()
    for note in notes:  # one of them a minute
        assert re.search("^unknown parameters|are there already$|of 24 candidates, 0 f", note), (
            errors
        )
    return told


def alive(processes):
    """Those that have not ended, of processes by their numbers."""
    return {pid: line for pid, line in processes.items() if Path(f"/proc/{pid}/exe").exists()}


def test_a_study_goes_on_after_its_raylet_and_its_driver_are_killed(
    undisturbed, tmp_path, temporary, start, monkeypatch
):
    store = tmp_path / "a.zarr"
    process = start(store)
    wait_for(process, store, 2)
    [folder] = temporary.glob("ms-ray-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=False)
    processes = kill(process, "raylet")
    told = last_line(process)
    assert process.returncode == 2
    assert re.fullmatch(
        r"matsweep: .* has ended \(.*\); \d+ of 24 candidates are done and safe in "
        rf"{re.escape(str(store))}; the same command resumes",
        told,
    )
    assert last_event(store / ".log.jsonl", "stopped")["reason"].startswith("LostError: ")
    assert not list(temporary.glob("ms-ray-*"))
    assert not alive(processes)
    ours = [line for line in listening.stdout.splitlines() if re.search(pids(processes), line)]
    for line in ours:
        assert re.match(r"LISTEN +\d+ +\d+ +\[?(::ffff:)?127\.0\.0\.1\]?:", line), line

    process = start(store)
    done = summary(store).done
    wait_for(process, store, done + 2)
    processes = kill(process, "broker", signal.SIGSTOP)  # it would clean up after its driver
    process.kill()
    process.wait()
    [broker] = [pid for pid, line in processes.items() if re.search(PARTS["broker"], line)]
    os.kill(broker, signal.SIGKILL)
    [left] = temporary.glob("ms-ray-*")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    until = time.monotonic() + 60
    while not private.clean() and time.monotonic() < until:  # as the next run does
        time.sleep(0.1)
    assert not left.exists()
    while alive(processes) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(processes)
    assert done + 2 <= summary(store).done < COUNT
    assert summary(store).failed == 0
    xr.testing.assert_identical(run(store, "executor=serial"), undisturbed)


def pids(processes):
    """Return an expression for lines of `ss` that name one of some processes."""
    return "|".join(f"pid={pid}," for pid in processes)


@pytest.mark.skipif(not EXHAUSTIVE, reason="make exhaustive")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("part", PARTS)
def test_whatever_dies_is_one_line_and_loses_nothing(
    undisturbed, tmp_path, temporary, start, part, number
):
    store = tmp_path / "a.zarr"
    process = start(store)
    wait_for(process, store, 2)
    processes = kill(process, part, number)
    told = last_line(process)
    print(f"{part}, {number.name}: {told} (exit code {process.returncode})")
    if process.returncode:
        assert process.returncode == 2
        assert "candidates are done and safe in" in told
        assert last_event(store / ".log.jsonl", "stopped")["reason"].startswith("LostError: ")
    else:
        assert part in HARMLESS or number is signal.SIGTERM  # some ignore it
        assert summary(store).done == COUNT
    assert summary(store).failed == 0
    assert not list(temporary.glob("ms-ray-*"))
    assert not alive(processes)
    xr.testing.assert_identical(run(store, "executor=serial"), undisturbed)


@pytest.mark.skipif(not EXHAUSTIVE, reason="make exhaustive")
@pytest.mark.parametrize(
    ("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGQUIT", 131)]
)
def test_a_signal_ends_the_driver_and_its_ray(
    undisturbed, tmp_path, temporary, start, number, code
):
    store = tmp_path / "a.zarr"
    process = start(store)
    wait_for(process, store, 2)
    processes = below(process.pid)
    process.send_signal(getattr(signal, number))
    told = last_line(process)
    print(f"driver, {number}: {told} (exit code {process.returncode})")
    assert process.returncode == code
    assert told.startswith("matsweep: stopped: ")
    assert "interrupted" in last_event(store / ".log.jsonl", "stopped")["reason"]
    assert not list(temporary.glob("ms-ray-*"))
    assert not alive(processes)
    xr.testing.assert_identical(run(store, "executor=serial"), undisturbed)


@pytest.mark.skipif(not EXHAUSTIVE, reason="make exhaustive")
def test_the_ray_of_a_killed_driver_ends_and_cleans_up(tmp_path, temporary, start):
    process = start(tmp_path / "a.zarr")
    wait_for(process, tmp_path / "a.zarr", 2)
    processes = below(process.pid)
    process.kill()
    until = time.monotonic() + 60
    while (alive(processes) or list(temporary.glob("ms-ray-*"))) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(processes)
    assert not list(temporary.glob("ms-ray-*"))
