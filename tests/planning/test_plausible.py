"""Bounds of plausibility: what is questioned before anything runs, and what is not."""

import dataclasses
import typing

import pytest

from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.codec import numbers, numbers_at, plain
from matsweep.core.plausible import Plausible, meant
from matsweep.crossbar.converters import ADC, DAC
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.devices.unknown import PATHS, parameter_of
from matsweep.planning.axes import parse_axes
from matsweep.planning.config import compose, composer, options, plain_config
from matsweep.planning.plan import plan
from matsweep.planning.plausibility import questions
from matsweep.planning.quantities import resolve_quantities
from matsweep.planning.unknowns import mechanism
from matsweep.workloads.inference.workload import MLP

WAY_OUT = "plausible=false goes on"


def planned(*overrides):
    with composer():
        return plan(overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["device.g_max=25S"],
            "device.g_max [S] should be in [1e-12, 0.1], got 25; did you mean 25uS? "
            "(plausible=false goes on)",
        ),
        (
            ["device.temperature=85K"],
            "device.temperature [K] should be in [200, 700], got 85; did you mean 85degC?",
        ),
        (
            ["device.read_noise=500%"],
            "device.read_noise should be in [0, 1], got 5 (500 %); did you mean 5%?",
        ),
        (["device.read_noise={relative: 2}"], "device.read_noise.relative should be in [0, 1]"),
        (["device.device_to_device=5"], "device.device_to_device should be in [0, 1], got 5"),
        (["device.cycle_to_cycle=2"], "device.cycle_to_cycle should be in [0, 1]"),
        (["device.drift.nu=5"], "device.drift.nu should be in [-1, 1], got 5 (500 %)"),
        (["device.drift.spread.at_g_max=2"], "device.drift.spread.at_g_max should be in [-1, 1]"),
        (["device.read_voltage=200"], "got 200; did you mean 200mV?"),
        (["device.retention.activation_ev=50"], "device.retention.activation_ev [eV] should be"),
        (["device.write_pulse.time_up=1e3"], "device.write_pulse.time_up [s] should be in"),
        (["tile.read_time=10"], "tile.read_time [s] should be in [1e-11, 0.01], got 10; did you"),
        (["tile.rows=100000"], "tile.rows should be in [1, 16384], got 100000 (plausible=false"),
        (["tile.gates.high=50"], "tile.gates.high [V] should be"),
        (["adc.sample_rate=1"], "got 1; did you mean 1GHz?"),
        (["adc.noise=100"], "adc.noise [LSB] should be in [0, 64], got 100"),
        (["dac.percentile=1"], "dac.percentile [%] should be in [50, 100], got 1"),
        (["wires=resistances", "wires.word_resistance=1e9"], "wires.word_resistance [Ω] should be"),
        (["physics.temperature=25", "device.source=derived"], "did you mean 25degC?"),
        (["physics.activation_ev=100", "device.source=derived"], "physics.activation_ev [eV]"),
        (["protocol.voltage_up=500", "device.source=derived"], "did you mean 500mV?"),
        (["times=[1,1e12]"], "times [s] should be in [1e-09, 1e+10], got 1e+12"),
        (
            ["device.temperature=85", "device.read_noise=3"],
            "(likewise device.read_noise; plausible=false goes on)",
        ),
        (["device.temperature=300,85"], "axis device.temperature [K] should be in [200, 700]"),
        (["device.temperature=interval(85,400)"], "axis device.temperature [K] should be"),
        (["device.device_to_device=5%,10"], "axis device.device_to_device should be in [0, 1]"),
        (["device.read_noise=0,{relative: 5}"], "axis device.read_noise.relative should be in"),
        (
            ["material=hfox_gong", "device.pulse_model.device_to_device.gain=0,5"],
            "axis device.pulse_model.device_to_device.gain should be in [0, 3]",
        ),
        (["device.programming_error=5"], "device.programming_error should be in [0, 1], got 5"),
        (["device.stuck_at.g_max=60%"], "device.stuck_at.g_max should be in [0, 0.5], got 0.6"),
        (
            ["device.temperature=interval(85,400)", "design=adaptive"],
            "axis device.temperature [K] should be",
        ),
    ],
)
def test_a_value_that_hardly_any_device_has_is_questioned(overrides, message):
    with pytest.raises(UserError) as caught:
        planned(*overrides)
    assert message in str(caught.value)
    assert WAY_OUT in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("programming_error=5", "programming_error should be in [0, 1], got 5 (500 %); did you"),
        ("read_noise=500%", "read_noise should be in [0, 1], got 5 (500 %); did you mean 5%?"),
        ("read_noise=[1%,500%]", "read_noise should be in [0, 1], got 5"),
        ("read_noise={kind: uniform, min: 0, max: 5}", "read_noise should be in [0, 1], got 5"),
        ("read_noise={kind: lognormal, median: 5, log_sd: 1}", "read_noise should be in [0, 1]"),
        ("read_noise={kind: normal, mean: 5, sd: 1}", "read_noise should be in [0, 1], got 5"),
        (
            "read_noise={kind: lognormal, median: 0.5, log_sd: 2}",
            "should be in [0, 1], got 1.92675 (192.675 %), beyond which a quarter of the draws",
        ),
        ("retention.temperature=85", "retention.temperature [K] should be in [200, 700], got 85; "),
        ("retention.time=1e30", "retention.time [s] should be in [1e-12, 1e+12], got 1e+30"),
        ("endurance.half_window=1e25", "endurance.half_window should be in [1, 1e+18], got 1e+25"),
    ],
)
def test_a_prior_is_questioned_as_the_parameter_itself(given, message):
    with pytest.raises(UserError) as caught:
        planned("material=fefet_hzo", f"prior.device.{given}")
    assert str(caught.value).startswith("prior.device.")
    assert message in str(caught.value)
    assert WAY_OUT in str(caught.value)
    study = planned("material=fefet_hzo", f"prior.device.{given}", "plausible=false")
    assert any(note.startswith("implausible: prior.device.") for note in study.notes)


