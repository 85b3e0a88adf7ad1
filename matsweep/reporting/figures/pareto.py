"""The merit of a study against a cost, and over the time since programming."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matsweep.analysis.best_set import best_set
from matsweep.analysis.objectives import front
from matsweep.analysis.pairs import finest_step, paired, student
from matsweep.analysis.pareto import Mask, pareto_mask
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, one_of
from matsweep.core.units import duration, engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.focus import bars, focus, guides, limits_of, number, outside
from matsweep.reporting.figures.labels import (
    capital,
    label,
    short_labels,
    styles_of,
    value_text,
    words,
)
from matsweep.reporting.figures.placing import Ground, Named, covered_by, names, written
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import FRONT, LEAST_RATIO, WIDTH, widened
from matsweep.reporting.texts import described

_COSTS = ("training_energy", "energy", "latency", "area")
_CROWD = 2000  # more points of one material than this are drawn small
_APART = 2.0  # factor of times between the first and the last material
_CLOSE = 0.015  # of the range, within which lines hide each other
_BROKEN: tuple[m.Line, ...] = ("solid", "dash", "dot", "dashdot")
_BEYOND = 0.07  # of the decades of an axis, on either side
_PANEL = 76.0, 52.0  # mm, of a panel with another next to it
_WIDE = 160.0  # mm, of a panel alone
_STEPS = 9  # points of a bar
_LEVEL = 0.05  # outside of the intervals
_MOST_SAID = 8  # points of the front in words


def pareto_figure(
    ds: xr.Dataset,
    *,
    cost: str | None = None,
    time: float | str | None = None,
    materials: Iterable[str] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw the merit against a cost, and against time for the best of each material.

    The merit is the metric that ranks the study, such as the accuracy. The line is the Pareto front
    of these two metrics; bars of its points are 95 % intervals of their difference from its best
    one, realisation by realisation. Where some candidates would squeeze the others, the axis of the
    merit is cut, and names them (`matsweep.reporting.figures.focus`). Over time, materials are
    moved slightly apart, so that equal ones do not hide each other, and bars are one standard
    deviation. Colours and markers follow from the names of the materials.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    cost : "training_energy", "energy", "latency" or "area", optional
        Default: the first of these that is known.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.
    materials : names, optional
        All names that share the colours, for pictures of several studies.
    width : float, mm
        Of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot; `save` writes it.

    Raises
    ------
    UserError
        If no candidate is done, or the results hold no merit.
    """
    picture = pareto_picture(View(ds, time), cost=cost, materials=tuple(materials or ()))
    return draw(replace(picture, width=width))


def pareto_picture(
    view: View, *, cost: str | None = None, materials: tuple[str, ...] = ()
) -> m.Picture:
    """Describe the picture that `pareto_figure` draws: one or two panels.

    Parameters
    ----------
    view : View
    cost : str, optional
    materials : tuple of str
        Further names that share the colours.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If no candidate is done, or the results hold no merit.
    """
    rows = drawable(view)
    left = against_cost(view, rows, cost=cost, materials=materials)
    if not lasts(view):
        return left
    right = over_time(view, best_of_each(view, rows), materials=materials)
    [(cost_panel,), (time_panel,)] = left.rows[0:1] + right.rows[0:1]
    plain = tuple(replace(mark, text="") if isinstance(mark, m.Guide) else mark
                  for mark in time_panel.marks)  # fmt: skip  # the left panel has the words
    panels = (
        replace(cost_panel, title=f"(a) {cost_panel.title}"),
        replace(time_panel, title=f"(b) {time_panel.title}", marks=plain),
    )
    heading = f"(a) {left.heading}. (b) bars: {_spread_words(view)}"
    return replace(left, rows=(panels,), alt=f"(a) {left.alt} (b) {right.alt}", heading=heading)


