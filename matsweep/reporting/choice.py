"""A choice in words: how many meet the specification, which is best, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from matsweep.analysis.explain import explanation_of
from matsweep.analysis.objectives import Objectives, directions
from matsweep.analysis.robust import robust_of
from matsweep.analysis.score import score_of
from matsweep.analysis.selection import Constraint, doubts, parse, selected, violation
from matsweep.analysis.stability import stability_of
from matsweep.analysis.view import View
from matsweep.analysis.yields import Chance, enough, parse_chance, yields_of
from matsweep.analysis.yields import met as meets
from matsweep.core.checks import UserError
from matsweep.core.printing import printable
from matsweep.reporting.table import ranking_of

_NEAREST = 3
_STATES = {"pending": "are still pending: the answer may change", "failed": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """A specification, and which candidates meet each part of it."""

    view: View
    parsed: Sequence[Constraint | Chance]
    masks: Sequence[NDArray[np.bool_]]
    confidence: float | None

    @property
    def done(self) -> NDArray[np.bool_]:
        return self.view.done

    @property
    def met(self) -> NDArray[np.bool_]:
        return np.asarray(np.logical_and.reduce([self.done, *self.masks]))


def choose(
    ds: xr.Dataset,
    console: Console,
    constraints: Sequence[str] = (),
    *,
    by: str | None = None,
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
        What to rank by, as of ``ds.matsweep.rank``; by default the merit of the study.
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
    view = View(ds, time)
    by = by or view.merit
    parsed = [parse_chance(text) or parse(text) for text in constraints]
    if confidence is not None and not any(isinstance(each, Chance) for each in parsed):
        enough(view, [], confidence)  # which says why it cannot be
    if weights and how != "mean":
        raise UserError(f"weights are of means: how={how} cannot be had with them; leave one out")
    if why is not None:
        explanation_of(view, why, objectives=objectives)  # whether there is such a candidate
    masks = [meets(view, each, confidence) for each in parsed]
    asked = _Asked(view=view, parsed=parsed, masks=masks, confidence=confidence)
    for line in _counted(asked):
        _line(console, line)
    kept = view.rows(np.flatnonzero(asked.met))
    if asked.met.any():
        ranked, keys = _judged(kept, parsed, by, how, weights)
        console.print(ranking_of(ranked, by=keys, top=top, objectives=objectives, counted=False))
        if certainty := _certainty(kept, by, how, weights):
            _line(console, certainty)
    if why is not None:
        _line(console, "")
        chance = any(isinstance(each, Chance) for each in parsed)
        told = explanation_of(view, why, constraints, objectives, confidence if chance else None)
        _line(console, str(told))
    return kept.ds


def _counted(asked: _Asked) -> Iterator[str]:
    """Tell how many meet all; where several are asked for, or none meets all, how many each."""
    if not asked.done.any():
        yield "No candidate is done, so there is nothing to choose from."
        return
    if asked.parsed:
        yield from _met(asked)
    for state, told in _STATES.items():
        if other := asked.view.count(state):
            yield f"{other} of {len(asked.done)} candidates {told}"


def _met(asked: _Asked) -> Iterator[str]:
    total, count = int(asked.done.sum()), int(asked.met.sum())
    told = " and ".join(map(str, asked.parsed))
    yield f"{count or 'None'} of {total} done candidates meet{'s' * (count == 1)} {told}."
    for constraint, mask in zip(asked.parsed, asked.masks, strict=True):
        if len(asked.parsed) > 1:
            yield f"  {int(mask.sum())} meet {constraint}"
        if isinstance(constraint, Constraint) and int(mask.sum()) in (0, total):
            yield from doubts(asked.view.summary, constraint)
    if not count:
        yield from _nearest(asked)


def _nearest(asked: _Asked) -> Iterator[str]:
    """Name the candidates that miss the least, by their largest miss in relation to its bound."""
    view = asked.view
    misses = np.stack([_miss(asked, each) for each in asked.parsed])
    worst = np.where(asked.done, misses.max(axis=0), np.inf)
    order = np.lexsort((np.maximum(misses, 0.0).sum(axis=0), worst))
    near = [row for row in order[:_NEAREST] if np.isfinite(worst[row])]
    if not near:
        yield "No candidate comes near: what is asked for is never the case."
        return
    yield "The nearest:"
    for row in near:
        name = f" ({view.materials[row]})" if view.has_materials else ""
        told = ", ".join(
            f"{constraint} by {100 * max(miss, 0.0):.3g} % of the bound"
            for constraint, miss, mask in zip(
                asked.parsed, misses[:, row], asked.masks, strict=True
            )
            if not mask[row]
        )
        yield f"  candidate {int(view.numbers[row])}{name} misses {told}"


def _miss(asked: _Asked, constraint: Constraint | Chance) -> NDArray[np.float64]:
    """Return by how much each candidate misses a constraint, in relation to its bound."""
    if isinstance(constraint, Chance):
        level = 0.95 if asked.confidence is None else asked.confidence
        made = yields_of(asked.view, constraint.constraints, level)
        found = made["yield" if asked.confidence is None else "yield_low"].values
        over = (constraint.share - found) / (constraint.share or 1.0)
    elif constraint.operator[0] in "<>":
        over = violation(asked.view.summary, constraint)
    else:
        over = np.where(selected(asked.view.summary, [constraint]), 0.0, np.inf)
    return np.nan_to_num(np.asarray(over, dtype=np.float64), nan=np.inf, posinf=np.inf)


def _judged(
    kept: View,
    parsed: Sequence[Constraint | Chance],
    by: str,
    how: str,
    weights: Mapping[str, float] | None,
) -> tuple[View, list[str]]:
    """Return the view with what ranks it, and the names of that."""
    ranked = kept
    if weights:
        ranked, keys = kept.assign(score=score_of(kept, weights)), ["score"]
    elif how != "mean":
        key = how.replace(" ", "")
        ranked, keys = kept.assign(**{key: robust_of(kept, by, how)}), [key]
    else:
        keys = list(directions(kept, by))
    chances = [each for each in parsed if isinstance(each, Chance)]
    for number, chance in enumerate(chances, start=1):
        name = "yield" if len(chances) == 1 else f"yield {number}"
        found = yields_of(kept, chance.constraints)["yield"]
        ranked, keys = ranked.assign(**{name: found}), [*keys, name]
    return ranked, keys


def _certainty(kept: View, by: str, how: str, weights: Mapping[str, float] | None) -> str:
    """Tell how probably the best material is the best, or why that is not known."""
    if weights or not kept.has_materials or how == "regret":
        return ""
    try:
        found = stability_of(kept, by, how=how)
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
