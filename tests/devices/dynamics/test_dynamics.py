"""Dynamical memristors against closed forms, an independent solver, and the laws they obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_simpson

from matsweep.core.checks import UserError
from matsweep.devices.dynamics import (
    ECRAM,
    JART,
    TEAM,
    VTEAM,
    ChargeControlled,
    ElectrochemicalMetallization,
    FeFET,
    FerroelectricTunnelJunction,
    FilamentGap,
    FluxControlled,
    JosephsonJunction,
    LinearIonDrift,
    MagneticTunnelJunction,
    Membrane,
    MottSwitch,
    PhaseChange,
    PotassiumChannel,
    SodiumChannel,
    SuperconductingMemristor,
    Yakopcic,
)
from matsweep.devices.dynamics.josephson import FLUX_QUANTUM
from matsweep.solving import respond, transient

pytestmark = pytest.mark.xdist_group("dynamics")  # they compile the same kernels

HP = {"r_on": 100.0, "r_off": 16e3, "thickness": 10e-9, "mobility": 1e-14}
SWITCH = {"v_on": -0.2, "v_off": 0.1, "k_on": -10e-9, "k_off": 5e-9, "alpha_on": 3.0,
          "alpha_off": 1.0, "r_on": 1e3, "r_off": 1e5}  # fmt: skip
GAP = {"i0": 1e-3, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "activation_ev": 0.6,
       "hop": 0.25e-9, "thickness": 12e-9, "gamma0": 16.0, "beta": 0.8, "r_th": 2100.0}  # fmt: skip
VCM = {"l_cell": 3e-9, "l_disc": 0.4e-9, "radius": 45e-9, "n_min": 0.008, "n_max": 20.0,
       "n_plug": 20.0, "hop": 0.25e-9, "attempt_frequency": 2e13, "activation_ev": 1.35,
       "mobility": 4e-6, "barrier_ev": 0.18, "fermi_ev": 0.1, "richardson": 6.01e5, "eps_r": 17.0,
       "eps_image": 5.5, "mass": 1.0, "r_oxide": 650.0, "r_line": 719.2437, "line_heating": 2.55e5,
       "r_th": 1.572e7, "reset_cooling": 0.27}  # fmt: skip
PCM = {"size": 50e-9, "radius": 20e-9, "r_series": 2e3, "sigma0": 1e5, "e_star_ev": 0.33,
       "alpha_ev": 0.1, "sigma_on": 1e5, "threshold_field": 2e7, "threshold_width": 0.03,
       "r_th": 2e6, "melting": 873.0, "growth_velocity": 1e14, "e_growth_ev": 2.0,
       "heat_of_fusion_ev": 0.12, "quench_time": 1e-9, "nu": 1e9, "e_glass_ev": 3.0}  # fmt: skip
MTJ = {"tau0": 1e-9, "delta": 40.0, "v_c": 0.5, "g_p": 1 / 3500, "tmr": 1.3, "v_half": 0.4}
MOTT = {"length": 20e-9, "radius": 30e-9, "rho_ins": 1e-2, "rho_met": 3e-4, "kappa": 1.5,
        "heat_capacity": 2.6e6, "latent_heat": 1.6e8, "transition": 1080.0,
        "r_series": 500.0}  # fmt: skip
MODELS = {
    "charge": (
        ChargeControlled(memristance=lambda q: 1e3 * (1 + q**2), charge_scale=1e-3),
        1.0,
        1.0,
    ),
    "flux": (FluxControlled(memductance=lambda f: 1e-3 + 3e-3 * f**2), 1.0, 1.0),
    "drift": (LinearIonDrift(**HP), 1.0, 1.0),
    "joglekar": (LinearIonDrift(**HP, window="joglekar", p=2), 1.0, 1.0),
    "biolek": (LinearIonDrift(**HP, window="biolek", p=2), 1.0, 1.0),
    "prodromakis": (LinearIonDrift(**HP, window="prodromakis", p=3.5, j=0.9), 1.0, 1.0),
    "vteam": (VTEAM(**SWITCH), 1.0, 1.0),
    "team": (
        TEAM(
            i_on=-1e-6,
            i_off=1e-6,
            k_on=-4e-9,
            k_off=5e-9,
            alpha_on=3.0,
            alpha_off=1.0,
            r_on=1e3,
            r_off=1e5,
        ),
        0.2,
        1.0,
    ),
    "yakopcic": (
        Yakopcic(
            a1=0.11,
            a2=0.11,
            b=0.5,
            a_p=7.5,
            a_n=2.0,
            v_p=0.09,
            v_n=0.75,
            alpha_p=1.0,
            alpha_n=5.0,
            x_p=0.3,
            x_n=0.5,
        ),
        1.0,
        1.0,
    ),
    "gap": (FilamentGap(**GAP), 1.3, 1e-3),
    "jart": (JART(**VCM), 1.2, 1e-3),
    "ecm": (
        ElectrochemicalMetallization(
            j0=1.0,
            transfer=0.5,
            molar_mass=0.10787,
            density=10490.0,
            barrier_ev=3.6,
            mass=0.86,
            radius=2e-9,
            r_series=1e3,
            resistivity=1.7e-8,
            length=5e-9,
            gap_min=0.1e-9,
        ),
        0.45,
        1.0,
    ),
    "pcm": (PhaseChange(**PCM), 2.0, 1e-6),
    "junction": (
        FerroelectricTunnelJunction(
            tau0=1e-10,
            exponent=1.0,
            thickness=2e-9,
            activation_field=1e10,
            sigma=0.2,
            area=1e-13,
            barrier_1_ev=1.2,
            barrier_2_ev=1.5,
            shift_ev=0.2,
        ),
        2.0,
        1e-6,
    ),
    "fefet": (
        FeFET(
            tau0=1e-10,
            exponent=2.0,
            thickness=1e-8,
            activation_field=1e9,
            sigma=0.2,
            area=1e-14,
            remanent=0.2,
            g_min=4e-8,
            g_max=1.8e-6,
        ),
        4.0,
        1e-6,
    ),
    "mtj": (MagneticTunnelJunction(**MTJ), 0.8, 1e-6),
    "mott": (MottSwitch(**MOTT), 2.0, 1e-7),
    "potassium": (PotassiumChannel(), 0.1, 0.02),
    "sodium": (SodiumChannel(), 0.1, 0.02),
    "superconducting": (SuperconductingMemristor(conductance=1e-3, epsilon=0.7), 1e-5, 1e-9),
}  # model, amplitude [V], period [s]
# Sources: a battery, an axon and a junction give back what they hold: no passivity of the moment.
SOURCES = {
    "ecram": (
        ECRAM(
            exchange_current=1e-12,
            transfer=0.4,
            capacity=1e-12,
            g_min=1e-7,
            g_max=1e-6,
            interaction=0.1,
            leakage=1e-13,
        ),
        0.15,
        2.0,
    ),
    "membrane": (Membrane(), 15e-6, 0.04),  # A
    "josephson": (
        JosephsonJunction(
            conductance=0.1, epsilon=0.5, critical_current=1e-4, capacitance=1e-13, phase=0.2
        ),
        2e-4,
        2e-11,
    ),  # A
}


def sine(amplitude, period, points=401, periods=1):
    time = np.linspace(0, periods * period, points)
    return time, amplitude * np.sin(2 * np.pi * time / period)


def test_the_hp_memristor_under_a_sine_is_its_flux_charge_curve():
    """R_on x²/2 + R_off (x - x²/2) = µ R_on / D² φ + c, solved for x; between the points given
    the voltage is a straight line, so the flux is the trapezoids'."""
    model = LinearIonDrift(**HP)
    time, voltage = sine(1.0, 1.0)
    found = transient(model, time, voltage)
    flux = np.concatenate([[0], np.cumsum((voltage[1:] + voltage[:-1]) / 2 * np.diff(time))])
    a, b = (HP["r_on"] - HP["r_off"]) / 2, HP["r_off"]
    moved = HP["mobility"] * HP["r_on"] / HP["thickness"] ** 2 * flux
    x = (-b + np.sqrt(b**2 + 4 * a * (a * 0.01 + b * 0.1 + moved))) / (2 * a)
    assert x.max() < 1
    np.testing.assert_allclose(found.state, x, rtol=1e-6)
    np.testing.assert_allclose(found.current, voltage / (HP["r_on"] * x + HP["r_off"] * (1 - x)),
                               rtol=1e-6, atol=1e-15)  # fmt: skip


