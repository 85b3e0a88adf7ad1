"""Figures of a report, as far as the results hold their data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from matsweep.analysis.objectives import MAIN, weighed
from matsweep.analysis.view import Index
from matsweep.reporting.figures.breakdown import alike_picture
from matsweep.reporting.figures.course import course_picture
from matsweep.reporting.figures.distribution import distribution
from matsweep.reporting.figures.interactive import least_width, plot
from matsweep.reporting.figures.marks import Picture
from matsweep.reporting.figures.parallel import parallel, scales_of
from matsweep.reporting.figures.pareto import (
    against_cost,
    front_of,
    known_costs,
    lasts,
    over_time,
)
from matsweep.reporting.figures.tradeoff import sweeps_numbers, tradeoff_picture
from matsweep.reporting.report.document import Figure
from matsweep.reporting.report.study import Study

MOST_POINTS = 20_000
"""Candidates in a scatter; of more, the front and evenly spaced others are kept."""
_MOST_LINES = 300
_LEAST_AXES = 3


def figures(study: Study) -> Iterator[Figure]:
    """Figures whose data the results hold.

    Parameters
    ----------
    study : Study

    Returns
    -------
    iterator of Figure
    """
    return (figure(each, study.pictures.get(each.name)) for each in pictures(study))


def figure(picture: Picture, saved: Path | None) -> Figure:
    """Convert a picture to a block of a report: interactive, and as the file saved.

    Parameters
    ----------
    picture : Picture
    saved : Path or None
        PNG.

    Returns
    -------
    Figure
    """
    return Figure(
        name=picture.name, title=picture.title, caption=picture.caption, plot=plot(picture),
        picture=saved, wide=picture.wide, alt=picture.alt, least=least_width(picture),
    )  # fmt: skip


def pictures(study: Study) -> Iterator[Picture]:
    """Yield the descriptions of the figures.

    Parameters
    ----------
    study : Study

    Yields
    ------
    Picture
    """
    view, merit = study.view, study.view.merit
    rows = study.ranked[np.isfinite(view.column(merit)[study.ranked])]
    if rows.size:
        if costs := known_costs(view, rows):
            yield against_cost(view, rows, shown=_thinned(study, rows, costs[0]))
        if lasts(view):
            yield over_time(view, study.best_of_each())
        if view.ds[merit].sizes.get("realisation", 1) > 1:
            best = study.best_of_each()
            yield distribution(view, merit, study.ranked[np.isin(study.ranked, best)])
    if study.ranked.size:
        if "energy" in weighed(view) and "energy_breakdown" in view.ds:
            yield alike_picture(view)
        for metric in view.courses:
            yield course_picture(view, metric)
        if weighed(view) != MAIN and sweeps_numbers(view):
            yield tradeoff_picture(view)
        yield from _parallel(study)


def _parallel(study: Study) -> Iterator[Picture]:
    """Yield the parallel coordinates of the Pareto set and others, where there are enough axes."""
    view = study.view.rows(study.ranked)
    best = study.front[study.ranked]
    scales = scales_of(view, dict(study.objectives), materials=True)
    if len(scales) < _LEAST_AXES or view.numbers.size < 2:
        return
    front = _evenly(np.flatnonzero(best), _MOST_LINES)
    others = _evenly(np.flatnonzero(~best), _MOST_LINES - front.size)
    yield parallel(view, scales, best, np.concatenate([others, front]))


def _thinned(study: Study, rows: Index, cost: str) -> Index:
    """Candidates that are drawn: all, or the front and others evenly along the rank."""
    if rows.size <= MOST_POINTS:
        return rows
    rows = rows[np.isfinite(study.view.column(cost)[rows])]
    best = front_of(study.view, rows, cost)
    front = rows[best][:MOST_POINTS]
    kept = rows[study.front[rows] & ~best][: MOST_POINTS - front.size]
    others = rows[~best & ~study.front[rows]]
    return np.concatenate([front, kept, _evenly(others, MOST_POINTS - front.size - kept.size)])


def _evenly(rows: Index, most: int) -> Index:
    return rows[np.linspace(0, rows.size - 1, min(most, rows.size)).astype(np.intp)]
