"""Checks of what a user gave: one clear line when it cannot be.

Every message names the parameter with its unit, the rule it broke and the value that came:
``read_voltage [V] must be > 0, got -0.2``. Parameters are checked when the object that holds
them is built, before any work starts.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake of the user's, told in one line that says how to mend it."""


def finite(name: str, value: object, unit: str = "") -> float:
    """Return ``value`` as a float if it is a finite real number.

    Raises
    ------
    UserError
        If it is not a number (text, None, bool, a list) or is nan or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"{_label(name, unit)} must be a finite number, got {value!r}")
    return float(value)


def positive(name: str, value: object, unit: str = "") -> float:
    """Return ``value`` as a float if it is finite and > 0 (else `UserError`)."""
    number = finite(name, value, unit)
    if number <= 0:
        raise UserError(f"{_label(name, unit)} must be > 0, got {value!r}")
    return number


def non_negative(name: str, value: object, unit: str = "") -> float:
    """Return ``value`` as a float if it is finite and >= 0 (else `UserError`)."""
    number = finite(name, value, unit)
    if number < 0:
        raise UserError(f"{_label(name, unit)} must be >= 0, got {value!r}")
    return number


def in_range(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """Return ``value`` as a float if low <= value <= high (else `UserError`)."""
    number = finite(name, value, unit)
    if not low <= number <= high:
        raise UserError(f"{_label(name, unit)} must be in [{low:g}, {high:g}], got {value!r}")
    return number


def whole(name: str, value: object, low: int = 0, high: int | None = None) -> int:
    """Return ``value`` as an int if it is a whole number in [low, high] (else `UserError`)."""
    number = finite(name, value)
    if number != int(number):
        raise UserError(f"{name} must be a whole number, got {value!r}")
    if number < low or (high is not None and number > high):
        rule = f">= {low}" if high is None else f"in [{low}, {high}]"
        raise UserError(f"{name} must be {rule}, got {value!r}")
    return int(number)


def truth(name: str, value: object) -> bool:
    """Return ``value`` if it is true or false (else `UserError`)."""
    if not isinstance(value, bool):
        raise UserError(f"{name} must be true or false, got {value!r}")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``choices``; else a `UserError` with the near misses."""
    known = sorted(choices)
    if not isinstance(value, str) or value not in known:
        raise UserError(
            f"{name} must be one of {', '.join(known)}; got {value!r}{near(value, known)}"
        )
    return value


def near(value: object, known: Iterable[str]) -> str:
    """Return "; did you mean …?" with the known names closest to ``value``, or an empty text."""
    close = difflib.get_close_matches(str(value), sorted(set(known)), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _label(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