def test_a_flux_controlled_memristor_follows_its_flux():
    model = FluxControlled(memductance=lambda f: 1e-3 * (1 + np.tanh(f)), flux=-0.2)
    time, voltage = sine(2.0, 3.0)
    found = transient(model, time, voltage)
    flux = -0.2 + np.concatenate([[0], np.cumsum((voltage[1:] + voltage[:-1]) / 2 * np.diff(time))])
    np.testing.assert_allclose(found.state, flux, atol=1e-9)
    np.testing.assert_allclose(found.current, 1e-3 * (1 + np.tanh(flux)) * voltage, atol=1e-11)


def test_a_charge_controlled_memristor_keeps_its_curve():
    """∫M dq = φ: with M = R (1 + q/Q), R (q + q²/2Q) = φ."""
    model = ChargeControlled(memristance=lambda q: 1e3 * (1 + q / 1e-4), charge_scale=1e-4)
    time, voltage = sine(1.0, 0.2)
    found = transient(model, time, voltage).state
    flux = np.concatenate([[0], np.cumsum((voltage[1:] + voltage[:-1]) / 2 * np.diff(time))])
    np.testing.assert_allclose(1e3 * (found + found**2 / 2e-4), flux, atol=1e-10)


def test_joglekars_window_makes_a_logistic_of_the_charge():
    """x / (1 - x) grows as exp(4 k q)."""
    model = LinearIonDrift(**HP, window="joglekar", p=1)
    time, voltage = sine(0.5, 1.0, points=4001)
    found = transient(model, time, voltage, state=0.3, tolerance=1e-10)
    charge = cumulative_simpson(found.current.values, x=time, initial=0)
    k = HP["mobility"] * HP["r_on"] / HP["thickness"] ** 2
    odds = 0.3 / 0.7 * np.exp(4 * k * charge)
    np.testing.assert_allclose(found.state, odds / (1 + odds), rtol=1e-6)


