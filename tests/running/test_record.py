"""Axes that a store names after more candidates were added, and the conditions among them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.running.record import _joined_axes, create_store, is_below
from matsweep.store import attributes

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


def test_conditions_of_a_workload_are_kept_where_they_are_swept(tmp_path):
    with composer():
        planned = [
            plan(["workload=lenet_mnist", "material=pcm_gst,hfox_vcm", *more, "unknowns=neutral"])
            for more in (["workload.adapt=none,statistics", "adc.bits=6,8"], ["adc.bits=6,8"])
        ]
    for place, study in enumerate(planned):
        create_store(study, tmp_path / f"{place}.zarr")
    swept, others = (attributes(tmp_path / f"{place}.zarr") for place in range(2))
    assert json.loads(swept["conditions"]) == ["workload.adapt"]
    assert "conditions" not in others


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("workload.training", True),
        ("workload.training.noise", True),
        ("workload.training_data", False),
        ("workload", False),
    ],
)
def test_a_condition_is_a_setting_or_a_part_with_all_its_settings(name, below):
    assert is_below(name, ("workload.adapt", "workload.training")) is below
