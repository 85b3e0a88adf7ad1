"""One suite for every executor: the contract, and faults injected into it.

Ray is started once for the whole test session; these tests run in one process with the others
that need it.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import time

import pytest

from matsweep.core.checks import UserError
from matsweep.running.executors import Fault, executor

pytestmark = pytest.mark.xdist_group("ray")


def squares(shared, chunk):
    return tuple(shared * item**2 for item in chunk)


def slow_squares(shared, chunk):
    time.sleep(0.1)
    return squares(shared, chunk)


def touch(folder, chunk):
    (folder / str(chunk[0])).touch()
    time.sleep(0.01)


def raises_at_seven(shared, chunk):
    if 7 in chunk:
        raise ArithmeticError("seven")
    return chunk


def dies_at_seven(shared, chunk):
    if 7 in chunk:
        os.kill(os.getpid(), 9)
    return chunk


def keeps_to(limits, chunk):
    """Do what each item says, under limits; a worker's task in small."""
    return tuple(limits.hold(lambda item=item: DEEDS[item]()) for item in chunk)


def catches(limits, chunk):
    found = []
    for item in chunk:
        try:
            found += keeps_to(limits, (item,))
        except MemoryError as error:
            found.append(str(error))
    return tuple(found)


DEEDS = {
    "hang": lambda: time.sleep(1000),
    "hang in C": lambda: sum(range(10**14)),  # never comes back to the interpreter
    "eat": lambda: len(bytearray(400_000_000)),
    "nibble": lambda: len(bytearray(1_000_000)),
}


@pytest.fixture(params=["serial", "ray"])
def runner(request, local_ray):
    return executor({"kind": request.param})


def chunked(items, size):
    return [tuple(items[i : i + size]) for i in range(0, len(items), size)]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_every_item_has_exactly_one_result(runner, size):
    found = {}
    for chunk, result in runner.run(squares, 2, chunked(range(20), size)):
        for item, value in zip(chunk, result, strict=True):
            assert item not in found
            found[item] = value
    assert found == {item: 2 * item**2 for item in range(20)}


def test_nothing_to_do_is_done(runner):
    assert list(runner.run(squares, 1, [])) == []


def test_a_task_that_raises_costs_only_its_item(runner):
    found, faults = [], []
    for chunk, result in runner.run(raises_at_seven, None, chunked(range(16), 5)):
        (faults if isinstance(result, Fault) else found).extend(chunk)
    assert faults == [7]
    assert sorted(found) == [item for item in range(16) if item != 7]


def test_a_process_that_dies_costs_only_its_item(local_ray):
    runner, found, faults = executor({"kind": "ray"}), [], []
    for chunk, result in runner.run(dies_at_seven, None, chunked(range(10), 5)):
        if isinstance(result, Fault):
            faults.append((chunk, result.reason))
        else:
            found.extend(chunk)
    assert [chunk for chunk, _ in faults] == [(7,)]
    assert "the worker process died" in faults[0][1]
    assert sorted(found) == [item for item in range(10) if item != 7]


def test_what_takes_too_long_is_ended_even_in_compiled_code(local_ray):
    runner = executor({"kind": "ray", "time_limit": 0.5})
    chunk = ("nibble", "hang", "nibble", "hang in C", "nibble")
    found, faults = [], []
    for part, result in runner.run(keeps_to, runner.limits, [chunk]):
        if isinstance(result, Fault):
            faults += [(*part, result.reason)]
        else:
            found += result
    told = "took longer than time_limit = 0.5 s: its process was ended"
    assert sorted(faults) == [("hang", told), ("hang in C", told)]
    assert found == [1_000_000] * 3


def test_what_eats_memory_fails_alone(runner):
    limited = dataclasses.replace(runner, memory_limit=100_000_000)
    chunk = ("nibble", "eat", "nibble")
    [(_, result)] = limited.run(catches, limited.limits, [chunk])
    assert result[::2] == (1_000_000, 1_000_000)
    assert result[1].startswith("needed more than memory_limit = 100000000 bytes")
    [(_, unlimited)] = runner.run(catches, runner.limits, [chunk])
    assert unlimited[1] == 400_000_000  # in the same processes


