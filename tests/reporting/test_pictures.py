"""Parallel coordinates and distributions: what is drawn is what is stored."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting.figures.distribution import distribution_figure
from matsweep.reporting.figures.parallel import objective_scale, parallel_figure, parameter_scale
from tests.conditioned import NOISE, conditioned
from tests.synthetic import study, with_status


def test_an_objective_stands_with_its_good_end_up():
    view = View(study())
    summary = view.summary
    accuracy = objective_scale(view, "accuracy", "higher")
    energy = objective_scale(view, "energy", "lower")
    assert accuracy.places.argmax() == summary["accuracy"].values.argmax()
    assert energy.places.argmax() == summary["energy"].values.argmin()
    for scale in (accuracy, energy):
        assert (scale.places.min(), scale.places.max()) == (0, 1)
    # Over two decades, ratios are distances.
    joules = summary["energy"].values
    expected = np.log(joules.max() / joules) / np.log(joules.max() / joules.min())
    np.testing.assert_allclose(energy.places, expected, atol=1e-12)


def test_few_values_are_evenly_spaced_and_named():
    scale = parameter_scale(View(study()), "tile.adc.bits")
    assert [text for _, text in scale.ticks] == ["4", "5", "6", "7", "8", "10"]
    np.testing.assert_allclose([at for at, _ in scale.ticks], np.linspace(0, 1, 6))
    assert set(np.round(scale.places * 5).astype(int)) == set(range(6))


def test_every_candidate_of_the_front_is_a_strong_line():
    ds = study()
    figure = parallel_figure(ds, objectives=["accuracy", "energy"], most=50)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 5]
    strong = [line for line in lines if line.get_linewidth() > 1]
    assert len(strong) == ds.matsweep.pareto(["accuracy", "energy"]).sizes["candidate"]
    assert len(lines) - len(strong) == 50


def test_each_realisation_of_the_best_of_each_material_is_a_point():
    ds = study(realisations=8)
    (axes,) = distribution_figure(ds).axes
    best = ds.matsweep.rank("accuracy")
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == "Metal-oxide ECRAM"
    assert len(labels) == 5
    drawn = np.sort(axes.collections[0].get_offsets()[:, 0])
    wanted = np.sort(best["accuracy"].isel(candidate=0, time=-1).values)
    np.testing.assert_array_equal(drawn, wanted)


def test_what_cannot_be_drawn_is_told():
    nothing = with_status(study(), pending=range(120))
    with pytest.raises(UserError, match="no candidate is done"):
        parallel_figure(nothing)
    with pytest.raises(UserError, match="no done candidate has a number for accuracy"):
        distribution_figure(nothing)
    with pytest.raises(UserError, match="does not differ between realisations"):
        distribution_figure(study(), "area")
    one = study(materials=("pcm_gst",), scales=(0.0,), bits=(8,))
    with pytest.raises(UserError, match="need two axes"):
        parallel_figure(one, objectives=["accuracy"])
    (axes,) = distribution_figure(one, top=1).axes
    assert len(axes.get_yticklabels()) == 1


def test_of_many_candidates_an_even_sample_is_drawn():
    ds = study(bits=tuple(range(4, 200)))
    figure = parallel_figure(ds, objectives=["energy"], most=10)
    assert len(figure.axes[0].lines) < 60


def test_the_whole_front_is_drawn_however_few_others_are():
    ds = study()
    front = ds.matsweep.pareto().sizes["candidate"]
    for most in (0, 1):
        (axes,) = parallel_figure(ds, most=most).axes
        strong = [line for line in axes.lines if line.get_linewidth() == 1.3]
        assert len(strong) == front > 1


def test_a_material_without_numbers_is_left_out_of_the_distribution():
    ds = study()
    ds["accuracy"] = ds["accuracy"].where(ds["material"] != "pcm_gst")
    (axes,) = distribution_figure(ds).axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert len(labels) == 4
    assert not any("PCM" in label for label in labels)


def test_the_axis_of_a_condition_starts_with_none():
    view = View(conditioned({"a": (0.9, 0.8, 0.7), "b": (0.5, 0.4, 0.3)}, (0.05, None, "device")))
    scale = parameter_scale(view, NOISE)
    assert scale.ticks == ((0.0, "none"), (0.5, "0.05"), (1.0, "device"))
    assert scale.places == pytest.approx([0.5, 0.0, 1.0] * 2)
