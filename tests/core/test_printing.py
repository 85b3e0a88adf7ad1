"""Escapes of characters that hide or reorder text, and short quotations of a user's values."""

import sys
import unicodedata

import numpy as np
import pytest

from matsweep.core.printing import one_line, printable, shown

MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"  # of direction
WIDTHLESS = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\u3164\u115f"
CONTROLS = "\x00\x07\x08\x0b\x0c\x1b\x7f\x85\x9b"
BREAKS = "\u2028\u2029"


@pytest.mark.parametrize("char", MARKS + WIDTHLESS + CONTROLS + BREAKS + "\ud800\udcff", ids=ascii)
def test_what_hides_or_reorders_text_is_escaped_visibly(char):
    shown_text = printable(f"HfO{char}2")
    code = ord(char)
    escaped = f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    assert shown_text == f"HfO{escaped}2"
    assert shown_text.isascii()
    assert one_line(f"a{char}b") == (f"a{escaped}b")


def test_every_character_without_a_shape_is_escaped():
    kept = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and printable(char) == char
    ]
    assert kept == ["\t", "\n"]


def test_texts_of_all_scripts_stay():
    for text in (
        "µS at 85 °C",
        "a\u00a0b\u2009c",
        "忆阻器",
        "ذاكرة",
        "मेमरिस्टर",
        "x\ty\nz",
        "📈\ufe0f",
    ):
        assert printable(text) == text
    assert printable("a\r\nb\rc") == "a\nb\nc"
    assert one_line("a\r\nb\tc\u00a0d") == "a b c d"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12 kOhm", "'12 kOhm'"),
        ("a" * 10**6, "'" + 58 * "a" + "…"),
        ("\u202e\x1b", "'\\u202e\\x1b'"),
        ("\u3164", "'\\u3164'"),
        (10**5000, "a whole number of about 5000 digits"),
        (1e400, "inf"),
        (None, "None"),
        ([1, 2], "[1, 2]"),
        ({"a": 1}, "{'a': 1}"),
    ],
    ids=shown,
)
def test_a_value_is_quoted_shortly(value, text):
    assert shown(value) == text


def test_a_quotation_looks_at_no_more_than_it_shows():
    nested: list[object] = []
    for _ in range(10**5):
        nested = [nested]
    for value in (nested, np.zeros(10**7), [0.5] * 10**6, b"\0" * 10**6, {"x" * 10**6: 1}):
        assert len(shown(value)) <= 60
