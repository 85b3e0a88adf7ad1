"""A part that gets another kind keeps nothing of what was stated for the earlier one."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from matsweep.planning.config import compose, composer, plain_config
from matsweep.planning.kinds import merge, merged
from matsweep.planning.plan import plan
from matsweep.workloads.learning.rules import Manhattan


def data(*overrides, folder=None):
    with composer(folder):
        config = plain_config(compose(["material=epiram", *overrides]))
    return config["workload"]["data"]


IDX = [
    f"workload.data.{name}={name}"
    for name in ("train_images", "train_labels", "test_images", "test_labels")
]


@pytest.mark.parametrize("workload", ["digits_online", "mnist_online"])
@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_a_preset_says_nothing_of_a_users_own_data(workload, plus):
    """Neither its crop and bits nor its split; files are named with and without a plus."""
    files = [f"{plus}{each}" for each in IDX]
    given = {name: name for name in ("train_images", "train_labels", "test_images", "test_labels")}
    for order in (["workload.data.kind=idx", *files], [*files, "workload.data.kind=idx"]):
        assert data(f"workload={workload}", *order) == {"kind": "idx", **given}


def test_a_mapping_with_another_kind_replaces():
    assert data("workload=mnist_online", "workload.data={kind: csv, path: my.csv}") == {
        "kind": "csv",
        "path": "my.csv",
    }


def test_what_is_given_with_the_kind_stays():
    """In any order, and so does what is stated for the same kind."""
    new = ["workload.data.kind=digits", "workload.data.black_white=0.25"]
    for order in (new, new[::-1]):
        assert data("workload=mnist_online", *order) == {"kind": "digits", "black_white": 0.25}
    same = data("workload=mnist_online", "workload.data.kind=mnist", "workload.data.folder=here")
    assert same == {
        "kind": "mnist",
        "folder": "here",
        "crop": 20,
        "black_white": 0.5,
        "test_samples": None,
    }


def test_an_experiment_replaces_too(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "own.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /workload: mnist_online\n"
        "workload:\n  data: {kind: npz, path: own.npz}\n"
    )
    assert data("experiment=own", folder=tmp_path) == {"kind": "npz", "path": "own.npz"}
    found = data("experiment=own", "workload.data.crop=4", folder=tmp_path)
    assert found == {"kind": "npz", "path": "own.npz", "crop": 4}


def test_a_swept_kind_has_the_preset_of_its_own_kind_only():
    """`threshold: 0.5` is for pulse counts; signs have their own."""
    with composer():
        study = plan(
            ["workload=mnist_online", "material=epiram", "workload.rule.kind=pulse_count,sign"]
        )
        first, second = (study.scenario(point).workload.rule for point in study.points)
    assert first.threshold == 0.5
    assert second == Manhattan()


def test_a_kind_is_compared_at_every_depth_and_references_as_written():
    config = OmegaConf.create(
        {"a": {"b": {"kind": "x", "only": 1}, "c": {"kind": "${k}", "d": 2}}, "e": None, "k": "x"}
    )
    merge(config, OmegaConf.create({"a": {"b": {"kind": "y"}, "c": {"d": 3}}, "e": {"kind": "z"}}))
    assert OmegaConf.to_container(config, resolve=False) == {
        "a": {"b": {"kind": "y"}, "c": {"kind": "${k}", "d": 3}},
        "e": {"kind": "z"},
        "k": "x",
    }


@pytest.mark.parametrize(
    "stated",
    [
        {"a": {"kind": "x", "p": 2}},
        {"a": {"kind": "y", "p": 2}},
        {"a": {"q": {"kind": "z"}}},
        {"a": None},
        {"a": 3, "n": {"kind": "x"}},
        {"n": {"kind": "x", "l": [1]}, "b": {"c": {"d": 1}}},
    ],
)
def test_plain_mappings_merge_alike(stated):
    base = {"a": {"kind": "x", "p": 1, "q": {"r": 1}}, "n": None, "b": {"c": {"e": 2}}, "l": [1, 2]}
    config = OmegaConf.create(base)
    merge(config, OmegaConf.create(stated))
    assert merged(base, stated) == plain_config(config)
