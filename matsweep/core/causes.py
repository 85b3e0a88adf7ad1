"""Causes of failed candidates: error texts grouped by their common part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Addresses and identities first, then numbers that are no part of a name (float64, conv2d).
_VARYING = re.compile(
    r"\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b|(?<![A-Za-z_])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Candidates that failed in the same way.

    Parameters
    ----------
    message : str
        Of the first of them.
    first : int
        Its position.
    count : int
        Their number.
    """

    message: str
    first: int
    count: int


def by_cause(failed: Iterable[tuple[int, str]]) -> list[Failure]:
    """Group failed candidates by cause: messages that are equal but for numbers.

    Parameters
    ----------
    failed : iterable of (int, str)
        Position and error text of each.

    Returns
    -------
    list of Failure
        Most frequent first.
    """
    causes: dict[str, Failure] = {}
    for position, error in failed:
        message = cause(error)
        key = _VARYING.sub("#", message)
        old = causes.get(key)
        if old is None:
            causes[key] = Failure(message=message, first=position, count=1)
        else:
            causes[key] = Failure(message=old.message, first=old.first, count=old.count + 1)
    return sorted(causes.values(), key=lambda failure: -failure.count)


def cause(error: str) -> str:
    """Line of an error text or traceback that states the error.

    In a traceback this is the first line after the last call; lines below it are notes.

    Parameters
    ----------
    error : str

    Returns
    -------
    str
    """
    lines = [line for line in error.splitlines() if line.strip()]
    if not lines:
        return "no error text stored"
    calls = [k for k, line in enumerate(lines) if line.startswith((" ", "Traceback"))]
    after = lines[calls[-1] + 1 :] if calls and lines[0].startswith("Traceback") else lines
    return (after or lines[-1:])[0].strip()
