"""Samples to learn from: files of the user, whole or damaged."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest

from matsweep import datasets
from matsweep.core.checks import UserError
from matsweep.datasets import images as image_sets
from tests.own_data import write_idx


def idx(path, array):
    write_idx(path, array)
    return str(path)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (30, 6, 6)), np.arange(30) % 3


@pytest.mark.parametrize("shape", [(36,), (36, 1), (6, 6), (6, 6, 1), (1, 6, 6)])
def test_grey_images_of_any_layout_are_cropped_alike(tmp_path, shape):
    images = np.arange(10 * 36).reshape(10, 6, 6) / 512
    labels = np.arange(10) % 2
    np.savez(tmp_path / "set.npz", inputs=images.reshape(10, *shape), labels=labels)
    data = datasets.NPZ(path=str(tmp_path / "set.npz"), crop=4, scaling="none", test_fraction=0.2)
    with pytest.raises(UserError, match="crop must be null, or at most the side of square images"):
        dataclasses.replace(data, crop=7).load()
    samples = data.load()
    assert data.shape in ((4, 4), (4, 4, 1))
    every = np.concatenate([samples.train_inputs, samples.test_inputs])
    wanted = images[:, 1:5, 1:5].reshape(10, 16)
    np.testing.assert_array_equal(every[np.argsort(every[:, 0])], wanted)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_cropped_and_made_black_and_white(tmp_path, images, ending):
    pixels, labels = images
    names = {
        name: idx(tmp_path / f"{name}{ending}", array)
        for name, array in (
            ("train_images", pixels[:20]), ("train_labels", labels[:20]),
            ("test_images", pixels[20:]), ("test_labels", labels[20:]),
        )
    }  # fmt: skip
    grey = datasets.IDX(**names).load()
    low, high = pixels[:20].min(), pixels[:20].max()
    wanted = (pixels[:20].reshape(20, -1) - low) / (high - low)
    np.testing.assert_allclose(grey.train_inputs, wanted, rtol=1e-6)
    np.testing.assert_array_equal(grey.test_labels, labels[20:])
    small = datasets.IDX(crop=4, black_white=0.5, test_samples=5, **names).load()
    middle = wanted.reshape(20, 6, 6)[:, 1:5, 1:5].reshape(20, -1)
    np.testing.assert_array_equal(small.train_inputs, middle > 0.5)
    assert small.test_inputs.shape == (5, 16)
    with pytest.raises(UserError, match="crop must be null, or at most"):
        datasets.IDX(crop=7, **names).load()


def test_a_damaged_idx_file_is_refused(tmp_path, images):
    path = tmp_path / "images"
    idx(path, images[0])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="train_images must name a whole IDX file"):
        image_sets.read_idx("train_images", path)
    path.write_bytes(b"no such thing")
    with pytest.raises(UserError, match="must name an IDX file"):
        image_sets.read_idx("train_images", path)
    path.write_bytes(b"\0\0\x08\xff")
    with pytest.raises(UserError, match="must name a whole IDX file"):
        image_sets.read_idx("train_images", path)
    whole = gzip.compress(b"\0\0\x08\1" + bytes(50))
    path.write_bytes(whole[:14] + bytes(6) + whole[20:])
    with pytest.raises(UserError, match="whose compression is damaged"):
        image_sets.read_idx("train_images", path)
    with pytest.raises(UserError, match=r"must name a file that can be read, got .*nowhere"):
        image_sets.read_idx("train_images", tmp_path / "nowhere")


def test_npz_and_csv_give_the_same_samples(tmp_path):
    rng = np.random.default_rng(1)
    inputs, labels = np.round(rng.random((40, 5)) * 9 - 3, 3), np.array(["b", "a"] * 20)
    np.savez(tmp_path / "set.npz", inputs=inputs, labels=labels)
    rows = [
        ",".join([*map(repr, map(float, row)), label])
        for row, label in zip(inputs, labels, strict=True)
    ]
    (tmp_path / "set.csv").write_text("a,b,c,d,e,class\n" + "\n".join(rows) + "\n")
    first = datasets.NPZ(path=str(tmp_path / "set.npz")).load()
    second = datasets.CSV(path=str(tmp_path / "set.csv")).load()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert first.train_inputs.min() == 0
    assert first.test_labels.max() == 1
    with pytest.raises(UserError, match="finite numbers, got 'a' in line 1, column 0"):
        datasets.CSV(path=str(tmp_path / "set.csv"), header=0).load()
    np.savez(tmp_path / "other.npz", x=inputs)
    other = datasets.NPZ(path=str(tmp_path / "other.npz"))
    with pytest.raises(UserError, match=r"arrays inputs and labels, got .* with x"):
        other.load()


def test_mnist_from_a_folder_has_its_pixels_over_255(tmp_path, images):
    pixels, labels = images
    parts = pixels[:20], labels[:20], pixels[20:], labels[20:]
    for name, array in zip(image_sets.MNIST_FILES, parts, strict=True):
        idx(tmp_path / name, array)
    loaded = datasets.MNIST(folder=str(tmp_path)).load()
    np.testing.assert_allclose(loaded.train_inputs, pixels[:20].reshape(20, -1) / 255, rtol=1e-6)
    np.testing.assert_allclose(loaded.test_inputs, pixels[20:].reshape(10, -1) / 255, rtol=1e-6)
    np.testing.assert_array_equal(loaded.test_labels, labels[20:])


def test_mnist_is_downloaded_with_its_checksums(monkeypatch, tmp_path):
    asked = {}

    def retrieve(url, known_hash, fname, path):
        asked[fname] = url, known_hash
        return str(tmp_path / fname)

    found = image_sets._downloaded("train-images-idx3-ubyte.gz", retrieve)
    assert found == tmp_path / "train-images-idx3-ubyte.gz"
    url, checksum = asked["train-images-idx3-ubyte.gz"]
    assert url.startswith("https://")
    assert checksum.startswith("sha256:440fcabf")

    def refuse(*_, **__):
        raise OSError("no network")

    with pytest.raises(UserError, match=r"folder must name .* got null \(no network\)"):
        image_sets._downloaded("train-images-idx3-ubyte.gz", refuse)


def test_content_of_the_files_decides_the_identity_of_what_is_learned(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, inputs=np.eye(6), labels=np.arange(6) % 2)
    before = datasets.NPZ(path=str(path)).content
    np.savez(path, inputs=np.eye(6) * 2, labels=np.arange(6) % 2)
    assert datasets.NPZ(path=str(path)).content != before


def test_files_that_hold_something_else_are_refused_in_one_line(tmp_path):
    np.save(tmp_path / "bare.npy", np.eye(6))
    with pytest.raises(UserError, match="must name an NPZ file"):
        datasets.NPZ(path=str(tmp_path / "bare.npy")).load()
    labels = np.arange(6) % 2
    np.savez(tmp_path / "text.npz", inputs=np.full((6, 2), "x"), labels=labels)
    np.savez(tmp_path / "complex.npz", inputs=np.full((6, 2), 1j), labels=labels)
    with pytest.raises(UserError, match="inputs that are real numbers, got complex128"):
        datasets.NPZ(path=str(tmp_path / "complex.npz")).load()
    with pytest.raises(UserError, match="path must name a file that can be read"):
        datasets.NPZ(path="a\0b").load()
    with pytest.raises(UserError, match="must hold inputs that are real numbers"):
        datasets.NPZ(path=str(tmp_path / "text.npz")).load()
    np.savez(tmp_path / "gap.npz", inputs=np.eye(6), labels=np.where(labels, 1.0, np.nan))
    with pytest.raises(UserError, match="finite labels only"):
        datasets.NPZ(path=str(tmp_path / "gap.npz")).load()
    with pytest.raises(UserError, match="label_column must be a whole number"):
        datasets.CSV(path="nowhere.csv", label_column=0.5)


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        (
            "1,2,0\n3,4,1\n1,2,0\n3,4,1\n",
            {},
            "but line 1 of .* give header=0",
        ),
        ("a,b,y\nc,d,z\n1,2,0\n3,4,1\n", {"header": 9}, "but line 3 of .* give header=2"),
        ("a,b,y\n1,oops,0\n", {}, "got 'oops' in line 2, column 1"),
        ("a,b,y\n1,nan,0\n", {}, "got 'nan' in line 2, column 1"),
        ("a,b,y\n1,2,0\n\n1,2\n", {}, "got 2 for 3 in line 4"),
        ("a,b,y\n1,2,0\n", {"label_column": 9}, "label_column must be"),
        ("a,b,y\n", {}, "path must name a table with samples"),
        ("y\n1\n0\n", {}, "with one column"),
        ("a,b,y\n1,2,0\n3,4,0\n", {}, "labels of at least 2 classes, got 1"),
        ("a,b,y\n1,2,0\n3,4,1.5\n1,3,0\n", {}, "two samples of each class, got one of 1.5"),
    ],
)
def test_bad_rows_of_a_table_are_named(tmp_path, text, given, message):
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        datasets.CSV(path=str(tmp_path / "set.csv"), **given).load()


def test_guessing_reaches_the_share_of_the_largest_class():
    assert datasets.largest_class(np.array([0, 1, 1, 2, 1])) == 3 / 5
