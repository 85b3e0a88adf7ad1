"""Creation next to others: the loser of a race is refused, and leftovers of a kill go."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.running import study
from matsweep.store.lock import LOCK, acquire, me
from matsweep.store.workplace import workplace

creation = sys.modules["matsweep.store.create"]  # the package's attributes are the functions
module: Any = sys.modules["matsweep.store.workplace"]


def make(path: Path) -> Path:
    return m.create(
        path,
        coordinates={"x": m.Coordinate(values=np.arange(3.0))},
        variables=[m.Variable(name="y")],
        attrs={},
    )


STEPS = ("workplace", "describe", "write_all", "publish", "replace_file", "sync_directory", "move")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_loser_of_a_race_hears_of_the_other_run(
    tmp_path: Path, step: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run creates the store, and holds it, at one step of this run's creation."""
    path, real = tmp_path / "s.zarr", getattr(creation, step)
    others: list[m.Store] = []

    def other() -> None:
        monkeypatch.setattr(creation, step, real)
        if not others and not path.exists():
            make(path)
            others.append(m.open_store(path))

    def beside(*given: Any, **named: Any) -> Any:
        if when == "before":
            other()
        result = real(*given, **named)
        if when == "after":
            other()
        return result

    monkeypatch.setattr(creation, step, beside)
    monkeypatch.setattr(study, "create_store", lambda study, path: make(path))
    run = study.Run.__new__(study.Run)
    run.study, run.path = None, path  # type: ignore[assignment]
    if (step, when) == ("move", "after"):  # it has won
        run._create()
        assert not others
    else:
        with pytest.raises(UserError, match=rf"another run \(pid {os.getpid()} on .*\) creates or"):
            run._create()
        others[0].close()
    assert [each.name for each in tmp_path.iterdir()] == ["s.zarr"]
    assert m.summary(path).pending == 3


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from matsweep.store.workplace import workplace\n"
        f"with workplace(Path({str(path)!r})) as folder:\n"
        "    (folder / 'half').mkdir()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")
    mine = [
        tmp_path / ".s.zarr.partial", tmp_path / ".s.zarr.12345678.partial.txt",
        tmp_path / ".other.zarr.12345678.partial", tmp_path / ".s.zarr.1234567g.partial",
        tmp_path / ".s.zarr.12345678.partial",
    ]  # fmt: skip
    for folder in mine:  # the last has a name like ours, but no lock file of ours
        folder.mkdir()
        (folder / "thesis.tex").write_text("three years")
    (mine[-1] / LOCK).write_text("mine")
    link = tmp_path / ".s.zarr.87654321.partial"
    link.symlink_to(mine[-1])
    held = tmp_path / ".s.zarr.00000000.partial"
    held.mkdir()
    lock = acquire(held)  # a run that is at work
    with workplace(path) as folder:
        assert folder.exists()
        assert not left.exists()
    lock.release()
    assert not folder.exists()
    assert all((each / "thesis.tex").exists() for each in mine)
    assert link.is_symlink()
    assert held.exists()
    with workplace(path):
        assert not held.exists()


def test_an_empty_folder_is_left_to_who_just_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = tmp_path / ".s.zarr.00000000.partial"
    young.mkdir()
    module.clear(tmp_path / "s.zarr")
    assert young.exists()
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 100)
    module.clear(tmp_path / "s.zarr")
    assert not young.exists()
    assert me().startswith(module._OURS)


def test_a_file_system_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        with workplace(tmp_path / "results.csv") as folder, workplace(tmp_path / "results.csv"):
            assert folder.exists()  # not cleared by the second
        path = make(tmp_path / "s.zarr")
    assert [each.name for each in tmp_path.iterdir()] == ["s.zarr"]
    assert m.summary(path).pending == 3


def test_half_written_files_of_a_growth_go_when_the_store_is_next_written(tmp_path: Path) -> None:
    path = make(tmp_path / "s.zarr")
    halves = ["zarr.json.partial", "y/zarr.json.partial", "y/c.0.partial", ".growing.partial"]
    for name in [*halves, "notes.partial"]:
        (path / name).write_text("half")
    m.open_store(path).close()
    assert [str(f.relative_to(path)) for f in path.rglob("*.partial")] == ["notes.partial"]


@pytest.mark.parametrize("place", ["/proc/self/x.zarr", "/dev/null/x.zarr"])
def test_a_place_that_cannot_be_written_is_one_line(place: str) -> None:
    with pytest.raises(m.StoreError, match=r"^(cannot write to )?/(proc|dev)"):
        make(Path(place))