def test_vteam_moves_at_a_constant_speed_beyond_its_thresholds_only():
    model = VTEAM(**SWITCH)
    time = np.linspace(0, 1e-3, 11)
    still = transient(model, time, np.full(11, 0.09), state=1e-9)
    np.testing.assert_array_equal(still.state, 1e-9)
    off = transient(model, time, np.full(11, 0.3), state=1e-9)
    np.testing.assert_allclose(off.state, 1e-9 + 5e-9 * 2 * time, rtol=1e-9)
    on = transient(model, time, np.full(11, -0.6), state=1e-9)
    np.testing.assert_allclose(on.state, 1e-9 - 10e-9 * 8 * time, rtol=1e-9)
    np.testing.assert_allclose(on.current, -0.6 / (1e3 + 99e3 * on.state / 3e-9), rtol=1e-9)
    stopped = transient(model, np.array([0.0, 10.0]), np.array([1.0, 1.0]), state=1e-9)
    assert stopped.state[-1] == 3e-9


def rates_of_the_textbook(mv):
    """Return (α, β) of m, h and n [1/s] at a potential [mV]."""
    return (
        (100 * (mv + 40) / (1 - np.exp(-(mv + 40) / 10)), 4000 * np.exp(-(mv + 65) / 18)),
        (70 * np.exp(-(mv + 65) / 20), 1000 / (1 + np.exp(-(mv + 35) / 10))),
        (10 * (mv + 55) / (1 - np.exp(-(mv + 55) / 10)), 125 * np.exp(-(mv + 65) / 80)),
    )


@pytest.mark.parametrize("voltage", [-0.02, 0.0371, 0.08])
def test_gates_relax_exponentially_at_a_held_voltage(voltage):
    time = np.linspace(0, 0.02, 41)
    for model, chosen in ((PotassiumChannel(), [2]), (SodiumChannel(temperature=290.0), [0, 1])):
        found = transient(model, time, np.full(41, voltage)).state.values
        faster = 3 ** ((model.temperature - 279.45) / 10)
        gates = found.T if found.ndim == 2 else found[None]
        rates = rates_of_the_textbook(1e3 * (voltage + model.reversal))
        start = np.atleast_1d(model.initial_state(()))
        for gate, which, first in zip(gates, chosen, start, strict=True):
            a, b = rates[which]
            end = a / (a + b)
            expected = end + (first - end) * np.exp(-faster * (a + b) * time)
            np.testing.assert_allclose(gate, expected, atol=1e-7)


