"""Quantities with units, written so that Hydra's grammar carries them.

Hydra takes ``25uS``, ``1uS,2uS``, ``[1s,1h,1d]`` and ``choice(1uS,2uS)`` as texts. Its functions of
numbers (``interval``, ``range``, ``sort``) refuse texts, and its lexer refuses µ, Ω, ° and
superscripts outside quotes. Both are rewritten before Hydra reads an override, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_MARK = "units: "
_NUMBER = r"(?<![\w.])(?>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_LETTER = "A-Za-z\u00b5\u03bc\u2126\u03a9°%"
_UNIT = rf"[{_LETTER}][{_LETTER}0-9²³^*/·. -]*(?:(?<=/)\([^()]*\)|(?<! ))"
_QUANTITY = re.compile(rf"{_NUMBER}\s*{_UNIT}")

_FOREIGN = re.compile("[(\u00b5\u03bc\u2126\u03a9°²³·^]")  # absent from Hydra's lexer
_CALL = re.compile(r"\b(?:interval|range|sort)\(([^()]*)\)")
_CARRIED = re.compile(rf'tag\("{_MARK}([^"]*)",choice\(0\)\)')


def hydra_override(text: str) -> str:
    """Rewrite an override so that Hydra's grammar carries its quantities.

    Parameters
    ----------
    text : str
        ``device.g_max=interval(1uS,1mS)``.

    Returns
    -------
    str
        ``device.g_max=tag("units: interval(1uS,1mS)",choice(0))``; unchanged where Hydra's grammar
        has it already.
    """
    name, equals, value = text.partition("=")
    if not equals or '"' in value or "'" in value:
        return text
    if any(_QUANTITY.search(call[1]) for call in _CALL.finditer(value)):
        return f'{name}=tag("{_MARK}{value}",choice(0))'
    return f"{name}={_QUANTITY.sub(_quoted, value)}"


def as_typed(text: str) -> str:
    """Undo `hydra_override` in a text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return _CARRIED.sub(lambda match: match[1], text)


def written_sweep(tags: Iterable[str]) -> str:
    """Return the sweep that a tag of `hydra_override` carries.

    Parameters
    ----------
    tags : iterable of str

    Returns
    -------
    str
        Empty where no tag carries one.
    """
    return next((tag.removeprefix(_MARK) for tag in tags if tag.startswith(_MARK)), "")


def replace_quantities(text: str, number: Callable[[str], str]) -> str:
    """Replace each quantity in a sweep.

    Parameters
    ----------
    text : str
    number : callable
        Text of the number that replaces a quantity.

    Returns
    -------
    str
    """
    return _QUANTITY.sub(lambda match: number(match[0]), text)


def _quoted(match: re.Match[str]) -> str:
    return f'"{match[0]}"' if _FOREIGN.search(match[0]) else match[0]
