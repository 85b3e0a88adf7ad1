"""The results store: nothing lost, nothing half done, whatever happens and in whatever order."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.store import chunks, disk, metadata
from matsweep.store import lock as store_lock
from matsweep.store import parts as staging

N, R, T, ITEMS = 13, 2, 3, 4
CHUNK = 4  # so that parts and storage chunks never agree
SHAPES = {
    "accuracy": (N, R, T),
    "area": (N,),
    "levels": (N, ITEMS),
}
FAILS = {3: "ValueError: R_on [Ω] must be > 0\n  got -1", 8: "exploded", 9: "exploded"}
ATTRS = {"study": "Größe", "seed": 2**60, "more": {"a": [1, None, True, 0.1]}}


def make(path: Path, **changes: object) -> Path:
    family = np.array(["hfox_vcm", "pcm_gst"])[np.arange(N) % 2]
    arguments: dict[str, object] = {
        "coordinates": {
            "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(N)]),
            "device.r_on": m.Coordinate(values=np.linspace(1e3, 1e4, N), attrs={"units": "ohm"}),
            "bits": m.Coordinate(values=np.arange(N) % 5),
            "family": m.Coordinate(values=family),
            "realisation": m.Coordinate(values=np.arange(R), dims=("realisation",)),
            "time": m.Coordinate(values=[1.0, 1e3, 1e6], dims=("time",)),
            "item": m.Coordinate(values=["a", "bb", "ccc", "µ"], dims=("item",)),
        },
        "variables": [
            m.Variable(
                name="accuracy",
                dims=("candidate", "realisation", "time"),
                attrs={"units": "1", "long_name": "accuracy", "better": "higher"},
            ),
            m.Variable(name="area", attrs={"units": "m2", "better": "lower"}),
            m.Variable(name="levels", dims=("candidate", "item"), dtype="float32"),
        ],
        "attrs": ATTRS,
        "chunk": CHUNK,
    }
    return m.create(path, **(arguments | changes))


def outcome(name: str) -> np.ndarray:
    """Return every candidate's result: a number that identifies its place."""
    return np.arange(1, np.prod(SHAPES[name]) + 1, dtype=float).reshape(SHAPES[name]) / 7


def part(positions: object, fails: dict[int, str] = FAILS) -> m.Part:
    at = np.asarray(positions, dtype=int)
    return m.Part(
        positions=at,
        status=np.array([2 if i in fails else 1 for i in at], dtype=int),
        error=[fails.get(int(i), "") for i in at],
        seconds=at / 8 + 0.5,
        values={name: outcome(name)[at] for name in SHAPES},
    )


def reference(done: object, fails: dict[int, str] = FAILS) -> dict[str, np.ndarray]:
    """Return the expected content of the store after the candidates in ``done`` were written."""
    finished = np.isin(np.arange(N), np.asarray(done, dtype=int))
    failed = finished & np.isin(np.arange(N), list(fails))
    expected: dict[str, np.ndarray] = {
        "status": np.where(failed, 2, finished).astype(np.int8),
        "realisations": np.where(finished & ~failed, R, 0).astype(np.int32),
        "seconds": np.where(finished, np.arange(N) / 8 + 0.5, np.nan).astype(np.float32),
        "error": np.array([fails[i] if failed[i] else "" for i in range(N)]),
    }
    for name in SHAPES:
        expected[name] = outcome(name).astype(np.float32 if name == "levels" else float)
        expected[name][~finished | failed] = np.nan
    return expected


def check(dataset: xr.Dataset, expected: dict[str, np.ndarray]) -> None:
    assert set(dataset.data_vars) == set(expected)
    for name, values in expected.items():
        if name != "error":
            assert dataset[name].dtype == values.dtype
        np.testing.assert_array_equal(dataset[name].values, values, err_msg=name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "new" / "study.zarr")


# ------------------------------------------------------------------------------ round trip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_split_any_order_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = make(tmp_path_factory.mktemp("p") / "s.zarr", chunk=data.draw(st.integers(1, N + 2)))
    order = data.draw(st.permutations(range(N)))
    upto = data.draw(st.integers(0, N))
    cuts = sorted(data.draw(st.sets(st.integers(0, upto), max_size=6)) | {0, upto})
    store = m.open_store(path, fold_every=data.draw(st.sampled_from([0.0, np.inf])))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: store.close())
        for start, stop in itertools.pairwise(cuts):
            store.write(part(order[start:stop]))
            assert store.pending().tolist() == sorted(order[stop:])
            for act in data.draw(st.lists(st.sampled_from(["fold", "reopen"]), max_size=2)):
                if act == "fold":
                    store.fold()
                else:
                    store.close()
                    store = m.open_store(path, fold_every=np.inf)
    check(m.open_results(path), reference(order[:upto]))
    assert not staging.staged(path)


