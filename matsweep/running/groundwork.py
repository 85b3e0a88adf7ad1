"""Groundwork: results that candidates share, computed before them and kept in the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError
from matsweep.core.kept import alone, begun, digest, keep_result, kept_result
from matsweep.core.packages import Package
from matsweep.core.printing import one_line
from matsweep.core.registry import load_parts
from matsweep.planning.plan import Laid, Plan
from matsweep.running.executors import Executor, Fault
from matsweep.running.progress import SweepProgress
from matsweep.scenario import Scenario
from matsweep.store import Store, attributes
from matsweep.workloads import Groundwork

type Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Data shared by the tasks that compute groundwork.

    Parameters
    ----------
    data : mapping of str to object
        By source.
    packages : tuple of Package
        Whose parts are used.
    """

    data: Mapping[str, Any]
    packages: tuple[Package, ...] = ()


class Computed(NamedTuple):
    """Outcome of one computation.

    Parameters
    ----------
    result : bytes
    error : str
        Empty if there is a result.
    seconds : float, s
    """

    result: bytes
    error: str
    seconds: float


def compute(shared: Sources, chunk: tuple[Groundwork, ...]) -> tuple[Computed, ...]:
    """Compute groundwork on one thread.

    Parameters
    ----------
    shared : Sources
    chunk : tuple of Groundwork

    Returns
    -------
    tuple of Computed
        One for each, in the chunk's order.
    """
    load_parts(shared.packages)
    with threadpool_limits(1):
        return tuple(_computed(each, shared.data[each.source]) for each in chunk)


def _computed(work: Groundwork, data: Any) -> Computed:
    start = time.perf_counter()
    result, error = b"", ""
    try:
        result = _result(work, data)
    except Exception as problem:
        error = one_line(f"{type(problem).__name__}: {problem}")
    return Computed(result, error, time.perf_counter() - start)


def _result(work: Groundwork, data: Any) -> bytes:
    """Compute a result and keep it, unless another process of this machine has done so."""
    with alone(work.key):
        result = kept_result(work.key)
        if result is None:
            result = work.compute(data, folder=begun(work.key))
            keep_result(work.key, result)
        return result


