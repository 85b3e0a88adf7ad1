"""Workbooks from elsewhere: their stated sizes, entities and parts take no time and no memory."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import openpyxl
import pytest

import matsweep.core.tables
import matsweep.identification.measurements.workbook as workbook
from matsweep.core.checks import UserError
from matsweep.identification.measurements.workbook import sheets


def written(rows=(("a", "b"), (1, 2))):
    out, book = io.BytesIO(), openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def changed(path, content, part, change):
    """A workbook with another text in one part."""
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            text = old.read(item)
            new.writestr(item.filename, change(text) if item.filename == part else text)
    return path


SHEET = "xl/worksheets/sheet1.xml"
ENTITIES = b"".join(
    b'<!ENTITY e%d "%s">' % (k, b"&e%d;" % (k - 1) * 10 if k else b"x" * 10) for k in range(9)
)


def read(path):
    return [(name, rows) for name, rows in sheets(path)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"'), None),
        (lambda x: x.replace(b'<row r="2"', b'<row r="99999999999"')
            .replace(b'r="A2"', b'r="A99999999999"')
            .replace(b'r="B2"', b'r="B99999999999"'), "lines, the most are|no workbook"),
        (lambda x: x.replace(b'r="B2"', b'r="ZZZ2"'), None),
        (lambda x: x.replace(b'r="B2"', b'r="ZZZZZZ2"'), "is damaged"),
        (lambda x: x.replace(b"<v>1</v>", b"<v>x</v>"), "is damaged"),
        (lambda x: x[:200], "is damaged"),
        (lambda x: x.replace(b"<worksheet", b"<!DOCTYPE x [" + ENTITIES + b"]><worksheet")
            .replace(b"<v>1</v>", b"<v>&e8;</v>"), "is damaged"),
    ],
)  # fmt: skip
def test_claims_of_a_sheet_are_not_believed(tmp_path, monkeypatch, change, told):
    monkeypatch.setattr(matsweep.core.tables, "MOST_LINES", 1000)
    path = changed(tmp_path / "w.xlsx", written(), SHEET, change)
    if told is None:
        [(name, rows)] = read(path)
        assert name.endswith("[Sheet]")
        assert rows[1].cells[0] == "1"
        assert len(rows) == 2
        return
    with pytest.raises(UserError, match=told) as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "w.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/sharedStrings.xml", bytes(2**24))
    monkeypatch.setattr(workbook, "_MOST_WHOLE", 2**20)
    with pytest.raises(UserError, match="unpacked it has 16 MiB, the most are 1: save the sheet"):
        read(path)


def test_flipped_and_cut_bytes_are_refused_or_read(tmp_path):
    rng, whole = (
        np.random.default_rng(0),
        written([("V", "I"), *zip(range(30), range(30), strict=True)]),
    )
    path, refused = tmp_path / "w.xlsx", set[bool]()
    for _ in range(60):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            content[at] = rng.integers(0, 256)
        path.write_bytes(
            content[: None if rng.random() < 0.7 else int(rng.integers(0, len(whole)))]
        )
        try:
            read(path)
        except UserError as error:
            refused.add("\n" in str(error))
    assert refused == {False}
