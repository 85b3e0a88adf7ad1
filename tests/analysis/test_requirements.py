"""Requirements against regions that are known in closed form."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from matsweep.analysis.levelset import Limit
from matsweep.analysis.requirements import requirements
from matsweep.analysis.studytable import Scale
from matsweep.analysis.wording import limit_line
from matsweep.core.checks import UserError
from matsweep.reporting.figures.marks import Series
from matsweep.reporting.figures.requirement_map import (
    near_slice,
    requirement_figure,
    requirement_picture,
)
from tests.synthetic import study, with_status

from .test_surrogate import cube, made

SCALE, BITS, NU = "device.programming_error.scale", "tile.adc.bits", "device.drift.nu"
NOISE = 0.001
SCALES, BIT = (m.ravel() for m in np.meshgrid(np.linspace(0, 0.06, 9), np.arange(3, 11)))


def additive(scale, bits):
    return 0.98 - 1.2 * scale - 0.6 * 2.0**-bits


def product(scale, nu):
    """Both are harmless alone: a region with a curved edge."""
    return 0.98 - 0.4 * scale - 0.2 * nu - 15 * scale * nu


def number(value, status="seen"):
    return {"value": value, "status": status, "source": "joshi2020", "note": ""}


def of_materials(**numbers):
    return {
        "materials": {n: {"label": n.upper(), "numbers": own} for n, own in numbers.items()},
        "references": {},
    }


def linear_study(**attrs):
    return made(additive, {SCALE: SCALES, BITS: BIT}, noise=NOISE, **attrs)


@pytest.fixture(scope="module")
def linear():
    families = of_materials(
        good={SCALE: number(0.01), BITS: number(8)},
        nested={"device.programming_error": number({"scale": 0.02}), BITS: number(7)},
        rough={SCALE: number(0.05), BITS: number(7)},
        coarse={SCALE: number(0.02), BITS: number(4)},
        hopeless={SCALE: number(0.055), BITS: number(3)},
        beyond={SCALE: number(0.09), BITS: number(7)},
        unknown={SCALE: number(0.0, "missing"), BITS: number("many")},
    )
    return requirements(linear_study(sources=families), "accuracy >= 95 %")


@pytest.fixture(scope="module")
def curved():
    scale, nu = cube(128, 2) * np.array([[0.06], [0.1]])
    return requirements(made(product, {SCALE: scale, NU: nu}, noise=NOISE), "accuracy >= 94 %")


def by_name(found):
    return {limit.parameter: limit for limit in found.limits}


def test_limits_are_where_the_function_crosses_the_target(linear):
    """0.98 - 1.2 s - 0.6 · 2^-10 = 0.95 and 0.98 - 0.6 · 2^-b = 0.95."""
    assert linear.best == {SCALE: 0.0, BITS: 10.0}
    scale, bits = by_name(linear)[SCALE], by_name(linear)[BITS]
    assert (scale.direction, bits.direction) == ("<=", ">=")
    assert scale.value == pytest.approx((0.03 - 0.6 * 2**-10) / 1.2, rel=0.03)
    assert bits.value == pytest.approx(math.log2(0.6 / 0.03), abs=0.1)
    for limit in (scale, bits):
        assert limit.low < limit.value < limit.high
        assert limit.high - limit.low < 0.15 * limit.value


def test_intervals_cover_the_truth():
    """Of 20 intervals of 98 % seven or more miss with a probability of 1e-7.

    The crossing of a line through 15 means of 2e-3 has a deviation of about 5e-4.
    """
    truth, covered = 0.04 / 1.2, 0
    across = np.linspace(0, 0.06, 15)
    for seed in range(20):
        ds = made(lambda s: 0.98 - 1.2 * s, {SCALE: across})
        draws = np.random.default_rng(seed).standard_normal(ds["accuracy"].shape)
        ds["accuracy"] = ds["accuracy"] + 0.004 * draws
        (limit,) = requirements(ds, "accuracy >= 0.94", confidence=0.98).limits
        covered += limit.low <= truth <= limit.high
        assert 5e-4 < limit.high - limit.low < 6e-3
    assert covered >= 14


def test_the_box_for_all_at_once_lies_in_the_region_and_touches_its_edge(linear, curved):
    for found, truth, bound in ((linear, additive, 0.95), (curved, product, 0.94)):
        names = found.surrogate.names
        box = found.jointly
        corners = itertools.product(*((box.low[n], box.high[n]) for n in names))
        worst = min(float(truth(*corner)) for corner in corners)
        assert bound - 0.001 < worst < bound + 0.002
        sure = found.surely
        assert sure.relaxed <= box.relaxed <= 1
        corners = itertools.product(*((sure.low[n], sure.high[n]) for n in names))
        assert min(float(truth(*corner)) for corner in corners) > bound - 0.0005
        assert found.probability([[sure.high[names[0]], sure.low[names[1]]]])[0] >= 0.95


def test_the_box_is_relaxed_in_proportion():
    """Of 1 - x - y >= 0.9 - 0.4 the corner (0.25, 0.25) is half way to both limits."""
    x, y = cube(64, 2)
    found = requirements(made(lambda x, y: 1 - x - y, {"p.x": x, "p.y": y}), "accuracy >= 0.5")
    limits, box = by_name(found), found.jointly
    for name in limits:
        share = (box.high[name] - found.best[name]) / (limits[name].value - found.best[name])
        assert share == pytest.approx(box.relaxed)
        assert box.high[name] == pytest.approx(0.25, abs=0.01)


def test_whole_numbers_end_the_box_at_whole_numbers(linear):
    """With 6 bits the scale may be (0.03 - 0.6 / 64) / 1.2, with 7 more."""
    for box in (linear.jointly, linear.surely):
        bits = box.low[BITS]
        assert bits in (6.0, 7.0)
        assert box.high[SCALE] == pytest.approx((0.03 - 0.6 * 2**-bits) / 1.2, rel=0.05)


def test_an_interaction_shows_in_the_box_not_in_the_limits(curved):
    """Each alone: s <= 0.04 / 0.4 is all that was swept; both at once are not allowed to be."""
    assert by_name(curved)[SCALE].direction == "everywhere"
    assert by_name(curved)[NU].direction == "everywhere"
    assert curved.jointly.high[SCALE] < 0.06
    assert curved.jointly.high[NU] < 0.1
    assert 0 < curved.share < 1
    s, n = np.meshgrid(np.linspace(0, 0.06, 400), np.linspace(0, 0.1, 400))
    assert curved.share == pytest.approx(np.mean(product(s, n) >= 0.94), abs=0.02)


def test_a_reference_takes_the_place_of_the_best(curved):
    ds = curved_study()
    found = requirements(ds, "accuracy >= 94 %", reference={"nu": 0.08})
    assert found.best[NU] == pytest.approx(0.08)
    limit = by_name(found)[SCALE]
    assert limit.value == pytest.approx((0.04 - 0.2 * 0.08) / (0.4 + 15 * 0.08), rel=0.05)
    with pytest.raises(UserError, match=r"reference device.drift.nu must be in \[.*got 0.5"):
        requirements(ds, "accuracy >= 94 %", reference={"nu": 0.5})
    with pytest.raises(UserError, match="'mu' is no swept number"):
        requirements(ds, "accuracy >= 94 %", reference={"mu": 0.5})


def curved_study():
    scale, nu = cube(128, 2) * np.array([[0.06], [0.1]])
    return made(product, {SCALE: scale, NU: nu}, noise=NOISE)


def test_a_window_has_two_limits():
    x = np.linspace(-1, 1, 25)
    found = requirements(made(lambda x: 1 - x**2, {"p.x": x}, noise=NOISE), "accuracy > 0.75")
    below, above = found.limits
    assert (below.direction, above.direction) == (">=", "<=")
    np.testing.assert_allclose([below.value, above.value], [-0.5, 0.5], atol=0.01)
    assert found.jointly.low["p.x"] == pytest.approx(-0.5, abs=0.01)
    assert found.share == pytest.approx(0.5, abs=0.02)


def test_a_cost_is_bounded_from_above_in_its_own_unit():
    """Energy grows by 1.35 a bit and spans decades with the current: its logarithm is fitted."""
    bits, current = (m.ravel() for m in np.meshgrid(np.arange(4, 11), np.logspace(-7, -4, 10)))
    ds = made(lambda b, i: 1e-3 * i * 1.35 ** (b - 8), {BITS: bits, "device.current": current},
              metric="energy", unit="J")  # fmt: skip
    found = requirements(ds, "energy <= 10 nJ", reference={"bits": 8})
    assert found.surrogate.logarithmic
    assert found.bound == 10e-9
    assert by_name(found)["device.current"].value == pytest.approx(1e-5, rel=0.02)
    assert found.best["device.current"] == pytest.approx(1e-7)


def test_physics_is_swept_like_anything_else():
    e, v = (m.ravel() for m in np.meshgrid(np.linspace(1, 1.4, 8), np.linspace(1.5, 2.5, 6)))
    names = ("physics.activation_ev", "protocol.voltage_up")
    families = of_materials(hfox={names[0]: number(1.1)})
    ds = made(lambda e, v: 10 ** ((e - 1) / 0.06) / v, dict(zip(names, (e, v), strict=True)),
              metric="retention", unit="s", sources=families)  # fmt: skip
    found = requirements(ds, "retention >= 10 h")
    crossing = 1 + 0.06 * math.log10(36000 * 1.5)
    assert by_name(found)[names[0]].value == pytest.approx(crossing, rel=0.01)
    (family,) = found.families
    assert family.position == {names[0]: 1.1, names[1]: None}
    assert family.change.parameter == names[0]


def test_families_are_placed_and_told_what_to_mend(linear):
    families = {family.material: family for family in linear.families}
    good = families["good"]
    assert good.inside
    assert good.change is None
    assert good.probability > 0.999
    assert good.metric == pytest.approx(additive(0.01, 8), abs=0.001)
    assert good.label == "GOOD"
    assert families["nested"].position == {SCALE: 0.02, BITS: 7.0}
    rough = families["rough"]  # more bits are not enough: only the scale helps
    assert not rough.inside
    assert rough.probability < 0.001
    new = (0.03 - 0.6 * 2**-7) / 1.2
    assert rough.change.parameter == SCALE
    assert rough.change.value == pytest.approx(new, rel=0.04)
    assert rough.change.relative == pytest.approx((0.05 - new) / 0.05, rel=0.04)
    coarse = families["coarse"]  # one parameter alone: bits from 4 to the next that will do
    assert coarse.change.parameter == BITS
    assert coarse.change.value == math.ceil(math.log2(0.6 / (0.03 - 1.2 * 0.02)))
    assert coarse.change.relative == pytest.approx(3 / 4)
    assert families["hopeless"].change is None
    assert families["beyond"].beyond == (SCALE,)
    assert families["beyond"].metric == pytest.approx(additive(0.06, 7), abs=0.001)
    assert families["beyond"].change.relative == pytest.approx((0.09 - new) / 0.09, rel=0.02)
    assert families["unknown"].position == {SCALE: None, BITS: None}
    assert families["unknown"].metric == pytest.approx(linear.best_metric)


def test_what_is_required_reads_as_a_specification(linear, curved):
    first, scale, bits, jointly, surely = linear.specification()[:5]
    assert first.startswith("accuracy >= 95 %: the fit reaches 97.9")
    assert scale.startswith("scale <= 2.4")
    assert scale.endswith("%)")
    assert bits == "bits >= 5"  # whole, as both ends of its interval, on the side that meets it
    assert jointly.startswith("jointly (P >= 0.5 at every point): scale <= 2.")
    assert jointly.endswith(f"bits >= {linear.jointly.low[BITS]:.0f}")
    assert surely.startswith("jointly and surely (P >= 0.95 at every point): ")
    assert "scale: met in the whole swept range, 0." in curved.specification()[1]


def test_nothing_meets_a_target_out_of_reach():
    families = of_materials(any={SCALE: number(0.01), BITS: number(8)})
    found = requirements(linear_study(sources=families), "accuracy >= 99 %")
    assert [limit.direction for limit in found.limits] == ["nowhere", "nowhere"]
    assert found.jointly is None
    assert found.surely is None
    assert found.share == 0
    assert not found.met.any()
    (family,) = found.families
    assert not family.inside
    assert family.change is None
    assert found.specification()[0].startswith(
        "accuracy >= 99 % is met nowhere: the fit reaches 97.9"
    )


def test_everything_meets_an_easy_target():
    found = requirements(linear_study(), "accuracy >= 50 %")
    assert [limit.direction for limit in found.limits] == ["everywhere", "everywhere"]
    assert found.share == 1
    assert found.met.all()
    assert found.jointly.low == pytest.approx({SCALE: 0.0, BITS: 3.0})
    assert found.jointly.high == pytest.approx({SCALE: 0.06, BITS: 10.0})
    assert found.jointly.relaxed == 1


def test_a_range_of_many_whole_numbers_is_not_gone_through_one_by_one():
    """Cycles up to 1e9: at 10 MB a million of points, all of them would be 10 GB."""
    cycles = np.unique(np.round(np.logspace(0, 9, 40))).astype(np.int64)
    ds = made(lambda c: 0.98 - 0.005 * np.log10(c), {"device.cycles": cycles}, noise=1e-4)
    numbers = {"device.cycles": {"value": 10**9, "status": "checked"}}
    ds.attrs["sources"] = json.dumps({"materials": {"own": {"numbers": numbers}}})
    (family,) = requirements(ds, "accuracy >= 95 %").families
    assert not family.inside
    assert np.log10(family.change.value) == pytest.approx(6, abs=0.1)
    assert family.change.value == round(family.change.value)


def test_failures_are_left_out_and_told():
    found = requirements(with_failures(), "accuracy >= 95 %")
    assert found.failed == 6
    assert found.met.size == SCALES.size - 6
    assert by_name(found)[SCALE].value == pytest.approx(0.0245, rel=0.05)
    assert found.specification()[-1] == "6 candidates failed and were left out of the fit"


def with_failures():
    return with_status(linear_study(), failed=range(20, 26))


def test_a_study_of_materials_is_of_one_of_them():
    ds = study(scales=(0.0, 0.01, 0.02, 0.03, 0.04, 0.05), realisations=16)
    with pytest.raises(UserError, match=r"give material=, one of ecram_metal_oxide, ferro"):
        requirements(ds, "accuracy >= 90 %")
    with pytest.raises(UserError, match=r"got 'sonoss'; did you mean sonos"):
        requirements(ds, "accuracy >= 90 %", material="sonoss")
    found = requirements(ds, "accuracy >= 85 %", material="sonos", time=20.0)
    truth = ((0.955 - 0.3 * 2.0**-8 - 0.85) / 4) ** (1 / 1.2)
    assert by_name(found)[SCALE].value == pytest.approx(truth, rel=0.1)
    (family,) = found.families
    assert family.material == "sonos"
    assert family.position == {SCALE: 0.03, BITS: None}
    other = requirements(ds, "accuracy >= 85 %", material="ferroelectric_fefet", time=20.0)
    assert by_name(other)[SCALE].value < by_name(found)[SCALE].value


def test_the_map_is_the_probability(linear):
    grid = linear.map("scale", "bits", count=13)
    assert grid.dims == (BITS, SCALE)
    assert grid.sizes == {BITS: 13, SCALE: 13}
    one = grid[4, 7]
    np.testing.assert_allclose(one, linear.probability([[float(one[SCALE]), float(one[BITS])]])[0])
    assert np.all(np.diff(grid.values[-1]) <= 1e-9)  # the better, the smaller the scale
    with pytest.raises(UserError, match=r"two parameters, got .*bits twice"):
        linear.map("bits", BITS)
    with pytest.raises(UserError, match="'bit' is no swept number"):
        linear.map("bit", "scale")


@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        (lambda ds: ds, "accuracy == 0.9", "a target is a bound"),
        (lambda ds: ds, "P(accuracy >= 0.9) >= 90 %", "see yields"),
        (lambda ds: ds, "scale <= 3 %", "is none"),
        (lambda ds: ds, "accuracy >= 3 nJ", "cannot be compared"),
        (lambda ds: ds, "energy <= 3 nJ", "no metric or parameter 'energy'"),
        (lambda ds: ds.isel(candidate=[0]), "accuracy >= 0.9", "nothing differs between the 1"),
        (lambda ds: ds.isel(candidate=slice(6)), "accuracy >= 0.9", "at least 8 different"),
        (lambda ds: ds.assign(status=ds.status * 2), "accuracy >= 0.9", "no done candidate"),
        (
            lambda ds: ds.assign_coords({BITS: ("candidate", [f"b{b}" for b in BIT])}),
            "accuracy >= 0.9",
            "was swept and is no number",
        ),
    ],
)
def test_what_cannot_be_required_is_told(change, target, message):
    with pytest.raises(UserError, match=message):
        requirements(change(linear_study()), target)


def test_the_picture_shows_the_region_candidates_and_families(linear, curved):
    figure = requirement_figure(linear)
    panel = figure.axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("scale [%]", "bits")
    dots = [c.get_offsets() for c in panel.collections if isinstance(c, PathCollection)]
    not_met, met = dots[:2]
    assert len(met) == linear.met.sum()
    assert len(not_met) == (~linear.met).sum()
    places = {tuple(np.ma.filled(points[0], np.nan).tolist()) for points in dots[2:]}
    assert (0.01, 8.0) in places
    assert (0.06, 7.0) in places  # beyond the sweep: at its edge
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "GOOD:\nmet with > 99.9 %" in shown
    assert "BEYOND:\nmet with < 0.1 %, beyond the sweep" in shown
    turned = requirement_figure(curved, "nu", "scale").axes[0]
    assert (turned.get_xlabel(), turned.get_ylabel()) == ("nu", "scale [%]")


def test_the_picture_shows_candidates_near_its_slice():
    """Of four values of the third parameter 0, its best, is drawn, and 0.009, a tenth away."""
    s, nu, third = (m.ravel() for m in np.meshgrid(
        np.linspace(0, 0.06, 5), np.linspace(0, 0.1, 4), [0.0, 0.009, 0.05, 0.1]))  # fmt: skip
    ds = made(lambda s, nu, t: 0.98 - s - 0.5 * nu - 0.3 * t,
              {SCALE: s, NU: nu, "device.read_noise": third}, noise=1e-4)  # fmt: skip
    found = requirements(ds, "accuracy >= 94 %")
    near = near_slice(found, (SCALE, NU))
    np.testing.assert_array_equal(near, np.isin(third, (0.0, 0.009)))
    picture = requirement_picture(found, "scale", "nu")
    series = [mark for mark in picture.rows[0][0].marks if isinstance(mark, Series)]
    assert sum(len(mark.x) for mark in series if mark.name.startswith("candidate")) == 40
    assert "Drawn are the 40 of 80 candidates whose other parameters" in picture.caption
    assert near_slice(found, (SCALE, NU, "device.read_noise")).all()
    flat = requirement_picture(requirements(linear_study(), "accuracy >= 95 %"))
    assert "Drawn are" not in flat.caption


def test_a_value_that_is_not_stated_is_no_position():
    own = {**number(0.0, "missing"), "prior": "programming error log-normal"}
    stated = {**number(0.01, "recalled"), "prior": "programming error log-normal"}
    families = of_materials(
        drawn={SCALE: own, BITS: number(8)}, left={BITS: number(8)},
        recalled={SCALE: stated, BITS: number(8)},
    )  # fmt: skip
    found = requirements(linear_study(sources=families), "accuracy >= 95 %")
    drawn, left, recalled = found.families
    assert (recalled.position[SCALE], recalled.drawn) == (0.01, ())  # a number, with a spread
    assert (drawn.position[SCALE], drawn.drawn) == (None, (SCALE,))
    assert (left.position[SCALE], left.drawn) == (None, ())
    marks = requirement_picture(found).rows[0][0].marks
    names = [mark.name for mark in marks if isinstance(mark, Series)]
    assert "DRAWN:\nposition unknown,\nscale not stated,\ndrawn from a prior" in names
    assert "LEFT:\nposition unknown,\nscale not stated" in names
    (mark,) = (mark for mark in marks if isinstance(mark, Series) and mark.name.startswith("LEFT"))
    assert math.isnan(mark.x[0])  # not at the best value
    assert left.unknown == (SCALE,)
    said = requirement_picture(found).alt
    assert "LEFT: position unknown, scale not stated" in said
    assert "RECALLED meets it with" in said


def test_an_object_in_the_place_of_a_number_has_that_number():
    noise = {"relative": 0.01, "exponent": 1.0, "cap": 1.0, "law": None, "absolute": None}
    constant = {"at_g_max": 0.05, "slope": 0.0, "low": 0.05, "high": 0.05}
    sloped = {"at_g_max": 0.05, "slope": -0.01, "low": 0.0, "high": 0.1}
    families = of_materials(
        plain={"device.read_noise": number(noise), NU: number(constant)},
        other={
            "device.read_noise": number({**noise, "law": sloped}),
            "device.drift": number({"nu": sloped}),
        },
    )
    read, nu = cube(32, 2) * np.array([[0.1], [0.1]])
    ds = made(product, {"device.read_noise": read, NU: nu}, noise=NOISE, sources=families)
    plain, other = requirements(ds, "accuracy >= 94 %").families
    assert plain.position == {"device.read_noise": 0.01, NU: 0.05}
    assert other.position == {"device.read_noise": None, NU: None}


def test_without_a_sure_value_the_limit_says_so():
    scale = Scale(name=BITS, low=4, high=8, whole=True)
    nan = math.nan
    limit = Limit(parameter=BITS, direction=">=", value=5.2, low=4.1, high=nan)
    words = limit_line(limit, scale, "bits", 0.95)
    assert words == "bits >= 6 (perhaps 5; no swept value is 97.5 % sure)"
    same = Limit(parameter=BITS, direction=">=", value=5.2, low=5.1, high=nan)
    assert limit_line(same, scale, "bits", 0.9) == "bits >= 6 (no swept value is 95 % sure)"
    open_ = Limit(parameter=BITS, direction="<=", value=5.2, low=nan, high=nan)
    assert limit_line(open_, scale, "bits", 0.95) == (
        "bits <= 5 (perhaps any swept value; no swept value is 97.5 % sure)"
    )
    far = Limit(parameter=BITS, direction="<=", value=5.2, low=4.9, high=nan)
    assert limit_line(far, scale, "bits", 0.95) == "bits <= 5 (4 to beyond the swept range)"


def test_the_box_says_what_it_asks_for(linear):
    """Of 72 candidates, those that meet the target by a value beyond a side of the box."""
    box, names = linear.jointly, linear.surrogate.names
    points = linear.surrogate.table.points
    inside = np.logical_and.reduce([
        (points[:, i] >= box.low[n]) & (points[:, i] <= box.high[n]) for i, n in enumerate(names)
    ])  # fmt: skip
    outside = int((linear.met & ~inside).sum())
    assert outside > 1
    assert linear.specification()[-1] == (
        f"{outside} candidates that meet it lie outside the joint box: a box asks that all its "
        "points meet the target"
    )


def test_a_nested_parameter_is_not_called_by_the_name_of_another():
    """Stuck devices are no conductance, whether or not that is swept too."""
    stuck = "device.stuck_at.g_max"
    share, nu = cube(32, 2) * np.array([[0.06], [0.1]])
    found = requirements(made(product, {stuck: share, NU: nu}, noise=NOISE), "accuracy >= 94 %")
    text = "\n".join(found.specification())
    assert "with share stuck at g_max 0.0" in text
    assert "g_max" not in text.replace("share stuck at g_max", "")
    axis = requirement_picture(found, "g_max", "nu").rows[0][0].x
    assert (axis.title, axis.percent) == ("share stuck at g_max", True)


def test_the_picture_of_one_parameter_is_a_line():
    ds = made(lambda s: 0.98 - 1.2 * s, {SCALE: np.linspace(0, 0.06, 12)}, noise=NOISE)
    found = requirements(ds, "accuracy >= 95 %")
    (panel,) = requirement_figure(found).axes
    across, mean = panel.lines[0].get_data()
    np.testing.assert_allclose(mean, 0.98 - 1.2 * across, atol=0.002)
    assert panel.lines[1].get_ydata()[0] == 0.95


def test_only_sides_that_cost_something_are_drawn_in():
    """Each parameter may be anything alone, and both at their worst not: none has a floor."""
    steps = np.linspace(0, 0.02, 7)
    s, nu = (m.ravel() for m in np.meshgrid(steps, steps))
    ds = made(lambda s, nu: 0.98 - 2 * s - 2 * nu, {SCALE: s, NU: nu}, noise=NOISE)
    found = requirements(ds, "accuracy >= 92 %", reference={"scale": 0.003, "nu": 0.003})
    assert {limit.direction for limit in found.limits} == {"everywhere"}
    for box in (found.jointly, found.surely):
        assert box.low == {SCALE: 0.0, NU: 0.0}
        assert 0.01 < max(box.high.values()) < 0.02
    assert sum(found.jointly.high.values()) == pytest.approx(0.03, rel=0.05)
