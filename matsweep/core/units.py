"""Units and prefixes: reading of quantities as people write them, and printing.

This is the one table of units. Configurations, constraints, `select`, requirements, headings of
tables, figures and reports all read and print by it: ``25uS``, ``10 nJ``, ``0.012 mm²``, ``95 %``,
``85 degC``, ``1e-14 m2/(V s)``.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from matsweep.core.checks import UserError, near

_PREFIXES = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0,
    "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
_BASES = ("m", "kg", "s", "A", "K", "mol", "B", "LSB", "F2")
"""Base units; F2 is the square of a technology's feature size F, and B is a byte."""
_DEFINED = {
    "m": "m", "g": "1e-3 kg", "s": "s", "A": "A", "K": "K", "mol": "mol", "B": "B",
    "Hz": "1/s", "C": "A s", "J": "kg m2/s2", "V": "J/C", "W": "J/s", "ohm": "V/A", "S": "A/V",
    "F": "C/V", "eV": "1.602176634e-19 J",
}  # fmt: skip
"""Units that take a prefix, each defined by those before it; eV as fixed by the SI."""
_SPECIAL = {
    "kg": "kg", "LSB": "LSB", "F2": "F2", "%": "0.01", "rad": "1", "cm": "0.01 m",
    "min": "60 s", "h": "3600 s", "d": "86400 s", "day": "d", "days": "d",
    "year": "365 d", "years": "365 d", "KiB": "1024 B", "MiB": "1024 KiB", "GiB": "1024 MiB",
}  # fmt: skip
"""Units that take none."""
_CELSIUS, _ICE_POINT = "degC", Decimal("273.15")
_KINDS = {
    "J": "an energy", "s": "a time", "m": "a length", "m2": "an area", "S": "a conductance",
    "V": "a voltage", "A": "a current", "ohm": "a resistance", "W": "a power",
    "Hz": "a frequency", "K": "a temperature", "F": "a capacitance", "eV": "an energy",
    "1": "a fraction", "C": "a charge", "B": "a size in bytes", "m/s": "a velocity",
    "F2": "an area in squares of the feature size F", "LSB": "a number of codes",
}  # fmt: skip
_PREFIXED = ("J", "s", "m", "m2", "S", "V", "A", "ohm", "W", "Hz", "K", "F", "eV", "C", "B")
"""Units that are printed with a prefix."""
_EXAMPLES = {
    "J": "10 nJ", "s": "5 us", "m2": "0.1 mm2", "1": "0.95 or 95 %", "S": "25 uS", "m": "22 nm",
    "V": "0.2 V", "A": "5 uA", "ohm": "2 kohm", "Hz": "100 MHz", "K": "300 K or 85 degC",
    "B": "4 GB", "eV": "0.6 eV", "F": "1 fF",
}  # fmt: skip
_SPELLINGS = {
    "\u00b5": "u",  # micro sign
    "\u03bc": "u",  # Greek mu
    "\u2126": "ohm",  # ohm sign
    "\u03a9": "ohm",  # Greek capital omega
    "Ohm": "ohm",
    "°C": _CELSIUS,
    "²": "2",
    "³": "3",
    "^": "",
    "**": "",
    "·": " ",
}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)
_TOKEN = re.compile(r"\s*(?:(?P<sign>[()/*])|(?P<unit>%|[A-Za-z]+)(?P<power>-?\d+)?"
                    r"|(?P<number>\d+\.?\d*(?:e[+-]?\d+)?))")  # fmt: skip
_PRINTED_PREFIX = {"u": "µ"}
_PRINTED_UNIT = {"m2": "m²", "F2": "F²", "ohm": "Ω"}
_LEAST_ERROR = 5e-6  # of a value, for the error to be printed: half of its fifth digit
_HEADED = re.compile(r"\s*[\[(]\s*([^\])]*?)\s*[\])]\s*$|_([^\W_]+)$")

type Dimension = tuple[int, ...]
"""Powers of `_BASES`."""

