"""Objectives of a study, and their good directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.attributes import decoded, resolve
from matsweep.analysis.dominance import SENSE, Objective, Sense, exactly, in_words, sensible_front
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of
from matsweep.core.printing import counted

MAIN = ("energy", "latency", "area")
"""Costs that a study weighs against its merit."""
PHYSICAL = ("retention", "write_energy")
"""The same of a study of physics: its axes hardly move the cost of a read."""
TRAINED = ("training_energy", "pulses_p999")
"""The same of networks trained on the devices: training costs energy and endurance."""

type Objectives = str | Iterable[str] | Mapping[str, str]


def directions(view: View, objectives: Objectives | None = None) -> dict[str, str]:
    """Objectives with their good directions.

    Parameters
    ----------
    view : View
    objectives : str, names, or mapping of names to "higher" or "lower", optional
        Names take the direction from the attribute `better`. Default: those of `usual` that are
        known for at least one done candidate.

    Returns
    -------
    dict of str to {"higher", "lower"}

    Raises
    ------
    UserError
        If a name is unknown, no number, or has no good direction.
    """
    summary = view.summary
    if objectives is None:
        return {
            name: str(summary[name].attrs["better"]) for name in usual(view) if _known(view, name)
        }
    if isinstance(objectives, str):
        objectives = [objectives]
    given = objectives if isinstance(objectives, Mapping) else dict.fromkeys(objectives)
    result = {}
    for asked, direction in given.items():
        name = resolve(summary, asked)
        better = direction if direction is not None else summary[name].attrs.get("better")
        if better is None:
            raise UserError(
                f"{name} is no objective (it has no good direction): "
                f"give one, {{{name!r}: 'higher'}} or 'lower'"
            )
        if summary[name].dtype.kind not in "fiub":
            raise UserError(f"{name} holds text: only numbers can be compared")
        result[name] = one_of(f"better of {name}", better, ("higher", "lower"))
    if not result:
        raise UserError("objectives must name at least one metric")
    return result


def usual(view: View) -> tuple[str, ...]:
    """Default objectives of a study: its merit, and the metrics weighed against it.

    Parameters
    ----------
    view : View

    Returns
    -------
    tuple of str
    """
    return (view.merit, *weighed(view))


def weighed(view: View) -> tuple[str, ...]:
    """Metrics that a study weighs against its merit.

    They are the objectives of its workload; for an inference study that sweeps physics or its
    pulses, `PHYSICAL`. Older stores state nothing: where devices are trained they are `TRAINED`.

    Parameters
    ----------
    view : View

    Returns
    -------
    tuple of str
    """
    stated = tuple(name for name in decoded(view.ds, "objectives") or () if name != view.merit)
    if stated and stated != MAIN:
        return stated
    if not stated and any(name in view.summary for name in TRAINED):
        return TRAINED
    physical = ("physics.", "protocol.")
    return PHYSICAL if any(n.startswith(physical) for n in view.parameters) else MAIN


def front(view: View, objectives: Objectives | None = None, sense: Sense = SENSE) -> Mask:
    """Mark the Pareto-optimal ones among the candidates that are compared.

    Parameters
    ----------
    view : View
    objectives : names or mapping, optional
        Default: see `directions`.
    sense : Sense
        Differences that count; `EXACT`: all.

    Returns
    -------
    (candidate,) array of bool
    """
    return judged(view, objectives, sense).mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Pareto set of a view, and what was left off.

    Parameters
    ----------
    mask : (candidate,) array of bool
        The set.
    by : (candidate,) array of int
        Position of the candidate of the set that dominates each one that is off it by tolerance or
        error only; -1 for all others.
    useless : (candidate,) array of bool
        Candidates whose merit is not useful, and so do not count.
    lines : tuple of str
        What was left off, in words, and why.
    """

    mask: Mask
    by: NDArray[np.intp]
    useless: Mask
    lines: tuple[str, ...]


def judged(view: View, objectives: Objectives | None = None, sense: Sense = SENSE) -> Judged:
    """Pareto set of the candidates that are compared, with what was left off in words.

    Parameters
    ----------
    view : View
    objectives : names or mapping, optional
        Default: see `directions`.
    sense : Sense

    Returns
    -------
    Judged
    """
    chosen = directions(view, objectives)
    mask, useless = (np.zeros(len(view.done), dtype=bool) for _ in range(2))
    by = np.full(len(mask), -1, dtype=np.intp)
    if not chosen or not view.compared.any():
        return Judged(mask=mask, by=by, useless=useless, lines=tuple(apart(view)))
    lines = apart(view)
    threshold = useful(view, sense.useful) if view.merit in chosen else None
    if threshold is not None:
        enough = reached(view, threshold)
        if (view.compared & enough).any():
            useless = view.compared & ~enough & np.isfinite(view.column(view.merit))
            lines += _of_no_use(view, int(useless.sum()), threshold, sense)
        else:
            lines.append(f"No candidate reaches {_bound(view, threshold)}: all count.")
    rows = np.flatnonzero(view.compared & ~useless)
    part = view.rows(rows)
    table = [_objective(part, name, better, sense) for name, better in chosen.items()]
    plain = exactly(table)
    found = plain if sense.exact else sensible_front(table, part.given, sense.confidence)
    mask[rows] = found.mask
    by[rows] = np.where(found.by >= 0, rows[found.by], -1)
    lines += _within(view, chosen, sense, int((plain.mask & ~found.mask).sum()),
                     int((found.mask & ~plain.mask).sum()))  # fmt: skip
    return Judged(mask=mask, by=by, useless=useless, lines=tuple(lines))


