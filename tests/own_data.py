"""Files of labelled samples, as users have them."""

from __future__ import annotations

import gzip
import struct

import numpy as np
from sklearn.datasets import load_digits, load_wine


def write_table(path, inputs, labels):
    """Write a CSV file with a heading, the class last."""
    rows = [
        ",".join([*map(repr, map(float, row)), str(label)])
        for row, label in zip(inputs, labels, strict=True)
    ]
    heading = ",".join([*(f"x{n}" for n in range(inputs.shape[1])), "class"])
    path.write_text("\n".join([heading, *rows]) + "\n")


def write_idx(path, array):
    """Write an IDX file of bytes, compressed if its name says so."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def wine(path):
    write_table(path, *load_wine(return_X_y=True))


def images(path):
    digits = load_digits()
    np.savez(path, inputs=digits.images[:400], labels=digits.target[:400])


def train_images(path):
    write_idx(path, load_digits().images[:300] * 15)


def train_labels(path):
    write_idx(path, load_digits().target[:300])


def test_images(path):
    write_idx(path, load_digits().images[300:400] * 15)


def test_labels(path):
    write_idx(path, load_digits().target[300:400])


test_images.__test__ = test_labels.__test__ = False

FILES = {
    "wine.csv": wine,
    "images.npz": images,
    "train-images.gz": train_images,
    "train-labels.gz": train_labels,
    "test-images.gz": test_images,
    "test-labels.gz": test_labels,
}
"""Files that docs/learning.md names, with the functions that write them."""
