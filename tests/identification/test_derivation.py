"""From physics to behaviour: what a population of simulated devices becomes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import matsweep
from matsweep.core.cache import cache_folder
from matsweep.core.checks import UserError
from matsweep.core.codec import plain
from matsweep.devices import FilamentGap, MagneticTunnelJunction, Membrane, StuckAt, curvature
from matsweep.identification.derivation import Protocol, derive, derived_device, population
from matsweep.identification.derivation.verify import verify
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.scenario import Scenario

K_EV = 8.617333e-5
SMALL = {"devices": 12, "cycles": 1, "mixed": 20}
DERIVABLE = ("hfox_vcm", "tio2_hp", "pcm_gst", "ftj", "fefet_hzo", "stt_mram", "ecram_li", "cbram",
             "taox_vcm", "josephson_mjj")  # fmt: skip


@pytest.fixture(scope="module")
def hfox():
    return matsweep.load_material("hfox_vcm")


@pytest.fixture(scope="module")
def derived(hfox):
    return derive(hfox.physics, dataclasses.replace(hfox.protocol, **SMALL), base=hfox.device)


def straight(**changes):
    """Return a filament whose gap moves evenly: no heat, a constant field, no resistance."""
    values = {"i0": 1e-5, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "activation_ev": 1.0,
              "hop": 0.25e-9, "thickness": 6e-9, "gamma0": 16.0, "beta": 0.0,
              "r_th": 0.0}  # fmt: skip
    return FilamentGap(**(values | changes))


def even_width():
    """Return the width [s] of pulses of 1.5 V of which 50 move the gap by 1 nm."""
    return 1e-9 / abs(float(straight().rate(1e-9, 1.5))) / 50


@pytest.mark.parametrize("name", DERIVABLE)
def test_every_material_with_switching_physics_gives_a_device(name):
    loaded = matsweep.load_material(name)
    protocol = dataclasses.replace(loaded.protocol, devices=8, cycles=1)
    found = derive(loaded.physics, protocol, base=loaded.device, labels=False)
    device = found.device
    assert 0 < device.g_min < device.g_max < np.inf
    assert device.write_pulse.energy > 0
    assert device.source == "reported"  # its numbers are given now
    numbers = json.dumps(plain(device))
    assert "NaN" not in numbers
    assert "Infinity" not in numbers
    matsweep.devices.AnalogDevice(**{f.name: getattr(device, f.name)
                                     for f in dataclasses.fields(device)})  # fmt: skip


def test_the_range_is_what_the_pulses_reach(hfox, derived):
    traces = derived.traces
    assert derived.device.g_max == pytest.approx(float(np.median(traces.up[:, -1])))
    assert derived.device.g_min == pytest.approx(float(np.median(traces.down[:, -1])))
    assert derived.figures["write_energy"] == pytest.approx(
        derived.device.write_pulse.energy * derived.device.write_pulse.count
    )
    assert derived.device.read_noise == hfox.device.read_noise


def test_an_even_gap_gives_neurosims_label():
    """G grows as exp(n Δg / g0): A / P = -g0 / Δg, and the fit of the derived pulses finds it."""
    physics = straight(gap_min=0.2e-9, gap_max=1.2e-9)
    speed = abs(float(physics.rate(1e-9, 1.5)))
    protocol = Protocol(voltage_up=1.5, width_up=1e-9 / speed / 40, pulses_up=40, pulses_down=40,
                        stochastic=False, spread={"i0": 0.01}, **SMALL)  # fmt: skip
    base = matsweep.load_material("hfox_vcm").device
    found = derive(physics, protocol, base=base)
    # Labels of the sign that bends towards g_max: the normalised curve rises late.
    inverse = float(curvature(found.labels.values["nonlinearity_up"]))
    assert abs(1 / inverse) == pytest.approx(0.25, rel=1e-3)


def test_the_spread_of_switching_times_is_that_of_the_barrier():
    """σ(ln t) = σ_Ea / kT."""
    sigma = 0.01
    activation = 1.0 + sigma * np.random.default_rng(0).standard_normal(2000)
    rates = np.abs(straight(activation_ev=activation).rate(1e-9, 1.2))
    assert np.std(np.log(1 / rates)) == pytest.approx(np.std(activation) / (K_EV * 300), rel=1e-3)
    base = matsweep.load_material("hfox_vcm").device
    protocol = {"voltage_up": 1.5, "width_up": even_width(), "stochastic": False, **SMALL}
    spreads = [
        derive(straight(), Protocol(spread={"activation_ev": s}, **protocol), base=base,
               labels=False).figures["device_to_device_up"]
        for s in (0.001, 0.01)
    ]  # fmt: skip
    assert spreads[1] > 3 * spreads[0]


def test_jumps_are_the_cycle_to_cycle_noise():
    base = matsweep.load_material("hfox_vcm").device
    protocol = {"voltage_up": 1.5, "width_up": even_width(), "devices": 12, "cycles": 4, "mixed": 0}
    quiet, coarse, fine = (
        derive(straight(hops_per_gap=hops), Protocol(stochastic=noisy, **protocol), base=base,
               labels=False).figures["cycle_to_cycle_up"]
        for noisy, hops in ((False, 10.0), (True, 10.0), (True, 1000.0))
    )  # fmt: skip
    assert quiet < 1e-9
    # The number of hops is Poisson's: the noise falls with the root of their number.
    assert 4 < coarse / fine < 25


def test_a_programmed_device_lands_where_write_and_verify_left_the_simulated_ones(derived, hfox):
    device = dataclasses.replace(derived.device, stuck_at=StuckAt())
    at, span = device.g_min + 0.5 * device.g_range, device.g_range
    protocol = dataclasses.replace(hfox.protocol, **(SMALL | {"devices": 200, "seed": 5}))
    rng = np.random.default_rng(5)
    many = population(hfox.physics, protocol, rng)
    alone = verify(many, protocol, np.array([at]), many.initial_state((200,)), span=span,
                   read_voltage=device.read_voltage, rng=rng)  # fmt: skip
    assert alone.missed[0] < 0.02
    assert alone.error[0] < protocol.tolerance * span  # a uniform rest has 0.58 of it
    target = np.full((40, 100), at)
    programmed = device.program(target, rng=np.random.default_rng(1)).conductance
    assert programmed.std() == pytest.approx(float(alone.error[0]), rel=0.35)
    assert device.write_pulse.energy * device.write_pulse.count == pytest.approx(
        derived.figures["write_energy"]
    )


def test_write_and_verify_counts_the_pulses_that_an_even_gap_needs():
    """50 pulses move the gap by 1 nm, from 1.7 to 0.7 nm: G grows e-fold in 12.5 of them."""
    physics = straight()
    protocol = Protocol(
        voltage_up=1.5, width_up=even_width(), stochastic=False, devices=2, tolerance=0.05
    )
    many = physics.replace(i0=np.full(2, 1e-5))
    reads = [float(physics.read_conductance(np.array(g), 0.2)) for g in (1.2e-9, 0.95e-9)]
    found = verify(many, protocol, np.array(reads), many.initial_state((2,)), span=reads[1],
                   read_voltage=0.2, rng=np.random.default_rng(0))  # fmt: skip
    assert found.missed.max() == 0
    np.testing.assert_allclose(found.pulses[:, 0], [25, 37.5], atol=1.5)
    assert (found.energy > 0).all()


def test_a_ramp_programs_what_single_pulses_cannot():
    loaded = matsweep.load_material("pcm_gst")
    protocol = dataclasses.replace(loaded.protocol, devices=8, cycles=1)
    found = derive(loaded.physics, protocol, base=loaded.device, labels=False)
    assert found.figures["missed"] < 0.1
    with pytest.raises(UserError, match="does not program the device"):
        derive(loaded.physics, dataclasses.replace(protocol, ramp=0), base=loaded.device,
               labels=False)  # fmt: skip


@pytest.mark.parametrize(("name", "stable"), [("pcm_gst", 1.0), ("stt_mram", 0.5)])
def test_a_derived_device_forgets_towards_where_its_physics_goes(name, stable):
    loaded = matsweep.load_material(name)
    protocol = dataclasses.replace(loaded.protocol, devices=8, cycles=1)
    device = derive(loaded.physics, protocol, base=loaded.device, labels=False).device
    assert device.retention.stable == pytest.approx(stable, abs=0.1)


def test_a_channel_is_read_as_ohmic_and_a_gap_by_its_sinh():
    found = {}
    for name in ("ecram_li", "hfox_vcm"):
        loaded = matsweep.load_material(name)
        protocol = dataclasses.replace(loaded.protocol, devices=8, cycles=1)
        found[name] = derive(loaded.physics, protocol, base=loaded.device, labels=False).device
    assert found["ecram_li"].iv is None
    device = found["hfox_vcm"]
    # A conductance is that at the read voltage: the law changes nothing there.
    g = np.array([[device.g_max]])
    np.testing.assert_allclose(device.current(g, device.read_voltage), g * device.read_voltage)
    assert device.current(g, 2 * device.read_voltage) > 2.05 * g * device.read_voltage


def test_devices_keep_their_own_step_in_the_table():
    """The spread of a device's response after many pulses is that of its speed."""
    base = matsweep.load_material("hfox_vcm").device
    spread = 0.15
    protocol = Protocol(voltage_up=1.5, width_up=even_width(), stochastic=False, devices=60,
                        cycles=1, mixed=0, spread={"velocity": spread})  # fmt: skip
    table = derive(straight(), protocol, base=base, labels=False).device.pulse_model
    for way in ("scale_up", "scale_down"):
        assert 0.3 * spread < table.device_to_device[way] < 3 * spread
    same = derive(straight(), dataclasses.replace(protocol, spread={}), base=base,
                  labels=False).device.pulse_model  # fmt: skip
    assert max(same.device_to_device.values(), default=0) < 1e-6


