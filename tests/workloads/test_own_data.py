"""A user's own files, from the command that the documentation gives to an accuracy."""

from __future__ import annotations

import json

import pytest

import matsweep
from matsweep.cli import main
from tests.docs.blocks import ROOT, blocks, commands
from tests.own_data import FILES

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

OWN = (*(f"workload.data.kind={kind}" for kind in ("csv", "npz", "idx")), "workload.dataset={")
PAGE = (ROOT / "docs" / "learning.md").read_text()
COMMANDS = [
    words
    for block in blocks(PAGE)
    if block.language == "sh"
    for words in commands(block.text)
    if any(word.startswith(OWN) for word in words)
]
SMALL = ["workload.hidden=[8]", "workload.epochs=2", "executor=serial", "realisations=1"]


@pytest.fixture
def own_files(workplace):
    for name, write in FILES.items():
        write(workplace / name)
    return workplace


def open_study(workplace, words):
    name = next(word.partition("=")[2] for word in words if word.startswith("study="))
    return matsweep.open_results(str(workplace / "results" / f"{name}.zarr"))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[-1])
def test_documented_commands_for_own_files_run(own_files, capsys, words):
    """As typed, but for the size of the network; the preparation of inputs is stated."""
    program, *arguments = words
    assert program == "matsweep"
    assert main([*arguments, *SMALL]) == 0
    told = " ".join(capsys.readouterr().err.split())
    ds = open_study(own_files, words)
    assert (ds.status == 1).all()
    [way] = json.loads(ds.attrs["data"])
    assert "test inputs beyond these are clipped" in way
    assert f"data: {way}" in told
    kinds = {word.partition("=")[2] for word in words if ".kind=" in word} or {"csv"}
    expected = {"csv": "by column,", "npz": "by column (a table) or", "idx": "by one range for"}
    assert expected[kinds.pop()] in way


def test_every_kind_of_file_has_a_documented_command():
    text = " ".join(" ".join(words) for words in COMMANDS)
    for kind in ("csv", "npz", "idx"):
        assert f"workload.data.kind={kind}" in text
    assert "workload.dataset={kind: csv" in text


@pytest.mark.parametrize(("scaling", "low", "high"), [("column", 0.9, 1.0), ("global", 0.3, 0.75)])
def test_wine_is_learned_on_devices_by_column_only(own_files, scaling, low, high):
    """Thirteen quantities in their units; three classes, the largest with 0.4 of the samples."""
    words = [
        "workload=digits_online", "material=epiram", "workload.data.kind=csv",
        "workload.data.path=wine.csv", f"workload.data.scaling={scaling}", "workload.hidden=[32]",
        "workload.epochs=15", "realisations=4", "executor=serial", "study=wine", "unknowns=neutral",
    ]  # fmt: skip
    assert main(["explore", *words]) == 0
    ds = open_study(own_files, words)
    assert low <= float(ds.accuracy.mean("realisation").isel(time=-1)[0]) <= high


def test_the_report_states_how_inputs_are_scaled(own_files, capsys):
    words = ["workload.dataset={kind: csv, path: wine.csv}", "material=pcm_gst", "study=wine"]
    assert main(["explore", *words, *SMALL]) == 0
    assert main(["report", "results/wine.zarr", "--markdown"]) == 0
    [page] = (own_files / "results").rglob("*.md")
    assert "by column, from the least to the largest value" in page.read_text()


LEARNED = ["workload=digits_online", "material=epiram", "workload.data.kind=csv"]
INFERRED = ["material=pcm_gst"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*LEARNED, "workload.data.path=no.csv"],
            "workload.data.path must name a file that can be read, got no.csv (No such file",
        ),
        (
            [*INFERRED, "workload.dataset={kind: csv, path: no.csv}"],
            "workload.dataset.path must name a file that can be read, got no.csv (No such file",
        ),
        (
            [*INFERRED, "workload.dataset={kind: npz, path: wine.csv}"],
            "workload.dataset.path must name an NPZ file of numbers, got wine.csv",
        ),
        ([*INFERRED, "workload.dataset=csv"], "give 'workload.dataset={kind: csv, path: …}'"),
        (
            [*LEARNED, "workload.data.path=wine.csv", "workload.data.crop=3"],
            "workload.data.crop must be null, or at most the side of square images, got 3",
        ),
        (
            [*LEARNED, "workload.data.path=wine.csv", "workload.data.header=0"],
            "workload.data.path must name a table of finite numbers, got 'x0' in line 1, column 0",
        ),
        (
            [*LEARNED, "workload.data.path=wine.csv", "workload.data.label_column=0"],
            "workload.data.path must hold at least two samples of each class, got one of 11.03",
        ),
        (
            [*INFERRED, "workload.dataset={kind: csv, path: wine.csv, scaling: none}"],
            "workload.dataset.scaling must be column or global where inputs are beyond [0, 1]",
        ),
        (
            [*INFERRED, "workload.dataset={kind: csv, path: wine.csv}",
             "workload.test_fraction=0.01"],
            "workload.test_fraction must leave samples of each class for training and for test",
        ),
        (
            [*INFERRED, "workload.dataset={kind: csv, path: wine.csv}", "workload.test_samples=99"],
            "workload.test_samples must be <= 36",
        ),
    ],
)  # fmt: skip
def test_an_error_of_own_data_begins_with_its_whole_path(own_files, capsys, words, message):
    assert main(["explore", *words, "executor=serial", "unknowns=neutral", "times=[1]"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("matsweep: workload.")
    assert told.count("\n") == 1
    assert not (own_files / "results").exists()