@dataclass(frozen=True, slots=True)
class Needs:
    """Groundwork that candidates of a plan need.

    Parameters
    ----------
    works : dict of str to Groundwork
        By key, in the order of the candidates.
    numbers : (candidate,) array of int
        Place in `works` of that of each; -1: it needs none.
    """

    works: dict[str, Groundwork]
    numbers: Rows

    @classmethod
    def of(cls, study: Plan, chosen: Rows) -> Needs:
        """Find the groundwork of some candidates.

        Parameters
        ----------
        study : Plan
        chosen : (candidate,) array of int
            In the plan.

        Returns
        -------
        Needs
        """
        works: dict[str, Groundwork] = {}
        places: dict[str, int] = {}
        numbers = np.full(len(chosen), -1, np.int64)
        if study.grounded:
            for row, index in enumerate(chosen.tolist()):
                work = study.groundwork(study.scenario(study.points[index]))
                if work is not None:
                    works.setdefault(work.key, work)
                    numbers[row] = places.setdefault(work.key, len(places))
        return cls(works, numbers)

    def only(self, mask: npt.NDArray[np.bool_]) -> Needs:
        """Return the needs of some of the candidates.

        Parameters
        ----------
        mask : (candidate,) array of bool

        Returns
        -------
        Needs
        """
        return Needs(self.works, self.numbers[mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Outcome of groundwork, whose result stays in the cache: thousands exceed the memory.

    Parameters
    ----------
    groundwork : Groundwork
    digest : str
        Of its result; empty if there is none.
    error : str
        Empty if there is a result.
    held : bytes or None
        The result, where the cache does not have it.
    """

    groundwork: Groundwork
    digest: str
    error: str = ""
    held: bytes | None = None

    @classmethod
    def of(cls, work: Groundwork, result: bytes) -> Finished:
        """Keep a result, unless it is kept.

        Parameters
        ----------
        work : Groundwork
        result : bytes

        Returns
        -------
        Finished
        """
        kept = kept_result(work.key) == result
        if not kept:  # of another machine
            keep_result(work.key, result)
            kept = kept_result(work.key) == result
        return cls(groundwork=work, digest=digest(result), held=None if kept else result)

    def laid(self) -> Laid:
        """Return the groundwork with its result, for a candidate.

        Returns
        -------
        Laid
        """
        if self.error:
            return Laid(self.groundwork, b"", self.error)
        result = kept_result(self.groundwork.key) if self.held is None else self.held
        if result is None or digest(result) != self.digest:
            error = f"{self.groundwork.words}: its result has left the cache meanwhile"
            return Laid(self.groundwork, b"", error)
        return Laid(self.groundwork, result)


def lay(
    works: Mapping[str, Groundwork],
    finished: dict[str, Finished],
    store: Store,
    runner: Executor,
    progress: SweepProgress,
    packages: tuple[Package, ...],
) -> None:
    """Compute what the cache lacks of some groundwork, and store the digests of results.

    Each result is kept as soon as it comes, so that a run that is stopped loses none; one that is
    another than the study has is refused before more are computed.

    Parameters
    ----------
    works : mapping of str to Groundwork
        By key.
    finished : dict of str to Finished
        Those of this run by key; the others are added.
    store : Store
    runner : Executor
    progress : SweepProgress
    packages : tuple of Package
        Whose parts are used.

    Raises
    ------
    UserError
        If one of them has another digest than in the store.
    """
    stored = _stored(store)
    missing = {}
    for key, work in works.items():
        if key in finished:
            continue
        result = kept_result(key)
        if result is None:
            missing[key] = work
        else:
            finished[key] = Finished(groundwork=work, digest=digest(result))
            _check_same(finished[key], stored, store)
    if missing:
        for done in _computed_in(runner, missing, progress, packages):
            finished[done.groundwork.key] = done
            _check_same(done, stored, store)
    new = {
        key: {"words": finished[key].groundwork.words, "digest": finished[key].digest}
        for key in works
        if not finished[key].error
    }
    if set(new) - set(stored):
        store.update_attrs({"groundwork": json.dumps({**stored, **new}, sort_keys=True)})


def _computed_in(
    runner: Executor,
    missing: Mapping[str, Groundwork],
    progress: SweepProgress,
    packages: tuple[Package, ...],
) -> Iterator[Finished]:
    """Yield groundwork as it is computed in the study's executor, and kept."""
    left = {key: work.words for key, work in missing.items()}
    progress.begin(_phase(left, len(missing)))
    shared = Sources(data=_loaded(missing.values()), packages=packages)
    for (work,), outcome in runner.run(compute, shared, [(each,) for each in missing.values()]):
        done = Computed(b"", outcome.reason, 0.0) if isinstance(outcome, Fault) else outcome[0]
        if done.error:
            error = f"{work.words}: {done.error}"
            finished = Finished(groundwork=work, digest="", error=error)
        else:
            finished = Finished.of(work, done.result)
        del left[work.key]
        progress.laid(work.words, len(missing) - len(left), len(missing), done.seconds, done.error)
        yield finished
        if left:
            progress.begin(_phase(left, len(missing)))


def _phase(left: Mapping[str, str], total: int) -> str:
    """Write what is computed first of what is left: "training net with noise 0.04, 1 of 4"."""
    return f"{next(iter(left.values()))}, {total - len(left) + 1} of {total}"


def _loaded(works: Iterable[Groundwork]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for work in works:
        if work.source not in data:
            data[work.source] = work.load()
    return data


def _stored(store: Store) -> dict[str, dict[str, str]]:
    """Words and digests of the study's groundwork, by key."""
    stored: dict[str, dict[str, str]] = json.loads(
        str(attributes(store.path).get("groundwork", "{}"))
    )
    return stored


def _check_same(done: Finished, stored: Mapping[str, Mapping[str, str]], store: Store) -> None:
    """Refuse to resume with another result than the study has."""
    before = stored.get(done.groundwork.key)
    if before is not None and not done.error and before["digest"] != done.digest:
        raise UserError(
            f"{store.path} was begun where {done.groundwork.words} had another result (another "
            "kind of machine, or another build of its libraries); resume it where it began, or "
            "copy that machine's cache, with the folder groundwork, and name it in MATSWEEP_CACHE"
        )


def laid_here(scenario: Scenario, tell: Callable[[str], None] = lambda _: None) -> Laid | None:
    """Return the groundwork of one candidate, from the cache or computed in this process.

    Parameters
    ----------
    scenario : Scenario
    tell : function of a str
        Called with what is computed.

    Returns
    -------
    Laid or None
        None where it needs none.
    """
    work = scenario.groundwork
    if work is None:
        return None
    result = kept_result(work.key)
    if result is None:
        tell(work.words)
        data = work.load()
        with threadpool_limits(1):
            result = _result(work, data)
    return Laid(work, result)
