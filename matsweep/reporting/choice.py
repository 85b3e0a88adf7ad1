"""A choice in words: how many meet the specification, which is best, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
from matsweep.analysis.yields import Chance, enough, parse_chance, yields
from matsweep.analysis.yields import met as meets
from matsweep.core.checks import UserError
from matsweep.core.printing import printable
from matsweep.reporting.table import ranking_table

_NEAREST = 3
_STATES = {"pending": "are still pending: the answer may change", "failed": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """A specification, and which candidates meet each part of it."""

    ds: xr.Dataset
    summary: xr.Dataset
    parsed: Sequence[Constraint | Chance]
    masks: Sequence[NDArray[np.bool_]]
    time: float | str | None
    confidence: float | None

    @property
    def done(self) -> NDArray[np.bool_]:
        return np.asarray(states(self.summary) == "done")

    @property
    def met(self) -> NDArray[np.bool_]:
        return np.asarray(np.logical_and.reduce([self.done, *self.masks]))


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
    asked = _Asked(
        ds=ds, summary=summary, parsed=parsed, masks=masks, time=time, confidence=confidence
    )
    for line in _counted(asked):
        _line(console, line)
    kept = ds.isel(candidate=np.flatnonzero(asked.met))
    if asked.met.any():
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


def _counted(asked: _Asked) -> Iterator[str]:
    """Tell how many meet all; where several are asked for, or none meets all, how many each."""
    if not asked.done.any():
        yield "No candidate is done, so there is nothing to choose from."
        return
    if asked.parsed:
        yield from _met(asked)
    for state, told in _STATES.items():
        if other := int((states(asked.summary) == state).sum()):
            yield f"{other} of {len(asked.done)} candidates {told}"


def _met(asked: _Asked) -> Iterator[str]:
    total, count = int(asked.done.sum()), int(asked.met.sum())
    told = " and ".join(map(str, asked.parsed))
    yield f"{count or 'None'} of {total} done candidates meet{'s' * (count == 1)} {told}."
    for constraint, mask in zip(asked.parsed, asked.masks, strict=True):
        if len(asked.parsed) > 1:
            yield f"  {int(mask.sum())} meet {constraint}"
        if isinstance(constraint, Constraint) and int(mask.sum()) in (0, total):
            yield from doubts(asked.summary, constraint)
    if not count:
        yield from _nearest(asked)


def _nearest(asked: _Asked) -> Iterator[str]:
    """Name the candidates that miss the least, by their largest miss in relation to its bound."""
    summary = asked.summary
    misses = np.stack([_miss(asked, each) for each in asked.parsed])
    worst = np.where(asked.done, misses.max(axis=0), np.inf)
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
            for constraint, miss, mask in zip(
                asked.parsed, misses[:, row], asked.masks, strict=True
            )
            if not mask[row]
        )
        yield f"  candidate {int(summary['candidate'].values[row])}{name} misses {told}"


def _miss(asked: _Asked, constraint: Constraint | Chance) -> NDArray[np.float64]:
    """Return by how much each candidate misses a constraint, in relation to its bound."""
    if isinstance(constraint, Chance):
        level = 0.95 if asked.confidence is None else asked.confidence
        made = yields(asked.ds, *constraint.constraints, time=asked.time, confidence=level)
        found = made["yield" if asked.confidence is None else "yield_low"].values
        over = (constraint.share - found) / (constraint.share or 1.0)
    elif constraint.operator[0] in "<>":
        over = violation(asked.summary, constraint)
    else:
        over = np.where(selected(asked.summary, [constraint]), 0.0, np.inf)
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