def test_retention_is_the_physics_own(hfox, derived):
    """A random walk over g0: ln of the time against 1/kT has the barrier's slope."""
    law = derived.device.retention
    times = [law.half_life(t) for t in (300.0, 400.0)]
    slope = np.log(times[0] / times[1]) / (1 / (K_EV * 300) - 1 / (K_EV * 400))
    assert slope == pytest.approx(hfox.physics.activation_ev, rel=2e-3)  # of 12 devices
    assert 0 < law.stable < 0.5  # where gaps are evenly spread
    assert law.stretch < 0.7


def test_the_walk_of_the_tip_is_the_hops_variance():
    """At rest the jumping gap spreads as √(2 D t), as the retention assumes."""
    physics = straight(activation_ev=0.6, hops_per_gap=10.0)
    time = np.linspace(0, 10.0, 3)
    many = np.zeros((3, 1500))
    found = matsweep.devices.transient(physics, time, many, state=0.95e-9,
                                       rng=np.random.default_rng(0))  # fmt: skip
    step = 0.25e-9 / 10
    walk = 10.0 * 0.25e-9 / 10 * np.exp(-0.6 / (K_EV * 300))
    assert float(found.state[1].std()) == pytest.approx(np.sqrt(2 * walk / 2 * 5.0), rel=0.1)
    assert step < float(found.state[1].std())


