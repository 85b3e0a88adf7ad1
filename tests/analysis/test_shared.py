"""Errors that all candidates share, against planted ones."""

from __future__ import annotations

import numpy as np

from matsweep.analysis.shared import separated
from matsweep.analysis.surrogate import fit_surrogate

from .test_surrogate import made


def test_what_all_share_is_told_from_what_each_has():
    """Deviations from 64 candidates: their mean is known to 3 %, ± 15 % is five times that."""
    rng = np.random.default_rng(0)
    chips, own = 0.03 * rng.standard_normal(8), 0.004 * rng.standard_normal((64, 8))
    errors, shared = separated(0.9 + chips + own)
    np.testing.assert_allclose(np.sqrt(np.mean(errors**2)), 0.004 / np.sqrt(8), rtol=0.15)
    np.testing.assert_allclose(shared, chips.std(ddof=1) / np.sqrt(8), rtol=0.05)


def test_candidates_may_follow_it_by_different_amounts():
    rng = np.random.default_rng(1)
    chips, slopes = 0.03 * rng.standard_normal(8), rng.uniform(0.2, 3, 64)
    errors, shared = separated(slopes[:, None] * chips + 1e-3 * rng.standard_normal((64, 8)))
    assert np.median(errors) < 1e-3
    np.testing.assert_allclose(
        shared, np.median(slopes) * chips.std(ddof=1) / np.sqrt(8), rtol=0.05
    )


def test_independent_noise_is_each_candidates_own():
    """Taken for shared in one of a thousand studies."""
    rng = np.random.default_rng(2)
    assert sum(separated(rng.standard_normal((32, 8))) is not None for _ in range(50)) <= 2
    assert separated(rng.standard_normal((32, 3)) + np.array([1, 2, 5])) is None  # too few to tell
    samples = rng.standard_normal((32, 8)) + np.arange(8)
    assert separated(samples) is not None
    samples[3, 4] = np.nan
    assert separated(samples) is None


def test_a_shared_error_moves_a_fit_and_does_not_roughen_it():
    """Chips differ by 5 %, candidates on one chip by 0.1 %: the slope is known, the height less."""
    x = np.linspace(0, 1, 24)
    rng = np.random.default_rng(3)
    ds = made(lambda x: 0.9 - 0.05 * x, {"a.x": x}, realisations=8)
    chips = 0.05 * rng.standard_normal(8)
    ds["accuracy"] = ds["accuracy"] + chips + 0.001 * rng.standard_normal((24, 8))
    fitted = fit_surrogate(ds, "accuracy")
    mean = fitted.mean(x[:, None])
    np.testing.assert_allclose(mean - mean[0], -0.05 * x, atol=1.5e-3)
    _, all_in = fitted.latent(x[:, None])
    _, paired = fitted.latent(x[:, None], paired=True)
    expected = chips.std(ddof=1) / np.sqrt(8)
    np.testing.assert_allclose(all_in, np.hypot(expected, paired), rtol=0.05)
    assert paired.max() < 0.001
