"""Worker: simulates a chunk of candidates, and goes on after one that fails."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from threadpoolctl import threadpool_limits

from matsweep.core.packages import Package
from matsweep.core.registry import load_parts
from matsweep.core.streams import FloatArray
from matsweep.planning.plan import Candidate, Laid
from matsweep.running.limits import Limits, MemoryLimitError
from matsweep.simulate import simulate
from matsweep.workloads import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Data shared by all tasks of a study.

    Parameters
    ----------
    prepared : mapping of str to Prepared
        By the key of the workload.
    seed : int
    realisations : int
        Of each candidate, earlier ones included.
    metrics : tuple of str
    limits : Limits
        Of each candidate.
    packages : tuple of Package
        Whose parts are used.
    """

    prepared: Mapping[str, Prepared]
    seed: int
    realisations: int
    metrics: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    packages: tuple[Package, ...] = ()


class GroundworkError(RuntimeError):
    """Error of a groundwork that has no result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of one candidate: its metrics, or its error.

    Parameters
    ----------
    position : int
        In the store.
    values : dict of str to array, or None
        By metric; None where it failed.
    error : str
        Empty if there was none.
    seconds : float, s
        Computing time.
    """

    position: int
    values: dict[str, FloatArray] | None
    error: str
    seconds: float


def evaluate(shared: Shared, chunk: tuple[Candidate, ...]) -> tuple[Outcome, ...]:
    """Simulate a chunk of candidates on one thread.

    Parameters
    ----------
    shared : Shared
    chunk : tuple of Candidate

    Returns
    -------
    tuple of Outcome
        One per candidate, in the chunk's order.

    Raises
    ------
    PartsError
        If this process lacks one of their parts.
    """
    load_parts(shared.packages)
    with threadpool_limits(1):
        return tuple(_evaluate(shared, candidate) for candidate in chunk)


def _evaluate(shared: Shared, candidate: Candidate) -> Outcome:
    start = time.perf_counter()
    values, error = None, ""
    try:
        values = shared.limits.hold(lambda: _simulate(shared, candidate))
    except MemoryLimitError as problem:
        error = str(problem)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    return Outcome(
        position=candidate.position,
        values=values,
        error=error,
        seconds=time.perf_counter() - start,
    )


def _simulate(shared: Shared, candidate: Candidate) -> dict[str, FloatArray]:
    prepared = shared.prepared[candidate.scenario.workload.key]
    if candidate.laid is not None:
        prepared = _applied(candidate.laid, prepared)
    return simulate(
        candidate.scenario,
        prepared,
        seed=shared.seed,
        realisations=shared.realisations,
        first=candidate.first,
        known=candidate.known,
        metrics=shared.metrics,
    )


_MOST = 4  # of each process; candidates with the same groundwork come one after the other
_recent: OrderedDict[tuple[str, str, int], Prepared] = OrderedDict()


def _applied(laid: Laid, prepared: Prepared) -> Prepared:
    """Apply a groundwork to the prepared workload of a candidate; the last few are kept.

    Raises
    ------
    GroundworkError
        If there is no result.
    """
    if laid.error:
        raise GroundworkError(laid.error)
    key = laid.groundwork.key, prepared.digest, hash(laid.result)
    if key not in _recent:
        _recent[key] = laid.groundwork.applied(prepared, laid.result)
        while len(_recent) > _MOST:
            _recent.popitem(last=False)
    _recent.move_to_end(key)
    return _recent[key]
