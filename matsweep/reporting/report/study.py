"""A study as a report needs it: what was found of it, worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes, numbered, parameters, resolve, sources, states
from matsweep.analysis.objectives import (
    LEARNING,
    MAIN,
    PHYSICAL,
    Objectives,
    directions,
    front,
    order,
)
from matsweep.analysis.pareto import Mask
from matsweep.analysis.requirements import Requirements, read_target, requirements
from matsweep.analysis.selection import parse
from matsweep.analysis.sensitivity import sensitivity as sensitivity_of
from matsweep.analysis.summary import summarise
from matsweep.core.checks import UserError

type Index = NDArray[np.intp]

# Beyond so many candidates only the metrics are read that decide: reading the others takes longer
# than all the rest.
_MANY = 50_000
_ALWAYS = (
    *MAIN, *PHYSICAL, *LEARNING, "accuracy_std", "accuracy_p05", "learning_accuracy_std",
    "learning_accuracy_p05", "status", "error", "realisations", "baseline_energy",
    "energy_breakdown",
)  # fmt: skip
NO_MATERIAL = "candidates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study and what was worked out of it.

    Parameters
    ----------
    ds : Dataset
        Results, of many candidates only what decides.
    summary : Dataset
        Scalars per candidate.
    state : (candidate,) array of str
        "pending", "done" or "failed".
    by, objectives : mapping of str to "higher" or "lower"
        What is ranked by, and what the Pareto set is of.
    ranked : (done candidate,) array of int
        Positions, best first.
    front : (candidate,) array of bool
        The Pareto set.
    materials : (candidate,) array of str
    top : int
        Rows of a short table.
    time : float, str or None
        At which candidates are compared, as it was asked for.
    pictures : mapping of str to Path
        PNGs by name.
    rerun : str
        Command that computes again what failed.
    target : str
        A constraint on a metric that devices were asked to meet; empty: none.
    required : mapping of str to Requirements or UserError
        What they must be like for it, by material ("" where no material was swept), or why that
        cannot be said.
    influence : Dataset, UserError or None
        Which parameters decide, if that was asked for, or why it cannot be said.
    """

    ds: xr.Dataset
    summary: xr.Dataset
    state: NDArray[np.str_]
    by: Mapping[str, str]
    objectives: Mapping[str, str]
    ranked: Index
    front: Mask
    materials: NDArray[Any]
    top: int
    time: float | str | None
    pictures: Mapping[str, Path]
    rerun: str
    target: str
    required: Mapping[str, Requirements | UserError]
    influence: xr.Dataset | UserError | None

    def count(self, state: str) -> int:
        """Return how many candidates are "pending", "done" or "failed"."""
        return int(np.count_nonzero(self.state == state))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a metric or parameter of every candidate; NaN if the results do not hold it."""
        if name not in self.summary.variables:
            return np.full(self.state.size, np.nan)
        return np.asarray(self.summary[name].values, dtype=np.float64)

    def present(self, mask: Mask) -> list[str]:
        """Return the materials of the marked candidates, in alphabetic order."""
        if "material" not in self.summary.coords:
            return []
        return sorted(set(self.materials[mask].tolist()))

    def all_materials(self) -> set[str]:
        """Return the materials of the whole study, of which the results may be a part."""
        swept = map(str, axes(self.ds).get("material") or ())
        return {*swept, *sources(self.ds)["materials"], *self.materials.tolist()}

    def varied(self) -> list[str]:
        """Return the swept parameters, without the material, that differ between candidates."""
        return varied(self.summary)

    def best_of_each(self) -> Index:
        """Return the best candidate of each material, in the materials' order."""
        _, first = np.unique(self.materials[self.ranked].astype(str), return_index=True)
        return np.asarray(self.ranked[first])


def studied(
    ds: xr.Dataset,
    *,
    by: Objectives | None = None,
    top: int = 20,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    target: str = "",
    sensitivity: bool = False,
) -> Study:
    """Work out of results what a report needs; `report` has the parameters.

    Raises
    ------
    UserError
        If a metric or the time is unknown, or the target cannot be read.
    """
    asked = [*_names(by), *_names(objectives), *([parse(target).name] if target else ())]
    ds = lean(numbered(ds), asked)
    summary = summarise(ds, time)
    if target:
        read_target(summary, target, time)  # what cannot be read is told before anything is written
    known = directions(summary)
    ranked_by = directions(summary, by) if by is not None else known
    judged = directions(summary, objectives) if objectives is not None else known
    materials = np.full(summary.sizes["candidate"], NO_MATERIAL, dtype=object)
    if "material" in summary.coords:
        materials = np.asarray(summary["material"].values).astype(str).astype(object)
    done = states(summary) == "done"
    command = str(ds.attrs.get("command") or "the study's own command, with")
    return Study(
        ds=ds,
        summary=summary,
        state=states(summary),
        by=ranked_by,
        objectives=judged,
        ranked=order(summary, ranked_by) if ranked_by else np.empty(0, dtype=np.intp),
        front=front(summary, judged or None),
        materials=materials,
        top=top,
        time=time,
        pictures={},
        rerun=f"{command} retry_failed=true",
        target=target,
        required=_required(ds, target, time, materials[done]) if target else {},
        influence=_influence(ds, next(iter(ranked_by), "accuracy"), time) if sensitivity else None,
    )


def _required(
    ds: xr.Dataset, target: str, time: float | str | None, materials: NDArray[Any]
) -> dict[str, Requirements | UserError]:
    """Return for each material what is required, or why that cannot be said."""
    names = sorted(set(materials.tolist()) - {NO_MATERIAL})
    found: dict[str, Requirements | UserError] = {}
    for name in names if len(names) > 1 else [""]:
        try:
            found[name] = requirements(ds, target, time=time, material=name or None)
        except UserError as error:
            found[name] = error
    return found


def _influence(ds: xr.Dataset, metric: str, time: float | str | None) -> xr.Dataset | UserError:
    try:
        return sensitivity_of(ds, metric, time=time)
    except UserError as error:
        return error


def lean(ds: xr.Dataset, asked: Iterable[str]) -> xr.Dataset:
    """Return results, of many candidates only those variables that decide or are asked for."""
    wanted = [resolve(ds, name) for name in asked]
    if ds.sizes["candidate"] <= _MANY:
        return ds
    return ds[[name for name in ds.data_vars if name in {*_ALWAYS, *wanted}]]


def varied(summary: xr.Dataset) -> list[str]:
    """Return the swept parameters, without the material, that differ between candidates."""
    return [name for name in parameters(summary) if _differs(summary[name].values)]


def _differs(values: NDArray[Any]) -> bool:
    return bool(values.size) and bool(np.any(values != values[0]))


def _names(asked: Objectives | None) -> list[str]:
    if asked is None:
        return []
    return [asked] if isinstance(asked, str) else list(asked)
