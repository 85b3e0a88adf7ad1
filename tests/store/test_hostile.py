"""A store that came from elsewhere: opening it touches nothing outside it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest

from matsweep import store as m
from matsweep.store.errors import StoreError
from matsweep.store.lock import LOCK, holder
from matsweep.store.metadata import GROWING

N = 4


@pytest.fixture
def received(tmp_path) -> Path:
    """Return a store with a staged part, which whoever opens it wants to fold."""
    path = m.create(
        tmp_path / "received.zarr",
        coordinates={"candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(N)])},
        variables=[m.Variable(name="area")],
        attrs={},
    )
    at = np.arange(N)
    part = m.Part(
        positions=at, status=at * 0 + 1, error=[""] * N, seconds=at * 1.0, values={"area": at * 1.0}
    )
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part)
        [staged] = (path / ".staged").iterdir()
        kept = staged.read_bytes()
    staged.write_bytes(kept)
    return path


@pytest.fixture
def mine(tmp_path) -> Path:
    """Return a folder next to the store, with a file in it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("three years")
    return tmp_path / "mine"


def intact(mine: Path) -> bool:
    return [(file.name, file.read_text()) for file in mine.iterdir()] == [
        ("thesis.tex", "three years")
    ]


@pytest.mark.parametrize("name", ["{mine}", "../mine", "area/../../mine", "..", ".", "", ".staged"])
def test_a_change_under_way_removes_nothing_but_arrays(received, mine, name):
    (received / GROWING).write_text(json.dumps(["fine", name.format(mine=mine)]))
    with pytest.raises(StoreError, match=r"\.growing names an array"):
        m.open_store(received)
    m.open_results(received).close()  # reading it goes on
    assert intact(mine)
    assert (received / "area" / "zarr.json").exists()
    assert list((received / ".staged").iterdir())


@pytest.mark.parametrize("content", ["[[]]", "[null]", '["area", 3]'])
def test_what_is_no_name_is_refused(received, content):
    (received / GROWING).write_text(content)
    with pytest.raises(StoreError, match=r"\.growing names an array"):
        m.open_store(received)


@pytest.mark.parametrize("content", ["3", "null", '{"../mine": 1}', '"../mine"', "half"])
def test_what_is_no_list_of_names_removes_nothing(received, mine, content):
    (received / GROWING).write_text(content)
    m.open_store(received).close()
    assert intact(mine)
    assert not (received / GROWING).exists()


def test_a_half_made_array_is_still_cleared_away(received):
    (received / "energy").mkdir()
    (received / GROWING).write_text('["energy"]')
    m.open_store(received).close()
    assert not (received / "energy").exists()
    assert not (received / GROWING).exists()


@pytest.mark.parametrize("name", ["../mine", "{mine}", "area/x"])
def test_an_array_lies_in_its_store(received, mine, name):
    document = json.loads((received / "zarr.json").read_text())
    arrays = document["consolidated_metadata"]["metadata"]
    arrays[name.format(mine=mine)] = arrays["area"]
    (received / "zarr.json").write_text(json.dumps(document))
    for use in (m.open_store, m.summary, m.open_results):
        with pytest.raises(StoreError, match=r"zarr\.json names an array"):
            use(received)
    assert intact(mine)


@pytest.mark.parametrize(
    "link",
    [LOCK, GROWING, "zarr.json.partial", "area/zarr.json.partial", "area/c.0.partial"],
)
def test_nothing_is_written_through_a_link_to_a_file(received, mine, link):
    (received / link).unlink(missing_ok=True)
    (received / link).symlink_to(mine / "thesis.tex")
    with pytest.raises(StoreError, match=f"holds a symbolic link, {link}, ") as caught:
        m.open_store(received)
    assert "\n" not in str(caught.value)
    assert m.summary(received).total == N
    assert intact(mine)


@pytest.mark.parametrize("link", ["area", ".staged"])
def test_nothing_is_written_through_a_link_to_a_folder(received, mine, link):
    elsewhere = received.parent / "elsewhere"
    (received / link).rename(elsewhere)
    before = {file: file.stat().st_mtime_ns for file in elsewhere.iterdir()}
    (received / link).symlink_to(elsewhere)
    with pytest.raises(StoreError, match="holds a symbolic link"):
        m.open_store(received)
    assert {file: file.stat().st_mtime_ns for file in elsewhere.iterdir()} == before


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_lock_that_is_no_file_is_refused_and_not_waited_for(received, make):
    (received / LOCK).unlink()
    make(received / LOCK)
    assert holder(received) is None
    with pytest.raises(StoreError, match=r"\.lock is not a plain file; remove it"):
        m.open_store(received)


def test_what_a_lock_says_of_its_holder_moves_no_cursor(received):
    with open(received / LOCK, "w") as file:
        json.dump({"pid": 7, "host": "a\x1b[2Jb\r\u202e"}, file)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert str(holder(received)) == "pid 7 on a\\x1b[2Jb \\u202e"


def test_a_copy_without_the_link_is_a_store_again(received, mine):
    (received / GROWING).symlink_to(mine / "nothing")
    with pytest.raises(StoreError, match="symbolic link"):
        m.open_store(received)
    (received / GROWING).unlink()
    with m.open_store(received) as store:
        assert not len(store.pending())
