"""Folders of Ray's sessions: private, short, and cleaned after a run that was killed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from matsweep.core.checks import UserError
from matsweep.running.executors import private, remote

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a temporary folder of the system that is this test's alone; its path is long."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private, "_SHORT", tmp_path)
    monkeypatch.setattr(private, "_LONGEST", 1000)
    return tmp_path


def test_a_folder_is_its_users_alone_and_removed(place):
    before = os.umask(0)
    folder, lock = private.create()
    os.umask(before)
    assert folder.parent == place
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "session").mkdir()
    (folder / "session" / "log").touch()
    private.remove(folder, lock)
    assert list(place.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(lock)


def test_rays_sockets_fit_below_a_folder():
    folder, lock = private.create()
    try:
        name = "session_2026-12-31_23-59-59_999999_4194303"  # as Ray 2.60 names it; largest number
        socket = f"{private.session_folder(folder)}/{name}/sockets/plasma_store"
        assert len(socket.encode()) <= (107 if sys.platform == "linux" else 103)
    finally:
        private.remove(folder, lock)


def test_a_long_temporary_folder_is_replaced_by_a_short_one(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder, lock = private.create()
    try:
        assert folder.parent == Path("/tmp")
    finally:
        private.remove(folder, lock)


def test_no_place_for_a_folder_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    monkeypatch.setattr(private, "_SHORT", tmp_path / "absent")
    monkeypatch.setattr(private, "_LONGEST", 1000)
    with pytest.raises(UserError, match=r"^Ray needs a temporary folder .*; set TMPDIR to one"):
        private.check_room()

    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(UserError, match=r"\(No usable temporary directory found\); set TMPDIR"):
        private.check_room()


def test_a_folder_in_use_is_left(place):
    folder, lock = private.create()
    assert private.clean() == []
    assert folder.is_dir()
    private.remove(folder, lock)


def test_a_place_without_locks_is_one_line_and_keeps_nothing(place, monkeypatch):
    kept, lock = private.create()
    os.close(lock)

    def flock(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match=r"with locks \(.*: No locks available\); set TMPDIR"):
        private.create()
    opened = len(os.listdir("/dev/fd"))
    assert private.clean() == []
    assert len(os.listdir("/dev/fd")) == opened
    assert list(place.iterdir()) == [kept]


KILLED = """
import os, subprocess, sys, time
from pathlib import Path
from matsweep.running.executors import private

private._LONGEST = 1000
private._SHORT = Path(os.environ["TMPDIR"])
folder, lock = private.create()
private.session_folder(folder).mkdir()
rest = [sys.executable, "-c", "import time; time.sleep(1000)"]
by_mark = subprocess.Popen(rest, env={**os.environ, private.MARK: str(folder)})
log = open(private.session_folder(folder) / "worker.out", "w")
by_output = subprocess.Popen(rest, stdout=log, stderr=log)
reading = open(log.name)  # as tail -f does
other = subprocess.Popen(
    rest, env={**os.environ, private.MARK: f"{folder}x"}, pass_fds=[reading.fileno()]
)
print(folder, by_mark.pid, by_output.pid, other.pid, flush=True)
time.sleep(1000)
"""


def ended(pid):
    """Whether a process has ended; one that no one waits for stays as a zombie."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state in "ZX"
    return True


@linux
def test_a_process_that_holds_the_lock_is_not_ended(place):
    """The study's own, while the one that holds Ray cleans up."""
    folder, lock = private.create()
    holder = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock]
    )
    private.end_processes(folder)
    holder.communicate(b"\n")
    assert holder.returncode == 0
    private.remove(folder, lock)


def absent(pid):
    raise OSError(errno.ENOSYS, "Function not implemented")


@linux
@pytest.mark.parametrize("pidfd", ["present", "not built", "of an old kernel"])
def test_what_a_killed_run_left_is_removed_by_the_next(place, pidfd, monkeypatch):
    if pidfd == "not built":
        monkeypatch.delattr(os, "pidfd_open")
    elif pidfd == "of an old kernel":
        monkeypatch.setattr(os, "pidfd_open", absent)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        text=True,
    )
    folder, *pids = process.stdout.readline().split()
    by_mark, by_output, other = map(int, pids)
    try:
        assert private.clean() == []  # the run is at work
        process.kill()
        process.wait()
        process.stdout.close()
        assert private.clean() == [Path(folder)]
        assert not Path(folder).exists()
        until = time.monotonic() + 60
        while not (ended(by_mark) and ended(by_output)) and time.monotonic() < until:
            time.sleep(0.01)
        assert ended(by_mark)
        assert ended(by_output)
        assert not ended(other)  # of another session, whose folder has a similar name
    finally:
        for pid in (by_mark, by_output, other):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def left_open(folder):
    folder.chmod(0o755)


def linked(folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def beginning(folder):
    (folder / "lock").unlink()


def lock_is_a_link(folder):
    (folder / "lock").rename(folder.parent / "theirs")
    (folder / "lock").symlink_to(folder.parent / "theirs")


@pytest.mark.parametrize("change", [left_open, linked, beginning, lock_is_a_link])
def test_what_may_be_anothers_is_left(place, change):
    folder, lock = private.create()
    os.close(lock)
    change(folder)
    (folder / "kept").touch()
    assert private.clean() == []
    assert (folder / "kept").exists()


def test_a_run_killed_before_it_had_a_lock_leaves_nothing_for_long(place):
    folder, lock = private.create()
    os.close(lock)
    (folder / "lock").unlink()
    os.utime(folder, (1, 1))
    assert private.clean() == [folder]


SETTINGS = {"workers": 1, "object_store_memory": 1, "num_cpus": 1.0, "memory": None}


def test_a_process_that_cannot_start_leaves_nothing(place, monkeypatch):
    def popen(*given, **named):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", popen)
    opened = len(os.listdir("/dev/fd"))
    with (
        pytest.raises(UserError, match=r"^Ray does not start: Resource temporarily unavailable;"),
        remote.broker(address="local", **SETTINGS),
    ):
        pass
    gc.collect()  # the connection's other end
    assert len(os.listdir("/dev/fd")) == opened
    assert list(place.iterdir()) == []


@linux
def test_a_folder_may_have_any_name(place):
    odd = place / os.fsdecode(b"\xff")
    private.end_processes(odd)


def test_modules_are_looked_for_where_python_does(place, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, "/modules", Path("/notebooks")])
    monkeypatch.setattr(subprocess, "Popen", lambda words, **named: words[-1])
    order = remote.Order(address="local", folder=place, lock=0, program="", main=None, **SETTINGS)
    code = remote._begun(order, 5)
    compile(code, "code", "exec")
    assert "'/modules'" in code
    assert "notebooks" not in code
