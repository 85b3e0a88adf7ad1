"""Parameters that may be unknown: found by what a material states, and set by a drawn number."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import matsweep
from matsweep.core.checks import UserError
from matsweep.core.codec import build, plain
from matsweep.devices import (
    AnalogDevice,
    LinearStep,
    ProgrammingError,
    Retention,
    StuckAt,
    WriteVerify,
)
from matsweep.devices.unknown import (
    PARAMETERS,
    PATHS,
    Unknown,
    drawn_values,
    in_words,
    parameter_of,
    unknown_parameters,
    with_values,
    without_effect,
)
from matsweep.materials import Origin
from matsweep.materials.priors import LogNormal, Normal, Uniform, Value

PULSES = LinearStep(step_up=0.01, step_down=0.01, slope_up=0.0, slope_down=0.0)
NEUTRAL = AnalogDevice(g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=48.0, pulse_model=PULSES)
RETENTION = ("device.retention.time", "device.retention.activation_ev")
STATED = Origin(status="derived")
NUMBERS = {path: 0.1 for path in PATHS} | {
    "device.retention.time": 1e5,
    "device.retention.temperature": 300.0,
    "device.endurance.half_window": 1e6,
}


@pytest.mark.parametrize("parameter", PARAMETERS, ids=PATHS)
def test_a_drawn_number_is_that_of_the_parameter_and_of_nothing_else(parameter):
    value = NUMBERS[parameter.path]
    assert parameter.neutral(NEUTRAL)
    device = parameter.put(NEUTRAL, value)
    assert not parameter.neutral(device)
    assert parameter.get(device) in (value, None)
    others = [each for each in PARAMETERS if each is not parameter]
    assert all(each.neutral(device) for each in others)
    field = parameter.field
    for name in AnalogDevice.__dataclass_fields__:
        if name != field:
            assert getattr(device, name) == getattr(NEUTRAL, name)


def test_a_programming_error_is_a_share_of_the_range_at_every_conductance():
    values = np.full(len(PATHS), np.nan)
    values[PATHS.index("device.programming_error")] = 0.05
    device = with_values(NEUTRAL, values)
    sigma = device.programming_sigma(np.linspace(1e-6, 1e-5, 9))
    np.testing.assert_allclose(sigma, 0.05 * 9e-6, rtol=1e-12)


def test_read_noise_keeps_the_law_that_is_stated():
    values = np.full(len(PATHS), np.nan)
    values[PATHS.index("device.read_noise")] = 0.02
    stated = matsweep.load_material("hfox_vcm").device
    drawn = with_values(stated, values)
    assert (drawn.read_noise.relative, drawn.read_noise.exponent) == (0.02, 1.0)
    noisy = with_values(NEUTRAL, np.where(np.isnan(values), values, 2.0))
    assert noisy.read_sigma(np.array(1e-5)) == pytest.approx(2e-5)


def test_what_a_material_states_is_known():
    origins = {"read_noise": STATED, "drift": STATED, "stuck_at": STATED}
    found = unknown_parameters(NEUTRAL, origins)
    known = {"device.read_noise", "device.drift.nu", "device.drift.spread"}
    known |= {"device.stuck_at.g_min", "device.stuck_at.g_max"}
    assert set(found) == set(PATHS) - known
    assert set(found.values()) == {"missing"}


def test_what_a_study_states_is_known_even_at_its_neutral_value():
    stated = ["device.read_noise", "device.retention.time", "device.drift"]
    found = unknown_parameters(NEUTRAL, {}, stated=stated)
    assert "device.read_noise" not in found
    assert "device.retention.time" not in found
    assert "device.retention.activation_ev" in found
    assert not any(path.startswith("device.drift") for path in found)


def test_a_stated_retention_without_an_activation_energy_leaves_it_unknown():
    device = AnalogDevice(
        g_min=0, g_max=1e-5, read_voltage=0.2, cell_size=1.0, retention=Retention(time=1e4)
    )
    found = unknown_parameters(device, {"retention": STATED})
    assert "device.retention.time" not in found
    assert found["device.retention.activation_ev"] == "missing"


def test_numbers_from_memory_are_unconfirmed():
    loaded = matsweep.load_material("hfox_vcm")
    found = unknown_parameters(loaded.device, loaded.material.origins)
    assert found["device.retention.time"] == "illustrative"
    assert found["device.endurance.half_window"] == "recalled"
    assert "device.programming_error" not in found


def test_pulses_without_a_model_have_no_unknown_spread():
    device = matsweep.load_material("cbram").device
    found = unknown_parameters(device, {})
    assert not any(path.startswith("device.pulse_model") for path in found)


def test_draws_lie_within_what_every_device_takes():
    wide = Unknown(path="device.stuck_at.g_min", prior=Normal(mean=0.0, sd=10.0))
    low, high = Unknown(path="device.drift.nu", prior=Value(value=-5.0)), 0.5
    values = drawn_values([wide, low], 0, "any", range(256))
    shares = values[:, PATHS.index(wide.path)]
    assert shares.min() == 0.0
    assert shares.max() == high
    assert (values[:, PATHS.index(low.path)] == -1.0).all()
    both = StuckAt(g_min=high, g_max=high)
    assert both.total == 1.0
    assert np.isnan(np.delete(values, [PATHS.index(each.path) for each in (wide, low)], 1)).all()


def test_a_material_has_the_same_draws_whatever_else_is_unknown():
    one = Unknown(path="device.read_noise", prior=LogNormal(median=0.01, log_sd=1.0))
    two = Unknown(path="device.drift.nu", prior=Uniform(min=0.0, max=0.1))
    place = PATHS.index(one.path)
    both = drawn_values([one, two], 0, "ftj", range(16))
    np.testing.assert_array_equal(
        both[:, place], drawn_values([one], 0, "ftj", range(16))[:, place]
    )


def test_a_prior_in_words():
    law = LogNormal(median=0.016, log_sd=0.59)
    assert in_words("device.read_noise", law) == "0.5 to 5.1 % (95 %)"
    assert in_words("device.read_noise", Value(value=0.02)) == "2 %"
    assert in_words("device.retention.time", Value(value=9e4)) == "90000 s"
    assert in_words("device.stuck_at.g_min", Uniform(min=0.0, max=2.0)) == "5 to 50 % (95 %)"


@pytest.mark.parametrize(
    ("changes", "drawn", "idle"),
    [
        ({"temperature": 358.15}, [], {"device.temperature", "times"}),
        ({"temperature": 358.15}, ["device.retention.time"], {"device.temperature"}),
        ({"temperature": 358.15}, [*RETENTION], set()),
        ({"cycles": 1e3}, ["device.drift.nu"], {"device.cycles"}),
        ({"cycles": 1e3}, ["device.drift.nu", "device.endurance.half_window"], set()),
        ({"retention": Retention(time=1.0), "temperature": 400.0}, [], {"device.temperature"}),
        ({"retention": Retention(time=1.0, activation_ev=1.0), "temperature": 400.0}, [], set()),
        ({"write_verify": WriteVerify()}, [], {"times"}),
    ],
)  # fmt: skip
def test_a_condition_acts_only_where_enough_is_known(changes, drawn, idle):
    arguments = dict(g_min=0, g_max=1e-5, read_voltage=0.2, cell_size=1.0, pulse_model=PULSES)
    device = AnalogDevice(**{**arguments, **changes})
    assert set(without_effect(device, drawn)) == idle


def test_a_temperature_without_effect_says_what_is_missing():
    device = AnalogDevice(g_min=0, g_max=1e-5, read_voltage=0.2, cell_size=1.0, temperature=400.0)
    for drawn, why in (
        (["device.retention.time"], "no activation energy is known"),
        (["device.retention.activation_ev"], "no retention time is known"),
    ):
        assert without_effect(device, drawn)["device.temperature"] == why


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_a_bare_number_is_the_programming_error_that_a_prior_of_it_draws(spread):
    """A share of the range g_max - g_min at every conductance."""
    device = AnalogDevice(
        g_min=1e-6, g_max=5e-6, read_voltage=0.2, cell_size=4.0, device_to_device=spread
    )
    stated = build(AnalogDevice, {**plain(device), "programming_error": 0.02}, "device")
    drawn = parameter_of("device.programming_error").put(device, 0.02)
    levels = np.linspace(device.g_min, device.g_max, 7)
    np.testing.assert_allclose(
        stated.programming_sigma(levels), drawn.programming_sigma(levels), rtol=1e-12
    )
    if not spread:
        np.testing.assert_allclose(stated.programming_sigma(levels), 0.02 * 4e-6, rtol=1e-12)
    half = dataclasses.replace(stated.programming_error, scale=0.5)
    np.testing.assert_allclose(half.sigma(levels, 5e-6, 1e-6), 0.01 * 4e-6, rtol=1e-12)
    assert ProgrammingError.from_number(0.0).absent
    assert not stated.programming_error.absent
    with pytest.raises(UserError, match=r"of_range must be >= 0, got -0.1"):
        ProgrammingError.from_number(-0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"programming_error": "high"}, "a number or a mapping, {coefficients: …} (there are co"),
        ({"stuck_at": 0.02}, "a mapping, {g_min: …} (there are g_min, g_max, random, clustering)"),
        ({"iv": 1}, "a mapping, {kind: …} (kinds are sinh, "),
    ],
)
def test_a_part_that_is_no_mapping_is_refused_with_its_form(given, message):
    neutral = plain(AnalogDevice(g_min=1e-6, g_max=5e-6, read_voltage=0.2, cell_size=4.0))
    with pytest.raises(UserError) as caught:
        build(AnalogDevice, {**neutral, **given}, "device")
    assert f"must be {message}" in str(caught.value)