def test_opens_plainly_without_warnings_at_any_moment(path: Path) -> None:
    with warnings.catch_warnings(), m.open_store(path, fold_every=np.inf) as store:
        warnings.simplefilter("error")
        for done in ([], range(5), range(N)):
            store.write(part(sorted(set(done) - set(np.flatnonzero(store._status)))))
            store.fold()
            plain = xr.open_zarr(path, chunks=None)
            check(plain, reference(done))
            assert plain.identical(m.open_results(path))
            assert zarr.open_group(path, mode="r")["area"].shape == (N,)


def test_coordinates_and_attrs_come_back(path: Path) -> None:
    dataset = m.open_results(path)
    assert dict(dataset.sizes) == {"candidate": N, "realisation": R, "time": T, "item": ITEMS}
    assert set(dataset.coords) == {
        *("candidate", "candidate_id", "device.r_on", "bits", "family", "realisation", "time"),
        "item",
    }
    assert dataset.candidate.dtype == np.int64
    np.testing.assert_array_equal(dataset.candidate, np.arange(N))
    assert dataset.candidate_id.values[11] == f"{11:032x}"
    assert dataset.family.dtype.kind == "U"
    assert dataset.item.values.tolist() == ["a", "bb", "ccc", "µ"]
    assert dataset["device.r_on"].attrs == {"units": "ohm"}
    assert dataset.time.attrs == {"units": "s"}
    np.testing.assert_array_equal(dataset.time, [1.0, 1e3, 1e6])
    assert dataset.accuracy.attrs == {"units": "1", "long_name": "accuracy", "better": "higher"}
    assert dataset.status.attrs["flag_values"] == [0, 1, 2]
    assert dataset.status.attrs["flag_meanings"] == "pending done failed"
    assert dataset.seconds.attrs["units"] == "s"
    assert {key: dataset.attrs[key] for key in ATTRS} == ATTRS
    assert m.attributes(path) == ATTRS


def test_a_dataset_can_be_selected_joined_and_saved(path: Path, tmp_path: Path) -> None:
    finish(path)
    dataset = m.open_results(path)
    done = dataset.where(dataset.status == 1, drop=True)
    assert done.candidate.values.tolist() == [i for i in range(N) if i not in FAILS]
    assert dataset.where(dataset.error != "", drop=True).error.values.tolist() == [*FAILS.values()]
    assert dataset.reindex(candidate=[N - 1, N]).error.values[0] == ""
    frame = dataset[["area", "error"]].to_dataframe()
    assert frame.error[3] == FAILS[3]
    assert frame.family[1] == "pcm_gst"
    dataset.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    check(xr.open_zarr(tmp_path / "copy.zarr", consolidated=False), reference(range(N)))


