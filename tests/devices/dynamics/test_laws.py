"""The laws that physical models obey, and the solver's own.

Laws with a published figure are rows of `matsweep validate` (`tests/validation/test_rows.py`).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.constants import elementary_charge, k
from scipy.stats import kstest

from matsweep.core.checks import UserError
from matsweep.devices.dynamics import (
    ECRAM,
    JART,
    ChargeControlled,
    FeFET,
    FerroelectricTunnelJunction,
    FilamentGap,
    FluxControlled,
    LinearIonDrift,
    MagneticTunnelJunction,
    Membrane,
    MottSwitch,
    PhaseChange,
    PotassiumChannel,
    SodiumChannel,
)
from matsweep.solving import retain, transient
from tests.devices.dynamics.test_dynamics import GAP, HP, MOTT, MTJ, PCM, VCM

pytestmark = pytest.mark.xdist_group("dynamics")  # they compile the same kernels

K_EV = k / elementary_charge
CELL = {"exchange_current": 1e-12, "transfer": 0.5, "capacity": 1e-12, "g_min": 1e-7,
        "g_max": 1e-6}  # fmt: skip


def held(voltage, time, points=2):
    return np.linspace(0, time, points), np.full(points, voltage)


def test_the_membrane_wants_a_current():
    with pytest.raises(UserError, match="is driven by a current"):
        transient(Membrane(), *held(0.1, 1e-3))


def test_vacancies_hop_with_arrhenius_slope():
    """At a small field the rate over its sinh has the slope of the bare barrier."""
    cold = np.array([300.0, 400.0, 500.0])
    model = JART(**(VCM | {"r_th": 0.0, "temperature": cold}))
    voltage = -1e-3
    current = np.abs(model.current(2.0, voltage))
    ohm = 1 / (2 * elementary_charge * 4e-6 * np.pi * 45e-9**2 * 1e26)
    field = current * ohm * 0.4e-9 / 2.0 / 0.4e-9
    bent = np.sinh(2 * 0.25e-9 * field / (2 * K_EV * cold))
    slope = np.polyfit(1 / (K_EV * cold), np.log(model.rate(2.0, voltage) / bent), 1)[0]
    assert slope == pytest.approx(-1.35, rel=1e-5)


def test_barrier_plug_and_heat_agree():
    """The current of the hopping model satisfies its equations, written out separately."""
    model = JART(**VCM)
    for n in (0.05, 1.0, 20.0):
        for v in (-1.2, -0.3, 0.2, 1.1):
            current = abs(float(model.current(n, v)))
            temperature = float(model.device_temperature(n, v))
            area = np.pi * 45e-9**2
            ohm = 1 / (2 * elementary_charge * 4e-6 * area * 1e26)
            series = 650 + 719.2437 * (1 + 2.55e5 * current**2)
            inner = ohm * 0.4e-9 / n + ohm * 2.6e-9 / 20
            u = abs(v) - current * (inner + series)
            heat = 1.572e7 * (1 if v < 0 else 0.27)
            assert temperature == pytest.approx(293 + heat * current * (abs(v) - current * series))
            e, h, eps = elementary_charge, 6.62607015e-34, 8.8541878188e-12
            depth = 0.08 + (u if v < 0 else -u)
            image = 0.0
            if depth > 0:
                image = (e**3 * 2 * n * 1e26 * depth / (8 * np.pi**2 * (5.5 * eps) ** 3)) ** 0.25
            barrier = max(0.18 - image, 0)
            kt = K_EV * temperature
            if v > 0:
                through = area * 6.01e5 * temperature**2 * np.exp(-barrier / kt) * np.expm1(u / kt)
            else:
                e00 = (
                    e * h / (4 * np.pi) * np.sqrt(2 * n * 1e26 / (9.1093837139e-31 * 17 * eps)) / e
                )
                e0, ratio = e00 / np.tanh(e00 / kt), e00 / kt
                through = (
                    area * 6.01e5 * temperature / (K_EV)
                    * np.sqrt(np.pi * e00 * (u + barrier / np.cosh(ratio) ** 2))
                    * np.exp(-barrier / e0) * np.expm1(u * (ratio - np.tanh(ratio)) / e00)
                )  # fmt: skip
            assert through == pytest.approx(current, rel=1e-4)


def test_magnetizations_turn_as_neel_and_brown_say():
    model = MagneticTunnelJunction(**(MTJ | {"delta": 12.0}))
    voltage = 0.2
    tau = 1e-9 * np.exp(12 * (1 - 0.2 / 0.5))
    time = np.linspace(0, 20 * tau, 4001)
    drive = np.broadcast_to(np.full(time.size, voltage)[:, None], (time.size, 2000))
    found = transient(model, time, drive, rng=np.random.default_rng(5))
    turned = np.argmax(found.state.values > 0.5, axis=0)
    times = time[turned] - 0.5 * time[1]
    assert kstest(times, "expon", args=(0, tau)).pvalue > 1e-3
    assert kstest(times, "expon", args=(0, 1.15 * tau)).pvalue < 1e-3


def test_a_superparamagnet_is_parallel_or_antiparallel():
    model = MagneticTunnelJunction(**(MTJ | {"delta": 5.0}))
    time = np.linspace(0, 1e-5, 101)
    found = transient(model, time, np.full(time.size, 0.05), rng=np.random.default_rng(3))
    assert np.array_equal(np.unique(found.state), [0, 1])


def test_the_mean_of_many_jumps_is_the_deterministic_path():
    model = PotassiumChannel(channels=50.0)
    time, voltage = held(0.1, 0.01, 21)
    many = np.broadcast_to(voltage[:, None], (21, 400))
    jumped = transient(model, time, many, rng=np.random.default_rng(1))
    smooth = transient(model, time, voltage)
    spread = jumped.state.std("device") / 20
    off = np.abs(jumped.state.mean("device") - smooth.state)[1:] / spread[1:]
    assert float(off.max()) < 4
    binomial = np.sqrt(smooth.state * (1 - smooth.state) / 50)[-1]
    assert float(jumped.state[-1].std()) == pytest.approx(float(binomial), rel=0.15)


def test_jumps_belong_to_the_device():
    model = PotassiumChannel(channels=50.0)
    time, voltage = held(0.1, 0.01, 5)
    one = transient(model, time, voltage[:, None] * np.ones(30), rng=np.random.default_rng(2))
    two = transient(model, time, voltage[:, None] * np.ones(30), rng=np.random.default_rng(2))
    np.testing.assert_array_equal(one.state, two.state)
    assert len(np.unique(one.state[-1])) > 1
    with pytest.raises(UserError, match="no stochastic version"):
        transient(LinearIonDrift(**HP), time, voltage, rng=np.random.default_rng(0))


def test_half_of_the_domains_turn_in_time_and_all_in_the_end():
    """ln 2 τ at one activation field; what went through the gate turned all: 2 P_r A."""
    model = FeFET(tau0=1e-10, exponent=1.0, thickness=1e-8, activation_field=1e9, sigma=0.0,
                  area=1e-14, remanent=0.2, g_min=4e-8, g_max=1.8e-6)  # fmt: skip
    time, drive = held(1.0, 3e-10 * np.exp(10), 3001)
    share = transient(model, time, drive).state.mean("component").values
    assert np.interp(0.5, share, time) == pytest.approx(np.log(2) * 1e-10 * np.exp(10), rel=1e-4)
    time, drive = held(2.0, 1e-6, 5)
    found = transient(model, time, drive)
    assert float(found.energy[-1]) == pytest.approx(2.0 * 2 * 0.2 * 1e-14, rel=1e-6)


def test_polarization_switches_tunnelling():
    model = FerroelectricTunnelJunction(
        tau0=1e-10, exponent=1.0, thickness=3e-9, activation_field=1e12, sigma=0.0, area=1.0,
        barrier_1_ev=1.0, barrier_2_ev=1.0, shift_ev=0.2)  # fmt: skip
    assert float(model.current(np.ones(16), 0.1)) > 10 * float(model.current(np.zeros(16), 0.1))


def test_phase_change_melts_and_crystallizes():
    model = PhaseChange(**PCM)
    time = np.array([0, 0, 50e-9, 50e-9, 100e-9])
    reset = transient(model, time, np.array([0, 1.0, 1.0, 0, 0]), state=np.array([0.0, 0.5]))
    assert reset.state[-1, 0] > 10e-9
    assert reset.state[-1, 1] > 0.9
    hot = 300 + 2e6 * float(model.current(reset.state[2].values, 1.0))
    assert float(reset.state[-1, 0]) == pytest.approx(50e-9 * (1 - 573 / (hot - 300)), rel=1e-6)
    slow = np.array([0, 0, 5e-6, 5e-6])
    recovered = transient(model, slow, np.array([0, 0.75, 0.75, 0]), state=reset.state[-1].values)
    assert recovered.state[-1, 0] < 1e-9


def test_the_mott_switch_has_a_negative_slope_and_forgets():
    """Statically the voltage falls while the current grows."""
    model = MottSwitch(**(MOTT | {"r_series": 0.0}))
    currents = np.array([6e-5, 1e-4, 3e-4])
    found = transient(model, np.linspace(0, 1e-6, 3), current=np.broadcast_to(currents, (3, 3)))
    v = found.voltage.values[-1]
    assert v[2] < v[1]
    opened = transient(MottSwitch(**MOTT), np.array([0, 0, 1e-7, 1e-7, 2e-7]),
                       np.array([0, 2.5, 2.5, 0, 0]))  # fmt: skip
    assert opened.state[2] > 0.4
    assert opened.state[-1] == pytest.approx(1e-3)


def test_an_electrochemical_transistor_is_a_battery():
    """Open, it keeps its ions; grounded, it goes to half; a cycle never gains energy."""
    model = ECRAM(**CELL)
    time = np.linspace(0, 100, 3)
    kept = transient(model, time, current=np.zeros(3), state=0.8)
    np.testing.assert_allclose(kept.state, 0.8, atol=1e-9)
    over = K_EV * 300 * np.log(0.8 / 0.2)
    np.testing.assert_allclose(kept.voltage[1:], over, rtol=1e-6)
    assert transient(model, time, np.zeros(3), state=0.8).state[-1] == pytest.approx(0.5, abs=1e-3)
    assert float(model.read_conductance(0.8, 0.1)) == pytest.approx(1e-7 + 0.8 * 9e-7)
    charged = transient(model, np.linspace(0, 1, 3), current=np.full(3, 2e-13))
    assert float(charged.state[-1]) == pytest.approx(0.7, abs=1e-8)
    assert float(charged.energy[-1]) > 0


def test_a_current_drive_is_the_voltage_it_finds():
    model = FilamentGap(**GAP)
    time = np.linspace(0, 1e-3, 51)
    by_voltage = transient(model, time, 0.9 * np.sin(2 * np.pi * time / 1e-3) ** 2)
    by_current = transient(model, time[:2], current=np.full(2, float(by_voltage.current[20])),
                           state=float(by_voltage.state[20]))  # fmt: skip
    assert float(by_current.voltage[0]) == pytest.approx(float(by_voltage.voltage[20]), rel=1e-9)


def test_energy_is_the_integral_of_power():
    model = LinearIonDrift(**HP, window="joglekar")
    time = np.linspace(0, 1, 20001)
    found = transient(model, time, np.sin(2 * np.pi * time))
    power = (found.voltage * found.current).values
    expected = np.sum((power[1:] + power[:-1]) / 2) * time[1]
    assert float(found.energy[-1]) == pytest.approx(expected, rel=1e-6)
    few = transient(model, time[::4000], np.sin(2 * np.pi * time[::4000]))
    dense = transient(model, np.linspace(0, 1, 5001),
                      np.interp(np.linspace(0, 1, 5001), time[::4000],
                                np.sin(2 * np.pi * time[::4000])))  # fmt: skip
    assert float(few.energy[-1]) == pytest.approx(float(dense.energy[-1]), rel=1e-5)


def test_energy_is_right_where_the_state_stands_still():
    """Only the state's error sets the steps: a frozen filament crosses its ramp in one."""
    model = FilamentGap(**(GAP | {"activation_ev": 6.0, "r_th": 0.0}))
    end, gap, v0 = 2.0, 1.7e-9, GAP["v0"]
    found = transient(model, np.array([0.0, 1e-9]), np.array([0.0, end]), state=gap)
    front = GAP["i0"] * np.exp(-gap / GAP["g0"])
    # ∫ v sinh(v / v0) dv = v0 v cosh - v0² sinh
    area = v0 * end * np.cosh(end / v0) - v0**2 * np.sinh(end / v0)
    assert found.attrs["steps"] < 20
    assert float(found.energy[-1]) == pytest.approx(front * area * 1e-9 / end, rel=1e-7)
    # And at times within that step.
    time = np.linspace(0, 1e-9, 101)
    part = np.linspace(0, end, 101)
    within = transient(model, time, part, state=gap).energy
    area = v0 * part * np.cosh(part / v0) - v0**2 * np.sinh(part / v0)
    np.testing.assert_allclose(within, front * area * 1e-9 / end, rtol=1e-6)


