"""A study: from overrides to a store of results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig
from rich.console import Console

from matsweep.core.checks import StoppedError, UserError, truth
from matsweep.core.codec import build
from matsweep.core.files import path_text
from matsweep.core.journal import Journal, place
from matsweep.core.printing import one_line
from matsweep.core.signals import signal_of, stopping_signals
from matsweep.metrics import METRICS
from matsweep.planning.config import composer, plain_config
from matsweep.planning.designs.adaptive import Adaptive, Search, version
from matsweep.planning.environment import granted
from matsweep.planning.plan import Plan, plan
from matsweep.running.executors import NO_PARTS, Executor, LostError, executor
from matsweep.running.groundwork import Finished, Needs, lay
from matsweep.running.job import Job
from matsweep.running.judgement import (
    assumptions,
    check_comparable,
    check_constraints,
    check_time,
    directions,
    judged,
    samples,
)
from matsweep.running.overrides import as_overrides
from matsweep.running.parts import Parts, check_versions
from matsweep.running.progress import SweepProgress, first_candidates
from matsweep.running.provenance import now, remember_command, sources, typed
from matsweep.running.racing import Elimination, NoRacing, Racing
from matsweep.running.record import (
    check_same,
    columns,
    create_store,
    difference,
    different,
    extend,
    lengthen,
    metrics_of,
    without_effect,
)
from matsweep.store import (
    Place,
    Store,
    StoreBusy,
    StoreError,
    StoreTaken,
    attributes,
    holder,
    is_free,
    open_results,
    open_store,
    place_of,
)
from matsweep.workloads import Prepared

type Rows = npt.NDArray[np.int64]


def explore(
    overrides: Sequence[str] | Mapping[str, Any] | DictConfig = (),
    *,
    config_dir: str | Path | None = None,
    allow_env: Sequence[str] = (),
    console: Console | None = None,
) -> Place:
    """Run a sweep, or resume one.

    Parameters
    ----------
    overrides : sequence of str, or mapping
        As after ``matsweep explore -m``: ``["material=pcm_gst,hfox_vcm", "device.read_noise=0"]``;
        or the same as a nested mapping, with sweeps under ``axes``.
    config_dir : path or None
        A folder of the user's own configurations.
    allow_env : sequence of str
        Environment variables that files of the folder may read.
    console : rich.console.Console or None
        Where progress is shown; None: nowhere.

    Returns
    -------
    Path or ObjectPath
        Of the store; open it with `open_results`.

    Raises
    ------
    UserError
        For an invalid study, in one line, before anything is computed.

    Examples
    --------
    >>> import matsweep
    >>> path = matsweep.explore(["experiment=quickstart"])  # doctest: +SKIP
    >>> matsweep.open_results(path).accuracy.mean()  # doctest: +SKIP
    """
    with composer(config_dir):
        if isinstance(overrides, (Mapping, DictConfig)):
            listed = as_overrides(overrides)
        else:
            listed = [overrides] if isinstance(overrides, str) else list(overrides)
        with granted(allow_env, listed):
            command = typed(listed, config_dir)
            return run_overrides(listed, console or Console(quiet=True), command)


def run_overrides(
    overrides: Sequence[str],
    console: Console | None = None,
    command: str = "",
    *,
    config_name: str = "explore",
) -> Place:
    """Plan and run the study of some overrides; call it inside `composer`.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line.
    console : rich.console.Console or None
        Where progress is shown; None: standard error.
    command : str
        As typed.
    config_name : str
        Primary configuration.

    Returns
    -------
    Path or ObjectPath
        Of the store.

    Raises
    ------
    UserError
        For an invalid study, before anything is computed.
    """
    console = console or Console(stderr=True)
    study = plan(overrides, config_name=config_name)
    settings = plain_config(study.config)
    racing: Racing = build(Racing, settings["racing"], "racing")
    if isinstance(study.design, Adaptive) and not isinstance(racing, NoRacing):
        raise UserError("racing needs a design whose candidates are known: give racing=none")
    path = _place(settings)
    may_extend = truth("extend", settings["extend"])
    if not is_free(path):  # refused before the executor is loaded, as Ray takes a second
        _check_stored(study, path, may_extend)
    run = Run(
        study=study,
        path=path,
        runner=executor(settings["executor"]),
        console=console,
        journal=Journal(place(settings["log"], str(path)), console.print),
        command=command,
        extend=may_extend,
        retry_failed=truth("retry_failed", settings["retry_failed"]),
    )
    for note in study.notes:
        console.print(note, soft_wrap=True, markup=False)
    with stopping_signals():
        if isinstance(study.design, Adaptive):
            run.search(study.design)
        else:
            run.race(racing)
    return run.path


def _check_stored(study: Plan, path: Place, may_extend: bool) -> None:
    """Refuse a store that holds another study, or another search."""
    if not isinstance(study.design, Adaptive):
        if not may_extend:
            check_same(study, path, difference(study, path))
        return
    parts = different(study, path, ignored=("design.trials",))
    if parts:
        raise UserError(
            f"{path} holds another study (different: {', '.join(parts[:5])}); give this "
            "one its own place with study=NAME or store=PATH, or move that one away"
        )


def _place(settings: Mapping[str, Any]) -> Place:
    """Place of the results; a study's name is one word, as it becomes a file's."""
    name, place = settings["study"], settings["store"]
    worded = not isinstance(name, bool) and name is not None  # null would be the name "None"
    if not worded or not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", str(name)):
        raise UserError(f"study must be a name of letters, digits, . _ + and -, got {name!r}")
    return place_of(path_text("store", place))


@dataclass(slots=True, kw_only=True)
class Run:
    """A study under way.

    Parameters
    ----------
    study : Plan
    path : Place
        Of its store, which need not exist yet.
    runner : Executor
    console : rich.console.Console
        Where progress is shown.
    journal : Journal
    command : str
        As typed.
    extend : bool
        Whether to add to a store that lacks part of the study.
    retry_failed : bool
        Whether to compute failed candidates again; one that fails again keeps its new error.
    """

    study: Plan
    path: Place
    runner: Executor
    console: Console
    journal: Journal
    command: str = ""
    extend: bool = False
    retry_failed: bool = False
    _prepared: dict[str, Prepared] = field(default_factory=dict)
    _finished: dict[str, Finished] = field(default_factory=dict)
    _sessions: ExitStack = field(default_factory=ExitStack)
    _started: bool = False
    _verified: Parts = NO_PARTS

    def race(self, racing: Racing) -> None:
        """Simulate the rest of a design whose candidates are all known.

        Parameters
        ----------
        racing : Racing

        Raises
        ------
        UserError
            If the store is another study's, or the race does not fit the study.
        StoppedError
            On Ctrl-C, or a signal that asks to end, once all computed results are safe.
        """
        study = self.study
        rounds = racing.rounds(study.realisations)
        better: list[str] = []
        if isinstance(racing, Elimination):
            better = directions(racing.objectives, metrics_of(study), "racing")
            check_time(racing.time, study.times, "racing")
        change = None if is_free(self.path) else difference(study, self.path)
        if change and not self.extend:
            check_same(study, self.path, change)
        self.runner.check(self._parts)
        with self._session(), self._open(new=change is None) as store:
            rows = np.arange(len(study), dtype=np.int64)
            if change and not change.none:  # compared again now that no other process can write
                rows = extend(study, store, difference(study, self.path))
            elif change:
                rows = change.rows
            remember_command(store, self.command)
            self._tell_done(store, rows, rounds[-1])
            alive = np.arange(len(study), dtype=np.int64)
            for number, realisations in enumerate(rounds, start=1):
                self._simulate(store, rows, alive, realisations)
                if isinstance(racing, Elimination) and number < len(rounds):
                    store.fold()
                    table = samples(
                        self.path, rows[alive], racing.objectives, racing.time, realisations
                    )
                    alike = assumptions(self.path, rows[alive])
                    kept = racing.survivors(table, better, len(study), len(rounds), alike)
                    alive = alive[kept]
                    self.console.print(
                        f"after {realisations} realisations {len(alive)} of {len(study)} "
                        "candidates are still in question"
                    )
            self._finish(store)

    def search(self, design: Adaptive) -> None:
        """Ask for batch after batch, and simulate the candidates of each that the store lacks.

        Parameters
        ----------
        design : Adaptive

        Raises
        ------
        UserError
            If the store is another study's, or too few points can be built.
        StoppedError
            On Ctrl-C, or a signal that asks to end, once all computed results are safe.
        """
        study = self.study
        if not study.axes:
            raise UserError("design=adaptive needs axes to search: give -m and values to sweep")
        check_comparable(study.names)
        check_time(design.time, study.times, "design")
        metrics = metrics_of(study)
        search = Search(design, study.axes, directions(design.objectives, metrics, "design"))
        check_constraints(design, metrics)
        if not is_free(self.path):
            _check_stored(study, self.path, self.extend)
            self._check_release()
        self.runner.check(self._parts)
        refused = Refused(study)
        study.feasible(tuple(axis.at(0.0) for axis in study.axes))  # refuses unknown names
        batches = design.batches()
        asked = self._take(search.ask(next(batches), refused))
        new = is_free(self.path)
        with (
            self._session(),
            self._open(new=new) as store,
        ):  # a search has one writer to its end
            stored = open_results(self.path)["candidate_id"].values.tolist()
            places = {identity: row for row, identity in enumerate(stored)}
            remember_command(store, self.command)
            if "optuna" not in attributes(self.path):
                store.update_attrs({"optuna": version()})
            while True:
                self._append(store, places)
                rows = np.array([places[i] for i in study.identities], dtype=np.int64)
                self._simulate(store, rows, np.unique(asked), study.realisations)
                self._finish(store)
                store.fold()
                search.tell(judged(self.path, rows[asked], design))
                count = next(batches, None)
                if count is None:
                    break
                asked = self._take(search.ask(count, refused))
        if refused.count:
            self.console.print(
                f"{refused.count} proposed points are invalid, such as: "
                f"{one_line(refused.example)}",
                soft_wrap=True,
                markup=False,
            )

    def _take(self, points: Sequence[tuple[object, ...]]) -> Rows:
        """Add points to the plan; return their positions in it."""
        study = self.study
        places = {identity: index for index, identity in enumerate(study.identities)}
        asked = []
        for point in points:
            identity = study.identity(point)
            if identity not in places:
                places[identity] = len(study)
                study.add([point])
            asked.append(places[identity])
        return np.array(asked, dtype=np.int64)

    def _check_release(self) -> None:
        """Say so where a search was begun with another release of Optuna."""
        was = str(attributes(self.path).get("optuna", version()))
        if was != version():
            self.console.print(
                f"{self.path} was begun with Optuna {was}, this is {version()}: it may ask for "
                "other candidates than before, in addition to those"
            )

    def _append(self, store: Store, places: dict[str, int]) -> None:
        """Append to the store the plan's candidates that it lacks."""
        study = self.study
        missing = [i for i, identity in enumerate(study.identities) if identity not in places]
        if not missing:
            return
        lengthen(study, store)
        facts = {"sources": sources(study), "data": json.dumps(study.preparations)}
        facts |= without_effect(study)
        rows = store.append(columns(study, missing), attrs=facts)
        places.update({study.identities[i]: int(r) for i, r in zip(missing, rows, strict=True)})

    def _simulate(self, store: Store, rows: Rows, chosen: Rows, realisations: int) -> None:
        """Simulate chosen candidates of the plan up to N realisations."""
        wanted = np.zeros(store.shapes["status"][0], dtype=bool)
        wanted[store.pending(realisations, retry_failed=self.retry_failed)] = True
        pending = chosen[wanted[rows[chosen]]]
        if not len(pending):
            return
        parts = self._parts
        # A candidate reopened for more metrics gets them for all realisations that it has.
        had = -store.read(["realisations"], rows[pending])["realisations"].astype(np.int64)
        wanted_of = np.maximum(had, realisations)
        done, short = len(chosen) - len(pending), []
        self._prepare()  # before the display, as a note on the data may follow
        _check_prepared(self._prepared, store)
        check_versions(parts, store)
        with SweepProgress(self.console, self.journal, len(chosen), done, self.runner) as progress:
            store.on_fold = progress.folded
            if not self._started:
                progress.begin(self.runner.starting)
            self._start(parts)
            needs = Needs.of(self.study, pending)
            lay(needs.works, self._finished, store, self.runner, progress, parts.packages)
            progress.begin(first_candidates())
            for number in np.unique(wanted_of).tolist():
                now_due = wanted_of == number
                job = Job(
                    study=self.study, store=store, rows=rows, pending=pending[now_due],
                    realisations=number, needs=needs.only(now_due), finished=self._finished,
                )  # fmt: skip
                job.run(self.runner, self._prepared, progress, parts.packages)
                short += job.short
        if short:
            number, error = short[0]
            self.console.print(
                f"{len(short)} candidates failed while they were given more realisations and keep "
                f"those that they had, such as no. {number}: {one_line(error)}; the same command "
                "tries again",
                soft_wrap=True,
                markup=False,
            )

    @property
    def _parts(self) -> Parts:
        """Parts from outside matsweep in the plan's candidates and metrics."""
        return Parts.of(self.study.foreign, metrics_of(self.study))

    def _start(self, parts: Parts) -> None:
        """Start the executor's session, and check that its processes have the parts."""
        if not self._started:
            self._sessions.enter_context(self.runner.session())
            self._started = True
        if parts != self._verified:
            self.runner.verify(parts)
            self._verified = parts

    def _prepare(self) -> None:
        """Prepare the plan's workloads that are not prepared yet."""
        distinct = {each.key: each for each in self.study.workloads}
        missing = [each for key, each in distinct.items() if key not in self._prepared]
        for each in missing:
            with self.console.status(each.preparing):
                self._prepared[each.key] = each.prepare()
        for way in dict.fromkeys(each.preparation for each in missing if each.preparation):
            self.console.print(f"data: {way}", soft_wrap=True, markup=False)

    def _tell_done(self, store: Store, rows: Rows, realisations: int) -> None:
        wanted = np.zeros(store.shapes["status"][0], dtype=bool)
        wanted[store.pending(realisations, retry_failed=self.retry_failed)] = True
        done = len(rows) - int(np.count_nonzero(wanted[rows]))
        if done:
            message = f"{self.path}: {done} of {len(rows)} candidates are there already"
            self.console.print(message, soft_wrap=True)

    def _finish(self, store: Store) -> None:
        facts = json.loads(str(attributes(self.path)["provenance"]))
        store.update_attrs(
            {"provenance": json.dumps({**facts, "finished": now(), "hosts": self.runner.hosts})}
        )

    @contextmanager
    def _session(self) -> Iterator[None]:
        """End the executor's session at the end, if anything had to be computed."""
        try:
            with self._sessions:
                yield
        finally:
            self._started = False

    @contextmanager
    def _open(self, *, new: bool) -> Iterator[Store]:
        """Open the store; where the run is stopped, report the number of safe candidates.

        A new one is created, after all checks that may refuse the study.
        """
        if new:
            if self._parts != NO_PARTS:
                self._start(self._parts)
            self._prepare()
            self._create()
        with open_store(self.path) as store:
            try:
                yield store
            except KeyboardInterrupt as stop:
                self.journal.stopped(stop)
                raise StoppedError(f"stopped: {_safe(store)}", signal_of(stop)) from None
            except LostError as lost:
                self.journal.stopped(lost)
                raise UserError(f"{lost}; {_safe(store)}") from None
            except Exception as error:
                self.journal.stopped(error)
                raise

    def _create(self) -> None:
        """Create the store, unless another run did since this one looked for it."""
        try:
            create_store(self.study, self.path)
        except (StoreTaken, StoreBusy):
            at_work = holder(self.path)
            who = f" ({at_work})" if at_work else ""
            raise UserError(
                f"another run{who} creates or has just created {self.path}; wait until it ends, "
                "and give the same command again, which goes on with it; or give this one its "
                "own place with study=NAME or store=PATH"
            ) from None


