"""Compiled products of windows against plain arithmetic, and their bits on other processors."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, Drift, Law, ReadNoise, TelegraphNoise
from matsweep.machine import (
    Hardware,
    Matrix,
    ProgrammedMatrix,
    Windows,
    map_matrices,
    vectors,
)
from matsweep.machine.product import noise_share
from matsweep.machine.row_streams import RowStreams

EXHAUSTIVE = bool(os.environ.get("MATSWEEP_EXHAUSTIVE"))


def device(**given):
    return AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, cycle_to_cycle=0.02, **given
    )


def programmed(windows, outputs, realisations=1, signed=False, room=1.0, **given):
    """Program random weights; `room` is the largest calibration input over that of the windows."""
    given = {"tile": Tile(), "dac": DAC(), "adc": ADC(), "device": device(), **given}
    hardware = Hardware(**given)
    matrix = Matrix(
        weight=np.random.default_rng(1).normal(size=(windows.inputs, outputs)).astype(np.float32),
        calibration=windows.rows(positions=slice(0, 300)).reshape(-1, windows.inputs)
        * np.float32(room),
        signed=signed,
    )
    [mapped] = map_matrices((matrix,), hardware)
    rng = realisation_streams(7, range(realisations))
    return ProgrammedMatrix.program(mapped, hardware, rng=rng), rng


def currents_of(made, windows, realisation=0):
    """Return the currents of quiet devices in codes, (row, row_tile, column), and code limits."""
    mapped, hardware = made.mapped, made.hardware
    plan, scale = mapped.layout, mapped.scale
    steps = 2 ** (hardware.dac.bits - scale.signed) - 1
    x = windows.rows().reshape(-1, windows.inputs)
    codes = np.rint(x * np.float32(steps / scale.input)).astype(np.float64)
    volts = np.clip(codes, -steps if scale.signed else 0, steps) / steps
    g = made.conductance[realisation].astype(np.float64)
    largest = 2 ** (hardware.adc.bits - 1) - 1
    unit = largest / np.asarray(scale.current) / hardware.device.g_range
    tiles, first = [], 0
    for tile in range(plan.row_tiles):
        length = plan.tile_inputs - (tile >= plan.row_tiles - plan.short_tiles)
        pairs = (g[tile, 0] - g[tile, 1])[-length * plan.cells :]
        applied = np.repeat(volts[:, first : first + length], plan.cells, axis=1)
        tiles.append(applied @ pairs * unit)
        first += length
    assert first == windows.inputs
    return np.stack(tiles, axis=1), largest


def values_of(made, codes):
    """Return the values of totals of codes, (row, column)."""
    plan, scale, adc = made.mapped.layout, made.mapped.scale, made.hardware.adc
    unit = scale.weight * scale.input * np.asarray(scale.current) / (2 ** (adc.bits - 1) - 1)
    sliced = (codes * unit).reshape(len(codes), plan.slices, plan.outputs)
    return np.einsum("rso,s->ro", sliced, plan.worth)


@st.composite
def cases(draw):
    channels, kernel = draw(
        st.sampled_from([(1, 3), (2, 2), (5, 3), (16, 1), (7, 3), (20, 2), (20, 3)])
    )
    size, stride = draw(st.integers(kernel, 7)), draw(st.integers(1, 2))
    places = np.arange(0, size - kernel + 1, stride)
    inside = np.arange(kernel)[:, None] * size + np.arange(kernel)
    signed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = rng.normal(size=(draw(st.integers(1, 4)), size * size * channels))
    windows = Windows(
        values=(values if signed else np.abs(values)).astype(np.float32),
        starts=(places[:, None] * size + places).ravel() * channels,
        offsets=(inside[..., None] * channels + np.arange(channels)).ravel(),
    )
    if draw(st.booleans()):
        windows = windows.part(slice(0, draw(st.integers(1, windows.inputs))))
    cells = draw(st.integers(1, 2))
    tile = Tile(
        rows=draw(st.sampled_from([2, 7, 19, 48, 128])), columns=draw(st.sampled_from([12, 50])),
        cells=cells, weight_bits=draw(st.sampled_from([None, 4])),
    )  # fmt: skip
    adc = ADC(
        bits=draw(st.integers(3, 9)), percentile=draw(st.sampled_from([80.0, 100.0])),
        per_column=draw(st.booleans()),
    )  # fmt: skip
    outputs = draw(st.sampled_from([1, 6, 8, 9, 16, 23, 33]))
    levels = draw(st.sampled_from([None, 4]))
    return windows, outputs, signed, {"tile": tile, "adc": adc, "device": device(levels=levels)}


@given(cases())
@settings(max_examples=400 if EXHAUSTIVE else 40, deadline=None)
def test_products_are_those_of_plain_arithmetic(case):
    """Any shape: codes are equal unless a current is within rounding of the border of two codes."""
    check_products(*case)


def test_products_of_panels_beyond_the_cache_are_those_of_plain_arithmetic():
    """Panels of 624 kB, each used for four blocks of rows in turn; 105 rows end within them."""
    windows = Windows(
        values=np.random.default_rng(2).random((3, 334), np.float32),
        starts=np.arange(35),
        offsets=np.arange(300),
    )
    check_products(windows, 520, False, {"adc": ADC(bits=6)})


def check_products(windows, outputs, signed, given):
    """Compare codes with those of plain arithmetic, but at the border of two codes."""
    made, rng = programmed(windows, outputs, signed=signed, **given)
    aged = made.at(1.0)
    assert aged.panels(0) is not None
    product = aged.windows_product(windows, realisation=0, sample=2, rng=rng)
    currents, largest = currents_of(made, windows)
    codes = np.clip(np.rint(currents), -largest, largest)
    wanted = values_of(made, codes.sum(axis=1))
    near = (np.abs(currents - np.floor(currents) - 0.5) < 2e-3).any(axis=1)
    plan = made.mapped.layout
    near = near.reshape(len(near), plan.slices, plan.outputs).any(axis=1)
    values = product.values.reshape(wanted.shape)
    size = 1e-5 * np.abs(wanted).max() + 1e-9
    assert (np.abs(values - wanted)[~near] < size).all()
    assert product.conversions == currents.size
    clipped = np.rint(currents) != codes
    border = np.abs(np.abs(currents) - largest - 0.5) < 2e-3
    assert abs(product.saturated * product.conversions - clipped.sum()) <= border.sum() + 1e-6


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(2, 9)), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_pieces_cover_all_inputs_and_stay_within_their_run(runs):
    """Runs of neighbours with gaps between them: no piece reads or writes beyond its run."""
    from matsweep.machine.kernels.windows import _cut

    gaps = np.cumsum([0, *(length + gap for length, gap in runs)])
    offsets = np.concatenate(
        [first + np.arange(length) for first, (length, _) in zip(gaps, runs, strict=False)]
    )
    begin = min(3, len(offsets) - 1)
    sources, targets = np.empty((2, 2 * len(offsets)), np.int64)
    marks = np.zeros((2, 5), np.int64)
    _cut(offsets, begin, len(offsets), sources, targets, 0, marks)
    assert marks[1, 0] == marks[0, 4]
    covered = np.zeros(len(offsets) - begin, bool)
    for size, width in enumerate((16, 8, 4, 1)):
        for piece in range(marks[0, size], marks[0, size + 1]):
            own = slice(targets[piece], targets[piece] + width)
            np.testing.assert_array_equal(offsets[begin:][own], sources[piece] + np.arange(width))
            covered[own] = True
    assert covered.all()


def alike(inputs, rows):
    """Return windows whose rows are all the same input vector."""
    return Windows(
        values=np.random.default_rng(3).random((2, inputs), np.float32),
        starts=np.zeros(rows, np.int64),
        offsets=np.arange(inputs),
    )


FINE = ADC(bits=16, percentile=100.0)
NOISES = {
    "reads": {"device": device(read_noise=ReadNoise(relative=0.04))},
    "telegraph": {
        "device": device(
            read_noise=ReadNoise(relative=0.02),
            telegraph_noise=TelegraphNoise(amplitude=0.1, share=0.2),
        )
    },
    "flicker": {
        "device": device(
            read_noise=ReadNoise(relative=0.02, exponent=0.8, flicker_read_time=1e-7),
            drift=Drift(nu=Law.from_number(0.3)),
        )
    },
    "converters": {"adc": ADC(bits=16, percentile=100.0, noise=300.0)},
    "both": {
        "adc": ADC(bits=16, percentile=100.0, noise=300.0, per_column=True),
        "device": device(read_noise=ReadNoise(relative=0.04)),
    },
    "access": {
        "tile": Tile(access_resistance=1e4),
        "device": device(read_noise=ReadNoise(relative=0.04)),
    },
    "wires": {"wires": Wires(2.0, 2.0), "device": device(read_noise=ReadNoise(relative=0.04))},
    "cells": {"tile": Tile(cells=2), "device": device(read_noise=ReadNoise(relative=0.04))},
    "serial": {
        "dac": DAC(bits=8, serial=True),
        "device": device(read_noise=ReadNoise(relative=0.04)),
    },
}


@pytest.mark.parametrize("kind", NOISES)
def test_noise_has_its_mean_and_variance(kind):
    """20,000 products of one vector, two tiles of rows, five columns in both paths.

    A variance is within 5.5 % (5.5 standard deviations, sqrt(2 / n) each), a mean within 5.5
    standard errors: each fails by luck once in 3e7, 5 + 5 of them in 9 kinds once in 3e5 seeds,
    and the seed is fixed.
    """
    windows = alike(150, 20_000)
    given = {"adc": FINE, **NOISES[kind]}
    made, rng = programmed(windows, 5, room=2.0, **given)
    aged = made.at(1e3)
    assert (aged.panels(0) is None) == (kind == "serial")
    one = Windows(values=windows.values[:1], starts=windows.starts, offsets=windows.offsets)
    values = aged.windows_product(one, realisation=0, rng=rng).values[0].astype(np.float64)
    hardware, plan, scale = made.hardware, made.mapped.layout, made.mapped.scale
    voltage = made.mapped.voltages(one.rows(positions=slice(0, 1))[0], hardware.dac)
    through = aged.seen.conductance[0]
    sigma = hardware.device.read_sigma(aged.conductance[0], 1e3, made.conductance[0])
    share = noise_share(aged.conductance[0], through, hardware.tile.access_resistance)
    sigma = sigma * (share if kind in ("access", "wires") else 1)
    unit = scale.weight * scale.input * plan.worth[0]
    worth = hardware.dac.significance(signed=False)[:, None, None, None]
    squares = np.square(voltage * worth)[:, :, 0, :]
    variance = np.einsum("ctr,tarj->j", squares, np.square(sigma)) / hardware.device.g_range**2
    if kind in ("converters", "both"):
        lsb = np.asarray(scale.current) / (2**15 - 1)
        variance = variance + plan.row_tiles * np.square(hardware.adc.noise * lsb)
    variance = variance * unit**2
    pairs = (through[:, 0] - through[:, 1]) / hardware.device.g_range
    mean = np.einsum("ctr,trj->j", (voltage * worth)[:, :, 0, :], pairs) * unit
    np.testing.assert_allclose(values.var(axis=0), variance, rtol=0.055)
    error = np.sqrt(variance / len(values))
    step = unit * np.max(scale.current) / (2**15 - 1)
    assert (np.abs(values.mean(axis=0) - mean) < 5.5 * error + step).all()
    # Columns, neighbours, calls and samples are independent: 10 + 6 · 5 + 5 + 5 correlations within
    # 5.5 standard errors, 1 / sqrt(n).
    limit = 5.5 / np.sqrt(len(values))
    own = (values - values.mean(axis=0)) / values.std(axis=0)
    columns = own.T @ own / len(own)
    assert np.abs(columns - np.eye(5)).max() < limit
    for shift in (1, 2, 4, 16, 64, 512):
        assert np.abs(np.mean(own[shift:] * own[:-shift], axis=0)).max() < limit
    for other in ({"call": 1}, {"sample": 1}):
        again = aged.windows_product(one, realisation=0, rng=rng, **other).values[0]
        again = (again - again.mean(axis=0)) / again.std(axis=0)
        assert np.abs(np.mean(own * again, axis=0)).max() < limit


def test_realisations_have_their_own_noise_whatever_is_computed_together():
    windows = alike(40, 500)
    given = {"adc": FINE, "device": device(read_noise=ReadNoise(relative=0.04))}
    made, rng = programmed(windows, 5, realisations=3, **given)
    aged = made.at(1.0)
    two = aged.windows_product(windows, realisation=2, rng=rng).values
    zero = aged.windows_product(windows, realisation=0, rng=rng).values
    np.testing.assert_array_equal(two, aged.windows_product(windows, realisation=2, rng=rng).values)
    alone, own = programmed(windows, 5, realisations=1, **given)
    np.testing.assert_array_equal(
        zero, alone.at(1.0).windows_product(windows, realisation=0, rng=own).values
    )
    both = [(each - each.mean(axis=1, keepdims=True)).ravel() for each in (zero, two)]
    assert abs(np.corrcoef(*both)[0, 1]) < 5.5 / np.sqrt(both[0].size)


@pytest.mark.parametrize("sample", [5, 2**34 // 7])
def test_numbers_are_those_of_the_counters_stated(sample):
    """Words of a counter: rows / 4, tile · columns + column, and key and call; row % 4 chooses.

    Upper bits of rows / 4 are combined with the key: rows from 2^34 on, here from the third, need
    them. 19 columns: one panel of 16 and one of 8.
    """
    from matsweep.core.philox import fill_normal

    inputs, outputs, rows = 6, 19, 7
    windows = alike(inputs, rows)
    noise = ADC(bits=16, noise=2000.0, percentile=100.0)
    made, rng = programmed(windows, outputs, room=2.0, adc=noise)
    quiet, _ = programmed(windows, outputs, room=2.0, adc=FINE)
    noisy = made.at(1.0).windows_product(
        windows, realisation=0, sample=sample, call=3, rng=rng
    ).values  # fmt: skip
    plain = quiet.at(1.0).windows_product(windows, realisation=0, rng=rng).values
    [(key, high)] = rng.at("windows").keys
    wanted = np.empty((2, rows, outputs))
    for row in range(2 * rows):
        group, place = divmod(sample * rows + row, 4)
        upper, lower = divmod(group, 2**32)
        own = high ^ np.uint64(3) ^ np.uint64(upper << 32)
        for column in range(outputs):
            four = np.empty((4, 1), np.float32)
            fill_normal(np.uint64(lower + (column << 32)), own, key, four)
            wanted[row // rows, row % rows, column] = four[place, 0]
    unit = made.mapped.scale.weight * made.mapped.scale.input * made.mapped.scale.current / 32767
    np.testing.assert_allclose((noisy - plain) / unit, 2000 * wanted, atol=1.01)


def test_numbers_of_rows_are_those_of_the_counters_stated():
    """Words of a counter: the count, the row, and key and call; the row's upper bits with these."""
    from matsweep.core.philox import fill_normal

    first, columns = 2**32 - 1, 6
    streams = realisation_streams(7, [0])
    [(key, high)] = streams.keys
    rows = RowStreams(streams.keys, call=3, first=first)
    for count in (0, 2):  # two counts of four numbers each time
        drawn = rows.standard_normal((1, 3, columns), np.float32)
        for row in range(3):
            upper, lower = divmod(first + row, 2**32)
            own, wanted = high ^ np.uint64(3) ^ np.uint64(upper << 32), np.empty((4, 2), np.float32)
            fill_normal(np.uint64((lower << 32) + count), own, key, wanted)
            np.testing.assert_array_equal(drawn[0, row], wanted.ravel()[:columns])
    # Those of realisations would give every row the numbers of one.
    for streams_of_rows in (rows, rows.at("read")):
        with pytest.raises(TypeError, match="have no next use"):
            streams_of_rows.next()


