"""Requirements whose region is checked: new candidates at its edges, simulated like the study's."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from matsweep.analysis.attributes import axes
from matsweep.analysis.checked import Checked
from matsweep.analysis.edges import checked, edge_points
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.requirements import requirements as derive
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.core.journal import Journal, place
from matsweep.planning.config import composer, plain_config
from matsweep.planning.designs import Design, Point
from matsweep.planning.environment import granted
from matsweep.planning.plan import Plan, plan
from matsweep.planning.restoring import swept_value
from matsweep.running.executors import executor
from matsweep.running.racing import NoRacing
from matsweep.running.study import Run
from matsweep.store import VERIFIED, Place, attributes, open_results, place_of

_ELSEWHERE = re.compile(r"[+~]{0,2}(?:executor(?!=serial$)|hydra|store|log)[.=/@]")
"""Overrides on where a study runs and writes; executor=serial is harmless."""


def requirements(
    store: str | Path | Place,
    target: str,
    *,
    verify: int = 0,
    console: Console | None = None,
    **options: Any,
) -> Requirements:
    """Derive the requirements of a target from a store, and check their region.

    Parameters
    ----------
    store : str, Path or Place
    target : str
    verify : int
        New candidates to simulate at the region's edges; 0: none.
    console : rich.console.Console or None
        Where progress is shown; None: nowhere.
    **options : Any
        Keywords of `matsweep.analysis.requirements.requirements`.

    Returns
    -------
    Requirements
        With `checked`, where candidates were simulated and a region is stated.

    Raises
    ------
    UserError
        As `requirements` and `verified` do.

    Examples
    --------
    >>> matsweep.requirements(
    ...     "results/quickstart.zarr", "accuracy >= 95 %", material="hfox_vcm", verify=20
    ... )  # doctest: +SKIP
    """
    path = place_of(str(store))
    derived = derive(open_results(path), target, **options)
    if not verify:
        return derived
    known = {derived.material or "": derived}
    time = options.get("time")
    checks = verified(path, known, verify, time=time, console=console)
    return dataclasses.replace(derived, checked=checks.get(derived.material or ""))


def verified(
    store: Place,
    required: Mapping[str, Requirements],
    count: int,
    *,
    time: float | str | None = None,
    console: Console | None = None,
) -> dict[str, Checked]:
    """Simulate new candidates at the edges of stated regions, and compare them with the target.

    They have the study's seed, realisations and times, so that they are paired with its
    candidates. Their results lie next to the study, in ``NAME-verify.zarr``; those that are there
    already are not computed again, and the study's own store is only read.

    Parameters
    ----------
    store : Place
    required : mapping of str to Requirements
        By any names, such as their material.
    count : int
        Candidates for each.
    time : float [s] or str, optional
        That of the requirements.
    console : rich.console.Console or None
        Where progress is shown; None: nowhere.

    Returns
    -------
    dict of str to Checked
        By the same names; those without a region are missing.

    Raises
    ------
    UserError
        If the store does not say which command made it, or that command gives another study here.
    """
    view = View(open_results(store), time)
    edges = {name: edge_points(each, count) for name, each in required.items()}
    edges = {name: points for name, points in edges.items() if len(points)}
    if not edges:
        return {}
    overrides, folder, config = _command(store)
    with composer(folder), granted((), ()):
        study = _study(store, plan(overrides, config_name=config), view)
        candidates = {
            name: _identities(study, [_point(study, view, required[name], p) for p in points])
            for name, points in edges.items()
        }
        beside = place_of(str(store).removesuffix("/").removesuffix(".zarr") + VERIFIED)
        if study.points:
            _simulate(study, beside, console or Console(quiet=True))
    if not study.points:
        raise UserError("verify: none of the candidates at the edges can be built here")
    results = View(open_results(beside), view.chosen_time)
    places = {
        identity: row for row, identity in enumerate(results.ds["candidate_id"].values.tolist())
    }
    return {
        name: checked(
            required[name],
            points,
            results,
            np.array([places.get(each, -1) for each in candidates[name]], dtype=np.intp),
            str(beside),
        )
        for name, points in edges.items()
    }


def _command(store: Place) -> tuple[list[str], str | None, str]:
    """Read overrides, folder and primary configuration from the command of a store.

    Where the study ran and wrote is left out: a store may come from elsewhere.
    """
    words = shlex.split(str(attributes(store).get("command", "")))
    if words[:2] != ["matsweep", "explore"]:
        raise UserError(
            f"{store} does not say which command made it, so that nothing can be added: explore "
            "it once more with its own settings, then verify"
        )
    overrides, folder, config = [], None, "explore"
    rest = iter(words[2:])
    for word in rest:
        flag, _, value = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            folder = value or next(rest, None)
        elif flag in ("--config-name", "-cn"):
            config = value or next(rest, "explore")
        elif not (word.startswith("-") or _ELSEWHERE.match(word)):
            overrides.append(word)
    return overrides, folder, config


def _study(store: Place, planned: Plan, view: View) -> Plan:
    """Plan of the study without candidates, checked against its store."""
    stored = set(view.ds["candidate_id"].values.tolist())
    if planned.identities and not stored & set(planned.identities):
        raise UserError(
            f"the command of {store} gives other candidates here: verify with the version and the "
            "settings that made it"
        )
    facts = {"kind": "edges", "rows": 0, "candidates": 0, "dropped": 0, "constraints": []}
    return dataclasses.replace(
        planned,
        points=[],
        identities=[],
        design=build(Design, {"kind": "random"}, "design"),  # no grid of all combinations
        realisations=int(view.ds.sizes["realisation"]),
        facts=facts,
        notes=[],
    )


def _point(study: Plan, view: View, required: Requirements, at: Any) -> Point:
    """Point of the design: the parameters of the region, all else as in the fitted candidates."""
    numbers = {
        scale.name: int(value) if scale.whole else float(value)
        for scale, value in zip(required.surrogate.table.scales, at.tolist(), strict=True)
    }
    first = int(np.flatnonzero(view.numbers == required.candidate)[0])
    listed = axes(view.ds)
    return tuple(
        numbers[axis.name]
        if axis.name in numbers
        else swept_value(view.ds[axis.name].values[first], listed.get(axis.name))
        for axis in study.axes
    )


def _identities(study: Plan, points: list[Point]) -> list[str]:
    """Add points to a study; return their identities, "" for those that cannot be built."""
    identities = []
    for point in points:
        identity = ""
        try:
            if study.violated(point) is None:
                identity = study.identity(point)
        except UserError:
            pass
        if identity and identity not in study.identities:
            study.add([point])
        identities.append(identity)
    return identities


def _simulate(study: Plan, beside: Place, console: Console) -> None:
    """Simulate the candidates of a plan that the store of candidates at the edges lacks."""
    settings = plain_config(study.config)
    Run(
        study=study,
        path=beside,
        runner=executor(settings["executor"]),
        console=console,
        journal=Journal(place(settings["log"], str(beside)), console.print),
        extend=True,
    ).race(NoRacing())
