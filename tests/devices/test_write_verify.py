"""Write and verify: accuracy that a device's own noise allows, and devices that miss it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.codec import Memory, Variant, build, canonical
from matsweep.devices import AnalogDevice, CycleNoise, LinearStep, ReadNoise, Tabulated, WriteVerify
from matsweep.devices.programming import single_pulse, suited

PLAIN = {"g_min": 1e-6, "g_max": 1e-5, "read_voltage": 0.2, "cell_size": 4.0}
STEPS = {"kind": "linear_step", "step_up": 0.01, "step_down": 0.02}


STUCK = Tabulated(
    states=(0.0, 1.0), probabilities=(0.5,), up=((0.0,), (0.0,)), down=((-0.01,), (-0.01,))
)
"""Pulses of one polarity do nothing."""


def steps(up=0.01, down=0.01, *, of_range=0.0, of_step=0.0):
    noise = CycleNoise(of_range=of_range, of_step=of_step)
    return LinearStep(step_up=up, step_down=down, cycle_to_cycle=noise)


def test_one_pulse_has_the_noise_of_its_model():
    pulse = single_pulse(steps(0.01, 0.02, of_range=0.03, of_step=0.5))
    assert (pulse.up, pulse.down) == pytest.approx((0.01, 0.02))
    assert pulse.step == pytest.approx(0.015)
    # 20,000 draws: the standard error is 0.5 %, six of them are 3 %.
    assert pulse.noise == pytest.approx(
        math.sqrt(0.03**2 + 0.25 * (0.01**2 + 0.02**2) / 2), rel=0.03
    )


def test_noisy_pulses_hold_a_device_as_far_from_its_target_as_stated():
    """4,000 devices get 600 pulses towards 0.5: the rms distance is σ² / (√2 s).

    Relaxation takes σ² / s² = 16 pulses. The standard error is about 2 %: outside of 12 % by luck
    in less than 1e-6.
    """
    step, noise = 0.005, 0.02
    model, rng = steps(step, step, of_range=noise), np.random.default_rng(5)
    state = np.full(4000, 0.5)
    for _ in range(600):
        state = model.apply(state, np.where(state < 0.5, 1, -1), rng=rng)
    held = float(np.sqrt(np.mean((state - 0.5) ** 2)))
    assert held == pytest.approx(noise**2 / (math.sqrt(2) * step), rel=0.12)
    assert suited(model).tolerance == pytest.approx(held + step / 2, rel=0.12)


@pytest.mark.parametrize(
    ("model", "read", "tolerance", "pulses", "reason"),
    [
        (steps(), 0.0, 0.02, 300, "2 % of the range"),
        (steps(), 0.03, 0.06, 300, "twice the noise of a read"),
        (steps(0.2, 0.1), 0.0, 0.05, 100, "a step of 15 %"),
        (steps(0.02, 0.02, of_range=0.5), 0.0, 0.5, 150, "a noise of 50 % of the range"),
        (steps(1e-6, 1e-2), 0.0, 0.02, 30_000, "2 % of the range"),
        (steps(), 0.4, 0.5, 300, "twice the noise of a read is 80 %: it cannot be programmed"),
        (STUCK, 0.0, 0.5, 100, "pulses up do not move it in the middle of its range"),
    ],
)
def test_the_tolerance_is_what_pulses_and_reads_allow(model, read, tolerance, pulses, reason):
    found = suited(model, read)
    assert (found.tolerance, found.max_pulses) == (pytest.approx(tolerance), pulses)
    assert reason in found.reason
    assert found.least == (reason == "2 % of the range")


def device(config, **more):
    return build(AnalogDevice, {**PLAIN, "pulse_model": STEPS, "write_verify": config, **more})


def test_true_is_the_scheme_that_suits_the_device():
    assert device(True).write_verify == WriteVerify()
    assert device(True).scheme == (0.02, 300)
    assert device(True, read_noise={"relative": 0.05, "exponent": 1.0}).scheme == (
        pytest.approx(2 * 0.05 * 1e-5 / 9e-6), 300,
    )  # fmt: skip
    assert device({"max_pulses": 7}).scheme == (0.02, 7)
    assert device({"tolerance": 0.3}).scheme == (0.3, 300)
    assert device(False).scheme is None
    assert device(False) == device(None)
    assert canonical(device(True)) == canonical(device({}))
    assert canonical(device(True)) != canonical(device(False))


def test_true_follows_a_device_that_is_varied():
    base = {**PLAIN, "pulse_model": STEPS, "write_verify": True, "read_noise": 0.0}
    varied = Variant(base, {"read_noise": 0.2})
    memory = Memory()
    assert build(AnalogDevice, base, "device", memory).scheme == (0.02, 300)
    assert build(AnalogDevice, varied, "device", memory) == build(AnalogDevice, dict(varied))
    tolerance, _ = build(AnalogDevice, varied, "device", memory).scheme
    assert tolerance == pytest.approx(2 * 0.2 * 5.5e-6 / 9e-6)


def test_true_needs_pulses():
    with pytest.raises(UserError, match=r"device\.write_verify must be null without a pulse_model"):
        build(AnalogDevice, {**PLAIN, "write_verify": True}, "device")


def test_a_device_stops_at_the_first_read_within_the_tolerance():
    """Of 10,000 devices at their target, the share that the first read accepts gets no pulse.

    Reads have a noise of the tolerance, which accepts 68.3 %: six standard errors are 2.8 %.
    """
    noisy = AnalogDevice(
        g_min=1e-6, g_max=1.1e-5, read_voltage=0.2, cell_size=4.0, pulse_model=steps(),
        read_noise=ReadNoise(relative=0.5 / 11, exponent=1.0),
        write_verify=WriteVerify(tolerance=0.05, max_pulses=50),
    )  # fmt: skip
    written = noisy.program(np.full((100, 100), 1e-6), rng=np.random.default_rng(4))
    assert np.mean(written.pulses == 0) == pytest.approx(0.683, abs=0.028)
    assert not written.missed.any()


def test_a_tight_tolerance_is_met_by_trying_where_states_hold():
    """Pulses with a noise of four steps reach 2 % of the range, in as many pulses as a plain walk.

    10,000 devices each, which take 27 ± 18 pulses: six standard errors of the difference are 5.6 %.
    """
    verified = AnalogDevice(
        g_min=0.0, g_max=1.0, read_voltage=0.2, cell_size=4.0,
        pulse_model=steps(0.02, 0.02, of_range=0.08),
        write_verify=WriteVerify(tolerance=0.02, max_pulses=3000),
    )  # fmt: skip
    written = verified.program(np.full((100, 100), 0.5), rng=np.random.default_rng(11))
    assert not written.missed.any()
    assert np.abs(written.conductance - 0.5).max() <= 0.02 + 1e-6
    rng, state, used = np.random.default_rng(12), np.zeros(10_000), np.zeros(10_000)
    while (going := np.abs(0.5 - state) > 0.02).any():
        pulse = np.sign(0.5 - state) * 0.02 + 0.08 * rng.standard_normal(10_000)
        state = np.where(going, np.clip(state + pulse, 0, 1), state)
        used += going
    assert written.pulses.mean() == pytest.approx(used.mean(), rel=0.056)


def test_devices_that_miss_their_level_are_counted():
    short = AnalogDevice(
        g_min=0.0, g_max=1e-5, read_voltage=0.2, cell_size=4.0, pulse_model=steps(),
        write_verify=WriteVerify(tolerance=0.02, max_pulses=50),
    )  # fmt: skip
    written = short.program(
        np.array([0.205e-5, 0.505e-5, 0.515e-5, 0.9e-5]), rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(written.missed, [False, False, False, True])
    np.testing.assert_allclose(written.pulses, [19, 49, 50, 50])
