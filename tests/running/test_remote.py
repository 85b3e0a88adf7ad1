"""Calls to the process that holds Ray, without Ray: no answer is lost, and none is taken twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from multiprocessing import Pipe

import pytest

from matsweep.core.checks import UserError
from matsweep.running.executors import broker, remote
from matsweep.running.executors.contract import LostError
from matsweep.running.executors.packing import receive, send

KILLED = "import os; os.kill(os.getpid(), 9)"


@pytest.fixture
def order(tmp_path):
    return broker.Order(
        address="local", workers=1, object_store_memory=1, num_cpus=1.0, memory=None,
        folder=tmp_path, lock=-1, program="", main=None,
    )  # fmt: skip


@pytest.fixture
def ends():
    mine, theirs = Pipe()
    yield mine, theirs
    mine.close()
    theirs.close()


@pytest.fixture
def held(ends, order):
    """Return a session that has started; its process has been killed."""
    process = subprocess.Popen([sys.executable, "-c", KILLED])
    held = remote.Broker(process, ends[0], order)
    send(ends[1], ("ok", None, (4, 2)))
    held.start()
    receive(ends[1])
    yield held
    process.wait()


def test_answers_bring_slots_and_nodes(held, ends):
    assert (held.slots, held.hosts) == (4, 2)
    send(ends[1], ("ok", [(1, "result")], (6, 3)))
    assert held.wait(2.5) == [(1, "result")]
    assert (held.slots, held.hosts) == (6, 3)
    assert receive(ends[1]) == ("wait", (2.5,), {})


def test_a_mistake_of_the_user_ends_no_session(held, ends):
    send(ends[1], ("user", "it does not fit", (4, 2)))
    with pytest.raises(UserError, match=r"^it does not fit$"):
        held.wait(1)
    send(ends[1], ("ok", [], (4, 2)))
    assert held.wait(1) == []


def test_what_is_lost_stays_lost(held, ends):
    send(ends[1], ("lost", "Ray's raylet has ended (SIGKILL)", (1, 1)))  # between two calls
    send(ends[1], ("ok", [], (4, 2)))
    for _ in range(2):
        with pytest.raises(LostError, match=r"^Ray's raylet has ended \(SIGKILL\)$"):
            held.wait(1)


def test_an_interrupted_call_takes_no_answer_of_the_next(held, ends, monkeypatch):
    def interrupted(connection):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(remote, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            held.wait(1)
    send(ends[1], ("ok", [(1, "late")], (4, 2)))
    with pytest.raises(LostError, match="interrupted"):
        held.wait(1)


def test_a_process_that_ends_is_named(held, ends):
    ends[1].close()
    for _ in range(2):
        with pytest.raises(LostError, match=r"^Ray has ended \(SIGKILL\)$"):
            held.wait(1)


def test_a_start_that_fails_is_one_line(ends, order):
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    ends[1].close()
    with pytest.raises(UserError, match=r"^Ray does not start: its process ended \(exit code 3\)"):
        remote.Broker(process, ends[0], order).start()


def test_the_process_that_holds_ray_leaves_when_its_study_ends(ends, monkeypatch):
    """Also where Ray hangs: `leave` is called by the thread that reads."""
    monkeypatch.setattr(broker, "_GRACE", 0)
    line, left = broker.Line(ends[1]), []
    reader = threading.Thread(target=line.read, args=(lambda: left.append(True),))
    reader.start()
    send(ends[0], ("wait", (1.0,), {}))
    ends[0].close()
    reader.join(60)
    assert left == [True]
    assert line.calls.get(timeout=60) == ("wait", (1.0,), {})
    assert line.calls.get(timeout=60) is None


class Broken:
    """Backend that fails in every way."""

    slots, hosts = 3, 2

    def __init__(self, **settings: object) -> None:
        self.settings = settings

    def begin(self, shared):
        raise UserError("it does not fit")

    def submit(self, chunk, *, alone, doubled):
        return len(chunk)

    def wait(self, timeout):
        raise LostError("Ray has gone")

    def lacking(self, parts):
        raise KeyError("surprise")


def test_every_call_has_one_answer(ends, order, monkeypatch):
    from matsweep.running.executors import pool

    monkeypatch.setattr(pool, "Pool", Broken)
    line = broker.Line(ends[1])
    for call in [
        ("begin", (None,), {}), ("submit", ("ab",), {"alone": False, "doubled": False}),
        ("wait", (1.0,), {}), ("lacking", (None,), {}), None,
    ]:  # fmt: skip
        line.calls.put(call)
    broker._serve(order, line)
    answers = [receive(ends[0]) for _ in range(5)]
    assert answers == [
        ("ok", None, (3, 2)), ("user", "it does not fit", (1, 1)), ("ok", 2, (3, 2)),
        ("lost", "Ray has gone", (1, 1)),
        ("lost", "Ray stopped working (KeyError: 'surprise')", (1, 1)),
    ]  # fmt: skip
    assert not ends[0].poll()
