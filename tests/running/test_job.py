"""Input of a job from a store: the rows of its candidates, and their known outcomes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from matsweep.planning.plan import Candidate
from matsweep.running import job as module
from matsweep.running.executors import Executor, Fault
from matsweep.running.job import Job
from matsweep.running.work import Outcome
from matsweep.store import Status

MEASURED = SimpleNamespace(measures=frozenset({"correct", "costs"}), workload=None)
ROOMS = 4  # realisations that the store has room for


class Shelf:
    """A store in memory: `accuracy` says its row and realisation."""

    path = None

    def __init__(self, counts):
        self.counts = np.array(counts)
        self.reads, self.parts = [], []
        rows = len(self.counts)
        self.shapes = {"status": (rows,), "accuracy": (rows, ROOMS, 1), "area": (rows,)}

    def read(self, names, rows):
        self.reads.append((tuple(names), len(rows)))
        accuracy = 10.0 * rows[:, None, None] + np.arange(ROOMS)[:, None]
        held = {"realisations": self.counts[rows], "accuracy": accuracy}
        return {name: held[name] for name in names}

    def write(self, part):
        self.parts.append(part)


class Given(Executor):
    """Give each candidate the outcome that a function says, in chunks of three."""

    def __init__(self, outcome):
        self._outcome = outcome
        self.chunk_size = 3

    slots = 1

    def check(self, parts=None):
        pass

    def verify(self, parts):
        pass

    def run(self, task, shared, source):
        for chunk in source:
            yield chunk, self._outcome(chunk)


def job(counts, pending, rows, realisations=ROOMS):
    study = SimpleNamespace(
        candidate=lambda index: Candidate(position=-1, identity=f"{index:032x}", scenario=MEASURED),
        seed=1,
        workloads=(),
    )
    return Job(
        study=study, store=Shelf(counts), rows=np.array(rows), pending=np.array(pending),
        realisations=realisations,
    )  # fmt: skip


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_a_candidate_goes_on_from_what_its_own_row_has(monkeypatch, block):
    """Five of seven candidates, stored in reverse; they have 0, 1, 2, 3 and -2 realisations.

    One that was reopened begins again.
    """
    monkeypatch.setattr(module, "_BLOCK", block)
    counts, rows, pending = [9, -2, 3, 2, 9, 1, 0], [6, 5, 4, 3, 2, 1, 0], [0, 1, 3, 4, 5]
    made = job(counts, pending, rows)
    order = [3, 5, 0, 4, 1]
    for index in [*pending, *order]:
        found = made.candidate(index)
        assert found.identity == f"{index:032x}"
        assert found.position == rows[index]
        assert found.first == {0: 0, 1: 1, 3: 2, 4: 3, 5: 0}[index]
        if not found.first:
            assert found.known is None
            continue
        assert set(found.known) == {"accuracy"}  # what has no realisations is computed again
        wanted = 10.0 * rows[index] + np.arange(found.first)
        np.testing.assert_array_equal(found.known["accuracy"][:, 0], wanted)
    assert max(size for names, size in made.store.reads if names == ("accuracy",)) <= block


def test_what_a_job_gives_is_written_where_it_belongs(monkeypatch):
    """Candidate 1 fails, a whole chunk of the last two is lost, the others have two realisations.

    Only what failed and had realisations is named as short of them.
    """
    rows, pending = [4, 3, 2, 1, 0], [0, 1, 2, 3, 4]
    made = job([1, 0, 0, 0, 1], pending, rows, realisations=2)
    monkeypatch.setattr(module, "chunks", lambda job, pending, pace: iter(
        [tuple(map(job.candidate, pending[:3])), tuple(map(job.candidate, pending[3:]))]
    ))  # fmt: skip

    def outcome(chunk):
        if len(chunk) == 2:
            return Fault("gone")
        return [
            Outcome(position=each.position, values=None, error="no", seconds=2.0)
            if each.position == 3
            else Outcome(
                position=each.position, error="", seconds=1.0,
                values={"accuracy": np.full((2, 1), each.position), "area": np.array(0.5)},
            )
            for each in chunk
        ]  # fmt: skip

    told = []
    made.run(Given(outcome), {}, SimpleNamespace(advance=told.extend))
    first, second = made.store.parts
    assert first.positions.tolist() == [4, 3, 2]
    assert first.status.tolist() == [Status.DONE, Status.FAILED, Status.DONE]
    assert first.error == ("", "no", "")
    assert first.seconds.tolist() == [1.0, 2.0, 1.0]
    assert first.counts.tolist() == [2, 0, 2]
    expected = np.full((3, ROOMS), np.nan)
    expected[[0, 2], :2] = [[4.0], [2.0]]
    np.testing.assert_array_equal(first.values["accuracy"][..., 0], expected)
    np.testing.assert_array_equal(first.values["area"], [0.5, np.nan, 0.5])
    assert second.positions.tolist() == [1, 0]
    assert (second.status == Status.FAILED).all()
    assert second.error == ("gone", "gone")
    assert made.short == [(0, "gone")]
    assert [each.position for each in told] == [4, 3, 2, 1, 0]
