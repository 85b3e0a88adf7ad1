"""Merit of each family under the conditions of a study: over time, and over the conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.conditions import Condition, conditions_of
from matsweep.analysis.labels import called
from matsweep.analysis.reranking import Reranking, rerankings
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError
from matsweep.core.units import duration
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.focus import (
    WHOLE,
    bars,
    guides,
    limits_of,
    number,
)
from matsweep.reporting.figures.labels import capital, short_labels, styles_of
from matsweep.reporting.figures.pareto import lasts, merit_axis
from matsweep.reporting.figures.printed import draw

CLEAN = "float_merit"
"""Metric of a network that a condition changes: its merit in floating point."""
_GREY = "#595959"
_BASELINE: m.Line = "dash"
_LINES: tuple[m.Line, ...] = ("solid", "dashdot", "dot")
_MOST_LINES = 12  # over time; of more, the baseline and one condition are drawn
_APART = 2.0  # factor of times between the first and the last family
_ROOM = 0.35  # of the distance of two conditions, at both ends of their axis
_SPREAD = 0.16  # of the same, between the first and the last family
_CLEAN_NAME = "in floating point"


def conditions_figure(ds: xr.Dataset, *, time: float | str | None = None) -> Figure:
    """Draw the merit of each family with and without the conditions of a study.

    Left over time, with a line style for each condition; right over the conditions at the time at
    which candidates are compared, with the merit in floating point where the study has it. Each
    family has its best candidate under each condition; bars are one standard error of the mean.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, of a study with conditions.
    time : float [s] or str, optional
        One of the stored times. Default: the last.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If no two candidates differ in a condition alone.
    """
    view = View(ds, time)
    return draw(conditions_picture(view, rerankings(view)))


def conditions_picture(view: View, changes: Sequence[Reranking]) -> m.Picture:
    """Describe the picture that `conditions_figure` draws.

    Parameters
    ----------
    view : View
    changes : sequence of Reranking
        Of the view.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If there are no changes.
    """
    if not changes:
        raise UserError(
            "no two done candidates differ in a condition, such as workload.training.noise, alone: "
            "there is nothing to compare"
        )
    lines = _lines(view, changes)
    names = short_labels(view, [family for family, _ in lines])
    shown = _shown(changes)
    limits = _range(view, lines, shown)
    panels = [_over_conditions(view, changes, lines, names, limits)]
    if lasts(view):
        panels.insert(0, _over_time(view, changes, lines, names, limits))
    words = " and ".join(each.words for each in shown)
    caption = (
        "The best candidate of each family under each condition; bars are one standard error of "
        "the mean over the realisations."
    )
    if lasts(view):
        caption += f" Over time: {words}."
        if len(shown) <= len(changes):
            caption += " Of several conditions the one with the largest mean gain."
    if CLEAN in view.summary:
        caption += " Hollow diamonds: the same networks in floating point."
    title = view.title(view.merit)
    return m.Picture(
        name="conditions", title=f"{capital(title)} {_under(view)}", caption=caption,
        alt=_said(view, changes, names), rows=(tuple(panels),),
        width=180.0 if len(panels) > 1 else 110.0, height=78.0, pixels=480,
    )  # fmt: skip


def _under(view: View) -> str:
    found = conditions_of(view)
    names = [called(name) for name in (found.names if found else view.conditions)]
    return f"by {' and '.join(names)}"


def _lines(view: View, changes: Sequence[Reranking]) -> dict[tuple[str, tuple[str, ...]], int]:
    """Best candidate of each family under each condition, by family and the condition's values."""
    rows: dict[tuple[str, tuple[str, ...]], int] = {}
    for change in changes:
        for at, family in enumerate(change.families):
            rows.setdefault((family, change.baseline.values), int(change.gain.before[at]))
            rows[family, change.condition.values] = int(change.gain.after[at])
    return dict(sorted(rows.items(), key=lambda each: each[0][0]))


