"""Quantities as people write them (10 nJ, 0.012 mm², 95 %): reading and printing."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from matsweep.core.checks import UserError, near

_PREFIXES = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0,
    "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
_KINDS = {
    "J": "an energy", "s": "a time", "m": "a length", "m2": "an area", "S": "a conductance",
    "V": "a voltage", "A": "a current", "ohm": "a resistance", "W": "a power",
    "Hz": "a frequency", "K": "a temperature", "F": "a capacitance", "eV": "an energy",
    "1": "a fraction",
}  # fmt: skip
_SPECIAL = {
    "": ("1", "1"), "%": ("0.01", "1"), "cm": ("1e-2", "m"), "cm2": ("1e-4", "m2"),
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "day": ("86400", "s"),
    "days": ("86400", "s"),
}  # fmt: skip
_SPELLINGS = {
    "\u00b5": "u",  # micro sign
    "\u03bc": "u",  # Greek mu
    "\u2126": "ohm",  # ohm sign
    "\u03a9": "ohm",  # Greek capital omega
    "Ohm": "ohm",
    "²": "2",
    "^2": "2",
    "**2": "2",
}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)
_PRINTED_PREFIX = {"u": "µ"}
_PRINTED_UNIT = {"m2": "m²", "ohm": "Ω"}


def _table() -> dict[str, tuple[Decimal, str]]:
    """Return every unit that can be written, with its factor and its SI unit."""
    table = {text: (Decimal(factor), unit) for text, (factor, unit) in _SPECIAL.items()}
    for unit in _KINDS:
        for prefix, exponent in _PREFIXES.items():
            power = 2 * exponent if unit == "m2" else exponent
            if unit != "1" or not prefix:
                table.setdefault(prefix + unit, (Decimal(1).scaleb(power), unit))
    return table


_UNITS = _table()


def normal_unit(unit: str) -> str:
    """Return one spelling per unit: "m²", "m^2" and "m2" are "m2", "" is "1"."""
    for spelling, normal in _SPELLINGS.items():
        unit = unit.replace(spelling, normal)
    return unit.strip() or "1"


def read_quantity(text: str, unit: str | None, name: str) -> float:
    """Read a number with an optional unit and SI prefix, as a number in `unit`.

    The product with the prefix is rounded once: "10 nJ" is exactly the float 10e-9.

    Parameters
    ----------
    text : str
        "10 nJ", "95 %", "1e-8" (a bare number is in `unit`).
    unit : str or None
        SI unit of the result; None if it is unknown, then any SI unit is taken.
    name : str
        What is read, for the message of an error.

    Raises
    ------
    UserError
        If the number or the unit cannot be read, or the unit is of another kind.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{name} must be compared with a number, got {text!r}")
    number, written = Decimal(match[1]), match[2].strip()
    expected = None if unit is None else normal_unit(unit)
    if not written or (expected is not None and written == unit):
        return float(number)
    if (short := normal_unit(written)) not in _UNITS:
        raise UserError(f"{name}: unknown unit {written!r}{near(short, _likely(expected))}")
    factor, found = _UNITS[short]
    if expected is not None and found != expected:
        raise UserError(
            f"{name} [{expected}] cannot be compared with {text.strip()!r}: "
            f"{written} is {_KINDS[found]}{_proposal(expected)}"
        )
    return float(number * factor)


def engineering(value: float, unit: str = "1", digits: int = 3) -> str:
    """Print a quantity with an SI prefix: 1.23e-9 and "J" give "1.23 nJ", nan gives "–".

    Areas take squared prefixes (mm², µm²) and numbers without a unit none.
    """
    unit = normal_unit(unit)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else f"{value:+g}"
    if unit not in _KINDS or unit == "1":
        return f"{value:.{digits + 1}g}" + ("" if unit == "1" else f" {unit}")
    step, low, high = (6, -18, 0) if unit == "m2" else (3, -18, 12)
    exponent = _exponent(value, step, low, high, digits)
    power = exponent // 2 if unit == "m2" else exponent
    prefix = next(text for text, known in _PREFIXES.items() if known == power)
    text = _significant(value / 10.0**exponent, digits)
    return f"{text} {_PRINTED_PREFIX.get(prefix, prefix)}{_PRINTED_UNIT.get(unit, unit)}"


def duration(seconds: float) -> str:
    """Print a time in the unit a person would use: "20 s", "1 h", "30 days", "1 year"."""
    for name, length in (("year", 31_536_000.0), ("day", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            count = f"{seconds / length:.3g}"
            plural = "s" if name in ("year", "day") and count != "1" else ""
            return f"{count} {name}{plural}"
    return engineering(seconds, "s") if 0 < seconds < 1 else f"{seconds:.3g} s"


def _likely(expected: str | None) -> list[str]:
    """Return the units worth proposing: those of the expected kind, if it is known."""
    return [text for text, (_, unit) in _UNITS.items() if text and expected in (None, unit)]


def _proposal(expected: str) -> str:
    examples = {"J": "10 nJ", "s": "5 us", "m2": "0.1 mm2", "1": "0.95 or 95 %"}
    return f"; write for example {examples.get(expected, '1 ' + expected)}"


def _exponent(value: float, step: int, low: int, high: int, digits: int) -> int:
    """Return the power of ten of the prefix, after rounding to `digits`."""
    if value == 0:
        return 0
    rounded = float(f"{value:.{digits - 1}e}")
    decade = math.floor(math.log10(abs(rounded)) + 1e-12)
    if step == 6:  # 0.012 mm² rather than 12000 µm²: change the unit below a thousandth
        decade += 3
    return min(max(step * (decade // step), low), high)


def _significant(value: float, digits: int) -> str:
    """Print `value` with so many digits, trailing zeros kept, without an exponent."""
    if value == 0:
        return "0"
    decade = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))) + 1e-12)
    return f"{value:.{max(digits - 1 - decade, 0)}f}"
