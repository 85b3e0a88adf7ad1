"""Safe printing of texts from a store, a configuration or a table."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable

# Letters without a shape, which Python calls printable: fillers, and joiners that hide no more.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]"
)
_ENDS = re.compile("\r\n?")
_LENGTH = 60  # characters of a user's value in a message


def printable(text: object) -> str:
    r"""Escape characters that a page does not show, or that reorder the text around them.

    Control characters, direction marks (U+202E and its kin), characters of no width and halves of
    surrogate pairs become `\x1b` or `\u202e`. Tabs and line breaks stay, a carriage return is a
    line break.

    Parameters
    ----------
    text : object

    Returns
    -------
    str

    Examples
    --------
    >>> print(printable("HfO\u202ex"))
    HfO\u202ex
    """
    whole = str(text)
    if whole.isprintable() and not _BLANK.search(whole):  # fast path: nearly all texts are
        return whole
    return "".join(char if _shows(char) else _escape(char) for char in _ENDS.sub("\n", whole))


def one_line(text: object) -> str:
    """Escape what `printable` escapes; line breaks and tabs become blanks.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    return "".join(" " if char.isspace() else char for char in printable(text))


def shown(value: object, length: int = _LENGTH) -> str:
    """Quote a user's value in a message, as Python writes it, but short and printable.

    Parameters
    ----------
    value : object
        Of any size and depth.
    length : int
        The most characters; of what is longer the beginning is quoted, and an ellipsis.

    Returns
    -------
    str

    Examples
    --------
    >>> print(shown("12 kOhm"), shown("a" * 100, 10))
    '12 kOhm' 'aaaaaaaa…
    """
    if isinstance(value, str):
        text = repr(value[: length + 1])
    elif isinstance(value, int) and value.bit_length() > 4 * length:  # Python refuses 4,301 digits
        text = f"a whole number of about {value.bit_length() * 0.30103:.0f} digits"
    else:
        text = _shortener(length).repr(value)
    text = one_line(text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def brief(text: object, length: int = _LENGTH) -> str:
    """Shorten a user's text in a message: its beginning in one printable line, without quotes.

    Parameters
    ----------
    text : object
    length : int
        The most characters; of what is longer the beginning is shown, and an ellipsis.

    Returns
    -------
    str
    """
    line = one_line(str(text)[: length + 1])
    return line if len(line) <= length else f"{line[: length - 1]}…"


def listed(texts: Iterable[object], most: int = 8) -> str:
    """List a user's texts in a message, each `brief`, with the number of those left out.

    Parameters
    ----------
    texts : iterable of object
    most : int

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["G", "t", "x", "y"], 2)
    'G, t, 2 more'
    """
    every = list(texts)
    more = [f"{len(every) - most} more"] if len(every) > most else []
    return ", ".join([*map(brief, every[:most]), *more])


def _shows(char: str) -> bool:
    """Whether a page shows a character, or a break or blank in its place."""
    if char in "\t\n":
        return True
    blank = char.isspace() and char > "\xa0" and char not in "\u2028\u2029"
    return char == "\xa0" or blank or (char.isprintable() and not _BLANK.match(char))


def _escape(char: str) -> str:
    r"""Write a character as Python does: `\x1b`, `\u202e`, `\U000e0001`."""
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shortener(length: int) -> reprlib.Repr:
    """Writer of values that looks at no more of them than it shows."""
    return reprlib.Repr(
        maxlevel=4, maxlist=length // 2, maxtuple=length // 2, maxdict=length // 4,
        maxset=length // 2, maxfrozenset=length // 2, maxarray=length // 2, maxdeque=length // 2,
        maxstring=10 * length, maxlong=10 * length, maxother=10 * length,
    )  # fmt: skip


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, in the plural but for one.

    Parameters
    ----------
    count : int
    noun : str
        With a regular plural.

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "device"), counted(3, "device")
    ('1 device', '3 devices')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def noise_of(noise: float) -> str:
    """Words on the noise of a pulse; none below 1e-5 of the range, as rounding has some.

    Parameters
    ----------
    noise : float, fraction of the range

    Returns
    -------
    str
    """
    return f"a noise of {100 * noise:.2g} % of the range" if noise > 1e-5 else "no noise"
