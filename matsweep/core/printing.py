"""Safe printing of texts from a store or a configuration."""

from __future__ import annotations


def printable(text: object) -> str:
    """Remove characters that no page can show: control characters and halves of surrogate pairs.

    Tabs and line breaks stay.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    if (whole := str(text)).isprintable():  # fast path: nearly all texts are
        return whole
    whole = whole.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in whole if c in "\t\n" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def one_line(text: object) -> str:
    """Remove characters that control a terminal, or that reorder the text there.

    Control characters and direction marks are left out, line breaks and tabs become blanks.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    kept = (char if char.isprintable() else " " * char.isspace() for char in str(text))
    return "".join(kept)


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
