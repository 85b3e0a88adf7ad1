"""Quantities of measurements, and the headings under which laboratories write them.

A heading is compared without its unit, in small letters without accents, with words apart:
`PulseNo` and `pulse_no` are `pulse no`, `Polarität` and `Polaritaet` are `polaritat`. A new
spelling, in any language, is a word in one list here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from matsweep.core.units import dimension_of, factor_of, is_celsius, normal_unit, split_heading

_TERMINAL = r"(?:anode|cathode|top|bottom|te|be|drain|a|d|smu ?\d*|ch ?\d*|channel ?\d*|dut)"
_NUMBERED = r"(?: ?\d+)?"  # V1, Voltage_0
_NUMBER = r"(?:no|nr|number|nummer|num|index|idx|count|zahl|#)"
_SPELLINGS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "volt": "V", "volts": "V", "v": "V",
    "amp": "A", "amps": "A", "ampere": "A", "amperes": "A", "siemens": "S", "mho": "S",
    "ohm": "ohm", "ohms": "ohm", "kohm": "kohm", "kohms": "kohm", "kω": "kohm", "kelvin": "K",
    "celsius": "degC", "deg c": "degC",
    "hours": "h", "hour": "h", "hrs": "h", "minutes": "min",
}  # fmt: skip
"""Units as instruments spell them, in small letters."""
_SLASHED = re.compile(
    r"(.+?)(?:\s*/\s*|\s+in\s+)(\S+)"
)  # V / mV, as ISO 80000 writes it; Zeit in s
_LONGEST = 200  # characters of a heading that may name a quantity, and of a unit
_INDEXED = re.compile(r"(.+?)\s*\((\d{1,9})\)\s*")  # AnodeV(2), as Clarius writes repeated sweeps


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
        (r"device|devices|dev|cell|gerat|bauelement|bauteil|zelle|speicherzelle|dispositif|cellule",
         rf"(?:device|dev|cell|dut|gerate?|bauelement|zellen?) ?(?:id|{_NUMBER}|name|bezeichnung)",
         "dut|sample|junction")
    ),
    "cycle": Quantity(
        (r"cycle|cycles|zyklus|zyklen",
         rf"(?:cycle|loop|sweep|zyklus|zyklen) ?(?:{_NUMBER}|id)",
         "number of cycles|loop|repetition|wiederholung|durchlauf")
    ),
    "pulse": Quantity(
        (r"pulse|pulses|puls|impuls|impulse|impulsion", rf"(?:im)?pulse? ?(?:{_NUMBER}|id)",
         "(?:number|n|no|num|count|#) (?:of )?pulses|anzahl (?:der )?(?:im)?pulse|"
         "number|nummer|n|no|nr|#")
    ),
    "polarity": Quantity(
        ("polarity|direction|sign|polaritat|richtung|vorzeichen|polarite",
         "operation|op|action|process|vorgang",
         r"pulse (?:type|polarity|sign|direction)|(?:im)?puls ?(?:art|typ|polaritat|richtung)",
         "ltp ltd|set reset|p d|type|typ")
    ),
    "conductance": Quantity(
        ("conductances?|g|cond|leitwerte?|leitfahigkeit",
         "(?:read|measured|device) conductance|conductance read|g read|g dut|gread|g meas"), "S"
    ),
    "resistance": Quantity(
        ("resistances?|r|res|widerstande?",
         "(?:read|measured|device) resistance|resistance read|r read|r dut|rread|r meas|"
         "lesewiderstand"), "ohm", True
    ),
    "current": Quantity(
        (f"(?:currents?|i|strom|strome|courant){_NUMBERED}",
         "measured current|current measured|i meas|device current|messstrom",
         f"{_TERMINAL} (?:i|current){_NUMBERED}", f"(?:i|current) {_TERMINAL}", "id|itop|ite|curr",
         "read current|current read|i read|iread|lesestrom"),
        "A", True,
    ),
    "voltage": Quantity(
        (f"(?:voltages?|v|spannung|spannungen|tension){_NUMBERED}",
         "applied voltage|voltage applied|v applied|source voltage|v source|v force|device voltage|"
         "sweep voltage|bias voltage|v bias|bias|angelegte spannung|vorspannung",
         f"{_TERMINAL} (?:v|voltage){_NUMBERED}",
         f"(?:v|voltage) {_TERMINAL}", "vd|vtop|vte|volt|volts", "measured voltage|v meas"),
        "V", True,
    ),
    "read_voltage": Quantity(
        ("read voltage|voltage read|v read|vread|read v|read bias|lesespannung|"
         "tension de lecture",), "V", True
    ),
    "pulse_voltage": Quantity(
        ("pulse voltage|v pulse|vpulse|pulse v|(?:im)?puls ?spannung",
         "pulse amplitude|amplitude|pulse height|(?:im)?puls ?(?:amplitude|hohe)",
         "write voltage|v write|programming voltage|v prog|schreibspannung"),
        "V", True,
    ),
    "time": Quantity(
        (f"(?:times?|zeit|zeiten|temps){_NUMBERED}", f"{_TERMINAL} time{_NUMBERED}",
         "elapsed time|time elapsed|retention time|delay time|verstrichene zeit|messzeit|wartezeit",
         "x value", "time ?stamps?|zeitstempel", "t"),
        "s", True,
    ),
    "temperature": Quantity(
        ("temperatures?|temp|temperatur", "t|bake temperature|bake temp|t bake"), "K"
    ),
    "state": Quantity(("state|resistance state|level|zustand|etat",)),
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
    if len(plain) > _LONGEST:  # a sentence, or a broken line
        return Heading(plain, "", None, 0)
    if match := _INDEXED.fullmatch(plain):
        plain, index = match[1], int(match[2])
    name, stated = split_heading(plain)
    if stated is None and (match := _SLASHED.fullmatch(plain)) and is_unit(match[2]):
        name, stated = match[1], match[2]
    words = _letters(re.sub(r"(?<=[a-zäöü])(?=[A-Z])", " ", name))
    words = re.sub(r"[^0-9a-z#]+", " ", words).strip()
    return Heading(text.strip(), words, spelled(stated or unit.strip(" []()")) or None, index)


def _letters(text: str) -> str:
    """Return a text in small letters without accents; ae and oe, in German words, as ä and ö."""
    parts = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(each for each in parts if not unicodedata.combining(each))
    return re.sub(r"(?<=[a-z])([ao])e(?=[hmnrt])", r"\1", plain)


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
    if not 0 < len(text) <= _LONGEST:
        return False
    known = dimension_of(spelled(text)) is not None or fahrenheit(text)
    return normal_unit(text) != "1" and known


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
        warm = wanted == "K" and (celsius(unit) or fahrenheit(unit))
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


def fahrenheit(unit: str | None) -> bool:
    """Whether the unit of a temperature is the degree Fahrenheit, also where its sign is left out.

    Parameters
    ----------
    unit : str or None

    Returns
    -------
    bool
    """
    return unit is not None and unit.lower().replace(" ", "") in ("f", "°f", "degf", "fahrenheit")


def measures(heading: Heading, quantity: str) -> bool:
    """Whether the unit of a heading is one of a quantity, whatever its name is.

    A bare C or F is not taken as one of temperature: charges and capacitances have them.

    Parameters
    ----------
    heading : Heading
    quantity : str

    Returns
    -------
    bool
    """
    wanted, unit = QUANTITIES[quantity].unit, heading.unit
    if wanted is None or unit is None or normal_unit(unit) == "1":
        return False
    if wanted == "K" and (celsius(unit) or fahrenheit(unit)):
        return unit not in ("C", "F")
    return factor_of(unit, wanted) is not None
