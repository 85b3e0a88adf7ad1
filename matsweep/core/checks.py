"""Checks of user input: one clear line for an invalid value.

Every message names the parameter with its unit, the rule it broke and the value given:
``read_voltage [V] must be > 0, got -0.2``. Parameters are checked when the object that holds
them is built, before any work starts.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT

from matsweep.core.printing import shown

_LONGEST, _MOST = 200, 10_000  # characters of names that are compared, and their number


class UserError(ValueError):
    """Mistake of the user, reported in one line that says how to fix it."""


LARGEST = 2**63 - 1
"""Largest whole number of a setting: beyond it neither arrays nor other programs hold it."""


class StoppedError(UserError):
    """The user stopped a run; finished results are safe.

    Parameters
    ----------
    text : str
    signal : int
        That stopped it.
    """

    def __init__(self, text: str, signal: int = SIGINT) -> None:
        super().__init__(text)
        self.signal = signal


def finite(name: str, value: object, unit: str = "") -> float:
    """Check that a value is a finite real number.

    Parameters
    ----------
    name : str
    value : object
    unit : str
        For the message.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is not a number (text, None, bool, a list) or is nan or infinite.
    """
    number = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise UserError(f"{_label(name, unit)} must be a finite number, got {shown(value)}")
    return number


def positive(name: str, value: object, unit: str = "") -> float:
    """Check that a value is a finite number > 0.

    Parameters
    ----------
    name : str
    value : object
    unit : str
        For the message.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is not.
    """
    number = finite(name, value, unit)
    if number <= 0:
        raise UserError(f"{_label(name, unit)} must be > 0, got {shown(value)}")
    return number


def non_negative(name: str, value: object, unit: str = "") -> float:
    """Check that a value is a finite number >= 0.

    Parameters
    ----------
    name : str
    value : object
    unit : str
        For the message.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is not.
    """
    number = finite(name, value, unit)
    if number < 0:
        raise UserError(f"{_label(name, unit)} must be >= 0, got {shown(value)}")
    return number


def in_range(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """Check that a value is a finite number in [low, high].

    Parameters
    ----------
    name : str
    value : object
    low : float
    high : float
    unit : str
        For the message.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If it is not.
    """
    number = finite(name, value, unit)
    if not low <= number <= high:
        raise UserError(f"{_label(name, unit)} must be in [{low:g}, {high:g}], got {shown(value)}")
    return number


def whole(name: str, value: object, low: int = 0, high: int | None = None) -> int:
    """Check that a value is a whole number in [low, high].

    Parameters
    ----------
    name : str
    value : object
    low : int
    high : int or None
        None: the largest of 64 bits.

    Returns
    -------
    int

    Raises
    ------
    UserError
        If it is not.
    """
    number = finite(name, value)
    if number != int(number):
        raise UserError(f"{name} must be a whole number, got {shown(value)}")
    exact = value if isinstance(value, int) else int(number)
    most = LARGEST if high is None else high
    if not low <= exact <= most:
        rule = f">= {low}" if high is None and exact < low else f"in [{low}, {most}]"
        raise UserError(f"{name} must be {rule}, got {shown(value)}")
    return exact


def truth(name: str, value: object) -> bool:
    """Check that a value is true or false.

    Parameters
    ----------
    name : str
    value : object

    Returns
    -------
    bool

    Raises
    ------
    UserError
        If it is neither.
    """
    if not isinstance(value, bool):
        raise UserError(f"{name} must be true or false, got {shown(value)}")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """Check that a value is one of some names.

    Parameters
    ----------
    name : str
    value : object
    choices : iterable of str

    Returns
    -------
    str

    Raises
    ------
    UserError
        If it is not; the message proposes near misses.
    """
    known = sorted(choices)
    if not isinstance(value, str) or value not in known:
        raise UserError(
            f"{name} must be one of {', '.join(known)}; got {shown(value)}{near(value, known)}"
        )
    return value


def near(value: object, known: Iterable[str], *, likeness: float = 0.5) -> str:
    """Suggest the known names closest to a value, in upper and lower case alike.

    Parameters
    ----------
    value : object
    known : iterable of str
    likeness : float, dimensionless
        The least that counts as close; 1: equal.

    Returns
    -------
    str
        "; did you mean …?", or empty if none is close.
    """
    text = str(value)
    if len(text) > _LONGEST:
        return ""
    alike: dict[str, list[str]] = {}
    for name in sorted(name for name in set(known) if len(name) <= _LONGEST)[:_MOST]:
        alike.setdefault(name.casefold(), []).append(name)
    folded = difflib.get_close_matches(text.casefold(), sorted(alike), n=3, cutoff=likeness)
    # Names that differ in case alone, as mS and MS do: the one with more of the value's case first.
    cased = difflib.SequenceMatcher(None, text)
    close: list[str] = []
    for each in folded:
        close += sorted(alike[each], key=lambda name: (-_ratio(cased, name), name))
    close = close[:3]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _ratio(matcher: difflib.SequenceMatcher[str], name: str) -> float:
    matcher.set_seq2(name)
    return matcher.ratio()


@contextmanager
def within(path: str, *, except_for: Sequence[str] = ()) -> Iterator[None]:
    """Give an error that begins with a parameter's name the parameter's whole path.

    Parameters
    ----------
    path : str
        Of the part that the parameter belongs to: ``workload.data``.
    except_for : sequence of str
        Parameters of another part.

    Yields
    ------
    None

    Raises
    ------
    UserError
        As raised inside, with the path before its first word.
    """
    try:
        yield
    except UserError as error:
        text = str(error)
        if text.partition(" ")[0] in except_for:
            raise
        raise UserError(f"{path}.{text}") from None


def _label(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