@pytest.mark.parametrize("outputs", [1, 8, 11, 17])
def test_conversions_that_noise_saturates_are_those_of_columns_alone(outputs):
    """Codes -1, 0 and 1, no current, noise of 1 LSB: beyond 1.5 LSB, 13.36 % saturate.

    20,000 rows: within 5.5 standard deviations, by luck beyond once in 3e7 for each of 4.
    """
    windows = alike(4, 20_000)
    made, rng = programmed(windows, outputs, adc=ADC(bits=2, noise=1.0))
    dark = Windows(values=0 * windows.values, starts=windows.starts, offsets=windows.offsets)
    product = made.at(1.0).windows_product(dark, realisation=0, rng=rng)
    share = math.erfc(1.5 / math.sqrt(2))
    error = math.sqrt(share * (1 - share) / product.conversions)
    assert abs(product.saturated - share) < 5.5 * error


@pytest.mark.parametrize("dac", [DAC(), DAC(serial=True)], ids=["compiled", "blocks"])
def test_windows_beyond_their_sample_are_refused(dac):
    windows = vectors(np.ones((2, 3, 4), np.float32))
    made, rng = programmed(windows, 3, dac=dac)
    far = Windows(values=windows.values, starts=windows.starts + 1, offsets=windows.offsets)
    with pytest.raises(ValueError, match="within the 12 values of a sample, got 1 … 12"):
        made.at(1.0).windows_product(far, realisation=0, rng=rng)
    before = Windows(values=windows.values, starts=windows.starts - 1, offsets=windows.offsets)
    with pytest.raises(ValueError, match="got -1 … 10"):
        made.at(1.0).windows_product(before, realisation=0, rng=rng)