def test_energy_is_right_where_no_compiled_model_is():
    ideal = FluxControlled(memductance=lambda f: 1e-3 * (1 + np.tanh(20 * f)))
    found = transient(ideal, np.array([0.0, 1.0]), np.array([-2.0, 2.0]))
    time = np.linspace(0, 1, 200_001)
    v = -2 + 4 * time
    power = 1e-3 * (1 + np.tanh(20 * (-2 * time + 2 * time**2))) * v**2
    expected = np.sum((power[1:] + power[:-1]) / 2) * time[1]
    assert float(found.energy[-1]) == pytest.approx(expected, rel=1e-6)
    law = ChargeControlled(memristance=lambda q: 1e3 * np.exp(q / 1e-4), charge_scale=1e-4)
    # v = M i: ∫ M i² dt under a constant current is i (Φ(q) - Φ(0)).
    found = transient(law, np.array([0.0, 1.0]), current=np.full(2, 1e-3))
    assert float(found.energy[-1]) == pytest.approx(1e-3 * 0.1 * np.expm1(10.0), rel=1e-7)


def test_energy_under_rodas_is_right_too():
    """A gate far faster than its ramp is always in equilibrium."""
    model = MagneticTunnelJunction(**(MTJ | {"delta": 1.0}))
    found = transient(model, np.array([0.0, 1.0]), np.array([0.0, 0.45]), tolerance=1e-9)
    v = np.linspace(0, 0.45, 100_001)
    ahead, back = np.exp(-1 * (1 - v / 0.5)), np.exp(-1 * (1 + v / 0.5))
    power = model.current(ahead / (ahead + back), v) * v
    expected = np.sum((power[1:] + power[:-1]) / 2) / 100_000
    assert float(found.energy[-1]) == pytest.approx(expected, rel=1e-6)


