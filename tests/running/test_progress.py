"""Progress of a run: on a terminal, in a log, and for programs."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from rich.console import Console

from matsweep.core.journal import Journal
from matsweep.reporting.status import line
from matsweep.running.executors.serial import SerialExecutor
from matsweep.running.progress import SweepProgress, first_candidates
from matsweep.running.work import Outcome


def outcome(position, error=""):
    return Outcome(position=position, values=None if error else {}, error=error, seconds=0.5)


def events(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


def progress(path, total=9, done=2, out=None, **console):
    return SweepProgress(
        Console(file=out or io.StringIO(), width=80, **console),
        Journal(path, pytest.fail),
        total,
        done,
        SerialExecutor(),
    )


def test_the_log_has_a_line_a_chunk_and_one_a_failure(tmp_path):
    path = tmp_path / "a.jsonl"
    with progress(path) as told:
        told.advance([outcome(i) for i in (2, 3, 4, 7)])
        told.folded(1, 0.25)
        told.advance([outcome(5, "ValueError: hot"), outcome(6)])
    found = events(path)
    kinds = [event["event"] for event in found]
    assert kinds == ["resumed", "chunk", "fold", "chunk", "failed", "finished"]
    assert (found[0]["total"], found[0]["done"]) == (9, 2)
    assert found[1]["candidates"] == [[2, 4], [7, 7]]
    assert (found[1]["count"], found[1]["failed"], found[1]["seconds"]) == (4, 0, 2.0)
    assert (found[3]["failed"], found[3]["workers"]) == (1, 1)
    assert (found[4]["candidate"], found[4]["error"]) == (5, "ValueError: hot")
    assert (found[5]["done"], found[5]["failed"]) == (7, 1)


def test_phases_before_the_first_outcome_are_shown_and_logged(tmp_path, monkeypatch):
    out = io.StringIO()
    with progress(tmp_path / "a.jsonl", out=out, force_terminal=True, color_system=None) as told:
        told.begin("starting Ray")
        told.begin("")
        assert told._now().note == "starting Ray"
        told.begin("compiling kernels")
        assert line(told._now()).endswith("compiling kernels")
        told.advance([outcome(2)])
        assert told._now().note == ""
    assert [(e["event"], e.get("name")) for e in events(tmp_path / "a.jsonl")] == [
        ("resumed", None), ("phase", "starting Ray"), ("phase", "compiling kernels"),
        ("chunk", None), ("finished", None),
    ]  # fmt: skip
    for kept, said in ((False, "compiling kernels (once for this version)"),
                       (True, "first candidates")):  # fmt: skip
        monkeypatch.setattr("matsweep.core.kept_kernels.kernels_kept", lambda kept=kept: kept)
        assert first_candidates() == said


def test_the_environment_is_not_logged(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    with progress(tmp_path / "a.jsonl", done=0) as told:
        told.advance([outcome(0)])
    assert "hush-hush" not in (tmp_path / "a.jsonl").read_text()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyboardInterrupt(), "interrupted"), (OSError("disk full"), "OSError: disk full")],
)
def test_a_run_that_is_stopped_says_why(tmp_path, error, reason):
    with pytest.raises(type(error)), progress(tmp_path / "a.jsonl", done=0):
        raise error
    started, stopped = events(tmp_path / "a.jsonl")
    assert started["event"] == "started"
    assert (stopped["event"], stopped["reason"]) == ("stopped", reason)


def test_a_terminal_keeps_two_lines_of_80_columns(tmp_path):
    out = io.StringIO()
    with progress(None, out=out, force_terminal=True, color_system=None) as told:
        told.advance([outcome(i) for i in range(2, 9)])
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", out.getvalue())
    head, below = text.splitlines()[-2:]
    assert head.endswith("9 of 9 100.0 %")
    assert len(head) <= 80
    assert "took 0 s · 1 worker" in below


def test_a_batch_log_gets_a_line_now_and_then_and_nothing_else(monkeypatch):
    monkeypatch.setattr("matsweep.running.progress._QUIET", 0.01)
    out = io.StringIO()
    with progress(None, out=out) as told:
        told.advance([outcome(2), outcome(3, "x")])
        while not out.getvalue():
            time.sleep(0.005)
    first = out.getvalue().splitlines()[0]
    assert "\x1b" not in out.getvalue()
    assert "of 9 candidates, " in first


def test_a_quiet_console_and_a_short_run_print_nothing():
    out = io.StringIO()
    with progress(None, out=out) as told:
        told.advance([outcome(2)])
    with progress(None, out=out, quiet=True, force_terminal=True):
        pass
    assert out.getvalue() == ""