def drawable(view: View) -> Index:
    """Candidates that are compared and have a merit.

    Parameters
    ----------
    view : View

    Returns
    -------
    (n,) array of int
        Positions.

    Raises
    ------
    UserError
        If there is none.
    """
    if view.merit not in view.summary:
        raise UserError(f"the results hold no {view.merit}, so there is nothing to draw")
    rows = np.flatnonzero(view.compared & np.isfinite(view.column(view.merit)))
    if not rows.size:
        why = f"no done candidate has a number for {view.merit}"
        why = why if view.done.any() else "no candidate is done"
        raise UserError(f"{why}, so there is nothing to draw")
    return rows


def known_costs(view: View, rows: Index) -> list[str]:
    """Costs that are known for at least one of some candidates.

    Parameters
    ----------
    view : View
    rows : (n,) array of int

    Returns
    -------
    list of str
    """
    return [name for name in _COSTS if bool(np.isfinite(view.column(name)[rows]).any())]


def lasts(view: View) -> bool:
    """Return whether the merit is stored at several times.

    Parameters
    ----------
    view : View

    Returns
    -------
    bool
    """
    return "time" in view.ds[view.merit].dims and view.ds.sizes["time"] > 1


def front_of(view: View, rows: Index, cost: str) -> Mask:
    """Mark the candidates that are Pareto-optimal in merit and cost; see `Sense`.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
    cost : str

    Returns
    -------
    (n,) array of bool
    """
    return front(view.rows(rows), {view.merit: _better(view), cost: "lower"})


def _staircase(view: View, rows: Index, cost: str) -> Index:
    """Those of some candidates that no other undercuts in its means, by cost."""
    part = view.rows(rows)
    table = np.stack([part.column(view.merit), part.column(cost)], axis=1)
    line = rows[pareto_mask(table, [_better(view), "lower"])]
    return line[np.argsort(view.column(cost)[line], kind="stable")]


def best_of_each(view: View, rows: Index) -> Index:
    """Candidate of the best merit of each material, the first of equal ones.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
        Candidates to choose from.

    Returns
    -------
    (material,) array of int
        In the alphabetical order of the materials.
    """
    sign = -1.0 if _better(view) == "higher" else 1.0
    order = rows[np.argsort(sign * view.column(view.merit)[rows], kind="stable")]
    _, first = np.unique(view.materials[order].astype(str), return_index=True)
    return order[first]


