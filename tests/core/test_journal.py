"""The log of a study: whole lines, whatever happened before, and never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from matsweep.core.checks import UserError
from matsweep.core.journal import Journal, last_event, place


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line[:1] == "{"]


def test_a_line_is_one_object_and_later_runs_add_to_it(tmp_path):
    path = tmp_path / "deep" / "a.jsonl"
    Journal(path, pytest.fail).write("started", total=3)
    Journal(path, pytest.fail).write("failed", error="two\nlines, µΩ and \udc80")
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["event"], first["total"]) == ("started", 3)
    assert first["time"].endswith("+00:00")
    assert second["error"] == "two\nlines, µΩ and \udc80"


def test_half_a_line_of_a_killed_run_spoils_no_other(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"time": "2026", "event": "started"}\n{"time": "2026", "event": "chu')
    Journal(path, pytest.fail).write("resumed")
    assert [json.loads(text)["event"] for text in path.read_text().splitlines()[::2]] == [
        "started",
        "resumed",
    ]
    assert last_event(path, "resumed")


def test_a_log_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path):
    told: list[str] = []
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "a.jsonl", told.append)
    journal.write("started")
    journal.write("finished")
    [text] = told
    assert "a.jsonl is not written" in text


@pytest.mark.parametrize("begin", ["", '{"ti', '{"time": "2026-0'])
def test_a_log_whose_first_line_is_half_goes_on(tmp_path, begin):
    path = tmp_path / "a.jsonl"
    path.write_text(begin)
    Journal(path, pytest.fail).write("resumed")
    assert last_event(path, "resumed")


@pytest.mark.parametrize("text", ["alias ls=ls\n", "\n", '{"event": "mine"}\n', "[1]\n"])
def test_nothing_is_added_to_another_file(tmp_path, text):
    path, told = tmp_path / ".bashrc", []
    path.write_text(text)
    journal = Journal(path, told.append)
    journal.write("started")
    journal.write("finished")
    assert path.read_text() == text
    [said] = told
    assert said == f"the log {path} is not written: it holds something else; give another log=PATH"


def test_the_log_in_a_store_is_no_link(tmp_path):
    """A store may come from elsewhere; a path that the user gives may be one."""
    told: list[str] = []
    (tmp_path / "log.jsonl").touch()
    for name in (".log.jsonl", "mine.jsonl"):
        (tmp_path / name).symlink_to("log.jsonl")
    Journal(tmp_path / ".log.jsonl", told.append).write("started")
    assert (tmp_path / "log.jsonl").read_text() == ""
    [said] = told
    assert "it is a symbolic link; give log=PATH or log=null" in said
    Journal(tmp_path / "mine.jsonl", pytest.fail).write("started")
    assert last_event(tmp_path / "log.jsonl", "started") is not None


def test_a_log_that_is_a_pipe_is_neither_written_nor_waited_for(tmp_path):
    told: list[str] = []
    os.mkfifo(tmp_path / "a.jsonl")
    Journal(tmp_path / "a.jsonl", told.append).write("started")
    [said] = told
    assert "it is not a plain file" in said
    assert last_event(tmp_path / "a.jsonl", "started") is None
    assert last_event(Path("/dev/zero"), "started") is None  # without an end


def test_none_writes_nothing():
    Journal(None, pytest.fail).write("started")


@pytest.mark.parametrize(
    ("log", "store", "expected"),
    [
        (None, "a/b.zarr", None),
        ("auto", "a/b.zarr", Path("a/b.zarr/.log.jsonl")),
        ("auto", "s3://bucket/deep/b.zarr", Path("b.log.jsonl")),
        ("mine.jsonl", "a/b.zarr", Path("mine.jsonl")),
    ],
)
def test_where_it_is(log, store, expected):
    assert place(log, store) == expected


@pytest.mark.parametrize("log", ["", 3, True])
def test_a_log_that_is_no_path_is_refused(log):
    with pytest.raises(UserError, match="log must be auto, a path, or null"):
        place(log, "a.zarr")


def test_the_last_event_is_of_the_last_run(tmp_path):
    path = tmp_path / "a.jsonl"
    journal = Journal(path, pytest.fail)
    assert last_event(path, "chunk") is None
    journal.write("started")
    journal.write("chunk", workers=2)
    journal.write("chunk", workers=3)
    journal.write("failed", error="x")
    found = last_event(path, "chunk")
    assert found is not None
    assert found["workers"] == 3
    journal.write("resumed")
    assert last_event(path, "chunk") is None
