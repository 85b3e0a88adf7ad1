"""Regions that meet a target under each condition, in one picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from contourpy import FillType, contour_generator  # of matplotlib, which needs it
from matplotlib.figure import Figure

from matsweep.analysis.conditional import Conditional
from matsweep.analysis.labels import AXES
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.studytable import Scale
from matsweep.core.checks import UserError
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.labels import capital
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.requirement_map import (
    label,
    metric_axis,
    near_slice,
    parameter_axis,
    settings_text,
    written,
)
from matsweep.reporting.figures.style import IDEAL, PALETTE

_MAPPED = 81  # points along each parameter
_LINE = 121
_INK = "#262626"
_LOOKS = (
    m.Look(colour=_INK, line="dash", width=1.5),
    m.Look(colour=PALETTE[0], line="solid", width=2.0),
    m.Look(colour=PALETTE[1], line="dashdot", width=1.7),
    m.Look(colour=PALETTE[2], line="dot", width=1.9),
)
"""Line and colour of each condition, the baseline first: they differ in style too, for grey."""
_FAINT = 0.17  # opacity of the band of a condition
_PLACES = (0.5, 0.4, 0.7, 0.3)  # along a line, where its name stands if nothing is in its way
_EDGE = 0.03  # of an axis, beyond the outermost candidates
_MOST = 8.0  # score of a probability: beyond it 1 is written as exactly 1
_LETTER, _HIGH = 0.0155, 0.028  # width of a letter, and half the height of a name, in axes


def conditional_figure(
    found: Conditional, x: str | None = None, y: str | None = None, *, width: float = 125.0
) -> Figure:
    """Draw the boundaries of the regions that meet a target, one for each condition.

    Parameters
    ----------
    found : Conditional
        Result of `requirements_by_condition`.
    x : str, optional
        Parameter, or the end of its name. Default: the first with a limit.
    y : str, optional
        Default: the second with a limit, if there is one.
    width : float, mm

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If they are no swept parameters, or the same.
    """
    return draw(replace(conditional_picture(found, x, y), width=width))


def conditional_picture(
    found: Conditional, x: str | None = None, y: str | None = None, *, name: str = "required"
) -> m.Picture:
    """Describe where a target is met under each condition: boundaries, bands, tested points.

    A line is where the probability to meet the target is 50 %, its band reaches from one minus the
    confidence to the confidence. With one parameter the metric is drawn over it.

    Parameters
    ----------
    found : Conditional
    x : str, optional
    y : str, optional
    name : str
        Of the picture.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If they are no swept parameters, or the same.
    """
    drawn = _drawn(found, x, y)
    across = found.scale(drawn[0])
    up = found.scale(drawn[1]) if len(drawn) == 2 else None
    marks: list[m.Mark] = []
    if up is None:
        for place, required in enumerate(found.required):
            marks += _curve(found, place, required, across)
        marks.append(m.Guide(at=found.first.bound, across="y", look=IDEAL, name="target"))
    else:
        marks += _boundaries(found, across, up)
        marks += _points(found, across, up)
    first = found.first
    target = written(first)
    c = 100 * first.confidence
    caption = "The fitted means with two deviations; dashed: the target."
    if up is not None:
        caption = (
            f"Lines: the fitted mean meets the target with a probability of 50 %; bands: "
            f"{100 - c:.3g} to {c:.3g} %."
        )
    others = settings_text(first, drawn)
    caption += f" All else at its best: {others}." if others else ""
    caption += _left_out(found, drawn)
    who = f" by {label(first)}" if first.material else ""
    panel = m.Panel(
        x=_axis(found, across), y=metric_axis(first) if up is None else _axis(found, up),
        marks=tuple(marks), title=f"{target}{who}",
    )  # fmt: skip
    return m.Picture(
        name=name, title=f"Where {target} is met{who}, by condition", caption=caption,
        rows=((panel,),), width=125.0, height=88.0, pixels=600,
        alt=f"{capital(' '.join(f'{line}.' for line in found.lines()))}",
    )  # fmt: skip


def look_of(place: int) -> m.Look:
    """Line and colour of a condition.

    Parameters
    ----------
    place : int
        Its place, 0: the baseline.

    Returns
    -------
    Look
    """
    return _LOOKS[0] if place == 0 else _LOOKS[1 + (place - 1) % (len(_LOOKS) - 1)]


def _axis(found: Conditional, scale: Scale) -> m.Axis:
    """Axis of a parameter in words, with room for the outermost candidates."""
    ends = scale.from_unit(np.array([-_EDGE, 1 + _EDGE]))
    axis = parameter_axis(scale, found.first)
    title = AXES[scale.name].label if scale.name in AXES else axis.title
    return replace(axis, title=capital(title), limits=(float(ends[0]), float(ends[1])))


def _drawn(found: Conditional, x: str | None, y: str | None) -> tuple[str, ...]:
    """Parameters on the axes: those asked for, else those with a limit under any condition."""
    ranked = sorted(
        found.required, key=lambda each: -sum(one.direction in ("<=", ">=") for one in each.limits)
    )
    shown = ranked[0].shown(x, y)
    if len(set(shown)) < len(shown):
        raise UserError(f"a map needs two parameters, got {shown[0]} twice")
    return shown


def _boundaries(found: Conditional, across: Scale, up: Scale) -> list[m.Mark]:
    """Bands, and lines with their names above them."""
    from scipy.special import ndtri

    bands: list[m.Mark] = []
    lines: list[m.Mark] = []
    named: list[tuple[int, m.Numbers, m.Numbers, m.Numbers]] = []
    for place, (condition, required) in enumerate(
        zip(found.conditions, found.required, strict=True)
    ):
        grid = required.map(across.name, up.name, _MAPPED)
        x, y = (m.numbers(grid[scale.name]) for scale in (across, up))
        # Normal scores are smooth where probabilities jump from 0 to 1 within a cell.
        values = np.clip(ndtri(m.numbers(grid.values)), -_MOST, _MOST)
        look, end = look_of(place), float(ndtri(required.confidence))
        faint = m.Look(colour=look.colour, opacity=_FAINT)
        bands += [m.Area(x=a, y=b, look=faint) for a, b in _filled(x, y, values, -end, end)]
        if values.min() < 0 < values.max():
            lines.append(m.Contour(x=x, y=y, values=values, levels=(0.0,), look=look,
                                   name=condition.words))  # fmt: skip
            named.append((place, x, y, values))
        else:
            where = "everywhere" if values.min() >= 0 else "nowhere"
            nothing = np.full(1, np.nan)
            lines.append(m.Series(x=nothing, y=nothing, look=look,
                                  name=f"{condition.words}: met {where}"))  # fmt: skip
    return [*bands, *lines, *_names(found, across, up, named)]


def _filled(
    x: m.Numbers, y: m.Numbers, values: m.Numbers, low: float, high: float
) -> Iterator[tuple[m.Numbers, m.Numbers]]:
    """Yield the polygons between two levels; holes are joined to their outer line."""
    generator = contour_generator(x, y, values, fill_type=FillType.OuterOffset)
    for points, offsets in zip(*generator.filled(low, high), strict=True):
        path = points[offsets[0] : offsets[1]]
        for start, end in itertools.pairwise(offsets[1:]):
            path = np.concatenate([path, points[start:end], path[:1]])
        yield path[:, 0], path[:, 1]


def _names(
    found: Conditional,
    across: Scale,
    up: Scale,
    lines: Sequence[tuple[int, m.Numbers, m.Numbers, m.Numbers]],
) -> Iterator[m.Text]:
    """Yield the names of conditions at their lines, where they hide the fewest candidates."""
    hidden = np.concatenate([
        np.stack([across.to_unit(x), up.to_unit(y)], axis=1) for x, y in _tested(found, across, up)
    ])  # fmt: skip
    for place, x, y, values in lines:
        found_lines = contour_generator(x, y, values).lines(0.0)
        pieces = [m.numbers(each) for each in found_lines if isinstance(each, np.ndarray)]
        line = max(pieces, key=len)
        u = np.stack([across.to_unit(line[:, 0]), up.to_unit(line[:, 1])], axis=1)
        text = found.conditions[place].words
        wide = _LETTER * len(text)
        left = u[:, 0] + wide < 1.0
        start = np.where(left, u[:, 0], u[:, 0] - wide)
        gaps = hidden[None] - np.stack([start, u[:, 1]], axis=1)[:, None]
        inside = (gaps[..., 0] > -_HIGH / 2) & (gaps[..., 0] < wide + _HIGH / 2)
        count = (inside & (np.abs(gaps[..., 1]) < _HIGH)).sum(axis=1)
        count += len(hidden) * (np.abs(u[:, 1] - 0.5) > 0.5 - _EDGE)  # at the ends of the axis
        middle = _PLACES[place % len(_PLACES)] * (u[:, 1].min() + u[:, 1].max())
        at = int(np.lexsort((np.abs(u[:, 1] - middle), count))[0])
        columns = start[at] + np.linspace(-_HIGH, wide + _HIGH, 9)
        rows = u[at, 1] + np.array([-_HIGH, 0.0, _HIGH])
        box = np.stack(np.meshgrid(columns, rows), axis=-1)
        hidden = np.concatenate([hidden, box.reshape(-1, 2)])  # names do not hide each other
        yield m.Text(
            x=float(line[at, 0]),
            y=float(line[at, 1]),
            text=text,
            anchor="left" if left[at] else "right",
            colour=look_of(place).colour,
        )


def _tested(found: Conditional, across: Scale, up: Scale) -> Iterator[tuple[m.Numbers, m.Numbers]]:
    """Yield the places of the candidates of each condition that are drawn."""
    for required in found.required:
        names, table = list(required.surrogate.names), required.surrogate.table
        near = near_slice(required, (across.name, up.name))
        first, second = (table.points[near, names.index(s.name)] for s in (across, up))
        yield first, second


def _points(found: Conditional, across: Scale, up: Scale) -> list[m.Mark]:
    """Candidates that were tested, by the conditions under which they meet the target."""
    met: dict[tuple[float, float], list[bool | None]] = {}
    for place, (required, (first, second)) in enumerate(
        zip(found.required, _tested(found, across, up), strict=True)
    ):
        near = near_slice(required, (across.name, up.name))
        own = zip(first.tolist(), second.tolist(), required.met[near].tolist(), strict=True)
        for a, b, ok in own:
            met.setdefault((a, b), [None] * len(found.required))[place] = ok
    groups: dict[str, list[tuple[float, float]]] = {}
    for point, marks in met.items():
        groups.setdefault(_group(found, marks), []).append(point)
    looks = {
        "not met": m.Look(colour=_INK, marker="o", size=3.4, hollow=True),
        "met": m.Look(colour=_INK, marker="o", size=3.6),
    }
    between = m.Look(colour=PALETTE[0], marker="D", size=3.8)
    order = sorted(groups, key=lambda name: (name != "not met", name == "met", name))
    return [
        m.Series(x=m.numbers([x for x, _ in groups[name]]),
                 y=m.numbers([y for _, y in groups[name]]), look=looks.get(name, between),
                 name=f"candidate, {name}", text=(name,) * len(groups[name]))
        for name in order
    ]  # fmt: skip


def _group(found: Conditional, marks: Sequence[bool | None]) -> str:
    """Name the conditions under which a point meets the target."""
    known = [mark for mark in marks if mark is not None]
    if all(known):
        return "met"
    if not any(known):
        return "not met"
    if len(found.conditions) > 2:
        return "met under some"
    words = [each.words for each, mark in zip(found.conditions, marks, strict=True) if mark]
    return f"met only with {words[0]}"


def _curve(found: Conditional, place: int, required: Requirements, across: Scale) -> list[m.Mark]:
    """Fit of the metric over one parameter, with its band and the candidates."""
    look, table = look_of(place), required.surrogate.table
    x = across.from_unit(np.linspace(0, 1, _LINE))
    mean, deviation = required.surrogate.predict(x[:, None])
    faint = m.Look(colour=look.colour, opacity=_FAINT)
    own = m.Look(colour=look.colour, marker="o", size=3.4, hollow=place == 0)
    return [
        m.Area.band(x, mean - 2 * deviation, mean + 2 * deviation, faint),
        m.Series(x=x, y=mean, look=look, name=found.conditions[place].words),
        m.Series(x=table.points[:, 0], y=table.values, look=own),
    ]


def _left_out(found: Conditional, drawn: tuple[str, ...]) -> str:
    """State how many candidates are drawn, where the picture is a slice."""
    near = [near_slice(required, drawn) for required in found.required]
    if all(each.all() for each in near):
        return ""
    shown, total = (int(sum(each)) for each in zip(*((n.sum(), n.size) for n in near), strict=True))
    return f" Drawn are the {shown} of {total} candidates that are nearest to that."
