"""Chunks that are gone, cut or changed: named, and computed again."""

from __future__ import annotations

import io
import itertools
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from numcodecs.zstd import Zstd
from rich.console import Console

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.reporting.status import show
from matsweep.store import frames, writer

N, CHUNK = 11, 4
FAILS = {2, 9}


def make(path: Path) -> Path:
    return m.create(
        path,
        coordinates={
            "x": m.Coordinate(values=np.arange(N) / 8),
            "realisation": m.Coordinate(values=[0, 1], dims=("realisation",)),
        },
        variables=[
            m.Variable(name="area"),
            m.Variable(name="accuracy", dims=("candidate", "realisation")),
        ],
        attrs={"study": "damaged"},
        chunk=CHUNK,
    )


def compute(path: Path) -> None:
    """Do what a study does: open, and write what is pending."""
    with m.open_store(path, fold_every=np.inf) as store:
        at = store.pending()
        if not at.size:
            return
        status = [2 if i in FAILS else 1 for i in at]
        store.write(
            m.Part(
                positions=at,
                status=np.array(status),
                error=["no" if i in FAILS else "" for i in at],
                seconds=at * 0.5,
                values={"area": at / 7, "accuracy": at[:, None] + np.array([0.1, 0.2])},
            )
        )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("whole") / "s.zarr")
    compute(path)
    return path


def chunks(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.glob("*/c.*"))}


