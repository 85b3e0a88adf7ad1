"""A job: candidates of a store, simulated up to a number of realisations, written as they come."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.packages import Package
from matsweep.core.streams import FloatArray
from matsweep.metrics import METRICS, available
from matsweep.planning.plan import Candidate, Laid, Plan
from matsweep.running.executors import Executor, Fault
from matsweep.running.groundwork import Finished, Needs
from matsweep.running.pace import Pace, chunks
from matsweep.running.places import Indices, Places, gathered, padded
from matsweep.running.progress import SweepProgress
from matsweep.running.work import Outcome, Shared, evaluate
from matsweep.store import Part, Status, Store
from matsweep.workloads import Prepared

type Rows = npt.NDArray[np.int64]

_BLOCK = 512  # candidates whose earlier realisations are read at a time


@dataclass(slots=True, kw_only=True)
class Job:
    """The work of one call of an executor.

    Parameters
    ----------
    study : Plan
    store : Store
    rows : (plan's candidate,) array of int
        Row in the store of each of the plan's candidates.
    pending : array of int
        The plan's candidates to simulate.
    realisations : int
        Realisations of each after the job.
    needs : Needs or None
        Groundwork of the pending candidates; None: none.
    finished : mapping of str to Finished
        Its outcomes, by key.

    Attributes
    ----------
    short : list of (int, str)
        Candidates (rows of the store) that failed and keep the realisations they had, and why.
    """

    study: Plan
    store: Store
    rows: Rows
    pending: Rows
    realisations: int
    needs: Needs | None = None
    finished: Mapping[str, Finished] = field(default_factory=dict)
    short: list[tuple[int, str]] = field(default_factory=list, init=False)
    _order: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    _first: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _block: tuple[int, dict[str, FloatArray]] = (-1, {})
    _places: Places = field(default_factory=lambda: Places(names={}))
    _finished: list[Finished] = field(default_factory=list)
    _laid: tuple[int, Laid | None] = (-1, None)

    def __post_init__(self) -> None:
        """Read the number of realisations that each candidate has.

        Those with the same groundwork come one after the other, as each process keeps few.
        """
        if self.needs is not None and self.needs.works:
            order = np.argsort(self.needs.numbers, kind="stable")
            self.pending = self.pending[order]
            self.needs = Needs(self.needs.works, self.needs.numbers[order])
            self._finished = [self.finished[key] for key in self.needs.works]
        self._places = Places.of(self.study.workloads, self.store.path)
        stored = self.store.read(["realisations"], self.rows[self.pending])["realisations"]
        self._first = np.maximum(stored, 0).astype(np.int64)
        self._order = np.zeros(len(self.rows), np.int64)
        self._order[self.pending] = np.arange(len(self.pending))

    def run(
        self,
        runner: Executor,
        prepared: Mapping[str, Prepared],
        progress: SweepProgress,
        packages: tuple[Package, ...] = (),
    ) -> None:
        """Simulate the pending candidates, and write their outcomes.

        Parameters
        ----------
        runner : Executor
        prepared : mapping of str to Prepared
            By the key of the workload.
        progress : SweepProgress
        packages : tuple of Package
            Whose parts are used.
        """
        metrics = self._variables()
        pace = Pace(fixed=runner.chunk_size, slots=lambda: runner.slots)
        shared = Shared(
            prepared=prepared,
            seed=self.study.seed,
            realisations=self.realisations,
            metrics=tuple(metrics),
            limits=runner.limits,
            packages=packages,
        )
        source = chunks(self, self.pending, pace)
        for chunk, result in runner.run(evaluate, shared, source):
            outcomes = tuple(
                missing_metrics(outcome, _measured(candidate) & metrics.keys())
                for candidate, outcome in zip(chunk, _outcomes(chunk, result), strict=True)
            )
            self.short += [
                (outcome.position, outcome.error)
                for candidate, outcome in zip(chunk, outcomes, strict=True)
                if outcome.values is None and candidate.first
            ]
            places = [self._places.indices(each.scenario.workload) for each in chunk]
            self.store.write(_part(outcomes, places, metrics, self.realisations))
            pace.observe(sum(o.seconds for o in outcomes), len(outcomes))
            progress.advance(outcomes)

    def candidate(self, index: int) -> Candidate:
        """Return a candidate of the plan, with its row in the store and its earlier realisations.

        Parameters
        ----------
        index : int
            In the plan.

        Returns
        -------
        Candidate
        """
        number = int(self._order[index])
        first = int(self._first[number])
        placed = dataclasses.replace(
            self.study.candidate(index), position=int(self.rows[index]), laid=self._needed(number)
        )
        if not first:
            return placed
        places = self._places.indices(placed.scenario.workload)
        known = {
            name: gathered(name, values[:first], places)
            for name, values in self._known(number).items()
        }
        return dataclasses.replace(placed, first=first, known=known)

    def _needed(self, number: int) -> Laid | None:
        """Groundwork of a pending candidate, read once for all that follow each other."""
        place = -1 if self.needs is None else int(self.needs.numbers[number])
        if place != self._laid[0]:
            self._laid = place, None if place < 0 else self._finished[place].laid()
        return self._laid[1]

    def _known(self, number: int) -> dict[str, FloatArray]:
        """Read a candidate's stored realisations, a block of candidates at a time."""
        block, place = divmod(number, _BLOCK)
        if self._block[0] != block:
            names = [n for n in self._variables() if "realisation" in METRICS[n].dims]
            rows = self.rows[self.pending[block * _BLOCK : (block + 1) * _BLOCK]]
            self._block = block, self.store.read(names, rows)
        return {name: values[place] for name, values in self._block[1].items()}

    def _variables(self) -> dict[str, tuple[int, ...]]:
        """Shape in the store of each metric of one candidate."""
        shapes = self.store.shapes
        return {name: shapes[name][1:] for name in METRICS if name in shapes}


def _outcomes(chunk: tuple[Candidate, ...], result: Any) -> tuple[Outcome, ...]:
    if not isinstance(result, Fault):
        return tuple(result)
    return tuple(
        Outcome(position=c.position, values=None, error=result.reason, seconds=0.0) for c in chunk
    )


def missing_metrics(outcome: Outcome, expected: Collection[str]) -> Outcome:
    """Mark an outcome as failed if it lacks an expected metric.

    Parameters
    ----------
    outcome : Outcome
    expected : collection of str

    Returns
    -------
    Outcome
    """
    if outcome.values is None:
        return outcome
    missing = [name for name in expected if name not in outcome.values]
    if not missing:
        return outcome
    error = f"the metric {min(missing)} is missing: the process that computed lacks it"
    return dataclasses.replace(outcome, values=None, error=error)


def _measured(candidate: Candidate) -> set[str]:
    """Names of the metrics that a candidate's workload gives."""
    return set(available(candidate.scenario.measures))


def _part(
    outcomes: Sequence[Outcome],
    places: Sequence[Indices],
    metrics: Mapping[str, tuple[int, ...]],
    realisations: int,
) -> Part:
    """Join outcomes into one write; a failed candidate's values are NaN."""
    values = {
        name: np.stack(
            [padded(o.values, name, shape, own) for o, own in zip(outcomes, places, strict=True)]
        )
        for name, shape in metrics.items()
    }
    return Part(
        positions=np.array([o.position for o in outcomes], dtype=np.int64),
        status=np.array(
            [Status.FAILED if o.values is None else Status.DONE for o in outcomes], dtype=np.int8
        ),
        error=[o.error for o in outcomes],
        seconds=np.array([o.seconds for o in outcomes], dtype=np.float32),
        realisations=np.full(len(outcomes), realisations),
        values=values,
    )