@pytest.mark.parametrize("path", [path for path in PATHS if "pulse_model" not in path])
def test_every_prior_has_bounds(path):
    """Those of the parameter, or its own rule refuses what is beyond."""
    parameter = parameter_of(path)
    found = [*numbers_at(AnalogDevice, path.split(".")[1:], {}, 1.0, path)]
    assert [each.path for each in found] == [path]
    assert found[0].plausible is not None or parameter.high <= 1.0


def test_no_prior_of_a_mechanism_is_questioned_where_a_user_writes_the_same():
    with composer():
        config = plain_config(compose([]))
        for name in options("prior"):
            for path, evidence in mechanism(name).evidence.items():
                section, *keys = path.split(".")
                node = plain(evidence.law)
                for key in reversed(keys):
                    node = {key: node}
                found = questions([{**config, "prior": {section: node}}], ())
                assert [each.line for each in found] == [], (name, path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("device.read_noise=-0.1", "device.read_noise.relative must be >= 0, got -0.1"),
        (
            "device.g_min=1",
            "device.g_min [S] must be < g_max = 2.5e-05, got 1.0; did you mean 1uS?",
        ),
        ("periphery.node=22", "got 22.0; did you mean 22nm?"),
        ("device.levels=0", "device.levels must be >= 2, got 0"),
    ],
)
def test_a_broken_rule_comes_first_with_the_unit_guessed(override, message):
    with pytest.raises(UserError) as caught:
        planned("material=pcm_gst", override)
    assert message in str(caught.value)
    assert WAY_OUT not in str(caught.value)


def test_plausible_false_goes_on_and_notes_each_value():
    study = planned("device.temperature=300,85", "device.read_noise=3", "plausible=false")
    assert len(study) == 2
    assert [note for note in study.notes if note.startswith("implausible: ")] == [
        "implausible: device.read_noise should be in [0, 1], got 3 (300 %); did you mean 3%?",
        "implausible: axis device.temperature [K] should be in [200, 700], got 85; did you mean "
        "85degC?",
    ]
    with pytest.raises(UserError, match="plausible must be true or false, got 'no'"):
        planned("plausible='no'")
    with pytest.raises(UserError, match="plausible belongs to the study and cannot be swept"):
        planned("plausible=true,false")


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_what_is_no_number_is_left_to_the_parameters_own_rule(value):
    with pytest.raises(UserError, match="device_to_device must be a finite number"):
        planned(f"device.device_to_device={value}")


def test_the_setting_changes_no_candidate():
    assert planned("plausible=false").identities == planned().identities


