"""One record of a file: its heading, units and rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.printing import brief, listed
from matsweep.core.tables import Row
from matsweep.identification.measurements.columns import (
    Column,
    example,
    find_columns,
    named,
    warm_places,
)
from matsweep.identification.measurements.quantities import rank, read_heading
from matsweep.identification.measurements.reading import Reading

_OPTIONAL = ("cycle", "device", "state", "temperature", "time")  # columns that may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One record of a file.

    Parameters
    ----------
    path : str
        For messages.
    heading : Row
    units : tuple of str
        From a row below the heading; empty: there is none.
    rows : tuple of Row
        No longer than the heading.
    record : int
        From 0; files of instruments hold repeated measurements as records.
    decimal : str or None
        "point" or "comma" where the file states it.
    notes : tuple of str
        On how its columns are taken.
    """

    path: str
    heading: Row
    units: tuple[str, ...] = ()
    rows: tuple[Row, ...]
    record: int = 0
    decimal: str | None = None
    notes: tuple[str, ...] = ()

    def columns(self, reading: Reading) -> dict[str, Column]:
        """Columns by quantity.

        Parameters
        ----------
        reading : Reading

        Returns
        -------
        dict of str to Column

        Raises
        ------
        UserError
            If a stated column is not there, or two may hold the same quantity.
        """
        try:
            columns = find_columns(self.heading.cells, self.units, reading.columns)
        except UserError as error:
            raise UserError(f"{self.path}, line {self.heading.line}: {error}") from None
        return {
            name: column
            for name, column in columns.items()
            if name not in _OPTIONAL or name in reading.columns or self._filled(column.place)
        }

    def lacks(self, name: str, hint: str = "") -> UserError:
        """Error of a column that is not there, with the option to add.

        Parameters
        ----------
        name : str
            The quantity.
        hint : str
            A further way out.

        Returns
        -------
        UserError
        """
        cells, below = self.heading.cells, self.rows[0].cells if self.rows else []
        there = listed(cell for cell in cells if cell) or "none"
        option = example(name, cells, below)
        way = f"; name it, as in {option}{hint}" if option else hint
        if way.startswith(", or"):
            way = f"; add it{way}"
        return UserError(
            f"{self.path}, line {self.heading.line}: no column {name.replace('_', ' ')} (there are "
            f"{there}){way or '; add it'}"
        )

    def unused(self, columns: Mapping[str, Column], used: Collection[str]) -> list[str]:
        """Note on the columns that a reader does not use.

        Parameters
        ----------
        columns : mapping of str to Column
            All that are recognised.
        used : collection of str
            Quantities that the reader takes.

        Returns
        -------
        list of str
            One note, or none.
        """
        names = self.left(columns, used)
        if not names:
            return []
        note = f"not used: {listed(names)}"
        if "temperature" in columns and "temperature" not in used:
            place = columns["temperature"].place
            values = {row.cells[place] for row in self.rows if place < len(row.cells)} - {""}
            if len(values) > 1:
                note += f" (with {len(values)} temperatures, whose lines are fitted together)"
        return [note]

    def left(self, columns: Mapping[str, Column], used: Collection[str]) -> list[str]:
        """Headings of the columns that a reader does not use, without empty ones.

        Parameters
        ----------
        columns : mapping of str to Column
        used : collection of str

        Returns
        -------
        list of str
        """
        taken = {column.place for name, column in columns.items() if name in used}
        return [
            cell.strip() if self.heading.line else f"column {place + 1}"
            for place, cell in enumerate(self.heading.cells)
            if place not in taken and cell.strip() and self._filled(place)
        ]

    def by_unit(self, columns: Mapping[str, Column]) -> list[str]:
        """Note on a temperature that is recognised by its unit only.

        Parameters
        ----------
        columns : mapping of str to Column
            In which the temperature is used.

        Returns
        -------
        list of str
            One note, or none.

        Raises
        ------
        UserError
            If several columns hold temperatures by their units, and none by its name.
        """
        cells = self.heading.cells
        column = columns.get("temperature")
        if column is not None:
            if rank(column.heading, "temperature") is None:
                return [
                    f"column {brief(column.heading.text)} is taken as the temperature, by its unit"
                ]
            return []
        headings = [
            read_heading(cell, self.units[k] if k < len(self.units) else "")
            for k, cell in enumerate(cells)
        ]
        warm = warm_places(headings, {each.place for each in columns.values()})
        warm = [place for place in warm if self._filled(place)]
        if len(warm) > 1:
            raise UserError(
                f"{self.path}, line {self.heading.line}: columns "
                f"{' and '.join(brief(cells[place].strip()) for place in warm[:2])} may both "
                "hold the "
                "temperature: choose one, as in "
                f"{typed('columns', {'temperature': named(warm[0], cells)})}"
            )
        return []

    def _filled(self, place: int) -> bool:
        """Whether a column has any value, as the time of some instruments' files has not."""
        return not self.rows or any(place < len(r.cells) and r.cells[place] for r in self.rows)