def test_tasks_take_as_many_cores_and_as_much_memory_as_they_are_given(local_ray):
    assert executor({"kind": "ray"}).slots == 2
    assert executor({"kind": "ray", "num_cpus": 2}).slots == 1
    assert executor({"kind": "ray", "num_cpus": 0.5}).slots == 4
    assert executor({"kind": "ray", "memory": 10**15}).slots == 1
    for wrong in ({"num_cpus": 3}, {"memory": 10**15}):
        with pytest.raises(UserError, match=r"executor.num_cpus=.* must fit on a node"):
            next(executor({"kind": "ray", **wrong}).run(squares, 1, [(1,)]))
    runner = executor({"kind": "ray", "num_cpus": 2, "memory": 10**6})
    assert sorted(runner.run(squares, 1, [(1,), (2,)])) == [((1,), (1,)), ((2,), (4,))]


def test_chunks_are_taken_only_when_there_is_room(local_ray):
    """A bounded number in flight: the source is never far ahead of the results."""
    runner, taken, done = executor({"kind": "ray"}), 0, 0

    def source():
        nonlocal taken
        for item in range(40):
            taken += 1
            yield (item,)

    for _ in runner.run(squares, 1, source()):
        done += 1
        assert taken - done <= 2 * runner.slots + 1
    assert done == 40


def test_a_local_ray_listens_on_the_loopback_address_only(local_ray):
    import ray

    node = ray.nodes()[0]
    assert node["NodeManagerAddress"] == "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; gives this machine's own address
        outside = probe.getsockname()[0]
    ports = [node["NodeManagerPort"], int(ray.get_runtime_context().gcs_address.split(":")[1])]
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        if not outside.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((outside, port), timeout=5)


def test_leaving_early_starts_no_more_and_leaves_the_executor_usable(local_ray, tmp_path):
    runner = executor({"kind": "ray"})
    left = runner.run(touch, tmp_path, [(i,) for i in range(500)])
    next(left)
    left.close()
    assert sorted(outcome for _, outcome in runner.run(squares, 1, [(1,), (2,)])) == [(1,), (4,)]
    assert 1 <= len(list(tmp_path.iterdir())) < 100


def test_a_run_takes_no_result_of_one_that_was_left_early(local_ray):
    runner = executor({"kind": "ray"})
    with runner.session():
        left = runner.run(slow_squares, 2, chunked(range(100), 1))
        next(left)
        left.close()  # others of its tasks are in flight, and end during the next run
        found = list(runner.run(slow_squares, 3, chunked(range(100, 110), 1)))
    assert sorted(found) == [((item,), (3 * item**2,)) for item in range(100, 110)]


def test_an_unknown_executor_or_parameter_is_refused():
    with pytest.raises(UserError, match="did you mean serial"):
        executor({"kind": "serail"})
    with pytest.raises(UserError, match=r"executor\.chunk_size must be >= 1"):
        executor({"kind": "serial", "chunk_size": 0})
    with pytest.raises(
        UserError, match=r"executor\.worker is not a parameter; did you mean workers"
    ):
        executor({"kind": "ray", "worker": 2})
    with pytest.raises(UserError, match="object_store_memory"):
        executor({"kind": "ray", "object_store_memory": 10})
    with pytest.raises(UserError, match=r"executor\.time_limit needs executor=ray"):
        executor({"kind": "serial", "time_limit": 5})
    with pytest.raises(UserError, match=r"executor\.time_limit \[s\] must be > 0"):
        executor({"kind": "ray", "time_limit": 0})
    with pytest.raises(UserError, match=r"executor\.memory_limit must be >= 1"):
        executor({"kind": "serial", "memory_limit": 0})
    with pytest.raises(UserError, match=r"executor\.num_cpus must be whole or < 1"):
        executor({"kind": "ray", "num_cpus": 1.5})


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_an_address_where_no_one_answers_fails_within_seconds(prefix, monkeypatch):
    from matsweep.running.executors.address import check_reachable

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain, granted = socket.create_connection, []

    def connect(place, timeout):
        granted.append(timeout)
        return plain(place, timeout=timeout)

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(UserError, match="no Ray cluster answers there"):
        check_reachable(f"{prefix}127.0.0.1:{port}")
    assert granted == [5]  # s; Ray itself would not be asked, which waits for minutes
    with pytest.raises(UserError, match="HOST:PORT"):
        check_reachable("somewhere")
