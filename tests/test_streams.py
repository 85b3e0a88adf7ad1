"""Random streams: independent of the batch, and normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from matsweep.streams import Streams, fill_normal, realisation_streams

ID = "0123456789abcdef" * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_realisation_draws_the_same_alone_and_in_company(dtype):
    many = realisation_streams(ID, 7, range(5))
    alone = realisation_streams(ID, 7, [3])
    for shape in ((3, 4), (7,), (2, 1, 5)):
        np.testing.assert_array_equal(
            many.standard_normal((5, *shape), dtype)[3],
            alone.standard_normal((1, *shape), dtype)[0],
        )
        np.testing.assert_array_equal(
            many.random((5, *shape), dtype)[3], alone.random((1, *shape), dtype)[0]
        )


def test_streams_differ_by_candidate_seed_and_realisation():
    drawn = [
        realisation_streams(identity, seed, [realisation]).standard_normal((1, 4), np.float64)
        for identity, seed, realisation in (
            (ID, 0, 0),
            (ID, 1, 0),
            (ID, 0, 1),
            ("f" + ID[1:], 0, 0),
            (ID[:-1] + "0", 0, 0),
        )
    ]
    assert len({array.tobytes() for array in drawn}) == len(drawn)


def test_first_axis_must_be_the_realisations():
    with pytest.raises(ValueError, match="first axis"):
        Streams([np.random.default_rng(0)]).standard_normal((2, 3), np.float32)


def test_fast_normals_are_normal():
    """2e6 numbers: Kolmogorov-Smirnov at p > 1e-6, moments within 6 of their own deviations."""
    out = np.empty(2_000_001, np.float32)
    fill_normal(np.random.default_rng(11), out)
    n = out.size
    wide = out.astype(np.float64)
    assert stats.kstest(wide, "norm").pvalue > 1e-6
    assert abs(wide.mean()) < 6 / n**0.5
    assert abs(wide.var() - 1) < 6 * (2 / n) ** 0.5
    assert abs(stats.skew(wide)) < 6 * (6 / n) ** 0.5
    assert abs(stats.kurtosis(wide)) < 6 * (24 / n) ** 0.5
    lag = np.corrcoef(wide[:-1], wide[1:])[0, 1]
    assert abs(lag) < 6 / n**0.5
    pairs = np.corrcoef(wide[:8192], wide[8192:16384])[0, 1]
    assert abs(pairs) < 6 / 8192**0.5


@pytest.mark.parametrize("size", [0, 1, 2, 16383, 16384, 16385])
def test_fast_normals_fill_any_size(size):
    out = np.full(size, np.nan, np.float32)
    fill_normal(np.random.default_rng(0), out)
    assert np.isfinite(out).all()
