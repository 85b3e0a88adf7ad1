"""Devices of any shape: a number, an array without axes, a line, an array with batches."""

from __future__ import annotations

import numpy as np
import pytest

import matsweep
from matsweep.devices import (
    AnalogDevice,
    CycleNoise,
    Drift,
    ExponentialStep,
    Law,
    LinearStep,
    NeuroSim,
    PowerStep,
    ProgrammingError,
    PulseModel,
    ReadNoise,
    ShortTerm,
    SinhIV,
    SoftBounds,
    StuckAt,
    Tabulated,
    TelegraphNoise,
    WritePulse,
    WriteVerify,
)
from tests.families import FAMILIES, families

SHAPES = [(), (6,), (2, 3), (3, 1, 2), (1, 2, 1, 3)]

NOISE = CycleNoise(of_step=0.1, of_range=0.01)
PULSES = {
    "neurosim": NeuroSim(
        nonlinearity_up=2.4, nonlinearity_down=-4.88, pulses_up=97, pulses_down=100,
        device_to_device={"nonlinearity_up": 0.5}, cycle_to_cycle=NOISE,
    ),
    "soft_bounds": SoftBounds(step_up=0.02, step_down=0.05, device_to_device={"step_up": 0.1},
                              cycle_to_cycle=NOISE),
    "linear_step": LinearStep(step_up=0.01, step_down=0.02, slope_up=0.3, slope_down=0.7,
                              cycle_to_cycle=NOISE),
    "exponential": ExponentialStep(
        step_up=0.01, step_down=0.02, amplitude_up=-1.2, amplitude_down=-0.1, rate_up=5.0,
        rate_down=4.0, scale=-0.5, offset=-0.5,
    ),
    "power": PowerStep(step_up=0.02, step_down=0.03, exponent_up=1.5, exponent_down=0.5,
                       cycle_to_cycle=NOISE),
    "tabulated": Tabulated(
        states=(0.1, 0.5, 0.8), probabilities=(0.5,), up=((0.03,), (0.02,), (0.01,)),
        down=((-0.01,), (-0.02,), (-0.03,)), scale_up=0.5,
    ),
}  # fmt: skip


def everything(**parameters):
    """Return a device with every part that draws random numbers."""
    base = {
        "g_min": 1e-6, "g_max": 25e-6, "read_voltage": 0.2, "cell_size": 16.0, "levels": 16,
        "programming_error": ProgrammingError(coefficients=(2e-7, 1e-6), saturating=1e-7,
                                              saturation=1e-6, g_reference=25e-6),
        "device_to_device": 0.1, "cycle_to_cycle": 0.02,
        "drift": Drift(nu=Law(at_g_max=0.03, slope=-0.01, saturating=0.01, polynomial=(0.05, 0.01),
                              polynomial_from=0.5), spread=Law.from_number(0.01)),
        "short_term": ShortTerm(shift=-1e-8, spread=1e-8),
        "read_noise": ReadNoise(relative=0.01, exponent=0.5, flicker_read_time=1e-6),
        "telegraph_noise": TelegraphNoise(share=0.5, amplitude=0.1),
        "iv": SinhIV(v0=0.3), "write_pulse": WritePulse(voltage_up=1.0, time_up=1e-6),
    }  # fmt: skip
    return AnalogDevice(**{**base, **parameters})


DEVICES = {
    "everything": everything(),
    "absolute": everything(read_noise=ReadNoise(absolute=Law.from_number(1e-8))),
    "law": everything(read_noise=ReadNoise(law=Law(at_g_max=0.01, slope=-0.01, low=0.0))),
    "stuck": everything(stuck_at=StuckAt(g_min=0.2, g_max=0.2, random=0.2)),
    "worn": everything(cycles=1e6, endurance=matsweep.devices.Endurance(half_window=1e6)),
    "verified": everything(
        pulse_model=PULSES["soft_bounds"], write_verify=WriteVerify(tolerance=0.05, max_pulses=20)
    ),
    **{name: everything(pulse_model=model) for name, model in PULSES.items()},
}  # fmt: skip


def results(device, target):
    """Return all that a device computes, by name, from the same random numbers."""
    rng = np.random.default_rng(1)
    made = device.program(target, rng=rng)
    g = made.conductance
    out = {
        "level": device.nearest_level(target),
        "programming_sigma": device.programming_sigma(target),
        "programmed": g,
        "target": np.broadcast_to(made.target, np.shape(g)),
        "relaxed": device.relax(g, 1e4, rng=rng, target=made.target),
        "read": device.read(g, rng=rng, time=1e4),
        "read_known": device.read(g, 0.1, rng=rng, time=1e4, programmed=made.target),
        "sigma": device.read_sigma(g, 1e4),
        "current": device.current(g, 0.15),
    }
    if device.pulse_model is not None:
        drawn = device.draw(np.shape(g), rng=rng)
        for count in (2, -3):
            pulsed = device.pulse(g, count, rng=rng, devices=drawn)
            out[f"pulsed {count}"], out[f"pulses {count}"] = pulsed.conductance, pulsed.pulses
            out[f"energy {count}"] = pulsed.energy
    return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_device_computes_the_same_in_every_shape(name, shape, dtype):
    device = DEVICES[name]
    if dtype is np.float32 and name == "tabulated":
        dtype = np.float64
    target = np.geomspace(1e-6, 20e-6, max(int(np.prod(shape)), 1)).astype(dtype)
    flat = results(device, target[:, None])
    shaped = results(device, target.reshape(shape))
    for key, values in shaped.items():
        assert np.shape(values) == shape, key
        assert np.asarray(values).dtype == np.asarray(flat[key]).dtype, key
        np.testing.assert_array_equal(np.ravel(values), np.ravel(flat[key]), err_msg=key)


@pytest.mark.parametrize("name", DEVICES)
def test_a_number_is_a_device(name):
    for key, value in results(DEVICES[name], 1e-5).items():
        assert np.shape(value) == (), key
        assert np.isfinite(value) or key.startswith("energy"), key


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_takes_a_number_and_a_line(name):
    device = families()[name].device
    for target in (device.g_max, np.linspace(device.g_min, device.g_max, 5)):
        for key, value in results(device, target).items():
            assert np.shape(value) == np.shape(target), key


def test_every_pulse_model_is_covered():
    ours = {kind for kind in PulseModel.registry if PulseModel.registry.is_own(kind)}
    assert {type(model) for model in PULSES.values()} == {PulseModel.registry[k] for k in ours}


@pytest.mark.parametrize("clustering", [0.0, 0.5, 1.0])
def test_devices_that_share_no_lines_fail_one_by_one(clustering):
    """Of 200,000 on a line the share is binomial: within 6 standard errors."""
    faults = StuckAt(g_min=0.1, g_max=0.05, random=0.05, clustering=clustering)
    device = everything(stuck_at=faults, programming_error=ProgrammingError(),
                        device_to_device=0.0, cycle_to_cycle=0.0)  # fmt: skip
    n, level = 200_000, device.nearest_level(1e-5)
    made = device.program(np.full(n, 1e-5), rng=np.random.default_rng(5)).conductance
    for value, share in ((1e-6, 0.1), (25e-6, 0.05), (float(level), 0.8)):
        found = np.isclose(made, value, rtol=1e-9, atol=0).mean()
        assert found == pytest.approx(share, abs=6 * (share * (1 - share) / n) ** 0.5)
    neighbours = np.isclose(made, level, rtol=1e-9)
    both = (neighbours[1:] & neighbours[:-1]).mean()
    assert both == pytest.approx(0.64, abs=6 * (0.64 * 0.36 * 3 / n) ** 0.5)
