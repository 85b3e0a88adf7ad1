"""Stores in object storage, on a server of this machine: nothing lost, one writer."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from zarr.storage import ObjectStore

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.store import lease, objects
from matsweep.store import parts as staging

N = 9
PARTS = ([0, 5], [1, 2, 8], [3], [4, 6, 7])


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="results")
        yield "s3://results"
    server.stop()


@pytest.fixture
def url(bucket: str, request: pytest.FixtureRequest) -> str:
    return f"{bucket}/{re.sub(r'[^a-z_]', '-', request.node.name)}/s.zarr"


def make(url: str | Path) -> m.Place:
    return m.create(
        url,
        coordinates={
            "x": m.Coordinate(values=np.arange(N) / 8),
            "realisation": m.Coordinate(values=[0, 1], dims=("realisation",)),
        },
        variables=[
            m.Variable(name="area"),
            m.Variable(name="accuracy", dims=("candidate", "realisation")),
        ],
        attrs={"study": "objects"},
        chunk=4,
    )


def part(positions: list[int]) -> m.Part:
    at = np.array(positions)
    return m.Part(
        positions=at,
        status=[2 if i == 3 else 1 for i in at],
        error=["no" if i == 3 else "" for i in at],
        seconds=at * 0.5,
        values={"area": at / 7, "accuracy": at[:, None] + np.array([0.1, 0.2])},
    )


def work(url: str | Path) -> None:
    """Do what a study does: create, or resume; then grow."""
    place = m.place_of(url)
    if not place.exists():
        make(url)
    with m.open_store(url, fold_every=np.inf) as store:
        left = set(store.pending().tolist())
        for positions in PARTS:
            if left & set(positions):
                store.write(part(sorted(left & set(positions))))
                print(*positions, flush=True)
            if positions == PARTS[1]:
                store.fold()
        store.fold()
        if "grown" not in m.attributes(url):
            store.append({"x": [7.0, 8.0]}, attrs={"grown": True})
        if len(store.read(["accuracy"], [0])["accuracy"][0]) == 2:
            store.lengthen("realisation", [0, 1, 2])


def test_a_store_is_the_same_as_on_a_disk(url: str, tmp_path: Path) -> None:
    local = tmp_path / "s.zarr"
    for place in (url, local):
        work(place)
    found, expected = m.open_results(url).load(), m.open_results(local).load()
    assert found.identical(expected)
    assert m.summary(url) == m.summary(local)
    assert m.attributes(url) == m.attributes(local)
    place = m.place_of(url)
    assert isinstance(place, objects.ObjectPath)
    plain = xr.open_zarr(ObjectStore(objects._client(place.bucket, place.key)), chunks=None)
    assert plain.identical(found)
    with m.open_store(url):  # clears the names that no chunk has now
        pass
    with m.open_store(local):
        pass
    for name, size in place.sizes().items():
        assert (place / name).read_bytes() == (local / name).read_bytes()
        assert size == (local / name).stat().st_size
    assert not staging.staged(place)


@pytest.mark.parametrize("upto", range(5, 90, 25))
def test_killed_after_any_request_loses_nothing(
    url: str, upto: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A separate process is killed before its n-th put or deletion; the next one goes on."""
    url = url.replace("s.zarr", f"{upto}.zarr")
    code = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(m.__file__).parents[2])]!r}
import obstore, test_objects as t
left = [{upto}]
def doomed(real):
    def call(*a, **k):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*a, **k)
    return call
for name in ("put", "delete"):
    setattr(obstore, name, doomed(getattr(obstore, name)))
from zarr.storage import ObjectStore
ObjectStore.set = doomed(ObjectStore.set)
t.work({url!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    returned = [int(i) for line in done.stdout.splitlines() for i in line.split()]
    place = m.place_of(url)
    assert isinstance(place, objects.ObjectPath)
    if (place / "zarr.json").is_file():
        told = m.summary(url)
        assert told.done + told.failed >= len(returned)
    else:
        assert not returned
    a_minute_later(monkeypatch)
    if not (place / "zarr.json").is_file():
        make(url)
    work(url)
    local = tmp_path / "s.zarr"
    work(local)
    assert m.open_results(url).load().identical(m.open_results(local).load())


def test_one_writer_and_free_some_time_after_a_kill(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(url)
    code = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parent), str(Path(m.__file__).parents[2])]!r}
import matsweep.store as m, test_objects as t
store = m.open_store({url!r}, fold_every=1e9)
store.write(t.part([0, 1]))
print("ready", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            with pytest.raises(m.StoreBusy) as refused:
                m.open_store(url)
            one_line(refused.value, f"pid {process.pid} on {os.uname().nodename}")
            told = m.summary(url)
            assert told.holder == m.Holder(pid=process.pid, host=os.uname().nodename)
            assert (told.done, told.pending) == (2, N - 2)
            assert m.open_results(url).status.values.tolist() == [0] * N  # what is folded
        finally:
            process.kill()
    with pytest.raises(m.StoreBusy, match=r"its lock ends in [0-9]+ s"):
        m.open_store(url)
    a_minute_later(monkeypatch)
    assert m.summary(url).holder is None
    assert m.open_results(url).status.values.tolist() == [1, 1, *[0] * (N - 2)]
    with m.open_store(url) as store:
        assert store.pending().tolist() == list(range(2, N))


def eventually(reached: Callable[[], bool]) -> None:
    """Wait for what another thread does; the limit is for one that never does it."""
    limit = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.02)


