"""Random streams: independent of the batch, and normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from matsweep.core.philox import fill_bits, fill_normal
from matsweep.core.streams import aside, once, realisation_streams


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_realisation_draws_the_same_alone_and_in_company(dtype):
    many = realisation_streams(7, range(5))
    alone = realisation_streams(7, [3])
    for shape in ((3, 4), (7,), (2, 1, 5)):
        np.testing.assert_array_equal(
            many.standard_normal((5, *shape), dtype)[3],
            alone.standard_normal((1, *shape), dtype)[0],
        )
        np.testing.assert_array_equal(
            many.random((5, *shape), dtype)[3], alone.random((1, *shape), dtype)[0]
        )


def test_streams_differ_by_seed_realisation_and_purpose():
    drawn = [
        realisation_streams(seed, [realisation])
        .at(layer)
        .at(purpose)
        .standard_normal((1, 4), np.float64)
        for seed, realisation, layer, purpose in (
            (0, 0, "layer 0", "reads"),
            (1, 0, "layer 0", "reads"),
            (0, 1, "layer 0", "reads"),
            (0, 0, "layer 1", "reads"),
            (0, 0, "layer 0", "stuck"),
            (0, 0, "reads", "layer 0"),
            (0, 0, "layer 0reads", ""),
        )
    ]
    assert len({array.tobytes() for array in drawn}) == len(drawn)


def test_a_purpose_takes_no_numbers_of_another():
    alone, beside = realisation_streams(3, range(2)), realisation_streams(3, range(2))
    for _ in range(3):
        beside.at("pulses").standard_normal((2, 5), np.float32)
        beside.standard_normal((2, 7), np.float32)
        np.testing.assert_array_equal(
            alone.at("reads").standard_normal((2, 3), np.float32),
            beside.at("reads").standard_normal((2, 3), np.float32),
        )


def test_a_purpose_goes_on_where_it_was_left():
    streams, plain = realisation_streams(3, [0]), realisation_streams(3, [0]).at("reads")
    for _ in range(2):
        np.testing.assert_array_equal(
            streams.at("reads").random((1, 4), np.float64), plain.random((1, 4), np.float64)
        )
    assert streams.at("reads") is streams.at("reads")


def test_a_use_begins_with_its_own_numbers_whatever_another_draws():
    def first_numbers(draws):
        streams, first = realisation_streams(3, [0]).at("pulses"), []
        for _ in range(3):
            use = once(streams)
            drawn = [use.standard_normal((1, 4), np.float32) for _ in range(draws)]
            first.append(drawn[0])
        return np.concatenate(first)

    few, many = first_numbers(1), first_numbers(9)
    np.testing.assert_array_equal(few, many)
    assert np.unique(few).size == 12
    rng = np.random.default_rng(0)
    assert once(rng) is rng


def test_other_generators_have_no_purposes():
    rng = np.random.default_rng(0)
    assert aside(rng, "reads") is rng
    streams = realisation_streams(0, [0])
    assert aside(streams, "reads") is streams.at("reads")


def test_first_axis_must_be_the_realisations():
    with pytest.raises(ValueError, match="first axis"):
        realisation_streams(0, [0]).standard_normal((2, 3), np.float32)


@pytest.mark.parametrize(
    ("counter", "high", "key", "expected"),
    [
        (0, 0, 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (2**64 - 1, 2**64 - 1, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            0x85A308D3243F6A88,
            0x0370734413198A2E,
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_bits_are_those_of_the_published_generator(counter, high, key, expected):
    """Known answers of Philox 4x32-10 (Salmon et al., SC 2011; Random123's kat_vectors)."""
    out = np.empty((4, 1), np.uint32)
    fill_bits(np.uint64(counter), np.uint64(high), np.uint64(key), out)
    assert tuple(out[:, 0]) == expected


def test_normals_are_box_and_mullers_transform_of_the_bits():
    """To 2e-6; where the radius is below 0.1, to the step of single uniform numbers below 1."""
    bits, normal = np.empty((4, 100_000), np.uint32), np.empty((4, 100_000), np.float32)
    fill_bits(np.uint64(5), np.uint64(6), np.uint64(7), bits)
    fill_normal(np.uint64(5), np.uint64(6), np.uint64(7), normal)
    radius = np.sqrt(-2 * np.log(((bits[::2] >> 1) + 0.5) / 2**31))
    angle = 2 * np.pi * bits[1::2] / 2**32
    bound = np.where(radius > 0.1, 2e-6, (2 * 2.0**-24) ** 0.5)
    assert (np.abs(normal[::2] - radius * np.cos(angle)) < bound).all()
    assert (np.abs(normal[1::2] - radius * np.sin(angle)) < bound).all()


def test_normals_are_normal():
    """2e6 numbers: Kolmogorov-Smirnov at p > 1e-6, moments within 6 of their own deviations."""
    out = realisation_streams(11, [0]).standard_normal((1, 2_000_001), np.float32)
    n = out.size
    wide = out[0].astype(np.float64)
    assert stats.kstest(wide, "norm").pvalue > 1e-6
    assert abs(wide.mean()) < 6 / n**0.5
    assert abs(wide.var() - 1) < 6 * (2 / n) ** 0.5
    assert abs(stats.skew(wide)) < 6 * (6 / n) ** 0.5
    assert abs(stats.kurtosis(wide)) < 6 * (24 / n) ** 0.5
    for lag in (1, -(-n // 4), -(-n // 2)):
        assert abs(np.corrcoef(wide[:-lag], wide[lag:])[0, 1]) < 6 / (n - lag) ** 0.5


def test_uniform_numbers_are_uniform():
    out = realisation_streams(3, [0]).random((1, 1_000_001), np.float32)
    assert out.min() >= 0
    assert out.max() < 1
    assert stats.kstest(out[0].astype(np.float64), "uniform").pvalue > 1e-6


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 1023])
def test_no_two_draws_share_numbers(size):
    streams = realisation_streams(0, [0])
    drawn = [streams.standard_normal((1, size), np.float32)[0] for _ in range(3)]
    drawn.append(streams.random((1, size), np.float32)[0])
    assert all(part.shape == (size,) and np.isfinite(part).all() for part in drawn)
    assert np.unique(np.concatenate(drawn)).size == 4 * size
