"""Products of windows against explicit rows, and against plain arithmetic."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, ReadNoise
from matsweep.machine import (
    Hardware,
    Matrix,
    ProgrammedMatrix,
    Windows,
    map_matrices,
    vectors,
    windows_power,
)

NOISE = {"read_noise": ReadNoise(relative=0.05)}


def convolution(samples=5, size=5, channels=3, kernel=3, seed=0, signed=False):
    """Return the windows of a convolution over squares, channels last."""
    rng = np.random.default_rng(seed)
    shape = samples, size * size * channels
    values = rng.normal(size=shape) if signed else rng.random(shape)
    places = np.arange(size - kernel + 1)
    starts = (places[:, None] * size + places).ravel() * channels
    inside = np.arange(kernel)[:, None] * size + np.arange(kernel)
    offsets = (inside[..., None] * channels + np.arange(channels)).ravel()
    return Windows(values=values.astype(np.float32), starts=starts, offsets=offsets)


def hardware(tile=None, dac=None, adc=None, wires=None, **device):
    return Hardware(
        device=AnalogDevice(
            g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, cycle_to_cycle=0.03, **device
        ),
        tile=tile or Tile(rows=12, columns=10),
        dac=dac or DAC(),
        adc=adc or ADC(),
        wires=wires,
    )


def programmed(windows, platform, outputs=7, realisations=2):
    rng = np.random.default_rng(1)
    rows = windows.rows().reshape(-1, windows.inputs)
    matrix = Matrix(
        weight=rng.normal(size=(windows.inputs, outputs)).astype(np.float32),
        calibration=rows[:: max(1, len(rows) // 50)],
        signed=bool((rows < 0).any()),
    )
    [mapped] = map_matrices((matrix,), platform)
    streams = realisation_streams(3, range(realisations))
    return ProgrammedMatrix.program(mapped, platform, rng=streams), streams


KINDS = {
    "plain": {},
    "noise": NOISE,
    "serial": {"dac": DAC(bits=4, serial=True), **NOISE},
    "phases": {"tile": Tile(rows=12, columns=10, phases=4)},
    "voltage": {"adc": ADC(sensing="voltage"), **NOISE},
    "reference": {"tile": Tile(rows=12, columns=10, mapping="reference"), **NOISE},
    "offset": {"tile": Tile(rows=12, columns=10, mapping="offset")},
    "integrates": {"dac": DAC(bits=4, serial=True), "adc": ADC(integrates="product"), **NOISE},
    "converters": {"adc": ADC(bits=4, noise=0.7, offset=1.0, gain_error=0.05, per_column=True)},
    "slices": {"tile": Tile(rows=12, columns=20, weight_bits=4), "levels": 4, **NOISE},
    "cells": {"tile": Tile(rows=12, columns=10, cells=2), **NOISE},
    "wires": {"wires": Wires(2.0, 2.0), **NOISE},
    "access": {"tile": Tile(rows=12, columns=10, access_resistance=5e3), **NOISE},
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_split_of_samples_gives_the_same_bits(kind):
    windows = convolution(signed=kind in ("phases", "integrates"))
    made, rng = programmed(windows, hardware(**KINDS[kind]))
    aged = made.at(100.0)
    whole = aged.windows_product(windows, realisation=1, sample=3, call=2, rng=rng)
    assert whole.values.shape == (5, 9, 7)
    assert whole.values.dtype == np.float32
    saturated = 0.0
    for part in (slice(0, 1), slice(1, 4), slice(4, 5)):
        some = dataclasses.replace(windows, values=windows.values[part])
        product = aged.windows_product(some, realisation=1, sample=3 + part.start, call=2, rng=rng)
        np.testing.assert_array_equal(product.values, whole.values[part])
        saturated += product.saturated * product.conversions
    assert saturated == pytest.approx(whole.saturated * whole.conversions)


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_products_are_those_of_explicit_rows(kind):
    given = {**KINDS[kind], "read_noise": ReadNoise()}
    adc = given.get("adc", ADC())
    given["adc"] = dataclasses.replace(adc, noise=0.0)
    windows = convolution(signed=kind in ("phases", "integrates"))
    made, rng = programmed(windows, hardware(**given))
    aged = made.at(100.0)
    plain = aged.multiply(windows.rows().reshape(-1, windows.inputs), rng=rng)
    for realisation in range(2):
        product = aged.windows_product(windows, realisation=realisation, rng=rng)
        values = product.values.reshape(-1, 7)
        size = np.sqrt(np.mean(np.square(plain.values[realisation])))
        apart = np.abs(values - plain.values[realisation]) > 1e-5 * size
        assert apart.mean() < 0.01  # sums within rounding of a boundary between two codes
        assert np.abs(values - plain.values[realisation]).max() < 0.2 * size
        assert product.saturated == pytest.approx(plain.saturated[realisation], abs=0.003)


@pytest.mark.parametrize("kind", ["noise", "slices", "reference"])
def test_scale_and_offset_follow_the_product(kind):
    windows = convolution()
    made, rng = programmed(windows, hardware(**KINDS[kind]))
    aged = made.at(1.0)
    scale, offset = (
        np.linspace(0.5, 2, 7, dtype=np.float32),
        np.linspace(-1, 1, 7, dtype=np.float32),
    )
    plain = aged.windows_product(windows, realisation=0, rng=rng).values
    given = {"realisation": 0, "rng": rng, "scale": scale, "offset": offset}
    affine = aged.windows_product(windows, **given).values
    np.testing.assert_allclose(affine, plain * scale + offset, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "kind", ["plain", "serial", "phases", "wires", "voltage", "cells", "access"]
)
def test_power_is_that_of_explicit_rows(kind):
    windows = convolution(signed=kind == "phases")
    platform = hardware(**KINDS[kind])
    made, _ = programmed(windows, platform)
    aged = made.at(1.0)
    rows = windows.rows().reshape(-1, windows.inputs)
    plain = aged.power(made.mapped.voltages(rows, platform.dac)) * windows.positions
    for realisation in range(2):
        power = windows_power(aged, windows, realisation=realisation)
        assert power == pytest.approx(plain[realisation], rel=1e-4)


def test_windows_of_other_inputs_are_refused():
    windows = convolution()
    made, rng = programmed(windows, hardware())
    with pytest.raises(UserError, match="windows must"):
        made.at(1.0).windows_product(vectors(np.ones((2, 3, 4))), realisation=0, rng=rng)


@pytest.mark.parametrize("kind", ["noise", "slices", "reference"])
def test_an_input_that_is_not_a_number_makes_its_own_rows_so(kind):
    windows = convolution()
    made, rng = programmed(windows, hardware(**KINDS[kind]))
    aged = made.at(1.0)
    plain = aged.windows_product(windows, realisation=0, rng=rng).values
    values = windows.values.copy()
    values[2, 0] = np.nan  # only the first position of the third sample reads it
    broken = dataclasses.replace(windows, values=values)
    product = aged.windows_product(broken, realisation=0, rng=rng).values
    assert np.isnan(product[2, 0]).all()
    product[2, 0] = plain[2, 0]
    np.testing.assert_array_equal(product, plain)
