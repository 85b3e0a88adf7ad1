"""Faults of object storage: a study ends with the same bits, and nothing stored is given up."""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest
import xarray as xr

from matsweep import store as m
from matsweep.core import files
from matsweep.store import errors, lease, objects
from matsweep.store.parts import stage
from tests.store.faulty_storage import proxy
from tests.store.test_objects import (
    N,
    a_minute_later,
    bucket,
    eventually,
    make,
    one_line,
    part,
    work,
)

__all__ = ["bucket"]  # a fixture

EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"
KINDS = ("refused", "lost", "reset", "cut", "slow")


@pytest.fixture
def url(bucket: str, request: pytest.FixtureRequest) -> str:
    return f"{bucket}/{re.sub(r'[^a-z0-9_]', '-', request.node.name)}/s.zarr"


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    path = tmp_path_factory.mktemp("plain") / "s.zarr"
    work(path)
    return m.open_results(path).load()


def through(patch: pytest.MonkeyPatch, port: int) -> None:
    patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")


def plain_port() -> int:
    return int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])


@pytest.mark.parametrize("seed", range(20 if EXHAUSTIVE else 1))
def test_a_study_on_a_storage_with_faults_has_the_same_bits(
    url: str, seed: int, expected: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every eighth request has a fault of any kind; by hand up to every fourth, or of one kind."""
    chance = random.Random(seed)
    kinds = KINDS if seed % 4 == 0 else (KINDS[seed % 5],)
    rate = 0.125 if seed < 10 else 0.25
    monkeypatch.setattr(objects, "_PAUSES", (0.01, 0.05, 0.2))
    faults = [chance.choice(kinds) if chance.random() < rate else None for _ in range(5000)]
    with proxy(plain_port(), lambda number, method: faults[number], 0.05) as (port, told):
        through(monkeypatch, port)
        work(url)
        found = m.open_results(url).load()
    assert len(told) > 20
    assert found.identical(expected)


@pytest.mark.parametrize("at", [3, 40, 120, 200] if EXHAUSTIVE else [120])
def test_a_storage_that_refuses_for_good_stops_a_study_in_one_line(
    url: str, at: int, expected: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with credentials that have expired; then the same command goes on."""
    plain = plain_port()
    refuse = [True]

    def fault(number: int, method: str) -> str | None:
        return "wrong" if refuse[0] and number >= at else None

    with proxy(plain, fault) as (port, told):
        through(monkeypatch, port)
        with pytest.raises(m.StoreError) as stopped:
            work(url)
        assert told
        refuse[0] = False
        one_line(stopped.value, "s3://results/")
        assert re.search("check AWS_ENDPOINT_URL|run the same command again", str(stopped.value))
        a_minute_later(monkeypatch)  # the lock could not be given back
        if not (objects.object_path(url) / "zarr.json").is_file():
            make(url)
        work(url)
    assert m.open_results(url).load().identical(expected)


@pytest.mark.parametrize("name", ["status/c.0", "realisations/c.0", "area/c.1"])
@pytest.mark.parametrize("read", [m.open_store, m.open_results, m.summary])
@pytest.mark.parametrize("where", ["s3", "disk"])
def test_chunks_that_cannot_be_reached_are_not_taken_for_damaged(
    url: str,
    where: str,
    name: str,
    read: Callable[[str], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their candidates must not be computed again."""
    place = url if where == "s3" else str(tmp_path / "s.zarr")
    make(place)
    with m.open_store(place) as store:
        store.write(part(list(range(N))))
    expected = m.open_results(place).load()
    kind, called, error = {
        "s3": (obstore, "get", _denied()), "disk": (files, "open_plain", OSError(errno.EMFILE, "")),
    }[where]  # fmt: skip
    real = getattr(kind, called)
    first = [True]

    def away(*given: Any) -> Any:
        if str(given[-1]).endswith(f"/{name}") and first[0]:
            first[0] = False
            raise error
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(kind, called, away)
        if read is m.summary and name.startswith("area"):
            assert m.summary(place).done + m.summary(place).failed == N  # not read for that
        else:
            with pytest.raises(errors.UnreachableError) as refused:
                loaded(read(place))
            one_line(refused.value, "cannot re")
            assert "is damaged" not in str(refused.value)
    assert m.open_results(place).load().identical(expected)
    with m.open_store(place) as store:
        assert not store.pending().size


@pytest.mark.parametrize("read", [m.open_store, m.summary])
@pytest.mark.parametrize("where", ["s3", "disk"])
def test_a_part_that_cannot_be_reached_is_neither_damaged_nor_missing(
    url: str,
    where: str,
    read: Callable[[str], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = url if where == "s3" else str(tmp_path / "s.zarr")
    make(place)
    stage(part(list(range(N))), m.place_of(place), 0)
    kind, called, error = {
        "s3": (obstore, "get", _denied()), "disk": (files, "open_plain", OSError(errno.EMFILE, "")),
    }[where]  # fmt: skip
    real = getattr(kind, called)

    def away(*given: Any) -> Any:
        if str(given[-1]).endswith(".npz"):
            raise error
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(kind, called, away)
        with pytest.raises(errors.UnreachableError):
            read(place)
    assert m.summary(place).pending == 0
    assert m.open_results(place).status.values.all()


def test_a_lock_is_ours_although_the_answer_to_its_put_was_lost(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage then says of the second try that it exists."""
    make(url)
    plain = plain_port()
    lock = m.place_of(url) / ".lock"
    assert isinstance(lock, objects.ObjectPath)
    first = [True]

    def once(number: int, method: str) -> str | None:
        lost, first[0] = first[0] and method == "PUT", first[0] and method != "PUT"
        return "lost" if lost else None

    with proxy(plain, once) as (port, told):
        through(monkeypatch, port)
        held = lease.acquire(lock)
        assert told == ["0 PUT lost"]
        held.check()
        held.release()
    assert not lock.is_file()


def loaded(result: object) -> None:
    assert isinstance(result, xr.Dataset)
    result.load()


def _denied() -> Exception:
    import obstore.exceptions

    return obstore.exceptions.PermissionDeniedError("Generic S3 error: 403 Forbidden")


def test_the_clock_of_this_machine_decides_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It jumps by years to and fro: one writer all the same, and a lock is renewed."""
    jumps = itertools.cycle([1e8, -1e8, 0.0])
    seconds = time.time
    make(url)
    monkeypatch.setattr(time, "time", lambda: seconds() + next(jumps))
    monkeypatch.setattr(lease, "BEAT", 0.1)
    lock = m.place_of(url) / ".lock"
    assert isinstance(lock, objects.ObjectPath)
    with m.open_store(url) as store:
        begun = lock.read_tagged()[1]
        eventually(lambda: lock.read_tagged()[1] != begun)
        with pytest.raises(m.StoreBusy, match=f"pid {os.getpid()}"):
            m.open_store(url)
        store.write(part([0]))
    assert not lock.is_file()


def test_a_machine_that_slept_finds_its_lock_too_old(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock for that goes on during sleep."""
    make(url)
    with m.open_store(url) as store, monkeypatch.context() as patch:
        slept = lease._clock() + lease.EXPIRY
        patch.setattr(lease, "_clock", lambda: slept)
        with pytest.raises(m.StoreError, match=r"could not be renewed for [56]\d s"):
            store.write(part([0]))
        patch.undo()