def _shown(changes: Sequence[Reranking]) -> tuple[Condition, ...]:
    """Conditions that are drawn over time: all where lines are few, else that of most gain."""
    families = max(len(change.families) for change in changes)
    chosen = list(changes)
    if len(changes) > len(_LINES) or families * (1 + len(changes)) > _MOST_LINES:
        chosen = [max(changes, key=lambda change: float(np.nanmean(change.gain.mean)))]
    return (changes[0].baseline, *(change.condition for change in chosen))


def _range(
    view: View,
    lines: Mapping[tuple[str, tuple[str, ...]], int],
    shown: Sequence[Condition],
) -> tuple[float, float]:
    """Limits of the axis of the merit, which both panels share."""
    rows = np.array(list(lines.values()), dtype=np.intp)
    over = {condition.values for condition in shown}
    drawn = np.array([at for (_, values), at in lines.items() if values in over], dtype=np.intp)
    values = [view.column(view.merit)[rows], *(_merits(v, drawn)[0] for v in _at_each(view))]
    errors = [_merits(view, rows)[1], *(_merits(v, drawn)[1] for v in _at_each(view))]
    if CLEAN in view.summary:
        values.append(view.column(CLEAN)[rows])
        errors.append(np.zeros(len(rows)))
    whole, half = np.concatenate(values), np.concatenate(errors)
    # No part is cut off: families that a condition brings back from far are its result.
    return limits_of(view, view.merit, WHOLE, whole, half)


def _at_each(view: View) -> list[View]:
    if not lasts(view):
        return []
    times = np.sort(np.asarray(view.ds["time"].values, dtype=np.float64))
    return [View(view.ds, float(time), view.mixed) for time in times]


def _merits(view: View, rows: Index) -> tuple[m.Numbers, m.Numbers]:
    """Merit of candidates and its standard error; 0 where it is unknown."""
    spread = view.column(f"{view.merit}_std")[rows]
    error = np.nan_to_num(spread) / np.sqrt(np.maximum(view.given[rows], 1))
    return view.column(view.merit)[rows], error


def _over_time(
    view: View,
    changes: Sequence[Reranking],
    lines: Mapping[tuple[str, tuple[str, ...]], int],
    names: Mapping[str, str],
    limits: tuple[float, float],
) -> m.Panel:
    at_each, shown = _at_each(view), _shown(changes)
    times = np.array([each.chosen_time for each in at_each], dtype=np.float64)
    logarithmic = bool(times.min() > 0)
    styles, families = styles_of(view), list(names)
    marks: list[m.Mark] = []
    for place, condition in enumerate(shown):
        line = _BASELINE if place == 0 else _LINES[(place - 1) % len(_LINES)]
        grey = m.Look(colour=_GREY, line=line, width=1.3)
        nothing = np.full(1, np.nan)
        for at, family in enumerate(families):
            row = lines.get((family, condition.values))
            if row is None:
                continue
            merit, error = (np.array(each) for each in zip(
                *(tuple(float(x[0]) for x in _merits(v, np.array([row]))) for v in at_each),
                strict=True,
            ))  # fmt: skip
            apart = _APART ** (at / max(len(families) - 1, 1) - 0.5) if logarithmic else 1.0
            look = replace(styles[family], line=line, hollow=place == 0, width=1.2)
            marks.append(m.Series(
                x=times * apart, y=merit, y_bars=bars(view, view.merit, merit, error), look=look,
                name=names[family],
                text=tuple(f"{names[family]}, {condition.words}, {duration(t)}" for t in times),
            ))  # fmt: skip
        marks.append(m.Series(x=nothing, y=nothing, look=grey, name=condition.words))
    marks += _guides(view, limits)
    return m.Panel(
        x=m.Axis(title="Time since programming", time=True, logarithmic=logarithmic),
        y=replace(merit_axis(view), limits=limits), marks=tuple(marks),
        title="(a) over time",
    )  # fmt: skip


def _guides(view: View, limits: tuple[float, float]) -> list[m.Mark]:
    """Lines of floating point and of use, in the legend: next to them many others run."""
    return [replace(line, name=line.text, text="") for line in guides(view, "y", limits)]