def useful(view: View, share: float | None) -> float | None:
    """Value of the merit from which a candidate counts.

    That is a share of the way from guessing to the ideal machine, which the workload states.

    Parameters
    ----------
    view : View
    share : float or None

    Returns
    -------
    float or None
        In the unit of the merit; None where the store states no such values, or `share` is None.
    """
    ideal, chance = view.reference(view.merit), view.chances.get(view.merit)
    if share is None or ideal is None or chance is None or view.merit not in view.summary:
        return None
    return chance + share * (ideal - chance)


def reached(view: View, threshold: float) -> Mask:
    """Mark the candidates whose mean merit is as good as a threshold.

    Parameters
    ----------
    view : View
    threshold : float
        In the unit of the merit.

    Returns
    -------
    (candidate,) array of bool
    """
    values, bound = column(view, view.merit), float(levelled(threshold))
    lower = view.summary[view.merit].attrs.get("better") == "lower"
    return np.asarray(values <= bound if lower else values >= bound)


def apart(view: View) -> list[str]:
    """Write which candidates are not compared, as they assume other costs of circuits.

    Parameters
    ----------
    view : View

    Returns
    -------
    list of str
        Empty where all are compared.
    """
    if not (others := int((view.done & ~view.compared).sum())):
        return []
    names = ", ".join(f"{name} = {value}" for name, value in view.assumed.items())
    verb = "is" if others == 1 else "are"
    return [f"Candidates are compared with {names}; {others} with other sources of costs {verb} "
            f"not ranked (select one source, or mixed=True in Python)."]  # fmt: skip


def _objective(view: View, name: str, better: str, sense: Sense) -> Objective:
    sign = -1.0 if better == "higher" else 1.0
    share = view.is_share(name)
    drawn = name in view.ds and "realisation" in view.ds[name].dims
    return Objective(
        cost=sign * column(view, name),
        realised=sign * view.realised(name) if drawn and sense.confidence is not None else None,
        tolerance=sense.margin(name, share),
        relative=not share,
    )


def _of_no_use(view: View, count: int, threshold: float, sense: Sense) -> list[str]:
    if not count or sense.useful is None:
        return []
    verb = "does" if count == 1 else "do"
    return [f"{counted(count, 'candidate')} {verb} not reach {_bound(view, threshold)} "
            f"({100 * sense.useful:.3g} % of the way from guessing to the ideal machine), and "
            f"{verb} not count."]  # fmt: skip


def _bound(view: View, threshold: float) -> str:
    name = view.merit
    text = f"{100 * threshold:.1f} %" if view.is_share(name) else f"{threshold:.4g}"
    return f"{name} {text}"


def _within(view: View, chosen: Mapping[str, str], sense: Sense, off: int, on: int) -> list[str]:
    """Write what tolerance and error changed."""
    margins: dict[str, list[str]] = {}
    for name in chosen:
        share = view.is_share(name)
        margins.setdefault(in_words(sense.margin(name, share), share), []).append(name)
    ends = ", ".join(f"{margin} of {' and '.join(names)}" for margin, names in margins.items())
    error = "" if sense.confidence is None else " or the paired error"
    lines = []
    if off:
        verb = "is" if off == 1 else "are"
        lead = "Its lead is" if off == 1 else "Their leads are"
        lines.append(f"{counted(off, 'candidate')} {verb} left off, as another is as good, and "
                     f"clearly better in something. {lead} no more than {ends}"
                     f"{error}.")  # fmt: skip
    if on:
        verb = "stays" if on == 1 else "stay"
        lines.append(f"{counted(on, 'candidate')} {verb} in it: others are better, but within "
                     "the paired error.")  # fmt: skip
    return lines


def order(view: View, by: Objectives) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Sort the candidates that are compared, best first.

    Ties are broken by the further objectives, then by the position; NaN comes last.

    Parameters
    ----------
    view : View
    by : name, names or mapping

    Returns
    -------
    (compared candidate,) array of int
        Positions; see `View.compared`.
    """
    chosen = directions(view, by)
    done = np.flatnonzero(view.compared)
    keys = [
        column(view, name)[done] * (-1.0 if better == "higher" else 1.0)
        for name, better in chosen.items()
    ]
    return done[np.lexsort(keys[::-1])]


def levelled(values: ArrayLike, precision: int = 8) -> NDArray[np.float64]:
    """Round the last digits away, so that numbers that differ by rounding only are equal.

    The means of 4 and of 5 equal realisations may differ by 1e-16.

    Parameters
    ----------
    values : (...) array
    precision : int
        Bytes of a number as it is stored: 4 keeps 6 digits, 8 keeps 12.

    Returns
    -------
    (...) array
    """
    kept = 2.0**40 if precision >= 8 else 2.0**20
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.asarray(np.ldexp(np.round(mantissa * kept) / kept, exponent))


def _known(view: View, name: str) -> bool:
    summary = view.summary
    if name not in summary or "better" not in summary[name].attrs:
        return False
    if summary[name].dims != ("candidate",) or summary[name].dtype.kind not in "fiub":
        return False
    return not bool(np.isnan(column(view, name)[view.done]).all())


def column(view: View, name: str) -> NDArray[np.float64]:
    """Metric of each candidate for comparisons, without the digits that are rounding.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    (candidate,) array
    """
    values = np.asarray(view.summary[name].values)
    return levelled(values, values.dtype.itemsize if values.dtype.kind == "f" else 8)
