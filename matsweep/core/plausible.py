"""Bounds of plausibility: values that a parameter can have, and hardly any device does.

A rule that a value breaks (a conductance below zero) is the business of the object that holds it.
Within the rules a value may still be a slip, such as 25 S for 25 µS or 85 K for 85 °C. So a
parameter's annotation may state the bounds of plausible values next to its unit, and a study or a
test bench questions a value beyond them before it runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matsweep.core.checks import UserError
from matsweep.core.units import normal_unit, printed_unit, read_parameter

WAY_OUT = "plausible=false goes on"

_MEANT = {
    "S": ("uS", "nS", "mS"), "ohm": ("kohm", "Mohm", "mohm"), "V": ("mV",), "A": ("uA", "nA"),
    "F": ("fF", "pF"), "s": ("ns", "us", "ms"), "Hz": ("GHz", "MHz", "kHz"), "m": ("nm", "um"),
    "J": ("pJ", "fJ"), "eV": ("meV",), "K": ("degC",), "1": ("%",),
}  # fmt: skip
"""Units in which people think of a quantity, by its unit, the likeliest first."""
_TYPED = (0.1, 1000.0)  # magnitudes of a number that is likely to lack its prefix
_LISTED = 3  # further values named in one message


@dataclass(frozen=True, slots=True)
class Plausible:
    """Bounds of a parameter's plausible values, in its annotation next to its unit.

    ``Annotated[Conductance, Plausible(1e-12, 0.1)]``. Of several the last counts, so that a
    parameter narrows the bounds of its quantity. Bounds of a whole part, such as a law, hold for
    its dimensionless numbers that state none.

    Parameters
    ----------
    low, high : float
        In the parameter's unit; 0 is always plausible: an effect that is left out.
    only : frozenset of str
        Keys of a mapping that the bounds are for; empty: all.
    """

    low: float
    high: float
    only: frozenset[str] = frozenset()

    def holds(self, value: float) -> bool:
        """Whether a value is plausible.

        Parameters
        ----------
        value : float
            In the parameter's unit.

        Returns
        -------
        bool
        """
        return value == 0 or self.low <= value <= self.high

    def of(self, key: str) -> Plausible | None:
        """Bounds of an item of a mapping.

        Parameters
        ----------
        key : str

        Returns
        -------
        Plausible or None
            None where they are not for its key.
        """
        return self if not self.only or key in self.only else None


class Number(NamedTuple):
    """A number of a configuration.

    Parameters
    ----------
    path : str
        Dotted name of the parameter.
    value : float
    unit : str or None
        Of the parameter; None: none is stated, as for a count.
    plausible : Plausible or None
        None: no bounds are stated.
    """

    path: str
    value: float
    unit: str | None
    plausible: Plausible | None


class Question(NamedTuple):
    """A question about an implausible number.

    Parameters
    ----------
    path : str
        Dotted name of the parameter.
    text : str
        ``device.g_max [S] should be in [1e-12, 0.1], got 25``.
    hint : str
        ``; did you mean 25uS?``, or empty.
    """

    path: str
    text: str
    hint: str

    @property
    def line(self) -> str:
        """Text and hint."""
        return f"{self.text}{self.hint}"


def doubts(numbers: Iterable[Number], prefix: str = "") -> list[Question]:
    """Questions about the implausible ones among some numbers.

    Parameters
    ----------
    numbers : iterable of Number
    prefix : str
        Before the name: "axis " where the values are swept.

    Returns
    -------
    list of Question
    """
    return [
        _question(each, each.plausible, prefix)
        for each in numbers
        if each.plausible is not None
        and math.isfinite(each.value)  # the parameter's own rule refuses what is not
        and not each.plausible.holds(each.value)
    ]


def refuse(questions: Sequence[Question]) -> None:
    """Refuse implausible values, in one line.

    Parameters
    ----------
    questions : sequence of Question
        None: nothing is refused.

    Raises
    ------
    UserError
        With the first question in full, the parameters of the next, and the way out.
    """
    if not questions:
        return
    first, *others = questions
    named = [each.text.partition(" should be ")[0] for each in others[:_LISTED]]
    listed = ", ".join([*named, "…"] if len(others) > _LISTED else named)
    more = f"likewise {listed}; " if others else ""
    raise UserError(f"{first.line} ({more}{WAY_OUT})")


def preferred(error: UserError, questions: Sequence[Question]) -> UserError:
    """Error about an invalid value, or the question about the implausible one that caused it.

    A conductance of 25 S is first refused by a law that was fitted up to 40 µS, though the
    conductance is the slip.

    Parameters
    ----------
    error : UserError
    questions : sequence of Question
        About the same configuration.

    Returns
    -------
    UserError
        The error itself, with the unit guessed, if it is about one of the questioned parameters,
        or if there is no question.
    """
    for each in questions:
        if re.search(rf"(?:^|\s){re.escape(each.path)}[ .]", str(error)):
            return UserError(f"{error}{each.hint}") if each.hint else error
    try:
        refuse(questions)
    except UserError as question:
        return question
    return error


def _question(number: Number, bounds: Plausible, prefix: str) -> Question:
    unit = normal_unit(number.unit or "1")
    label = number.path if unit == "1" else f"{number.path} [{printed_unit(unit)}]"
    given = f"{number.value:g}"
    if number.unit is not None and unit == "1" and abs(number.value) >= 1:
        given += f" ({100 * number.value:g} %)"
    guess = meant(number.value, number.unit, bounds)
    text = f"{prefix}{label} should be in [{bounds.low:g}, {bounds.high:g}], got {given}"
    return Question(number.path, text, f"; did you mean {guess}?" if guess else "")


def meant(value: float, unit: str | None, bounds: Plausible) -> str:
    """Guess the unit that a number lacks: 25 S was 25 µS, 85 K was 85 °C, 5 was 5 %.

    Parameters
    ----------
    value : float
    unit : str or None
        Of the parameter.
    bounds : Plausible

    Returns
    -------
    str
        The quantity as it can be typed; empty where no usual unit makes it plausible.
    """
    if unit is None or not _TYPED[0] <= abs(value) < _TYPED[1]:
        return ""
    for each in _MEANT.get(normal_unit(unit), ()):
        typed = f"{value:g}{each}"
        read = read_parameter(typed, unit, "")
        if read is not None and bounds.holds(read):
            return typed
    return ""