GROUPS = ("material", "device", "protocol", "tile", "wires", "periphery", "workload", "experiment")


def test_all_shipped_configurations_are_plausible():
    """Every choice of every group, and the axes of every experiment."""
    with composer():
        known = {group: options(group) for group in GROUPS}
        assert len(known["material"]) >= 34
        for group, choices in known.items():
            for choice in choices:
                config = compose([f"{group}={choice}"])
                resolve_quantities(config)
                axes = parse_axes(plain_config(config.axes, resolve=False), [])
                found = questions([plain_config(config)], axes)
                assert [each.line for each in found] == [], (group, choice)
                assert config.plausible is True


def test_every_device_parameter_with_a_unit_has_bounds():
    device = plain(AnalogDevice(g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=4.0))
    found = {each.path: each for each in numbers(AnalogDevice, device)}
    assert {"g_max", "drift.nu.at_g_max", "retention.temperature", "read_noise.cap"} <= set(found)
    bare = {path for path, each in found.items() if each.plausible is None}
    # All are held to [0, 1] by their own classes, or are a share.
    assert bare == {
        "endurance.towards", "read_noise.exponent", "retention.stable", "retention.stretch",
        "stuck_at.clustering",
        "telegraph_noise.amplitude", "telegraph_noise.duty", "telegraph_noise.share",
    }  # fmt: skip


@pytest.mark.parametrize("cls", [AnalogDevice, ADC, DAC, *DynamicalModel.registry.values()])
def test_the_defaults_of_classes_are_plausible(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            for each in numbers(hints[field.name], plain(field.default), field.name):
                assert each.plausible is None or each.plausible.holds(each.value), each


@pytest.mark.parametrize(
    ("value", "unit", "bounds", "guess"),
    [
        (25, "S", Plausible(1e-12, 0.1), "25uS"),
        (25, "S", Plausible(1e-12, 1e-6), "25nS"),
        (25, "S", Plausible(1, 2), ""),
        (85, "K", Plausible(200, 700), "85degC"),
        (600, "K", Plausible(200, 400), ""),
        (5, "1", Plausible(0, 1), "5%"),
        (1e6, "S", Plausible(1e-12, 0.1), ""),
        (22, "m", Plausible(1e-9, 1e-6), "22nm"),
        (7, None, Plausible(0, 1), ""),
    ],
)
def test_the_unit_is_guessed_where_it_makes_the_value_plausible(value, unit, bounds, guess):
    assert meant(value, unit, bounds) == guess


def test_zero_is_an_effect_left_out():
    assert Plausible(1e-3, 1.0).holds(0)
    assert not Plausible(1e-3, 1.0).holds(1e-4)


def test_a_study_is_questioned_before_it_prepares_anything(workplace, capsys, monkeypatch):
    monkeypatch.setattr(MLP, "prepare", lambda _: pytest.fail("prepared"))
    assert main(["explore", "-m", "device.g_max=10uS,25S", "executor=serial"]) == 2
    assert "axis device.g_max [S] should be" in capsys.readouterr().err
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["device.g_max=25S"], "device.g_max [S] should be in [1e-12, 0.1], got 25; did you mean"),
        (["device.temperature=85"], "did you mean 85degC?"),
        (["bench.temperatures=[300,85]"], "bench.temperatures [K] should be in [200, 700], got 85"),
        (["tile=analog_128", "tile.read_time=10"], "tile.read_time [s] should be"),
    ],
)
def test_a_test_bench_is_questioned_before_it_measures(workplace, capsys, arguments, message):
    assert main(["characterize", "material=pcm_gst", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("temperature=85", "temperature [K] should be in [200, 700], got 85; did you mean 85degC?"),
        ("read_voltage=200", "read_voltage [V] should be in [-10, 10], got 200; did you mean"),
        ("g_max=25", "g_max [S] should be in [1e-12, 0.1], got 25; did you mean 25uS?"),
        ("cell_size=1e9", "cell_size [F²] should be in [1, 1e+07], got 1e+09"),
    ],
)
def test_a_calibration_is_questioned_before_it_reads(workplace, capsys, option, message):
    assert main(["calibrate", "absent.csv", option]) == 2
    assert message in capsys.readouterr().err
    assert main(["calibrate", "absent.csv", option, "plausible=false"]) == 2
    assert "absent.csv" in capsys.readouterr().err
