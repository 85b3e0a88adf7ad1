"""Dynamical models: recorded solutions, and laws with a closed form or a published figure."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from scipy.constants import electron_mass, elementary_charge, hbar, k

from matsweep.devices.dynamics import (
    DynamicalModel,
    FeFET,
    FerroelectricTunnelJunction,
    FilamentGap,
    LinearIonDrift,
    MagneticTunnelJunction,
    Membrane,
    MottSwitch,
    PhaseChange,
)
from matsweep.solving import retain, transient
from matsweep.validation.row import Point, Row, Source, Tolerance, points

_SUBJECT = "Dynamical models"
_K_EV = k / elementary_charge
_SHAPE = ([0, 0.25, 0.75, 1], [0, 1, -1, 0])
"""Triangle and its mirror image, over a period."""


@functools.cache
def recorded() -> dict[str, Any]:
    """Solutions that SciPy found, with their models and drives, as `tools/record.py` wrote them.

    Returns
    -------
    dict
        By name: kind, parameters, amplitude, period [s], equations, state (time, component).
    """
    place = files("matsweep.validation") / "recorded" / "transients.json"
    facts: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))["cases"]
    return facts


def _solved(name: str) -> list[Point]:
    """Largest difference of each component from the recorded states, over the state's range."""
    case = recorded()[name]
    model = DynamicalModel.registry[case["kind"]](**case["parameters"])
    expected = np.array(case["state"])
    time = np.linspace(0, case["period"], len(expected))
    drive = case["amplitude"] * np.interp(time / case["period"], *_SHAPE)
    found = transient(model, time, **{model.drive: drive}, tolerance=1e-9).state.values
    ours = found.reshape(expected.shape)
    scale = np.broadcast_to(model.scale(), expected.shape[1:])
    worst = np.abs(ours - expected).argmax(axis=0)
    at = np.arange(expected.shape[1])
    labels = [f"{each}, point {when}" for each, when in zip(model.components, worst, strict=True)]
    return points(labels, expected[worst, at] / scale, ours[worst, at] / scale)


def _recorded(name: str) -> Row:
    case = recorded()[name]
    model = DynamicalModel.registry[case["kind"]]
    first, *_ = (model.__doc__ or case["kind"]).splitlines()
    window = case["parameters"].get("window")
    title = first.strip().rstrip(".") + (f", window {window}" if window else "")
    unit = "A" if model.drive == "current" else "V"
    return Row(
        name=f"transient_{name}",
        subject=_SUBJECT,
        title=f"{title}: states under a triangle and its mirror image",
        unit="1",
        source=Source(
            citation="SciPy at a relative tolerance of 1e-11, recorded by tools/record.py; "
            f"equations {case['equations']}"
        ),
        conditions=f"±{case['amplitude']:g} {unit} in {case['period']:g} s, 40 segments; states "
        "over their range",
        tolerance=Tolerance(
            absolute=1e-6, reason="the solver's tolerance here is 1e-9 a step, over some 1e3 steps"
        ),
        calculate=functools.partial(_solved, name),
    )


# ------------------------------------------------------------------------------------- laws

_HP: dict[str, Any] = {"r_on": 100.0, "r_off": 16e3, "thickness": 10e-9, "mobility": 1e-14}
_GAP = {"i0": 1e-3, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "activation_ev": 0.6,
        "hop": 0.25e-9, "thickness": 12e-9, "gamma0": 16.0, "beta": 0.8,
        "r_th": 2100.0}  # fmt: skip
_MTJ = {"tau0": 1e-9, "delta": 40.0, "v_c": 0.5, "g_p": 1 / 3500, "tmr": 1.3, "v_half": 0.4}
_PCM = {"size": 50e-9, "radius": 20e-9, "r_series": 2e3, "sigma0": 1e5, "e_star_ev": 0.33,
        "alpha_ev": 0.1, "sigma_on": 1e5, "threshold_field": 2e7, "threshold_width": 0.03,
        "r_th": 2e6, "melting": 873.0, "growth_velocity": 1e14, "e_growth_ev": 2.0,
        "heat_of_fusion_ev": 0.12, "quench_time": 1e-9, "nu": 1e9, "e_glass_ev": 3.0}  # fmt: skip
_MOTT = {"length": 20e-9, "radius": 30e-9, "rho_ins": 1e-2, "rho_met": 3e-4, "kappa": 1.5,
         "heat_capacity": 2.6e6, "latent_heat": 1.6e8, "transition": 1080.0}  # fmt: skip


