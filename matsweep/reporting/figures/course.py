"""A metric along its own coordinate, such as the accuracy over the epochs of a training."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.objectives import order
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.pareto import capital, ideal_name
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import IDEAL, shades
from matsweep.reporting.texts import named

_MOST = 8


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
    marks: list[m.Mark] = []
    for at, up, half, colour in zip(
        shown, mean.transpose("candidate", own).values,
        spread.transpose("candidate", own).values, shades(shown.size), strict=True,
    ):  # fmt: skip
        name = named(view, int(at))
        look = m.Look(colour=colour, line="solid", width=1.0)
        half = np.nan_to_num(half)
        marks.append(m.Area.band(across, up - half, up + half, m.Look(colour=colour, opacity=0.18)))
        text = tuple(f"{name}, {own} {place:g}" for place in across)
        marks.append(m.Series(x=across, y=up, look=look, name=name, text=text))
    if (ideal := view.reference(metric)) is not None:
        marks.append(m.Guide(at=ideal, across="y", look=IDEAL, name=ideal_name(view, metric)))
    y = m.Axis(title=capital(view.title(metric)), unit=view.unit(metric),
             percent=view.is_share(metric))  # fmt: skip
    x = m.Axis(title=capital(title), whole=view.ds[own].dtype.kind in "iu",
             unit=str(view.ds[own].attrs.get("units", "1")))  # fmt: skip
    return m.Picture(
        name=course_name(metric), title=f"The course of {metric}",
        caption="From the best to the worst, evenly spaced in rank; bands are one standard "
        "deviation.", rows=((m.Panel(x=x, y=y, marks=tuple(marks)),),),
        beside=True, height=81.0,
    )  # fmt: skip
