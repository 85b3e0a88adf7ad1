"""A study with the analysis that a report needs, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import resolve
from matsweep.analysis.best_set import best_set
from matsweep.analysis.checked import Checked
from matsweep.analysis.conditional import Conditional, conditional_of
from matsweep.analysis.conditions import Condition
from matsweep.analysis.objectives import (
    MAIN,
    PHYSICAL,
    TRAINED,
    Objectives,
    directions,
    judged,
    order,
)
from matsweep.analysis.pareto import Mask
from matsweep.analysis.requirements import Requirements, read_target, requirements_of
from matsweep.analysis.reranking import Reranking, rerankings
from matsweep.analysis.selection import parse
from matsweep.analysis.sensitivity import sensitivity_of
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError
from matsweep.reporting.figures.conditions import CLEAN

type Check = Callable[[Mapping[str, Requirements]], Mapping[str, Checked]]
"""Results of new candidates at the edges of the regions of requirements, by the same names."""

# Above this number of candidates only the deciding metrics are read: reading the others takes
# longer than everything else.
_MANY = 50_000
_ALWAYS = (
    *MAIN, *PHYSICAL, *TRAINED, "status", "error", "realisations", "baseline_energy",
    "energy_breakdown", "energy_by_source", "training_energy_by_source", "programming_error",
    "missed_devices", "pulse_noise", "pulse_step", "write_tolerance", "unknown", "adc_saturation",
    CLEAN,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study and its analysis.

    Parameters
    ----------
    view : View
        Results at the time at which candidates are compared; of many candidates only the deciding
        metrics.
    by, objectives : mapping of str to "higher" or "lower"
        Metrics of the ranking and objectives of the Pareto set.
    ranked : (done candidate,) array of int
        Positions, best first.
    front : (candidate,) array of bool
        The Pareto set.
    left_off : tuple of str
        Candidates that the set leaves off, in words, and why.
    best_set : (candidate,) array of bool
        Candidates that cannot be told apart from the best by the first metric of the ranking.
    top : int
        Rows of a short table.
    pictures : mapping of str to Path
        PNGs by name.
    rerun : str
        Command that computes failed candidates again.
    target : str
        Constraint on a metric that devices were asked to meet; empty: none.
    required : mapping of str to Requirements, Conditional or UserError
        Requirements for the target by material ("" where no material was swept), under each
        condition where the study has some, or why they are unknown.
    influence : Dataset, UserError or None
        Sensitivity indices, if they were asked for, or why they are unknown.
    changes : tuple of Reranking
        Each condition against the baseline; empty where the study has none.
    """

    view: View
    by: Mapping[str, str]
    objectives: Mapping[str, str]
    ranked: Index
    front: Mask
    left_off: tuple[str, ...]
    best_set: Mask
    top: int
    pictures: Mapping[str, Path]
    rerun: str
    target: str
    required: Mapping[str, Requirements | Conditional | UserError]
    influence: xr.Dataset | UserError | None
    changes: tuple[Reranking, ...] = ()

    def best_of_each(self) -> Index:
        """Best candidate of each material, in the materials' order.

        Returns
        -------
        (material,) array of int
            Positions.
        """
        _, first = np.unique(self.view.materials[self.ranked].astype(str), return_index=True)
        return np.asarray(self.ranked[first])


def studied(
    ds: xr.Dataset,
    *,
    by: Objectives | None = None,
    top: int = 10,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    target: str = "",
    sensitivity: bool = False,
    check: Check | None = None,
) -> Study:
    """Analyse results for a report.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    by : name, names or mapping, optional
    top : int
    objectives : names or mapping, optional
    time : float [s] or str, optional
    target : str
    sensitivity : bool
        Whether to compute sensitivity indices.
    check : callable, optional
        Checks the regions that meet the target.

    Returns
    -------
    Study

    Raises
    ------
    UserError
        If a metric or the time is unknown, or the target cannot be read.
    """
    asked = [*_names(by), *_names(objectives), *([parse(target).name] if target else ())]
    view = lean(View(ds, time), asked)
    if target:
        read_target(view, target)  # an unreadable target is reported before anything is written
    known = directions(view)
    ranked_by = directions(view, by) if by is not None else known
    chosen = directions(view, objectives) if objectives is not None else known
    command = str(view.ds.attrs.get("command") or "the study's own command, with")
    pareto = judged(view, chosen or None)
    return Study(
        view=view,
        by=ranked_by,
        objectives=chosen,
        ranked=order(view, ranked_by) if ranked_by else np.empty(0, dtype=np.intp),
        front=pareto.mask,
        left_off=pareto.lines,
        best_set=best_set(view, ranked_by) if ranked_by else np.zeros_like(pareto.mask),
        top=top,
        pictures={},
        rerun=f"{command} retry_failed=true",
        target=target,
        required=_required(view, target, check) if target else {},
        influence=_influence(view, next(iter(ranked_by), view.merit)) if sensitivity else None,
        changes=rerankings(view),
    )


def _required(
    view: View, target: str, check: Check | None
) -> dict[str, Requirements | Conditional | UserError]:
    """Derive the requirements of each material, or why they are unknown, and check them."""
    names = view.present(view.done)
    requirements: dict[str, Requirements | Conditional | UserError] = {}
    for name in names if len(names) > 1 else [""]:
        try:
            requirements[name] = conditional_of(
                view, target, material=name or None
            ) or requirements_of(view, target, material=name or None)
        except UserError as error:
            requirements[name] = error
    if check is None:
        return requirements
    derived = dict(_single(requirements))
    results = check(derived)
    for name, each in requirements.items():
        if isinstance(each, Requirements) and name in results:
            requirements[name] = replace(each, checked=results[name])
        elif isinstance(each, Conditional):
            parts = tuple(
                replace(required, checked=results.get(_key(name, condition)))
                for condition, required in zip(each.conditions, each.required, strict=True)
            )
            requirements[name] = replace(each, required=parts)
    return requirements


def _single(
    requirements: Mapping[str, Requirements | Conditional | UserError],
) -> Iterator[tuple[str, Requirements]]:
    """Yield all requirements, those of a condition by material and condition."""
    for name, each in requirements.items():
        if isinstance(each, Requirements):
            yield name, each
        elif isinstance(each, Conditional):
            for condition, required in zip(each.conditions, each.required, strict=True):
                yield _key(name, condition), required


def _key(material: str, condition: Condition) -> str:
    return f"{material}, {condition.words}" if material else condition.words


def _influence(view: View, metric: str) -> xr.Dataset | UserError:
    try:
        return sensitivity_of(view, metric)
    except UserError as error:
        return error


def lean(view: View, asked: Iterable[str]) -> View:
    """Drop the variables that a report does not need, where there are many candidates.

    Parameters
    ----------
    view : View
    asked : iterable of str
        Further metrics to keep.

    Returns
    -------
    View
    """
    ds = view.ds
    wanted = {*_ALWAYS, *(resolve(ds, name) for name in asked)}
    if ds.sizes["candidate"] <= _MANY:
        return view
    judged = (view.merit, *view.courses)
    wanted |= {f"{name}{ending}" for name in judged for ending in ("", "_std", "_p05")}
    return View(ds[[name for name in ds.data_vars if name in wanted]], view.time)


def _names(asked: Objectives | None) -> list[str]:
    if asked is None:
        return []
    return [asked] if isinstance(asked, str) else list(asked)
