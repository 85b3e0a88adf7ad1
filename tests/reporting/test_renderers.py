"""Both libraries draw what the description of a figure says: points, series, axes and labels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.text import Text as Printed

from matsweep.analysis.requirements import requirements
from matsweep.analysis.sensitivity import sensitivity
from matsweep.analysis.view import View
from matsweep.reporting.figures.breakdown import breakdown, cheapest_picture
from matsweep.reporting.figures.course import course_picture
from matsweep.reporting.figures.distribution import distribution_picture
from matsweep.reporting.figures.interactive import plot, safe
from matsweep.reporting.figures.marks import (
    Area,
    Axis,
    Bars,
    Cells,
    Contour,
    Guide,
    Look,
    Panel,
    Paths,
    Picture,
    Series,
    Text,
)
from matsweep.reporting.figures.parallel import parallel_picture
from matsweep.reporting.figures.pareto import pareto_picture
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.requirement_map import requirement_picture
from matsweep.reporting.figures.sensitivity_bars import sensitivity_picture
from matsweep.reporting.figures.tradeoff import tradeoff_picture
from matsweep.reporting.texts import scaled
from tests.synthetic import study

from .report.hostile import hidden, strings
from .test_cheapest import array_study
from .test_learning import learning_study
from .test_tradeoff import physics_study

ONE = {"materials": ("pcm_gst",), "realisations": 2}
PICTURES = {
    "pareto": lambda: pareto_picture(View(study(realisations=2))),
    "pareto without costs": lambda: pareto_picture(
        View(study(realisations=2).drop_vars(["energy", "latency", "area"]))),
    "pareto of one material": lambda: pareto_picture(View(study(**ONE, times=(20.0,)))),
    "course": lambda: course_picture(View(learning_study(candidates=12))),
    "distribution": lambda: distribution_picture(View(study())),
    "parallel": lambda: parallel_picture(View(study(realisations=2)), most=30),
    "trade-off": lambda: tradeoff_picture(View(physics_study())),
    "energy": lambda: cheapest_picture(View(array_study())),
    "energy of the best": lambda: breakdown(View(array_study()), np.array([8, 17])),
    "requirements of two": lambda: requirement_picture(
        requirements(study(**ONE), "accuracy >= 85 %")),
    "requirements of one": lambda: requirement_picture(
        requirements(study(**ONE, bits=(8,), scales=tuple(np.linspace(0, 0.06, 12))),
                     "accuracy >= 85 %")),
    "sensitivity": lambda: sensitivity_picture(sensitivity(study(**ONE), method="surrogate")),
    "sensitivity of any design": lambda: sensitivity_picture(
        sensitivity(study(**ONE), method="pawn")),
}  # fmt: skip


@cache
def picture(name):
    return PICTURES[name]()


def panels_of(figure):
    """Return the panels of a figure of matplotlib, without scales of colours."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def same(shown, wanted):
    shown, wanted = np.asarray(shown, dtype=float), np.asarray(wanted, dtype=float)
    close = {"rtol": 1e-5, "atol": 1e-18, "equal_nan": True}  # energies are of the order of 1e-9
    return shown.shape == wanted.shape and np.allclose(shown, wanted, **close)


def printed(axes):
    """Return the points and lines, bars and areas of a panel of matplotlib."""
    dots = [c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)]
    lines = [line.get_xydata() for line in axes.lines if line.get_linestyle() != "None"]
    bars = [(p.get_x(), p.get_width(), p.get_y() + p.get_height() / 2) for c in axes.containers
            for p in getattr(c, "patches", ())]  # fmt: skip
    return dots, lines, bars


