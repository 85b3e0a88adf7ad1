"""The interactive figures: plotly takes them, and they show the results' own numbers."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from matsweep.analysis.pareto import pareto_mask
from matsweep.analysis.view import View
from matsweep.reporting.report import figures as drawn
from matsweep.reporting.report.figures import MOST_POINTS, figures
from matsweep.reporting.report.study import studied
from matsweep.reporting.texts import described
from tests.synthetic import MATERIALS, study

from .test_contents import SHAPES


def plot(ds, name):
    return next(f.plot for f in figures(studied(ds)) if f.name == name)


def points(figure):
    """Return the points of a scatter by their candidates' numbers."""
    found = {}
    for trace in figure["data"]:
        for cells, x, y in zip(trace.get("customdata", ()), trace["x"], trace["y"], strict=False):
            found[int(cells[0])] = x, y
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_plotly_takes_every_figure(shape):
    import plotly.graph_objects as go

    for figure in figures(studied(SHAPES[shape]())):
        plain = json.loads(json.dumps(figure.plot, allow_nan=False))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            go.Figure(plain)
        assert 150 < plain["layout"]["height"] < 2000


def test_the_scatter_shows_every_candidate_in_its_units():
    ds = study(realisations=2)
    figure = plot(ds, "pareto")
    summary = ds.matsweep.summary()
    shown = points(figure)
    assert set(shown) == set(range(120))
    assert figure["layout"]["xaxis"]["title"]["text"] == "Energy per inference (nJ)"
    for number, (x, y) in shown.items():
        assert x == pytest.approx(1e9 * float(summary["energy"][number]), rel=1e-5)
        assert y == pytest.approx(100 * float(summary["accuracy"][number]), rel=1e-5)


def test_the_line_is_the_front_of_the_two():
    ds = study(realisations=2)
    summary = ds.matsweep.pareto(["accuracy", "energy"]).matsweep.summary()
    table = np.stack([summary["accuracy"].values, summary["energy"].values], axis=1)
    front = np.flatnonzero(pareto_mask(table, ["higher", "lower"]))
    line = next(t for t in plot(ds, "pareto")["data"] if t["name"].startswith("Pareto front"))
    assert line["x"] == sorted(line["x"])
    assert line["y"] == sorted(line["y"])
    # From its ends it goes on to the edges of the panel.
    assert line["y"][1:-1] == pytest.approx(np.sort(100 * table[front, 0]).tolist(), rel=1e-5)


def test_bars_are_of_differences_on_the_front_only_and_there_are_none_of_one_realisation():
    ds = study(("sonos",), realisations=3)
    front = set(ds.matsweep.pareto(["accuracy", "energy"])["candidate"].values.tolist())
    accuracy = ds.matsweep.summary()["accuracy"].values
    best = max(front, key=lambda number: accuracy[number])
    for trace in plot(ds, "pareto")["data"]:
        if "error_y" not in trace:
            continue
        numbers = [int(cells[0]) for cells in trace["customdata"]]
        assert set(numbers) <= front
        for number, half in zip(numbers, trace["error_y"]["array"], strict=True):
            apart = ds.matsweep.difference(number, best, "accuracy")
            assert half == pytest.approx(100 * float(apart.high - apart.difference), rel=1e-5)
    alone = plot(study(("sonos",), realisations=1), "pareto")
    assert not [t for t in alone["data"] if "error_y" in t]


def test_colours_are_those_of_the_pictures():
    from matsweep.reporting.figures.style import material_styles

    ds = study(realisations=2)
    colours = {
        trace["legendgroup"]: trace["marker"]["color"]
        for trace in plot(ds, "pareto")["data"]
        if "legendgroup" in trace and trace["marker"]["color"] != "white"  # hollow ones
    }
    styles = material_styles(MATERIALS)
    assert colours == {MATERIALS[name][0]: style.colour for name, style in styles.items()}
    part = plot(ds.matsweep.select(material="sonos"), "pareto")
    assert part["data"][0]["marker"]["color"] == colours["SONOS"]


def test_hovering_tells_parameters_and_metrics():
    names, cells = described(View(study(realisations=2)), np.array([7]))
    told = dict(zip(names, cells[0], strict=True))
    assert told["no."] == "7"
    assert {"bits", "scale", "energy", "latency", "area"} <= set(told)
    assert " ± " in told["accuracy"]
    assert "accuracy_std" not in told


def test_thinning_keeps_the_fronts_and_the_bound(monkeypatch):
    monkeypatch.setattr(drawn, "MOST_POINTS", 40)
    ds = study(realisations=2)
    figure = plot(ds, "pareto")
    shown = points(figure)
    assert len(shown) <= 40
    assert set(ds.matsweep.pareto()["candidate"].values.tolist()) <= set(shown)
    front = next(t for t in figure["data"] if t["name"].startswith("Pareto front"))
    assert set(front["y"][1:-1]) <= {y for _, y in shown.values()}
    assert MOST_POINTS == 20_000


def test_the_bars_of_the_energy_add_up():
    ds = study(realisations=2, times=(20.0,))
    parts = np.array([0.5, 0.3, 0.19, 0.005, 0.005])
    energy = ds["energy"].values[..., None] * parts
    ds = ds.assign(
        energy_breakdown=((*ds["energy"].dims, "component"), energy, {"units": "J"})
    ).assign_coords(component=list("abcde"))
    bars = [trace for trace in plot(ds, "energy")["data"] if trace["type"] == "bar"]
    assert [bar["name"] for bar in bars] == ["a", "b", "c", "others"]
    totals = np.sum([bar["x"] for bar in bars], axis=0)
    energies = ds.matsweep.summary()["energy"].values.reshape(len(MATERIALS), -1)
    assert totals.size == len(MATERIALS)
    assert any(  # candidates that differ in the material alone
        totals == pytest.approx(1e9 * np.sort(setting), rel=1e-4) for setting in energies.T
    )


def test_lines_cross_each_axis_between_its_ends():
    figure = plot(study(realisations=2), "parallel")
    labels = figure["layout"]["xaxis"]["ticktext"]
    words = [label.replace("<br>", " ") for label in labels]
    assert words[:3] == ["material", "scale of the programming error", "bits"]
    assert words[3:] == ["accuracy", "energy", "latency", "area"]
    heights = np.array(
        [y for t in figure["data"] for y in t["y"] if y is not None], dtype=np.float64
    )
    # Lines through one of few values are moved apart.
    assert -0.04 < heights.min() <= 0.0
    assert 1.0 <= heights.max() < 1.04
