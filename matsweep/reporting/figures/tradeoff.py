"""Objectives of a study against its swept numbers: for physics, training, and the like."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.objectives import usual
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.core.units import duration
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.focus import bars
from matsweep.reporting.figures.labels import capital, parameter_title
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import MARKERS, shades, short_quantity
from matsweep.reporting.texts import named, texts

_WIDE = 30.0  # a ratio of values beyond which the horizontal axis is logarithmic


def tradeoff_figure(ds: xr.Dataset, *, time: float | str | None = None) -> Figure:
    """Draw the objectives of the study (`objectives.usual`) against the swept numbers.

    For physics these are the merit, retention and write energy; where devices are trained the
    merit, the energy of the training and the number of its pulses.

    The horizontal axis is the last swept numeric axis, colours are the values of the other, if
    there is one; bars are one standard deviation over the realisations.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, of a study that sweeps one or two numbers.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If not one or two numbers were swept, or no candidate is done.
    """
    return draw(tradeoff_picture(View(ds, time)))


def sweeps_numbers(view: View) -> bool:
    """Return whether one or two numbers, and no texts, differ between candidates.

    Parameters
    ----------
    view : View

    Returns
    -------
    bool
    """
    kinds = {view.ds[name].dtype.kind for name in view.varied}
    return 1 <= len(view.varied) <= 2 and kinds <= {"f", "i", "u"}


def tradeoff_picture(view: View) -> m.Picture:
    """Describe the objectives of a study against its one or two swept numbers.

    Parameters
    ----------
    view : View

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If not one or two numbers were swept, or no candidate is done.
    """
    view = view.rows(np.flatnonzero(view.compared))
    if not view.numbers.size:
        raise UserError("no candidate is done, so there is nothing to draw")
    if not sweeps_numbers(view):
        got = ", ".join(view.varied) or "none"
        raise UserError(f"the picture of a trade-off needs one or two swept numbers, got {got}")
    names = [name for name in usual(view) if name in view.summary]
    across = view.column(view.varied[-1])
    two = len(view.varied) == 2
    hue = view.column(view.varied[0]) if two else np.zeros(across.size)
    levels = np.unique(hue)
    looks = [m.Look(colour=colour, line="solid", marker=MARKERS[at % len(MARKERS)], size=3.4)
             for at, colour in enumerate(shades(levels.size))]  # fmt: skip
    unit = view.unit(view.varied[0])
    x = _across(view, across)
    panels = []
    for letter, name in zip("abcdefgh", names, strict=False):
        marks: list[m.Mark] = []
        for level, look in zip(levels, looks, strict=True):
            rows = np.flatnonzero(hue == level)
            rows = rows[np.argsort(across[rows], kind="stable")]
            marks.append(
                m.Series(
                    x=across[rows], y=view.column(name)[rows], look=look,
                    y_bars=bars(view, name, view.column(name)[rows],
                                view.column(f"{name}_std")[rows]),
                    name=short_quantity(float(level), unit) if two else "",
                    text=tuple(named(view, int(r)) for r in rows),
                )
            )  # fmt: skip
        panels.append(m.Panel(x=x, y=_up(view, name), marks=tuple(marks), title=f"({letter})"))
    at = "" if view.chosen_time is None else f" At {duration(view.chosen_time)} after programming."
    return m.Picture(
        name="tradeoff", title="Objectives against the swept numbers",
        caption=f"Bars are one standard deviation over the realisations.{at}",
        rows=(tuple(panels),), height=63.0,
        heading="bars: ± one standard deviation over the realisations",
        legend_title=capital(parameter_title(view, view.varied[0])) if two else "",
        alt=_said(view, names),
    )  # fmt: skip


def _said(view: View, names: list[str]) -> str:
    """State the range of each objective, and where its best value lies."""
    parts = []
    for name in names:
        values, known = view.column(name), np.isfinite(view.column(name))
        if not known.any():
            continue
        texts_of = texts(view, view.summary[name])
        higher = view.summary[name].attrs.get("better") == "higher"
        order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
        best = order[-1 if higher else 0]
        parts.append(f"{view.title(name)} from {texts_of[order[0]]} to {texts_of[order[-1]]}, best "
                     f"at {named(view, int(best))}")  # fmt: skip
    return f"{'; '.join(parts)}."


def _across(view: View, values: m.Numbers) -> m.Axis:
    name = view.varied[-1]
    wide = bool(values.min() > 0 and values.max() / values.min() > _WIDE)
    return m.Axis(
        title=capital(parameter_title(view, name)), unit=view.unit(name), logarithmic=wide
    )


def _up(view: View, name: str) -> m.Axis:
    values, unit = view.column(name), view.unit(name)
    title = capital(view.title(name))
    positive = values[np.isfinite(values) & (values > 0)]
    if view.is_share(name) or unit == "1" or not positive.size:
        return m.Axis(title=title, unit=unit, percent=view.is_share(name))
    limits = (float(positive.min()) / 2, float(positive.max()) * 2)
    return m.Axis(title=title, unit=unit, logarithmic=True, limits=limits, time=unit == "s")