@pytest.mark.parametrize("name", PICTURES)
def test_matplotlib_draws_what_is_described(name):
    described = picture(name)
    figure = draw(described)
    panels = panels_of(figure)
    assert len(panels) == len(list(described.panels))
    for axes, panel in zip(panels, described.panels, strict=True):
        dots, lines, bars = printed(axes)
        series = [mark for mark in panel.marks if isinstance(mark, Series)]
        for mark in series:
            place = np.stack([mark.x, mark.y], axis=1)
            assert any(same(points, place) for points in (lines if mark.look.line else dots))
        assert len(dots) == sum(not mark.look.line for mark in series)
        paths = [np.stack([x, y], axis=1) for mark in panel.marks if isinstance(mark, Paths)
                 for x, y in zip(mark.x, mark.y, strict=True)]  # fmt: skip
        assert all(any(same(line, path) for line in lines) for path in paths)
        guides = [mark.at for mark in panel.marks if isinstance(mark, Guide)]
        assert len(lines) == sum(bool(m.look.line) for m in series) + len(paths) + len(guides)
        wanted = [bar for mark in panel.marks if isinstance(mark, Bars)
                  for bar in zip(mark.starts, mark.lengths, mark.places, strict=True)]  # fmt: skip
        assert same(bars, wanted)
        areas = [mark for mark in panel.marks if isinstance(mark, Area)]
        assert len(axes.patches) == len(areas) + len(wanted)
        for mark in panel.marks:
            if isinstance(mark, Cells) and not mark.smooth:
                (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
                assert same(np.ma.filled(mesh.get_array(), np.nan), mark.values)
        maps = [m for m in panel.marks if isinstance(m, Contour) or getattr(m, "smooth", False)]
        assert sum(isinstance(c, ContourSet) for c in axes.collections) == len(maps)
        assert axes.get_xlabel().replace("\n", " ").startswith(panel.x.title)
        assert axes.get_ylabel().replace("\n", " ").startswith(panel.y.title)
        assert axes.get_title("left") == panel.title
        notes = [text.get_text() for text in axes.texts]
        assert set(notes) >= {mark.text for mark in panel.marks if isinstance(mark, Text)}
    holder = figure.subfigs[-1] if figure.subfigs else figure
    shown = [text.get_text() for legend in holder.legends for text in legend.get_texts()]
    assert shown == list(described.legend)


@pytest.mark.parametrize("name", PICTURES)
def test_plotly_draws_what_is_described(name):
    described = picture(name)
    plotted = plot(described)
    for number, panel in enumerate(described.panels, start=1):
        suffix = "" if number == 1 else str(number)
        x, y = (plotted["layout"][f"{way}axis{suffix}"] for way in "xy")
        traces = [t for t in plotted["data"] if t.get("xaxis") == f"x{suffix}"]
        marks = [mark for mark in panel.marks if not isinstance(mark, Text)]
        assert len(traces) == len(marks)
        for trace, mark in zip(traces, marks, strict=True):
            assert trace["name"] == safe(getattr(mark, "name", ""))
            across, up = factor(panel, "x"), factor(panel, "y")
            if isinstance(mark, Series | Area):
                assert same(trace["x"], across * mark.x)
                assert same(trace["y"], up * mark.y)
            elif isinstance(mark, Paths):
                there = [v for v in trace["y"] if v is not None]
                assert same(there, up * mark.y[np.isfinite(mark.y)])
            elif isinstance(mark, Bars):
                assert same(trace["x"], across * mark.lengths)
                assert same(trace["base"], across * mark.starts)
            elif isinstance(mark, Guide):
                at, scale = (trace["x"], across) if mark.across == "x" else (trace["y"], up)
                assert same(at, [scale * mark.at] * 2)
            elif isinstance(mark, Cells):
                assert np.shape(trace["z"]) == mark.values.shape
        for axis, layout in ((panel.x, x), (panel.y, y)):
            assert layout["title"]["text"].replace("<br>", " ").startswith(safe(axis.title))
            if axis.ticks:
                assert layout["ticktext"] == [safe(text) for _, text in axis.ticks]
    shown = {trace["name"] for trace in plotted["data"] if trace["showlegend"]}
    assert shown == set(map(safe, described.legend))
    colours = {t["name"]: t["line"]["color"] if "lines" in t["mode"] else t["marker"]["color"]
               for t in plotted["data"] if t["showlegend"] and "mode" in t}  # fmt: skip
    for name, look in described.legend.items():
        if safe(name) in colours and not look.hollow:
            assert colours[safe(name)] == look.colour


def factor(panel, way):
    """Return the factor from SI units to those of an axis."""
    axis = getattr(panel, way)
    if axis.ticks or axis.time:
        return 1.0
    found = [np.ravel(values) for mark in panel.marks for values in along(mark, way)]
    return scaled(np.concatenate(found), axis.title, axis.unit, share=axis.percent)[0]


def along(mark, way):
    if isinstance(mark, Guide):
        return [mark.at] if mark.across == way else []
    if isinstance(mark, Bars):
        return [mark.places if way == "y" else mark.starts + mark.lengths]
    return [getattr(mark, way)]


def test_no_text_of_a_picture_is_hidden_or_reordered():
    text = "HfO\u202ex\u2066 $\\frac{$ \x1b"
    axis = Axis(title=text, ticks=((0.0, text), (1.0, text)), note=text)
    look = Look(colour="#123456", marker="o")
    marks = (
        Series(x=np.arange(2.0), y=np.arange(2.0), look=look, name=text, text=(text, text)),
        Guide(at=0.5, across="y", look=look, text=text),
        Text(x=0.5, y=0.5, text=text),
    )
    panel = Panel(x=axis, y=axis, marks=marks, title=text)
    picture = Picture(name="p", rows=((panel,),), heading=text, legend_title=text)
    figure = draw(picture)
    figure.canvas.draw()
    drawn = [each.get_text() for each in figure.findobj(Printed) if each.get_text()]
    assert [each for each in drawn if hidden(each)] == []
    assert sum(r"HfO\u202ex\u2066 $\frac{$ \x1b" in " ".join(each.split()) for each in drawn) >= 9
    assert hidden("".join(strings(plot(picture)))) == []
