"""Properties of all pictures: colours, cuts, names, sizes of texts."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text as Written

from matsweep.analysis.view import View
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.breakdown import breakdown
from matsweep.reporting.figures.distribution import distribution_picture
from matsweep.reporting.figures.focus import WHOLE, bound_of_use, focus, outside
from matsweep.reporting.figures.interactive import plot
from matsweep.reporting.figures.parallel import objective_scale, parallel_picture
from matsweep.reporting.figures.pareto import pareto_picture
from matsweep.reporting.figures.placing import Ground, Named, names
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import (
    COLUMN,
    COMPONENTS,
    PALETTE,
    component_looks,
    distinct,
    grey,
    ink,
    material_styles,
    widened,
)
from tests.synthetic import MATERIALS, study

from .test_cheapest import array_study

FAMILIES = ("hfox_vcm", "pcm_gst", "ecram_li", "fefet_hzo", "stt_mram")
POINTS_PER_MM = 72 / 25.4


def failing(ds, name="pcm_gst", to=0.15):
    """Return the study with one family near guessing, and with the ends of the merit stated."""
    ds = ds.copy()
    bad = ds["material"] == name
    ds["accuracy"] = ds["accuracy"].where(~bad, to)
    ds.attrs |= {"chance": '{"accuracy": 0.1}', "reference": '{"accuracy": 0.976}'}
    return ds


def lines_of(picture):
    """Return the colours of the families' series by their entries of the legend."""
    return {mark.name: mark.look.colour for panel in picture.panels for mark in panel.marks
            if isinstance(mark, m.Series) and mark.look.marker and mark.name}  # fmt: skip


@pytest.mark.parametrize("gone", FAMILIES)
def test_a_family_keeps_its_look_when_another_is_left_out(gone):
    whole = material_styles(FAMILIES)
    assert material_styles(name for name in FAMILIES if name != gone) == {
        name: look for name, look in whole.items() if name != gone
    }
    assert len({look.colour for look in whole.values()}) == len(FAMILIES)


def test_a_family_has_one_look_in_the_pictures_of_every_study():
    assert material_styles(["pcm_gst"]) == {"pcm_gst": material_styles(FAMILIES)["pcm_gst"]}
    assert material_styles(["pcm_joshi"])["pcm_joshi"] == material_styles(FAMILIES)["pcm_gst"]
    two = material_styles(["pcm_gst", "pcm_joshi"])
    assert two["pcm_gst"] != two["pcm_joshi"]


@pytest.mark.parametrize("count", [2, 7, 20, 63])
def test_families_of_any_names_differ(count):
    styles = material_styles(f"family{i}" for i in range(count))
    assert len({(s.colour, s.marker) for s in styles.values()}) == count
    if count <= 7:
        assert len({s.colour for s in styles.values()}) == count
        assert len({s.marker for s in styles.values()}) == count  # they differ in grey


def test_a_picture_of_a_part_of_a_study_has_the_colours_of_the_whole():
    ds = study(realisations=2)
    whole = lines_of(pareto_picture(View(ds)))
    part = lines_of(pareto_picture(View(ds.matsweep.select(material="sonos"))))
    assert part.items() <= whole.items()
    assert len(part) == 1


def test_both_renderers_draw_the_colours_of_the_description():
    picture = pareto_picture(View(study(realisations=2)))
    wanted = lines_of(picture)
    traces = plot(picture)["data"]
    for name, colour in wanted.items():
        own = [t for t in traces if t["name"] == name and "markers" in t.get("mode", "")]
        assert own
        assert {t["marker"]["color"] for t in own} <= {colour, "white"}
    cost = draw(picture).axes[0]
    shown = {to_hex(c).upper() for dots in cost.collections if hasattr(dots, "get_sizes")
             for c in dots.get_facecolors()}  # fmt: skip
    assert {colour.upper() for colour in wanted.values()} <= shown


def test_neighbouring_components_differ_in_grey_or_in_hatching():
    looks = list(component_looks([f"part {i}" for i in range(20)]).values())
    for one, other in itertools.pairwise(looks):
        assert one.pattern != other.pattern or abs(grey(one.colour) - grey(other.colour)) > 15
    assert not {look.colour for look in looks} & set(PALETTE)  # a family's colour is its own
    some = component_looks([f"part {i}" for i in range(3)])
    assert list(some.values()) == looks[:3]


def test_lightness_is_that_of_known_greys_and_texts_can_be_read():
    assert grey("#000000") == pytest.approx(0.0)
    assert grey("#ffffff") == pytest.approx(100.0, abs=0.01)
    assert grey("#777777") == pytest.approx(50.03, abs=0.05)
    for colour in (*PALETTE, *COMPONENTS):
        light = ((grey(ink(colour)) + 16) / 116) ** 3
        assert 1.05 / (light + 0.05) >= 4.5  # WCAG 2.2, 1.4.3
        assert ink(colour) == colour.lower() or grey(ink(colour)) < grey(colour)


