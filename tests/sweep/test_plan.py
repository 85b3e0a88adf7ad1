"""From overrides to candidates: axes, designs, identities, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.checks import UserError
from matsweep.sweep.config import composer
from matsweep.sweep.plan import plan


def planned(*overrides):
    with composer():
        return plan(list(overrides))


def test_a_grid_is_all_combinations_with_the_last_axis_fastest():
    study = planned("material=pcm_gst,hfox_vcm", "device.read_noise=0.01,0.02,0.03")
    assert len(study) == 6
    coordinates = study.coordinates()
    assert list(coordinates["material"]) == ["pcm_gst"] * 3 + ["hfox_vcm"] * 3
    np.testing.assert_array_equal(coordinates["device.read_noise"], [0.01, 0.02, 0.03] * 2)
    scenario = study.scenario(study.points[4])
    assert scenario.material == "hfox_vcm"
    assert scenario.device.read_noise.relative == 0.02
    assert scenario.device.g_max == 4e-5


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1,2,4", [1, 2, 4]),
        ("range(1,2,0.5)", [1.0, 1.5]),
        ("choice(1.5,2.5)", [1.5, 2.5]),
        ("sort(3,1,2)", [1, 2, 3]),
        ("interval(1,3)", [1.0, 2.0, 3.0]),
        ("tag(log,interval(0.01,1))", [0.01, 0.1, 1.0]),
    ],
)
def test_axes_are_written_in_hydras_grammar_in_config_and_on_the_command_line(written, values):
    name = "device.programming_error.scale"
    swept = planned(f"{name}={written}", "design.intervals=3")
    configured = planned(f"+axes={{{name}: '{written}'}}", "design.intervals=3")
    for study in (swept, configured):
        found = study.coordinates()[name]
        np.testing.assert_allclose(found, values)
    assert swept.identities == configured.identities


def test_the_command_line_replaces_an_axis_of_the_experiment():
    study = planned("experiment=quickstart", "material=pcm_gst", "device.device_to_device=0.1,0.2")
    assert study.names == ["device.cycle_to_cycle", "device.device_to_device", "adc.bits"]
    assert set(study.coordinates()["material"]) == {"pcm_gst"}
    np.testing.assert_array_equal(
        np.unique(study.coordinates()["device.device_to_device"]), [0.1, 0.2]
    )


def test_glob_sweeps_the_choices_of_a_group():
    assert len(planned("material=glob(*)")) >= 5
    assert set(planned("material=glob(*_gst)").coordinates()["material"]) == {"pcm_gst"}


def test_a_group_choice_brings_all_its_numbers():
    study = planned("periphery=cmos_22nm", "tile=analog_128,reference_128")
    assert [study.scenario(p).tile.mapping for p in study.points] == ["differential", "reference"]


def test_random_samples_lie_in_their_axes_and_more_keep_those_before():
    axes = ["device.read_noise=tag(log,interval(1e-3,1e-1))", "material=pcm_gst,hfox_vcm",
            "tile.rows=int(interval(16,32))"]  # fmt: skip
    few = planned(*axes, "design=random", "design.samples=20")
    many = planned(*axes, "design=random", "design.samples=400")
    assert many.identities[:20] == few.identities
    noise = many.coordinates()["device.read_noise"]
    assert noise.min() >= 1e-3
    assert noise.max() <= 1e-1
    # Half of the logarithmic interval lies below 0.01: binomial, 6 standard deviations of 10.
    assert abs((noise < 1e-2).sum() - 200) < 60
    rows = many.coordinates()["tile.rows"]
    assert rows.dtype == np.int64
    assert rows.min() == 16
    assert rows.max() == 32
    assert len(set(many.identities)) == 400


def test_identity_is_of_the_numbers_not_of_how_they_are_written():
    one = planned("device.read_noise=0.01", "material=pcm_gst")
    same = planned(
        "device.read_noise={relative: 1e-2, exponent: 0, cap: 1, flicker_read_time: null}",
        "material=pcm_gst",
        "seed=5",
        "executor=serial",
    )
    assert one.identities == same.identities
    assert planned("material=pcm_gst", "device.read_noise=0.011").identities != one.identities
    assert planned("material=pcm_gst", "times=[1]").identities != one.identities


def test_values_that_refer_to_a_swept_one_follow_it():
    study = planned("tile.rows=32,64", "tile.columns=${tile.rows}")
    assert [study.scenario(p).tile.columns for p in study.points] == [32, 64]


def test_an_experiments_axes_can_be_taken_away():
    assert len(planned("experiment=wires", "axes=null")) == 1


def test_parameters_that_all_swept_choices_have_are_swept_with_them():
    study = planned("wires=metal,resistances", "wires.driver_resistance=0,100")
    assert [study.scenario(p).wires.driver_resistance for p in study.points] == [0, 100, 0, 100]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["material=pcm_gts"], "no such material; did you mean pcm_gst"),
        (["material=pcm_gts,hfox_vcm"], "no such material; did you mean pcm_gst"),
        (["device.raed_noise=0.1"], "device.raed_noise is not a parameter; did you mean"),
        (["device.raed_noise=0.1,0.2"], "device.raed_noise is not a parameter; did you mean"),
        (["foo=1,2"], "axis foo names no parameter"),
        (["seed=1,2"], "seed belongs to the study"),
        (["executor=ray,serial"], "executor belongs to the study"),
        (["device.g_min=1,2"], r"device.g_min \[S\] must be < g_max"),
        (["device.read_noise=-1,1"], "must be >= 0, got -1"),
        (["device.read_noise=nan,1"], "must be a finite number, got nan"),
        (["device.levels=0,4"], "device.levels must be >= 2, got 0"),
        (["device.read_noise=range(5,1)"], "has no values"),
        (
            ["wires=ideal,metal", "wires.driver_resistance=0,100"],
            "wires.driver_resistance is not a parameter of wires=ideal, which has none",
        ),
        (["wires.driver_resistance=0,100"], "not a parameter of wires=ideal"),
        (["wires=resistances", "wires.sense_resistence=0,1"], "did you mean sense_resistance"),
        (["wires=resistances", "wires.word_resistance=1,inf"], "must be finite, got inf"),
        (["device.read_noise=1,1"], "has the value 1 twice"),
        (["device.read_noise=interval(2,1)"], "must be an interval from low to high"),
        (["device.read_noise=tag(log,interval(0,1))"], "logarithmic"),
        (["device.read_noise=1,"], "grammar"),
        (["design=random", "design.samples=0"], "design.samples must be >= 1"),
        (["device.programming_error.scale=a,b"], "must be a finite number, got 'a'"),
        (["device.g_max=1e-3,2e-3"], "was fitted up to"),
        (["times=[]"], "times must hold at least one"),
        (["times=[0]"], r"times \[s\] must be > 0"),
        (["times=[1,1]"], "times must differ"),
        (["times=soon"], "times"),
        (["realisations=0"], "realisations must be >= 1"),
        (["tile.mapping=foo"], "tile.mapping must be one of"),
        (["workload.dataset=foo"], "workload.dataset must be one of digits"),
        (["device.drift.nu={at_gmax: 1}"], "device.drift.nu.at_gmax"),
        (["periphery.node=-1"], r"periphery.node \[m\] must be > 0"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        planned(*overrides)
    assert "\n" not in str(caught.value)


def test_an_error_names_the_point_of_the_design():
    with pytest.raises(UserError, match=r"\(material=pcm_gst, device.levels=1\)"):
        planned("material=pcm_gst,hfox_vcm", "device.levels=1,4")
