"""Distribution of the realisations of the best candidates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.objectives import directions, order
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, whole
from matsweep.core.units import engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.focus import WHOLE, focus, guides, limits_of, outside
from matsweep.reporting.figures.labels import capital, ideal_name, label, short_labels
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import IDEAL, material_styles

_BOX = m.Look(colour="#e5e5e5")
_MEDIAN = m.Look(colour="#4d4d4d", line="solid", width=1.2)


def distribution_figure(
    ds: xr.Dataset,
    metric: str | None = None,
    *,
    time: float | str | None = None,
    top: int = 10,
) -> Figure:
    """Draw a metric of each realisation of the best candidate of each material.

    A point is one set of devices; points of equal value are moved apart. The bar is the median,
    the box the middle half.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`.
    metric : str, optional
        Default: the merit of the study, such as the accuracy.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    top : int
        Number of materials drawn, best first; of candidates where there are no materials.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If the metric is unknown or the same for all realisations, or no candidate is done.
    """
    return draw(distribution_picture(View(ds, time), metric, top=top))


def distribution_picture(view: View, metric: str | None = None, *, top: int = 10) -> m.Picture:
    """Describe the picture that `distribution_figure` draws.

    Parameters
    ----------
    view : View
    metric : str, optional
    top : int

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If the metric is unknown or the same for all realisations, or no candidate is done.
    """
    whole("top", top, low=1)
    ((name, _),) = directions(view, [metric or view.merit]).items()
    if "realisation" not in view.ds[name].dims:
        raise UserError(f"{name} does not differ between realisations")
    best = order(view, name)
    best = best[np.isfinite(view.column(name)[best])]
    if not best.size:
        raise UserError(f"no done candidate has a number for {name}, so there is nothing to draw")
    if view.has_materials:
        _, first = np.unique(view.materials[best].astype(str), return_index=True)
        best = best[np.sort(first)]
    return distribution(view, name, best[:top])


def distribution(view: View, metric: str, best: Index) -> m.Picture:
    """Describe a metric of each realisation of some candidates, from top to bottom.

    Parameters
    ----------
    view : View
    metric : str
    best : (row,) array of int
        Positions of the candidates.

    Returns
    -------
    Picture
    """
    groups = [
        str(view.materials[row]) if view.has_materials else f"no. {view.numbers[row]}"
        for row in best
    ]
    labels = [label(view, group) if view.has_materials else group for group in groups]
    styles = material_styles({*groups, *view.all_materials})
    every = view.rows(best).realised(metric)
    part = focus(view, every.ravel()) if metric == view.merit else WHOLE
    limits = limits_of(view, metric, part, every.ravel())
    reach = limits if part.cut else (-np.inf, np.inf)
    marks: list[m.Mark] = []
    for row, (group, text, own) in enumerate(zip(groups, labels, every, strict=True)):
        known = own[np.isfinite(own)]
        if not known.size:
            continue
        low, middle, high = np.percentile(known, [25, 50, 75])
        ends = m.numbers([row - 0.3, row - 0.3, row + 0.3, row + 0.3])
        marks += [
            m.Area(x=np.clip([low, high, high, low], *reach), y=ends, look=_BOX),
            m.Series(x=m.numbers([middle, middle]), y=ends[1:3], look=_MEDIAN),
            m.Series(x=known, y=row + _apart(known), look=replace(styles[group], size=3.6),
                   text=(text,) * known.size),
        ]  # fmt: skip
        if (far := int(part.beyond(known).sum())) and part.cut:
            marks.append(_left_out(limits, part.cut, row, far, known.size))
    if metric == view.merit:
        marks += guides(view, "x", limits, crowded=True)
    elif (ideal := view.reference(metric)) is not None:
        marks.append(m.Guide(at=ideal, across="x", look=IDEAL, name=ideal_name(view, metric)))
    short = short_labels(view, groups) if view.has_materials else dict(zip(groups, groups,
                         strict=True))  # fmt: skip
    named = {short[group]: own for group, own in zip(groups, every, strict=True)}
    note = outside(view, part, named, "realisations") if metric == view.merit else ""
    x = m.Axis(title=capital(view.title(metric)), unit=view.unit(metric), note=note, cut=part.cut,
             percent=view.is_share(metric), limits=limits if part.cut else None)  # fmt: skip
    y = m.Axis(ticks=tuple((float(at), text) for at, text in enumerate(labels)), downward=True,
             limits=(-0.5, len(labels) - 0.5))  # fmt: skip
    return m.Picture(
        name="distribution", title="How realisations differ", wide=False,
        caption="Every realisation of the best candidate of each material; the box is the middle "
        "half, the bar the median.", alt=_said(view, metric, labels, every),
        rows=((m.Panel(x=x, y=y, marks=tuple(marks)),),),
        heading="points: realisations; box: their middle half; bar: median",
        height=29.0 + 9.9 * len(best), pixels=150 + 48 * len(best),
    )  # fmt: skip


def _left_out(limits: tuple[float, float], cut: str, row: int, count: int, of: int) -> m.Text:
    """Write the number of realisations that lie beyond a cut next to it."""
    text = f"◂ {count} of {of}" if cut == "low" else f"{count} of {of} ▸"
    margin = 0.004 * (limits[1] - limits[0])
    at = limits[0] + margin if cut == "low" else limits[1] - margin
    return m.Text(x=at, y=row - 0.36, text=text,
                  anchor="left" if cut == "low" else "right")  # fmt: skip


def _said(view: View, metric: str, labels: list[str], every: m.Numbers) -> str:
    """Medians and ranges in words."""
    unit, share = view.unit(metric), view.is_share(metric)

    def text(value: float) -> str:
        return f"{100 * value:.1f} %" if share else engineering(value, unit)

    parts = [
        f"{name} {text(float(np.median(own)))} ({text(float(own.min()))} to "
        f"{text(float(own.max()))})"
        for name, own in ((n, o[np.isfinite(o)]) for n, o in zip(labels, every, strict=True))
        if own.size
    ]
    return f"Median {view.title(metric)} and range over the realisations: {'; '.join(parts)}."


def _apart(values: m.Numbers) -> m.Numbers:
    """Heights, within 0.25 of the middle, at which close values do not overlap, (value,)."""
    span = np.ptp(values) or 1.0
    bins = np.floor(40 * (values - values.min()) / span).astype(int)
    heights = np.zeros(len(values))
    for each in np.unique(bins):
        own = np.flatnonzero(bins == each)
        steps = (np.arange(len(own)) + 1) // 2 * np.where(np.arange(len(own)) % 2, 1, -1)
        heights[own] = 0.25 * steps / max(4, np.abs(steps).max())
    return heights
