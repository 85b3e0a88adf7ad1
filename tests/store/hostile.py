"""Stores that were tampered with, and all that reads stores: for the fuzzer and by hand."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st
from numcodecs.zstd import Zstd
from rich.console import Console

from matsweep import store as m
from matsweep.exporting import export
from matsweep.merging import merge
from matsweep.reporting.choice import choose
from matsweep.reporting.report import console as terminal
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.study import studied
from matsweep.reporting.status import show
from tests.synthetic import study

PENDING, FAILED = 3, 5
BOUND_S = 20.0
BOUND_BYTES = 500_000_000

FACTS = {
    "study": "tampered",
    "config": "adc:\n  bits: 6\nlog: auto\nstore: x.zarr\n",
    "seed": 1,
    "merit": "accuracy",
    "objectives": json.dumps(["accuracy", "energy", "latency", "area"]),
    "data": json.dumps([]),
    "design": json.dumps(
        {"kind": "grid", "rows": 8, "candidates": 8, "dropped": 0, "constraints": []}
    ),
    "converter_costs": json.dumps(
        {"used": "survey", "bits": 8, "node": 2.2e-8, "joules": {"survey": 3e-11, "isaac": 7e-13}}
    ),
    "provenance": json.dumps({"versions": {"numpy": "2.5.5"}, "started": "now", "git": ""}),
    "command": "matsweep explore study=tampered",
    "networks": json.dumps({"a" * 32: "b" * 32}),
    "reference": json.dumps({"accuracy": 0.98}),
    "chance": json.dumps({"accuracy": 0.1}),
    "without_effect": json.dumps(["drift has no effect"]),
}


def create(path: Path) -> Path:
    """Create a small store with all kinds of arrays, outcomes and facts, and a staged part."""
    ds = study(materials=("pcm_gst", "hfox_vcm"), scales=(0.0, 0.02), bits=(4, 8), realisations=3,
               times=(20.0, 3600.0))  # fmt: skip
    axes = [{"name": name, "values": values} for name, values in json.loads(ds.attrs["axes"])]
    facts = {**FACTS, "axes": json.dumps(axes), "sources": ds.attrs["sources"]}
    along = [axis["name"] for axis in axes] + ["candidate_id"]
    names = ("accuracy", "energy", "latency", "area")
    m.create(
        path,
        coordinates={
            **{name: m.Coordinate(values=np.array(ds[name].values.tolist())) for name in along},
            "realisation": m.Coordinate(values=np.arange(3), dims=("realisation",)),
            "time": m.Coordinate(values=ds["time"].values, dims=("time",)),
            "component": m.Coordinate(values=["arrays", "adc"], dims=("component",)),
        },
        variables=[
            *(
                m.Variable(name=name, dims=tuple(map(str, ds[name].dims)), attrs=ds[name].attrs)
                for name in names
            ),
            m.Variable(
                name="energy_breakdown",
                dims=("candidate", "realisation", "time", "component"),
                attrs={"units": "J", "better": "lower", "long_name": "energy by component"},
            ),
        ],
        attrs=facts,
        chunk=3,
    )
    values = {name: ds[name].values for name in names}
    values["energy_breakdown"] = np.stack([values["energy"] * 0.4, values["energy"] * 0.6], -1)

    def part(at: np.ndarray) -> m.Part:
        failed = at == FAILED
        return m.Part(
            positions=at,
            status=np.where(failed, 2, 1),
            error=["ValueError: too hot" if f else "" for f in failed],
            seconds=at + 0.5,
            values={name: value[at] for name, value in values.items()},
            realisations=np.full(at.size, 3),
        )

    with m.open_store(path, fold_every=np.inf) as store:
        store.write(part(np.array([0, 1, 2, 4, 5])))
        store.fold()
        store.write(part(np.array([6, 7])))
        staged = {file: file.read_bytes() for file in (path / ".staged").iterdir()}
    for file, content in staged.items():  # already folded: folding it again changes nothing
        file.write_bytes(content)
    (path / ".log.jsonl").write_text(
        '{"time": "2026", "event": "started"}\n{"time": "2026", "event": "phase", "name": "x"}\n'
    )
    return path


# ------------------------------------------------------------------------- nasty values

DEEP = "deep"  # replaced in the text of the document, as json cannot write it
NASTY: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3.5, 10**9, 10**18, -(10**18), 1e308, "", "x", "NaN", "../x",
    "\x1b[2J\u202eevil\x07", "\ud800", "a" * 5000, [], {}, [[]], [0], [-1], [10**18], [1.5], ["x"],
    [None], [10**9, 10**9], list(range(1000)), {"name": "x"}, {"a": {"b": None}}, DEEP,
    {"name": "numcodecs.pickle", "configuration": {}}, "numcodecs.pickle", "object", "|O", "string",
    "float64", "int64", "bool", "variable_length_bytes", {"name": "gzip"},
    {"name": "fixed_length_utf32", "configuration": {"length_bytes": 0}},
    {"name": "fixed_length_utf32", "configuration": {"length_bytes": 4 * 10**9}},
    {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}},
    "days since 2000-01-01", "v2", "default", "zstd", "candidate", "time", "higher", "J",
    "matsweep explore; rm -rf /", "{", "[]", "{}", "[1]", '{"a": 1}', '[{"name": 3}]', "[" * 3000,
    "- " * 2000, "*a", "&a [*a]", "1e999", "nan",
]  # fmt: skip


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all nodes."""
    found = [at] if at else []
    listed = enumerate(node) if isinstance(node, list) else ()
    for key, below in node.items() if isinstance(node, dict) else listed:
        found += places(below, (*at, key))
    return found


