"""Regions under conditions in one picture and in the report."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from matsweep.analysis.checked import Checked
from matsweep.analysis.conditional import requirements_by_condition
from matsweep.core.checks import UserError
from matsweep.reporting import report
from matsweep.reporting.figures import interactive, marks, printed
from matsweep.reporting.figures.conditional_map import (
    conditional_figure,
    conditional_picture,
    look_of,
)
from matsweep.reporting.figures.style import grey
from matsweep.reporting.report.study import studied
from tests.analysis.test_conditional import ERROR, loss, under_conditions
from tests.analysis.test_surrogate import made
from tests.conditioned import NOISE

TARGET = "accuracy >= 95 %"


@pytest.fixture(scope="module")
def found():
    return requirements_by_condition(under_conditions(noise=0.005), TARGET)


def of_kind(picture, kind):
    return [mark for panel in picture.panels for mark in panel.marks if isinstance(mark, kind)]


def test_each_condition_has_its_boundary_band_and_name(found):
    picture = conditional_picture(found)
    lines = of_kind(picture, marks.Contour)
    assert [line.name for line in lines] == ["no training", "training at noise 0.05"]
    assert len({line.look.line for line in lines}) == 2  # apart in grey
    assert len(of_kind(picture, marks.Area)) >= 2
    assert {text.text for text in of_kind(picture, marks.Text)} == {line.name for line in lines}
    names = {axis.title for panel in picture.panels for axis in (panel.x, panel.y)}
    assert names == {"Scale of the programming error", "Read noise"}


def test_boundaries_are_where_the_truth_crosses_the_target(found):
    for text, level in zip(of_kind(conditional_picture(found), marks.Text), ("null", "0.05"),
                           strict=True):  # fmt: skip
        assert loss(text.x, text.y, level) == pytest.approx(0.03, rel=0.1)


def test_bands_lie_on_both_sides_of_the_boundary(found):
    areas = of_kind(conditional_picture(found), marks.Area)
    for area, level in zip(areas[:2], ("null", "0.05"), strict=True):
        losses = loss(area.x, area.y, level)
        assert losses.min() < 0.03 < losses.max()


def test_candidates_are_grouped_by_the_conditions_that_they_meet(found):
    points = {mark.name: mark for mark in of_kind(conditional_picture(found), marks.Series)}
    assert set(points) == {
        "candidate, met", "candidate, not met", "candidate, met only with training at noise 0.05",
    }  # fmt: skip
    assert sum(len(mark.x) for mark in points.values()) == 42
    met = points["candidate, met"]
    assert (loss(met.x, met.y, "null") < 0.035).all()
    assert points["candidate, not met"].look.hollow


def test_both_renderers_draw_it(found):
    picture = conditional_picture(found, "read_noise", "scale")
    assert picture.rows[0][0].x.title == "Read noise"
    assert len(printed.draw(picture).axes) == 1
    plotted = interactive.plot(picture)
    assert json.dumps(plotted, allow_nan=False)
    assert sum(trace["type"] == "contour" for trace in plotted["data"]) == 2
    assert conditional_figure(found, width=85.0).axes
    with pytest.raises(UserError, match="two"):
        conditional_picture(found, "read_noise", "read_noise")


def test_conditions_differ_in_grey():
    shades = [grey(look_of(place).colour) for place in range(4)]
    assert len({look_of(place).line for place in range(4)}) == 4
    assert shades[0] < 20 < min(shades[1:])


def test_a_condition_that_meets_the_target_nowhere_is_named():
    ds = under_conditions(noise=0.002)
    lower = ds["accuracy"] - 0.04 * (ds[NOISE] == "null")
    found = requirements_by_condition(
        ds.assign(accuracy=lower.assign_attrs(ds["accuracy"].attrs)), TARGET
    )
    assert "no training: met nowhere" in conditional_picture(found).legend
    assert printed.draw(conditional_picture(found)).axes


def test_one_parameter_is_drawn_as_curves():
    parts = [
        made(lambda e, level=level: 0.98 - loss(e, 0, level), {ERROR: np.linspace(0, 0.12, 9)})
        .assign_coords({NOISE: ("candidate", np.full(9, level))})
        for level in ("null", "0.05")
    ]  # fmt: skip
    ds = xr.concat(parts, "candidate").assign_attrs(under_conditions().attrs)
    picture = conditional_picture(requirements_by_condition(ds, TARGET))
    assert {"no training", "training at noise 0.05", "target"} <= set(picture.legend)
    assert printed.draw(picture).axes


def test_the_report_has_lines_and_one_picture(tmp_path):
    console = Console(record=True, width=160)
    report(under_conditions(noise=0.004), console, tmp_path, target=TARGET)
    text = " ".join(console.export_text().split())
    assert "times that with no training" in text
    assert "Training at noise 0.05: " in text
    assert (tmp_path / "required.png").exists()


def test_regions_of_all_conditions_are_checked():
    asked = {}

    def check(required):
        asked.update(required)
        return {
            name: Checked(
                region="jointly", expected=np.ones(1), points=np.zeros((1, 2)),
                values=np.ones(1), errors=np.zeros(1), met=np.ones(1, bool), worst="", missed="",
                failed=0, store="s.zarr",
            )
            for name in required
        }  # fmt: skip

    study = studied(under_conditions(noise=0.004), target=TARGET, check=check)
    assert set(asked) == {"no training", "training at noise 0.05"}
    assert [each.candidate for each in asked.values()] == [0, 42]
    assert all(each.checked is not None for each in study.required[""].required)
