"""Stores from elsewhere: what is wrong in one is named in one line, within seconds."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numcodecs.vlen import VLenUTF8
from rich.console import Console

from matsweep import store as m
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.yaml_bounds import check_yaml
from matsweep.exporting import export
from matsweep.reporting.status import show
from matsweep.store import document, parts
from matsweep.store.facts import check_facts
from tests.store import hostile

COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "status": lambda path: ["status", str(path)],
    "select": lambda path: ["select", str(path), "accuracy >= 10 %"],
    "report": lambda path: ["report", str(path), "html=false"],
    "view": lambda path: ["view", str(path)],
    "export": lambda path: ["export", str(path), f"to={path.with_suffix('.csv')}"],
    "merge": lambda path: [
        "merge", str(path), str(path.with_name("whole.zarr")),
        f"into={path.with_name('merged.zarr')}",
    ],
    "explain": lambda path: ["explain", str(path), "1"],
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.create(tmp_path_factory.mktemp("received") / "whole.zarr")


@pytest.fixture
def received(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "whole.zarr")
    path = Path(shutil.copytree(whole, tmp_path / "received.zarr"))
    for file in (path / ".staged").iterdir():  # else whoever opens the store repairs it first
        file.unlink()
    return path


def change(path: Path, name: str, *keys: Any, value: Any) -> None:
    root = json.loads((path / "zarr.json").read_text())
    node = root["consolidated_metadata"]["metadata"][name]
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    (path / "zarr.json").write_text(json.dumps(root))


GRID = ("chunk_grid", "configuration", "chunk_shape")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_one_line(
    received: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(received, "area", *GRID, 0, value=0)
    assert main(COMMANDS[command](received)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for part in ("received.zarr is damaged", "'area'", "chunk_shape"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "keys", "value", "said"),
    [
        ("area", (*GRID, 0), 0, "chunk_shape"),
        ("area", (*GRID, 0), -3, "chunk_shape"),
        ("area", (*GRID, 0), 2.5, "chunk_shape"),
        ("area", (*GRID, 0), 100_001, "chunk_shape"),
        ("area", GRID, [3] * 100_000, "chunk_shape"),
        ("area", ("chunk_grid",), None, "chunk_grid"),
        ("accuracy", (*GRID, 1), 1, "chunk_shape"),
        ("area", ("shape", 0), 0, "shape"),
        ("area", ("shape", 0), 10**18, "shape"),
        ("area", ("shape", 0), 7, "'candidate' of 'area' has another length"),
        ("candidate", ("shape", 0), 9, "'candidate' of"),
        ("status", ("data_type",), "int64", "'status' in zarr.json: data_type"),
        ("area", ("data_type",), "string", "texts of any length"),
        ("area", ("data_type",), "|O", "data_type"),
        ("material", ("data_type", "configuration", "length_bytes"), 10**9, "length_bytes"),
        ("material", ("data_type", "configuration", "length_bytes"), 4 * 10**7, "bytes, more than"),
        ("area", ("codecs", 1, "name"), "blosc", "codecs"),
        ("area", ("codecs", 0, "name"), "numcodecs.pickle", "codecs"),
        ("area", ("codecs", 1, "configuration", "checksum"), False, "codec zstd"),
        ("area", ("codecs", 0, "configuration", "endian"), "big", "codec bytes"),
        ("area", ("storage_transformers",), [{"name": "x"}], "storage_transformers"),
        ("area", ("fill_value",), 1e-9, "fill_value"),
        ("area", ("chunk_key_encoding", "configuration", "separator"), "/", "separator"),
        ("area", ("dimension_names",), ["time"], "'time' of 'area' has another length"),
        ("area", ("chunk_key_encoding", "name"), {"a": "v2"}, "chunk_key_encoding"),
        ("area", ("attributes", "better"), "most", "attribute better"),
        ("area", ("attributes", "scale_factor"), 2, "mean something to xarray"),
        ("status", ("attributes", "flag_values"), [1, 0, 2], "flag_values"),
        ("seconds", ("attributes", "units"), "days since 2000-01-01", "units of"),
    ],
)
def test_metadata_that_matsweep_does_not_write_are_named(
    received: Path, name: str, keys: tuple[Any, ...], value: Any, said: str
) -> None:
    change(received, name, *keys, value=value)
    for read in (m.open_results, m.summary, m.attributes, m.open_store):
        with pytest.raises(m.StoreError, match=r"received\.zarr is damaged") as refused:
            read(received)
        assert said in str(refused.value)
        assert len(str(refused.value)) < 400 + len(str(received))


@pytest.mark.parametrize("missing", ["status", "error", "seconds", "candidate", "time", "material"])
def test_arrays_that_every_store_has_are_missed(received: Path, missing: str) -> None:
    root = json.loads((received / "zarr.json").read_text())
    del root["consolidated_metadata"]["metadata"][missing]
    (received / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(m.StoreError, match=f"'{missing}'"):
        m.open_results(received)


@pytest.mark.parametrize("depth", [70, 900, 100_000])
@pytest.mark.parametrize("place", ["document", "attribute", "growing", "lock", "log", "part"])
def test_nesting_exhausts_no_stack(received: Path, depth: int, place: str) -> None:
    deep = "[" * depth + "]" * depth
    refused = place in ("document", "attribute")
    if refused:
        root = json.loads((received / "zarr.json").read_text())
        root["attributes"]["axes" if place == "attribute" else "more"] = "DEEP"
        deep = json.dumps(deep)[1:-1] if place == "attribute" else deep
        text = json.dumps(root).replace('"DEEP"', f'"{deep}"' if place == "attribute" else deep)
        (received / "zarr.json").write_text(text)
    else:
        files = {"growing": ".growing", "lock": ".lock", "log": ".log.jsonl"}
        (received / files.get(place, ".staged/000000000009.npz")).write_text(deep)
    for read in (m.open_results, m.summary, lambda path: show(path, Console(file=io.StringIO()))):
        if refused:
            with pytest.raises(m.StoreError, match="is damaged"):
                read(received)
        else:
            read(received)


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.mkdir()


def _device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def _bomb(file: Path) -> None:
    file.write_bytes(hostile.bomb())


def _endless(file: Path) -> None:
    with open(file, "wb") as grown:
        grown.truncate(10**12)


def _claim(file: Path) -> None:
    file.write_bytes(b"\x28\xb5\x2f\xfd\xe4" + (2**62).to_bytes(8, "little") + bytes(9))


KINDS = (_fifo, _folder, _device, _bomb, _endless, _claim)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["area/c.0", "status/c.1", "error/c.1", "time/c.0"])
def test_a_chunk_of_another_kind_is_named(
    received: Path, kind: Callable[[Path], None], file: str
) -> None:
    (received / file).unlink()
    kind(received / file)
    with hostile.bounded(20, 150_000_000):
        with pytest.raises(m.StoreError, match=f"received.zarr is damaged .{file} "):
            m.open_results(received)
        assert file in m.summary(received).damaged


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["zarr.json", ".lock", ".growing", ".log.jsonl"])
def test_other_files_of_another_kind_stop_no_reader(
    received: Path, kind: Callable[[Path], None], file: str
) -> None:
    (received / file).unlink(missing_ok=True)
    kind(received / file)
    with hostile.bounded(20, 150_000_000):
        if file != "zarr.json":
            show(received, Console(file=io.StringIO()))
            return
        with pytest.raises(m.StoreError, match=r"received\.zarr"):
            m.open_results(received)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_another_kind_is_no_outcome(received: Path, kind: Callable[[Path], None]) -> None:
    kind(received / ".staged" / "000000000009.npz")
    before = m.summary(received)
    assert (before.done, before.failed) == (6, 1)
    with hostile.bounded(20, 150_000_000):
        m.open_results(received).load()


@pytest.mark.parametrize("position", [8, 10**9, -1])
def test_a_part_of_another_store_is_no_outcome(received: Path, position: int) -> None:
    staged = received / ".staged" / "000000000009.npz"
    good = m.Part(positions=[3], status=[2], error=["x"], seconds=[1.0], values={})
    object.__setattr__(good, "positions", np.array([position]))
    staged.write_bytes(parts.encode(good))
    assert m.summary(received).pending == 1
    m.open_results(received).load()
    assert not staged.exists()  # set aside


def test_a_part_of_a_store_with_more_realisations_is_no_outcome(received: Path) -> None:
    staged = received / ".staged" / "000000000009.npz"
    at = np.flatnonzero(m.open_results(received).status == 0)
    more = m.Part(
        positions=at, status=[1], error=[""], seconds=[1.0], values={}, realisations=[10**6]
    )
    staged.write_bytes(parts.encode(more))
    assert m.summary(received).pending == 1
    m.open_results(received).load()
    assert not staged.exists()  # set aside


@pytest.mark.parametrize("how", ["compressed", "claims", "pickled", "double"])
def test_a_part_takes_no_more_memory_than_it_has(tmp_path: Path, how: str) -> None:
    file = io.BytesIO()
    values = {"positions": np.arange(3), "status": np.ones(3, np.int8)}
    if how == "compressed":
        np.savez_compressed(file, **values, seconds=np.zeros(10_000_000))
    elif how == "pickled":
        np.savez(file, positions=np.array([{}], dtype=object))
    else:
        np.savez(file, **values)
    data = file.getvalue()
    if how == "claims":
        data = data.replace(b"'shape': (3,), }          ", b"'shape': (99999999999,), }", 1)
    if how == "double":
        data += data
    with hostile.bounded(10, 50_000_000), pytest.raises(ValueError, match=r"no.* part"):
        parts.decode(data)


@pytest.mark.parametrize("lie", ["count", "length", "more", "utf8"])
def test_texts_that_lie_about_their_lengths_are_damage(received: Path, lie: str) -> None:
    content = bytearray(VLenUTF8().encode(np.array(["", "", "no"], dtype=object)))
    if lie == "count":
        content[:4] = b"\xff\xff\xff\xff"
    elif lie == "length":
        content[4:8] = b"\xff\xff\xff\x7f"
    elif lie == "more":
        content += b"more"
    else:
        content[-1] = 0xFF
    (received / "error" / "c.1").write_bytes(hostile.frame(bytes(content)))
    with hostile.bounded(10, 100_000_000), pytest.raises(m.StoreError, match=r"error/c\.1 is"):
        m.open_results(received)


@pytest.mark.parametrize(
    ("file", "dtype", "value"),
    [
        ("status/c.0", "i1", 7),
        ("realisations/c.0", "i4", 10**9),
        ("realisations/c.0", "i4", 4),
        ("candidate/c.0", "i8", 5),
        ("material/c.0", "u4", 0),
        ("material/c.0", "u4", 0xD800),
        ("material/c.0", "u4", 0x110000),
    ],
)
def test_whole_chunks_with_impossible_values_are_named(
    received: Path, file: str, dtype: str, value: int
) -> None:
    content = bytearray(hostile.Zstd().decode((received / file).read_bytes()))
    content[: np.dtype(dtype).itemsize] = np.array(value, dtype).tobytes()
    (received / file).write_bytes(hostile.frame(bytes(content)))
    with pytest.raises(m.StoreError, match=file.partition("/")[0]):
        m.open_results(received).load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("axes", '[{"name": 3}]'),
        ("axes", "[1]"),
        ("sources", '{"materials": []}'),
        ("sources", '{"materials": {"a": {"numbers": [1]}}}'),
        ("objectives", '[["accuracy"]]'),
        ("converter_costs", '{"used": "x", "joules": {"x": []}}'),
        ("reference", '{"accuracy": null}'),
        ("design", '{"rows": 3, "candidates": 3, "repeated": [[9, 0]]}'),
        ("provenance", "[]"),
        ("networks", "{"),
        ("study", 3),
        ("seed", "0"),
    ],
)
def test_facts_of_another_form_are_named(received: Path, name: str, value: Any) -> None:
    root = json.loads((received / "zarr.json").read_text())
    root["attributes"][name] = value
    (received / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(m.StoreError, match=f"received.zarr is damaged .attribute '{name}' must be"):
        m.attributes(received)


@pytest.mark.parametrize(
    "text", ["- " * 100_000, "[" * 100_000, "a: &a [1]\nb: *a", "a: [", "\t- x: {"]
)
def test_yaml_of_a_store_is_bounded(text: str) -> None:
    with pytest.raises(UserError, match=r"^config must"):
        check_yaml("config", text)


@pytest.mark.parametrize("command", ["status", "select", "report"])
def test_texts_of_a_store_move_no_cursor(
    received: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\x9b1m\u202eevil\u2066\x07"
    root = json.loads((received / "zarr.json").read_text())
    facts = root["attributes"]
    facts["study"] = facts["command"] = evil
    sources = json.loads(facts["sources"])
    sources["materials"]["pcm_gst"]["label"] = evil
    facts["sources"] = json.dumps(sources)
    for metadata in root["consolidated_metadata"]["metadata"].values():
        metadata["attributes"].update({"long_name": evil})
    (received / "zarr.json").write_text(json.dumps(root))
    texts = np.array(["", "", evil], dtype=object)
    chunk = received / "error" / "c.1"
    chunk.write_bytes(hostile.frame(bytes(VLenUTF8().encode(texts))))
    assert main(COMMANDS[command](received)) == 0
    out, err = capsys.readouterr()
    shown = out + err
    assert not [char for char in shown if char not in "\n\t" and not char.isprintable()]
    assert "evil" in shown


def test_skipping_reads_what_is_whole(received: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (received / "area" / "c.0").unlink()
    where = received.with_suffix(".csv")
    words = ["export", str(received), f"to={where}"]
    assert main(words) == 2
    assert "area/c.0" in capsys.readouterr().err
    assert main([*words, "damaged=skip"]) == 0
    assert len(where.read_text().splitlines()) == 1 + 3  # candidates 4, 6 and 7
    assert main([*words, "damaged=maybe", "overwrite=true"]) == 2
    assert "damaged must be one of refuse, skip" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["x\x1b[31m\u202e", 3, True, None, [2]])
def test_a_format_that_is_none_is_named(received: Path, version: object) -> None:
    root = json.loads((received / "zarr.json").read_text())
    root["attributes"]["matsweep_store_format"] = version
    (received / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(m.StoreError, match=r"received\.zarr (has store format|is not a res)") as no:
        m.open_results(received)
    assert str(no.value).isprintable()


@pytest.mark.parametrize("form", [["device.drift.nu"], {"device.drift.nu": "drift exponent"}])
def test_what_is_drawn_was_once_stored_with_labels(form: object) -> None:
    check_facts({"sources": json.dumps({"materials": {"pcm_gst": {"unknown": form}}})})


@pytest.mark.parametrize("suffix", ["csv", "parquet", "nc"])
def test_attributes_that_files_cannot_hold_are_written_as_they_can(
    received: Path, suffix: str
) -> None:
    odd = {"a\0": {"nested": [None]}, "b": 10**30, "c": [1, "x"], "units": "\ud800\0", "d": [1.5]}
    for name in ("area", "material", "time"):
        change(received, name, "attributes", value=odd)
    root = json.loads((received / "zarr.json").read_text())
    root["attributes"] |= {"odd": odd, "even": "\ud800\0"}
    (received / "zarr.json").write_text(json.dumps(root))
    assert export(received, received.with_suffix(f".{suffix}")).exists()


def test_bounds_hold_for_what_is_written() -> None:
    with pytest.raises(m.StoreError, match="MiB for one candidate"):
        m.create(
            "nowhere.zarr",
            coordinates={
                "x": m.Coordinate(values=[0.0]),
                "step": m.Coordinate(values=np.arange(2**24), dims=("step",)),
            },
            variables=[m.Variable(name="y", dims=("candidate", "step"))],
            attrs={},
        )
    assert not Path("nowhere.zarr").exists()
    assert document.MOST_ITEMS >= 10**8