def lost(store: m.Store) -> bool:
    """Whether a store's lease knows that another has it."""
    assert store._lock is not None
    try:
        store._lock.check()
    except m.StoreError:
        return True
    return False


def test_a_lock_is_renewed_and_one_that_was_lost_stops_the_writer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(url)
    monkeypatch.setattr(lease, "BEAT", 0.1)
    lock = m.place_of(url) / ".lock"
    with m.open_store(url) as store:
        begun = lock.read_tagged()[1]
        eventually(lambda: lock.read_tagged()[1] != begun)
        store.write(part([0]))
        lock.write_bytes(b'{"pid": 1, "host": "elsewhere", "token": "other"}')
        eventually(lambda: lost(store))
        for act in (lambda: store.write(part([1])), store.fold, lambda: store.update_attrs({})):
            with pytest.raises(m.StoreError) as refused:
                act()
            one_line(refused.value, "was taken by another run")
        with pytest.raises(m.StoreError):
            store.close()
    assert b"elsewhere" in lock.read_bytes()  # not given back by who lost it
    lock.unlink()
    assert m.open_results(url).status.values.tolist() == [1, *[0] * (N - 1)]


def test_creation_refuses_what_is_there_and_clears_its_own_debris(url: str) -> None:
    place = make(url)
    with pytest.raises(m.StoreError, match="already holds a store"):
        make(url)
    (place / "zarr.json").unlink()
    with pytest.raises(m.StoreError, match="prefix that is not empty"):
        make(url)
    (place / ".growing").write_bytes(b"[]")  # a creation that was killed
    make(url)
    assert m.open_results(url).status.values.tolist() == [0] * N
    assert ".growing" not in place.sizes()
    assert ".lock" not in place.sizes()


def test_what_is_damaged_is_computed_again(url: str) -> None:
    place = make(url)
    with m.open_store(url) as store:
        store.write(part(list(range(N))))
    expected = m.open_results(url).load()
    (place / "area" / "c.1").unlink()
    data = bytearray((place / "accuracy" / "c.0.0").read_bytes())
    data[-6] ^= 4
    (place / "accuracy" / "c.0.0").write_bytes(data)
    with pytest.raises(m.StoreError, match=r"area/c\.1"):
        m.open_results(url)
    assert m.summary(url).damaged == ("area/c.1",)
    with m.open_store(url) as store:
        assert store.pending().tolist() == [0, 1, 2, 4, 5, 6, 7]
        store.write(part(store.pending().tolist()))
    assert m.open_results(url).load().identical(expected)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("s3://results", "must be like s3://BUCKET/PREFIX/NAME.zarr"),
        ("s3://results/../x.zarr", "must be like"),
        ("gs://results/x.zarr", "must be like"),
        ("s3://results/nothing/x.zarr", "no results at s3://results/nothing/x.zarr"),
    ],
)
def test_wrong_places_are_told_in_one_line(bucket: str, wrong: str, says: str) -> None:
    with pytest.raises(m.StoreError) as refused:
        m.open_results(wrong)
    one_line(refused.value, says)


def test_another_s_prefix_is_left_alone(bucket: str) -> None:
    place = m.place_of(f"{bucket}/other/x.zarr")
    assert isinstance(place, objects.ObjectPath)
    (place / "zarr.json").write_bytes(b'{"attributes": {}}')
    for read in (m.open_results, m.open_store, m.summary, m.attributes, make):
        with pytest.raises(m.StoreError):
            read(str(place))
    assert list(place.sizes()) == ["zarr.json"]


def test_plain_http_is_for_this_machine_only(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage.example")
    with pytest.raises(m.StoreError) as refused:
        m.open_results(f"{bucket}/x.zarr")
    one_line(refused.value, "AWS_ALLOW_HTTP=true")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    m.place_of(f"{bucket}/x.zarr")


def test_without_obstore_the_extra_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(m.StoreError) as refused:
        m.open_results(f"{bucket}/x.zarr")
    one_line(refused.value, "pip install 'matsweep[objects]'")


def test_a_storage_that_cannot_be_reached_is_told(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    place = m.place_of("s3://no-such-bucket/x.zarr")
    with pytest.raises(m.StoreError) as refused:
        make(str(place))
    one_line(refused.value, "s3://no-such-bucket/x.zarr")


def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let locks look as if they were not renewed for a minute."""
    now = lease._now
    later = datetime.timedelta(seconds=lease.EXPIRY + 1)
    monkeypatch.setattr(lease, "_now", lambda file, token: now(file, token) + later)
    monkeypatch.setattr(lease, "alive", lambda written: False)


def one_line(problem: BaseException, says: str) -> None:
    assert isinstance(problem, UserError)
    assert "\n" not in str(problem)
    assert says in str(problem)