_PURE: Dimension = (0,) * len(_BASES)


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit of a parameter, stated once in its annotation: ``Annotated[float, Unit("S")]``.

    Numbers without a unit are in it, and texts with one are converted to it.

    Parameters
    ----------
    symbol : str
        Any unit that can be read; "1": the parameter is dimensionless.
    """

    symbol: str


@dataclass(frozen=True, slots=True)
class _Measure:
    """Measure of a unit: a factor to SI base units, and a dimension."""

    factor: Decimal
    dimension: Dimension

    def times(self, other: _Measure, power: int) -> _Measure:
        powers = zip(self.dimension, other.dimension, strict=True)
        return _Measure(self.factor * other.factor**power, tuple(a + power * b for a, b in powers))


_ONE = _Measure(Decimal(1), _PURE)
_LARGEST_POWER = 9


def _measure(text: str, known: dict[str, _Measure], *, defining: bool = False) -> _Measure | None:
    """Return the measure of a product of units such as `m2/(V s)`; None if it is none.

    Where a unit is defined any number may be a factor, elsewhere the first one, as in `1/s`.
    """
    stack: list[_Measure] = [_ONE]  # one for each open parenthesis
    signs, sign, place = list[int](), 1, 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        place = match.end()
        if match["sign"] == "(":
            stack.append(_ONE)
            signs.append(sign)
            sign = 1
            continue
        if match["sign"] in ("/", "*"):
            sign = -1 if match["sign"] == "/" else 1
            continue
        if match["sign"] == ")":
            if not signs:
                return None
            factor, sign = stack.pop(), signs.pop()
        elif match["number"]:
            rest = text[place:].lstrip()
            leads = match.start() == 0 and (rest.startswith("/") or text == "1")
            if not (leads or defining):  # as in 1/s, but not in 5 S 0
                return None
            factor = _Measure(Decimal(match["number"]), _PURE)
        elif (whole := match["unit"] + (match["power"] or "")) in known:  # such as F2
            factor = known[whole]
        elif match["unit"] in known:
            power = int((match["power"] or "1")[:4])
            if not 1 <= abs(power) <= _LARGEST_POWER:
                return None
            factor = _ONE.times(known[match["unit"]], power)
        else:
            return None
        stack[-1] = stack[-1].times(factor, sign)
        sign = 1
    return stack[0] if not signs and sign == 1 else None


def _table() -> dict[str, _Measure]:
    """Return every unit by its symbol, with all prefixes."""
    known = {
        base: _Measure(Decimal(1), tuple(int(base == each) for each in _BASES)) for base in _BASES
    }
    for symbol, definition in _DEFINED.items():
        measure = _measure(definition, known, defining=True)
        assert measure is not None
        for prefix, exponent in _PREFIXES.items():
            scale = Decimal(1).scaleb(exponent)
            known[prefix + symbol] = _Measure(scale * measure.factor, measure.dimension)
    for symbol, definition in _SPECIAL.items():
        measure = _measure(definition, known, defining=True)
        assert measure is not None
        known[symbol] = measure
    return known


_UNITS = _table()


@functools.lru_cache(maxsize=1000)
def _read_unit(text: str) -> _Measure | None:
    """Return the measure of a unit in any spelling; None if it is unknown."""
    return _measure(normal_unit(text), _UNITS)


def normal_unit(unit: str) -> str:
    """Return the normal spelling of a unit: "m²", "m^2" and "m2" are "m2", "" is "1".

    Parameters
    ----------
    unit : str

    Returns
    -------
    str
    """
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
        Unit of the result; None if it is unknown: any unit is then converted to SI.
    name : str
        Name of the quantity, for messages.

    Returns
    -------
    float
        In `unit`.

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
    if expected is None:
        return _in_si(number, written, name)
    value = _converted(number, written, expected, name)
    if value is None:
        raise UserError(
            f"{name} [{expected}] cannot be compared with {text.strip()!r}: "
            f"{written} is {kind_of(written)}; write for example {_example(expected)}"
        )
    return value


def read_parameter(text: str, unit: str, name: str) -> float | None:
    """Read the text of a parameter, a number with its unit, as a number in the parameter's unit.

    Parameters
    ----------
    text : str
        "25uS", "85degC", "5 %".
    unit : str
        Of the parameter.
    name : str
        Its whole name, for the message of an error.

    Returns
    -------
    float or None
        An int where a whole number is written without a point and is one in the parameter's unit,
        as such a number without a unit is; None where the text is no number with a unit.

    Raises
    ------
    UserError
        If the unit is unknown, or of another kind than the parameter's.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None or not (written := match[2].strip()):
        return None
    label = name if normal_unit(unit) == "1" else f"{name} [{printed_unit(unit)}]"
    value = _converted(Decimal(match[1]), written, unit, label)
    if value is None:
        raise UserError(
            f"{label} must be {kind_of(unit)}, such as {_example(normal_unit(unit))}, got "
            f"{text.strip()!r}: {written} is {kind_of(written)}"
        )
    return int(value) if match[1].lstrip("+-").isdigit() and value == int(value) else value


