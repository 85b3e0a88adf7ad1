"""A study: from overrides to a store of results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.console import Console

from matsweep.checks import UserError
from matsweep.metrics import COORDINATES
from matsweep.store import (
    Part,
    Status,
    Store,
    attributes,
    open_store,
)
from matsweep.streams import FloatArray
from matsweep.sweep.config import composer, plain_config
from matsweep.sweep.executors import Executor, Fault, executor
from matsweep.sweep.overrides import as_overrides
from matsweep.sweep.pace import Pace, chunks
from matsweep.sweep.plan import Candidate, Plan, plan
from matsweep.sweep.progress import SweepProgress
from matsweep.sweep.provenance import now
from matsweep.sweep.record import check_same, create_store, metrics_of
from matsweep.sweep.work import Outcome, Shared, evaluate
from matsweep.workloads import Lesson, Network


class StoppedError(UserError):
    """The user stopped the run; what was done is safe."""


def explore(
    overrides: Sequence[str] | Mapping[str, Any] | DictConfig = (),
    *,
    config_dir: str | Path | None = None,
    console: Console | None = None,
) -> Path:
    """Run a sweep, or resume one, and return where its results are.

    Parameters
    ----------
    overrides : sequence of str, or mapping
        As after ``matsweep explore -m``: ``["material=pcm_gst,hfox_vcm", "device.read_noise=0"]``;
        or the same as a nested mapping, with ``axes`` for what is swept.
    config_dir : path or None
        A folder of the user's own configurations.
    console : rich.console.Console or None
        Where progress is shown; None: nowhere.

    Returns
    -------
    Path
        Of the store; open it with `open_results`.

    Raises
    ------
    UserError
        In one line what cannot be, before anything is computed.

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
        return run_overrides(listed, console or Console(quiet=True))


def run_overrides(overrides: Sequence[str], console: Console | None = None) -> Path:
    """Plan and run the study of some overrides; call it inside `composer`."""
    console = console or Console(stderr=True)
    study = plan(overrides)
    settings = plain_config(study.config)
    path = _place(settings)
    runner = executor(settings["executor"])
    if path.exists():
        check_same(study, path)
    runner.check()
    networks = None
    if not path.exists():
        networks = _networks(study)  # what refuses its data leaves no store behind
        create_store(study, path)
    with open_store(path) as store:
        run(study, store, runner, console, networks)
    return path


def _place(settings: Mapping[str, Any]) -> Path:
    """Return where results go; a study's name is one word, as it becomes a file's."""
    name, place = settings["study"], settings["store"]
    if not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", str(name)):
        raise UserError(f"study must be a name of letters, digits, . _ + and -, got {name!r}")
    if not isinstance(place, str) or not place:
        raise UserError(f"store must be a path, got {place!r}")
    return Path(place)


def run(
    study: Plan,
    store: Store,
    runner: Executor,
    console: Console,
    networks: Mapping[str, Network | Lesson] | None = None,
) -> None:
    """Compute what a store lacks, on an executor.

    Parameters
    ----------
    study : Plan
    store : Store
    runner : Executor
    console : rich.console.Console
        Where progress is shown.
    networks : mapping or None
        As trained already, by the key of their workload; None: they are trained if any is needed.

    Raises
    ------
    StoppedError
        On Ctrl-C, once all that was computed is safe.
    """
    pending = store.pending()
    done = len(study) - len(pending)
    if done:
        console.print(f"{store.path}: {done} of {len(study)} candidates are there already")
    if not len(pending):
        return
    pace = Pace(fixed=runner.chunk_size, slots=runner.slots)
    networks = networks or _networks(study)
    _check_networks(networks, store)
    shared = Shared(networks=networks, seed=study.seed, realisations=study.realisations)
    try:
        with SweepProgress(console, len(study), done) as progress:
            source = chunks(study, pending, pace)
            for chunk, result in runner.run(evaluate, shared, source):
                outcomes = _outcomes(chunk, result)
                store.write(_part(study, outcomes))
                pace.observe(sum(o.seconds for o in outcomes), len(outcomes))
                progress.advance(len(outcomes), sum(o.values is None for o in outcomes))
    except KeyboardInterrupt:
        left = len(store.pending())
        raise StoppedError(
            f"stopped: {len(study) - left} of {len(study)} candidates are done and safe in "
            f"{store.path}; the same command resumes"
        ) from None
    facts = json.loads(str(attributes(store.path)["provenance"]))
    store.update_attrs(
        {"provenance": json.dumps({**facts, "finished": now(), "hosts": runner.hosts})}
    )


def _outcomes(chunk: tuple[Candidate, ...], result: Any) -> tuple[Outcome, ...]:
    if not isinstance(result, Fault):
        return tuple(result)
    return tuple(
        Outcome(position=c.position, values=None, error=result.reason, seconds=0.0) for c in chunk
    )


def _part(study: Plan, outcomes: Sequence[Outcome]) -> Part:
    """Put outcomes together as one write; a failed candidate's values are NaN."""
    sizes = {
        "realisation": study.realisations, "time": len(study.times), "epoch": study.epochs,
        **{name: len(values) for name, values in COORDINATES.items()},
    }  # fmt: skip
    values = {}
    for name, metric in metrics_of(study).items():
        shape = tuple(sizes[dim] for dim in metric.dims)
        values[name] = np.stack([_padded(o.values, name, shape) for o in outcomes])
    return Part(
        positions=np.array([o.position for o in outcomes], dtype=np.int64),
        status=np.array(
            [Status.FAILED if o.values is None else Status.DONE for o in outcomes], dtype=np.int8
        ),
        error=[o.error for o in outcomes],
        seconds=np.array([o.seconds for o in outcomes], dtype=np.float32),
        values=values,
    )


def _padded(
    values: Mapping[str, FloatArray] | None, name: str, shape: tuple[int, ...]
) -> FloatArray:
    """Return a metric of one candidate; NaN where it failed, or has not so many epochs."""
    found = np.full(shape, np.nan)
    if values is not None and name in values:
        value = np.asarray(values[name])
        found[tuple(slice(0, size) for size in value.shape)] = value
    return found


def _networks(study: Plan) -> dict[str, Network | Lesson]:
    """Return the trained network of each workload among the candidates, by its key."""
    workloads = {}
    for position in range(len(study)):
        workload = study.scenario(study.points[position]).workload
        workloads[workload.key] = workload
    return {key: workload.prepare() for key, workload in workloads.items()}


def _check_networks(networks: Mapping[str, Network | Lesson], store: Store) -> None:
    """Refuse to go on with a network that is not the one the study began with."""
    digests = {key: network.digest for key, network in networks.items()}
    begun = attributes(store.path).get("networks")
    if begun is None:
        accuracies = {key: network.float_accuracy for key, network in networks.items()}
        store.update_attrs(
            {
                "networks": json.dumps(digests, sort_keys=True),
                "float_accuracy": max(accuracies.values()),
            }
        )
    elif json.loads(str(begun)) != digests:
        raise UserError(
            f"{store.path} was begun with a network that trains differently here (other "
            "versions or another kind of machine); resume it where it began, or copy that "
            "machine's cache of networks and name it in MATSWEEP_CACHE"
        )