def _parent(node: Any, at: tuple[Any, ...]) -> Any:
    for key in at[:-1]:
        node = node[key]
    return node


def change_node(root: Any, at: tuple[Any, ...], how: str, value: Any) -> None:
    """Replace, delete, duplicate or nest a node."""
    parent, key = _parent(root, at), at[-1]
    if how == "replace":
        parent[key] = value
    elif how == "delete":
        del parent[key]
    elif how == "double" and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif how == "double":
        parent[f"{key}2"] = parent[key]
    elif how == "nest":
        parent[key] = [parent[key]]
    elif how == "wrap":
        parent[key] = {"metadata": parent[key], "name": key}


def frame(content: bytes) -> bytes:
    """Compress as a store does."""
    return bytes(Zstd(level=0, checksum=True).encode(content))


@cache
def bomb() -> bytes:
    """Return a frame of some kilobytes that becomes 300 MB."""
    return frame(bytes(300_000_000))


@st.composite
def document_changes(draw: st.DrawFn, path: Path) -> Callable[[Path], str]:
    """Draw a change of the root document, in its metadata or in the JSON of an attribute."""
    root = json.loads((path / "zarr.json").read_text())
    part = draw(st.sampled_from(["attributes", "arrays", "array", "inside", "anywhere"]))
    arrays = root["consolidated_metadata"]["metadata"]
    inside = None
    if part == "inside":
        json_facts = [name for name, value in FACTS.items() if str(value)[:1] in "[{"]
        inside = draw(st.sampled_from([*json_facts, "axes", "sources"]))
        tree = {"x": json.loads(root["attributes"][inside])}
        paths = places(tree)
    elif part == "attributes":
        tree, paths = root, [("attributes", key) for key in root["attributes"]]
    elif part == "arrays":
        tree, paths = root, [("consolidated_metadata", "metadata", key) for key in arrays]
    elif part == "array":
        name = draw(st.sampled_from(sorted(arrays)))
        tree = root
        paths = [p for p in places(root) if p[:3] == ("consolidated_metadata", "metadata", name)]
    else:
        tree, paths = root, places(root)
    at = draw(st.sampled_from(paths))
    ways = ["replace", "replace", "replace", "delete", "double", "nest", "wrap"]
    how = draw(st.sampled_from(ways))
    value = draw(st.sampled_from(NASTY))

    def apply(store: Path) -> str:
        changed, document = copy.deepcopy((tree, root))
        if inside is None:
            document = changed
        change_node(changed, at, how, value)
        if inside is not None:
            document["attributes"][inside] = json.dumps(changed.get("x"))
        text = json.dumps(document).replace('"deep"', "[" * 100_000 + "]" * 100_000)
        (store / "zarr.json").write_text(text)
        return f"{how} {inside or ''}{at} by {value!r:.60}"

    return apply