DECADES = np.concatenate([[0.0], np.logspace(-6, 6, 25)])


def test_a_glass_at_rest_drifts():
    """G ~ t^-ν, ν = α / E_s at the temperature at which it rests (from T0 on: read there)."""
    model = PhaseChange(**(PCM | {"r_series": 1.0}))
    start = np.array([[30e-9, 20e-9], [1.0, 1.0]])
    found = retain(model, DECADES, 300.0, read_voltage=0.01, state=start)
    assert found.conductance.dims == ("time", "device")
    late = DECADES > 1e-1
    for device in range(2):
        slope = np.polyfit(np.log(DECADES[late]), np.log(found.conductance[late, device]), 1)[0]
        assert slope == pytest.approx(-0.1 / 3.0, rel=0.01)


def test_filaments_at_rest_diffuse():
    """The variance of the gap grows as v0 a0 exp(-Ea / kT) t; 2000 devices: 3.2 % of it."""
    model = FilamentGap(**GAP, hops_per_gap=20.0)
    walk = GAP["velocity"] * GAP["hop"] / 20 * np.exp(-0.6 / (K_EV * 400))
    time = np.array([0.0, 1e-4, 1e-2, 1.0]) * (0.1e-9) ** 2 / walk
    found = retain(model, time, 400.0, read_voltage=0.1, state=np.full(2000, 0.95e-9),
                   rng=np.random.default_rng(4))  # fmt: skip
    assert float(found.state[-1].var()) == pytest.approx(0.1e-9**2, rel=0.16)
    still = retain(model, time, 400.0, read_voltage=0.1, state=0.95e-9)
    np.testing.assert_allclose(still.state, 0.95e-9, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: retain(LinearIonDrift(**HP), DECADES, 300.0, read_voltage=0.1),
         r"LinearIonDrift has no temperature \[K\]"),
        (lambda: retain(Membrane(), DECADES, 300.0, read_voltage=0.1), "driven by a current"),
        (lambda: retain(FilamentGap(**GAP), DECADES[1:], 300.0, read_voltage=0.1), "begins with 0"),
        (lambda: retain(FilamentGap(**GAP), DECADES, -3.0, read_voltage=0.1),
         r"temperature \[K\] must be > 0"),
        (lambda: retain(SodiumChannel(), DECADES, 280.0, read_voltage=0.1, state=np.full(3, 0.1)),
         "2 components"),
    ],
)  # fmt: skip
def test_a_rest_that_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_a_glass_is_ohmic_below_its_threshold():
    """In ln σ the logistic's tail at half of the threshold is negligible next to the glass."""
    model = PhaseChange(**PCM)
    state = np.array([20e-9, 1.0])  # threshold at 0.4 V
    low, read = (float(model.current(state, v)) / v for v in (0.05, 0.2))
    assert read == pytest.approx(low, rel=0.03)
    on = float(model.current(state, 0.6)) / 0.6
    assert on > 100 * low
    assert on == pytest.approx(1 / (2e3 + 20e-9 / (np.pi * 20e-9**2 * 1e5)), rel=0.05)


