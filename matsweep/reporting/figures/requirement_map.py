"""The region that meets a target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matsweep.analysis.attributes import short_names
from matsweep.analysis.families import Family
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.studytable import Scale
from matsweep.analysis.wording import is_fraction, quantity
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.labels import capital, worded
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import BLUE, IDEAL, material_styles

_MAPPED = 61  # points along each parameter of a map
_LINE = 121
_NEAR = 0.1  # of a parameter's range
_INK = "#262626"


def requirement_figure(found: Requirements, x: str | None = None, y: str | None = None) -> Figure:
    """Draw the probability to meet a target, over two parameters.

    All others are at their best values. The solid line is the limit (50 %), dashed ones are where
    the probability is the requirements' confidence, and one minus that. Candidates are drawn that
    lie near these values of the other parameters (`near_slice`), and the caption has their number.
    With one parameter the metric is drawn over it.

    Parameters
    ----------
    found : Requirements
        Result of `requirements`.
    x : str, optional
        Parameter, or the end of its name. Default: the first with a limit.
    y : str, optional
        Default: the second with a limit, if there is one.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If they are no swept parameters, or the same.
    """
    return draw(requirement_picture(found, x, y))


def requirement_picture(
    found: Requirements,
    x: str | None = None,
    y: str | None = None,
    *,
    name: str = "required",
    materials: Iterable[str] = (),
) -> m.Picture:
    """Describe where a target is met: over two parameters its probability, over one the metric.

    Parameters
    ----------
    found : Requirements
    x : str, optional
    y : str, optional
    name : str
        Of the picture.
    materials : iterable of str
        All names of the study, which share the colours.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If they are no swept parameters, or the same.
    """
    drawn = found.shown(x, y)
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    short = _short(scales)
    across, up = scales[drawn[0]], scales[drawn[1]] if len(drawn) == 2 else None
    marks = _line(found, across) if up is None else _map(found, across, up)
    marks += _candidates(found, across, up) + _families(found, across, up, materials)
    vertical = metric_axis(found) if up is None else parameter_axis(up, found)
    panel = m.Panel(x=parameter_axis(across, found), y=vertical, marks=tuple(marks),
                  title=_heading(found, *drawn))  # fmt: skip
    others = settings_text(found, drawn)
    caption = "The fitted mean with two deviations; dashed: the target."
    if up is not None:
        c = 100 * found.confidence
        caption = "Probability that the fitted mean meets the target; solid: 50 %, dashed: "
        caption += f"{100 - c:.3g} and {c:.3g} %."
    caption += f" All else at its best: {others}." if others else ""
    near = near_slice(found, drawn)
    if not near.all():
        caption += (
            f" Drawn are the {int(near.sum())} of {near.size} candidates whose other parameters "
            f"are nearest to that, or within {100 * _NEAR:.0f} % of their ranges of it."
        )
    target = written(found)
    title = f"Where {target} is met" + (f" by {label(found)}" if found.material else "")
    said = [_said(family, short) for family in found.families]
    return m.Picture(
        name=name, title=title, caption=caption, rows=((panel,),), beside=True,
        alt=f"{capital(target)}: {'; '.join(said)}." if said else "",
        width=165.0, height=75.6,
    )  # fmt: skip


def _said(family: Family, short: Mapping[str, str]) -> str:
    """Verdict on a material, or why it has none."""
    if family.unknown:
        return f"{family.label}: position unknown, {', '.join(_unstated(family, short))}"
    return f"{family.label} meets it with {percent(family)}"


def _unstated(family: Family, short: Mapping[str, str]) -> list[str]:
    """Parameters that a material does not state, and whether studies draw any."""
    parts = [f"{' and '.join(short[name] for name in family.unknown)} not stated"]
    return [*parts, "drawn from a prior"] if family.drawn else parts


def near_slice(found: Requirements, drawn: tuple[str, ...]) -> NDArray[np.bool_]:
    """Mark the candidates near the slice that a picture shows.

    Parameters
    ----------
    found : Requirements
    drawn : tuple of str
        Parameters on the picture's axes.

    Returns
    -------
    (row,) array of bool
        Whether each parameter that is not drawn is within a tenth of its range from its best
        value, or no candidate's is nearer. All, where that leaves none.
    """
    table = found.surrogate.table
    near = np.ones(len(table.values), dtype=np.bool_)
    for index, scale in enumerate(table.scales):
        if scale.name not in drawn:
            away = np.abs(
                scale.to_unit(table.points[:, index]) - scale.to_unit(found.best[scale.name])
            )
            near &= away <= max(_NEAR, float(away.min()) + 1e-9)
    return near if near.any() else ~near


def percent(family: Family) -> str:
    """Probability of a material to meet the target, in percent.

    Parameters
    ----------
    family : Family

    Returns
    -------
    str
    """
    if 0.001 <= family.probability <= 0.999:
        return f"{100 * family.probability:.3g} %"
    return "> 99.9 %" if family.inside else "< 0.1 %"


def place(family: Family, scale: Scale) -> float:
    """Place of a material on an axis: its own value, or the end of the sweep; NaN if it has none.

    Parameters
    ----------
    family : Family
    scale : Scale

    Returns
    -------
    float
        In the unit of the scale.
    """
    value = family.position[scale.name]
    return math.nan if value is None else min(max(value, scale.low), scale.high)


def written(found: Requirements) -> str:
    """Target with its signs as people write them: "accuracy ≥ 95 %".

    Parameters
    ----------
    found : Requirements

    Returns
    -------
    str
    """
    text = found.target.replace(">=", " ≥ ").replace("<=", " ≤ ").replace("%", " %")
    return " ".join(text.split())


def label(found: Requirements) -> str:
    """Readable name of the material whose requirements they are, "" without one.

    Parameters
    ----------
    found : Requirements

    Returns
    -------
    str
    """
    known = {family.material: family.label for family in found.families}
    return known.get(found.material or "", found.material or "")


def _short(scales: Mapping[str, Scale]) -> dict[str, str]:
    return {name: worded(name, text) for name, text in short_names(scales).items()}


def _heading(found: Requirements, *drawn: str) -> str:
    """Target, material, and the values of the parameters that are not drawn."""
    target = written(found)
    parts = [target] if found.material is None else [target, label(found)]
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    short = _short(scales)
    parts += [
        f"{short[n]} {quantity(scales[n], v)}" for n, v in found.best.items() if n not in drawn
    ]
    lines = [", ".join(parts[start : start + 2]) for start in range(0, len(parts), 2)]
    return ",\n".join(lines)


def _map(found: Requirements, across: Scale, up: Scale) -> list[m.Mark]:
    grid = found.map(across.name, up.name, _MAPPED)
    x, y, values = (m.numbers(part) for part in (grid[across.name], grid[up.name], grid.values))
    c = found.confidence
    marks: list[m.Mark] = [
        m.Cells(x=x, y=y, values=values, colours="Blues", low=0.0, high=1.0, smooth=True,
              scale=m.Axis(title="probability to meet the target", percent=True),
              levels=tuple(sorted({0.0, 1 - c, 0.25, 0.5, 0.75, c, 1.0})))
    ]  # fmt: skip
    solid = m.Look(colour=_INK, line="solid", width=1.2)
    dashed = m.Look(colour=_INK, line="dash", width=0.8)
    for levels, look, name in (
        ((0.5,), solid, "limit (50 %)"),
        ((1 - c, c), dashed, f"{100 * (1 - c):.3g} and {100 * c:.3g} %"),
    ):
        if any(values.min() < level < values.max() for level in levels):
            marks.append(m.Contour(x=x, y=y, values=values, levels=levels, look=look, name=name))
    return marks


def _line(found: Requirements, scale: Scale) -> list[m.Mark]:
    x = scale.from_unit(np.linspace(0, 1, _LINE))
    mean, deviation = found.surrogate.predict(x[:, None])
    blue = m.Look(colour=BLUE, line="solid", width=1.2)
    faint = m.Look(colour=BLUE, opacity=0.2)
    return [
        m.Area.band(x, mean - 2 * deviation, mean + 2 * deviation, faint),
        m.Series(x=x, y=mean, look=blue, name="fit"),
        m.Guide(at=found.bound, across="y", look=IDEAL, name="target"),
    ]


def _candidates(found: Requirements, across: Scale, up: Scale | None) -> list[m.Mark]:
    table, names = found.surrogate.table, list(found.surrogate.names)
    x = table.points[:, names.index(across.name)]
    y = table.values if up is None else table.points[:, names.index(up.name)]
    look = m.Look(colour=_INK, marker="o", size=2.8)
    marks: list[m.Mark] = []
    near = near_slice(found, (across.name,) if up is None else (across.name, up.name))
    for which, name, hollow in (
        (near & ~found.met, "not met", True), (near & found.met, "met", False),
    ):  # fmt: skip
        if which.any():
            values = [_metric(found, value) for value in table.values[which].tolist()]
            marks.append(m.Series(x=x[which], y=y[which], name=f"candidate, {name}",
                                look=replace(look, hollow=hollow),
                                text=tuple(f"{found.metric} {v}" for v in values)))  # fmt: skip
    return marks


def _families(
    found: Requirements, across: Scale, up: Scale | None, materials: Iterable[str]
) -> list[m.Mark]:
    """Mark the materials: hollow where a value is beyond the sweep; none where it is not stated."""
    styles = material_styles([*materials, *(family.material for family in found.families)])
    drawn = [across.name] if up is None else [across.name, up.name]
    short = _short({scale.name: scale for scale in found.surrogate.table.scales})
    marks: list[m.Mark] = []
    for family in found.families:
        exact = not set(family.beyond) & set(drawn)
        text = f"met with {percent(family)}" + ("" if exact else ", beyond the sweep")
        if family.unknown:
            text = ",\n".join(["position unknown", *_unstated(family, short)])
        text = f"{family.label}:\n{text}"
        height = family.metric if up is None else place(family, up)
        marks.append(m.Series(
            x=m.numbers([place(family, across)]), y=m.numbers([height]), name=text,
            look=replace(styles[family.material], size=7.0, hollow=not exact), text=(text,),
        ))  # fmt: skip
    return marks


def _metric(found: Requirements, value: float) -> str:
    share = found.surrogate.table.share
    return f"{100 * value:.4g} %" if share else f"{value:.4g} {found.unit}".removesuffix(" 1")


def metric_axis(found: Requirements) -> m.Axis:
    """Axis of the metric of the target.

    Parameters
    ----------
    found : Requirements

    Returns
    -------
    Axis
    """
    return m.Axis(title=found.metric, unit=found.unit, percent=found.surrogate.table.share,
                logarithmic=found.surrogate.logarithmic)  # fmt: skip


def parameter_axis(scale: Scale, found: Requirements) -> m.Axis:
    """Axis of a swept parameter.

    Parameters
    ----------
    scale : Scale
        Of the parameter.
    found : Requirements
        Whose parameters have names that differ.

    Returns
    -------
    Axis
    """
    short = _short({each.name: each for each in found.surrogate.table.scales})
    return m.Axis(title=short[scale.name], unit=scale.unit, percent=is_fraction(scale),
                logarithmic=scale.logarithmic, whole=scale.whole)  # fmt: skip


def settings_text(found: Requirements, drawn: Sequence[str]) -> str:
    """Write the best values of the parameters that are not drawn.

    Parameters
    ----------
    found : Requirements
    drawn : sequence of str

    Returns
    -------
    str
        Empty where all are drawn.
    """
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    short = _short(scales)
    return ", ".join(
        f"{short[n]} {quantity(scales[n], v)}" for n, v in found.best.items() if n not in drawn
    )