def _flux_charge() -> list[Point]:
    """R_on x²/2 + R_off (x - x²/2) = µ R_on / D² φ + c, solved for x; φ by trapezoids."""
    time = np.linspace(0, 1, 401)
    voltage = np.sin(2 * np.pi * time)
    flux = np.concatenate([[0], np.cumsum((voltage[1:] + voltage[:-1]) / 2 * np.diff(time))])
    a, b = (_HP["r_on"] - _HP["r_off"]) / 2, _HP["r_off"]
    moved = _HP["mobility"] * _HP["r_on"] / _HP["thickness"] ** 2 * flux
    x = (-b + np.sqrt(b**2 + 4 * a * (a * 0.01 + b * 0.1 + moved))) / (2 * a)
    found = transient(LinearIonDrift(**_HP), time, voltage).state.values
    some = np.arange(20, 401, 20)
    return points([f"{time[each]:g} s" for each in some], x[some], found[some])


def firing_rate(current: float) -> float:
    """Spikes per second of the membrane under a constant current, after 300 ms.

    Parameters
    ----------
    current : float, A

    Returns
    -------
    float, Hz
        0 where fewer than three spikes come.
    """
    time = np.linspace(0, 1.3, 26001)
    v = transient(Membrane(), time, current=np.full(time.size, current)).voltage.values
    spikes = time[np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))]
    spikes = spikes[spikes > 0.3]
    return 0.0 if spikes.size < 3 else (spikes.size - 1) / float(spikes[-1] - spikes[0])


def _onset() -> list[Point]:
    """Largest current without, and least with repetitive firing, in steps of 0.1 µA/cm²."""
    steps = [6.0, 6.1, 6.2, 6.3, 6.4, 6.5]
    fires = [firing_rate(1e-6 * each) > 0 for each in steps]
    return [Point(label="least that fires", published=6.3, found=steps[fires.index(True)])]


def _merz() -> list[Point]:
    """Slope of ln(time to turn half of the domains) against the inverse field."""
    model = FeFET(
        tau0=1e-10, exponent=1.0, thickness=1e-8, activation_field=1e9, sigma=0.0, area=1e-14,
        remanent=0.2, g_min=4e-8, g_max=1.8e-6,
    )  # fmt: skip
    voltages, halves = np.array([1.0, 1.5, 2.0]), []
    for voltage in voltages:
        time = np.linspace(0, 3e-10 * np.exp(1e9 * 1e-8 / voltage), 3001)
        found = transient(model, time, np.full(time.size, voltage))
        halves.append(np.interp(0.5, found.state.mean("component").values, time))
    return [Point(published=1e9, found=float(np.polyfit(1e-8 / voltages, np.log(halves), 1)[0]))]


def _simmons() -> list[Point]:
    """G / area = e² κ / (4 π² ħ d) exp(-2 κ d), κ = √(2 m φ) / ħ: leading order in 1/κd."""
    d, phi = 3e-9, 1.0
    model = FerroelectricTunnelJunction(
        tau0=1e-10, exponent=1.0, thickness=d, activation_field=1e12, sigma=0.0, area=1.0,
        barrier_1_ev=phi, barrier_2_ev=phi, shift_ev=0.0,
    )  # fmt: skip
    kappa = np.sqrt(2 * electron_mass * phi * elementary_charge) / hbar
    front = elementary_charge**2 * kappa / (4 * np.pi**2 * hbar * d)
    found = float(model.current(np.zeros(16), 1e-4)) / 1e-4
    return [Point(published=front * float(np.exp(-2 * kappa * d)), found=found)]


def _glass() -> list[Point]:
    """R ~ t^ν, ν = α / E_s."""
    model = PhaseChange(**{**_PCM, "r_series": 1.0})
    time = np.concatenate([[0], np.logspace(-6, 6, 121)])
    found = transient(model, time, np.zeros(time.size), state=np.array([30e-9, 1.0]))
    resistance = 0.01 / model.current(found.state.values.T, 0.01)
    late = time > 1e-2
    slope = np.polyfit(np.log(time[late]), np.log(resistance[late]), 1)[0]
    return [Point(published=0.1 / 3.0, found=float(slope))]


def _mott() -> list[Point]:
    """Power into the channel at rest: Γ(u) ΔT, with Γ = 2 π L κ / ln(1/u)."""
    currents = np.array([6e-5, 1e-4, 3e-4])
    time = np.linspace(0, 1e-6, 3)
    found = transient(
        MottSwitch(**_MOTT, r_series=0.0), time, current=np.broadcast_to(currents, (3, 3))
    )
    u, v = found.state.values[-1], found.voltage.values[-1]
    loss = 2 * np.pi * 20e-9 * 1.5 / np.log(1 / u) * 780
    return points([f"{1e6 * each:g} µA" for each in currents], loss, currents * v)


