"""The Josephson junction against closed forms, and its noise against the Kramers equation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.constants import k
from scipy.special import ellipk, i0e, i1e

from matsweep.core.checks import UserError
from matsweep.devices.dynamics import JosephsonJunction, SuperconductingMemristor
from matsweep.devices.dynamics.josephson import FLUX_QUANTUM
from matsweep.solving import staircase, transient

pytestmark = pytest.mark.xdist_group("dynamics")  # they compile the same kernels

CRITICAL, CONDUCTANCE = 1e-4, 0.1  # A, S: I_c R = 1 mV


def junction(beta, *, model=JosephsonJunction, **changed):
    """Return a junction of a Stewart-McCumber parameter."""
    capacitance = beta * FLUX_QUANTUM * CONDUCTANCE**2 / (2 * np.pi * CRITICAL)
    given = {"conductance": CONDUCTANCE, "critical_current": CRITICAL, "epsilon": 0.0}
    return model(**(given | {"capacitance": capacitance} | changed))


def angular(model):
    return 2 * np.pi * float(model.plasma_frequency())


def test_scales_are_their_definitions():
    model = junction(10.0)
    assert float(model.stewart_mccumber()) == pytest.approx(10.0)
    assert angular(model) ** 2 == pytest.approx(
        2 * np.pi * CRITICAL / (FLUX_QUANTUM * model.capacitance)
    )
    # The square of the quality factor ω_p C / G.
    assert float(model.stewart_mccumber()) == pytest.approx(
        (angular(model) * model.capacitance / CONDUCTANCE) ** 2
    )


@pytest.mark.parametrize("swing", [0.01, 1.0, 2.8])
def test_an_undamped_junction_swings_as_a_pendulum(swing):
    """Period 4 K(sin² γ0/2) / ω_p; the energy E_J (1 - cos γ) + C V² / 2 is conserved."""
    model = junction(1.0, conductance=0.0, phase=swing)
    period = 4 * ellipk(np.sin(swing / 2) ** 2) / angular(model)
    time = period * np.arange(0, 20.01, 0.25)
    found = transient(model, time, current=np.zeros(time.size), tolerance=1e-11).state.values
    phase, voltage = found.T
    expected = swing * np.array([1, 0, -1, 0])[np.arange(time.size) % 4]
    np.testing.assert_allclose(phase, expected, atol=1e-5 * swing)
    josephson = FLUX_QUANTUM * CRITICAL / (2 * np.pi)
    energy = josephson * (1 - np.cos(phase)) + 0.5 * model.capacitance * voltage**2
    np.testing.assert_allclose(energy, energy[0], rtol=1e-6)


def test_a_bias_slows_the_plasma_oscillation():
    """The angular frequency is ω_p (1 - (I/I_c)²)^(1/4) about γ = arcsin I/I_c."""
    for bias in (0.0, 0.5, 0.9):
        rest = np.arcsin(bias)
        model = junction(1.0, conductance=0.0, phase=rest + 1e-4)
        period = 2 * np.pi / (angular(model) * (1 - bias**2) ** 0.25)
        time = period * np.array([0.0, 0.5, 1.0, 5.0])
        current = np.full(4, bias * CRITICAL)
        found = transient(model, time, current=current, tolerance=1e-12).state.values[:, 0]
        np.testing.assert_allclose(found - rest, 1e-4 * np.array([1, -1, 1, 1]), atol=2e-8)


@pytest.mark.parametrize("epsilon", [0.0, 0.6, -0.5])
def test_critical_damping(epsilon):
    """At β_c = (1 + ε)² / 4 small phases fall as γ0 (1 + ω_p t) exp(-ω_p t), and never swing."""
    model = junction((1 + epsilon) ** 2 / 4, epsilon=epsilon, phase=1e-4)
    swings = np.linspace(0, 12, 49)
    time = swings / angular(model)
    found = transient(model, time, current=np.zeros(49), tolerance=1e-12).state.values[:, 0]
    np.testing.assert_allclose(found, 1e-4 * (1 + swings) * np.exp(-swings), atol=1e-11)
    loose = model.replace(capacitance=1.5 * model.capacitance)
    swung = transient(loose, 2 * time, current=np.zeros(49), tolerance=1e-12).state.values[:, 0]
    assert swung.min() < 0 < found.min()


@pytest.mark.parametrize("epsilon", [0.0, 0.7, -0.9])
def test_an_overdamped_junction_has_the_closed_mean_voltage(epsilon):
    """⟨V⟩ = R sqrt(I² - I_c²) above I_c for any ε, whose term is odd over a period; 0 below."""
    currents = CRITICAL * np.array([0.5, 0.95, 1.1, 1.5, 3.0])
    expected = np.sqrt(np.maximum(currents**2 - CRITICAL**2, 0)) / CONDUCTANCE
    dwell = 30 * FLUX_QUANTUM * CONDUCTANCE / CRITICAL  # 14 periods at 1.1 I_c
    bare = junction(0.0, model=SuperconductingMemristor, epsilon=epsilon)
    found = staircase(bare, currents, dwell, tolerance=1e-9).voltage.values
    np.testing.assert_allclose(found, expected, atol=5e-4 * CRITICAL / CONDUCTANCE)
    if epsilon == 0:  # else the capacitance shifts it by the order of ε β_c
        found = staircase(junction(1e-2), currents, dwell).voltage.values
        np.testing.assert_allclose(found, expected, atol=5e-4 * CRITICAL / CONDUCTANCE)


def test_without_a_capacitance_it_is_the_superconducting_memristor():
    """The difference under one current falls as β_c; β_c = 1e-3: 0.023 rad of 20."""
    turn = FLUX_QUANTUM * CONDUCTANCE / CRITICAL  # s
    time = np.linspace(0, 3 * turn, 61)
    current = 2.5 * CRITICAL * np.sin(2 * np.pi * time / time[-1] / 2)
    bare = junction(0.0, model=SuperconductingMemristor, epsilon=0.4)
    assert bare.under_current() is bare
    limit = transient(bare, time, current=current).state.values
    assert limit.max() > 20
    off = []
    for beta in (1e-2, 1e-3, 1e-4):
        model = junction(beta, model=SuperconductingMemristor, epsilon=0.4)
        assert isinstance(model.under_current(), JosephsonJunction)
        found = transient(model, time, current=current)
        assert list(found.component.values) == ["phase", "voltage"]
        off.append(np.abs(found.state.values[:, 0] - limit).max())
    assert off[1] < 0.03
    np.testing.assert_allclose(np.divide(off[:-1], off[1:]), 10, rtol=0.1)


def test_a_capacitance_changes_nothing_under_a_voltage():
    time = np.linspace(0, 1e-10, 41)
    voltage = 1e-4 * np.sin(2 * np.pi * time / time[-1])
    bare, loaded = (junction(beta, model=SuperconductingMemristor) for beta in (0.0, 10.0))
    first, second = (transient(each, time, voltage) for each in (bare, loaded))
    np.testing.assert_array_equal(first.current, second.current)
    np.testing.assert_array_equal(first.state, second.state)


@pytest.mark.parametrize(("beta", "epsilon"), [(100.0, 0.0), (400.0, 0.0), (100.0, 0.6)])
def test_a_loop_switches_at_the_critical_current_and_retraps_below(beta, epsilon):
    """Retrapping at 4 (1 + ε / 3) / (π sqrt(β_c)) I_c to 2 % for β_c >> 1: there the source gives
    just what G dissipates in one turn at the edge of rest, V = sqrt(2 Φ0 I_c / π C) cos(γ / 2)."""
    model = junction(beta, epsilon=epsilon)
    retrapping = 4 * (1 + epsilon / 3) / (np.pi * np.sqrt(beta)) * CRITICAL
    # Smaller steps near I_c: the phase overshoots, and a large one would throw it over the barrier.
    rising = CRITICAL * np.array([0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.01])
    currents = np.concatenate([rising, [0.5 * CRITICAL], retrapping * np.array([1.5, 1.02, 0.98])])
    dwell = 25 * model.capacitance / CONDUCTANCE
    found = staircase(model, currents, dwell, tolerance=1e-6).voltage.values * CONDUCTANCE
    zero, running = [0, 1, 2, 3, 4, 5, 10], [6, 7, 8, 9]
    np.testing.assert_allclose(found[zero], 0, atol=1e-6 * CRITICAL)
    assert (found[running] > 0.3 * currents[running]).all()
    np.testing.assert_allclose(found[6:8], currents[6:8], rtol=0.02 if epsilon else 1e-3)


def test_a_junction_of_small_capacitance_has_no_hysteresis():
    model = junction(0.3)
    rising = CRITICAL * np.linspace(0.7, 1.4, 8)
    dwell = 60 * FLUX_QUANTUM * CONDUCTANCE / CRITICAL
    found = staircase(model, np.concatenate([rising, rising[::-1]]), dwell).voltage.values
    np.testing.assert_allclose(found[:8], found[:7:-1], atol=1e-3 * CRITICAL / CONDUCTANCE)


def test_the_work_of_the_source_is_stored_or_dissipated():
    model = junction(5.0, epsilon=0.5)
    time = np.linspace(0, 20 / angular(model), 4001)
    current = 1.7 * CRITICAL * np.sin(np.linspace(0, 9, 4001))
    found = transient(model, time, current=current, tolerance=1e-10)
    phase, voltage = found.state.values.T
    lost = CONDUCTANCE * (1 + 0.5 * np.cos(phase)) * voltage**2
    dissipated = np.concatenate([[0], np.cumsum((lost[1:] + lost[:-1]) / 2 * np.diff(time))])
    josephson = FLUX_QUANTUM * CRITICAL / (2 * np.pi)
    stored = josephson * (1 - np.cos(phase)) + 0.5 * model.capacitance * voltage**2
    np.testing.assert_allclose(found.energy, stored + dissipated, atol=1e-4 * josephson)


# ---------------------------------------------------------------------------- noise


def warm(ratio):
    """Return the temperature [K] at which kT is a fraction of E_J."""
    return ratio * FLUX_QUANTUM * CRITICAL / (2 * np.pi) / k


@pytest.mark.parametrize(("beta", "epsilon"), [(1.0, 0.0), (4.0, 0.7), (0.25, -0.7)])
def test_a_junction_at_rest_comes_to_thermal_equilibrium(beta, epsilon):
    """⟨C V²⟩ = kT and ⟨cos γ⟩ = I1/I0 (E_J / kT), whatever the damping depends on.

    400 devices at 20 times, 3 times the slowest damping time apart (8,000 values of either):
    C V² / kT, of variance 2, to 1.6 % and cos γ, of a deviation below 0.5, to 0.0056: bounds of 5
    deviations and the 0.1 % of the steps, 1e-6 by chance.
    """
    temperature = warm(0.5)
    model = junction(beta, epsilon=epsilon, temperature=temperature)
    slow = max(model.capacitance / CONDUCTANCE / (1 - abs(epsilon)), 1 / angular(model))
    time = 3 * slow * np.arange(25)
    state = np.zeros((2, 400))
    found = transient(model, time, current=np.zeros(25), state=state,
                      rng=np.random.default_rng(5)).state.values[5:]  # fmt: skip
    phase, voltage = found[:, 0], found[:, 1]
    mean = float(np.mean(model.capacitance * voltage**2) / (k * temperature))
    assert mean == pytest.approx(1, abs=0.08)
    assert float(np.cos(phase).mean()) == pytest.approx(i1e(2.0) / i0e(2.0), abs=0.028)


def kramers(bias, beta, epsilon, ratio, modes=24, hermites=24):
    """Mean voltage over I_c R of the Kramers equation in a Fourier and Hermite basis.

    P(γ, v) = ψ0(v) Σ c_n(γ) ψ_n(v) in units of ω_p and E_J (H. Risken, The Fokker-Planck Equation,
    Springer 1989, section 10.3): 0 = -n g (1 + ε cos γ) c_n - sqrt(n) D' c_(n-1)
    - sqrt(n + 1) D c_(n+1), D = sqrt(T) ∂γ, D' = D - (I - sin γ) / sqrt(T).
    """
    size = 2 * modes + 1
    order = np.arange(-modes, modes + 1)
    up = np.eye(size, k=-1)  # exp(iγ)
    sine, cosine = (up - up.T) / 2j, (up + up.T) / 2
    root = np.sqrt(ratio)
    down = root * np.diag(1j * order)
    raised = down - (bias * np.eye(size) - sine) / root
    damping = (np.eye(size) + epsilon * cosine) / np.sqrt(beta)
    whole = np.zeros((hermites * size,) * 2, complex)
    for n in range(hermites):
        here = slice(n * size, (n + 1) * size)
        whole[here, here] = -n * damping
        if n:
            whole[here, (n - 1) * size : n * size] = -np.sqrt(n) * raised
        if n + 1 < hermites:
            whole[here, (n + 1) * size : (n + 2) * size] = -np.sqrt(n + 1) * down
    whole[modes] = 0  # the equation of n = 0, of the mean over γ, is empty: normalise there
    whole[modes, modes] = 1
    given = np.zeros(len(whole), complex)
    given[modes] = 1
    solved = np.linalg.solve(whole, given)
    return float((root * solved[size + modes]).real / np.sqrt(beta))


@pytest.mark.parametrize(
    ("bias", "beta", "epsilon", "ratio"),
    [(0.7, 1.0, 0.0, 0.3), (0.7, 1.0, 0.6, 0.3), (0.9, 0.1, 0.0, 0.2), (0.5, 4.0, -0.5, 0.6)],
)
def test_noise_rounds_the_curve_as_the_kramers_equation_says(bias, beta, epsilon, ratio):
    """Mean voltage of 100 devices, each over 1,000 / ω_p, to 6 of its own deviations and 0.2 %.

    By chance 3.2e-8 (Student's t of 99 degrees of freedom: the deviation is measured, too). One of
    the deviations is 0.3 to 2 % of the voltage.
    """
    model = junction(beta, epsilon=epsilon, temperature=warm(ratio))
    time = np.linspace(0, 1050, 22) / angular(model)
    found = transient(model, time, current=np.full(22, bias * CRITICAL), state=np.zeros((2, 100)),
                      rng=np.random.default_rng(11)).state.values[:, 0]  # fmt: skip
    turned = (found[-1] - found[1]) / (time[-1] - time[1])
    voltage = FLUX_QUANTUM * turned / (2 * np.pi) * CONDUCTANCE / CRITICAL
    expected = kramers(bias, beta, epsilon, ratio)
    deviation = float(voltage.std() / np.sqrt(100))
    assert deviation < 0.03 * expected
    assert float(voltage.mean()) == pytest.approx(expected, abs=6 * deviation + 2e-3 * expected)


def test_strong_damping_follows_ambegaokar_and_halperin():
    """As β_c vanishes the Kramers equation gives their ⟨V⟩, a ratio of integrals over γ."""
    bias, ratio = 0.8, 0.2
    phase = 2 * np.pi * np.arange(4096) / 4096
    tilted = (-bias * phase - np.cos(phase)) / ratio
    # 1/v = (1 - exp(-2π i/T))^-1 ∫ exp(-u(γ)) ∫ exp(u(γ + s)) ds dγ / (2π T), u the potential / T.
    shifts = 2 * np.pi * (np.arange(4096) + 0.5) / 4096
    inner = np.array(
        [np.exp((-bias * (phase + s) - np.cos(phase + s)) / ratio - tilted).mean() for s in shifts]
    )
    inverse = 2 * np.pi * inner.mean() / ratio / -np.expm1(-2 * np.pi * bias / ratio)
    assert kramers(bias, 1e-3, 0.0, ratio) == pytest.approx(1 / inverse, rel=2e-3)


def test_noise_belongs_to_the_device_and_the_seed():
    model = junction(1.0)
    time, current = np.linspace(0, 5e-12, 6), np.full(6, 0.5 * CRITICAL)

    def run(devices, seed):
        state = np.zeros((2, devices))
        return transient(model, time, current=current, state=state,
                         rng=np.random.default_rng(seed)).state.values  # fmt: skip

    np.testing.assert_array_equal(run(2, 0), run(5, 0)[:, :, :2])
    assert (run(2, 0)[-1, :, 0] != run(2, 0)[-1, :, 1]).all()
    assert (run(2, 0)[-1] != run(2, 1)[-1]).all()


def test_without_heat_there_is_no_noise():
    model = junction(2.0, temperature=0.0)
    time = np.linspace(0, 10 / angular(model), 21)
    current = np.linspace(0, 2, 21) * CRITICAL
    quiet = transient(model, time, current=current, tolerance=1e-10)
    held = transient(model, time, current=current, rng=np.random.default_rng(0))
    np.testing.assert_allclose(held.state[:, 0], quiet.state[:, 0], atol=1e-4)
    np.testing.assert_allclose(held.energy, quiet.energy, rtol=1e-3, atol=1e-24)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JosephsonJunction(conductance=1.0, capacitance=0.0),
         r"capacitance \[F\] must be > 0"),
        (lambda: junction(1.0, temperature=-1.0), r"temperature \[K\] must be >= 0"),
        (lambda: junction(1.0, epsilon=1.5), "epsilon must be in"),
        (lambda: SuperconductingMemristor(conductance=0.0, epsilon=0.5),
         r"conductance \[S\] must be > 0"),
        (lambda: transient(junction(1.0), [0.0, 1.0], [0.0, 0.0]), r"driven by a current \[A\]"),
        (lambda: staircase(junction(1.0), np.array([0.0, 1e-4]), 1e-10), r"currents \[A\] must be"),
        (lambda: staircase(junction(1.0), np.array([]), 1e-10), r"not empty, got \[\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