def test_a_diffusing_gap_forgets_as_its_law_says():
    """The mean conductance of many simulated gaps, against the stretched exponential of two points.

    A mean of 3000 devices: its own error is below 0.01, of which six are allowed, and 0.04 for the
    form, which is exact at 0.8 and 0.3 only.
    """
    physics = straight(activation_ev=0.6, hops_per_gap=20.0)
    law = physics.retention(300.0, np.array(0.2e-9))
    time = law.time * np.array([0.0, 0.05, 0.3, 1.0, 3.0])
    found = matsweep.devices.transient(physics, time, np.zeros((5, 3000)), state=0.2e-9,
                                       rng=np.random.default_rng(0))  # fmt: skip
    g = physics.read_conductance(found.state.values, 0.2)
    goes = float(physics.read_conductance(law.states, 0.2).mean())
    left = (g.mean(axis=1) - goes) / (g[0].mean() - goes)
    np.testing.assert_allclose(left, np.exp(-((time / law.time) ** law.stretch)), atol=0.1)
    np.testing.assert_allclose(left[2:4], np.exp(-((time / law.time) ** law.stretch))[2:4],
                               atol=0.06)  # fmt: skip


def test_a_junction_stays_binary():
    loaded = matsweep.load_material("stt_mram")
    found = derive(loaded.physics, dataclasses.replace(loaded.protocol, devices=8),
                   base=loaded.device, labels=False)  # fmt: skip
    assert isinstance(loaded.physics, MagneticTunnelJunction)
    assert found.device.levels == 2
    assert found.device.g_max / found.device.g_min == pytest.approx(2.3, rel=0.1)


