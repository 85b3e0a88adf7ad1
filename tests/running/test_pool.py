"""Tasks on Ray: values on their way, and crashes that are no candidate's fault."""

from __future__ import annotations

import socket
from multiprocessing import Pipe
from types import SimpleNamespace

import numpy as np
import pytest

from matsweep.running.executors import LostError
from matsweep.running.executors.backend import Crash
from matsweep.running.executors.ledger import Cause
from matsweep.running.executors.packing import pack, receive, send, unpack

pytestmark = pytest.mark.xdist_group("ray")


def test_arrays_travel_next_to_their_pickle():
    value = {"a": np.arange(1000.0), "b": (1, "x"), "c": np.zeros((3, 4))[:, ::2]}
    body, buffers = packed = pack(value)
    assert len(body) < 1000
    assert [len(buffer) for buffer in buffers] == [8000]
    found = unpack(packed)
    np.testing.assert_array_equal(found["a"], value["a"])
    np.testing.assert_array_equal(found["c"], value["c"])
    assert not found["a"].flags.writeable
    mine, theirs = Pipe()
    send(mine, packed)
    np.testing.assert_array_equal(unpack(receive(theirs))["a"], value["a"])
    mine.close()
    theirs.close()


@pytest.fixture
def blamed(monkeypatch):
    """Return `_blamed` of a process whose Ray has these addresses."""
    from matsweep.running.executors import pool

    monkeypatch.setattr(pool, "_SETTLE", 0.0)
    monkeypatch.setattr(pool, "_RETURN", 0.0)

    def judge(outcome, raylet="", head=""):
        node = SimpleNamespace(raylet_socket_name=raylet, gcs_address=head)
        monkeypatch.setattr(pool.ray_worker, "global_worker", SimpleNamespace(node=node))
        return pool._blamed(outcome)

    return judge


@pytest.fixture
def head():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


DIED = Crash(Cause.DIED, "its process died")


def test_a_crash_is_blamed_while_ray_answers(blamed, head):
    assert blamed(DIED, head=f"127.0.0.1:{head.getsockname()[1]}") is DIED
    assert blamed(DIED) is DIED  # a client of a cluster elsewhere
    raised = Crash(Cause.RAISED, "it raised")
    assert blamed(raised, raylet="/nowhere/raylet") is raised


def test_a_crash_of_ray_itself_blames_no_candidate(blamed, head, monkeypatch):
    with pytest.raises(LostError, match="Ray's raylet has ended"):
        blamed(DIED, raylet="/nowhere/raylet")
    place = f"127.0.0.1:{head.getsockname()[1]}"
    head.close()
    with pytest.raises(LostError, match=f"head of the Ray cluster at {place} does not answer"):
        blamed(DIED, head=place)


def test_a_head_that_comes_back_makes_a_crash_a_loss(blamed, monkeypatch):
    from matsweep.running.executors import pool

    heard = iter([False, True])
    monkeypatch.setattr(pool, "answers", lambda _: next(heard))
    monkeypatch.setattr(pool, "_RETURN", 60.0)
    assert blamed(DIED, head="127.0.0.1:1") == Crash(Cause.LOST, "its process died")