def against_cost(
    view: View,
    rows: Index,
    *,
    cost: str | None = None,
    materials: tuple[str, ...] = (),
    shown: Index | None = None,
) -> m.Picture:
    """Describe merit against a cost, or by material where no cost is known.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
        Candidates that have a merit.
    cost : str, optional
        Default: the first known one.
    materials : tuple of str
        Further names that share the colours.
    shown : (m,) array of int, optional
        Those of `rows` that are drawn; the front is that of all.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If the cost is unknown.
    """
    known = known_costs(view, rows)
    cost = one_of("cost", cost, known) if cost is not None else next(iter(known), None)
    if cost is None:
        order = sorted(set(view.materials[rows].tolist()))
        across = np.array([float(order.index(name)) for name in view.materials])
        x = m.Axis(title="Material", ticks=tuple((float(at), "") for at in range(len(order))),
                 limits=(-0.7, len(order) - 0.3))  # fmt: skip
        best = np.isin(rows, best_of_each(view, rows))
    else:
        rows = rows[np.isfinite(view.column(cost)[rows])]
        across = view.column(cost)
        x, best = _cost_axis(view, cost, across[rows]), front_of(view, rows, cost)
    drawn = np.ones(rows.size, dtype=bool) if shown is None else np.isin(rows, shown)
    cloud = _Cloud(view=view, rows=rows[drawn], best=best[drawn], across=across,
                   styles=styles_of(view, materials))  # fmt: skip
    errors = _errors(view, rows[best], cost)
    part = focus(view, view.column(view.merit)[rows])
    short = short_labels(view, [name for name, _ in cloud.families])
    groups = {short[name]: view.column(view.merit)[own] for name, own in cloud.families}
    halves = np.zeros(rows.size)
    if errors is not None:
        halves[np.isin(rows, errors.rows)] = errors.merit[np.searchsorted(errors.rows, rows[best])]
    y = replace(merit_axis(view), cut=part.cut,
                limits=limits_of(view, view.merit, part, view.column(view.merit)[rows],
                                halves))  # fmt: skip
    x = replace(x, note=outside(view, part, groups, "candidates"))
    line: list[m.Series] = []
    if cost is not None and best.any():
        line = [_line_of(view, rows[best], cost, x, y, several=rows.size > 1)]
    marks: list[m.Mark] = [*line]
    marks += [*cloud.faint(), *cloud.strong(errors)]
    marks += _words(cloud, x, y, short, errors, line)
    caption = (
        "Large points are the Pareto set of these two metrics, the line is its front by the means"
        f"{_words_of(errors)}. Point at one to see all its values."
    )
    if (near := cloud.tied()).any():
        caption += " Hollow ones cannot be told apart from the best one by the merit alone."
    if missing := int((~drawn).sum()):
        caption += f" {missing:,} other points are left out to keep the page quick."
    at = "" if view.chosen_time is None else f"{duration(view.chosen_time)} after programming"
    return m.Picture(
        name="pareto", title=f"{y.title} against {x.title[:1].lower()}{x.title[1:]}",
        caption=caption, alt=_said(view, rows[best], cost, groups, x.note, int(near.sum())),
        rows=((m.Panel(x=x, y=y, marks=tuple(marks), title=at),),),
        about=lambda chosen: described(view, chosen),
        heading=_key(view, errors, near, cloud.best, cost), height=73.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cloud:
    """Candidates as points: faint ones, those that cannot be told apart, and the Pareto set.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
        Candidates drawn.
    best : (n,) array of bool
        Whether each is in the Pareto set.
    across : (candidate,) array
        Horizontal places.
    styles : mapping of str to Look
    """

    view: View
    rows: Index
    best: Mask
    across: m.Numbers
    styles: Mapping[str, m.Look]

    @property
    def families(self) -> Iterator[tuple[str, Index]]:
        """Materials with their candidates."""
        for name in sorted(set(self.view.materials[self.rows].tolist())):
            yield name, self.rows[self.view.materials[self.rows] == name]

    def tied(self) -> Mask:
        """Mark those off the Pareto set that cannot be told apart from the best by the merit."""
        direction = {self.view.merit: _better(self.view)}
        return np.asarray(best_set(self.view, direction)[self.rows] & ~self.best)

    def faint(self) -> Iterator[m.Series]:
        """Points off the Pareto set, family by family; hollow where they are tied."""
        tied = self.tied()
        for name, own in self.families:
            for hollow, chosen in ((False, ~self.best & ~tied), (True, tied)):
                mine = own[np.isin(own, self.rows[chosen])]
                crowded = mine.size > _CROWD
                look = replace(self.styles[name], size=3.4, hollow=True)
                if not hollow:
                    look = replace(self.styles[name], size=1.4 if crowded else 2.8,
                                   opacity=0.15 if crowded else 0.4)  # fmt: skip
                if mine.size or not hollow:  # the legend shows a family as a filled marker
                    yield self._points(name, mine, look)

    def strong(self, errors: _Errors | None) -> Iterator[m.Series]:
        """Points of the Pareto set, family by family."""
        for name, own in self.families:
            mine = own[np.isin(own, self.rows[self.best])]
            if not mine.size:
                continue
            points = self._points(name, mine, replace(self.styles[name], size=6.0))
            if errors is None:
                yield points
                continue
            at = np.searchsorted(errors.rows, mine)
            up = bars(self.view, self.view.merit, points.y, errors.merit[at])
            yield replace(points, y_bars=up, x_bars=errors.cost[at])

    def _points(self, name: str, mine: Index, look: m.Look) -> m.Series:
        return m.Series(x=self.across[mine], y=self.view.column(self.view.merit)[mine], look=look,
                        rows=mine, name=label(self.view, name))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Errors:
    """Half-intervals of the differences of the Pareto set from its best member.

    Parameters
    ----------
    rows : (n,) array of int
        The Pareto set, ascending.
    merit, cost : (n,) array
    """

    rows: Index
    merit: m.Numbers
    cost: m.Numbers


def _errors(view: View, rows: Index, cost: str | None) -> _Errors | None:
    """Half the 95 % intervals of the paired differences from the member of the best merit.

    None where there is one member only, or nothing was drawn more than once.
    """
    if rows.size < 2 or cost is None:
        return None
    rows = np.sort(rows)
    sign = -1.0 if _better(view) == "higher" else 1.0
    reference = rows[np.argmin(sign * view.column(view.merit)[rows])]
    shared = np.minimum(view.given[rows], view.given[reference])
    halves = []
    for name in (view.merit, cost):
        half = np.zeros(rows.size)
        if name in view.ds and "realisation" in view.ds[name].dims:
            values = view.rows([*rows, reference]).realised(name)
            _, error = paired(values[:-1], values[-1], shared, finest_step(values))
            known = (shared > 1) & np.isfinite(error)
            half[known] = student(_LEVEL, shared[known]) * error[known]
        halves.append(half)
    if not any(half.any() for half in halves):
        return None
    return _Errors(rows=rows, merit=halves[0], cost=halves[1])


def _words_of(errors: _Errors | None) -> str:
    if errors is None:
        return ""
    return (
        "; its bars are 95 % intervals of the difference from its best member, realisation by "
        "realisation: where one reaches the height of that member, the two cannot be told apart"
    )


def _line_of(
    view: View, best: Index, cost: str, x: m.Axis, y: m.Axis, *, several: bool
) -> m.Series:
    """Staircase of the front, from the worse end of the merit to the right end of the panel."""
    line = _staircase(view, best, cost)
    across, up = view.column(cost)[line], view.column(view.merit)[line]
    if x.limits is not None and y.limits is not None:
        worst = y.limits[0] if _better(view) == "higher" else y.limits[1]
        across = np.concatenate([across[:1], across, [x.limits[1]]])
        up = np.concatenate([[worst], up, up[-1:]])
    title = f"Pareto front of {view.title(view.merit)} and {words(cost)}" if several else ""
    return m.Series(x=across, y=up, steps=True, look=FRONT, name=title)


def _words(
    cloud: _Cloud,
    x: m.Axis,
    y: m.Axis,
    short: Mapping[str, str],
    errors: _Errors | None,
    front: Sequence[m.Series],
) -> list[m.Mark]:
    """Guides, and the names of families next to their best points, those on the front first."""
    view, merit = cloud.view, cloud.view.column(cloud.view.merit)
    assert y.limits is not None
    there = cloud.rows[(merit[cloud.rows] >= y.limits[0]) & (merit[cloud.rows] <= y.limits[1])]
    if x.limits is None:
        return list(guides(view, "y", y.limits))
    ground = Ground(x=x, y=y, width=_PANEL[0] if lasts(view) else _WIDE, height=_PANEL[1])
    points = ground.places(cloud.across[there], merit[there])
    if errors is not None:  # bars are not to be covered either
        steps = errors.merit[:, None] * np.linspace(-1, 1, _STEPS)
        up = (merit[errors.rows][:, None] + steps).ravel()
        needles = ground.places(np.repeat(cloud.across[errors.rows], _STEPS), up)
        points = np.concatenate([points, needles])
    lines = _guides(view, ground, points)
    if not view.has_materials:
        return list(lines)
    sign = -1.0 if _better(view) == "higher" else 1.0
    named: list[tuple[bool, float, Named]] = []
    for name, own in cloud.families:
        mine = own[np.isin(own, there)]
        strong = np.isin(mine, cloud.rows[cloud.best])
        if not mine.size:
            continue
        row = min(mine[strong] if strong.any() else mine, key=lambda at: sign * merit[at])
        point = Named(x=float(cloud.across[row]), y=float(merit[row]), text=short[name],
                      colour=cloud.styles[name].colour)  # fmt: skip
        named.append((not strong.any(), sign * float(merit[row]), point))
    ends = [ground.places(m.numbers(x.limits), np.full(2, line.at)) for line in lines]
    texts = [written(line.text, end[0 if line.start else 1], start=line.start, below=line.below)
             for line, end in zip(lines, ends, strict=True)]  # fmt: skip
    stairs = [ground.places(np.repeat(each.x, 2)[1:], np.repeat(each.y, 2)[:-1]) for each in front]
    order = sorted(named, key=lambda each: each[:2])
    return [*lines, *names([point for *_, point in order], ground, points,
                           lines=[*ends, *stairs], texts=texts)]  # fmt: skip


def _guides(view: View, ground: Ground, points: m.Numbers) -> list[m.Guide]:
    """Guides with their words at the end where they cover fewer points."""
    assert ground.x.limits is not None
    assert ground.y.limits is not None
    best, least = list[m.Guide](), np.inf
    for start in (False, True):
        lines = guides(view, "y", ground.y.limits, start=start)
        covered = 0.0
        for line in lines:
            at = ground.places(m.numbers(ground.x.limits), np.full(2, line.at))
            box = written(line.text, at[0 if start else 1], start=start, below=line.below)
            covered += covered_by(box, points)
        if covered < least:
            best, least = lines, covered
    return best


def _said(
    view: View, best: Index, cost: str | None, groups: Mapping[str, m.Numbers], note: str, tied: int
) -> str:
    """State the result of the picture in words: the front, and what lies off it."""
    if cost is None or not best.size:
        return ""
    sign = -1.0 if _better(view) == "higher" else 1.0
    line = best[np.argsort(sign * view.column(view.merit)[best], kind="stable")]
    families = dict.fromkeys(str(view.materials[row]) for row in line)
    points: list[str] = []
    for family in list(families)[:_MOST_SAID]:
        own = line[view.materials[line] == family]
        several = f" ({own.size} candidates, the best)" if own.size > 1 else ""
        price = engineering(float(view.column(cost)[own[0]]), view.unit(cost))
        points.append(f"{label(view, family)}{several} with {view.title(view.merit)} "
                      f"{value_text(view, view.merit, int(own[0]))} at {price}")  # fmt: skip
    text = f"On the Pareto front: {'; '.join(points)}."
    short = short_labels(view, set(view.materials.tolist()))
    if off := [name for name in groups if name not in {short[family] for family in families}]:
        text += f" Off it: {', '.join(off)}."
    if tied:
        text += f" {tied} others cannot be told apart from the best by the merit alone."
    return f"{text} {note}".strip()


def over_time(view: View, best: Index, *, materials: tuple[str, ...] = ()) -> m.Picture:
    """Describe the merit of some candidates, one of each material, over time.

    Parameters
    ----------
    view : View
    best : (material,) array of int
        Positions of the candidates.
    materials : tuple of str
        Further names that share the colours.

    Returns
    -------
    Picture
    """
    kept = [n for n in (view.merit, f"{view.merit}_std", "realisations") if n in view.ds]
    part = view.ds[kept].isel(candidate=best).sortby("time")
    times = np.asarray(part["time"].values, dtype=np.float64)
    at_each = [View(part, float(time)) for time in times]
    values, spreads = (
        np.stack([each.column(name) for each in at_each], axis=1)
        for name in (view.merit, f"{view.merit}_std")
    )
    logarithmic = bool(times.min() > 0)
    styles = styles_of(view, materials)
    window = focus(view, values.ravel(), spreads.ravel())
    labels = [label(view, str(view.materials[row])) for row in best]
    short = short_labels(view, [str(view.materials[row]) for row in best])
    marks: list[m.Mark] = []
    for at, (row, own, spread) in enumerate(zip(best, values, spreads, strict=True)):
        # Equal ones would hide each other: points are moved apart, and lines broken.
        apart = _APART ** (at / max(len(best) - 1, 1) - 0.5) if logarithmic else 1.0
        hides = sum(bool(np.allclose(own, other, atol=_CLOSE * np.ptp(values))) for other
                    in values[:at])  # fmt: skip
        look = replace(styles[str(view.materials[row])], line=_BROKEN[hides % len(_BROKEN)])
        marks.append(
            m.Series(
                x=times * apart, y=own, y_bars=bars(view, view.merit, own, spread),
                name=labels[at], look=look,
                text=tuple(f"{labels[at]}, {duration(time)}" for time in times),
            )
        )  # fmt: skip
    limits = limits_of(view, view.merit, window, values.ravel(), spreads.ravel())
    marks += guides(view, "y", limits, start=_freer_left(values, limits))
    caption = f"The best candidate of each material; bars are {_spread_words(view)}."
    caption += " Points of the same time are moved apart." if logarithmic else ""
    groups = dict(zip(short.values(), values, strict=True))
    x = m.Axis(title="Time since programming", time=True, logarithmic=logarithmic,
             note=outside(view, window, groups))  # fmt: skip
    ends = "; ".join(f"{name} {number(view, float(own[0]))}, later {number(view, float(own[-1]))}"
                     for name, own in groups.items())  # fmt: skip
    panel = m.Panel(
        x=x, y=replace(merit_axis(view), limits=limits, cut=window.cut), marks=tuple(marks),
        title="best candidate of each material",
    )  # fmt: skip
    return m.Picture(
        name="time", title=f"How {view.title(view.merit)} lasts", caption=caption, wide=False,
        alt=f"{capital(view.title(view.merit))} at {duration(times[0])} and at "
        f"{duration(times[-1])}: {ends}. {x.note}".strip(),
        rows=((panel,),),
    )  # fmt: skip


def _spread_words(view: View) -> str:
    """Meaning of the bars of a picture over time."""
    end = ", as far as 100 %" if view.is_share(view.merit) else ""
    return f"± one standard deviation{end}"


def _key(view: View, errors: _Errors | None, tied: Mask, best: Mask, cost: str | None) -> str:
    """Meaning of sizes, hollow markers and bars, for print."""
    parts = [f"large: {'best of each material' if cost is None else 'Pareto set'}"]
    parts += ["small, faint: other candidates"] if (~best & ~tied).any() else []
    if tied.any():
        parts.append(f"hollow: not told apart from the best {view.title(view.merit)}")
    if errors is not None:
        parts.append("bars: 95 % interval of the difference from the best of the set")
    return "; ".join(parts)


def _freer_left(values: m.Numbers, limits: tuple[float, float]) -> bool:
    """Whether fewer lines run near the lower third at the first time than at the last."""
    third = limits[0] + 0.45 * (limits[1] - limits[0])
    near = (values > limits[0]) & (values < third)
    return bool(near[:, 0].sum() < near[:, -1].sum())


def merit_axis(view: View) -> m.Axis:
    """Axis of the merit.

    Parameters
    ----------
    view : View

    Returns
    -------
    Axis
    """
    unit = view.unit(view.merit)
    return m.Axis(
        title=capital(view.title(view.merit)), unit=unit, percent=view.is_share(view.merit)
    )


def _cost_axis(view: View, cost: str, values: NDArray[np.float64]) -> m.Axis:
    """Axis of a cost; it spans at least a factor of 1.5, so that a single point has an axis too."""
    logarithmic = bool((values > 0).all())
    limits = None
    if logarithmic and values.size:
        low, high = float(values.min()), float(values.max())
        room = (high / low) ** _BEYOND
        ends = widened(low, high, LEAST_RATIO)
        limits = (min(low / room, ends[0]), max(high * room, ends[1]))
    return m.Axis(title=capital(view.title(cost)), unit=view.unit(cost), logarithmic=logarithmic,
                limits=limits)  # fmt: skip


def _better(view: View) -> str:
    return str(view.summary[view.merit].attrs.get("better", "higher"))
