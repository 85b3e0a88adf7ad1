"""Quantities with units on the command line, in configurations, tables and constraints."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.planning.axes import Interval, Values, in_unit, parse_axes
from matsweep.planning.config import composer
from matsweep.planning.designs.table import Table
from matsweep.planning.grammar import as_typed, hydra_override
from matsweep.planning.plan import plan
from matsweep.running.overrides import as_overrides

FIXED = ["material=pcm_gst", "device.programming_error.rescale=true"]


def planned(*overrides):
    with composer():
        return plan([*FIXED, *overrides])


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        (
            ["device.g_max=25uS", "times=[1s,1h,1d]"],
            ["device.g_max=2.5e-5", "times=[1,3600,86400]"],
        ),
        (["device.g_max=10uS,25uS"], ["device.g_max=1e-5,2.5e-5"]),
        (["device.g_max=10µS, 25 µS"], ["device.g_max=1e-5,2.5e-5"]),
        (["device.g_max='10 μS','25 uS'"], ["device.g_max=1e-5,2.5e-5"]),
        (["device.g_max=choice(10uS,25uS)"], ["device.g_max=choice(1e-5,2.5e-5)"]),
        (["device.g_max=range(10uS,50uS,10uS)"], ["device.g_max=range(1e-5,5e-5,1e-5)"]),
        (["device.g_max=range(10uS,stop=50uS,step=10uS)"], ["device.g_max=range(1e-5,5e-5,1e-5)"]),
        (["device.g_max=interval(10uS,1mS)"], ["device.g_max=interval(1e-5,1e-3)"]),
        (
            ["device.g_max=tag(log, interval(10 µS, 1mS))"],
            ["device.g_max=tag(log,interval(1e-5,1e-3))"],
        ),
        (["device.g_max=sort(40uS,5uS,10uS)"], ["device.g_max=sort(4e-5,5e-6,1e-5)"]),
        (["device.temperature=85degC,300K"], ["device.temperature=358.15,300"]),
        (
            ["device.temperature=interval(25°C,85°C)"],
            ["device.temperature=interval(298.15,358.15)"],
        ),
        (["adc.sample_rate=100MHz"], ["adc.sample_rate=1e8"]),
        (["device.device_to_device=5%,10 %"], ["device.device_to_device=0.05,0.1"]),
        (["device.drift.nu=5%"], ["device.drift.nu=0.05"]),
        (["dac.percentile=99.9%"], ["dac.percentile=99.9"]),
        (["device.cell_size=25F2,48F2"], ["device.cell_size=25,48"]),
        (["periphery.node=22nm,45 nm"], ["periphery.node=22e-9,45e-9"]),
        (["device.retention.time=10years"], ["device.retention.time=3.1536e8"]),
        (
            ["material=pcm_gst,hfox_vcm", "device.temperature=85degC"],
            ["material=pcm_gst,hfox_vcm", "device.temperature=358.15"],
        ),
        (
            ["device.g_max=10uS,40uS", "constraints=['device.g_max < 30 uS']"],
            ["device.g_max=1e-5,4e-5", "constraints=['device.g_max < 3e-5']"],
        ),
        (
            ["dac.percentile=98,99.9", "constraints=['99 % <= dac.percentile']"],
            ["dac.percentile=98,99.9", "constraints=['99 <= dac.percentile']"],
        ),
    ],
)
def test_quantities_make_the_candidates_of_their_numbers(written, typed):
    first, second = planned(*written), planned(*typed)
    assert first.identities == second.identities
    assert first.times == second.times
    for name, values in first.coordinates().items():
        np.testing.assert_array_equal(values, second.coordinates()[name])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["device.g_max=25uV"],
            r"device.g_max \[S\] must be a conductance, .*'25uV': uV is",
        ),
        (["device.g_max=10uS,25uV"], r"device.g_max \[S\] must be a conductance, .*'25uV'"),
        (["device.g_max=interval(1uS,1mV)"], r"device.g_max \[S\] must be a conductance.*'1mV'"),
        (["device.g_max=25 uX"], r"device.g_max \[S\]: unknown unit 'uX'; did you mean uS"),
        (["adc.bits=interval(1uS,2uS)"], r"adc.bits takes no unit, got interval\(1uS,2uS\)"),
        (["adc.bits=4uS"], "adc.bits must be a finite number, got '4uS'"),
        (["times=[1V]"], r"times \[s\] must be a time, such as 5 us, got '1V'"),
        (["device.cell_size=0.01um2"], r"device.cell_size \[F²\] must be an area in squares"),
        (["wires=resistances", "wires.word_resistance=2S"], r"wires.word_resistance \[Ω\] must be"),
        (
            ["constraints=['device.g_max <= 25 uS + 1 V']"],
            "a conductance and a voltage cannot be added",
        ),
        (
            ["constraints=['device.g_max < 30 uV']"],
            r"constraint .*device.g_max \[S\] must be a cond",
        ),
    ],
)
def test_a_unit_that_does_not_fit_is_refused_by_name(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        planned(*overrides)
    assert "\n" not in str(caught.value)


def test_what_is_stored_of_a_study_are_numbers_and_units(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = planned("device.g_max=10uS,25uS", "device.temperature=85degC", "times=[1h]")
    assert study.units == {"device.g_max": "S"}
    assert study.config.device.temperature == 358.15
    assert list(study.config.times) == [3600]
    assert study.facts["candidates"] == 2


def test_a_table_may_hold_quantities(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text(
        "device.g_max,device.temperature\n10uS,27degC\n25 µS,300\n", encoding="utf-8"
    )
    study = planned("design=table", "design.path=points.csv")
    assert study.points == [(1e-5, 300.15), (2.5e-5, 300)]
    (tmp_path / "points.csv").write_text("device.g_max\n10uS\n3V\n")
    with pytest.raises(UserError, match=r"^points.csv, line 3: device.g_max \[S\] must be a cond"):
        planned("design=table", "design.path=points.csv")
    assert Table(path="points.csv").where(1) == "points.csv, line 3"


def test_mappings_and_the_api_take_quantities():
    with composer():
        listed = as_overrides({"device": {"g_max": "25 µS"}, "axes": {"adc.noise": ["1 LSB", 2]}})
        study = plan([*FIXED, *listed])
    assert [point[0] for point in study.points] == [1, 2]
    assert study.scenario(study.points[0]).device.g_max == 2.5e-5
    device = matsweep.load_material("pcm_gst", temperature="85degC").device
    assert device.temperature == 358.15


@pytest.mark.parametrize(
    ("typed", "carried"),
    [
        ("a=25uS", "a=25uS"),
        ("a=25µS", 'a="25µS"'),
        ("a=[1µs,2 µs]", 'a=["1µs","2 µs"]'),
        ("a=1m2/(V s)", 'a="1m2/(V s)"'),
        ("a='25µS'", "a='25µS'"),
        ("a=interval(1,2)", "a=interval(1,2)"),
        ("a=interval(1e-5,2e-5)", "a=interval(1e-5,2e-5)"),
        ("a=interval(1uS,2uS)", 'a=tag("units: interval(1uS,2uS)",choice(0))'),
        ("folder=results/3d_run", "folder=results/3d_run"),
        ("study=é", "study=é"),
        ("--config-dir", "--config-dir"),
    ],
)
def test_only_what_hydra_cannot_carry_is_rewritten(typed, carried):
    assert hydra_override(typed) == carried
    assert hydra_override(carried) == carried
    if "units: " in carried:
        assert as_typed(carried) == typed


@given(st.text(max_size=30))
def test_no_text_breaks_the_rewriting(text):
    assert hydra_override(hydra_override(f"a={text}")) == hydra_override(f"a={text}")
    as_typed(text)


def test_axes_wait_for_the_unit_of_their_parameter():
    [axis] = parse_axes({}, ["a.b=tag(log,interval(1uS,1mS))"])
    assert axis == Values(name="a.b", values=("tag(log,interval(1uS,1mS))",),
                          written="tag(log,interval(1uS,1mS))")  # fmt: skip
    assert in_unit(axis, "S") == Interval(name="a.b", low=1e-6, high=1e-3, logarithmic=True)
    [axis] = parse_axes({}, ["a.b=3V,x,null,2"])
    assert in_unit(axis, None) is axis
    assert in_unit(axis, "V").values == (3, "x", None, 2)
    with pytest.raises(UserError, match="has the value 2 twice"):
        in_unit(Values(name="a.b", values=("2V", 2)), "V")


def test_a_command_carries_quantities_to_its_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["explore", *FIXED, "workload.epochs=1", "workload.test_samples=20", "realisations=1",
               "times=[1s]", "study=u", "executor=serial", "design=grid", "design.intervals=2",
               "device.g_max=tag(log,interval(10uS,40µS))"]  # fmt: skip
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "needs -m to sweep them: matsweep explore -m material=pcm_gst" in told
    assert "units: " not in told
    assert main([command[0], "-m", *command[1:]]) == 0
    ds = matsweep.open_results("results/u.zarr")
    np.testing.assert_allclose(ds["device.g_max"], [1e-5, 4e-5], rtol=1e-12)
    assert ds["device.g_max"].attrs["units"] == "S"
    assert "interval(10uS,40µS)" in ds.attrs["command"]
    assert not re.search("units: ", ds.attrs["command"])
    assert ds.matsweep.select("device.g_max >= 20 uS").sizes["candidate"] == 1
    assert ds.matsweep.select("device.g_max / device.g_max >= 1").sizes["candidate"] == 2
    with pytest.raises(UserError, match="uV is a voltage"):
        ds.matsweep.select("device.g_max >= 20 uV")
