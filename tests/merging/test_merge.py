"""Stores as one: nothing is lost, nothing contradicts, and a killed merge leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matsweep import merge
from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.merging import write

R, T, EVERY = 3, 2, 12
DONE, FAILED = 1, 2


def number(candidate, shape):
    """Return a candidate's results, a function of its identity alone."""
    return np.random.default_rng(candidate).random(shape)


def make(
    path: Path,
    candidates,
    status,
    *,
    seed=0,
    axes="adc.bits",
    change=None,
    room=R,
    given=None,
    **changes,
):
    """Make a store of some of all candidates, each with its status."""
    candidates, status = np.asarray(candidates), np.asarray(status)
    coordinates = {
        "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in candidates]),
        axes: m.Coordinate(values=candidates * 1.0),
        "material": m.Coordinate(values=[f"family {i % 3}" for i in candidates]),
        "realisation": m.Coordinate(values=np.arange(room), dims=("realisation",)),
        "time": m.Coordinate(values=[1.0, 60.0], dims=("time",), attrs={"unit": "s"}),
    }
    facts = {
        "study": path.stem,
        "seed": seed,
        "axes": json.dumps([{"name": axes, "values": (candidates * 1.0).tolist()}]),
        "config": "adc:\n  bits: 6\n  noise: 0.5\nstore: x\n",
        "sources": json.dumps({"materials": {path.stem: {}}, "references": {}}),
        "networks": json.dumps({"mlp": "abc"}),
        "provenance": json.dumps({"started": path.stem}),
        "fingerprint": path.stem,
    }
    m.create(
        path,
        coordinates=coordinates,
        variables=[
            m.Variable(name="accuracy", dims=("candidate", "realisation", "time")),
            m.Variable(name="area", attrs={"units": "m2"}),
        ],
        attrs=facts | changes,
    )
    at = np.flatnonzero(status)
    accuracy = np.array([number(i, (R, T)) for i in candidates]).reshape(-1, R, T)
    accuracy = accuracy[:, :room]
    area = np.array([number(i + 1000, ()) for i in candidates])
    if change is not None:
        accuracy[change, 1, 0] += 1e-16 + np.spacing(accuracy[change, 1, 0])
    with m.open_store(path) as store:
        store.write(
            m.Part(
                positions=at,
                status=status[at],
                error=[f"hot {candidates[i]}" if status[i] == FAILED else "" for i in at],
                seconds=at * 1.0,
                values={"accuracy": accuracy[at], "area": area[at]},
                realisations=None if given is None else np.asarray(given)[at],
            )
        )
    return path


