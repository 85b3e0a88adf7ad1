"""Devices in time: 10,000 filaments under 100 pulses, beside a loop of scipy's solver."""

from __future__ import annotations

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


def one(model: FilamentGap, index: int) -> FilamentGap:
    return model.replace(
        activation_ev=float(model.activation_ev[index]), thickness=float(model.thickness[index])
    )


def pulsed(model: FilamentGap, tolerance: float):
    return respond(model, VOLTAGE, WIDTH, PULSES, read_voltage=0.1, tolerance=tolerance)


def test_ten_thousand_devices_under_a_hundred_pulses(benchmark):
    model = filaments(DEVICES)
    exact = pulsed(model, 1e-12).state.values
    found = benchmark.pedantic(pulsed, (model, 1e-7), rounds=5, warmup_rounds=1)
    error = 1e9 * np.abs(found.state.values - exact).max()
    assert error < 1e-5  # nm
    # Beside a loop of scipy's solver, in CPU time, on some of the devices.
    start = time.process_time()
    pulsed(model, 1e-7)
    ours = (time.process_time() - start) / DEVICES
    start = time.process_time()
    off = 0.0
    few = 5
    for index in range(few):
        device = one(model, index)

        def rate(_, y, device=device):
            return [float(device.rate(np.clip(y[0] * 1e-9, 0.2e-9, 1.7e-9), VOLTAGE)) * 1e9]

        times = WIDTH * np.arange(PULSES + 1)
        alone = solve_ivp(rate, times[[0, -1]], [1.7], "RK45", t_eval=times, rtol=1e-7, atol=1e-6)
        off = max(off, np.abs(alone.y[0] - 1e9 * exact[:, index]).max())
    theirs = (time.process_time() - start) / few
    benchmark.extra_info.update(
        device_pulses_per_second=round(PULSES / ours),
        error_nm=float(error),
        scipy_loop_ratio=round(theirs / ours),
        scipy_error_nm=float(off),
    )
    assert theirs > 50 * ours


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
    """The same hopping model under vmap, where diffrax is installed."""
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
            stepsize_controller=diffrax.PIDController(rtol=1e-7, atol=1e-7)).ys  # fmt: skip

    batch = jax.jit(jax.vmap(alone))
    parameters = jnp.stack([model.activation_ev, model.thickness * 1e9], axis=1)
    batch(parameters).block_until_ready()
    start = time.process_time()
    batch(parameters).block_until_ready()
    theirs = time.process_time() - start
    found = benchmark.pedantic(pulsed, (model, 1e-7), rounds=5, warmup_rounds=1)
    benchmark.extra_info["diffrax_ratio"] = theirs / benchmark.stats.stats.min
    assert found.solved.all()
