"""Explanation of a candidate's place: candidates that dominate it, and values it would need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.dominance import SENSE, Sense
from matsweep.analysis.objectives import (
    Objectives,
    apart,
    column,
    directions,
    judged,
    levelled,
    useful,
)
from matsweep.analysis.selection import parse
from matsweep.analysis.view import View
from matsweep.analysis.yields import met, parse_chance
from matsweep.core.checks import UserError
from matsweep.core.printing import counted
from matsweep.core.units import duration, engineering

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Explanation why a candidate is, or is not, among the best.

    Parameters
    ----------
    candidate : int
    dominated_by : tuple of int
        Candidates that dominate it, those that differ in the fewest parameters first: by their
        means, or, where there are none, one by tolerance and paired error (see `Sense`).
    missed : tuple of str
        Constraints that it does not meet.
    needed : dict of str to float
        For each objective the value that it alone would have to pass to be Pareto-optimal by the
        means; empty on the front. Of a candidate that does not count the merit only: no cost makes
        up for it.
    lines : tuple of str
        The explanation in words.
    """

    candidate: int
    dominated_by: tuple[int, ...]
    missed: tuple[str, ...]
    needed: dict[str, float]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def why_not(
    ds: xr.Dataset,
    candidate: int,
    *constraints: str,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    confidence: float | None = None,
) -> Explanation:
    """Explain why a candidate is not on the Pareto front, or why it is.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    candidate : int
        Its number, as in the coordinate `candidate`.
    *constraints : str
        Constraints of ``ds.matsweep.select``; those that are not met are reported.
    objectives : names, or mapping of names to "higher" or "lower", optional
        See ``ds.matsweep.pareto``.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float, optional
        Of chance constraints, see ``ds.matsweep.select``.

    Returns
    -------
    Explanation

    Raises
    ------
    UserError
        If there is no such candidate, or an objective or constraint is unknown.
    """
    view = View(ds, time)
    return explanation_of(view, candidate, constraints, objectives, confidence)


def explanation_of(
    view: View,
    candidate: int,
    constraints: Sequence[str] = (),
    objectives: Objectives | None = None,
    confidence: float | None = None,
    sense: Sense = SENSE,
) -> Explanation:
    """Explain the place of a candidate of a view; see `why_not`.

    Parameters
    ----------
    view : View
    candidate : int
    constraints : sequence of str
    objectives : names or mapping, optional
    confidence : float, optional
    sense : Sense
        Differences that count for the Pareto set.

    Returns
    -------
    Explanation

    Raises
    ------
    UserError
        If there is no such candidate, or an objective or constraint is unknown.
    """
    places = np.flatnonzero(view.numbers == candidate)
    if not places.size:
        raise UserError(
            f"there is no candidate {candidate!r} here; there are {view.numbers.size}, "
            "numbered as in the coordinate candidate"
        )
    at = int(places[0])
    state = view.states[at]
    if state != "done":
        why = (
            str(view.ds["error"].values[at])
            if state == "failed" and "error" in view.ds
            else "not computed yet"
        )
        line = f"candidate {candidate} is {state}: {why}"
        return Explanation(
            candidate=candidate, dominated_by=(), missed=(), needed={}, lines=(line,)
        )
    missed = tuple(
        str(each) for text in constraints
        if not (met(view, each := parse_chance(text) or parse(text), confidence)[at])
    )  # fmt: skip
    chosen = directions(view, objectives)
    costs = np.stack(
        [column(view, name) * (-1 if better == "higher" else 1) for name, better in chosen.items()],
        axis=1,
    )
    unknown = [name for name, cost in zip(chosen, costs[at], strict=True) if np.isnan(cost)]
    if unknown:
        line = f"candidate {candidate} cannot be judged: its {' and '.join(unknown)} is unknown"
        return Explanation(
            candidate=candidate, dominated_by=(), missed=missed, needed={}, lines=(line,)
        )
    result = judged(view, objectives, sense)
    on = bool(result.mask[at])
    counting = view.compared & ~result.useless  # what does not count beats nothing
    beaters = _beaters(costs, at, counting)
    beaters = beaters[np.lexsort((_gain(costs, at, beaters), _differences(view, at, beaters)))]
    bound = float(levelled(useful(view, sense.useful) or 0.0))
    if not view.compared[at]:
        lines = [f"{_named(view, at)} is not compared.", *apart(view)]
    elif result.useless[at]:
        lines = [f"{_named(view, at)} does not count: its {view.merit} is "
                 f"{_value(view, view.merit, at)}, and useful is "
                 f"{_quantity(view, view.merit, bound)}."]  # fmt: skip
    else:
        lines = []
    if not beaters.size and result.by[at] >= 0:
        beaters = result.by[at : at + 1]
        lines.append(_tolerated(view, at, int(beaters[0]), chosen))
    elif on and beaters.size:
        others = f"{counted(beaters.size, 'candidate')}, such as {_named(view, int(beaters[0]))},"
        lines.append(f"{_named(view, at)} is on the Pareto front: the means of {others} are no "
                     "worse, and better within the paired error only.")  # fmt: skip
    needed = {}
    if result.useless[at]:
        needed = {view.merit: _useful_merit(costs, at, counting, chosen, view.merit, bound)}
    elif beaters.size and not on:
        best = costs[beaters].min(axis=0)
        needed = {
            name: float(-value if better == "higher" else value)
            for (name, better), value in zip(chosen.items(), best, strict=True)
        }
    if not lines or (beaters.size and not on and result.by[at] < 0):
        lines += _lines(view, at, beaters, needed, chosen)
    elif needed:
        lines.append(_ways(view, at, needed, chosen))
    if missed:
        lines.insert(0, f"{_named(view, at)} does not meet {' and '.join(missed)}.")
    return Explanation(
        candidate=candidate,
        dominated_by=() if on else tuple(view.numbers[beaters].tolist()),
        missed=missed,
        needed=needed,
        lines=tuple(lines),
    )


