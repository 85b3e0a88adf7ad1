"""Judgement of candidates while a study runs: stored results as objectives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from matsweep.analysis.selection import parse, violation
from matsweep.analysis.summary import at_time, summarise
from matsweep.analysis.view import View, is_assumption
from matsweep.core.checks import UserError, near
from matsweep.metrics import PARTS, Metric
from matsweep.planning.designs.adaptive import Adaptive, Judgement
from matsweep.store import Place, Status, open_results

type Rows = npt.NDArray[np.int64]


def directions(objectives: Sequence[str], metrics: dict[str, Metric], owner: str) -> list[str]:
    """Return the good direction of each objective.

    Parameters
    ----------
    objectives : sequence of str
    metrics : dict of str to Metric
        The study's, by name.
    owner : "design" or "racing"
        Section of the configuration that names the objectives.

    Returns
    -------
    list of "higher" or "lower"

    Raises
    ------
    UserError
        If one is no metric of the study, or no single number at one time; or, in a race, has no
        confidence interval of its mean.
    """
    judging = [name for name, metric in metrics.items() if metric.better]
    for name in objectives:
        if name not in judging:
            raise UserError(
                f"{owner}.objectives: {name} is no metric of this study{near(name, judging)} "
                f"(there are {', '.join(judging)})"
            )
        if set(metrics[name].dims) & PARTS:
            raise UserError(f"{owner}.objectives: {name} has parts; take what they sum up to")
        if owner == "racing":
            _check_raced(metrics[name])
    return [metrics[name].better for name in objectives]


def _check_raced(metric: Metric) -> None:
    """Refuse a metric without a confidence interval after part of the realisations.

    A statistic over realisations is one number whatever their count, so it would pass for exact;
    and the stored one covers all realisations of a candidate, whose number differs between
    candidates in a resumed race.
    """
    if metric.of:
        raise UserError(
            f"racing.objectives: {metric.name} is a statistic of {metric.of} over all "
            f"realisations and has no confidence interval; take {metric.of}, or racing=none"
        )
    own = sorted(set(metric.dims) - {"realisation", "time"})
    if own:
        raise UserError(
            f"racing.objectives: {metric.name} has a value for each {own[0]}; take a metric "
            "without, or racing=none"
        )


def check_time(time: float | str | None, times: Sequence[float], owner: str) -> None:
    """Refuse a time at which nothing is stored.

    Parameters
    ----------
    time : float [s], str or None
    times : sequence of float, s
        Stored.
    owner : str
        Section of the configuration, for the message.

    Raises
    ------
    UserError
    """
    try:
        at_time(xr.Dataset(coords={"time": list(times)}), time)
    except UserError as error:
        raise UserError(f"{owner}.{error}") from None


def check_constraints(design: Adaptive, metrics: dict[str, Metric]) -> None:
    """Refuse a constraint that is no bound on a metric of the study.

    Parameters
    ----------
    design : Adaptive
    metrics : dict of str to Metric
        The study's, by name.

    Raises
    ------
    UserError
    """
    empty = xr.Dataset(
        {
            name: ("candidate", np.zeros(1), {"units": metric.units})
            for name, metric in metrics.items()
            if not set(metric.dims) & PARTS
        }
    )
    for text in design.constraints:
        try:
            violation(empty, parse(text))
        except UserError as error:
            raise UserError(f"design.constraints: {error}") from None


def judged(path: Place, rows: Rows, design: Adaptive) -> list[Judgement | None]:
    """Judge stored candidates for a search.

    Parameters
    ----------
    path : Path or ObjectPath
        Of the store.
    rows : (candidate,) array of int
        Rows of the store.
    design : Adaptive

    Returns
    -------
    list of Judgement or None
        None where a candidate failed.
    """
    ds = open_results(path).isel(candidate=rows)
    summary = summarise(ds, design.time)
    table = np.stack([summary[name].values for name in design.objectives], axis=1)
    missed = [violation(summary, parse(text)) for text in design.constraints]
    done = ds["status"].values == Status.DONE
    return [
        Judgement(
            values=tuple(map(float, table[index])),
            violations=tuple(float(each[index]) for each in missed),
        )
        if done[index]
        else None
        for index in range(len(rows))
    ]


def assumptions(path: Place, rows: Rows) -> npt.NDArray[np.str_]:
    """Read which candidates are comparable: those that assume the same sources of costs.

    Parameters
    ----------
    path : Path or ObjectPath
        Of the store.
    rows : (candidate,) array of int
        Rows of the store.

    Returns
    -------
    (candidate,) array of str
    """
    return View(open_results(path).isel(candidate=rows)).assumptions


def check_comparable(axes: Sequence[str]) -> None:
    """Refuse a search among sources of costs, which would choose the estimate, not the circuit.

    Parameters
    ----------
    axes : sequence of str
        Names of the swept parameters.

    Raises
    ------
    UserError
    """
    for name in filter(is_assumption, axes):
        raise UserError(
            f"{name} must not be searched: another source is another estimate of the same "
            "circuits, and the search would take the lowest; fix it, or give design=grid"
        )


def samples(
    path: Place, rows: Rows, objectives: Sequence[str], time: float | str | None, number: int
) -> list[npt.NDArray[np.float64]]:
    """Read the first realisations of each objective; NaN where a candidate failed.

    Parameters
    ----------
    path : Path or ObjectPath
        Of the store.
    rows : (candidate,) array of int
        Rows of the store.
    objectives : sequence of str
    time : float [s], str or None
        None: the last stored.
    number : int
        Realisations.

    Returns
    -------
    list of (candidate, realisation) or (candidate,) arrays
        One per objective, in its unit.
    """
    ds, _ = at_time(open_results(path)[list(objectives)].isel(candidate=rows), time)
    arrays = []
    for name in objectives:
        values = ds[name]
        if "realisation" in values.dims:
            values = values.transpose("candidate", "realisation")[:, :number]
        arrays.append(np.asarray(values.values, dtype=np.float64))
    return arrays