def value_in_unit(value: Any, unit: str | None, name: str) -> Any:
    """Convert a text with a unit to a number; everything else stays as it is.

    Parameters
    ----------
    value : text or any other value
    unit : str or None
        Of the parameter; None: nothing is converted.
    name : str
        Of the parameter, for messages.

    Returns
    -------
    float, int, or the value

    Raises
    ------
    UserError
        If the unit does not fit the parameter.
    """
    if unit is None or not isinstance(value, str):
        return value
    number = read_parameter(value, unit, name)
    return value if number is None else number


def factor_of(written: str, unit: str) -> float | None:
    """Factor from one unit to another.

    Parameters
    ----------
    written : str
    unit : str
        ``factor_of("uS", "S")`` is 1e-6.

    Returns
    -------
    float or None
        None if a unit is unknown, or of another kind.
    """
    measure, wanted = _read_unit(written), _read_unit(unit)
    if measure is None or wanted is None or measure.dimension != wanted.dimension:
        return None
    return float(measure.factor / wanted.factor)


def split_heading(heading: str) -> tuple[str, str | None]:
    """Split a column's heading into name and unit.

    ``conductance [uS]``, ``conductance (uS)`` and ``conductance_uS`` are the same; the part after
    an
    underscore counts as a unit only if it is a known one.

    Parameters
    ----------
    heading : str

    Returns
    -------
    tuple of (str, str or None)
        Name and unit; None where it states none.
    """
    match = _HEADED.search(heading)
    if match is None or (match[1] is None and _read_unit(match[2]) is None):
        return heading.strip(), None
    return heading[: match.start()].strip(), match[1] if match[1] is not None else match[2]


def kind_of(unit: str) -> str:
    """Kind of quantity that a unit measures, "a conductance", for messages.

    Parameters
    ----------
    unit : str

    Returns
    -------
    str
    """
    normal = "K" if normal_unit(unit) == _CELSIUS else normal_unit(unit)
    alike = (kind for each, kind in _KINDS.items() if dimension_of(each) == dimension_of(normal))
    return _KINDS.get(normal) or next(alike, f"in {printed_unit(normal)}")


def dimension_of(unit: str) -> Dimension | None:
    """Exponents of the base units in a unit.

    Parameters
    ----------
    unit : str

    Returns
    -------
    Dimension or None
        None if the unit is unknown.
    """
    measure = _read_unit("K" if is_celsius(unit) else unit)
    return None if measure is None else measure.dimension


def kind_of_dimension(dimension: Dimension) -> str:
    """Kind of quantity that has a dimension, "a conductance", for messages.

    Parameters
    ----------
    dimension : Dimension

    Returns
    -------
    str
    """
    alike = (kind for unit, kind in _KINDS.items() if dimension_of(unit) == dimension)
    powers = zip(_BASES, dimension, strict=True)
    written = " ".join(f"{base}{'' if n == 1 else n}" for base, n in powers if n)
    return next(alike, f"a quantity in {written}")


def printed_unit(unit: str) -> str:
    """Return the printed form of a unit: "m2" is "m²", "ohm" is "Ω".

    Parameters
    ----------
    unit : str

    Returns
    -------
    str
    """
    normal = normal_unit(unit)
    return _PRINTED_UNIT.get(normal, normal)


