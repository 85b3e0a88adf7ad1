"""A choice in words: candidates that meet the specification, the best ones, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from matsweep.analysis.basis import cautions, misfits
from matsweep.analysis.dominance import SENSE, Sense
from matsweep.analysis.explain import explanation_of
from matsweep.analysis.named import best_of
from matsweep.analysis.objectives import Objectives, directions, order
from matsweep.analysis.response import SCREEN
from matsweep.analysis.robust import robust_of
from matsweep.analysis.score import score_of
from matsweep.analysis.selection import Constraint, doubts, parse, selected, violation
from matsweep.analysis.settled import REALISATIONS
from matsweep.analysis.view import View
from matsweep.analysis.yields import Chance, enough, parse_chance, yields_of
from matsweep.analysis.yields import met as meets
from matsweep.core.checks import UserError
from matsweep.core.printing import on_terminal
from matsweep.reporting.adc_sources import band
from matsweep.reporting.answer import answer_of
from matsweep.reporting.programming import stuck, unprogrammed
from matsweep.reporting.table import ranking_of

_NEAREST = 3
_STATES = {"pending": "are still pending: the answer may change", "failed": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """A specification, and the candidates that meet each part of it."""

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
    sense: Sense = SENSE,
    time: float | str | None = None,
    confidence: float | None = None,
    top: int = 10,
    why: int | str | None = None,
) -> xr.Dataset:
    """Print which candidates meet a specification, and how they rank.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, finished or not.
    console : rich.console.Console
    constraints : sequence of str
        Constraints of ``ds.matsweep.select``, chance constraints among them.
    by : str, optional
        Metric to rank by. Default: the merit of the study.
    how : str
        Criterion over the realisations, see ``ds.matsweep.rank``.
    weights : mapping of str to float, optional
        Weight of each metric in a score, see ``ds.matsweep.rank``.
    objectives : names or mapping, optional
        Objectives of the Pareto set, see `ranking_table`.
    sense : Sense
        Differences that count there.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float, optional
        Confidence of chance constraints, see ``ds.matsweep.select``.
    top : int
        Number of best candidates listed.
    why : int or str, optional
        Candidate whose place is explained: its number, or a material for its best one.

    Returns
    -------
    Dataset
        Candidates that meet all constraints, in the order of their numbers.

    Raises
    ------
    UserError
        If a constraint, metric or candidate is unknown.
    """
    view = View(ds, time)
    by = by or view.merit
    parsed = [parse_chance(text) or parse(text) for text in constraints]
    if confidence is not None and not any(isinstance(each, Chance) for each in parsed):
        enough(view, [], confidence)  # raises: a confidence needs a chance constraint
    if weights and how != "mean":
        raise UserError(f"weights apply to means only: leave out weights or how={how}")
    if isinstance(why, str):
        why = int(view.numbers[best_of(view, why)])
    if why is not None:
        explanation_of(
            view, why, objectives=objectives, sense=sense
        )  # raises if no such candidate exists
    masks = [meets(view, each, confidence) for each in parsed]
    asked = _Asked(view=view, parsed=parsed, masks=masks, confidence=confidence)
    for line in _counted(asked):
        _line(console, line)
    kept = view.rows(np.flatnonzero(asked.met))
    if asked.met.any():
        ranked, keys = _judged(kept, parsed, by, how, weights)
        answer = answer_of(
            ranked, by=keys, objectives=objectives, sense=sense, metric=by, how=how,
            certain=not weights, among="this" if parsed else "",
        )  # fmt: skip
        for line in (*answer.sentences, *answer.cautions):
            _line(console, line)
        console.print(ranking_of(ranked, by=keys, top=top, objectives=objectives, sense=sense,
                                 counted=False))  # fmt: skip
        rows = order(ranked, keys)
        for line in (*band(kept, *answer.chosen), *unprogrammed(kept, rows),
                     *stuck(kept, rows)):  # fmt: skip
            _line(console, line)
        present = kept.present(kept.done)
        for line in (*misfits(ds, present), *cautions(ds, present)):
            _line(console, line)
    if why is not None:
        _line(console, "")
        chance = any(isinstance(each, Chance) for each in parsed)
        explanation = explanation_of(
            view, why, constraints, objectives, confidence if chance else None, sense
        )
        _line(console, str(explanation))
    return kept.ds


def _counted(asked: _Asked) -> Iterator[str]:
    """Yield how many candidates meet the specification, and each constraint where it helps."""
    if not asked.done.any():
        yield "No candidate is done, so there is nothing to choose from."
        return
    if asked.parsed:
        yield from _met(asked)
    for state, text in _STATES.items():
        if other := asked.view.count(state):
            yield f"{other} of {len(asked.done)} candidates {text}"


def _met(asked: _Asked) -> Iterator[str]:
    total, count = int(asked.done.sum()), int(asked.met.sum())
    wanted = " and ".join(map(str, asked.parsed))
    yield f"{count or 'None'} of {total} done candidates meet{'s' * (count == 1)} {wanted}."
    for constraint, mask in zip(asked.parsed, asked.masks, strict=True):
        if len(asked.parsed) > 1:
            yield f"  {int(mask.sum())} meet {constraint}"
        if isinstance(constraint, Constraint) and int(mask.sum()) in (0, total):
            yield from doubts(asked.view.summary, constraint)
    if not count:
        yield from _nearest(asked)


def _nearest(asked: _Asked) -> Iterator[str]:
    """Yield the candidates with the least violation: their largest miss relative to its bound."""
    view = asked.view
    misses = np.stack([_miss(asked, each) for each in asked.parsed])
    worst = np.where(asked.done, misses.max(axis=0), np.inf)
    order = np.lexsort((np.maximum(misses, 0.0).sum(axis=0), worst))
    near = [row for row in order[:_NEAREST] if np.isfinite(worst[row])]
    if not near:
        yield "No candidate comes near: each fails an equality, or its value is unknown."
        return
    yield "The nearest:"
    for row in near:
        name = f" ({view.materials[row]})" if view.has_materials else ""
        missed = ", ".join(
            f"{constraint} by {100 * max(miss, 0.0):.3g} % of the bound"
            for constraint, miss, mask in zip(
                asked.parsed, misses[:, row], asked.masks, strict=True
            )
            if not mask[row]
        )
        yield f"  candidate {int(view.numbers[row])}{name} misses {missed}"


def _miss(asked: _Asked, constraint: Constraint | Chance) -> NDArray[np.float64]:
    """Miss of each candidate relative to the bound, (candidate,); infinite if it is unknown."""
    if isinstance(constraint, Chance):
        level = 0.95 if asked.confidence is None else asked.confidence
        yields = yields_of(asked.view, constraint.constraints, level)
        share = yields["yield" if asked.confidence is None else "yield_low"].values
        over = (constraint.share - share) / (constraint.share or 1.0)
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
    """View with the ranking criteria as metrics, and their names."""
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
        share = yields_of(kept, chance.constraints)["yield"]
        ranked, keys = ranked.assign(**{name: share}), [*keys, name]
    return ranked, keys


def between(row: xr.Dataset) -> str:
    """Write the probability of an option to be the best: one number, or the range it lies in.

    Parameters
    ----------
    row : Dataset
        One option of `stability`.

    Returns
    -------
    str
        "0.41 to 0.46", or "0.46" where two digits tell no more.
    """
    low, high = (f"{float(row[name]):.2f}" for name in ("best_low", "best_high"))
    return low if low == high else f"{low} to {high}"


def counted(stability: xr.Dataset) -> str:
    """Write how probabilities count what is unknown.

    Parameters
    ----------
    stability : Dataset
        Of `stability`, of a study in which something is unknown.

    Returns
    -------
    str
    """
    text = (
        "On average: by the mean over all values that unknown parameters may have. Once known, as "
        "ranks are: at the values that measurements would find."
    )
    if stability.attrs["unknowns"] == REALISATIONS:
        text += (f" With fewer than {SCREEN} realisations chance counts as unknown there, so that "
                 "the best one may be surer than that.")  # fmt: skip
    return text


def undecided(stability: xr.Dataset) -> str:
    """Write which options cannot be told apart from the best; empty for one.

    Parameters
    ----------
    stability : Dataset
        Of `stability`.

    Returns
    -------
    str
    """
    if "in_best_set" not in stability:
        return ""
    names = [str(name) for name in stability["option"].values[stability["in_best_set"].values]]
    if len(names) < 2:
        return ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return (f"{listed} cannot be told apart: each may be the best "
            f"({100 * stability.attrs['confidence']:.4g} %).")  # fmt: skip


def _line(console: Console, text: str) -> None:
    console.print(Text(on_terminal(text)), soft_wrap=True)
