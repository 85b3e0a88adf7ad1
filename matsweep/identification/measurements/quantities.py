"""Quantities of measurements, and the headings under which laboratories write them.

A heading is compared without its unit, in small letters, with words apart (`PulseNo` and `pulse_no`
are `pulse no`). A new spelling is a word in one list here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from matsweep.core.units import dimension_of, factor_of, is_celsius, normal_unit, split_heading

_TERMINAL = r"(?:anode|cathode|top|bottom|te|be|drain|a|d|smu ?\d*|ch ?\d*|channel ?\d*|dut)"
_NUMBERED = r"(?: ?\d+)?"  # V1, Voltage_0
_SPELLINGS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "volt": "V", "volts": "V", "v": "V",
    "amp": "A", "amps": "A", "ampere": "A", "amperes": "A", "siemens": "S", "mho": "S",
    "ohm": "ohm", "ohms": "ohm", "kohm": "kohm", "kohms": "kohm", "kω": "kohm", "kelvin": "K",
    "celsius": "degC", "deg c": "degC",
    "hours": "h", "hour": "h", "hrs": "h", "minutes": "min",
}  # fmt: skip
"""Units as instruments spell them, in small letters."""
_SLASHED = re.compile(r"(.+?)\s*/\s*(\S+)")  # V / mV, as ISO 80000 writes it
_INDEXED = re.compile(r"(.+?)\s*\((\d+)\)\s*")  # AnodeV(2), as Clarius writes repeated sweeps


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of a measurement.

    Parameters
    ----------
    names : tuple of str
        Regular expressions of headings, the surest first.
    unit : str or None
        Of its values in the data; None: it has none.
    assumed : bool
        Whether instruments leave the unit out: then it is taken to be `unit`.
    """

    names: tuple[str, ...]
    unit: str | None = None
    assumed: bool = False


QUANTITIES: dict[str, Quantity] = {
    "device": Quantity(
        (r"device|dev|cell", r"(?:device|dev|cell|dut) (?:id|no|number|name|#)",
         "dut|sample|junction")
    ),
    "cycle": Quantity(
        (r"cycle|cycles", r"(?:cycle|loop|sweep) (?:no|number|num|index|count|id|#)",
         "number of cycles|loop|repetition")
    ),
    "pulse": Quantity(
        (r"pulse|pulses", r"pulse ?(?:no|number|num|index|count|id|#)",
         "number of pulses|number|n|no|#")
    ),
    "polarity": Quantity(
        ("polarity|direction|sign", "operation|op|action|process", r"pulse (?:type|polarity|sign)",
         "ltp ltd|set reset|p d|type")
    ),
    "conductance": Quantity(
        ("conductance|g|cond", "read conductance|conductance read|g read|g dut|gread"), "S"
    ),
    "resistance": Quantity(
        ("resistance|r|res", "read resistance|resistance read|r read|r dut|rread"), "ohm", True
    ),
    "current": Quantity(
        (f"(?:current|i){_NUMBERED}", "measured current|current measured|i meas|device current",
         f"{_TERMINAL} (?:i|current){_NUMBERED}", f"(?:i|current) {_TERMINAL}", "id|itop|ite|curr",
         "read current|current read|i read|iread"),
        "A", True,
    ),
    "voltage": Quantity(
        (f"(?:voltage|v){_NUMBERED}",
         "applied voltage|voltage applied|v applied|source voltage|v source|v force|device voltage|"
         "sweep voltage|bias voltage|v bias|bias", f"{_TERMINAL} (?:v|voltage){_NUMBERED}",
         f"(?:v|voltage) {_TERMINAL}", "vd|vtop|vte|volt|volts", "measured voltage|v meas"),
        "V", True,
    ),
    "read_voltage": Quantity(
        ("read voltage|voltage read|v read|vread|read v|read bias",), "V", True
    ),
    "pulse_voltage": Quantity(
        ("pulse voltage|v pulse|vpulse|pulse v", "pulse amplitude|amplitude|pulse height",
         "write voltage|v write|programming voltage|v prog"),
        "V", True,
    ),
    "time": Quantity(
        (f"time{_NUMBERED}", f"{_TERMINAL} time{_NUMBERED}",
         "elapsed time|time elapsed|retention time|delay time", "x value",
         "time ?stamp", "t"),
        "s", True,
    ),
    "temperature": Quantity(("temperature|temp", "t|bake temperature|bake temp|t bake"), "K"),
    "state": Quantity(("state|resistance state|level",)),
    "on": Quantity(("lrs|on|r on|ron|g on|gon|i on|ion|r lrs|rlrs|g lrs|glrs|i lrs|ilrs|lrs "
                    "(?:resistance|conductance|current)|(?:resistance|conductance|current) lrs",)),
    "off": Quantity(("hrs|off|r off|roff|g off|goff|i off|ioff|r hrs|rhrs|g hrs|ghrs|i hrs|ihrs|"
                     "hrs (?:resistance|conductance|current)|"
                     "(?:resistance|conductance|current) hrs",)),
}  # fmt: skip
"""Every quantity that a column may hold: here and nowhere else."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: its name in small letters with words apart, unit, and index (or 0)."""

    text: str
    name: str
    unit: str | None
    index: int


def read_heading(text: str, unit: str = "") -> Heading:
    """Split a heading into name, unit and index.

    Parameters
    ----------
    text : str
        ``conductance [uS]``, ``V / mV``, ``AnodeI(2)``.
    unit : str
        From a row of units below the headings.

    Returns
    -------
    Heading
    """
    plain, index = text.strip(), 0
    if match := _INDEXED.fullmatch(plain):
        plain, index = match[1], int(match[2])
    name, stated = split_heading(plain)
    if stated is None and (match := _SLASHED.fullmatch(plain)) and is_unit(match[2]):
        name, stated = match[1], match[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.sub(r"[^0-9a-z#]+", " ", words.lower()).strip()
    return Heading(text.strip(), words, spelled(stated or unit.strip(" []()")) or None, index)


def spelled(unit: str) -> str:
    """Return a unit as the table of units spells it: "Volts" is "V".

    Parameters
    ----------
    unit : str

    Returns
    -------
    str
    """
    return _SPELLINGS.get(unit.lower(), unit) if dimension_of(unit) is None else unit


def is_unit(text: str) -> bool:
    """Whether a text is a known unit, in an instrument's spelling or ours.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool
    """
    return bool(text) and normal_unit(text) != "1" and dimension_of(spelled(text)) is not None


def rank(heading: Heading, quantity: str) -> int | None:
    """Rank of a heading among the spellings of a quantity.

    Parameters
    ----------
    heading : Heading
    quantity : str

    Returns
    -------
    int or None
        0 is the surest; None if it is none of them.
    """
    wanted, unit = QUANTITIES[quantity].unit, heading.unit
    if heading.name == "t" and wanted is not None and unit is not None:  # time or temperature
        warm = wanted == "K" and celsius(unit)
        if not warm and factor_of(unit, wanted) is None:
            return None
    patterns = QUANTITIES[quantity].names
    return next((k for k, each in enumerate(patterns) if re.fullmatch(each, heading.name)), None)


def celsius(unit: str | None) -> bool:
    """Whether the unit of a temperature is the degree Celsius, also where its sign is left out.

    Parameters
    ----------
    unit : str or None

    Returns
    -------
    bool
    """
    return unit is not None and (is_celsius(unit) or unit == "C")