def test_update_attrs_merges_and_keeps_the_rest(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(part(range(N)))
        store.update_attrs({"finished": "2031-01-01", "seed": 3})
        with pytest.raises(m.StoreError, match="JSON"):
            store.update_attrs({"x": object()})
        with pytest.raises(m.StoreError, match="reserved"):
            store.update_attrs({"coordinates": "x"})
    assert m.attributes(path) == ATTRS | {"finished": "2031-01-01", "seed": 3}
    check(xr.open_zarr(path, chunks=None), reference(range(N)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("µΩ 材料 🧪\nline two\ttab", "µΩ 材料 🧪\nline two\ttab"),
        ("nul\0in", "nul\ufffdin"),
        ("surrogate \udc80", "surrogate \\udc80"),
    ],
)
def test_error_texts(path: Path, text: str, kept: str) -> None:
    with m.open_store(path) as store:
        store.write(part([2, 5], {5: text}))
    assert m.open_results(path).error.values[5] == kept


def test_a_very_long_error_keeps_its_two_ends(path: Path) -> None:
    text = "start " + "x" * 100_000 + " the end"
    with m.open_store(path) as store:
        store.write(part([0], {0: text}))
    kept = str(m.open_results(path).error.values[0])
    assert len(kept) <= 4000
    assert kept.startswith("start xxx")
    assert kept.endswith("x the end")
    assert "characters cut" in kept


def test_failed_candidates_are_retried_and_done_ones_are_final(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(part(range(N)))
        assert store.pending().tolist() == []
        assert store.pending(retry_failed=True).tolist() == sorted(FAILS)
        store.write(part([3], {}))
        assert store.pending(retry_failed=True).tolist() == [8, 9]
        store.write(part([3, 4], {3: "late", 4: "late"}))  # both are done: dropped
        store.fold()
        store.write(part([5], {5: "late"}))  # done and folded: dropped
        store.write(part([8], {8: "again"}))
    check(m.open_results(path), reference(range(N), {8: "again", 9: "exploded"}))


def test_failed_parts_need_no_values(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(
            m.Part(
                positions=np.array([1]),
                status=np.array([2]),
                error=["no"],
                seconds=np.array([np.nan]),
                values={},
            )
        )
    dataset = m.open_results(path)
    assert dataset.status.values[1] == 2
    assert np.isnan(dataset.accuracy.values[1]).all()


# ----------------------------------------------------------------------------- the folding


def test_folds_by_time_and_number_and_touches_each_chunk_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    real = disk.replace_file

    def count(target: Path, data: bytes | memoryview) -> None:
        written.append(str(target.relative_to(path)))
        real(target, data)

    monkeypatch.setattr(chunks, "replace_file", count)
    with m.open_store(path, fold_every=np.inf) as store:
        for i in (0, 9, 1, 2, 8):
            store.write(part([i]))
        assert not written
        assert len(staging.staged(path)) == 5
        store.fold()
        arrays = [name.split("/")[0] for name in written]
        assert len(written) == len(set(written)) == 2 * (len(SHAPES) + 4)
        assert arrays[-2:] == ["status"] * 2
        assert arrays[-8:-2] == ["error"] * 2 + ["seconds"] * 2 + ["realisations"] * 2
    with m.open_store(path, fold_every=0.0) as store:
        store.write(part([3]))
        assert not staging.staged(path)
    monkeypatch.setattr("matsweep.store.writer._MOST_PARTS", 2)
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([4]))
        assert len(staging.staged(path)) == 1
        store.write(part([5]))
        assert not staging.staged(path)


@pytest.mark.parametrize("folds_between", [False, True])
def test_parts_that_come_back_after_a_power_cut_change_nothing(
    path: Path, tmp_path: Path, folds_between: bool
) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part(range(6)))  # 3 fails
        if folds_between:
            store.fold()
            store.write(part([6]))
        first = staging.staged(path)[0]
        saved = shutil.copy(first, tmp_path / first.name)
        store.write(part([3], {}))
    shutil.copy(saved, path / ".staged" / first.name)
    expected = range(7) if folds_between else range(6)
    check(m.open_results(path), reference(expected, {}))


def test_every_step_is_on_the_disk_before_the_next_relies_on_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power cuts cannot be tested; the order of the calls that guard against them can."""
    calls: list[tuple[str, str]] = []
    real_sync, real_replace, real_unlink = os.fsync, os.replace, os.unlink

    def sync(descriptor: int) -> None:
        calls.append(("sync", os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), path)))
        real_sync(descriptor)

    def move(source: Path, target: Path) -> None:
        assert calls[-1] == ("sync", os.path.relpath(source, path))  # content before name
        calls.append(("name", os.path.relpath(target, path)))
        real_replace(source, target)

    def unlink(file: Path, **options: int) -> None:
        calls.append(("unlink", os.path.relpath(file, path)))
        real_unlink(file, **options)

    with m.open_store(path, fold_every=np.inf) as store:
        for name, double in (("fsync", sync), ("replace", move), ("unlink", unlink)):
            monkeypatch.setattr(os, name, double)
        store.write(part([0, 1]))
        assert calls == [
            ("sync", ".staged/000000000000.npz.partial"),
            ("name", ".staged/000000000000.npz"),
            ("sync", ".staged"),
        ]
        calls.clear()
        store.write(part([9]))
        calls.clear()
        store.fold()
        arrays = [*SHAPES, "error", "seconds", "realisations", "status"]
        last = [max(i for i, call in enumerate(calls) if call == ("sync", a)) for a in arrays]
        names = {
            a: [i for i, (do, at) in enumerate(calls) if do == "name" and a in at] for a in arrays
        }
        assert all(max(names[a]) < end for a, end in zip(arrays, last, strict=True))
        assert max(last[:-1]) < min(names["status"])
        gone = [i for i, (do, at) in enumerate(calls) if do == "unlink" and at.endswith(".npz")]
        assert len(gone) == 2
        assert max(last) < min(gone)
        assert calls[-1] == ("sync", ".staged")
        monkeypatch.undo()


# ------------------------------------------------------------------------------- the kills

HARNESS = """
import os, shutil, signal, sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import numpy as np
import matsweep.store as m
import test_store as t

STEPS = ([0, 7, 3], [12, 1], [3, 8], [2, 4, 5, 6, 9, 10, 11])

def write_all(path, log):
    with m.open_store(path, fold_every=np.inf) as store:
        for number, positions in enumerate(STEPS):
            store.write(t.part(positions))
            os.write(log, bytes([number]))
            if number == 1:
                store.fold()
        store.update_attrs({"finished": True})

def doom(count):
    left = [count]
    def before(real):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)
        return call
    for name in ("replace", "fsync", "unlink", "rename", "mkdir", "rmdir"):
        setattr(os, name, before(getattr(os, name)))