def _tolerated(view: View, at: int, by: int, chosen: dict[str, str]) -> str:
    """Write which candidate dominates one by tolerance and paired error."""
    facts = ", ".join(
        "{} {} (not {})".format(name, *_apart(view, name, by, at))
        for name in chosen
        if view.summary[name].values[by] != view.summary[name].values[at]
    )
    return (f"{_named(view, at)} is better than {_named(view, by)} by no more than the tolerance "
            f"or the paired error, and clearly worse in something: {facts}.")  # fmt: skip


def _beaters(costs: NDArray[np.float64], at: int, done: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Done rows that dominate one: no worse in any objective, and better in one."""
    mine = costs[at]
    return np.flatnonzero(done & (costs <= mine).all(axis=1) & (costs < mine).any(axis=1))


def _useful_merit(
    costs: NDArray[np.float64],
    at: int,
    counting: NDArray[np.bool_],
    chosen: dict[str, str],
    merit: str,
    bound: float,
) -> float:
    """Merit that a candidate that does not count would have to pass to be on the front.

    It is the useful merit, or the best one of those that count and are no worse in all else.
    """
    place = list(chosen).index(merit)
    sign = -1.0 if chosen[merit] == "higher" else 1.0
    as_good = (np.delete(costs, place, axis=1) <= np.delete(costs[at], place)).all(axis=1)
    passed = costs[counting & as_good, place]
    return float(sign * min([sign * bound, *passed.tolist()]))


def _differences(view: View, at: int, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Count the parameters in which each row differs from one, (row,)."""
    names = [*view.parameters, *(["material"] if view.has_materials else [])]
    count = np.zeros(len(rows), dtype=np.int64)
    for name in names:
        values = view.summary[name].values
        count += np.asarray(values[rows] != values[at], dtype=np.int64)
    return count


def _gain(costs: NDArray[np.float64], at: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sort key that puts the rows with the largest relative savings first, (row,)."""
    scale = np.maximum(np.abs(costs[at]), np.finfo(float).tiny)
    return np.asarray(((costs[rows] - costs[at]) / scale).sum(axis=1))


def _lines(
    view: View,
    at: int,
    beaters: NDArray[np.intp],
    needed: dict[str, float],
    chosen: dict[str, str],
) -> list[str]:
    me = _named(view, at)
    lines = []
    if not beaters.size:
        facts = ", ".join(f"{name} {_value(view, name, at)}" for name in chosen)
        lines.append(f"{me} is on the Pareto front ({facts}): no done candidate is as good in all "
                     "of these and better in one.")  # fmt: skip
        return lines
    some = f", {_SHOWN} of them" if len(beaters) > _SHOWN else ""
    plural = "s beat" if len(beaters) > 1 else " beats"
    lines.append(f"{len(beaters)} candidate{plural} {me}{some}:")
    for row in beaters[:_SHOWN].tolist():
        facts = ", ".join(
            "{} {} (not {})".format(name, *_apart(view, name, row, at))
            if view.summary[name].values[row] != view.summary[name].values[at]
            else f"{name} the same"
            for name in chosen
        )
        lines.append(f"  {_named(view, row)}, {_changes(view, at, row)}: {facts}")
    lines.append(_ways(view, at, needed, chosen))
    return lines


def _ways(view: View, at: int, needed: dict[str, float], chosen: dict[str, str]) -> str:
    """Write the values that would bring a candidate to the front, each alone."""
    ways = " or ".join(
        f"{name} {'above' if chosen[name] == 'higher' else 'below'} {_limit(view, name, value, at)}"
        for name, value in needed.items()
    )
    return f"With all else as it is, it would be on the front with {ways}."


def _named(view: View, row: int) -> str:
    number = int(view.numbers[row])
    if not view.has_materials:
        return f"candidate {number}"
    return f"candidate {number} ({view.materials[row]})"


def _changes(view: View, at: int, row: int) -> str:
    """Parameters of a row that differ from those of the candidate, in words."""
    changes = [
        f"{view.spoken[name]} {_value(view, name, row)} (not {_value(view, name, at)})"
        for name in view.varied
        if view.summary[name].values[row] != view.summary[name].values[at]
    ]
    return f"with {', '.join(changes)}" if changes else "with the same parameters"


def _apart(view: View, name: str, first: int, second: int) -> tuple[str, str]:
    """Format a metric of two rows with enough digits to see them differ."""
    values = [float(view.summary[name].values[row]) for row in (first, second)]
    for digits in (3, 5, 7):
        texts = [_quantity(view, name, value, digits) for value in values]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


def _limit(view: View, name: str, value: float, at: int) -> str:
    """Format a value with enough digits to see that it differs from that of a row."""
    own = float(view.summary[name].values[at])
    texts = [_quantity(view, name, value, digits) for digits in (3, 5, 7)]
    return next(
        (text for text, digits in zip(texts, (3, 5, 7), strict=True)
         if text != _quantity(view, name, own, digits)), texts[0],
    )  # fmt: skip


def _value(view: View, name: str, row: int) -> str:
    value = view.summary[name].values[row]
    if view.summary[name].dtype.kind not in "fiu":
        return str(value)
    return _quantity(view, name, float(value))


def _quantity(view: View, name: str, value: float, digits: int = 3) -> str:
    unit = view.unit(name)
    if view.is_share(name):
        return f"{100 * value:.{digits - 1}f} %"
    return duration(value) if unit == "s" and value >= 60 else engineering(value, unit, digits)