@st.composite
def file_changes(draw: st.DrawFn, path: Path) -> Callable[[Path], str]:
    """Draw a change of one file: its bytes, its kind, or its place."""
    files = sorted(str(f.relative_to(path)) for f in path.rglob("*") if f.is_file())
    kind = draw(st.sampled_from(["chunk", "chunk", "staged", "other"]))
    of = {
        "chunk": [f for f in files if "/c." in f],
        "staged": [f for f in files if ".staged" in f],
        "other": [".growing", ".lock", *(f for f in files if "/c." not in f and "staged" not in f)],
    }
    victim = draw(st.sampled_from(of[kind]))
    how = draw(
        st.sampled_from(
            ["flip", "flip", "flip", "cut", "more", "empty", "gone", "swap", "fifo", "folder",
             "link", "device", "bomb", "liar", "noise", "values", "huge"]
        )
    )  # fmt: skip
    at, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 7))
    other = draw(st.sampled_from(of["chunk"]))
    value = draw(st.sampled_from([0, 1, 255, 127, 128]))

    def apply(store: Path) -> str:
        file = store / victim
        data = bytearray(file.read_bytes()) if file.exists() else bytearray()
        if how == "flip" and data:
            data[int(at * len(data))] ^= 1 << bit
            file.write_bytes(data)
        elif how == "cut":
            file.write_bytes(data[: int(at * len(data))])
        elif how == "more":
            file.write_bytes(bytes(data) + bytes(data[:10] or b"x" * 10))
        elif how == "empty":
            file.write_bytes(b"")
        elif how == "swap":
            file.write_bytes((store / other).read_bytes())
        elif how == "bomb":
            file.write_bytes(bomb())
        elif how == "liar":  # a frame that states 2^62 bytes
            head = b"\x28\xb5\x2f\xfd\xe4" + (2**62).to_bytes(8, "little")
            file.write_bytes(head + bytes(data[6:]))
        elif how == "noise":
            file.write_bytes(np.random.default_rng(bit).bytes(200))
        elif how == "values" and data[:4] == b"\x28\xb5\x2f\xfd":  # whole, and not what it was
            content = bytearray(Zstd().decode(bytes(data)))
            content[int(at * len(content))] = value
            file.write_bytes(frame(bytes(content)))
        elif how == "huge":
            with open(file, "ab") as grown:
                grown.truncate(3 * 10**9)
        elif how in ("gone", "fifo", "folder", "link", "device"):
            file.unlink(missing_ok=True)
            if how == "fifo":
                os.mkfifo(file)
            elif how == "folder":
                file.mkdir()
            elif how == "link":
                file.symlink_to("/etc/hostname")
            elif how == "device":
                file.symlink_to("/dev/zero")
        return f"{how} {victim}"

    apply.how = how  # type: ignore[attr-defined]
    return apply


# --------------------------------------------------------------------- all that reads stores


def _console() -> Console:
    return Console(file=io.StringIO(), width=200)


def opened(path: Path, beside: Path) -> None:
    m.open_results(path).load()


def skipped(path: Path, beside: Path) -> None:
    m.open_results(path, damaged="skip").load()


def status(path: Path, beside: Path) -> None:
    show(path, _console())


def selected(path: Path, beside: Path) -> None:
    choose(m.open_results(path), _console(), ["accuracy >= 80 %"])


def reported(path: Path, beside: Path) -> None:
    terminal.tell(document(studied(m.open_results(path))), _console())


def exported(path: Path, beside: Path) -> None:
    export(path, beside / "x.csv", overwrite=True, realisations=True, failed=True)


def exported_nc(path: Path, beside: Path) -> None:
    export(path, beside / "x.nc", overwrite=True)


def merged(path: Path, beside: Path) -> None:
    target = beside / "merged.zarr"
    shutil.rmtree(target, ignore_errors=True)
    merge([path, beside / "other.zarr"], target)


def resumed(path: Path, beside: Path) -> None:
    with m.open_store(path) as store:
        store.pending()


READERS = (opened, skipped, status, selected, reported, exported, exported_nc, merged, resumed)


class Hang(BaseException):
    """A reader took longer than its bound."""


@contextlib.contextmanager
def bounded(seconds: float = BOUND_S, memory: int = BOUND_BYTES) -> Iterator[None]:
    """Raise if what is inside takes too long or too much memory."""

    def stop(*_: object) -> None:
        raise Hang

    before = _reset_peak()
    was = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, was)
    assert _peak() - before < memory


def _reset_peak() -> int:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def equal(mine: xr.Dataset, theirs: xr.Dataset) -> bool:
    """Return whether the numbers of two Datasets are the same, where the first has any."""
    return all(
        np.array_equal(mine[name].values, item.values, equal_nan=item.dtype.kind == "f")
        for name, item in theirs.variables.items()
    )
