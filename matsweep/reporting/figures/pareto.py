"""The merit of a study against a cost, and over the time since programming."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matsweep.analysis.objectives import front
from matsweep.analysis.pareto import Mask, pareto_mask
from matsweep.analysis.view import NO_MATERIAL, Index, View
from matsweep.core.checks import UserError, one_of
from matsweep.core.units import duration
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import FRONT, IDEAL, WIDTH, material_styles
from matsweep.reporting.texts import described

_COSTS = ("training_energy", "energy", "latency", "area")
_BARS = 60  # more points than this would drown in their bars: then only the front carries them
_CROWD = 2000  # more points of one material than this are drawn small
_APART = 2.0  # factor of times between the first and the last material


def pareto_figure(
    ds: xr.Dataset,
    *,
    cost: str | None = None,
    time: float | str | None = None,
    materials: Iterable[str] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw the merit against a cost, and against time for the best of each material.

    The merit is the metric that ranks the study, such as the accuracy. Bars are one standard
    deviation over the realisations; the line is the Pareto front of these two metrics. Over time,
    materials are moved slightly apart, so that equal ones do not hide each other. Colours and
    markers depend on the names of all materials of the study, so that pictures of its parts agree.

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
    panels = tuple(
        replace(panel, title=f"({letter}) {panel.title}")
        for letter, panel in zip("ab", (*left.panels, *right.panels), strict=True)
    )
    return replace(left, rows=(panels,))


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
    y = merit_axis(view)
    if cost is None:
        order = sorted(set(view.materials[rows].tolist()))
        across = np.array([float(order.index(name)) for name in view.materials])
        x = m.Axis(title="Material", ticks=tuple((float(at), "") for at in range(len(order))),
                 limits=(-0.7, len(order) - 0.3))  # fmt: skip
        best = np.isin(rows, best_of_each(view, rows))
        across_spread = np.full(across.size, np.nan)
    else:
        rows = rows[np.isfinite(view.column(cost)[rows])]
        across, across_spread = view.column(cost), view.column(f"{cost}_std")
        x, best = _cost_axis(view, cost, across[rows]), front_of(view, rows, cost)
    drawn = np.ones(rows.size, dtype=bool) if shown is None else np.isin(rows, shown)
    styles = styles_of(view, materials)
    marks: list[m.Mark] = []
    for strong in (False, True):
        for name in sorted(set(view.materials[rows].tolist())):
            mine = rows[drawn & (view.materials[rows] == name) & (best == strong)]
            if mine.size:
                barred = strong or int(drawn.sum()) <= _BARS
                marks.append(_points(view, mine, across, across_spread, styles[name],
                                     strong=strong, barred=barred))  # fmt: skip
        if not strong and cost is not None:
            line = _staircase(view, rows[best], cost)
            title = f"Pareto front of {view.title(view.merit)} and {cost.replace('_', ' ')}"
            marks.append(m.Series(x=across[line], y=view.column(view.merit)[line], steps=True,
                                  look=FRONT, name=title if rows.size > 1 else ""))  # fmt: skip
    bars = "Bars" if int(drawn.sum()) <= _BARS else "Bars, of the front only,"
    caption = (
        f"{bars} are one standard deviation over the realisations; large points are the "
        "Pareto set of these two metrics, the line is its front by the means. Point at one to see "
        "all its values."
    )
    if missing := int((~drawn).sum()):
        caption += f" {missing:,} other points are left out to keep the page quick."
    marks += _ideal(view)
    at = "" if view.chosen_time is None else f"{duration(view.chosen_time)} after programming"
    return m.Picture(
        name="pareto", title=f"{y.title} against {x.title[:1].lower()}{x.title[1:]}",
        caption=caption, rows=((m.Panel(x=x, y=y, marks=tuple(marks), title=at),),),
        about=lambda chosen: described(view, chosen),
    )  # fmt: skip


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
    marks: list[m.Mark] = []
    for at, (row, own, spread) in enumerate(zip(best, values, spreads, strict=True)):
        name = str(view.materials[row])
        # Equal ones would hide each other.
        apart = _APART ** (at / max(len(best) - 1, 1) - 0.5) if logarithmic else 1.0
        marks.append(
            m.Series(
                x=times * apart, y=own, y_bars=np.nan_to_num(spread), name=label(view, name),
                look=replace(styles[name], line="solid"),
                text=tuple(f"{label(view, name)}, {duration(time)}" for time in times),
            )
        )  # fmt: skip
    marks += _ideal(view)
    caption = "The best candidate of each material; bars are one standard deviation."
    caption += " Points of the same time are moved apart." if logarithmic else ""
    x = m.Axis(title="Time since programming", time=True, logarithmic=logarithmic)
    panel = m.Panel(
        x=x, y=merit_axis(view), marks=tuple(marks), title="best candidate of each material"
    )
    return m.Picture(
        name="time", title=f"How {view.title(view.merit)} lasts", caption=caption, wide=False,
        rows=((panel,),),
    )  # fmt: skip


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


def styles_of(view: View, more: Iterable[str] = ()) -> dict[str, m.Look]:
    """Colour and marker of each material of a study.

    Parameters
    ----------
    view : View
    more : iterable of str
        Further names that share the colours.

    Returns
    -------
    dict of str to Look
    """
    return material_styles({*view.all_materials, *more})


def label(view: View, material: str) -> str:
    """Readable name of a material, or its placeholder where there is none.

    Parameters
    ----------
    view : View
    material : str

    Returns
    -------
    str
    """
    return material if material == NO_MATERIAL else view.label(material)


def ideal_name(view: View, name: str) -> str:
    """Entry of the legend for the value that floating point reaches in a metric.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    str
    """
    value = view.reference(name) or 0.0
    return f"float, {100 * value:.1f} %" if view.is_share(name) else f"float, {value:.4g}"


def capital(text: str) -> str:
    """Capitalise the first letter of a text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text[:1].upper() + text[1:]