def _arrhenius() -> list[Point]:
    """Slope of ln(rate / field factor) against 1/kT, without local heat and enhancement."""
    cold = np.array([300.0, 350.0, 400.0, 450.0])
    model = FilamentGap(
        **{**_GAP, "beta": 0.0, "gamma0": 1.0, "r_th": 0.0, "activation_ev": 0.83},
        temperature=cold,
    )
    lowered = _GAP["hop"] / _GAP["thickness"] * 0.5 / (_K_EV * cold)
    rates = np.log(model.rate(np.array(1e-9), -0.5) / np.sinh(lowered))
    return [Point(published=0.83, found=-float(np.polyfit(1 / (_K_EV * cold), rates, 1)[0]))]


def _even_pulses() -> list[Point]:
    """Write an evenly falling gap's curve: G = B (1 - exp(-n / A)) + G_min with A = -P g0 / Δg."""
    model = FilamentGap(**{**_GAP, "beta": 0.0, "r_th": 0.0})
    pulses = 40
    width = 1e-9 * float(1 / abs(model.rate(np.array(1.5e-9), 0.8)))
    time = width * np.arange(pulses + 1) / pulses
    found = transient(model, time, np.full(time.size, 0.8), state=1.5e-9)
    g = model.current(found.state.values, 0.1) / 0.1
    share, n = (g - g[0]) / (g[-1] - g[0]), np.arange(pulses + 1) / pulses
    a = -_GAP["g0"] / 1e-9
    curve = (1 - np.exp(-n / a)) / (1 - np.exp(-1 / a))
    some = np.arange(4, pulses + 1, 4)
    return points([f"pulse {each}" for each in some], curve[some], share[some])


def _dwell() -> list[Point]:
    """Share of devices that are parallel: 1 / (1 + exp(-2 Δ V / V_c)); 20,000 samples."""
    model = MagneticTunnelJunction(**{**_MTJ, "delta": 5.0})
    time = np.linspace(0, 2e-3, 20001)
    state = transient(
        model, time, np.full(time.size, 0.05), rng=np.random.default_rng(3)
    ).state.values
    ahead, back = np.exp(-5 * 0.9), np.exp(-5 * 1.1)
    share = ahead / (ahead + back)
    # A telegraph signal with rate r = (ahead + back) / τ0 has 2 / r as the time of one sample.
    free = time[-1] * (ahead + back) / (2 * _MTJ["tau0"])
    error = float(np.sqrt(share * (1 - share) / min(free, time.size)))
    return [Point(published=share, found=float(state.mean()), error=error)]


def _forgotten() -> list[Point]:
    """X - 1/2 falls as exp(-2 t / τ), τ = τ0 exp(Δ 300 K / T)."""
    model = MagneticTunnelJunction(**{**_MTJ, "delta": 20.0})
    time = np.array([0.0, 0.01, 0.1, 1.0])
    labels, expected, found = [], [], []
    for temperature in (300.0, 400.0):
        state = retain(model, time, temperature, read_voltage=0.1, state=1.0).state.values
        tau = _MTJ["tau0"] * np.exp(20.0 * 300 / temperature)
        labels += [f"{each:g} s, {temperature:g} K" for each in time[1:]]
        expected += list(0.5 + 0.5 * np.exp(-2 * time[1:] / tau))
        found += list(state[1:])
    return points(labels, expected, found)


def _law(
    name: str,
    title: str,
    unit: str,
    source: Source,
    conditions: str,
    tolerance: Tolerance,
    calculate: Callable[[], Sequence[Point]],
) -> Row:
    return Row(
        name=name, subject=_SUBJECT, title=title, unit=unit, source=source, conditions=conditions,
        tolerance=tolerance, calculate=calculate,
    )  # fmt: skip


