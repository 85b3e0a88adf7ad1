"""Kind of measurement that a file holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.tables import finite_number
from matsweep.identification.measurements.columns import kind_of
from matsweep.identification.measurements.layout import read_tables
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.table import Table

_AMPLITUDES = 3  # of pulses: one of either polarity, and 0
WORDS = {
    "pulses": "responses to pulses",
    "sweeps": "I-V sweeps",
    "retention": "states against time",
    "endurance": "windows against cycles",
}
"""Kinds of measurement, in words."""


def measured_kind(paths: Sequence[str | Path], reading: Reading | None = None) -> str:
    """Recognise the kind of measurement by the columns of files.

    Parameters
    ----------
    paths : sequence of str or Path
    reading : Reading or None
        What the files do not say; its `kind` decides, if given.

    Returns
    -------
    str
        "pulses", "sweeps", "retention" or "endurance"; "pulses" where the columns say nothing, so
        that reading them says what is missing.

    Raises
    ------
    UserError
        If a file cannot be read, or the files are of several kinds.
    """
    reading = reading or Reading()
    if reading.kind is not None:
        return reading.kind
    kinds = [_kind(read_tables(path, reading)[0], reading) for path in paths]
    for path, kind in zip(paths, kinds, strict=True):
        if kind != kinds[0]:
            raise UserError(
                f"data must be of one kind: {paths[0]} holds {WORDS[kinds[0]]}, {path} holds "
                f"{WORDS[kind]}"
            )
    return kinds[0]


def _kind(table: Table, reading: Reading) -> str:
    columns = table.columns(reading)
    if reading.header or columns:
        kind = kind_of(columns) or "pulses"
        at_rest = kind == "sweeps" and "voltage" not in columns and reading.read_voltage is not None
        return "retention" if at_rest else kind
    if len(table.heading.cells) not in (2, 3):
        raise UserError(
            f"{table.path} has {len(table.heading.cells)} columns without headings: say which is "
            f"which, as in {typed('columns', {'voltage': 1, 'current': 2})}"
        )
    first = [finite_number(row.cells[0].replace(",", ".")) for row in table.rows]
    values = {value for value in first if value is not None}
    counted = min(values, default=0) >= 0 and all(value == int(value) for value in values)
    pulses = len(table.heading.cells) == 2 and (counted or len(values) <= _AMPLITUDES)
    return "pulses" if pulses else "sweeps"