def child(job, path, log):
    pid = os.fork()
    if pid == 0:
        try:
            job(path, log)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return pid

def every_point(root, job, template):
    for k in range(0, 10_000, int(sys.argv[5])):
        path = root / f"{k}.zarr"
        if template:
            shutil.copytree(template, path)
        log = os.open(root / f"{k}.log", os.O_WRONLY | os.O_CREAT)
        pid = child(lambda p, l: (doom(k), job(p, l)), path, log)
        status = os.waitpid(pid, 0)[1]
        os.close(log)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return

mode, root = sys.argv[3], Path(sys.argv[4])
if mode == "points":
    every_point(root, write_all, root / "template.zarr")
elif mode == "create":
    every_point(root, lambda p, l: t.make(p), None)
elif mode == "hold":
    with m.open_store(root, fold_every=np.inf) as store:
        store.write(t.part([0, 1]))
        store.fold()
        store.write(t.part([2]))
        print("ready", flush=True)
        time.sleep(600)
elif mode == "endless":
    print("ready", flush=True)
    with m.open_store(root, fold_every=0.02) as store:
        while True:
            for i in store.pending(retry_failed=True):
                store.write(t.part([i]))
                os.write(1, b"%d\\n" % i)
            time.sleep(0.001)
"""


def command(mode: str, root: Path, step: int = 1) -> list[str]:
    tests = Path(__file__).parent
    arguments = [str(tests.parent), str(tests), mode, str(root), str(step)]
    return [sys.executable, "-c", HARNESS, *arguments]


# Killed before every seventh change of the disk; `make exhaustive`: before every one.
STRIDE = 1 if os.environ.get("MATSWEEP_EXHAUSTIVE") == "1" else 7


def finish(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        for i in store.pending():
            store.write(part([i]))
        store.update_attrs({"finished": True})


def array_files(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.glob("*/c.*"))}


def test_killed_before_any_system_call_loses_nothing(tmp_path: Path) -> None:
    make(tmp_path / "template.zarr")
    subprocess.run(command("points", tmp_path, STRIDE), check=True, timeout=300)
    undisturbed = make(tmp_path / "undisturbed.zarr")
    finish(undisturbed)
    expected, files = m.open_results(undisturbed).load(), array_files(undisturbed)
    steps = ([0, 7, 3], [12, 1], [3, 8], [2, 4, 5, 6, 9, 10, 11])
    logs = sorted(tmp_path.glob("*.log"))
    assert len(logs) > 130 // STRIDE  # points; else the harness hooks nothing
    seen = set()
    for log in logs:
        path = log.with_suffix(".zarr")
        returned = [i for number in log.read_bytes() for i in steps[number]]
        seen.add(len(log.read_bytes()))
        shown = xr.open_zarr(path, chunks=None).load()
        assert_only_whole(shown)
        told = m.summary(path)
        assert told.done + told.failed >= len(set(returned))
        healed = m.open_results(path)
        assert_only_whole(healed)
        assert (healed.status.values[returned] > 0).all()
        finish(path)
        assert m.open_results(path).load().identical(expected)
        assert array_files(path) == files
        assert not list(path.rglob("*.partial"))
        shutil.rmtree(path)
    assert seen == {0, 1, 2, 3, 4} if STRIDE <= 3 else seen >= {0, 4}


def assert_only_whole(dataset: xr.Dataset) -> None:
    """Candidates that read done or failed are whole; pending ones hold no other's data."""
    finished = np.flatnonzero(dataset.status.values)
    expected = reference(finished)
    for name, values in expected.items():
        np.testing.assert_array_equal(dataset[name].values[finished], values[finished])


def test_killed_creation_leaves_no_store(tmp_path: Path) -> None:
    subprocess.run(command("create", tmp_path, STRIDE), check=True, timeout=300)
    stores = {path: path.exists() for path in map(log_store, tmp_path.glob("*.log"))}
    assert len(stores) > 100 // STRIDE
    assert sum(stores.values()) <= 3  # after the rename
    for path, exists in stores.items():
        if not exists:
            assert make(path) == path
        check(m.open_results(path), reference([]))