_CLOSED = "closed form; what is left is the tolerance of the solver"
_HH = Source(
    citation="A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500, 1952; the equations as solved "
    "ever since, with the rest at -65 mV and 6.3 °C",
    doi="10.1113/jphysiol.1952.sp004764",
)
LAWS = (
    _law(
        "law_hp_memristor", "Linear ion drift under a sine: the state from the flux", "1",
        Source(citation="D. B. Strukov et al., Nature 453:80, 2008, eqs. 5 and 6, integrated",
               doi="10.1038/nature06932"),
        "100 Ω and 16 kΩ, 10 nm, 1e-14 m²/(V s), 1 V, 1 Hz",
        Tolerance(relative=1e-6, reason=_CLOSED), _flux_charge,
    ),
    _law(
        "law_membrane_onset", "Membrane: least current that makes it fire for ever", "µA/cm²", _HH,
        "squid axon, constant current, in steps of 0.1",
        Tolerance(absolute=0.05, reason="the current is known between 6.2 and 6.3"), _onset,
    ),
    _law(
        "law_membrane_rate", "Membrane: firing rate at 10 µA/cm²", "Hz", _HH,
        "squid axon, constant current, after 300 ms",
        Tolerance(absolute=0.1, reason="the digits of the figure"),
        lambda: [Point(published=68.3, found=firing_rate(10e-6))],
    ),
    _law(
        "law_merz", "Ferroelectric transistor: activation field of switching", "V/m",
        Source(citation="W. J. Merz, Phys. Rev. 95:690, 1954", doi="10.1103/PhysRev.95.690"),
        "1 to 2 V on 10 nm, one activation field, half of the domains turned",
        Tolerance(relative=1e-5, reason="closed form; 3,000 times are interpolated"), _merz,
    ),
    _law(
        "law_simmons", "Tunnel junction: conductance at small voltages", "S/m²",
        Source(citation="J. G. Simmons, J. Appl. Phys. 34:1793, 1963",
               doi="10.1063/1.1702682"),
        "3 nm, two equal barriers of 1 eV, free electron mass",
        Tolerance(relative=0.02, reason="leading order of the closed form: the next is 1/(κd)²"),
        _simmons,
    ),
    _law(
        "law_glass_drift", "Phase change: exponent of drift of a glass", "1",
        Source(citation="M. Le Gallo et al., Adv. Electron. Mater. 4:1700627, 2018: collective "
               "relaxation, ν = α / E_s", doi="10.1002/aelm.201700627"),
        "α = 0.1 eV, E_s = 3 eV, at 300 K, 10 ms to 1e6 s",
        Tolerance(relative=0.01, reason="the law is logarithmic in time beyond its first decades"),
        _glass,
    ),
    _law(
        "law_mott_balance", "Mott switch at rest: power into the channel", "W",
        Source(citation="M. D. Pickett, R. S. Williams, Nanotechnology 23:215202, 2012",
               doi="10.1088/0957-4484/23/21/215202"),
        "60 to 300 µA, after 1 µs; the loss by conduction at the core's radius",
        Tolerance(relative=1e-6, reason=_CLOSED), _mott,
    ),
    _law(
        "law_arrhenius", "Filament in a gap: activation energy of its motion", "eV",
        Source(citation="Z. Jiang et al., SISPAD 2014", doi="10.1109/SISPAD.2014.6931558"),
        "300 to 450 K, no local heat",
        Tolerance(relative=1e-9, reason="closed form"), _arrhenius,
    ),
    _law(
        "law_even_pulses", "Filament in a gap, evenly pulsed: NeuroSim's exponential curve", "1",
        Source(citation="P.-Y. Chen, X. Peng, S. Yu, IEEE TCAD 37:3067, 2018, eqs. of potentiation",
               doi="10.1109/TCAD.2018.2789723"),
        "40 pulses of 0.8 V, no heat, constant field: G grows as exp(n Δg / g0)",
        Tolerance(relative=1e-6, reason=_CLOSED), _even_pulses,
    ),
    _law(
        "law_neel_brown_dwell", "Magnetic tunnel junction: share of time in the parallel state",
        "1", Source(citation="W. F. Brown, Phys. Rev. 130:1677, 1963",
                    doi="10.1103/PhysRev.130.1677"),
        "barrier of 5 kT, 0.05 V of 0.5, 20,001 reads of a telegraph signal over 2 ms",
        Tolerance(absolute=0.02, reason="6 standard errors of the reads"), _dwell,
    ),
    _law(
        "law_neel_brown_rest", "Magnetic tunnel junction: what is left of a state at rest", "1",
        Source(citation="W. F. Brown, Phys. Rev. 130:1677, 1963",
               doi="10.1103/PhysRev.130.1677"),
        "barrier of 20 kT at 300 K, 300 and 400 K, 10 ms to 1 s",
        Tolerance(absolute=1e-6, reason=_CLOSED), _forgotten,
    ),
)  # fmt: skip

DYNAMICS = (*(_recorded(name) for name in recorded()), *LAWS)
