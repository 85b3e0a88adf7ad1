"""Columns of a table by the quantity that they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matsweep.core.checks import UserError, near
from matsweep.identification.measurements.quantities import (
    QUANTITIES,
    Heading,
    rank,
    read_heading,
)

_OF_SWEEPS = ("direction", "type", "sign")
_VALUES = ("conductance", "resistance", "current")


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
                f"columns {' and '.join(headings[place].text for place in best)} may both hold the "
                f"{name.replace('_', ' ')}: choose one, as in "
                f"columns={{{name}: {quoted(headings[best[0]].text)}}}"
            )
        if best:
            found[name] = Column(best[0], headings[best[0]])
            taken.add(best[0])
    return found


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
        f"{wanted!r}{near(wanted, texts)} (there are {', '.join(texts)})"
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
    numbered = "pulse" in columns and columns["pulse"].heading.name.startswith("pulse")
    return numbered or "pulse_voltage" in columns


def missing(path: str, line: int, name: str, cells: Sequence[str], hint: str = "") -> UserError:
    """Error of a column that is not there, with the line to add.

    Parameters
    ----------
    path : str
    line : int
        Of the heading.
    name : str
        The quantity.
    cells : sequence of str
        The headings.
    hint : str
        A further way out.

    Returns
    -------
    UserError
    """
    there = ", ".join(cell for cell in cells if cell) or "none"
    known = [
        any(rank(read_heading(cell), each) is not None for each in QUANTITIES) for cell in cells
    ]
    free = [cell for cell, taken in zip(cells, known, strict=True) if cell and not taken]
    return UserError(
        f"{path}, line {line}: no column {name.replace('_', ' ')} (there are {there}); name it, as "
        f"in columns={{{name}: {quoted(free[0]) if free else 'HEADING'}}}{hint}"
    )


def quoted(text: str) -> str:
    """Return a heading as it stands in `columns={…}` on a command line.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        In quotes where it holds more than letters, digits and underscores.
    """
    return text if text.isidentifier() else '"' + text.replace('"', '\\"') + '"'