def test_derived_devices_are_kept_by_content(hfox, monkeypatch, tmp_path):
    import matsweep.identification.derivation.source as module

    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path))
    protocol = dataclasses.replace(hfox.protocol, seed=11, **SMALL)
    first = derived_device(hfox.physics, protocol, base=hfox.device)
    module._kept.cache_clear()
    files = sorted(cache_folder().glob("derived-*.json"))
    plainly, calls = module.derive, []
    monkeypatch.setattr(module, "derive", lambda *a, **k: calls.append(1) or plainly(*a, **k))
    assert derived_device(hfox.physics, protocol, base=hfox.device) == first
    assert not calls  # read from the file
    for file in files:
        file.write_text("{damaged")
    module._kept.cache_clear()
    assert derived_device(hfox.physics, protocol, base=hfox.device) == first
    assert len(calls) == 1
    other = dataclasses.replace(protocol, seed=12)
    assert derived_device(hfox.physics, other, base=hfox.device) != first


def test_a_derived_scenario_depends_on_its_physics():
    with composer():
        study = plan(["study=x", "device.source=derived",
                      "physics.activation_ev=1.0,1.1", "protocol.devices=8"])  # fmt: skip
    first, second = (study.candidate(i).scenario for i in range(2))
    assert first.identity != second.identity
    assert first.resolved.device != second.resolved.device
    assert first.resolved.physics is None
    resolved = first.resolved
    assert resolved.resolved is resolved


def test_a_reported_scenario_does_not(hfox):
    with composer():
        reported = plan(["study=x"]).candidate(0).scenario
        other = plan(["study=x", "physics.activation_ev=1.3"]).candidate(0).scenario
    assert reported.identity == other.identity
    assert isinstance(reported, Scenario)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["physics.activation_ev=1.0,1.1"], "changes nothing while device.source is reported"),
        (["material=sonos", "device.source=derived"], "sonos states no physics"),
        (["device.source=derived", "physics.thickness=-1e-9"], r"physics.thickness \[m\] must"),
        (["device.source=derived", "physics.temperature=0"], r"physics.temperature \[K\] must"),
        (["device.source=derived", "protocol.voltage_up=0"], r"protocol.voltage_up \[V\] must not"),
        (["device.source=guessed"], "must be one of derived, measured, reported"),
        (["device.source=measured"], "measurements must name a file"),
        (["device.source=measured", "device.measurements=none.csv"], "none.csv cannot be read"),
        (["material=sonos", "device.source=derived", "physics.activation_ev=1,2"], "states none"),
    ],
)  # fmt: skip
def test_impossible_physics_is_refused_before_anything_runs(overrides, message):
    with composer(), pytest.raises(UserError, match=message):
        plan(["study=x", *overrides])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voltage_up": 0.1}, "does not switch the device: .* raise a voltage, or a width"),
        (
            {"spread": {"activation": 0.1}},
            "spread.activation is not a parameter of Filament",
        ),
    ],
)
def test_pulses_that_do_not_switch_say_so(hfox, change, message):
    protocol = dataclasses.replace(hfox.protocol, **SMALL, **change)
    with pytest.raises(UserError, match=message):
        derive(hfox.physics, protocol, base=hfox.device)


def test_a_membrane_is_no_device(hfox):
    with pytest.raises(UserError, match="takes no voltage"):
        derive(Membrane(), hfox.protocol, base=hfox.device)


