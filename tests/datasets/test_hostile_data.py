"""Data files from elsewhere: nothing is unpickled, and memory follows the file, not its claims."""

from __future__ import annotations

import gzip
import io
import os
import resource
import struct
import zipfile

import numpy as np
import pytest

import matsweep.datasets.images as image_sets
from matsweep.core.checks import UserError
from matsweep.datasets import CSV, IDX, NPZ

FUZZ = int(os.environ.get("MATSWEEP_FUZZ", "0"))


def npy(array, shape=None, **options):
    """An NPY file, with another shape in its header."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), **options)
    content = out.getvalue()
    if shape is not None:
        old = f"'shape': {np.shape(array)}, }}".encode()
        new = f"'shape': {shape}, }}".encode()
        assert old in content
        room = content.index(b"\n") - content.index(old)
        content = content.replace(content[content.index(old) :][:room], new.ljust(room))
    return content


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


LABELS = npy(np.arange(6) % 2)


@pytest.mark.parametrize(
    "inputs",
    [
        npy(np.array([{}] * 6, object), allow_pickle=True),
        npy(np.zeros((6, 2)), shape=(10**18, 2)),
        npy(np.zeros((6, 2)), shape=(-6, -2)),
        npy(np.zeros((6, 2)), shape="(6, 2"),
        npy(np.zeros((6, 2)), shape=(7, 2)),
        b"\x93NUMPY\x09\x00",
        b"",
        b"\x80\x04N.",
    ],
)
def test_what_an_npz_does_not_hold_is_refused(tmp_path, inputs):
    path = archive(tmp_path / "s.npz", inputs=inputs, labels=LABELS)
    with pytest.raises(UserError, match="path must name an NPZ file of numbers"):
        NPZ(path=str(path)).read()


def test_a_bomb_takes_no_memory(tmp_path, monkeypatch):
    """1 GiB of zeros in 1 MB, and the bound on what arrays may have."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setattr("matsweep.datasets.tables.MOST_UNPACKED", 2**20)
    monkeypatch.setattr(image_sets, "MOST_UNPACKED", 2**20)
    zeros = npy(np.zeros((4, 2**22), np.uint8))
    with pytest.raises(UserError, match=r"at most 0 GiB, got .* with 0.0156 GiB"):
        NPZ(path=str(archive(tmp_path / "s.npz", inputs=zeros, labels=LABELS))).read()
    packed = tmp_path / "images.gz"
    head = b"\0\0\x08\x03" + struct.pack(">III", 2**8, 2**8, 2**8)
    with gzip.open(packed, "wb") as file:
        file.write(head + bytes(2**24))
    with pytest.raises(UserError, match="IDX file of at most 0 GiB"):
        image_sets.read_idx("images", packed)
    with gzip.open(packed, "wb") as file:  # more than the header says
        file.write(b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes(2**24))
    with pytest.raises(UserError, match="whose size does not fit its header"):
        image_sets.read_idx("images", packed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_label_or_cell_that_is_a_page_is_shown_shortly(tmp_path):
    path = tmp_path / "s.csv"
    for row, place in ((f"1,{'x' * 3000}", "line 2, column 1"), (f"{'9' * 3000}x,b", "column 0")):
        path.write_text(f"a,b\n{row}\n1,c\n")
        with pytest.raises(UserError, match=place) as refused:
            CSV(path=str(path)).read()
        assert len(str(refused.value)) < 400 + len(str(path))


@pytest.mark.parametrize("kind", ["npz", "idx"])
def test_flipped_and_cut_bytes_are_refused_or_read(tmp_path, kind):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (20, 3, 3)).astype(np.uint8), np.arange(20) % 2
    if kind == "npz":
        whole = archive(tmp_path / "s.npz", inputs=npy(images), labels=npy(labels)).read_bytes()
    else:
        whole = b"\0\0\x08\x03" + struct.pack(">III", *images.shape) + images.tobytes()
    other = tmp_path / "labels"
    other.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 20) + labels.astype(np.uint8).tobytes())
    path = tmp_path / "changed"
    read, refused = 0, set[bool]()
    for _ in range(FUZZ or 200):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(0, 256)
        path.write_bytes(
            content[: None if rng.random() < 0.7 else int(rng.integers(0, len(whole)))]
        )
        try:
            samples = (
                NPZ(path=str(path)).load() if kind == "npz"
                else IDX(train_images=str(path), train_labels=str(other), test_images=str(path),
                         test_labels=str(other)).load()
            )  # fmt: skip
            assert np.isfinite(samples.train_inputs).all()
            read += 1
        except UserError as error:
            refused.add("\n" in str(error))
    assert read
    assert refused == {False}


def test_a_heading_longer_than_the_table_ends(tmp_path):
    """Its classes are texts, so that no line is taken for a sample above the heading's end."""
    path = tmp_path / "s.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    with pytest.raises(UserError, match="none below header=1000000000000 lines"):
        CSV(path=str(path), header=10**12).read()


def test_a_file_may_have_what_its_arrays_may(tmp_path, monkeypatch):
    """Arrays that are not compressed, as CIFAR-10 in float64, have the same bound as packed."""
    monkeypatch.setattr("matsweep.core.files.MOST_BYTES", 100)
    path = archive(tmp_path / "s.npz", inputs=npy(np.arange(12.0).reshape(6, 2)), labels=LABELS)
    assert path.stat().st_size > 100
    NPZ(path=str(path)).read()
