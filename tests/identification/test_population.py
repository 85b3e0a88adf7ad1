"""Mean and spread of devices' parameters, where restricted maximum likelihood has a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.identification.fitting.population import find_population, root_error

N = 9
NOISE = np.array([0.0, 0.04, 0.01])  # variances; none, and of two parameters less than the spread


def parameters(seed=2):
    """Return (device, parameter) numbers of variances 1, 0.25 and 4 (of a sample), any mean."""
    theta = np.random.default_rng(seed).normal(size=(N, 3))
    theta -= theta.mean(axis=0)
    return theta / theta.std(axis=0, ddof=1) * [1.0, 0.5, 2.0] + [3.0, -1.0, 100.0]


def test_of_equal_errors_the_spread_is_the_samples_less_the_errors():
    """spread² = s² - σ²; the mean's error s / √n, that of spread² s² √(2 / (n - 1))."""
    theta = parameters()
    found = find_population(theta, np.tile(np.diag(NOISE), (N, 1, 1)))
    total = np.array([1.0, 0.25, 4.0])
    np.testing.assert_allclose(found.mean, theta.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.mean_error, np.sqrt(total / N), rtol=2e-4)
    np.testing.assert_allclose(found.spread, np.sqrt(total - NOISE), rtol=2e-4)
    wrong = total * np.sqrt(2 / (N - 1))
    expected = wrong / (2 * np.sqrt(total - NOISE))
    np.testing.assert_allclose(found.spread_error, expected, rtol=2e-3)


def test_units_of_parameters_do_not_matter():
    theta = parameters()
    mixed = np.diag(NOISE) + 0.002  # errors of parameters of one device go together
    scale = np.array([1e-9, 1.0, 1e6])
    one = find_population(theta, np.tile(mixed, (N, 1, 1)))
    other = find_population(theta * scale, np.tile(mixed * np.outer(scale, scale), (N, 1, 1)))
    for name in one._fields:
        np.testing.assert_allclose(getattr(other, name), getattr(one, name) * scale, rtol=1e-5)


def test_a_device_of_which_little_is_known_counts_for_nothing():
    theta, covariance = parameters(), np.tile(np.diag(NOISE), (N, 1, 1))
    found = find_population(
        np.concatenate([theta, [[50.0, 50.0, -50.0]]]),
        np.concatenate([covariance, [1e4 * np.eye(3)]]),
    )
    alone = find_population(theta, covariance)
    for name in ("mean", "mean_error", "spread"):
        np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=5e-3)


def test_what_errors_explain_is_no_spread():
    """Errors of four times the sample's variance: the mean is known as well as they let it.

    Those of a device's parameters go together, which changes no single one.
    """
    theta = parameters()
    noise = 4 * theta.var(axis=0, ddof=1)
    covariance = np.sqrt(np.outer(noise, noise)) * (0.7 * np.eye(3) + 0.3)
    found = find_population(theta, np.tile(covariance, (N, 1, 1)))
    assert (found.spread < 3e-3 * np.sqrt(noise)).all()
    np.testing.assert_allclose(found.mean_error, np.sqrt(noise / N), rtol=1e-3)
    assert (found.spread_error > 0.03 * np.sqrt(noise)).all()


def test_a_single_device_has_its_own_errors_and_no_spread():
    found = find_population(parameters()[:1], np.diag([4.0, 9.0, 0.25])[None])
    np.testing.assert_array_equal(found.mean, parameters()[0])
    np.testing.assert_allclose(found.mean_error, [2, 3, 0.5])
    assert not found.spread.any()
    assert not found.spread_error.any()


@pytest.mark.parametrize(
    ("root", "error", "expected"), [(0.0, 0.25, 0.5), (3.0, 0.6, 0.1), (0.3, 0.16, 0.2)]
)
def test_the_error_of_a_root(root, error, expected):
    """dσ² / 2σ, and where σ² is below its own error, up to the root of their sum."""
    assert root_error(root, error) == pytest.approx(expected)