def _over_conditions(
    view: View,
    changes: Sequence[Reranking],
    lines: Mapping[tuple[str, tuple[str, ...]], int],
    names: Mapping[str, str],
    limits: tuple[float, float],
) -> m.Panel:
    every = [changes[0].baseline, *(change.condition for change in changes)]
    styles, families = styles_of(view), list(names)
    marks: list[m.Mark] = list(_clean(view, every, lines, names))
    for at, family in enumerate(families):
        there = [place for place, each in enumerate(every) if (family, each.values) in lines]
        rows = np.array([lines[family, every[place].values] for place in there], dtype=np.intp)
        merit, error = _merits(view, rows)
        shift = _SPREAD * (at / (len(families) - 1) - 0.5) if len(families) > 1 else 0.0
        marks.append(m.Series(
            x=m.numbers(there) + shift, y=merit, y_bars=bars(view, view.merit, merit, error),
            look=replace(styles[family], line="solid", width=1.0), name=names[family],
            text=tuple(f"{names[family]}, {every[place].words}" for place in there),
        ))  # fmt: skip
    lasting = lasts(view)
    when = (
        f" {duration(view.chosen_time)} after programming" if view.chosen_time is not None else ""
    )
    marks += _guides(view, limits) if not lasting else []
    found = conditions_of(view)
    title = capital(" and ".join(called(name) for name in (found.names if found else ())))
    return m.Panel(
        x=m.Axis(title=title, limits=(-_ROOM, len(every) - 1 + _ROOM),
                 ticks=tuple((float(at), each.short) for at, each in enumerate(every))),
        y=replace(merit_axis(view), limits=limits), marks=tuple(marks),
        title=f"(b){when}" if lasting else when.strip(),
    )  # fmt: skip


def _clean(
    view: View,
    every: Sequence[Condition],
    lines: Mapping[tuple[str, tuple[str, ...]], int],
    names: Mapping[str, str],
) -> Iterator[m.Series]:
    """Yield the merit in floating point: one line where the families share their networks."""
    if CLEAN not in view.summary:
        return
    clean, styles = view.column(CLEAN), styles_of(view)
    table = np.array([
        [clean[lines[family, each.values]] if (family, each.values) in lines else np.nan
         for each in every] for family in names
    ])  # fmt: skip
    if every[0].plain and (ideal := view.reference(view.merit)) is not None:
        table[:, 0] = np.where(np.isnan(table[:, 0]), ideal, table[:, 0])
    known = np.isfinite(table)
    low, high = (np.where(known, table, fill) for fill in (np.inf, -np.inf))
    shared = bool(np.all(low.min(axis=0) >= high.max(axis=0)))
    x = np.arange(len(every), dtype=np.float64)
    look = m.Look(colour=_GREY, marker="D", size=4.5, line="dot", width=0.9, hollow=True)
    for own, family in zip(table[:1] if shared else table, names, strict=False):
        tinted = look if shared else replace(look, colour=styles[family].colour)
        who = _CLEAN_NAME if shared else f"{names[family]} {_CLEAN_NAME}"
        text = tuple(f"{who}, {each.words}" for each in every)
        yield m.Series(x=x, y=own, look=tinted, name=_CLEAN_NAME if shared else "", text=text)
    if not shared:
        nothing = np.full(1, np.nan)
        yield m.Series(x=nothing, y=nothing, look=look, name=_CLEAN_NAME)


def _said(view: View, changes: Sequence[Reranking], names: Mapping[str, str]) -> str:
    """State the merit of each family under each condition."""
    parts = []
    for change in changes:
        values = view.column(view.merit)
        each = "; ".join(
            f"{names[family]} {number(view, float(values[before]))}, then "
            f"{number(view, float(values[after]))}"
            for family, before, after in zip(
                change.families, change.gain.before, change.gain.after, strict=True
            )
        )
        parts.append(f"From {change.baseline.words} to {change.condition.words}: {each}.")
    return " ".join(parts)
