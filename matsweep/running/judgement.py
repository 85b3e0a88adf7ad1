"""What candidates are judged by while a study runs: stored results as objectives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from matsweep.analysis.selection import parse, violation
from matsweep.analysis.summary import at_time, summarise
from matsweep.core.checks import UserError, near
from matsweep.metrics import COORDINATES, Metric
from matsweep.planning.designs.adaptive import Adaptive, Judgement
from matsweep.store import Place, Status, open_results

type Rows = npt.NDArray[np.int64]


def directions(objectives: Sequence[str], metrics: dict[str, Metric], owner: str) -> list[str]:
    """Return the good direction of each objective.

    Raises
    ------
    UserError
        If one is no metric of the study, or no single number at one time; or, in a race, has no
        confidence interval of its mean.
    """
    for name in objectives:
        if name not in metrics:
            raise UserError(
                f"{owner}.objectives: {name} is no metric of this study{near(name, metrics)} "
                f"(there are {', '.join(metrics)})"
            )
        if set(metrics[name].dims) & COORDINATES.keys():
            raise UserError(f"{owner}.objectives: {name} has parts; take the sum that it is of")
        if owner == "racing":
            _check_raced(metrics[name])
    return [metrics[name].better for name in objectives]


def _check_raced(metric: Metric) -> None:
    """Refuse a metric of which a race cannot say how sure it is after some realisations.

    A statistic over realisations is one number however many it is of, so that it would pass for
    exact; and what is stored is of all realisations that a candidate has, which in a race that
    is resumed are more for some than for others.
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
    """Refuse a time at which nothing is stored."""
    try:
        at_time(xr.Dataset(coords={"time": list(times)}), time)
    except UserError as error:
        raise UserError(f"{owner}.{error}") from None


def check_constraints(design: Adaptive, metrics: dict[str, Metric]) -> None:
    """Refuse a constraint that is no bound on a metric of the study."""
    empty = xr.Dataset(
        {
            name: ("candidate", np.zeros(1), {"units": metric.units})
            for name, metric in metrics.items()
            if not set(metric.dims) & COORDINATES.keys()
        }
    )
    for text in design.constraints:
        try:
            violation(empty, parse(text))
        except UserError as error:
            raise UserError(f"design.constraints: {error}") from None


def judged(path: Place, rows: Rows, design: Adaptive) -> list[Judgement | None]:
    """Return what a search is to be told of some candidates; None where one failed."""
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


def samples(
    path: Place, rows: Rows, objectives: Sequence[str], time: float | str | None, number: int
) -> list[npt.NDArray[np.float64]]:
    """Return the first realisations of each objective, (candidate, realisation) or (candidate,).

    Those of a candidate that failed are NaN.
    """
    ds, _ = at_time(open_results(path)[list(objectives)].isel(candidate=rows), time)
    found = []
    for name in objectives:
        values = ds[name]
        if "realisation" in values.dims:
            values = values.transpose("candidate", "realisation")[:, :number]
        found.append(np.asarray(values.values, dtype=np.float64))
    return found
