"""Stores that grow: candidates, realisations and variables, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.store import growth, layout, metadata
from matsweep.store.layout import read_layout
from matsweep.store.parts import merge

N, R = 5, 2


def make(path: Path, count: int = N, rooms: int = R, chunk: int | None = 2) -> Path:
    return m.create(
        path,
        coordinates={
            **{name: m.Coordinate(values=values) for name, values in columns(0, count).items()},
            "realisation": m.Coordinate(values=np.arange(rooms), dims=("realisation",)),
            "time": m.Coordinate(values=[1.0, 9.0], dims=("time",)),
        },
        variables=[
            m.Variable(name="accuracy", dims=("candidate", "time", "realisation")),
            m.Variable(name="area", dtype="float32"),
        ],
        attrs={"study": "growing"},
        chunk=chunk,
    )


def columns(start: int, stop: int) -> dict[str, np.ndarray]:
    at = np.arange(start, stop)
    return {"x": at / 8, "family": np.array(["ab", "c"])[at % 2], "bits": at}


def part(positions: list[int], counts: int | list[int] | None = None, rooms: int = R) -> m.Part:
    """Return outcomes whose numbers identify candidate, time and realisation."""
    at = np.array(positions)
    numbers = at[:, None, None] + np.array([0.0, 0.5])[:, None] + np.arange(1, rooms + 1) / 64
    return m.Part(
        positions=at,
        status=np.ones(at.size, int),
        error=[""] * at.size,
        seconds=at * 1.0,
        values={"accuracy": numbers, "area": at + 0.25},
        realisations=None if counts is None else np.broadcast_to(counts, at.shape),
    )


def failed(positions: list[int], text: str = "no") -> m.Part:
    at = np.array(positions)
    return m.Part(
        positions=at,
        status=np.full(at.size, 2),
        error=[text] * at.size,
        seconds=at * 1.0,
        values={},
    )


def expected(counts: list[int], rooms: int = R) -> np.ndarray:
    values = part(list(range(len(counts))), rooms=rooms).values["accuracy"].copy()
    np.moveaxis(values, 2, 1)[np.arange(rooms) >= np.array(counts)[:, None]] = np.nan
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "s.zarr")


# -------------------------------------------------------------------------- more candidates


def test_appended_candidates_are_pending_and_what_was_done_stays(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(part([0, 3, 4]))
        assert store.append(columns(N, 9), attrs={"batch": 2}).tolist() == [5, 6, 7, 8]
        assert store.pending().tolist() == [1, 2, 5, 6, 7, 8]
        store.write(part([8, 1]))
    dataset = m.open_results(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xr.open_zarr(path, chunks=None).identical(dataset)
    for name in map(str, dataset.variables):  # what the arrays say of themselves
        assert zarr.open_array(path / name, mode="r").shape == dataset[name].shape
    assert dataset.attrs["batch"] == 2
    np.testing.assert_array_equal(dataset.candidate, np.arange(9))
    for name, values in columns(0, 9).items():
        np.testing.assert_array_equal(dataset[name], values)
        assert dataset[name].dtype == values.dtype
    np.testing.assert_array_equal(dataset.accuracy, expected([2, 2, 0, 2, 2, 0, 0, 0, 2]))
    assert dataset.realisations.values.tolist() == [2, 2, 0, 2, 2, 0, 0, 0, 2]
    assert dataset.status.values.tolist() == [1, 1, 0, 1, 1, 0, 0, 0, 1]


def test_many_small_appends_end_as_one_large_store(tmp_path: Path) -> None:
    """Also its files stay few: chunks become larger as the store does."""
    path = make(tmp_path / "s.zarr", count=1, chunk=None)
    with m.open_store(path, fold_every=np.inf) as store:
        for start in range(1, 24):
            assert store.append(columns(start, start + 1)) == [start]
            store.write(part([start]))
        store.write(part([0]))
    whole = make(tmp_path / "whole.zarr", count=24)
    with m.open_store(whole) as store:
        store.write(part(list(range(24))))
    assert m.open_results(path).load().identical(m.open_results(whole).load())
    with m.open_store(path):  # the last open reader is gone: so are the old chunks
        pass
    assert all(len(list((path / name).glob("*.*"))) < 20 for name in ("x", "area", "accuracy"))


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        (["a"], ["long", "b"], ["a", "long", "b"]),
        (["long"], ["b"], ["long", "b"]),
        ([1, 2], [3], [1, 2, 3]),
        ([1, 2], [0.5], [1.0, 2.0, 0.5]),
        ([0.1], [7], [0.1, 7.0]),
        ([True], [False], [True, False]),
        ([True, False], [1], ["True", "False", "1"]),
        ([1, 20], ["auto"], ["1", "20", "auto"]),
        ([0.1, 1e-09], ["null"], ["0.1", "1e-09", "null"]),
        (["auto"], [0.25, 12345678.5], ["auto", "0.25", "12345678.5"]),
        (["auto"], [True], ["auto", "True"]),
    ],
)
def test_a_column_takes_the_type_that_holds_all(
    tmp_path: Path, old: list[object], new: list[object], both: list[object]
) -> None:
    path = m.create(
        tmp_path / "s.zarr",
        coordinates={"x": m.Coordinate(values=old, attrs={"units": "V"})},
        variables=[m.Variable(name="area")],
        attrs={},
        chunk=1,
    )
    before = m.open_results(path)
    with m.open_store(path) as store:
        store.append({"x": new})
        found = store.read(["x", "candidate"], np.arange(len(both))[::-1])
    assert found["x"].tolist() == both[::-1]
    assert before.x.values.tolist() == old  # read only now, by one who opened it before
    column = m.open_results(path).x
    assert column.values.tolist() == both
    assert column.dtype == np.array(both).dtype
    assert column.attrs == {"units": "V"}


def test_a_much_longer_text_takes_smaller_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "_CHUNK_BYTES", (2**10, 2**12))
    monkeypatch.setattr(metadata, "LARGEST_CHUNK", 2**16)
    path = m.create(
        tmp_path / "s.zarr",
        coordinates={"x": m.Coordinate(values=["a"] * 3000)},
        variables=[m.Variable(name="area")],
        attrs={},
    )
    with m.open_store(path) as store:
        store.append({"x": ["b" * 300]})
    assert m.open_results(path).x.values.tolist() == ["a"] * 3000 + ["b" * 300]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.pop("bits"), "fix ['bits']"),
        (lambda v: v.update(other=[1]), "fix ['other']"),
        (lambda v: v.update(bits=[1]), "one length, got [1, 2]"),
        (lambda v: v.update(bits=[[1, 2]]), "2 axes"),
        (lambda v: v.update(bits=[{}, 2]), "object"),
    ],
)
def test_append_refuses_what_does_not_fit(
    path: Path, change: Callable[[dict[str, object]], object], says: str
) -> None:
    before = tree(path)
    values: dict[str, object] = dict(columns(5, 7))
    change(values)
    with m.open_store(path) as store, pytest.raises(m.StoreError) as refused:
        store.append(values)
    one_line(refused.value, says)
    assert tree(path) == before


# ------------------------------------------------------------------------ more realisations


def test_a_longer_dim_keeps_what_is_there(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([0, 1, 4]))
        store.lengthen("realisation", np.arange(5))
        store.write(part([2], 3, rooms=5))
        assert store.pending().tolist() == [3]
        assert store.pending(5).tolist() == [0, 1, 2, 3, 4]
        assert store.pending(3).tolist() == [0, 1, 3, 4]
        assert store.pending(np.array([1, 3, 4, 0, 2])).tolist() == [1, 2, 3]
        store.write(part([0, 1], [5, 4], rooms=5))
    dataset = m.open_results(path)
    np.testing.assert_array_equal(dataset.accuracy, expected([5, 4, 3, 0, 2], 5))
    np.testing.assert_array_equal(dataset.realisation, np.arange(5))
    assert dataset.realisations.values.tolist() == [5, 4, 3, 0, 2]


def test_lengthened_twice_shows_nothing_of_two_times_before(path: Path) -> None:
    """The names of chunks come back; what they held must not."""
    with m.open_store(path) as store:
        store.write(part([0]))
        store.lengthen("realisation", np.arange(3))
        store.write(part([4], 3, rooms=3))
        store.lengthen("realisation", np.arange(4))
        store.append(columns(5, 9))
    np.testing.assert_array_equal(
        m.open_results(path).accuracy, expected([2, 0, 0, 0, 3, 0, 0, 0, 0], 4)
    )


def test_what_was_lost_between_does_not_come_back_from_two_times_before(path: Path) -> None:
    """A chunk that is lost has no outcome, and is not written; its name had another before."""
    with m.open_store(path) as store:
        store.write(part([0, 4]))
        store.lengthen("realisation", np.arange(3))
        name = read_layout(path).chunk_names("accuracy")[0]
        file = path / "accuracy" / name
        file.write_bytes(file.read_bytes()[:-1])
        assert store.verify() == (f"accuracy/{name}",)
        every = np.arange(N)
        assert store.read(["realisations"], every)["realisations"].tolist() == [0, 0, 0, 0, 2]
        store.reopen()
        assert store.read(["realisations"], every)["realisations"].tolist() == [0, 0, 0, 0, -2]
        store.lengthen("realisation", np.arange(4))
        assert store.pending().tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(m.open_results(path).accuracy, expected([0, 0, 0, 0, 2], 4))


@pytest.mark.parametrize(
    ("dim", "values", "says"),
    [
        ("realisation", [0, 1], "more behind them"),
        ("realisation", [1, 2, 3], "keep its 2 values"),
        ("candidate", [0, 1, 2], "no inner dim 'candidate'"),
        ("x", [0, 1, 2], "no inner dim 'x'"),
        ("epoch", [0, 1, 2], "no inner dim 'epoch'"),
    ],
)
def test_lengthen_refuses_what_does_not_fit(
    path: Path, dim: str, values: list[int], says: str
) -> None:
    before = tree(path)
    with m.open_store(path) as store, pytest.raises(m.StoreError) as refused:
        store.lengthen(dim, values)
    one_line(refused.value, says)
    assert tree(path) == before


OUTCOMES = {
    "one": lambda: part([1, 2], 1, rooms=1),
    "two": lambda: part([1, 3], 2),
    "four": lambda: part([1, 2, 4], [4, 3, 4], rooms=4),
    "failed": lambda: failed([0, 1, 2, 3]),
    "again": lambda: part([1, 2, 4], [4, 3, 4], rooms=4),
}


@settings(max_examples=6)
@given(data=st.data())
def test_the_order_of_outcomes_decides_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """More realisations replace fewer, however parts, folds and repetitions come."""
    path = make(tmp_path_factory.mktemp("o") / "s.zarr", rooms=4)
    order = data.draw(
        st.permutations([*OUTCOMES, *data.draw(st.lists(st.sampled_from([*OUTCOMES])))])
    )
    with m.open_store(path, fold_every=np.inf) as store:
        for name in order:
            store.write(OUTCOMES[name]())
            if data.draw(st.booleans()):
                store.fold()
        assert store.pending().tolist() == []
        assert store.pending(4).tolist() == [2, 3]
        assert store.pending(retry_failed=True).tolist() == [0]
        assert m.summary(path).done == 4
    dataset = m.open_results(path)
    assert dataset.realisations.values.tolist() == [0, 4, 3, 2, 4]
    assert dataset.status.values.tolist() == [2, 1, 1, 1, 1]
    assert dataset.error.values.tolist() == ["no", "", "", "", ""]
    np.testing.assert_array_equal(dataset.accuracy, expected([0, 4, 3, 2, 4], 4))


PENDING, DONE, FAILED = m.Status.PENDING, m.Status.DONE, m.Status.FAILED


def replaces(status: int, count: int, new_status: int, new_count: int) -> bool:
    """Return whether an outcome may take the place of a stored one, by what would be lost."""
    if status != DONE:
        return True
    if new_status == FAILED:
        return False
    reopened = count < 0  # all of it is computed again, so as much as there was is enough
    return new_count >= -count if reopened else new_count > count


def test_no_outcome_replaces_one_of_more_realisations() -> None:
    """Every pair of a stored and a new outcome, in an order that positions undo."""
    stored = [(PENDING, 0), (FAILED, 0), *((DONE, count) for count in (-3, -2, -1, 1, 2, 3))]
    came = [(FAILED, 0), *((DONE, count) for count in (1, 2, 3, 4))]
    pairs = list(itertools.product(stored, came))
    order = np.random.default_rng(0).permutation(len(pairs))
    ledger = np.array([old for old, _ in pairs])
    chosen = [pairs[i][1] for i in order]
    outcomes = m.Part(
        positions=order,
        status=np.array([status for status, _ in chosen]),
        error=[""] * len(pairs),
        seconds=np.zeros(len(pairs)),
        values={},
        realisations=np.array([max(count, 1) for _, count in chosen]),
    )
    found = outcomes.beats(ledger[:, 0].astype(np.int8), ledger[:, 1].astype(np.int32))
    assert found.tolist() == [replaces(*pairs[i][0], *pairs[i][1]) for i in order]


@given(
    outcomes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12),
    cuts=st.sets(st.integers(1, 11)),
)
def test_merged_parts_keep_the_most_realisations_of_each(
    outcomes: list[tuple[int, int]], cuts: set[int]
) -> None:
    """Of (position, realisations; 0: failed): of equals the first done one, the last failure."""
    parts, taken = [], []
    edges = [0, *sorted(cut for cut in cuts if cut < len(outcomes)), len(outcomes)]
    for start, stop in itertools.pairwise(edges):
        chosen = {outcomes[i][0]: i for i in range(start, stop)}  # a position once in a part
        index = np.array(list(chosen.values()))
        taken += index.tolist()
        counts = np.array([outcomes[i][1] for i in index])
        parts.append(
            m.Part(
                positions=np.array(list(chosen)),
                status=np.where(counts > 0, 1, 2),
                error=[f"{i}" for i in index],
                seconds=index * 1.0,
                values={"area": index + 0.5},
                realisations=counts,
            )
        )
    merged = merge(parts)
    best = {}
    for i in taken:
        position, count = outcomes[i]
        if (
            position not in best
            or count > outcomes[best[position]][1]
            or count == 0 == outcomes[best[position]][1]
        ):
            best[position] = i
    assert merged.positions.tolist() == sorted(best)
    winners = [best[position] for position in sorted(best)]
    assert merged.error == tuple(map(str, winners))
    assert merged.seconds.tolist() == winners
    assert merged.values["area"].tolist() == [i + 0.5 for i in winners]
    assert merged.counts.tolist() == [outcomes[i][1] for i in winners]
    assert merged.status.tolist() == [1 if outcomes[i][1] else 2 for i in winners]


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_reopened_stays_until_as_much_comes(tmp_path: Path, times: int) -> None:
    """Also where it is reopened again, as after a kill on the way."""
    path = make(tmp_path / "s.zarr", rooms=4)
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(failed([0]))
        store.write(part([1, 2, 4], [4, 3, 4], rooms=4))
        for _ in range(times):
            store.reopen()
        assert store.pending().tolist() == [3]
        assert store.pending(1).tolist() == [1, 2, 3, 4]
        store.write(part([1], 2, rooms=4))
        store.write(failed([4]))
        found = store.read(["realisations", "status"], np.arange(N))
        assert found["realisations"].tolist() == [0, -4, -3, 0, -4]
        assert found["status"].tolist() == [2, 1, 1, 0, 1]
    with m.open_store(path) as store:
        store.write(part([2, 4], [3, 4], rooms=4))
        assert store.pending(1).tolist() == [1, 3]
        assert store.pending(4).tolist() == [1, 2, 3]
    dataset = m.open_results(path)
    assert dataset.realisations.values.tolist() == [0, -4, 3, 0, 4]
    np.testing.assert_array_equal(dataset.accuracy, expected([0, 4, 3, 0, 4], 4))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"realisations": [3]}, "must be <= 2, got 3"),
        ({"realisations": [0]}, ">= 1"),
        ({"realisations": [1, 1]}, "1 candidates"),
        ({"realisations": [0.5]}, "whole"),
        ({"realisations": [2], "values": part([0], rooms=1).values}, "shape (1, 2, 2)"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    path: Path, changes: dict[str, object], says: str
) -> None:
    good = {"positions": [0], "status": [1], "error": [""], "seconds": [1.0]}
    with m.open_store(path) as store:
        with pytest.raises(m.StoreError) as refused:
            store.write(m.Part(**{**good, "values": part([0]).values, **changes}))
        one_line(refused.value, says)


# --------------------------------------------------------------------------- more variables


def test_added_variables_are_nan_and_take_values(path: Path) -> None:
    more = m.Variable(name="energy", dims=("candidate", "realisation"), attrs={"units": "J"})
    with m.open_store(path) as store:
        store.write(part([0, 1]))
        store.add([more, m.Variable(name="gain")])
        with pytest.raises(m.StoreError, match="energy of a part"):
            store.write(part([2]))
        both = {**part([2]).values, "energy": [[1.0, 2.0]], "gain": [3.0]}
        store.write(m.Part(positions=[2], status=[1], error=[""], seconds=[1.0], values=both))
        with pytest.raises(m.StoreError, match=r"\['gain'\] are there"):
            store.add([m.Variable(name="gain")])
        with pytest.raises(m.StoreError, match="epoch"):
            store.add([m.Variable(name="loss", dims=("candidate", "epoch"))])
    dataset = m.open_results(path)
    np.testing.assert_array_equal(dataset.gain, [np.nan, np.nan, 3.0, np.nan, np.nan])
    assert dataset.energy.values[2].tolist() == [1.0, 2.0]
    assert dataset.energy.attrs == {"units": "J"}
    np.testing.assert_array_equal(dataset.accuracy, expected([2, 2, 2, 0, 0]))


def test_added_variables_bring_dims(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(part([0]))
        store.add(MORE, coordinates=PIECES, attrs={"step": 3})
        with pytest.raises(m.StoreError, match=r"\['piece'\] are there"):
            store.add([], coordinates=PIECES)
        more = {"gain": [3.0], "shares": [[0.5, 0.25, 0.25]]}
        values = {**part([1]).values, **more}
        store.write(m.Part(positions=[1], status=[1], error=[""], seconds=[1.0], values=values))
    dataset = m.open_results(path)
    assert dataset.piece.values.tolist() == ["adc", "array", "tile"]
    assert dataset.shares.dims == ("candidate", "piece")
    assert dataset.shares.values[1].tolist() == [0.5, 0.25, 0.25]
    assert np.isnan(dataset.shares.values[[0, 2, 3, 4]]).all()


# ---------------------------------------------------------------------------------- reading


def test_read_gives_rows_as_asked_with_what_is_staged(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([0, 4]))
        store.write(failed([1], "why"))
        found = store.read(["accuracy", "status", "error", "family", "candidate"], [4, 1, 2, 4])
        assert found["status"].tolist() == [1, 2, 0, 1]
        assert found["error"].tolist() == ["", "why", "", ""]
        assert found["family"].tolist() == ["ab", "c", "ab", "ab"]
        assert found["candidate"].tolist() == [4, 1, 2, 4]
        np.testing.assert_array_equal(found["accuracy"], expected([2, 0, 0, 0, 2])[[4, 1, 2, 4]])
        assert store.read(["area"], [])["area"].shape == (0,)
        with pytest.raises(m.StoreError, match=r"no \['time'\] along candidate"):
            store.read(["time"], [0])
        with pytest.raises(m.StoreError, match="from 0 to 4"):
            store.read(["area"], [5])


# ------------------------------------------------------------------------------- old stores


def as_format_1(path: Path) -> None:
    """Make a store what the first format was: without a ledger of realisations."""
    root = json.loads((path / "zarr.json").read_text())
    del root["consolidated_metadata"]["metadata"]["realisations"]
    root["attributes"][layout.FORMAT_KEY] = 1
    (path / "zarr.json").write_text(json.dumps(root))
    shutil.rmtree(path / "realisations")


def test_a_store_of_the_first_format_is_read_and_resumed(path: Path) -> None:
    with m.open_store(path) as store:
        store.write(part([0, 2]))
        store.write(failed([1]))
    as_format_1(path)
    before = tree(path)
    assert m.open_results(path).realisations.values.tolist() == [2, 0, 2, 0, 0]
    assert m.summary(path).done == 2
    assert tree(path) == before
    with m.open_store(path) as store:
        assert store.pending(2).tolist() == [3, 4]
        assert store.pending(3).tolist() == [0, 2, 3, 4]
        store.write(part([3, 4]))
    assert m.open_results(path).realisations.values.tolist() == [2, 0, 2, 2, 2]
    assert layout.read_layout(path).format == layout.FORMAT == 2


# -------------------------------------------------------------------------------- the kills


MORE = [m.Variable(name="gain"), m.Variable(name="shares", dims=("candidate", "piece"))]
PIECES = {"piece": m.Coordinate(values=["adc", "array", "tile"], dims=("piece",))}


def grow(path: Path) -> None:
    """Everything that can become more, types that widen and chunks that grow among it."""
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part([2]))
        wide = {**columns(N, 7), "family": ["longer", "c"], "bits": ["auto", "1"]}
        store.append(wide, attrs={"step": 1})
        store.lengthen("realisation", np.arange(4), attrs={"step": 2})
        store.add(MORE, coordinates=PIECES, attrs={"step": 3})


def resume(path: Path) -> None:
    with m.open_store(path, fold_every=np.inf) as store:
        if 2 in store.pending():
            store.write(part([2]))
        step = m.attributes(path).get("step", 0)
        if step < 1:
            wide = {**columns(N, 7), "family": ["longer", "c"], "bits": ["auto", "1"]}
            store.append(wide, attrs={"step": 1})
        if step < 2:
            store.lengthen("realisation", np.arange(4), attrs={"step": 2})
        if step < 3:
            store.add(MORE, coordinates=PIECES, attrs={"step": 3})


def killed(job: Callable[[Path], None], path: Path, before: int) -> bool:
    """Run a job in a process that is killed before its n-th change of the disk."""
    pid = os.fork()
    if pid == 0:
        left = itertools.count(before, -1)
        for name in ("replace", "fsync", "unlink", "mkdir", "rmdir"):
            real = getattr(os, name)

            def call(*arguments: object, real: object = real, **options: object) -> object:
                if next(left) <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            setattr(os, name, call)
        with contextlib.suppress(BaseException):
            job(path)
            os._exit(0)
        os._exit(1)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


# Killed before every seventh change of the disk; `make exhaustive`: before every one.
STRIDE = 1 if os.environ.get("MATSWEEP_EXHAUSTIVE") == "1" else 7


def test_killed_anywhere_leaves_the_old_or_the_new_store(tmp_path: Path) -> None:
    template = make(tmp_path / "template.zarr")
    with m.open_store(template) as store:
        store.write(part([0, 4]))
    whole = Path(shutil.copytree(template, tmp_path / "whole.zarr"))
    grow(whole)
    with m.open_store(whole):
        pass
    final, files = m.open_results(whole).load(), tree(whole)
    seen = set()
    for before in itertools.count(1, STRIDE):
        path = Path(shutil.copytree(template, tmp_path / f"{before}.zarr"))
        if not killed(grow, path, before):
            break
        plain = xr.open_zarr(path, chunks=None).load()
        reached = plain.attrs.get("step", 0)
        seen.add(reached)
        assert plain.sizes["candidate"] == (7 if reached >= 1 else N)
        assert plain.sizes["realisation"] == (4 if reached >= 2 else R)
        assert ("gain" in plain) == ("shares" in plain) == ("piece" in plain) == (reached >= 3)
        count = plain.sizes["candidate"]
        np.testing.assert_array_equal(plain.x, np.arange(count) / 8)
        done = [2, 0, 2 * int(plain.status[2] == 1), 0, 2, 0, 0][:count]
        held = plain.accuracy.values.copy()
        held[2] = np.nan if not done[2] else held[2]  # data come before their status
        np.testing.assert_array_equal(
            held,
            expected(done, plain.sizes["realisation"])
            if plain.sizes["realisation"] == R
            else np.pad(expected(done), [(0, 0), (0, 0), (0, 2)], constant_values=np.nan),
        )
        resume(path)
        with m.open_store(path):
            pass
        assert m.open_results(path).load().identical(final)
        assert tree(path) == files
        shutil.rmtree(path)
    assert seen == {0, 1, 2, 3} if STRIDE <= 3 else seen >= {0, 1, 2}


def test_a_full_disk_leaves_the_old_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with m.open_store(path) as store:
        store.write(part([0]))
        with monkeypatch.context() as patch:
            patch.setattr(growth, "publish", full)
            with pytest.raises(m.StoreError) as refused:
                store.append(columns(5, 7))
            one_line(refused.value, "no space left on")
        assert store.pending().tolist() == [1, 2, 3, 4]
        dataset = m.open_results(path).load()
        np.testing.assert_array_equal(dataset.accuracy, expected([2, 0, 0, 0, 0]))
        np.testing.assert_array_equal(dataset.bits, np.arange(5))
        assert store.append(columns(5, 6)).tolist() == [5]
    np.testing.assert_array_equal(m.open_results(path).bits, np.arange(6))


def tree(path: Path) -> dict[str, bytes]:
    """Return all that a store holds, but who wrote it last."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def one_line(problem: BaseException, says: str) -> None:
    assert isinstance(problem, UserError)
    assert "\n" not in str(problem)
    assert says in str(problem)
