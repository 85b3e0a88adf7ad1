"""The door for users' files: plain files within bounds, everything else refused at once."""

import os
import socket

import pytest

import matsweep.core.files
import matsweep.core.tables
from matsweep.core.checks import UserError
from matsweep.core.files import read_content
from matsweep.core.tables import read_rows, read_text, split_rows


def pipe(folder):
    os.mkfifo(folder / "p")
    return folder / "p"


def door(folder):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return folder / "s"


def loop(folder):
    (folder / "l").symlink_to(folder / "l")
    return folder / "l"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda folder: folder, "it is a folder"),
        (pipe, "it is a pipe: write its content to a file first"),
        (door, "it is a socket"),
        (lambda _: "/dev/zero", "it is a device of the system"),
        (lambda _: "/dev/null", "it is a device of the system"),
        (lambda _: "a\0b", "its name holds a character that no name can"),
        (lambda folder: folder / ("x" * 300), "File name too long"),
        (loop, "Too many levels of symbolic links|no plain"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path, place, reason):
    path = place(tmp_path)
    with pytest.raises(OSError, match=reason):
        read_content(path)
    with pytest.raises(UserError, match=f"^data: .*cannot be read: .*(?:{reason})") as refused:
        read_rows(path, owner="data")
    assert "\n" not in str(refused.value)


def test_a_file_has_bounds_whatever_size_it_states(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: no block on the disk
    with pytest.raises(UserError, match=r"t.csv cannot be read: .* than 1,073,741,824 bytes"):
        read_text(path)
    with pytest.raises(OSError, match="more than 100 bytes"):  # stated as empty
        read_content("/proc/self/maps", most=100)
    assert read_content("/proc/self/maps").endswith(b"\n")


@pytest.mark.parametrize(
    ("bound", "lines", "told"),
    [
        ({"MOST_LINES": 3}, ["a,b"] * 4, "t has 4 lines, the most are 3"),
        ({"MOST_COLUMNS": 2}, ["a,b", "1,2,3"], "t, line 2 has 3 cells, the most are 2"),
        ({"MOST_CELLS": 5}, ["a,b"] * 3, "t, line 3: more than 5 cells"),
        ({"MOST_CHARACTERS": 3}, ["a,b", "1,2345"], "t, line 2, column 2: .* got '2345'"),
        ({}, ["a,b", "1," + "9" * 140_000], "t, line 2, column 2: .*, got '9{50,58}…;"),
        ({}, ["a,b", '1,"x', *["x"] * 70_000], "t, line 2: a cell has more than 100000"),
    ],
)
def test_tables_have_bounds(monkeypatch, bound, lines, told):
    for name, value in bound.items():
        monkeypatch.setattr(matsweep.core.tables, name, value)
    with pytest.raises(UserError, match=told) as refused:
        split_rows(lines, ",", named="t")
    assert len(str(refused.value)) < 200


def test_the_line_of_a_control_character_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n3,\x1b[2J\n")
    with pytest.raises(UserError, match=r"it is no text .*; line 3 holds \\x1b$"):
        read_text(path)


def test_a_late_nul_byte_is_named_though_it_looks_like_utf_16(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 100 + b"\0")
    with pytest.raises(UserError, match="it is no text"):
        read_text(path)
