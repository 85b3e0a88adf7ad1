"""Folders of images by class, and CIFAR in the user's files."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from matsweep.core.checks import UserError
from matsweep.datasets import CIFAR, Images


def write(folder, images, ending="png"):
    """Write images by their place: a mapping of CLASS/NAME to pixels."""
    for place, pixels in images.items():
        path = folder / f"{place}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return folder


def shares(pixels):
    return np.asarray(pixels, np.float32) / np.float32(255)


def pixels(rng, *shape):
    return rng.integers(0, 256, shape)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return {f"{name}/{number}": pixels(rng, 4, 6) for name in "ab" for number in range(5)}


def test_a_folder_is_read_and_split_class_by_class(tmp_path, images):
    write(tmp_path, images)
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "a" / ".DS_Store").write_text("")
    data = Images(path=str(tmp_path))
    assert data.shape == (4, 6, 1)
    samples = data.load()
    assert samples.train_inputs.shape == (8, 24)
    assert sorted(samples.test_labels) == [0, 1]
    every = np.concatenate([samples.train_inputs, samples.test_inputs])
    labels = np.concatenate([samples.train_labels, samples.test_labels])
    wanted = shares([image.ravel() for image in images.values()])
    order, known = np.lexsort(every.T), np.lexsort(wanted.T)
    np.testing.assert_array_equal(every[order], wanted[known])
    np.testing.assert_array_equal(labels[order], (np.arange(10) // 5)[known])


@pytest.mark.parametrize("ending", ["png", "bmp", "ppm"])
def test_a_folder_with_train_and_test_keeps_their_split_and_colours(tmp_path, ending):
    rng = np.random.default_rng(1)
    places = ["train/cat/1", "train/cat/2", "train/dog/1", "test/dog/3", "test/cat/9"]
    images = {place: pixels(rng, 4, 4, 3) for place in places}
    data = Images(path=str(write(tmp_path, images, ending)))
    assert data.shape == (4, 4, 3)
    samples = data.load()
    np.testing.assert_array_equal(samples.train_labels, [0, 0, 1])
    np.testing.assert_array_equal(samples.test_labels, [0, 1])
    wanted = shares(images["test/cat/9"])
    np.testing.assert_array_equal(samples.test_inputs[0], wanted.ravel())
    small = Images(path=str(tmp_path), crop=2)
    assert small.shape == (2, 2, 3)
    np.testing.assert_array_equal(small.load().test_inputs[0], wanted[1:3, 1:3].ravel())
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "test" / "dog" / f"4.{ending}")
    assert data.load().test_inputs[2].tolist() == [np.float32(7 / 255)] * 48


@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("0", "1", "2", "10", "11"), ("0", "1", "2", "10", "11")),
        (("08", "9", "010"), ("08", "9", "010")),
        (("1", "2", "10", "x"), ("1", "10", "2", "x")),
    ],
)
def test_classes_that_are_numbers_are_in_their_order(tmp_path, names, order, parts):
    """The brightness of an image is its class."""
    write(tmp_path, {f"{part}{name}/{n}": np.full((2, 2), 10 * order.index(name))
                     for part in parts for name in names for n in range(5)})  # fmt: skip
    data = Images(path=str(tmp_path))
    assert data.names == order
    samples = data.load()
    found = np.rint(samples.train_inputs[:, 0] * 25.5).astype(int)
    np.testing.assert_array_equal(samples.train_labels, found)


def test_content_changes_with_an_image_and_with_its_class(tmp_path, images):
    data = Images(path=str(write(tmp_path, images)))
    first = data.content
    (tmp_path / "a" / "0.png").rename(tmp_path / "b" / "x.png")
    second = data.content
    write(tmp_path, {"b/x": images["a/0"] // 2})
    assert len({first, second, data.content}) == 3


def test_names_in_another_encoding_are_read(tmp_path, images):
    """The bytes of a name on disk need not be UTF-8."""
    write(tmp_path, images)
    os.rename(tmp_path / "a" / "0.png", os.fsencode(tmp_path) + b"/a/k\xe4fer.png")
    data = Images(path=str(tmp_path))
    assert len(data.load().train_labels) == 8
    first = data.content
    os.rename(os.fsencode(tmp_path) + b"/a/k\xe4fer.png", os.fsencode(tmp_path) + b"/a/k\xf6.png")
    assert data.content != first


def text(folder):
    (folder / "a" / "notes.txt").write_text("no image")


def damaged(folder):
    path = folder / "a" / "0.png"
    path.write_bytes(path.read_bytes()[:60])


def other_size(folder):
    write(folder, {"b/9": np.zeros((4, 5))})


def deep(folder):
    Image.fromarray(np.zeros((4, 6), np.uint16)).save(folder / "a" / "9.png")


def beside_folders(folder):
    write(folder, {"9": np.zeros((4, 6))})


def below(folder):
    write(folder, {"a/more/9": np.zeros((4, 6))})


def pipe(folder):
    os.mkfifo(folder / "a" / "9.png")


def link(folder):
    outside = write(folder.parent / "outside", {"x": np.zeros((4, 6))})
    (folder / "a" / "9.png").symlink_to(outside / "x.png")


def linked_class(folder):
    outside = write(folder.parent / "outside", {"x": np.zeros((4, 6))})
    (folder / "c").symlink_to(outside)


def loop(folder):
    (folder / "a" / "9.png").symlink_to("9.png")


def one_class(folder):
    for path in (folder / "b").iterdir():
        path.rename(folder / "a" / f"b{path.name}")
    (folder / "b").rmdir()


def empty(folder):
    for path in [*folder.glob("*/*")]:
        path.unlink()


def empty_class(folder):
    (folder / "aa").mkdir()


def one_part(folder):
    for part in ("train", "test"):
        (folder / part).mkdir()
    for name in "ab":
        (folder / name).rename(folder / "train" / name)


def large(folder):
    Image.fromarray(np.zeros((9_500, 9_500), bool)).save(folder / "a" / "0.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (text, "where a/notes.txt is another kind of file"),
        (damaged, "where a/0.png is damaged"),
        (other_size, "a/0.png has 6 × 4 pixels and b/9.png has 5 × 4: crop or scale"),
        (deep, "of 8 bits a channel, got .*, where a/9.png has Pillow's mode I;16"),
        (beside_folders, r"it must hold folders only, not 9.png: give PATH/CLASS/IMAGE"),
        (below, "where a must hold images only, not more"),
        (pipe, r"path \(a/9.png\) must name a file that can be read, got .*pipe"),
        (link, "where a/9.png is a link out of it"),
        (linked_class, "where c is a link out of it"),
        (loop, r"path \(a/9.png\) must name a file that can be read, got .*symbolic links"),
        (one_class, "at least 2 classes, got 1"),
        (empty, "with 0: give PATH/CLASS/IMAGE"),
        (empty_class, "an image of each class, got .* with none of aa: other classes would"),
        (one_part, "must hold images in train and test, got .* with none in one"),
        (large, "a/0.png has 9500 × 9500 pixels and a/1.png has 6 × 4"),
    ],
)
def test_other_folders_are_refused_in_one_line(tmp_path, images, change, message):
    folder = write(tmp_path / "images", images)
    change(folder)
    with pytest.raises(UserError, match=message) as refused:
        Images(path=str(folder)).load()
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nowhere", "a\0b"):
        with pytest.raises(UserError, match="path must name a folder of images"):
            Images(path=str(path)).load()


def test_memory_is_bounded_before_pixels_are_read(tmp_path, images, monkeypatch):
    monkeypatch.setattr("matsweep.datasets.image_folder.MOST_UNPACKED", 10 * 24 * 4 - 1)
    with pytest.raises(UserError, match=r"at most 0 GiB, got .* leave samples out"):
        Images(path=str(write(tmp_path, images))).load()


def cifar(folder, names, before, labels):
    """Write files of 3 images each; return their pixels (sample, row, column, channel)."""
    rng = np.random.default_rng(2)
    parts = []
    for name in names:
        table = pixels(rng, 3, before + 3072).astype(np.uint8)
        table[:, :before] = labels
        (folder / name).write_bytes(table.tobytes())
        planes = table[:, before:].reshape(3, 3, 32, 32)
        parts.append(planes.transpose(0, 2, 3, 1))
    return parts


def test_cifar_is_read_channels_last(tmp_path):
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    parts = cifar(tmp_path, names, 1, 7)
    data = CIFAR(folder=str(tmp_path))
    samples = data.load()
    assert data.shape == (32, 32, 3)
    assert samples.train_inputs.shape == (15, 3072)
    np.testing.assert_array_equal(samples.test_inputs.reshape(-1, *data.shape), shares(parts[-1]))
    assert set(samples.train_labels) == {7}


def test_the_fine_class_of_cifar_100_counts(tmp_path):
    parts = cifar(tmp_path, ["train.bin", "test.bin"], 2, (3, 99))
    samples = CIFAR(folder=str(tmp_path)).load()
    assert set(samples.test_labels) == {99}
    np.testing.assert_array_equal(samples.train_inputs[0], shares(parts[0][0].ravel()))


def test_other_versions_and_damaged_files_of_cifar_are_refused(tmp_path):
    data = CIFAR(folder=str(tmp_path))
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x04N.")
    with pytest.raises(UserError, match=r"binary version of CIFAR, .*pickles are not read"):
        data.load()
    cifar(tmp_path, ["train.bin", "test.bin"], 2, (3, 100))
    with pytest.raises(UserError, match=r"folder \(train.bin\) must hold labels below 100"):
        data.load()
    (tmp_path / "train.bin").write_bytes(bytes(3075))
    with pytest.raises(UserError, match=r"must hold images of 3074 bytes"):
        data.load()
