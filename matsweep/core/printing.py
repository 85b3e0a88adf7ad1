"""Texts of a store or a configuration, made safe to print."""

from __future__ import annotations


def printable(text: object) -> str:
    """Return a text without what no page can show: control characters and halves of pairs.

    Tabs and ends of lines stay.
    """
    if (whole := str(text)).isprintable():  # nearly all are, and a page has many
        return whole
    whole = whole.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in whole if c in "\t\n" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def one_line(text: object) -> str:
    """Return a text without what a terminal would obey, or show in another order than it is.

    Control characters and marks of direction are left out, line breaks and tabs become blanks.
    """
    kept = (char if char.isprintable() else " " * char.isspace() for char in str(text))
    return "".join(kept)