def test_resting_gates_have_the_textbook_values():
    assert float(PotassiumChannel().initial_state()) == pytest.approx(0.3177, abs=1e-4)
    np.testing.assert_allclose(SodiumChannel().initial_state(), [0.0529, 0.5961], atol=1e-4)


def test_the_superconducting_memristors_phase_counts_flux_quanta():
    model = SuperconductingMemristor(conductance=1e-3, epsilon=0.7, critical_current=1e-6)
    time, voltage = sine(1e-5, 1e-9)
    found = transient(model, time, voltage)
    flux = np.concatenate([[0], np.cumsum((voltage[1:] + voltage[:-1]) / 2 * np.diff(time))])
    phase = 2 * np.pi * flux / FLUX_QUANTUM
    np.testing.assert_allclose(found.state, phase, rtol=1e-7, atol=1e-9)
    expected = 1e-6 * np.sin(phase) + 1e-3 * (1 + 0.7 * np.cos(phase)) * voltage
    np.testing.assert_allclose(found.current, expected, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_loops_are_pinched_and_passive(name):
    model, amplitude, period = MODELS[name]
    time, voltage = sine(amplitude, period, periods=2)
    found = transient(model, time, voltage)
    assert (found.voltage * found.current >= 0).all()
    assert (np.diff(found.energy) >= 0).all()
    np.testing.assert_allclose(model.current(found.state.values.T, np.zeros(time.size)), 0)
    if name != "fefet":  # read at its channel
        assert np.isnan(found.conductance[0])


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(MODELS)),
    drive=st.lists(st.floats(-1, 1), min_size=3, max_size=12),
)
def test_no_model_gives_power_under_any_drive(name, drive):
    model, amplitude, period = MODELS[name]
    time = np.linspace(0, period, len(drive))
    found = transient(model, time, 2 * amplitude * np.array(drive))
    assert (found.voltage * found.current >= 0).all()
    low, high = model.bounds()
    assert (found.state >= low).all()
    assert (found.state <= high).all()


@pytest.mark.parametrize("name", ["drift", "joglekar", "flux", "potassium"])
def test_lobes_shrink_with_frequency(name):
    """The area of the loop in one period, over amplitude squared times conductance."""
    model, amplitude, period = MODELS[name]
    areas = []
    for faster in (1, 10, 100):
        time, voltage = sine(amplitude, period / faster, periods=3, points=1201)
        found = transient(model, time, voltage)
        last = slice(800, 1001)  # half of the last period: one lobe
        v, i = found.voltage.values[last], found.current.values[last]
        areas.append(abs(np.sum((i[1:] + i[:-1]) / 2 * np.diff(v))) / np.abs(i).max())
    assert areas[1] < areas[0]
    assert areas[2] < 0.3 * areas[1]


@settings(max_examples=30, deadline=None)
@given(drive=st.lists(st.floats(-1, 1), min_size=3, max_size=8), start=st.floats(0.01, 0.99))
def test_a_battery_gives_no_more_than_it_held(drive, start):
    """Passivity of a device that stores: what went in is at least what its free energy gained,
    F = kT/e Q (x ln x + (1 - x) ln(1 - x)) + u Q (x - 1/2)² / 2."""
    model = SOURCES["ecram"][0]
    time = np.linspace(0, 3.0, len(drive))
    found = transient(model, time, 0.3 * np.array(drive), state=start)
    x = found.state.values
    kt = 8.617333262e-5 * 300
    free = 1e-12 * (
        kt * (x * np.log(x) + (1 - x) * np.log1p(-x)) + 0.5 * model.interaction * (x - 0.5) ** 2
    )
    assert (found.energy - (free - free[0]) > -1e-6 * 1e-12 * kt).all()


