"""The PDF: its fonts have the field's signs, its links lead on, and hostile texts do no harm."""

from __future__ import annotations

import logging
import re
import zlib

from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Document, Item, Items, Link, Paragraph, Section
from matsweep.reporting.report.pdf import write
from matsweep.reporting.report.study import studied

from .hostile import hidden, hostile

SIGNS = "5 µm², 3 kΩ ± 1, 20 °C, ● ↑ ↓ – × ≤ é"


def of(*blocks):
    return Document(study="", state="s", sections=(Section(title="t", blocks=blocks),))


def streams(path):
    """Return the uncompressed streams of a PDF."""
    found = []
    for raw in re.findall(rb"stream\n(.*?)\nendstream", path.read_bytes(), re.DOTALL):
        try:
            found.append(zlib.decompress(raw))
        except zlib.error:
            found.append(raw)
    return found


def characters(path):
    """Return all characters that text in a PDF can be read back as."""
    maps = [s for s in streams(path) if b"beginbfchar" in s]
    codes = re.findall(rb"<[0-9A-F]+> <([0-9A-F]{4,8})>", b"".join(maps))
    return {bytes.fromhex(code.decode()).decode("utf-16-be") for code in codes}


def test_the_signs_of_the_field_are_printed(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        path = write(of(Paragraph(text=SIGNS)), tmp_path)
    assert not [record for record in caplog.records if "missing" in record.getMessage()]
    assert set(SIGNS.replace(" ", "")) <= characters(path)


def test_links_lead_on(tmp_path):
    link = Link(text="doi:10.1/x", address="https://doi.org/10.1/x")
    path = write(of(Items(items=(Item(text="a", link=link),))), tmp_path)
    assert b"https://doi.org/10.1/x" in path.read_bytes()


def test_hostile_texts_and_long_words(tmp_path):
    path = write(document(studied(hostile())), tmp_path)
    assert b"/URI (https://doi.org/javascript%3A" in path.read_bytes()
    assert b"/JavaScript" not in path.read_bytes()
    assert hidden(characters(path) - {"\0", "\uffff"}) == []  # these two are every font's
    assert write(of(Paragraph(text="x" * 5000)), tmp_path).stat().st_size > 1000