def test_no_samples_give_no_values():
    windows = vectors(np.ones((2, 3, 4), np.float32))
    made, rng = programmed(windows, 3)
    none = Windows(values=windows.values[:0], starts=windows.starts, offsets=windows.offsets)
    product = made.at(1.0).windows_product(none, realisation=0, rng=rng)
    assert product.values.shape == (0, 3, 3)
    assert product.saturated == product.conversions == 0


def steps_of(module):
    """Return the results of all steps on the same numbers, some of which need exact rounding."""
    from matsweep.machine.kernels.sizes import BLOCK, GROUP, HALF, LANES, ROWS

    rng = np.random.default_rng(0)

    def numbers(*shape):
        # Products and sums of few bits: halfway between two numbers of single precision often.
        few = rng.integers(-(2**12), 2**12, shape) * 2.0 ** rng.integers(-14, 14, shape)
        return np.where(rng.random(shape) < 0.5, few, rng.normal(size=shape)).astype(np.float32)

    results = []
    for name, rows, lanes in (
        ("add_block", ROWS, LANES), ("add_half_block", ROWS, HALF),
        ("add_group", GROUP, LANES), ("add_half_group", GROUP, HALF),
    ):  # fmt: skip
        for count in (1, 7, 128):
            packed, panel, sums = numbers(BLOCK), numbers(count * LANES), numbers(rows * lanes)
            results.append(_call(module, name, packed, 0, panel, 0, sums, 0, count)[4])
    values, bases = numbers(200), rng.integers(0, 100, ROWS)
    for name in ("copy_16", "copy_8", "copy_4", "copy_1"):
        results.append(_call(module, name, values, bases, 0, 3, np.zeros(BLOCK, np.float32), 5)[4])
    for name in ("finish", "finish_half"):
        totals, scale, offset = numbers(40), numbers(40), numbers(40)
        out = np.zeros(40, np.float32)
        results.append(_call(module, name, totals, 3, scale, offset, 2, out, 1)[5])
    return results


