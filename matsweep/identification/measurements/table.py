"""One record of a file: its heading, units and rows."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.core.checks import UserError
from matsweep.core.tables import Row
from matsweep.identification.measurements.columns import Column, example, find_columns
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
    """

    path: str
    heading: Row
    units: tuple[str, ...] = ()
    rows: tuple[Row, ...]
    record: int = 0
    decimal: str | None = None

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
        there = ", ".join(cell for cell in cells if cell) or "none"
        option = example(name, cells, below)
        way = f"; name it, as in {option}{hint}" if option else hint.replace(", or", ";", 1)
        return UserError(
            f"{self.path}, line {self.heading.line}: no column {name.replace('_', ' ')} (there are "
            f"{there}){way or '; add it'}"
        )

    def _filled(self, place: int) -> bool:
        """Whether a column has any value, as the time of some instruments' files has not."""
        return not self.rows or any(place < len(r.cells) and r.cells[place] for r in self.rows)
