"""Parallel coordinates: every parameter and objective of many candidates at once.

Lines are ordinary ones, on a screen too, so that they print, need no graphics processor and can
be pointed at; of many candidates a sample is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator

from matsweep.analysis.conditions import ordered
from matsweep.analysis.labels import choice
from matsweep.analysis.objectives import Objectives, directions, front
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, whole
from matsweep.core.units import duration, normal_unit
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.focus import WHOLE, focus, number
from matsweep.reporting.figures.labels import label, parameter_title, short_labels, styles_of, words
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import distinct, short_quantity, widened
from matsweep.reporting.texts import texts

_TICKS = 4
_SUBS = 300.0  # ratio of values up to which ticks stand at 3, 30, … too
_TITLE = 16  # characters of a line
_CLEAR = 0.06  # of an axis, above its foot, that the text there takes
_KEY = "strong, with markers: Pareto set; faint: other candidates"
_WIDE = 30.0  # a ratio of values beyond which an axis is logarithmic
_PLAIN = m.Look(colour="#1a1a1a", marker="o")
_UPRIGHT = m.Look(colour="#333333", line="solid", width=0.6)
_FAINT, _STRONG = 0.28, 1.3  # opacity of candidates off the Pareto set, width of those in it
_LINES: tuple[m.Line, ...] = ("solid", "dash", "dot", "dashdot")  # of families, also in grey
_LEAST = 1.05  # ratio of the ends of an axis of a cost: 2 % more is no worse in the Pareto set
_SPREAD = 0.3  # of a step, by which lines of one value are moved apart on either side
_WIDEST = 0.035  # the same, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisScale:
    """One vertical axis: places from 0 to 1, and ticks.

    Parameters
    ----------
    name : str
    places : (candidate,) array
        Height of each candidate's value; NaN: unknown.
    ticks : tuple of (float, str)
    step : float
        Distance of neighbouring values where there are few; 0: numbers of any value.
    """

    name: str
    places: m.Numbers
    ticks: tuple[tuple[float, str], ...]
    step: float = 0.0


def parallel_figure(
    ds: xr.Dataset,
    *,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    most: int = 300,
) -> Figure:
    """Draw each candidate as a line through its parameters and objectives.

    The Pareto set is drawn strongly, others faintly: of more than `most`, an even sample. The
    better end of every objective is on top; merits beyond the cut of the axis
    (`matsweep.reporting.figures.focus`) end at its foot. Lines through one of few values are moved
    apart. Positive values over more than a factor of 30 are on
    a logarithmic axis.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    objectives : names, or mapping of names to "higher" or "lower", optional
        See ``ds.matsweep.pareto``.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    most : int
        Candidates drawn next to the Pareto set.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If no candidate is done, or there are fewer than two axes.

    References
    ----------
    A. Inselberg, The Visual Computer 1:69, 1985, doi:10.1007/BF01898350.
    """
    return draw(parallel_picture(View(ds, time), objectives, most=most))


def parallel_picture(
    view: View, objectives: Objectives | None = None, *, most: int = 300
) -> m.Picture:
    """Describe the picture that `parallel_figure` draws.

    Parameters
    ----------
    view : View
    objectives : names or mapping, optional
    most : int

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If no candidate is done, or there are fewer than two axes.
    """
    whole("most", most, low=0)
    view = view.rows(np.flatnonzero(view.compared))
    if not view.numbers.size:
        raise UserError("no candidate is done, so there is nothing to draw")
    scales = scales_of(view, directions(view, objectives), materials=True)
    if sum(scale.name != "material" for scale in scales) < 2:
        raise UserError("parallel coordinates need two axes: sweep a parameter, or name objectives")
    best = front(view, objectives)
    others = _spaced(np.flatnonzero(~best), most)
    return parallel(view, scales, best, np.concatenate([others, np.flatnonzero(best)]))


def scales_of(view: View, chosen: dict[str, str], *, materials: bool = False) -> list[AxisScale]:
    """Axes for the material, the parameters and the objectives, as far as they differ.

    Parameters
    ----------
    view : View
    chosen : dict of str to "higher" or "lower"
        Objectives with their better directions.
    materials : bool
        Whether the material is an axis too.

    Returns
    -------
    list of AxisScale
    """
    scales = [parameter_scale(view, "material")] if materials and _several(view) else []
    scales += [parameter_scale(view, name) for name in view.varied]
    known = [n for n in chosen if np.unique(view.column(n)[np.isfinite(view.column(n))]).size > 1]
    return scales + [objective_scale(view, name, chosen[name]) for name in known]


def parallel(view: View, scales: Sequence[AxisScale], best: Mask, drawn: Index) -> m.Picture:
    """Describe candidates as lines, those of the Pareto set strongly.

    Parameters
    ----------
    view : View
    scales : sequence of AxisScale
        From left to right.
    best : (candidate,) array of bool
        The Pareto set.
    drawn : (line,) array of int
        Positions of the candidates drawn.

    Returns
    -------
    Picture
    """
    heights = np.stack([scale.places + _apart(scale, scales[-1], drawn) for scale in scales],
                       axis=1)  # fmt: skip
    styles = styles_of(view)
    across = np.arange(len(scales), dtype=np.float64)
    short = {scale.name: fill(parameter_title(view, scale.name) if scale.name in view.varied
                              else words(scale.name), _TITLE) for scale in scales}  # fmt: skip
    columns = [dict(zip(drawn.tolist(), texts(view, view.summary[scale.name][drawn]), strict=True))
            for scale in scales]  # fmt: skip
    marks: list[m.Mark] = []
    for strong in (False, True):
        chosen = drawn[best[drawn] == strong]
        for at, name in enumerate(sorted(set(view.materials[chosen].tolist()))):
            rows = chosen[view.materials[chosen] == name]
            style = styles[name] if view.has_materials else _PLAIN
            look = replace(style, line=_LINES[at % len(_LINES)], width=_STRONG, size=4.5)
            if not strong:
                look = replace(style, line="solid", width=0.4, opacity=_FAINT, marker="")
            entry = label(view, name) if view.has_materials else "candidates"
            marks.append(
                m.Paths(
                    x=np.tile(across, (rows.size, 1)), y=heights[rows], look=look,
                    name=entry,
                    text=tuple(
                        tuple(f"no. {view.numbers[row]}, {short[scale.name]}: {column[row]}"
                              for scale, column in zip(scales, columns, strict=True))
                        for row in rows
                    ),
                )
            )  # fmt: skip
    for at, scale in enumerate(scales):
        marks.append(m.Series(x=m.numbers([at, at]), y=m.numbers([0, 1]), look=_UPRIGHT))
        marks += [m.Text(x=float(at), y=height, text=text) for height, text in scale.ticks]
    x = m.Axis(ticks=tuple((float(at), short[scale.name]) for at, scale in enumerate(scales)),
             limits=(-0.1, len(scales) - 0.55), bare=True)  # fmt: skip
    y = m.Axis(limits=(-0.04, 1.04), bare=True)
    caption = "Strong lines are the Pareto set; the better end of every objective is on top"
    if view.done.sum() > drawn.size:
        caption += f"; of the other candidates {int((~best[drawn]).sum()):,} are drawn"
    return m.Picture(
        name="parallel", title="Parameters and objectives", caption=f"{caption}.",
        alt=_said(view, scales, short, np.flatnonzero(best)), pixels=480,
        rows=((m.Panel(x=x, y=y, marks=tuple(marks), title=_KEY),),),
    )  # fmt: skip


def _apart(scale: AxisScale, by: AxisScale, drawn: Index) -> m.Numbers:
    """Shifts that move lines through one of few values apart, in the order of another axis."""
    shifts = np.zeros(scale.places.size)
    if not scale.step:
        return shifts
    reach = min(_SPREAD * scale.step, _WIDEST)
    order = drawn[np.argsort(np.nan_to_num(by.places[drawn]), kind="stable")]
    for value in np.unique(scale.places[order]):
        own = order[scale.places[order] == value]
        shifts[own] = np.linspace(-reach, reach, own.size) if own.size > 1 else 0.0
    return shifts


def _said(view: View, scales: Sequence[AxisScale], short: dict[str, str], best: Index) -> str:
    """State the values that the Pareto set has on each axis."""
    parts = []
    for scale in scales:
        column = texts(view, view.summary[scale.name][best])
        if scale.name == "material":
            names = short_labels(view, dict.fromkeys(view.materials[best].tolist()))
            parts.append(f"{short[scale.name]} {', '.join(names.values())}")
            continue
        order = np.argsort(scale.places[best], kind="stable")
        ends = list(dict.fromkeys([column[order[0]], column[order[-1]]])) if best.size else []
        name = short[scale.name].replace("\n", " ")
        parts.append(f"{name} {' to '.join(ends)}")
    return f"The {best.size} candidates of the Pareto set have {'; '.join(parts)}."


def parameter_scale(view: View, name: str) -> AxisScale:
    """Axis of a parameter: its values evenly spaced where they are few, or texts.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    AxisScale
    """
    values = view.summary[name].values
    known = np.unique(values.astype(str) if values.dtype.kind not in "fiu" else values)
    if values.dtype.kind in "fiu" and len(known) > 8:
        return _numeric(view, name, values.astype(np.float64), up=True)
    if known.dtype.kind not in "fiu" and name in view.conditions:
        values = np.array([choice(value) for value in values.tolist()])
        known = np.array(ordered(view, name))
    last = max(len(known) - 1, 1)
    places = {value: place for place, value in enumerate(known.tolist())}
    where = [places[value] / last for value in values.astype(known.dtype).tolist()]
    unit = view.unit(name)
    named = short_labels(view, known.tolist()) if name == "material" else {}
    labels = [
        short_quantity(float(v), unit) if known.dtype.kind in "fiu" else named.get(v, v)
        for v in known.tolist()
    ]
    ticks = tuple((i / last, text) for i, text in enumerate(labels))
    return AxisScale(name=name, places=np.asarray(where, dtype=np.float64), ticks=ticks,
                     step=1 / last)  # fmt: skip


def objective_scale(view: View, name: str, better: str) -> AxisScale:
    """Axis of an objective, with its better end on top.

    Parameters
    ----------
    view : View
    name : str
    better : {"higher", "lower"}

    Returns
    -------
    AxisScale
    """
    values = view.column(name)
    least = 1.0 if name == view.merit or view.is_share(name) else _LEAST
    scale = _numeric(view, name, values, up=better == "higher", least=least)
    part = focus(view, values) if name == view.merit else WHOLE
    if not part.cut or part.limits is None:
        return scale
    kept = values[np.isfinite(values) & ~part.beyond(values)]
    foot = float(kept.min() if part.cut == "low" else kept.max())
    ends = (foot, np.inf) if part.cut == "low" else (-np.inf, foot)
    scale = _numeric(view, name, np.clip(values, *ends), up=better == "higher")
    sign = "<" if part.cut == "low" else ">"
    foot_text = (0.0, f"{sign} {number(view, foot)}, cut")
    above = [(at, text) for at, text in scale.ticks if at > _CLEAR]
    return replace(scale, ticks=(foot_text, *above))


def _numeric(
    view: View, name: str, values: m.Numbers, *, up: bool, least: float = 1.0
) -> AxisScale:
    """Axis of numbers; positive ones span a ratio of `least` at least."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if 0 < low < high:
        low, high = widened(low, high, least)
    logarithmic = low > 0 and high > _WIDE * low
    if high == low:
        places, marks = np.full(len(values), 0.5), [(0.5, low)]
    else:
        ends = np.log([low, high]) if logarithmic else np.array([low, high])
        levels = _round(low, high, logarithmic=logarithmic)
        at = ((np.log(levels) if logarithmic else levels) - ends[0]) / (ends[1] - ends[0])
        marks = list(zip(at.tolist(), levels.tolist(), strict=True))
        taken = np.log(values) if logarithmic else values
        places = (taken - ends[0]) / (ends[1] - ends[0])
    unit, share = view.unit(name), view.is_share(name)
    long = normal_unit(unit) == "s" and high >= 60

    def write(value: float, digits: int) -> str:
        if share:
            return f"{100 * value:.{digits}g} %"
        return duration(value) if long else short_quantity(value, unit, digits)

    labels = distinct([value for _, value in marks], write)
    ticks = [(p if up else 1 - p, text) for (p, _), text in zip(marks, labels, strict=True)]
    places = np.where(np.isfinite(places), places, np.nan)
    return AxisScale(name=name, places=places if up else 1 - places, ticks=tuple(ticks))


def _round(low: float, high: float, *, logarithmic: bool) -> m.Numbers:
    """Round numbers between two; the two where there are fewer."""
    if logarithmic:
        subs = (1.0, 3.0) if high < _SUBS * low else (1.0,)
        locator: Locator = LogLocator(subs=subs, numticks=9)
    else:
        locator = MaxNLocator(_TICKS)
    levels = np.asarray(locator.tick_values(low, high), dtype=np.float64)
    levels = levels[(levels >= low) & (levels <= high)]
    return levels if levels.size > 1 else m.numbers([low, high])


def _spaced(rows: Index, most: int) -> Index:
    """Evenly spaced rows, at most `most`."""
    if rows.size <= most:
        return rows
    return rows[np.linspace(0, rows.size - 1, most).astype(np.intp)] if most else rows[:0]


def _several(view: View) -> bool:
    return len(set(view.materials.tolist())) > 1