def log_store(log: Path) -> Path:
    return log.with_suffix(".zarr")


@pytest.mark.parametrize("seconds", [0.02, 0.11, 0.23])
def test_killed_from_outside_loses_nothing(path: Path, seconds: float) -> None:
    with subprocess.Popen(command("endless", path), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.kill()
        returned = [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
    assert_only_whole(xr.open_zarr(path, chunks=None).load())
    healed = m.open_results(path)
    assert_only_whole(healed)
    assert (healed.status.values[returned] > 0).all()
    finish(path)
    check(m.open_results(path), reference(range(N)))


# -------------------------------------------------------------------------------- the lock


def test_one_writer_at_a_time_and_free_after_a_kill(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(command("hold", path), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            clock = itertools.count(0, 0.1)  # a tenth of a second a look
            with monkeypatch.context() as patch:
                patch.setattr(store_lock.time, "monotonic", lambda: next(clock))
                with pytest.raises(m.StoreBusy) as refused:
                    m.open_store(path)
            assert 3 < next(clock) / 0.1 < 20  # it waits half a second, not for ever
            one_line(refused.value, f"pid {process.pid} on {socket.gethostname()}")
            told = m.summary(path)
            assert told.holder == m.Holder(pid=process.pid, host=socket.gethostname())
            assert (told.done, told.pending) == (3, N - 3)
            check(m.open_results(path), reference([0, 1]))  # what is folded
        finally:
            process.send_signal(signal.SIGKILL)
    assert m.summary(path).holder is None
    check(m.open_results(path), reference([0, 1, 2]))
    with m.open_store(path) as store:
        assert store.pending()[0] == 3


def test_lock_holds_within_one_process_and_ends_with_the_store(path: Path) -> None:
    with m.open_store(path) as store:
        with pytest.raises(m.StoreBusy, match=str(os.getpid())):
            m.open_store(path)
        assert m.summary(path).holder == m.Holder(pid=os.getpid(), host=socket.gethostname())
    store.close()  # a second time: nothing
    with pytest.raises(m.StoreError, match="closed"):
        store.write(part([0]))
    m.open_store(path).close()


def test_lock_is_given_back_when_opening_or_folding_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body() -> None:
        with m.open_store(path) as store:
            store.write(part([0]))
            raise KeyError

    with pytest.raises(KeyError):
        body()
    with monkeypatch.context() as patch:
        patch.setattr(m.Store, "fold", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            m.open_store(path)
    m.open_store(path).close()
    check(m.open_results(path), reference([0]))


def test_status_is_never_newer_than_the_data_read_from_one_dataset(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        dataset = m.open_results(path)
        values = dataset.area.values
        store.write(part(range(N)))
        store.fold()
        assert not np.isnan(values[dataset.status.values == 1]).any()


# ------------------------------------------------------------------------------- damage


def flipped(data: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped", "pickle", "other"])
@pytest.mark.parametrize("reopen", [False, True])
def test_damaged_part_is_set_aside_and_pending_again(
    path: Path, kind: str, reopen: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(m.open_store(path, fold_every=np.inf))
        for i in (1, 2, 4):
            store.write(part([i]))
        victim = staging.staged(path)[1]
        data = victim.read_bytes()
        if kind == "pickle":
            np.savez(victim, positions=np.array([{}], dtype=object))
        elif kind == "other":
            other = {**part([2]).values, "accuracy": np.zeros((1, 9))}
            changed = m.Part(
                positions=[2],
                status=[1],
                error=[""],
                seconds=[1.0],
                values=other,
            )
            victim.write_bytes(staging.encode(changed))
        else:
            at = data.index(outcome("accuracy")[2].tobytes())
            shorter = {"truncated": data[: at + 9], "empty": b"", "flipped": flipped(data, at, 3)}
            victim.write_bytes(shorter[kind])
        told = m.summary(path)
        assert told.done == (3 if kind == "other" else 2)
        if reopen:
            with pytest.MonkeyPatch.context() as patch:  # closed by a kill: without a fold
                patch.setattr(m.Store, "fold", lambda self: None)
                store.close()
            store = stack.enter_context(m.open_store(path, fold_every=np.inf))
        with caplog.at_level(logging.WARNING):
            store.fold()
        assert "damaged" in caplog.text
        assert "pending again" in caplog.text
        assert 2 in store.pending()
        assert victim.with_suffix(".damaged").exists()
        store.write(part([2]))
    check(m.open_results(path), reference([1, 2, 4]))


def test_parts_set_aside_are_all_kept(path: Path) -> None:
    for _ in range(2):
        with m.open_store(path, fold_every=np.inf) as store:
            store.write(part([1]))
            staging.staged(path)[0].write_bytes(b"damaged")
    assert len(list((path / ".staged").glob("*.damaged"))) == 2


def test_any_flipped_byte_of_a_part_is_noticed_or_harmless() -> None:
    good = part([3, 5, 8])
    data = staging.encode(good)
    rng = np.random.default_rng(0)
    for _ in range(400):
        at, bit = int(rng.integers(len(data))), int(rng.integers(8))
        try:
            read = staging.decode(flipped(data, at, bit))
        except ValueError:
            continue
        assert read.positions.tolist() == [3, 5, 8]
        assert read.error == good.error
        for name in set(read.values) & set(SHAPES):  # another name is refused by the store
            np.testing.assert_array_equal(read.values[name], good.values[name])
    for length in range(0, len(data), 37):
        with pytest.raises(ValueError, match="part"):
            staging.decode(data[:length])


def test_flipped_bit_in_a_chunk_fails_its_checksum(path: Path) -> None:
    finish(path)
    file = path / "area" / "c.0"
    file.write_bytes(flipped(file.read_bytes(), 20, 1))
    with pytest.raises(m.StoreError, match=r"area/c\.0 is missing, truncated or has changed"):
        m.open_results(path).area.load()


# ----------------------------------------------------------------------------- a full disk


def test_full_disk_at_any_write_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC injected before the k-th file, for every k."""
    undisturbed = make(tmp_path / "undisturbed.zarr")
    finish(undisturbed)
    expected, template = m.open_results(undisturbed).load(), make(tmp_path / "template.zarr")
    real_open = open
    failed = 0
    for k in range(10_000):
        path = Path(shutil.copytree(template, tmp_path / f"{k}.zarr"))
        left = [k]

        def full(*arguments: object, left: list[int] = left, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_open(*arguments, **options)

        safe: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(disk, "open", full, raising=False)
            try:
                with m.open_store(path, fold_every=np.inf) as store:
                    for positions in ([0, 7, 3], [12, 1], [2, 4]):
                        store.write(part(positions))
                        safe += positions
                    store.fold()
                    store.update_attrs({"a": 1})
            except m.StoreError as problem:
                failed += 1
                one_line(problem, f"no space left on {path}")
                one_line(problem, f"{len(safe)} candidates are safe")
            else:
                break
        assert not list(path.rglob("*.partial"))
        assert sorted(np.flatnonzero(m.open_results(path).status.values)) == sorted(safe)
        finish(path)
        assert m.open_results(path).load().identical(expected)
    assert failed > 20


def test_file_size_limit_is_told_like_a_full_disk(path: Path) -> None:
    """The real thing through RLIMIT_FSIZE: needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([0]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(m.StoreError, match=r"no space left .* 1 candidates are safe"):
                store.write(part([1, 2]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        store.write(part([1, 2]))
    check(m.open_results(path), reference([0, 1, 2]))


def test_really_full_disk(tmp_path: Path) -> None:
    """A tmpfs of 512 kB; where none can be mounted, the two tests above stand for it."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here; ENOSPC is tested injected and by RLIMIT_FSIZE")
    try:
        path = place / "s.zarr"
        large = m.Variable(name="large", dims=("candidate", "item"))
        item = m.Coordinate(values=np.arange(3000), dims=("item",))
        number = m.Coordinate(values=np.arange(60))
        make(path, coordinates={"item": item, "number": number}, variables=[large])
        rng = np.random.default_rng(0)
        data = rng.random((60, 3000))

        def one(i: int) -> m.Part:
            return m.Part(
                positions=np.array([i]),
                status=np.array([1]),
                error=[""],
                seconds=np.array([1.0]),
                values={"large": data[i : i + 1]},
            )

        written: list[int] = []

        def fill() -> None:
            with m.open_store(path, fold_every=0.0) as store:
                for i in range(60):
                    written.append(i)
                    store.write(one(i))

        with pytest.raises(m.StoreError) as refused:
            fill()
        one_line(refused.value, "no space left on")
        assert 2 < len(written) < 30
        told = m.summary(path)
        assert told.done >= len(written) - 1
        one_line(refused.value, " candidates are safe")
        with contextlib.suppress(m.StoreError):  # still full: says so, or shows what is there
            m.open_results(path)
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        with m.open_store(path) as store:
            assert set(range(len(written) - 1)).isdisjoint(store.pending().tolist())
            for i in store.pending():
                store.write(one(int(i)))
        dataset = m.open_results(path).load()
        np.testing.assert_array_equal(dataset.large.values, data)
        assert (dataset.status.values == 1).all()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_read_only_place_shows_what_is_folded(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([0]))
        store.fold()
        store.write(part([1]))
        monkeypatch.setattr(m.Store, "fold", lambda self: None)
    real = os.open

    def read_only(file: object, flags: int, *rest: int, **options: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(file, flags, *rest, **options)

    monkeypatch.setattr(os, "open", read_only)
    with caplog.at_level(logging.WARNING):
        dataset = m.open_results(path)
    assert "1 staged parts are not shown" in caplog.text
    check(dataset, reference([0]))
    assert m.summary(path).done == 2
    with pytest.raises(m.StoreError, match="Read-only") as refused:
        m.open_store(path)
    one_line(refused.value, "permissions")


# ----------------------------------------------------------------------------- the summary


def test_summary_counts_staged_and_groups_failures(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([0, 1, 2, 3, 8]))
        store.fold()
        store.write(part([9, 11]))
        store.write(part([3], {}))
        told = m.summary(path, slowest=3)
    assert (told.total, told.done, told.failed, told.pending) == (N, 5, 2, N - 7)
    assert told.slowest == ((11, 11 / 8 + 0.5), (9, 9 / 8 + 0.5), (8, 1.5))
    assert [(each.message, each.first, each.count) for each in told.failures] == [
        ("exploded", 8, 2)
    ]
    empty = m.summary(make(path.with_name("e.zarr")))
    assert (empty.pending, empty.slowest, empty.failures, empty.holder) == (N, (), (), None)


# -------------------------------------------------------------------- what a user can mistake


def one_line(problem: BaseException, says: str) -> None:
    assert isinstance(problem, UserError)
    assert "\n" not in str(problem)
    assert says in str(problem)


def bad_place(kind: str, path: Path) -> str:
    """Put something that is no store of ours at ``path``; return what the error must say."""
    if kind == "a file":
        path.write_text("x")
    elif kind == "a directory":
        path.mkdir()
        (path / "x").touch()
    elif kind == "another's zarr":
        xr.Dataset({"a": ("x", [1.0])}).to_zarr(path, consolidated=False)
    elif kind != "nothing":
        root = json.loads((make(path) / "zarr.json").read_text())
        if kind == "newer":
            root["attributes"]["matsweep_store_format"] = m.layout.FORMAT + 1
        elif kind == "no metadata":
            del root["consolidated_metadata"]
        elif kind == "no array":
            del root["consolidated_metadata"]["metadata"]["status"]
        elif kind == "bad codec":
            root["consolidated_metadata"]["metadata"]["status"]["codecs"] = [{"name": "nix"}]
        text = json.dumps(root)
        (path / "zarr.json").write_text(text[:200] if kind == "truncated" else text)
        if kind == "no root":
            (path / "zarr.json").unlink()
    says = {
        "nothing": "no results at",
        "a file": "is a file",
        "newer": "update matsweep",
    }
    mine = {"truncated", "no metadata", "no array", "no root", "bad codec"}
    return says.get(kind, "is damaged" if kind in mine else "not a results store of matsweep")


KINDS = ["nothing", "a file", "a directory", "another's zarr", "newer", "truncated"]
DAMAGED = ["no metadata", "no array", "no root", "bad codec"]


@pytest.mark.parametrize("kind", KINDS + DAMAGED)
@pytest.mark.parametrize("read", [m.open_results, m.summary, m.open_store, m.attributes])
def test_bad_paths_are_told_in_one_line(tmp_path: Path, kind: str, read: object) -> None:
    path = tmp_path / "s.zarr"
    says = bad_place(kind, path)
    if read is m.attributes and kind in ("no array", "bad codec"):
        return  # it reads no array
    before = sorted(path.rglob("*")) if path.is_dir() else []
    with pytest.raises(m.StoreError) as refused:
        read(path)
    one_line(refused.value, says)
    assert (sorted(path.rglob("*")) if path.is_dir() else []) == before


@pytest.mark.parametrize(
    ("kind", "says"),
    [("a file", "is a file"), ("a directory", "not empty"), ("store", "already holds a store")],
)
def test_create_refuses_what_is_there(tmp_path: Path, kind: str, says: str) -> None:
    path = tmp_path / "s.zarr"
    bad_place(kind, path)
    with pytest.raises(m.StoreError) as refused:
        make(path)
    one_line(refused.value, says)
    assert os.listdir(tmp_path) == ["s.zarr"]


def test_create_takes_an_empty_directory_and_makes_parents(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check(m.open_results(make(tmp_path / "empty")), reference([]))
    check(m.open_results(make(tmp_path / "a" / "b" / "c")), reference([]))
    (tmp_path / "file").touch()
    with pytest.raises(m.StoreError) as refused:
        make(tmp_path / "file" / "s.zarr")
    one_line(refused.value, "not a directory")


def test_create_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(m.StoreError, match="no space left"):
            make(tmp_path / "s.zarr")
    assert os.listdir(tmp_path) == []


def along(values: object, dim: str = "candidate") -> m.Coordinate:
    return m.Coordinate(values=values, dims=(dim,))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"coordinates": {"x": along([1, 2]), "y": along([1])}}, "'y' must hold 2"),
        ({"coordinates": {"x": along([])}, "variables": []}, "candidate"),
        ({"coordinates": {}, "variables": []}, "candidate"),
        ({"coordinates": {"x": along([1, 2])}}, "item, realisation, time"),
        ({"coordinates": {"status": along([1])}, "variables": []}, "status"),
        ({"coordinates": {"a/b": along([1])}, "variables": []}, "a/b"),
        ({"coordinates": {"zarr.json": along([1])}, "variables": []}, "zarr.json"),
        ({"coordinates": {"candidate": along([1, 2])}, "variables": []}, "0 … N-1"),
        ({"coordinates": {"a": along([1])}, "variables": [m.Variable(name="a")]}, "differ"),
        ({"attrs": {"x": float("nan")}}, "JSON"),
        ({"attrs": {"x": np.float64}}, "JSON"),
        ({"attrs": {"coordinates": "x"}}, "reserved"),
    ],
)
def test_create_refuses_what_does_not_fit(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(m.StoreError) as refused:
        make(tmp_path / "s.zarr", **changes)
    one_line(refused.value, says)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: m.Variable(name="a", dtype="int64"), "floating"),
        (lambda: m.Variable(name="a", dtype="object"), "floating"),
        (lambda: m.Variable(name="status"), "reserved"),
        (lambda: m.Variable(name="a", dims=("time",)), "candidate"),
        (lambda: m.Variable(name="a", attrs={"units": "seconds"}), "symbol"),
        (lambda: m.Variable(name="a", attrs={"scale_factor": 2}), "scale_factor"),
        (lambda: m.Coordinate(values=[{}]), "object"),
        (lambda: m.Coordinate(values=[["a"]]), "2 axes"),
        (lambda: m.Coordinate(values=[1, "a", None]), "object"),
        (lambda: m.Coordinate(values=np.array(["2031"], "M8[s]")), "datetime"),
    ],
)
def test_objects_refuse_what_cannot_be(build: object, says: str) -> None:
    with pytest.raises(m.StoreError) as refused:
        build()
    one_line(refused.value, says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"positions": [0, 0]}, "once"),
        ({"positions": [-1, 0]}, ">= 0"),
        ({"positions": [0.5, 1]}, "whole"),
        ({"positions": [0, N]}, f"< {N}"),
        ({"status": [1, 0]}, "done"),
        ({"status": [1]}, "2 candidates"),
        ({"error": ["", "", ""]}, "2 candidates"),
        ({"seconds": [1.0]}, "2 candidates"),
        ({"values": {}}, "accuracy"),
        ({"values": {**part([0, 1]).values, "area": np.zeros((2, 2))}}, "shape"),
        ({"values": {**part([0, 1]).values, "area": np.array([{}, {}])}}, "object"),
        ({"values": {**part([0, 1]).values, "other": np.zeros(2)}}, "other"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    path: Path, changes: dict[str, object], says: str
) -> None:
    good: dict[str, object] = {
        "positions": [0, 1],
        "status": [1, 1],
        "error": ["", ""],
        "seconds": [1.0, 2.0],
        "values": part([0, 1]).values,
    }
    with m.open_store(path) as store:
        with pytest.raises(m.StoreError) as refused:
            store.write(m.Part(**(good | changes)))
        one_line(refused.value, says)
        assert store.pending().size == N
    check(m.open_results(path), reference([]))


@pytest.mark.parametrize(
    ("inner", "count", "rows"),
    [
        (1, 100, 100),
        (8, 100_000, 2**20 // 64),
        (24, 300_000, 300_000 // 16),
        (8, 2_000_000, 2**22 // 64),
        (1, 1_000_000, 100_000),
    ],
)
def test_chunks_are_few_and_of_one_to_four_mebibytes(inner: int, count: int, rows: int) -> None:
    assert metadata.rows_of_chunk(np.dtype(float), (count, inner)) == rows


def test_module_docstring_layout_is_what_is_on_disk(path: Path) -> None:
    assert textwrap.dedent(m.__doc__ or "").count(".staged/") == 1
    assert {".staged", ".lock", "zarr.json", "candidate", "status"} < set(os.listdir(path))
