"""Requirements under two conditions against regions that are known in closed form."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr

from matsweep.analysis.conditional import conditional_of, requirements_by_condition
from matsweep.analysis.requirements import requirements
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from tests.analysis.test_surrogate import made
from tests.conditioned import NOISE

ERROR, READ = "device.programming_error.scale", "device.read_noise"
GRID = [m.ravel() for m in np.meshgrid(np.linspace(0, 0.12, 7), np.linspace(0, 0.06, 6))]
STEEPNESS = {"null": 1.0, "0.05": 0.4}  # of the loss: limits are 2.5 times as large


def loss(error, read, level):
    return STEEPNESS[level] * (0.8 * error + 0.9 * read)


def under_conditions(levels=("null", "0.05"), noise=0.001, realisations=2):
    parts = [
        made(lambda e, r, level=level: 0.98 - loss(e, r, level),
             {ERROR: GRID[0], READ: GRID[1]}, noise=noise, realisations=realisations)
        .assign_coords({NOISE: ("candidate", np.full(len(GRID[0]), level))})
        for level in levels
    ]  # fmt: skip
    ds = xr.concat(parts, "candidate").drop_vars("candidate", errors="ignore")
    for name in (ERROR, READ):
        ds[name].attrs["worse"] = "higher"
    axes = [{"name": name, "values": None} for name in (ERROR, READ, NOISE)]
    return ds.assign_attrs(axes=json.dumps(axes), conditions=json.dumps([NOISE]), merit="accuracy")


@pytest.fixture(scope="module")
def found():
    return requirements_by_condition(under_conditions(), "accuracy >= 95 %")


def test_limits_are_those_of_each_condition_alone(found):
    assert [each.short for each in found.conditions] == ["none", "0.05"]
    for required, level in zip(found.required, STEEPNESS, strict=True):
        limits = {limit.parameter: limit for limit in required.limits}
        assert limits[ERROR].value == pytest.approx(0.03 / (0.8 * STEEPNESS[level]), rel=0.03)
    alone = requirements(under_conditions().isel(candidate=slice(0, 42)), "accuracy >= 95 %")
    assert alone.limits[0].value == pytest.approx(found.first.limits[0].value)


def test_the_ratio_is_that_of_the_slopes_and_its_interval_has_it(found):
    ratios = {ratio.parameter: ratio for ratio in found.ratios[1]}
    one = ratios[ERROR]
    assert one.value == pytest.approx(2.5, rel=0.03)
    assert one.low < 2.5 < one.high
    assert one.high - one.low < 0.5
    assert math.isnan(ratios[READ].value)  # 0.03 / (0.9 * 0.4) > 0.06: met in the whole range
    assert 1.6 < ratios[READ].low < 0.06 / (0.03 / 0.9)


def test_the_lines_state_both_and_the_ratio(found):
    shares, error, read = found.lines()
    assert shares.startswith("accuracy >= 95 % is met in ")
    assert "% with no training, " in shares
    assert error.startswith("scale of the programming error: <= 3.")
    assert "with no training; <= 9." in error
    assert "times that with no training" in error
    assert "met in the whole swept range" in read
    assert "more than 1.7" in read


def test_a_limit_without_an_end_leaves_the_ratio_open():
    """The noise of means, 0.01, is as large as the losses: no swept value is surely enough."""
    coarse = requirements_by_condition(under_conditions(noise=0.03), "accuracy >= 95 %")
    for ratio in coarse.ratios[1]:
        assert not ratio.low > 2.5
        assert not ratio.high < 2.5


def test_a_target_that_is_met_nowhere_without_has_no_ratio():
    ds = under_conditions()
    shifted = ds["accuracy"] - 0.02 * (ds[NOISE] == "null")
    found = requirements_by_condition(ds.assign(accuracy=shifted.assign_attrs(
        ds["accuracy"].attrs)), "accuracy >= 97 %")  # fmt: skip
    assert found.ratios[1] == ()
    text = " ".join(found.lines())
    assert "met nowhere in the swept range, 0 % to 12 % with no training" in text
    assert "is met in 0 % with no training" in text
    assert "with no training; <= 2.7" in text  # 3.1 without noise


def test_requirements_alone_refuse_to_mix_conditions():
    with pytest.raises(UserError, match=r"is a condition.*requirements_by_condition"):
        requirements(under_conditions(), "accuracy >= 95 %")
    one = under_conditions().matsweep.select("noise == none")
    assert requirements(one, "accuracy >= 95 %").limits
    assert conditional_of(View(one), "accuracy >= 95 %") is None
    with pytest.raises(UserError, match="have no conditions"):
        requirements_by_condition(one, "accuracy >= 95 %")


def test_an_error_names_its_condition():
    ds = under_conditions().isel(candidate=slice(0, 45))
    with pytest.raises(UserError, match=r"training at noise 0\.05: .*sweep more points"):
        requirements_by_condition(ds, "accuracy >= 95 %")


def lucky(spread, own):
    """Losses of chips of which some lose less than others, under both conditions or each alone."""
    rng = np.random.default_rng(5)
    shared, single = rng.standard_normal(8), rng.standard_normal((2, 8))
    error = np.linspace(0, 0.12, 13)
    parts = []
    for place, (level, steepness) in enumerate(STEEPNESS.items()):
        ds = made(lambda e: 0.98 - e, {ERROR: error}, realisations=8)
        factor = 1 + spread * shared + own * single[place]
        values = 0.98 - 0.8 * steepness * error[:, None] * factor / factor.mean()
        ds["accuracy"] = (("candidate", "realisation"), values, ds["accuracy"].attrs)
        parts.append(ds.assign_coords({NOISE: ("candidate", np.full(13, level))}))
    ds = xr.concat(parts, "candidate").assign_attrs(
        under_conditions().attrs
        | {"axes": json.dumps([{"name": name, "values": None} for name in (ERROR, NOISE)])}
    )
    ds[ERROR].attrs["worse"] = "higher"
    return requirements_by_condition(ds, "accuracy >= 95 %")


def test_what_is_lucky_under_both_conditions_does_not_count_in_the_ratio():
    (ratio,) = lucky(spread=0.3, own=0.0).ratios[1]
    assert ratio.value == pytest.approx(2.5, rel=0.02)
    assert ratio.low < 2.5 < ratio.high
    shared = ratio.high - ratio.low
    (ratio,) = lucky(spread=0.0, own=0.3).ratios[1]
    # Means of 8 factors of 30 % under each condition: 15 % of the ratio, times Student's 2.4.
    assert 0.25 < (ratio.high - ratio.low) / 2 / 2.5 < 0.5
    assert shared < 0.3 * (ratio.high - ratio.low)