def _safe(store: Store) -> str:
    """Report what a stopped run leaves, and how to go on."""
    try:
        store.check()
    except StoreError as gone:
        return str(gone)
    total = store.shapes["status"][0]
    return (
        f"{total - len(store.pending())} of {total} candidates are done and safe in {store.path}; "
        "the same command resumes"
    )


@dataclass(slots=True)
class Refused:
    """A test whether a point can be built; counts those that cannot."""

    study: Plan
    count: int = 0
    example: str = ""

    def __call__(self, point: tuple[object, ...]) -> bool:
        """Return whether the point can be built."""
        try:
            text = self.study.violated(point)
            if text is None:
                self.study.scenario(point)
                return True
            self.example = self.example or f"{text} (a constraint)"
        except UserError as error:
            self.example = str(error)
        self.count += 1
        return False


def _check_prepared(prepared: Mapping[str, Prepared], store: Store) -> None:
    """Refuse to resume with another network than the study began with."""
    facts = attributes(store.path)
    digests = {key: each.digest for key, each in prepared.items()}
    begun: dict[str, str] = json.loads(str(facts.get("networks", "{}")))
    if any(begun[key] != digests[key] for key in digests if key in begun):
        raise UserError(
            f"{store.path} was begun with a network that trains differently here (other "
            "versions or another kind of machine); resume it where it began, or copy that "
            "machine's cache of networks and name it in MATSWEEP_CACHE"
        )
    if set(digests) - set(begun):
        best = json.loads(str(facts.get("reference", "{}")))
        chance = json.loads(str(facts.get("chance", "{}")))
        for each in prepared.values():
            best = better_reference(best, each.reference)
            chance = better_reference(chance, each.chance)
        store.update_attrs(
            {
                "networks": json.dumps({**begun, **digests}, sort_keys=True),
                "reference": json.dumps(best, sort_keys=True),
                "chance": json.dumps(chance, sort_keys=True),
            }
        )


def better_reference(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return the better of two references, metric by metric.

    Parameters
    ----------
    first : mapping of str to float
    second : mapping of str to float
        By metric.

    Returns
    -------
    dict of str to float
    """
    joined = dict(first)
    for name, value in second.items():
        best = max if METRICS[name].better == "higher" else min
        joined[name] = best(joined.get(name, value), value)
    return joined
