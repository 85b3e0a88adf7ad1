import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.analysis import pareto, pareto_mask
from matsweep.core.checks import UserError


def brute_force(values, better):
    """The definition, pair by pair."""
    costs = values * np.array([-1.0 if b == "higher" else 1.0 for b in better])
    no_worse = (costs[:, None] <= costs).all(axis=2)
    beats = no_worse & (costs[:, None] < costs).any(axis=2)
    return ~beats.any(axis=0) & ~np.isnan(values).any(axis=1)


cells = st.one_of(st.integers(-2, 2).map(float), st.sampled_from([np.nan, np.inf, -np.inf, -0.0]))


@st.composite
def tables(draw, longest=12):
    columns = draw(st.integers(1, 5))
    shape = (draw(st.integers(0, longest)), columns)
    values = draw(hnp.arrays(np.float64, shape, elements=cells))
    better = draw(
        st.lists(st.sampled_from(["higher", "lower"]), min_size=columns, max_size=columns)
    )
    return values, better


@given(tables())
@settings(max_examples=300, deadline=None)
def test_is_the_definition(table):
    values, better = table
    np.testing.assert_array_equal(pareto_mask(values, better), brute_force(values, better))


@given(tables(longest=40))
@settings(max_examples=200, deadline=None)
def test_is_the_definition_however_the_work_is_divided(table):
    values, better = table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pareto, "_SMALL_SET", 2)
        patch.setattr(pareto, "_FEW_PAIRS", 2)
        found = pareto_mask(values, better)
    np.testing.assert_array_equal(found, brute_force(values, better))


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["uniform", "ties", "all on the front"])
def test_large_tables(columns, kind):
    rng = np.random.default_rng(columns)
    values = rng.random((1200, columns))
    if kind == "ties":
        values = np.round(values, 1)
    if kind == "all on the front":
        values /= values.sum(axis=1, keepdims=True)
    better = ["lower", "higher", "lower", "lower", "higher"][:columns]
    np.testing.assert_array_equal(pareto_mask(values, better), brute_force(values, better))


def test_equal_rows_are_kept_together():
    values = [[1.0, 1.0], [1.0, 1.0], [2.0, 2.0], [2.0, 2.0]]
    assert pareto_mask(values, ["lower", "lower"]).tolist() == [True, True, False, False]


def test_nan_is_never_on_the_front_and_beats_nothing():
    values = [[np.nan, 0.0], [1.0, 1.0]]
    assert pareto_mask(values, ["lower", "lower"]).tolist() == [False, True]


def test_no_rows_and_integers():
    assert pareto_mask(np.empty((0, 2)), ["lower", "lower"]).shape == (0,)
    assert pareto_mask(np.array([[3], [1], [2]]), ["higher"]).tolist() == [True, False, False]


def test_the_input_is_not_changed():
    values = np.array([[2.0, 1.0], [1.0, 2.0]])
    before = values.copy()
    pareto_mask(values, ["higher", "lower"])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("values", "better", "message"),
    [
        ([1.0, 2.0], ["lower"], "shape"),
        (np.empty((3, 0)), [], "shape"),
        ([[1.0, 2.0]], ["lower"], "2 directions"),
        ([[1.0]], "lower", "directions"),
        ([[1.0]], ["best"], "higher, lower"),
    ],
)
def test_errors(values, better, message):
    with pytest.raises(UserError, match=message):
        pareto_mask(values, better)
