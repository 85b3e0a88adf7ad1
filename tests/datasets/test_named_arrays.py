"""Arrays of any shape in NPZ files and tables, for networks."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.datasets import arrays
from matsweep.datasets.arrays import npz_outline, read_npz, whole_labels
from matsweep.datasets.columns import read_table


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_of_any_order_and_type_are_read(tmp_path, write):
    """Mapped where they are not compressed; big-endian and Fortran's order as NumPy reads them."""
    whole = np.arange(60).reshape(5, 3, 4)
    given = {"inputs": np.asfortranarray(whole), "labels": np.arange(5, dtype=">i4")}
    write(tmp_path / "set.npz", **given)
    found = read_npz("data", tmp_path / "set.npz")
    np.testing.assert_array_equal(found.inputs["inputs"], whole)
    np.testing.assert_array_equal(found.labels, np.arange(5))
    assert len(found) == 5


def test_a_member_that_its_header_does_not_fit_is_refused(tmp_path):
    np.save(tmp_path / "inputs.npy", np.zeros((5, 3)))
    content = (tmp_path / "inputs.npy").read_bytes()
    for short in (content[:-8], content + bytes(8)):
        with zipfile.ZipFile(tmp_path / "set.npz", "w") as file:
            file.writestr("inputs.npy", short)
        with pytest.raises(UserError, match="is damaged, or holds objects"):
            npz_outline("data", tmp_path / "set.npz")


def test_memory_of_compressed_arrays_is_bounded(tmp_path, monkeypatch):
    """Those that are mapped take none."""
    monkeypatch.setattr(arrays, "MOST_PACKED", 1000)
    np.savez_compressed(tmp_path / "packed.npz", inputs=np.zeros((5, 30)))
    for read in (npz_outline, read_npz):
        with pytest.raises(UserError, match=r"where it is compressed, got .*: write it with "):
            read("data", tmp_path / "packed.npz")
    np.savez(tmp_path / "plain.npz", inputs=np.zeros((5, 30)))
    assert len(read_npz("data", tmp_path / "plain.npz")) == 5


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """1.2 GiB of zeros in less than 8 MiB; no array is read."""
    path = tmp_path / "bomb.npz"
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**20, 300)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("inputs.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(300):
            member.write(bytes(2**22))
    assert path.stat().st_size < 2**23
    monkeypatch.setattr(arrays, "_opened", None)
    for read in (npz_outline, read_npz):
        with pytest.raises(UserError, match=r"at most 1 GiB where it is compressed, .* 1.17 GiB"):
            read("data", path)


@pytest.mark.parametrize("label", ["label", "Labels", "CLASS", " class "])
def test_columns_are_known_by_their_names(tmp_path, label):
    path = tmp_path / "set.csv"
    path.write_text(f"a,{label},Target_1,b,target 2\n1,0,5,2,6\n3,1,7,4,8\n")
    table = read_table("data", path)
    np.testing.assert_array_equal(table.inputs["inputs"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(table.labels, [0, 1])
    np.testing.assert_array_equal(table.targets, [[5, 6], [7, 8]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,label,class\n1,0,0\n", "at most one column labels, got columns a, label, class"),
        ("a,b,a \n1,0,1\n", "columns have a name each, got 'a' more than once"),
        ("label,target_1\n1,0\n", "must name a table with inputs"),
        ("1,2\n3,4\n", "with a line of column names"),
        ("a,b\n", "must name a table with samples, got .* with none"),
        ("a,b\n1\n", "got 1 cells for 2 names in line 2"),
        ("a,b\n1,x\n", "got '?x'? in line 2"),
    ],
)
def test_other_tables_are_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        read_table("data", tmp_path / "set.csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("label", [0.5, 1e30, -1e30])
def test_labels_are_whole_numbers(label):
    np.testing.assert_array_equal(whole_labels("data", np.array([0.0, 3.0])), [0, 3])
    with pytest.raises(UserError, match="labels that are whole numbers from 0, got float64"):
        whole_labels("data", np.array([0.0, label]))
