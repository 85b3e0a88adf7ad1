"""Fate of chunks whose flights fail, without any cluster: every order of events."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import matsweep
import matsweep.running.study as study_module
import matsweep.running.work as work
from matsweep.core.checks import StoppedError
from matsweep.metrics import COORDINATES, METRICS
from matsweep.results import open_results
from matsweep.running.executors import Executor, Fault, executor
from matsweep.running.executors.ledger import Cause, Ledger
from matsweep.running.pace import Pace


class Interrupted(KeyboardInterrupt):
    """The driver was stopped."""


class ChaosExecutor(Executor):
    """Run chunks in random order, lose nodes and processes, compute late copies, stop anywhere.

    Only what must survive happens: the process of a chunk of one dies once at most, unless it
    holds an item that `kills`.

    Parameters
    ----------
    seed : int
    slots : int
    chunk_size : int or None
    stop_after : int or None
        Results, after which the driver is interrupted.
    kills : function (item) -> bool
        Whether an item ends every process that computes it.
    """

    def __init__(
        self, *, seed, slots=3, chunk_size=None, stop_after=None, kills=lambda item: False
    ):
        self._random = random.Random(seed)
        self._slots = slots
        self.chunk_size = chunk_size
        self._stop_after = stop_after
        self._kills = kills
        self._now = 0.0
        self.deaths = 0
        self.computed = 0

    @property
    def slots(self):
        return self._slots

    def check(self, parts=None):
        pass

    def verify(self, parts):
        pass

    def run(self, task, shared, chunks):
        ledger, jobs, results = Ledger(chunks, clock=lambda: self._now), {}, 0
        while True:
            while (job := ledger.next(self.slots)) is not None:
                ticket = len(jobs)
                jobs[ticket] = job
                ledger.started(ticket, job)
            if not (flying := ledger.flying):
                return
            self._now += self._random.choice([0.01, 0.1, 100.0])  # the last makes all late
            found = self._land(ledger, self._random.choice(flying), jobs, task, shared)
            if found is not None:
                if results == self._stop_after:
                    raise Interrupted
                results += 1
                yield found

    def _land(self, ledger, ticket, jobs, task, shared):
        job = jobs[ticket]
        if any(self._kills(item) for item in job.chunk):
            self.deaths += 1
            return ledger.crashed(ticket, Cause.DIED, "killed")
        event = self._random.random()
        if event < 0.15 and job.losses < 4:
            return ledger.crashed(ticket, Cause.LOST, "its node went away")
        if event < 0.3 and job.deaths == 0:
            return ledger.crashed(
                ticket, self._random.choice([Cause.DIED, Cause.STARVED]), "bad luck"
            )
        try:
            result = task(shared, job.chunk)
        except Exception as error:
            return ledger.crashed(ticket, Cause.RAISED, str(error))
        self.computed += 1
        chunk = ledger.landed(ticket)
        return None if chunk is None else (chunk, result)


def doubles(shared, chunk):
    return tuple(2 * item for item in chunk)


@given(
    sizes=st.lists(st.integers(1, 70), max_size=8),
    slots=st.integers(1, 5),
    seed=st.integers(0, 2**32),
    poison=st.sets(st.integers(0, 200), max_size=3),
)
def test_every_item_has_one_result_and_only_the_poisonous_fail(sizes, slots, seed, poison):
    edges = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    chunks = [tuple(range(*edge)) for edge in itertools.pairwise(edges)]
    runner = ChaosExecutor(seed=seed, slots=slots, kills=poison.__contains__)
    found, faults = {}, set()
    for chunk, result in runner.run(doubles, None, chunks):
        assert not set(chunk) & (set(found) | faults)
        if isinstance(result, Fault):
            faults |= set(chunk)
        else:
            found |= dict(zip(chunk, result, strict=True))
    assert faults == poison & set(range(edges[-1]))
    assert found == {item: 2 * item for item in range(edges[-1]) if item not in poison}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def fly(ledger, slots, tickets):
    """Start all that may start; return the jobs by their new tickets."""
    started = {}
    while (job := ledger.next(slots)) is not None:
        ticket = next(tickets)
        ledger.started(ticket, job)
        started[ticket] = job
    return started


def test_a_candidate_that_hangs_costs_two_limits_and_is_named():
    clock, tickets = Clock(), iter(range(100))
    ledger = Ledger([tuple(range(20))], time_limit=5.0, clock=clock)
    [whole] = fly(ledger, 2, tickets)
    clock.now = 5.1
    assert ledger.crashed(whole, Cause.DIED, "died") is None
    done, hung = [], 0
    while flying := fly(ledger, 2, tickets):
        assert len(ledger.flying) <= 2  # what is suspect never waits for a slot
        for ticket, job in flying.items():
            if job.chunk == (7,):
                hung += 1
                clock.now += 5.0
                chunk, fault = ledger.crashed(ticket, Cause.DIED, "died")
                assert chunk == (7,)
                assert fault.reason.startswith("took longer than time_limit = 5 s")
            else:
                done += ledger.landed(ticket)
    assert hung == 1
    assert sorted(done) == [item for item in range(20) if item != 7]


def test_a_crash_is_not_blamed_on_the_time_limit():
    clock, tickets = Clock(), iter(range(9))
    ledger = Ledger([(1,)], time_limit=5.0, clock=clock)
    for _ in range(2):
        clock.now += 9.0  # while nothing of it runs
        [ticket] = fly(ledger, 1, tickets)
        clock.now += 1.0
        told = ledger.crashed(ticket, Cause.DIED, "died")
    assert told == ((1,), Fault("died"))


def test_a_lost_node_is_not_the_chunks_fault():
    tickets = iter(range(99))
    ledger = Ledger([(1, 2)])
    for _ in range(5):
        [ticket] = fly(ledger, 1, tickets)
        assert ledger.crashed(ticket, Cause.LOST, "gone") is None
    [ticket] = fly(ledger, 1, tickets)
    assert ledger.landed(ticket) == (1, 2)


@pytest.mark.parametrize(("chunk", "flights"), [((1, 2), 6), ((1,), 7)])
def test_a_chunk_that_takes_every_node_with_it_is_suspected_after_five_losses(chunk, flights):
    """The sixth loss counts as a death: several items are split, a single one is tried once more.

    Each item then dies twice on its own, as with any other chunk whose process dies.
    """
    tickets, flown, faults = iter(range(99)), [], {}
    ledger = Ledger([chunk])
    while flying := fly(ledger, 1, tickets):
        for ticket, job in flying.items():
            flown.append(job.chunk)
            lost = ledger.crashed(ticket, Cause.LOST, "gone")
            if lost is not None:
                faults[lost[0]] = lost[1]
    assert flown.count(chunk) == flights
    assert faults == {(item,): Fault("gone") for item in chunk}


def test_what_starved_beside_others_is_tried_on_a_node_of_its_own():
    tickets = iter(range(9))
    ledger = Ledger([(1,)])
    [ticket] = fly(ledger, 2, tickets)
    ledger.crashed(ticket, Cause.STARVED, "no memory")
    [(ticket, job)] = fly(ledger, 2, tickets).items()
    assert job.alone
    assert ledger.crashed(ticket, Cause.STARVED, "no memory") == ((1,), Fault("no memory"))


def test_what_is_late_gets_a_second_copy_and_the_first_result_counts():
    clock, tickets = Clock(), iter(range(9))
    ledger = Ledger([(0,), (1,), (2,)], clock=clock)
    flying = fly(ledger, 2, tickets)
    assert len(flying) == 3
    clock.now = 1.0
    assert ledger.landed(0) == (0,)
    assert not fly(ledger, 2, tickets)
    clock.now = 2.0
    assert ledger.landed(1) == (1,)
    assert not fly(ledger, 2, tickets)  # no slot is wanted by the last one yet
    clock.now = 6.0
    [(copy, job)] = fly(ledger, 2, tickets).items()
    assert job.chunk == (2,)
    clock.now = 60.0
    assert not fly(ledger, 2, tickets)  # once
    assert ledger.landed(copy) == (2,)
    assert not ledger.flying  # the late one is not waited for


def test_a_node_that_joins_is_given_work():
    tickets = iter(range(99))
    ledger = Ledger((i,) for i in range(50))
    assert len(fly(ledger, 1, tickets)) == 2
    assert len(fly(ledger, 6, tickets)) == 10


def pace_at(slots, each, fixed=None):
    pace = Pace(fixed=fixed, slots=lambda: slots)
    for _ in range(500):
        pace.observe(10 * each, 10)
    return pace


@pytest.mark.parametrize(
    ("slots", "seconds"), [(2, 1.0), (16, 1.0), (160, 10.0), (960, 60.0), (50_000, 60.0)]
)
def test_tasks_take_a_second_on_few_slots_and_a_minute_on_many(slots, seconds):
    size = pace_at(slots, each=0.01).size(remaining=10**9)
    assert size * 0.01 == pytest.approx(seconds, rel=0.02)


def test_the_tail_is_shared_fairly_but_not_in_crumbs():
    pace = pace_at(slots=4, each=0.01)
    assert pace.size(remaining=400) == 50
    assert pace.size(remaining=8) == 5  # 50 ms
    assert pace_at(slots=4, each=3.0).size(remaining=1000) == 1
    assert pace_at(slots=4, each=0.01, fixed=7).size(remaining=1) == 7


def test_the_first_slow_candidates_of_a_process_are_forgotten():
    pace = Pace(fixed=None, slots=lambda: 2)
    assert pace.size(remaining=10**6) == 4
    for _ in range(4):
        pace.observe(4 * 2.0, 4)
    for _ in range(100):
        size = pace.size(remaining=10**6)
        pace.observe(size * 0.005, size)
    assert size == pytest.approx(200, rel=0.05)


# -------------------------------------------------------------------------- a whole study

AXES = ["material=pcm_gst,stt_mram", "device.device_to_device=range(0,0.06,0.01)"]
SETTINGS = ["realisations=2", "times=[1]", "workload.hidden=[4]", "workload.epochs=1"]


def toy(scenario, network, *, realisations, metrics, **given):
    """Return results that depend on the candidate alone, at no cost; and fail for some."""
    rng = np.random.default_rng(int(scenario.identity, 16))
    if scenario.device.device_to_device == 0.02:
        raise ArithmeticError("so it is with this one")
    sizes = {"realisation": realisations, "time": 1}
    sizes |= {name: len(values) for name, values in COORDINATES.items()}
    return {name: rng.random(tuple(sizes[dim] for dim in METRICS[name].dims)) for name in metrics}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a function that runs one study, of which candidates cost nothing."""
    patch, runners = pytest.MonkeyPatch(), []
    patch.setattr(work, "simulate", toy)
    patch.setattr(study_module, "executor", lambda settings: runners.pop(0))
    folder = tmp_path_factory.mktemp("toys")

    def explore(given):
        runners[:] = given
        store = Path(tempfile.mkdtemp(dir=folder)) / "a.zarr"
        while runners:
            with contextlib.suppress(StoppedError):
                matsweep.explore([*AXES, *SETTINGS, f"store={store}"])
        ds = open_results(store).drop_vars("seconds").drop_attrs().compute()
        shutil.rmtree(store.parent)
        return ds

    yield explore
    patch.undo()


@settings(max_examples=5)
@given(
    seed=st.integers(0, 2**32),
    slots=st.integers(1, 4),
    chunk_size=st.none() | st.integers(1, 15),
    stops=st.lists(st.integers(0, 8), max_size=2),
    last=st.sampled_from(["chaos", "serial"]),
)
def test_any_schedule_gives_the_same_dataset(
    study, undisturbed, seed, slots, chunk_size, stops, last
):
    """Any split into chunks, any executor, any order, any interruption."""
    runners = [
        ChaosExecutor(seed=seed + i, slots=slots, chunk_size=chunk_size, stop_after=stop)
        for i, stop in enumerate(stops)
    ]
    if last == "serial":
        runners.append(executor({"kind": "serial", "chunk_size": chunk_size}))
    else:
        runners.append(ChaosExecutor(seed=seed, slots=slots, chunk_size=chunk_size))
    xr.testing.assert_identical(study(runners), undisturbed)


@pytest.fixture(scope="module")
def undisturbed(study):
    ds = study([executor({"kind": "serial", "chunk_size": 12})])
    assert set(ds.status.values) == {1, 2}
    return ds