def test_a_failed_family_does_not_squeeze_the_axis_and_is_named():
    view = View(failing(study(realisations=2)))
    picture = pareto_picture(view)
    label = MATERIALS["pcm_gst"][0]
    for panel in picture.panels:
        low, high = panel.y.limits
        assert panel.y.cut == "low"
        assert low > 0.6
        assert high < 1.05
        assert panel.x.note.startswith("Below ")
        assert f"{label} (" in panel.x.note
        assert "15 %" in panel.x.note
        for name, (text, *_) in MATERIALS.items():
            own = [mark.y for mark in panel.marks if getattr(mark, "name", "") == text]
            assert (text in panel.x.note) == bool(np.min(np.concatenate(own)) < low), name
    assert "all 24 candidates" in next(picture.panels).x.note
    distribution = next(distribution_picture(view).panels)
    assert distribution.x.cut == "low"
    assert distribution.x.limits[0] > 0.6
    assert any(isinstance(mark, m.Text) and mark.text == "◂ 2 of 2" for mark in distribution.marks)
    scale = objective_scale(view, "accuracy", "higher")
    assert scale.ticks[0][1].startswith("< ")
    assert np.all(scale.places[view.materials == "pcm_gst"] == 0)
    assert np.ptp(scale.places[view.materials != "pcm_gst"]) == 1


def test_the_cut_is_marked_and_explained_in_both_renderers():
    picture = pareto_picture(View(failing(study(realisations=2))))
    figure = draw(picture)
    figure.canvas.draw()
    for axes, panel in zip(figure.axes, picture.panels, strict=True):
        assert axes.get_ylim() == pytest.approx(panel.y.limits)
        assert sum(line.get_label() == "cut" for line in axes.lines) == 2
        texts = [" ".join(text.get_text().split()) for text in axes.texts]
        assert panel.x.note in texts
    layout = plot(picture)["layout"]
    assert layout["yaxis"]["range"] == pytest.approx(
        [100 * each for each in next(picture.panels).y.limits], rel=1e-5
    )
    assert "not drawn" in layout["xaxis"]["title"]["text"]
    assert sum(note["text"] == "=" for note in layout["annotations"]) == 2


def test_nothing_is_cut_where_all_or_none_are_of_use_or_no_bound_is_known():
    ds = study(realisations=2)
    view = View(ds)
    assert bound_of_use(view) is None
    assert focus(view, view.column("accuracy")) is WHOLE
    every = View(failing(study(realisations=2, scales=(0.0, 0.01)), name="nobody"))
    assert focus(every, every.column("accuracy")) is WHOLE
    none = View(failing(ds).assign(accuracy=ds["accuracy"].clip(0, 0.85) - 0.05))
    assert focus(none, none.column("accuracy")) is WHOLE
    assert outside(none, WHOLE, {"all": none.column("accuracy")}) == ""


def test_bars_do_not_carry_an_axis_of_shares_beyond_its_whole():
    ds = failing(study(realisations=2, scales=(0.0, 0.01)), name="nobody")
    ds["accuracy_std"] = ds["accuracy_std"] * 0 + 0.3
    for panel in pareto_picture(View(ds)).panels:
        low, high = panel.y.limits
        assert high <= 1.02
        assert low > 0.5  # bars widen it by half of the range of the values at most


def test_bars_of_a_share_end_at_its_whole_and_print_names_them():
    ds = failing(study(realisations=4))
    ds["accuracy_std"] = ds["accuracy_std"] * 0 + 0.3
    picture = pareto_picture(View(ds))
    for panel in picture.panels:
        assert panel.y.limits[1] <= 1.02
        for mark in panel.marks:
            if isinstance(mark, m.Series) and mark.y_bars is not None:
                below, above = mark.y_bars
                assert (mark.y + above).max() <= 1 + 1e-12
                assert (mark.y - below).min() >= -1e-12
    spread = next(mark for mark in panel.marks if isinstance(mark, m.Series)
                  and mark.y_bars is not None)  # fmt: skip
    assert spread.y_bars[0].max() == pytest.approx(0.3)
    trace = next(trace for trace in plot(picture)["data"] if trace.get("yaxis") == "y2"
                 and "error_y" in trace)  # fmt: skip
    assert trace["error_y"]["symmetric"] is False
    assert trace["error_y"]["arrayminus"][0] > trace["error_y"]["array"][0]
    for words in ("large: Pareto set", "faint: other candidates", "95 % interval",
                  "(b) bars: ± one standard deviation"):  # fmt: skip
        assert words in picture.heading
    written = draw(picture).get_suptitle()
    assert " ".join(written.split()) == picture.heading


