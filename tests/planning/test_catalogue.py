"""One suite that every material family of the catalogue passes, and spot checks of its numbers.

Published laws of families are rows of `matsweep validate` (`tests/validation/test_rows.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import yaml

from matsweep.devices import CycleNoise, ProgrammingError, StuckAt, Tabulated
from matsweep.devices.pulses import limits
from matsweep.planning.folders import conf_folder
from tests.families import FAMILIES, families

FILES = {name: conf_folder() / "material" / f"{name}.yaml" for name in FAMILIES}
PULSED = [
    name for name, file in FILES.items()
    if yaml.safe_load(file.read_text(encoding="utf-8"))["device"].get("pulse_model")
]  # fmt: skip
MONTH = 2.592e6
pytestmark = pytest.mark.xdist_group("catalogue")  # one process loads the families, once


def device_of(name):
    return families()[name].device


def rng(seed=0):
    return np.random.default_rng(seed)


def states(device, count, n=2000):
    """Return the same conductances for n devices each: (state, device, 1) S."""
    level = device.g_min + np.linspace(0, 1, count) * device.g_range
    return np.repeat(level[:, None, None], n, axis=1)


def test_the_catalogue_has_the_families_that_were_asked_for():
    asked = {
        "hfox_vcm", "hfox_milo", "hfox_14nm", "hfox_14nm_optimized", "hfox_gong", "cmo_hfox",
        "alox_hfo2", "taox_hfox", "taox_vcm", "taox_tio2", "tio2_hp", "ag_a_si", "cbram", "pcmo",
        "pcm_gst", "pcm_joshi", "pcm_hermes_1", "pcm_hermes_2", "pcm_projected", "sonos",
        "epiram", "fefet_hzo", "ftj", "stt_mram", "ecram_li", "ecram_oxide", "enode", "mos2",
        "mott_nbo2_vo2", "josephson_mjj", "photonic_pcm", "capacitor_3t1c", "rpu_reference",
        "sram_cmos", "rpu_idealized", "hfox_gong_soft", "pcm_pulsed",
    }  # fmt: skip
    assert len(asked) >= 25
    assert asked <= set(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_it_is_and_is_for(name):
    physics = families()[name].material
    assert all(len(text) > 3 for text in (physics.label, physics.mechanism, physics.role))
    assert (device_of(name).pulse_model is not None) is (name in PULSED)


def test_short_labels_are_short_and_differ():
    labels = [families()[name].material.short for name in FAMILIES]
    assert all(1 < len(label) <= 16 for label in labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", FAMILIES)
def test_programming_stays_on_levels_in_range_but_for_its_stated_errors(name):
    """Errors: 2,000 devices give a standard deviation to 1.6 %; bound 6 times that."""
    device = dataclasses.replace(device_of(name), stuck_at=StuckAt())
    target = states(device, 9)
    level = device.nearest_level(target[:, :1])
    assert ((level >= device.g_min * (1 - 1e-9)) & (level <= device.g_max * (1 + 1e-9))).all()
    if device.levels is not None:
        steps = (level - device.g_min) / device.g_range * (device.levels - 1)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    made = device.program(target, rng=rng(1)).conductance
    assert np.isfinite(made).all()
    assert (made >= 0).all()
    sigma = np.zeros(level.shape) if device.exact else device.programming_sigma(level)
    certain = (level > 6 * sigma)[:, 0, 0]  # where the cut at 0 is out of reach
    np.testing.assert_allclose(
        made.std(axis=1)[certain, 0], sigma[certain, 0, 0], rtol=0.1, atol=1e-6 * device.g_max
    )
    error = made.mean(axis=1)[certain, 0] - level[certain, 0, 0]
    assert (np.abs(error) <= 6 * sigma[certain, 0, 0] / 2000**0.5 + 1e-6 * device.g_max).all()
    ideal = dataclasses.replace(
        device, programming_error=ProgrammingError(), device_to_device=0.0, cycle_to_cycle=0.0
    )
    made = ideal.program(target, rng=rng(1)).conductance
    np.testing.assert_array_equal(made, np.broadcast_to(level, made.shape))


@pytest.mark.parametrize("name", FAMILIES)
def test_read_noise_is_as_stated(name):
    device = device_of(name)
    level = states(device, 5)[1:]
    read = device.read(level, rng=rng(2), time=60.0)
    base, sigma = level[:, :1], device.read_sigma(level[:, :1], 60.0)
    if device.iv is not None:  # a read shows current over voltage
        base = (device.current(level[:, :1], device.read_voltage)) / device.read_voltage
        slope = base / level[:, :1]
        sigma = sigma * slope
    np.testing.assert_allclose(read.std(axis=1), sigma[:, 0], rtol=0.12, atol=1e-9 * device.g_max)
    limit = 6 * sigma[:, 0] / 2000**0.5 + 1e-9 * device.g_max
    assert (np.abs(read.mean(axis=1) - base[:, 0]) <= limit).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_time_moves_conductance_the_way_of_its_law(name):
    device = device_of(name)
    start = states(device, 5)
    aging = device.aging(start, rng=rng(3))
    means = []
    for time in (1.0, 3600.0, MONTH):
        aged = device.aged(start, time, aging)
        assert np.isfinite(aged).all()
        assert (aged >= 0).all()
        means.append(aged.mean(axis=1)[:, 0])
    steady = device.drift.absent and device.short_term.absent and device.retention.time is None
    if steady:
        np.testing.assert_array_equal(aged, start)
    elif device.retention.stable == 0:  # every law of the catalogue loses conductance
        assert (means[2] <= means[0] * (1 + 1e-9)).all()
        assert (means[2] < start[:, 0, 0])[1:].all()


@pytest.mark.parametrize("name", PULSED)
def test_no_pulse_moves_the_wrong_way_on_average_or_out_of_bounds(name):
    """4,000 drawn devices at each state: the mean change beyond 6 of its own deviations."""
    device = device_of(name)
    model = device.pulse_model
    grid = np.linspace(0, 1, 101)
    assert (model.step(grid, True, model.nominal) >= -1e-9).all()
    assert (model.step(grid, False, model.nominal) <= 1e-9).all()
    start = states(device, 11, 4000)
    own = device.draw(start.shape, rng=rng(4))
    low, high = (device.g_min + state * device.g_range for state in limits(own))
    start = np.clip(start, np.maximum(low, 0), high)
    inner = slice(3, 8)  # away from the ends, where the cut turns noise into a shift
    for count in (1, -1):
        after = device.pulse(start, count, rng=rng(5), devices=own).start
        assert (after >= np.maximum(low * (1 - 1e-6), 0)).all()
        assert (after <= high * (1 + 1e-6)).all()
        change = count * (after - start)[inner, :, 0]
        assert (change.mean(axis=1) > -6 * change.std(axis=1) / 4000**0.5).all()
    many = device.pulse(start[:, :50], 300, rng=rng(6)).start
    many = device.pulse(many, -300, rng=rng(7)).start
    assert ((many >= device.g_min * (1 - 1e-6)) & (many <= device.g_max * (1 + 1e-6))).all()


@pytest.mark.parametrize("name", PULSED)
def test_potentiation_then_depression_closes_as_the_model_says(name):
    """The noiseless device, against a plain loop over the mean step in double precision."""
    device = device_of(name)
    model = dataclasses.replace(device.pulse_model, cycle_to_cycle=CycleNoise())
    assert not isinstance(model, Tabulated)
    quiet = dataclasses.replace(device, pulse_model=model)
    conductance, state, parameters = np.full((1, 1), device.g_min), 0.0, model.nominal
    for count in [1] * 60 + [-1] * 60:
        conductance = quiet.pulse(conductance, count, rng=rng()).conductance
        state += float(model.step(np.array([state]), count > 0, parameters)[0])
        state = min(max(state, 0.0), 1.0)
    expected = device.g_min + state * device.g_range
    assert conductance[0, 0] == pytest.approx(expected, rel=1e-6)
    assert state < 0.75


@pytest.mark.parametrize("name", PULSED)
def test_pulses_cost_energy_where_the_pulse_is_known(name):
    device = device_of(name)
    made = device.pulse(states(device, 3, 2), np.array([[[1], [-1]]] * 3), rng=rng())
    pulse = device.write_pulse
    known = pulse.energy or (
        None not in (pulse.voltage_up, pulse.time_up, pulse.voltage_down, pulse.time_down)
    )
    assert (made.energy > 0).all() if known else np.isnan(made.energy).any()


def test_the_volatile_switch_forgets():
    device = device_of("mott_nbo2_vo2")
    kept = device.relax(np.full((1, 1), device.g_max), 1e-6, rng=rng())
    assert kept[0, 0] == pytest.approx(device.g_min)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("hfox_vcm", "g_max", 40e-6),
        ("hfox_milo", "g_max", 225e-6),
        ("hfox_14nm", "pulse_model.step_up", 0.4622),
        ("hfox_14nm_optimized", "stuck_at.random", 0.1348),
        ("cmo_hfox", "short_term.shift", -0.08900206e-6),
        ("alox_hfo2", "g_max", 1 / 16.9e3),
        ("alox_hfo2", "g_min", 1 / 16.9e3 / 4.43),
        ("taox_hfox", "pulse_model.nonlinearity_down", -0.63),
        ("taox_tio2", "write_pulse.time_up", 0.04),
        ("ag_a_si", "pulse_model.nonlinearity_up", 2.4),
        ("pcmo", "g_min", 1 / 23e6 / 6.84),
        ("pcm_gst", "drift.time_zero", 20.0),
        ("pcm_joshi", "drift.time_zero", 27.36),
        ("pcm_hermes_1", "g_max", 10.35e-6),
        ("pcm_hermes_2", "drift.time_zero", 300.0),
        ("sonos", "programming_error.saturation", 176.3115e-9 / 0.1),
        ("hfox_gong", "pulse_model.step_up", 0.00135 / 2),
        ("hfox_gong", "pulse_model.step_down", 0.00135 * (1 - 0.259359) / 2),
        ("rpu_reference", "pulse_model.step_up", 0.0016 / 2),
        ("fefet_hzo", "write_pulse.energy", 2.1717e-18 * (3.65**2 + 2.95**2) / 2),
        ("ecram_li", "write_pulse.energy", 1e-15),
        ("josephson_mjj", "write_pulse.energy", 3e-18),
        ("mos2", "endurance.half_window", 180),
        ("enode", "retention.time", 9e4),
        ("epiram", "endurance.half_window", 1e9),
        ("fefet_hzo", "g_max", 1 / 559.28e3),
        ("stt_mram", "g_max", 1 / 3500.0),
        ("ecram_oxide", "pulse_model.cycle_to_cycle.of_step", 2.0),
        ("capacitor_3t1c", "cell_size", 5000.0),
        ("sram_cmos", "cell_size", 280.0),
    ],
)
def test_numbers_are_those_of_their_source(name, path, value):
    """Typed again from the papers and tables that the files name."""
    found = device_of(name)
    for part in path.split("."):
        found = getattr(found, part)
    assert found == pytest.approx(value, rel=5e-4)
