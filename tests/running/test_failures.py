"""Ray's failures to start, in one line each."""

from __future__ import annotations

import pytest

from matsweep.running.executors.failures import end_of, joining_error, said, starting_error

# As Ray 2.60 words them.
MISMATCH = (
    "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.4\n"
    "This process on node 127.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.12.8\n"
)
STORE = "The requested object store memory size is greater than the total available memory."
LOGGED = (
    "[2026-11-30 14:40:08,639 E 6238 6971] core_worker.cc:609: Failed to connect. See the logs."
)


@pytest.mark.parametrize(
    ("text", "start", "way"),
    [
        (STORE, "executor.object_store_memory [bytes] must fit", "got 100000000"),
        ("[Errno 28] No space left on device: '/tmp/x'", "Ray does not start: no space", "TMPDIR"),
        ("bind: Address already in use", "Ray does not start: one of its ports", "same command"),
        ("The current node timed out during startup. This", "Ray does not start: The current node "
         "timed out during startup;", "executor=serial works without it"),
    ],
)  # fmt: skip
def test_a_local_ray_that_does_not_start(text, start, way):
    told = str(starting_error(text, 100_000_000))
    assert told.startswith(start)
    assert way in told
    assert "\n" not in told


def test_a_cluster_of_another_release():
    assert str(joining_error("10.0.0.1:6379", MISMATCH)) == (
        "executor.address=10.0.0.1:6379: the cluster has Ray 2.9.0 and Python 3.10.4, this process "
        "Ray 2.60.0 and Python 3.12.8; give both the same, or use executor.address=local"
    )
    assert "has another Ray or Python" in str(joining_error("a:1", "Version mismatch: somehow"))


def test_a_cluster_that_cannot_be_joined():
    told = str(joining_error("a:1", "ConnectionError: it is gone.\nIt was there. Traceback"))
    assert told == (
        "executor.address=a:1: no Ray cluster answers there (it is gone); start one "
        "(ray start --head), or use executor.address=local"
    )


def test_what_ray_says_is_one_short_sentence():
    assert said(LOGGED) == "Failed to connect"
    remote = (
        'failure from server:\nTraceback (most recent call last):\n  File "x", line 1\nOSError: no'
    )
    assert said(remote) == "no"
    assert len(said("x" * 1000)) == 160
    assert said("") == ""


def test_the_end_of_a_process():
    assert [end_of(code) for code in (1, -9, -15, -250)] == [
        "exit code 1", "SIGKILL", "SIGTERM", "signal 250",
    ]  # fmt: skip
