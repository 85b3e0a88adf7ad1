"""Adaptive designs: earlier results decide the next points, through Optuna.

The store holds all state. A batch is a function of the batches before it and their results, so
asking again from the first, with each answer looked up, leads back to where a study stopped.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matsweep.core.checks import UserError, one_of, whole
from matsweep.planning.axes import Axis, Interval
from matsweep.planning.designs.contract import Design
from matsweep.planning.designs.points import Point

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "nsga2", "gp", "random")
_MOST_REFUSED = 200  # points asked for per allowed one, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive(Design):
    """A search for the Pareto-optimal candidates.

    Parameters
    ----------
    sampler : "tpe", "nsga2", "gp" or "random"
        Tree-structured Parzen estimators; a genetic algorithm with generations of one batch;
        Gaussian processes (needs PyTorch); or random points, as a baseline.
    objectives : tuple of str
        Metrics, each with its own good direction; means over the realisations.
    constraints : tuple of str
        On metrics, ``"accuracy >= 90 %"``: candidates that meet them come first.
    time : float [s], str or None
        The stored time at which candidates are judged; None: the last.
    trials : int
        Points asked for; a repeated one counts, but is not simulated again.
    batch : int
        Points asked for at a time. The results of all decide the next: a larger batch suits more
        workers, a smaller one learns sooner.
    seed : int

    References
    ----------
    T. Akiba et al., KDD 2019, doi:10.1145/3292500.3330701 (Optuna); Y. Ozaki et al., J. Artif.
    Intell. Res. 73:1209, 2022, doi:10.1613/jair.1.13188 (multi-objective TPE); K. Deb et al.,
    IEEE Trans. Evol. Comput. 6:182, 2002, doi:10.1109/4235.996017 (NSGA-II).
    """

    sampler: Literal["tpe", "nsga2", "gp", "random"] = "tpe"
    objectives: tuple[str, ...] = ("accuracy", "energy")
    constraints: tuple[str, ...] = ()
    time: float | str | None = None
    trials: int = 200
    batch: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("design.sampler", self.sampler, SAMPLERS)
        whole("trials", self.trials, low=1)
        whole("batch", self.batch, low=1)
        whole("seed", self.seed, low=0)
        if not self.objectives:
            raise UserError("objectives must name at least one metric")

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of points to ask for."""
        return self.trials

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield none: the points depend on results."""
        return iter(())

    def batches(self) -> Iterator[int]:
        """Yield the number of points of each batch.

        Yields
        ------
        int
        """
        for start in range(0, self.trials, self.batch):
            yield min(self.batch, self.trials - start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Results of a point, for a search.

    Parameters
    ----------
    values : tuple of float
        (objective,).
    violations : tuple of float
        (constraint,); positive where a constraint is not met.
    """

    values: tuple[float, ...]
    violations: tuple[float, ...] = ()


class Search:
    """A search in progress: ask for points, report their results.

    Parameters
    ----------
    design : Adaptive
    axes : sequence of Axis
    better : sequence of "higher" or "lower"
        The good direction of each objective.

    Raises
    ------
    UserError
        If Optuna, or a package that its sampler needs, is not installed.
    """

    def __init__(self, design: Adaptive, axes: Sequence[Axis], better: Sequence[str]) -> None:
        self._optuna = _library(design)
        self._design = design
        self._axes = [_ordered(axis) for axis in axes]
        self._asked: list[optuna.Trial] = []
        self._number = 0
        with _quiet():
            self._study = self._optuna.create_study(
                directions=["maximize" if each == "higher" else "minimize" for each in better]
            )

    def ask(self, count: int, allowed: Callable[[Point], bool] | None = None) -> list[Point]:
        """Propose a batch of points.

        Parameters
        ----------
        count : int
        allowed : callable or None
            Whether a point may be tried; another is asked for where not.

        Returns
        -------
        list of tuple
            `count` points.

        Raises
        ------
        UserError
            If hardly any point is allowed.
        """
        points: list[Point] = []
        with _quiet():
            self._study.sampler = self._sampler()
            for _ in range(_MOST_REFUSED * count):
                trial = self._study.ask()
                point = tuple(_suggest(trial, axis) for axis in self._axes)
                if allowed is None or allowed(point):
                    points.append(point)
                    self._asked.append(trial)
                    if len(points) == count:
                        return points
                else:
                    self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        raise UserError(
            f"fewer than one point in {_MOST_REFUSED} meets the constraints between parameters: "
            "widen them, or narrow the axes"
        )

    def tell(self, judgements: Sequence[Judgement | None]) -> None:
        """Report the results of the last batch.

        Parameters
        ----------
        judgements : sequence of Judgement or None
            In the batch's order; None where a point failed.
        """
        failed = self._optuna.trial.TrialState.FAIL
        with _quiet():
            for trial, judgement in zip(self._asked, judgements, strict=True):
                if judgement is None or not np.isfinite(judgement.values).all():
                    self._study.tell(trial, state=failed)
                    continue
                for text, value in zip(self._design.constraints, judgement.violations, strict=True):
                    trial.set_constraint(text, value)
                self._study.tell(trial, judgement.values)
        self._asked = []
        self._number += 1

    def _sampler(self) -> optuna.samplers.BaseSampler:
        """Create a sampler whose random numbers belong to the batch alone."""
        samplers, design = self._optuna.samplers, self._design
        words = np.random.SeedSequence((design.seed, self._number)).generate_state(1)
        seed = int(words[0])
        sampler: optuna.samplers.BaseSampler
        if design.sampler == "tpe":
            sampler = samplers.TPESampler(seed=seed, multivariate=True)
        elif design.sampler == "nsga2":
            sampler = samplers.NSGAIISampler(seed=seed, population_size=max(2, design.batch))
        elif design.sampler == "gp":
            sampler = samplers.GPSampler(seed=seed)
        else:
            sampler = samplers.RandomSampler(seed=seed)
        return sampler


def version() -> str:
    """Return the version of Optuna, which decides the points.

    Returns
    -------
    str
    """
    import optuna

    return str(optuna.__version__)


def _library(design: Adaptive) -> Any:
    try:
        import optuna
    except ImportError:
        raise UserError("design=adaptive needs Optuna: pip install 'matsweep[adaptive]'") from None
    if design.sampler == "gp" and importlib.util.find_spec("torch") is None:
        raise UserError("design.sampler=gp needs PyTorch (pip install torch), or take sampler=tpe")
    return optuna


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Optuna's log lines, and its warnings about experimental features."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _ordered(axis: Axis) -> Axis:
    """Sort an axis's numbers, so that neighbours are alike."""
    if isinstance(axis, Interval) or not _numeric(axis.values):
        return axis
    numbers: tuple[Any, ...] = axis.values
    return replace(axis, values=tuple(sorted(numbers)))


def _numeric(values: Sequence[object]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _suggest(trial: optuna.Trial, axis: Axis) -> object:
    """Return a trial's value on an axis."""
    if isinstance(axis, Interval):
        if axis.whole:
            low, high = int(axis.low), int(axis.high)
            return trial.suggest_int(axis.name, low, high, log=axis.logarithmic)
        return trial.suggest_float(axis.name, axis.low, axis.high, log=axis.logarithmic)
    if _numeric(axis.values):
        return axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]
    return axis.values[trial.suggest_categorical(axis.name, list(range(len(axis.values))))]
