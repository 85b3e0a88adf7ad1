"""Formats of instruments' programs: EasyEXPERT of Keysight, and LabVIEW's measurement files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from matsweep.core.tables import Row, finite_number
from matsweep.identification.measurements.columns import numeric
from matsweep.identification.measurements.table import Table

_LVM_END = "***End_of_Header***"


def of_instrument(path: str, rows: Sequence[Row]) -> list[Table] | None:
    """Find the records of a file in the format of an instrument's program.

    Parameters
    ----------
    path : str
        For messages.
    rows : sequence of Row
        All lines of the file; at least one.

    Returns
    -------
    list of Table or None
        None for any other file.
    """
    if rows[0].cells[0].startswith("LabVIEW Measurement"):
        return list(_lvm(path, rows))
    if any(_tag(row) == "dataname" for row in rows):
        return list(_easy_expert(path, rows))
    return None


def _tag(row: Row) -> str:
    return row.cells[0].replace(" ", "").lower()


def _easy_expert(path: str, rows: Sequence[Row]) -> Iterator[Table]:
    """Yield the records of EasyEXPERT (Keysight B1500): a tag begins each line.

    DataName, DataUnit and DataValue hold headings, units and numbers, all else is set-up. Numbers
    may also stand below DataName without a tag: their line then begins with a number or is empty
    there.
    """
    record, heading, units, body = 0, None, tuple[str, ...](), list[Row]()
    for row in itertools.chain(rows, [Row(0, ["DataName"])]):
        kind, rest = _tag(row), Row(row.line, row.cells[1:])
        if kind == "dataunit":
            units = tuple(rest.cells)
        elif kind == "datavalue" or (heading and not kind and any(map(numeric, rest.cells))):
            body.append(rest)
        elif heading and numeric(row.cells[0]):
            body.append(row)
        elif kind == "dataname":
            if heading is not None:
                yield Table(
                    path=path, heading=heading, units=units, rows=tuple(body), record=record
                )
                record += 1
            heading, units, body = rest, (), []


def _lvm(path: str, rows: Sequence[Row]) -> Iterator[Table]:
    """Yield the segments of LabVIEW's measurement files (.lvm), each with its own header."""
    ends = [k for k, row in enumerate(rows) if row.cells[0] == _LVM_END]
    facts = {row.cells[0]: row.cells[1:] for row in rows[: ends[0] if ends else 0]}
    decimal = "comma" if facts.get("Decimal_Separator", [])[:1] == [","] else "point"
    for record, end in enumerate(ends[1:]):
        begin = ends[record]
        own = {row.cells[0]: row.cells[1:] for row in rows[begin + 1 : end]}
        if end + 1 >= len(rows):
            break
        heading, body = rows[end + 1], []
        for row in rows[end + 2 :]:
            if not numeric(row.cells[0]) and not (row.cells[0] == "" and any(row.cells)):
                break
            body.append(row)
        units = ("s", *own.get("Y_Unit_Label", ()))
        yield Table(
            path=path, heading=heading, units=units if len(units) > 1 else (), record=record,
            rows=tuple(_timed(body, own, decimal)), decimal=decimal,
        )  # fmt: skip


def _timed(body: Sequence[Row], facts: dict[str, list[str]], decimal: str) -> Iterator[Row]:
    """Yield rows with the time that the header states where the file leaves its column empty."""
    first, step = (
        finite_number(next(iter(facts.get(name, ())), "").replace(",", "."))
        for name in ("X0", "Delta_X")
    )
    mark = "," if decimal == "comma" else "."
    for k, row in enumerate(body):
        if row.cells[0] or first is None or not step:
            yield row
        else:
            yield Row(row.line, [repr(first + k * step).replace(".", mark), *row.cells[1:]])