def spellings(unit: str) -> dict[str, float]:
    """Spellings of a unit with its prefixes, and their factors.

    Parameters
    ----------
    unit : str
        "S" gives "fS", "pS", "µS", "uS", …; "1" gives "%".

    Returns
    -------
    dict of str to float
        Factor to the unit, by spelling.
    """
    if unit == "1":
        return {"%": 0.01}
    printed = {"m2": ("m2", "m²"), "ohm": ("ohm", "Ω")}.get(unit, (unit,))
    prefixes = ("f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "u")
    candidates = [prefix + each for each in printed for prefix in prefixes]
    candidates += ["min", "h", "day", "days", "d"] if unit == "s" else []
    candidates += ["cm2", "cm²"] if unit == "m2" else []
    known = {text: factor_of(text, unit) for text in candidates}
    return {text: factor for text, factor in known.items() if factor is not None} or {unit: 1.0}


def prefix_of(value: float, low: int = -15, high: int = 3) -> tuple[int, str]:
    """Power of ten, and its printed prefix, for printing a number.

    Parameters
    ----------
    value : float
        ``prefix_of(2e-5)`` is (-6, "µ"); a number that rounding keeps below a power counts as it.
    low : int
    high : int
        Smallest and largest power.

    Returns
    -------
    tuple of (int, str)
    """
    powers = [power for power in _PREFIXES.values() if low <= power <= high]
    power = max((each for each in powers if value >= 10.0**each * (1 - 1e-9)), default=low)
    return power, _printed_prefix(power)


def engineering(value: float, unit: str = "1", digits: int = 3) -> str:
    """Print a quantity with an SI prefix: 1.23e-9 and "J" give "1.23 nJ", nan gives "–".

    Areas take squared prefixes (mm², µm²) and numbers without a unit none.

    Parameters
    ----------
    value : float
        In the unit.
    unit : str
    digits : int
        Significant ones.

    Returns
    -------
    str
    """
    unit = normal_unit(unit)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else f"{value:+g}"
    if unit not in _PREFIXED:
        return f"{value:.{digits + 1}g}" + ("" if unit == "1" else f" {printed_unit(unit)}")
    step, low, high = (6, -18, 0) if unit == "m2" else (3, -18, 12)
    exponent = _exponent(value, step, low, high, digits)
    prefix = _printed_prefix(exponent // 2 if unit == "m2" else exponent)
    text = _significant(value / 10.0**exponent, digits)
    return f"{text} {prefix}{_PRINTED_UNIT.get(unit, unit)}"


def with_error(value: float, error: float, unit: str = "1", *, share: bool = False) -> str:
    """Print a quantity rounded to its error: 1.2345e-10, 3e-12 and "J" give "123.5 ± 3.0 pJ".

    The error has two significant digits, and the value as many decimals. An error that is unknown,
    zero, or below the fifth digit of the value is left out.

    Parameters
    ----------
    value : float
        In the unit.
    error : float
        In the unit.
    unit : str
    share : bool
        Whether it is a fraction that is read in percent.

    Returns
    -------
    str

    References
    ----------
    JCGM 100:2008, Evaluation of measurement data: guide to the expression of uncertainty in
    measurement, 7.2.6.
    """
    known = math.isfinite(value) and math.isfinite(error) and error > 0
    if share:
        return f"{percent(value, error if known else 0.0)} %" if math.isfinite(value) else "–"
    if not known or error < abs(value) * _LEAST_ERROR:
        return engineering(value, unit)
    written = engineering(max(abs(value), error), unit).partition(" ")[2]
    one = factor_of(written, unit) if written else 1.0
    if one is None:  # a unit without prefixes
        one = 1.0
    return f"{rounded(value / one, error / one)} {written}".rstrip()


def rounded(value: float, error: float) -> str:
    """Print a number and its error, both to the second significant digit of the error.

    Parameters
    ----------
    value : float
    error : float, > 0

    Returns
    -------
    str

    Examples
    --------
    >>> rounded(58.333, 12.04), rounded(97.2222, 0.3104)
    ('58 ± 12', '97.22 ± 0.31')
    """
    if error < abs(value) * _LEAST_ERROR:
        return _significant(value, 5)
    decimals = 1 - math.floor(math.log10(float(f"{error:.1e}")))
    if decimals <= 0:
        value, error = (round(each, decimals) for each in (value, error))
    decimals = max(decimals, 0)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def estimate(value: float, error: float) -> str:
    """Print an estimate of any size and its standard error, both to the error's second digit.

    Parameters
    ----------
    value : float
    error : float, > 0

    Returns
    -------
    str

    Examples
    --------
    >>> estimate(0.0512, 0.0034), estimate(1.234e-13, 2e-15)
    ('0.0512 ± 0.0034', '(1.234 ± 0.020)e-13')
    """
    size = max(abs(value), error)
    if not (math.isfinite(size) and error > 0) or 1e-3 <= size < 1e5:
        return rounded(value, error) if math.isfinite(size) and error > 0 else f"{value:.4g}"
    power = math.floor(math.log10(size))
    text = rounded(value / 10.0**power, error / 10.0**power)
    return f"({text})e{power}" if "±" in text else f"{text}e{power}"


def percent(fraction: float, error: float = 0.0) -> str:
    """Print a share in percent, without the sign, rounded to its error or to two decimals.

    Parameters
    ----------
    fraction : float
    error : float
        0: unknown, and left out; so is one below a hundredth of a percent.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.58333, 0.1204), percent(0.97222, 0.00098), percent(0.97222)
    ('58 ± 12', '97.22 ± 0.10', '97.22')
    """
    if not error > 5e-5:
        return f"{100 * fraction:.2f}"
    if error < 9.95e-4:  # the second digit would be a third decimal
        return f"{100 * fraction:.2f} ± {100 * error:.2f}"
    return rounded(100 * fraction, 100 * error)


def duration(seconds: float) -> str:
    """Print a time in a common unit: "20 s", "1 h", "30 days", "1 year".

    Parameters
    ----------
    seconds : float, s

    Returns
    -------
    str
    """
    for name, length in (("year", 31_536_000.0), ("day", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            count = f"{seconds / length:.3g}"
            plural = "s" if name in ("year", "day") and count != "1" else ""
            return f"{count} {name}{plural}"
    return engineering(seconds, "s") if 0 < seconds < 1 else f"{seconds:.3g} s"


def _converted(number: Decimal, written: str, unit: str, name: str) -> float | None:
    """Convert a number from one unit to another; None if they are of different kinds."""
    wanted = _read_unit(unit)
    if is_celsius(written):
        return _as_float(number + _ICE_POINT, name) if normal_unit(unit) == "K" else None
    measure = _known_unit(written, unit, name)
    if wanted is None or measure.dimension != wanted.dimension:
        return None
    if measure.factor == wanted.factor:
        return _as_float(number, name)
    return _as_float(number, name, measure.factor / wanted.factor)


def _in_si(number: Decimal, written: str, name: str) -> float:
    """Convert a number to SI units; to electronvolts where it is written in them."""
    if is_celsius(written):
        return _as_float(number + _ICE_POINT, name)
    factor = _known_unit(written, None, name).factor
    if normal_unit(written).endswith("eV"):
        factor /= _UNITS["eV"].factor
    return _as_float(number, name, factor)


def is_celsius(unit: str) -> bool:
    """Whether a unit, in any spelling, is the degree Celsius.

    Parameters
    ----------
    unit : str

    Returns
    -------
    bool
    """
    return normal_unit(unit) == _CELSIUS


def _as_float(number: Decimal, name: str, factor: Decimal = Decimal(1)) -> float:
    """Return a product, rounded once; refuse what is too large for a float."""
    try:
        value = float(number * factor)
    except ArithmeticError:
        value = math.inf
    if not math.isfinite(value):
        raise UserError(f"{name} must be a finite number, got one too large to compute with")
    return value


def _known_unit(written: str, expected: str | None, name: str) -> _Measure:
    measure = _read_unit(written)
    if measure is None:
        normal, likely = normal_unit(written), _likely(expected)
        begun = [text for text in _SPECIAL if text in likely and normal and text.startswith(normal)]
        near_by = near(normal, begun[:1], likeness=0.0) or near(normal, likely)
        raise UserError(f"{name}: unknown unit {written!r}{near_by}")
    return measure


def _likely(expected: str | None) -> list[str]:
    """Return the units worth proposing: those of the expected kind, if it is known."""
    wanted = None if expected is None else _read_unit(expected)
    return [
        text
        for text, measure in _UNITS.items()
        if wanted is None or measure.dimension == wanted.dimension
    ]


def _example(expected: str) -> str:
    return _EXAMPLES.get(expected, f"1 {printed_unit(expected)}")


def _printed_prefix(power: int) -> str:
    prefix = next(text for text, known in _PREFIXES.items() if known == power)
    return _PRINTED_PREFIX.get(prefix, prefix)


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
    """Print `value` with a number of digits, trailing zeros kept, without an exponent."""
    if value == 0:
        return "0"
    decade = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))) + 1e-12)
    return f"{value:.{max(digits - 1 - decade, 0)}f}"