def test_an_ideal_memristor_takes_a_current():
    """dq/dt = i is exact, and v = M(q) i; a flux-controlled one has i = dQ/dt with Q = ∫ W dφ."""
    model = ChargeControlled(memristance=lambda q: 1e3 * (1 + (q / 1e-4) ** 2), charge_scale=1e-4)
    time = np.array([0.0, 0.3, 0.3, 1.0, 1.7])
    current = np.array([1e-4, 3e-4, -2e-4, 0.0, 4e-4])
    found = transient(model, time, current=current)
    charge = np.concatenate([[0], np.cumsum((current[1:] + current[:-1]) / 2 * np.diff(time))])
    np.testing.assert_allclose(found.state, charge, rtol=1e-13, atol=1e-19)
    np.testing.assert_allclose(found.voltage, 1e3 * (1 + (charge / 1e-4) ** 2) * current)
    np.testing.assert_array_equal(found.current, current)
    fine = np.linspace(0, 0.3, 20001)
    i = np.interp(fine, time[:2], current[:2])
    q = cumulative_simpson(i, x=fine, initial=0)
    energy = cumulative_simpson(1e3 * (1 + (q / 1e-4) ** 2) * i**2, x=fine, initial=0)[-1]
    assert float(found.energy[1]) == pytest.approx(energy, rel=1e-7)
    other = FluxControlled(memductance=lambda f: 1e-3 * (1 + f))
    flux = transient(other, np.linspace(0, 1, 5), current=np.full(5, 1e-3)).state
    np.testing.assert_allclose(1e-3 * (flux + flux**2 / 2), 1e-3 * np.linspace(0, 1, 5), atol=1e-10)


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        (VTEAM(**SWITCH), -1e-10, r"state w \[m\] of VTEAM must be in \[0, 3e-09\], got -1e-10"),
        (LinearIonDrift(**HP), np.array([0.2, 1.5]), r"must be in \[0, 1\], got 1.5"),
        (SodiumChannel(), np.array([0.2, -0.1]), "state h .* must be in .* got -0.1"),
        (SodiumChannel(), np.array([0.2, 0.3, 0.1]), r"of 2 components \(m, h\), got shape \(3,\)"),
        (SodiumChannel(), 0.2, r"of 2 components \(m, h\), got shape \(\)"),
        (LinearIonDrift(**(HP | {"mobility": np.full(3, 1e-14)})), np.full(2, 0.1),
         r"state of shape \(2,\).* parameters of shape \(3,\) do not broadcast"),
        (LinearIonDrift(**HP), np.nan, "state must be finite"),
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_is_refused(model, state, message):
    with pytest.raises(UserError, match=message):
        transient(model, np.array([0.0, 1.0]), np.zeros(2), state=state)
    with pytest.raises(UserError, match=message):
        respond(model, 0.1, 1.0, 2, read_voltage=0.1, state=state)


def test_a_batch_is_its_devices_one_by_one():
    thickness = np.array([8e-9, 10e-9, 15e-9])
    time, voltage = sine(1.0, 1.0, points=51)
    together = transient(LinearIonDrift(**(HP | {"thickness": thickness})), time, voltage)
    assert together.state.dims == ("time", "device")
    for index, each in enumerate(thickness):
        alone = transient(LinearIonDrift(**(HP | {"thickness": float(each)})), time, voltage)
        np.testing.assert_allclose(together.state[:, index], alone.state, atol=2e-8)
    driven = transient(SodiumChannel(), time * 0.01, voltage[:, None] * np.array([0.02, 0.05]))
    assert driven.state.dims == ("time", "component", "device")
    assert list(driven.component.values) == ["m", "h"]


@pytest.mark.parametrize("window", [{"window": "joglekar", "p": 2},
                                    {"window": "prodromakis", "p": 2.5, "j": 3.0}])  # fmt: skip
def test_windows_vanish_at_both_ends(window):
    model = LinearIonDrift(**HP, **window)
    for voltage in (-1.0, 1.0):
        np.testing.assert_allclose(model.rate(np.array([0.0, 1.0]), voltage), 0, atol=1e-9)
        assert model.rate(np.array(0.5), voltage) * voltage > 0


def test_bioleks_window_vanishes_only_where_the_boundary_goes():
    model, bare = LinearIonDrift(**HP, window="biolek", p=2), LinearIonDrift(**HP)
    ends = np.array([0.0, 1.0])
    np.testing.assert_allclose(model.rate(ends, 1.0), [bare.rate(0.0, 1.0), 0])
    np.testing.assert_allclose(model.rate(ends, -1.0), [0, bare.rate(1.0, -1.0)])