def results(path):
    return m.open_results(path).load()


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch):
    monkeypatch.setattr(write, "_BLOCK", 200)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_best_of_every_candidate_is_kept(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("m")
    parts, best = [], {}
    for name in data.draw(st.sampled_from(["ab", "abc"])):
        chosen = data.draw(st.permutations(range(EVERY)))[: data.draw(st.integers(1, EVERY))]
        status = data.draw(st.lists(st.integers(0, 2), min_size=len(chosen), max_size=len(chosen)))
        parts.append(make(folder / f"{name}.zarr", chosen, status))
        for i, state in zip(chosen, status, strict=True):
            best[i] = max(best.get(i, 0), state, key=lambda each: {0: 0, FAILED: 1, DONE: 2}[each])
    ds = results(merge(parts, folder / "m.zarr"))
    ids = [int(text, 16) for text in ds["candidate_id"].values]
    assert sorted(ids) == sorted(best)
    for row, i in enumerate(ids):
        assert ds["status"].values[row] == best[i]
        assert ds["adc.bits"].values[row] == i
        assert ds["material"].values[row] == f"family {i % 3}"
        done = best[i] == DONE
        expected = number(i, (R, T)) if done else np.full((R, T), np.nan)
        np.testing.assert_array_equal(ds["accuracy"].values[row], expected)
        assert str(ds["error"].values[row]) == (f"hot {i}" if best[i] == FAILED else "")


def test_halves_of_one_study_are_that_study(tmp_path):
    every, half = np.arange(EVERY), np.arange(EVERY) < 6
    whole = make(tmp_path / "whole.zarr", every, np.full(EVERY, DONE))
    here = make(tmp_path / "here.zarr", every, np.where(half, DONE, 0))
    there = make(tmp_path / "there.zarr", every, np.where(half, 0, DONE))
    before = results(here)
    ds = results(merge([here, there], tmp_path / "deep" / "m.zarr"))
    xr.testing.assert_equal(ds, results(whole))
    assert ds["accuracy"].attrs == results(whole)["accuracy"].attrs
    assert ds["area"].attrs["units"] == "m2"
    assert ds.attrs["fingerprint"] == "here"  # so that its command resumes it
    assert json.loads(ds.attrs["axes"])[0]["values"] == (every * 1.0).tolist()
    told = json.loads(ds.attrs["merged"])
    assert [(each["store"], each["candidates"]) for each in told] == [
        ("here.zarr", EVERY),
        ("there.zarr", EVERY),
    ]
    assert json.loads(told[1]["provenance"]) == {"started": "there"}
    assert set(json.loads(ds.attrs["sources"])["materials"]) == {"here", "there"}
    xr.testing.assert_identical(results(here), before)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["m.zarr"]


def test_the_store_that_has_all_candidates_gives_the_order_and_what_resumes(tmp_path):
    few = make(tmp_path / "few.zarr", [7, 3], [DONE, DONE])
    every = make(tmp_path / "every.zarr", range(EVERY), np.zeros(EVERY, int))
    ds = results(merge([few, every], tmp_path / "m.zarr"))
    assert ds["adc.bits"].values.tolist() == list(range(EVERY))
    assert ds.attrs["fingerprint"] == "every"
    assert np.flatnonzero(ds["status"].values).tolist() == [3, 7]
    with m.open_store(tmp_path / "m.zarr") as store:
        assert store.pending().tolist() == [i for i in range(EVERY) if i not in (3, 7)]


def test_of_two_studies_axes_are_joined_and_no_command_is_said_to_resume(tmp_path):
    first = make(tmp_path / "a.zarr", [0, 1], [DONE, DONE])
    second = make(tmp_path / "b.zarr", [1, 2], [DONE, DONE])
    ds = results(merge([first, second], tmp_path / "m.zarr"))
    assert "fingerprint" not in ds.attrs
    assert json.loads(ds.attrs["axes"]) == [{"name": "adc.bits", "values": [0.0, 1.0, 2.0]}]


def test_a_parameter_that_one_does_not_sweep_is_that_of_its_configuration(tmp_path):
    first = make(tmp_path / "a.zarr", [0, 1], [DONE, DONE])
    second = make(tmp_path / "b.zarr", [5], [DONE], axes="adc.noise")
    ds = results(merge([first, second], tmp_path / "m.zarr"))
    assert ds["adc.bits"].values.tolist() == [0.0, 1.0, 6.0]
    assert ds["adc.noise"].values.tolist() == [0.5, 0.5, 5.0]
    assert [axis["values"] for axis in json.loads(ds.attrs["axes"])] == [None, None]


def test_settings_that_differ_and_that_nothing_would_tell_are_refused(tmp_path):
    """The same bits on two networks would stand in one ranking as if they were of one."""
    small, large = ({"config": f"workload:\n  hidden: [{n}]\n"} for n in (8, 54))
    first = make(tmp_path / "a.zarr", [0, 1], [DONE, DONE], **small)
    second = make(tmp_path / "b.zarr", [2, 3], [DONE, DONE], **large)
    with pytest.raises(UserError, match="differ in workload, which neither sweeps"):
        merge([first, second], tmp_path / "m.zarr")
    assert not (tmp_path / "m.zarr").exists()
    swept = make(tmp_path / "c.zarr", [8, 54], [DONE, DONE], axes="workload.hidden", **small)
    assert merge([first, swept], tmp_path / "m.zarr").exists()


def test_where_its_value_depends_on_a_choice_it_stays_unknown(tmp_path):
    first = make(tmp_path / "a.zarr", [0], [DONE])
    choice = json.dumps([{"name": "material", "values": None}])
    second = make(tmp_path / "b.zarr", [5], [DONE], axes="adc.noise")
    with m.open_store(second) as store:
        store.update_attrs({"axes": choice})
    ds = results(merge([first, second], tmp_path / "m.zarr"))
    assert ds["adc.noise"].values.tolist() == [0.5, 5.0]
    np.testing.assert_array_equal(ds["adc.bits"].values, [0.0, np.nan])


def test_more_realisations_beat_fewer_and_leave_room_for_the_others(tmp_path):
    few = make(tmp_path / "few.zarr", [0, 1, 2, 3], [DONE, DONE, DONE, FAILED], room=1)
    more = make(tmp_path / "more.zarr", [1, 2, 3], [DONE, FAILED, DONE], given=[3, 0, 2])
    ds = results(merge([few, more], tmp_path / "m.zarr"))
    order = [int(text, 16) for text in ds["candidate_id"].values]
    assert order == [0, 1, 2, 3]
    assert ds["status"].values.tolist() == [DONE] * 4
    assert ds["realisations"].values.tolist() == [1, 3, 1, 2]
    assert ds["accuracy"].shape == (4, R, T)
    for row, count in enumerate([1, 3, 1, 2]):
        np.testing.assert_array_equal(
            ds["accuracy"].values[row, :count], number(row, (R, T))[:count]
        )
    assert np.isnan(ds["accuracy"].values[[0, 2], 1:]).all()
    with m.open_store(tmp_path / "m.zarr") as store:
        assert store.pending(R).tolist() == [0, 2, 3]


def test_realisations_that_both_have_must_agree(tmp_path):
    few = make(tmp_path / "few.zarr", [0], [DONE], room=2, change=0)
    more = make(tmp_path / "more.zarr", [0], [DONE])
    refused(tmp_path, [few, more], "disagree on candidate 0{32} .* in accuracy")


def refused(tmp_path, stores, match):
    with pytest.raises(UserError, match=match) as told:
        merge(stores, tmp_path / "m.zarr")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "m.zarr").exists()
    assert list(tmp_path.glob(".*")) == []


