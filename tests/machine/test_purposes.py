"""Candidates that differ in one thing share the random numbers of all others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import (
    AnalogDevice,
    Drift,
    Law,
    LinearStep,
    ReadNoise,
    StuckAt,
    TelegraphNoise,
    WriteVerify,
)
from matsweep.devices.pulses import CycleNoise
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, map_matrices

DEVICE = AnalogDevice(
    g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, cycle_to_cycle=0.03
)
NOISY = {
    "reads": {"read_noise": ReadNoise(relative=0.02)},
    "telegraph noise": {"telegraph_noise": TelegraphNoise(amplitude=0.1, share=0.2)},
    "drift": {"drift": Drift(nu=Law.from_number(0.05), spread=Law.from_number(0.02))},
    "stuck devices": {"stuck_at": StuckAt(g_max=0.02, g_min=0.01)},
}


def programmed(device, realisations=2, adc=None):
    weights = np.random.default_rng(0).normal(size=(23, 9)).astype(np.float32)
    samples = np.random.default_rng(1).normal(size=(40, 23)).astype(np.float32)
    hardware = Hardware(
        device=device, tile=Tile(rows=10, columns=12), dac=DAC(), adc=adc or ADC(bits=8)
    )
    (mapped,) = map_matrices((Matrix(weight=weights, calibration=samples, signed=True),), hardware)
    rng = realisation_streams(5, range(realisations))
    return ProgrammedMatrix.program(mapped, hardware, rng=rng), samples, rng


@pytest.mark.parametrize("noise", NOISY)
def test_another_noise_leaves_the_programmed_devices(noise):
    plain, _, _ = programmed(DEVICE)
    other, _, _ = programmed(dataclasses.replace(DEVICE, **NOISY[noise]))
    same = other.conductance == plain.conductance
    if noise == "stuck devices":
        assert 0.9 < same.mean() < 1
    else:
        assert same.all()


def test_another_noise_leaves_the_noise_of_reads():
    def read(device, adc=None):
        matrix, samples, rng = programmed(device, adc=adc)
        return matrix.multiply(samples, 1.0, rng=rng.at("reads")).values

    fine = ADC(bits=16, percentile=100.0)
    quiet = read(DEVICE, fine)
    noise = read(dataclasses.replace(DEVICE, read_noise=ReadNoise(relative=0.02)), fine) - quiet
    assert noise.std() > 0
    converters = read(DEVICE, dataclasses.replace(fine, noise=500.0)) - quiet
    both = (
        read(
            dataclasses.replace(DEVICE, read_noise=ReadNoise(relative=0.02)),
            dataclasses.replace(fine, noise=500.0),
        )
        - quiet
    )
    # A few steps of the 16-bit converter apart.
    step = np.abs(quiet).max() / 2**13
    np.testing.assert_allclose(both, noise + converters, atol=4 * step)
    assert np.corrcoef(noise.ravel(), converters.ravel())[0, 1] < 0.1


def test_a_swept_number_moves_devices_by_as_much():
    """The errors of programming are those of the other candidate, times 1.01."""
    one, _, _ = programmed(DEVICE)
    other, _, _ = programmed(dataclasses.replace(DEVICE, cycle_to_cycle=0.0303))
    exact, _, _ = programmed(dataclasses.replace(DEVICE, cycle_to_cycle=0.0))
    moved = one.conductance > 0
    moved &= other.conductance > 0
    first, second = ((each.conductance - exact.conductance)[moved] for each in (one, other))
    np.testing.assert_allclose(second, 1.01 * first, rtol=1e-4, atol=1e-11)


def test_verified_devices_are_the_same_alone_and_in_company():
    """Devices in company may take more pulses; what is drawn after them does not move."""
    device = dataclasses.replace(
        DEVICE,
        cycle_to_cycle=0.0,
        pulse_model=LinearStep(
            step_up=0.05, step_down=0.05, cycle_to_cycle=CycleNoise(of_range=0.03)
        ),
        write_verify=WriteVerify(tolerance=0.02, max_pulses=300),
        read_noise=ReadNoise(relative=0.01),
        stuck_at=StuckAt(g_max=0.05, g_min=0.05),
        drift=Drift(nu=Law.from_number(0.05), spread=Law.from_number(0.02)),
    )
    many, _, _ = programmed(device, 4)
    for number in range(4):
        alone, _, _ = programmed(device, number + 1)
        np.testing.assert_array_equal(alone.conductance[number], many.conductance[number])
        np.testing.assert_array_equal(alone.aging.exponents[number], many.aging.exponents[number])