def test_windows_are_their_papers():
    x = np.linspace(0.05, 0.95, 7)
    bare = LinearIonDrift(**HP).rate(x, 1.0)
    for window, expected in (
        ({"window": "joglekar", "p": 3}, 1 - (2 * x - 1) ** 6),
        ({"window": "biolek", "p": 3}, 1 - x**6),
        ({"window": "prodromakis", "p": 2.5, "j": 3.0}, 3 * (1 - ((x - 0.5) ** 2 + 0.75) ** 2.5)),
    ):
        np.testing.assert_allclose(LinearIonDrift(**HP, **window).rate(x, 1.0), bare * expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearIonDrift(**(HP | {"thickness": -1e-9})), r"thickness \[m\] must be > 0"),
        (lambda: LinearIonDrift(**(HP | {"r_on": 1e6})), r"r_on \[Ω\] must be < r_off"),
        (lambda: LinearIonDrift(**HP, window="round"), "window must be one of"),
        (lambda: LinearIonDrift(**(HP | {"mobility": np.array([1e-14, np.nan])})), "mobility"),
        (lambda: VTEAM(**(SWITCH | {"v_on": 0.2})), r"v_on \[V\] must be < 0 and finite, got 0.2"),
        (lambda: VTEAM(**SWITCH, w_on=1e-9, w_off=1e-9), r"w_on \[m\] must be < w_off"),
        (lambda: PotassiumChannel(temperature=0.0), r"temperature \[K\] must be > 0"),
        (lambda: SuperconductingMemristor(conductance=1.0, epsilon=1.5), "epsilon must be in"),
        (lambda: transient(VTEAM(**SWITCH), [0.0, 1.0], [0.0]), "array of 2 times, got shape"),
        (lambda: transient(VTEAM(**SWITCH), [1.0, 0.0], [0.0, 1.0]), "does not fall"),
        (lambda: transient(VTEAM(**SWITCH), [0.0, 1.0], [0.0, np.inf]), "finite"),
        (lambda: transient(FilamentGap(**GAP), [0.0, 1.0], [1e4, 1e4]), "out of the model's range"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    "model",
    [
        VTEAM(v_on=-0.5, v_off=0.6, k_on=-2e-8, k_off=3e-8, alpha_on=2.0, alpha_off=2.5, r_on=1e3,
              r_off=3e4),
        LinearIonDrift(r_on=1e3, r_off=3e4, thickness=1e-8, mobility=1e-14, window="biolek"),
        FilamentGap(i0=1e-3, g0=0.25e-9, v0=0.25, velocity=10.0, activation_ev=1.0, hop=0.25e-9,
                    thickness=6e-9, gamma0=16.0, beta=0.8, r_th=2e6),
    ],
)  # fmt: skip
def test_polarity_inverts_voltage_and_current(model):
    low, high = (float(bound) for bound in model.bounds())
    states = np.linspace(low, high, 7)[1:-1, None]
    voltage = np.array([-1.2, -0.7, 0.3, 0.9])
    inverted = model.replace(polarity=-1.0)
    np.testing.assert_array_equal(
        inverted.current(states, voltage), -model.current(states, -voltage)
    )
    np.testing.assert_array_equal(inverted.rate(states, voltage), model.rate(states, -voltage))
    with pytest.raises(UserError, match="polarity must be 1 or -1"):
        model.replace(polarity=0.5)


def test_ion_drift_leaves_joglekars_window_from_its_margin():
    """φ(x) = (R_off ln x - R_on ln(1 - x)) / 4 rises by µ R_on / D² V t (Joglekar, p = 1)."""
    model = LinearIonDrift(r_on=1e3, r_off=1e4, thickness=1e-8, mobility=1e-14, window="joglekar",
                           margin=1e-3)  # fmt: skip
    held = transient(model, np.array([0.0, 10.0]), np.array([-1.0, -1.0]), state=0.5)
    assert float(held.state[-1]) == pytest.approx(1e-3)
    phi = [(1e4 * np.log(x) - 1e3 * np.log(1 - x)) / 4 for x in (1e-3, 0.5)]
    time = (phi[1] - phi[0]) / (1e-14 * 1e3 / 1e-16)
    risen = transient(model, np.array([0.0, time]), np.array([1.0, 1.0]), state=1e-3)
    assert float(risen.state[-1]) == pytest.approx(0.5, rel=1e-5)