def _call(module, name, *arguments):
    """Call a step from compiled code; return its arguments."""
    _caller(module, name, len(arguments))(*arguments)
    return arguments


@functools.cache
def _caller(module, name, count):
    from matsweep.core.compiled import compiled

    scope = {"__name__": __name__, "step": getattr(module, name)}
    names = ", ".join(f"a{i}" for i in range(count))
    exec(f"def call({names}):\n    step({names})", scope)
    return compiled(scope["call"])


def test_plain_loops_are_vectors_bit_for_bit():
    from matsweep.machine.kernels import plain, registers

    for vector, loop in zip(steps_of(registers), steps_of(plain), strict=True):
        np.testing.assert_array_equal(vector, loop)


def digest():
    """Print a hash of products of many shapes."""
    hashed = hashlib.blake2b(digest_size=8)
    for inputs, outputs, rows in ((150, 21, 70), (27, 6, 33), (16, 33, 5)):
        windows = Windows(
            values=np.random.default_rng(3).random((3, inputs + rows), np.float32),
            starts=np.arange(rows),
            offsets=np.arange(inputs),
        )
        for kind in ({}, NOISES["both"], {"adc": ADC(gain_error=0.05, offset=0.5)}):
            made, rng = programmed(windows, outputs, **kind)
            product = made.at(1.0).windows_product(windows, realisation=0, rng=rng)
            hashed.update(product.values.tobytes())
    print(hashed.hexdigest())


PROCESSORS = {
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    "no fused multiply-add": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
    "plain loops": {"MATSWEEP_VECTORS": "0"},
}


@pytest.mark.skipif(not EXHAUSTIVE, reason="compiles the loops for each processor: 10 s")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of this kind")
def test_products_are_the_same_bits_on_every_processor():
    script = "from tests.machine.test_windows_compiled import digest; digest()"

    def printed(**environment):
        return subprocess.run(
            [sys.executable, "-c", script],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                **environment,
            },
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    own = printed()
    assert len(own.strip()) == 16
    assert {kind: printed(**each) for kind, each in PROCESSORS.items()} == dict.fromkeys(
        PROCESSORS, own
    )
