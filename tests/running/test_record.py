"""The axes that a store names after more candidates were added."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from matsweep.running.record import _joined_axes

AXES = [{"name": "a", "values": [1, 2]}, {"name": "b", "values": ["x"]}]
NONE = [{"name": "a", "values": None}, {"name": "b", "values": None}]
MORE = SimpleNamespace(names=["b", "a"], factorial=[["y", "x"], [2, 5]])


def test_all_combinations_are_named_by_their_values_those_of_the_store_first():
    """Three values times two; the study added has the axes in another order."""
    joined = [{"name": "a", "values": [1, 2, 5]}, {"name": "b", "values": ["x", "y"]}]
    assert _joined_axes(AXES, MORE, 6) == joined


@pytest.mark.parametrize(
    ("axes", "study", "total"),
    [
        (AXES, MORE, 5),  # candidates: those of both without (1, y)
        (AXES, MORE, 7),
        (NONE, MORE, 4),
        (AXES, SimpleNamespace(names=["b", "a"], factorial=None), 6),
        (AXES, SimpleNamespace(names=["a"], factorial=[[1, 2]]), 2),
    ],
)
def test_what_is_not_all_combinations_names_no_values(axes, study, total):
    assert _joined_axes(axes, study, total) == NONE