def test_numbers_that_differ_by_one_bit_are_refused_and_named(tmp_path):
    first = make(tmp_path / "a.zarr", range(6), np.full(6, DONE))
    second = make(tmp_path / "b.zarr", [9, 5, 4], [DONE] * 3, change=1)
    refused(tmp_path, [first, second], rf"disagree on candidate {5:032x} .* in accuracy")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"seed": 1}, "seed"),
        ({"networks": json.dumps({"mlp": "xyz"})}, "networks"),
    ],
)
def test_stores_that_do_not_fit_together_are_refused(tmp_path, changes, what):
    first = make(tmp_path / "a.zarr", [0], [DONE])
    second = make(tmp_path / "b.zarr", [1], [DONE], **changes)
    refused(tmp_path, [first, second], f"do not fit together: they differ in {what}")


def test_a_store_that_is_written_is_refused(tmp_path):
    first, second = (make(tmp_path / f"{n}.zarr", [0], [DONE]) for n in "ab")
    with m.open_store(second):
        refused(tmp_path, [first, second], "is being written by pid")


def test_one_store_or_twice_the_same_is_no_merge(tmp_path):
    first = make(tmp_path / "a.zarr", [0], [DONE])
    refused(tmp_path, [first], "two or more different")
    refused(tmp_path, [first, tmp_path / "." / "a.zarr"], "two or more different")


def test_what_is_there_is_never_overwritten(tmp_path):
    first, second = (make(tmp_path / f"{n}.zarr", [0], [DONE]) for n in "ab")
    (tmp_path / "there").mkdir()
    for into in (second, tmp_path / "there"):
        with pytest.raises(UserError, match="is there already"):
            merge([first, second], into)


def test_a_merge_that_is_killed_leaves_nothing_at_its_place(tmp_path, monkeypatch):
    first, second = (make(tmp_path / f"{n}.zarr", [0], [DONE]) for n in "ab")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("matsweep.merging.check_equal", stop)
    with pytest.raises(KeyboardInterrupt):
        merge([first, second], tmp_path / "m.zarr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


def test_the_best_references_and_guesses_of_all_stores_stay(tmp_path):
    parts = [
        make(tmp_path / f"{name}.zarr", [number], [DONE], reference=json.dumps({"accuracy": best}),
             chance=json.dumps({"accuracy": guess}))
        for number, (name, best, guess) in enumerate([("a", 0.9, 0.2), ("b", 0.8, 0.3)])
    ]  # fmt: skip
    ds = results(merge(parts, tmp_path / "m.zarr"))
    assert json.loads(ds.attrs["reference"]) == {"accuracy": 0.9}
    assert json.loads(ds.attrs["chance"]) == {"accuracy": 0.3}
