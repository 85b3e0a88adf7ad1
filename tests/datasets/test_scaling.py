"""Inputs in any unit become numbers in [0, 1], by what the training samples hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from matsweep import datasets
from matsweep.core.checks import UserError
from matsweep.workloads import MLP
from tests import own_data


@pytest.fixture
def wine(tmp_path):
    own_data.wine(tmp_path / "wine.csv")
    return str(tmp_path / "wine.csv")


def test_columns_are_scaled_as_scikit_learn_scales_them(wine):
    """As `MinMaxScaler` of the training rows, with clipping, gives for the same split."""
    inputs, labels = load_wine(return_X_y=True)
    a, b, c, d = train_test_split(inputs, labels, test_size=0.2, random_state=0, stratify=labels)
    scaler = MinMaxScaler(clip=True).fit(a)
    loaded = datasets.CSV(path=wine).load()
    np.testing.assert_allclose(loaded.train_inputs, scaler.transform(a), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(loaded.test_inputs, scaler.transform(b), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(loaded.train_labels, c)
    np.testing.assert_array_equal(loaded.test_labels, d)
    assert (loaded.train_inputs.min(axis=0) == 0).all()
    assert (loaded.train_inputs.max(axis=0) == 1).all()
    beyond = MinMaxScaler().fit(a).transform(b)
    assert beyond.min() < 0 or beyond.max() > 1  # so that clipping is seen


def test_wine_is_learned_by_column_and_not_by_one_range(wine):
    """Proline is near 1,000 and 12 other columns below 163: one range leaves next to nothing."""
    accuracy = {
        scaling: MLP(dataset=datasets.CSV(path=wine, scaling=scaling)).train().float_accuracy
        for scaling in ("column", "global")
    }
    assert accuracy["column"] == 1
    assert accuracy["global"] < 0.7


class Own(datasets.Scaled):
    """Samples at hand, already split."""

    def __init__(self, train, test, scaling=None):
        super().__init__(scaling=scaling)
        object.__setattr__(self, "parts", (np.asarray(train, float), np.asarray(test, float)))

    def files(self):
        return {}

    def read(self):
        train, test = self.parts
        classes = (np.arange(len(part)) % 2 for part in self.parts)
        return datasets.Samples(train, next(classes), test, next(classes))


@given(
    arrays(float, (6, 3), elements=st.floats(-1, 1, width=32)),
    arrays(float, 3, elements=st.sampled_from([1e-12, 1e-3, 1, 256, 1e9])),
    arrays(float, 3, elements=st.sampled_from([-4, 0, 0.5, 8])),
)
def test_units_of_columns_decide_nothing(inputs, unit, zero):
    """Another unit of a column, or another zero, gives the same inputs."""
    inputs = np.round(inputs, 2)
    inputs[0], inputs[1] = -1, 1
    plain = Own(inputs[:4], inputs[4:], "column").load()
    other = (inputs + zero) * unit
    scaled = Own(other[:4], other[4:], "column").load()
    np.testing.assert_allclose(scaled.train_inputs, plain.train_inputs, atol=1e-6)
    np.testing.assert_allclose(scaled.test_inputs, plain.test_inputs, atol=1e-6)


@pytest.mark.parametrize("scaling", ["column", "global"])
def test_test_samples_decide_nothing_and_are_clipped(scaling):
    train = [[1.0, 10.0], [3.0, 20.0], [2.0, 10.0]]
    near, far = [[2.0, 15.0]], [[-5.0, 1e6]]
    first, second = Own(train, near, scaling).load(), Own(train, far, scaling).load()
    np.testing.assert_array_equal(first.train_inputs, second.train_inputs)
    np.testing.assert_array_equal(second.test_inputs, [[0, 1]])
    expected = [[0.5, 0.5]] if scaling == "column" else [[1 / 19, 14 / 19]]
    np.testing.assert_allclose(first.test_inputs, expected, rtol=1e-6)


def test_a_column_that_is_constant_in_training_is_zero():
    loaded = Own([[1.0, 7.0], [3.0, 7.0]], [[2.0, 7.0], [2.0, 9.0], [2.0, 5.0]]).load()
    np.testing.assert_array_equal(loaded.train_inputs, [[0, 0], [1, 0]])
    np.testing.assert_array_equal(loaded.test_inputs, [[0.5, 0]] * 3)


@pytest.mark.parametrize("scaling", [None, "column", "global"])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([[4.0, 4.0]] * 3, "path must hold inputs that vary between training samples"),
        ([[-1.7e308, 0.0], [1.7e308, 1.0]], "within a range below 1.8e308"),
    ],
)
def test_inputs_that_cannot_be_scaled_are_refused(scaling, inputs, message):
    with pytest.raises(UserError, match=message):
        Own(inputs, inputs, scaling).load()


def test_unscaled_inputs_stay_as_they_are_in_0_to_1():
    inputs = [[0.25, 0.5], [0.375, 0.5]]
    loaded = Own(inputs, inputs, "none").load()
    np.testing.assert_array_equal(loaded.train_inputs, inputs)
    for wrong in (-0.01, 1.01):
        with pytest.raises(UserError, match=r"scaling must be column or global .* got none and"):
            Own(inputs, [[0.5, wrong]], "none").load()
    with pytest.raises(UserError, match="did you mean column"):
        datasets.CSV(path="a.csv", scaling="columns")


def test_a_table_is_scaled_by_column_and_images_by_one_range(tmp_path):
    """The axes of a sample tell which; a dim pixel stays dim."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (40, 4, 4)).astype(float)
    images[:, 0, 0] = 40 + np.arange(40) % 2
    labels = np.arange(40) % 2
    np.savez(tmp_path / "images.npz", inputs=images, labels=labels)
    np.savez(tmp_path / "table.npz", inputs=images.reshape(40, -1), labels=labels)
    whole = datasets.NPZ(path=str(tmp_path / "images.npz")).load()
    assert whole.train_inputs[:, 0].max() < 0.3
    rows = datasets.NPZ(path=str(tmp_path / "table.npz"))
    assert set(rows.load().train_inputs[:, 0]) == {0, 1}
    flat = datasets.NPZ(path=str(tmp_path / "table.npz"), scaling="global").load()
    np.testing.assert_array_equal(flat.train_inputs, whole.train_inputs)


def test_preparation_is_put_into_words():
    assert datasets.Digits().preparation == ""
    assert datasets.CSV(path="a.csv", scaling="none").preparation == ""
    assert "by column, from the least to the largest value of the training samples" in (
        datasets.CSV(path="a.csv").preparation
    )
    assert "by column (a table) or by one range" in datasets.NPZ(path="a.npz").preparation
    assert datasets.MNIST(crop=20, black_white=0.5).preparation == (
        "images are cropped to 20 × 20 pixels; inputs are 1 above 0.5, else 0"
    )