def test_points_between_steps_are_as_good_as_steps():
    """Under a held voltage times do not bind the steps; the interpolation is of order 4."""
    model = FilamentGap(**GAP)
    time = np.linspace(0, 2e-4, 401)
    dense = transient(model, time, np.full(401, 0.9))
    alone = transient(model, time[[0, 133]], np.full(2, 0.9))
    assert dense.attrs["steps"] < 200
    scale = float(model.scale())
    assert abs(float(dense.state[133] - alone.state[1])) < 1e-6 * scale


def test_stiff_devices_take_long_steps():
    """A gate that settles in a nanosecond, held for a second, then followed exactly."""
    model = MagneticTunnelJunction(**(MTJ | {"delta": 1.0}))
    time = np.linspace(0, 1.0, 3)
    found = transient(model, time, np.array([0.0, 0.3, 0.0]))
    assert found.attrs["steps"] < 3000
    ahead, back = np.exp(-1 * 0.4), np.exp(-1 * 1.6)
    assert float(found.state[1]) == pytest.approx(ahead / (ahead + back), rel=1e-6)


@pytest.mark.parametrize("stiff", [False, True])
def test_both_methods_have_their_order(stiff):
    """One step of a logistic growth: the error falls as h^6 (h^5 for Rodas4) when h is halved."""
    from matsweep.devices.dynamics.equations import compiled_kernel
    from matsweep.solving import solver

    model = LinearIonDrift(r_on=1.0, r_off=1.0 + 1e-9, thickness=1.0, mobility=1.0,
                           window="joglekar")  # fmt: skip
    kernel = compiled_kernel(type(model).kernel)
    p = model._flat(())[0]
    # As Python runs it: the compiled step would be compiled for this test alone.
    step = (solver._implicit if stiff else solver._explicit).py_func
    errors = []
    for h in (0.2, 0.1):
        x, new = np.array([0.3]), np.empty(1)
        work, f, mid, power = np.zeros((4, 1)), np.empty((7, 1)), np.zeros((5, 1)), np.zeros(7)
        work[3] = np.inf  # no limit of the current
        low, high, scale = np.array([0.0]), np.array([1.0]), np.array([1.0])
        solver._driven(kernel, False, x, 1.0, p, low, high, work, f[0])
        step(kernel, False, x, 1.0, 0.0, h, p, low, high, scale, work, f, mid, new, power)
        odds = 0.3 / 0.7 * np.exp(4 * h)
        errors.append(abs(new[0] - odds / (1 + odds)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(5 if stiff else 6, abs=0.6)


def test_a_failing_device_is_named_or_flagged():
    model = FilamentGap(**GAP)
    time = np.linspace(0, 1e-6, 3)
    drive = np.full(3, 1.0)[:, None] * np.array([0.5, 1e4, 0.7])
    with pytest.raises(UserError, match="device 1 of FilamentGap has a state that is no longer"):
        transient(model, time, drive)
    found = transient(model, time, drive, on_failure="flag")
    np.testing.assert_array_equal(found.solved, [True, False, True])
    assert np.isfinite(found.state.values[:, [0, 2]]).all()
    assert np.isnan(found.energy.values[-1, 1])


def test_a_gap_as_good_as_the_mean_of_all_gaps_has_a_retention_too():
    """Between the ends its current hardly changes: its law is the closed gap's."""
    model = FilamentGap(i0=1e-3, g0=0.25e-9, v0=0.25, velocity=10.0, activation_ev=1.1,
                        hop=0.25e-9, thickness=6e-9, gamma0=16.0, beta=0.8, r_th=0.0)  # fmt: skip
    gaps = np.linspace(0.2e-9, 1.7e-9, 301)
    laws = [model.retention(358.15, np.array(gap)) for gap in gaps]
    assert np.isfinite([law.time for law in laws]).all()
    assert all(0.2 < law.stretch <= 20 for law in laws)
    hotter = model.retention(398.15, np.array(0.2e-9))
    slope = np.log(laws[0].time / hotter.time) / (1 / 358.15 - 1 / 398.15) * 8.617333262e-5
    assert slope == pytest.approx(1.1, rel=1e-6)