def harm(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
    elif how == "changed":
        data[-6] ^= 4  # within the last block or its sum
        file.write_bytes(data)
    else:
        file.write_bytes(data[: {"empty": 0, "cut": len(data) - 3, "begun": 7}[how]])


LEDGER = ["status/c.1", "realisations/c.0", "error/c.2", "seconds/c.0"]
CASES = [
    *itertools.product(["area/c.0", "accuracy/c.2.0", *LEDGER], ["missing", "cut", "changed"]),
    *itertools.product(["area/c.0", "status/c.1"], ["empty", "begun"]),
]


@pytest.mark.parametrize(("victim", "how"), CASES)
def test_what_is_damaged_is_named_and_computed_again(
    whole: Path, tmp_path: Path, victim: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    harm(path / victim, how)
    if how != "changed":  # that is noticed when it is read
        with pytest.raises(m.StoreError) as refused:
            m.open_results(path)
        one_line(refused.value, victim)
        assert m.summary(path).damaged == (victim,)
    with caplog.at_level(logging.WARNING):
        compute(path)
    assert victim in caplog.text
    assert "pending again" in caplog.text
    expected = m.open_results(whole).load()
    found = m.open_results(path).load()
    if victim.startswith("seconds"):  # all that is lost for good
        expected.seconds[:CHUNK] = np.nan
        assert found.identical(expected)
    else:
        assert found.identical(expected)
        assert chunks(path) == chunks(whole)
    assert not m.summary(path).damaged


def test_only_what_is_lost_is_computed_again(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    harm(path / "area" / "c.2", "cut")
    with m.open_store(path) as store:
        assert store.pending().tolist() == [8, 10]  # 9 failed, and stays so
        assert store.pending(retry_failed=True).tolist() == [2, 8, 9, 10]
        assert np.isnan(store.read(["area"], [8])["area"])


def test_status_names_what_is_damaged(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    harm(path / "area" / "c.1", "cut")
    console = Console(width=200, record=True, file=io.StringIO())
    show(path, console)
    assert "computed again when the study is run again: area/c.1" in console.export_text()
    assert (m.summary(path).done, m.summary(path).pending) == (N - 6, 4)


ONE = m.Part(
    positions=[0],
    status=[1],
    error=[""],
    seconds=[1.0],
    values={"area": [0.5], "accuracy": [[0.1, 0.2]]},
)


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_store_that_is_gone_during_a_run_has_no_safe_candidates(
    whole: Path, tmp_path: Path, how: str
) -> None:
    path = make(tmp_path / "s.zarr")
    store = m.open_store(path, fold_every=np.inf)
    store.write(ONE)
    store.check()
    shutil.move(path, tmp_path / "other") if how == "moved" else shutil.rmtree(path)
    if how == "replaced":
        shutil.copytree(whole, path)
        (path / ".lock").write_bytes(b"")
    for act in (store.check, store.fold, lambda: store.write(ONE), store.close):
        with pytest.raises(m.StoreError) as refused:
            act()
        one_line(refused.value, f"{path} was deleted, moved or replaced since it was")
        assert "safe" not in str(refused.value)
    assert path.exists() == (how == "replaced")


def test_a_store_deleted_after_its_last_part_is_no_success(tmp_path: Path) -> None:
    path = make(tmp_path / "s.zarr")
    store = m.open_store(path)
    shutil.rmtree(path)
    with pytest.raises(m.StoreError, match="was deleted"):
        store.close()


def test_a_store_that_something_is_deleting_claims_no_safe_candidates(tmp_path: Path) -> None:
    path = make(tmp_path / "s.zarr")
    with m.open_store(path, fold_every=np.inf) as store:
        store.write(ONE)
        shutil.rmtree(path / ".staged")
        with pytest.raises(m.StoreError, match="No such file or directory") as refused:
            store.write(ONE)
        assert "safe" not in str(refused.value)


def test_a_damaged_coordinate_is_told(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    harm(path / "x" / "c.0", "cut")
    before = chunks(path)
    for read in (m.open_store, m.open_results):
        with pytest.raises(m.StoreError) as refused:
            read(path)
        one_line(refused.value, "x/c.0")
        one_line(
            refused.value, "no run computes it again); restore it from a copy, or move it away"
        )
    assert chunks(path) == before
    assert m.summary(path).damaged == m.summary(path).beyond_repair == ("x/c.0",)


@pytest.mark.parametrize("victim", ["x/c.0", "candidate/c.0", "realisation/c.0"])
@pytest.mark.parametrize("how", ["missing", "changed"])
def test_no_advice_about_a_damaged_coordinate_leads_in_a_circle(
    whole: Path, tmp_path: Path, victim: str, how: str
) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    harm(path / victim, how)
    harm(path / "area" / "c.1", "cut")
    assert m.summary(path).beyond_repair == (victim,)
    assert set(m.summary(path).damaged) == {victim, "area/c.1"}
    console = Console(width=300, record=True, file=io.StringIO())
    show(path, console)
    text = console.export_text()
    assert "computed again when the study is run again: area/c.1\n" in text
    assert f"no run computes it again: {victim}; restore the store from a copy, or move" in text
    harm(path / "area" / "c.1", "missing")
    shutil.copy(whole / "area" / "c.1", path / "area" / "c.1")
    for read in (m.open_store, m.open_results, lambda at: m.open_results(at, damaged="skip")):
        with pytest.raises(m.StoreError, match=f"{victim} .* no run computes it again") as refused:
            read(path)
        assert "run the same study again" not in str(refused.value)


def test_changed_content_of_a_large_store_is_found_on_demand_or_by_the_fold(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_VERIFIED_BYTES", 0)  # as if this one were large
    path = Path(shutil.copytree(whole, tmp_path / "s.zarr"))
    with m.open_store(path) as store:
        assert store.verify() == ()
        harm(path / "area" / "c.1", "changed")
        harm(path / "accuracy" / "c.2.0", "changed")
        assert store.pending().size == 0
        assert store.verify() == ("area/c.1", "accuracy/c.2.0")
        assert store.pending().tolist() == [4, 5, 6, 7, 8, 10]
    compute(path)
    harm(path / "area" / "c.0", "changed")
    with m.open_store(path, fold_every=np.inf) as store:
        values = {"area": [0.5], "accuracy": [[0.1, 0.2]]}
        again = m.Part(positions=[2], status=[1], error=[""], seconds=[1.0], values=values)
        store.write(again)
        assert store.pending().size == 0
        store.fold()  # reads the chunk that it changes
        assert store.pending().tolist() == [0, 1, 3]
    compute(path)
    expected = m.open_results(whole).load()
    found = m.open_results(path).load()
    np.testing.assert_array_equal(found.area[3:], expected.area[3:])
    assert found.area[2] == 0.5


@pytest.mark.parametrize("bound", ["_VERIFIED_BYTES", "_VERIFIED_CONTENT"])
def test_a_large_store_is_not_read_whole_when_it_is_opened(
    whole: Path, tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that is large on the disk, nor one that is only large when decompressed."""
    path, calls = Path(shutil.copytree(whole, tmp_path / "s.zarr")), []
    monkeypatch.setattr(writer, "unreadable", lambda *given: calls.append(given) or [])
    m.open_store(path).close()
    assert len(calls) == 1
    monkeypatch.setattr(writer, bound, 10)
    m.open_store(path).close()
    assert len(calls) == 1


@pytest.mark.parametrize("size", [0, 1, 200, 300_000])
@pytest.mark.parametrize("kind", ["equal", "random", "text"])
@pytest.mark.parametrize("checksum", [False, True])
def test_size_of_a_frame_is_that_of_the_file(size: int, kind: str, checksum: bool) -> None:
    rng = np.random.default_rng(0)
    data = {
        "equal": bytes(size),
        "random": rng.bytes(size),
        "text": bytes(rng.integers(97, 100, size, dtype=np.uint8)),
    }[kind]
    frame = bytes(Zstd(level=0, checksum=checksum).encode(data))

    def sized(content: bytes) -> int:
        found = frames.frame_of(lambda at, count: content[at : at + count])
        assert found is None or (found.content, found.checksum) == (size, checksum)
        return -1 if found is None else found.size

    assert sized(frame) == len(frame)
    for length in {*range(min(12, len(frame))), len(frame) - 1, len(frame) // 2}:
        assert sized(frame[:length]) != length
    assert sized(frame + b"x") != len(frame) + 1


def test_only_content_of_the_expected_size_is_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(1000)
    frame = frames.compressed(data)
    assert frames.decompressed(frame, 1000, 1000) == data
    plain = bytes(Zstd(level=0, checksum=False).encode(data))
    monkeypatch.setattr(frames, "_codec", None)
    for given, least, most, said in [
        (frame, 0, 999, "1000 bytes"), (frame, 1001, 2000, "1000 bytes"),
        (frame + b"x", 1000, 1000, "whole"), (frame[:-1], 1000, 1000, "whole"),
        (plain, 1000, 1000, "checksum"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=said):
            frames.decompressed(given, least, most)


def test_arrays_are_compressed_as_the_sizes_expect(whole: Path) -> None:
    for name, array in zarr.open_group(whole, mode="r").arrays():
        assert [codec.to_dict()["name"] for codec in array.compressors] == ["zstd"], name


def one_line(problem: BaseException, says: str) -> None:
    assert isinstance(problem, UserError)
    assert "\n" not in str(problem)
    assert says in str(problem)