def _ideal(view: View) -> list[m.Mark]:
    """Line at the merit that floating point reaches, if it is known."""
    value = view.reference(view.merit)
    name = ideal_name(view, view.merit)
    return [] if value is None else [m.Guide(at=value, across="y", look=IDEAL, name=name)]


def _points(
    view: View,
    rows: Index,
    across: m.Numbers,
    spread: m.Numbers,
    style: m.Look,
    *,
    strong: bool,
    barred: bool,
) -> m.Series:
    crowded = rows.size > _CROWD and not strong
    look = replace(style, size=4.7)
    if not strong:
        look = replace(style, size=1.4 if crowded else 3.0, opacity=0.15 if crowded else 0.4)
    up = np.nan_to_num(view.column(f"{view.merit}_std")[rows])
    return m.Series(
        x=across[rows], y=view.column(view.merit)[rows], look=look, rows=rows,
        name=label(view, str(view.materials[rows[0]])),
        x_bars=np.nan_to_num(spread[rows]) if barred else None, y_bars=up if barred else None,
    )  # fmt: skip


def _cost_axis(view: View, cost: str, values: NDArray[np.float64]) -> m.Axis:
    """Axis of a cost; it spans at least a factor of 1.5, so that a single point has an axis too."""
    logarithmic = bool((values > 0).all())
    limits = None
    if logarithmic and values.size and values.max() < 1.5 * values.min():
        middle = float(np.sqrt(values.min() * values.max()))
        limits = (middle / 1.5, middle * 1.5)
    return m.Axis(title=capital(view.title(cost)), unit=view.unit(cost), logarithmic=logarithmic,
                limits=limits)  # fmt: skip


def _better(view: View) -> str:
    return str(view.summary[view.merit].attrs.get("better", "higher"))