def test_families_of_the_front_differ_in_grey():
    panel = next(parallel_picture(View(study(realisations=2)), ["accuracy", "energy"]).panels)
    strong = [mark for mark in panel.marks if isinstance(mark, m.Paths) and mark.look.marker]
    assert len(strong) > 1
    assert len({mark.look.line for mark in strong}) == min(len(strong), 4)
    assert panel.x.ticks[0][1] == "material"


def test_costs_that_hardly_differ_stay_together():
    ds = study(realisations=2)
    ds["energy"] = 5e-10 * (1 + 1e-3 * ds["energy"] / ds["energy"].max())
    ds["energy"].attrs |= {"units": "J", "better": "lower"}
    energy = objective_scale(View(ds), "energy", "lower")
    assert np.ptp(energy.places) < 0.05
    texts = [text for _, text in energy.ticks]
    assert len(set(texts)) == len(texts) > 1


def test_ticks_are_told_apart_and_a_scale_of_colours_spans_a_least_ratio():
    def write(value, digits):
        return f"{value:.{digits}g}"

    assert distinct([568.9, 569.1, 569.4], write) == ["568.9", "569.1", "569.4"]
    assert distinct([1.0, 2.0], write) == ["1", "2"]
    low, high = widened(568.0, 570.0, 1.5)
    assert high / low == pytest.approx(1.5)
    assert low * high == pytest.approx(568.0 * 570.0)
    assert widened(1.0, 3.0, 1.5) == (1.0, 3.0)


def test_a_bound_where_less_is_better_cuts_the_upper_end():
    ds = failing(study(realisations=2)).copy()
    ds["accuracy"] = 1 - ds["accuracy"]
    ds["accuracy"].attrs |= {"better": "lower", "units": "1"}
    ds.attrs |= {"chance": '{"accuracy": 0.9}', "reference": '{"accuracy": 0.024}'}
    view = View(ds)
    part = focus(view, view.column("accuracy"))
    assert part.cut == "high"
    assert part.limits[1] < 0.4
    beyond = part.beyond(view.column("accuracy"))
    np.testing.assert_array_equal(beyond, view.column("accuracy") > part.limits[1])
    assert beyond[view.materials == "pcm_gst"].all()


def test_bars_of_the_front_are_paired_intervals():
    ds = study(materials=("pcm_gst",), realisations=8)
    shift = np.linspace(-0.05, 0.05, 8)  # a luck that all candidates share cancels
    ds["accuracy"] = (ds["accuracy"].transpose("candidate", "time", "realisation") + shift).clip(
        0, 1).transpose(*ds["accuracy"].dims)  # fmt: skip
    ds["accuracy_std"] = ds["accuracy"].std("realisation", ddof=1)
    panel = next(pareto_picture(View(ds)).panels)
    barred = [mark for mark in panel.marks if isinstance(mark, m.Series)
              and mark.y_bars is not None]  # fmt: skip
    (front,) = barred
    below, above = front.y_bars
    np.testing.assert_array_equal(below, above)
    assert below.max() < 0.03 < float(ds["accuracy_std"].min())
    best = int(np.argmax(front.y))
    assert below[best] == 0
    at = int(np.argmax(below))
    numbers = ds["candidate"].values if "candidate" in ds.coords else np.arange(24)
    found = ds.matsweep.difference(
        int(numbers[front.rows[at]]), int(numbers[front.rows[best]]), "accuracy"
    )
    assert below[at] == pytest.approx(float(found.high - found.difference), rel=1e-9)


def test_no_two_bars_have_one_label_and_one_value():
    ds = array_study()
    same = ds.copy()
    of = {name: np.flatnonzero(ds["material"] == name) for name in np.unique(ds["material"])}
    first, second = of.values()
    for name in ("energy", "energy_breakdown"):
        values = same[name].values.copy()
        values[second] = values[first]
        same[name] = same[name].copy(data=values)
    rows = np.array([first[0], second[0]])
    for data, count in ((ds, 2), (same, 1)):
        panel = next(breakdown(View(data), rows).panels)
        bars = [mark for mark in panel.marks if isinstance(mark, m.Bars)]
        assert all(bar.places.size == count for bar in bars)
        whole = np.sum([bar.lengths for bar in bars], axis=0)
        seen = list(zip([text for _, text in panel.y.ticks], whole.tolist(), strict=True))
        assert len(set(seen)) == len(seen)
        energies = data["energy"].values[rows]
        np.testing.assert_allclose(np.sort(np.unique(energies)), whole, rtol=1e-9)
    assert all(name in panel.y.ticks[0][1] for name in of)


