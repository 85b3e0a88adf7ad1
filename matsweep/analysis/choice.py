"""A choice in words: how many meet the specification, which is best, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from matsweep.analysis.attributes import numbered, states
from matsweep.analysis.explain import why_not
from matsweep.analysis.objectives import Objectives, directions
from matsweep.analysis.robust import robust
from matsweep.analysis.score import score
from matsweep.analysis.selection import Constraint, doubts, parse, selected, violation
from matsweep.analysis.stability import stability
from matsweep.analysis.summary import summarise
from matsweep.analysis.table import ranking_table
from matsweep.analysis.yields import Chance, enough, parse_chance, yields
from matsweep.analysis.yields import met as meets
from matsweep.checks import UserError
from matsweep.printing import printable

_NEAREST = 3
_STATES = {"pending": "are still pending: the answer may change", "failed": "failed"}


def choose(
    ds: xr.Dataset,
    console: Console,
    constraints: Sequence[str] = (),
    *,
    by: str = "accuracy",
    how: str = "mean",
    weights: Mapping[str, float] | None = None,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    confidence: float | None = None,
    top: int = 20,
    why: int | None = None,
) -> xr.Dataset:
    """Print which candidates meet a specification, and how they rank.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, finished or not.
    console : rich.console.Console
        Where to print.
    constraints : sequence of str
        As of ``ds.matsweep.select``, chance constraints among them.
    by, how, weights
        What to rank by, as of ``ds.matsweep.rank``.
    objectives, time, top
        As of `ranking_table`.
    confidence : float or None
        As of ``ds.matsweep.select``.
    why : int or None
        A candidate whose place is explained.

    Returns
    -------
    Dataset
        The candidates that meet all, in the order of their numbers.

    Raises
    ------
    UserError
        If a constraint, metric or candidate is unknown.
    """
    ds = numbered(ds)
    parsed = [parse_chance(text) or parse(text) for text in constraints]
    if confidence is not None and not any(isinstance(each, Chance) for each in parsed):
        enough(ds, [], time, confidence)  # which says why it cannot be
    if weights and how != "mean":
        raise UserError(f"weights are of means: how={how} cannot be had with them; leave one out")
    summary = summarise(ds, time)
    if why is not None:
        why_not(ds, why, objectives=objectives, time=time)  # whether there is such a candidate
    masks = [meets(ds, summary, each, time, confidence) for each in parsed]
    done = states(summary) == "done"
    met = np.logical_and.reduce([done, *masks])
    for line in _counted(ds, summary, parsed, masks, met, time, confidence):
        _line(console, line)
    kept = ds.isel(candidate=np.flatnonzero(met))
    if met.any():
        ranked, keys = _judged(kept, parsed, by, how, weights, time)
        console.print(ranking_table(ranked, by=keys, top=top, objectives=objectives, counted=False))
        if certainty := _certainty(kept, by, how, weights, time):
            _line(console, certainty)
    if why is not None:
        _line(console, "")
        chance = any(isinstance(each, Chance) for each in parsed)
        told = why_not(ds, why, *constraints, objectives=objectives, time=time,
                       confidence=confidence if chance else None)  # fmt: skip
        _line(console, str(told))
    return kept


def _counted(
    ds: xr.Dataset,
    summary: xr.Dataset,
    parsed: Sequence[Constraint | Chance],
    masks: Sequence[NDArray[np.bool_]],
    met: NDArray[np.bool_],
    time: float | str | None,
    confidence: float | None,
) -> Iterator[str]:
    """Tell how many meet all; where several are asked for, or none meets all, how many each."""
    if not (states(summary) == "done").any():
        yield "No candidate is done, so there is nothing to choose from."
        return
    if parsed:
        yield from _met(ds, summary, parsed, masks, met, time, confidence)
    for state in ("pending", "failed"):
        if other := int((states(summary) == state).sum()):
            yield f"{other} of {len(met)} candidates {_STATES[state]}"


def _met(
    ds: xr.Dataset,
    summary: xr.Dataset,
    parsed: Sequence[Constraint | Chance],
    masks: Sequence[NDArray[np.bool_]],
    met: NDArray[np.bool_],
    time: float | str | None,
    confidence: float | None,
) -> Iterator[str]:
    total, count = int((states(summary) == "done").sum()), int(met.sum())
    told = " and ".join(map(str, parsed))
    yield f"{count or 'None'} of {total} done candidates meet{'s' * (count == 1)} {told}."
    if len(parsed) > 1:
        for constraint, mask in zip(parsed, masks, strict=True):
            yield f"  {int(mask.sum())} meet {constraint}"
    for constraint, mask in zip(parsed, masks, strict=True):
        if isinstance(constraint, Constraint) and int(mask.sum()) in (0, total):
            yield from doubts(summary, constraint)
    if not count:
        yield from _nearest(ds, summary, parsed, masks, time, confidence)


def _nearest(
    ds: xr.Dataset,
    summary: xr.Dataset,
    parsed: Sequence[Constraint | Chance],
    masks: Sequence[NDArray[np.bool_]],
    time: float | str | None,
    confidence: float | None,
) -> Iterator[str]:
    """Name the candidates that miss the least, by their largest miss in relation to its bound."""
    misses = np.stack([_miss(ds, summary, each, time, confidence) for each in parsed])
    worst = np.where(states(summary) == "done", misses.max(axis=0), np.inf)
    order = np.lexsort((np.maximum(misses, 0.0).sum(axis=0), worst))
    near = [row for row in order[:_NEAREST] if np.isfinite(worst[row])]
    if not near:
        yield "No candidate comes near: what is asked for is never the case."
        return
    yield "The nearest:"
    for row in near:
        name = f" ({summary['material'].values[row]})" if "material" in summary.coords else ""
        told = ", ".join(
            f"{constraint} by {100 * max(miss, 0.0):.3g} % of the bound"
            for constraint, miss, mask in zip(parsed, misses[:, row], masks, strict=True)
            if not mask[row]
        )
        yield f"  candidate {int(summary['candidate'].values[row])}{name} misses {told}"


def _miss(
    ds: xr.Dataset,
    summary: xr.Dataset,
    constraint: Constraint | Chance,
    time: float | str | None,
    confidence: float | None,
) -> NDArray[np.float64]:
    """Return by how much each candidate misses a constraint, in relation to its bound."""
    if isinstance(constraint, Chance):
        level = 0.95 if confidence is None else confidence
        made = yields(ds, *constraint.constraints, time=time, confidence=level)
        found = made["yield" if confidence is None else "yield_low"].values
        over = (constraint.share - found) / (constraint.share or 1.0)
    elif constraint.operator[0] in "<>":
        over = violation(summary, constraint)
    else:
        over = np.where(selected(summary, [constraint]), 0.0, np.inf)
    return np.nan_to_num(np.asarray(over, dtype=np.float64), nan=np.inf, posinf=np.inf)


def _judged(
    kept: xr.Dataset,
    parsed: Sequence[Constraint | Chance],
    by: str,
    how: str,
    weights: Mapping[str, float] | None,
    time: float | str | None,
) -> tuple[xr.Dataset, list[str]]:
    """Return the summary with what ranks it, and the names of that."""
    summary = summarise(kept, time)
    if weights:
        summary, keys = summary.assign(score=score(kept, weights, time)), ["score"]
    elif how != "mean":
        key = how.replace(" ", "")
        summary, keys = summary.assign({key: robust(kept, by, how, time)}), [key]
    else:
        keys = list(directions(summary, by))
    chances = [each for each in parsed if isinstance(each, Chance)]
    for number, chance in enumerate(chances, start=1):
        name = "yield" if len(chances) == 1 else f"yield {number}"
        found = yields(kept, *chance.constraints, time=time)["yield"]
        summary, keys = summary.assign({name: found}), [*keys, name]
    return summary, keys


def _certainty(
    kept: xr.Dataset,
    by: str,
    how: str,
    weights: Mapping[str, float] | None,
    time: float | str | None,
) -> str:
    """Tell how probably the best material is the best, or why that is not known."""
    if weights or "material" not in kept.coords or how == "regret":
        return ""
    try:
        found = stability(kept, by, how=how, time=time)
    except UserError as error:
        return f"How sure the order is, is not known: {error}."
    told = ", ".join(
        f"{name} {share:.2f}"
        for name, share in zip(found["option"].values, found["best"].values, strict=True)
        if share >= 0.005
    )
    return (
        f"Best by {found.attrs['by']}, with probability: {told}, from "
        f"{found.attrs['samples']} bootstrap samples of the realisations of each material's best."
    )


def _line(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True)
