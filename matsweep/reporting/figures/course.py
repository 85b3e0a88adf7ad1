"""A metric along its own coordinate, such as the accuracy over the epochs of a training."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.objectives import order
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, one_of
from matsweep.core.units import engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.labels import (
    capital,
    ideal_name,
    parameter_title,
    short_labels,
    styles_of,
)
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import IDEAL, MARKERS, shades
from matsweep.reporting.texts import texts

_MOST = 8
_BESIDE = 28  # characters of a name, up to which the legend stands next to the panel
_BROKEN: tuple[m.Line, ...] = ("solid", "dash", "dot", "dashdot")


def course_figure(
    ds: xr.Dataset, metric: str | None = None, *, time: float | str | None = None
) -> Figure:
    """Draw a metric along its own coordinate for some candidates, and the ideal value.

    Lines are means over the realisations, bands one standard deviation to either side. Where more
    than eight candidates are done, eight that are evenly spaced in rank are drawn, the best and
    the worst among them.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, with a metric that has its own numeric dimension.
    metric : str, optional
        Default: the first that has one.
    time : float [s] or str, optional
        One of the stored times. Default: the last.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If there is no such metric, or no candidate is done.
    """
    return draw(course_picture(View(ds, time), metric))


def course_name(metric: str) -> str:
    """Name of the figure, and of its file, for a metric.

    Parameters
    ----------
    metric : str

    Returns
    -------
    str
    """
    return re.sub(r"\W", "_", metric)


def course_picture(view: View, metric: str | None = None) -> m.Picture:
    """Describe the picture that `course_figure` draws.

    Parameters
    ----------
    view : View
    metric : str, optional

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If there is no such metric, or no candidate is done.
    """
    if not view.courses:
        raise UserError("no metric of these results runs along its own coordinate, such as "
                        "the epochs of a training")  # fmt: skip
    metric = next(iter(view.courses)) if metric is None else one_of("metric", metric, view.courses)
    if not view.done.any():
        raise UserError("no candidate is done, so there is nothing to draw")
    own = view.courses[metric]
    ranked = order(view, metric)
    places = np.linspace(0, ranked.size - 1, min(_MOST, ranked.size)).round()
    shown = ranked[np.unique(places).astype(np.intp)]
    rows = view.rows(shown).at_time[metric].astype(np.float64)
    several = rows.sizes.get("realisation", 1) > 1
    mean = rows.mean("realisation") if "realisation" in rows.dims else rows
    spread = rows.std("realisation", ddof=1) if several else 0 * mean
    across = m.numbers(view.ds[own].values)
    title = str(view.ds[own].attrs.get("long_name") or own.replace("_", " "))
    looks = _looks(view, shown)
    marks: list[m.Mark] = []
    ends: list[str] = []
    for at, up, half, look in zip(
        shown, mean.transpose("candidate", own).values,
        spread.transpose("candidate", own).values, looks, strict=True,
    ):  # fmt: skip
        name = _name(view, int(at))
        half = np.nan_to_num(half)
        band = m.Look(colour=look.colour, opacity=0.14)
        marks.append(m.Area.band(across, up - half, up + half, band))
        text = tuple(f"{name}, {own} {place:g}" for place in across)
        marks.append(m.Series(x=across, y=up, look=look, name=name, text=text))
        ends.append(f"{name} {_value(view, metric, float(up[-1]))}")
    if (ideal := view.reference(metric)) is not None:
        name = ideal_name(view, metric).replace("float", "floating point", 1)
        marks.append(m.Guide(at=ideal, across="y", look=IDEAL, text=name))
    y = m.Axis(title=capital(view.title(metric)), unit=view.unit(metric),
             percent=view.is_share(metric))  # fmt: skip
    x = m.Axis(title=capital(title), whole=view.ds[own].dtype.kind in "iu",
             unit=str(view.ds[own].attrs.get("units", "1")))  # fmt: skip
    return m.Picture(
        name=course_name(metric), title=f"The course of {metric}",
        caption="From the best to the worst, evenly spaced in rank; bands are one standard "
        "deviation.", alt=f"At the end: {'; '.join(ends)}.",
        rows=((m.Panel(x=x, y=y, marks=tuple(marks)),),),
        beside=max(len(mark.name) for mark in marks if isinstance(mark, m.Series)) <= _BESIDE,
        height=81.0,
    )  # fmt: skip


def _looks(view: View, shown: Index) -> list[m.Look]:
    """Look of each candidate: the colour of its material, and a line and marker of its own.

    Without several materials, colours go from dark to bright in rank.
    """
    several = len(set(view.materials[shown].tolist())) > 1
    colours = shades(shown.size)
    styles = styles_of(view)
    count = dict[str, int]()
    looks = []
    for at, row in enumerate(shown):
        name = str(view.materials[row])
        own = count[name] = count.get(name, -1) + 1
        marker = styles[name].marker if several else MARKERS[at % len(MARKERS)]
        colour = styles[name].colour if several else colours[at]
        looks.append(m.Look(colour=colour, marker=marker, size=3.0,
                            line=_BROKEN[own % len(_BROKEN)] if several else "solid"))  # fmt: skip
    return looks


def _value(view: View, metric: str, value: float) -> str:
    if view.is_share(metric):
        return f"{100 * value:.1f} %"
    return engineering(value, view.unit(metric))


def _name(view: View, row: int) -> str:
    """Name a candidate by its material and the parameters that differ."""
    one = view.summary.isel(candidate=[row])
    parts = [f"{parameter_title(view, name)} {texts(view, one[name])[0]}" for name in view.varied]
    if len(set(view.materials.tolist())) > 1:
        parts.insert(0, short_labels(view, view.all_materials)[str(view.materials[row])])
    return ", ".join(parts) or f"no. {int(view.numbers[row])}"