def test_equal_lines_over_time_are_broken():
    ds = study(materials=("pcm_gst", "sonos"), realisations=2)
    ds["accuracy"] = ds["accuracy"] * 0 + ds["accuracy"].isel(candidate=0)
    *_, panel = pareto_picture(View(ds)).panels
    lines = [mark for mark in panel.marks if isinstance(mark, m.Series) and mark.look.marker]
    assert [mark.look.line for mark in lines] == ["solid", "dash"]


def test_lines_through_one_of_few_values_are_apart():
    picture = parallel_picture(View(study(realisations=2)))
    paths = [mark for mark in next(picture.panels).marks if isinstance(mark, m.Paths)]
    heights = np.concatenate([mark.y[:, 2] for mark in paths])  # the bits
    assert np.unique(heights.round(9)).size == heights.size
    nearest = np.abs(heights[:, None] - np.linspace(0, 1, 6)).min(axis=1)
    assert nearest.max() < 0.04  # and near their value


@pytest.mark.parametrize("name", ["pareto", "distribution", "parallel"])
@pytest.mark.parametrize("width", [COLUMN, 180.0])
def test_texts_are_of_6_pt_at_least_and_stay_on_the_page(name, width):
    view = View(failing(study(realisations=4)))
    picture = {
        "pareto": pareto_picture, "distribution": distribution_picture,
        "parallel": parallel_picture,
    }[name](view)  # fmt: skip
    figure = draw(replace(picture, width=width))
    figure.canvas.draw()
    assert figure.get_size_inches()[0] == pytest.approx(width / 25.4)
    for text in figure.findobj(Written):
        if text.get_text().strip() and text.get_visible():
            assert text.get_fontsize() >= 7.0  # 5.6 pt where the figure is shrunk to 80 %
    drawn = figure.get_tightbbox()
    assert drawn.x0 >= -0.02
    assert drawn.x1 <= width / 25.4 + 0.02
    if width == COLUMN:
        assert len({axes.get_subplotspec().colspan.start for axes in figure.axes}) == 1


def test_names_cover_no_points_and_no_names():
    rng = np.random.default_rng(5)
    x = m.Axis(limits=(1.0, 100.0), logarithmic=True)
    y = m.Axis(limits=(0.0, 1.0))
    ground = Ground(x=x, y=y, width=76.0, height=52.0)
    across, up = 10 ** rng.uniform(0.2, 1.8, 40), rng.uniform(0.1, 0.9, 40)
    points = [Named(x=float(across[i]), y=float(up[i]), text=f"Family {i}", colour="#0072B2")
              for i in range(5)]  # fmt: skip
    at = ground.places(across, up)
    texts = [mark for mark in names(points, ground, at) if isinstance(mark, m.Text)]
    assert len(texts) >= 4
    boxes = []
    for text in texts:
        (end,) = ground.places(m.numbers([text.x]), m.numbers([text.y]))
        left = end[0] - 1.4 * len(text.text) * {"left": 0, "middle": 0.5, "right": 1}[text.anchor]
        boxes.append((left, end[1] - 1.6, left + 1.4 * len(text.text), end[1] + 1.6))
    for one, other in itertools.combinations(boxes, 2):
        assert (one[2] < other[0] or other[2] < one[0] or one[3] <= other[1]
                or other[3] <= one[1])  # fmt: skip
    for box in boxes:
        inside = (
            (at[:, 0] > box[0]) & (at[:, 0] < box[2]) & (at[:, 1] > box[1]) & (at[:, 1] < box[3])
        )
        assert inside.sum() <= 2
    back = [ground.values(place) for place in at]
    np.testing.assert_allclose(back, np.stack([across, up], axis=1), rtol=1e-12)


def test_the_front_is_named_first():
    picture = pareto_picture(View(study(realisations=2)))
    texts = {mark.text: mark for mark in next(picture.panels).marks if isinstance(mark, m.Text)}
    assert len(texts) >= 3
    assert set(texts) <= {label.partition(" (")[0] for label, *_ in MATERIALS.values()}
    assert picture.alt.startswith("(a) On the Pareto front: ")
    first = picture.alt.split("On the Pareto front: ")[1].split(" with accuracy")[0]
    assert first.split(" (")[0] in {label for label, *_ in MATERIALS.values()}


def test_every_picture_says_in_words_what_it_shows():
    view = View(study(realisations=3))
    for picture in (pareto_picture(view), distribution_picture(view), parallel_picture(view)):
        assert len(picture.alt) > 40
        assert "_" not in picture.alt
