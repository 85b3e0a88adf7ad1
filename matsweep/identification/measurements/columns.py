"""Columns of a table by the quantity that they hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from matsweep.core.checks import UserError, near
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, listed, shown
from matsweep.identification.measurements.quantities import (
    QUANTITIES,
    Heading,
    measures,
    rank,
    read_heading,
)

TEXTS = ("device", "polarity", "state")
"""Quantities that are no numbers."""
_OF_SWEEPS = ("direction", "type", "sign", "richtung", "vorzeichen")
_VALUES = ("conductance", "resistance", "current")
_LONGEST = 60  # characters of a number, and of a heading in a command
_LOOKED_AT = 100  # headings among which a likely one is looked for
_NUMERIC = re.compile(r"[-+]?[\d.,'\s]*\d[\d.,]*\s*([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its place in the rows, from 0, and its heading."""

    place: int
    heading: Heading


def find_columns(
    cells: Sequence[str], units: Sequence[str], stated: Mapping[str, str | int | None]
) -> dict[str, Column]:
    """Columns of all quantities that the headings name.

    Parameters
    ----------
    cells : sequence of str
        The headings.
    units : sequence of str
        Of the row below them; may be empty.
    stated : mapping of str to (str, int or None)
        Heading, or number from 1, of a quantity's column; None: there is none.

    Returns
    -------
    dict of str to Column

    Raises
    ------
    UserError
        If a stated column is not there, or two columns may hold the same quantity.
    """
    headings = [
        read_heading(cell, units[k] if k < len(units) else "") for k, cell in enumerate(cells)
    ]
    found = {
        name: Column(place, headings[place])
        for name, wanted in stated.items()
        if wanted is not None
        for place in [_place(name, wanted, headings)]
    }
    taken = {column.place for column in found.values()}
    for name in QUANTITIES:
        if name in stated:
            continue
        ranks = {k: rank(h, name) for k, h in enumerate(headings) if k not in taken}
        known = {place: value for place, value in ranks.items() if value is not None}
        best = [place for place, value in known.items() if value == min(known.values())]
        if len(best) > 1:
            raise UserError(
                f"columns {' and '.join(brief(headings[place].text) for place in best[:2])} may "
                "both hold the "
                f"{name.replace('_', ' ')}: choose one, as in "
                f"{typed('columns', {name: named(best[0], cells)})}"
            )
        if best:
            found[name] = Column(best[0], headings[best[0]])
            taken.add(best[0])
    warm = warm_places(headings, taken)
    if "temperature" not in {*found, *stated} and len(warm) == 1:
        found["temperature"] = Column(warm[0], headings[warm[0]])
    return found


def warm_places(headings: Sequence[Heading], taken: Collection[int]) -> list[int]:
    """Places of columns that hold temperatures by their units.

    Parameters
    ----------
    headings : sequence of Heading
    taken : collection of int
        Places of columns that hold another quantity.

    Returns
    -------
    list of int
    """
    places = [k for k, heading in enumerate(headings) if k not in taken]
    return [k for k in places if measures(headings[k], "temperature")]


def _place(name: str, wanted: str | int, headings: Sequence[Heading]) -> int:
    """Return the place of a stated column: by its whole heading, its name, or its number."""
    texts = [heading.text for heading in headings]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= len(texts):
        return wanted - 1
    plain = str(wanted).strip().lower()
    for candidates in ([text.lower() for text in texts], [heading.name for heading in headings]):
        if candidates.count(plain) == 1:
            return candidates.index(plain)
    raise UserError(
        f"columns.{name} must name a column by its heading or its number from 1, got "
        f"{shown(wanted)}{near(wanted, texts)} (there are {listed(texts)})"
    )


def kind_of(columns: Mapping[str, Column]) -> str | None:
    """Kind of measurement that columns hold.

    Parameters
    ----------
    columns : mapping of str to Column

    Returns
    -------
    str or None
        "pulses", "sweeps", "retention" or "endurance"; None if they hold none.
    """
    value = any(name in columns for name in _VALUES)
    if "on" in columns and "off" in columns:
        return "endurance"
    if value and _pulsed(columns):
        return "pulses"
    if "voltage" in columns and "current" in columns:
        return "sweeps"
    if value and "state" in columns and "cycle" in columns:
        return "endurance"
    if value and "time" in columns and "voltage" not in columns:
        # A current alone lacks its voltage, whatever it was measured for.
        known = {"conductance", "resistance", "read_voltage"} & set(columns)
        return "retention" if known else "sweeps"
    return "pulses" if value and "pulse" in columns else None


def _pulsed(columns: Mapping[str, Column]) -> bool:
    """Whether columns are of pulses for sure: numbers and directions stand next to sweeps, too."""
    swept = {"voltage", "current"} <= set(columns) and "read_voltage" not in columns
    if "polarity" in columns:
        return not (swept and columns["polarity"].heading.name in _OF_SWEEPS)
    numbered = "pulse" in columns and "puls" in columns["pulse"].heading.name
    return numbered or "pulse_voltage" in columns


def example(name: str, cells: Sequence[str], below: Sequence[str]) -> str:
    """Option that names the column of a quantity, with the heading that is the nearest to it.

    Parameters
    ----------
    name : str
        The quantity.
    cells : sequence of str
        The headings.
    below : sequence of str
        The cells of the first row; may be empty.

    Returns
    -------
    str
        As it is typed in a shell; empty where every column holds another quantity.
    """
    free = [
        place
        for place, cell in enumerate(cells[:_LOOKED_AT])
        if cell and all(rank(read_heading(cell), each) is None for each in QUANTITIES)
    ]
    fit = [
        place for place in free
        if name in TEXTS or not below or (place < len(below) and numeric(below[place]))
    ]  # fmt: skip

    def likeness(place: int) -> tuple[bool, float]:
        heading = read_heading(cells[place])
        alike = difflib.SequenceMatcher(None, heading.name, name).ratio()
        return measures(heading, name), alike

    best = max(fit or free, key=likeness, default=None)
    return "" if best is None else typed("columns", {name: named(best, cells)})


def named(place: int, cells: Sequence[str]) -> str | int:
    """Name of a column in the option `columns`: its heading, or its number where this is not one's.

    Parameters
    ----------
    place : int
        From 0.
    cells : sequence of str
        The headings.

    Returns
    -------
    str or int
    """
    texts = [cell.strip().lower() for cell in cells]
    own = texts[place]
    short = 0 < len(own) <= _LONGEST and own.isprintable()
    return cells[place].strip() if short and texts.count(own) == 1 else place + 1


def numeric(cell: str) -> bool:
    """Whether a cell looks like a number, whatever marks its decimals.

    Parameters
    ----------
    cell : str

    Returns
    -------
    bool
    """
    return len(cell) < _LONGEST and _NUMERIC.fullmatch(cell) is not None