def test_a_voltage_that_destroys_the_device_is_refused():
    loaded = matsweep.load_material("hfox_gong")
    protocol = dataclasses.replace(loaded.protocol, voltage_up=-4.0, breakdown_field=1e10, **SMALL)
    with pytest.raises(UserError, match="K, above"):
        derive(loaded.physics, protocol, base=loaded.device)


@pytest.mark.parametrize(
    ("name", "change"),
    [("hfox_vcm", {"voltage_up": 8.0}), ("ftj", {"voltage_up": 50.0}),
     ("tio2_hp", {"voltage_up": 1e6}), ("cbram", {"voltage_down": -20.0})],
)  # fmt: skip
def test_a_field_that_breaks_the_insulator_down_is_refused(name, change):
    loaded = matsweep.load_material(name)
    protocol = dataclasses.replace(loaded.protocol, **change)
    with pytest.raises(UserError, match=r"exceed protocol.breakdown_field = 1e\+09 V/m; lower"):
        derive(loaded.physics, protocol, base=loaded.device)


def test_what_cannot_be_derived_is_kept_too(hfox, monkeypatch):
    import matsweep.identification.derivation.source as module

    protocol = dataclasses.replace(hfox.protocol, seed=21, voltage_up=0.1, **SMALL)
    plainly, calls = module.derive, []
    monkeypatch.setattr(module, "derive", lambda *a, **k: calls.append(1) or plainly(*a, **k))
    for _ in range(2):
        module._kept.cache_clear()
        with pytest.raises(UserError, match="does not switch"):
            derived_device(hfox.physics, protocol, base=hfox.device)
    assert len(calls) == 1


def test_conditions_of_a_study_derive_nothing_again(hfox, monkeypatch):
    import matsweep.identification.derivation.source as module

    protocol = dataclasses.replace(hfox.protocol, seed=22, **SMALL)
    first = derived_device(hfox.physics, protocol, base=hfox.device)
    monkeypatch.setattr(module, "derive", None)
    warm = dataclasses.replace(hfox.device, temperature=358.15, cycles=10.0)
    found = derived_device(hfox.physics, protocol, base=warm)
    assert found.temperature == 358.15
    assert found.pulse_model == first.pulse_model


def test_measured_pulses_become_the_device(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["device,pulse,polarity,conductance [uS]"]
    for device in range(6):
        g = 2.0
        lines.append(f"{device},0,1,{g}")
        for up in (True, False):
            for pulse in range(1, 41):
                g += (0.05 * (21 - g) if up else 0.05 * (1 - g)) + 0.02 * rng.standard_normal()
                lines.append(f"{device},{pulse},{1 if up else -1},{g:.5f}")
    file = tmp_path / "pulses.csv"
    file.write_text("\n".join(lines))
    with composer():
        scenario = plan(["study=x", "device.source=measured", f"device.measurements={file}"])
    first = scenario.candidate(0).scenario
    device = first.resolved.device
    assert device.g_min == pytest.approx(1e-6, abs=2e-7)
    assert device.g_max == pytest.approx(21e-6, rel=0.01)  # reads end at 19 µS
    assert device.pulse_model is not None
    assert device.write_pulse.count > 0
    file.write_text("\n".join(lines[:-1]))
    with composer():
        changed = plan(["study=x", "device.source=measured", f"device.measurements={file}"])
    assert changed.candidate(0).identity != scenario.candidate(0).identity
    bare = "\n".join(lines).replace("conductance [uS]", "G of the cell")
    file.write_text(bare)
    options = "++device.reading={unit: uS, columns: {conductance: G of the cell}}"
    measured = ["study=x", "device.source=measured", f"device.measurements={file}"]
    with composer():
        again = plan([*measured, options]).candidate(0).scenario
    assert again.resolved.device.pulse_model == device.pulse_model
    with composer(), pytest.raises(UserError, match=r"device\.reading\.unti is not a parameter"):
        plan([*measured, "++device.reading={unti: uS}"]).candidate(0)
