"""Table design: points listed by the user, one per row of a file."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.files import read_content
from matsweep.core.printing import brief, shown
from matsweep.core.tables import Row, read_rows, refuse_lines
from matsweep.core.units import value_in_unit
from matsweep.planning.axes import Axis, Values, written_value
from matsweep.planning.designs.contract import Design
from matsweep.planning.designs.points import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Design):
    """The rows of a table: one column per axis, one row per point.

    Headers are names of parameters or groups as on the command line. A CSV cell holds the text that
    would follow the `=`: a number, a choice, true, false, null, a list. In a Parquet file columns
    are numbers, texts, booleans or lists; a missing value is null.

    Rows that violate a constraint are dropped.

    Parameters
    ----------
    path : str or None
        The file, `.csv` or `.parquet`, relative to the working directory.
    """

    path: str | None = None

    def __post_init__(self) -> None:
        if not self.path or not isinstance(self.path, str):
            raise UserError("path must name a table: design.path=points.csv, or .parquet")
        if Path(self.path).suffix not in _READERS:
            raise UserError(f"path must end in {' or '.join(_READERS)}, got {self.path!r}")

    def axes(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        """Return the table's columns as axes; others are refused."""
        if axes:
            raise UserError(
                f"axis {axes[0].name}: design=table takes all axes from {self.path}; make it a "
                "column there, or leave it out (axes=null for those of an experiment)"
            )
        names, rows, _ = self._read()
        return tuple(
            Values(name=name, values=_distinct(row[index] for row in rows))
            for index, name in enumerate(names)
        )

    def size(self, axes: Sequence[Axis]) -> int:
        """Return the number of rows."""
        return len(self._read()[1])

    def points(self, axes: Sequence[Axis]) -> Iterator[Point]:
        """Yield the rows; quantities as numbers in the axes' units."""
        units = [axis.unit if isinstance(axis, Values) else None for axis in axes]
        rows = self._read()[1]
        if not any(units):
            return iter(rows)
        return (tuple(map(value_in_unit, row, units, [axis.name for axis in axes])) for row in rows)

    @property
    def source(self) -> str:
        """The table's path."""
        assert self.path is not None
        return self.path

    def where(self, row: int) -> str:
        """Return the file, and the line (CSV) or the row (Parquet, from 1)."""
        return f"{self.path}, {self._read()[2](row)}"

    def _read(self) -> _Content:
        assert self.path is not None
        return _read(self.path, _stamp(self.path))


_FOREIGN = ";\t|"  # separators of other tables; in no name of a parameter

type _Content = tuple[list[str], list[Point], Callable[[int], str]]
"""Names of the columns, rows, and the name of a row in messages."""


def _stamp(path: str) -> tuple[int, int]:
    try:
        state = os.stat(path)
    except OSError as problem:
        raise UserError(f"design.path: {path} cannot be read: {problem.strerror}") from None
    except ValueError:
        raise UserError(f"design.path: {shown(path)} is no name of a file") from None
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(maxsize=2)
def _read(path: str, stamp: tuple[int, int]) -> _Content:
    """Read a table, once while the file stays as it is."""
    names, rows, called = _READERS[Path(path).suffix](path)
    counts = Counter(names)
    for name in names:
        if not name:
            raise UserError(f"{path}: a column has no header: give it a parameter's name")
        if counts[name] > 1:
            raise UserError(f"{path}: two columns are {brief(name)}: leave one out")
    if not rows:
        raise UserError(f"{path} has no rows: give it at least one")
    return names, rows, called


def _csv(path: str) -> _Content:
    rows: list[Point] = []
    lines: list[int] = []
    cell = functools.cache(_cell)
    heading, *others = read_rows(path, owner="design.path") or [Row(1, [])]
    if found := next((mark for mark in _FOREIGN if mark in "".join(heading.cells)), None):
        raise UserError(
            f"design.path: {path}, line {heading.line}: cells must be separated by commas, got "
            f"{shown(found)} in the header"
        )
    for line, texts in others:
        lines.append(line)
        rows.append(_row(heading.cells, texts, cell, f"{path}, line {line}"))
    return heading.cells, rows, lambda row: f"line {lines[row]}"


def _row(names: list[str], texts: list[str], cell: Callable[[str], object], where: str) -> Point:
    if len(texts) != len(names):
        raise UserError(
            f"{where} has {len(texts)} cells, the header {len(names)}: separate cells by commas, "
            'and put a cell that holds one in quotes ("[8,8]")'
        )
    values = []
    for name, text in zip(names, texts, strict=True):
        try:
            values.append(cell(text))
        except UserError as error:
            raise UserError(f"{where}: {brief(name)} {error}") from None
    return tuple(values)


def _cell(text: str) -> object:
    """Parse the text of a cell: a number, or a value in Hydra's grammar."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    if not text:
        raise UserError("is empty: give it a value (null, if none is meant)")
    return written_value(text)


def _parquet(path: str) -> _Content:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            "design.path: Parquet needs pyarrow: pip install 'matsweep[export]', or give a .csv"
        ) from None
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(read_content(path)))
        refuse_lines(file.metadata.num_rows, f"design.path: {path}")
        table = file.read()
    except UserError:
        raise
    except (OSError, ValueError, pyarrow.ArrowException) as problem:
        reason = getattr(problem, "strerror", None) or brief(problem, 200)
        raise UserError(f"design.path: {path} cannot be read: {reason}") from None
    columns = [_plain_column(path, field.name, table[field.name]) for field in table.schema]
    return table.column_names, list(zip(*columns, strict=True)), lambda row: f"row {row + 1}"


def _plain_column(path: str, name: str, column: Any) -> list[object]:
    values: list[object] = column.to_pylist()
    for row, value in enumerate(values):
        if not isinstance(value, (bool, int, float, str, list, type(None))):
            raise UserError(
                f"{path}, row {row + 1}: {name} must be a number, a text, true, false or a list, "
                f"got {shown(value)}"
            )
    return values


_READERS: dict[str, Callable[[str], _Content]] = {".csv": _csv, ".parquet": _parquet}


def _distinct(values: Iterator[object]) -> tuple[object, ...]:
    distinct = {v if isinstance(v, Hashable) else repr(v): v for v in values}
    return tuple(distinct.values())
