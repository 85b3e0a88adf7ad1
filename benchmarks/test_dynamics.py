"""Devices in time: 10,000 filaments under 100 pulses, beside a loop of scipy's solver."""

from __future__ import annotations

import math
import time
import tracemalloc

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import matsweep
from matsweep.devices import FilamentGap, respond, transient

DEVICES, PULSES, WIDTH, VOLTAGE = 10_000, 100, 1e-7, 1.1
HOPPING = {"i0": 1e-3, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "hop": 0.25e-9, "beta": 0.8,
           "gamma0": 16.0, "r_th": 2100.0}  # fmt: skip


def filaments(devices: int) -> FilamentGap:
    rng = np.random.default_rng(0)
    return FilamentGap(
        activation_ev=0.6 + 0.01 * rng.standard_normal(devices),
        thickness=12e-9 * (1 + 0.02 * rng.standard_normal(devices)),
        **HOPPING,
    )


def pulsed(model: FilamentGap, tolerance: float):
    return respond(model, VOLTAGE, WIDTH, PULSES, read_voltage=0.1, tolerance=tolerance)


def plain_rate(activation: float, thickness: float):
    """Return d(gap)/dt [nm/s] of one device under a pulse, as a user of scipy would write it."""
    exp, sinh, kt = math.exp, math.sinh, 8.617333262e-5
    front, field = 1e-3 * sinh(VOLTAGE / 0.25), 0.25e-9 / thickness * VOLTAGE

    def rate(_, y):
        gap = min(max(y[0], 0.2), 1.7)
        thermal = kt * (300 + 2100 * VOLTAGE * front * exp(-gap / 0.25))
        gamma = max(16 - 0.8 * gap**3, 0.0)
        moved = -10e9 * exp(-activation / thermal) * sinh(gamma * field / thermal)
        return [0.0 if gap <= 0.2 and moved < 0 else moved]

    return rate


def by_pulses(rate):
    """Give one device its pulses one by one, to read it after each; between them it keeps still."""
    gap, gaps = 1.7, [1.7]
    for _ in range(PULSES):
        solved = solve_ivp(rate, (0.0, WIDTH), [gap], rtol=1e-7, atol=1e-6)
        gap = min(max(float(solved.y[0, -1]), 0.2), 1.7)
        gaps.append(gap)
    return np.array(gaps)


def in_one(rate):
    """Give one device its pulses as a single long one, read at times within it."""
    times = WIDTH * np.arange(PULSES + 1)
    solved = solve_ivp(rate, times[[0, -1]], [1.7], t_eval=times, rtol=1e-7, atol=1e-6)
    return np.clip(solved.y[0], 0.2, 1.7)


def least(function, rounds=5):
    """Return the least CPU time [s] of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return min(taken)


LOOPS = (by_pulses, in_one)


def test_ten_thousand_devices_under_a_hundred_pulses(benchmark):
    """Beside two loops of scipy's RK45 over some of the devices, all in CPU time."""
    model = filaments(DEVICES)
    exact = pulsed(model, 1e-12).state.values
    found = benchmark.pedantic(pulsed, (model, 1e-7), rounds=5, warmup_rounds=1)
    error = 1e9 * np.abs(found.state.values - exact).max()
    assert error < 1e-5  # nm
    ours, few = least(lambda: pulsed(model, 1e-7)) / DEVICES, 10
    taken, off = dict.fromkeys(LOOPS, 0.0), dict.fromkeys(LOOPS, 0.0)
    for index in range(few):
        rate = plain_rate(float(model.activation_ev[index]), float(model.thickness[index]))
        for loop in LOOPS:
            start = time.process_time()
            gaps = loop(rate)
            taken[loop] += (time.process_time() - start) / few
            off[loop] = max(off[loop], float(np.abs(gaps - 1e9 * exact[:, index]).max()))
    benchmark.extra_info.update(
        device_pulses_per_second=round(PULSES / ours),
        error_nm=float(error),
        scipy_by_pulses_ratio=round(taken[by_pulses] / ours, 1),
        scipy_in_one_ratio=round(taken[in_one] / ours, 1),
        scipy_by_pulses_error_nm=off[by_pulses],
        scipy_in_one_error_nm=off[in_one],
    )


def test_memory_is_a_few_result_arrays(benchmark):
    model = filaments(DEVICES)
    pulsed(model, 1e-7)

    def peak() -> float:
        tracemalloc.start()
        pulsed(model, 1e-7)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found / (8 * DEVICES * (PULSES + 1))

    benchmark.extra_info["peak_in_result_arrays"] = benchmark.pedantic(peak, rounds=1)
    assert benchmark.extra_info["peak_in_result_arrays"] < 20


@pytest.mark.parametrize("name", ["hfox_gong", "hfox_vcm", "pcm_gst", "tio2_hp"])
def test_steps_of_a_triangle(benchmark, name):
    """100 devices through a triangle of 400 points; device-steps per second."""
    loaded = matsweep.load_material(name)
    protocol, physics = loaded.protocol, loaded.physics
    times = np.linspace(0, 100 * protocol.width_up, 401)
    drive = protocol.voltage_up * np.interp(times / times[-1], [0, 0.25, 0.75, 1], [0, 1, -1, 0])
    batch = np.broadcast_to(drive[:, None], (401, 100))
    found = benchmark.pedantic(transient, (physics, times, batch), rounds=3, warmup_rounds=1)
    benchmark.extra_info["device_steps_per_second"] = round(
        found.attrs["steps"] / benchmark.stats.stats.min
    )


def test_beside_diffrax(benchmark):
    """The same hopping model under vmap, where diffrax is installed: gaps only, to 1e-5 nm.

    Ours gives the energy and the currents too. In CPU time, the least of five rounds each.
    """
    diffrax = pytest.importorskip("diffrax")
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    model = filaments(1000)
    kt = 8.617333262e-5

    def rate(_, gap, p):
        current = 1e-3 * jnp.exp(-gap / 0.25) * jnp.sinh(VOLTAGE / 0.25)
        thermal = kt * (300 + 2100 * VOLTAGE * current)
        gamma = jnp.maximum(16 - 0.8 * gap**3, 0)
        push = jnp.sinh(gamma * 0.25 / p[1] * VOLTAGE / thermal)
        moved = -10e9 * jnp.exp(-p[0] / thermal) * push
        return jnp.where((gap <= 0.2) & (moved < 0), 0.0, moved)

    def alone(p):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(rate), diffrax.Dopri5(), 0.0, PULSES * WIDTH, None, 1.7, p,
            saveat=diffrax.SaveAt(ts=WIDTH * jnp.arange(PULSES + 1)), max_steps=100_000,
            stepsize_controller=diffrax.PIDController(rtol=1e-8, atol=1e-8)).ys  # fmt: skip

    batch = jax.jit(jax.vmap(alone))
    parameters = jnp.stack([model.activation_ev, model.thickness * 1e9], axis=1)
    batch(parameters).block_until_ready()
    theirs = least(lambda: batch(parameters).block_until_ready())
    found = benchmark.pedantic(pulsed, (model, 1e-7), rounds=5, warmup_rounds=1)
    ours = least(lambda: pulsed(model, 1e-7))
    off = 1e9 * pulsed(model, 1e-12).state.values.T - np.asarray(batch(parameters))
    benchmark.extra_info["diffrax_ratio"] = theirs / ours  # in CPU time
    benchmark.extra_info["diffrax_error_nm"] = float(np.abs(off).max())
    assert found.solved.all()
